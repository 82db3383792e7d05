//! What the targets do: each takes a header that chooses target, splits and settings, and then the bytes from outside.
//!
//! What must hold of the outcome is in `filters/tests/judge`, which the property tests ask too.

#[path = "../../filters/tests/judge/mod.rs"]
mod judge;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use ovth_filters::json::{Json, ValueKind, View, members, splice};
use ovth_filters::prefix::Prefix;
use ovth_filters::shapes::{Edits, InPath, Strip, decode_error, peek, peek_in_path, strip_state};
use ovth_filters::sse::{ArrayFramer, ArrayWriter, Framer, Piece};
use ovth_filters::tap::Tap;
use ovth_filters::tokens::{Family, estimate_input};
use ovth_filters::{Operation, Shape};
use serde_json::Value;

/// How long the header is, in bytes; `seeds.py` writes one too.
const HEADER: usize = 4;

/// The header and what stands behind it.
fn split(data: &[u8]) -> Option<([u8; HEADER], &[u8])> {
    data.split_first_chunk::<HEADER>().map(|(header, rest)| (*header, rest))
}

/// Up to 15 places at which to cut so many bytes.
fn cuts(seed: u8, length: usize) -> Vec<usize> {
    let mut state = u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut cuts: Vec<usize> = (0..seed % 16)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap_or_default() % (length + 1)
        })
        .collect();
    cuts.sort_unstable();
    cuts
}

/// The framer: pieces are the stream, wherever it is cut, and events are the same.
pub fn sse(data: &[u8]) {
    let Some(([bound, seed, ..], stream)) = split(data) else { return };
    let stream = Bytes::copy_from_slice(stream);
    // Half a byte order mark at the end of a stream is held back outside of the bound; nobody bounds events below that.
    let bound = usize::from(bound) * 16 + 3;
    let pieces = |cuts: &[usize]| {
        let mut framer = Framer::new(bound);
        let (mut all, mut events, mut large) = (Vec::new(), Vec::new(), Vec::new());
        let mut take = |piece: Piece| {
            all.extend_from_slice(piece.bytes());
            match piece {
                Piece::Event(event) => {
                    assert!(event.bytes.len() <= bound, "no event is over the bound");
                    let _ = (event.name(), event.data(), event.is_comment());
                    events.push(event);
                }
                // Where fragments are cut depends on the chunks; what they come to does not.
                Piece::Fragment(bytes) => large.extend_from_slice(&bytes),
                Piece::FragmentEnd(bytes) => {
                    large.extend_from_slice(&bytes);
                    large.push(b'|');
                }
            }
        };
        let mut from = 0;
        for to in cuts.iter().copied().chain([stream.len()]) {
            framer.push(stream.slice(from..to));
            from = to;
            while let Some(piece) = framer.next() {
                take(piece);
            }
        }
        if let Some(piece) = framer.finish() {
            take(piece);
        }
        (all, events, large)
    };
    let whole = pieces(&[]);
    assert_eq!(whole.0, stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&stream), "all pieces are the stream");
    assert_eq!(whole, pieces(&cuts(seed, stream.len())));
    if stream.len() < 2_000 {
        assert_eq!(whole, pieces(&(0..stream.len()).collect::<Vec<_>>()));
    }
}

/// JSON: what a view shows is what a full parse finds.
pub fn json(data: &[u8]) {
    let Ok(view) = View::parse(data) else {
        assert!(serde_json::from_slice::<&serde_json::value::RawValue>(data).is_err());
        let _ = members(data).count();
        return;
    };
    if let Ok(value) = serde_json::from_slice::<Value>(data) {
        same(view, &value);
        let body = Bytes::copy_from_slice(data);
        let spliced = splice(&body, &[]).concat();
        assert_eq!(spliced, data);
    } else {
        walk(view, 0);
    }
    let compact = view.compact();
    let again = View::parse(compact.as_bytes()).expect("it stays JSON");
    assert_eq!(again.compact(), compact);
    assert_eq!(Json::parse(&compact).expect("it is JSON").raw(), &*compact);
}

fn same(view: View<'_>, value: &Value) {
    assert_eq!(view.json().view().raw(), view.raw());
    match (view.kind(), value) {
        (ValueKind::Null, Value::Null) => {}
        (ValueKind::Bool, Value::Bool(value)) => assert_eq!(view.bool(), Some(*value)),
        (ValueKind::Number, Value::Number(number)) => {
            if let Some(number) = number.as_u64() {
                assert_eq!(view.u64(), Some(number));
            }
            assert!(view.f64().is_some());
        }
        (ValueKind::String, Value::String(text)) => assert_eq!(view.string().as_deref(), Some(text.as_str())),
        (ValueKind::Array, Value::Array(list)) => {
            assert_eq!(view.elements().count(), list.len());
            view.elements().zip(list).for_each(|(view, value)| same(view, value));
        }
        (ValueKind::Object, Value::Object(map)) => {
            // Of a name that is there twice, the last one counts.
            for (name, value) in map {
                let found = view.members().filter(|(key, _)| key == name).last().expect("the member is there").1;
                assert_eq!(view.member(name).is_none(), value.is_null());
                same(found, value);
            }
        }
        (kind, value) => panic!("{kind:?} for {value}"),
    }
}

/// Values that serde_json cannot hold: nothing may panic.
fn walk(view: View<'_>, depth: usize) {
    assert!(depth <= 128);
    let _ = (view.string(), view.u64(), view.f64(), view.bool(), view.compact());
    view.elements().for_each(|view| walk(view, depth + 1));
    view.members().for_each(|(_, view)| walk(view, depth + 1));
}

/// Requests that go on in their own shape.
pub fn passing(data: &[u8]) {
    let Some(([which, flags, ..], body)) = split(data) else { return };
    let shape = if which & 1 == 0 { Shape::Chat } else { Shape::Messages };
    let operation = if which & 2 == 0 { Operation::Generate } else { Operation::CountTokens };
    let is_json = View::parse(body).is_ok();
    let body = Bytes::copy_from_slice(body);
    let stays_json = |edited: &[u8]| assert!(!is_json || View::parse(edited).is_ok(), "an edit keeps it JSON");
    if let Ok(found) = peek(shape, operation, &body) {
        let edits = Edits {
            model: "another/\"model\"",
            ask_usage: flags & 1 == 1,
            completion_tokens_field: flags & 2 == 2,
            max_output: (flags & 4 == 4).then_some(100),
        };
        let edited = splice(&body, &found.edits(&edits)).concat();
        stays_json(&edited);
        let again = peek(shape, operation, &edited).expect("an edited request is one");
        assert_eq!(again.model, edits.model);
        let _ = found.estimated_input_tokens();
    }
    for shape in [Shape::Chat, Shape::Messages] {
        let strip = if flags & 8 == 8 { Strip::All } else { Strip::Foreign };
        let stripped = Bytes::from(splice(&body, &strip_state(shape, &body, strip)).concat());
        stays_json(&stripped);
        assert_eq!(strip_state(shape, &stripped, strip), [], "nothing is left to strip");
    }
    let models = ["gpt-5", "claude-sonnet-4.5", "gemini-3-pro", "some-model"];
    let _ = estimate_input(shape, &body, Family::of(shape, models[usize::from(flags >> 6)]));
    let prefix = Prefix::of(shape, &body);
    if let Some(prefix) = &prefix {
        let _ = prefix.overlap(prefix);
    }
    let _ = decode_error(shape, &body);
    let _ = Tap::new(shape).body(&body);
}

/// One of the other shapes, which a byte of the header chooses.
fn another(shape: Shape, choice: u8) -> Shape {
    let others: Vec<Shape> = Shape::ALL.into_iter().filter(|it| *it != shape).collect();
    others[usize::from(choice) % others.len()]
}

/// A request to another shape.
pub fn request(client: Shape, data: &[u8]) {
    let Some(([low, high, how, to], body)) = split(data) else { return };
    let profile = judge::ask::profile(u16::from_le_bytes([low, high]));
    judge::request::judge_request(client, body, judge::ask::upstream(another(client, to), &profile, how));
}

/// A conversation whose thinking has an envelope made of these bytes, and a call whose state is one.
pub fn envelope(data: &[u8]) {
    let Some(([low, high, how, where_], payload)) = split(data) else { return };
    let origin = judge::ask::origin();
    let own = [&*origin.provider, &*origin.family, &*origin.account];
    let parts = if where_ & 1 == 0 { own } else { ["google", "gemini", "a2"] };
    let mut parts: Vec<String> = parts.iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
    match where_ & 6 {
        0 => parts.push(URL_SAFE_NO_PAD.encode(payload)),
        2 => parts = vec![String::from_utf8_lossy(payload).into_owned()],
        4 => {
            let format = ["as", "ar", "oe", "gs", "p", "zz"][usize::from(where_ >> 3) % 6];
            let text = String::from_utf8_lossy(payload);
            let payload = serde_json::json!({"f": format, "d": text, "i": "toolu_1"}).to_string();
            parts.push(URL_SAFE_NO_PAD.encode(payload));
        }
        _ => parts = payload.split(|byte| *byte == b'.').map(|part| URL_SAFE_NO_PAD.encode(part)).collect(),
    }
    let sealed = format!("gw1.{}", parts.join("."));
    let body = serde_json::json!({"model": "m", "max_tokens": 100, "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "so", "signature": sealed},
            {"type": "redacted_thinking", "data": sealed},
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}},
        ]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok"}]},
    ]});
    let chat = serde_json::json!({"model": "m", "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": null, "reasoning_details": [
            {"type": "reasoning.text", "text": "so", "signature": sealed},
            {"type": "reasoning.encrypted", "data": sealed, "id": "toolu_1", "format": "google-gemini-v1"},
        ], "tool_calls": [{"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "toolu_1", "content": "ok"},
    ]});
    let profile = judge::ask::profile(u16::from_le_bytes([low, high]));
    for (client, body) in [(Shape::Messages, body), (Shape::Chat, chat)] {
        let body = Bytes::from(body.to_string());
        let upstream = judge::ask::upstream(another(client, where_), &profile, how);
        let taken = judge::request::judge_request(client, &body, upstream);
        assert!(taken, "whatever an envelope holds, the conversation goes on");
        for strip in [Strip::Foreign, Strip::All] {
            assert!(View::parse(&splice(&body, &strip_state(client, &body, strip)).concat()).is_ok());
        }
    }
}

/// A provider's whole answer to another shape.
pub fn answer(upstream: Shape, data: &[u8]) {
    let Some(([how, _, to, _], body)) = split(data) else { return };
    judge::feed::judge_answer_to(another(upstream, to), upstream, body, &judge::ask::answering(how));
}

/// A provider's stream to another shape.
pub fn stream(upstream: Shape, data: &[u8]) {
    let Some(([how, seed, to, _], bytes)) = split(data) else { return };
    let bytes = Bytes::copy_from_slice(bytes);
    let cuts = cuts(seed, bytes.len());
    judge::feed::judge_stream_to(another(upstream, to), upstream, &bytes, (&cuts, &judge::ask::answering(how)));
    let mut tap = Tap::new(upstream);
    for event in judge::feed::events(&bytes, &[]) {
        let _ = tap.event(&event);
    }
}

/// The pair that a byte chooses, of those with generate_content: its client first.
fn google_pair(which: u8) -> (Shape, Shape) {
    let other = another(Shape::GenerateContent, which >> 1);
    if which & 1 == 0 { (Shape::GenerateContent, other) } else { (other, Shape::GenerateContent) }
}

/// A request of a Gemini client to one of the others, or of one of those to Google; and as it passes.
pub fn google_request(data: &[u8]) {
    let Some(([low, high, how, which], body)) = split(data) else { return };
    let profile = judge::ask::profile(u16::from_le_bytes([low, high]));
    let (client, upstream) = google_pair(which);
    judge::request::judge_request(client, body, judge::ask::upstream(upstream, &profile, how));

    let path = InPath { model: "models/m", stream: how & 8 == 8 };
    let operation = if how & 16 == 0 { Operation::Generate } else { Operation::CountTokens };
    let body = Bytes::copy_from_slice(body);
    let is_json = View::parse(&body).is_ok();
    if let Ok(found) = peek_in_path(Shape::GenerateContent, operation, path, &body) {
        let edits = Edits { model: "x\"y", ask_usage: true, completion_tokens_field: true, max_output: Some(100) };
        let edited = splice(&body, &found.edits(&edits)).concat();
        assert!(!is_json || View::parse(&edited).is_ok(), "an edit keeps it JSON");
    }
    for strip in [Strip::Foreign, Strip::All] {
        let stripped = Bytes::from(splice(&body, &strip_state(Shape::GenerateContent, &body, strip)).concat());
        assert!(!is_json || View::parse(&stripped).is_ok());
        assert_eq!(strip_state(Shape::GenerateContent, &stripped, strip), [], "nothing is left to strip");
    }
    let _ = estimate_input(Shape::GenerateContent, &body, Family::of(Shape::GenerateContent, "gemini"));
    let _ = Prefix::of(Shape::GenerateContent, &body);
}

/// A whole answer of Google's to one of the others, or of one of those to a Gemini client.
pub fn google_answer(data: &[u8]) {
    let Some(([how, _, _, which], body)) = split(data) else { return };
    let (client, upstream) = google_pair(which);
    judge::feed::judge_answer_to(client, upstream, body, &judge::ask::answering(how));
    let _ = Tap::new(Shape::GenerateContent).body(body);
}

/// The same for a stream, in both framings.
pub fn google_stream(data: &[u8]) {
    let Some(([how, seed, _, which], bytes)) = split(data) else { return };
    let bytes = Bytes::copy_from_slice(bytes);
    let (client, upstream) = google_pair(which);
    let cuts = cuts(seed, bytes.len());
    judge::feed::judge_stream_to(client, upstream, &bytes, (&cuts, &judge::ask::answering(how)));
    let mut tap = Tap::new(Shape::GenerateContent);
    for event in judge::feed::events(&bytes, &[]) {
        let _ = tap.event(&event);
    }
    let pieces = |cuts: &[usize]| {
        let mut framer = ArrayFramer::new(4_096);
        let mut all = Vec::new();
        let mut from = 0;
        for to in cuts.iter().copied().chain([bytes.len()]) {
            framer.push(bytes.slice(from..to));
            from = to;
            while let Some(piece) = framer.next() {
                all.extend_from_slice(piece.bytes());
            }
        }
        framer.finish().into_iter().for_each(|piece| all.extend_from_slice(piece.bytes()));
        all
    };
    let events = pieces(&[]);
    assert_eq!(events, pieces(&cuts), "splits make no difference");
    if let Ok(elements) = serde_json::from_slice::<Vec<serde_json::Map<String, Value>>>(&bytes) {
        let mut out = bytes::BytesMut::new();
        let mut writer = ArrayWriter::default();
        writer.write(&events, &mut out);
        writer.finish(&mut out);
        let again: Vec<serde_json::Map<String, Value>> = serde_json::from_slice(&out).expect("it is an array again");
        assert_eq!(again, elements);
    }
}
