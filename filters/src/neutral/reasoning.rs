//! Reasoning: how much is asked for, and what comes back with the opaque state that lets a provider go on from it.

use std::borrow::Cow;

use crate::json::Json;

/// How much a model is asked to reason. Everything unsaid: the provider's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReasoningAsk {
    /// Whether at all.
    pub mode: ReasoningMode,
    /// How hard.
    pub effort: Option<Effort>,
    /// Tokens of reasoning at most.
    pub budget: Option<u64>,
    /// Whether the client wants to see it: `Some(false)` is chat's `exclude` and messages' `display: omitted`.
    pub show: Option<bool>,
}

/// Whether a model is asked to reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReasoningMode {
    /// Nothing is said (an effort or a budget may be).
    #[default]
    Unsaid,
    /// It is to be off: chat's effort `none`, messages' `disabled`.
    Off,
    /// It is to be on, as much as the model sees fit: messages' `adaptive`, OpenRouter's `enabled: true`.
    On,
    /// Only between calls of tools: messages' `between_tools`.
    BetweenTools,
}

/// How hard a model is asked to reason, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effort {
    /// `minimal`
    Minimal,
    /// `low`
    Low,
    /// `medium`
    Medium,
    /// `high`
    High,
    /// `xhigh`
    XHigh,
    /// `max`
    Max,
}

impl Effort {
    /// All of them, least first.
    pub const ALL: [Effort; 6] =
        [Effort::Minimal, Effort::Low, Effort::Medium, Effort::High, Effort::XHigh, Effort::Max];

    /// The word that the OpenAI shapes and messages have for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Effort::Minimal => "minimal",
            Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High => "high",
            Effort::XHigh => "xhigh",
            Effort::Max => "max",
        }
    }

    /// The effort of that word; `none` is none of them but [`ReasoningMode::Off`].
    #[must_use]
    pub fn named(word: &str) -> Option<Effort> {
        Effort::ALL.into_iter().find(|effort| effort.as_str() == word)
    }

    /// The part of the output bound that OpenRouter allots to it:
    /// <https://openrouter.ai/docs/use-cases/reasoning-tokens>.
    #[must_use]
    pub const fn percent(self) -> u64 {
        match self {
            Effort::Minimal => 10,
            Effort::Low => 20,
            Effort::Medium => 50,
            Effort::High => 80,
            Effort::XHigh | Effort::Max => 95,
        }
    }

    /// The effort that a budget of so many tokens comes nearest to.
    #[must_use]
    pub const fn of_budget(tokens: u64) -> Effort {
        match tokens {
            0..=1024 => Effort::Minimal,
            1025..=4095 => Effort::Low,
            4096..=16383 => Effort::Medium,
            16384..=32767 => Effort::High,
            _ => Effort::XHigh,
        }
    }
}

/// A piece of reasoning in a turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasoning<'a> {
    /// What may be read of it; empty when the provider keeps it to itself.
    pub text: Cow<'a, str>,
    /// Whether the text is a summary (OpenAI, Gemini) or the thoughts themselves.
    pub summary: bool,
    /// What the provider needs to go on from it.
    pub state: Option<State<'a>>,
}

/// What a provider needs back, unchanged, to go on from its reasoning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State<'a> {
    /// What it is.
    pub format: StateFormat,
    /// The value, exactly as the provider gave it: a signature, encrypted content, redacted data.
    pub data: Cow<'a, str>,
    /// The provider's id of the item that it belongs to, or of the tool call (Gemini), where there is one.
    pub id: Option<Cow<'a, str>>,
    /// Which provider, model family and account made it; `None` when the client's shape has no place for that.
    pub origin: Option<Origin<'a>>,
    /// Fields of the client's own form that came along (OpenRouter's `index`), for its own shape.
    pub extra: Option<Json<'a>>,
}

/// The forms that opaque state comes in, with their names in OpenRouter's `reasoning_details[].format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StateFormat {
    /// The signature of an Anthropic thinking block.
    AnthropicSignature,
    /// The data of an Anthropic `redacted_thinking` block: there is no text.
    AnthropicRedacted,
    /// `encrypted_content` of a reasoning item of OpenAI's Responses.
    OpenAiEncrypted,
    /// A `thoughtSignature` of Gemini.
    GoogleSignature,
    /// No state at all, but text that the host wants back (`reasoning_content` of DeepSeek, Kimi and others).
    Plain,
    /// Something of a format that is not known here. It goes back to who gave it, if that can be told.
    Unknown,
}

impl StateFormat {
    /// OpenRouter's name of the format.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            StateFormat::AnthropicSignature | StateFormat::AnthropicRedacted => "anthropic-claude-v1",
            StateFormat::OpenAiEncrypted => "openai-responses-v1",
            StateFormat::GoogleSignature => "google-gemini-v1",
            StateFormat::Plain | StateFormat::Unknown => "unknown",
        }
    }
}

/// Who made a piece of state: it is worth nothing to anyone else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The provider's id in the configuration.
    pub provider: Cow<'a, str>,
    /// The family of models, such as `claude-opus`.
    pub family: Cow<'a, str>,
    /// A digest of the account's credential; never the credential.
    pub account: Cow<'a, str>,
}
