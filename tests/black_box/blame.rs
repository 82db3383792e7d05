//! Whose fault a refusal is: what a client names takes no credential and no model out of service.

use serde_json::{Value, json};

use crate::support::{Answer, Gateway, Request, Response, Shape, Upstream, Way};

/// A gateway with a route that goes to the first upstream before the second.
struct Scene {
    gateway: Gateway,
    first: Upstream,
    _second: Upstream,
}

impl Scene {
    /// `first`: the first provider but for its place; its upstream refuses what holds `named`, with that status and body.
    async fn start(first: &str, refuses: &'static str, status: u16, body: Value) -> Scene {
        let body = body.to_string();
        let upstream = Upstream::new(move |seen| {
            if String::from_utf8_lossy(&seen.body).contains(refuses) {
                return Answer::json(status, body.clone());
            }
            if seen.head.path().contains("gemini") {
                let candidate =
                    json!({"content": {"role": "model", "parts": [{"text": "served"}]}, "finishReason": "STOP"});
                return Answer::json(200, json!({"candidates": [candidate]}).to_string());
            }
            Answer::plain(seen.shape(), "served")
        })
        .await;
        let other = Upstream::always(Answer::plain(Shape::Chat, "the other")).await;
        let config = format!(
            "providers:\n  {first}, base_url: 'http://{}'}}\n  other: {{shapes: [chat], models: [small], api_key: sk-other-0123456789, base_url: '{}'}}\n\
             routes:\n  both: {{providers: [{}, other], models: [gemini-3.8-flash, gpt-6-luna, small]}}\n",
            upstream.address(),
            other.base_url(),
            first.split(':').next().unwrap(),
        );
        Scene { gateway: Gateway::start(&config).await, first: upstream, _second: other }
    }

    async fn ask(&self, path: &str, body: &Value) -> Response {
        let request = Request::post(path, body.to_string()).bearer(self.gateway.key());
        self.gateway.send(&request.header("x-goog-api-key", self.gateway.key()), Way::Sized).await
    }
}

#[tokio::test]
async fn a_cache_or_file_of_google_s_that_the_account_does_not_have_is_the_client_s_mistake() {
    const PATH: &str = "/gemini/v1beta/models/both:generateContent";
    let contents = |parts: Value| json!([{"role": "user", "parts": parts}]);
    let plain = json!({"contents": contents(json!([{"text": "hi"}]))});
    let mut cached = plain.clone();
    cached["cachedContent"] = json!("cachedContents/none");
    let uri = "https://generativelanguage.googleapis.com/v1beta/files/none";
    let file = json!({"contents": contents(json!([{"fileData": {"fileUri": uri, "mimeType": "text/plain"}}, {"text": "hi"}]))});
    for (asks, message) in [
        (cached, "CachedContent not found (or permission denied)"),
        (file, "You do not have permission to access the File none or it may not exist."),
    ] {
        let refusal = json!({"error": {"code": 403, "message": message, "status": "PERMISSION_DENIED"}});
        let scene = Scene::start("google: {api_key: google-secret-0123456789", "none", 403, refusal.clone()).await;
        let refused = scene.ask(PATH, &asks).await;
        assert_eq!((refused.status, refused.attempts()), (403, 1), "{refused:?}");
        assert_eq!(refused.json(), refusal);
        let served = scene.ask(PATH, &plain).await;
        assert_eq!((served.status, served.attempts()), (200, 1), "{served:?}");
        assert_eq!(served.json()["candidates"][0]["content"]["parts"][0]["text"], "served", "{served:?}");
        assert_eq!(scene.first.requests().len(), 2);
    }
}

#[tokio::test]
async fn a_feature_of_openai_s_that_the_account_may_not_use_is_the_client_s_mistake() {
    let error = |kind: &str, param: Value, message: &str| json!({"error": {"message": message, "type": kind, "param": param, "code": null}});
    for refusal in [
        error("invalid_request_error", json!("access_programs"), "You are not authorized to use this program."),
        error("permission_error", json!("access_programs"), "no"),
        error("invalid_request_error", Value::Null, "You are not allowed to generate logprobs from this model."),
    ] {
        let scene = Scene::start("openai: {api_key: sk-first-0123456789", "daybreak_red", 403, refusal.clone()).await;
        let mut body = json!({"model": "both", "messages": [{"role": "user", "content": "hi"}]});
        body["access_programs"] = json!({"cyber": "daybreak_red"});
        let refused = scene.ask("/v1/chat/completions", &body).await;
        assert_eq!((refused.status, refused.json()), (403, refusal), "{refused:?}");
        body.as_object_mut().unwrap().remove("access_programs");
        let served = scene.ask("/v1/chat/completions", &body).await;
        assert_eq!((Shape::Chat.text(&served.json()), served.attempts()), ("served".to_owned(), 1), "{served:?}");
    }
}

#[tokio::test]
async fn an_id_that_has_the_word_model_in_it_is_no_model_that_is_missing() {
    for message in [
        "Conversation with id 'conv_model' not found.",
        "No file 'model' was found.",
        "Vector store vs-model-1 not found.",
    ] {
        let refusal =
            json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": null}});
        let scene = Scene::start("openai: {api_key: sk-first-0123456789", "refuse", 404, refusal.clone()).await;
        let ask = |text: &str| json!({"model": "both", "messages": [{"role": "user", "content": text}]});
        let refused = scene.ask("/v1/chat/completions", &ask("refuse")).await;
        assert_eq!((refused.status, refused.json()), (404, refusal), "{refused:?}");
        let served = scene.ask("/v1/chat/completions", &ask("hi")).await;
        assert_eq!((Shape::Chat.text(&served.json()), served.attempts()), ("served".to_owned(), 1), "{served:?}");
    }
}
