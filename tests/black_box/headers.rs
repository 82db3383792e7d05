//! Headers pass by allow-lists in both directions, and nobody's secret reaches the other side.

use crate::support::{Answer, Gateway, Request, Shape, Upstream, Way};

const OPENAI_KEY: &str = "upstream-secret-openai-0123456789";
const ANTHROPIC_KEY: &str = "upstream-secret-anthropic-0123456789";

/// Headers as a provider sends them: what clients may see, and what is the operator's own.
const RESPONSE: [(&str, &str); 13] = [
    ("content-type", "application/json"),
    ("x-request-id", "req_upstream"),
    ("request-id", "req_upstream"),
    ("openai-processing-ms", "12"),
    ("openai-organization", "the-operator"),
    ("anthropic-organization-id", "the-operator"),
    ("x-ratelimit-remaining-tokens", "3"),
    ("anthropic-ratelimit-tokens-remaining", "3"),
    ("set-cookie", "__cf_bm=1"),
    ("server", "cloudflare"),
    ("x-ovth-route", "a lie"),
    ("keep-alive", "timeout=5"),
    ("access-control-allow-origin", "https://operator.example"),
];

/// Headers of a response that are the operator's own.
const HIDDEN: [&str; 7] = [
    "openai-organization",
    "anthropic-organization-id",
    "x-ratelimit-remaining-tokens",
    "anthropic-ratelimit-tokens-remaining",
    "set-cookie",
    "keep-alive",
    "x-upstream-secret",
];

/// Headers of a request that are the client's own.
const PRIVATE: [(&str, &str); 9] = [
    ("cookie", "session=client"),
    ("x-forwarded-for", "10.0.0.1"),
    ("forwarded", "for=10.0.0.1"),
    ("openai-organization", "the-client"),
    ("openai-project", "the-client"),
    ("proxy-authorization", "Basic Y2xpZW50"),
    ("x-stainless-retry-count", "2"),
    ("referer", "https://app.example/"),
    ("x-unknown", "whatever"),
];

async fn gateway(upstream: &Upstream) -> Gateway {
    let base = format!("http://{}", upstream.address());
    let openai = format!("{base}/v1");
    let environment = [
        ("OPENAI_API_KEY", OPENAI_KEY),
        ("OPENAI_BASE_URL", openai.as_str()),
        ("ANTHROPIC_API_KEY", ANTHROPIC_KEY),
        ("ANTHROPIC_BASE_URL", base.as_str()),
    ];
    Gateway::start_with("routes:\n  smart: {models: [claude-opus-4.7, gpt-5]}\n", &environment).await
}

async fn upstream() -> Upstream {
    Upstream::new(|seen| {
        let shape = if seen.head.path().contains("messages") { Shape::Messages } else { Shape::Chat };
        Answer::whole(200, &RESPONSE, shape.plain("served"))
    })
    .await
}

fn ask(gateway: &Gateway, shape: Shape) -> Request {
    let model = if shape == Shape::Chat { "gpt-5" } else { "claude-sonnet-4.5" };
    PRIVATE
        .iter()
        .fold(gateway.request(shape, shape.ask(model, "hello")), |request, (name, value)| request.header(name, *value))
}

#[tokio::test]
async fn pitfall_110_the_provider_sees_its_own_key_and_no_header_of_the_client_s_own() {
    let upstream = upstream().await;
    let gateway = gateway(&upstream).await;
    for (index, shape) in Shape::BOTH.into_iter().enumerate() {
        let response = gateway.send(&ask(&gateway, shape), Way::Sized).await;
        assert_eq!(response.status, 200, "{response:?}");
        let head = &upstream.request(index).await.head;
        for (name, _) in PRIVATE {
            assert_eq!(head.header(name), None, "{name} reached the provider: {head:?}");
        }
        let everything = format!("{head:?}");
        assert!(!everything.contains(gateway.key()), "the client's key reached the provider");
        assert_eq!(head.header("accept-encoding"), Some("identity"));
        assert_eq!(head.header("content-type"), Some("application/json"));
        assert_eq!(head.header("host"), Some(upstream.address().to_string().as_str()));
        match shape {
            Shape::Chat | Shape::Responses | Shape::GenerateContent => {
                assert_eq!(head.path(), "/v1/chat/completions");
                assert_eq!(head.header("authorization"), Some(format!("Bearer {OPENAI_KEY}").as_str()));
                assert!(!everything.contains(ANTHROPIC_KEY));
            }
            Shape::Messages => {
                assert_eq!(head.path(), "/v1/messages");
                assert_eq!(head.header("x-api-key"), Some(ANTHROPIC_KEY));
                assert_eq!(head.header("authorization"), None);
                assert!(head.header("anthropic-version").is_some(), "a version is sent when the client sent none");
                assert!(!everything.contains(OPENAI_KEY));
            }
        }
    }
}

#[tokio::test]
async fn the_client_sees_no_header_of_the_operator_s_own() {
    let upstream = upstream().await;
    let gateway = gateway(&upstream).await;
    for shape in Shape::BOTH {
        let response = gateway.send(&ask(&gateway, shape), Way::Sized).await;
        for name in HIDDEN {
            assert_eq!(response.header(name), None, "{name} reached the client: {response:?}");
        }
        assert_eq!(response.header("x-upstream-request-id"), Some("req_upstream"));
        assert_ne!(response.header(shape.id_header()), Some("req_upstream"), "the request id is our own");
        assert_ne!(response.header("x-ovth-route"), Some("a lie"));
        assert_eq!(response.header("access-control-allow-origin"), Some("*"));
        let values = response.headers.iter().filter(|(name, _)| name == shape.id_header()).count();
        assert_eq!(values, 1);
    }
}

#[tokio::test]
async fn pitfall_114_anthropic_headers_are_kept() {
    let upstream = upstream().await;
    let gateway = gateway(&upstream).await;
    let mut request = ask(&gateway, Shape::Messages)
        .header("anthropic-version", "2023-01-01")
        .header("anthropic-beta", "first-2025-01-01,second-2025-01-01")
        .header("anthropic-beta", "third-2025-01-01");
    request.path += "?beta=true";
    assert_eq!(gateway.send(&request, Way::Sized).await.status, 200);
    let head = &upstream.request(0).await.head;
    assert_eq!(head.path(), "/v1/messages?beta=true");
    assert_eq!(head.header("anthropic-version"), Some("2023-01-01"));
    let betas: Vec<&str> =
        head.headers.iter().filter(|(name, _)| name == "anthropic-beta").map(|(_, value)| value.as_str()).collect();
    let betas: Vec<&str> = betas.iter().flat_map(|value| value.split(',')).map(str::trim).collect();
    assert_eq!(betas, ["first-2025-01-01", "second-2025-01-01", "third-2025-01-01"]);
}

#[tokio::test]
async fn count_tokens_goes_to_its_own_path() {
    let upstream = Upstream::always(Answer::json(200, r#"{"input_tokens":8}"#)).await;
    let gateway = gateway(&upstream).await;
    let body = r#"{"model":"claude-sonnet-4.5","messages":[{"role":"user","content":"hello"}]}"#;
    for path in ["/anthropic/v1/messages/count_tokens", "/v1/messages/count_tokens"] {
        let response = gateway.send(&Request::post(path, body).bearer(gateway.key()), Way::Sized).await;
        assert_eq!((response.status, response.text()), (200, r#"{"input_tokens":8}"#));
    }
    assert_eq!(upstream.requests()[0].head.path(), "/v1/messages/count_tokens");
}
