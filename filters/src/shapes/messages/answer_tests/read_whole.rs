//! Whole answers, read.

use super::{decoded, read_events};
use crate::neutral::{CitationKind, ErrorClass, Event, Finish, Opening, Part, Reasoning, StateFormat, TextPart, Usage};

/// A whole answer with that content and that end.
fn message(content: &str, end: &str) -> String {
    format!(
        r#"{{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[{content}],{end},"usage":{{"input_tokens":3,"output_tokens":4}}}}"#
    )
}

fn finish(end: &str) -> (Finish, String) {
    let response = decoded(&message(r#"{"type":"text","text":"x"}"#, end)).unwrap();
    (response.finish, response.native_finish)
}

#[test]
fn an_answer_of_all_kinds_of_blocks_is_read() {
    let body = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[
        {"type":"thinking","thinking":"Hm","signature":"c2ln"},
        {"type":"redacted_thinking","data":"eHg="},
        {"type":"text","text":"One","citations":[{"type":"web_search_result_location","url":"https://a.b","title":"T","encrypted_index":"e","cited_text":"c"},{"type":"char_location","cited_text":"c"}]},
        {"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{"query":"q"}},
        {"type":"tool_use","id":"toolu_1","name":"f","input":{ "b" : 12345678901234567890, "a" : [1e400] }}],
        "stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":10,"cache_read_input_tokens":5,"cache_creation_input_tokens":7,"cache_creation":{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":3},"output_tokens":20,"output_tokens_details":{"thinking_tokens":8},"server_tool_use":{"web_search_requests":2},"service_tier":"priority"}}"#;
    let response = decoded(body).unwrap();
    let [Part::Reasoning(open), Part::Reasoning(closed), Part::Text(text), Part::Opaque(search), Part::ToolCall(call)] =
        &response.parts[..]
    else {
        panic!("{:?}", response.parts)
    };
    let state = |reasoning: &Reasoning<'_>| {
        reasoning.state.as_ref().map(|state| (state.format, state.data.clone().into_owned()))
    };
    assert_eq!((&*open.text, state(open)), ("Hm", Some((StateFormat::AnthropicSignature, "c2ln".to_owned()))));
    assert_eq!((&*closed.text, state(closed)), ("", Some((StateFormat::AnthropicRedacted, "eHg=".to_owned()))));
    let [web, other] = &text.citations[..] else { panic!("{:?}", text.citations) };
    let whole_block = CitationKind::Web { url: "https://a.b".into(), title: Some("T".into()), start: None, end: None };
    assert_eq!((&*text.text, &web.kind, &other.kind), ("One", &whole_block, &CitationKind::Other));
    assert_eq!(&*search.kind, "server_tool_use");
    assert_eq!(call.arguments, r#"{"b":12345678901234567890,"a":[1e400]}"#, "order and numbers stay");
    let usage = Usage {
        input: 10,
        cache_read: 5,
        cache_write: 4,
        cache_write_1h: 3,
        output: 20,
        reasoning: 8,
        web_searches: 2,
        ..Usage::default()
    };
    assert_eq!((response.usage, response.service_class.as_deref()), (Some(usage), Some("priority")));
    assert_eq!((response.finish, &*response.native_finish), (Finish::ToolCalls, "tool_use"));
}

#[test]
fn stop_reasons_have_their_neutral_words() {
    let word = |word: &str| finish(&format!(r#""stop_reason":"{word}""#)).0;
    assert_eq!(word("end_turn"), Finish::Stop);
    assert_eq!(word("max_tokens"), Finish::Length);
    assert_eq!(word("tool_use"), Finish::ToolCalls);
    assert_eq!(word("model_context_window_exceeded"), Finish::ContextFull);
    assert_eq!(word("refusal"), Finish::Filtered { explanation: None, category: None });
    let stop = finish(r#""stop_reason":"stop_sequence","stop_sequence":"END""#).0;
    assert_eq!(stop, Finish::StopSequence(Some("END".to_owned())));
    let details = r#""stop_reason":"refusal","stop_details":{"type":"refusal","category":"bio","explanation":"No."}"#;
    let refusal = Finish::Filtered { explanation: Some("No.".to_owned()), category: Some("bio".to_owned()) };
    assert_eq!(finish(details).0, refusal);
    assert_eq!(finish(r#""stop_reason":"compaction""#), (Finish::Stop, "compaction".to_owned()));
}

#[test]
fn pitfall_026_a_call_without_input_has_an_empty_object_as_arguments() {
    for input in ["", r#","input":{}"#] {
        let call = format!(r#"{{"type":"tool_use","id":"toolu_1","name":"f"{input}}}"#);
        let response = decoded(&message(&call, r#""stop_reason":"tool_use""#)).unwrap();
        assert!(matches!(&response.parts[..], [Part::ToolCall(call)] if call.arguments == "{}"), "{input}");
    }
}

#[test]
fn pitfall_036_calls_finish_with_tool_calls_whatever_the_provider_says() {
    let call = r#"{"type":"tool_use","id":"toolu_1","name":"f","input":{}}"#;
    let finish = |end: &str| decoded(&message(call, end)).unwrap().finish;
    for word in [r#""end_turn""#, r#""STOP""#, "null", r#""""#, r#""something""#] {
        assert_eq!(finish(&format!(r#""stop_reason":{word}"#)), Finish::ToolCalls, "{word}");
    }
    assert_eq!(finish(r#""stop_reason":"max_tokens""#), Finish::Length, "limits win");
    assert_eq!(finish(r#""stop_reason":"refusal""#), Finish::Filtered { explanation: None, category: None });
}

#[test]
fn pitfall_066_thinking_keeps_its_signature_and_redacted_thinking_has_none() {
    let blocks = r#"{"type":"thinking","thinking":"","signature":"Eq+/=="},{"type":"redacted_thinking","data":"+/="}"#;
    let response = decoded(&message(blocks, r#""stop_reason":"end_turn""#)).unwrap();
    let states: Vec<_> = response
        .parts
        .iter()
        .map(|part| match part {
            Part::Reasoning(Reasoning { text, state: Some(state), .. }) if text.is_empty() => {
                (state.format, &*state.data)
            }
            part => panic!("{part:?}"),
        })
        .collect();
    assert_eq!(states, [(StateFormat::AnthropicSignature, "Eq+/=="), (StateFormat::AnthropicRedacted, "+/=")]);
}

#[test]
fn pitfall_090_thinking_tokens_are_a_part_of_the_output() {
    let body = r#"{"content":[],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":9,"output_tokens_details":{"thinking_tokens":7}}}"#;
    let usage = decoded(body).unwrap().usage.unwrap();
    assert_eq!((usage.output, usage.reasoning), (9, 7));
    let beyond = body.replace(":7}", ":70}");
    assert_eq!(decoded(&beyond).unwrap().usage.unwrap().reasoning, 9, "never more than the output");
}

#[test]
fn pitfall_098_all_text_blocks_are_kept() {
    let blocks = r#"{"type":"text","text":"a"},{"type":"text","text":""},{"type":"text","text":" b"}"#;
    let response = decoded(&message(blocks, r#""stop_reason":"end_turn""#)).unwrap();
    assert_eq!(response.parts, [Part::Text(TextPart::new("a")), Part::Text(TextPart::new(" b"))]);
}

#[test]
fn pitfall_102_a_paused_turn_is_told_apart() {
    assert_eq!(finish(r#""stop_reason":"pause_turn""#), (Finish::Paused, "pause_turn".to_owned()));
}

#[test]
fn pitfall_085_input_tokens_are_those_that_were_not_cached() {
    let body = r#"{"content":[],"stop_reason":"end_turn","usage":{"input_tokens":3,"cache_read_input_tokens":100,"cache_creation_input_tokens":50,"output_tokens":9}}"#;
    let usage = decoded(body).unwrap().usage.unwrap();
    assert_eq!((usage.input, usage.prompt()), (3, 153));
}

#[test]
fn a_call_without_id_gets_the_same_one_streamed_and_whole() {
    let whole = decoded(&message(
        r#"{"type":"text","text":"x"},{"type":"tool_use","id":"","name":"f","input":{}}"#,
        r#""stop_reason":"tool_use""#,
    ))
    .unwrap();
    let [_, Part::ToolCall(call)] = &whole.parts[..] else { panic!("{:?}", whole.parts) };
    let events = read_events(&[
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"x"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","name":"f"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"}}"#,
    ]);
    let streamed = events.iter().find_map(|event| match event {
        Event::Open { what: Opening::ToolCall { id, .. }, .. } => Some(id.as_str()),
        _ => None,
    });
    assert_eq!(streamed, Some(&*call.id));
    assert!(call.id.starts_with("toolu_"));
}

#[test]
fn what_is_no_message_is_an_error() {
    let class = |body: &str| decoded(body).unwrap_err().class;
    assert_eq!(class(r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#), ErrorClass::Overloaded);
    assert_eq!(class(r#"{"error":{"message":"m","type":"server_error"}}"#), ErrorClass::Upstream);
    assert_eq!(class(r#"{"id":"x","choices":[]}"#), ErrorClass::Upstream);
    assert_eq!(class("[]"), ErrorClass::Upstream);
    let empty = decoded(r#"{"type":"message","content":null,"stop_reason":"end_turn"}"#).unwrap();
    assert_eq!((empty.parts.len(), empty.usage), (0, None), "a message that says nothing is one");
    let text = decoded(r#"{"content":"Hi","stop_reason":"end_turn"}"#).unwrap();
    assert_eq!(text.parts, [Part::Text(TextPart::new("Hi"))], "some hosts answer with a string");
    assert_eq!(class(r#"{"content":[{"type":"tool_use","id":"t","input":{}}]}"#), ErrorClass::Upstream);
}
