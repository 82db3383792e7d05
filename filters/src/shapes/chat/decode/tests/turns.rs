//! The conversation.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{messages, read, refused, text, with_losses};
use crate::neutral::{
    CacheMark, Image, Message, Part, Reasoning, Role, Source, State, StateFormat, ToolCall, ToolResult,
};

fn turns(list: Value) -> Vec<Message<'static>> {
    read(&messages(list)).messages
}

/// The reasoning of the assistant's turn that this message is.
fn reasoning(message: Value) -> Vec<Reasoning<'static>> {
    let turn = turns(json!([message])).remove(0);
    let parts = turn.parts.into_iter();
    parts.filter_map(|part| if let Part::Reasoning(reasoning) = part { Some(reasoning) } else { None }).collect()
}

fn call<'r>(part: &'r Part<'static>) -> &'r ToolCall<'static> {
    if let Part::ToolCall(call) = part { call } else { panic!("no call: {part:?}") }
}

fn result<'r>(part: &'r Part<'static>) -> &'r ToolResult<'static> {
    if let Part::ToolResult(result) = part { result } else { panic!("no result: {part:?}") }
}

fn signed(format: StateFormat, data: &'static str) -> State<'static> {
    State { format, data: data.into(), id: None, origin: None, extra: None }
}

#[test]
fn instructions_are_what_stands_before_the_first_turn() {
    let request = read(&messages(json!([
        {"role": "system", "content": "a"},
        {"role": "developer", "content": [{"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "c"}]},
        {"role": "user", "content": "d", "name": "bob"},
    ])));
    let texts: Vec<(&str, bool)> =
        request.instructions.iter().map(|text| (&*text.text, text.cache.is_some())).collect();
    assert_eq!(texts, [("a", false), ("b", true), ("c", false)]);
    assert_eq!((request.messages.len(), request.messages[0].name.as_deref()), (1, Some("bob")));
}

#[test]
fn pitfall_96_later_system_messages_keep_their_place() {
    let turns = turns(json!([
        {"role": "user", "content": "a"},
        {"role": "system", "content": "b"},
        {"role": "assistant", "content": "c"},
        {"role": "developer", "content": "d"},
        {"role": "user", "content": "e"},
    ]));
    let all: Vec<(Role, &str)> = turns.iter().map(|turn| (turn.role, text(&turn.parts[0]))).collect();
    let expected =
        [(Role::User, "a"), (Role::System, "b"), (Role::Assistant, "c"), (Role::System, "d"), (Role::User, "e")];
    assert_eq!(all, expected);
}

#[test]
fn pitfall_97_a_mark_at_the_message_is_one_on_its_last_text() {
    let request = read(&messages(json!([
        {"role": "system", "content": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral", "ttl": "1h"}}, {"type": "text", "text": "t"}]},
        {"role": "user", "cache_control": {"type": "ephemeral"}, "content": [
            {"type": "text", "text": "a"}, {"type": "text", "text": "b"},
            {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
        ]},
        {"role": "user", "content": [{"type": "text", "text": "c", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}]},
    ])));
    let long = Some(CacheMark { long: true });
    assert_eq!([request.instructions[0].cache, request.instructions[1].cache], [long, None]);
    let marks = request.messages.iter().flat_map(|turn| &turn.parts).map(|part| match part {
        Part::Text(text) => text.cache,
        Part::Image(image) => image.cache,
        _ => panic!("{part:?}"),
    });
    assert_eq!(marks.collect::<Vec<_>>(), [None, Some(CacheMark { long: false }), None, long]);
}

#[test]
fn parts_of_all_kinds_are_read() {
    let parts = turns(json!([{"role": "user", "content": [
        "plain",
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}},
        {"type": "image_url", "image_url": "https://x/y.png"},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0=", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_data": "data:text/plain;base64,aGVsbG8="}},
        {"type": "file", "file": {"file_data": "https://x/y.pdf"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "video_url", "video_url": {"url": "https://x/y.mp4"}},
        {"type": "hologram", "light": 1},
    ]}]))
    .remove(0)
    .parts;
    assert_eq!(text(&parts[0]), "plain");
    let Part::Image(Image { source: Source::Base64 { media_type, data }, detail, .. }) = &parts[1] else { panic!() };
    assert_eq!((&**media_type, &**data, detail.as_deref()), ("image/png", "iVBORw0KGgo=", Some("low")));
    assert!(matches!(&parts[2], Part::Image(Image { source: Source::Url(url), .. }) if url == "https://x/y.png"));
    assert!(matches!(&parts[3], Part::Sound(sound) if sound.format == "mp3"));
    let document = |part: &Part<'static>| {
        if let Part::Document(document) = part { document.clone() } else { panic!("{part:?}") }
    };
    assert_eq!(document(&parts[4]).title.as_deref(), Some("a.pdf"));
    assert_eq!(document(&parts[5]).source, Source::Text("hello".into()));
    assert_eq!(document(&parts[6]).source, Source::Url("https://x/y.pdf".into()));
    assert_eq!(document(&parts[7]).source, Source::File { shape: crate::Shape::Chat, id: "file-1".into() });
    assert!(matches!(&parts[8], Part::Video(_)));
    assert!(matches!(&parts[9], Part::Opaque(part) if part.kind == "hologram" && part.raw.raw().contains("light")));
}

#[test]
fn results_of_one_turn_are_one_turn_of_the_users() {
    let turns = turns(json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "a", "type": "function", "index": 0, "function": {"name": "f", "arguments": "{\"x\": 1}"}},
            {"id": "b", "type": "custom", "custom": {"name": "c", "input": "free"}},
        ]},
        {"role": "tool", "tool_call_id": "b", "name": "c", "content": [{"type": "text", "text": "one"}]},
        {"role": "tool", "tool_call_id": "a", "content": "two"},
        {"role": "user", "content": "next"},
    ]));
    assert_eq!(turns.iter().map(|turn| turn.parts.len()).collect::<Vec<_>>(), [1, 2, 2, 1]);
    let (first, second) = (call(&turns[1].parts[0]), call(&turns[1].parts[1]));
    assert_eq!((&*first.id, &*first.arguments, first.custom), ("a", "{\"x\": 1}", false));
    assert_eq!((&*second.name, &*second.arguments, second.custom), ("c", "free", true));
    assert_eq!((&*result(&turns[2].parts[0]).call_id, text(&result(&turns[2].parts[0]).content[0])), ("b", "one"));
    assert_eq!((turns[2].role, turns[3].role), (Role::User, Role::User));
}

#[test]
fn pitfall_31_arguments_that_are_no_json_are_carried_as_they_are() {
    for arguments in ["{\"a\":", "", "not json", "[1]", "1e400"] {
        let turns = turns(json!([{"role": "assistant", "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}},
        ]}]));
        assert_eq!(call(&turns[0].parts[0]).arguments, arguments);
    }
    let object = turns(json!([{"role": "assistant", "tool_calls": [
        {"id": "a", "function": {"name": "f", "arguments": {"b": 1, "a": [2]}}},
    ]}]));
    assert_eq!(call(&object[0].parts[0]).arguments, r#"{"b":1,"a":[2]}"#);
}

#[test]
fn the_deprecated_function_role_pairs_with_its_call() {
    let turns = turns(json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "done"},
    ]));
    let id = &call(&turns[1].parts[0]).id;
    assert!(!id.is_empty());
    assert_eq!(&result(&turns[2].parts[0]).call_id, id);
}

#[test]
fn calls_and_results_without_ids_are_paired_in_order() {
    let body = messages(json!([
        {"role": "assistant", "tool_calls": [
            {"type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        ]},
        {"role": "tool", "content": "1"},
        {"role": "tool", "content": "2"},
    ]));
    let (request, losses) = with_losses(&body);
    let ids: Vec<&str> = request.messages[0].parts.iter().map(|part| &*call(part).id).collect();
    let answered: Vec<&str> = request.messages[1].parts.iter().map(|part| &*result(part).call_id).collect();
    assert_eq!((ids.as_slice(), losses.as_str()), (answered.as_slice(), "repaired:messages.tool_call_id"));
    assert_ne!(ids[0], ids[1]);
    assert_eq!(
        refused(&messages(json!([{"role": "tool", "content": "1"}]))).param.as_deref(),
        Some("messages[0].tool_call_id")
    );
}

#[test]
fn what_clients_add_to_messages_is_tolerated() {
    let (request, losses) = with_losses(&messages(json!([
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b", "refusal": null, "annotations": [], "index": 0, "audio": null,
         "provider_specific_fields": {"refusal": null}, "function_call": null, "tool_calls": [], "prefix": true,
         "images": [], "reasoning_details": [], "thinking_blocks": null, "reasoning_content": ""},
        {"role": "assistant", "content": "", "refusal": "I will not"},
    ])));
    assert_eq!(request.messages[1].parts.len(), 1);
    assert!(matches!(&request.messages[2].parts[1], Part::Refusal(text) if text == "I will not"));
    assert_eq!(losses, "");
}

#[test]
fn messages_that_are_none_are_refused_by_name() {
    for (list, field) in [
        (json!([]), "messages"),
        (json!("x"), "messages"),
        (json!([7]), "messages[0]"),
        (json!([{"role": "robot", "content": "x"}]), "messages[0].role"),
        (json!([{"content": "x"}]), "messages[0].role"),
        (json!([{"role": "user", "content": 7}]), "messages[0].content"),
        (json!([{"role": "user", "content": [{"text": "x"}]}]), "messages[0].content[0].type"),
        (json!([{"role": "user", "content": [{"type": "text"}]}]), "messages[0].content[0].text"),
        (
            json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}]}]),
            "messages[0].content[0].image_url.url",
        ),
        (json!([{"role": "assistant", "tool_calls": [{"id": "a"}]}]), "messages[0].tool_calls[0].function.name"),
    ] {
        assert_eq!(refused(&messages(list.clone())).param.as_deref(), Some(field), "{list}");
    }
    assert_eq!(refused(&json!({"model": "m"})).param.as_deref(), Some("messages"));
}

#[test]
fn reasoning_is_read_from_the_field_that_has_most() {
    let all = json!({
        "role": "assistant", "content": "x",
        "reasoning": "t", "reasoning_content": "t",
        "thinking_blocks": [{"type": "thinking", "thinking": "t", "signature": "blocks"}, {"type": "redacted_thinking", "data": "r"}],
        "reasoning_details": [
            {"type": "reasoning.text", "text": "t", "signature": "details", "format": "anthropic-claude-v1", "index": 0},
            {"type": "reasoning.encrypted", "data": "r", "index": 1},
        ],
    });
    let signature = |data| Reasoning {
        text: "t".into(),
        summary: false,
        state: Some(signed(StateFormat::AnthropicSignature, data)),
    };
    let redacted = Reasoning { state: Some(signed(StateFormat::AnthropicRedacted, "r")), ..Reasoning::default() };
    assert_eq!(reasoning(all.clone()), [signature("details"), redacted.clone()]);
    let mut without = all.clone();
    without["reasoning_details"] = json!([]);
    assert_eq!(reasoning(without.clone()), [signature("blocks"), redacted]);
    without["thinking_blocks"] = json!(null);
    assert_eq!(reasoning(without), [Reasoning { text: "t".into(), ..Reasoning::default() }]);
}

#[test]
fn fragments_that_a_client_kept_are_put_together() {
    let fragments = json!({"role": "assistant", "content": "x", "reasoning_details": [
        {"type": "reasoning.text", "text": "a", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.text", "text": "b", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.text", "signature": "s", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.summary", "summary": "c", "format": "openai-responses-v1", "index": 1},
        {"type": "reasoning.summary", "summary": "d", "format": "openai-responses-v1", "index": 1},
        {"type": "reasoning.encrypted", "data": "e", "id": "rs_1", "format": "openai-responses-v1", "index": 1},
    ]});
    let found = reasoning(fragments);
    let text: Vec<(&str, bool, &str)> = found
        .iter()
        .map(|reasoning| (&*reasoning.text, reasoning.summary, &*reasoning.state.as_ref().unwrap().data))
        .collect();
    assert_eq!(text, [("ab", false, "s"), ("cd", true, "e")]);
    assert_eq!(found[1].state.as_ref().unwrap().id.as_deref(), Some("rs_1"));
}

#[test]
fn pitfall_70_pieces_that_a_client_joined_by_number_alone_are_read() {
    for kind in ["reasoning.encrypted", "reasoning.summary"] {
        let joined = json!({"role": "assistant", "content": "x", "reasoning_details": [
            {"type": kind, "summary": "cd", "data": "e", "id": "rs_1", "format": "openai-responses-v1", "index": 0},
        ]});
        let found = reasoning(joined);
        let state = found[0].state.as_ref().unwrap();
        assert_eq!((found.len(), &*found[0].text, &*state.data), (1, "cd", "e"), "{kind}");
        assert_eq!(state.id.as_deref(), Some("rs_1"));
    }
}

#[test]
fn pitfall_71_details_that_come_twice_are_read_once() {
    let entries = [
        json!({"type": "reasoning.text", "text": "a", "signature": "s", "index": 0}),
        json!({"type": "reasoning.encrypted", "data": "d", "id": "rs_1", "format": "openai-responses-v1", "index": 1}),
        json!({"type": "reasoning.encrypted", "data": "r", "index": 2}),
    ];
    let once = json!({"role": "assistant", "content": "x", "reasoning_details": entries});
    let both = [entries.clone(), entries].concat();
    let twice = json!({"role": "assistant", "content": "x", "reasoning_details": both});
    assert_eq!(reasoning(twice), reasoning(once));
}

#[test]
fn pitfall_60_signatures_of_calls_are_read_from_every_place_they_travel_in() {
    let call_with = |extra: Value, details: Value, id: &str| {
        let mut tool_call = json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
        tool_call.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let turn = turns(json!([
            {"role": "assistant", "tool_calls": [tool_call], "reasoning": "t", "reasoning_details": details},
            {"role": "tool", "tool_call_id": id, "content": "r"},
        ]));
        let last = turn[0].parts.last().unwrap();
        assert_eq!(call(last).id, "a");
        assert_eq!(result(&turn[1].parts[0]).call_id, "a");
        let has_text = matches!(&turn[0].parts[0], Part::Reasoning(reasoning) if reasoning.text == "t" && reasoning.state.is_none());
        assert!(has_text, "{:?}", turn[0].parts);
        let state = call(last).state.clone().unwrap();
        assert_eq!(state.format, StateFormat::GoogleSignature);
        state.data.into_owned()
    };
    let none = json!([]);
    let details = json!([{"type": "reasoning.encrypted", "id": "a", "data": "S", "format": "google-gemini-v1"}]);
    assert_eq!(call_with(json!({}), details, "a"), "S");
    let extra = json!({"extra_content": {"google": {"thought_signature": "S"}}});
    assert_eq!(call_with(extra, none.clone(), "a"), "S");
    let extra = json!({"provider_specific_fields": {"thought_signature": "S"}});
    assert_eq!(call_with(extra, none.clone(), "a"), "S");
    assert_eq!(call_with(json!({}), none, "a__thought__S"), "S");
}

#[test]
fn pitfall_84_reasoning_that_is_no_text_is_passed_over() {
    for strange in [json!({"text": "x"}), json!(["x"]), json!(7), json!(true)] {
        let message = json!({"role": "assistant", "content": "x", "reasoning_content": strange, "reasoning": strange,
            "reasoning_details": strange, "thinking_blocks": strange});
        assert_eq!(reasoning(message), []);
    }
}

#[test]
fn thinking_parts_of_mistrals_are_reasoning() {
    let found = reasoning(json!({"role": "assistant", "content": [
        {"type": "thinking", "thinking": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"type": "text", "text": "c"},
    ]}));
    assert_eq!(found, [Reasoning { text: "ab".into(), ..Reasoning::default() }]);
}

#[test]
fn an_envelope_is_opened_and_one_that_cannot_be_read_is_nobodys() {
    let origin = crate::neutral::Origin { provider: "p".into(), family: "f".into(), account: "a".into() };
    let sealed = crate::shapes::envelope::seal(&signed(StateFormat::AnthropicSignature, "s"), &origin);
    let entry = |signature: &str| json!({"role": "assistant", "content": "x", "reasoning_details": [{"type": "reasoning.text", "text": "t", "signature": signature}]});
    let state = reasoning(entry(&sealed)).remove(0).state.unwrap();
    assert_eq!((&*state.data, state.origin), ("s", Some(origin)));
    assert_eq!(reasoning(entry("gw1.broken")).remove(0).state, None);
}

/// How long a request is read in which so many calls wait for their results, and as many pieces of state for their calls.
fn time_of(many: usize) -> Duration {
    let call = |number| json!({"id": format!("c{number}"), "function": {"name": "f", "arguments": "{}"}});
    let detail = |number| match number % 3 {
        0 => json!({"type": "reasoning.text", "text": "t", "signature": format!("s{number}"), "index": number}),
        1 => {
            json!({"type": "reasoning.encrypted", "data": format!("d{number}"), "id": format!("c{number}"), "format": "google-gemini-v1"})
        }
        _ => json!({"type": "reasoning.summary", "summary": "t", "index": number}),
    };
    let (calls, details): (Vec<Value>, Vec<Value>) = (0..many).map(|number| (call(number), detail(number))).unzip();
    let mut list = vec![
        json!({"role": "user", "content": "x"}),
        json!({"role": "assistant", "tool_calls": calls, "reasoning_details": details}),
    ];
    // The last one first: each has to be looked for.
    let result = |number| json!({"role": "tool", "tool_call_id": format!("c{number}"), "content": "r"});
    list.extend((0..many).rev().map(result));
    let body = messages(Value::Array(list)).to_string();
    let begun = Instant::now();
    let mut losses = crate::neutral::Losses::default();
    let request = super::super::request(crate::json::View::parse(body.as_bytes()).unwrap(), &mut losses).unwrap();
    let took = begun.elapsed();
    let parts: usize = request.messages.iter().map(|message| message.parts.len()).sum();
    assert_eq!(parts, 1 + many * 2 + many * 2 / 3);
    took
}

#[test]
fn as_many_calls_and_states_as_a_body_holds_are_paired_in_time_that_grows_as_they_do() {
    // Sixteen times as many: what looks through all of them for each would take 256 times as long.
    let (few, many) = (time_of(2_000), time_of(32_000));
    assert!(many < few.max(std::time::Duration::from_millis(50)) * 100, "{few:?} {many:?}");
}

#[test]
fn results_without_ids_go_to_the_calls_that_wait() {
    let call = |id: &str, name: &str| json!({"id": id, "function": {"name": name, "arguments": "{}"}});
    let body = messages(json!([
        {"role": "user", "content": "x"},
        {"role": "assistant", "tool_calls": [call("a", "f"), call("b", "g"), call("c", "f"), call("d", "h"), call("a", "h")]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "function", "name": "f", "content": "2"},
        {"role": "tool", "content": "3"},
        {"role": "tool", "tool_call_id": "a", "content": "4"},
        {"role": "tool", "name": "f", "content": "5"},
    ]));
    let request = read(&body);
    let ids: Vec<&str> = request.messages[2]
        .parts
        .iter()
        .map(|part| if let Part::ToolResult(result) = part { &*result.call_id } else { "" })
        .collect();
    assert_eq!(ids, ["a", "c", "b", "a", "d"]);
}
