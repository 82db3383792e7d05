//! Routes from outside: what was chosen and why, keys that are refused, first contents that are late, conversations that stay, and rounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::{Answer, Gate, Gateway, Shape, Upstream, Way, provider};

const MODEL: &str = "model";

/// Two upstreams behind a route with these options.
async fn route(settings: &str, options: &str, first: &Upstream, second: &Upstream) -> Gateway {
    let models = [MODEL.to_owned()];
    let config = format!(
        "{settings}\nproviders:\n{}{}routes:\n  r: {{providers: [first, second], models: [{MODEL}]{options}}}\n  sole: {{providers: \
         [first], models: [{MODEL}]{options}}}\n",
        provider("first", &first.base_url(), &models),
        provider("second", &second.base_url(), &models),
    );
    Gateway::start(&config).await
}

async fn serving(text: &'static str) -> Upstream {
    Upstream::new(move |seen| Answer::plain(seen.shape(), text)).await
}

fn served_by(response: &crate::support::Response) -> String {
    assert_eq!(response.status, 200, "{response:?}");
    Shape::Chat.text(&response.json())
}

#[tokio::test]
async fn what_was_chosen_and_why_is_in_the_header_and_in_the_log() {
    let (first, second) = (serving("one").await, serving("two").await);
    let gateway = route("", ", strategy: round-robin", &first, &second).await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        let response = gateway.post(Shape::Chat, Shape::Chat.ask("r", "hello")).await;
        let told = response.header("x-ovth-route").unwrap().to_owned();
        assert!(told.starts_with("r; ") && told.ends_with("; round-robin; able=2/2"), "{told}");
        seen.push(served_by(&response));
        gateway.logged("\"choice\":\"round-robin; able=2/2\"").await;
    }
    assert!(seen == ["one", "two", "one", "two"] || seen == ["two", "one", "two", "one"], "{seen:?}");
    // A model that is asked for by its name is no choice.
    let response = gateway.post(Shape::Chat, Shape::Chat.ask("first/model", "hello")).await;
    assert_eq!((response.status, response.header("x-ovth-route")), (200, None));
}

#[tokio::test]
async fn a_key_that_is_refused_is_told_loudly_and_left_out_while_another_is_there() {
    let upstream = Upstream::new(|seen| match seen.head.header("authorization") {
        Some("Bearer dead-key-0123456789abcdef") => Answer::error(Shape::Chat, 401),
        _ => Answer::plain(Shape::Chat, "served"),
    })
    .await;
    let config = format!(
        "account_check: never\nproviders:\n  host:\n    base_url: {}\n    api_keys: [{{key: dead-key-0123456789abcdef, weight: 1000000}}, \
         good-key-0123456789abcdef]\n    models: [model]\nroutes:\n  r: {{providers: [host], models: [model]}}\n",
        upstream.base_url()
    );
    let gateway = Gateway::start(&config).await;
    let response = gateway.post(Shape::Chat, Shape::Chat.ask("r", "hello")).await;
    assert_eq!((response.status, response.attempts()), (200, 2), "{response:?}");
    gateway.logged("host, key 1 of 2 is refused: it is used for 10 minutes only where nothing else is left").await;
    for _ in 0..5 {
        let response = gateway.post(Shape::Chat, Shape::Chat.ask("r", "hello")).await;
        assert_eq!((response.status, response.attempts()), (200, 1), "{response:?}");
    }
    let metrics = gateway.metrics().await;
    assert!(metrics.contains(r#"ovth_cooled_targets{provider="host",scope="credential"} 1"#), "{metrics}");
    assert!(metrics.contains(r#"ovth_breakers{provider="host",state="closed"}"#), "{metrics}");
}

#[tokio::test]
async fn a_first_content_that_is_late_goes_to_the_next_target_and_the_last_is_given_its_time() {
    for opening in [String::new(), Shape::Chat.opening()] {
        let late = Gate::new();
        let wait = late.clone();
        let first = Upstream::new(move |_| {
            let answer = Answer::stream();
            let answer = if opening.is_empty() { answer } else { answer.event(&opening) };
            answer.wait(&wait).event(Shape::Chat.content("late")).event(Shape::Chat.closing()).finished()
        })
        .await;
        let second = Upstream::new(|_| Answer::streamed(Shape::Chat, &["served"])).await;
        let settings = "commit_after: 1s\nheartbeat: 300ms";
        let gateway = route(settings, ", first_byte: 300ms", &first, &second).await;
        let response = gateway.post(Shape::Chat, Shape::Chat.ask_stream("r", "hello")).await;
        assert_eq!((response.status, response.attempts()), (200, 2), "{response:?}");
        assert!(response.text().contains("served") && !response.text().contains("late"), "{response:?}");

        let mut sole = gateway.open(Shape::Chat, Shape::Chat.ask_stream("sole", "hello")).await;
        assert_eq!(sole.head().await.status(), 200);
        // A heartbeat comes later than what the route sets: it would have been given up by then.
        assert!(sole.event().await.expect("a heartbeat").is_heartbeat());
        late.open();
        let mut text = String::new();
        while let Some(event) = sole.event().await {
            text += &event.data();
        }
        assert!(text.contains("late"), "{text}");
    }
}

/// An answer whose usage says that most of the prompt was read from a cache.
fn cached(text: &str) -> String {
    let mut answer: Value = serde_json::from_str(&Shape::Chat.plain(text)).unwrap();
    answer["usage"] = json!({"prompt_tokens": 9_000, "completion_tokens": 7, "total_tokens": 9_007,
        "prompt_tokens_details": {"cached_tokens": 8_000}});
    answer.to_string()
}

#[tokio::test]
async fn a_conversation_stays_where_its_prompt_cache_is_warm() {
    let first = Upstream::new(|_| Answer::json(200, cached("one"))).await;
    let second = Upstream::new(|_| Answer::json(200, cached("two"))).await;
    for (option, stays) in [("", true), (", sticky: false", false)] {
        let gateway = route("", &format!(", strategy: round-robin{option}"), &first, &second).await;
        let mut asked: Value = serde_json::from_str(&Shape::Chat.ask("r", "hello")).unwrap();
        asked["prompt_cache_key"] = json!("conversation-7");
        let mut served = Vec::new();
        for _ in 0..6 {
            let response = gateway.post(Shape::Chat, asked.to_string()).await;
            served.push(served_by(&response));
            let told = response.header("x-ovth-route").unwrap();
            assert_eq!(told.ends_with("; stays=warm_cache"), stays && served.len() > 1, "{told}");
        }
        served.dedup();
        assert_eq!(served.len() == 1, stays, "{served:?}");
    }
}

#[tokio::test]
async fn what_may_have_recovered_is_tried_again_unless_the_client_does_that_itself() {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    let first = Upstream::new(move |_| match seen.fetch_add(1, Ordering::Relaxed) % 2 {
        0 => Answer::error(Shape::Chat, 503),
        _ => Answer::plain(Shape::Chat, "served"),
    })
    .await;
    let second = Upstream::silent().await;
    let gateway = route("retries: {rounds: 1, backoff: 20ms}", "", &first, &second).await;
    let response = gateway.post(Shape::Chat, Shape::Chat.ask("sole", "hello")).await;
    assert_eq!((&*served_by(&response), response.attempts()), ("served", 2));

    let request = gateway.request(Shape::Chat, Shape::Chat.ask("sole", "hello")).header("x-stainless-retry-count", "0");
    let response = gateway.send(&request, Way::Sized).await;
    assert_eq!((response.status, response.attempts()), (503, 1), "{response:?}");
}

#[tokio::test]
async fn a_route_goes_on_with_another_when_its_own_targets_have_failed() {
    let first = Upstream::always(Answer::error(Shape::Chat, 500)).await;
    let second = serving("two").await;
    let models = [MODEL.to_owned()];
    let config = format!(
        "providers:\n{}{}routes:\n  a: {{providers: [first], models: [{MODEL}], fallback: [b]}}\n  b: {{providers: [second], models: [{MODEL}]}}\n",
        provider("first", &first.base_url(), &models),
        provider("second", &second.base_url(), &models),
    );
    let gateway = Gateway::start(&config).await;
    let response = gateway.post(Shape::Chat, Shape::Chat.ask("a", "hello")).await;
    assert_eq!((&*served_by(&response), response.attempts()), ("two", 2));
    assert_eq!(response.header("x-ovth-route"), Some("a; second/model; failover"));
}

#[tokio::test]
async fn a_model_that_only_its_account_lists_is_asked_there_by_its_name() {
    let upstream = Upstream::new(|seen| match seen.head.path() {
        "/v1/models" => Answer::json(200, r#"{"data":[{"id":"Shiny-New-1"},{"id":"model"}]}"#),
        _ => Answer::plain(Shape::Chat, "served"),
    })
    .await;
    let config = format!(
        "providers:\n  host: {{base_url: '{}', api_key: good-key-0123456789abcdef, models: [model]}}\nroutes:\n  r: {{providers: [host], models: \
         [model]}}\n",
        upstream.base_url()
    );
    let gateway = Gateway::start_with(&config, &[("OVTH_ACCOUNT_CHECK", "1h")]).await;
    // The account is asked at the start, beside everything else.
    let listed = async {
        loop {
            let response = gateway.post(Shape::Chat, Shape::Chat.ask("shiny-new-1", "hello")).await;
            if response.status == 200 {
                return;
            }
            assert_eq!(response.status, 404, "{response:?}");
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), listed).await.expect("the account is asked soon");
    let response = gateway.post(Shape::Chat, Shape::Chat.ask("shiny-new-2", "hello")).await;
    assert_eq!(response.status, 404, "{response:?}");
}
