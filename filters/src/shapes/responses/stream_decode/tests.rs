//! What the events of a provider's stream, and its whole answers, become.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Decoder, whole};
use crate::json::View;
use crate::neutral::{
    ApiError, CitationKind, Collector, ErrorClass, Event, Finish, Opening, Part, Response, StateFormat,
};
use crate::shapes::codec::DecodeStream;
use crate::sse::RawEvent;

const SEED: &str = "seed";

fn events(data: &[Value]) -> Vec<Event> {
    let mut decoder = Decoder::new(SEED);
    let mut out = Vec::new();
    for data in data {
        let bytes = Bytes::from(format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or("x")));
        decoder.event(&RawEvent { bytes }, &mut out);
    }
    decoder.end(&mut out);
    out
}

fn collected(data: &[Value]) -> Result<Response, ApiError> {
    let mut collector = Collector::default();
    events(data).into_iter().for_each(|event| collector.take(event));
    collector.finish()
}

fn read(data: &[Value]) -> Response {
    collected(data).unwrap()
}

fn created() -> Value {
    json!({"type": "response.created", "response": {"id": "resp_1", "model": "gpt-5", "status": "in_progress", "service_tier": "auto"}})
}

fn completed() -> Value {
    json!({"type": "response.completed", "response": {"id": "resp_1", "model": "gpt-5", "status": "completed", "service_tier": "flex", "output": [], "usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}}})
}

fn added(index: u64, item: Value) -> Value {
    json!({"type": "response.output_item.added", "output_index": index, "item": item})
}

fn done(index: u64, item: Value) -> Value {
    json!({"type": "response.output_item.done", "output_index": index, "item": item})
}

fn told(events: Vec<Value>) -> Vec<Value> {
    [vec![created()], events, vec![completed()]].concat()
}

fn call(index: u64, id: &str, status: &str, arguments: &str) -> Value {
    json!({"id": format!("fc_{index}"), "type": "function_call", "status": status, "call_id": id, "name": "f", "arguments": arguments})
}

fn arguments(answer: &Response) -> Vec<(String, String)> {
    let call = |part: &Part<'_>| match part {
        Part::ToolCall(call) => Some((call.id.to_string(), call.arguments.to_string())),
        _ => None,
    };
    answer.parts.iter().filter_map(call).collect()
}

#[test]
fn text_is_told_as_it_comes() {
    let message = json!({"id": "msg_1", "type": "message", "content": [{"type": "output_text", "text": "Hi there", "annotations": []}]});
    let stream = told(vec![
        json!({"type": "response.in_progress", "response": {"id": "resp_1"}}),
        added(0, json!({"id": "msg_1", "type": "message", "content": []})),
        json!({"type": "response.content_part.added", "output_index": 0, "content_index": 0, "part": {"type": "output_text", "text": ""}}),
        json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Hi "}),
        json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "there", "obfuscation": "xx"}),
        json!({"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "Hi there"}),
        json!({"type": "response.something.later", "output_index": 0, "delta": "no"}),
        json!({"type": "keepalive", "sequence_number": 9}),
        done(0, message.clone()),
    ]);
    let text = |text: &str| Event::Text { part: 0, text: text.to_owned() };
    let found = events(&stream);
    assert_eq!(found[0], Event::Start { id: "resp_1".to_owned(), model: "gpt-5".to_owned(), service_class: None });
    assert_eq!(
        found[1..6],
        [
            Event::Open { part: 0, what: Opening::Text },
            text("Hi "),
            text("there"),
            Event::Heartbeat,
            Event::Close { part: 0 }
        ]
    );
    assert_eq!(found[6], Event::ServiceClass("flex".to_owned()));
    assert_eq!(found[7], Event::Finish { finish: Finish::Stop, native: "completed".to_owned() });
    assert_eq!(found.last(), Some(&Event::End));
    let answer = read(&stream);
    assert_eq!(answer.usage.unwrap().total(), 7);
    let body = json!({"id": "resp_1", "model": "gpt-5", "status": "completed", "service_tier": "flex", "output": [message], "usage": {"input_tokens": 3, "output_tokens": 4}});
    assert_eq!(whole(View::parse(body.to_string().as_bytes()).unwrap(), SEED).unwrap(), answer);
}

#[test]
fn parts_that_are_numbered_through_all_items_are_told_once() {
    let message = json!({"id": "msg_1", "type": "message", "content": [{"type": "output_text", "text": "Hi there"}, {"type": "output_text", "text": "!"}]});
    let thought = json!({"id": "rs_1", "type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm"}]});
    let piece = |kind: &str, item: u64, index: u64, text: &str| json!({"type": format!("response.{kind}.delta"), "output_index": item, "content_index": index, "delta": text});
    for first in [0, 1, 7] {
        let answer = read(&told(vec![
            added(0, json!({"id": "rs_1", "type": "reasoning", "summary": []})),
            piece("reasoning_text", 0, first, "Hm"),
            done(0, thought.clone()),
            added(1, json!({"id": "msg_1", "type": "message", "content": []})),
            piece("output_text", 1, first, "Hi "),
            piece("output_text", 1, first, "there"),
            piece("output_text", 1, first + 1, "!"),
            done(1, message.clone()),
        ]));
        let texts: Vec<String> = answer
            .parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.text.to_string(),
                Part::Reasoning(thought) => thought.text.to_string(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(texts, ["Hm", "Hi there", "!"], "{first}");
    }
}

#[test]
fn pitfall_28_arguments_that_come_only_whole_are_told() {
    let only_done = told(vec![
        added(0, call(0, "call_1", "in_progress", "")),
        json!({"type": "response.function_call_arguments.done", "output_index": 0, "arguments": "{\"a\":1}"}),
        done(0, call(0, "call_1", "completed", "{\"a\":1}")),
    ]);
    let only_item = told(vec![
        added(0, call(0, "call_1", "in_progress", "")),
        done(0, call(0, "call_1", "completed", "{\"a\":1}")),
    ]);
    let only_end = told(vec![done(0, call(0, "call_1", "completed", "{\"a\":1}"))]);
    let in_pieces = told(vec![
        added(0, call(0, "call_1", "in_progress", "")),
        json!({"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{\"a\""}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 0, "delta": ":1}"}),
        json!({"type": "response.function_call_arguments.done", "output_index": 0, "arguments": "{\"a\":1}"}),
        done(0, call(0, "call_1", "completed", "{\"a\":1}")),
    ]);
    for stream in [only_done, only_item, only_end, in_pieces] {
        let answer = read(&stream);
        assert_eq!(arguments(&answer), [("call_1".to_owned(), "{\"a\":1}".to_owned())]);
        assert_eq!(answer.finish, Finish::ToolCalls);
    }
    let mut nothing = completed();
    nothing["response"]["output"] = json!([call(0, "call_1", "completed", "{}"), {"type": "message", "content": [{"type": "output_text", "text": "x"}]}]);
    let answer = read(&[created(), nothing]);
    assert_eq!(answer.parts.len(), 2, "what no event told is told at the end");
}

#[test]
fn calls_that_are_open_at_once_are_kept_apart_and_get_ids_of_their_own() {
    let delta = |index: u64, delta: &str| json!({"type": "response.function_call_arguments.delta", "output_index": index, "delta": delta});
    let answer = read(&told(vec![
        added(0, call(0, "call_1", "in_progress", "")),
        added(1, call(1, "call_1", "in_progress", "")),
        delta(0, "{\"a\":"),
        delta(1, "{\"b\":"),
        delta(0, "1}"),
        delta(1, "2}"),
        done(1, call(1, "call_1", "completed", "")),
        done(0, call(0, "call_1", "completed", "")),
    ]));
    assert_eq!(
        arguments(&answer),
        [("call_1".to_owned(), "{\"a\":1}".to_owned()), ("call_1_2".to_owned(), "{\"b\":2}".to_owned())]
    );
}

#[test]
fn hosts_that_number_no_items_are_understood() {
    let message =
        |id: &str, text: &str| json!({"id": id, "type": "message", "content": [{"type": "output_text", "text": text}]});
    let without = |mut event: Value| {
        event.as_object_mut().unwrap().remove("output_index");
        event
    };
    let answer = read(&told(vec![
        without(added(0, message("m1", ""))),
        json!({"type": "response.output_text.delta", "item_id": "m1", "delta": "a"}),
        without(done(0, message("m1", "a"))),
        without(added(0, message("m2", ""))),
        json!({"type": "response.output_text.delta", "item_id": "m2", "delta": "b"}),
        without(done(0, message("m2", "b"))),
    ]));
    assert_eq!(answer.parts.len(), 2);
    let same = read(&told(vec![
        added(0, message("m1", "")),
        done(0, message("m1", "a")),
        added(0, message("m2", "")),
        done(0, message("m2", "b")),
    ]));
    assert_eq!(same, answer);
}

#[test]
fn pitfall_73_encrypted_reasoning_is_that_of_the_item_that_is_whole() {
    let answer = read(&told(vec![
        added(0, json!({"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "early"})),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "one"}),
        json!({"type": "response.reasoning_summary_text.done", "output_index": 0, "summary_index": 0, "text": "one"}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 1, "delta": "two"}),
        done(
            0,
            json!({"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "one"}, {"type": "summary_text", "text": "two"}], "encrypted_content": "whole"}),
        ),
        added(1, json!({"id": "rs_2", "type": "reasoning", "summary": []})),
        done(1, json!({"id": "rs_2", "type": "reasoning", "summary": [], "encrypted_content": "silent"})),
        added(2, json!({"id": "rs_3", "type": "reasoning", "summary": []})),
        done(2, json!({"id": "rs_3", "type": "reasoning", "summary": []})),
    ]));
    let [Part::Reasoning(first), Part::Reasoning(second)] = &answer.parts[..] else { panic!("{:?}", answer.parts) };
    let state = first.state.as_ref().unwrap();
    assert_eq!(
        (&*first.text, first.summary, &*state.data, state.id.as_deref()),
        ("one\n\ntwo", true, "whole", Some("rs_1"))
    );
    assert_eq!(state.format, StateFormat::OpenAiEncrypted);
    assert_eq!((&*second.text, &*second.state.as_ref().unwrap().data), ("", "silent"));
}

#[test]
fn thoughts_that_are_no_summary_are_told_as_such() {
    let answer = read(&told(vec![
        added(0, json!({"id": "r", "type": "reasoning", "content": [], "summary": []})),
        json!({"type": "response.reasoning_text.delta", "output_index": 0, "content_index": 0, "delta": "hm"}),
        json!({"type": "response.reasoning_text.done", "output_index": 0, "content_index": 0, "text": "hm"}),
        done(
            0,
            json!({"id": "r", "type": "reasoning", "content": [{"type": "reasoning_text", "text": "hm"}], "summary": []}),
        ),
    ]));
    let [Part::Reasoning(thought)] = &answer.parts[..] else { panic!("{:?}", answer.parts) };
    assert_eq!((&*thought.text, thought.summary, &thought.state), ("hm", false, &None));
}

#[test]
fn custom_tools_and_hosted_ones_are_told() {
    let custom = |input: &str| json!({"id": "ctc_1", "type": "custom_tool_call", "call_id": "call_1", "name": "patch", "input": input});
    let answer = read(&told(vec![
        added(0, custom("")),
        json!({"type": "response.custom_tool_call_input.delta", "output_index": 0, "delta": "*** "}),
        json!({"type": "response.custom_tool_call_input.done", "output_index": 0, "input": "*** End"}),
        done(0, custom("*** End")),
        added(1, json!({"id": "ws_1", "type": "web_search_call", "status": "in_progress"})),
        json!({"type": "response.web_search_call.searching", "output_index": 1, "item_id": "ws_1"}),
        done(1, json!({"id": "ws_1", "type": "web_search_call", "status": "completed"})),
    ]));
    let [Part::ToolCall(call), Part::Opaque(search)] = &answer.parts[..] else { panic!("{:?}", answer.parts) };
    assert_eq!((call.custom, &*call.arguments), (true, "*** "));
    assert_eq!((&*search.kind, search.raw.raw().contains("completed")), ("web_search_call", true));
}

#[test]
fn what_a_text_quotes_is_counted_in_the_whole_answer() {
    let annotation =
        json!({"type": "url_citation", "url": "https://x", "title": "X", "start_index": 1, "end_index": 2});
    let message = |text: &str, annotations: Value| json!({"type": "message", "content": [{"type": "output_text", "text": text, "annotations": annotations}]});
    let answer = read(&told(vec![
        added(0, message("", json!([]))),
        json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "h\u{e9}llo"}),
        json!({"type": "response.output_text.annotation.added", "output_index": 0, "content_index": 0, "annotation_index": 0, "annotation": annotation}),
        done(0, message("h\u{e9}llo", json!([annotation]))),
        // Only in the item that is whole.
        added(1, message("", json!([]))),
        done(1, message("you", json!([annotation, {"type": "file_citation", "file_id": "f"}]))),
    ]));
    let cited: Vec<_> = answer
        .parts
        .iter()
        .flat_map(|part| match part {
            Part::Text(text) => text.citations.clone(),
            _ => Vec::new(),
        })
        .map(|citation| match citation.kind {
            CitationKind::Web { start, end, .. } => (start, end),
            CitationKind::Other => (None, None),
        })
        .collect();
    assert_eq!(cited, [(Some(1), Some(2)), (Some(6), Some(7)), (None, None)]);
}

#[test]
fn refusals_and_cuts_say_why_it_ended() {
    let refusal = read(&told(vec![
        added(0, json!({"type": "message", "content": []})),
        json!({"type": "response.refusal.delta", "output_index": 0, "content_index": 0, "delta": "No."}),
        json!({"type": "response.refusal.done", "output_index": 0, "content_index": 0, "refusal": "No."}),
        done(0, json!({"type": "message", "content": [{"type": "refusal", "refusal": "No."}]})),
    ]));
    assert_eq!(refusal.parts, [Part::Refusal("No.".into())]);
    assert_eq!(refusal.finish, Finish::Filtered { explanation: None, category: None });
    let cut = |reason: &str| {
        let end = json!({"type": "response.incomplete", "response": {"status": "incomplete", "incomplete_details": {"reason": reason}}});
        let answer = read(&[created(), done(0, call(0, "c", "incomplete", "{\"a\":")), end]);
        (answer.finish.clone(), answer.native_finish.clone(), arguments(&answer))
    };
    let (finish, native, calls) = cut("max_output_tokens");
    assert_eq!((finish, native.as_str(), calls[0].1.as_str()), (Finish::Length, "max_output_tokens", "{\"a\":"));
    assert_eq!(cut("content_filter").0, Finish::Filtered { explanation: None, category: None });
    assert_eq!(cut("steered").0, Finish::ToolCalls);
}

#[test]
fn pitfall_103_an_answer_that_is_complete_and_empty_has_just_ended() {
    let answer = read(&[created(), completed()]);
    assert_eq!((answer.finish, answer.parts.len()), (Finish::Stop, 0));
}

#[test]
fn pitfall_6_and_10_what_breaks_is_an_error_with_its_words() {
    let failed = json!({"type": "response.failed", "response": {"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "slow"}}});
    let bare = json!({"type": "error", "code": "rate_limit_exceeded", "message": "slow", "param": null});
    for event in [failed, bare] {
        let error = collected(&[created(), event]).unwrap_err();
        assert_eq!((error.class, error.message.as_str()), (ErrorClass::RateLimit, "slow"));
    }
    let cut =
        collected(&[created(), done(0, json!({"type": "message", "content": [{"type": "output_text", "text": "x"}]}))]);
    assert!(cut.unwrap_err().message.contains("before it was finished"));
    let nameless = collected(&told(vec![done(0, json!({"type": "function_call", "call_id": "c", "arguments": "{}"}))]));
    assert!(nameless.unwrap_err().message.contains("without saying which"));
    for (body, words) in [
        (json!({"status": "failed", "error": {"code": "server_error", "message": "oh"}}), "oh"),
        (json!({"status": "queued", "output": []}), "background"),
        (json!({"object": "list", "data": []}), "no `output`"),
    ] {
        let error = whole(View::parse(body.to_string().as_bytes()).unwrap(), SEED).unwrap_err();
        assert!(error.message.contains(words), "{error:?}");
    }
}

#[test]
fn more_items_than_can_be_kept_in_mind_are_an_error() {
    let many: Vec<Value> = (0..5_000).map(|index| added(index, json!({"type": "message"}))).collect();
    assert!(collected(&told(many)).unwrap_err().message.contains("more items"));
}
