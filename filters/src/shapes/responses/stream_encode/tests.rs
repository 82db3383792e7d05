//! What a client of this shape is told, held to what OpenAI's SDKs and Codex expect.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

use super::{Encoder, whole};
use crate::Shape;
use crate::json::{Json, View};
use crate::neutral::{
    Answering, ApiError, Citation, CitationKind, ErrorClass, Event, Finish, Grouped, Opening, Origin, Part, Reasoning,
    Response, State, StateFormat, TextPart, ToolCall, Usage, told,
};
use crate::shapes::codec::EncodeStream;
use crate::shapes::envelope;

fn answering() -> Answering {
    Answering {
        created: 1_700_000_000,
        seed: "seed".to_owned(),
        model: "the-model".to_owned(),
        origin: origin(),
        ..Answering::default()
    }
}

fn origin() -> Origin<'static> {
    Origin { provider: "p".into(), family: "f".into(), account: "a".into() }
}

fn response(parts: Vec<Part<'static>>, finish: Finish) -> Response {
    let usage = Usage { input: 3, cache_read: 2, cache_write: 1, output: 5, reasoning: 4, ..Usage::default() };
    Response {
        id: "msg_x".to_owned(),
        model: "m".to_owned(),
        parts,
        finish,
        native_finish: "x".to_owned(),
        usage: Some(usage),
        service_class: Some("standard".to_owned()),
    }
}

fn written(events: &[Event], answering: &Answering) -> Vec<Value> {
    let mut encoder = Encoder::new(answering);
    let mut out = BytesMut::new();
    for event in events {
        encoder.event(event, &mut out);
    }
    read(&out.freeze())
}

/// The events as an SDK takes them in: named, numbered, on one line.
fn read(bytes: &Bytes) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).unwrap();
    let mut found = Vec::new();
    for event in text.split("\n\n").filter(|event| !event.is_empty() && !event.starts_with(':')) {
        let (name, data) = event.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
        assert_eq!(data["sequence_number"], found.len(), "{data}");
        found.push(data);
    }
    found
}

/// What the accumulator of OpenAI's SDKs makes of the events: every event names an item that was added, and pieces come to what the
/// item says in the end.
fn accumulated(events: &[Value]) -> Value {
    assert_eq!(events[0]["type"], "response.created");
    assert_eq!(events[1]["type"], "response.in_progress");
    let mut output: Vec<Value> = Vec::new();
    let mut done = 0;
    for event in &events[2..events.len() - 1] {
        let index = usize::try_from(event["output_index"].as_u64().unwrap()).unwrap();
        let kind = event["type"].as_str().unwrap();
        if kind == "response.output_item.added" {
            assert_eq!(index, output.len());
            output.push(event["item"].clone());
            continue;
        }
        let item = &mut output[index];
        if let Some(id) = event.get("item_id") {
            assert_eq!(*id, item["id"]);
        }
        let place = |name: &str| usize::try_from(event[name].as_u64().unwrap()).unwrap();
        let push = |place: &mut Value, piece: &Value| {
            let text = place.as_str().unwrap().to_owned() + piece.as_str().unwrap();
            *place = text.into();
        };
        match kind {
            "response.content_part.added" => {
                if item["type"] == "reasoning" {
                    item["content"] = json!([]);
                }
                let parts = item["content"].as_array_mut().unwrap();
                assert_eq!(place("content_index"), parts.len());
                parts.push(event["part"].clone());
            }
            "response.output_text.delta" | "response.reasoning_text.delta" => {
                push(&mut item["content"][place("content_index")]["text"], &event["delta"]);
            }
            "response.refusal.delta" => push(&mut item["content"][place("content_index")]["refusal"], &event["delta"]),
            "response.output_text.annotation.added" => {
                let list = item["content"][place("content_index")]["annotations"].as_array_mut().unwrap();
                assert_eq!(place("annotation_index"), list.len());
                list.push(event["annotation"].clone());
            }
            "response.output_text.done" | "response.reasoning_text.done" => {
                assert_eq!(item["content"][place("content_index")]["text"], event["text"]);
            }
            "response.refusal.done" => assert_eq!(item["content"][place("content_index")]["refusal"], event["refusal"]),
            "response.content_part.done" => assert_eq!(item["content"][place("content_index")], event["part"]),
            "response.reasoning_summary_part.added" => {
                item["summary"].as_array_mut().unwrap().push(event["part"].clone())
            }
            "response.reasoning_summary_text.delta" => {
                push(&mut item["summary"][place("summary_index")]["text"], &event["delta"])
            }
            "response.reasoning_summary_text.done" => {
                assert_eq!(item["summary"][place("summary_index")]["text"], event["text"])
            }
            "response.reasoning_summary_part.done" => {
                assert_eq!(item["summary"][place("summary_index")], event["part"])
            }
            "response.function_call_arguments.delta" => push(&mut item["arguments"], &event["delta"]),
            "response.function_call_arguments.done" => assert_eq!(item["arguments"], event["arguments"]),
            "response.custom_tool_call_input.delta" => push(&mut item["input"], &event["delta"]),
            "response.custom_tool_call_input.done" => assert_eq!(item["input"], event["input"]),
            "response.output_item.done" => {
                done += 1;
                for name in ["id", "type", "content", "summary", "arguments", "input", "call_id", "name"] {
                    assert_eq!(item.get(name), event["item"].get(name), "{name} of {event}");
                }
                *item = event["item"].clone();
            }
            kind => panic!("{kind}"),
        }
    }
    assert_eq!(done, output.len(), "every item is said to be whole");
    let last = events.last().unwrap();
    assert_eq!(last["response"]["output"], json!(output));
    last["response"].clone()
}

/// The response that a stream of that answer comes to, which is the whole answer too.
fn both(response: &Response, answering: &Answering) -> Value {
    let streamed = accumulated(&written(&told(response.clone()), answering));
    let whole: Value = serde_json::from_slice(&whole(response, answering)).unwrap();
    assert_eq!(whole, streamed);
    whole
}

fn text(text: &str) -> Part<'static> {
    Part::Text(TextPart::new(text.to_owned()))
}

fn tool(id: &str, name: &str, arguments: &str, custom: bool, state: Option<State<'static>>) -> Part<'static> {
    let (id, name, arguments) = (id.to_owned().into(), name.to_owned().into(), arguments.to_owned().into());
    Part::ToolCall(ToolCall { id, name, arguments, custom, cache: None, state })
}

fn state(format: StateFormat, data: &str) -> State<'static> {
    State { format, data: data.to_owned().into(), id: None, origin: None, extra: None }
}

fn thought(words: &str, summary: bool, state: Option<State<'static>>) -> Part<'static> {
    Part::Reasoning(Reasoning { text: words.to_owned().into(), summary, state })
}

#[test]
fn a_response_has_all_that_sdks_expect() {
    let body = both(&response(vec![text("Hi"), text(" there")], Finish::Stop), &answering());
    assert!(body["id"].as_str().unwrap().starts_with("resp_"));
    assert_eq!(
        (&body["object"], &body["status"], &body["model"]),
        (&json!("response"), &json!("completed"), &json!("m"))
    );
    assert_eq!(
        (&body["created_at"], &body["error"], &body["incomplete_details"]),
        (&json!(1_700_000_000), &Value::Null, &Value::Null)
    );
    assert_eq!((&body["store"], &body["service_tier"]), (&json!(false), &json!("default")));
    for name in [
        "instructions",
        "metadata",
        "parallel_tool_calls",
        "temperature",
        "tool_choice",
        "tools",
        "top_p",
        "text",
        "reasoning",
        "truncation",
    ] {
        assert!(body.get(name).is_some(), "{name}");
    }
    assert_eq!(
        body["usage"],
        json!({"input_tokens": 6, "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 1}, "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 4}, "total_tokens": 11})
    );
    let parts = body["output"][0]["content"].as_array().unwrap();
    assert_eq!((parts.len(), &parts[1]["text"]), (2, &json!(" there")), "blocks of one run are parts of one message");
    assert_eq!(body["output"][0]["status"], "completed");
}

#[test]
fn the_request_is_repeated() {
    let asked = r#"{"model": "m", "input": "x", "tools": [ {"type": "function",
        "name": "f"} ], "temperature": 0.5, "text": {"verbosity": "low"}}"#;
    let echo = super::super::echo::of(View::parse(asked.as_bytes()).unwrap());
    let body = both(&response(vec![text("x")], Finish::Stop), &Answering { echo, ..answering() });
    assert_eq!((&body["tools"], &body["temperature"]), (&json!([{"type": "function", "name": "f"}]), &json!(0.5)));
    assert_eq!((&body["text"], &body["tool_choice"]), (&json!({"verbosity": "low"}), &json!("auto")));
    let large = format!(r#"{{"instructions": "{}", "user": "u"}}"#, "x".repeat(300_000));
    let echo: Arc<str> = super::super::echo::of(View::parse(large.as_bytes()).unwrap());
    assert!(echo.len() < 1_000 && echo.contains(r#""instructions":null"#) && echo.contains(r#""user":"u""#));
}

#[test]
fn pitfall_29_ids_of_calls_are_the_same_everywhere_and_every_item_is_said_to_be_whole() {
    let parts = vec![
        text("let me"),
        tool("toolu_1", "f", "{\"a\":1}", false, None),
        tool("toolu_2", "g", "", false, None),
        tool("c", "patch", "***", true, None),
    ];
    let events = written(&told(response(parts.clone(), Finish::ToolCalls)), &answering());
    let ids: Vec<&Value> = events.iter().filter_map(|event| event["item"].get("call_id")).collect();
    assert_eq!(ids, ["toolu_1", "toolu_1", "toolu_2", "toolu_2", "c", "c"]);
    let body = both(&response(parts, Finish::ToolCalls), &answering());
    let output = body["output"].as_array().unwrap();
    assert_eq!(
        (&output[1]["type"], &output[1]["arguments"], &output[2]["arguments"]),
        (&json!("function_call"), &json!("{\"a\":1}"), &json!("{}"))
    );
    assert_eq!((&output[3]["type"], &output[3]["input"]), (&json!("custom_tool_call"), &json!("***")));
    let ids: Vec<&str> = output.iter().map(|item| item["id"].as_str().unwrap().split('_').next().unwrap()).collect();
    assert_eq!((ids, &body["status"]), (vec!["msg", "fc", "fc", "ctc"], &json!("completed")));
}

#[test]
fn calls_that_are_open_at_once_have_events_of_their_own() {
    let open = |part: u32, id: &str| Event::Open {
        part,
        what: Opening::ToolCall { id: id.to_owned(), name: "f".to_owned(), custom: false, state: None },
    };
    let more = |part: u32, json: &str| Event::Arguments { part, json: json.to_owned() };
    let finish = Event::Finish { finish: Finish::ToolCalls, native: "tool_calls".to_owned() };
    let body = accumulated(&written(
        &[
            Event::Start { id: String::new(), model: String::new(), service_class: None },
            open(0, "a"),
            open(1, "b"),
            more(1, "{\"b\""),
            Event::Heartbeat,
            more(0, "{}"),
            more(1, ":1}"),
            Event::Close { part: 0 },
            Event::Close { part: 1 },
            finish,
            Event::End,
        ],
        &answering(),
    ));
    assert_eq!((&body["output"][0]["arguments"], &body["output"][1]["arguments"]), (&json!("{}"), &json!("{\"b\":1}")));
    assert_eq!((&body["model"], &body["usage"]), (&json!("the-model"), &Value::Null));
}

#[test]
fn pitfall_49_functions_of_a_namespace_have_their_own_names_again() {
    let groups = vec![Grouped { name: "fs__read".to_owned(), group: "fs".to_owned(), own: "read".to_owned() }];
    let answering =
        Answering { groups, tool_names: vec![("fs__read_1".to_owned(), "fs__read".to_owned())], ..answering() };
    let body = both(&response(vec![tool("c", "fs__read_1", "{}", false, None)], Finish::ToolCalls), &answering);
    assert_eq!((&body["output"][0]["namespace"], &body["output"][0]["name"]), (&json!("fs"), &json!("read")));
}

#[test]
fn state_of_other_providers_is_in_an_envelope() {
    let parts = vec![
        thought("plan", false, Some(state(StateFormat::AnthropicSignature, "EqQB"))),
        thought("", false, Some(state(StateFormat::AnthropicRedacted, "red"))),
        thought("", false, None),
        tool("c", "f", "{}", false, Some(state(StateFormat::GoogleSignature, "sig"))),
    ];
    let body = both(&response(parts, Finish::ToolCalls), &answering());
    let output = body["output"].as_array().unwrap();
    let kinds: Vec<&str> = output.iter().map(|item| item["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["reasoning", "reasoning", "reasoning", "function_call"]);
    assert_eq!(output[0]["summary"], json!([{"type": "summary_text", "text": "plan"}]));
    let opened = |item: &Value| envelope::open(item["encrypted_content"].as_str().unwrap()).unwrap();
    assert_eq!((opened(&output[0]).data, opened(&output[0]).origin), ("EqQB".into(), Some(origin())));
    assert_eq!(opened(&output[1]).data, "red");
    assert_eq!((opened(&output[2]).data, opened(&output[2]).id.as_deref()), ("sig".into(), Some("c")));
}

#[test]
fn thoughts_of_open_models_have_a_place_of_their_own() {
    let raw = Answering { raw_thoughts: true, ..answering() };
    let body = both(&response(vec![thought("hm", false, None), text("x")], Finish::Stop), &raw);
    let item = &body["output"][0];
    assert_eq!((&item["summary"], &item["content"]), (&json!([]), &json!([{"type": "reasoning_text", "text": "hm"}])));
    assert!(item.get("encrypted_content").is_none());
    let body = both(&response(vec![thought("hm", true, None)], Finish::Stop), &raw);
    assert_eq!(body["output"][0]["summary"], json!([{"type": "summary_text", "text": "hm"}]));
}

#[test]
fn reasoning_that_is_hidden_is_kept_for_who_made_it() {
    let hiding = Answering { hide_reasoning: true, ..answering() };
    let parts = vec![
        thought("secret", false, Some(state(StateFormat::AnthropicSignature, "EqQB"))),
        thought("plain", false, None),
        text("x"),
    ];
    let body = both(&response(parts, Finish::Stop), &hiding);
    assert!(!body.to_string().contains("secret"));
    let opened = |at: usize| envelope::open(body["output"][at]["encrypted_content"].as_str().unwrap()).unwrap();
    assert_eq!(body["output"][0]["summary"], json!([]));
    assert_eq!(opened(0).extra.unwrap().view().member("text").unwrap().string().as_deref(), Some("secret"));
    assert_eq!((opened(1).format, opened(1).data), (StateFormat::Plain, "plain".into()));
}

#[test]
fn an_answer_that_was_cut_is_incomplete_and_so_is_its_last_item() {
    let parts = vec![text("a"), tool("c", "f", "{\"a\":", false, None)];
    for finish in [Finish::Length, Finish::ContextFull] {
        let body = both(&response(parts.clone(), finish), &answering());
        assert_eq!(
            (&body["status"], &body["incomplete_details"]),
            (&json!("incomplete"), &json!({"reason": "max_output_tokens"}))
        );
        let statuses: Vec<&Value> = body["output"].as_array().unwrap().iter().map(|item| &item["status"]).collect();
        assert_eq!(statuses, ["completed", "incomplete"]);
        assert_eq!(body["output"][1]["arguments"], "{\"a\":", "cut arguments go on as they are");
    }
}

#[test]
fn refusals_are_parts_and_what_a_filter_cut_is_incomplete() {
    let filtered =
        |explanation: Option<&str>| Finish::Filtered { explanation: explanation.map(str::to_owned), category: None };
    let body = both(&response(vec![Part::Refusal("No.".into())], filtered(None)), &answering());
    assert_eq!(
        (&body["status"], &body["output"][0]["content"]),
        (&json!("completed"), &json!([{"type": "refusal", "refusal": "No."}]))
    );
    let body = both(&response(vec![text("so")], filtered(Some("Not that."))), &answering());
    assert_eq!(body["output"][0]["content"][1], json!({"type": "refusal", "refusal": "Not that."}));
    let body = both(&response(vec![text("so")], filtered(None)), &answering());
    assert_eq!(
        (&body["status"], &body["incomplete_details"]),
        (&json!("incomplete"), &json!({"reason": "content_filter"}))
    );
}

#[test]
fn citations_are_counted_in_their_own_text() {
    let cited = |start: Option<u64>, end: Option<u64>| Citation {
        kind: CitationKind::Web { url: "https://x".into(), title: None, start, end },
        shape: Shape::Messages,
        raw: Json::null(),
    };
    let other = Citation { kind: CitationKind::Other, shape: Shape::Messages, raw: Json::null() };
    let part = |text: &str, citations: Vec<Citation<'static>>| {
        Part::Text(TextPart { text: text.to_owned().into(), cache: None, citations })
    };
    let parts =
        vec![part("h\u{e9}llo", vec![]), part(" world", vec![cited(Some(6), Some(8)), cited(None, None), other])];
    let body = both(&response(parts, Finish::Stop), &answering());
    let found = &body["output"][0]["content"][1]["annotations"];
    assert_eq!(
        *found,
        json!([
            {"type": "url_citation", "url": "https://x", "title": "", "start_index": 1, "end_index": 3},
            {"type": "url_citation", "url": "https://x", "title": "", "start_index": 0, "end_index": 6},
        ])
    );
}

#[test]
fn searches_are_counted() {
    let mut answer = response(vec![text("x")], Finish::Stop);
    answer.usage = Some(Usage { web_searches: 2, ..Usage::default() });
    assert_eq!(both(&answer, &answering())["tool_usage"], json!({"web_search": {"num_requests": 2}}));
}

#[test]
fn pitfall_121_a_stream_that_breaks_has_its_terminal_event_in_its_place() {
    let start = Event::Start { id: "resp_9".to_owned(), model: "m".to_owned(), service_class: None };
    let error = ApiError::new(ErrorClass::Overloaded, "busy");
    let events = written(
        &[
            start.clone(),
            Event::Open { part: 0, what: Opening::Text },
            Event::Text { part: 0, text: "a".to_owned() },
            Event::Error(Box::new(error)),
        ],
        &answering(),
    );
    let last = events.last().unwrap();
    assert_eq!(
        (&last["type"], &last["response"]["id"], &last["response"]["status"]),
        (&json!("response.failed"), &json!("resp_9"), &json!("failed"))
    );
    assert_eq!(last["response"]["error"], json!({"code": "server_is_overloaded", "message": "busy"}));
    let unfinished = written(&[start, Event::End], &answering());
    assert_eq!(unfinished.last().unwrap()["type"], "response.failed");
}

#[test]
fn more_than_can_be_repeated_at_the_end_is_an_error() {
    let mut encoder = Encoder::new(&answering());
    let mut out = BytesMut::new();
    encoder.event(&Event::Open { part: 0, what: Opening::Text }, &mut out);
    for _ in 0..17 {
        encoder.event(&Event::Text { part: 0, text: "x".repeat(1024 * 1024) }, &mut out);
    }
    assert!(encoder.failure().unwrap().message.contains("larger than can be told"));
    assert!(encoder.failure().is_none());
    out.clear();
    encoder.event(&Event::Text { part: 0, text: "y".to_owned() }, &mut out);
    assert!(out.is_empty());
    encoder.event(&Event::Error(Box::new(ApiError::new(ErrorClass::Upstream, "x"))), &mut out);
    assert!(out.starts_with(b"event: response.failed\n"));
}
