//! What providers of each shape answer: whole, streamed, with an error, and with a stream that breaks.

use ovth_filters::Shape;
use serde_json::{Value, json};

use super::{ERROR, REFUSAL, Reply, STATE, THOUGHT, TOOL};

/// What every answer costs: 100 tokens of prompt, 40 of them out of a cache, and 20 of output, 5 of them thoughts.
const PROMPT: u64 = 100;
const CACHED: u64 = 40;
const OUTPUT: u64 = 20;
const THOUGHTS: u64 = 5;

/// Texts come in pieces.
fn pieces(text: &str) -> Vec<String> {
    text.chars().collect::<Vec<char>>().chunks(7).map(|piece| piece.iter().collect()).collect()
}

/// A whole answer.
pub(crate) fn whole(shape: Shape, reply: &Reply) -> Value {
    match shape {
        Shape::Chat => chat(reply),
        Shape::Responses => response(reply),
        Shape::Messages => message(reply),
        Shape::GenerateContent => answer(reply),
    }
}

/// The same as a stream.
pub(crate) fn stream(shape: Shape, reply: &Reply) -> String {
    events(shape, reply).concat()
}

/// A stream that tells a piece of text and then an error, or nothing more at all.
pub(crate) fn broken_stream(shape: Shape, reply: &Reply, with_error: bool) -> String {
    let first = &pieces(reply.text)[0];
    let quoted = json!(first).to_string();
    let events = events(shape, reply);
    let at = events.iter().position(|event| event.contains(quoted.trim_matches('"'))).unwrap();
    let mut bytes = events[..=at].concat();
    if with_error {
        bytes += &match shape {
            Shape::Chat => unnamed(
                &json!({"error": {"message": ERROR, "type": "server_error", "param": null, "code": "server_is_overloaded"}}),
            ),
            Shape::Responses => {
                let failed = json!({"id": "resp_up", "object": "response", "created_at": 1, "status": "failed", "model": "m-1", "output": [], "error": {"code": "server_is_overloaded", "message": ERROR}});
                named(&json!({"type": "response.failed", "sequence_number": at + 1, "response": failed}))
            }
            Shape::Messages => {
                named(&json!({"type": "error", "error": {"type": "overloaded_error", "message": ERROR}}))
            }
            Shape::GenerateContent => crlf(&json!({"error": {"code": 503, "message": ERROR, "status": "UNAVAILABLE"}})),
        };
    }
    bytes
}

/// The error of a rate limit.
pub(crate) fn error(shape: Shape) -> Value {
    match shape {
        Shape::Chat | Shape::Responses => {
            json!({"error": {"message": ERROR, "type": "requests", "param": null, "code": "rate_limit_exceeded"}})
        }
        Shape::Messages => {
            json!({"type": "error", "error": {"type": "rate_limit_error", "message": ERROR}, "request_id": "req_up"})
        }
        Shape::GenerateContent => {
            json!({"error": {"code": 429, "message": ERROR, "status": "RESOURCE_EXHAUSTED", "details": [
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37s"},
            ]}})
        }
    }
}

/// The status of that error, the same in all shapes.
pub(crate) const fn error_status() -> u16 {
    429
}

fn events(shape: Shape, reply: &Reply) -> Vec<String> {
    match shape {
        Shape::Chat => chat_events(reply),
        Shape::Responses => response_events(reply),
        Shape::Messages => message_events(reply),
        Shape::GenerateContent => chunks(reply),
    }
}

fn unnamed(data: &Value) -> String {
    format!("data: {data}\n\n")
}

fn named(data: &Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap())
}

fn crlf(data: &Value) -> String {
    format!("data: {data}\r\n\r\n")
}

fn thoughts(reply: &Reply) -> u64 {
    if reply.thinks { THOUGHTS } else { 0 }
}

fn chat_usage(reply: &Reply) -> Value {
    json!({"prompt_tokens": PROMPT, "completion_tokens": OUTPUT, "total_tokens": PROMPT + OUTPUT, "prompt_tokens_details": {"cached_tokens": CACHED}, "completion_tokens_details": {"reasoning_tokens": thoughts(reply)}})
}

fn chat_finish(reply: &Reply) -> &'static str {
    match (reply.is_cut, reply.calls.is_empty()) {
        (true, _) => "length",
        (false, false) => "tool_calls",
        (false, true) => "stop",
    }
}

fn detail() -> Value {
    json!({"type": "reasoning.text", "text": THOUGHT, "signature": STATE, "format": "anthropic-claude-v1", "index": 0})
}

fn chat(reply: &Reply) -> Value {
    let mut message = json!({"role": "assistant", "content": (!reply.text.is_empty()).then_some(reply.text), "refusal": reply.refuses.then_some(REFUSAL)});
    if reply.thinks {
        message["reasoning"] = json!(THOUGHT);
        message["reasoning_details"] = json!([detail()]);
    }
    if !reply.calls.is_empty() {
        message["tool_calls"] = reply.calls.iter()
            .map(|call| json!({"id": call.id, "type": "function", "function": {"name": TOOL, "arguments": call.arguments.to_string()}})).collect();
    }
    json!({"id": "chatcmpl-up", "object": "chat.completion", "created": 1, "model": "m-1", "usage": chat_usage(reply),
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": chat_finish(reply)}]})
}

fn chat_events(reply: &Reply) -> Vec<String> {
    let chunk = |choices: Value, usage: Value| {
        unnamed(
            &json!({"id": "chatcmpl-up", "object": "chat.completion.chunk", "created": 1, "model": "m-1", "choices": choices, "usage": usage}),
        )
    };
    let delta = |delta: Value, finish: Value| {
        chunk(json!([{"index": 0, "delta": delta, "finish_reason": finish}]), Value::Null)
    };
    let mut events = vec![delta(json!({"role": "assistant", "content": ""}), Value::Null)];
    if reply.thinks {
        for piece in pieces(THOUGHT) {
            let detail = json!({"type": "reasoning.text", "text": piece, "format": "anthropic-claude-v1", "index": 0});
            events.push(delta(json!({"reasoning": piece, "reasoning_details": [detail]}), Value::Null));
        }
        let detail = json!({"type": "reasoning.text", "signature": STATE, "format": "anthropic-claude-v1", "index": 0});
        events.push(delta(json!({"reasoning_details": [detail]}), Value::Null));
    }
    events.extend(pieces(reply.text).iter().map(|piece| delta(json!({"content": piece}), Value::Null)));
    if reply.refuses {
        events.extend(pieces(REFUSAL).iter().map(|piece| delta(json!({"refusal": piece}), Value::Null)));
    }
    for (index, call) in reply.calls.iter().enumerate() {
        events.push(delta(json!({"tool_calls": [{"index": index, "id": call.id, "type": "function", "function": {"name": TOOL, "arguments": ""}}]}), Value::Null));
        for piece in pieces(&call.arguments.to_string()) {
            events
                .push(delta(json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}), Value::Null));
        }
    }
    events.push(delta(json!({}), json!(chat_finish(reply))));
    events.push(chunk(json!([]), chat_usage(reply)));
    events.push("data: [DONE]\n\n".to_owned());
    events
}

/// The items of a response, as they are when they are done.
fn items(reply: &Reply) -> Vec<Value> {
    let mut items = Vec::new();
    if reply.thinks {
        items.push(json!({"id": "rs_up", "type": "reasoning", "summary": [{"type": "summary_text", "text": THOUGHT}], "encrypted_content": STATE}));
    }
    let status = if reply.is_cut { "incomplete" } else { "completed" };
    let mut content = Vec::new();
    if !reply.text.is_empty() {
        content.push(json!({"type": "output_text", "text": reply.text, "annotations": []}));
    }
    if reply.refuses {
        content.push(json!({"type": "refusal", "refusal": REFUSAL}));
    }
    if !content.is_empty() {
        items.push(
            json!({"id": "msg_up", "type": "message", "role": "assistant", "status": status, "content": content}),
        );
    }
    items.extend(reply.calls.iter().enumerate().map(|(number, call)| {
        json!({"id": format!("fc_up{number}"), "type": "function_call", "status": "completed", "call_id": call.id, "name": TOOL, "arguments": call.arguments.to_string()})
    }));
    items
}

fn response(reply: &Reply) -> Value {
    let usage = json!({"input_tokens": PROMPT, "input_tokens_details": {"cached_tokens": CACHED}, "output_tokens": OUTPUT, "output_tokens_details": {"reasoning_tokens": thoughts(reply)}, "total_tokens": PROMPT + OUTPUT});
    let (status, details) = match reply.is_cut {
        true => ("incomplete", json!({"reason": "max_output_tokens"})),
        false => ("completed", Value::Null),
    };
    json!({"id": "resp_up", "object": "response", "created_at": 1, "status": status, "error": null, "incomplete_details": details, "instructions": null,
        "model": "m-1", "output": items(reply), "parallel_tool_calls": true, "tool_choice": "auto", "tools": [], "metadata": {}, "store": false, "usage": usage})
}

fn response_events(reply: &Reply) -> Vec<String> {
    let last = response(reply);
    let mut begun = last.clone();
    (begun["status"], begun["output"], begun["usage"], begun["incomplete_details"]) =
        (json!("in_progress"), json!([]), Value::Null, Value::Null);
    let mut events = vec![
        json!({"type": "response.created", "response": begun}),
        json!({"type": "response.in_progress", "response": begun}),
    ];
    for (index, item) in items(reply).iter().enumerate() {
        let mut empty = item.clone();
        let at = |kind: &str, more: Value| {
            let mut event = json!({"type": format!("response.{kind}"), "item_id": item["id"], "output_index": index});
            event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            event
        };
        let mut inner = Vec::new();
        match item["type"].as_str().unwrap() {
            "reasoning" => {
                empty["summary"] = json!([]);
                empty.as_object_mut().unwrap().remove("encrypted_content");
                let part = json!({"type": "summary_text", "text": THOUGHT});
                inner.push(at(
                    "reasoning_summary_part.added",
                    json!({"summary_index": 0, "part": {"type": "summary_text", "text": ""}}),
                ));
                inner.extend(
                    pieces(THOUGHT)
                        .iter()
                        .map(|piece| at("reasoning_summary_text.delta", json!({"summary_index": 0, "delta": piece}))),
                );
                inner.push(at("reasoning_summary_text.done", json!({"summary_index": 0, "text": THOUGHT})));
                inner.push(at("reasoning_summary_part.done", json!({"summary_index": 0, "part": part})));
            }
            "message" => {
                (empty["content"], empty["status"]) = (json!([]), json!("in_progress"));
                for (number, part) in item["content"].as_array().unwrap().iter().enumerate() {
                    let (kind, member) =
                        if part["type"] == "refusal" { ("refusal", "refusal") } else { ("output_text", "text") };
                    let mut first = part.clone();
                    first[member] = json!("");
                    let words = part[member].as_str().unwrap();
                    inner.push(at("content_part.added", json!({"content_index": number, "part": first})));
                    inner.extend(
                        pieces(words).iter().map(|piece| {
                            at(&format!("{kind}.delta"), json!({"content_index": number, "delta": piece}))
                        }),
                    );
                    inner.push(at(&format!("{kind}.done"), json!({"content_index": number, member: words})));
                    inner.push(at("content_part.done", json!({"content_index": number, "part": part})));
                }
            }
            _ => {
                (empty["arguments"], empty["status"]) = (json!(""), json!("in_progress"));
                let arguments = item["arguments"].as_str().unwrap();
                inner.extend(
                    pieces(arguments).iter().map(|piece| at("function_call_arguments.delta", json!({"delta": piece}))),
                );
                inner.push(at("function_call_arguments.done", json!({"arguments": arguments})));
            }
        }
        events.push(json!({"type": "response.output_item.added", "output_index": index, "item": empty}));
        events.extend(inner);
        events.push(json!({"type": "response.output_item.done", "output_index": index, "item": item}));
    }
    events.push(json!({"type": format!("response.{}", last["status"].as_str().unwrap()), "response": last}));
    events
        .iter_mut()
        .enumerate()
        .map(|(number, event)| {
            event["sequence_number"] = json!(number);
            named(event)
        })
        .collect()
}

fn blocks(reply: &Reply) -> Vec<Value> {
    let mut blocks = Vec::new();
    if reply.thinks {
        blocks.push(json!({"type": "thinking", "thinking": THOUGHT, "signature": STATE}));
    }
    if !reply.text.is_empty() {
        blocks.push(json!({"type": "text", "text": reply.text}));
    }
    blocks.extend(
        reply
            .calls
            .iter()
            .map(|call| json!({"type": "tool_use", "id": call.id, "name": TOOL, "input": call.arguments})),
    );
    blocks
}

fn message_end(reply: &Reply) -> Value {
    if reply.refuses {
        return json!({"stop_reason": "refusal", "stop_sequence": null, "stop_details": {"type": "refusal", "category": null, "explanation": REFUSAL}});
    }
    let reason = match (reply.is_cut, reply.calls.is_empty()) {
        (true, _) => "max_tokens",
        (false, false) => "tool_use",
        (false, true) => "end_turn",
    };
    json!({"stop_reason": reason, "stop_sequence": null})
}

fn message_usage(reply: &Reply) -> Value {
    json!({"input_tokens": PROMPT - CACHED, "cache_read_input_tokens": CACHED, "cache_creation_input_tokens": 0, "output_tokens": OUTPUT, "output_tokens_details": {"thinking_tokens": thoughts(reply)}})
}

fn message(reply: &Reply) -> Value {
    let mut message = json!({"id": "msg_up", "type": "message", "role": "assistant", "model": "m-1", "content": blocks(reply), "usage": message_usage(reply)});
    message.as_object_mut().unwrap().extend(message_end(reply).as_object().unwrap().clone());
    message
}

fn message_events(reply: &Reply) -> Vec<String> {
    let first = json!({"id": "msg_up", "type": "message", "role": "assistant", "model": "m-1", "content": [], "stop_reason": null, "stop_sequence": null,
        "usage": {"input_tokens": PROMPT - CACHED, "cache_read_input_tokens": CACHED, "cache_creation_input_tokens": 0, "output_tokens": 1}});
    let mut events = vec![json!({"type": "message_start", "message": first}), json!({"type": "ping"})];
    for (index, block) in blocks(reply).iter().enumerate() {
        let delta = |delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
        let mut empty = block.clone();
        let mut inner = Vec::new();
        match block["type"].as_str().unwrap() {
            "thinking" => {
                (empty["thinking"], empty["signature"]) = (json!(""), json!(""));
                inner.extend(
                    pieces(THOUGHT).iter().map(|piece| delta(json!({"type": "thinking_delta", "thinking": piece}))),
                );
                inner.push(delta(json!({"type": "signature_delta", "signature": STATE})));
            }
            "text" => {
                empty["text"] = json!("");
                inner
                    .extend(pieces(reply.text).iter().map(|piece| delta(json!({"type": "text_delta", "text": piece}))));
            }
            _ => {
                empty["input"] = json!({});
                let arguments = block["input"].to_string();
                inner.push(delta(json!({"type": "input_json_delta", "partial_json": ""})));
                inner.extend(
                    pieces(&arguments)
                        .iter()
                        .map(|piece| delta(json!({"type": "input_json_delta", "partial_json": piece}))),
                );
            }
        }
        events.push(json!({"type": "content_block_start", "index": index, "content_block": empty}));
        events.extend(inner);
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events.push(json!({"type": "message_delta", "delta": message_end(reply), "usage": message_usage(reply)}));
    events.push(json!({"type": "message_stop"}));
    events.iter().map(named).collect()
}

fn candidate(parts: Vec<Value>, finish: Option<&Reply>) -> Value {
    let mut candidate = json!({"index": 0});
    if !parts.is_empty() {
        candidate["content"] = json!({"role": "model", "parts": parts});
    }
    if let Some(reply) = finish {
        let reason = if reply.is_cut {
            "MAX_TOKENS"
        } else if reply.refuses {
            "SAFETY"
        } else {
            "STOP"
        };
        candidate["finishReason"] = json!(reason);
        if reply.refuses {
            candidate["finishMessage"] = json!(REFUSAL);
        }
    }
    candidate
}

fn call_parts(reply: &Reply) -> Vec<Value> {
    reply
        .calls
        .iter()
        .enumerate()
        .map(|(number, call)| {
            let mut part = json!({"functionCall": {"name": TOOL, "args": call.arguments}});
            if let Some(id) = call.id {
                part["functionCall"]["id"] = json!(id);
            }
            // The first of a step is signed, those beside it are not.
            if number == 0 {
                part["thoughtSignature"] = json!(STATE);
            }
            part
        })
        .collect()
}

fn counts(reply: &Reply) -> Value {
    json!({"promptTokenCount": PROMPT, "cachedContentTokenCount": CACHED, "candidatesTokenCount": OUTPUT - thoughts(reply), "thoughtsTokenCount": thoughts(reply), "totalTokenCount": PROMPT + OUTPUT})
}

fn answer(reply: &Reply) -> Value {
    let mut parts = Vec::new();
    if reply.thinks {
        parts.push(json!({"text": THOUGHT, "thought": true}));
    }
    if !reply.text.is_empty() {
        parts.push(json!({"text": reply.text}));
    }
    parts.extend(call_parts(reply));
    json!({"candidates": [candidate(parts, Some(reply))], "usageMetadata": counts(reply), "modelVersion": "m-1", "responseId": "up-1"})
}

fn chunks(reply: &Reply) -> Vec<String> {
    let chunk = |candidate: Value, usage: Value| {
        crlf(&json!({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m-1", "responseId": "up-1"}))
    };
    let so_far = json!({"promptTokenCount": PROMPT, "cachedContentTokenCount": CACHED, "totalTokenCount": PROMPT});
    let mut events = Vec::new();
    if reply.thinks {
        events.extend(
            pieces(THOUGHT)
                .iter()
                .map(|piece| chunk(candidate(vec![json!({"text": piece, "thought": true})], None), so_far.clone())),
        );
    }
    events.extend(
        pieces(reply.text).iter().map(|piece| chunk(candidate(vec![json!({"text": piece})], None), so_far.clone())),
    );
    events.push(chunk(candidate(call_parts(reply), Some(reply)), counts(reply)));
    events
}
