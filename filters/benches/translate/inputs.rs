//! What an agent of 40 turns sends, and answers of 200 events with reasoning, text and calls.
#![expect(clippy::indexing_slicing, reason = "JSON that was just made")]

use bytes::Bytes;
use serde_json::{Value, json};

const TURNS: usize = 40;
const TOOLS: usize = 20;

/// Prose with quotes and line ends, as code has them.
fn words(count: usize) -> String {
    "The \"bound\" is set in src/proxy.rs:\n    let bound = 3;\nIt holds. ".chars().cycle().take(count).collect()
}

fn schema() -> Value {
    json!({"type": "object", "properties": {
        "path": {"type": "string", "description": words(80)},
        "offset": {"type": "integer", "minimum": 0, "description": words(60)},
        "mode": {"type": "string", "enum": ["read", "write", "append"]},
        "patterns": {"type": "array", "items": {"type": "string"}},
    }, "required": ["path"], "additionalProperties": false})
}

fn arguments(turn: usize) -> Value {
    json!({"path": format!("src/file_{turn}.rs"), "offset": turn, "mode": "read", "patterns": ["a\"b", "c\\d"]})
}

fn image() -> String {
    format!("iVBORw0KGgo{}", "AbC123+/".repeat(750))
}

/// About 60 KB of chat.
pub(crate) fn chat_request() -> Bytes {
    let tools: Vec<Value> = (0..TOOLS)
        .map(|tool| json!({"type": "function", "function": {"name": format!("tool_{tool}"), "description": words(250), "parameters": schema()}}))
        .collect();
    let url = format!("data:image/png;base64,{}", image());
    let mut messages = vec![
        json!({"role": "system", "content": words(6_000)}),
        json!({"role": "user", "content": [{"type": "text", "text": words(300)}, {"type": "image_url", "image_url": {"url": url}}]}),
    ];
    for turn in 0..TURNS / 2 {
        let call = json!({"id": format!("call_{turn}"), "type": "function", "function": {"name": format!("tool_{}", turn % TOOLS), "arguments": arguments(turn).to_string()}});
        messages.push(json!({"role": "assistant", "content": words(200), "tool_calls": [call]}));
        messages.push(json!({"role": "tool", "tool_call_id": format!("call_{turn}"), "content": words(1_000)}));
    }
    let body = json!({"model": "m", "stream": true, "max_completion_tokens": 8_000, "tools": tools, "tool_choice": "auto", "messages": messages});
    body.to_string().into()
}

/// The same of messages.
pub(crate) fn messages_request() -> Bytes {
    let tools: Vec<Value> = (0..TOOLS)
        .map(|tool| json!({"name": format!("tool_{tool}"), "description": words(250), "input_schema": schema()}))
        .collect();
    let source = json!({"type": "base64", "media_type": "image/png", "data": image()});
    let mut messages = vec![
        json!({"role": "user", "content": [{"type": "text", "text": words(300)}, {"type": "image", "source": source}]}),
    ];
    for turn in 0..TURNS / 2 {
        let id = format!("toolu_{turn}");
        messages.push(json!({"role": "assistant", "content": [
            {"type": "text", "text": words(200)},
            {"type": "tool_use", "id": id, "name": format!("tool_{}", turn % TOOLS), "input": arguments(turn)},
        ]}));
        messages.push(
            json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": words(1_000)}]}),
        );
    }
    let system = json!([{"type": "text", "text": words(6_000), "cache_control": {"type": "ephemeral"}}]);
    let body = json!({"model": "m", "stream": true, "max_tokens": 8_000, "system": system, "tools": tools, "tool_choice": {"type": "auto"}, "messages": messages});
    body.to_string().into()
}

/// A stream of 200 events of chat: reasoning, text, a call, the reason, the counts.
pub(crate) fn chat_stream() -> Bytes {
    let mut stream = String::new();
    let mut chunk = |delta: Value, finish: Value| {
        let chunk = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "system_fingerprint": "fp_1",
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]});
        stream.push_str(&format!("data: {chunk}\n\n"));
    };
    chunk(json!({"role": "assistant", "content": ""}), Value::Null);
    (0..40).for_each(|_| chunk(json!({"reasoning_content": " somewhere"}), Value::Null));
    (0..120).for_each(|_| chunk(json!({"content": " in the \"middle\"\n"}), Value::Null));
    chunk(
        json!({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "tool_1", "arguments": ""}}]}),
        Value::Null,
    );
    let text = format!("{{\"path\":\"{}\"}}", "abcd".repeat(34));
    for piece in text.as_bytes().chunks(4).take(35).map(String::from_utf8_lossy) {
        chunk(json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}), Value::Null);
    }
    chunk(json!({}), json!("tool_calls"));
    let counts = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [],
        "usage": {"prompt_tokens": 9_000, "completion_tokens": 200, "total_tokens": 9_200, "prompt_tokens_details": {"cached_tokens": 8_000}}});
    stream.push_str(&format!("data: {counts}\n\ndata: [DONE]\n\n"));
    stream.into()
}

/// The same of messages.
pub(crate) fn messages_stream() -> Bytes {
    let mut stream = String::new();
    let mut event = |data: Value| {
        stream.push_str(&format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or_default()));
    };
    let usage = json!({"input_tokens": 1_000, "cache_read_input_tokens": 8_000, "output_tokens": 1});
    event(
        json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}}),
    );
    let blocks: [(Value, &str, usize, Value); 3] = [
        (
            json!({"type": "thinking", "thinking": "", "signature": ""}),
            "thinking",
            40,
            json!({"type": "thinking_delta", "thinking": " somewhere"}),
        ),
        (
            json!({"type": "text", "text": ""}),
            "text",
            115,
            json!({"type": "text_delta", "text": " in the \"middle\"\n"}),
        ),
        (
            json!({"type": "tool_use", "id": "toolu_1", "name": "tool_1", "input": {}}),
            "call",
            34,
            json!({"type": "input_json_delta", "partial_json": "[],"}),
        ),
    ];
    for (index, (block, kind, count, delta)) in blocks.into_iter().enumerate() {
        event(json!({"type": "content_block_start", "index": index, "content_block": block}));
        if kind == "call" {
            event(
                json!({"type": "content_block_delta", "index": index, "delta": {"type": "input_json_delta", "partial_json": "{\"a\":["}}),
            );
        }
        (0..count).for_each(|_| event(json!({"type": "content_block_delta", "index": index, "delta": delta})));
        match kind {
            "thinking" => event(
                json!({"type": "content_block_delta", "index": index, "delta": {"type": "signature_delta", "signature": "EqQBCkYIBRgC".repeat(20)}}),
            ),
            "call" => event(
                json!({"type": "content_block_delta", "index": index, "delta": {"type": "input_json_delta", "partial_json": "1]}"}}),
            ),
            _ => {}
        }
        event(json!({"type": "content_block_stop", "index": index}));
    }
    event(
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null}, "usage": {"output_tokens": 200}}),
    );
    event(json!({"type": "message_stop"}));
    stream.into()
}
