//! Embeddings: passed on as they are, told to Google and back, refused where a model does something else, and what they cost.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ovth_gateway::simulator::{self, Behaviour, Handle, Options};
use serde_json::{Value, json};

use crate::support::{Gateway, Request, Response, Way};

const PATH: &str = "/v1/embeddings";

struct Scene {
    gateway: Gateway,
    simulator: Handle,
}

impl Scene {
    async fn start() -> Scene {
        let simulator = simulator::spawn(Options::default()).expect("the simulator starts");
        let config = format!(
            "providers:\n  openai: {{base_url: 'http://{0}/openai/v1', api_key: sk-good-0123456789}}\n  \
             google: {{base_url: 'http://{0}/google', api_key: google-secret-0123456789}}\n  \
             other: {{base_url: 'http://{0}/other', api_key: sk-good-0123456789, models: [claude-local], shapes: [messages]}}\n  \
             local: {{base_url: 'http://{0}/local/v1', api_key: sk-good-0123456789, models: [nomic-embed]}}\n\
             routes:\n  embed: {{providers: [google], models: [gemini-embedding-001]}}\n  \
             either: {{providers: [openai, google], models: [text-embedding-3-small, gemini-embedding-001]}}\n  \
             talk: {{providers: [openai], models: [gpt-6-luna]}}\n",
            simulator.addr
        );
        Scene { gateway: Gateway::start(&config).await, simulator }
    }

    async fn ask(&self, body: &Value) -> Response {
        self.gateway.send(&Request::post(PATH, body.to_string()).bearer(self.gateway.key()), Way::Sized).await
    }

    async fn google(&self, call: &str, body: &Value) -> Response {
        let request = Request::post(format!("/gemini/v1beta/models/{call}"), body.to_string());
        self.gateway.send(&request.header("x-goog-api-key", self.gateway.key()), Way::Sized).await
    }
}

/// What an entry costs, in pico-dollars.
fn pico(entry: &Value) -> u64 {
    (entry["cost_usd"].as_f64().unwrap() * 1e12).round() as u64
}

/// About how many tokens texts have.
fn tokens(texts: &[String]) -> u64 {
    texts.iter().map(|text| text.len() as u64).sum::<u64>().div_ceil(4)
}

fn message(response: &Response) -> String {
    response.json()["error"]["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn texts_are_embedded_by_openai_as_they_were_sent_and_paid_for() {
    let scene = Scene::start().await;
    let body = json!({"model": "text-embedding-3-small", "input": ["one", "two"], "encoding_format": "base64", "dimensions": 4});
    for path in [PATH, "/api/v1/embeddings"] {
        let request = Request::post(path, body.to_string()).bearer(scene.gateway.key());
        let answer = scene.gateway.send(&request, Way::Sized).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["data"].as_array().unwrap().len(), 2);
        let vector = STANDARD.decode(answer.json()["data"][1]["embedding"].as_str().unwrap()).unwrap();
        assert_eq!(vector.len(), 16);
        let used = answer.json()["usage"]["prompt_tokens"].as_u64().unwrap();
        let entry = scene.gateway.entry(answer.request_id()).await;
        assert_eq!((&entry["operation"], &entry["outcome"]), (&json!("embed"), &json!("ok")), "{entry}");
        assert_eq!((&entry["tokens"]["input"], &entry["tokens"]["output"]), (&json!(used), &json!(0)), "{entry}");
        assert_eq!((&entry["usage_source"], &entry["charged_tokens"]), (&json!("provider"), &json!(used)), "{entry}");
        // $0.02 for a million tokens.
        assert_eq!(pico(&entry), used * 20_000, "{entry}");
    }
    assert_eq!(scene.simulator.namespace("openai").body(0).unwrap(), body.to_string().as_bytes());
    assert_eq!(scene.simulator.namespace("openai").requests()[0].path, "/openai/v1/embeddings");
}

#[tokio::test]
async fn a_host_that_only_the_file_names_embeds_too() {
    let scene = Scene::start().await;
    let answer = scene.ask(&json!({"model": "nomic-embed", "input": "hello"})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["data"][0]["embedding"].as_array().unwrap().len(), 8);
}

#[tokio::test]
async fn google_embeds_for_openai_s_clients_with_dimensions_in_numbers_and_in_base64() {
    let scene = Scene::start().await;
    let ask =
        |format: &str| json!({"model": "embed", "input": ["one", "two"], "dimensions": 6, "encoding_format": format});
    let numbers = scene.ask(&ask("float")).await;
    assert_eq!(numbers.status, 200, "{numbers:?}");
    assert_eq!((&numbers.json()["object"], &numbers.json()["model"]), (&json!("list"), &json!("gemini-embedding-001")));
    let packed = scene.ask(&ask("base64")).await;
    for index in 0..2 {
        let expected: Vec<f32> = serde_json::from_value(numbers.json()["data"][index]["embedding"].clone()).unwrap();
        assert_eq!(expected.len(), 6);
        let bytes = STANDARD.decode(packed.json()["data"][index]["embedding"].as_str().unwrap()).unwrap();
        let floats: Vec<f32> = bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
        assert_eq!(floats, expected);
    }
    let google = scene.simulator.namespace("google");
    assert_eq!(google.requests()[0].path, "/google/v1beta/models/gemini-embedding-001:batchEmbedContents");
    let sent: Value = serde_json::from_slice(&google.body(0).unwrap()).unwrap();
    assert_eq!(sent["requests"][1]["model"], "models/gemini-embedding-001");
    assert_eq!(sent["requests"][1]["outputDimensionality"], 6);
    // Google tells no count: it is estimated, and charged.
    let entry = scene.gateway.entry(packed.request_id()).await;
    assert_eq!((&entry["tokens"]["input"], &entry["usage_source"]), (&json!(2), &json!("estimated")), "{entry}");
    assert_eq!((&entry["charged_tokens"], &entry["upstream_shape"]), (&json!(2), &json!("generate_content")));
    // $0.15 for a million tokens.
    assert_eq!(pico(&entry), 2 * 150_000, "{entry}");
    assert_eq!(packed.json()["usage"], json!({"prompt_tokens": 2, "total_tokens": 2}));
}

#[tokio::test]
async fn more_texts_than_google_takes_at_once_become_several_calls_and_one_answer() {
    let scene = Scene::start().await;
    let texts: Vec<String> = (0..250).map(|number| format!("text {number}")).collect();
    let answer = scene.ask(&json!({"model": "embed", "input": texts})).await;
    assert_eq!((answer.status, answer.attempts()), (200, 1), "{answer:?}");
    let data = answer.json()["data"].as_array().unwrap().clone();
    assert_eq!(data.len(), 250);
    for index in [0, 99, 100, 249] {
        let alone = scene.ask(&json!({"model": "embed", "input": texts[index]})).await;
        assert_eq!(data[index]["embedding"], alone.json()["data"][0]["embedding"], "{index}");
        assert_eq!(data[index]["index"], index);
    }
    let sizes: Vec<usize> = (0..3)
        .map(|index| {
            let body = scene.simulator.namespace("google").body(index).unwrap();
            let body: Value = serde_json::from_slice(&body).unwrap();
            body["requests"].as_array().unwrap().len()
        })
        .collect();
    assert_eq!(sizes, [100, 100, 50]);
    let entry = scene.gateway.entry(answer.request_id()).await;
    let bytes: usize = texts.iter().map(String::len).sum();
    assert_eq!(entry["tokens"]["input"], json!(bytes.div_ceil(4)), "{entry}");
}

#[tokio::test]
async fn a_call_that_fails_among_several_fails_them_all_and_another_target_may_take_them() {
    let scene = Scene::start().await;
    let texts: Vec<String> = (0..150).map(|number| format!("text {number}")).collect();
    scene.simulator.namespace("google").script([Behaviour::default(), Behaviour::named("unavailable").unwrap()]);
    let failed = scene.ask(&json!({"model": "embed", "input": texts})).await;
    assert_eq!(failed.status, 503, "{failed:?}");
    // What was answered before is billed, and so it is charged.
    let entry = scene.gateway.entry(failed.request_id()).await;
    let billed = tokens(&texts[..100]);
    assert_eq!((&entry["charged_tokens"], &entry["outcome"]), (&json!(billed), &json!("overloaded")), "{entry}");
    assert_eq!((&entry["tokens"]["input"], &entry["usage_source"]), (&json!(billed), &json!("estimated")), "{entry}");
    assert_eq!(pico(&entry), billed * 150_000, "{entry}");

    scene.simulator.namespace("openai").script([Behaviour::named("unavailable").unwrap()]);
    let other = scene.ask(&json!({"model": "either", "input": texts})).await;
    assert_eq!((other.status, other.attempts()), (200, 2), "{other:?}");
    assert_eq!(other.json()["model"], "gemini-embedding-001");
    assert_eq!(other.json()["data"].as_array().unwrap().len(), 150);
}

#[tokio::test]
async fn calls_that_were_answered_are_not_made_again_at_the_same_model_and_are_charged_once() {
    let simulator = simulator::spawn(Options::default()).expect("the simulator starts");
    let config = format!(
        "providers:\n  google: {{base_url: 'http://{0}/google', api_keys: [google-secret-one-0123, google-secret-two-0123]}}\n  \
         openai: {{base_url: 'http://{0}/openai/v1', api_key: sk-good-0123456789}}\n\
         routes:\n  embed: {{providers: [google], models: [gemini-embedding-001]}}\n  \
         either: {{providers: [google, openai], models: [gemini-embedding-001, text-embedding-3-small]}}\n",
        simulator.addr
    );
    let scene = Scene { gateway: Gateway::start(&config).await, simulator };
    let texts: Vec<String> = (0..150).map(|number| format!("text {number}")).collect();
    let google = scene.simulator.namespace("google");
    let fails = || Behaviour::named("unavailable").unwrap();
    google.script([Behaviour::default(), fails()]);
    let served = scene.ask(&json!({"model": "embed", "input": texts})).await;
    assert_eq!((served.status, served.attempts()), (200, 2), "{served:?}");
    let data = served.json()["data"].as_array().unwrap().clone();
    assert_eq!((data.len(), &data[149]["index"]), (150, &json!(149)));
    let sizes: Vec<usize> = (0..google.requests().len() as u64)
        .map(|index| {
            let body: Value = serde_json::from_slice(&google.body(index).unwrap()).unwrap();
            body["requests"].as_array().unwrap().len()
        })
        .collect();
    assert_eq!(sizes, [100, 50, 50], "a hundred are embedded by then");
    let entry = scene.gateway.entry(served.request_id()).await;
    assert_eq!(entry["charged_tokens"], json!(tokens(&texts)), "{entry}");
    assert_eq!(pico(&entry), tokens(&texts) * 150_000, "{entry}");

    // At another model nothing of it is of use, and both are paid.
    google.script([Behaviour::default(), fails(), fails()]);
    let other = scene.ask(&json!({"model": "either", "input": texts})).await;
    assert_eq!((other.status, other.json()["model"].as_str()), (200, Some("text-embedding-3-small")), "{other:?}");
    let used = other.json()["usage"]["prompt_tokens"].as_u64().unwrap();
    let entry = scene.gateway.entry(other.request_id()).await;
    assert_eq!(entry["charged_tokens"], json!(tokens(&texts[..100]) + used), "{entry}");
    assert_eq!(pico(&entry), tokens(&texts[..100]) * 150_000 + used * 20_000, "{entry}");
}

#[tokio::test]
async fn vectors_and_the_answer_that_they_become_count_against_the_memory_of_bodies() {
    let texts: Vec<String> = (0..1000).map(|number| format!("text {number}")).collect();
    let body = json!({"model": "embed", "input": texts});
    for (bytes, status) in [("280KiB", 503), ("2MiB", 200)] {
        let simulator = simulator::spawn(Options::default()).expect("the simulator starts");
        let config = format!(
            "limits: {{body_bytes: 100KiB, buffered_bytes: {bytes}}}\nproviders:\n  google: {{base_url: 'http://{}/google', api_key: google-secret-0123456789}}\n\
             routes:\n  embed: {{providers: [google], models: [gemini-embedding-001]}}\n",
            simulator.addr
        );
        let scene = Scene { gateway: Gateway::start(&config).await, simulator };
        let answer = scene.ask(&body).await;
        assert_eq!(answer.status, status, "{bytes}");
        if status == 503 {
            assert!(message(&answer).contains("memory"), "{answer:?}");
            let asked = scene.simulator.namespace("google").requests().len();
            assert_eq!(asked, 10, "what was asked fits");
            let entry = scene.gateway.entry(answer.request_id()).await;
            assert!(entry["charged_tokens"].as_u64().unwrap() >= tokens(&texts), "{entry}");
        }
    }
}

#[tokio::test]
async fn what_google_cannot_be_told_is_named_and_strict_keys_are_refused() {
    let scene = Scene::start().await;
    let answer = scene.ask(&json!({"model": "embed", "input": "hi", "user": "bob"})).await;
    assert_eq!(answer.header("x-ovth-warnings"), Some("dropped:user"), "{answer:?}");
    for (body, param) in [
        (json!({"model": "embed", "input": [1, 2, 3]}), "input"),
        (json!({"model": "embed", "input": [[1, 2, 3]]}), "input"),
        (json!({"model": "embed", "input": ["a", ""]}), "input"),
        (json!({"model": "embed"}), "input"),
        (json!({"model": "embed", "input": "a", "dimensions": 0}), "dimensions"),
        (json!({"input": "a"}), "model"),
    ] {
        let refused = scene.ask(&body).await;
        assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &json!(param)), "{body} {refused:?}");
    }
    assert_eq!(scene.simulator.namespace("google").requests().len(), 1, "only what can be told was asked");
}

#[tokio::test]
async fn a_model_that_answers_embeds_nothing_and_one_that_embeds_answers_nothing() {
    let scene = Scene::start().await;
    for model in ["gpt-6-luna", "talk"] {
        let refused = scene.ask(&json!({"model": model, "input": "hi"})).await;
        assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &json!("model")), "{refused:?}");
        let told = message(&refused);
        assert!(told.contains(&format!("`{model}`")) && told.contains("Choose an embedding model"), "{told}");
    }
    let elsewhere = scene.ask(&json!({"model": "claude-local", "input": "hi"})).await;
    assert_eq!(elsewhere.status, 400, "{elsewhere:?}");
    assert!(message(&elsewhere).contains("cannot embed text"), "{elsewhere:?}");
    let messages = json!([{"role": "user", "content": "hi"}]);
    for model in ["text-embedding-3-small", "gemini-embedding-001"] {
        let body = json!({"model": model, "messages": messages}).to_string();
        let request = Request::post("/v1/chat/completions", body).bearer(scene.gateway.key());
        let refused = scene.gateway.send(&request, Way::Sized).await;
        assert_eq!(refused.status, 400, "{refused:?}");
        assert!(message(&refused).contains("is an embedding model"), "{refused:?}");
    }
    let google = scene.google("gemini-3.8-flash:embedContent", &json!({"content": {"parts": [{"text": "hi"}]}})).await;
    assert_eq!((google.status, &google.json()["error"]["status"]), (400, &json!("INVALID_ARGUMENT")), "{google:?}");
}

#[tokio::test]
async fn google_s_own_calls_go_to_it_as_they_came_but_for_the_model() {
    let scene = Scene::start().await;
    let content = json!({"parts": [{"text": "hello"}]});
    let one = json!({"model": "models/gemini-embedding-001", "content": content, "taskType": "RETRIEVAL_QUERY"});
    let single = scene.google("gemini-embedding-001:embedContent", &one).await;
    assert_eq!(single.status, 200, "{single:?}");
    assert_eq!(single.json()["embedding"]["values"].as_array().unwrap().len(), 8);
    let google = scene.simulator.namespace("google");
    assert_eq!(google.body(0).unwrap(), one.to_string().as_bytes());
    let entry = scene.gateway.entry(single.request_id()).await;
    assert_eq!((&entry["operation"], &entry["usage_source"]), (&json!("embed"), &json!("estimated")), "{entry}");
    assert!(entry["charged_tokens"].as_u64().unwrap() > 0, "{entry}");

    // By a route's name every request of a batch is given the provider's.
    let named = |model: &str| json!({"model": model, "content": content});
    let batch = json!({"requests": [named("models/embed"), named("models/embed")]});
    let batched = scene.google("embed:batchEmbedContents", &batch).await;
    assert_eq!(batched.status, 200, "{batched:?}");
    assert_eq!(batched.json()["embeddings"].as_array().unwrap().len(), 2);
    let sent: Value = serde_json::from_slice(&google.body(1).unwrap()).unwrap();
    assert_eq!(sent, json!({"requests": [named("models/gemini-embedding-001"), named("models/gemini-embedding-001")]}));
    assert_eq!(google.requests()[1].path, "/google/v1beta/models/gemini-embedding-001:batchEmbedContents");

    let nothing = scene.google("embed:embedContent", &json!({"taskType": "RETRIEVAL_QUERY"})).await;
    assert_eq!(nothing.status, 400);
    assert!(message(&nothing).contains("`content`"), "{nothing:?}");
}

#[tokio::test]
async fn openai_embeds_for_google_s_clients() {
    let scene = Scene::start().await;
    let content = |text: &str| json!({"parts": [{"text": text}]});
    let one = json!({"content": content("two"), "outputDimensionality": 4, "taskType": "RETRIEVAL_QUERY"});
    let single = scene.google("text-embedding-3-small:embedContent", &one).await;
    assert_eq!(single.status, 200, "{single:?}");
    assert_eq!(single.header("x-ovth-warnings"), Some("dropped:taskType"));
    let request = |text: &str| json!({"model": "models/x", "content": content(text), "outputDimensionality": 4});
    let batch = json!({"requests": [request("one"), request("two")]});
    let several = scene.google("text-embedding-3-small:batchEmbedContents", &batch).await;
    assert_eq!(several.status, 200, "{several:?}");
    assert_eq!(several.json()["embeddings"][1], single.json()["embedding"]);
    assert_eq!(single.json()["embedding"]["values"].as_array().unwrap().len(), 4);
    let used = several.json()["usageMetadata"]["promptTokenCount"].as_u64().unwrap();
    let entry = scene.gateway.entry(several.request_id()).await;
    assert_eq!((&entry["shape"], &entry["upstream_shape"]), (&json!("generate_content"), &json!("chat")), "{entry}");
    assert_eq!((&entry["tokens"]["input"], &entry["usage_source"]), (&json!(used), &json!("provider")), "{entry}");
    assert_eq!(pico(&entry), used * 20_000, "{entry}");
    let image = json!({"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": "iVBO"}}]}});
    let image = scene.google("text-embedding-3-small:embedContent", &image).await;
    assert_eq!((image.status, &image.json()["error"]["status"]), (400, &json!("INVALID_ARGUMENT")), "{image:?}");
}

#[tokio::test]
async fn embedding_models_are_listed_where_they_can_be_used_and_count_against_quotas() {
    let scene = Scene::start().await;
    let list = scene.gateway.send(&Request::get("/v1/models"), Way::Sized).await;
    assert!(list.text().contains("\"text-embedding-3-small\""), "{}", list.text());
    let google = scene.gateway.send(&Request::get("/gemini/v1beta/models?pageSize=1000"), Way::Sized).await;
    let models = google.json()["models"].as_array().unwrap().clone();
    let found = models.iter().find(|model| model["name"] == "models/gemini-embedding-001").unwrap();
    assert_eq!(found["supportedGenerationMethods"], json!(["embedContent", "batchEmbedContents"]));
    let anthropic = scene.gateway.send(&Request::get("/anthropic/v1/models?limit=1000"), Way::Sized).await;
    assert!(!anthropic.text().contains("embedding"), "{}", anthropic.text());

    let key = scene.gateway.mint("small", Some(10)).await;
    let body = json!({"model": "text-embedding-3-small", "input": "x".repeat(400)}).to_string();
    let refused = scene.gateway.send(&Request::post(PATH, body).bearer(&key), Way::Sized).await;
    assert_eq!(refused.status, 429, "{refused:?}");
}
