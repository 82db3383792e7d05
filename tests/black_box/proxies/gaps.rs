//! The gaps between the events of paced streams, measured at the client: told, not judged, as machines differ.

use std::time::{Duration, Instant};

use super::front::{CADDY_GUIDE, CADDY_SHIPPED, Front, NGINX};
use super::{COMPRESSIONS, NGINX_README};
use crate::support::{Connection, Gateway, Request, Shape, Way, tell};
use ovth_gateway::simulator;

/// The simulator writes an event so often.
const PACE_MS: u64 = 20;
/// Events of a stream, about.
const WORDS: usize = 400;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures for a minute"]
async fn gaps_between_events_through_each_proxy() {
    let simulator = simulator::spawn(simulator::Options::default()).unwrap();
    let upstream = simulator.addr;
    let script = format!(r#"{{"repeat": true, "pace_ms": {PACE_MS}, "words": {WORDS}}}"#);
    let order = Request { body: script.into(), ..Request::new("PUT", "/_sim/gaps/script") };
    let done = crate::support::send(upstream, &order, Way::Sized).await;
    assert_eq!(done.status, 200, "{done:?}");
    let config = format!(
        "providers:\n  box:\n    base_url: http://{upstream}/gaps/v1\n    api_key: key-of-the-simulator\n    models: [paced]\nroutes:\n  paced: {{providers: [box], models: [paced]}}\n"
    );
    let gateway = Gateway::start(&config).await;
    let at = gateway.address();
    let ask =
        || gateway.request(Shape::Chat, Shape::Chat.ask_stream("paced", "go")).header("accept-encoding", COMPRESSIONS);

    tell(&format!(
        "{:>28} {:>8} {:>8} {:>8} {:>8}  (ms, an event each {PACE_MS} ms)",
        "", "events", "p50", "p99", "max"
    ));
    row("the provider itself", upstream, Request { path: "/gaps/v1/chat/completions".into(), ..ask() }).await;
    row("gateway", at, ask()).await;
    for (name, front) in [
        ("Caddy, the guide's file", Front::caddy(CADDY_GUIDE, at).await),
        ("Caddy, the shipped file", Front::caddy(CADDY_SHIPPED, at).await),
        ("nginx as it comes", Front::nginx(NGINX, "", at).await),
        ("nginx, README's settings", Front::nginx(NGINX, NGINX_README, at).await),
    ] {
        if let Some(front) = front {
            row(name, front.address(), ask()).await;
        }
    }
}

async fn row(name: &str, address: std::net::SocketAddr, request: Request) {
    let mut connection = Connection::open(address).await;
    connection.send(&request, Way::Sized).await;
    assert_eq!(connection.head().await.status(), 200);
    let mut last: Option<Instant> = None;
    let mut gaps: Vec<Duration> = Vec::new();
    while let Some(event) = connection.event().await {
        if Shape::Chat.delta(&event.data()).is_empty() {
            continue;
        }
        let now = Instant::now();
        gaps.extend(last.replace(now).map(|last| now - last));
    }
    gaps.sort_unstable();
    let at = |percent: usize| gaps[(gaps.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    tell(&format!("{name:>28} {:>8} {:>8.2} {:>8.2} {:>8.2}", gaps.len() + 1, at(50), at(99), at(100)));
    assert!(gaps.len() >= WORDS / 2, "{} gaps", gaps.len());
}
