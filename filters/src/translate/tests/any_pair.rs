//! Any answer between any two shapes, and every stream of the newer shapes however its bytes are cut.

use bytes::{Bytes, BytesMut};
use proptest::prelude::{Just, ProptestConfig, Strategy, proptest};
use serde_json::{Value, json};

use super::any::response;
use super::google::{crossed, events as events_of, expected_by_google, expected_of_google, google, said};
use super::google_responses;
use super::recordings::{Exchange, assert_counted};
use super::responses::{expected, own};
use super::{Told, answering, answers, codec, wrapped};
use crate::Shape;
use crate::neutral::{self, Part, Response, StateFormat};
use crate::shapes::envelope;
use crate::shapes::generate_content::signature_state;
use crate::sse::{ArrayFramer, Framer, Piece, RawEvent};
use crate::translate::{Aggregate, StreamTranslator};

const ALL: [Shape; 4] = [Shape::Chat, Shape::Messages, Shape::Responses, Shape::GenerateContent];

/// What clients of the second shape make of an answer of the first one's providers.
fn between(from: Shape, to: Shape, answer: Told) -> Told {
    match (from, to) {
        (_, Shape::GenerateContent) => expected_by_google(answer),
        (Shape::GenerateContent, Shape::Responses) => google_responses::expected_of_google(answer),
        (Shape::GenerateContent, client) => expected_of_google(client, answer),
        (Shape::Responses, _) | (_, Shape::Responses) => expected(to, answer),
        (from, _) => answers::expected(from, answer),
    }
}

/// The answer with state of that shape's own, as its providers give it.
fn with_own_state(shape: Shape, mut response: Response) -> Response {
    let mut number = 0;
    let is_own = |format| match shape {
        Shape::Chat => true,
        Shape::Messages => matches!(format, StateFormat::AnthropicSignature | StateFormat::AnthropicRedacted),
        Shape::Responses | Shape::GenerateContent => false,
    };
    for part in &mut response.parts {
        if let Part::Reasoning(thought) = part
            && let Some(state) = thought.state.as_mut().filter(|state| !is_own(state.format))
        {
            number += 1;
            state.format = StateFormat::OpenAiEncrypted;
            state.id = Some(format!("rs_{number}").into());
            if shape == Shape::GenerateContent {
                thought.state = None;
            }
        }
    }
    if shape == Shape::GenerateContent {
        // The first call of a step is signed, and reasoning is words.
        response.parts.retain(|part| !matches!(part, Part::Reasoning(thought) if thought.text.is_empty()));
        let first = response.parts.iter_mut().find_map(|part| match part {
            Part::ToolCall(call) => Some(call),
            _ => None,
        });
        if let Some(call) = first {
            call.state = Some(signature_state("c2lnbmVk".into()).unwrap());
        }
    }
    response
}

/// The answer as a provider of that shape gives it.
fn given(shape: Shape, response: Response, streams: bool) -> Exchange {
    // No id that looks like one of another shape's.
    let response = with_own_state(shape, Response { id: "answer-1".to_owned(), ..response });
    let told = if streams {
        let mut encoder = codec(shape).stream_encoder(&answering());
        let mut out = BytesMut::new();
        neutral::told(response).iter().for_each(|event| encoder.event(event, &mut out));
        json!({"status": 200, "body_text": std::str::from_utf8(&out).unwrap()})
    } else {
        let body: Value = serde_json::from_slice(&codec(shape).encode_response(&response, &answering())).unwrap();
        json!({"status": 200, "body": body})
    };
    Exchange::new("any".to_owned(), shape, json!({"stream": streams, "response": told}))
}

/// What order and framing do not matter for, in one form; arguments that were cut are wrapped where they must be an object.
fn alike(mut told: Told) -> Told {
    // What a gateway wrote for its own client and another one passes on is wrapped twice.
    for (format, data) in &mut told.states {
        loop {
            let opened = envelope::open(data).or_else(|| {
                let known = signature_state(data.as_str().into()).filter(|_| *format == StateFormat::GoogleSignature);
                known.filter(|known| known.data != *data)
            });
            let Some(inner) = opened.map(|inner| (inner.format, inner.data.to_string())) else { break };
            (*format, *data) = inner;
        }
    }
    // An envelope may say that there is none.
    told.states.retain(|(format, _)| *format != StateFormat::Plain);
    told.states.sort_by(|(_, one), (_, other)| one.cmp(other));
    for (_, _, arguments, _) in &mut told.calls {
        *arguments = wrapped(arguments.take());
    }
    told
}

fn pairs() -> impl Strategy<Value = (Shape, Shape)> {
    let pairs: Vec<(Shape, Shape)> =
        ALL.iter().flat_map(|from| ALL.map(|to| (*from, to))).filter(|(from, to)| from != to).collect();
    (0..pairs.len()).prop_flat_map(move |number| Just(pairs[number]))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_answer_is_the_same_in_every_other_shape_whole_and_streamed((from, to) in pairs(), response in response()) {
        for streams in [false, true] {
            let exchange = given(from, response.clone(), streams);
            let (answer, told) = crossed(&exchange, to).unwrap();
            let wanted = alike(between(from, to, said(answer)));
            for told in told {
                assert_eq!(alike(said(told)), wanted, "{from} to {to}, streamed: {streams}");
            }
        }
    }
}

/// The events of a stream in these pieces, in whatever framing.
fn framed(pieces: impl Iterator<Item = Bytes>, is_array: bool) -> Vec<RawEvent> {
    let mut found = Vec::new();
    let mut take = |piece: Piece| match piece {
        Piece::Event(event) => found.push(event),
        _ => panic!("an event over the bound"),
    };
    let (mut events, mut array) = (Framer::new(4 << 20), ArrayFramer::new(4 << 20));
    for piece in pieces {
        if is_array {
            array.push(piece);
            std::iter::from_fn(|| array.next()).for_each(&mut take);
        } else {
            events.push(piece);
            std::iter::from_fn(|| events.next()).for_each(&mut take);
        }
    }
    array.finish().into_iter().for_each(&mut take);
    events.finish().into_iter().for_each(&mut take);
    found
}

/// A stream cut at these places, in order.
fn cut(stream: &Bytes, places: impl IntoIterator<Item = usize>) -> Vec<Bytes> {
    let (mut pieces, mut begin) = (Vec::new(), 0);
    for end in places.into_iter().chain([stream.len()]) {
        pieces.push(stream.slice(begin..end));
        begin = end;
    }
    pieces
}

fn is_array(stream: &Bytes) -> bool {
    stream.trim_ascii_start().starts_with(b"[")
}

fn bytes_of(events: &[RawEvent]) -> Vec<Bytes> {
    events.iter().map(|event| event.bytes.clone()).collect()
}

/// What clients of another shape are told of these events: as a stream and put together, or how it fails.
fn told(from: Shape, to: Shape, events: &[RawEvent]) -> (Bytes, Result<Vec<u8>, neutral::ApiError>) {
    let mut translator = StreamTranslator::new(from, to, &answering()).unwrap();
    let mut aggregate = Aggregate::new(from, to, &answering()).unwrap();
    let mut out = BytesMut::new();
    let mut failure = None;
    for event in events {
        failure = failure.or(translator.event(event, &mut out).err());
        aggregate.event(event);
    }
    failure = failure.or(translator.end(&mut out).err());
    if let Some(failure) = failure {
        translator.fail(failure, "req_1", &mut out);
    }
    (out.freeze(), aggregate.end())
}

fn newer_streams() -> Vec<(Exchange, Bytes)> {
    let exchanges = google().into_iter().chain(own());
    exchanges.filter_map(|exchange| exchange.stream().map(|stream| (exchange, stream))).collect()
}

#[test]
fn streams_of_the_newer_shapes_are_the_same_events_byte_by_byte_and_the_same_to_every_client() {
    let mut names = Vec::new();
    for (exchange, stream) in newer_streams() {
        let whole = events_of(&stream);
        let single = framed((0..stream.len()).map(|at| stream.slice(at..=at)), is_array(&stream));
        assert_eq!(bytes_of(&single), bytes_of(&whole), "{}", exchange.name);
        // The same events are the same to every client; the large ones need not show it.
        let is_own = exchange.name.starts_with("own/");
        for to in ALL.into_iter().filter(|to| is_own && *to != exchange.shape) {
            let told_of_single = told(exchange.shape, to, &single);
            assert_eq!(told_of_single, told(exchange.shape, to, &whole), "{} to {to}", exchange.name);
        }
        names.push(exchange.name);
    }
    assert_counted("streams of the newer shapes", &names, 41);
}

#[test]
fn own_streams_of_the_newer_shapes_may_be_cut_at_any_byte() {
    let mut cuts = 0;
    for (exchange, stream) in newer_streams().into_iter().filter(|(exchange, _)| exchange.name.starts_with("own/")) {
        let whole = bytes_of(&events_of(&stream));
        for place in 0..=stream.len() {
            let found = framed(cut(&stream, [place]).into_iter(), is_array(&stream));
            assert_eq!(bytes_of(&found), whole, "{} cut at {place}", exchange.name);
            cuts += 1;
        }
    }
    assert!(cuts > 20_000, "{cuts}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn streams_of_the_newer_shapes_may_be_cut_anywhere(seed in proptest::collection::vec(1..2_000_usize, 1..40)) {
        for (exchange, stream) in newer_streams() {
            let places = seed.iter().cycle().scan(0, |at, size| {
                *at += size;
                (*at < stream.len()).then_some(*at)
            });
            let found = framed(cut(&stream, places).into_iter(), is_array(&stream));
            assert_eq!(bytes_of(&found), bytes_of(&events_of(&stream)), "{}", exchange.name);
        }
    }
}
