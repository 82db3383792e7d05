//! A handful of exchanges of the project's own, so that what crosses is tested where no recordings are.

use serde_json::{Value, json};

use super::recordings::Exchange;
use crate::Shape;

/// All of them.
pub(super) fn own() -> Vec<Exchange> {
    let exchange = |name: &str, shape, value| Exchange::new(format!("own/{name}"), shape, value);
    vec![
        exchange("chat-whole", Shape::Chat, whole(chat_request(), chat_answer())),
        exchange("chat-stream", Shape::Chat, streamed(chat_request(), &chat_chunks(), Some("[DONE]"))),
        exchange("messages-whole", Shape::Messages, whole(messages_request(), messages_answer())),
        exchange("messages-stream", Shape::Messages, streamed(messages_request(), &messages_events(), None)),
        exchange("chat-refusal", Shape::Chat, whole(chat_request(), chat_refusal())),
        exchange("messages-refusal", Shape::Messages, whole(messages_request(), messages_refusal())),
        exchange("messages-stop", Shape::Messages, whole(messages_request(), messages_end("stop_sequence", "END"))),
        exchange("messages-pause", Shape::Messages, whole(messages_request(), messages_end("pause_turn", ""))),
        exchange(
            "messages-full",
            Shape::Messages,
            whole(messages_request(), messages_end("model_context_window_exceeded", "")),
        ),
        exchange("messages-cut", Shape::Messages, whole(messages_request(), messages_end("max_tokens", ""))),
        exchange("chat-gemini", Shape::Chat, whole(chat_request(), chat_gemini())),
        exchange("chat-cut", Shape::Chat, whole(chat_request(), chat_cut())),
        exchange(
            "chat-429",
            Shape::Chat,
            refused(
                429,
                json!({"error": {"message": "Rate limit reached, slow down.", "type": "requests", "param": null, "code": "rate_limit_exceeded"}}),
            ),
        ),
        exchange(
            "chat-404",
            Shape::Chat,
            refused(
                404,
                json!({"error": {"message": "The model `x` does not exist.", "type": "invalid_request_error", "param": "model", "code": "model_not_found"}}),
            ),
        ),
        exchange(
            "chat-400",
            Shape::Chat,
            refused(
                400,
                json!({"error": {"message": "This model's maximum context length is 10 tokens.", "type": "invalid_request_error", "param": "messages", "code": "context_length_exceeded"}}),
            ),
        ),
        exchange(
            "messages-404",
            Shape::Messages,
            refused(404, json!({"type": "error", "error": {"type": "not_found_error", "message": "model: x"}})),
        ),
        exchange(
            "messages-400",
            Shape::Messages,
            refused(
                400,
                json!({"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8 maximum"}}),
            ),
        ),
        exchange(
            "messages-529",
            Shape::Messages,
            refused(529, json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})),
        ),
    ]
}

fn whole(request: Value, answer: Value) -> Value {
    json!({"stream": false, "request": {"body": request}, "response": {"status": 200, "body": answer}})
}

fn streamed(mut request: Value, events: &[Value], done: Option<&str>) -> Value {
    request["stream"] = Value::from(true);
    let mut text = String::new();
    for event in events {
        if let Some(name) = event["type"].as_str() {
            text.push_str(&format!("event: {name}\n"));
        }
        text.push_str(&format!("data: {event}\n\n"));
    }
    if let Some(done) = done {
        text.push_str(&format!("data: {done}\n\n"));
    }
    json!({"stream": true, "request": {"body": request}, "response": {"status": 200, "body_text": text}})
}

fn refused(status: u64, body: Value) -> Value {
    json!({"stream": false, "request": null, "response": {"status": status, "body": body}})
}

const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn schema() -> Value {
    json!({"type": "object", "properties": {"city": {"type": "string", "description": "Größe \u{1f30d}"}, "n": {"type": "integer", "maximum": 12_345_678_901_234_567_890_u64}}, "required": ["city"]})
}

fn chat_request() -> Value {
    json!({
        "model": "m", "max_tokens": 2_000, "stop": ["END"], "reasoning_effort": "low", "tool_choice": "auto", "parallel_tool_calls": false,
        "response_format": {"type": "json_schema", "json_schema": {"name": "out", "schema": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}},
        "tools": [{"type": "function", "function": {"name": "weather", "description": "Tells it.", "parameters": schema()}}],
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [
                {"type": "text", "text": "What is this? \u{1f4f7}"},
                {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{PIXEL}")}},
                {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0xLjQK", "filename": "a.pdf"}},
            ]},
            {"role": "assistant", "content": "I look.", "reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": "c2ln", "format": "anthropic-claude-v1", "index": 0}],
             "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Bonn\", \"n\": 12345678901234567890}"}},
                {"id": "call_2", "type": "function", "function": {"name": "weather", "arguments": ""}},
            ]},
            {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
            {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "sun"}, {"type": "text", "text": "wind"}]},
            {"role": "user", "content": "And now?"},
        ],
    })
}

fn messages_request() -> Value {
    json!({
        "model": "m", "max_tokens": 2_000, "stop_sequences": ["END"], "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
        "thinking": {"type": "adaptive"}, "output_config": {"effort": "low"},
        "tools": [{"name": "weather", "description": "Tells it.", "input_schema": schema()}],
        "system": [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}],
        "messages": [
            {"role": "user", "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
                {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQK"}, "title": "a.pdf"},
                {"type": "text", "text": "What is this?"},
            ]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "cmVk"},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Bonn"}},
                {"type": "tool_use", "id": "toolu_2", "name": "weather", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "rain"},
                {"type": "tool_result", "tool_use_id": "toolu_2", "content": [{"type": "text", "text": "no such place"}], "is_error": true},
                {"type": "text", "text": "And now?"},
            ]},
        ],
    })
}

fn chat_answer() -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "model": "m-1", "service_tier": "default",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": "Größe \u{1f30d}",
            "reasoning_details": [
                {"type": "reasoning.text", "text": "hm", "signature": "c2ln", "format": "anthropic-claude-v1", "index": 0},
                {"type": "reasoning.encrypted", "data": "ZW5j", "id": "rs_1", "format": "openai-responses-v1", "index": 1},
            ],
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Bonn\", \"n\": 12345678901234567890}"}},
                {"id": "call_2", "type": "function", "function": {"name": "weather", "arguments": ""}},
            ],
        }}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120, "prompt_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 10}, "completion_tokens_details": {"reasoning_tokens": 5}},
    })
}

fn chat_chunks() -> Vec<Value> {
    let chunk = |delta: Value, reason: Value| json!({"id": "chatcmpl-2", "object": "chat.completion.chunk", "model": "m-1", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]});
    vec![
        chunk(json!({"role": "assistant", "content": ""}), Value::Null),
        chunk(json!({"reasoning_content": "h\u{1f914}"}), Value::Null),
        chunk(json!({"reasoning_content": "m"}), Value::Null),
        chunk(json!({"content": "Gr\u{f6}\u{df}e "}), Value::Null),
        chunk(json!({"content": "\u{1f30d}"}), Value::Null),
        chunk(
            json!({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}]}),
            Value::Null,
        ),
        chunk(json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"city\":"}}]}), Value::Null),
        chunk(
            json!({"tool_calls": [{"index": 1, "id": "call_2", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]}),
            Value::Null,
        ),
        chunk(json!({"tool_calls": [{"index": 0, "function": {"arguments": "\"Bonn\"}"}}]}), Value::Null),
        chunk(json!({}), json!("tool_calls")),
        json!({"id": "chatcmpl-2", "object": "chat.completion.chunk", "model": "m-1", "choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}}),
    ]
}

fn messages_answer() -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m-1", "stop_reason": "tool_use", "stop_sequence": null,
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "cmVk"},
            {"type": "text", "text": "Größe "},
            {"type": "text", "text": "\u{1f30d}"},
            {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Bonn", "n": 12_345_678_901_234_567_890_u64}},
            {"type": "tool_use", "id": "toolu_2", "name": "weather", "input": {}},
        ],
        "usage": {"input_tokens": 60, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 10, "output_tokens": 20, "output_tokens_details": {"thinking_tokens": 5}, "service_tier": "standard"},
    })
}

fn messages_events() -> Vec<Value> {
    let start =
        |index: u32, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
    let delta = |index: u32, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
    let stop = |index: u32| json!({"type": "content_block_stop", "index": index});
    let first = json!({"id": "msg_2", "type": "message", "role": "assistant", "model": "m-1", "content": [], "stop_reason": null, "usage": {"input_tokens": 60, "cache_read_input_tokens": 30, "output_tokens": 1}});
    vec![
        json!({"type": "message_start", "message": first}),
        start(0, json!({"type": "thinking", "thinking": "", "signature": ""})),
        json!({"type": "ping"}),
        delta(0, json!({"type": "thinking_delta", "thinking": "h\u{1f914}m"})),
        delta(0, json!({"type": "signature_delta", "signature": "c2ln"})),
        stop(0),
        start(1, json!({"type": "text", "text": ""})),
        delta(1, json!({"type": "text_delta", "text": "Größe "})),
        delta(1, json!({"type": "text_delta", "text": "\u{1f30d}"})),
        stop(1),
        start(2, json!({"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}})),
        delta(2, json!({"type": "input_json_delta", "partial_json": ""})),
        delta(2, json!({"type": "input_json_delta", "partial_json": "{\"city\": "})),
        delta(2, json!({"type": "input_json_delta", "partial_json": "\"Bonn\"}"})),
        stop(2),
        start(3, json!({"type": "tool_use", "id": "toolu_2", "name": "weather", "input": {}})),
        stop(3),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null}, "usage": {"output_tokens": 20}}),
        json!({"type": "message_stop"}),
    ]
}

fn chat_refusal() -> Value {
    json!({"id": "chatcmpl-3", "model": "m-1", "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": null, "refusal": "I cannot."}}], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}})
}

fn messages_refusal() -> Value {
    json!({"id": "msg_3", "type": "message", "role": "assistant", "model": "m-1", "content": [{"type": "text", "text": "Well"}], "stop_reason": "refusal", "stop_details": {"type": "refusal", "category": "cyber", "explanation": "I cannot."}, "usage": {"input_tokens": 1, "output_tokens": 2}})
}

fn messages_end(reason: &str, sequence: &str) -> Value {
    let sequence = Some(sequence).filter(|sequence| !sequence.is_empty());
    json!({"id": "msg_4", "type": "message", "role": "assistant", "model": "m-1", "content": [{"type": "text", "text": "Well"}], "stop_reason": reason, "stop_sequence": sequence, "usage": {"input_tokens": 1, "output_tokens": 2, "cache_creation_input_tokens": 30, "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20}}})
}

fn chat_gemini() -> Value {
    let call = |id: &str, extra: Value| json!({"id": id, "type": "function", "function": {"name": "weather", "arguments": "{}"}, "extra_content": extra});
    json!({"id": "chatcmpl-5", "model": "g", "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": null, "tool_calls": [
        call("call_1", json!({"google": {"thought_signature": "R09P"}})), call("call_2", Value::Null),
    ]}}], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}})
}

fn chat_cut() -> Value {
    json!({"id": "chatcmpl-6", "model": "m-1", "choices": [{"index": 0, "finish_reason": "length", "message": {"role": "assistant", "content": "I call", "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Bo"}},
    ]}}], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}})
}
