//! The memory that all bodies share: where it is used up there is a 503 that says so, and no target is blamed for it.

use crate::support::{Answer, Bed, Gate, Response, Shape, Upstream, Way};

/// One large body fits, two do not.
const SETTINGS: &str = "h2c: true\nlimits: {body_bytes: 1MiB, buffered_bytes: 1MiB}\n";
const LARGE: usize = 700_000;

/// Answers at length where that is the prompt, else briefly.
async fn talkative() -> Upstream {
    Upstream::new(|seen| match seen.prompt().as_str() {
        "at length" => Answer::plain(seen.shape(), &"x".repeat(2 << 20)),
        _ => Answer::plain(seen.shape(), "briefly"),
    })
    .await
}

async fn assert_not_cooled(bed: &Bed, shape: Shape, route: &str) {
    let before = bed.first.requests().len();
    let response = bed.gateway.post(shape, shape.ask(route, "briefly")).await;
    assert_eq!((response.status, response.attempts()), (200, 1), "{response:?}");
    assert_eq!(bed.first.requests().len(), before + 1, "the first target is still the first");
}

async fn request_bodies_that_do_not_fit(shape: Shape) {
    let gate = Gate::new();
    let slow = gate.clone();
    let first = Upstream::new(move |seen| match seen.body.len() {
        LARGE.. => Answer::plain(seen.shape(), "large").behind(&slow),
        _ => Answer::plain(seen.shape(), "small"),
    })
    .await;
    let bed = Bed::start_with(SETTINGS, first, talkative().await).await;
    let route = bed.pair();
    let large = shape.ask_sized(&route, LARGE + 100);
    let mut holder = bed.gateway.open(shape, large.clone()).await;
    bed.first.request(0).await;
    for way in Way::ALL {
        let response = bed.gateway.send(&bed.gateway.request(shape, large.clone()), way).await;
        assert_refused(shape, &response, way);
    }
    assert_eq!(bed.first.requests().len(), 1, "none of them went to a provider");
    assert_not_cooled(&bed, shape, &route).await;
    gate.open();
    let held = holder.response().await;
    assert_eq!((held.status, held.attempts()), (200, 1), "{held:?}");
    // With the end of that exchange its share is given back.
    bed.gateway.record(held.request_id()).await;
    let response = bed.gateway.post(shape, large).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert!(bed.second.requests().is_empty());
}

async fn answers_that_do_not_fit(shape: Shape) {
    let bed = Bed::start_with(SETTINGS, talkative().await, talkative().await).await;
    for way in [Way::Sized, Way::H2c] {
        let route = bed.pair();
        let request = bed.gateway.request(shape, shape.ask(&route, "at length"));
        assert_refused(shape, &bed.gateway.send(&request, way).await, way);
        assert_not_cooled(&bed, shape, &route).await;
    }
}

fn assert_refused(shape: Shape, response: &Response, way: Way) {
    assert_eq!(response.status, 503, "{way:?}: {response:?}");
    shape.error_type(&response.json());
    let retry_after: u64 = response.header("retry-after").expect("a time to wait").parse().unwrap();
    assert!((1..=60).contains(&retry_after), "{way:?}: {retry_after}");
    assert_ne!(response.header("x-should-retry"), Some("false"), "{way:?}: waiting helps");
}

#[tokio::test]
async fn a_chat_request_that_does_not_fit_is_a_503_and_cools_nothing() {
    request_bodies_that_do_not_fit(Shape::Chat).await;
}

#[tokio::test]
async fn a_messages_request_that_does_not_fit_is_a_503_and_cools_nothing() {
    request_bodies_that_do_not_fit(Shape::Messages).await;
}

#[tokio::test]
async fn a_chat_answer_that_does_not_fit_is_a_503_and_cools_nothing() {
    answers_that_do_not_fit(Shape::Chat).await;
}

#[tokio::test]
async fn a_messages_answer_that_does_not_fit_is_a_503_and_cools_nothing() {
    answers_that_do_not_fit(Shape::Messages).await;
}
