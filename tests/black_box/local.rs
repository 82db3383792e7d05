//! What the gateway answers by itself: models, health, unknown paths and methods, CORS, and requests that cannot be served.

use crate::support::{Connection, Gateway, Request, Response, Shape, Way};

/// A gateway with the three labs' keys; nothing is sent to them.
async fn gateway() -> Gateway {
    let nowhere = "http://127.0.0.1:9";
    let environment = [
        ("OPENAI_API_KEY", "upstream-secret-openai-0123456789"),
        ("ANTHROPIC_API_KEY", "upstream-secret-anthropic-0123456789"),
        ("GOOGLE_API_KEY", "upstream-secret-google-0123456789"),
        ("OPENAI_BASE_URL", "http://127.0.0.1:9/v1"),
        ("ANTHROPIC_BASE_URL", nowhere),
        ("GOOGLE_BASE_URL", nowhere),
    ];
    Gateway::start_with(GUIDE, &environment).await
}

/// The guide's file, unchanged.
const GUIDE: &str = include_str!("../../conf/config.minimal.yaml");

async fn ask(gateway: &Gateway, method: &'static str, path: &str) -> Response {
    gateway.send(&Request::new(method, path), Way::Sized).await
}

#[tokio::test]
async fn models_are_public_with_routes_first() {
    let gateway = gateway().await;
    for path in ["/v1/models", "/api/v1/models"] {
        let response = ask(&gateway, "GET", path).await;
        assert_eq!(response.status, 200, "{response:?}");
        let list = response.json();
        let ids: Vec<&str> =
            list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
        assert_eq!(ids[..3], ["auto", "cheap", "smart"]);
        assert!(ids.len() >= 3 + 28, "{} models", ids.len());
        let one = ask(&gateway, "GET", &format!("{path}/{}", ids[4])).await;
        assert_eq!((one.status, one.json()["id"].as_str()), (200, Some(ids[4])));
    }
    assert_eq!(ask(&gateway, "GET", "/v1/models/no-such-model").await.status, 404);
}

#[tokio::test]
async fn health_is_told() {
    let gateway = gateway().await;
    for path in ["/healthz", "/readyz"] {
        let response = ask(&gateway, "GET", path).await;
        assert_eq!(response.status, 200, "{response:?}");
        response.json();
    }
    let metrics = gateway.metrics().await;
    assert!(metrics.contains("ovth_requests_in_flight"), "{metrics}");
    assert_ne!(ask(&gateway, "GET", "/metrics").await.status, 200, "metrics have a listener of their own");
}

#[tokio::test]
async fn head_is_answered_as_get_without_the_body() {
    let gateway = gateway().await;
    for path in ["/healthz", "/v1/models"] {
        let whole = ask(&gateway, "GET", path).await;
        let head = ask(&gateway, "HEAD", path).await;
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("content-length"), whole.header("content-length"), "{path}");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_in_the_right_shape() {
    let gateway = gateway().await;
    for (path, shape) in [("/v1/nothing", Shape::Chat), ("/anthropic/v1/nothing", Shape::Messages)] {
        let response = ask(&gateway, "GET", path).await;
        assert_eq!(response.status, 404, "{path}: {response:?}");
        shape.error_type(&response.json());
    }
    for (path, shape) in [(Shape::Chat.path(), Shape::Chat), (Shape::Messages.path(), Shape::Messages)] {
        let response = ask(&gateway, "GET", path).await;
        assert_eq!(response.status, 405, "{path}: {response:?}");
        assert!(response.header("allow").unwrap().contains("POST"));
        shape.error_type(&response.json());
    }
}

#[tokio::test]
async fn browsers_may_use_the_api_and_not_the_admin_paths() {
    let gateway = gateway().await;
    let preflight = |path| {
        Request::new("OPTIONS", path)
            .header("origin", "https://app.example")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type,x-stainless-lang,anthropic-version")
    };
    for path in [Shape::Chat.path(), Shape::Messages.path(), "/v1/messages", "/v1/models"] {
        let response = gateway.send(&preflight(path), Way::Sized).await;
        assert!(matches!(response.status, 200 | 204), "{path}: {response:?}");
        assert_eq!(response.header("access-control-allow-origin"), Some("*"), "{path}");
        assert!(response.header("access-control-allow-headers").is_some(), "{path}");
    }
    let response = gateway.send(&preflight("/admin/keys"), Way::Sized).await;
    assert_eq!(response.header("access-control-allow-origin"), None, "{response:?}");
    let refused = gateway
        .send(&Request::post(Shape::Chat.path(), "{}").header("origin", "https://app.example"), Way::Sized)
        .await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, Some("*")));
}

#[tokio::test]
async fn an_unknown_model_is_told_with_the_nearest_names() {
    let gateway = gateway().await;
    for shape in Shape::ALL {
        let response = gateway.post(shape, shape.ask("claud-opus-4.7", "hello")).await;
        assert_eq!(response.status, 404, "{response:?}");
        let body = response.json();
        shape.error_type(&body);
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.contains("claude-opus-4"), "{message}");
        assert_eq!(response.header("x-should-retry"), Some("false"));
    }
}

#[tokio::test]
async fn a_model_that_answers_no_conversation_is_a_400_that_says_so() {
    let gateway = gateway().await;
    for shape in Shape::ALL {
        let response = gateway.post(shape, shape.ask("text-embedding-3-small", "hello")).await;
        assert_eq!(response.status, 400, "{response:?}");
        let body = response.json();
        shape.error_type(&body);
        assert!(body["error"]["message"].as_str().unwrap().contains("embedding model"), "{body}");
        assert_eq!(response.header("x-should-retry"), Some("false"));
    }
}

#[tokio::test]
async fn the_connection_is_kept_after_an_answer_of_our_own() {
    let gateway = gateway().await;
    let mut connection = Connection::open(gateway.address()).await;
    for _ in 0..3 {
        let request = gateway.request(Shape::Chat, Shape::Chat.ask("no-such-model", "hello"));
        assert_eq!(connection.exchange(&request, Way::Sized).await.status, 404);
    }
}
