//! Whole and streamed answers: what is read of them, what is written, and that both are the same.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod judge;
mod properties;
mod read_stream;
mod read_whole;
mod recorded;
mod write_stream;
mod write_whole;

use bytes::{Bytes, BytesMut};
use serde_json::Value;

use super::super::codec::Codec;
use super::Messages;
use crate::json::{Json, View};
use crate::neutral::{Answering, ApiError, Collector, Event, Part, Response};
use crate::sse::{Framer, Piece};

/// What the seed of ids is in tests.
const SEED: &str = "seed";

/// How a client is told: nothing special.
fn answering() -> Answering {
    let origin = crate::neutral::Origin { provider: "p".into(), family: "f".into(), account: "a".into() };
    Answering { seed: SEED.to_owned(), model: "the-model".to_owned(), origin, ..Answering::default() }
}

/// A stream of events with their names; each is JSON.
fn stream(events: &[&str]) -> Bytes {
    let event = |data: &&str| {
        let value: Value = serde_json::from_str(data).unwrap();
        format!("event: {}\ndata: {data}\n\n", value["type"].as_str().unwrap_or("x"))
    };
    events.iter().map(event).collect::<String>().into()
}

/// What a decoder makes of these bytes, however they are split.
fn read(chunks: impl IntoIterator<Item = Bytes>) -> Vec<Event> {
    let mut decoder = Messages.stream_decoder(SEED);
    let mut framer = Framer::new(1 << 20);
    let mut events = Vec::new();
    let mut take = |piece: Piece| {
        if let Piece::Event(event) = piece {
            decoder.event(&event, &mut events);
        }
    };
    for chunk in chunks {
        framer.push(chunk);
        while let Some(piece) = framer.next() {
            take(piece);
        }
    }
    if let Some(piece) = framer.finish() {
        take(piece);
    }
    decoder.end(&mut events);
    judge::contract(&events);
    events
}

/// The same for events given as JSON.
fn read_events(events: &[&str]) -> Vec<Event> {
    read([stream(events)])
}

/// What an encoder writes of these events.
fn write(events: &[Event], answering: &Answering) -> Bytes {
    let mut encoder = Messages.stream_encoder(answering);
    let mut out = BytesMut::new();
    for event in events {
        encoder.event(event, &mut out);
    }
    out.freeze()
}

/// The whole answer that events tell.
fn collected(events: &[Event]) -> Result<Response, ApiError> {
    let mut collector = Collector::default();
    events.iter().cloned().for_each(|event| collector.take(event));
    collector.finish()
}

/// A whole answer, read.
fn decoded(body: &str) -> Result<Response, ApiError> {
    Messages.decode_response(View::parse(body.as_bytes()).unwrap(), SEED)
}

/// A whole answer, written.
fn encoded(response: &Response, answering: &Answering) -> Value {
    serde_json::from_slice(&Messages.encode_response(response, answering)).unwrap()
}

/// The same answer with its JSON in one form, to be compared by value.
fn normal(mut response: Response) -> Response {
    for part in &mut response.parts {
        match part {
            Part::Text(text) => text.citations.iter_mut().for_each(|citation| citation.raw = plain(&citation.raw)),
            Part::ToolCall(call) => {
                if let Some(json) = Json::parse(&call.arguments) {
                    call.arguments = plain(&json).raw().to_owned().into();
                }
            }
            Part::Opaque(opaque) => opaque.raw = plain(&opaque.raw),
            _ => {}
        }
    }
    response.usage = Some(response.usage.unwrap_or_default());
    response
}

fn plain(json: &Json<'_>) -> Json<'static> {
    let mut value: Value = serde_json::from_str(json.raw()).unwrap();
    value.sort_all_objects();
    Json::of(&value)
}
