//! What the edge refuses is counted: an operator sees it without a packet capture.

use crate::support::{
    Answer, Bed, Connection, Gateway, LAUNCHER, Request, Shape, Upstream, Way, free_address, provider, send, within,
};

/// Waits until the metrics have that line.
async fn told(gateway: &Gateway, line: &str) {
    within(line, async {
        while !gateway.metrics().await.lines().any(|text| text == line) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
}

async fn served() -> Upstream {
    Upstream::new(|seen| Answer::plain(seen.shape(), "served")).await
}

#[tokio::test]
async fn a_large_head_over_http2_is_counted_as_cut_and_as_answered() {
    let bed =
        Bed::start_with("h2c: true\nclients: {header_count: 20}\n", served().await, Upstream::silent().await).await;
    let mut many = bed.gateway.request(Shape::Chat, Shape::Chat.ask("sole-0", "hello"));
    for n in 0..30 {
        many = many.header(&format!("x-{n}"), "v");
    }
    for _ in 0..2 {
        assert_eq!(bed.gateway.send(&many, Way::H2c).await.status, 431);
    }
    told(&bed.gateway, "ovth_local_requests_total{endpoint=\"refused\",status=\"431\"} 2").await;
    told(&bed.gateway, "ovth_clients_cut_total{reason=\"large_head\"} 2").await;
}

#[tokio::test]
async fn too_many_requests_and_requests_at_the_wrong_listener_are_counted() {
    let admin = free_address();
    let upstream = served().await;
    let providers = provider("first", &upstream.base_url(), &["model-0".to_owned()]);
    let gateway = Gateway::start_without_key(&format!("admin: {{listen: '{admin}'}}\nproviders:\n{providers}")).await;
    for path in ["/v1/models", "/v1/messages"] {
        assert_eq!(send(admin, &Request::get(path), Way::Sized).await.status, 404);
    }
    told(&gateway, "ovth_local_requests_total{endpoint=\"refused\",status=\"404\"} 2").await;
}

#[tokio::test]
async fn a_slow_body_of_an_admin_request_is_counted_as_cut() {
    let settings = "clients: {body_time: 1s, body_rate: 1KiB}\n";
    let bed = Bed::start_with(&format!("{settings}h2c: false\n"), served().await, Upstream::silent().await).await;
    let mut slow = Connection::open(bed.gateway.address()).await;
    let key = bed.gateway.master_key();
    let head =
        format!("POST /admin/keys HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\ncontent-length: 99\r\n\r\n{{");
    slow.send_raw(head.as_bytes()).await;
    let response = slow.response().await;
    assert_eq!(response.status, 408, "{response:?}");
    told(&bed.gateway, "ovth_clients_cut_total{reason=\"slow_body\"} 1").await;
    told(&bed.gateway, "ovth_local_requests_total{endpoint=\"admin\",status=\"408\"} 1").await;
}

#[tokio::test]
async fn a_body_that_the_memory_could_never_hold_is_too_large_and_not_a_matter_of_time() {
    // A quarter of a gigabyte of address space is what bodies may take.
    let upstream = served().await;
    let config = format!(
        "h2c: true\nlimits: {{body_bytes: 300MiB, buffered_bytes: 400MiB}}\nproviders:\n{}",
        provider("first", &upstream.base_url(), &["model-0".to_owned()])
    );
    let gateway = Gateway::start_with(&config, &[(LAUNCHER, "ulimit -v 1048576")]).await;
    let length = 280 << 20;
    for shape in Shape::BOTH {
        let mut large = Connection::open(gateway.address()).await;
        let (path, key) = (shape.path(), gateway.key());
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\nexpect: 100-continue\r\n\
             content-length: {length}\r\n\r\n"
        );
        large.send_raw(head.as_bytes()).await;
        let response = large.response().await;
        assert_eq!(response.status, 413, "{response:?}");
        assert!(response.text().contains("268435456 bytes"), "{response:?}");
        assert!(response.text().contains("limits.buffered_bytes"), "{response:?}");
    }
    let served = gateway.post(Shape::Chat, Shape::Chat.ask("model-0", "hello")).await;
    assert_eq!(served.status, 200, "{served:?}");
}
