//! Limits over sockets: mint a key, use it up, be told so in the way that SDKs understand, and nothing more is spent.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{
    Answer, Gate, Gateway, Request, Response, Shape, Upstream, Way, provider, send, within, within_one_day,
};

/// Every answer of [`Shape::plain`] tells so many tokens.
const TOKENS_OF_AN_ANSWER: u64 = 18;

/// A gateway with one upstream that answers every request, and these settings.
async fn gateway(settings: &str) -> (Gateway, Upstream) {
    let upstream = Upstream::new(|seen| Answer::plain(seen.shape(), "served")).await;
    (behind(settings, &upstream).await, upstream)
}

/// A gateway before that upstream, which serves two models.
async fn behind(settings: &str, upstream: &Upstream) -> Gateway {
    let models = ["alpha".to_owned(), "beta".to_owned()];
    let mut config = format!("{settings}providers:\n") + &provider("first", &upstream.base_url(), &models);
    config += "routes:\n  one: {providers: [first], models: [alpha]}\n  two: {providers: [first], models: [beta]}\n";
    Gateway::start(&config).await
}

/// A small request with a small bound on its answer.
fn small(shape: Shape, model: &str) -> String {
    let mut body: Value = serde_json::from_str(&shape.ask(model, "hello")).expect("JSON");
    body["max_tokens"] = json!(64);
    body.to_string()
}

fn ask(shape: Shape, body: impl Into<bytes::Bytes>, key: &str) -> Request {
    shape.post(body).bearer(key)
}

async fn post(gateway: &Gateway, shape: Shape, body: impl Into<bytes::Bytes>, key: &str) -> Response {
    gateway.send(&ask(shape, body, key), Way::Sized).await
}

/// Sends one small request after the other until one is refused; how many were served, and the refusal.
async fn exhaust(gateway: &Gateway, shape: Shape, key: &str) -> (u64, Response) {
    for served in 0..50 {
        let response = post(gateway, shape, small(shape, "one"), key).await;
        if response.status != 200 {
            return (served, response);
        }
        gateway.entry(response.request_id()).await;
    }
    panic!("fifty requests were served");
}

/// A new key, and its id.
async fn mint(gateway: &Gateway, body: Value) -> (String, String) {
    let response = gateway.ask_admin("POST", "/admin/keys", &body.to_string()).await;
    assert_eq!(response.status, 201, "{response:?}");
    let minted = response.json();
    (text(&minted["key"]), text(&minted["id"]))
}

/// The live counters of that key.
async fn counters(gateway: &Gateway, key_id: &str) -> Value {
    let rows = gateway.admin_json(&format!("/admin/quotas?key={key_id}")).await;
    let row = rows["data"].as_array().expect("a list").iter().find(|row| row["end_user"].is_null()).cloned();
    row.unwrap_or_else(|| panic!("no counters of {key_id} in {rows}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("text, not {value}")).to_owned()
}

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

fn retry_after(response: &Response) -> u64 {
    let told = response.header("retry-after").unwrap_or_else(|| panic!("no retry-after in {response:?}"));
    told.parse().expect("whole seconds")
}

/// The rate-limit headers of an answer, by name.
fn limits(response: &Response, shape: Shape) -> HashMap<String, String> {
    let prefix = match shape {
        Shape::Chat | Shape::Responses | Shape::GenerateContent => "x-ratelimit-",
        Shape::Messages => "anthropic-ratelimit-",
    };
    let told: HashMap<String, String> =
        response.headers.iter().filter(|(name, _)| name.starts_with(prefix)).cloned().collect();
    assert!(!told.is_empty(), "no {prefix}* in {response:?}");
    told
}

/// The headers of the token limits: what it is, and what is left.
fn tokens_left(response: &Response, shape: Shape) -> (u64, u64) {
    let told = limits(response, shape);
    let [limit, left] = match shape {
        Shape::Chat | Shape::Responses | Shape::GenerateContent => {
            ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens"]
        }
        Shape::Messages => ["anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-remaining"],
    };
    let number =
        |name: &str| told.get(name).unwrap_or_else(|| panic!("no {name} in {told:?}")).parse().expect("a number");
    (number(limit), number(left))
}

#[tokio::test]
async fn a_key_is_minted_used_and_used_up() {
    within_one_day(mint_use_and_use_up).await;
}

async fn mint_use_and_use_up() {
    let (gateway, upstream) = gateway("").await;
    for shape in Shape::BOTH {
        let (key, id) = mint(&gateway, json!({"label": "cursor", "quota": {"daily_tokens": 250}})).await;
        let before = upstream.requests().len();
        let response = post(&gateway, shape, small(shape, "one"), &key).await;
        assert_eq!(response.status, 200, "{response:?}");
        let (limit, left) = tokens_left(&response, shape);
        assert_eq!(limit, 250, "answers that were served tell the limit, too");
        assert!(left < 250, "{left}");
        gateway.entry(response.request_id()).await;
        let (served, refused) = exhaust(&gateway, shape, &key).await;
        let spent = (served + 1) * TOKENS_OF_AN_ANSWER;
        assert!(spent <= 250, "{spent} tokens were spent");
        assert_eq!(refused.status, 429, "{refused:?}");
        shape.error_type(&refused.json());
        assert!(refused.text().contains("daily_tokens"), "the limit has a name: {}", refused.text());
        assert!((1..=86_400).contains(&retry_after(&refused)));
        assert_eq!(refused.header("x-should-retry"), Some("false"), "a day is no time to wait for");
        let (limit, left) = tokens_left(&refused, shape);
        assert_eq!((limit, left), (250, 250 - spent));
        // A refusal costs nothing, and asks nobody.
        assert_eq!(upstream.requests().len() - before, usize::try_from(served + 1).expect("a few"));
        let now = counters(&gateway, &id).await;
        assert_eq!(now["today"]["tokens"], spent, "{now}");
        assert_eq!((&now["open"], &now["reserved"]["tokens"]), (&json!(0), &json!(0)), "{now}");
        let told = send(gateway.address(), &Request::get("/v1/key").bearer(&key), Way::Sized).await;
        assert_eq!(told.status, 200, "{told:?}");
        assert_eq!(told.json()["data"]["id"], id);
        assert_eq!(told.json()["data"]["limits"][0]["left"], 250 - spent, "{}", told.text());
    }
}

#[tokio::test]
async fn the_refusal_is_what_sdks_call_a_rate_limit() {
    within_one_day(be_refused).await;
}

async fn be_refused() {
    let (gateway, _upstream) = gateway("quota: {daily_tokens: 200}\n").await;
    for shape in Shape::BOTH {
        let (key, _) = mint(&gateway, json!({"label": "x"})).await;
        let (_, refused) = exhaust(&gateway, shape, &key).await;
        assert_eq!(refused.status, 429);
        if shape == Shape::Messages {
            assert_eq!(shape.error_type(&refused.json()), "rate_limit_error");
        }
        // When all of it is there again: midnight, UTC.
        let midnight = 86_400 - seconds_now() % 86_400;
        let told = retry_after(&refused);
        assert!(told.abs_diff(midnight) <= 5 || midnight < 5, "{told} seconds, and midnight is in {midnight}");
    }
}

#[tokio::test]
async fn money_that_is_spent_is_a_402() {
    within_one_day(spend_money).await;
}

async fn spend_money() {
    // A tenth of a cent for each token.
    let prices = "prices:\n  first/alpha: {input: 1000, output: 1000}\n";
    let (gateway, _upstream) = gateway(prices).await;
    for shape in Shape::BOTH {
        let (key, id) = mint(&gateway, json!({"label": "x", "quota": {"daily_usd": 0.15}})).await;
        let (served, refused) = exhaust(&gateway, shape, &key).await;
        assert!((1..=8).contains(&served), "{served} at 0.018 dollars each");
        assert_eq!(refused.status, 402, "{refused:?}");
        shape.error_type(&refused.json());
        assert!(refused.text().contains("daily_usd"), "{}", refused.text());
        assert_eq!(refused.header("x-should-retry"), Some("false"));
        let now = counters(&gateway, &id).await;
        assert_eq!(now["today"]["usd"].to_string(), format!("0.{:03}", served * 18), "{now}");
    }
}

#[tokio::test]
async fn only_allowed_routes_and_models_are_served() {
    let (gateway, upstream) = gateway("").await;
    let cases = [json!({"label": "r", "routes": ["one"]}), json!({"label": "m", "models": ["alpha", "nobody/*"]})];
    for body in cases {
        let (key, _) = mint(&gateway, body.clone()).await;
        for shape in Shape::BOTH {
            let allowed = post(&gateway, shape, small(shape, "one"), &key).await;
            assert_eq!(allowed.status, 200, "{body}: {allowed:?}");
            let before = upstream.requests().len();
            let refused = post(&gateway, shape, small(shape, "two"), &key).await;
            assert_eq!(refused.status, 403, "{body}: {refused:?}");
            shape.error_type(&refused.json());
            assert_eq!(upstream.requests().len(), before);
        }
    }
}

#[tokio::test]
async fn an_expired_key_is_a_401() {
    let (gateway, _upstream) = gateway("").await;
    let (key, _) = mint(&gateway, json!({"label": "x", "expires_at": seconds_now() + 2})).await;
    let response = post(&gateway, Shape::Chat, small(Shape::Chat, "one"), &key).await;
    assert_eq!(response.status, 200, "it is valid yet: {response:?}");
    within("the key to expire", async {
        loop {
            let response = post(&gateway, Shape::Chat, small(Shape::Chat, "one"), &key).await;
            match response.status {
                200 => tokio::time::sleep(Duration::from_millis(50)).await,
                401 => return,
                _ => panic!("{response:?}"),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_rotated_key_ends_when_its_grace_does() {
    let (gateway, _upstream) = gateway("").await;
    let (old, id) = mint(&gateway, json!({"label": "x"})).await;
    let rotate = |grace: u64| {
        let (path, body) = (format!("/admin/keys/{id}/rotate"), json!({ "grace_seconds": grace }).to_string());
        let gateway = &gateway;
        async move { gateway.ask_admin("POST", &path, &body).await }
    };
    let status = async |key: &str| post(&gateway, Shape::Chat, small(Shape::Chat, "one"), key).await.status;
    let rotated = rotate(3_600).await;
    assert_eq!(rotated.status, 200, "{rotated:?}");
    let newer = text(&rotated.json()["key"]);
    assert_eq!((status(&old).await, status(&newer).await), (200, 200), "both are valid within the grace");
    let rotated = rotate(0).await;
    assert_eq!(rotated.status, 200, "{rotated:?}");
    let newest = text(&rotated.json()["key"]);
    assert_eq!((status(&old).await, status(&newer).await, status(&newest).await), (401, 401, 200));
    let revoked = gateway.ask_admin("DELETE", &format!("/admin/keys/{id}"), "").await;
    assert_eq!((revoked.status, &revoked.json()["deleted"]), (200, &json!(true)), "{revoked:?}");
    assert_eq!(status(&newest).await, 401);
}

#[tokio::test]
async fn a_changed_limit_holds_at_once() {
    let (gateway, _upstream) = gateway("").await;
    let (key, id) = mint(&gateway, json!({"label": "x", "quota": {"daily_tokens": 200}})).await;
    let (_, refused) = exhaust(&gateway, Shape::Chat, &key).await;
    assert_eq!(refused.status, 429);
    let more = json!({"quota": {"daily_tokens": 100_000}}).to_string();
    let changed = gateway.ask_admin("PATCH", &format!("/admin/keys/{id}"), &more).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let response = post(&gateway, Shape::Chat, small(Shape::Chat, "one"), &key).await;
    assert_eq!(response.status, 200, "{response:?}");
}

#[tokio::test]
async fn requests_at_the_same_time_are_bounded() {
    let gate = Gate::new();
    let behind_gate = gate.clone();
    let upstream = Upstream::new(move |seen| Answer::plain(seen.shape(), "served").behind(&behind_gate)).await;
    let gateway = behind("", &upstream).await;
    let (key, _) = mint(&gateway, json!({"label": "x", "quota": {"max_concurrent": 2}})).await;
    let mut waiting = JoinSet::new();
    for _ in 0..2 {
        let (address, request) = (gateway.address(), ask(Shape::Chat, small(Shape::Chat, "one"), &key));
        waiting.spawn(async move { send(address, &request, Way::Sized).await });
    }
    upstream.request(1).await;
    let refused = post(&gateway, Shape::Chat, small(Shape::Chat, "one"), &key).await;
    assert_eq!(refused.status, 429, "{refused:?}");
    assert!(refused.text().contains("max_concurrent"), "{}", refused.text());
    assert!(retry_after(&refused) <= 60);
    gate.open();
    for response in waiting.join_all().await {
        assert_eq!(response.status, 200, "{response:?}");
        gateway.entry(response.request_id()).await;
    }
    let response = post(&gateway, Shape::Chat, small(Shape::Chat, "one"), &key).await;
    assert_eq!(response.status, 200, "there is room again: {response:?}");
}

#[tokio::test]
async fn requests_and_tokens_of_a_minute_are_bounded() {
    let (gateway, _upstream) = gateway("").await;
    for (name, quota) in [
        ("requests_per_minute", json!({"requests_per_minute": 3})),
        ("tokens_per_minute", json!({"tokens_per_minute": 200})),
    ] {
        for shape in Shape::BOTH {
            let (key, _) = mint(&gateway, json!({"label": "x", "quota": quota})).await;
            let (served, refused) = exhaust(&gateway, shape, &key).await;
            assert_eq!(refused.status, 429, "{refused:?}");
            assert!(refused.text().contains(name), "{}", refused.text());
            // The second under way counts besides the minute.
            assert!((1..=61).contains(&retry_after(&refused)), "{refused:?}");
            assert_eq!(refused.header("x-should-retry"), Some("true"), "SDKs wait that long by themselves");
            if name == "requests_per_minute" {
                assert_eq!(served, 3);
                let told = limits(&refused, shape);
                let left = match shape {
                    Shape::Chat | Shape::Responses | Shape::GenerateContent => "x-ratelimit-remaining-requests",
                    Shape::Messages => "anthropic-ratelimit-requests-remaining",
                };
                assert_eq!(told.get(left).map(String::as_str), Some("0"), "{told:?}");
            }
        }
    }
}

#[tokio::test]
async fn an_end_user_has_limits_within_those_of_the_key() {
    within_one_day(ask_for_end_users).await;
}

async fn ask_for_end_users() {
    let (gateway, _upstream) = gateway("quota: {daily_tokens: 500, per_end_user: {daily_tokens: 200}}\n").await;
    let (key, _) = mint(&gateway, json!({"label": "x"})).await;
    let mut total = 0;
    let mut statuses = Vec::new();
    for user in ["anna", "bela", "cora", "dora", "emil", "fred"] {
        loop {
            let mut body: Value = serde_json::from_str(&small(Shape::Chat, "one")).expect("JSON");
            body["user"] = json!(user);
            let response = post(&gateway, Shape::Chat, body.to_string(), &key).await;
            if response.status != 200 {
                statuses.push(response.status);
                break;
            }
            gateway.entry(response.request_id()).await;
            total += TOKENS_OF_AN_ANSWER;
        }
    }
    assert_eq!(statuses, [429; 6]);
    assert!((201..=500).contains(&total), "another user has room of its own, and no more than the key's: {total}");
}

#[tokio::test]
async fn of_two_hundred_requests_at_once_those_get_in_that_there_is_room_for() {
    within_one_day(ask_two_hundred_at_once).await;
}

async fn ask_two_hundred_at_once() {
    const BOUND: u64 = 1_000;
    const ROOM: u64 = 10;
    let gate = Gate::new();
    let behind_gate = gate.clone();
    let upstream = Upstream::new(move |seen| Answer::plain(seen.shape(), "served").behind(&behind_gate)).await;
    let gateway = behind("", &upstream).await;
    let mut body: Value = serde_json::from_str(&Shape::Chat.ask("one", "hello")).expect("JSON");
    body["max_tokens"] = json!(BOUND);
    let body = body.to_string();
    // The estimate: a token for four bytes, and the bound on the answer.
    let each = BOUND + (body.len() as u64).div_ceil(4);
    let limit = ROOM * each;
    let (key, id) = mint(&gateway, json!({"label": "x", "quota": {"daily_tokens": limit}})).await;
    let mut clients = JoinSet::new();
    for _ in 0..200 {
        let (address, request) = (gateway.address(), ask(Shape::Chat, body.clone(), &key));
        clients.spawn(async move { send(address, &request, Way::Sized).await });
    }
    let mut refused = 0_u64;
    while refused < 200 - ROOM {
        let response = within("a refusal", clients.join_next()).await.expect("a client").expect("no panic");
        assert_eq!(response.status, 429, "nothing is served before the gate opens: {response:?}");
        refused += 1;
    }
    upstream.request(usize::try_from(ROOM - 1).expect("ten")).await;
    let now = counters(&gateway, &id).await;
    assert_eq!((&now["open"], &now["reserved"]["tokens"]), (&json!(ROOM), &json!(limit)), "{now}");
    gate.open();
    let mut last = None;
    for response in clients.join_all().await {
        assert_eq!(response.status, 200, "{response:?}");
        last = Some(text(&gateway.entry(response.request_id()).await["request_id"]));
    }
    assert!(last.is_some());
    assert_eq!(upstream.requests().len(), usize::try_from(ROOM).expect("ten"));
    let now = counters(&gateway, &id).await;
    assert_eq!(now["today"]["tokens"], ROOM * TOKENS_OF_AN_ANSWER, "{now}");
    assert_eq!((&now["open"], &now["reserved"]["tokens"]), (&json!(0), &json!(0)), "{now}");
}

#[tokio::test]
async fn ten_agents_with_large_bounds_fit_into_a_million() {
    let gate = Gate::new();
    let behind_gate = gate.clone();
    let upstream = Upstream::new(move |seen| Answer::plain(seen.shape(), "served").behind(&behind_gate)).await;
    let gateway = behind("", &upstream).await;
    let (key, _) = mint(&gateway, json!({"label": "x", "quota": {"daily_tokens": 1_000_000}})).await;
    // Some 60,000 tokens of context each.
    let mut body: Value = serde_json::from_str(&Shape::Messages.ask("one", &"word ".repeat(48_000))).expect("JSON");
    body["max_tokens"] = json!(32_000);
    let body = body.to_string();
    let mut clients = JoinSet::new();
    for _ in 0..10 {
        let (address, request) = (gateway.address(), ask(Shape::Messages, body.clone(), &key));
        clients.spawn(async move { send(address, &request, Way::Sized).await });
    }
    upstream.request(9).await;
    gate.open();
    for response in clients.join_all().await {
        assert_eq!(response.status, 200, "{response:?}");
    }
}

#[tokio::test]
async fn a_large_image_is_no_text() {
    within_one_day(send_a_large_image).await;
}

async fn send_a_large_image() {
    let (gateway, upstream) = gateway("").await;
    let image = base64::engine::general_purpose::STANDARD.encode(vec![0x5a; 10 * 1_024 * 1_024]);
    let (key, id) = mint(&gateway, json!({"label": "x", "quota": {"daily_tokens": 500_000}})).await;
    let part = |shape| match shape {
        Shape::Chat | Shape::Responses | Shape::GenerateContent => {
            json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{image}")}})
        }
        Shape::Messages => {
            json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": image}})
        }
    };
    for shape in Shape::BOTH {
        let mut body: Value = serde_json::from_str(&small(shape, "one")).expect("JSON");
        body["messages"][0]["content"] = json!([part(shape)]);
        let response = post(&gateway, shape, body.to_string(), &key).await;
        assert_eq!(response.status, 200, "{response:?}");
        gateway.entry(response.request_id()).await;
    }
    assert_eq!(upstream.requests().len(), 2);
    assert_eq!(counters(&gateway, &id).await["today"]["tokens"], 2 * TOKENS_OF_AN_ANSWER);
}

#[tokio::test]
async fn what_failed_is_given_back() {
    within_one_day(fail).await;
}

async fn fail() {
    let upstream = Upstream::new(|seen| Answer::error(seen.shape(), 400)).await;
    let gateway = behind("", &upstream).await;
    let (key, id) = mint(&gateway, json!({"label": "x", "quota": {"daily_tokens": 200}})).await;
    for _ in 0..10 {
        let response = post(&gateway, Shape::Chat, small(Shape::Chat, "one"), &key).await;
        assert_eq!(response.status, 400, "{response:?}");
        let entry = gateway.entry(response.request_id()).await;
        assert_eq!((&entry["charged_tokens"], &entry["usage_source"]), (&json!(0), &json!("none")), "{entry}");
    }
    let now = counters(&gateway, &id).await;
    assert_eq!((&now["today"]["tokens"], &now["open"]), (&json!(0), &json!(0)), "{now}");
}
