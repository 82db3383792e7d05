//! Events and answers that are larger than what the gateway holds and understands: they pass byte for byte, and nothing is put into them.

use crate::support::{Answer, Bed, End, Gate, Shape, Tokens, Upstream, Way};

/// Larger than the events that are understood (64 KiB).
const EVENT: usize = 200 * 1024;
/// Larger than the answers that are held (8 MiB).
const ANSWER: usize = 9 << 20;

/// Text in which a piece that is lost, doubled or moved shows.
fn text(bytes: usize) -> String {
    let mut text: String = (0..bytes / 8).map(|index| format!("{index:08x}")).collect();
    text.push_str(&"x".repeat(bytes - text.len()));
    text
}

/// The bytes are compared without being printed.
fn assert_same(told: &[u8], expected: &[u8], what: &str) {
    let same = told.iter().zip(expected).take_while(|(one, other)| one == other).count();
    assert!(
        told == expected,
        "{what}: {} bytes of {}, of which the first {same} are right",
        told.len(),
        expected.len()
    );
}

#[tokio::test]
async fn a_large_event_passes_byte_for_byte() {
    for shape in Shape::BOTH {
        let [small, large] = [shape.content("small"), shape.content(&text(EVENT))];
        for contents in [large.clone(), small.clone() + &large + &small, large.clone() + &large] {
            let stream = shape.opening() + &contents + &shape.closing();
            for size in [1 << 20, 9_999] {
                let pieces = stream.as_bytes().chunks(size);
                let answer = pieces.fold(Answer::stream(), |answer, piece| answer.event(piece)).finished();
                let bed =
                    Bed::start_with("h2c: true\n", Upstream::always(answer).await, Upstream::silent().await).await;
                for way in [Way::Http10, Way::Sized, Way::H2c] {
                    let request = bed.gateway.request(shape, shape.ask_stream(&bed.sole(), "go"));
                    let response = bed.gateway.send(&request, way).await;
                    let what = format!("{shape:?}, pieces of {size}, {way:?}");
                    assert_same(&response.body, stream.as_bytes(), &what);
                    assert_ne!(response.end, End::Cut, "{what}");
                    assert_eq!(response.attempts(), 1, "{what}");
                }
            }
        }
    }
}

/// A stream that breaks inside a large event; what comes before the break, and what of the large event.
fn broken(shape: Shape) -> (String, String) {
    let mut half = shape.content(&text(EVENT));
    half.truncate(EVENT / 2);
    (shape.opening() + &shape.content("begun"), half)
}

#[tokio::test]
async fn a_stream_that_breaks_inside_a_large_event_is_cut() {
    for shape in Shape::BOTH {
        let (before, half) = broken(shape);
        let gate = Gate::new();
        let begun = Answer::stream().event(&before).event(&half).wait(&gate);
        for fault in [begun.clone().reset(), begun.clone().cut(), begun.clone().finished()] {
            let after = fault.after;
            // Heartbeats are quick: none may fall into the event either.
            let bed = Bed::start(Upstream::always(fault).await, Upstream::silent().await).await;
            let mut connection = bed.gateway.open(shape, shape.ask_stream(&bed.pair(), "go")).await;
            assert_eq!(connection.head().await.status(), 200);
            connection.peek(before.len() + (EVENT / 3)).await;
            bed.pass_heartbeats(2).await;
            gate.open();
            let (told, end) = connection.rest().await;
            assert_same(&told, (before.clone() + &half).as_bytes(), &format!("{shape:?}, then {after:?}"));
            assert_eq!(end, End::Cut, "{shape:?}, then {after:?}: nothing says that this is whole");
        }
    }
}

#[tokio::test]
async fn a_stream_that_breaks_inside_a_large_event_is_reset_over_http_2() {
    for shape in Shape::BOTH {
        let (before, half) = broken(shape);
        let fault = Answer::stream().event(&before).event(&half).cut();
        let bed = Bed::start_with("h2c: true\n", Upstream::always(fault).await, Upstream::silent().await).await;
        let request = bed.gateway.request(shape, shape.ask_stream(&bed.pair(), "go"));
        let response = bed.gateway.send(&request, Way::H2c).await;
        let whole = before + &half;
        assert!(whole.as_bytes().starts_with(&response.body), "{shape:?}: something was put into the event");
        assert_eq!(response.end, End::Cut, "{shape:?}");
    }
}

#[tokio::test]
async fn a_large_answer_passes_byte_for_byte_with_its_length_and_its_usage() {
    for shape in Shape::BOTH {
        let body = shape.plain(&text(ANSWER));
        let chunked = Answer::stream_with(200, &[("content-type", "application/json")]);
        let chunked = body.as_bytes().chunks(1 << 20).fold(chunked, |answer, piece| answer.event(piece)).finished();
        for (sized, answer) in [(true, Answer::json(200, body.clone())), (false, chunked)] {
            let bed = Bed::start_with("h2c: true\n", Upstream::always(answer).await, Upstream::silent().await).await;
            for way in [Way::Http10, Way::Sized, Way::H2c] {
                let request = bed.gateway.request(shape, shape.ask(&bed.sole(), "at length"));
                let response = bed.gateway.send(&request, way).await;
                let what = format!("{shape:?}, with a length: {sized}, {way:?}");
                assert_eq!(response.status, 200, "{what}");
                assert_same(&response.body, body.as_bytes(), &what);
                assert_ne!(response.end, End::Cut, "{what}");
                let length = response.header("content-length").map(|length| length.parse().unwrap());
                assert_eq!(length, sized.then_some(body.len()), "{what}");
                let record = bed.gateway.record(response.request_id()).await;
                assert_eq!(record.outcome, "ok", "{what}: {record:?}");
                assert_eq!(record.tokens, Tokens { input: 11, output: 7, ..Tokens::default() }, "{what}");
                assert!(!record.usage_estimated, "{what}: these are the provider's figures");
            }
        }
    }
}
