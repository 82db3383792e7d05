//! Google's API as clients speak it: paths, keys, both framings of a stream, tools, counts and lists, whoever serves the model.

mod ends;
mod errors;
mod keys;
mod lists;
mod streams;
mod tools;

use ovth_gateway::simulator::{self, Handle, Options};
use serde_json::{Value, json};

use crate::support::{Gateway, Request, Response, Way};

/// A model for each shape that a provider speaks; the first is Google's.
const MODELS: [(&str, &str); 4] = [
    ("gemini-3.8-flash", "generate_content"),
    ("small", "chat"),
    ("thinker", "responses"),
    ("claude-local", "messages"),
];

struct Scene {
    gateway: Gateway,
    simulator: Handle,
}

impl Scene {
    async fn start() -> Scene {
        Scene::start_with("", "info").await
    }

    async fn start_with(settings: &str, log: &str) -> Scene {
        let simulator = simulator::spawn(Options::default()).expect("the simulator starts");
        let config = format!(
            "{settings}\nproviders:\n  google: {{base_url: 'http://{0}/google', api_key: google-secret-0123456789}}\n  \
             plain: {{base_url: 'http://{0}/plain/v1', api_key: sk-good-0123456789, models: [small], shapes: [chat]}}\n  \
             newer: {{base_url: 'http://{0}/newer/v1', api_key: sk-good-0123456789, models: [thinker], shapes: [responses]}}\n  \
             other: {{base_url: 'http://{0}/other', api_key: sk-good-0123456789, models: [claude-local], shapes: [messages]}}\n\
             routes:\n  auto: {{providers: [google], models: [gemini-3.8-flash]}}\n  \
             anthropic/claude-any: {{providers: [other], models: [claude-local]}}\n",
            simulator.addr
        );
        Scene { gateway: Gateway::start_with(&config, &[("OVTH_LOG", log)]).await, simulator }
    }

    /// Calls a method of a model, as Google's SDKs do.
    async fn call(&self, call: &str, body: &Value) -> Response {
        self.gateway.send(&self.request(call, body), Way::Sized).await
    }

    fn request(&self, call: &str, body: &Value) -> Request {
        Request::post(format!("/gemini/v1beta/models/{call}"), body.to_string())
            .header("x-goog-api-key", self.gateway.key())
    }
}

fn ask(text: &str) -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": text}]}]})
}

/// The texts of an answer that are no thoughts.
fn text(answer: &Value) -> String {
    let parts = answer["candidates"][0]["content"]["parts"].as_array().into_iter().flatten();
    parts.filter(|part| part["thought"] != true).filter_map(|part| part["text"].as_str()).collect()
}

/// The answers that a stream of events holds.
fn events(response: &Response) -> Vec<Value> {
    let data = response.text().lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// The answers that a stream holds which is one array.
fn elements(response: &Response) -> Vec<Value> {
    response.json().as_array().unwrap_or_else(|| panic!("no array: {response:?}")).clone()
}

#[tokio::test]
async fn an_answer_is_given_whole_as_events_and_as_an_array_whoever_serves_the_model() {
    let scene = Scene::start().await;
    for (model, shape) in MODELS {
        let body = ask("hello there");
        let whole = scene.call(&format!("{model}:generateContent"), &body).await;
        assert_eq!((whole.status, text(&whole.json())), (200, "You said: hello there".to_owned()), "{whole:?}");
        assert_eq!(whole.json()["modelVersion"], model);
        assert_eq!(whole.json()["candidates"][0]["finishReason"], "STOP");
        assert!(whole.header("content-type").unwrap().starts_with("application/json"));

        let streamed = scene.call(&format!("{model}:streamGenerateContent?alt=sse"), &body).await;
        assert!(streamed.header("content-type").unwrap().starts_with("text/event-stream"), "{streamed:?}");
        let chunks = events(&streamed);
        assert_eq!(chunks.iter().map(text).collect::<String>(), "You said: hello there", "{model}");
        assert_eq!(chunks.last().unwrap()["candidates"][0]["finishReason"], "STOP", "{model}");

        let array = scene.call(&format!("{model}:streamGenerateContent"), &body).await;
        assert!(array.header("content-type").unwrap().starts_with("application/json"), "{array:?}");
        assert_eq!(array.header("x-accel-buffering"), Some("no"));
        let chunks = elements(&array);
        assert!(chunks.len() > 1, "{chunks:?}");
        assert_eq!(chunks.iter().map(text).collect::<String>(), "You said: hello there", "{model}");

        for response in [&whole, &streamed, &array] {
            assert_eq!((response.status, response.attempts()), (200, 1));
            let entry = scene.gateway.entry(response.request_id()).await;
            assert_eq!((&entry["shape"], &entry["upstream_shape"]), (&json!("generate_content"), &json!(shape)));
            assert_eq!((&entry["operation"], &entry["outcome"]), (&json!("generate"), &json!("ok")));
            assert_eq!((&entry["model_asked"], &entry["model"]), (&json!(model), &json!(model)), "{entry}");
            assert_eq!(entry["tokens"]["output"], 4, "{model}: {entry}");
            assert_eq!(entry["usage_source"], "provider", "{entry}");
        }
    }
}

#[tokio::test]
async fn to_google_a_request_goes_as_it_came_with_the_operator_s_key() {
    let scene = Scene::start().await;
    // With what nobody but Google knows, and white space of the client's own.
    let body = r#"{ "contents" : [{"parts":[{"text":"hi"}]}],  "safetySettings": [], "labels": {"team": "red"} }"#;
    for call in ["gemini-3.8-flash:generateContent", "gemini-3.8-flash:streamGenerateContent", "auto:generateContent"] {
        let request = Request::post(format!("/gemini/v1beta/models/{call}"), body)
            .header("x-goog-api-key", scene.gateway.key())
            .header("x-goog-api-client", "google-genai-sdk/3.4.0");
        let response = scene.gateway.send(&request, Way::Sized).await;
        assert_eq!(response.status, 200, "{response:?}");
    }
    let namespace = scene.simulator.namespace("google");
    let requests = namespace.requests();
    for (index, report) in requests.iter().enumerate() {
        assert_eq!(namespace.body(index as u64).unwrap(), body.as_bytes());
        assert!(report.header("x-goog-api-key").unwrap().ends_with("6789"), "{report:?}");
        assert_eq!(report.header("authorization"), None);
    }
    let paths: Vec<&str> = requests.iter().map(|report| report.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/google/v1beta/models/gemini-3.8-flash:generateContent",
            "/google/v1beta/models/gemini-3.8-flash:streamGenerateContent?alt=sse",
            "/google/v1beta/models/gemini-3.8-flash:generateContent",
        ]
    );
}

#[tokio::test]
async fn names_in_paths_hold_slashes_and_colons_plain_or_encoded_and_begin_as_the_client_likes() {
    let scene = Scene::start().await;
    for path in [
        "/gemini/v1beta/models/auto:generateContent",
        "/gemini/v1/models/auto:generateContent",
        "/gemini/v1beta/models/models%2Fauto:generateContent",
        "/gemini/v1beta/models/google/gemini-3.8-flash:generateContent",
        "/gemini/v1beta/models/google%2Fgemini-3.8-flash%3AgenerateContent",
        "/gemini/v1beta/models/anthropic/claude-any:generateContent",
        "/gemini/v1beta/models/anthropic%2Fclaude-any:generateContent",
    ] {
        let request = Request::post(path, ask("hi").to_string()).header("x-goog-api-key", scene.gateway.key());
        let response = scene.gateway.send(&request, Way::Sized).await;
        assert_eq!((response.status, text(&response.json())), (200, "You said: hi".to_owned()), "{path}: {response:?}");
    }
    let tuned = Request::post("/gemini/v1beta/tunedModels/mine:generateContent", ask("hi").to_string());
    let tuned = scene.gateway.send(&tuned.header("x-goog-api-key", scene.gateway.key()), Way::Sized).await;
    let error = &tuned.json()["error"];
    assert_eq!((tuned.status, &error["status"]), (404, &json!("NOT_FOUND")));
    assert!(error["message"].as_str().unwrap().contains("`tunedModels/mine`"), "{error}");
}

#[tokio::test]
async fn tokens_are_counted_by_google_and_estimated_for_others() {
    let scene = Scene::start().await;
    let inner = json!({"model": "models/auto", "contents": ask("hello there")["contents"],
        "systemInstruction": {"parts": [{"text": "be brief"}]}});
    for (model, _) in MODELS {
        for body in [ask("hello there"), json!({"generateContentRequest": inner})] {
            let counted = scene.call(&format!("{model}:countTokens"), &body).await;
            assert_eq!(counted.status, 200, "{counted:?}");
            assert!(counted.json()["totalTokens"].as_u64().unwrap() > 0, "{model}: {counted:?}");
            let is_estimate = counted.header("x-ovth-warnings") == Some("approximated:input_tokens");
            assert_eq!(is_estimate, model != MODELS[0].0, "{counted:?}");
            let entry = scene.gateway.entry(counted.request_id()).await;
            assert_eq!((&entry["operation"], &entry["charged_tokens"]), (&json!("count_tokens"), &json!(0)));
        }
    }
    // Where the body names the model too, it is the provider's.
    let google = scene.simulator.namespace("google");
    google.reset();
    assert_eq!(scene.call("auto:countTokens", &json!({"generateContentRequest": inner})).await.status, 200);
    let sent: Value = serde_json::from_slice(&google.body(0).unwrap()).unwrap();
    assert_eq!(sent["generateContentRequest"]["model"], "models/gemini-3.8-flash");
}
