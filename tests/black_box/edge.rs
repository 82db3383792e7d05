//! The edge: how large, how slow and how many clients may be, and who they are.

use std::time::Duration;

use bytes::Bytes;

use crate::support::{Answer, Bed, Connection, End, Gate, Gateway, Request, Response, Shape, Upstream, Way, within};

/// Places that are kept for probes of the machine itself.
const RESERVE: usize = 16;

async fn bed(settings: &str) -> Bed {
    let first = Upstream::new(|seen| Answer::plain(seen.shape(), "served")).await;
    Bed::start_with(settings, first, Upstream::silent().await).await
}

/// The value of a metric's line, 0 when there is none.
async fn metric(gateway: &Gateway, line: &str) -> u64 {
    let page = gateway.metrics().await;
    let found = page.lines().find_map(|text| text.strip_prefix(line)).map(str::trim);
    found.map_or(0, |value| value.parse().expect("a whole number"))
}

/// Waits until a metric has that value.
async fn counted(gateway: &Gateway, line: &str, value: u64) {
    within(line, async {
        while metric(gateway, line).await < value {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

fn message(response: &Response) -> String {
    response.json()["error"]["message"].as_str().expect("a message").to_owned()
}

#[tokio::test]
async fn a_head_over_its_bounds_is_told_in_the_callers_shape_and_others_are_served() {
    let bed = bed("h2c: true\nclients: {header_bytes: 4KiB, header_count: 20}\n").await;
    for shape in Shape::BOTH {
        for way in [Way::Http10, Way::Sized, Way::Chunked, Way::H2c] {
            let plain = bed.gateway.request(shape, shape.ask(&bed_route(&bed), "hello"));
            let mut many = plain.clone();
            for n in 0..30 {
                many = many.header(&format!("x-{n}"), "v");
            }
            let long = plain.clone().header("x-long", "v".repeat(5_000));
            for request in [many, long] {
                let response = bed.gateway.send(&request, way).await;
                assert_eq!(response.status, 431, "{shape:?} {way:?}: {response:?}");
                if !response.body.is_empty() {
                    assert!(message(&response).contains("clients.header_bytes"), "{response:?}");
                    assert_eq!(response.json()["type"] == "error", shape == Shape::Messages, "{response:?}");
                }
            }
            assert_eq!(bed.gateway.send(&plain, way).await.status, 200, "{shape:?} {way:?}");
        }
    }
    assert!(metric(&bed.gateway, "ovth_clients_cut_total{reason=\"large_head\"}").await > 0);
}

/// One route for all requests of a test whose target never fails.
fn bed_route(_bed: &Bed) -> String {
    "sole-0".to_owned()
}

#[tokio::test]
async fn a_head_right_behind_another_request_is_bounded_as_well() {
    let bed = bed("clients: {header_count: 20}\n").await;
    let many: String = (0..30).map(|n| format!("x-{n}: v\r\n")).collect();
    let mut connection = Connection::open(bed.gateway.address()).await;
    let both = format!("GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n{many}\r\n");
    connection.send_raw(both.as_bytes()).await;
    assert_eq!(connection.response().await.status, 200);
    assert_eq!(connection.response().await.status, 431);
}

#[tokio::test]
async fn a_head_without_end_is_cut_before_it_fills_the_memory() {
    let bed = bed("clients: {header_bytes: 4KiB}\n").await;
    for endless in ["GET /v1/messages HTTP/1.1\r\nhost: a\r\nx: ", "GET /v1/messages?"] {
        let mut connection = Connection::open(bed.gateway.address()).await;
        connection.send_raw(endless.as_bytes()).await;
        connection.send_raw("v".repeat(64 * 1024).as_bytes()).await;
        let response = connection.response().await;
        assert_eq!((response.status, response.json()["type"].as_str()), (431, Some("error")), "{response:?}");
        connection.closed().await;
    }
}

#[tokio::test]
async fn a_slow_head_is_cut_and_a_connection_that_says_nothing_is_closed() {
    for settings in ["", "h2c: true\n"] {
        // Long enough for those who are served on a busy machine.
        let bed = bed(&format!("{settings}clients: {{head_time: 3s}}\n")).await;
        let mut slow = Connection::open(bed.gateway.address()).await;
        slow.send_raw(b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nx: ").await;
        // As many bytes as a probe sends, which are fewer than the preface of HTTP/2 has.
        let mut silent = Vec::new();
        for begin in [&b""[..], b"G", b"PRI * HTTP/2.0\r\n"] {
            let mut one = Connection::open(bed.gateway.address()).await;
            one.send_raw(begin).await;
            silent.push(one);
        }
        let response = slow.response().await;
        assert_eq!(response.status, 408, "{response:?}");
        assert_eq!(message(&response), "the head of the request did not come in time; send the request again");
        slow.closed().await;
        for mut silent in silent {
            silent.closed().await;
        }
        assert!(metric(&bed.gateway, "ovth_clients_cut_total{reason=\"slow_head\"}").await >= 3);
        let served = bed.gateway.post(Shape::Chat, Shape::Chat.ask("sole-0", "hello")).await;
        assert_eq!(served.status, 200, "{served:?}");
    }
}

#[tokio::test]
async fn a_short_probe_is_answered_where_plaintext_http2_is_spoken() {
    let bed = bed("h2c: true\n").await;
    let mut probe = Connection::open(bed.gateway.address()).await;
    probe.send_raw(b"GET / HTTP/1.0\r\n\r\n").await;
    assert_eq!(probe.response().await.status, 200);
    probe.closed().await;
}

#[tokio::test]
async fn the_second_head_of_a_connection_has_its_own_time_and_idle_ones_are_closed() {
    let bed = bed("clients: {head_time: 3s, idle_time: 3s}\n").await;
    let mut idle = Connection::open(bed.gateway.address()).await;
    assert_eq!(idle.exchange(&Request::get("/"), Way::Sized).await.status, 200);
    idle.closed().await;

    let mut slow = Connection::open(bed.gateway.address()).await;
    assert_eq!(slow.exchange(&Request::get("/"), Way::Sized).await.status, 200);
    slow.send_raw(b"GET / HTTP/1.1\r\n").await;
    assert_eq!(slow.response().await.status, 408);
    slow.closed().await;
}

#[tokio::test]
async fn a_slow_body_is_cut_and_one_that_is_fast_enough_is_not() {
    let bed = bed("h2c: true\nclients: {body_time: 2s, body_rate: 1KiB}\n").await;
    let head = |length: usize| {
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\ncontent-length: {length}\r\n\r\n",
            bed.gateway.key()
        )
    };
    let mut slow = Connection::open(bed.gateway.address()).await;
    slow.send_raw(head(1_000).as_bytes()).await;
    slow.send_raw(b"{").await;
    let response = slow.response().await;
    assert_eq!(response.status, 408, "{response:?}");
    counted(&bed.gateway, "ovth_clients_cut_total{reason=\"slow_body\"}", 1).await;

    // 64 KiB have earned it a minute.
    let body = Shape::Chat.ask("sole-0", &"word ".repeat(13_000));
    let mut steady = Connection::open(bed.gateway.address()).await;
    steady.send_raw(head(body.len()).as_bytes()).await;
    let (most, rest) = body.split_at(body.len() - 10);
    steady.send_raw(most.as_bytes()).await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    steady.send_raw(rest.as_bytes()).await;
    assert_eq!(steady.response().await.status, 200);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let events: Vec<String> = (0..4_000).map(|n| format!("{n} {}", "word ".repeat(1_600))).collect();
    let words: Vec<&str> = events.iter().map(String::as_str).collect();
    let first = Upstream::always(Answer::streamed(Shape::Chat, &words)).await;
    let bed = Bed::start_with("clients: {write_time: 500ms}\n", first, Upstream::silent().await).await;
    let mut reader = bed.gateway.open(Shape::Chat, Shape::Chat.ask_stream("sole-0", "go")).await;
    assert_eq!(reader.head().await.status(), 200);
    counted(&bed.gateway, "ovth_clients_cut_total{reason=\"slow_reader\"}", 1).await;
    bed.first.request(0).await.link.closed().await;
    let (_, end) = reader.rest().await;
    assert_eq!(end, End::Cut);
}

#[tokio::test]
async fn an_address_has_so_many_requests_at_a_time_streams_included() {
    let gate = Gate::new();
    let answer = Answer::streamed(Shape::Chat, &["late"]).behind(&gate);
    let settings = "commit_after: 100ms\nheartbeat: 100ms\nclients: {requests_per_address: 2}\n";
    let bed = Bed::start_with(settings, Upstream::always(answer).await, Upstream::silent().await).await;
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut stream = bed.gateway.open(Shape::Chat, Shape::Chat.ask_stream("sole-0", "go")).await;
        assert_eq!(stream.head().await.status(), 200);
        streams.push(stream);
    }
    for shape in Shape::BOTH {
        let refused = bed.gateway.post(shape, shape.ask("sole-0", "hello")).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")), "{refused:?}");
        assert!(message(&refused).starts_with("your address has 2 requests under way"), "{refused:?}");
    }
    assert_eq!(bed.gateway.send(&Request::get("/healthz"), Way::Sized).await.status, 200, "probes go on");
    assert_eq!(bed.gateway.ask_admin("GET", "/admin/keys", "").await.status, 200, "and so does the operator");
    assert_eq!(metric(&bed.gateway, "ovth_clients_refused_total{limit=\"requests_per_address\"}").await, 2);
    gate.open();
    for stream in &mut streams {
        stream.events().await;
    }
    within("a place", async { while bed.gateway.send(&Request::get("/"), Way::Sized).await.status != 200 {} }).await;
}

#[tokio::test]
async fn connections_are_bounded_for_an_address_and_for_all() {
    for (settings, status, limit) in
        [("connections_per_address: 3", 429, "connections_per_address"), ("connections: 3", 503, "connections")]
    {
        let bed = bed(&format!("clients: {{{settings}}}\n")).await;
        counted(&bed.gateway, "ovth_connections", 0).await;
        within("free places", async { while metric(&bed.gateway, "ovth_connections").await > 0 {} }).await;
        let mut held = Vec::new();
        // Some more are let in that come from the machine itself, for probes only.
        for _ in 0..3 + RESERVE {
            let mut connection = Connection::open(bed.gateway.address()).await;
            assert_eq!(connection.exchange(&Request::get("/healthz"), Way::Sized).await.status, 200);
            held.push(connection);
        }
        let refused = bed.gateway.send(&Request::get("/healthz"), Way::Sized).await;
        assert_eq!(refused.status, status, "{refused:?}");
        assert!(message(&refused).contains(limit), "{refused:?}");
        assert_eq!(held[0].exchange(&Request::get("/"), Way::Sized).await.status, 200, "those inside are served");
        drop(held);
        within("a place", async {
            while bed.gateway.send(&Request::get("/healthz"), Way::Sized).await.status != 200 {}
        })
        .await;
        assert!(metric(&bed.gateway, &format!("ovth_clients_refused_total{{limit=\"{limit}\"}}")).await > 0);
    }
}

#[tokio::test]
async fn a_clients_address_is_believed_from_trusted_proxies_only() {
    for (settings, expected) in [
        ("", Some("127.0.0.1")),
        ("trusted_proxies: [10.0.0.0/8]\n", Some("127.0.0.1")),
        ("trusted_proxies: [127.0.0.0/8]\n", Some("203.0.113.9")),
        ("trusted_proxies: [127.0.0.0/8]\nclients: {log_address: false}\n", None),
    ] {
        let bed = bed(settings).await;
        let request = bed.gateway.request(Shape::Chat, Shape::Chat.ask("sole-0", "hello"));
        let request = request.header("x-forwarded-for", "198.51.100.1, 203.0.113.9");
        let response = bed.gateway.send(&request, Way::Sized).await;
        assert_eq!(response.status, 200, "{response:?}");
        let record = bed.gateway.record(response.request_id()).await;
        assert_eq!(record.client.as_deref(), expected, "{settings}");
        let seen = bed.first.request(0).await;
        assert_eq!(seen.head.header("x-forwarded-for"), None, "who a client is goes to no provider");
    }
}

#[tokio::test]
async fn clients_behind_a_trusted_proxy_have_their_own_places() {
    let gate = Gate::new();
    let answer = Answer::streamed(Shape::Chat, &["late"]).behind(&gate);
    let settings = "commit_after: 100ms\nheartbeat: 100ms\ntrusted_proxies: [127.0.0.1]\n\
                    clients: {requests_per_address: 1, connections_per_address: 1}\n";
    let bed = Bed::start_with(settings, Upstream::always(answer).await, Upstream::silent().await).await;
    let ask = |client: &str| {
        let request = bed.gateway.request(Shape::Chat, Shape::Chat.ask_stream("sole-0", "go"));
        request.header("x-forwarded-for", format!("6.6.6.6, {client}"))
    };
    let mut first = Connection::open(bed.gateway.address()).await;
    first.send(&ask("203.0.113.1"), Way::Sized).await;
    assert_eq!(first.head().await.status(), 200);
    assert_eq!(bed.gateway.send(&ask("203.0.113.1"), Way::Sized).await.status, 429, "whatever it forges before");
    let mut other = Connection::open(bed.gateway.address()).await;
    other.send(&ask("203.0.113.2"), Way::Sized).await;
    assert_eq!(other.head().await.status(), 200);
    gate.open();
}

#[tokio::test]
async fn deep_nesting_is_a_bad_request_in_every_decoder() {
    const DEEP: usize = 200_000;
    let bed = bed("").await;
    let nested = |open: &str, close: &str| open.repeat(DEEP) + &close.repeat(DEEP);
    let values = [nested("[", "]"), nested("{\"a\":", "}").replacen("{\"a\":}", "{}", 1), "[".repeat(DEEP)];
    for (path, shape) in [
        ("/v1/chat/completions", Shape::Chat),
        ("/v1/messages", Shape::Messages),
        ("/anthropic/v1/messages/count_tokens", Shape::Messages),
    ] {
        for value in &values {
            for body in [
                value.clone(),
                format!(
                    "{{\"model\":\"sole-0\",\"max_tokens\":9,\"messages\":[{{\"role\":\"user\",\"content\":{value}}}]}}"
                ),
                format!("{{\"model\":\"sole-0\",\"max_tokens\":9,\"messages\":[],\"tools\":{value}}}"),
                format!("{{\"x\":{value},\"model\":\"sole-0\"}}"),
            ] {
                for way in [Way::Sized, Way::Gzip] {
                    let request = Request::post(path, body.clone()).bearer(bed.gateway.key());
                    let response = bed.gateway.send(&request, way).await;
                    assert_eq!(response.status, 400, "{path} {way:?} {shape:?} {}", body.get(..60).unwrap());
                }
            }
        }
    }
    for value in &values {
        // 64 KiB are all that the admin API takes.
        let deep = value.get(..30_000).unwrap();
        let response = bed.gateway.admin(&format!("{{\"label\": {deep}")).await;
        assert_eq!(response.status, 400, "{response:?}");
    }
    let served = bed.gateway.post(Shape::Chat, Shape::Chat.ask("sole-0", "hello")).await;
    assert_eq!(served.status, 200, "{served:?}");
}

#[tokio::test]
async fn an_http2_client_that_gives_up_requests_in_masses_is_cut() {
    let bed = bed("h2c: true\n").await;
    let stream = tokio::net::TcpStream::connect(bed.gateway.address()).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let given_up = within("the connection to be cut", async {
        let mut given_up = 0;
        loop {
            let mut bodies = Vec::new();
            for _ in 0..50 {
                let Ok(ready) = client.ready().await else { return given_up };
                client = ready;
                let request = http::Request::post(format!("http://{}/v1/messages", bed.gateway.address()))
                    .header("x-api-key", bed.gateway.key());
                let Ok((_, body)) = client.send_request(request.body(()).unwrap(), false) else { return given_up };
                bodies.push(body);
            }
            // Those that are reset before they are served are another matter, which the HTTP/2 library bounds.
            while metric(&bed.gateway, "ovth_requests_in_flight").await < 50 {
                if connection.is_finished() {
                    return given_up;
                }
            }
            for mut body in bodies {
                h2::SendStream::<Bytes>::send_reset(&mut body, h2::Reason::CANCEL);
                given_up += 1;
            }
            while metric(&bed.gateway, "ovth_requests_in_flight").await > 0 {}
        }
    })
    .await;
    connection.abort();
    assert!(given_up >= 200, "{given_up}");
    assert_eq!(metric(&bed.gateway, "ovth_clients_cut_total{reason=\"resets\"}").await, 1, "{given_up}");
    assert_eq!(bed.gateway.send(&Request::get("/"), Way::H2c).await.status, 200);
}
