//! Streamed responses, event by event as OpenAI sends them.

use serde_json::{Value, json};

use super::super::answer::{Answer, pieces, words};
use super::super::behaviour::{Behaviour, InStream};
use super::super::frames::{FrameWriter, Frames};
use super::super::heads::Ids;
use super::super::object::set;
use super::render::{Frame, Status, items, status, usage};
use super::request::Request;

/// Bytes of arguments in a delta.
const ARGUMENT_PIECE: usize = 8;
/// About the bytes of an event, to size the buffer by.
const EVENT_BYTES: usize = 220;

/// The stream of an answer.
pub(in super::super) fn stream(answer: &Answer, model: &str, request: &Request, step: &Behaviour) -> Frames {
    let mut ids = Ids::next();
    let output = items(answer, request, &mut ids);
    let frame = Frame::new(&mut ids, model, request);
    let deltas = answer.text.as_deref().map_or(0, |text| words(text).count()) + 40;
    let mut out = Writer { out: FrameWriter::with_capacity(deltas * EVENT_BYTES), number: 0 };
    let begun = Status { name: "in_progress", reason: None };
    for kind in ["response.created", "response.in_progress"] {
        out.event(kind, json!({"response": frame.object(&begun, json!([]), Value::Null)}));
    }
    for (index, item) in output.iter().enumerate() {
        out.item(index, item);
    }
    if !step.no_finish {
        let status = status(answer);
        let usage = if step.no_usage { Value::Null } else { usage(answer) };
        let whole = frame.object(&status, Value::Array(output), usage);
        out.event(&format!("response.{}", status.name), json!({"response": whole}));
    }
    out.out.finish()
}

/// The error event that ends a stream.
pub(in super::super) fn error_event(order: &InStream) -> Vec<u8> {
    let message =
        order.message.as_deref().unwrap_or("The server had an error while processing your request. Sorry about that!");
    let code = order.kind.as_deref().unwrap_or("server_error");
    let event = json!({"type": "error", "code": code, "message": message, "param": null, "sequence_number": order.after_events});
    format!("event: error\ndata: {event}\n\n").into_bytes()
}

struct Writer {
    out: FrameWriter,
    number: u64,
}

impl Writer {
    /// An item from its beginning to its end.
    fn item(&mut self, index: usize, item: &Value) {
        let text = |pointer: &str| item.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let at = (text("/id"), index);
        self.event("response.output_item.added", json!({"output_index": index, "item": opened(item)}));
        match text("/type") {
            "message" => self.text(at, text("/content/0/text")),
            "reasoning" if !text("/summary/0/text").is_empty() => self.summary(at, text("/summary/0/text")),
            "function_call" => self.input(at, ("response.function_call_arguments", "arguments"), text("/arguments")),
            "custom_tool_call" => self.input(at, ("response.custom_tool_call_input", "input"), text("/input")),
            _ => {}
        }
        self.event("response.output_item.done", json!({"output_index": index, "item": item}));
    }

    fn text(&mut self, (id, index): (&str, usize), text: &str) {
        let part = |text: &str| json!({"type": "output_text", "annotations": [], "logprobs": [], "text": text});
        let place = json!({"item_id": id, "output_index": index, "content_index": 0});
        self.placed("response.content_part.added", &place, &[("part", part(""))]);
        for word in words(text) {
            self.placed("response.output_text.delta", &place, &[("delta", word.into()), ("logprobs", json!([]))]);
        }
        self.placed("response.output_text.done", &place, &[("text", text.into()), ("logprobs", json!([]))]);
        self.placed("response.content_part.done", &place, &[("part", part(text))]);
    }

    fn summary(&mut self, (id, index): (&str, usize), text: &str) {
        let part = |text: &str| json!({"type": "summary_text", "text": text});
        let place = json!({"item_id": id, "output_index": index, "summary_index": 0});
        self.placed("response.reasoning_summary_part.added", &place, &[("part", part(""))]);
        for word in words(text) {
            self.placed("response.reasoning_summary_text.delta", &place, &[("delta", word.into())]);
        }
        self.placed("response.reasoning_summary_text.done", &place, &[("text", text.into())]);
        self.placed("response.reasoning_summary_part.done", &place, &[("part", part(text))]);
    }

    fn input(&mut self, (id, index): (&str, usize), (kind, field): (&str, &'static str), input: &str) {
        let place = json!({"item_id": id, "output_index": index});
        for delta in pieces(input, ARGUMENT_PIECE) {
            self.placed(&format!("{kind}.delta"), &place, &[("delta", delta.into())]);
        }
        self.placed(&format!("{kind}.done"), &place, &[(field, input.into())]);
    }

    fn placed(&mut self, kind: &str, place: &Value, fields: &[(&'static str, Value)]) {
        let mut event = place.clone();
        for (name, value) in fields {
            set(&mut event, name, value.clone());
        }
        self.event(kind, event);
    }

    fn event(&mut self, kind: &str, mut event: Value) {
        set(&mut event, "type", kind);
        set(&mut event, "sequence_number", self.number);
        self.number += 1;
        self.out.raw(format!("event: {kind}\ndata: {event}\n\n").as_bytes());
    }
}

/// An item as it is announced: with nothing in it yet.
fn opened(item: &Value) -> Value {
    let mut item = item.clone();
    for (field, empty) in
        [("content", json!([])), ("summary", json!([])), ("arguments", json!("")), ("input", json!(""))]
    {
        if item.get(field).is_some() {
            set(&mut item, field, empty);
        }
    }
    if item.get("status").is_some() {
        set(&mut item, "status", "in_progress");
    }
    item
}
