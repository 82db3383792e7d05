//! The events of a stream, and the items and counts of a response, as they are written.

use bytes::{BufMut, BytesMut};
use serde::Serialize;

use crate::json::Json;
use crate::neutral::Usage;

/// What an event says beside its type and number.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Said<'a> {
    Item {
        output_index: u32,
        item: &'a Json<'a>,
    },
    Part {
        item_id: &'a str,
        output_index: u32,
        content_index: u32,
        part: Part<'a>,
    },
    Text {
        item_id: &'a str,
        output_index: u32,
        content_index: u32,
        delta: &'a str,
        logprobs: [(); 0],
    },
    TextDone {
        item_id: &'a str,
        output_index: u32,
        content_index: u32,
        text: &'a str,
        logprobs: [(); 0],
    },
    Delta {
        item_id: &'a str,
        output_index: u32,
        content_index: u32,
        delta: &'a str,
    },
    RefusalDone {
        item_id: &'a str,
        output_index: u32,
        content_index: u32,
        refusal: &'a str,
    },
    ThoughtsDone {
        item_id: &'a str,
        output_index: u32,
        content_index: u32,
        text: &'a str,
    },
    Summary {
        item_id: &'a str,
        output_index: u32,
        summary_index: u32,
        delta: &'a str,
    },
    SummaryDone {
        item_id: &'a str,
        output_index: u32,
        summary_index: u32,
        text: &'a str,
    },
    SummaryPart {
        item_id: &'a str,
        output_index: u32,
        summary_index: u32,
        part: Part<'a>,
    },
    Input {
        item_id: &'a str,
        output_index: u32,
        delta: &'a str,
    },
    ArgumentsDone {
        item_id: &'a str,
        output_index: u32,
        name: &'a str,
        arguments: &'a str,
    },
    InputDone {
        item_id: &'a str,
        output_index: u32,
        input: &'a str,
    },
    Annotation {
        item_id: &'a str,
        output_index: u32,
        content_index: u32,
        annotation_index: usize,
        annotation: &'a Json<'a>,
    },
}

#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    sequence_number: u64,
    #[serde(flatten)]
    said: &'a Said<'a>,
}

/// Writes an event.
pub(super) fn event(kind: &str, sequence_number: u64, said: &Said<'_>, out: &mut BytesMut) {
    head(kind, out);
    write_json(&Event { kind, sequence_number, said }, out);
    out.extend_from_slice(b"\n\n");
}

/// Writes an event that holds the response.
pub(super) fn with_response(kind: &str, sequence_number: u64, response: &[u8], out: &mut BytesMut) {
    head(kind, out);
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(format!("\",\"sequence_number\":{sequence_number},\"response\":").as_bytes());
    out.extend_from_slice(response);
    out.extend_from_slice(b"}\n\n");
}

fn head(kind: &str, out: &mut BytesMut) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\ndata: ");
}

fn write_json<T: Serialize + ?Sized>(value: &T, out: &mut BytesMut) {
    serde_json::to_writer(out.writer(), value).expect("it holds text, numbers and checked JSON, and memory takes all");
}

/// A part of a message or of reasoning.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Part<'a> {
    OutputText { text: &'a str, annotations: &'a [Json<'static>], logprobs: [(); 0] },
    Refusal { refusal: &'a str },
    SummaryText { text: &'a str },
    ReasoningText { text: &'a str },
}

/// An item of the output.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Item<'a> {
    Message {
        id: &'a str,
        role: &'static str,
        status: &'static str,
        content: &'a [Json<'static>],
    },
    Reasoning {
        id: &'a str,
        summary: &'a [Part<'a>],
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        content: &'a [Part<'a>],
        #[serde(skip_serializing_if = "Option::is_none")]
        encrypted_content: Option<&'a str>,
    },
    FunctionCall {
        id: &'a str,
        call_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<&'a str>,
        name: &'a str,
        arguments: &'a str,
        status: &'static str,
    },
    CustomToolCall {
        id: &'a str,
        call_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<&'a str>,
        name: &'a str,
        input: &'a str,
        status: &'static str,
    },
}

/// The citation of a page.
#[derive(Serialize)]
pub(super) struct UrlCitation<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) url: &'a str,
    pub(super) title: &'a str,
    pub(super) start_index: u64,
    pub(super) end_index: u64,
}

/// Token counts: `input_tokens` and `output_tokens` include their parts. Counts are numbers or absent, never `null`.
#[derive(Serialize)]
pub(super) struct UsageWire {
    input_tokens: u64,
    input_tokens_details: InputDetails,
    output_tokens: u64,
    output_tokens_details: OutputDetails,
    total_tokens: u64,
}

#[derive(Serialize)]
struct InputDetails {
    cached_tokens: u64,
    cache_write_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_tokens_details: Option<CacheWrites>,
}

#[derive(Serialize)]
struct CacheWrites {
    ttl_12h_tokens: u64,
}

#[derive(Serialize)]
struct OutputDetails {
    reasoning_tokens: u64,
}

impl UsageWire {
    /// The counts as this shape has them.
    pub(super) fn new(usage: &Usage) -> UsageWire {
        let long = usage.cache_write_1h;
        UsageWire {
            input_tokens: usage.prompt(),
            input_tokens_details: InputDetails {
                cached_tokens: usage.cache_read,
                cache_write_tokens: usage.cache_write.saturating_add(long),
                cache_write_tokens_details: (long > 0).then_some(CacheWrites { ttl_12h_tokens: long }),
            },
            output_tokens: usage.output,
            output_tokens_details: OutputDetails { reasoning_tokens: usage.reasoning },
            total_tokens: usage.total(),
        }
    }
}
