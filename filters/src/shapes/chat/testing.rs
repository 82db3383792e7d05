//! What the tests of chat answers share: streams fed in pieces, answers put together, recordings.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr, reason = "tests")]

use std::path::PathBuf;

use bytes::{Bytes, BytesMut};
use serde_json::Value;

use super::super::codec::{DecodeStream, EncodeStream};
use super::stream_decode::Decoder;
use super::stream_encode::Encoder;
use crate::json::View;
use crate::neutral::{Answering, ApiError, Collector, Event, Opening, Response};
use crate::shapes::MAX_EVENT_BYTES;
use crate::sse::{Framer, Piece};

/// The seed of all tests.
pub(super) const SEED: &str = "seed";

/// The events of a stream that comes in these chunks.
pub(super) fn read(chunks: impl IntoIterator<Item = Bytes>) -> Vec<Event> {
    let mut framer = Framer::new(MAX_EVENT_BYTES);
    let mut decoder = Decoder::new(SEED);
    let mut events = Vec::new();
    let mut take = |piece: Piece| match piece {
        Piece::Event(event) => decoder.event(&event, &mut events),
        _ => panic!("an event over the bound"),
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
    assert_order(&events);
    events
}

/// The events of a stream, which must be the same however it is cut.
pub(super) fn read_split(stream: &Bytes) -> Vec<Event> {
    let whole = read([stream.clone()]);
    for size in [1, 2, 3, 7, 64, 1_000] {
        let chunks = (0..stream.len()).step_by(size).map(|at| stream.slice(at..(at + size).min(stream.len())));
        assert_eq!(read(chunks), whole, "in pieces of {size}");
    }
    whole
}

/// The events of a stream of these `data` lines.
pub(super) fn stream(data: &[&str]) -> Vec<Event> {
    let stream: String = data.iter().map(|data| format!("data: {data}\n\n")).collect();
    read_split(&Bytes::from(stream))
}

/// The events of deltas that are finished for that reason.
pub(super) fn deltas(deltas: &[&str], reason: &str) -> Vec<Event> {
    let chunk = |delta: &str, reason: &str| {
        format!(r#"{{"id":"c","model":"m","choices":[{{"index":0,"delta":{delta},"finish_reason":{reason}}}]}}"#)
    };
    let mut chunks: Vec<String> = deltas.iter().map(|delta| chunk(delta, "null")).collect();
    chunks.push(chunk("{}", &format!("\"{reason}\"")));
    let mut data: Vec<&str> = chunks.iter().map(String::as_str).collect();
    data.push("[DONE]");
    stream(&data)
}

/// The answer that events tell.
pub(super) fn collected(events: Vec<Event>) -> Result<Response, ApiError> {
    let mut answer = Collector::default();
    events.into_iter().for_each(|event| answer.take(event));
    answer.finish()
}

/// The answer of a whole body.
pub(super) fn whole(body: &Value) -> Result<Response, ApiError> {
    super::response::decode(View::parse(body.to_string().as_bytes()).unwrap(), SEED)
}

/// The answer of a whole message.
pub(super) fn message(message: &Value, reason: &str) -> Response {
    let choice = serde_json::json!({"index": 0, "message": message, "finish_reason": reason});
    whole(&serde_json::json!({"id": "c", "model": "m", "choices": [choice]})).unwrap()
}

/// How answers are told in tests.
pub(super) fn answering() -> Answering {
    Answering {
        include_usage: true,
        created: 1_700_000_000,
        seed: SEED.to_owned(),
        model: "asked".to_owned(),
        ..Answering::default()
    }
}

/// The stream that events come to.
pub(super) fn written(events: &[Event], answering: &Answering) -> Bytes {
    let mut encoder = Encoder::new(answering);
    let mut out = BytesMut::new();
    events.iter().for_each(|event| encoder.event(event, &mut out));
    out.freeze()
}

/// The `data` of every event of a stream, in order; what is no JSON as a string.
pub(super) fn data(stream: &Bytes) -> Vec<Value> {
    let text = std::str::from_utf8(stream).unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap_or_else(|_| Value::from(data))).collect()
}

/// Holds events to the order that decoders promise.
pub(super) fn assert_order(events: &[Event]) {
    let mut open: Vec<(u32, bool)> = Vec::new();
    let (mut next, mut started, mut finished, mut over) = (0, false, false, false);
    for event in events {
        assert!(!over, "{event:?} after the end");
        if !matches!(event, Event::Start { .. } | Event::Heartbeat | Event::Error(_)) {
            assert!(started, "{event:?} before the start");
        }
        let is_open = |part: &u32, open: &[(u32, bool)]| open.iter().any(|(known, _)| known == part);
        match event {
            Event::Start { .. } => assert!(!std::mem::replace(&mut started, true)),
            Event::Open { part, what } => {
                assert!(!finished && *part == next, "{event:?}");
                assert!(open.iter().all(|(_, is_call)| *is_call), "{event:?} while a text is open");
                next += 1;
                if let Opening::ToolCall { id, name, .. } = what {
                    assert!(!id.is_empty() && !name.is_empty(), "{event:?}");
                }
                open.push((*part, matches!(what, Opening::ToolCall { .. })));
            }
            Event::Text { part, text } | Event::Reasoning { part, text } | Event::Arguments { part, json: text } => {
                assert!(is_open(part, &open) && !text.is_empty(), "{event:?}");
            }
            Event::State { part, .. } | Event::Cite { part, .. } => assert!(is_open(part, &open), "{event:?}"),
            Event::Close { part } => {
                assert!(is_open(part, &open), "{event:?}");
                open.retain(|(known, _)| known != part);
            }
            Event::Finish { .. } => {
                assert!(open.is_empty(), "{open:?} is open at the finish");
                assert!(!std::mem::replace(&mut finished, true));
            }
            Event::Usage(_) | Event::ServiceClass(_) | Event::Heartbeat => {}
            Event::End => {
                assert!(finished);
                over = true;
            }
            Event::Error(_) => over = true,
        }
    }
    assert!(over, "no end");
}

/// A recorded exchange.
pub(super) struct Recording {
    pub(super) name: String,
    pub(super) exchange: Value,
}

impl Recording {
    /// The answer's text when it is a stream.
    pub(super) fn stream(&self) -> Option<Bytes> {
        let text = self.exchange["response"]["body_text"].as_str()?;
        (self.exchange["stream"] == true).then(|| Bytes::copy_from_slice(text.as_bytes()))
    }

    /// The answer when it is one body.
    pub(super) fn body(&self) -> Option<&Value> {
        Some(&self.exchange["response"]["body"]).filter(|body| body.is_object())
    }
}

/// The recorded answers of status 200, or nothing when no folder is named.
pub(super) fn recordings() -> Vec<Recording> {
    let Some(root) = std::env::var_os("OVTH_RECORDINGS").map(PathBuf::from) else {
        eprintln!("left out: all recordings, because OVTH_RECORDINGS names no folder with them");
        return Vec::new();
    };
    let mut recordings = Vec::new();
    for entry in std::fs::read_dir(root.join("chat-completions")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let exchange: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        if exchange["response"]["status"] == 200 {
            recordings.push(Recording { name, exchange });
        }
    }
    recordings.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(!recordings.is_empty(), "no recordings in {}", root.display());
    recordings
}
