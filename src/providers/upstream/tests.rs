//! What goes to a provider and what comes back from it: heads in both directions.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::*;
use crate::config::BaseUrl;

pub(crate) fn upstream(id: &str, shapes: &[Shape], path: &str) -> Upstream {
    let second = Duration::from_secs(1);
    Upstream::new(Arc::new(provider(
        id,
        shapes,
        path,
        Timeouts { connect: second, first_byte: second, idle: second, total: second },
    )))
}

fn provider(id: &str, shapes: &[Shape], path: &str, timeouts: Timeouts) -> Provider {
    Provider {
        id: id.into(),
        base_url: BaseUrl { tls: true, host: "api.test".into(), port: 443, path: path.into() },
        api_keys: vec![],
        key_weights: vec![],
        shapes: shapes.to_vec(),
        headers: vec![],
        timeouts,
        models: vec!["exact".into(), "family-*".into()],
        stream_options: true,
        metadata_addresses: false,
    }
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

/// Everything a client might send that must not reach a provider.
fn private() -> HeaderMap {
    headers(&[
        ("authorization", "Bearer ovth_live_client"),
        ("x-api-key", "ovth_live_client"),
        ("cookie", "session=1"),
        ("x-forwarded-for", "10.0.0.1"),
        ("forwarded", "for=10.0.0.1"),
        ("x-real-ip", "10.0.0.1"),
        ("openai-organization", "org-client"),
        ("openai-project", "proj_client"),
        ("anthropic-workspace-id", "w"),
        ("anthropic-dangerous-direct-browser-access", "true"),
        ("x-claude-code-session-id", "s"),
        ("x-stainless-retry-count", "1"),
        ("connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("content-length", "3"),
        ("accept-encoding", "gzip"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("user-agent", "curl/8"),
        ("host", "gateway.local"),
        ("origin", "https://app.test"),
    ])
}

fn call<'a>(shape: Shape, client: &'a HeaderMap, credential: Option<&'a Secret>) -> Call<'a> {
    Call {
        shape,
        operation: Operation::Generate,
        batch: false,
        model: "m",
        stream: true,
        credential,
        client_shape: shape,
        client,
        query: None,
    }
}

/// All headers as `name: value`, sorted.
fn lines(headers: &HeaderMap) -> Vec<String> {
    let mut lines: Vec<String> =
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort();
    lines
}

#[test]
fn only_the_gateways_own_headers_go_up_whatever_the_client_sends() {
    let (client, key) = (private(), Secret::new("operator"));
    let agent = concat!("user-agent: ovth-gateway/", env!("CARGO_PKG_VERSION"));
    let common = [
        "accept-encoding: identity",
        "accept: text/event-stream",
        "content-type: application/json",
        "host: api.test",
        agent,
    ];
    let cases = [
        ("openai", Shape::Chat, vec!["authorization: Bearer operator"]),
        ("anthropic", Shape::Messages, vec!["x-api-key: operator", "anthropic-version: 2023-06-01"]),
        ("google", Shape::GenerateContent, vec!["x-goog-api-key: operator"]),
        ("google", Shape::Chat, vec!["authorization: Bearer operator"]),
        ("openrouter", Shape::Messages, vec!["authorization: Bearer operator", "anthropic-version: 2023-06-01"]),
        ("local", Shape::Chat, vec!["authorization: Bearer operator"]),
        ("local", Shape::Messages, vec!["x-api-key: operator", "anthropic-version: 2023-06-01"]),
    ];
    for (id, shape, own) in cases {
        let head = upstream(id, &[shape], "").request(&call(shape, &client, Some(&key)));
        let mut expected: Vec<&str> = common.iter().copied().chain(own).collect();
        expected.sort_unstable();
        assert_eq!(lines(&head.headers), expected, "{id} {shape}");
        let secret = head.headers.iter().filter(|(_, value)| value.to_str().unwrap().contains("operator"));
        assert!(secret.into_iter().all(|(_, value)| value.is_sensitive()));
    }
}

#[test]
fn anthropic_gets_version_and_betas_byte_for_byte_and_others_do_not() {
    let mut client = headers(&[("anthropic-version", "2026-10-21"), ("anthropic-beta", "a-1,  b-2")]);
    let sent = |id, client: &HeaderMap, name: &str| {
        let head = upstream(id, &[Shape::Messages], "").request(&call(Shape::Messages, client, None));
        head.headers.get(name).map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(sent("anthropic", &client, "anthropic-version").as_deref(), Some("2026-10-21"));
    assert_eq!(sent("anthropic", &client, "anthropic-beta").as_deref(), Some("a-1,  b-2"));
    assert_eq!(sent("openrouter", &client, "anthropic-beta"), None);
    client.append("anthropic-beta", HeaderValue::from_static("c-3"));
    assert_eq!(sent("anthropic", &client, "anthropic-beta").as_deref(), Some("a-1,  b-2,c-3"));
}

#[test]
fn the_query_of_claude_code_reaches_anthropic_only() {
    let client = HeaderMap::new();
    let path = |id, query| {
        let request = Call { query, ..call(Shape::Messages, &client, None) };
        upstream(id, &[Shape::Messages], "").request(&request).path_and_query
    };
    assert_eq!(path("anthropic", Some("beta=true")), "/v1/messages?beta=true");
    assert_eq!(path("anthropic", Some("x=1&beta=true&key=secret")), "/v1/messages?beta=true");
    assert_eq!(path("anthropic", Some("beta=a b\r\n")), "/v1/messages");
    assert_eq!(path("anthropic", None), "/v1/messages");
    assert_eq!(path("local", Some("beta=true")), "/v1/messages");
}

#[test]
fn the_operators_headers_win_but_cannot_set_the_framing() {
    let second = Duration::from_secs(1);
    let mut made = provider(
        "azure",
        &[Shape::Chat],
        "/v1",
        Timeouts { connect: second, first_byte: second, idle: second, total: second },
    );
    made.base_url = BaseUrl { tls: false, host: "::1".into(), port: 8443, path: "/v1".into() };
    made.headers =
        headers(&[("api-key", "k"), ("content-length", "9"), ("transfer-encoding", "chunked"), ("user-agent", "mine")])
            .into_iter()
            .filter_map(|(name, value)| Some((name?, value)))
            .collect();
    let head = Upstream::new(Arc::new(made)).request(&call(Shape::Chat, &HeaderMap::new(), None));
    assert_eq!(head.path_and_query, "/v1/chat/completions");
    let expected = [
        "accept-encoding: identity",
        "accept: text/event-stream",
        "api-key: k",
        "content-type: application/json",
        "host: [::1]:8443",
        "user-agent: mine",
    ];
    assert_eq!(lines(&head.headers), expected);
}

#[test]
fn a_response_keeps_only_what_the_client_may_know() {
    let mut from = headers(&[
        ("content-type", "text/event-stream"),
        ("retry-after", "3"),
        ("openai-processing-ms", "12"),
        ("openai-version", "2020-10-01"),
        ("openai-organization", "org-1"),
        ("x-ratelimit-remaining-requests", "1"),
        ("anthropic-ratelimit-requests-limit", "1"),
        ("anthropic-organization-id", "o"),
        ("set-cookie", "a=b"),
        ("server", "cloudflare"),
        ("cf-ray", "ray"),
        ("connection", "close"),
        ("content-length", "5"),
        ("content-encoding", "gzip"),
        ("transfer-encoding", "chunked"),
        ("x-request-id", "req_1"),
    ]);
    let openai = upstream("openai", &[Shape::Chat], "/v1");
    let expected = [
        "content-type: text/event-stream",
        "openai-processing-ms: 12",
        "openai-version: 2020-10-01",
        "retry-after: 3",
        "x-upstream-request-id: req_1",
    ];
    assert_eq!(lines(&openai.response_headers(Shape::Chat, &from)), expected);
    from.remove("x-request-id");
    from.insert("request-id", HeaderValue::from_static("req_2"));
    let anthropic = upstream("anthropic", &[Shape::Messages], "");
    let expected = ["content-type: text/event-stream", "retry-after: 3", "x-upstream-request-id: req_2"];
    assert_eq!(lines(&anthropic.response_headers(Shape::Messages, &from)), expected);
}

#[test]
fn models_are_claimed_by_list_prefix_and_slug() {
    let cases = [
        ("local", "exact", true),
        ("local", "exactly", false),
        ("local", "family-1", true),
        ("local", "gpt-5", false),
        ("openai", "gpt-7", true),
        ("openai", "O3-mini", true),
        ("openai", "claude-9", false),
        ("anthropic", "claude-9", true),
        ("google", "gemini-9", true),
        ("openrouter", "lab/model", true),
        ("openrouter", "model", false),
        ("openrouter", "/model", false),
    ];
    for (id, model, expected) in cases {
        assert_eq!(upstream(id, &[Shape::Chat], "").claims(model), expected, "{id} {model}");
    }
}

#[test]
fn pitfall_39_vertex_is_known_by_its_host_as_one_that_takes_no_ids_of_calls() {
    let second = Duration::from_secs(1);
    let timeouts = Timeouts { connect: second, first_byte: second, idle: second, total: second };
    for (host, refuses) in [
        ("aiplatform.googleapis.com", true),
        ("europe-west4-aiplatform.googleapis.com", true),
        ("generativelanguage.googleapis.com", false),
    ] {
        let mut vertex = provider("vertex", &[Shape::GenerateContent], "/v1/publishers/google", timeouts);
        vertex.base_url.host = host.into();
        assert_eq!(Upstream::new(Arc::new(vertex)).host_rules().no_call_ids, refuses, "{host}");
    }
}

#[test]
fn pitfall_110_and_114_what_a_client_asks_of_its_own_api_is_not_asked_of_another() {
    let client = headers(&[("anthropic-version", "2026-10-21"), ("anthropic-beta", "b1"), ("openai-beta", "o1")]);
    let told = |id: &str, shape: Shape, client_shape: Shape| {
        let call = Call { client_shape, ..call(shape, &client, None) };
        let headers = upstream(id, &[shape], "").request(&call).headers;
        ["anthropic-version", "anthropic-beta", "openai-beta"].map(|name| headers.get(name).cloned())
    };
    let value = |text| Some(HeaderValue::from_static(text));
    assert_eq!(told("anthropic", Shape::Messages, Shape::Messages), [value("2026-10-21"), value("b1"), None]);
    assert_eq!(told("openai", Shape::Chat, Shape::Chat), [None, None, value("o1")]);
    for client_shape in [Shape::Chat, Shape::Responses, Shape::GenerateContent] {
        assert_eq!(told("anthropic", Shape::Messages, client_shape), [value("2023-06-01"), None, None]);
    }
    assert_eq!(told("openai", Shape::Responses, Shape::Messages), [None, None, None]);
}
