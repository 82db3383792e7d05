//! The answers in both shapes, whole and streamed.

use serde_json::Value;

use super::client::{Answer, Client, End, simulator};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
const TOOL: &str = r#"{"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}"#;
const MESSAGES_TOOL: &str =
    r#"{"name":"get_weather","input_schema":{"type":"object","properties":{"city":{"type":"string"}}}}"#;

fn chat(fields: &str) -> Answer {
    let simulator = simulator();
    Client::post(
        simulator.addr,
        CHAT,
        &format!(r#"{{"model":"gpt-4o","messages":[{{"role":"user","content":"hello there"}}]{fields}}}"#),
    )
}

fn messages(fields: &str) -> Answer {
    let simulator = simulator();
    let body = format!(
        r#"{{"model":"claude-sonnet-4-5","max_tokens":4096,"messages":[{{"role":"user","content":"hello there"}}]{fields}}}"#
    );
    Client::post(simulator.addr, MESSAGES, &body)
}

fn chat_text(answer: &Answer) -> String {
    let content = |data: &str| {
        let chunk: Value = serde_json::from_str(data).ok()?;
        Some(chunk["choices"][0]["delta"]["content"].as_str()?.to_owned())
    };
    answer.events().iter().filter_map(|(_, data)| content(data)).collect()
}

#[test]
fn chat_echoes_whole_and_streamed() {
    let whole = chat("");
    assert_eq!((whole.status, &whole.end), (200, &End::Whole));
    let body = whole.json();
    assert_eq!(body["choices"][0]["message"]["content"], "You said: hello there");
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    assert_eq!(body["usage"]["completion_tokens"], 4);
    assert!(whole.header("x-request-id").is_some_and(|id| id.starts_with("req_")));
    assert!(whole.header("x-ratelimit-limit-tokens").is_some() && whole.header("openai-processing-ms").is_some());

    let stream = chat(r#","stream":true,"stream_options":{"include_usage":true}"#);
    assert_eq!(stream.header("content-type"), Some("text/event-stream; charset=utf-8"));
    assert_eq!(chat_text(&stream), "You said: hello there");
    let events = stream.events();
    assert_eq!(events.last().unwrap().1, "[DONE]");
    let usage: Value = serde_json::from_str(&events[events.len() - 2].1).unwrap();
    assert_eq!((usage["choices"].as_array().unwrap().len(), &usage["usage"]), (0, &body["usage"]));

    let without = chat(r#","stream":true"#);
    assert!(!without.text().contains("usage"));
}

#[test]
fn chat_has_choices_bounds_stops_and_reasoning() {
    let two = chat(r#","n":2"#).json();
    assert_eq!(two["choices"].as_array().unwrap().len(), 2);
    assert_eq!(two["usage"]["completion_tokens"], 8);
    let short = chat(r#","max_tokens":2"#).json();
    assert_eq!(short["choices"][0]["message"]["content"], "You said:");
    assert_eq!(short["choices"][0]["finish_reason"], "length");
    let stopped = chat(r#","stop":"hello""#).json();
    assert_eq!(stopped["choices"][0]["message"]["content"], "You said: ");
    let reasoned = chat(r#","reasoning_effort":"high""#).json();
    assert!(reasoned["usage"]["completion_tokens_details"]["reasoning_tokens"].as_u64().unwrap() > 0);
}

#[test]
fn chat_calls_tools_and_answers_after_their_results() {
    let tools = format!(r#","tools":[{TOOL}],"tool_choice":"required""#);
    let called = chat(&tools).json();
    let call = &called["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(call["function"]["arguments"], r#"{"city":"hello"}"#);
    assert_eq!(called["choices"][0]["finish_reason"], "tool_calls");
    assert!(called["choices"][0]["message"]["content"].is_null());

    let streamed = chat(&format!(r#"{tools},"stream":true"#));
    let arguments: String = (streamed.events().iter())
        .filter_map(|(_, data)| serde_json::from_str::<Value>(data).ok())
        .filter_map(|chunk| {
            Some(chunk["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str()?.to_owned())
        })
        .collect();
    assert_eq!(arguments, r#"{"city":"hello"}"#);

    let simulator = simulator();
    let body = format!(
        r#"{{"model":"m","tools":[{TOOL}],"messages":[{{"role":"user","content":"x"}},
        {{"role":"assistant","content":null,"tool_calls":[{{"id":"c1","type":"function","function":{{"name":"get_weather","arguments":"{{}}"}}}}]}},
        {{"role":"tool","tool_call_id":"c1","content":"sunny"}}]}}"#
    );
    let answered = Client::post(simulator.addr, CHAT, &body).json();
    assert_eq!(answered["choices"][0]["message"]["content"], "The tool said: sunny");
}

#[test]
fn structured_answers_fit_the_schema() {
    let schema = r#"{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}}}"#;
    let format =
        format!(r#","response_format":{{"type":"json_schema","json_schema":{{"name":"p","schema":{schema}}}}}"#);
    let text = chat(&format).json()["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    assert_eq!(text, r#"{"name":"You said: hello there","age":1}"#);
    let format = format!(r#","output_config":{{"format":{{"type":"json_schema","schema":{schema}}}}}"#);
    assert_eq!(messages(&format).json()["content"][0]["text"], text.as_str());
}

#[test]
fn messages_echo_whole_and_streamed() {
    let whole = messages("");
    let body = whole.json();
    assert_eq!(body["content"][0]["text"], "You said: hello there");
    assert_eq!((&body["stop_reason"], &body["usage"]["output_tokens"]), (&Value::from("end_turn"), &Value::from(4)));
    assert!(whole.header("request-id").is_some() && whole.header("anthropic-organization-id").is_some());

    let stream = messages(r#","stream":true"#);
    let events = stream.events();
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_delta",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(names, expected);
    let text: String = (events.iter())
        .filter_map(|(_, data)| Some(serde_json::from_str::<Value>(data).ok()?["delta"]["text"].as_str()?.to_owned()))
        .collect();
    assert_eq!(text, "You said: hello there");
}

#[test]
fn messages_think_call_tools_and_count_caches() {
    let thinking = messages(r#","thinking":{"type":"enabled","budget_tokens":1024}"#).json();
    assert_eq!(thinking["content"][0]["type"], "thinking");
    assert!(thinking["content"][0]["signature"].as_str().unwrap().len() > 40);
    assert!(thinking["usage"]["output_tokens_details"]["thinking_tokens"].as_u64().unwrap() > 0);
    let omitted = messages(r#","stream":true,"thinking":{"type":"adaptive","display":"omitted"}"#);
    assert!(omitted.text().contains("signature_delta") && !omitted.text().contains("thinking_delta"));

    let called = messages(&format!(r#","tools":[{MESSAGES_TOOL}],"tool_choice":{{"type":"any"}}"#)).json();
    assert_eq!(called["stop_reason"], "tool_use");
    assert_eq!(called["content"][0]["input"]["city"], "hello");

    let marked =
        r#","system":[{"type":"text","text":"a long system prompt","cache_control":{"type":"ephemeral","ttl":"1h"}}]"#;
    let cached = messages(marked).json();
    assert_eq!(cached["usage"]["cache_creation"]["ephemeral_1h_input_tokens"], 5);
    assert_eq!(cached["usage"]["cache_creation_input_tokens"], 5);

    let short = messages(r#","stop_sequences":["there"]"#).json();
    assert_eq!((&short["stop_reason"], &short["stop_sequence"]), (&"stop_sequence".into(), &"there".into()));
}

#[test]
fn counts_tokens_and_lists_models() {
    let simulator = simulator();
    let body = r#"{"model":"m","messages":[{"role":"user","content":"12345678"}]}"#;
    let count = Client::post(simulator.addr, "/v1/messages/count_tokens?beta=true", body);
    assert_eq!(count.json()["input_tokens"], 9);
    let list = Client::call(simulator.addr, "GET", "/v1/models", "").json();
    assert_eq!(list["object"], "list");
    let mut client = Client::new(simulator.addr);
    client.raw("GET /v1/models HTTP/1.1\r\nhost: sim\r\nx-api-key: k\r\nanthropic-version: 2023-06-01\r\n\r\n");
    assert_eq!(client.answer().unwrap().json()["has_more"], false);
}

#[test]
fn a_connection_serves_many_requests_and_an_old_client_is_closed() {
    let simulator = simulator();
    let mut client = Client::new(simulator.addr);
    for stream in ["false", "true", "false"] {
        client.send(
            "POST",
            CHAT,
            &format!(r#"{{"model":"m","stream":{stream},"messages":[{{"role":"user","content":"x"}}]}}"#),
        );
        assert_eq!(client.answer().unwrap().end, End::Whole);
    }
    let requests = simulator.namespace("default").requests();
    assert!(requests.iter().all(|request| request.connection == requests[0].connection));

    let body = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}"#;
    let mut old = Client::new(simulator.addr);
    old.raw(&format!(
        "POST {CHAT} HTTP/1.0\r\nauthorization: Bearer k\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ));
    let answer = old.answer().unwrap();
    assert_eq!(answer.header("transfer-encoding"), None);
    assert!(answer.text().ends_with("data: [DONE]\n\n"));
}

#[test]
fn takes_chunked_bodies_and_asks_for_those_that_wait() {
    let simulator = simulator();
    let body = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
    let (first, second) = body.split_at(10);
    let mut client = Client::new(simulator.addr);
    client.raw(&format!("POST {CHAT} HTTP/1.1\r\nhost: s\r\nauthorization: Bearer k\r\nexpect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n"));
    client.until(|bytes| bytes.starts_with(b"HTTP/1.1 100"));
    client.raw(&format!("{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n", first.len(), second.len()));
    assert_eq!(client.answer().unwrap().status, 200);
    assert_eq!(simulator.namespace("default").body(0).unwrap(), body.as_bytes());
}
