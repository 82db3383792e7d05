//! Upstreams that say nothing for a while: the status goes out after `commit_after`, heartbeats follow, and failover goes on.

use crate::support::{Answer, Bed, Connection, End, Gate, Shape, Upstream, Way};

/// Settings under which a silent upstream is given up after 700 ms, three heartbeats later.
const IMPATIENT: &str =
    "commit_after: 200ms\nheartbeat: 200ms\ntimeouts: {connect: 5s, first_byte: 700ms, idle: 700ms}\n";

#[tokio::test]
async fn pitfall_8_and_120_a_silent_stream_gets_its_status_headers_that_forbid_buffering_and_heartbeats() {
    for shape in Shape::ALL {
        let gate = Gate::new();
        let answer = Answer::streamed(shape, &["late"]).behind(&gate);
        let bed = Bed::start(Upstream::always(answer).await, Upstream::silent().await).await;
        let mut connection = bed.gateway.open(shape, shape.ask_stream(&bed.sole(), "go")).await;
        let head = connection.head().await;
        assert_eq!(head.status(), 200);
        assert_eq!(head.header("cache-control"), Some("no-cache, no-transform"));
        assert_eq!(head.header("x-accel-buffering"), Some("no"));
        assert!(head.header("content-type").unwrap().starts_with("text/event-stream"));
        for _ in 0..3 {
            let event = connection.event().await.unwrap();
            assert!(event.is_heartbeat(), "{event:?}");
        }
        gate.open();
        let mut rest = String::new();
        for event in connection.events().await.iter().filter(|event| !event.is_heartbeat()) {
            rest += std::str::from_utf8(&event.raw).unwrap();
        }
        assert_eq!(rest, shape.opening() + &shape.content("late") + &shape.closing());
        assert_eq!(connection.end(), End::Complete);
    }
}

#[tokio::test]
async fn failover_goes_on_while_only_heartbeats_were_sent() {
    for shape in Shape::ALL {
        let stalls = [
            Answer::silence(),
            Answer::stream().hold(),
            Answer::stream().event(&shape.opening().as_bytes()[..9]).hold(),
        ];
        for stall in stalls {
            let second = Upstream::always(Answer::streamed(shape, &["second"])).await;
            let bed = Bed::start_with(IMPATIENT, Upstream::always(stall).await, second).await;
            let mut connection = bed.gateway.open(shape, shape.ask_stream(&bed.pair(), "go")).await;
            assert_eq!(connection.head().await.status(), 200);
            let events = connection.events().await;
            assert!(events[0].is_heartbeat(), "{events:?}");
            let told: String = events
                .iter()
                .filter(|event| !event.is_heartbeat())
                .map(|event| std::str::from_utf8(&event.raw).unwrap())
                .collect();
            assert_eq!(told, shape.opening() + &shape.content("second") + &shape.closing());
            bed.first.request(0).await.link.closed().await;
        }
    }
}

#[tokio::test]
async fn when_all_fail_after_heartbeats_an_error_event_ends_the_stream() {
    for shape in Shape::ALL {
        for sole in [true, false] {
            let first = Upstream::always(Answer::silence()).await;
            let second = Upstream::always(Answer::error(shape, 500)).await;
            let bed = Bed::start_with(IMPATIENT, first, second).await;
            let route = if sole { bed.sole() } else { bed.pair() };
            let mut connection = bed.gateway.open(shape, shape.ask_stream(&route, "go")).await;
            assert_eq!(connection.head().await.status(), 200);
            let events = connection.events().await;
            let (last, before) = events.split_last().unwrap();
            assert!(before.iter().all(|event| event.is_heartbeat()), "{events:?}");
            shape.error_type(&serde_json::from_str(&last.data()).unwrap());
            assert_eq!(connection.end(), End::Complete);
        }
    }
}

#[tokio::test]
async fn heartbeats_fall_between_events_while_an_event_is_unfinished() {
    for shape in Shape::ALL {
        let gate = Gate::new();
        let event = shape.content("patience");
        let (begin, end) = event.split_at(event.len() / 2);
        let answer = Answer::stream()
            .event(shape.opening())
            .event(shape.content("first"))
            .event(begin)
            .wait(&gate)
            .event(end)
            .event(shape.closing())
            .finished();
        let bed = Bed::start(Upstream::always(answer).await, Upstream::silent().await).await;
        let mut connection = bed.gateway.open(shape, shape.ask_stream(&bed.sole(), "go")).await;
        assert_eq!(connection.head().await.status(), 200);
        let mut told = String::new();
        let mut heartbeats = 0;
        while heartbeats < 2 {
            let event = connection.event().await.unwrap();
            if event.is_heartbeat() {
                heartbeats += 1;
            } else {
                told += std::str::from_utf8(&event.raw).unwrap();
            }
        }
        assert_eq!(told, shape.opening() + &shape.content("first"));
        gate.open();
        while let Some(event) = connection.content_event().await {
            told += std::str::from_utf8(&event.raw).unwrap();
        }
        assert_eq!(told, shape.opening() + &shape.content("first") + &event + &shape.closing());
    }
}

#[tokio::test]
async fn a_stall_after_content_ends_with_an_error_event() {
    for shape in Shape::ALL {
        let stall = Answer::stream().event(shape.opening()).event(shape.content("begun")).hold();
        let second = Upstream::always(Answer::streamed(shape, &["never"])).await;
        let bed = Bed::start_with(IMPATIENT, Upstream::always(stall).await, second).await;
        let mut connection = bed.gateway.open(shape, shape.ask_stream(&bed.pair(), "go")).await;
        assert_eq!(connection.head().await.status(), 200);
        let events = connection.events().await;
        shape.error_type(&serde_json::from_str(&events.last().unwrap().data()).unwrap());
        assert_eq!(connection.end(), End::Complete);
        assert!(bed.second.requests().is_empty());
    }
}

#[tokio::test]
async fn structural_events_are_held_for_two_seconds_and_not_for_ever() {
    for shape in Shape::ALL {
        let gate = Gate::new();
        let answer = Answer::stream()
            .event(shape.opening())
            .wait(&gate)
            .event(shape.content("thought"))
            .event(shape.closing())
            .finished();
        // Neither commit nor heartbeat is due within the test: what comes is the release of the hold.
        let settings = "commit_after: 60s\nheartbeat: 60s\n";
        let bed = Bed::start_with(settings, Upstream::always(answer).await, Upstream::silent().await).await;
        let mut connection = bed.gateway.open(shape, shape.ask_stream(&bed.sole(), "go")).await;
        assert_eq!(connection.head().await.status(), 200);
        let first = connection.event().await.unwrap();
        assert!(shape.opening().as_bytes().starts_with(&first.raw), "{first:?}");
        gate.open();
        let last = connection.events().await.pop().unwrap();
        assert!(shape.closing().as_bytes().ends_with(&last.raw), "{last:?}");
    }
}

#[tokio::test]
async fn pitfall_120_a_plain_request_waits_without_heartbeats_and_times_out_with_504() {
    for shape in Shape::ALL {
        let bed = Bed::start_with(IMPATIENT, Upstream::silent().await, Upstream::silent().await).await;
        let response = bed.gateway.post(shape, shape.ask(&bed.sole(), "hello")).await;
        assert_eq!(response.status, 504, "{response:?}");
        shape.error_type(&response.json());
    }
}

#[tokio::test]
async fn http_1_0_clients_get_heartbeats_too() {
    let shape = Shape::Chat;
    let gate = Gate::new();
    let answer = Answer::stream()
        .wait(&gate)
        .event(shape.opening())
        .event(shape.content("late"))
        .event(shape.closing())
        .finished();
    let bed = Bed::start(Upstream::always(answer).await, Upstream::silent().await).await;
    let mut connection = Connection::open(bed.gateway.address()).await;
    connection.send(&bed.gateway.request(shape, shape.ask_stream(&bed.sole(), "go")), Way::Http10).await;
    assert_eq!(connection.head().await.status(), 200);
    assert!(connection.event().await.unwrap().is_heartbeat());
    gate.open();
    assert!(connection.events().await.iter().any(|event| shape.delta(&event.data()) == "late"));
    assert_eq!(connection.end(), End::Closed);
}
