//! Counting tokens where the provider has no counter, or turns out to have none.

use serde_json::{Value, json};

use crate::support::{Answer, Gateway, Request, Response, Upstream, Way};

/// What a client is told where the gateway counted.
const ESTIMATED: Option<&str> = Some("approximated:input_tokens");

async fn gateway(upstream: &Upstream) -> Gateway {
    let base = format!("http://{}", upstream.address());
    Gateway::start(&format!(
        "providers:\n  anthropic: {{base_url: '{base}', api_key: sk-good-0123456789}}\n  \
         openai: {{base_url: '{base}/v1', api_key: sk-good-0123456789}}\n  \
         google: {{base_url: '{base}', api_key: sk-good-0123456789}}\n  \
         host: {{base_url: '{base}', api_key: sk-good-0123456789, models: [small], shapes: [messages]}}\n  \
         newer: {{base_url: '{base}/v1', api_key: sk-good-0123456789, models: [thinker], shapes: [responses]}}\n  \
         openrouter: {{base_url: '{base}/v1', api_key: sk-good-0123456789}}\n"
    ))
    .await
}

async fn count(gateway: &Gateway, path: &str, model: &str) -> Response {
    let text = "one two three four five";
    let body = match path {
        "/v1/responses/input_tokens" => json!({"model": model, "input": text}),
        path if path.starts_with("/gemini") => json!({"contents": [{"parts": [{"text": text}]}]}),
        _ => json!({"model": model, "messages": [{"role": "user", "content": text}]}),
    };
    let request = Request::post(path, body.to_string()).bearer(gateway.key());
    gateway.send(&request.header("x-goog-api-key", gateway.key()), Way::Sized).await
}

const MESSAGES: &str = "/anthropic/v1/messages/count_tokens";
const RESPONSES: &str = "/v1/responses/input_tokens";
const GOOGLE: &str = "/gemini/v1beta/models/gemini-3.8-flash:countTokens";

async fn assert_estimated(gateway: &Gateway, (path, model): (&str, &str), because: &str) {
    let counted = count(gateway, path, model).await;
    assert_eq!((counted.status, counted.header("x-ovth-warnings")), (200, ESTIMATED), "{because} {path}: {counted:?}");
    let body = counted.json();
    let tokens = body["input_tokens"].as_u64().or_else(|| body["totalTokens"].as_u64());
    assert!(tokens.is_some_and(|tokens| (4..100).contains(&tokens)), "{because} {path}: {body}");
    let entry = gateway.entry(counted.request_id()).await;
    assert_eq!((&entry["outcome"], &entry["charged_tokens"]), (&json!("ok"), &json!(0)), "{because} {path}: {entry}");
}

#[tokio::test]
async fn who_has_no_counter_is_not_asked() {
    let upstream = Upstream::always(Answer::json(500, "{}")).await;
    let gateway = gateway(&upstream).await;
    for asked in [
        (RESPONSES, "thinker"),
        (RESPONSES, "openrouter/openai/gpt-6-luna"),
        (MESSAGES, "openrouter/anthropic/claude-opus-5-5"),
    ] {
        assert_estimated(&gateway, asked, "nobody counts").await;
    }
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn who_turns_out_to_have_no_counter_is_told_for() {
    let unknown: fn() -> Value =
        || json!({"error": {"message": "Not Found", "type": "not_found_error"}, "type": "error"});
    for (because, answer) in [
        ("not found", Answer::json(404, unknown().to_string())),
        ("a page", Answer::whole(404, &[("content-type", "text/html")], "<html>nothing here</html>")),
        ("not allowed", Answer::json(405, r#"{"detail":"Method Not Allowed"}"#)),
    ] {
        let upstream = Upstream::always(answer).await;
        let gateway = gateway(&upstream).await;
        for asked in [(MESSAGES, "small"), (MESSAGES, "claude-sonnet-5"), (RESPONSES, "gpt-6-luna"), (GOOGLE, "")] {
            let before = upstream.requests().len();
            assert_estimated(&gateway, asked, because).await;
            assert_eq!(upstream.requests().len(), before + 1, "{because}: it is asked, and once");
        }
    }
}

#[tokio::test]
async fn a_counter_that_fails_otherwise_is_an_error() {
    let upstream = Upstream::always(Answer::json(
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"no"}}"#,
    ))
    .await;
    let gateway = gateway(&upstream).await;
    let refused = count(&gateway, MESSAGES, "small").await;
    assert_eq!((refused.status, refused.header("x-ovth-warnings")), (400, None), "{refused:?}");
}
