//! What whole answers look like that chat clients are sent.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};

use super::super::testing::answering;
use super::*;
use crate::Shape;
use crate::json::Json;
use crate::neutral::{
    Citation, CitationKind, Finish, Opaque, Reasoning, State, StateFormat, TextPart, ToolCall, Usage,
};

fn response(parts: Vec<Part<'static>>, finish: Finish, native: &str) -> Response {
    Response {
        id: "msg_1".to_owned(),
        model: "claude".to_owned(),
        parts,
        finish,
        native_finish: native.to_owned(),
        usage: None,
        service_class: None,
    }
}

fn written(response: &Response, answering: &Answering) -> Value {
    serde_json::from_slice(&encode(response, answering)).unwrap()
}

fn message_of(parts: Vec<Part<'static>>) -> Value {
    written(&response(parts, Finish::Stop, "end_turn"), &answering())["choices"][0]["message"].clone()
}

fn text(text: &'static str) -> Part<'static> {
    Part::Text(TextPart::new(text))
}

fn call(arguments: &'static str) -> Part<'static> {
    let (id, name) = ("t".into(), "f".into());
    Part::ToolCall(ToolCall { id, name, arguments: arguments.into(), custom: false, cache: None, state: None })
}

fn signed(text: &'static str) -> Part<'static> {
    let format = StateFormat::AnthropicSignature;
    let state = Some(State { format, data: "S".into(), id: None, origin: None, extra: None });
    Part::Reasoning(Reasoning { text: text.into(), summary: false, state })
}

#[test]
fn an_answer_is_written_in_the_order_of_the_shape() {
    let mut answer = response(vec![signed("hm"), text("hi"), call("{\"a\": 1}")], Finish::ToolCalls, "tool_use");
    answer.usage = Some(Usage {
        input: 10,
        cache_read: 5,
        cache_write: 2,
        cache_write_1h: 1,
        output: 4,
        reasoning: 3,
        ..Usage::default()
    });
    answer.service_class = Some("priority+us".to_owned());
    let named = Answering { tool_names: vec![("f".to_owned(), "own f".to_owned())], ..answering() };
    let expected = concat!(
        r#"{"id":"msg_1","object":"chat.completion","created":1700000000,"model":"claude","choices":[{"index":0,"message":{"#,
        r#""role":"assistant","content":"hi","refusal":null,"reasoning":"hm","reasoning_content":"hm","#,
        r#""reasoning_details":[{"type":"reasoning.text","text":"hm","signature":"S","format":"anthropic-claude-v1","index":0}],"#,
        r#""tool_calls":[{"id":"t","type":"function","function":{"name":"own f","arguments":"{\"a\": 1}"}}]},"#,
        r#""logprobs":null,"finish_reason":"tool_calls","native_finish_reason":"tool_use"}],"#,
        r#""usage":{"prompt_tokens":18,"completion_tokens":4,"total_tokens":22,"#,
        r#""prompt_tokens_details":{"cached_tokens":5,"cache_write_tokens":3,"cache_write_tokens_details":{"ttl_12h_tokens":1}},"#,
        r#""completion_tokens_details":{"reasoning_tokens":3}},"service_tier":"priority"}"#,
    );
    assert_eq!(String::from_utf8(encode(&answer, &named)).unwrap(), expected);
}

#[test]
fn pitfall_26_a_call_without_arguments_has_none() {
    for blank in ["", " \n"] {
        assert_eq!(message_of(vec![call(blank)])["tool_calls"][0]["function"]["arguments"], "{}");
    }
}

#[test]
fn pitfall_30_cut_arguments_are_sent_as_they_are() {
    let answer = written(&response(vec![call("{\"a\": \"x")], Finish::Length, "max_tokens"), &answering());
    let choice = &answer["choices"][0];
    assert_eq!(choice["message"]["tool_calls"][0]["function"]["arguments"], "{\"a\": \"x");
    assert_eq!(choice["finish_reason"], "length");
}

#[test]
fn content_is_null_only_beside_calls_and_refusals() {
    assert_eq!(message_of(vec![call("{}")])["content"], Value::Null);
    assert_eq!(message_of(vec![Part::Refusal("no".into())])["content"], Value::Null);
    assert_eq!(message_of(Vec::new())["content"], "");
    assert_eq!(message_of(vec![text("a"), call("{}")])["content"], "a");
}

#[test]
fn pitfall_98_texts_are_joined_with_nothing_between_them() {
    assert_eq!(message_of(vec![text("a"), text("b"), text("\n\nc")])["content"], "ab\n\nc");
}

#[test]
fn pitfall_92_counts_are_numbers_or_absent() {
    let mut answer = response(vec![text("a")], Finish::Stop, "stop");
    assert_eq!(written(&answer, &answering()).get("usage"), None);
    answer.usage = Some(Usage::default());
    let usage = written(&answer, &answering())["usage"].to_string();
    assert!(!usage.contains("null"), "{usage}");
}

#[test]
fn pitfall_85_and_90_all_tokens_of_the_prompt_and_of_reasoning_are_counted() {
    let mut answer = response(vec![text("a")], Finish::Stop, "stop");
    answer.usage =
        Some(Usage { input: 7, cache_read: 100, cache_write: 20, output: 50, reasoning: 40, ..Usage::default() });
    let usage = &written(&answer, &answering())["usage"];
    assert_eq!((usage["prompt_tokens"].as_u64(), usage["completion_tokens"].as_u64()), (Some(127), Some(50)));
    assert_eq!(usage["total_tokens"], 177);
    assert_eq!(usage["prompt_tokens_details"], json!({"cached_tokens": 100, "cache_write_tokens": 20}));
    assert_eq!(usage["completion_tokens_details"], json!({"reasoning_tokens": 40}));
}

#[test]
fn pitfall_72_hidden_reasoning_leaves_its_text_out_and_keeps_its_state() {
    let hidden = Answering { hide_reasoning: true, ..answering() };
    let plain = Part::Reasoning(Reasoning { text: "secret".into(), ..Reasoning::default() });
    let answer = response(vec![signed("secret"), plain, text("a")], Finish::Stop, "end_turn");
    let message = &written(&answer, &hidden)["choices"][0]["message"];
    assert!(!message.to_string().contains("secret"));
    assert_eq!(
        message["reasoning_details"],
        json!([{"type": "reasoning.text", "signature": "S", "format": "anthropic-claude-v1", "index": 0}])
    );
}

#[test]
fn a_model_that_refused_is_told_to_have() {
    let refused =
        |explanation: Option<&str>| Finish::Filtered { explanation: explanation.map(str::to_owned), category: None };
    let told = |finish, native, parts| {
        let answer = written(&response(parts, finish, native), &answering());
        let choice = &answer["choices"][0];
        assert_eq!(choice["finish_reason"], "content_filter");
        choice["message"]["refusal"].clone()
    };
    assert_eq!(told(refused(Some("unsafe")), "refusal", vec![text("so far")]), "unsafe");
    assert_eq!(told(refused(None), "refusal", Vec::new()), "The model refused to respond.");
    assert_eq!(told(refused(None), "content_filter", Vec::new()), Value::Null);
    assert_eq!(told(refused(Some("other")), "refusal", vec![Part::Refusal("No.".into())]), "No.");
}

#[test]
fn citations_of_a_page_are_annotations_and_blocks_of_other_shapes_are_not_shown() {
    let citation = |kind| Citation { kind, shape: Shape::Messages, raw: Json::null() };
    let web = CitationKind::Web { url: "u".into(), title: Some("t".into()), start: None, end: None };
    let cited = TextPart { citations: vec![citation(web), citation(CitationKind::Other)], ..TextPart::new("abc") };
    let block = Opaque { shape: Shape::Messages, kind: "web_search_tool_result".into(), raw: Json::null() };
    let message = message_of(vec![text("\u{1f600}"), Part::Opaque(block), Part::Text(cited)]);
    let page = json!({"url": "u", "title": "t", "start_index": 1, "end_index": 4});
    assert_eq!(message["annotations"], json!([{"type": "url_citation", "url_citation": page}]));
    assert_eq!(message["content"], "\u{1f600}abc");
}

#[test]
fn an_answer_without_calls_does_not_end_for_its_calls() {
    let answer = written(&response(vec![text("hi")], Finish::ToolCalls, "tool_use"), &answering());
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert_eq!(answer["choices"][0]["native_finish_reason"], "tool_use");
}

#[test]
fn clients_of_deprecated_functions_are_answered_in_their_own_way() {
    let old = Answering { deprecated_functions: true, ..answering() };
    let answer = written(&response(vec![call("{}"), call("{\"b\":1}")], Finish::ToolCalls, "tool_use"), &old);
    let choice = &answer["choices"][0];
    assert_eq!(choice["finish_reason"], "function_call");
    assert_eq!(choice["message"]["function_call"], json!({"name": "f", "arguments": "{}"}));
    assert_eq!(choice["message"].get("tool_calls"), None);
}
