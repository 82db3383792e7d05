//! Streams whose first target is silent: another one is asked as well, whoever has content first answers, and both are paid for.

use serde_json::Value;

use crate::support::{Answer, Connection, Gate, Gateway, Shape, Upstream, provider};

/// Shapes whose frames come before their content, or do not.
const SHAPES: [Shape; 3] = [Shape::Chat, Shape::Messages, Shape::Responses];

/// A gateway whose route asks the second upstream as well when the first is silent for that long.
async fn gateway(after: &str, first: &Upstream, second: &Upstream) -> Gateway {
    let models = ["model".to_owned()];
    let all = |provider: String| provider.replace("[chat, messages]", "[chat, messages, responses]");
    let config = format!(
        "commit_after: 200ms\nheartbeat: 200ms\nprices:\n  first/model: {{input: 1, output: 2}}\n  second/model: {{input: 10, output: 20}}\n\
         providers:\n{}{}routes:\n  r: {{providers: [first, second], models: [model], hedge_after: {after}}}\n  \
         last: {{providers: [second], models: [model], hedge_after: {after}}}\n",
        all(provider("first", &first.base_url(), &models)),
        all(provider("second", &second.base_url(), &models)),
    );
    Gateway::start(&config).await
}

/// The content that a client is given, and the id of its exchange.
async fn told(shape: Shape, connection: &mut Connection) -> (String, String) {
    let head = connection.head().await;
    assert_eq!(head.status(), 200);
    let id = head.header(shape.id_header()).expect("a request id").to_owned();
    let events = connection.events().await;
    let contents = events.iter().filter(|event| !event.is_heartbeat()).map(|event| shape.delta(&event.data()));
    (contents.collect(), id)
}

fn attempts(entry: &Value) -> Vec<(&str, &str)> {
    let attempts = entry["attempts"].as_array().expect("attempts");
    attempts.iter().map(|at| (at["provider"].as_str().unwrap(), at["outcome"].as_str().unwrap())).collect()
}

async fn hedges(gateway: &Gateway, outcome: &str) -> u64 {
    let line = format!("ovth_hedges_total{{outcome=\"{outcome}\"}} ");
    gateway.metrics().await.lines().find_map(|text| text.strip_prefix(&line)).unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_second_target_answers_when_it_has_content_first_and_the_first_is_closed_and_paid_for() {
    for shape in SHAPES {
        for silence in [Answer::silence(), Answer::stream().event(shape.opening()).hold()] {
            let first = Upstream::always(silence).await;
            let second = Upstream::always(Answer::streamed(shape, &["served"])).await;
            let gateway = gateway("100ms", &first, &second).await;
            let mut connection = gateway.open(shape, shape.ask_stream("r", "hello")).await;
            let (content, id) = told(shape, &mut connection).await;
            assert_eq!(content, "served");
            first.request(0).await.link.closed().await;
            let entry = gateway.entry(&id).await;
            assert_eq!(attempts(&entry), [("first", "overtaken"), ("second", "ok")], "{entry}");
            assert_eq!(
                (&entry["provider"], &entry["usage_source"]),
                (&"second".into(), &"estimated".into()),
                "{entry}"
            );
            let alone = {
                let mut connection = gateway.open(shape, shape.ask_stream("last", "hello")).await;
                let (_, id) = told(shape, &mut connection).await;
                gateway.entry(&id).await
            };
            let more = |of: &str| entry["tokens"][of].as_u64().unwrap() - alone["tokens"][of].as_u64().unwrap();
            assert!(more("input") > 0, "the prompt went to both: {entry} {alone}");
            // A message begins with a token that is told already.
            assert!(more("output") <= 1, "{entry} {alone}");
            let cost = |entry: &Value| entry["cost_usd"].as_f64().unwrap();
            let beside = cost(&entry) - cost(&alone);
            let priced = (more("input") + 2 * more("output")) as f64 / 1e6;
            assert!((beside - priced).abs() < 1e-12, "by the first one's price: {entry} {alone}");
            assert_eq!(hedges(&gateway, "won").await, 1);
        }
    }
}

#[tokio::test]
async fn the_first_target_goes_on_when_it_has_content_first_and_the_second_is_closed_and_paid_for() {
    for shape in SHAPES {
        let gate = Gate::new();
        let late = Answer::stream().event(shape.opening()).wait(&gate).event(shape.content("late"));
        let first = Upstream::always(late.event(shape.closing()).finished()).await;
        let second = Upstream::always(Answer::stream().event(shape.opening()).hold()).await;
        let gateway = gateway("100ms", &first, &second).await;
        let mut connection = gateway.open(shape, shape.ask_stream("r", "hello")).await;
        let asked = second.request(0).await;
        gate.open();
        let (content, id) = told(shape, &mut connection).await;
        assert_eq!(content, "late");
        asked.link.closed().await;
        let entry = gateway.entry(&id).await;
        assert_eq!(attempts(&entry), [("second", "overtaken"), ("first", "ok")], "{entry}");
        assert_eq!((&entry["provider"], &entry["usage_source"]), (&"first".into(), &"estimated".into()), "{entry}");
        assert_eq!(hedges(&gateway, "lost").await, 1);
    }
}

#[tokio::test]
async fn when_the_first_fails_the_second_goes_on_with_what_it_has_begun() {
    let gate = Gate::new();
    let first = Upstream::always(Answer::error(Shape::Chat, 503).behind(&gate)).await;
    let opened = Gate::new();
    let late = Answer::stream().event(Shape::Chat.opening()).wait(&opened).event(Shape::Chat.content("second"));
    let second = Upstream::always(late.event(Shape::Chat.closing()).finished()).await;
    let gateway = gateway("100ms", &first, &second).await;
    let mut connection = gateway.open(Shape::Chat, Shape::Chat.ask_stream("r", "hello")).await;
    second.request(0).await;
    gate.open();
    first.request(0).await;
    gateway.logged("\"provider\":\"first\"").await;
    opened.open();
    let (content, id) = told(Shape::Chat, &mut connection).await;
    assert_eq!(content, "second");
    let entry = gateway.entry(&id).await;
    assert_eq!(attempts(&entry)[0].0, "first", "{entry}");
    assert_eq!(attempts(&entry)[1], ("second", "ok"), "{entry}");
    assert_eq!(entry["tokens"]["input"], 8, "who refuses is not paid: {entry}");
    assert_eq!(second.requests().len(), 1, "it is asked once");
}

#[tokio::test]
async fn when_the_second_fails_the_first_is_waited_for_and_nobody_is_asked_again() {
    let gate = Gate::new();
    let late = Answer::streamed(Shape::Chat, &["first"]).behind(&gate);
    let first = Upstream::always(late).await;
    let second = Upstream::always(Answer::error(Shape::Chat, 503)).await;
    let gateway = gateway("100ms", &first, &second).await;
    let mut connection = gateway.open(Shape::Chat, Shape::Chat.ask_stream("r", "hello")).await;
    gateway.logged("\"provider\":\"second\"").await;
    gate.open();
    let (content, id) = told(Shape::Chat, &mut connection).await;
    assert_eq!(content, "first");
    let entry = gateway.entry(&id).await;
    assert_eq!(attempts(&entry)[1], ("first", "ok"), "{entry}");
    assert_eq!(entry["tokens"]["input"], 8, "who refuses is not paid: {entry}");
    assert_eq!((second.requests().len(), hedges(&gateway, "failed").await), (1, 1));
}

#[tokio::test]
async fn who_leaves_closes_both() {
    let (first, second) = (Upstream::always(Answer::silence()).await, Upstream::always(Answer::silence()).await);
    let gateway = gateway("100ms", &first, &second).await;
    let connection = gateway.open(Shape::Chat, Shape::Chat.ask_stream("r", "hello")).await;
    let (one, two) = (first.request(0).await, second.request(0).await);
    drop(connection);
    one.link.closed().await;
    two.link.closed().await;
    let record = gateway.record_where(|record| record.outcome == "client_abort").await;
    assert_eq!(record.attempt_count, 2, "{record:?}");
}

#[tokio::test]
async fn what_answers_in_time_and_what_is_wanted_whole_goes_to_one_target_only() {
    let gate = Gate::new();
    let whole = Answer::plain(Shape::Chat, "whole").behind(&gate);
    let first = Upstream::script(vec![Answer::streamed(Shape::Chat, &["soon"]), whole]).await;
    let second = Upstream::always(Answer::silence()).await;
    let quick = gateway("1h", &first, &second).await;
    let mut connection = quick.open(Shape::Chat, Shape::Chat.ask_stream("r", "hello")).await;
    assert_eq!(told(Shape::Chat, &mut connection).await.0, "soon");
    assert!(second.requests().is_empty());

    let gateway = gateway("10ms", &first, &second).await;
    let mut waiting = gateway.open(Shape::Chat, Shape::Chat.ask("r", "hello")).await;
    first.request(1).await;
    // The gateway's own clock: heartbeats of a stream that only the second could serve, which is silent.
    let mut clock = gateway.open(Shape::Chat, Shape::Chat.ask_stream("last", "hello")).await;
    assert_eq!(clock.head().await.status(), 200);
    assert!(clock.event().await.expect("a heartbeat").is_heartbeat());
    assert_eq!(second.requests().len(), 1, "that of the clock");
    gate.open();
    assert_eq!(waiting.response().await.status, 200);
}

#[tokio::test]
async fn who_leaves_when_only_the_second_is_left_has_its_prompt_paid_for() {
    let gate = Gate::new();
    let first = Upstream::always(Answer::error(Shape::Chat, 503).behind(&gate)).await;
    let second = Upstream::always(Answer::silence()).await;
    let gateway = gateway("100ms", &first, &second).await;
    let mut connection = gateway.open(Shape::Chat, Shape::Chat.ask_stream("r", "hello")).await;
    let asked = second.request(0).await;
    gate.open();
    gateway.logged("\"provider\":\"first\"").await;
    let head = connection.head().await;
    let id = head.header(Shape::Chat.id_header()).expect("a request id").to_owned();
    drop(connection);
    asked.link.closed().await;
    let entry = gateway.entry(&id).await;
    assert_eq!(attempts(&entry)[1], ("second", "client_abort"), "{entry}");
    assert_eq!((&entry["tokens"]["input"], &entry["usage_source"]), (&8.into(), &"estimated".into()), "{entry}");
    let page = gateway.metrics().await;
    assert!(page.contains(r#"ovth_attempts_total{model="model",outcome="overloaded",provider="first"} 1"#), "{page}");
}
