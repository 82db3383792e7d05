//! Whole messages, and the parts they share with streamed ones.

use ovth_filters::neutral::Usage;
use serde::Serialize;
use serde_json::value::RawValue;

use super::super::answer::{Answer, End};
use super::super::heads::Ids;

/// A message, whole or as `message_start` has it.
#[derive(Serialize)]
pub(super) struct Message<'a> {
    pub(super) model: &'a str,
    pub(super) id: &'a str,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) role: &'static str,
    pub(super) content: Vec<Block<'a>>,
    pub(super) stop_reason: Option<&'static str>,
    pub(super) stop_sequence: Option<&'a str>,
    pub(super) stop_details: Option<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage: Option<WireUsage>,
}

/// A content block, whole or as `content_block_start` has it.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'a> {
    Text { text: &'a str },
    Thinking { thinking: &'a str, signature: &'a str },
    ToolUse { id: String, name: &'a str, input: Input<'a>, caller: Caller },
}

/// The input of a tool use.
pub(super) enum Input<'a> {
    /// As a stream begins it: an empty object.
    Empty,
    /// The arguments.
    Whole(&'a str),
}

impl Serialize for Input<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = match self {
            Input::Empty => "{}",
            Input::Whole(text) => text,
        };
        serde_json::from_str::<&RawValue>(text).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// Who called a tool: the model itself.
#[derive(Serialize)]
pub(super) struct Caller {
    #[serde(rename = "type")]
    kind: &'static str,
}

impl Caller {
    /// The model itself.
    pub(super) const DIRECT: Caller = Caller { kind: "direct" };
}

/// Usage of a whole message and of `message_start`.
#[derive(Serialize)]
pub(super) struct WireUsage {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    cache_creation: CacheCreation,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<OutputDetails>,
    service_tier: &'static str,
    inference_geo: &'static str,
}

#[derive(Serialize)]
struct CacheCreation {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

/// The part of the output that was thinking.
#[derive(Serialize)]
pub(super) struct OutputDetails {
    thinking_tokens: u64,
}

impl OutputDetails {
    /// Present when there was thinking.
    pub(super) fn of(usage: &Usage) -> Option<OutputDetails> {
        (usage.reasoning > 0).then_some(OutputDetails { thinking_tokens: usage.reasoning })
    }
}

impl WireUsage {
    /// The usage when so many tokens were put out; `details` when it is the last word.
    pub(super) fn of(usage: &Usage, output_tokens: u64, details: Option<OutputDetails>) -> WireUsage {
        WireUsage {
            input_tokens: usage.input,
            cache_creation_input_tokens: usage.cache_write + usage.cache_write_1h,
            cache_read_input_tokens: usage.cache_read,
            cache_creation: CacheCreation {
                ephemeral_5m_input_tokens: usage.cache_write,
                ephemeral_1h_input_tokens: usage.cache_write_1h,
            },
            output_tokens,
            output_tokens_details: details,
            service_tier: "standard",
            inference_geo: "not_available",
        }
    }
}

/// The signature of every thinking block. A real one is bound to its conversation; this one is only opaque.
pub(super) const SIGNATURE: &str = "EqQBCkgIARABGAIiQHNpbXVsYXRvci1zaWduYXR1cmUtb3BhcXVlLWJ5dGVzLXRoYXQtbXVzdC1jb21lLWJhY2stYXMtdGhleS13ZXJl\
     EgxzaW11bGF0b3ItMDEaDHNpbXVsYXRvci0wMiIwZXZlcnktYnl0ZS1vZi1pdC1jb3VudHMtYW5kLW5vbmUtaXMtcmVhZC1ieS11cw==";

/// The stop reason of an answer, and its stop sequence.
pub(super) fn stop(end: &End) -> (&'static str, Option<&str>) {
    match end {
        End::Complete => ("end_turn", None),
        End::Length => ("max_tokens", None),
        End::Tools => ("tool_use", None),
        End::Sequence(sequence) => ("stop_sequence", Some(sequence)),
    }
}

/// A whole message.
pub(in super::super) fn message(answer: &Answer, model: &str, no_usage: bool) -> Vec<u8> {
    let mut ids = Ids::next();
    let id = ids.id("msg_01");
    let thought = answer.usage.reasoning > 0;
    let thinking = thought
        .then(|| Block::Thinking { thinking: answer.thinking.as_deref().unwrap_or_default(), signature: SIGNATURE });
    let text = answer.text.as_deref().map(|text| Block::Text { text });
    let calls = answer.calls.iter().map(|call| Block::ToolUse {
        id: ids.id("toolu_01"),
        name: &call.name,
        input: Input::Whole(&call.arguments),
        caller: Caller::DIRECT,
    });
    let content = thinking.into_iter().chain(text).chain(calls).collect();
    let (stop_reason, stop_sequence) = stop(&answer.end);
    let usage = WireUsage::of(&answer.usage, answer.usage.output, OutputDetails::of(&answer.usage));
    let message = Message {
        model,
        id: &id,
        kind: "message",
        role: "assistant",
        content,
        stop_reason: Some(stop_reason),
        stop_sequence,
        stop_details: None,
        usage: (!no_usage).then_some(usage),
    };
    serde_json::to_vec(&message).unwrap_or_default()
}

/// The answer of `count_tokens`.
pub(in super::super) fn token_count(input_tokens: u64) -> Vec<u8> {
    #[derive(Serialize)]
    struct Count {
        input_tokens: u64,
    }
    serde_json::to_vec(&Count { input_tokens }).unwrap_or_default()
}
