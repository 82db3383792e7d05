//! How the process ends: what is in flight is finished first, and when nothing is, it ends at once and quietly.

use std::time::{Duration, Instant};

use crate::support::{Answer, Bed, End, Gate, Shape, Upstream, Way, send, within};

/// What the log says when the end has begun.
const BEGINS: &str = "shutting down";
/// An idle gateway is gone by then.
const QUICK: Duration = Duration::from_secs(1);

/// A stream that tells when its first half is written, and waits.
fn half_told(shape: Shape, written: &Gate, gate: &Gate) -> Answer {
    let begun = Answer::stream().event(shape.opening()).event(shape.content("before"));
    begun.tell(written).wait(gate).event(shape.content("after")).event(shape.closing()).finished()
}

fn whole(shape: Shape) -> String {
    shape.opening() + &shape.content("before") + &shape.content("after") + &shape.closing()
}

#[tokio::test]
async fn streams_in_flight_are_finished_after_sigterm() {
    for shape in Shape::BOTH {
        let [gate, written] = [Gate::new(), Gate::new()];
        let first = Upstream::always(half_told(shape, &written, &gate)).await;
        let settings = "h2c: true\ncommit_after: 200ms\nheartbeat: 200ms\n";
        let mut bed = Bed::start_with(settings, first, Upstream::silent().await).await;
        let request = bed.gateway.request(shape, shape.ask_stream(&bed.sole(), "go"));
        let address = bed.gateway.address();
        let over_http_2 = tokio::spawn(async move { send(address, &request, Way::H2c).await });
        within("half of the stream", written.opened()).await;

        let mut connection = bed.gateway.open(shape, shape.ask_stream(&bed.sole(), "go")).await;
        connection.head().await;
        let mut told = String::new();
        while !told.contains("before") {
            told += std::str::from_utf8(&connection.content_event().await.unwrap().raw).unwrap();
        }
        bed.gateway.signal("TERM");
        bed.gateway.logged(BEGINS).await;
        // The gateway goes on for as long as the streams do, and keeps them alive.
        for _ in 0..3 {
            assert!(connection.event().await.expect("the stream goes on").is_heartbeat());
        }
        gate.open();
        while let Some(event) = connection.content_event().await {
            told += std::str::from_utf8(&event.raw).unwrap();
        }
        assert_eq!(told, whole(shape));
        assert_eq!(connection.end(), End::Complete);

        let response = over_http_2.await.unwrap();
        assert_eq!((response.status, response.end), (200, End::Complete), "{response:?}");
        let is_heartbeat = |event: &&str| event.starts_with(':') || event.starts_with("event: ping");
        let told: String = response.text().split_inclusive("\n\n").filter(|event| !is_heartbeat(event)).collect();
        assert_eq!(told, whole(shape), "over HTTP/2");
        let status = bed.gateway.ended().await;
        assert!(status.success(), "{status}");
    }
}

#[tokio::test]
async fn an_idle_gateway_ends_at_once() {
    // The quickest of several, so that a busy machine does not matter. A kept connection is idle too.
    let mut quickest = Duration::MAX;
    for _ in 0..3 {
        let first = Upstream::always(Answer::plain(Shape::Chat, "served")).await;
        let mut bed = Bed::start(first, Upstream::silent().await).await;
        let mut kept = bed.gateway.open(Shape::Chat, Shape::Chat.ask(&bed.sole(), "hello")).await;
        assert_eq!(kept.response().await.status, 200);
        let asked = Instant::now();
        let status = bed.gateway.stop().await;
        assert!(status.success(), "{status}");
        quickest = quickest.min(asked.elapsed());
    }
    println!("an idle gateway ends within {quickest:?}");
    assert!(quickest < QUICK, "{quickest:?}");
}

#[tokio::test]
async fn an_interrupt_of_an_idle_gateway_is_no_error() {
    let first = Upstream::always(Answer::plain(Shape::Chat, "served")).await;
    let mut bed = Bed::start(first, Upstream::silent().await).await;
    let response = bed.gateway.post(Shape::Chat, Shape::Chat.ask(&bed.sole(), "hello")).await;
    assert_eq!(response.status, 200, "{response:?}");
    bed.gateway.record(response.request_id()).await;
    bed.gateway.signal("INT");
    let status = bed.gateway.ended().await;
    assert!(status.success(), "{status}");
    let log = bed.gateway.log();
    assert!(!log.contains("\"level\":\"error\""), "{log}");
}
