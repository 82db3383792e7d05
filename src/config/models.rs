//! What the operator knows of models besides, or better than, the catalogue.

use ovth_filters::Shape;

/// Facts about one model of one provider; what is absent is as the catalogue has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFacts {
    /// The provider.
    pub provider: Box<str>,
    /// The model's id at that provider.
    pub model: Box<str>,
    /// More names for it.
    pub aliases: Vec<String>,
    /// Tokens of input and output together.
    pub context_window: Option<u64>,
    /// Tokens of input.
    pub max_input_tokens: Option<u64>,
    /// Tokens of output.
    pub max_output_tokens: Option<u64>,
    /// What it can do and cannot, by the catalogue's names: each is one of [`ABILITIES`].
    pub capabilities: Vec<(&'static str, bool)>,
    /// The shapes in which its provider serves it.
    pub shapes: Option<Vec<Shape>>,
    /// Whether it can be used.
    pub status: Option<ModelStatus>,
    /// The day from which requests to it fail, as `2027-01-31`.
    pub shutdown_date: Option<String>,
    /// Whether routes without models may take it.
    pub good_enough: Option<bool>,
}

/// Whether a model can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelStatus {
    /// Served.
    Current,
    /// Served, and may change at short notice.
    Preview,
    /// Still served; its end is announced.
    Deprecated,
    /// Requests for it fail.
    Retired,
}

/// What a model can do, by the catalogue's names.
pub const ABILITIES: [&str; 14] = [
    "tools",
    "tool_choice",
    "parallel_tools",
    "chat_tools_while_reasoning",
    "vision",
    "pdf",
    "audio_input",
    "structured_outputs",
    "reasoning",
    "prompt_caching",
    "streaming",
    "system_messages",
    "assistant_prefill",
    "system_between_turns",
];
