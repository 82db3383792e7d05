//! Whole answers, written.

use serde_json::{Value, json};

use super::{answering, encoded};
use crate::Shape;
use crate::json::Json;
use crate::neutral::{
    Answering, Citation, CitationKind, Finish, Opaque, Part, Reasoning, Response, State, StateFormat, TextPart,
    ToolCall, Usage,
};
use crate::shapes::codec::Codec;
use crate::shapes::envelope;
use crate::shapes::messages::Messages;

fn response(parts: Vec<Part<'static>>, finish: Finish) -> Response {
    Response {
        id: "msg_1".to_owned(),
        model: "m".to_owned(),
        parts,
        finish,
        native_finish: String::new(),
        usage: Some(Usage { input: 3, output: 4, ..Usage::default() }),
        service_class: None,
    }
}

pub(super) fn call(id: &str, arguments: &str) -> Part<'static> {
    Part::ToolCall(ToolCall {
        id: id.to_owned().into(),
        name: "f".into(),
        arguments: arguments.to_owned().into(),
        custom: false,
        cache: None,
        state: None,
    })
}

pub(super) fn state(format: StateFormat, data: &str) -> State<'static> {
    State { format, data: data.to_owned().into(), id: None, origin: None, extra: None }
}

fn thought(text: &str, state: Option<State<'static>>) -> Part<'static> {
    Part::Reasoning(Reasoning { text: text.to_owned().into(), summary: false, state })
}

fn content(parts: Vec<Part<'static>>) -> Value {
    encoded(&response(parts, Finish::Stop), &answering())["content"].clone()
}

fn text(text: &str) -> Part<'static> {
    Part::Text(TextPart::new(text.to_owned()))
}

#[test]
fn a_message_is_written_as_anthropic_writes_it() {
    let mut told = response(vec![text("Hi"), call("toolu_1", "{\"b\": 1,\"a\":1e400}")], Finish::ToolCalls);
    told.usage = Some(Usage {
        input: 10,
        cache_read: 5,
        cache_write: 4,
        cache_write_1h: 3,
        output: 20,
        reasoning: 8,
        web_searches: 2,
        ..Usage::default()
    });
    told.service_class = Some("default".to_owned());
    let bytes = Messages.encode_response(&told, &answering());
    let golden = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hi"},{"type":"tool_use","id":"toolu_1","name":"f","input":{"b": 1,"a":1e400}}],"stop_reason":"tool_use","stop_sequence":null,"stop_details":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":7,"cache_read_input_tokens":5,"cache_creation":{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":3},"output_tokens":20,"output_tokens_details":{"thinking_tokens":8},"server_tool_use":{"web_search_requests":2,"web_fetch_requests":0},"service_tier":"standard"}}"#;
    assert_eq!(String::from_utf8(bytes).unwrap(), golden);
}

#[test]
fn an_id_of_another_shape_gives_way_to_one_of_our_own() {
    let id = |id: &str| {
        let told = Response { id: id.to_owned(), model: String::new(), ..response(Vec::new(), Finish::Stop) };
        let message = encoded(&told, &answering());
        assert_eq!(message["model"], "the-model", "the target's model where the provider names none");
        message["id"].as_str().unwrap().to_owned()
    };
    assert_eq!(id("msg_bdrk_1"), "msg_bdrk_1");
    let minted = id("chatcmpl-1");
    assert!(minted.starts_with("msg_") && minted.len() == 26, "{minted}");
    assert_eq!([id(""), id("msg_"), id("msg_a/b")], [minted.clone(), minted.clone(), minted]);
}

#[test]
fn finishes_have_their_stop_reasons() {
    let told = |finish: Finish| {
        let message = encoded(&response(vec![text("x")], finish), &answering());
        (message["stop_reason"].clone(), message["stop_sequence"].clone(), message["stop_details"].clone())
    };
    let plain = |word: &str| (json!(word), Value::Null, Value::Null);
    assert_eq!(told(Finish::Stop), plain("end_turn"));
    assert_eq!(told(Finish::Length), plain("max_tokens"));
    assert_eq!(told(Finish::ContextFull), plain("model_context_window_exceeded"));
    assert_eq!(told(Finish::ToolCalls), plain("end_turn"), "no client can answer calls that there are not");
    assert_eq!(told(Finish::StopSequence(None)), plain("stop_sequence"));
    let sequence = told(Finish::StopSequence(Some("END".to_owned())));
    assert_eq!(sequence, (json!("stop_sequence"), json!("END"), Value::Null));
    let filtered = Finish::Filtered { explanation: Some("No.".to_owned()), category: Some("bio".to_owned()) };
    let details = json!({"type": "refusal", "category": "bio", "explanation": "No."});
    assert_eq!(told(filtered), (json!("refusal"), Value::Null, details));
}

#[test]
fn a_refusal_is_text_and_a_stop_reason() {
    let message = encoded(&response(vec![Part::Refusal("I will not.".into())], Finish::Stop), &answering());
    assert_eq!(message["content"], json!([{"type": "text", "text": "I will not."}]));
    assert_eq!(message["stop_reason"], "refusal");
    let details = json!({"type": "refusal", "category": null, "explanation": "I will not."});
    assert_eq!(message["stop_details"], details);
    let limited = encoded(&response(vec![Part::Refusal("I w".into())], Finish::Length), &answering());
    assert_eq!(limited["stop_reason"], "max_tokens");
}

#[test]
fn names_of_tools_are_the_clients_own_again() {
    let answering = Answering { tool_names: vec![("f".to_owned(), "a.long/name".to_owned())], ..answering() };
    let message = encoded(&response(vec![call("toolu_1", "{}")], Finish::ToolCalls), &answering);
    assert_eq!(message["content"][0]["name"], "a.long/name");
}

#[test]
fn ids_of_calls_are_legal_and_no_two_alike() {
    let parts = ["call.1", "call_1", "call_1", "", "é"].map(|id| call(id, "{}")).to_vec();
    let content = content(parts);
    let ids: Vec<&str> = content.as_array().unwrap().iter().map(|block| block["id"].as_str().unwrap()).collect();
    assert_eq!([ids[0], ids[1], ids[2], ids[4]], ["call_1", "call_1_2", "call_1_3", "_"]);
    assert!(ids[3].starts_with("toolu_"));
}

#[test]
fn pitfall_026_calls_without_arguments_have_an_empty_object() {
    for arguments in ["", "  \n", "{}"] {
        assert_eq!(content(vec![call("a", arguments)])[0]["input"], json!({}), "{arguments:?}");
    }
}

#[test]
fn pitfall_030_cut_arguments_are_kept_and_the_reason_is_the_limit() {
    let message = encoded(&response(vec![call("a", "{\"x\":\"cu")], Finish::Length), &answering());
    assert_eq!(message["content"][0]["input"], json!({"_raw": "{\"x\":\"cu"}), "whole blocks hold objects only");
    assert_eq!(message["stop_reason"], "max_tokens");
    assert_eq!(content(vec![call("a", "[1]")])[0]["input"], json!({"_raw": "[1]"}));
}

#[test]
fn pitfall_036_calls_stop_with_tool_use() {
    let message = encoded(&response(vec![call("a", "{}")], Finish::Stop), &answering());
    assert_eq!(message["stop_reason"], "tool_use");
}

#[test]
fn pitfall_048_nothing_is_invented_beside_calls() {
    let content = content(vec![text(""), call("a", "{}")]);
    assert_eq!(content, json!([{"type": "tool_use", "id": "a", "name": "f", "input": {}}]));
    assert_eq!(encoded(&response(Vec::new(), Finish::Stop), &answering())["content"], json!([]));
}

#[test]
fn pitfall_067_state_of_another_provider_goes_out_in_an_envelope() {
    let parts = vec![
        thought("T", Some(state(StateFormat::AnthropicSignature, "sig"))),
        thought("", Some(state(StateFormat::AnthropicRedacted, "red"))),
        thought("Sum", Some(state(StateFormat::OpenAiEncrypted, "enc"))),
        thought("", Some(state(StateFormat::OpenAiEncrypted, "enc"))),
        thought("Plain", None),
        thought("", None),
    ];
    let content = content(parts);
    let sealed = |state| envelope::seal(&state, &answering().origin);
    let encrypted = sealed(state(StateFormat::OpenAiEncrypted, "enc"));
    let plain = sealed(state(StateFormat::Plain, ""));
    let golden = json!([
        {"type": "thinking", "thinking": "T", "signature": "sig"},
        {"type": "redacted_thinking", "data": "red"},
        {"type": "thinking", "thinking": "Sum", "signature": encrypted},
        {"type": "redacted_thinking", "data": encrypted},
        {"type": "thinking", "thinking": "Plain", "signature": plain},
    ]);
    assert_eq!(content, golden);
}

#[test]
fn pitfall_072_state_is_never_shown_as_text() {
    for format in [StateFormat::AnthropicRedacted, StateFormat::OpenAiEncrypted, StateFormat::Unknown] {
        let content = content(vec![thought("", Some(state(format, "[REDACTED]"))), text("x")]);
        let kinds: Vec<_> = content.as_array().unwrap().iter().map(|block| block["type"].clone()).collect();
        assert_eq!(kinds, ["redacted_thinking", "text"], "{format:?}");
        assert_eq!(content[1], json!({"type": "text", "text": "x"}));
    }
}

#[test]
fn hidden_reasoning_keeps_its_state_and_not_its_text() {
    let answering = Answering { hide_reasoning: true, ..answering() };
    let parts = vec![
        thought("T", Some(state(StateFormat::AnthropicSignature, "sig"))),
        thought("Sum", Some(state(StateFormat::OpenAiEncrypted, "enc"))),
        thought("Plain", None),
    ];
    let content = encoded(&response(parts, Finish::Stop), &answering)["content"].clone();
    assert_eq!(content[0], json!({"type": "thinking", "thinking": "", "signature": "sig"}));
    let open = |at: usize| {
        assert_eq!(content[at]["type"], "redacted_thinking");
        envelope::open(content[at]["data"].as_str().unwrap()).unwrap()
    };
    assert_eq!((open(1).format, &*open(1).data), (StateFormat::OpenAiEncrypted, "enc"));
    assert_eq!((open(2).format, &*open(2).data), (StateFormat::Plain, "Plain"), "the host wants it back");
}

#[test]
fn the_state_of_a_call_stands_before_it_and_names_it() {
    let Part::ToolCall(mut call) = call("call.1", "{}") else { unreachable!() };
    call.state = Some(state(StateFormat::GoogleSignature, "sig"));
    let content = content(vec![Part::ToolCall(call)]);
    let opened = envelope::open(content[0]["data"].as_str().unwrap()).unwrap();
    assert_eq!((opened.format, opened.id.as_deref()), (StateFormat::GoogleSignature, Some("call_1")));
    assert_eq!(content[1]["id"], "call_1");
}

#[test]
fn only_citations_and_blocks_of_this_shape_are_told() {
    let web = CitationKind::Web { url: "https://a.b".into(), title: None, start: Some(0), end: Some(1) };
    let citation = |shape, raw: &str| Citation { kind: web.clone(), shape, raw: Json::parse(raw).unwrap() };
    let own = r#"{"type":"web_search_result_location","encrypted_index":"e"}"#;
    let opaque = |shape, raw: &str| Part::Opaque(Opaque { shape, kind: "x".into(), raw: Json::parse(raw).unwrap() });
    let parts = vec![
        Part::Text(TextPart {
            text: "a".into(),
            cache: None,
            citations: vec![citation(Shape::Chat, "{}"), citation(Shape::Messages, own)],
        }),
        opaque(Shape::Responses, "{}"),
        opaque(Shape::Messages, r#"{"type":"x","n":1}"#),
    ];
    let citations: Vec<Value> = vec![serde_json::from_str(own).unwrap()];
    let golden = json!([{"type": "text", "text": "a", "citations": citations}, {"type": "x", "n": 1}]);
    assert_eq!(content(parts), golden);
}
