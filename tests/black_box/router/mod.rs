//! Clients that take the gateway for a hosted router: what they may ask, and what they are told.

mod answers;
mod lookups;
mod requests;

use serde_json::{Value, json};

use crate::support::{Gateway, Request, Response, Shape, Upstream, Way, provider};

/// Where a router's clients send chat requests.
const CHAT: &str = "/api/v1/chat/completions";

/// Two hosts, `first` and `second`, that both serve `shared`, and one model each of their own, with prices.
async fn gateway(first: &Upstream, second: &Upstream) -> Gateway {
    let models = |own: &str| ["shared".to_owned(), own.to_owned()];
    let config = format!(
        "providers:\n{}{}prices:\n  first/shared: {{input: 2, output: 4}}\n  second/shared: {{input: 1, output: 3}}\n  second/two: {{input: 1, output: 3}}\n\
         routes:\n  auto: {{providers: [first, second], models: [shared], strategy: ordered}}\n",
        provider("first", &first.base_url(), &models("one")),
        provider("second", &second.base_url(), &models("two")),
    );
    Gateway::start(&config).await
}

/// A chat request with these fields besides.
fn chat(more: Value) -> String {
    let mut body = json!({"messages": [{"role": "user", "content": "hello"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body.to_string()
}

/// Sends a chat request as a router's client does.
async fn ask(gateway: &Gateway, more: Value) -> Response {
    gateway.send(&Request::post(CHAT, chat(more)).bearer(gateway.key()), Way::Sized).await
}

/// The text of a good answer.
fn text(response: &Response) -> String {
    assert_eq!(response.status, 200, "{response:?}");
    Shape::Chat.text(&response.json())
}

/// The field that a refusal names.
fn param(response: &Response, status: u16) -> String {
    assert_eq!(response.status, status, "{response:?}");
    let error = response.json()["error"].clone();
    assert_eq!(error["code"].as_u64(), Some(u64::from(status)), "{error}");
    error["metadata"]["param"].as_str().unwrap_or_default().to_owned()
}
