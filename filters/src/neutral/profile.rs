//! What an encoder has to know of the model and the host that a request goes to.

use super::{Effort, Origin};
use crate::shapes::Parameters;

/// What is known of a target. The default is a model of which nothing is known: everything is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The model's id as the provider knows it.
    pub model: String,
    /// Who makes state there, to tell own state from foreign.
    pub origin: Origin<'static>,
    /// Fields that the model refuses whatever else is sent.
    pub refused: Parameters,
    /// Fields that it takes only while it does not reason.
    pub refused_while_reasoning: Parameters,
    /// Whether it does not reason when a request says nothing of it.
    pub rests_by_default: bool,
    /// Tokens of output at most, where known.
    pub max_output: Option<u64>,
    /// How it is told to reason.
    pub thinking: Thinking,
    /// The budgets of reasoning that it takes, where they are known.
    pub budget: Option<BudgetBounds>,
    /// Whether it reads signatures of the messages shape whose origin is not known: whoever sells such a model under another shape
    /// hands them on to its maker.
    pub reads_signatures: bool,
    /// The efforts that it takes; empty when that is not known.
    pub efforts: Vec<Effort>,
    /// Whether it refuses the effort `none` (chat, responses): the catalogue's levels are known and `none` is not one of them.
    pub refuses_effort_none: bool,
    /// Whether it refuses to be made to call a tool.
    pub refuses_forced_tools: bool,
    /// Whether it refuses to go on from an assistant message that ends the conversation.
    pub refuses_prefill: bool,
    /// Whether it refuses function tools on chat unless its reasoning effort is `none`.
    pub chat_tools_need_no_reasoning: bool,
    /// Whether it keeps to JSON schemas; `None` when that is not known.
    pub structured_outputs: Option<bool>,
    /// Whether it takes `role: system` between messages (messages shape).
    pub system_between_turns: bool,
    /// Whether `temperature` and `top_p` may not be set together.
    pub one_of_temperature_and_top_p: bool,
    /// What its host takes.
    pub host: HostRules,
}

/// The budgets of reasoning that a model takes, in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetBounds {
    /// No less, but for none at all where it may be off.
    pub least: u64,
    /// No more.
    pub most: u64,
    /// Whether a budget of 0 switches reasoning off.
    pub may_be_off: bool,
}

/// How a model is told to reason, in the messages shape and its like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Thinking {
    /// It is not known.
    #[default]
    Unknown,
    /// It does not reason.
    None,
    /// By a budget of tokens (`enabled` with `budget_tokens`).
    Budget,
    /// By effort, and it may be off: `adaptive`, `disabled`. Budgets are refused.
    Adaptive,
    /// Always, by effort: neither `disabled` nor budgets are taken.
    Always,
    /// Always, by effort, or only between calls of tools (`between_tools`): neither `disabled` nor budgets are taken.
    AlwaysOrBetweenTools,
}

impl Thinking {
    /// Whether it is told by effort and not by a budget.
    #[must_use]
    pub const fn is_adaptive(self) -> bool {
        matches!(self, Thinking::Adaptive | Thinking::Always | Thinking::AlwaysOrBetweenTools)
    }
}

/// What a host takes beyond or less than its shape says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostRules {
    /// The name that chat hosts have for the role of instructions.
    pub system_role: SystemRole,
    /// The bound on the output is called `max_completion_tokens` (chat).
    pub max_completion_tokens: bool,
    /// It is OpenAI's own host: `prompt_cache_key`, `safety_identifier`, `verbosity` and the like are known there.
    pub openai_fields: bool,
    /// It is OpenRouter or another router that takes `reasoning`, `reasoning_details` and `cache_control`.
    pub router_fields: bool,
    /// It wants `reasoning_content` back on assistant turns that call tools (DeepSeek, Kimi and others).
    pub wants_reasoning_content: bool,
    /// Reasoning is switched on and off there by `thinking: {type: enabled | disabled}` (DeepSeek, GLM, Kimi).
    pub thinking_toggle: bool,
    /// It takes `stream_options.include_usage`.
    pub stream_options: bool,
    /// It takes OpenAI's `prompt_cache_breakpoint` on parts.
    pub cache_breakpoints: bool,
    /// A model of which it is not known how it reasons is a new one, which reasons always (Anthropic's own host).
    pub newest_claude: bool,
    /// It refuses ids of calls, also those that Google itself gave elsewhere (Vertex AI).
    pub no_call_ids: bool,
}

/// The role of instructions on chat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SystemRole {
    /// `system`
    #[default]
    System,
    /// `developer`: OpenAI's reasoning models.
    Developer,
}
