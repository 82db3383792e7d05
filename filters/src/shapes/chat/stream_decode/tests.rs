//! What hosts make of chat streams, each oddity in a stream of its own, whole and cut anywhere.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;

use super::super::testing::{collected, data, deltas, message, read, read_split, stream, whole};
use crate::Shape;
use crate::neutral::{
    ApiError, CitationKind, ErrorClass, Event, Finish, Opening, Part, Reasoning, Response, StateFormat, Usage, minted,
};

/// The parts of an answer in short.
fn short(response: &Response) -> Vec<String> {
    let short = |part: &Part<'_>| match part {
        Part::Text(text) => format!("text {}", text.text),
        Part::Refusal(refusal) => format!("refusal {refusal}"),
        Part::Reasoning(Reasoning { text, summary, state }) => {
            let kind = if *summary { "summary" } else { "thought" };
            let state = state.as_ref().map_or(String::new(), |state| format!(" [{:?} {}]", state.format, state.data));
            format!("{kind} {text}{state}")
        }
        Part::ToolCall(call) => {
            let custom = if call.custom { "custom" } else { "call" };
            format!("{custom} {} {} {}", call.id, call.name, call.arguments)
        }
        Part::Opaque(opaque) => format!("opaque {}", opaque.kind),
        other => format!("{other:?}"),
    };
    response.parts.iter().map(short).collect()
}

/// The parts of an answer that comes in these deltas.
fn parts(all: &[&str]) -> Vec<String> {
    short(&collected(deltas(all, "stop")).unwrap())
}

fn calls(all: &[&str]) -> Vec<String> {
    let deltas_of: Vec<String> = all.iter().map(|calls| format!(r#"{{"tool_calls":[{calls}]}}"#)).collect();
    let response = collected(deltas(&deltas_of.iter().map(String::as_str).collect::<Vec<_>>(), "tool_calls")).unwrap();
    assert_eq!(response.finish, Finish::ToolCalls);
    short(&response)
}

fn error(events: Vec<Event>) -> ApiError {
    match events.last() {
        Some(Event::Error(error)) => (**error).clone(),
        other => panic!("{other:?}"),
    }
}

fn call_id(number: usize) -> String {
    minted("seed", "call_", number)
}

const HI: &str = r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}"#;
const STOP: &str = r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#;

#[test]
fn a_plain_stream_is_told_in_order() {
    let role = r#"{"id":"c","model":"m","service_tier":"default","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}],"usage":null}"#;
    let events = stream(&[role, HI, STOP, USAGE, "[DONE]"]);
    let (id, model) = ("c".to_owned(), "m".to_owned());
    let usage = Usage { input: 3, output: 2, ..Usage::default() };
    let expected = [
        Event::Start { id, model, service_class: Some("standard".to_owned()) },
        Event::Open { part: 0, what: Opening::Text },
        Event::Text { part: 0, text: "hi".to_owned() },
        Event::Usage(usage),
        Event::Close { part: 0 },
        Event::Finish { finish: Finish::Stop, native: "stop".to_owned() },
        Event::End,
    ];
    assert_eq!(events, expected);
}

#[test]
fn pitfall_02_comments_line_ends_several_data_lines_and_a_missing_last_blank_line_are_handled() {
    let text = format!(
        "\u{feff}: OPENROUTER PROCESSING\r\n\r\ndata: {HI}\r\n\r\n: again\n\ndata: {{\"choices\":[\ndata: {{\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\r\rdata: [DONE]"
    );
    let events = read_split(&Bytes::from(text));
    assert_eq!(events.iter().filter(|event| **event == Event::Heartbeat).count(), 2);
    assert_eq!(short(&collected(events).unwrap()), ["text hi"]);
}

#[test]
fn pitfall_01_characters_that_are_cut_between_chunks_come_whole() {
    assert_eq!(
        parts(&[r#"{"content":"h\u00e9"}"#, "{\"content\":\"\u{1f600}\u{e9}\"}"]),
        ["text h\u{e9}\u{1f600}\u{e9}"]
    );
}

#[test]
fn pitfall_06_a_stream_that_never_says_why_it_ended_broke() {
    for (data, whole) in [
        (&[HI][..], false),
        (&[HI, "[DONE]"], false),
        (&[HI, USAGE], false),
        (&[][..], false),
        (&["[DONE]"], false),
        // Final counts before the end mark show that it was finished.
        (&[HI, USAGE, "[DONE]"], true),
        (&[HI, STOP], true),
        (&[HI, STOP, USAGE], true),
    ] {
        let events = stream(data);
        if whole {
            assert_eq!(events.last(), Some(&Event::End), "{data:?}");
        } else {
            assert_eq!(error(events).class, ErrorClass::Upstream, "{data:?}");
        }
    }
}

#[test]
fn pitfall_10_what_a_provider_says_of_its_error_survives() {
    let data = r#"{"error":{"message":"Slow down","type":"requests","param":"model","code":"slow_down"}}"#;
    let told = error(stream(&[HI, data, HI]));
    assert_eq!((told.message.as_str(), told.param.as_deref()), ("Slow down", Some("model")));
    assert_eq!(told.code.as_deref(), Some("slow_down"));
    let router = r#"{"id":"gen-1","choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}],"error":{"code":502,"message":"gone"}}"#;
    assert_eq!(error(stream(&[HI, router])).message, "gone");
    let in_choice =
        r#"{"choices":[{"index":0,"delta":{},"error":{"code":502,"message":"gone"},"finish_reason":"error"}]}"#;
    assert_eq!(error(stream(&[HI, in_choice])).message, "gone");
    let named = "event: error\ndata: {\"message\":\"bad call\",\"code\":\"tool_use_failed\"}\n\n";
    let told = error(read_split(&Bytes::from(format!("data: {HI}\n\n{named}"))));
    assert_eq!((told.message.as_str(), told.code.as_deref()), ("bad call", Some("tool_use_failed")));
    assert_eq!(error(stream(&[r#"{"object":"error","message":"no"}"#])).message, "no");
    let busy = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"insufficient_system_resource"}]}"#;
    assert_eq!(error(stream(&[HI, busy])).class, ErrorClass::Overloaded);
    let garbled = error(stream(&[HI, "{\"choices\":["]));
    assert_eq!(garbled.class, ErrorClass::Upstream);
}

#[test]
fn pitfall_15_empty_and_null_fields_and_fields_that_are_not_known_are_accepted() {
    let events = stream(&[
        r#"{"id":"c","model":"m","choices":null}"#,
        r#"{"id":"c","model":"m","choices":[],"prompt_filter_results":[{"x":1}]}"#,
        r#"{"choices":[{"index":0,"delta":{"role":"","content":null,"tool_calls":[],"new":{"a":[1]}},"finish_reason":""}],"obfuscation":"x"}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null,"logprobs":null}],"error":null}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t","type":null,"function":{"name":"f","arguments":"{}"}}]},"finish_reason":null}]}"#,
        r#"{"choices":[{"index":0,"delta":null,"finish_reason":null}]}"#,
        r#"{"choices":[{"index":1,"delta":{"content":"other"},"finish_reason":"length"}]}"#,
        r#"{"choices":[{"index":0,"delta":{"audio":{"expires_at":1}}}]}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
        "[DONE]",
    ]);
    let response = collected(events).unwrap();
    assert_eq!(short(&response), ["text a", "call t f {}"]);
    assert_eq!((response.finish, response.native_finish.as_str()), (Finish::ToolCalls, "stop"));
}

#[test]
fn pitfall_16_empty_pieces_between_those_of_calls_open_no_text() {
    let all = [
        r#"{"role":"assistant","content":"","reasoning":"","refusal":""}"#,
        r#"{"content":"","tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":""}}]}"#,
        r#"{"content":""}"#,
        r#"{"content":"","tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}]}"#,
        r#"{"content":[]}"#,
        r#"{"content":"","tool_calls":[{"index":0,"function":{"arguments":"1}"}}]}"#,
    ];
    assert_eq!(parts(&all), [r#"call t f {"a":1}"#]);
    let events = deltas(&all, "tool_calls");
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Open { .. })).count(), 1);
}

#[test]
fn pitfall_21_pieces_of_calls_are_joined_by_id_then_index_then_the_latest_call() {
    let both = ["call a f {\"x\":1}", "call b g {\"y\":2}"];
    let usual = [
        r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}"#,
        r#"{"index":1,"id":"b","function":{"name":"g","arguments":"{\"y\""}}"#,
        r#"{"index":0,"function":{"arguments":":1}"}}"#,
        r#"{"index":1,"function":{"arguments":":2}"}}"#,
    ];
    assert_eq!(calls(&usual), both);
    // No index at all, one that is not zero, sparse ones.
    let without = usual.map(|call| call.replace(r#""index":0,"#, "").replace(r#""index":1,"#, ""));
    let [first, second, more_first, more_second] = &without;
    assert_eq!(calls(&[first, more_first, second, more_second]), both);
    let sparse = usual.map(|call| call.replace(r#""index":1"#, r#""index":7"#).replace(r#""index":0"#, r#""index":3"#));
    assert_eq!(calls(&sparse.each_ref().map(String::as_str)), both);
    // The same index for all, told apart by id; and by name where there is no id.
    let same = [
        r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}"#,
        r#"{"index":0,"id":"a","function":{"arguments":":1}"}}"#,
        r#"{"index":0,"id":"b","function":{"name":"g","arguments":"{\"y\""}}"#,
        r#"{"index":0,"function":{"arguments":":2}"}}"#,
    ];
    assert_eq!(calls(&same), both);
    let by_name = [
        r#"{"index":0,"function":{"name":"f","arguments":"{\"x\":1}"}}"#,
        r#"{"index":0,"function":{"name":"g","arguments":"{\"y\":2}"}}"#,
    ];
    let (one, two) = (call_id(0), call_id(1));
    assert_eq!(calls(&by_name), [format!("call {one} f {{\"x\":1}}"), format!("call {two} g {{\"y\":2}}")]);
    // Both whole in one piece, without anything to tell them apart.
    let in_one = r#"{"function":{"name":"f","arguments":"{}"}},{"function":{"name":"f","arguments":"{}"}}"#;
    assert_eq!(calls(&[in_one]), [format!("call {one} f {{}}"), format!("call {two} f {{}}")]);
    // The same id for two calls.
    let twice = r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}},{"index":1,"id":"a","function":{"name":"g","arguments":"{}"}}"#;
    assert_eq!(calls(&[twice]), ["call a f {}", "call a_2 g {}"]);
}

#[test]
fn pitfall_22_a_call_without_an_id_gets_one_that_stays() {
    for id in ["", r#""id":"","#, r#""id":null,"#] {
        let begin = format!(r#"{{"index":0,{id}"type":"function","function":{{"name":"f","arguments":"{{"}}}}"#);
        let more = format!(r#"{{"index":0,{id}"function":{{"arguments":"}}"}}}}"#);
        assert_eq!(calls(&[&begin, &more]), [format!("call {} f {{}}", call_id(0))]);
    }
    // One that comes when the call was told with its own is not taken any more.
    let begin = r#"{"index":0,"function":{"name":"f","arguments":"{"}}"#;
    let late = r#"{"index":0,"id":"late","function":{"arguments":"}"}}"#;
    assert_eq!(calls(&[begin, late]), [format!("call {} f {{}}", call_id(0))]);
    // Before, it is.
    let begin = r#"{"index":0,"function":{"name":"f","arguments":""}}"#;
    let late = r#"{"index":0,"id":"late","function":{"arguments":"{}"}}"#;
    assert_eq!(calls(&[begin, late]), ["call late f {}"]);
}

#[test]
fn pitfall_23_arguments_wait_for_the_name() {
    let late = [
        r#"{"index":0,"id":"t","function":{"arguments":"{\"a\""}}"#,
        r#"{"index":0,"function":{"name":"f","arguments":":1"}}"#,
        r#"{"index":0,"function":{"arguments":"}"}}"#,
    ];
    assert_eq!(calls(&late), [r#"call t f {"a":1}"#]);
    let pieces = [
        r#"{"index":0,"id":"t","function":{"name":"get_"}}"#,
        r#"{"index":0,"function":{"name":"weather","arguments":""}}"#,
        r#"{"index":0,"function":{"arguments":"{}"}}"#,
    ];
    assert_eq!(calls(&pieces), ["call t get_weather {}"]);
    let repeated = [
        r#"{"index":0,"id":"t","function":{"name":"f","arguments":""}}"#,
        r#"{"index":0,"id":"t","function":{"name":"f","arguments":"{"}}"#,
        r#"{"index":0,"id":"t","function":{"name":"f","arguments":"}"}}"#,
    ];
    assert_eq!(calls(&repeated), ["call t f {}"]);
    let never = deltas(&[r#"{"tool_calls":[{"index":0,"id":"t","function":{"arguments":"{}"}}]}"#], "tool_calls");
    assert_eq!(error(never).class, ErrorClass::Upstream);
}

#[test]
fn pitfall_24_and_25_arguments_are_over_only_at_the_end() {
    let begin = r#"{"index":0,"id":"t","function":{"name":"f","arguments":"{\"a\":1}"}}"#;
    let more = r#"{"index":0,"function":{"arguments":" x"}}"#;
    let blank = r#"{"index":0,"function":{"arguments":"\n"}}"#;
    assert_eq!(calls(&[begin, more]), [r#"call t f {"a":1} x"#]);
    let events =
        deltas(&[&format!(r#"{{"tool_calls":[{begin}]}}"#), &format!(r#"{{"tool_calls":[{blank}]}}"#)], "stop");
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Open { .. })).count(), 1);
}

#[test]
fn pitfall_26_a_call_without_arguments_is_a_call() {
    for body in [r#"{"name":"f"}"#, r#"{"name":"f","arguments":""}"#, r#"{"name":"f","arguments":null}"#] {
        assert_eq!(calls(&[&format!(r#"{{"index":0,"id":"t","function":{body}}}"#)]), ["call t f {}"]);
        let call = json!({"id": "t", "function": serde_json::from_str::<serde_json::Value>(body).unwrap()});
        assert_eq!(short(&message(&json!({"tool_calls": [call]}), "tool_calls")), ["call t f {}"]);
    }
}

#[test]
fn arguments_that_are_no_text_are_taken_as_json() {
    let object = r#"{"index":0,"id":"t","function":{"name":"f","arguments":{"a": 1e400, "b": "x y"}}}"#;
    assert_eq!(calls(&[object]), [r#"call t f {"a":1e400,"b":"x y"}"#]);
}

#[test]
fn pitfall_30_cut_arguments_stay_as_they_are_and_the_limit_wins() {
    let cut = r#"{"tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":"{\"a\": \"x"}}]}"#;
    let response = collected(deltas(&[cut], "length")).unwrap();
    assert_eq!(short(&response), [r#"call t f {"a": "x"#]);
    assert_eq!(response.finish, Finish::Length);
}

#[test]
fn pitfall_36_calls_win_over_whatever_word_but_limits_and_filters() {
    let call = r#"{"tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":"{}"}}]}"#;
    let filtered = Finish::Filtered { explanation: None, category: None };
    for (word, finish) in [
        ("stop", Finish::ToolCalls),
        ("STOP", Finish::ToolCalls),
        ("function_call", Finish::ToolCalls),
        ("eos", Finish::ToolCalls),
        ("length", Finish::Length),
        ("MAX_TOKENS", Finish::Length),
        ("model_length", Finish::ContextFull),
        ("content_filter", filtered.clone()),
    ] {
        let response = collected(deltas(&[call], word)).unwrap();
        assert_eq!((response.finish, response.native_finish.as_str()), (finish, word));
    }
    let whole = message(&json!({"content": "", "tool_calls": [{"id": "t", "function": {"name": "f"}}]}), "");
    assert_eq!((whole.finish, whole.native_finish.as_str()), (Finish::ToolCalls, "tool_calls"));
    // And the word alone is no call.
    assert_eq!(collected(deltas(&[r#"{"content":"a"}"#], "tool_calls")).unwrap().finish, Finish::Stop);
}

#[test]
fn the_providers_own_word_tells_more_than_the_routers() {
    let ended = |extra: serde_json::Value| {
        let mut choice = json!({"index": 0, "message": {"content": "a"}, "finish_reason": "stop"});
        choice.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let response = whole(&json!({"choices": [choice]})).unwrap();
        (response.finish, response.native_finish)
    };
    let native = |word: &str| (word.to_owned(), json!({"native_finish_reason": word}));
    let (word, said) = native("pause_turn");
    assert_eq!(ended(said), (Finish::Paused, word));
    let (word, said) = native("stop_sequence");
    assert_eq!(ended(said), (Finish::StopSequence(None), word));
    assert_eq!(ended(json!({"stop_reason": "END"})), (Finish::StopSequence(Some("END".to_owned())), "stop".to_owned()));
    assert_eq!(ended(json!({"stop_reason": 154_827})), (Finish::Stop, "stop".to_owned()));
    let full = json!({"finish_reason": "length", "native_finish_reason": "model_context_window_exceeded"});
    assert_eq!(ended(full).0, Finish::ContextFull);
    assert_eq!(ended(json!({"finish_reason": null})), (Finish::Stop, "stop".to_owned()));
}

#[test]
fn an_ending_that_is_said_twice_is_one_and_what_comes_after_it_still_counts() {
    let call = r#"{"choices":[{"index":0,"delta":{"content":"","tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}]}"#;
    let ended =
        r#"{"choices":[{"index":0,"delta":{"content":""},"finish_reason":"length","native_finish_reason":"max"}]}"#;
    let late = r#"{"choices":[{"index":0,"delta":{"content":"late"},"finish_reason":null}]}"#;
    let again = r#"{"choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
    let response = collected(stream(&[call, ended, late, again, "[DONE]"])).unwrap();
    assert_eq!(short(&response), ["call t f {}", "text late"]);
    assert_eq!((response.finish, response.native_finish.as_str()), (Finish::Length, "max"));
    assert_eq!(response.usage.unwrap().total(), 2);
}

#[test]
fn calls_of_old_and_of_custom_tools_are_read() {
    let old = [
        r#"{"content":null,"function_call":{"name":"f","arguments":""}}"#,
        r#"{"function_call":{"arguments":"{\"a\":1}"}}"#,
    ];
    assert_eq!(parts(&old), [format!("call {} f {{\"a\":1}}", call_id(0))]);
    let custom = [
        r#"{"index":0,"id":"t","type":"custom","custom":{"name":"grep","input":""}}"#,
        r#"{"index":0,"custom":{"input":"fo"}}"#,
        r#"{"index":0,"custom":{"input":"o"}}"#,
    ];
    assert_eq!(calls(&custom), ["custom t grep foo"]);
    let both = json!({
        "content": "", "function_call": {"name": "", "arguments": ""},
        "tool_calls": [{"id": "t", "type": "function", "custom": {"name": "", "input": ""}, "function": {"name": "f", "arguments": "{}"}}],
    });
    assert_eq!(short(&message(&both, "")), ["call t f {}"]);
}

#[test]
fn text_between_calls_keeps_its_place() {
    let all = [
        r#"{"content":"a"}"#,
        r#"{"tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":"{"}}]}"#,
        r#"{"content":"b"}"#,
        r#"{"tool_calls":[{"index":0,"function":{"arguments":"}"}}]}"#,
    ];
    assert_eq!(parts(&all), ["text a", "call t f {}", "text b"]);
}

#[test]
fn pitfall_70_pieces_of_reasoning_of_one_kind_and_number_belong_together() {
    let detail = |entry: &str| format!(r#"{{"reasoning":"no","reasoning_details":[{entry}]}}"#);
    let all = [
        detail(r#"{"type":"reasoning.text","text":"a","format":"anthropic-claude-v1","index":0}"#),
        detail(r#"{"type":"reasoning.text","text":"b","index":0}"#),
        r#"{"reasoning_details":[{"type":"reasoning.text","signature":"S1","format":"anthropic-claude-v1","index":0}]}"#.to_owned(),
        detail(r#"{"type":"reasoning.text","text":"c","index":1}"#),
        r#"{"reasoning_details":[{"type":"reasoning.text","signature":"S2","index":1}]}"#.to_owned(),
        r#"{"reasoning_details":[{"type":"reasoning.encrypted","data":"R","format":"anthropic-claude-v1","index":2}]}"#.to_owned(),
        r#"{"content":"x"}"#.to_owned(),
    ];
    let expected = [
        "thought ab [AnthropicSignature S1]",
        "thought c [AnthropicSignature S2]",
        "thought  [AnthropicRedacted R]",
        "text x",
    ];
    assert_eq!(parts(&all.each_ref().map(String::as_str)), expected);
    let summary = [
        r#"{"reasoning_details":[{"type":"reasoning.summary","summary":"a","format":"openai-responses-v1","index":0}]}"#,
        r#"{"reasoning_details":[{"type":"reasoning.summary","summary":"b","format":"openai-responses-v1","index":0}]}"#,
        r#"{"reasoning_details":[{"type":"reasoning.encrypted","data":"E","id":"rs_1","format":"openai-responses-v1","index":0}]}"#,
    ];
    let response = collected(deltas(&summary, "stop")).unwrap();
    assert_eq!(short(&response), ["summary ab [OpenAiEncrypted E]"]);
    let Some(Part::Reasoning(Reasoning { state: Some(state), .. })) = response.parts.first() else { panic!() };
    assert_eq!(state.id.as_deref(), Some("rs_1"));
}

#[test]
fn pitfall_64_signatures_are_never_joined() {
    let blocks = json!({"thinking_blocks": [
        {"type": "thinking", "thinking": "a", "signature": "S1"},
        {"type": "thinking", "thinking": "", "signature": "S2"},
        {"type": "redacted_thinking", "data": "R"},
        {"type": "redacted_thinking", "data": "Q"},
    ], "reasoning_content": "a", "content": "x"});
    let expected = [
        "thought a [AnthropicSignature S1]",
        "thought  [AnthropicSignature S2]",
        "thought  [AnthropicRedacted R]",
        "thought  [AnthropicRedacted Q]",
        "text x",
    ];
    assert_eq!(short(&message(&blocks, "stop")), expected);
    let pieces = [
        r#"{"reasoning_content":"a","thinking_blocks":[{"type":"thinking","thinking":"a","signature":""}]}"#,
        r#"{"reasoning_content":"b","thinking_blocks":[{"type":"thinking","thinking":"b","signature":null}]}"#,
        r#"{"reasoning_content":"","thinking_blocks":[{"type":"thinking","thinking":"","signature":"S"}]}"#,
        r#"{"content":"x"}"#,
    ];
    assert_eq!(parts(&pieces), ["thought ab [AnthropicSignature S]", "text x"]);
}

#[test]
fn geminis_state_goes_to_the_call_that_it_belongs_to() {
    let details = [
        r#"{"reasoning":"hm","reasoning_details":[{"type":"reasoning.text","text":"hm","format":"google-gemini-v1","index":0}]}"#,
        r#"{"reasoning_details":[{"type":"reasoning.encrypted","data":"G","id":"t","format":"google-gemini-v1","index":0}],"tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":"{}"}}]}"#,
    ];
    let own = [
        r#"{"reasoning":"hm"}"#,
        r#"{"tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"G"}}}]}"#,
    ];
    for all in [details, own] {
        let response = collected(deltas(&all, "stop")).unwrap();
        assert_eq!(short(&response), ["thought hm", "call t f {}"]);
        let Some(Part::ToolCall(call)) = response.parts.last() else { panic!() };
        let state = call.state.as_ref().unwrap();
        assert_eq!((state.format, &*state.data, state.id.as_deref()), (StateFormat::GoogleSignature, "G", Some("t")));
    }
    // State whose call never comes is not lost.
    let alone =
        r#"{"reasoning_details":[{"type":"reasoning.encrypted","data":"G","id":"t","format":"google-gemini-v1"}]}"#;
    assert_eq!(parts(&[alone]), ["thought  [GoogleSignature G]"]);
}

#[test]
fn pitfall_72_encrypted_reasoning_is_never_text() {
    let all = [
        r#"{"reasoning":"[REDACTED]","reasoning_details":[{"type":"reasoning.encrypted","data":"E","format":"xai-responses-v1","index":0}]}"#,
        r#"{"content":"x"}"#,
    ];
    let events = deltas(&all, "stop");
    assert!(!events.iter().any(|event| matches!(event, Event::Reasoning { .. })));
    let response = collected(events).unwrap();
    assert_eq!(short(&response), ["thought  [Unknown E]", "text x"]);
    let Some(Part::Reasoning(Reasoning { state: Some(state), .. })) = response.parts.first() else { panic!() };
    assert_eq!(state.extra.as_ref().unwrap().raw(), r#"{"format":"xai-responses-v1"}"#);
}

#[test]
fn pitfall_84_reasoning_that_is_an_object_or_stands_twice_is_read_once() {
    for delta in [
        r#"{"reasoning_content":{"text":"hm"}}"#,
        r#"{"reasoning_content":{"content":[{"text":"h"},{"text":"m"}]}}"#,
        r#"{"reasoning":"hm","reasoning_content":"hm"}"#,
        r#"{"reasoning":null,"reasoning_content":"hm"}"#,
        r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}"#,
        r#"{"content":[{"type":"thinking","thinking":"hm"}]}"#,
    ] {
        assert_eq!(parts(&[delta, r#"{"content":"x"}"#]), ["thought hm", "text x"], "{delta}");
    }
    for odd in ["7", "true", "[]", "{}", "[[]]", r#"{"text":7}"#] {
        assert_eq!(parts(&[&format!(r#"{{"reasoning_content":{odd},"content":"x"}}"#)]), ["text x"], "{odd}");
    }
}

#[test]
fn pitfall_98_all_texts_of_an_answer_are_there() {
    let message_of = json!({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}, {"text": "c"}]});
    assert_eq!(short(&message(&message_of, "stop")), ["text abc"]);
}

#[test]
fn a_refusal_is_a_refusal_though_the_word_is_stop() {
    let filtered = Finish::Filtered { explanation: None, category: None };
    let response = collected(deltas(&[r#"{"refusal":"I "}"#, r#"{"refusal":"won't"}"#], "stop")).unwrap();
    assert_eq!((short(&response), response.finish), (vec!["refusal I won't".to_owned()], filtered));
}

#[test]
fn citations_belong_to_the_text_and_files_are_kept() {
    let all = [
        r#"{"content":"abc"}"#,
        r#"{"annotations":[{"type":"url_citation","url_citation":{"url":"u","title":"t","start_index":0,"end_index":2}},{"type":"file","file":{"hash":"h"}}]}"#,
    ];
    let response = collected(deltas(&all, "stop")).unwrap();
    let [Part::Text(text)] = response.parts.as_slice() else { panic!("{response:?}") };
    let [web, file] = text.citations.as_slice() else { panic!() };
    let kind = CitationKind::Web { url: "u".into(), title: Some("t".into()), start: Some(0), end: Some(2) };
    assert_eq!((&web.kind, web.shape), (&kind, Shape::Chat));
    assert_eq!((&file.kind, file.raw.raw()), (&CitationKind::Other, r#"{"type":"file","file":{"hash":"h"}}"#));
    // Before the text, and flat.
    let all = [r#"{"annotations":[{"type":"url_citation","url":"u"}]}"#, r#"{"content":"abc"}"#];
    let response = collected(deltas(&all, "stop")).unwrap();
    let [Part::Text(text)] = response.parts.as_slice() else { panic!("{response:?}") };
    assert!(matches!(&text.citations.first().unwrap().kind, CitationKind::Web { url, .. } if url == "u"));
}

#[test]
fn perplexitys_sources_are_read_once_and_its_whole_message_not_at_all() {
    let chunk = |text: &str, all: &str, reason: &str| {
        format!(
            r#"{{"id":"c","model":"sonar","search_results":[{{"title":"T","url":"u"}}],"choices":[{{"index":0,"message":{{"content":"{all}"}},"delta":{{"content":"{text}"}},"finish_reason":{reason}}}]}}"#
        )
    };
    let chunks = [chunk("1", "1", "null"), chunk(" 2", "1 2", "null"), chunk("", "1 2", "\"stop\"")];
    let response = collected(stream(&chunks.each_ref().map(String::as_str))).unwrap();
    assert_eq!(short(&response), ["text 1 2"]);
    let [Part::Text(text)] = response.parts.as_slice() else { panic!("{response:?}") };
    assert_eq!(text.citations.len(), 1);
    // A host that sends a message where a delta should be.
    let message = r#"{"choices":[{"index":0,"message":{"content":"all"},"finish_reason":"stop"}]}"#;
    assert_eq!(short(&collected(stream(&[message, "[DONE]"])).unwrap()), ["text all"]);
}

#[test]
fn parts_that_only_chat_has_are_kept_whole() {
    let all = [
        r#"{"content":[{"type":"text","text":"a"},{"type":"reference","reference_ids":[1]},{"type":"text","text":"b"}]}"#,
        r#"{"images":[{"type":"image_url","image_url":{"url":"data:x"}}]}"#,
    ];
    assert_eq!(parts(&all), ["text a", "opaque reference", "text b", "opaque image_url"]);
}

#[test]
fn counts_are_read_wherever_they_stand() {
    let counts = r#"{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14}"#;
    for chunk in [
        format!(r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"stop"}}],"usage":{counts}}}"#),
        format!(r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"stop"}}],"x_groq":{{"usage":{counts}}}}}"#),
        format!(r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"stop","usage":{counts}}}]}}"#),
    ] {
        let usage = collected(stream(&[HI, &chunk, "[DONE]"])).unwrap().usage.unwrap();
        assert_eq!((usage.input, usage.output), (10, 4), "{chunk}");
    }
    // They may grow with every piece.
    let piece = |n: u64| {
        format!(
            r#"{{"choices":[{{"index":0,"delta":{{"content":"a"}}}}],"usage":{{"prompt_tokens":3,"completion_tokens":{n}}}}}"#
        )
    };
    let response = collected(stream(&[&piece(1), &piece(2), &piece(2), STOP])).unwrap();
    assert_eq!(response.usage.unwrap().output, 2);
}

#[test]
fn pitfall_85_90_and_91_each_token_is_in_one_bucket() {
    let usage = |usage: serde_json::Value| {
        whole(&json!({"choices": [{"message": {}}], "usage": usage})).unwrap().usage.unwrap()
    };
    let cached = usage(json!({
        "prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
        "completion_tokens_details": {"reasoning_tokens": 15},
    }));
    let expected = Usage { input: 10, cache_read: 60, cache_write: 30, output: 20, reasoning: 15, ..Usage::default() };
    assert_eq!(cached, expected);
    // More was cached than there was, more reasoned than said: nothing goes below zero.
    let odd = usage(json!({
        "prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 60},
        "completion_tokens_details": {"reasoning_tokens": 15, "audio_tokens": null},
    }));
    assert_eq!((odd.input, odd.reasoning, odd.output), (0, 5, 5));
    // Reasoning that is counted beside the output, as the total gives away.
    let beside = usage(json!({
        "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 30,
        "completion_tokens_details": {"reasoning_tokens": 15},
    }));
    assert_eq!((beside.output, beside.reasoning), (20, 15));
}

#[test]
fn pitfall_103_an_empty_answer_that_is_finished_is_done() {
    let response = collected(deltas(&[r#"{"role":"assistant","content":""}"#], "stop")).unwrap();
    assert_eq!((response.parts.len(), response.finish), (0, Finish::Stop));
    let whole = message(&json!({"role": "assistant", "content": null}), "stop");
    assert_eq!((whole.parts.len(), whole.finish), (0, Finish::Stop));
}

#[test]
fn a_whole_answer_that_is_none_is_an_error() {
    for body in [json!({}), json!([]), json!("x"), json!({"choices": []}), json!({"choices": null})] {
        assert_eq!(whole(&body).unwrap_err().class, ErrorClass::Upstream, "{body}");
    }
    let filtered = whole(&json!({"error": {"message": "filtered", "code": "content_filter"}})).unwrap_err();
    assert_eq!(filtered.message, "filtered");
    let only_second =
        json!({"choices": [{"index": 1, "message": {"content": "b"}}, {"index": 0, "message": {"content": "a"}}]});
    assert_eq!(short(&whole(&only_second).unwrap()), ["text a"]);
}

#[test]
fn nothing_follows_an_end_or_an_error() {
    let events = stream(&[HI, STOP, "[DONE]", HI, "nonsense", "[DONE]"]);
    assert_eq!(events.last(), Some(&Event::End));
    assert_eq!(data(&Bytes::from("data: 1\n\n")).len(), 1);
}

/// Any JSON, with the names of the shape where names stand.
fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        (0_u64..4).prop_map(|number| number.to_string()),
        "[a-f]{0,3}".prop_map(|text| format!("\"{text}\"")),
        Just("\"stop\"".to_owned()),
        Just("\"reasoning.text\"".to_owned()),
        Just("\"reasoning.encrypted\"".to_owned()),
        Just("\"text\"".to_owned()),
    ];
    let names = prop::sample::select(vec![
        "choices",
        "delta",
        "message",
        "index",
        "content",
        "refusal",
        "reasoning",
        "reasoning_content",
        "reasoning_details",
        "thinking_blocks",
        "tool_calls",
        "function_call",
        "function",
        "custom",
        "id",
        "name",
        "arguments",
        "input",
        "type",
        "text",
        "data",
        "signature",
        "summary",
        "format",
        "finish_reason",
        "native_finish_reason",
        "usage",
        "prompt_tokens",
        "annotations",
        "images",
        "extra_content",
        "google",
        "thought_signature",
        "error",
        "thinking",
        "model",
    ]);
    leaf.prop_recursive(6, 48, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|list| format!("[{}]", list.join(","))),
            prop::collection::vec((names.clone(), inner), 0..5).prop_map(|members| {
                let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    /// The order of events is checked inside of `read`.
    #[test]
    fn any_chunks_give_events_in_order_however_they_are_cut(
        deltas in prop::collection::vec(any_json(), 0..6),
        raw in any_json(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut text: String = deltas.iter().map(|delta| format!("data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{delta}}}]}}\n\n")).collect();
        text.push_str(&format!("data: {raw}\n\ndata: {STOP}\n\ndata: [DONE]\n\n"));
        let stream = Bytes::from(text);
        let expected = read([stream.clone()]);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).chain([0, stream.len()]).collect();
        cuts.sort_unstable();
        let chunks = cuts.windows(2).filter_map(|ends| Some(stream.slice(*ends.first()?..*ends.last()?)));
        prop_assert_eq!(read(chunks), expected);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read([Bytes::from(bytes)]);
    }

    #[test]
    fn any_body_is_read_without_a_panic(body in any_json()) {
        let _ = super::super::response::decode(crate::json::View::parse(body.as_bytes()).unwrap(), "seed");
    }
}

#[test]
fn what_waits_for_the_name_of_a_call_is_bounded() {
    let delta = |call: &str| format!(r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{call}]}}}}]}}"#);
    let fed = |pieces: &mut dyn Iterator<Item = String>| {
        let mut decoder = super::Decoder::new("seed");
        let mut events = Vec::new();
        for piece in pieces {
            decoder.chunk(crate::json::View::parse(piece.as_bytes()).unwrap(), false, &mut events);
        }
        events.into_iter().find_map(|event| if let Event::Error(error) = event { Some(error.class) } else { None })
    };
    let nameless = delta(&format!(r#"{{"index":0,"function":{{"arguments":"{}"}}}}"#, "1".repeat(1 << 20)));
    assert_eq!(fed(&mut std::iter::repeat_n(nameless.clone(), 8)), None);
    assert_eq!(fed(&mut std::iter::repeat_n(nameless, 9)), Some(ErrorClass::Upstream));
    let named = |number: usize| delta(&format!(r#"{{"index":{number},"id":"c{number}","function":{{"name":"f"}}}}"#));
    assert_eq!(fed(&mut (0..1_024).map(named)), None);
    assert_eq!(fed(&mut (0..1_025).map(named)), Some(ErrorClass::Upstream));
}
