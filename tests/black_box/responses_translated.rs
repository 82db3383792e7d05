//! Clients of Responses at providers that speak other shapes: answers, streams, tools, failures, and what it costs.

use serde_json::{Value, json};

use crate::responses::{Scene, ask, events, numbers};
use crate::support::{Answer, Gate, Gateway, Request, Response, Shape, Upstream, Way};

/// A model of each provider, and the shape that it is asked in.
const UPSTREAMS: [(&str, &str, &str); 4] = [
    ("openai", "gpt-6-luna", "responses"),
    ("anthropic", "claude-sonnet-5-5", "messages"),
    ("google", "gemini-3.5-flash", "generate_content"),
    ("chatty", "little", "chat"),
];

/// All tokens of the prompt that an entry has.
fn prompt_tokens(entry: &Value) -> u64 {
    ["input", "cache_read", "cache_write", "cache_write_1h"]
        .iter()
        .map(|kind| entry["tokens"][kind].as_u64().unwrap())
        .sum()
}

/// Checks that the client was told what the ledger has.
fn assert_told(usage: &Value, entry: &Value) {
    assert_eq!(usage["input_tokens"], prompt_tokens(entry), "{usage} {entry}");
    assert_eq!(usage["output_tokens"], entry["tokens"]["output"], "{usage} {entry}");
    assert_eq!(usage["output_tokens_details"]["reasoning_tokens"], entry["tokens"]["reasoning"], "{usage} {entry}");
    assert_eq!(usage["input_tokens_details"]["cached_tokens"], entry["tokens"]["cache_read"], "{usage} {entry}");
    assert_eq!((&entry["outcome"], &entry["usage_source"]), (&"ok".into(), &"provider".into()), "{entry}");
}

fn item<'a>(response: &'a Value, kind: &str) -> &'a Value {
    let items = response["output"].as_array().unwrap();
    items.iter().find(|item| item["type"] == kind).unwrap_or_else(|| panic!("no {kind} in {response}"))
}

fn function(name: &str) -> Value {
    let parameters = json!({"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]});
    json!({"type": "function", "name": name, "description": "Reads a file.", "parameters": parameters, "strict": false})
}

#[tokio::test]
async fn every_shape_answers_whole_and_streamed_and_the_ledger_has_what_the_client_is_told() {
    let scene = Scene::start().await;
    for (_, model, shape) in UPSTREAMS {
        let fields = json!({"input": "[think] hello there", "reasoning": {"effort": "high", "summary": "auto"}});
        let whole = scene.ask(ask(model, fields.clone())).await;
        assert_eq!(whole.status, 200, "{shape}: {whole:?}");
        let response = whole.json();
        assert_eq!((&response["object"], &response["status"]), (&"response".into(), &"completed".into()), "{shape}");
        let text = &item(&response, "message")["content"][0]["text"];
        assert!(text.as_str().unwrap().starts_with("You said: "), "{shape}: {response}");
        let entry = scene.gateway.entry(whole.request_id()).await;
        assert_eq!((&entry["shape"], &entry["upstream_shape"]), (&"responses".into(), &shape.into()), "{entry}");
        assert_told(&response["usage"], &entry);

        let mut fields = fields;
        fields["stream"] = json!(true);
        let streamed = scene.ask(ask(model, fields)).await;
        let events = events(&streamed);
        assert_eq!(numbers(&events), (0..events.len() as u64).collect::<Vec<_>>(), "{shape}");
        assert_eq!(events[0]["type"], "response.created", "{shape}");
        let last = events.last().unwrap();
        assert_eq!(last["type"], "response.completed", "{shape}: {last}");
        let deltas: String = events
            .iter()
            .filter(|event| event["type"] == "response.output_text.delta")
            .map(|event| event["delta"].as_str().unwrap())
            .collect();
        assert_eq!(item(&last["response"], "message")["content"][0]["text"], deltas.as_str(), "{shape}");
        assert_eq!(*text, deltas.as_str(), "{shape}");
        assert_told(&last["response"]["usage"], &scene.gateway.entry(streamed.request_id()).await);
    }
}

#[tokio::test]
async fn tools_are_called_and_answered_over_two_turns_and_reasoning_goes_back() {
    let scene = Scene::start().await;
    for (provider, model, shape) in UPSTREAMS {
        for stream in [false, true] {
            let before = scene.simulator.namespace(provider).requests().len();
            let mut input =
                vec![json!({"role": "user", "content": "[tool=read] [think] [arguments={\"path\":\"a.txt\"}] go"})];
            let fields = |input: &[Value]| {
                json!({
                    "input": input, "stream": stream, "store": false, "include": ["reasoning.encrypted_content"],
                    "reasoning": {"effort": "high", "summary": "auto"}, "tools": [function("read"), function("write")],
                    "prompt_cache_key": "session-1", "instructions": "You are an agent.",
                })
            };
            let first = response_of(&scene.ask(ask(model, fields(&input))).await);
            let call = item(&first, "function_call").clone();
            assert_eq!(
                (&call["name"], &call["arguments"]),
                (&"read".into(), &"{\"path\":\"a.txt\"}".into()),
                "{shape}"
            );
            assert_eq!(call["status"], "completed", "{shape}");
            input.extend(first["output"].as_array().unwrap().iter().cloned());
            input.push(json!({"type": "function_call_output", "call_id": call["call_id"], "output": "42 lines"}));
            let second = response_of(&scene.ask(ask(model, fields(&input))).await);
            assert_eq!(item(&second, "message")["content"][0]["text"], "The tool said: 42 lines", "{shape}");
            let requests = scene.simulator.namespace(provider).requests();
            assert_eq!(requests.len() - before, 2, "{shape}");
            let body = requests.last().unwrap().body.as_ref().unwrap().get().to_owned();
            assert!(body.contains("42 lines"), "{shape}: {body}");
            // Each provider has its own word for the state of its reasoning.
            let state = match shape {
                "responses" => Some("encrypted_content"),
                "messages" => Some("signature"),
                "generate_content" => Some("thoughtSignature"),
                _ => None,
            };
            assert!(state.is_none_or(|state| body.contains(&format!("\"{state}\":\""))), "{shape}: {body}");
        }
    }
}

/// The response, whole or as the last event has it.
fn response_of(answer: &Response) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    if answer.header("content-type") == Some("application/json") {
        return answer.json();
    }
    let last = events(answer).pop().unwrap();
    assert_eq!(last["type"], "response.completed", "{last}");
    last["response"].clone()
}

#[tokio::test]
async fn what_codex_sends_is_served_by_every_shape() {
    let scene = Scene::start().await;
    for (_, model, shape) in UPSTREAMS {
        for (order, expected) in [
            (
                "[tool=apply_patch] [arguments={\"input\":\"*** Begin Patch\"}]",
                json!({"type": "custom_tool_call", "name": "apply_patch"}),
            ),
            (
                "[tool=mcp__files__read] [arguments={\"path\":\"b\"}]",
                json!({"type": "function_call", "name": "read", "namespace": "mcp__files"}),
            ),
        ] {
            if shape == "responses" && expected["namespace"].is_string() {
                // The simulator does not know what is in a namespace.
                continue;
            }
            let fields = json!({
                "instructions": "You are Codex.", "store": false, "stream": true, "tool_choice": "auto", "parallel_tool_calls": true,
                "include": ["reasoning.encrypted_content"], "prompt_cache_key": "0199-session", "text": {"verbosity": "low"},
                "reasoning": {"effort": "medium", "summary": "auto"}, "client_metadata": {"x-codex-turn-metadata": "{}"},
                "input": [
                    {"type": "message", "id": "msg_d", "role": "developer", "content": [{"type": "input_text", "text": "Sandbox: on."}]},
                    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": order}]},
                ],
                "tools": [
                    {"type": "custom", "name": "apply_patch", "description": "Edits files.",
                        "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}},
                    {"type": "namespace", "name": "mcp__files", "description": "Files.", "tools": [function("read")]},
                    {"type": "web_search", "external_web_access": true},
                ],
            });
            let request = Request::post("/v1/responses", ask(model, fields).to_string())
                .bearer(scene.gateway.key())
                .header("originator", "codex_exec")
                .header("session_id", "0199-session")
                .header("openai-beta", "responses=experimental");
            let answer = scene.gateway.send(&request, Way::Sized).await;
            let response = response_of(&answer);
            let call = item(&response, expected["type"].as_str().unwrap());
            for (name, value) in expected.as_object().unwrap() {
                assert_eq!(&call[name], value, "{shape}: {call}");
            }
            if expected["type"] == "custom_tool_call" {
                assert!(call["input"].as_str().unwrap().contains("*** Begin Patch"), "{shape}: {call}");
            }
            // Codex waits for the end of each item, with the id of its call.
            let done: Vec<Value> =
                events(&answer).into_iter().filter(|event| event["type"] == "response.output_item.done").collect();
            assert!(done.iter().any(|event| event["item"]["call_id"] == call["call_id"]), "{shape}: {done:?}");
        }
    }
}

#[tokio::test]
async fn failures_before_the_answer_come_in_the_form_of_openai() {
    let scene = Scene::start().await;
    for (provider, _, shape) in UPSTREAMS {
        for (fault, status, code) in [
            ("rate-limit", 429, json!("rate_limit_exceeded")),
            ("bad-key", 502, json!("upstream_auth_error")),
            ("error", 502, Value::Null),
        ] {
            for stream in [false, true] {
                let asked = ask(&format!("{provider}/sim-fault-{fault}"), json!({"stream": stream}));
                let refused = scene.ask(asked).await;
                assert_eq!(refused.status, status, "{shape}, {fault}: {refused:?}");
                assert_eq!(refused.header("content-type"), Some("application/json"), "{shape}, {fault}");
                let error = refused.json()["error"].clone();
                assert!(error["message"].is_string() && error["type"].is_string(), "{shape}, {fault}: {error}");
                assert!(code.is_null() || error["code"] == code, "{shape}, {fault}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn a_translated_stream_that_breaks_ends_with_the_number_that_is_due() {
    let scene = Scene::start().await;
    for (provider, _, shape) in UPSTREAMS.into_iter().filter(|(_, _, shape)| *shape != "responses") {
        for fault in ["cut", "reset"] {
            let asked = json!({"stream": true, "input": "[words=60] hello"});
            let cut = scene.ask(ask(&format!("{provider}/sim-fault-{fault}"), asked)).await;
            assert_eq!(cut.status, 200, "{shape}: {cut:?}");
            let events = events(&cut);
            let last = events.last().unwrap();
            assert_eq!(
                (&last["type"], &last["response"]["status"]),
                (&"response.failed".into(), &"failed".into()),
                "{shape}: {last}"
            );
            assert_eq!(last["response"]["id"], events[0]["response"]["id"], "{shape}");
            assert_eq!(numbers(&events), (0..events.len() as u64).collect::<Vec<_>>(), "{shape}");
            let entry = scene.gateway.entry(cut.request_id()).await;
            assert_eq!(entry["outcome"], "transport", "{entry}");
            assert!(entry["tokens"]["output"].as_u64().unwrap() > 0, "{entry}");
        }
    }
}

/// A gateway in front of one provider of that shape.
async fn in_front_of(upstream: &Upstream, shape: &str) -> Gateway {
    let config = format!(
        "commit_after: 200ms\nheartbeat: 200ms\nproviders:\n  one: {{base_url: '{}', api_key: upstream-secret-0123456789, shapes: [{shape}], models: [model]}}\n",
        upstream.base_url()
    );
    Gateway::start(&config).await
}

#[tokio::test]
async fn a_prompt_that_is_too_long_is_said_in_the_word_that_codex_looks_for() {
    let overflow = r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 8 maximum"}}"#;
    let upstream = Upstream::always(Answer::json(400, overflow)).await;
    let gateway = in_front_of(&upstream, "messages").await;
    let refused = gateway.post(Shape::Responses, Shape::Responses.ask_stream("model", "long")).await;
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (400, &"context_length_exceeded".into()));

    // After heartbeats it is the code of a failed response.
    let gate = Gate::new();
    let upstream = Upstream::always(Answer::json(400, overflow).behind(&gate)).await;
    let gateway = in_front_of(&upstream, "messages").await;
    let mut connection = gateway.open(Shape::Responses, Shape::Responses.ask_stream("model", "long")).await;
    assert_eq!(connection.head().await.status(), 200);
    assert!(connection.event().await.unwrap().is_heartbeat());
    gate.open();
    let last: Value = serde_json::from_str(&connection.events().await.pop().unwrap().data()).unwrap();
    assert_eq!((&last["type"], &last["sequence_number"]), (&"response.failed".into(), &json!(0)), "{last}");
    assert_eq!(last["response"]["error"]["code"], "context_length_exceeded", "{last}");
}

#[tokio::test]
async fn who_leaves_a_translated_stream_is_charged_for_what_was_sent() {
    for shape in Shape::BOTH {
        let answer = Answer::stream().event(shape.opening()).event(shape.content("The quick brown fox jumps over "));
        let upstream = Upstream::always(answer.hold()).await;
        let gateway = in_front_of(&upstream, if shape == Shape::Chat { "chat" } else { "messages" }).await;
        let mut connection = gateway.open(Shape::Responses, Shape::Responses.ask_stream("model", "go")).await;
        let id = connection.head().await.header("x-request-id").unwrap().to_owned();
        while Shape::Responses.delta(&connection.event().await.unwrap().data()).is_empty() {}
        let seen = upstream.request(0).await;
        drop(connection);
        seen.link.closed().await;
        let entry = gateway.entry(&id).await;
        assert_eq!(
            (&entry["outcome"], &entry["usage_source"]),
            (&"client_abort".into(), &"estimated".into()),
            "{entry}"
        );
        assert!((5..=16).contains(&entry["tokens"]["output"].as_u64().unwrap()), "{entry}");
    }
}

#[tokio::test]
async fn input_tokens_are_counted_here_where_the_provider_cannot_be_asked_in_this_shape() {
    let scene = Scene::start().await;
    for (_, model, shape) in UPSTREAMS.into_iter().filter(|(_, _, shape)| *shape != "responses") {
        let body = ask(
            model,
            json!({"input": "one two three four five", "instructions": "Count.", "tools": [function("read")]}),
        );
        let request = Request::post("/v1/responses/input_tokens", body.to_string()).bearer(scene.gateway.key());
        let counted = scene.gateway.send(&request, Way::Sized).await;
        assert_eq!((counted.status, &counted.json()["object"]), (200, &"response.input_tokens".into()), "{shape}");
        assert!((8..1_000).contains(&counted.json()["input_tokens"].as_u64().unwrap()), "{shape}: {counted:?}");
        assert_eq!(counted.header("x-ovth-warnings"), Some("approximated:input_tokens"), "{shape}");
        let entry = scene.gateway.entry(counted.request_id()).await;
        assert_eq!((&entry["operation"], &entry["charged_tokens"]), (&"count_tokens".into(), &json!(0)), "{entry}");
    }
}

/// A chat request with tools.
fn agent(model: &str, messages: &Value, fields: Value) -> Value {
    let parameters = json!({"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]});
    let tool =
        json!({"type": "function", "function": {"name": "read", "description": "Reads.", "parameters": parameters}});
    let mut body = json!({"model": model, "messages": messages, "tools": [tool]});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

/// The paths below the version that a provider was asked on.
fn paths(scene: &Scene) -> Vec<String> {
    let requests = scene.simulator.namespace("openai").requests();
    requests.iter().map(|request| request.path.rsplit_once("/v1/").unwrap().1.to_owned()).collect()
}

#[tokio::test]
async fn a_chat_request_with_tools_goes_up_as_responses_where_the_model_refuses_them_on_chat() {
    let scene = Scene::start().await;
    let user = json!({"role": "user", "content": "[tool=read] [arguments={\"path\":\"a\"}] go"});
    for stream in [false, true] {
        let body = agent(
            "gpt-6-luna",
            &json!([user]),
            json!({"stream": stream, "stream_options": if stream { json!({"include_usage": true}) } else { Value::Null }}),
        );
        let first = scene.gateway.post(Shape::Chat, body.to_string()).await;
        assert_eq!(first.status, 200, "{first:?}");
        let entry = scene.gateway.entry(first.request_id()).await;
        assert_eq!((&entry["shape"], &entry["upstream_shape"]), (&"chat".into(), &"responses".into()), "{entry}");
        let usage;
        let id = if stream {
            let chunks: Vec<Value> = first
                .text()
                .lines()
                .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
                .collect();
            assert!(chunks.iter().all(|chunk| chunk["object"] == "chat.completion.chunk"), "{chunks:?}");
            assert!(first.text().ends_with("data: [DONE]\n\n"), "{}", first.text());
            usage = chunks.last().unwrap()["usage"].clone();
            let call = chunks.iter().find_map(|chunk| chunk["choices"][0]["delta"]["tool_calls"][0]["id"].as_str());
            call.unwrap().to_owned()
        } else {
            let answer = first.json();
            assert_eq!(
                (&answer["object"], &answer["choices"][0]["finish_reason"]),
                (&"chat.completion".into(), &"tool_calls".into())
            );
            usage = answer["usage"].clone();
            let call = &answer["choices"][0]["message"]["tool_calls"][0];
            assert_eq!(
                (&call["function"]["name"], &call["function"]["arguments"]),
                (&"read".into(), &"{\"path\":\"a\"}".into())
            );
            call["id"].as_str().unwrap().to_owned()
        };
        assert_eq!(
            (&usage["prompt_tokens"], &usage["completion_tokens"]),
            (&json!(prompt_tokens(&entry)), &entry["tokens"]["output"])
        );
        let call = json!({"id": id, "type": "function", "function": {"name": "read", "arguments": "{\"path\":\"a\"}"}});
        let history = json!([
            user, {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": id, "content": "42"},
        ]);
        let second = scene.gateway.post(Shape::Chat, agent("gpt-6-luna", &history, json!({})).to_string()).await;
        assert_eq!(Shape::Chat.text(&second.json()), "The tool said: 42");
    }
    assert_eq!(paths(&scene), ["responses"; 4]);
    let sent = scene.simulator.namespace("openai").requests().pop().unwrap().body.unwrap().get().to_owned();
    let sent: Value = serde_json::from_str(&sent).unwrap();
    assert_eq!((&sent["store"], &sent["include"]), (&json!(false), &json!(["reasoning.encrypted_content"])), "{sent}");
    assert_eq!(sent["tools"][0]["strict"], json!(false), "chat asks for no strictness: {sent}");
}

#[tokio::test]
async fn what_the_model_takes_on_chat_stays_there() {
    let scene = Scene::start().await;
    let hello = json!([{"role": "user", "content": "hello"}]);
    for body in [
        json!({"model": "gpt-6-luna", "messages": hello}),
        agent("gpt-6-luna", &hello, json!({"reasoning_effort": "none"})),
        agent("gpt-4.1-mini", &hello, json!({})),
    ] {
        let answer = scene.gateway.post(Shape::Chat, body.to_string()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(paths(&scene), ["chat/completions"; 3]);
    // Another shape's client is asked for in the same way.
    let tool = json!({"name": "read", "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}}});
    let body = json!({"model": "gpt-6-luna", "max_tokens": 64, "messages": hello, "tools": [tool]});
    let answer = scene.gateway.post(Shape::Messages, body.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(paths(&scene).last().unwrap(), "responses");
}
