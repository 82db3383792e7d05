//! Places that no flood of clients takes: those of the operator's own listeners, and a few for probes from the machine itself.

use std::net::SocketAddr;

use rcgen::{CertificateParams, KeyPair};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::support::{
    Answer, Connection, Gateway, Request, Response, Shape, Upstream, Way, free_address, provider, send, within,
};

/// Places of a listener of the operator's own, and those that are kept for the machine itself.
const OWN: usize = 64;
const RESERVE: usize = 16;

async fn start(settings: &str) -> Gateway {
    let upstream = Upstream::new(|seen| Answer::plain(seen.shape(), "served")).await;
    let providers = provider("first", &upstream.base_url(), &["model-0".to_owned()]);
    let gateway = Gateway::start_without_key(&format!("{settings}providers:\n{providers}")).await;
    within("free places", async { while connections(&gateway).await > 0 {} }).await;
    gateway
}

async fn connections(gateway: &Gateway) -> u64 {
    value(gateway, "ovth_connections ").await
}

/// The value of a metric's line, 0 when there is none.
async fn value(gateway: &Gateway, line: &str) -> u64 {
    let page = gateway.metrics().await;
    let found = page.lines().find_map(|text| text.strip_prefix(line)).map(str::trim);
    found.map_or(0, |value| value.parse().expect("a whole number"))
}

/// So many connections on which a request was served, and which stay.
async fn held(address: SocketAddr, count: usize) -> Vec<Connection> {
    let mut held = Vec::new();
    for _ in 0..count {
        let mut connection = Connection::open(address).await;
        assert_eq!(connection.exchange(&Request::get("/healthz"), Way::Sized).await.status, 200);
        held.push(connection);
    }
    held
}

fn message(response: &Response) -> &str {
    response.text()
}

#[tokio::test]
async fn a_flood_of_clients_shuts_out_neither_probes_of_this_machine_nor_the_operator() {
    for limit in ["connections", "connections_per_address"] {
        let admin = free_address();
        let gateway = start(&format!("admin: {{listen: '{admin}'}}\nclients: {{{limit}: 3}}\n")).await;
        let clients = held(gateway.address(), 3).await;

        for path in ["/readyz", "/healthz"] {
            let probe = gateway.send(&Request::get(path), Way::Sized).await;
            assert_eq!(probe.status, 200, "{limit}: {probe:?}");
        }
        let list = Request::get("/admin/keys").bearer(gateway.master_key());
        for _ in 0..5 {
            let listed = send(admin, &list, Way::Sized).await;
            assert_eq!(listed.status, 200, "{limit}: {listed:?}");
        }
        // Nothing else is served on the places of probes, and their connections end.
        for shape in Shape::BOTH {
            let mut other = Connection::open(gateway.address()).await;
            let refused = other.exchange(&shape.post(shape.ask("model-0", "hello")), Way::Sized).await;
            assert_eq!(refused.status, 503, "{limit}: {refused:?}");
            assert!(message(&refused).contains("clients.connections"), "{refused:?}");
            other.closed().await;
        }
        let counted = value(&gateway, "ovth_clients_refused_total{limit=\"connections\"}").await;
        assert!(counted >= 2, "{limit}: {counted}");
        drop(clients);
        within("a place", async { while gateway.send(&Request::get("/"), Way::Sized).await.status != 200 {} }).await;
    }
}

#[tokio::test]
async fn the_places_for_probes_have_an_end_as_well() {
    let gateway = start("clients: {connections: 3}\n").await;
    let _held = held(gateway.address(), 3 + RESERVE).await;
    let refused = gateway.send(&Request::get("/healthz"), Way::Sized).await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(message(&refused).contains("clients.connections"), "{refused:?}");
}

#[tokio::test]
async fn the_admin_listener_has_a_bound_of_its_own_and_leaves_clients_alone() {
    let admin = free_address();
    let gateway = start(&format!("admin: {{listen: '{admin}'}}\n")).await;
    // An address has half of them; this one is the machine's own, which has the places for probes besides.
    let _held = held(admin, OWN / 2 + RESERVE).await;
    let refused = send(admin, &Request::get("/healthz"), Way::Sized).await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(gateway.send(&Request::get("/"), Way::Sized).await.status, 200, "clients have theirs");
    assert!(value(&gateway, "ovth_clients_refused_total{limit=\"admin\"}").await > 0);
}

#[tokio::test]
async fn the_metrics_listener_bounds_connections_and_heads() {
    let gateway = start("clients: {head_time: 60s, header_bytes: 4KiB}\n").await;
    let mut long = Connection::open(gateway.metrics_address()).await;
    long.send_raw(format!("GET /metrics HTTP/1.1\r\nhost: a\r\nx: {}", "v".repeat(8_000)).as_bytes()).await;
    let response = long.response().await;
    assert_eq!(response.status, 431, "{response:?}");
    long.closed().await;

    // One connection serves scrape after scrape, however many heads that makes.
    let mut scraper = Connection::open(gateway.metrics_address()).await;
    let scrape = Request::get("/metrics").header("x-long", "v".repeat(3_000));
    for _ in 0..5 {
        assert_eq!(scraper.exchange(&scrape, Way::Sized).await.status, 200);
    }

    let mut silent = Vec::new();
    within("a refusal", async {
        loop {
            let mut one = TcpStream::connect(gateway.metrics_address()).await.unwrap();
            let mut bytes = [0; 12];
            // One that is let in says nothing until it is asked.
            let told = tokio::time::timeout(std::time::Duration::from_millis(50), one.read_exact(&mut bytes)).await;
            if told.is_ok_and(|read| read.is_ok()) {
                assert_eq!(&bytes, b"HTTP/1.1 503");
                break;
            }
            silent.push(one);
            assert!(silent.len() <= OWN, "more than there are places");
        }
    })
    .await;
    assert_eq!(scraper.exchange(&scrape, Way::Sized).await.status, 200, "who is inside is served");
    assert_eq!(gateway.send(&Request::get("/"), Way::Sized).await.status, 200, "and so are clients");
    drop(silent);
    within("a scrape", async {
        while send(gateway.metrics_address(), &Request::get("/metrics"), Way::Sized).await.status != 200 {}
    })
    .await;
    assert!(value(&gateway, "ovth_clients_refused_total{limit=\"metrics\"}").await > 0);
}

#[tokio::test]
async fn a_silent_connection_to_the_metrics_is_closed() {
    let gateway = start("clients: {head_time: 2s}\n").await;
    Connection::open(gateway.metrics_address()).await.closed().await;
}

#[tokio::test]
async fn who_is_turned_away_where_tls_is_spoken_is_told_nothing_in_the_clear() {
    let tls = free_address();
    let key = KeyPair::generate().unwrap();
    let cert = CertificateParams::new(["gateway.test".to_owned()]).unwrap().self_signed(&key).unwrap().pem();
    let upstream = Upstream::new(|seen| Answer::plain(seen.shape(), "served")).await;
    let providers = provider("first", &upstream.base_url(), &["model-0".to_owned()]);
    let settings = "clients: {connections: 3, head_time: 60s}\n";
    let config = format!("{settings}tls: {{listen: '{tls}', cert: cert.pem, key: key.pem}}\nproviders:\n{providers}");
    let files = [("cert.pem", cert.as_str()), ("key.pem", &key.serialize_pem())];
    let gateway = Gateway::start_with_files(&config, &files).await;
    within("free places", async { while connections(&gateway).await > 0 {} }).await;
    let mut waiting = Vec::new();
    for _ in 0..3 + RESERVE {
        waiting.push(TcpStream::connect(tls).await.unwrap());
    }
    let refused = "ovth_clients_refused_total{limit=\"connections\"}";
    within("one more to be turned away", async {
        while value(&gateway, refused).await == 0 {
            waiting.push(TcpStream::connect(tls).await.unwrap());
        }
    })
    .await;
    let mut last = TcpStream::connect(tls).await.unwrap();
    let mut told = Vec::new();
    within("its end", last.read_to_end(&mut told)).await.ok();
    assert!(told.is_empty(), "{}", String::from_utf8_lossy(&told));
}
