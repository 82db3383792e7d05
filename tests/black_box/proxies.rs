//! Event streams through the proxies that people put in front: each event must come out before the next one goes in.

mod front;
mod gaps;
mod tls;

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{Answer, Bed, Connection, End, Gate, Request, Shape, Upstream, Way, free_address, within};
use front::{CADDY_GUIDE, CADDY_SHIPPED, Front, NGINX};

/// What nginx needs to buffer nothing, whatever the gateway says: the README's settings.
const NGINX_README: &str = "proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_buffering off; \
    proxy_read_timeout 30m; client_max_body_size 32m; proxy_ignore_headers X-Accel-Buffering;";

/// nginx as it comes, compressing whatever it can.
const NGINX_GZIP: &str = "gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any; gzip_http_version 1.0;";

/// What clients that are compressed for say.
const COMPRESSIONS: &str = "gzip, deflate, br, zstd";

/// The words of a stream: first one that is long enough to be worth compressing (Caddy judges by the first write), then small ones, and one
/// that a proxy's buffers cannot hold.
fn words() -> Vec<String> {
    [900, 5, 5, 40_000, 600, 5, 2_000, 5]
        .iter()
        .zip('a'..)
        .map(|(length, letter)| letter.to_string().repeat(*length))
        .collect()
}

/// Has the gateway stream through `front`, with an upstream that says nothing more until the client has seen what it said: a
/// proxy that holds anything back stops the stream, and the test gives up waiting.
async fn flows(bed: &Bed, gates: &[Gate], shape: Shape, front: Option<&Front>) {
    let address = front.map_or(bed.gateway.address(), Front::address);
    let request =
        bed.gateway.request(shape, shape.ask_stream(&bed.sole(), "go")).header("accept-encoding", COMPRESSIONS);
    let mut connection = Connection::open(address).await;
    connection.send(&request, Way::Sized).await;
    let head = connection.head().await;
    assert_eq!(head.status(), 200, "{head:?}");
    assert!(head.header("content-type").unwrap().starts_with("text/event-stream"), "{head:?}");
    assert!(matches!(head.header("content-encoding"), None | Some("identity")), "{head:?}");
    let mut told = String::new();
    for (word, gate) in words().iter().zip(gates) {
        while !told.contains(&shape.content(word)) {
            let event = connection.event().await.expect("the stream goes on");
            told += std::str::from_utf8(&event.raw).unwrap();
        }
        gate.open();
    }
    while let Some(event) = connection.event().await {
        told += std::str::from_utf8(&event.raw).unwrap();
    }
    assert_eq!(connection.end(), End::Complete);
    let content: String = words().iter().map(|word| shape.content(word)).collect();
    assert_eq!(told, shape.opening() + &content + &shape.closing(), "in order, and all of it");
}

/// A gateway in front of an upstream that waits at a gate after each word.
async fn gated(shape: Shape) -> (Bed, Vec<Gate>) {
    let gates: Vec<Gate> = words().iter().map(|_| Gate::new()).collect();
    let opened = Answer::stream().event(shape.opening());
    let told =
        words().iter().zip(&gates).fold(opened, |answer, (word, gate)| answer.event(shape.content(word)).wait(gate));
    let upstream = Upstream::always(told.event(shape.closing()).finished()).await;
    // No heartbeat may push out what a proxy holds back.
    let bed = Bed::start_with("commit_after: 10m\nheartbeat: 10m\n", upstream, Upstream::silent().await).await;
    (bed, gates)
}

async fn flows_through(front: impl AsyncFn(&Bed) -> Option<Front>) {
    for shape in Shape::BOTH {
        let (bed, gates) = gated(shape).await;
        let Some(front) = front(&bed).await else { return };
        flows(&bed, &gates, shape, Some(&front)).await;
    }
}

#[tokio::test]
async fn events_come_one_by_one_without_a_proxy() {
    for shape in Shape::BOTH {
        let (bed, gates) = gated(shape).await;
        flows(&bed, &gates, shape, None).await;
    }
}

#[tokio::test]
async fn events_come_one_by_one_through_caddy_with_the_file_of_the_guide() {
    flows_through(async |bed| Front::caddy(CADDY_GUIDE, bed.gateway.address()).await).await;
}

#[tokio::test]
async fn events_come_one_by_one_through_caddy_with_the_shipped_file() {
    flows_through(async |bed| Front::caddy(CADDY_SHIPPED, bed.gateway.address()).await).await;
}

#[tokio::test]
async fn events_come_one_by_one_through_nginx_as_it_comes() {
    flows_through(async |bed| Front::nginx(NGINX, "", bed.gateway.address()).await).await;
}

#[tokio::test]
async fn events_come_one_by_one_through_nginx_that_heeds_no_hints_and_does_not_buffer() {
    flows_through(async |bed| Front::nginx(NGINX, NGINX_README, bed.gateway.address()).await).await;
}

#[tokio::test]
async fn events_come_one_by_one_through_nginx_that_compresses() {
    flows_through(async |bed| Front::nginx(NGINX, NGINX_GZIP, bed.gateway.address()).await).await;
}

#[tokio::test]
async fn a_stream_says_that_it_is_not_compressed_to_who_would_compress_it() {
    let upstream = Upstream::new(|seen| Answer::streamed(seen.shape(), &["hello"])).await;
    let bed = Bed::start(upstream, Upstream::silent().await).await;
    for (accepts, encoding) in [
        (Some(COMPRESSIONS), Some("identity")),
        (Some("gzip"), Some("identity")),
        (Some("*"), Some("identity")),
        (Some("identity"), None),
        (Some(""), None),
        (None, None),
    ] {
        for shape in Shape::BOTH {
            let mut request = bed.gateway.request(shape, shape.ask_stream(&bed.sole(), "go"));
            if let Some(accepts) = accepts {
                request = request.header("accept-encoding", accepts);
            }
            let response = bed.gateway.send(&request, Way::Sized).await;
            assert_eq!(response.header("content-encoding"), encoding, "{accepts:?}: {response:?}");
            assert_eq!(response.header("cache-control"), Some("no-cache, no-transform"));
        }
    }
}

#[tokio::test]
async fn a_whole_answer_may_be_compressed_by_the_proxy() {
    let upstream = Upstream::new(|seen| Answer::plain(seen.shape(), &"hello ".repeat(1_000))).await;
    let bed = Bed::start(upstream, Upstream::silent().await).await;
    for conf in [CADDY_GUIDE, CADDY_SHIPPED] {
        let Some(front) = Front::caddy(conf, bed.gateway.address()).await else { return };
        let request = bed.gateway.request(Shape::Chat, Shape::Chat.ask(&bed.sole(), "go"));
        let plain = bed.gateway.send(&request, Way::Sized).await;
        let request = request.header("accept-encoding", "gzip");
        let response = Connection::open(front.address()).await.exchange(&request, Way::Sized).await;
        assert_eq!((response.status, response.header("content-encoding")), (200, Some("gzip")), "{response:?}");
        assert!(response.body.len() < plain.body.len() / 10, "{} bytes", response.body.len());
    }
}

#[tokio::test]
async fn the_shipped_caddyfile_lets_the_gateway_refuse_a_body_that_is_too_large_and_says_what_browsers_must_do() {
    let bed = Bed::start(Upstream::silent().await, Upstream::silent().await).await;
    let Some(front) = Front::caddy(CADDY_SHIPPED, bed.gateway.address()).await else { return };
    let body = Shape::Messages.ask_sized(&bed.sole(), (32 << 20) + 1);
    for way in [Way::Sized, Way::Chunked] {
        let request = bed.gateway.request(Shape::Messages, body.clone());
        let response = Connection::open(front.address()).await.exchange(&request, way).await;
        assert_eq!(response.status, 413, "{way:?}: {response:?}");
        assert_eq!(Shape::Messages.error_type(&response.json()), "request_too_large");
    }
    let response = Connection::open(front.address()).await.exchange(&Request::get("/healthz"), Way::Sized).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.header("strict-transport-security"), Some("max-age=31536000"));
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(response.header("server"), None);
    let admin = Request::get("/admin/keys").bearer(bed.gateway.master_key());
    let response = Connection::open(front.address()).await.exchange(&admin, Way::Sized).await;
    assert_eq!((response.status, response.text()), (404, ""), "nobody is asked for a key: {response:?}");
}

#[tokio::test]
async fn a_client_that_leaves_is_told_to_the_gateway_through_caddy() {
    let bed = Bed::start(Upstream::always(Answer::silence()).await, Upstream::silent().await).await;
    for conf in [CADDY_GUIDE, CADDY_SHIPPED] {
        let Some(front) = Front::caddy(conf, bed.gateway.address()).await else { return };
        for body in [Shape::Chat.ask(&bed.sole(), "go"), Shape::Chat.ask_stream(&bed.sole(), "go")] {
            let index = bed.first.requests().len();
            let mut connection = Connection::open(front.address()).await;
            connection.send(&bed.gateway.request(Shape::Chat, body), Way::Sized).await;
            let seen = bed.first.request(index).await;
            drop(connection);
            within("the provider to be told", seen.link.closed()).await;
        }
    }
}

/// Longer than what a stream in flight may hold a restart up by, and less than what the shipped file waits.
const RESTART: Duration = Duration::from_secs(8);

#[tokio::test]
async fn the_shipped_caddyfile_waits_for_a_gateway_that_is_being_restarted() {
    let gateway = free_address();
    let Some(front) = Front::caddy(CADDY_SHIPPED, gateway).await else { return };
    // Up to 2.11.1 Caddy loses the body of a request that it tries again (its issue 7546).
    let request = Request::get("/v1/models");
    let asked =
        tokio::spawn(async move { Connection::open(front.address()).await.exchange(&request, Way::Sized).await });
    tokio::time::sleep(RESTART).await;
    let listener = TcpListener::bind(gateway).await.unwrap();
    let (mut stream, _) = within("Caddy to try again", listener.accept()).await.unwrap();
    let mut bytes = [0; 4096];
    assert!(stream.read(&mut bytes).await.unwrap() > 0);
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nserved").await.unwrap();
    let response = asked.await.unwrap();
    assert_eq!((response.status, response.text()), (200, "served"), "{response:?}");
}
