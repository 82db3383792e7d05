//! What has gone wrong elsewhere where a client of one API meets a provider of another: headers and refusals, over all sixteen ways.

use serde_json::{Value, json};

use crate::support::{Answer, Gateway, Request, Response, Seen, Shape, Upstream, Way};

/// A gateway whose providers speak one shape each; what goes wrong with one is not held against the next.
struct Scene {
    gateway: Gateway,
    upstream: Upstream,
}

/// One way, and whether the client wants a stream.
#[derive(Clone, Copy, Debug)]
struct Case {
    client: Shape,
    upstream: Shape,
    stream: bool,
}

const fn name(shape: Shape) -> &'static str {
    match shape {
        Shape::Chat => "chat",
        Shape::Messages => "messages",
        Shape::Responses => "responses",
        Shape::GenerateContent => "generate_content",
    }
}

impl Case {
    fn all() -> impl Iterator<Item = Case> {
        let pairs = Shape::ALL.into_iter().flat_map(|client| Shape::ALL.map(|upstream| (client, upstream)));
        pairs.flat_map(|(client, upstream)| [false, true].map(|stream| Case { client, upstream, stream }))
    }

    fn route(self) -> String {
        let manner = if self.stream { "streamed" } else { "whole" };
        format!("{}-{}-{manner}", name(self.client), name(self.upstream)).replace('_', "-")
    }
}

impl Scene {
    async fn start(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Scene {
        let upstream = Upstream::new(answer).await;
        let (mut providers, mut routes) = (String::from("providers:\n"), String::from("routes:\n"));
        for case in Case::all() {
            let (route, shape) = (case.route(), name(case.upstream));
            providers += &format!(
                "  {route}: {{base_url: 'http://{}/{route}/v1', api_key: upstream-secret-0123456789, shapes: [{shape}], models: [m]}}\n",
                upstream.address()
            );
            routes += &format!("  {route}: {{providers: [{route}], models: [m]}}\n");
        }
        Scene { gateway: Gateway::start(&(providers + &routes)).await, upstream }
    }

    fn request(&self, case: Case) -> Request {
        let Case { client, stream, .. } = case;
        let route = case.route();
        self.gateway.request(client, if stream { client.ask_stream(&route, "hi") } else { client.ask(&route, "hi") })
    }

    async fn ask(&self, case: Case) -> Response {
        self.gateway.send(&self.request(case), Way::Sized).await
    }
}

fn message(body: &Value) -> &str {
    body["error"]["message"].as_str().unwrap_or_else(|| panic!("an error with a message: {body}"))
}

/// Headers of a request that are the client's own, and of the connection.
const PRIVATE: [(&str, &str); 12] = [
    ("cookie", "session=client"),
    ("x-forwarded-for", "10.0.0.1"),
    ("x-forwarded-host", "client.example"),
    ("forwarded", "for=10.0.0.1"),
    ("openai-organization", "the-client"),
    ("openai-project", "the-client"),
    ("openai-beta", "x=1"),
    ("x-goog-user-project", "the-client"),
    ("proxy-authorization", "Basic Y2xpZW50"),
    ("keep-alive", "timeout=5"),
    ("te", "trailers"),
    ("x-unknown", "whatever"),
];

#[tokio::test]
async fn pitfall_110_no_header_of_the_client_s_own_reaches_a_provider_over_any_way() {
    let scene = Scene::start(|seen| {
        if seen.streams() { Answer::streamed(seen.shape(), &["served"]) } else { Answer::plain(seen.shape(), "served") }
    })
    .await;
    for case in Case::all() {
        let own = if case.client == Shape::GenerateContent { "x-goog-api-key" } else { "x-api-key" };
        let mut request = scene.request(case).header(own, scene.gateway.key());
        for (name, value) in PRIVATE {
            request = request.header(name, value);
        }
        if case.client != case.upstream {
            request =
                request.header("anthropic-beta", "claude-code-20250219").header("anthropic-version", "2001-01-01");
        }
        let response = scene.gateway.send(&request, Way::Sized).await;
        assert_eq!(response.status, 200, "{case:?}: {response:?}");
        let seen = scene.upstream.requests().pop().unwrap();
        for (name, value) in PRIVATE {
            // A connection has words of its own.
            assert_ne!(seen.head.header(name), Some(value), "{case:?}: {name}");
        }
        let everything = format!("{:?}", seen.head);
        assert!(!everything.contains(scene.gateway.key()), "{case:?}: the client's key reached the provider");
        assert!(!everything.contains("claude-code-20250219") && !everything.contains("2001-01-01"), "{case:?}");
        let secret = everything.matches("upstream-secret-0123456789").count();
        assert_eq!(secret, 1, "{case:?}: the operator's key, once: {everything}");
    }
}

#[tokio::test]
async fn pitfall_9_a_rate_limit_keeps_its_time_and_its_id_before_a_stream_too() {
    let headers = [("content-type", "application/json"), ("retry-after", "7"), ("x-request-id", "req_theirs")];
    let anthropic = [("content-type", "application/json"), ("retry-after", "7"), ("request-id", "req_theirs")];
    let scene = Scene::start(move |seen| {
        let shape = seen.shape();
        Answer::whole(429, if shape == Shape::Messages { &anthropic } else { &headers }, shape.error(429))
    })
    .await;
    for case in Case::all() {
        let response = scene.ask(case).await;
        assert_eq!((response.status, response.header("retry-after")), (429, Some("7")), "{case:?}: {response:?}");
        assert_eq!(response.header("x-upstream-request-id"), Some("req_theirs"), "{case:?}");
        assert_eq!(response.header(case.client.id_header()), Some(response.request_id()), "{case:?}");
        case.client.error_type(&response.json());
    }
}

#[tokio::test]
async fn pitfall_118_the_time_in_google_s_retry_info_is_the_header_of_every_client() {
    let limited = json!({"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED", "details": [
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37.2s"},
    ]}});
    let scene = Scene::start(move |_| Answer::json(429, limited.to_string())).await;
    for case in Case::all().filter(|case| case.upstream == Shape::GenerateContent) {
        let response = scene.ask(case).await;
        // Whole seconds, not one too few.
        assert_eq!((response.status, response.header("retry-after")), (429, Some("38")), "{case:?}: {response:?}");
    }
}

#[tokio::test]
async fn pitfall_122_a_prompt_that_is_too_long_for_any_provider_is_told_in_the_words_that_clients_act_on() {
    let overflow = |shape| match shape {
        Shape::Chat => {
            json!({"error": {"message": "This model's maximum context length is 8 tokens.", "type": "invalid_request_error",
            "param": "messages", "code": "context_length_exceeded"}})
        }
        Shape::Responses => json!({"error": {"message": "Your input exceeds the context window of this model.",
            "type": "invalid_request_error", "param": "input", "code": "context_length_exceeded"}}),
        Shape::Messages => json!({"type": "error", "error": {"type": "invalid_request_error",
            "message": "prompt is too long: 9 tokens > 8 maximum"}}),
        Shape::GenerateContent => json!({"error": {"code": 400, "status": "INVALID_ARGUMENT",
            "message": "The input token count (9) exceeds the maximum number of tokens allowed (8)."}}),
    };
    let scene = Scene::start(move |seen| Answer::json(400, overflow(seen.shape()).to_string())).await;
    for case in Case::all() {
        let response = scene.ask(case).await;
        let body = response.json();
        assert_eq!(response.status, 400, "{case:?}: {body}");
        let kind = case.client.error_type(&body);
        match case.client {
            Shape::Messages => {
                assert_eq!(kind, "invalid_request_error", "{case:?}: {body}");
                assert!(message(&body).starts_with("prompt is too long: "), "{case:?}: {body}");
            }
            Shape::GenerateContent => {
                assert_eq!(kind, "INVALID_ARGUMENT", "{case:?}: {body}");
                assert!(message(&body).contains("input token count"), "{case:?}: {body}");
            }
            Shape::Chat | Shape::Responses => {
                assert_eq!(body["error"]["code"], "context_length_exceeded", "{case:?}: {body}");
            }
        }
    }
}

#[tokio::test]
async fn pitfall_116_and_117_an_overload_and_a_refused_key_of_the_operator_s_have_the_client_s_own_status() {
    let overloaded = Scene::start(|seen| Answer::error(seen.shape(), 529)).await;
    for case in Case::all().filter(|case| case.upstream == Shape::Messages) {
        let response = overloaded.ask(case).await;
        let expected = if case.client == Shape::Messages { 529 } else { 503 };
        assert_eq!(response.status, expected, "{case:?}: {response:?}");
        case.client.error_type(&response.json());
    }
    let refused = Scene::start(|seen| Answer::error(seen.shape(), 401)).await;
    for case in Case::all() {
        let response = refused.ask(case).await;
        assert_eq!(response.status, case.client.own_status(502), "{case:?}: {response:?}");
        let said = message(&response.json()).to_owned();
        assert!(said.contains("Your key is fine"), "{case:?}: {said}");
    }
}
