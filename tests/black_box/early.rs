//! Upstreams that begin to answer before they have read the request, and refusals that are slow to end.

use crate::support::{Answer, Bed, End, Gate, Shape, Tokens, Upstream, Way, within};

#[tokio::test]
async fn a_success_that_begins_before_the_body_was_read_is_served_and_gets_the_whole_body() {
    // The larger one is more than loopback buffers hold: the answer's head is certainly there while the body is written.
    for size in [1 << 20, 20_000_000] {
        for shape in Shape::BOTH {
            let answer = Answer::stream().read_body().event(shape.opening()).event(shape.content("read"));
            let answer = answer.event(shape.closing()).finished();
            let bed = Bed::start_with("h2c: true\n", Upstream::early(answer).await, Upstream::silent().await).await;
            for (index, way) in [Way::Sized, Way::Chunked, Way::H2c].into_iter().enumerate() {
                let prompt = "x".repeat(size);
                let request = bed.gateway.request(shape, shape.ask_stream(&bed.pair(), &prompt));
                let response = bed.gateway.send(&request, way).await;
                assert_eq!((response.status, response.attempts()), (200, 1), "{size} bytes, {way:?}: {response:?}");
                let expected = shape.opening() + &shape.content("read") + &shape.closing();
                assert_eq!((response.text(), response.end), (expected.as_str(), End::Complete), "{way:?}");
                // One connection serves all, and its later requests begin where the earlier ended.
                let seen = bed.first.request(index).await;
                let read = seen.link.raw();
                let length: usize = seen.head.header("content-length").unwrap().parse().unwrap();
                let body: serde_json::Value = serde_json::from_slice(&read[read.len() - length..]).unwrap();
                assert!(body["messages"][0]["content"] == prompt.as_str(), "{size} bytes, {way:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_during_a_refusal_is_charged_nothing() {
    for shape in Shape::ALL {
        let [gate, written] = [Gate::new(), Gate::new()];
        let head = "HTTP/1.1 429 Too Many\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{\"error\":";
        let slow = Answer::raw(head).behind(&gate).tell(&written).hold();
        let bed = Bed::start(Upstream::always(slow).await, Upstream::silent().await).await;
        let route = bed.pair();
        let mut connection = bed.gateway.open(shape, shape.ask_stream(&route, "a prompt that costs tokens")).await;
        connection.head().await;
        let seen = bed.first.request(0).await;
        gate.open();
        within("the refusal to be sent", written.opened()).await;
        // Two more heartbeats: the gateway has had the head of the refusal for long, and waits for the rest.
        bed.pass_heartbeats(2).await;
        drop(connection);
        seen.link.closed().await;
        let record = bed.gateway.record_where(|record| record.route.as_deref() == Some(route.as_str())).await;
        assert!(record.is_abort(), "{record:?}");
        assert_eq!(record.tokens, Tokens::default(), "a provider that refuses bills nothing: {record:?}");
        assert!(!record.usage_estimated, "{record:?}");
    }
}
