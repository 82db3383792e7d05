//! Feeds a provider's stream to the translators as the proxy does, at any split.

use bytes::{Bytes, BytesMut};
use ovth_filters::Shape;
use ovth_filters::json::View;
use ovth_filters::neutral::{Answering, ApiError};
use ovth_filters::sse::{Framer, Piece, RawEvent};
use ovth_filters::translate::{Aggregate, StreamTranslator, response, response_as_stream};

use super::answer::{End, Said, stream, whole};

/// An event over this is no event.
const MAX_EVENT_BYTES: usize = 64 * 1024;

/// The events of a stream whose bytes come in pieces that end at those places.
pub(crate) fn events(bytes: &Bytes, cuts: &[usize]) -> Vec<RawEvent> {
    let mut framer = Framer::new(MAX_EVENT_BYTES);
    let mut events = Vec::new();
    let mut take = |piece: Piece| match piece {
        Piece::Event(event) => events.push(event),
        Piece::Fragment(_) | Piece::FragmentEnd(_) => {}
    };
    let mut from = 0;
    for to in cuts.iter().copied().chain([bytes.len()]) {
        let to = to.clamp(from, bytes.len());
        framer.push(bytes.slice(from..to));
        from = to;
        while let Some(piece) = framer.next() {
            take(piece);
        }
    }
    if let Some(Piece::Event(event)) = framer.finish()
        && (event.data().trim_ascii() == b"[DONE]" || View::parse(&event.data()).is_ok())
    {
        take(Piece::Event(event));
    }
    events
}

/// What the client of the second shape gets of a stream of the first, its error event included.
pub(crate) fn streamed(
    (upstream, client): (Shape, Shape),
    bytes: &Bytes,
    cuts: &[usize],
    answering: &Answering,
) -> (Bytes, Option<ApiError>) {
    let mut translator = StreamTranslator::new(upstream, client, answering).unwrap();
    let mut out = BytesMut::new();
    let mut failure = None;
    for event in events(bytes, cuts) {
        let before = out.len();
        if let Err(error) = translator.event(&event, &mut out) {
            failure = Some(error);
            break;
        }
        // What was written is whole events, so that a heartbeat or an error may follow at any time.
        assert!(out.len() == before || out.ends_with(b"\n\n"), "only whole events are written");
    }
    if failure.is_none() {
        failure = translator.end(&mut out).err();
    }
    assert!(translator.is_ended(), "after its end a stream has ended, well or not");
    let length = out.len();
    let late = RawEvent { bytes: Bytes::from_static(b"data: {\"type\":\"message_stop\"}\n\n") };
    let _ = translator.event(&late, &mut out);
    let _ = translator.end(&mut out);
    assert_eq!(out.len(), length, "nothing is written after the end");
    if let Some(error) = &failure {
        translator.fail(error.clone(), "req_1", &mut out);
    }
    (out.freeze(), failure)
}

/// Everything that holds of a provider's stream, told to clients of the first shape.
pub(crate) fn judge_stream_to(
    client: Shape,
    upstream: Shape,
    bytes: &Bytes,
    (cuts, answering): (&[usize], &Answering),
) {
    let (told, failure) = streamed((upstream, client), bytes, &[], answering);
    let (split, same) = streamed((upstream, client), bytes, cuts, answering);
    assert_eq!((&told, &failure), (&split, &same), "splits make no difference");
    let (said, end) = stream(client, &told);
    assert_eq!(end, if failure.is_some() { End::Error } else { End::Success }, "one end, and the right one");

    let mut aggregate = Aggregate::new(upstream, client, answering).unwrap();
    for event in events(bytes, cuts) {
        aggregate.event(&event);
    }
    let ended = aggregate.is_ended();
    match (aggregate.end(), failure) {
        (Ok(body), None) => same_answer(client, whole(client, &body), said),
        (Err(error), Some(failure)) => assert_eq!(error, failure, "both break for the same reason"),
        (whole, failure) => panic!("ended {ended}: {:?} but streamed {failure:?}", whole.map(String::from_utf8)),
    }
}

/// Everything that holds of a provider's whole answer, told to clients of the first shape.
pub(crate) fn judge_answer_to(client: Shape, upstream: Shape, body: &[u8], answering: &Answering) {
    let told = response(upstream, client, body, answering);
    let streamed = response_as_stream(upstream, client, body, answering);
    match (told, streamed) {
        (Ok(told), Ok(streamed)) => {
            let (said, end) = stream(client, &streamed);
            assert_eq!(end, End::Success);
            same_answer(client, whole(client, &told), said);
        }
        (Err(error), Err(same)) => assert_eq!(error, same),
        (told, streamed) => panic!("whole {told:?}, streamed {streamed:?}"),
    }
}

/// A whole answer and its stream say the same, arguments by value. Those that are no object are wrapped only where they are known
/// whole.
fn same_answer(client: Shape, mut whole: Said, mut streamed: Said) {
    for (whole, streamed) in whole.calls.iter_mut().zip(&mut streamed.calls) {
        match (object(&whole.2), object(&streamed.2)) {
            (Some(whole_value), Some(value)) => (whole.2, streamed.2) = (whole_value, value),
            (Some(_), None) if client == Shape::Messages => whole.2.clone_from(&streamed.2),
            _ => {}
        }
    }
    assert_eq!(whole, streamed, "whole and streamed answers say the same");
}

fn object(arguments: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(arguments).ok()?;
    value.is_object().then(|| value.to_string())
}
