//! The metrics page of a running gateway: what it tells, that the documents tell the same, and what it never tells.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::{
    Answer, Bed, Connection, Family, Gate, Gateway, Page, Request, Shape, Upstream, Way, promtool, provider, tell,
};

/// A gateway whose first upstream is overloaded and whose second serves both shapes, streamed where the prompt says so.
pub(crate) async fn failing_first(settings: &str) -> Bed {
    let first = Upstream::new(|seen| Answer::error(seen.shape(), 503)).await;
    let second = Upstream::new(|seen| match seen.prompt().as_str() {
        "stream" => Answer::streamed(seen.shape(), &["one", "two", "three"]),
        _ => Answer::plain(seen.shape(), "served"),
    })
    .await;
    Bed::start_with(settings, first, second).await
}

/// The rows of the table in `docs/metrics.md`.
fn documented() -> BTreeMap<String, Family> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let text = std::fs::read_to_string(path).expect("docs/metrics.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split(" | ").map(str::trim).collect();
        let [name, kind, labels, help] = cells[..] else { panic!("a row has four cells: {row}") };
        let labels =
            labels.split(", ").filter(|label| !label.is_empty()).map(|label| label.trim_matches('`').to_owned());
        let family = Family { kind: kind.to_owned(), help: help.to_owned(), labels: labels.collect() };
        (name.trim_end_matches('`').to_owned(), family)
    })
    .collect()
}

fn row((name, family): (&String, &Family)) -> String {
    let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
    format!("| `{name}` | {} | {} | {} |", family.kind, labels.join(", "), family.help)
}

#[tokio::test]
async fn the_documents_tell_of_every_metric_and_of_no_other() {
    let bed = failing_first("").await;
    bed.everything().await;
    let page = bed.gateway.settled_page().await;
    let documented = documented();
    let missing: Vec<String> =
        page.families.iter().filter(|one| documented.get(one.0) != Some(one.1)).map(row).collect();
    let extra: Vec<String> = documented.iter().filter(|one| page.families.get(one.0) != Some(one.1)).map(row).collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "docs/metrics.md lacks:\n{}\nand should not have:\n{}",
        missing.join("\n"),
        extra.join("\n")
    );
}

#[tokio::test]
async fn promtool_has_nothing_to_say_of_the_page() {
    let bed = failing_first("").await;
    bed.everything().await;
    let page = bed.gateway.metrics().await;
    let Some(promtool) = promtool() else {
        tell("promtool is not installed (Debian's package `prometheus`): the metrics page was not checked with it");
        return;
    };
    let said = promtool.check(&["check", "metrics"], &page);
    assert_eq!(said, "", "promtool check metrics");
}

#[tokio::test]
async fn names_have_units_and_help_has_words() {
    let bed = failing_first("").await;
    bed.everything().await;
    let page = bed.gateway.settled_page().await;
    for (name, family) in &page.families {
        assert_eq!(name.ends_with("_total"), family.kind == "counter", "{name} is a {}", family.kind);
        if family.kind == "histogram" {
            assert!(name.ends_with("_seconds") || name == "ovth_ledger_batch_size", "{name} has no unit");
        }
        assert!(family.help.ends_with('.') && family.help.len() > 15, "{name}: {}", family.help);
    }
}

#[tokio::test]
async fn attempts_tokens_and_failovers_are_told_by_provider_and_model() {
    let bed = failing_first("").await;
    let response = bed.gateway.post(Shape::Chat, Shape::Chat.ask(&bed.pair(), "hello")).await;
    assert_eq!(response.status, 200);
    let page = bed.gateway.settled_page().await;
    let (first, second) = (("provider", "first"), ("provider", "second"));
    assert_eq!(page.sum("ovth_attempts_total", &[first, ("model", "model-0"), ("outcome", "overloaded")]), 1.0);
    assert_eq!(page.sum("ovth_attempts_total", &[second, ("model", "model-0"), ("outcome", "ok")]), 1.0);
    assert_eq!(page.sum("ovth_failovers_total", &[first, ("reason", "overloaded")]), 1.0);
    assert_eq!(page.sum("ovth_cooled_targets", &[first]), 1.0);
    assert_eq!(page.sum("ovth_cooled_targets", &[second]), 0.0);
    assert_eq!(page.sum("ovth_tokens_total", &[second, ("model", "model-0")]), 18.0);
    assert_eq!(page.sum("ovth_tokens_total", &[first]), 0.0);
    assert_eq!(page.sum("ovth_unpriced_requests_total", &[second]), 1.0);
    assert_eq!(page.sum("ovth_upstream_connections_total", &[("origin", "new")]), 2.0);
    assert_eq!(page.sum("ovth_gateway_overhead_seconds_count", &[]), 1.0);
    assert!(page.sum("ovth_ledger_commit_seconds_count", &[]) >= 1.0);
    assert_eq!(page.sum("ovth_ledger_up", &[]), 1.0);
    assert!(page.sum("ovth_database_size_bytes", &[]) > 0.0);
    assert!(page.sum("ovth_catalogue_age_seconds", &[]) >= 0.0);

    bed.gateway.post(Shape::Chat, Shape::Chat.ask(&bed.pair(), "hello")).await;
    let page = bed.gateway.settled_page().await;
    assert_eq!(page.sum("ovth_upstream_connections_total", &[second, ("origin", "pool")]), 1.0);
}

#[tokio::test]
async fn money_is_told_in_dollars() {
    let upstream = Upstream::new(|seen| Answer::plain(seen.shape(), "served")).await;
    let config = format!(
        "providers:\n{}prices:\n  first/alpha: {{input: 1000, output: 2000}}\n",
        provider("first", &upstream.base_url(), &["alpha".to_owned()])
    );
    let gateway = Gateway::start(&config).await;
    let response = gateway.post(Shape::Chat, Shape::Chat.ask("alpha", "hello")).await;
    assert_eq!(response.status, 200, "{response:?}");
    let page = gateway.settled_page().await;
    let cost = page.sum("ovth_cost_dollars_total", &[("provider", "first"), ("model", "alpha")]);
    // 11 tokens of input and 7 of output.
    assert!((cost - 0.025).abs() < 1e-12, "{cost}");
}

#[tokio::test]
async fn waiting_for_a_provider_is_not_the_gateways_time_and_neither_is_a_pause_in_a_stream() {
    let (begin, go_on) = (Gate::new(), Gate::new());
    let answer = Answer::stream()
        .event(Shape::Chat.opening())
        .event(Shape::Chat.content("a"))
        .wait(&go_on)
        .event(Shape::Chat.content("b"))
        .event(Shape::Chat.closing())
        .finished()
        .behind(&begin);
    let bed = Bed::start(Upstream::always(answer).await, Upstream::silent().await).await;
    let mut connection = bed.gateway.open(Shape::Chat, Shape::Chat.ask_stream(&bed.sole(), "go")).await;
    connection.head().await;
    // Heartbeats come 200 ms apart, which is all the clock that is needed.
    wait_for_heartbeats(&mut connection, 2).await;
    begin.open();
    connection.content_event().await.expect("the opening");
    connection.content_event().await.expect("the first content");
    wait_for_heartbeats(&mut connection, 2).await;
    go_on.open();
    connection.events().await;
    let page = bed.gateway.settled_page().await;
    let stream = [("operation", "generate"), ("stream", "true")];
    let duration = page.sum("ovth_request_duration_seconds_sum", &stream);
    let overhead = page.sum("ovth_gateway_overhead_seconds_sum", &stream);
    assert_eq!(page.sum("ovth_gateway_overhead_seconds_count", &stream), 1.0);
    assert!(overhead > 0.0 && duration - overhead >= 0.6, "{overhead} of {duration} s");
    assert!(page.sum("ovth_time_to_first_token_seconds_sum", &[("model", "model-0")]) >= 0.2);
    // The closing may come with the second content or a moment after it, as another arrival.
    let short = page.sum("ovth_stream_gap_seconds_bucket", &[("model", "model-0"), ("le", "0.1")]);
    assert_eq!(page.sum("ovth_stream_gap_seconds_count", &[("model", "model-0")]) - short, 1.0);
    assert!(page.sum("ovth_stream_gap_seconds_sum", &[("model", "model-0")]) >= 0.2);
}

async fn wait_for_heartbeats(connection: &mut Connection, count: usize) {
    for _ in 0..count {
        let event = connection.event().await.expect("a heartbeat");
        assert!(event.is_heartbeat(), "{event:?}");
    }
}

#[tokio::test]
async fn waiting_for_a_client_is_not_the_gateways_time() {
    let first = Upstream::always(Answer::plain(Shape::Chat, "served")).await;
    let bed = Bed::start(first, Upstream::silent().await).await;
    let body = Shape::Chat.ask(&bed.sole(), "slowly");
    let (early, late) = body.split_at(10);
    let mut connection = Connection::open(bed.gateway.address()).await;
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: gateway.test\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n{early}",
        Shape::Chat.path(),
        bed.gateway.key(),
        body.len()
    );
    connection.send_raw(head.as_bytes()).await;
    bed.pass_heartbeats(2).await;
    connection.send_raw(late.as_bytes()).await;
    assert_eq!(connection.response().await.status, 200);
    let page = bed.gateway.settled_page().await;
    let plain = [("operation", "generate"), ("stream", "false")];
    let duration = page.sum("ovth_request_duration_seconds_sum", &plain);
    let overhead = page.sum("ovth_gateway_overhead_seconds_sum", &plain);
    assert!(overhead > 0.0 && duration - overhead >= 0.2, "{overhead} of {duration} s");
}

#[tokio::test]
async fn a_clients_words_are_never_on_the_page() {
    let upstream = Upstream::new(|seen| Answer::plain(seen.shape(), "served")).await;
    let config = "providers:\n".to_owned() + &provider("first", &upstream.base_url(), &["any-*".to_owned()]);
    let gateway = Gateway::start(&config).await;
    for model in ["any-secret-word", "any-other-word", "first/third-word"] {
        let mut body: serde_json::Value = serde_json::from_str(&Shape::Chat.ask(model, "prompt-word")).unwrap();
        body["user"] = "user-word".into();
        let response = gateway.post(Shape::Chat, body.to_string()).await;
        assert_eq!(response.status, 200, "{response:?}");
    }
    gateway.post(Shape::Chat, Shape::Chat.ask("no-such-word", "hello")).await;
    gateway.send(&Request::get("/path-word/../word?query-word"), Way::Sized).await;
    let page = gateway.settled_page().await;
    assert_eq!(page.sum("ovth_attempts_total", &[("provider", "first"), ("model", "(other)"), ("outcome", "ok")]), 3.0);
    assert_eq!(page.sum("ovth_local_requests_total", &[("endpoint", "unknown"), ("status", "404")]), 1.0);
    let text = gateway.metrics().await;
    assert!(!text.contains("-word"), "{text}");
    assert!(!text.contains(gateway.key()) && !text.contains("upstream-secret"), "{text}");
}

#[tokio::test]
async fn head_tells_the_length_of_the_page_and_nothing_else_is_there() {
    let bed = failing_first("").await;
    let ask = |request: Request| {
        let address = bed.gateway.metrics_address();
        async move { crate::support::send(address, &request, Way::Sized).await }
    };
    let head = ask(Request::new("HEAD", "/metrics")).await;
    assert_eq!((head.status, head.body.len()), (200, 0), "{head:?}");
    assert_eq!(ask(Request::get("/")).await.status, 404);
    assert_eq!(ask(Request::post("/metrics", "{}")).await.status, 405);
    assert!(Page::parse(&bed.gateway.metrics().await).families.contains_key("ovth_build_info"));
}
