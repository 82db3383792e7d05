//! Statements of what goes wrong between providers that concern a whole crossing and no single codec.

use serde_json::{Value, json};

use super::{answering, codec, other, taking_all};
use crate::Shape;
use crate::json::View;
use crate::neutral::{Answering, ErrorClass, Losses, Profile, Thinking};
use crate::shapes::{decode_error, encode_error};
use crate::translate::{self, Translated, Upstream};

fn sent(client: Shape, body: &Value, profile: &Profile) -> Translated {
    let upstream = Upstream { shape: other(client), profile, stream: false, max_output: None, without_state: false };
    let body = serde_json::to_vec(body).unwrap();
    translate::request(client, &body, upstream).unwrap_or_else(|error| panic!("{error:?}"))
}

fn value(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

fn with_tool(client: Shape, schema: &Value) -> Value {
    let tool = match client {
        Shape::Chat => json!({"type": "function", "function": {"name": "f", "parameters": schema}}),
        _ => json!({"name": "f", "input_schema": schema}),
    };
    json!({"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "x"}], "tools": [tool]})
}

/// The schema of the one tool that is sent.
fn schema_sent(client: Shape, schema: &Value) -> (Value, String) {
    let translated = sent(client, &with_tool(client, schema), &taking_all());
    let tool = value(&translated.body)["tools"][0].clone();
    let schema =
        if client == Shape::Chat { tool["input_schema"].clone() } else { tool["function"]["parameters"].clone() };
    (schema, translated.losses.to_string())
}

#[test]
fn pitfall_50_the_tools_of_claude_code_are_the_same_for_chat() {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false,
        "properties": {
            "n": {"type": "number", "exclusiveMinimum": 0, "multipleOf": 2}, "kind": {"const": "a"},
            "map": {"type": "object", "propertyNames": {"type": "string"}, "additionalProperties": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
        },
    });
    for client in [Shape::Chat, Shape::Messages] {
        assert_eq!(schema_sent(client, &schema), (schema.clone(), String::new()), "{client}");
    }
}

#[test]
fn pitfall_52_references_are_kept_and_circles_of_them_end() {
    let flat =
        json!({"type": "object", "$defs": {"a": {"type": "string"}}, "properties": {"x": {"$ref": "#/$defs/a"}}});
    let round = json!({"type": "object", "$defs": {"a": {"type": "object", "properties": {"next": {"$ref": "#/$defs/a"}}}}, "properties": {"x": {"$ref": "#/$defs/a"}}});
    for client in [Shape::Chat, Shape::Messages] {
        for schema in [&flat, &round] {
            assert_eq!(schema_sent(client, schema), (schema.clone(), String::new()), "{client}");
        }
    }
    let asked = |schema: &Value| {
        let format = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": schema}});
        let chat = json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "response_format": format});
        sent(Shape::Chat, &chat, &taking_all())
    };
    let kept = value(&asked(&flat).body)["output_config"]["format"]["schema"].clone();
    assert_eq!(kept["properties"]["x"]["$ref"], "#/$defs/a");
    let round = asked(&round);
    assert!(value(&round.body).get("output_config").is_none(), "a circle cannot be enforced, it is told in words");
    assert_eq!(round.losses.to_string(), "approximated:response_format");
}

#[test]
fn pitfall_54_nested_empty_objects_and_their_descriptions_are_kept() {
    let schema = json!({"type": "object", "properties": {"any": {"type": "object", "description": "whatever", "properties": {}}, "more": {}}});
    for client in [Shape::Chat, Shape::Messages] {
        assert_eq!(schema_sent(client, &schema).0, schema, "{client}");
    }
    let nothing = json!({"type": "object", "properties": {}});
    let chat = json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function", "function": {"name": "f"}}]});
    assert_eq!(value(&sent(Shape::Chat, &chat, &taking_all()).body)["tools"][0]["input_schema"], nothing);
}

/// An answer of messages as a chat client sends it back that keeps only what it knows.
fn history_of_a_plain_client(answer: &Value) -> Value {
    let body = serde_json::to_vec(answer).unwrap();
    let told = value(&translate::response(Shape::Messages, Shape::Chat, &body, &answering()).unwrap());
    let message = &told["choices"][0]["message"];
    json!({"model": "m", "max_tokens": 9_000, "reasoning_effort": "high", "messages": [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": message["content"], "tool_calls": message["tool_calls"]},
        {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "r"},
    ]})
}

#[test]
fn pitfall_61_a_client_that_strips_what_it_does_not_know_can_go_on() {
    let answer = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 1}, "content": [
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"}, {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}},
    ]});
    let history = history_of_a_plain_client(&answer);
    for (thinking, expected) in [(Thinking::Budget, "disabled"), (Thinking::Adaptive, "adaptive")] {
        let translated = sent(Shape::Chat, &history, &Profile { thinking, ..taking_all() });
        let body = value(&translated.body);
        let turn = json!([{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}}]);
        assert_eq!(body["messages"][1]["content"], turn, "nothing is invented");
        // A budget needs the thinking that led to the call; without it the request would be refused.
        let told = body["thinking"]["type"].as_str().unwrap_or("disabled");
        assert_eq!(told, expected, "{thinking:?}: {body}");
    }
}

#[test]
fn pitfall_62_only_calls_that_were_signed_are_sent_back_signed() {
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let mut first = call("call_1");
    first["extra_content"] = json!({"google": {"thought_signature": "R09P"}});
    let answer = json!({"id": "c", "model": "g", "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": null, "tool_calls": [first, call("call_2")]}}]});
    let body = serde_json::to_vec(&answer).unwrap();
    let told = value(&translate::response(Shape::Chat, Shape::Messages, &body, &answering()).unwrap());
    let kinds: Vec<&str> =
        told["content"].as_array().unwrap().iter().map(|block| block["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        ["redacted_thinking", "tool_use", "tool_use"],
        "the state stands before the call that it belongs to"
    );
    let request = json!({"model": "m", "max_tokens": 100, "messages": [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": told["content"]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "a"}, {"type": "tool_result", "tool_use_id": "call_2", "content": "b"}]},
    ]});
    let body = String::from_utf8(sent(Shape::Messages, &request, &taking_all()).body).unwrap();
    assert_eq!(body.matches("R09P").count(), 1, "{body}");
    assert!(!body.contains("skip_thought_signature_validator") && !body.contains("gw1."), "{body}");
    let back =
        codec(Shape::Chat).decode_request(View::parse(body.as_bytes()).unwrap(), &mut Losses::default()).unwrap();
    let signed: Vec<bool> = back
        .messages
        .iter()
        .flat_map(|message| &message.parts)
        .filter_map(
            |part| if let crate::neutral::Part::ToolCall(call) = part { Some(call.state.is_some()) } else { None },
        )
        .collect();
    assert_eq!(signed, [true, false]);
}

#[test]
fn pitfall_40_and_49_custom_tools_and_long_names_come_back_as_the_client_knows_them() {
    let long = "a.very long name of a tool that no provider takes, with letters that are not allowed".to_owned();
    let request = json!({"model": "m", "messages": [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "call_1", "type": "custom", "custom": {"name": "patch", "input": "*** \"Begin\"\n"}},
            {"id": "call_2", "type": "function", "function": {"name": long, "arguments": "{}"}},
        ]},
        {"role": "tool", "tool_call_id": "call_1", "content": "a"}, {"role": "tool", "tool_call_id": "call_2", "content": "b"},
    ], "tools": [{"type": "custom", "custom": {"name": "patch"}}, {"type": "function", "function": {"name": long}}]});
    let translated = sent(Shape::Chat, &request, &taking_all());
    let body = value(&translated.body);
    let calls = &body["messages"][1]["content"];
    assert_eq!(calls[0]["input"], json!({"input": "*** \"Begin\"\n"}));
    let sent_name = body["tools"][1]["name"].as_str().unwrap();
    assert_eq!(calls[1]["name"], sent_name, "one name everywhere");
    assert!(sent_name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')), "{sent_name}");

    let answering = Answering { seed: "seed".to_owned(), ..translated.answering };
    let answer = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 1}, "content": [
        {"type": "tool_use", "id": "toolu_1", "name": "patch", "input": {"input": "*** \"End\"\n"}},
        {"type": "tool_use", "id": "toolu_2", "name": sent_name, "input": {"a": 1}},
    ]});
    let answer = serde_json::to_vec(&answer).unwrap();
    let whole = value(&translate::response(Shape::Messages, Shape::Chat, &answer, &answering).unwrap());
    let calls = &whole["choices"][0]["message"]["tool_calls"];
    assert_eq!(calls[0]["custom"], json!({"name": "patch", "input": "*** \"End\"\n"}));
    assert_eq!(calls[1]["function"], json!({"name": long, "arguments": "{\"a\":1}"}));
    let stream = translate::response_as_stream(Shape::Messages, Shape::Chat, &answer, &answering).unwrap();
    let told = super::streams::collected(&super::streams::read(Shape::Chat, [stream.into()])).unwrap();
    let told = super::told(&told).calls;
    assert_eq!(told[0].1, "patch");
    assert_eq!((&told[0].2, told[0].3), (&json!("*** \"End\"\n"), true));
    assert_eq!((&told[1].1, &told[1].2), (&long, &json!({"a": 1})));
}

#[test]
fn pitfall_106_errors_of_google_in_an_array_are_read() {
    let body =
        br#"[{"error": {"code": 429, "message": "Resource has been exhausted.", "status": "RESOURCE_EXHAUSTED"}}]"#;
    let error = decode_error(Shape::Chat, body);
    assert_eq!(error.class(), Some(ErrorClass::RateLimit));
    for client in [Shape::Chat, Shape::Messages] {
        let encoded = encode_error(client, &error.clone().into_api_error(), "req_1");
        assert_eq!(encoded.status, 429);
        assert!(String::from_utf8(encoded.body).unwrap().contains("Resource has been exhausted."));
    }
}

#[test]
fn pitfall_14_the_first_chunk_of_a_translated_stream_has_the_role() {
    for start in
        ["{\"type\":\"text\",\"text\":\"\"}", "{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\",\"input\":{}}"]
    {
        let stream = format!(
            "event: message_start\ndata: {{\"type\":\"message_start\",\"message\":{{\"id\":\"msg_1\",\"model\":\"m\",\"content\":[]}}}}\n\n\
             event: content_block_start\ndata: {{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{start}}}\n\n\
             event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"a\"}}}}\n\n"
        );
        let mut translator = translate::StreamTranslator::new(Shape::Messages, Shape::Chat, &answering()).unwrap();
        let mut out = bytes::BytesMut::new();
        super::streams::framed([stream.into()], |event| translator.event(event, &mut out).unwrap());
        let told = String::from_utf8(out.to_vec()).unwrap();
        let first = told.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        assert_eq!(value(first.as_bytes())["choices"][0]["delta"]["role"], "assistant", "{told}");
    }
}

/// A stream of a provider as clients of another shape have it.
fn streamed(from: Shape, to: Shape, events: &[Value]) -> Vec<Value> {
    let mut translator = translate::StreamTranslator::new(from, to, &answering()).unwrap();
    let mut out = bytes::BytesMut::new();
    for event in events {
        let name = event["type"].as_str().map_or_else(String::new, |name| format!("event: {name}\n"));
        let event = crate::sse::RawEvent { bytes: format!("{name}data: {event}\n\n").into() };
        translator.event(&event, &mut out).unwrap();
    }
    translator.end(&mut out).unwrap();
    let text = String::from_utf8(out.to_vec()).unwrap();
    text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect()
}

#[test]
fn pitfall_123_what_is_said_between_calls_reaches_chat_clients_as_reasoning() {
    const PROGRESS: &str = "The file is there; I read it next.";
    let thinking = json!({"type": "thinking", "thinking": PROGRESS, "signature": "c2ln"});
    let call = json!({"type": "tool_use", "id": "toolu_2", "name": "read", "input": {}});
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [thinking, call],
        "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 2}});
    let told = translate::response(Shape::Messages, Shape::Chat, message.to_string().as_bytes(), &answering()).unwrap();
    let told = value(&told)["choices"][0]["message"].clone();
    assert_eq!((&told["reasoning"], &told["content"]), (&json!(PROGRESS), &Value::Null));
    assert_eq!(told["tool_calls"][0]["function"]["name"], "read");

    let begun = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": null,
        "usage": {"input_tokens": 1, "output_tokens": 1}});
    let events = [
        json!({"type": "message_start", "message": begun}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": PROGRESS}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "c2ln"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "content_block_start", "index": 1, "content_block": call}),
        json!({"type": "content_block_stop", "index": 1}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 2}}),
        json!({"type": "message_stop"}),
    ];
    let chunks = streamed(Shape::Messages, Shape::Chat, &events);
    let deltas = || chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]);
    let reasoning: String = deltas().filter_map(|delta| delta["reasoning"].as_str()).collect();
    assert_eq!(reasoning, PROGRESS);
    let at = |fits: fn(&Value) -> bool| deltas().position(fits).unwrap();
    assert!(at(|delta| delta["reasoning"].is_string()) < at(|delta| delta["tool_calls"].is_array()), "before the call");
}

#[test]
fn pitfall_89_counts_that_google_leaves_out_later_stay_for_clients_of_every_shape() {
    let chunk = |parts: Value, finish: Option<&str>, usage: Value| {
        let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0});
        if let Some(finish) = finish {
            candidate["finishReason"] = finish.into();
        }
        json!({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m", "responseId": "r"})
    };
    let events = [
        chunk(
            json!([{"text": "a"}]),
            None,
            json!({"promptTokenCount": 10, "cachedContentTokenCount": 4, "thoughtsTokenCount": 6, "totalTokenCount": 16}),
        ),
        chunk(json!([{"text": "b"}]), Some("STOP"), json!({"candidatesTokenCount": 3, "totalTokenCount": 19})),
    ];
    for (to, place, wanted) in [
        (Shape::Chat, "/usage", json!([10, 4, 9, 6])),
        (Shape::Responses, "/response/usage", json!([10, 4, 9, 6])),
        (Shape::Messages, "/usage", json!([6, 4, 9, 6])),
    ] {
        let told = streamed(Shape::GenerateContent, to, &events);
        let usage = told.iter().rev().find_map(|event| event.pointer(place).filter(|usage| usage.is_object())).unwrap();
        let places = match to {
            Shape::Chat => [
                "/prompt_tokens",
                "/prompt_tokens_details/cached_tokens",
                "/completion_tokens",
                "/completion_tokens_details/reasoning_tokens",
            ],
            Shape::Responses => [
                "/input_tokens",
                "/input_tokens_details/cached_tokens",
                "/output_tokens",
                "/output_tokens_details/reasoning_tokens",
            ],
            _ => [
                "/input_tokens",
                "/cache_read_input_tokens",
                "/output_tokens",
                "/output_tokens_details/thinking_tokens",
            ],
        };
        let found: Vec<&Value> = places.iter().map(|place| usage.pointer(place).unwrap_or(&Value::Null)).collect();
        assert_eq!(json!(found), wanted, "{to}: {usage}");
    }
}
