//! Pieces of reasoning with what providers need to go on from it: OpenRouter's `reasoning_details`, LiteLLM's
//! `thinking_blocks`.

use super::message::text_in;
use crate::json::{Json, View};
use crate::neutral::{State, StateFormat};

/// One piece.
#[derive(Debug)]
pub(super) struct Fragment {
    pub(super) kind: Kind,
    /// Pieces of one kind and number belong together.
    pub(super) index: Option<u64>,
    pub(super) text: String,
    pub(super) state: Option<State<'static>>,
}

/// What a piece is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text of which nothing else is known.
    Plain,
    /// `reasoning.text`
    Text,
    /// `reasoning.summary`
    Summary,
    /// `reasoning.encrypted`: there is no text.
    Encrypted,
}

impl Fragment {
    /// Text of which nothing else is known.
    pub(super) fn plain(text: String) -> Fragment {
        Fragment { kind: Kind::Plain, index: None, text, state: None }
    }
}

/// Reads one entry; `None` when it holds neither text nor state.
pub(super) fn read(entry: View<'_>) -> Option<Fragment> {
    let kind = match &*entry.member("type")?.string()? {
        "reasoning.text" | "thinking" => Kind::Text,
        "reasoning.summary" => Kind::Summary,
        "reasoning.encrypted" | "redacted_thinking" => Kind::Encrypted,
        _ => return None,
    };
    let text = if kind == Kind::Encrypted { String::new() } else { text_in(entry).into_owned() };
    let state = state(entry, kind);
    let index = entry.member("index").and_then(View::u64);
    (!text.is_empty() || state.is_some()).then_some(Fragment { kind, index, text, state })
}

fn state(entry: View<'_>, kind: Kind) -> Option<State<'static>> {
    let name = if kind == Kind::Encrypted { "data" } else { "signature" };
    let data = entry.member(name)?.string().filter(|data| !data.is_empty())?;
    let word = entry.member("format").and_then(View::string);
    let format = match (word.as_deref(), kind) {
        // OpenRouter's own SDK takes it for Anthropic's when nothing is said.
        (None | Some("anthropic-claude-v1"), Kind::Encrypted) => StateFormat::AnthropicRedacted,
        (None | Some("anthropic-claude-v1"), _) => StateFormat::AnthropicSignature,
        (Some("openai-responses-v1"), _) => StateFormat::OpenAiEncrypted,
        (Some("google-gemini-v1"), _) => StateFormat::GoogleSignature,
        _ => StateFormat::Unknown,
    };
    // The name of a format that is not known here goes along, for its own shape.
    let extra =
        word.filter(|_| format == StateFormat::Unknown).map(|word| Json::of(&serde_json::json!({"format": word})));
    let id = entry.member("id").and_then(View::string).filter(|_| kind == Kind::Encrypted);
    let id = id.map(|id| id.into_owned().into());
    Some(State { format, data: data.into_owned().into(), id, origin: None, extra })
}
