//! Streams as Gemini clients get them.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use bytes::BytesMut;
use serde_json::{Value, json};

use super::Encoder;
use crate::neutral::{Answering, ApiError, ErrorClass, Event, Finish, Opening, State, StateFormat, Usage};
use crate::shapes::codec::EncodeStream;

fn open(part: u32, what: Opening) -> Event {
    Event::Open { part, what }
}

fn call(part: u32, custom: bool) -> Event {
    open(part, Opening::ToolCall { id: format!("c{part}"), name: "f".to_owned(), custom, state: None })
}

fn arguments(part: u32, json: &str) -> Event {
    Event::Arguments { part, json: json.to_owned() }
}

fn finish() -> Event {
    Event::Finish { finish: Finish::Stop, native: "stop".to_owned() }
}

fn written(answering: &Answering, events: &[Event]) -> Vec<Value> {
    let mut encoder = Encoder::new(answering);
    let mut out = BytesMut::new();
    events.iter().for_each(|event| encoder.event(event, &mut out));
    let text = String::from_utf8(out.to_vec()).unwrap();
    assert!(text.is_empty() || text.ends_with("\n\n"));
    text.split("\n\n")
        .filter(|event| !event.is_empty())
        .map(|event| match event.strip_prefix("data: ") {
            Some(data) => serde_json::from_str(data).unwrap(),
            None => json!(event),
        })
        .collect()
}

fn parts(chunk: &Value) -> &Value {
    &chunk["candidates"][0]["content"]["parts"]
}

#[test]
fn text_goes_out_as_it_comes_and_calls_whole_with_the_reason() {
    let usage = Usage { input: 3, output: 4, ..Usage::default() };
    let chunks = written(
        &Answering { model: "m".to_owned(), seed: "s".to_owned(), ..Answering::default() },
        &[
            Event::Start { id: "r1".to_owned(), model: String::new(), service_class: None },
            open(0, Opening::Text),
            Event::Text { part: 0, text: "a".to_owned() },
            Event::Text { part: 0, text: "b".to_owned() },
            Event::Close { part: 0 },
            call(1, false),
            call(2, false),
            arguments(2, "{\"x\":"),
            arguments(1, ""),
            arguments(2, "1}"),
            Event::Close { part: 2 },
            Event::Close { part: 1 },
            Event::Heartbeat,
            finish(),
            Event::Usage(usage),
            Event::End,
            Event::Heartbeat,
        ],
    );
    assert_eq!(
        chunks[0],
        json!({"candidates": [{"content": {"parts": [{"text": "a"}], "role": "model"}, "index": 0}], "modelVersion": "m", "responseId": "r1"})
    );
    assert_eq!(parts(&chunks[1]), &json!([{"text": "b"}]));
    let last = &chunks[2];
    assert_eq!(chunks.len(), 3, "pitfall 13: nothing marks the end, and heartbeats are blank lines");
    assert_eq!(parts(last)[0]["functionCall"], json!({"id": "c1", "name": "f", "args": {}}));
    assert_eq!(parts(last)[1], json!({"functionCall": {"id": "c2", "name": "f", "args": {"x": 1}}}));
    assert_eq!(
        (&last["candidates"][0]["finishReason"], &last["usageMetadata"]["totalTokenCount"]),
        (&json!("STOP"), &json!(7))
    );
}

#[test]
fn calls_before_a_text_are_told_before_it() {
    let chunks = written(
        &Answering::default(),
        &[
            call(0, true),
            arguments(0, "free"),
            Event::Close { part: 0 },
            open(1, Opening::Text),
            Event::Text { part: 1, text: "t".to_owned() },
            Event::Close { part: 1 },
            finish(),
            Event::End,
        ],
    );
    assert_eq!(parts(&chunks[0])[0]["functionCall"]["args"], json!({"input": "free"}));
    assert_eq!(parts(&chunks[1]), &json!([{"text": "t"}]));
    assert_eq!(chunks[2]["candidates"][0], json!({"finishReason": "STOP", "index": 0}));
}

#[test]
fn state_comes_last_on_a_thought_and_text_that_is_hidden_with_it() {
    let state =
        State { format: StateFormat::AnthropicSignature, data: "Eq".into(), id: None, origin: None, extra: None };
    let thought = |state: Option<State<'static>>| {
        let mut events =
            vec![open(0, Opening::Reasoning { summary: false }), Event::Reasoning { part: 0, text: "hm".to_owned() }];
        events.extend(state.map(|state| Event::State { part: 0, state }));
        events.extend([Event::Close { part: 0 }, finish(), Event::End]);
        events
    };
    let shown = written(&Answering::default(), &thought(Some(state)));
    assert_eq!(parts(&shown[0]), &json!([{"text": "hm", "thought": true}]));
    assert!(parts(&shown[1])[0]["thoughtSignature"].as_str().unwrap().starts_with("Z3cxL"));
    assert_eq!((shown.len(), &parts(&shown[1])[0]["text"]), (3, &json!("")));
    assert_eq!(written(&Answering::default(), &thought(None)).len(), 2);
    let hiding = Answering { hide_reasoning: true, ..Answering::default() };
    let hidden = written(&hiding, &thought(None));
    assert_eq!((hidden.len(), &parts(&hidden[0])[0]["text"]), (2, &json!("")));
}

#[test]
fn an_error_or_an_end_without_a_reason_is_an_error_event() {
    let error = Event::Error(Box::new(ApiError::new(ErrorClass::Overloaded, "busy")));
    let chunks = written(&Answering::default(), &[open(0, Opening::Text), error, Event::End]);
    assert_eq!(chunks, [json!({"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}})]);
    let chunks = written(&Answering::default(), &[Event::End]);
    assert_eq!(chunks[0]["error"]["status"], "INTERNAL");
}

#[test]
fn too_much_in_calls_is_a_failure_and_nothing_more_is_written() {
    let mut encoder = Encoder::new(&Answering::default());
    let mut out = BytesMut::new();
    encoder.event(&call(0, false), &mut out);
    let piece = arguments(0, &"x".repeat(1 << 20));
    (0..9).for_each(|_| encoder.event(&piece, &mut out));
    assert!(encoder.failure().is_some());
    encoder.event(&Event::End, &mut out);
    assert!(out.is_empty());
}
