//! Clients that leave: in every stage the upstream connection is closed at once.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Answer, Bed, Connection, Gate, Gateway, Record, Shape, Upstream, Way, provider, send};

/// The gateway has nothing to say and nothing runs out for so long: that a client left is seen by looking for it, or not at all.
const QUIET: &str = "commit_after: 10m\nheartbeat: 10m\ntimeouts: {first_byte: 10m, idle: 10m, total: 10m}\n";
/// The longest that upstream may wait to see that a client left: on a busy machine as well, and far less than what is set.
const AT_ONCE: Duration = Duration::from_secs(20);

fn assert_at_once(left: Instant, closed: Instant, stage: &str) {
    let late = closed.saturating_duration_since(left);
    println!("{stage}: upstream closed {late:?} after the client left");
    assert!(late < AT_ONCE, "{stage}: upstream was closed {late:?} after the client left");
}

#[tokio::test]
async fn leaving_while_waiting_closes_upstream() {
    let bed = Bed::start_with(QUIET, Upstream::always(Answer::silence()).await, Upstream::silent().await).await;
    for stream in [false, true] {
        for reset in [false, true] {
            let index = bed.first.requests().len();
            let route = bed.pair();
            let body = if stream { Shape::Chat.ask_stream(&route, "go") } else { Shape::Chat.ask(&route, "go") };
            let connection = bed.gateway.open(Shape::Chat, body).await;
            let seen = bed.first.request(index).await;
            assert!(seen.link.is_open());
            let left = Instant::now();
            if reset {
                connection.reset()
            } else {
                drop(connection)
            }
            assert_at_once(left, seen.link.closed().await, "waiting");
            let record = bed.gateway.record_where(|record| record.route.as_deref() == Some(route.as_str())).await;
            assert!(record.is_abort(), "{record:?}");
        }
    }
    assert!(bed.second.requests().is_empty(), "nobody is there to fail over for");
    let log = bed.gateway.log();
    assert!(!log.contains("\"level\":\"error\""), "a client abort is quiet: {log}");
}

#[tokio::test]
async fn leaving_a_stream_closes_upstream() {
    for shape in Shape::ALL {
        let answer = Answer::stream().event(shape.opening()).event(shape.content("begun")).hold();
        let bed = Bed::start_with(QUIET, Upstream::always(answer).await, Upstream::silent().await).await;
        let mut connection = bed.gateway.open(shape, shape.ask_stream(&bed.sole(), "go")).await;
        connection.head().await;
        while shape.delta(&connection.event().await.unwrap().data()) != "begun" {}
        let seen = bed.first.request(0).await;
        assert!(seen.link.is_open());
        let left = Instant::now();
        drop(connection);
        assert_at_once(left, seen.link.closed().await, "streaming");
    }
}

#[tokio::test]
async fn who_leaves_a_stream_is_charged_for_what_was_sent_and_nothing_more() {
    // Tokenizers make 16 tokens of it, and a few of the answer's beginning and end.
    const WORDS: [&str; 4] = ["The quick brown fox ", "jumps over the ", "lazy dog, and nobo", "dy saw it in 2026.\n"];
    for shape in Shape::ALL {
        let mut answer = Answer::stream().event(shape.opening());
        for words in WORDS {
            answer = answer.event(shape.content(words));
        }
        let bed = Bed::start_with(QUIET, Upstream::always(answer.hold()).await, Upstream::silent().await).await;
        let body = shape.ask_stream(&bed.sole(), "go");
        let mut connection = bed.gateway.open(shape, body).await;
        let id = connection.head().await.header(shape.id_header()).expect("a request id").to_owned();
        for _ in WORDS {
            connection.content_event().await.expect("what upstream sent");
        }
        let seen = bed.first.request(0).await;
        let left = Instant::now();
        drop(connection);
        assert_at_once(left, seen.link.closed().await, "streaming");
        let entry = bed.gateway.entry(&id).await;
        assert_eq!(
            (&entry["outcome"], &entry["usage_source"]),
            (&"client_abort".into(), &"estimated".into()),
            "{entry}"
        );
        let output = entry["tokens"]["output"].as_u64().unwrap();
        assert!((16..=24).contains(&output), "{entry}");
        let input = entry["tokens"]["input"].as_u64().unwrap();
        if shape == Shape::Chat {
            assert_eq!(input, 8, "a chat stream tells what the prompt was at its end: {entry}");
        }
        assert_eq!(entry["charged_tokens"], input + output, "{entry}");
    }
}

#[tokio::test]
async fn who_leaves_a_chat_stream_is_charged_for_the_tools_as_the_provider_counts_them() {
    // OpenAI counted 84 tokens for this prompt; its bytes are twice as many.
    let ask = |route: &str| {
        json!({
            "model": route, "stream": true,
            "messages": [
                {"role": "developer", "content": "A streaming agent with tools"},
                {"role": "user", "content": "What is 6 times 7?"},
                {"role": "assistant", "content": "", "tool_calls": [{"id": "call_1", "type": "function",
                    "function": {"name": "multiply", "arguments": "{\"a\":6,\"b\":7}"}}]},
                {"role": "tool", "content": "42", "tool_call_id": "call_1"},
            ],
            "tools": [{"type": "function", "function": {"name": "multiply", "description": "Multiply two numbers.", "parameters": {
                "type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}, "required": ["a", "b"]}}}],
        })
        .to_string()
    };
    let answer = Answer::stream().event(Shape::Chat.opening()).event(Shape::Chat.content("6 times 7 is 42.")).hold();
    let bed = Bed::start_with(QUIET, Upstream::always(answer).await, Upstream::silent().await).await;
    let mut connection = bed.gateway.open(Shape::Chat, ask(&bed.sole())).await;
    let id = connection.head().await.header(Shape::Chat.id_header()).expect("a request id").to_owned();
    connection.content_event().await.expect("what upstream sent");
    drop(connection);
    let entry = bed.gateway.entry(&id).await;
    assert_eq!(entry["usage_source"], "estimated", "{entry}");
    let input = entry["tokens"]["input"].as_u64().unwrap();
    assert!(input.abs_diff(84) <= 4, "{entry}");
    let charged = entry["charged_tokens"].as_u64().unwrap();
    assert!(charged.abs_diff(93) * 20 <= 93, "within a twentieth of what the provider counts: {entry}");
}

#[tokio::test]
async fn leaving_after_heartbeats_closes_upstream() {
    let bed = Bed::start_with(
        &QUIET.replace("commit_after: 10m", "commit_after: 200ms"),
        Upstream::always(Answer::silence()).await,
        Upstream::silent().await,
    )
    .await;
    let mut connection = bed.gateway.open(Shape::Chat, Shape::Chat.ask_stream(&bed.sole(), "go")).await;
    connection.head().await;
    assert!(connection.event().await.unwrap().is_heartbeat());
    let seen = bed.first.request(0).await;
    let left = Instant::now();
    drop(connection);
    assert_at_once(left, seen.link.closed().await, "heartbeats");
}

#[tokio::test]
async fn leaving_while_the_body_is_sent_closes_upstream() {
    // More than loopback buffers hold, to an upstream that reads none of it until the client has left.
    const BODY: usize = 20_000_000;
    let gate = Gate::new();
    let bed =
        Bed::start_with(QUIET, Upstream::early(Answer::silence().wait(&gate)).await, Upstream::silent().await).await;
    let connection = bed.gateway.open(Shape::Chat, Shape::Chat.ask_sized(&bed.sole(), BODY)).await;
    let seen = bed.first.request(0).await;
    let left = Instant::now();
    drop(connection);
    // From now on upstream reads what is in the buffers, to find the end behind it.
    gate.open();
    assert_at_once(left, seen.link.closed().await, "sending");
}

#[tokio::test]
async fn leaving_during_a_tls_handshake_closes_upstream_and_no_request_byte_went_out() {
    let upstream = Upstream::silent().await;
    let base_url = format!("https://{}/v1", upstream.address());
    let config = format!(
        "providers:\n{}routes:\n  sole: {{providers: [stalled], models: [model]}}\n",
        provider("stalled", &base_url, &["model".to_owned()]),
    );
    let gateway = Gateway::start(&config).await;
    let connection = gateway.open(Shape::Chat, Shape::Chat.ask("sole", "a prompt to look for")).await;
    let link = upstream.link(0).await;
    assert!(link.is_open());
    let left = Instant::now();
    drop(connection);
    assert_at_once(left, link.closed().await, "connecting");
    let raw = link.raw();
    assert!(raw.is_empty() || raw[0] == 0x16, "only a TLS handshake may have been begun");
    for secret in [b"POST".as_slice(), b"a prompt", b"upstream-secret"] {
        assert!(memchr::memmem::find(&raw, secret).is_none(), "request bytes went out before the handshake was done");
    }
}

#[tokio::test]
async fn leaving_while_sending_its_own_body_reaches_no_upstream() {
    let bed = Bed::start_with(QUIET, Upstream::always(Answer::silence()).await, Upstream::silent().await).await;
    let mut connection = Connection::open(bed.gateway.address()).await;
    let key = bed.gateway.key();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway.test\r\nauthorization: Bearer {key}\r\ncontent-length: 1000\r\n\r\n{{"
    );
    connection.send_raw(head.as_bytes()).await;
    drop(connection);
    let record = bed.gateway.record_where(Record::is_abort).await;
    assert_eq!(record.attempt_count, 0, "{record:?}");
    assert!(bed.first.requests().is_empty());
}

#[tokio::test]
async fn a_dropped_http_2_connection_closes_upstream() {
    let bed = Bed::start_with(
        &format!("h2c: true\n{QUIET}"),
        Upstream::always(Answer::silence()).await,
        Upstream::silent().await,
    )
    .await;
    let request = bed.gateway.request(Shape::Chat, Shape::Chat.ask(&bed.sole(), "go"));
    let address = bed.gateway.address();
    let exchange = tokio::spawn(async move { send(address, &request, Way::H2c).await });
    let seen = bed.first.request(0).await;
    let left = Instant::now();
    exchange.abort();
    assert_at_once(left, seen.link.closed().await, "waiting, over HTTP/2");
}

#[tokio::test]
async fn a_client_that_left_leaves_the_gateway_whole() {
    let first = Upstream::script(vec![Answer::silence(), Answer::plain(Shape::Chat, "served")]).await;
    let bed = Bed::start_with(QUIET, first, Upstream::silent().await).await;
    let route = bed.sole();
    let connection = bed.gateway.open(Shape::Chat, Shape::Chat.ask(&route, "go")).await;
    let seen = bed.first.request(0).await;
    drop(connection);
    seen.link.closed().await;
    let response = bed.gateway.post(Shape::Chat, Shape::Chat.ask(&route, "again")).await;
    assert_eq!(response.status, 200, "{response:?}");
    // The client has its answer a moment before the request is over.
    let idle = |metrics: &str| metrics.lines().any(|line| line == "ovth_requests_in_flight 0");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !idle(&bed.gateway.metrics().await) {
        assert!(Instant::now() < deadline, "nothing is in flight any more");
    }
}
