//! How streams end when the upstream does not end them well: before the first content with another target, after it with an error event.

use crate::support::{Answer, Bed, Connection, End, Shape, Upstream, Way};

/// What can go wrong after content; the name is for messages.
fn faults(shape: Shape) -> Vec<(&'static str, Answer)> {
    let begun = Answer::stream().event(shape.opening()).event(shape.content("begun"));
    let whole = shape.content("lost");
    let (half, _) = whole.split_at(whole.len() / 2);
    let inside = begun.clone().event(half);
    vec![
        ("cut between events", begun.clone().cut()),
        ("reset between events", begun.clone().reset()),
        ("cut inside an event", inside.clone().cut()),
        ("reset inside an event", inside.clone().reset()),
        ("an end inside an event", inside.finished()),
        ("an end without a finish", begun.clone().finished()),
        ("an error event", begun.clone().event(shape.overloaded_event()).finished()),
    ]
}

#[tokio::test]
async fn a_fault_after_content_ends_the_stream_with_an_error_event() {
    for shape in Shape::ALL {
        for (name, fault) in faults(shape) {
            let second = Upstream::always(Answer::streamed(shape, &["never"])).await;
            let bed = Bed::start_with("h2c: true\n", Upstream::always(fault).await, second).await;
            for way in [Way::Sized, Way::H2c] {
                let request = bed.gateway.request(shape, shape.ask_stream(&bed.pair(), "go"));
                let response = bed.gateway.send(&request, way).await;
                let text = response.text();
                assert_eq!(response.status, 200, "{name}, {way:?}: {text}");
                let before = shape.opening() + &shape.content("begun");
                assert!(text.starts_with(&before), "{name}, {way:?}: what came is passed on: {text}");
                assert!(!text.contains("lost"), "{name}, {way:?}: an unfinished event is not: {text}");
                shape.assert_ended_by_error(text, response.end);
            }
            assert!(bed.second.requests().is_empty(), "{name}: content is a commit, there is no second attempt");
        }
    }
}

#[tokio::test]
async fn a_fault_before_content_fails_over() {
    for shape in Shape::ALL {
        let begun = Answer::stream().event(shape.opening());
        let faults = [
            ("cut after the head", Answer::stream().cut()),
            ("reset after the head", Answer::stream().reset()),
            ("an empty stream", Answer::stream().finished()),
            ("cut after structural events", begun.clone().cut()),
            ("reset after structural events", begun.clone().reset()),
            ("an error event after structural events", begun.clone().event(shape.overloaded_event()).finished()),
            ("an error event first", Answer::stream().event(shape.overloaded_event()).finished()),
            ("an error event first, then a reset", Answer::stream().event(shape.overloaded_event()).reset()),
        ];
        for (name, fault) in faults {
            let second = Upstream::always(Answer::streamed(shape, &["all", "good"])).await;
            let bed = Bed::start(Upstream::always(fault).await, second).await;
            let response = bed.gateway.post(shape, shape.ask_stream(&bed.pair(), "go")).await;
            let expected = shape.opening() + &shape.content("all") + &shape.content("good") + &shape.closing();
            assert_eq!((response.status, response.text()), (200, expected.as_str()), "{shape:?}: {name}");
            assert_eq!(response.attempts(), 2, "{shape:?}: {name}");
        }
    }
}

#[tokio::test]
async fn a_fault_before_content_of_the_only_target_has_a_proper_status() {
    for shape in Shape::ALL {
        let overloaded = if shape == Shape::Messages { 529 } else { 503 };
        let faults = [
            ("an error event first", Answer::stream().event(shape.overloaded_event()).finished(), overloaded),
            ("cut after the head", Answer::stream().cut(), 502),
            ("reset after structural events", Answer::stream().event(shape.opening()).reset(), 502),
            ("no answer", Answer::silence().cut(), 502),
        ];
        for (name, fault, status) in faults {
            let bed = Bed::start(Upstream::always(fault).await, Upstream::silent().await).await;
            let response = bed.gateway.post(shape, shape.ask_stream(&bed.sole(), "go")).await;
            assert_eq!(response.status, shape.own_status(status), "{shape:?}: {name}: {response:?}");
            assert_eq!(response.header("content-type"), Some("application/json"));
            shape.error_type(&response.json());
        }
    }
}

#[tokio::test]
async fn events_that_come_byte_by_byte_go_down_whole() {
    for shape in Shape::ALL {
        let stream = shape.opening() + &shape.content("sl\u{f6}w") + &shape.closing();
        let answer = stream.as_bytes().chunks(1).fold(Answer::stream(), |answer, byte| answer.event(byte)).finished();
        let bed = Bed::start(Upstream::always(answer).await, Upstream::silent().await).await;
        let response = bed.gateway.post(shape, shape.ask_stream(&bed.sole(), "go")).await;
        assert_eq!(response.text(), stream);
        assert_eq!(response.end, End::Complete);
    }
}

#[tokio::test]
async fn a_close_is_the_end_of_a_stream_only_after_its_last_event() {
    // Without a length and without chunks, the close ends the body: whether it is whole, only the last event tells.
    let shape = Shape::Chat;
    let whole = shape.opening() + &shape.content("told") + &shape.closing();
    let broken = shape.opening() + &shape.content("told");
    for (body, good) in [(whole, true), (broken, false)] {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        let answer = Answer::raw(format!("{head}{body}")).cut();
        let bed = Bed::start(Upstream::always(answer).await, Upstream::silent().await).await;
        let response = bed.gateway.post(shape, shape.ask_stream(&bed.sole(), "go")).await;
        assert_eq!((response.status, response.end), (200, End::Complete));
        if good {
            assert_eq!(response.text(), body);
        } else {
            shape.assert_ended_by_error(response.text(), response.end);
        }
    }
}

#[tokio::test]
async fn an_http_1_0_client_gets_the_error_event_before_the_close() {
    let shape = Shape::Messages;
    let fault = Answer::stream().event(shape.opening()).event(shape.content("begun")).cut();
    let bed = Bed::start(Upstream::always(fault).await, Upstream::silent().await).await;
    let request = bed.gateway.request(shape, shape.ask_stream(&bed.sole(), "go"));
    let response = Connection::open(bed.gateway.address()).await.exchange(&request, Way::Http10).await;
    assert_eq!(response.end, End::Closed);
    shape.assert_ended_by_error(response.text(), End::Complete);
}
