//! What commits an answer to the client and what does not: content does, at once; comments, promises of a stream and a mere mark of success do not.

use std::time::{Duration, Instant};

use crate::support::{Answer, Bed, End, Gate, Shape, Upstream, Way};

/// Under these settings nothing but content makes the gateway write within a test.
const PATIENT: &str = "commit_after: 60s\nheartbeat: 60s\n";

/// Those whose streams are events and nothing else.
const WITH_EVENTS: [Shape; 3] = [Shape::Chat, Shape::Messages, Shape::Responses];

/// A JSON answer whose head comes at once and whose body waits for the test.
fn late_json(shape: Shape, gate: &Gate) -> Answer {
    let body = shape.plain("plain");
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    let [head, body] = [head, body].map(Answer::raw);
    Answer { steps: [head.wait(gate).steps, body.steps].concat(), ..body }
}

#[tokio::test]
async fn json_that_answers_a_stream_late_is_not_put_into_an_event_stream() {
    for shape in WITH_EVENTS {
        let gate = Gate::new();
        let bed = Bed::start(Upstream::always(late_json(shape, &gate)).await, Upstream::silent().await).await;
        let mut connection = bed.gateway.open(shape, shape.ask_stream(&bed.sole(), "go")).await;
        bed.first.request(0).await;
        // By then a silent stream would have had its status and a heartbeat.
        bed.pass_heartbeats(2).await;
        gate.open();
        let response = connection.response().await;
        assert_eq!((response.status, response.end), (200, End::Complete), "{response:?}");
        assert_eq!(response.header("content-type"), Some("application/json"), "{response:?}");
        assert_eq!(response.text(), shape.plain("plain"), "no heartbeat is in it");
    }
}

#[tokio::test]
async fn json_after_heartbeats_is_a_failed_attempt() {
    for shape in WITH_EVENTS {
        for sole in [true, false] {
            let gate = Gate::new();
            let first = Upstream::always(Answer::plain(shape, "plain").behind(&gate)).await;
            let bed = Bed::start(first, Upstream::always(Answer::streamed(shape, &["second"])).await).await;
            let route = if sole { bed.sole() } else { bed.pair() };
            let mut connection = bed.gateway.open(shape, shape.ask_stream(&route, "go")).await;
            let head = connection.head().await;
            assert!(head.header("content-type").unwrap().starts_with("text/event-stream"), "{head:?}");
            assert!(connection.event().await.unwrap().is_heartbeat());
            gate.open();
            let mut told = String::new();
            while let Some(event) = connection.content_event().await {
                told += std::str::from_utf8(&event.raw).unwrap();
            }
            assert!(!told.contains("plain"), "{told}");
            if sole {
                shape.assert_ended_by_error(&told, connection.end());
                assert!(bed.second.requests().is_empty());
            } else {
                assert_eq!(told, shape.opening() + &shape.content("second") + &shape.closing());
                assert_eq!(connection.end(), End::Complete);
            }
        }
    }
}

#[tokio::test]
async fn json_that_answers_a_gemini_stream_is_a_stream_of_one_answer() {
    // Google's hosts may stream an array though events are asked for; one answer is the least of it.
    let shape = Shape::GenerateContent;
    for late in [false, true] {
        let gate = Gate::new();
        let bed = Bed::start(Upstream::always(late_json(shape, &gate)).await, Upstream::silent().await).await;
        let mut connection = bed.gateway.open(shape, shape.ask_stream(&bed.sole(), "go")).await;
        bed.first.request(0).await;
        if late {
            bed.pass_heartbeats(2).await;
        }
        gate.open();
        let head = connection.head().await;
        assert!(head.header("content-type").unwrap().starts_with("text/event-stream"), "{head:?}");
        let mut told = String::new();
        while let Some(event) = connection.content_event().await {
            told += &shape.delta(&event.data());
        }
        assert_eq!((told.as_str(), connection.end()), ("plain", End::Complete));
        let entry = bed.gateway.entry(head.header(shape.id_header()).unwrap()).await;
        assert_eq!((&entry["outcome"], &entry["charged_tokens"]), (&"ok".into(), &18.into()), "{entry}");
    }
}

#[tokio::test]
async fn a_mark_of_success_without_a_finish_reason_is_not_passed_on() {
    let shape = Shape::Chat;
    let begun = Answer::stream().event(shape.opening()).event(shape.content("begun")).event("data: [DONE]\n\n");
    for fault in [begun.clone().finished(), begun.clone().cut(), begun.hold()] {
        let second = Upstream::always(Answer::streamed(shape, &["never"])).await;
        let bed = Bed::start_with("h2c: true\n", Upstream::always(fault).await, second).await;
        for way in [Way::Sized, Way::H2c] {
            let request = bed.gateway.request(shape, shape.ask_stream(&bed.pair(), "go"));
            let response = bed.gateway.send(&request, way).await;
            let text = response.text();
            assert!(text.starts_with(&(shape.opening() + &shape.content("begun"))), "{way:?}: {text}");
            shape.assert_ended_by_error(text, response.end);
            let record = bed.gateway.record(response.request_id()).await;
            assert_ne!(record.outcome, "ok", "{way:?}: {record:?}");
        }
        assert!(bed.second.requests().is_empty());
    }
}

#[tokio::test]
async fn a_mark_of_success_without_content_fails_over() {
    let shape = Shape::Chat;
    for opening in ["", &shape.opening()] {
        let empty = Answer::stream().event(opening.to_owned() + "data: [DONE]\n\n").finished();
        let second = Upstream::always(Answer::streamed(shape, &["second"])).await;
        let bed = Bed::start_with(PATIENT, Upstream::always(empty).await, second).await;
        let response = bed.gateway.post(shape, shape.ask_stream(&bed.pair(), "go")).await;
        assert_eq!(response.text(), shape.opening() + &shape.content("second") + &shape.closing());
        assert_eq!(response.attempts(), 2);
    }
}

/// An upstream that sends comments, and an error when the test lets it; it is waited for longer than structural events are held (2 s).
async fn comments_then_an_error(shape: Shape, comments: &str) {
    let gate = Gate::new();
    let first = Answer::stream().event(comments).wait(&gate).event(comments).event(shape.overloaded_event()).finished();
    let second = Upstream::always(Answer::streamed(shape, &["second"])).await;
    let bed = Bed::start_with("commit_after: 2500ms\nheartbeat: 60s\n", Upstream::always(first).await, second).await;
    let mut connection = bed.gateway.open(shape, shape.ask_stream(&bed.pair(), "go")).await;
    assert_eq!(connection.head().await.status(), 200);
    let heartbeat = connection.event().await.unwrap();
    assert!(heartbeat.is_heartbeat(), "{heartbeat:?}");
    assert!(!comments.as_bytes().starts_with(&heartbeat.raw), "the gateway's own: {heartbeat:?}");
    gate.open();
    let mut told = String::new();
    while let Some(event) = connection.event().await {
        told += std::str::from_utf8(&event.raw).unwrap();
    }
    assert_eq!(told, shape.opening() + &shape.content("second") + &shape.closing());
    assert_eq!(connection.end(), End::Complete);
}

#[tokio::test]
async fn comments_and_pings_do_not_commit() {
    let ping = "event: ping\ndata: {\"type\":\"ping\"}\n\n: PROCESSING\n\n";
    tokio::join!(
        comments_then_an_error(Shape::Chat, ": PROCESSING\n\n: PROCESSING\n\n"),
        comments_then_an_error(Shape::Messages, ": PROCESSING\n\n: PROCESSING\n\n"),
        comments_then_an_error(Shape::Messages, ping),
    );
}

#[tokio::test]
async fn content_goes_out_at_once() {
    // The quickest of several, so that a busy machine does not matter: a delay made on purpose would show in each.
    const DELAY: Duration = Duration::from_millis(20);
    for shape in Shape::ALL {
        let words = ["one", "two", "three", "four", "five"];
        let gates = words.map(|_| Gate::new());
        let answer = words.iter().zip(&gates).fold(Answer::stream().event(shape.opening()), |answer, (word, gate)| {
            answer.event(shape.content(word)).wait(gate)
        });
        let answer = answer.event(shape.closing()).finished();
        let bed = Bed::start_with(PATIENT, Upstream::always(answer).await, Upstream::silent().await).await;
        let mut asked = Instant::now();
        let mut connection = bed.gateway.open(shape, shape.ask_stream(&bed.sole(), "go")).await;
        connection.head().await;
        let mut first = None;
        let mut quickest = Duration::MAX;
        for (word, gate) in words.iter().zip(&gates) {
            while shape.delta(&connection.event().await.unwrap().data()) != *word {}
            let took = asked.elapsed();
            if first.is_none() {
                first = Some(took)
            } else {
                quickest = quickest.min(took)
            }
            asked = Instant::now();
            gate.open();
        }
        println!("{shape:?}: first content after {first:?}, the quickest of the others after {quickest:?}");
        assert!(first.unwrap() < Duration::from_secs(1), "the first content was held for {first:?}");
        assert!(quickest < DELAY, "content was held for {quickest:?}");
        assert!(shape.closing().as_bytes().ends_with(&connection.events().await.pop().unwrap().raw));
    }
}
