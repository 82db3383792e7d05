//! What a router's clients are told: ids, providers, costs, reasons, errors; and that nobody else is told so.

use serde_json::{Value, json};

use super::{CHAT, ask, chat, gateway, param};
use crate::support::{Answer, Connection, Gate, Gateway, Request, Response, Shape, Upstream, Way, provider};

async fn serving(text: &'static str) -> Upstream {
    Upstream::new(move |seen| match seen.json()["stream"].as_bool() {
        Some(true) => Answer::streamed(seen.shape(), &[text]),
        _ => Answer::plain(seen.shape(), text),
    })
    .await
}

/// The chunks of a stream, and whether it ended as it must.
fn chunks(response: &Response) -> (Vec<Value>, bool) {
    assert_eq!(response.status, 200, "{response:?}");
    let data: Vec<&str> = response.text().lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let ended = data.last() == Some(&"[DONE]");
    (data.iter().filter(|data| **data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect(), ended)
}

async fn plain(gateway: &Gateway, body: String, header: Option<(&str, &str)>) -> Response {
    let request = Request::post("/v1/chat/completions", body).bearer(gateway.key());
    let request = header.into_iter().fold(request, |request, (name, value)| request.header(name, value));
    gateway.send(&request, Way::Sized).await
}

#[tokio::test]
async fn whole_and_streamed_answers_have_what_a_router_adds() {
    let (first, second) = (serving("hello").await, serving("hello").await);
    let gateway = gateway(&first, &second).await;
    let response = ask(&gateway, json!({"model": "shared"})).await;
    let told = response.json();
    let generation = response.header("x-generation-id").unwrap();
    assert!(generation.starts_with("gen-") && told["id"] == generation, "{told}");
    assert_eq!(
        (told["provider"].as_str(), told["choices"][0]["native_finish_reason"].as_str()),
        (Some("first"), Some("stop"))
    );
    let usage = &told["usage"];
    let tokens = |name: &str| usage[name].as_u64().unwrap();
    let expected = (tokens("prompt_tokens") * 2 + tokens("completion_tokens") * 4) as f64 / 1e6;
    assert!((usage["cost"].as_f64().unwrap() - expected).abs() < 1e-12, "{usage}");
    assert_eq!(
        (usage["is_byok"].as_bool(), usage["cost_details"]["upstream_inference_cost"].as_f64()),
        (Some(false), usage["cost"].as_f64())
    );

    let response = ask(&gateway, json!({"model": "shared", "stream": true})).await;
    let generation = response.header("x-generation-id").unwrap();
    let (seen, ended) = chunks(&response);
    assert!(ended, "{response:?}");
    for chunk in &seen {
        assert_eq!((chunk["id"].as_str(), chunk["provider"].as_str()), (Some(generation), Some("first")), "{chunk}");
        assert!(chunk.get("usage").is_none_or(Value::is_object), "{chunk}");
    }
    let counted: Vec<&Value> = seen.iter().filter_map(|chunk| chunk.get("usage")).collect();
    assert_eq!(counted.len(), 1, "{seen:?}");
    assert!(counted[0]["cost"].as_f64().unwrap() > 0.0, "{counted:?}");
}

#[tokio::test]
async fn a_plain_client_is_told_nothing_of_it() {
    let (first, second) = (serving("hello").await, serving("hello").await);
    let gateway = gateway(&first, &second).await;
    let body = |more: Value| {
        let mut fields = json!({"model": "shared"});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        chat(fields)
    };
    let response = plain(&gateway, body(json!({})), None).await;
    assert_eq!((response.text(), response.header("x-generation-id")), (Shape::Chat.plain("hello").as_str(), None));
    let refused = plain(&gateway, chat(json!({"model": "nothing-like-it"})), None).await;
    assert_eq!(refused.json()["error"]["code"], "model_not_found");
    for (more, header) in [
        (json!({}), Some(("x-title", "an app"))),
        (json!({}), Some(("http-referer", "https://app.example"))),
        (json!({"provider": {}}), None),
        (json!({"usage": {"include": true}}), None),
        (json!({"model": "shared:floor"}), None),
        (json!({"reasoning": {"enabled": true}}), None),
    ] {
        let response = plain(&gateway, body(more.clone()), header).await;
        assert!(response.json()["id"].as_str().unwrap().starts_with("gen-"), "{more} {header:?}");
    }
    let refused = plain(&gateway, chat(json!({"model": "nothing-like-it"})), Some(("x-title", "an app"))).await;
    assert_eq!(param(&refused, 404), "model");
}

#[tokio::test]
async fn other_shapes_are_told_the_name_of_their_answer_and_no_more() {
    let (first, second) = (serving("hello").await, serving("hello").await);
    let gateway = gateway(&first, &second).await;
    for (path, shape) in [("/api/v1/messages", Shape::Messages), ("/api/v1/responses", Shape::Responses)] {
        let mut body: Value = serde_json::from_str(&shape.ask("no-such-model", "hello")).unwrap();
        body["models"] = json!(["shared"]);
        body["provider"] = json!({"order": ["second"]});
        let response = gateway.send(&Request::post(path, body.to_string()).bearer(gateway.key()), Way::Sized).await;
        assert_eq!((response.status, shape.text(&response.json()).as_str()), (200, "hello"), "{response:?}");
        assert!(response.header("x-generation-id").unwrap().starts_with("gen-"));
    }
    assert_eq!((first.requests().len(), second.requests().len()), (0, 2));
    let wrong = gateway.send(&Request::post("/api/v1/messages", "{}").bearer(gateway.key()), Way::Sized).await;
    assert_eq!((wrong.status, wrong.json()["type"].as_str()), (400, Some("error")), "{wrong:?}");
}

#[tokio::test]
async fn failures_are_told_in_a_router_s_form_with_the_provider_s_name() {
    let first = Upstream::new(|_| Answer::error(Shape::Chat, 429)).await;
    let second =
        Upstream::new(|_| Answer::json(400, r#"{"error":{"message":"that is wrong","type":"invalid_request_error"}}"#))
            .await;
    let gateway = gateway(&first, &second).await;
    let error = |response: &Response| response.json()["error"].clone();
    let limited = ask(&gateway, json!({"model": "one"})).await;
    let told = error(&limited);
    assert_eq!((limited.status, told["code"].as_u64()), (429, Some(429)), "{limited:?}");
    assert_eq!(
        (told["metadata"]["error_type"].as_str(), told["metadata"]["provider_name"].as_str()),
        (Some("rate_limit_exceeded"), Some("first"))
    );
    let wrong = ask(&gateway, json!({"model": "two"})).await;
    let told = error(&wrong);
    assert_eq!(
        (wrong.status, told["code"].as_u64(), told["metadata"]["provider_name"].as_str()),
        (400, Some(400), Some("second")),
        "{wrong:?}"
    );
    assert!(told["message"].as_str().unwrap().contains("that is wrong"), "{told}");
    for path in [CHAT, "/api/v1/responses", "/api/v1/key"] {
        let method = if path.ends_with("key") { "GET" } else { "POST" };
        let nobody = gateway.send(&Request::new(method, path).bearer("ovth_live_wrong"), Way::Sized).await;
        assert_eq!((nobody.status, error(&nobody)["code"].as_u64()), (401, Some(401)), "{path}: {nobody:?}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_ends_with_a_chunk_that_says_so() {
    let gate = Gate::new();
    let wait = gate.clone();
    let broken = Upstream::new(move |_| {
        let answer = Answer::stream().event(Shape::Chat.opening()).event(Shape::Chat.content("so far"));
        answer.wait(&wait).event(Shape::Chat.overloaded_event()).finished()
    })
    .await;
    let second = serving("hello").await;
    let gateway = gateway(&broken, &second).await;
    let mut connection = Connection::open(gateway.address()).await;
    let body = chat(json!({"model": "one", "stream": true}));
    connection.send(&Request::post(CHAT, body).bearer(gateway.key()), Way::Sized).await;
    let head = connection.head().await;
    assert_eq!(head.status(), 200);
    let mut seen: Vec<String> = Vec::new();
    while let Some(event) = connection.event().await {
        if event.data().contains("so far") {
            // It has begun: from here on there is no other target.
            gate.open();
        }
        seen.push(event.data());
    }
    let errors: Vec<Value> = seen
        .iter()
        .filter_map(|data| serde_json::from_str::<Value>(data).ok())
        .filter(|chunk| chunk.get("error").is_some())
        .collect();
    assert_eq!((errors.len(), seen.last().map(|data| data.contains("[DONE]"))), (1, Some(false)), "{seen:?}");
    let last = &errors[0];
    assert_eq!(last["id"].as_str(), head.header("x-generation-id"));
    assert_eq!(
        (last["choices"][0]["finish_reason"].as_str(), last["object"].as_str()),
        (Some("error"), Some("chat.completion.chunk"))
    );
    assert!(last["error"]["code"].is_u64() && last["error"]["metadata"]["error_type"].is_string(), "{last}");
    assert_eq!(last["error"]["metadata"]["provider_name"], "first");
}

#[tokio::test]
async fn a_silent_stream_is_kept_alive_by_a_router_s_comment() {
    let gate = Gate::new();
    let wait = gate.clone();
    let silent = Upstream::new(move |_| {
        Answer::stream().wait(&wait).event(Shape::Chat.content("late")).event(Shape::Chat.closing()).finished()
    })
    .await;
    let config = format!(
        "commit_after: 1s\nheartbeat: 300ms\nproviders:\n{}",
        provider("first", &silent.base_url(), &["one".to_owned()])
    );
    let gateway = Gateway::start(&config).await;
    let mut connection = Connection::open(gateway.address()).await;
    let body = chat(json!({"model": "one", "stream": true}));
    connection.send(&Request::post(CHAT, body).bearer(gateway.key()), Way::Sized).await;
    assert_eq!(connection.head().await.status(), 200);
    let event = connection.event().await.expect("a heartbeat");
    assert!(format!("{event:?}").contains("OPENROUTER PROCESSING"), "{event:?}");
    gate.open();
    let mut text = String::new();
    while let Some(event) = connection.event().await {
        text += &event.data();
    }
    assert!(text.contains("late") && text.contains("[DONE]"), "{text}");
}
