//! Streams, written.

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

use super::judge::{events_of, judged};
use super::write_whole::state;
use super::{answering, write};
use crate::neutral::{Answering, ApiError, ErrorClass, Event, Finish, Opening, State, StateFormat, Usage};
use crate::shapes::codec::Codec as _;
use crate::shapes::envelope;

const USAGE: Usage = Usage {
    input: 10,
    cache_read: 5,
    cache_write: 7,
    cache_write_1h: 0,
    output: 20,
    reasoning: 8,
    audio_input: 0,
    audio_output: 0,
    image_output: 0,
    web_searches: 0,
};

fn open(part: u32, what: Opening) -> Event {
    Event::Open { part, what }
}

fn call(part: u32, id: &str) -> Event {
    open(part, Opening::ToolCall { id: id.to_owned(), name: "f".to_owned(), custom: false, state: None })
}

fn text(part: u32, text: &str) -> Event {
    Event::Text { part, text: text.to_owned() }
}

fn arguments(part: u32, json: &str) -> Event {
    Event::Arguments { part, json: json.to_owned() }
}

fn thought(part: u32, text: &str) -> Event {
    Event::Reasoning { part, text: text.to_owned() }
}

fn told(part: u32, state: State<'static>) -> Event {
    Event::State { part, state }
}

const fn close(part: u32) -> Event {
    Event::Close { part }
}

const REASONING: Opening = Opening::Reasoning { summary: false };

/// A stream of these parts with that end.
fn answer(parts: Vec<Event>, finish: Finish) -> Vec<Event> {
    let mut events = vec![Event::Start { id: "chatcmpl-1".to_owned(), model: "m".to_owned(), service_class: None }];
    events.extend(parts);
    events.extend([Event::Finish { finish, native: "x".to_owned() }, Event::Usage(USAGE), Event::End]);
    events
}

fn written(parts: Vec<Event>) -> Bytes {
    write(&answer(parts, Finish::Stop), &answering())
}

/// The content of what an SDK makes of it.
fn content(parts: Vec<Event>) -> Value {
    judged(&written(parts))["content"].clone()
}

/// The kinds of the events, those of blocks with their index.
fn order(stream: &Bytes) -> Vec<String> {
    let kind = |event: &crate::sse::RawEvent| {
        let value: Value = serde_json::from_slice(&event.data()).unwrap();
        let kind = value["type"].as_str().unwrap().trim_start_matches("content_block_").to_owned();
        value["index"].as_u64().map_or(kind.clone(), |index| format!("{kind} {index}"))
    };
    events_of(stream).iter().map(kind).collect()
}

#[test]
fn pitfall_012_a_stream_is_written_as_anthropic_writes_it() {
    let parts = vec![
        open(0, REASONING),
        thought(0, "Hm"),
        told(0, state(StateFormat::AnthropicSignature, "sig")),
        close(0),
        open(1, Opening::Text),
        text(1, "Hi\n"),
        close(1),
        Event::Heartbeat,
        call(2, "call_1"),
        arguments(2, "{\"a\":"),
        arguments(2, "1}"),
        close(2),
    ];
    let id = answering().minted("msg_", 0);
    let golden = format!(
        r#"event: message_start
data: {{"type":"message_start","message":{{"id":"{id}","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"stop_details":null,"usage":{{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}}}}

event: content_block_start
data: {{"type":"content_block_start","index":0,"content_block":{{"type":"thinking","thinking":"","signature":""}}}}

event: content_block_delta
data: {{"type":"content_block_delta","index":0,"delta":{{"type":"thinking_delta","thinking":"Hm"}}}}

event: content_block_delta
data: {{"type":"content_block_delta","index":0,"delta":{{"type":"signature_delta","signature":"sig"}}}}

event: content_block_stop
data: {{"type":"content_block_stop","index":0}}

event: content_block_start
data: {{"type":"content_block_start","index":1,"content_block":{{"type":"text","text":""}}}}

event: content_block_delta
data: {{"type":"content_block_delta","index":1,"delta":{{"type":"text_delta","text":"Hi\n"}}}}

event: content_block_stop
data: {{"type":"content_block_stop","index":1}}

event: ping
data: {{"type": "ping"}}

event: content_block_start
data: {{"type":"content_block_start","index":2,"content_block":{{"type":"tool_use","id":"call_1","name":"f","input":{{}}}}}}

event: content_block_delta
data: {{"type":"content_block_delta","index":2,"delta":{{"type":"input_json_delta","partial_json":"{{\"a\":"}}}}

event: content_block_delta
data: {{"type":"content_block_delta","index":2,"delta":{{"type":"input_json_delta","partial_json":"1}}"}}}}

event: content_block_stop
data: {{"type":"content_block_stop","index":2}}

event: message_delta
data: {{"type":"message_delta","delta":{{"stop_reason":"tool_use","stop_sequence":null,"stop_details":null}},"usage":{{"input_tokens":10,"cache_creation_input_tokens":7,"cache_read_input_tokens":5,"output_tokens":20,"output_tokens_details":{{"thinking_tokens":8}}}}}}

event: message_stop
data: {{"type":"message_stop"}}

"#
    );
    assert_eq!(written(parts.clone()), golden);
    judged(&written(parts));
}

#[test]
fn pitfall_013_nothing_follows_the_end() {
    let mut events = answer(Vec::new(), Finish::Stop);
    events.extend([text(0, "late"), Event::Heartbeat, Event::End]);
    let stream = write(&events, &answering());
    assert_eq!(order(&stream), ["message_start", "message_delta", "message_stop"]);
    assert!(!stream.windows(6).any(|window| window == b"[DONE]"));
}

#[test]
fn pitfall_016_empty_pieces_make_no_blocks() {
    let content = content(vec![
        open(0, Opening::Text),
        text(0, ""),
        close(0),
        call(1, "a"),
        arguments(1, ""),
        arguments(1, "{}"),
        close(1),
        open(2, REASONING),
        thought(2, ""),
        close(2),
    ]);
    assert_eq!(content, json!([{"type": "tool_use", "id": "a", "name": "f", "input": {}}]));
}

#[test]
fn pitfall_017_a_stream_that_starts_with_a_call_has_it_as_its_first_block() {
    let stream = written(vec![call(0, "a"), arguments(0, "{}"), close(0)]);
    let golden = ["message_start", "start 0", "delta 0", "stop 0", "message_delta", "message_stop"].map(str::to_owned);
    assert_eq!(order(&stream), golden);
}

#[test]
fn pitfall_020_a_heartbeat_becomes_a_ping() {
    let stream = write(&[Event::Heartbeat], &answering());
    assert_eq!(stream, &b"event: ping\ndata: {\"type\": \"ping\"}\n\n"[..]);
}

#[test]
fn pitfall_026_a_call_without_arguments_has_no_delta() {
    let stream = written(vec![call(0, "a"), close(0)]);
    assert_eq!(order(&stream), ["message_start", "start 0", "stop 0", "message_delta", "message_stop"]);
    assert_eq!(judged(&stream)["content"][0]["input"], json!({}));
}

#[test]
fn pitfall_027_arguments_come_as_deltas_and_not_at_the_start() {
    let stream = written(vec![call(0, "a"), arguments(0, "{\"x\":1}"), close(0)]);
    let start: Value = serde_json::from_slice(&events_of(&stream)[1].data()).unwrap();
    assert_eq!(start["content_block"]["input"], json!({}));
    assert_eq!(judged(&stream)["content"][0]["input"], json!({"x": 1}));
}

#[test]
fn pitfall_030_cut_arguments_are_streamed_as_they_are() {
    let parts = vec![call(0, "a"), arguments(0, "{\"x\":\"cu"), close(0)];
    let message = judged(&write(&answer(parts, Finish::Length), &answering()));
    assert_eq!(message["content"][0]["input"], "{\"x\":\"cu");
    assert_eq!(message["stop_reason"], "max_tokens");
}

#[test]
fn pitfall_036_streamed_calls_stop_with_tool_use() {
    let message = judged(&written(vec![call(0, "a"), close(0)]));
    assert_eq!(message["stop_reason"], "tool_use");
}

#[test]
fn calls_that_are_open_at_once_are_written_one_after_the_other() {
    let parts = vec![
        call(0, "a"),
        call(1, "b"),
        arguments(1, "{\"b\""),
        arguments(0, "{\"a\""),
        call(2, "a"),
        arguments(1, ":1}"),
        arguments(0, ":1}"),
        close(1),
        close(0),
        arguments(2, "{\"c\""),
        arguments(2, ":1}"),
        close(2),
    ];
    let stream = written(parts);
    let message = judged(&stream);
    let call = |id: &str, key: &str| json!({"type": "tool_use", "id": id, "name": "f", "input": {key: 1}});
    assert_eq!(message["content"], json!([call("a", "a"), call("b", "b"), call("a_2", "c")]));
    // The first comes live, the second in one piece once the first is over, the third live again after that.
    let golden = [
        "message_start",
        "start 0",
        "delta 0",
        "delta 0",
        "stop 0",
        "start 1",
        "delta 1",
        "stop 1",
        "start 2",
        "delta 2",
        "delta 2",
        "stop 2",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(order(&stream), golden);
}

#[test]
fn text_beside_an_open_call_waits_for_it() {
    let parts =
        vec![call(0, "a"), open(1, Opening::Text), text(1, "x"), text(1, "y"), close(1), arguments(0, "{}"), close(0)];
    let content = content(parts);
    assert_eq!(content[1], json!({"type": "text", "text": "xy"}));
}

#[test]
fn what_waits_is_bounded() {
    let mut events = vec![call(0, "a"), call(1, "b")];
    events.extend((0..9).map(|_| arguments(1, &"x".repeat(1 << 20))));
    events.extend([close(0), Event::End]);
    let many: Vec<Event> = (0..200).map(|part| call(part, "a")).collect();
    for events in [events, many] {
        let mut encoder = super::super::Messages.stream_encoder(&answering());
        let mut out = BytesMut::new();
        let failed = events.iter().find_map(|event| {
            encoder.event(event, &mut out);
            encoder.failure()
        });
        assert_eq!(failed.map(|error| error.class), Some(ErrorClass::Upstream));
        encoder.event(&Event::End, &mut out);
        assert_eq!(order(&out.freeze()), ["message_start", "start 0"], "the end is the caller's to tell");
    }
}

#[test]
fn an_error_ends_the_stream_without_a_mark_of_success() {
    let error = Event::Error(Box::new(ApiError::new(ErrorClass::Overloaded, "Overloaded").with_code("c1")));
    let events = [open(0, Opening::Text), text(0, "x"), error, close(0), Event::End];
    let stream = write(&events, &answering());
    assert_eq!(order(&stream), ["message_start", "start 0", "delta 0", "error"]);
    let last: Value = serde_json::from_slice(&events_of(&stream)[3].data()).unwrap();
    let golden = json!({"type": "overloaded_error", "message": "Overloaded", "details": {"error_code": "c1"}});
    assert_eq!(last["error"], golden);
}

#[test]
fn an_end_without_a_reason_is_written_as_an_error() {
    let stream = write(&[open(0, Opening::Text), text(0, "x"), close(0), Event::End], &answering());
    assert_eq!(order(&stream).last().map(String::as_str), Some("error"));
}

#[test]
fn a_refusal_is_streamed_as_text_and_a_stop_reason() {
    let parts = vec![open(0, Opening::Refusal), text(0, "I will "), text(0, "not."), close(0)];
    let message = judged(&written(parts));
    assert_eq!(message["content"], json!([{"type": "text", "text": "I will not."}]));
    let details = json!({"type": "refusal", "category": null, "explanation": "I will not."});
    assert_eq!((&message["stop_reason"], &message["stop_details"]), (&json!("refusal"), &details));
}

#[test]
fn pitfall_069_a_client_gets_the_whole_signature() {
    let signature = "Eq+/".repeat(5_000);
    let parts = vec![
        open(0, REASONING),
        thought(0, "a"),
        thought(0, "b"),
        told(0, state(StateFormat::AnthropicSignature, &signature)),
        close(0),
    ];
    assert_eq!(content(parts), json!([{"type": "thinking", "thinking": "ab", "signature": signature}]));
    let omitted = vec![open(0, REASONING), told(0, state(StateFormat::AnthropicSignature, "s")), close(0)];
    assert_eq!(content(omitted), json!([{"type": "thinking", "thinking": "", "signature": "s"}]));
}

#[test]
fn pitfall_066_redacted_thinking_is_streamed_whole_and_without_a_signature() {
    let parts = vec![open(0, REASONING), told(0, state(StateFormat::AnthropicRedacted, "+/=")), close(0)];
    assert_eq!(content(parts), json!([{"type": "redacted_thinking", "data": "+/="}]));
}

#[test]
fn pitfall_072_foreign_state_is_streamed_in_an_envelope_and_never_as_text() {
    let encrypted = state(StateFormat::OpenAiEncrypted, "[REDACTED]");
    let sealed = envelope::seal(&encrypted, &answering().origin);
    let parts = vec![
        open(0, REASONING),
        told(0, encrypted.clone()),
        close(0),
        open(1, REASONING),
        thought(1, "Sum"),
        told(1, encrypted),
        close(1),
        open(2, REASONING),
        thought(2, "Plain"),
        close(2),
    ];
    let plain = envelope::seal(&state(StateFormat::Plain, ""), &answering().origin);
    let golden = json!([
        {"type": "redacted_thinking", "data": sealed},
        {"type": "thinking", "thinking": "Sum", "signature": sealed},
        {"type": "thinking", "thinking": "Plain", "signature": plain},
    ]);
    assert_eq!(content(parts), golden);
}

#[test]
fn hidden_reasoning_is_streamed_as_state_only() {
    let answering = Answering { hide_reasoning: true, ..answering() };
    let parts = vec![
        open(0, REASONING),
        thought(0, "T"),
        told(0, state(StateFormat::AnthropicSignature, "sig")),
        close(0),
        open(1, REASONING),
        thought(1, "Pla"),
        thought(1, "in"),
        close(1),
        open(2, REASONING),
        close(2),
    ];
    let content = judged(&write(&answer(parts, Finish::Stop), &answering))["content"].clone();
    assert_eq!(content[0], json!({"type": "thinking", "thinking": "", "signature": "sig"}));
    let opened = envelope::open(content[1]["data"].as_str().unwrap()).unwrap();
    assert_eq!((opened.format, &*opened.data), (StateFormat::Plain, "Plain"));
    assert_eq!(content.as_array().unwrap().len(), 2);
}

#[test]
fn pitfall_088_the_counters_at_the_end_are_the_real_ones() {
    let mut events = answer(vec![open(0, Opening::Text), text(0, "x"), close(0)], Finish::Stop);
    let first = Usage { input: 1, output: 1, ..Usage::default() };
    events.insert(1, Event::Usage(first));
    let usage = judged(&write(&events, &answering()))["usage"].clone();
    let golden = json!({
        "input_tokens": 10, "cache_creation_input_tokens": 7, "cache_read_input_tokens": 5, "output_tokens": 20,
        "output_tokens_details": {"thinking_tokens": 8},
    });
    assert_eq!(usage, golden);
}

#[test]
fn pitfall_092_counters_are_numbers_or_absent() {
    let events = [
        Event::Start { id: String::new(), model: String::new(), service_class: Some("flex".to_owned()) },
        Event::Finish { finish: Finish::Stop, native: String::new() },
        Event::End,
    ];
    let usage = judged(&write(&events, &answering()))["usage"].clone();
    let numbers = ["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"];
    assert!(numbers.iter().all(|name| usage[name] == 0), "{usage}");
    assert!(usage.as_object().unwrap().values().all(|value| !value.is_null()), "{usage}");
    assert_eq!(usage.get("service_tier"), None, "Messages has no such word");
}

#[test]
fn a_stop_text_is_told_and_so_is_the_service_class() {
    let start =
        Event::Start { id: "msg_9".to_owned(), model: String::new(), service_class: Some("priority".to_owned()) };
    let finish = Finish::StopSequence(Some("END".to_owned()));
    let events =
        [start, Event::Finish { finish, native: String::new() }, Event::ServiceClass("default".to_owned()), Event::End];
    let message = judged(&write(&events, &answering()));
    assert_eq!((&message["id"], &message["model"]), (&json!("msg_9"), &json!("the-model")));
    assert_eq!((&message["stop_reason"], &message["stop_sequence"]), (&json!("stop_sequence"), &json!("END")));
    assert_eq!(message["usage"]["service_tier"], "standard");
}

#[test]
fn the_input_of_a_custom_tool_is_wrapped_when_it_is_whole() {
    let custom = Opening::ToolCall { id: "a".to_owned(), name: "f".to_owned(), custom: true, state: None };
    let parts = vec![open(0, custom), arguments(0, "line \"1\"\n"), arguments(0, "2"), close(0)];
    assert_eq!(content(parts)[0]["input"], json!({"input": "line \"1\"\n2"}));
}

#[test]
fn the_input_of_a_custom_tool_is_bounded() {
    let mut encoder = super::super::Messages.stream_encoder(&answering());
    let mut out = BytesMut::new();
    let what = Opening::ToolCall { id: "t".to_owned(), name: "f".to_owned(), custom: true, state: None };
    encoder.event(&Event::Open { part: 0, what }, &mut out);
    for _ in 0..9 {
        assert!(encoder.failure().is_none());
        encoder.event(&Event::Arguments { part: 0, json: "x".repeat(1 << 20) }, &mut out);
    }
    assert!(encoder.failure().is_some());
}
