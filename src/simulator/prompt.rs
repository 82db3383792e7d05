//! What a request asks for, in one form for all shapes, and the directives in its last user text.

use std::time::Duration;

use serde_json::Value;

/// A request as the answer is made from it.
#[derive(Debug, Default)]
pub(super) struct Prompt {
    /// The model asked for.
    pub(super) model: String,
    /// Whether the answer is to be streamed.
    pub(super) stream: bool,
    /// The text of the last user message.
    pub(super) text: String,
    /// The text of the tool result that ends the conversation, if one does.
    pub(super) tool_result: Option<String>,
    /// The tools offered.
    pub(super) tools: Vec<ToolOffer>,
    /// What the client says of their use.
    pub(super) tool_choice: ToolChoice,
    /// Whether several calls may be made at once.
    pub(super) parallel: bool,
    /// Whether and how it reasons.
    pub(super) reasoning: Reasoning,
    /// The bound on output tokens.
    pub(super) max_output: Option<u64>,
    /// Texts that end the answer.
    pub(super) stop: Vec<String>,
    /// The form of the answer.
    pub(super) format: Format,
    /// Input tokens that are no part of a cache.
    pub(super) input: u64,
    /// Input tokens read from a cache.
    pub(super) cache_read: u64,
    /// Input tokens written to a cache.
    pub(super) cache_write: u64,
    /// Whether what is written to the cache lives for an hour.
    pub(super) cache_for_an_hour: bool,
}

/// A tool that the client offers.
#[derive(Debug)]
pub(super) struct ToolOffer {
    /// Its name.
    pub(super) name: String,
    /// The schema of its arguments.
    pub(super) schema: Value,
}

/// What the client says of the use of tools.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// No calls.
    None,
    /// At least one call.
    Any,
    /// A call of this tool.
    Named(String),
}

/// Whether and how a model reasons before it answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Reasoning {
    /// It does not.
    #[default]
    Off,
    /// It does, and only the count of tokens tells.
    Hidden,
    /// It does, and the text is shown.
    Shown,
}

/// The form of an answer.
#[derive(Debug, Default)]
pub(super) enum Format {
    /// Text.
    #[default]
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that fits a schema.
    Schema(Value),
}

/// What the last user text orders, and what a script orders in its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Directives {
    /// Words of the answer.
    pub(super) words: Option<usize>,
    /// Bytes of the answer's text.
    pub(super) bytes: Option<usize>,
    /// Call a tool: the one of this name, or the first when empty.
    pub(super) tool: Option<String>,
    /// The arguments of calls, as JSON text; a sample of the tool's schema when absent.
    pub(super) arguments: Option<String>,
    /// Reason first.
    pub(super) think: bool,
    /// The time between writes.
    pub(super) pace: Option<Duration>,
    /// Events in a write.
    pub(super) burst: Option<usize>,
}

impl Directives {
    /// The directives in a text: `[name]` or `[name=value]`. What is none of them is just text.
    pub(super) fn in_text(text: &str) -> Directives {
        let mut directives = Directives::default();
        let bracketed = text.split('[').skip(1).filter_map(|rest| rest.split_once(']'));
        for (inner, _) in bracketed {
            let (name, value) = inner.split_once('=').unwrap_or((inner, ""));
            match name {
                "words" => directives.words = value.parse().ok(),
                "bytes" => directives.bytes = value.parse().ok(),
                "tool" => directives.tool = Some(value.to_owned()),
                "arguments" => directives.arguments = is_object(value).then(|| value.to_owned()),
                "think" => directives.think = true,
                "pace" => directives.pace = value.parse().ok().map(Duration::from_millis),
                "burst" => directives.burst = value.parse().ok(),
                _ => {}
            }
        }
        directives
    }
}

fn is_object(text: &str) -> bool {
    serde_json::from_str::<serde_json::Map<String, Value>>(text).is_ok()
}

/// The tokens of a text that goes in: one for four bytes begun.
pub(super) fn input_tokens(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(4)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_directives_and_leaves_other_brackets_alone() {
        let found = Directives::in_text("hi [words=20] [tool] [x] [pace=10][burst=a] [think");
        assert_eq!(found.words, Some(20));
        assert_eq!(found.tool.as_deref(), Some(""));
        assert_eq!(found.pace, Some(Duration::from_millis(10)));
        assert_eq!((found.burst, found.think), (None, false));
    }

    #[test]
    fn arguments_of_calls_are_an_object_of_json() {
        let found = |text| Directives::in_text(text).arguments;
        assert_eq!(found(r#"[tool=a] [arguments={"b":"c=d"}]"#).as_deref(), Some(r#"{"b":"c=d"}"#));
        assert_eq!(found("[arguments=b]"), None);
        assert_eq!(found("[arguments={]"), None);
    }
}
