//! A request to generate an answer.

use std::borrow::Cow;

use super::{CacheMark, Grouped, Message, ReasoningAsk, TextPart, Tool, ToolChoice};
use crate::json::Json;

/// A request, as it was read from a client's body. What is not set is the provider's default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request<'a> {
    /// Whether the client wants a stream.
    pub stream: bool,
    /// What the operator of the conversation says before its first turn, a block each.
    pub instructions: Vec<TextPart<'a>>,
    /// The conversation.
    pub messages: Vec<Message<'a>>,
    /// The tools, in the client's order.
    pub tools: Vec<Tool<'a>>,
    /// Those of them that the client knows by a name within a group.
    pub groups: Vec<Grouped>,
    /// Whether a chat client knows tools only as `functions`, which OpenAI deprecated: it is answered with one `function_call`.
    pub deprecated_functions: bool,
    /// Which of them to use.
    pub tool_choice: Option<ToolChoice<'a>>,
    /// Whether several may be called at once.
    pub parallel_tools: Option<bool>,
    /// What the answer must look like.
    pub output: Output<'a>,
    /// How much to reason.
    pub reasoning: ReasoningAsk,
    /// How to choose words.
    pub sampling: Sampling,
    /// Tokens of output at most, reasoning included.
    pub max_output: Option<u64>,
    /// Texts that end the answer.
    pub stop: Vec<Cow<'a, str>>,
    /// How many answers; `None` is one.
    pub choices: Option<u64>,
    /// Whom the client serves, as it names them: chat's `user` and `safety_identifier`, messages' `metadata.user_id`.
    pub end_user: Option<Cow<'a, str>>,
    /// What is paid for speed.
    pub tier: Option<Tier<'a>>,
    /// A cache may be cut by the provider itself (messages' top-level `cache_control`).
    pub cache: Option<CacheMark>,
    /// The name of the cache (chat's `prompt_cache_key`).
    pub cache_key: Option<Cow<'a, str>>,
    /// Whether a chat client wants token counts in its stream.
    pub include_usage: bool,
    /// Whether nothing may be lost on the way: OpenRouter's `provider.require_parameters`.
    pub require_parameters: bool,
    /// Every other field that was set, by its path in the client's shape. An encoder takes those that its own shape has;
    /// the rest is reported as dropped.
    pub extras: Vec<(Cow<'a, str>, Json<'a>)>,
}

impl<'a> Request<'a> {
    /// The value of a field that has no place of its own.
    #[must_use]
    pub fn extra(&self, name: &str) -> Option<&Json<'a>> {
        self.extras.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

/// What an answer must look like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Output<'a> {
    /// Text.
    #[default]
    Text,
    /// Some JSON object.
    JsonObject,
    /// JSON that keeps to a schema.
    Schema {
        /// The name of the schema, where the shape has one.
        name: Option<Cow<'a, str>>,
        /// What it is for.
        description: Option<Cow<'a, str>>,
        /// The JSON Schema, as it came.
        schema: Json<'a>,
        /// Whether it must be kept to.
        strict: Option<bool>,
    },
}

/// How a model is to choose words.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sampling {
    /// 0 to 2 (messages: 0 to 1).
    pub temperature: Option<f64>,
    /// 0 to 1.
    pub top_p: Option<f64>,
    /// How many words to choose from.
    pub top_k: Option<u64>,
    /// -2 to 2.
    pub frequency_penalty: Option<f64>,
    /// -2 to 2.
    pub presence_penalty: Option<f64>,
    /// For answers that can be had again.
    pub seed: Option<i64>,
}

/// What is paid for speed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tier<'a> {
    /// The provider's choice: `auto`.
    Auto,
    /// Nothing beyond the list price: chat's `default`, messages' `standard_only`.
    Standard,
    /// Cheaper and slower: `flex`.
    Flex,
    /// Dearer and faster: `priority`, `fast`.
    Priority,
    /// Another word.
    Other(Cow<'a, str>),
}
