//! Bad requests are refused as the real providers refuse them.

use super::client::{Client, simulator};

#[test]
fn chat_refuses_what_openai_refuses() {
    let simulator = simulator();
    let user = r#"[{"role":"user","content":"x"}]"#;
    for (body, status, message, param, code) in [
        ("{", 400, "We could not parse the JSON body", None, None),
        (r#"{"messages":[]}"#, 400, "you must provide a model parameter", None, None),
        (
            r#"{"model":"m"}"#,
            400,
            "Missing required parameter: 'messages'.",
            Some("messages"),
            Some("missing_required_parameter"),
        ),
        (
            r#"{"model":"m","messages":[]}"#,
            400,
            "Invalid 'messages': empty array.",
            Some("messages"),
            Some("empty_array"),
        ),
        (
            &format!(r#"{{"model":"no-such-model","messages":{user}}}"#),
            404,
            "The model `no-such-model` does not exist",
            None,
            Some("model_not_found"),
        ),
        (
            &format!(r#"{{"model":"m","temperature":3,"messages":{user}}}"#),
            400,
            "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 3",
            Some("temperature"),
            Some("decimal_above_max_value"),
        ),
        (
            &format!(r#"{{"model":"gpt-5","max_tokens":5,"messages":{user}}}"#),
            400,
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            Some("max_tokens"),
            Some("unsupported_parameter"),
        ),
        (
            &format!(r#"{{"model":"gpt-5.4","tools":[{{"function":{{"name":"f"}}}}],"messages":{user}}}"#),
            400,
            "Function tools with reasoning_effort are not supported for gpt-5.4",
            Some("reasoning_effort"),
            None,
        ),
        (
            &format!(r#"{{"model":"m","n":0,"messages":{user}}}"#),
            400,
            "Invalid 'n': integer below minimum",
            Some("n"),
            Some("integer_below_min_value"),
        ),
        (
            &format!(r#"{{"model":"m","stream_options":{{}},"messages":{user}}}"#),
            400,
            "The 'stream_options' parameter",
            Some("stream_options"),
            None,
        ),
        (
            r#"{"model":"m","messages":[{"role":"tool","tool_call_id":"a","content":"x"}]}"#,
            400,
            "Invalid parameter: messages with role 'tool'",
            Some("messages.[0].role"),
            None,
        ),
        (
            r#"{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":""}}]},{"role":"user","content":"x"}]}"#,
            400,
            "An assistant message with 'tool_calls' must be followed",
            Some("messages.[1].role"),
            None,
        ),
    ] {
        let answer = Client::post(simulator.addr, "/v1/chat/completions", body);
        let error = answer.json()["error"].clone();
        assert_eq!(answer.status, status, "{body}");
        assert!(error["message"].as_str().unwrap().starts_with(message), "{error}");
        assert_eq!(error["param"].as_str(), param, "{body}");
        assert_eq!(error["code"].as_str(), code, "{body}");
    }
}

#[test]
fn messages_refuse_what_anthropic_refuses() {
    let simulator = simulator();
    let user = r#""messages":[{"role":"user","content":"x"}]"#;
    for (body, status, kind, message) in [
        (r#"{"messages":[]}"#, 400, "invalid_request_error", "model: Field required"),
        (r#"{"model":"m"}"#, 400, "invalid_request_error", "messages: Field required"),
        (&format!(r#"{{"model":"m",{user}}}"#), 400, "invalid_request_error", "max_tokens: Field required"),
        (
            &format!(r#"{{"model":"no-such-model","max_tokens":9,{user}}}"#),
            404,
            "not_found_error",
            "model: no-such-model",
        ),
        (
            &format!(r#"{{"model":"m","max_tokens":9,"temperature":1.5,{user}}}"#),
            400,
            "invalid_request_error",
            "temperature: range: 0..1",
        ),
        (
            &format!(r#"{{"model":"claude-opus-4-7","max_tokens":9,"temperature":0.5,{user}}}"#),
            400,
            "invalid_request_error",
            "`temperature` is deprecated for this model.",
        ),
        (
            &format!(r#"{{"model":"claude-opus-4-7","max_tokens":9,"temperature":1,"top_k":5,{user}}}"#),
            400,
            "invalid_request_error",
            "`top_k` is deprecated for this model.",
        ),
        (
            &format!(r#"{{"model":"m","max_tokens":9,"thinking":{{"type":"enabled","budget_tokens":5}},{user}}}"#),
            400,
            "invalid_request_error",
            "thinking.enabled.budget_tokens: Input should be",
        ),
        (
            r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":""}]}]}"#,
            400,
            "invalid_request_error",
            "messages: text content blocks must be non-empty",
        ),
        (
            r#"{"model":"m","max_tokens":9,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"f","input":{}}]},{"role":"user","content":"x"}]}"#,
            400,
            "invalid_request_error",
            "messages.0: `tool_use` ids were found without `tool_result` blocks immediately after: t1.",
        ),
        (
            r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"x"}]}]}"#,
            400,
            "invalid_request_error",
            "messages.0.content.0: unexpected `tool_use_id`",
        ),
    ] {
        let answer = Client::post(simulator.addr, "/v1/messages", body);
        let error = answer.json();
        assert_eq!((answer.status, error["error"]["type"].as_str()), (status, Some(kind)), "{body}");
        assert!(error["error"]["message"].as_str().unwrap().starts_with(message), "{error}");
        assert_eq!(error["request_id"].as_str(), answer.header("request-id"));
        assert_eq!(answer.header("x-should-retry"), Some("false"));
    }
}

#[test]
fn keys_and_versions_are_checked() {
    let simulator = simulator();
    let ask = |head: &str, path: &str| {
        let mut client = Client::new(simulator.addr);
        client.raw(&format!("POST {path} HTTP/1.1\r\nhost: s\r\n{head}content-length: 2\r\n\r\n{{}}"));
        client.answer().unwrap()
    };
    let wrong = ask("authorization: Bearer sk-invalid0123456789abcdefWXYZ\r\n", "/v1/chat/completions");
    assert_eq!(wrong.status, 401);
    let message = wrong.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("Incorrect API key provided: sk-inval***") && message.contains("*WXYZ."), "{message}");
    assert_eq!(ask("", "/v1/chat/completions").status, 401);
    let wrong = ask("x-api-key: sk-ant-invalid\r\n", "/v1/messages");
    assert_eq!((wrong.status, wrong.json()["error"]["message"].as_str()), (401, Some("invalid x-api-key")));
    let old = ask("x-api-key: sk-ant-1\r\n", "/v1/messages");
    assert_eq!(old.json()["error"]["message"], "anthropic-version: header is required");
}

#[test]
fn other_paths_and_methods_are_refused() {
    let simulator = simulator();
    let unknown = Client::post(simulator.addr, "/a/v1/files", "{}");
    assert_eq!((unknown.status, unknown.json()["error"]["type"].as_str()), (404, Some("invalid_request_error")));
    let method = Client::call(simulator.addr, "GET", "/v1/chat/completions", "");
    assert_eq!(method.status, 405);
}

#[test]
fn newer_models_take_what_replaced_the_refused() {
    let simulator = simulator();
    for (path, body) in [
        (
            "/v1/chat/completions",
            r#"{"model":"gpt-5","max_completion_tokens":5,"messages":[{"role":"user","content":"x"}]}"#,
        ),
        (
            "/v1/chat/completions",
            r#"{"model":"gpt-5.4","reasoning_effort":"none","tools":[{"function":{"name":"f"}}],"messages":[{"role":"user","content":"x"}]}"#,
        ),
        (
            "/v1/messages",
            r#"{"model":"claude-opus-4-7","max_tokens":9,"temperature":1,"messages":[{"role":"user","content":"x"}]}"#,
        ),
    ] {
        assert_eq!(Client::post(simulator.addr, path, body).status, 200, "{body}");
    }
}
