//! Streamed answers told in the other shape, however their bytes were split.

use bytes::{Bytes, BytesMut};
use proptest::prelude::{Just, ProptestConfig, Strategy as _, any, proptest};

use super::answers::expected;
use super::recordings::{Exchange, assert_counted, exchanges};
use super::{SEED, answering, codec, fixtures, other, told};
use crate::Shape;
use crate::json::View;
use crate::neutral::{ApiError, Collector, Event, Response};
use crate::shapes::MAX_EVENT_BYTES;
use crate::sse::{Framer, Piece, RawEvent};
use crate::translate::{self, Aggregate, StreamTranslator};

/// The events of the wire in these chunks.
pub(super) fn framed(chunks: impl IntoIterator<Item = Bytes>, mut take: impl FnMut(&RawEvent)) {
    let mut framer = Framer::new(MAX_EVENT_BYTES);
    let mut piece = |piece: Piece| match piece {
        Piece::Event(event) => take(&event),
        _ => panic!("an event over the bound"),
    };
    for chunk in chunks {
        framer.push(chunk);
        while let Some(next) = framer.next() {
            piece(next);
        }
    }
    if let Some(last) = framer.finish() {
        piece(last);
    }
}

/// What a decoder makes of these chunks.
pub(super) fn read(shape: Shape, chunks: impl IntoIterator<Item = Bytes>) -> Vec<Event> {
    let (mut decoder, mut events) = (codec(shape).stream_decoder(SEED), Vec::new());
    framed(chunks, |event| decoder.event(event, &mut events));
    decoder.end(&mut events);
    events
}

/// The answer that events tell.
pub(super) fn collected(events: &[Event]) -> Result<Response, ApiError> {
    let mut answer = Collector::default();
    events.iter().cloned().for_each(|event| answer.take(event));
    answer.finish()
}

/// The stream that a client of the other shape gets, and the error that it is to end with.
pub(super) fn translated(shape: Shape, chunks: impl IntoIterator<Item = Bytes>) -> (Bytes, Option<ApiError>) {
    let mut translator = StreamTranslator::new(shape, other(shape), &answering()).unwrap();
    let (mut out, mut error) = (BytesMut::new(), None);
    framed(chunks, |event| {
        if let Err(broke) = translator.event(event, &mut out) {
            assert!(error.replace(broke).is_none(), "a stream breaks once");
        }
    });
    if let Err(broke) = translator.end(&mut out) {
        assert!(error.replace(broke).is_none(), "a stream breaks once");
    }
    (out.freeze(), error)
}

fn pieces(stream: &Bytes, size: usize) -> impl Iterator<Item = Bytes> + '_ {
    (0..stream.len()).step_by(size).map(move |at| stream.slice(at..(at + size).min(stream.len())))
}

/// The streams with what they came in.
fn streams() -> Vec<(Exchange, Bytes)> {
    let streams = exchanges().into_iter();
    streams.filter_map(|exchange| exchange.stream().map(|stream| (exchange, stream))).collect()
}

#[test]
fn every_stream_that_is_told_in_the_other_shape_says_the_same() {
    let (mut crossed, mut broken) = (Vec::new(), Vec::new());
    for (exchange, stream) in streams() {
        let (name, shape) = (exchange.name, exchange.shape);
        let events = read(shape, [stream.clone()]);
        let (out, error) = translated(shape, [stream]);
        let answer = collected(&events);
        assert_eq!(answer.as_ref().err(), error.as_ref(), "{name}");
        let Ok(answer) = answer else {
            let text = String::from_utf8_lossy(&out);
            assert!(!text.contains("[DONE]") && !text.contains("message_stop"), "{name}: {text}");
            broken.push(name);
            continue;
        };
        let again = read(other(shape), [out]);
        let said = collected(&again).unwrap();
        assert_eq!(told(&said), expected(shape, told(&answer)), "{name}");
        let first = again.iter().find(|event| !matches!(event, Event::Heartbeat));
        assert!(matches!((first, again.last()), (Some(Event::Start { .. }), Some(Event::End))), "{name}: {first:?}");
        let ends = again.iter().filter(|event| matches!(event, Event::End | Event::Finish { .. })).count();
        assert_eq!(ends, 2, "{name}: one reason and one end");
        crossed.push(name);
    }
    assert_counted("streams", &crossed, 47);
    assert_counted("streams that break off", &broken, 1);
}

#[test]
fn a_stream_and_its_whole_sibling_are_the_same_answer_in_the_other_shape() {
    let mut compared = Vec::new();
    for (exchange, stream) in streams() {
        let (name, shape) = (exchange.name, exchange.shape);
        let Ok(answer) = collected(&read(shape, [stream.clone()])) else { continue };
        let sibling = codec(shape).encode_response(&answer, &answering());
        let sibling = translate::response(shape, other(shape), &sibling, &answering()).unwrap();
        let sibling = codec(other(shape)).decode_response(View::parse(&sibling).unwrap(), SEED).unwrap();
        let streamed = collected(&read(other(shape), [translated(shape, [stream.clone()]).0])).unwrap();
        let id = |response: &Response| Response { id: String::new(), ..response.clone() };
        assert_eq!(told(&id(&streamed)), told(&id(&sibling)), "{name}");

        let mut aggregate = Aggregate::new(shape, other(shape), &answering()).unwrap();
        framed([stream], |event| aggregate.event(event));
        let whole = aggregate.end().unwrap();
        let whole = codec(other(shape)).decode_response(View::parse(&whole).unwrap(), SEED).unwrap();
        assert_eq!(told(&whole), told(&streamed), "{name}: put together");
        compared.push(name);
    }
    assert_counted("siblings", &compared, 47);
}

#[test]
fn every_stream_is_told_the_same_however_it_is_split() {
    let mut split = Vec::new();
    for (exchange, stream) in streams() {
        let (name, shape) = (exchange.name, exchange.shape);
        let whole = translated(shape, [stream.clone()]);
        let events = read(other(shape), [whole.0.clone()]);
        for size in [1, 7, 1_000] {
            assert_eq!(translated(shape, pieces(&stream, size)), whole, "{name} in pieces of {size}");
            assert_eq!(read(other(shape), pieces(&whole.0, size)), events, "{name} in pieces of {size}");
        }
        // Places that look random and are the same each time.
        let mut at = rapidhash::v3::rapidhash_v3(name.as_bytes());
        let mut rest = stream.clone();
        let chunks = std::iter::from_fn(|| {
            at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let size = usize::try_from(at >> 33).unwrap() % 400;
            let size = size.min(rest.len());
            (!rest.is_empty()).then(|| rest.split_to(size))
        });
        assert_eq!(translated(shape, chunks), whole, "{name} at random places");
        split.push(name);
    }
    assert_counted("split streams", &split, 48);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn own_streams_are_told_the_same_at_random_splits(
        (stream, sizes) in own_streams().prop_flat_map(|stream| (Just(stream), proptest::collection::vec(any::<u8>(), 1..60)))
    ) {
        let (shape, stream) = stream;
        let whole = translated(shape, [stream.clone()]);
        let mut rest = stream;
        let mut chunks: Vec<Bytes> = sizes.iter().map(|size| rest.split_to(rest.len().min(usize::from(*size)))).collect();
        chunks.push(rest);
        assert_eq!(translated(shape, chunks), whole);
    }
}

fn own_streams() -> impl proptest::strategy::Strategy<Value = (Shape, Bytes)> {
    let own: Vec<(Shape, Bytes)> = fixtures::own()
        .into_iter()
        .filter_map(|exchange| exchange.stream().map(|stream| (exchange.shape, stream)))
        .collect();
    proptest::sample::select(own)
}
