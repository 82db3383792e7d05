//! The response object, whole and as it is at the beginning of a stream.

use serde_json::{Value, json};

use super::super::answer::{Answer, Call, End};
use super::super::heads::Ids;
use super::super::object::set;
use super::request::Request;

/// What stands for reasoning that only the provider can read.
pub(super) const ENCRYPTED: &str = "gAAAAABsimulated-encrypted-reasoning-0123456789abcdef0123456789abcdef";

/// The whole answer as JSON.
pub(in super::super) fn response(answer: &Answer, model: &str, request: &Request, no_usage: bool) -> Vec<u8> {
    let mut ids = Ids::next();
    let output = items(answer, request, &mut ids);
    let usage = if no_usage { Value::Null } else { usage(answer) };
    let frame = Frame::new(&mut ids, model, request);
    serde_json::to_vec_pretty(&frame.object(&status(answer), Value::Array(output), usage)).unwrap_or_default()
}

/// What every object of one answer says.
pub(super) struct Frame<'a> {
    id: String,
    created: u64,
    model: &'a str,
    request: &'a Request,
}

impl<'a> Frame<'a> {
    pub(super) fn new(ids: &mut Ids, model: &'a str, request: &'a Request) -> Frame<'a> {
        Frame { id: ids.id("resp_"), created: ids.unix_seconds(), model, request }
    }

    /// The response object.
    pub(super) fn object(&self, status: &Status, output: Value, usage: Value) -> Value {
        json!({
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": status.name,
            "background": false,
            "error": null,
            "incomplete_details": status.reason.map(|reason| json!({"reason": reason})),
            "instructions": self.request.instructions(),
            "max_output_tokens": self.request.max_output_tokens(),
            "max_tool_calls": null,
            "model": self.model,
            "output": output,
            "parallel_tool_calls": true,
            "previous_response_id": null,
            "prompt_cache_key": null,
            "reasoning": {"effort": null, "summary": null},
            "safety_identifier": null,
            "service_tier": "default",
            "store": self.request.stores(),
            "temperature": 1.0,
            "text": {"format": {"type": "text"}, "verbosity": "medium"},
            "tool_choice": "auto",
            "tools": [],
            "top_logprobs": 0,
            "top_p": 1.0,
            "truncation": "disabled",
            "usage": usage,
            "user": null,
            "metadata": {},
        })
    }
}

/// How a response stands.
pub(super) struct Status {
    pub(super) name: &'static str,
    pub(super) reason: Option<&'static str>,
}

/// How it stands in the end.
pub(super) fn status(answer: &Answer) -> Status {
    match answer.end {
        End::Length => Status { name: "incomplete", reason: Some("max_output_tokens") },
        End::Complete | End::Sequence(_) | End::Tools => Status { name: "completed", reason: None },
    }
}

/// All items of the answer, complete.
pub(super) fn items(answer: &Answer, request: &Request, ids: &mut Ids) -> Vec<Value> {
    let mut items = Vec::new();
    if answer.usage.reasoning > 0 {
        let mut item =
            json!({"id": ids.id("rs_"), "type": "reasoning", "summary": summary(answer.thinking.as_deref())});
        if request.wants_encrypted_reasoning() {
            set(&mut item, "encrypted_content", ENCRYPTED);
        }
        items.push(item);
    }
    if let Some(text) = &answer.text {
        let status = status(answer).name;
        items.push(json!({
            "id": ids.id("msg_"),
            "type": "message",
            "status": status,
            "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": text}],
            "role": "assistant",
        }));
    }
    items.extend(answer.calls.iter().map(|call| called(call, request, ids)));
    items
}

fn summary(thinking: Option<&str>) -> Value {
    thinking.map_or_else(|| json!([]), |text| json!([{"type": "summary_text", "text": text}]))
}

fn called(call: &Call, request: &Request, ids: &mut Ids) -> Value {
    let call_id = ids.id("call_");
    if request.is_custom(&call.name) {
        json!({
            "id": ids.id("ctc_"), "type": "custom_tool_call", "status": "completed",
            "call_id": call_id, "input": call.arguments, "name": call.name,
        })
    } else {
        json!({
            "id": ids.id("fc_"), "type": "function_call", "status": "completed",
            "arguments": call.arguments, "call_id": call_id, "name": call.name,
        })
    }
}

/// The usage of an answer.
pub(super) fn usage(answer: &Answer) -> Value {
    let used = &answer.usage;
    json!({
        "input_tokens": used.prompt(),
        "input_tokens_details": {"cached_tokens": used.cache_read, "cache_write_tokens": 0},
        "output_tokens": used.output,
        "output_tokens_details": {"reasoning_tokens": used.reasoning},
        "total_tokens": used.prompt().saturating_add(used.output),
    })
}
