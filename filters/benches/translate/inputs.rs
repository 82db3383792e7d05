//! What an agent of 40 turns sends, and answers of 200 events with reasoning, text and calls.
#![expect(clippy::indexing_slicing, reason = "JSON that was just made")]

use bytes::Bytes;
use ovth_filters::Shape;
use serde_json::{Value, json};

/// The request of an agent.
pub(crate) fn request(shape: Shape) -> Bytes {
    match shape {
        Shape::Chat => chat_request(),
        Shape::Responses => responses_request(),
        Shape::Messages => messages_request(),
        Shape::GenerateContent => contents_request(),
    }
}

/// An answer of about 200 events: reasoning, text, a call, the reason, the counts.
pub(crate) fn stream(shape: Shape) -> Bytes {
    match shape {
        Shape::Chat => chat_stream(),
        Shape::Responses => responses_stream(),
        Shape::Messages => messages_stream(),
        Shape::GenerateContent => contents_stream(),
    }
}

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
fn chat_request() -> Bytes {
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
fn messages_request() -> Bytes {
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
fn chat_stream() -> Bytes {
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

/// The same of responses.
fn responses_request() -> Bytes {
    let tools: Vec<Value> = (0..TOOLS)
        .map(|tool| json!({"type": "function", "name": format!("tool_{tool}"), "description": words(250), "parameters": schema(), "strict": false}))
        .collect();
    let url = format!("data:image/png;base64,{}", image());
    let mut input = vec![
        json!({"role": "user", "content": [{"type": "input_text", "text": words(300)}, {"type": "input_image", "image_url": url, "detail": "auto"}]}),
    ];
    for turn in 0..TURNS / 2 {
        let call = format!("call_{turn}");
        input.push(json!({"type": "message", "role": "assistant", "id": format!("msg_{turn}"), "status": "completed", "content": [{"type": "output_text", "text": words(200), "annotations": []}]}));
        input.push(json!({"type": "function_call", "id": format!("fc_{turn}"), "call_id": call, "name": format!("tool_{}", turn % TOOLS), "arguments": arguments(turn).to_string(), "status": "completed"}));
        input.push(json!({"type": "function_call_output", "call_id": call, "output": words(1_000)}));
    }
    let body = json!({"model": "m", "stream": true, "store": false, "max_output_tokens": 8_000, "instructions": words(6_000), "tools": tools, "tool_choice": "auto", "input": input});
    body.to_string().into()
}

/// The same of generate_content.
fn contents_request() -> Bytes {
    let tools: Vec<Value> = (0..TOOLS)
        .map(
            |tool| json!({"name": format!("tool_{tool}"), "description": words(250), "parametersJsonSchema": schema()}),
        )
        .collect();
    let picture = json!({"inlineData": {"mimeType": "image/png", "data": image()}});
    let mut contents = vec![json!({"role": "user", "parts": [{"text": words(300)}, picture]})];
    for turn in 0..TURNS / 2 {
        let name = format!("tool_{}", turn % TOOLS);
        contents.push(json!({"role": "model", "parts": [
            {"text": words(200)},
            {"functionCall": {"id": format!("g{turn}"), "name": name, "args": arguments(turn)}, "thoughtSignature": "EqQBCkYIBRgC".repeat(20)},
        ]}));
        contents.push(json!({"role": "user", "parts": [{"functionResponse": {"id": format!("g{turn}"), "name": name, "response": {"output": words(1_000)}}}]}));
    }
    let body = json!({"systemInstruction": {"parts": [{"text": words(6_000)}]}, "contents": contents, "tools": [{"functionDeclarations": tools}],
        "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}}, "generationConfig": {"maxOutputTokens": 8_000}});
    body.to_string().into()
}

/// The same of messages.
fn messages_stream() -> Bytes {
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

/// The same of responses.
fn responses_stream() -> Bytes {
    let (mut stream, mut number) = (String::new(), 0_u64);
    let mut event = |mut data: Value| {
        data["sequence_number"] = json!(number);
        number += 1;
        stream.push_str(&format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or_default()));
    };
    let response = |status: &str, output: &[Value], usage: Value| {
        json!({"id": "resp_1", "object": "response", "created_at": 1, "status": status, "model": "m", "output": output, "error": null, "incomplete_details": null, "instructions": null,
            "metadata": {}, "parallel_tool_calls": true, "tool_choice": "auto", "tools": [], "usage": usage})
    };
    event(json!({"type": "response.created", "response": response("in_progress", &[], Value::Null)}));
    event(json!({"type": "response.in_progress", "response": response("in_progress", &[], Value::Null)}));
    let (thought, said) = (" somewhere".repeat(40), " in the \"middle\"\n".repeat(110));
    let called = format!("{{\"path\":\"{}\"}}", "abcd".repeat(34));
    let items = [
        json!({"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": thought}], "encrypted_content": "gAAAAABo".repeat(60)}),
        json!({"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": said, "annotations": []}]}),
        json!({"id": "fc_1", "type": "function_call", "status": "completed", "call_id": "call_1", "name": "tool_1", "arguments": called}),
    ];
    let blank = [
        json!({"id": "rs_1", "type": "reasoning", "summary": []}),
        json!({"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}),
        json!({"id": "fc_1", "type": "function_call", "status": "in_progress", "call_id": "call_1", "name": "tool_1", "arguments": ""}),
    ];
    for (index, item) in blank.iter().enumerate() {
        event(json!({"type": "response.output_item.added", "output_index": index, "item": item}));
        let at = |kind: &str, more: &[(&str, Value)]| {
            let mut data = json!({"type": format!("response.{kind}"), "item_id": item["id"], "output_index": index});
            more.iter().for_each(|(name, value)| data[*name] = value.clone());
            data
        };
        match index {
            0 => {
                let (place, part) =
                    (("summary_index", json!(0)), |text: &str| ("part", json!({"type": "summary_text", "text": text})));
                event(at("reasoning_summary_part.added", &[place.clone(), part("")]));
                (0..40).for_each(|_| {
                    event(at("reasoning_summary_text.delta", &[place.clone(), ("delta", json!(" somewhere"))]))
                });
                event(at("reasoning_summary_text.done", &[place.clone(), ("text", json!(thought))]));
                event(at("reasoning_summary_part.done", &[place, part(&thought)]));
            }
            1 => {
                let (place, part) = (("content_index", json!(0)), |text: &str| {
                    ("part", json!({"type": "output_text", "text": text, "annotations": []}))
                });
                event(at("content_part.added", &[place.clone(), part("")]));
                (0..110).for_each(|_| {
                    event(at(
                        "output_text.delta",
                        &[place.clone(), ("delta", json!(" in the \"middle\"\n")), ("logprobs", json!([]))],
                    ))
                });
                event(at("output_text.done", &[place.clone(), ("text", json!(said))]));
                event(at("content_part.done", &[place, part(&said)]));
            }
            _ => {
                for piece in called.as_bytes().chunks(4).map(String::from_utf8_lossy) {
                    event(at("function_call_arguments.delta", &[("delta", json!(piece))]));
                }
                event(at("function_call_arguments.done", &[("arguments", json!(called))]));
            }
        }
        event(json!({"type": "response.output_item.done", "output_index": index, "item": items[index]}));
    }
    let usage = json!({"input_tokens": 9_000, "input_tokens_details": {"cached_tokens": 8_000}, "output_tokens": 200, "output_tokens_details": {"reasoning_tokens": 40}, "total_tokens": 9_200});
    event(json!({"type": "response.completed", "response": response("completed", &items, usage)}));
    stream.into()
}

/// The same of generate_content, whose calls come whole.
fn contents_stream() -> Bytes {
    let mut stream = String::new();
    let usage = json!({"promptTokenCount": 9_000, "cachedContentTokenCount": 8_000, "candidatesTokenCount": 160, "thoughtsTokenCount": 40, "totalTokenCount": 9_200});
    let mut chunk = |part: Value, finish: Option<&str>| {
        let mut candidate = json!({"content": {"role": "model", "parts": [part]}, "index": 0});
        if let Some(finish) = finish {
            candidate["finishReason"] = json!(finish);
        }
        let data = json!({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m", "responseId": "r-1"});
        stream.push_str(&format!("data: {data}\r\n\r\n"));
    };
    (0..50).for_each(|_| chunk(json!({"text": " somewhere", "thought": true}), None));
    (0..149).for_each(|_| chunk(json!({"text": " in the \"middle\"\n"}), None));
    let call = json!({"id": "g1", "name": "tool_1", "args": {"path": "abcd".repeat(34)}});
    chunk(json!({"functionCall": call, "thoughtSignature": "EqQBCkYIBRgC".repeat(20)}), Some("STOP"));
    stream.into()
}
