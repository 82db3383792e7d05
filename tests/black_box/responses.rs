//! The Responses shape: passed on as it is, with state that the provider keeps, errors in its own form, and what it costs.

use ovth_gateway::simulator::{self, Handle, Options};
use serde_json::{Value, json};

use crate::support::{Answer, Bed, Gateway, Request, Response, Shape, Upstream, Way};

const PATH: &str = "/v1/responses";

/// A gateway in front of a simulator that plays a provider of each shape.
pub(crate) struct Scene {
    pub(crate) gateway: Gateway,
    pub(crate) simulator: Handle,
}

impl Scene {
    pub(crate) async fn start() -> Scene {
        let simulator = simulator::spawn(Options::default()).expect("the simulator starts");
        let config = format!(
            "providers:\n  openai: {{base_url: 'http://{0}/openai/v1', api_key: sk-good-0123456789}}\n  \
             anthropic: {{base_url: 'http://{0}/anthropic', api_key: sk-good-0123456789}}\n  \
             google: {{base_url: 'http://{0}/google', api_key: sk-good-0123456789}}\n  \
             plain: {{base_url: 'http://{0}/plain/v1', api_key: sk-good-0123456789, models: [small], shapes: [responses]}}\n  \
             chatty: {{base_url: 'http://{0}/chatty/v1', api_key: sk-good-0123456789, models: [little], shapes: [chat]}}\n\
             routes:\n  both: {{providers: [plain, openai], models: [small, gpt-6-luna]}}\n",
            simulator.addr
        );
        Scene { gateway: Gateway::start(&config).await, simulator }
    }

    pub(crate) async fn ask(&self, body: Value) -> Response {
        self.gateway.send(&Request::post(PATH, body.to_string()).bearer(self.gateway.key()), Way::Sized).await
    }
}

/// A request with these fields besides.
pub(crate) fn ask(model: &str, fields: Value) -> Value {
    let mut body = json!({"model": model, "input": "hello there"});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

/// The data of a stream's events.
pub(crate) fn events(response: &Response) -> Vec<Value> {
    let text = String::from_utf8(response.body.to_vec()).unwrap();
    text.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// The numbers of events.
pub(crate) fn numbers(events: &[Value]) -> Vec<u64> {
    events
        .iter()
        .map(|event| event["sequence_number"].as_u64().unwrap_or_else(|| panic!("a number: {event}")))
        .collect()
}

#[tokio::test]
async fn a_response_is_passed_on_and_accounted() {
    let scene = Scene::start().await;
    for path in [PATH, "/api/v1/responses"] {
        let request = Request::post(path, ask("gpt-6-luna", json!({})).to_string()).bearer(scene.gateway.key());
        let answer = scene.gateway.send(&request, Way::Sized).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["output"][0]["content"][0]["text"], "You said: hello there");
        let entry = scene.gateway.entry(answer.header("x-request-id").unwrap()).await;
        assert_eq!((&entry["shape"], &entry["upstream_shape"]), (&"responses".into(), &"responses".into()));
        assert_eq!(entry["tokens"]["output"], 4, "{entry}");
    }
    let streamed = scene.ask(ask("gpt-6-luna", json!({"stream": true}))).await;
    let events = events(&streamed);
    assert_eq!(events.first().unwrap()["type"], "response.created");
    assert_eq!(events.last().unwrap()["type"], "response.completed");
    let entry = scene.gateway.entry(streamed.header("x-request-id").unwrap()).await;
    assert_eq!(entry["tokens"]["output"], 4, "{entry}");
}

#[tokio::test]
async fn what_a_provider_keeps_is_asked_of_that_provider_only() {
    let scene = Scene::start().await;
    let refused = scene.ask(ask("small", json!({"previous_response_id": "resp_1"}))).await;
    assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &"previous_response_id".into()));
    assert!(refused.json()["error"]["message"].as_str().unwrap().contains("store: false"));

    // The simulator keeps nothing either; what counts is that it was asked, and the other was not.
    let asked = scene.ask(ask("both", json!({"previous_response_id": "resp_1"}))).await;
    assert_eq!(asked.json()["error"]["code"], "previous_response_not_found");
    assert_eq!(scene.simulator.namespace("plain").requests().len(), 0);
}

#[tokio::test]
async fn a_stream_that_breaks_ends_with_an_error_in_its_own_form_and_the_number_that_is_due() {
    let begun = Answer::stream().event(Shape::Responses.opening());
    let numbered = |kind: &str, more: Value| {
        let mut data = json!({"type": kind, "sequence_number": 4});
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        format!("event: {kind}\ndata: {data}\n\n")
    };
    let content = numbered("response.output_text.delta", json!({"delta": "begun", "item_id": "msg_test"}));
    let begun = begun.event(content);
    // What may speak of the operator's account is not passed on, and so its number is free.
    let limit = json!({"code": "rate_limit_exceeded", "message": "limit of org-1", "sequence_number": 5});
    let hidden = begun.clone().event(numbered("error", limit)).finished();
    for fault in [begun.clone().cut(), begun.clone().hold(), hidden] {
        let settings = "timeouts: {connect: 5s, first_byte: 700ms, idle: 700ms}\n";
        let bed = Bed::start_with(settings, Upstream::always(fault).await, Upstream::silent().await).await;
        let answer = bed.gateway.post(Shape::Responses, Shape::Responses.ask_stream(&bed.sole(), "go")).await;
        let events = events(&answer);
        let last = events.last().unwrap();
        assert_eq!(
            (&last["type"], &last["response"]["status"]),
            (&"response.failed".into(), &"failed".into()),
            "{last}"
        );
        assert_eq!(last["response"]["id"], "resp_test");
        assert_eq!(numbers(&events), (0..6).collect::<Vec<_>>());
        assert!(!answer.text().contains("org-1"));
    }
}

#[tokio::test]
async fn a_stream_in_which_the_provider_fails_ends_once_and_as_codex_knows_it() {
    let told = |kind: &str, more: Value| {
        let mut data = json!({"type": kind, "sequence_number": 5});
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        format!("event: {kind}\ndata: {data}\n\n")
    };
    let delta = json!({"delta": "begun", "item_id": "msg_test", "sequence_number": 4});
    let begun = Answer::stream().event(Shape::Responses.opening()).event(told("response.output_text.delta", delta));
    let failure = json!({"code": "server_error", "message": "The server had an error"});
    let failed = json!({"id": "resp_test", "object": "response", "status": "failed", "output": [], "error": failure, "sequence_number": 6});
    let failed = told("response.failed", json!({"response": failed}));
    let error = told("error", json!({"code": "server_error", "message": "The server had an error", "param": null}));
    let nested =
        told("error", json!({"error": {"type": "server_error", "code": "server_error", "message": "an error"}}));
    for answer in [
        begun.clone().event(&error).finished(),
        begun.clone().event(&error).event(&failed).finished(),
        begun.clone().event(error + &failed).finished(),
        begun.clone().event(&nested).cut(),
        begun.event(&failed).finished(),
    ] {
        let bed = Bed::start(Upstream::always(answer).await, Upstream::silent().await).await;
        let told = bed.gateway.post(Shape::Responses, Shape::Responses.ask_stream(&bed.sole(), "go")).await;
        let events = events(&told);
        let ends: Vec<&str> = events
            .iter()
            .filter_map(|event| event["type"].as_str())
            .filter(|kind| matches!(*kind, "error" | "response.failed" | "response.completed" | "response.incomplete"))
            .collect();
        assert_eq!(ends, ["response.failed"], "{}", told.text());
        let last = events.last().unwrap();
        assert_eq!((&last["response"]["id"], &last["response"]["status"]), (&"resp_test".into(), &"failed".into()));
        assert!(last["response"]["error"]["code"].is_string(), "{last}");
        assert!(told.text().contains("The server had an error") || told.text().contains("an error"), "{last}");
    }
}

#[tokio::test]
async fn input_tokens_are_counted_by_the_provider() {
    let scene = Scene::start().await;
    let request = Request::post("/v1/responses/input_tokens", ask("gpt-6-luna", json!({})).to_string());
    let counted = scene.gateway.send(&request.bearer(scene.gateway.key()), Way::Sized).await;
    assert_eq!((counted.status, &counted.json()["object"]), (200, &"response.input_tokens".into()));
}

#[tokio::test]
async fn input_on_the_path_of_chat_is_answered_as_responses() {
    let scene = Scene::start().await;
    for stream in [false, true] {
        let body = ask("gpt-6-luna", json!({"stream": stream})).to_string();
        let request = Request::post(Shape::Chat.path(), body).bearer(scene.gateway.key());
        let answer = scene.gateway.send(&request, Way::Sized).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        if stream {
            assert_eq!(events(&answer).last().unwrap()["type"], "response.completed");
        } else {
            assert_eq!(answer.json()["object"], "response");
        }
        let entry = scene.gateway.entry(answer.request_id()).await;
        assert_eq!((&entry["shape"], &entry["upstream_shape"]), (&"responses".into(), &"responses".into()));
    }
    let lost = Request::post(Shape::Chat.path(), r#"{"model":"gpt-6-luna","input":7}"#).bearer(scene.gateway.key());
    let refused = scene.gateway.send(&lost, Way::Sized).await;
    assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &"input".into()));
}

#[tokio::test]
async fn what_was_answered_is_not_kept_and_that_is_said() {
    let scene = Scene::start().await;
    for (method, path) in [
        ("GET", "/v1/responses/resp_1"),
        ("GET", "/v1/responses/resp_1?stream=true&starting_after=3"),
        ("DELETE", "/api/v1/responses/resp_1"),
        ("POST", "/v1/responses/resp_1/cancel"),
        ("GET", "/v1/responses/resp_1/input_items"),
    ] {
        let answer = scene.gateway.send(&Request::new(method, path).bearer(scene.gateway.key()), Way::Sized).await;
        let error = answer.json()["error"].clone();
        // On a hosted router's path the code is a number, and the word for it stands beside it.
        let word = if path.starts_with("/api") { &error["metadata"]["provider_code"] } else { &error["code"] };
        assert_eq!((answer.status, word), (404, &"response_not_found".into()), "{path}: {answer:?}");
        assert!(error["message"].as_str().unwrap().contains("not kept here"), "{error}");
    }
    for (fields, field) in [
        (json!({"background": true}), "background"),
        (json!({"conversation": "conv_1"}), "conversation"),
        (json!({"prompt": {"id": "pmpt_1"}}), "prompt"),
        (json!({"input": [{"type": "item_reference", "id": "msg_1"}]}), "input.item_reference"),
    ] {
        let refused = scene.ask(ask("small", fields.clone())).await;
        assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &field.into()), "{refused:?}");
    }
    // Nobody could fetch it, whoever keeps it.
    let refused = scene.ask(ask("gpt-6-luna", json!({"background": true}))).await;
    assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &"background".into()), "{refused:?}");
}

#[tokio::test]
async fn a_websocket_is_told_to_go_on_over_http() {
    let scene = Scene::start().await;
    let request = Request::get("/v1/responses")
        .bearer(scene.gateway.key())
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let answer = scene.gateway.send(&request, Way::Sized).await;
    assert_eq!((answer.status, answer.header("upgrade")), (426, Some("HTTP/1.1")), "{answer:?}");
    assert!(answer.json()["error"]["message"].as_str().unwrap().contains("POST"), "{answer:?}");
    let plain = scene.gateway.send(&Request::get("/v1/responses"), Way::Sized).await;
    assert_eq!(plain.status, 405, "{plain:?}");
}

/// A conversation with reasoning that somebody gave.
fn with_reasoning(model: &str, state: &str) -> String {
    let input = json!([
        {"role": "user", "content": "hi"},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "a thought"}], "encrypted_content": state},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hello"}]},
        {"role": "user", "content": "go on"},
    ]);
    json!({"model": model, "store": false, "input": input}).to_string()
}

#[tokio::test]
async fn reasoning_that_the_provider_cannot_read_is_left_out_once_and_from_then_on() {
    let refusal = json!({"error": {
        "message": "The encrypted content gAAA...DQ== could not be verified.", "type": "invalid_request_error", "param": null,
        "code": "invalid_encrypted_content",
    }});
    let upstream = Upstream::new(move |seen| match seen.json()["input"].to_string().contains("encrypted_content") {
        true => Answer::json(400, refusal.to_string()),
        false => Answer::plain(Shape::Responses, "served"),
    })
    .await;
    let bed = Bed::start(upstream, Upstream::silent().await).await;
    let body = with_reasoning(&bed.sole(), "gAAAAABof-another-organisation");
    for asked in [2, 3] {
        let answer = bed.gateway.post(Shape::Responses, body.clone()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("x-ovth-warnings"), Some("dropped:reasoning"), "{answer:?}");
        assert_eq!(bed.first.requests().len(), asked, "the second time it is known");
    }
    let last = bed.first.requests().pop().unwrap().json();
    assert_eq!(last["input"].as_array().unwrap().len(), 3, "{last}");

    // What the gateway gave in place of another provider's state is never sent.
    let sealed = with_reasoning(&bed.sole(), "gw1.anthropic.claude.0011.e30");
    let answer = bed.gateway.post(Shape::Responses, sealed).await;
    assert_eq!((answer.status, answer.attempts()), (200, 1), "{answer:?}");
    assert_eq!(answer.header("x-ovth-warnings"), Some("dropped:reasoning"), "{answer:?}");
}
