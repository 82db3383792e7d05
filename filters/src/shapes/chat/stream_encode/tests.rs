//! What streams look like that chat clients are sent.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use serde_json::{Value, json};

use super::super::testing::{SEED, answering, collected, data, read, written};
use super::*;
use crate::Shape;
use crate::neutral::{
    ApiError, CitationKind, ErrorClass, Finish, Opaque, Part, Reasoning, Response, StateFormat, TextPart, ToolCall,
};

fn start() -> Event {
    Event::Start { id: "msg_1".to_owned(), model: "claude".to_owned(), service_class: None }
}

fn finish(finish: Finish, native: &str) -> Event {
    Event::Finish { finish, native: native.to_owned() }
}

fn state(format: StateFormat, data: &'static str) -> State<'static> {
    State { format, data: data.into(), id: None, origin: None, extra: None }
}

/// The events of a part, opened and closed.
fn part(number: u32, what: Opening, pieces: Vec<Event>) -> Vec<Event> {
    let mut events = vec![Event::Open { part: number, what }];
    events.extend(pieces);
    events.push(Event::Close { part: number });
    events
}

fn text(part: u32, text: &str) -> Event {
    Event::Text { part, text: text.to_owned() }
}

fn call(name: &str, state: Option<State<'static>>) -> Opening {
    Opening::ToolCall { id: "t".to_owned(), name: name.to_owned(), custom: false, state }
}

/// The stream of an answer with these parts.
fn told(parts: Vec<Vec<Event>>, end: Event, answering: &Answering) -> bytes::Bytes {
    let mut events = vec![start()];
    events.extend(parts.into_iter().flatten());
    events.push(end);
    events.push(Event::Usage(Usage { input: 3, output: 2, ..Usage::default() }));
    events.push(Event::End);
    written(&events, answering)
}

/// The deltas of a stream, the one with the role and the last ones left out.
fn deltas(parts: Vec<Vec<Event>>, answering: &Answering) -> Vec<Value> {
    let all = data(&told(parts, finish(Finish::Stop, "end_turn"), answering));
    let deltas: Vec<Value> = all.iter().map(|chunk| chunk["choices"][0]["delta"].clone()).collect();
    deltas[1..deltas.len() - 3].to_vec()
}

#[test]
fn pitfall_13_and_14_a_stream_begins_with_the_role_and_ends_with_done() {
    let hi = part(0, Opening::Text, vec![text(0, "hi\n\u{e9}")]);
    let stream = told(vec![hi], finish(Finish::Stop, "end_turn"), &answering());
    let head = r#"{"id":"msg_1","object":"chat.completion.chunk","created":1700000000,"model":"claude","choices":["#;
    let expected = [
        format!(
            r#"data: {head}{{"index":0,"delta":{{"role":"assistant","content":""}},"logprobs":null,"finish_reason":null}}]}}"#
        ),
        format!(
            "data: {head}{{\"index\":0,\"delta\":{{\"content\":\"hi\\n\u{e9}\"}},\"logprobs\":null,\"finish_reason\":null}}]}}"
        ),
        format!(
            r#"data: {head}{{"index":0,"delta":{{}},"logprobs":null,"finish_reason":"stop","native_finish_reason":"end_turn"}}]}}"#
        ),
        format!(
            r#"data: {head}],"usage":{{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"prompt_tokens_details":{{"cached_tokens":0,"cache_write_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":0}}}}}}"#
        ),
        "data: [DONE]".to_owned(),
    ];
    assert_eq!(std::str::from_utf8(&stream).unwrap(), expected.map(|event| event + "\n\n").concat());
}

#[test]
fn pitfall_93_counts_are_sent_only_to_who_asked_for_them() {
    let quiet = Answering { include_usage: false, ..answering() };
    let stream = told(Vec::new(), finish(Finish::Stop, "stop"), &quiet);
    assert!(!std::str::from_utf8(&stream).unwrap().contains("usage"));
    assert!(stream.ends_with(b"data: [DONE]\n\n"));
    assert_eq!(data(&stream).len(), 3);
}

#[test]
fn an_answer_without_id_and_model_gets_them() {
    let start = Event::Start { id: String::new(), model: String::new(), service_class: Some("priority".to_owned()) };
    let stream = data(&written(&[start, Event::ServiceClass("standard".to_owned()), Event::End], &answering()));
    let [first, _] = stream.as_slice() else { unreachable!("{stream:?}") };
    assert_eq!(
        (first["id"].as_str(), first["model"].as_str()),
        (Some(&*answering().minted("chatcmpl-", 0)), Some("asked"))
    );
    assert_eq!(first["service_tier"], "priority");
}

#[test]
fn an_error_ends_the_stream_without_done() {
    let error = ApiError::new(ErrorClass::Overloaded, "busy").with_code("slow_down").with_param("model");
    let events = [start(), Event::Error(Box::new(error)), Event::End, text(0, "late")];
    let stream = written(&events, &answering());
    let last = data(&stream).pop().unwrap();
    let expected = json!({"error": {"message": "busy", "type": "service_unavailable_error", "param": "model", "code": "slow_down"}});
    assert_eq!((last, data(&stream).len()), (expected, 2));
    // Nothing but the error when nothing was begun.
    let error = ApiError::new(ErrorClass::Upstream, "gone");
    assert_eq!(data(&written(&[Event::Error(Box::new(error))], &answering())).len(), 1);
}

#[test]
fn a_heartbeat_is_a_comment() {
    assert_eq!(&written(&[Event::Heartbeat], &answering())[..], b": keep-alive\n\n");
}

#[test]
fn calls_are_numbered_among_themselves() {
    let first = vec![Event::Open { part: 1, what: call("f", None) }, Event::Open { part: 2, what: call("g", None) }];
    let pieces = vec![
        Event::Arguments { part: 2, json: "{\"y\"".to_owned() },
        Event::Arguments { part: 1, json: "{}".to_owned() },
        Event::Arguments { part: 2, json: ":1}".to_owned() },
        Event::Close { part: 1 },
        Event::Close { part: 2 },
    ];
    let named = Answering { tool_names: vec![("g".to_owned(), "own g".to_owned())], ..answering() };
    let got = deltas(vec![part(0, Opening::Text, vec![text(0, "a")]), first, pieces], &named);
    let begun = |index: u64, name: &str| json!({"tool_calls": [{"index": index, "id": "t", "type": "function", "function": {"name": name, "arguments": ""}}]});
    let more = |index: u64, text: &str| json!({"tool_calls": [{"index": index, "function": {"arguments": text}}]});
    let expected =
        [json!({"content": "a"}), begun(0, "f"), begun(1, "own g"), more(1, "{\"y\""), more(0, "{}"), more(1, ":1}")];
    assert_eq!(got, expected);
}

#[test]
fn pitfall_26_a_call_without_arguments_has_none() {
    let blank = vec![Event::Arguments { part: 0, json: " ".to_owned() }];
    for pieces in [Vec::new(), blank] {
        let got = deltas(vec![part(0, call("f", None), pieces)], &answering());
        assert_eq!(got.last().unwrap()["tool_calls"][0]["function"]["arguments"], "{}");
    }
    let custom = Opening::ToolCall { id: "t".to_owned(), name: "grep".to_owned(), custom: true, state: None };
    let got = deltas(vec![part(0, custom, vec![Event::Arguments { part: 0, json: "foo".to_owned() }])], &answering());
    let begun =
        json!({"tool_calls": [{"index": 0, "id": "t", "type": "custom", "custom": {"name": "grep", "input": ""}}]});
    assert_eq!(got, [begun, json!({"tool_calls": [{"index": 0, "custom": {"input": "foo"}}]})]);
}

#[test]
fn pitfall_30_cut_arguments_are_sent_as_they_are_with_the_limit() {
    let cut = part(0, call("f", None), vec![Event::Arguments { part: 0, json: "{\"a\": \"x".to_owned() }]);
    let all = data(&told(vec![cut], finish(Finish::Length, "max_tokens"), &answering()));
    assert_eq!(all[2]["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"], "{\"a\": \"x");
    assert_eq!(all[3]["choices"][0]["finish_reason"], "length");
}

#[test]
fn pitfall_48_nothing_is_said_that_the_model_did_not_say() {
    let stream = told(vec![part(0, call("f", None), Vec::new())], finish(Finish::ToolCalls, "tool_use"), &answering());
    let texts: Vec<Value> = data(&stream).iter().map(|chunk| chunk["choices"][0]["delta"]["content"].clone()).collect();
    assert!(texts.iter().all(|text| text.is_null() || text == ""), "{texts:?}");
}

fn thought(number: u32, pieces: &[&str], state: Option<State<'static>>) -> Vec<Event> {
    let mut events: Vec<Event> =
        pieces.iter().map(|text| Event::Reasoning { part: number, text: (*text).to_owned() }).collect();
    events.extend(state.map(|state| Event::State { part: number, state }));
    part(number, Opening::Reasoning { summary: false }, events)
}

#[test]
fn pitfall_70_reasoning_is_sent_in_pieces_that_clients_can_merge() {
    let signed = thought(0, &["a", "b"], Some(state(StateFormat::AnthropicSignature, "S")));
    let redacted = thought(1, &[], Some(state(StateFormat::AnthropicRedacted, "R")));
    let got = deltas(vec![signed, redacted], &answering());
    let piece = |text: &str| {
        json!({
            "reasoning": text, "reasoning_content": text,
            "reasoning_details": [{"type": "reasoning.text", "text": text, "index": 0}],
        })
    };
    let expected = [
        piece("a"),
        piece("b"),
        json!({"reasoning_details": [{"type": "reasoning.text", "signature": "S", "format": "anthropic-claude-v1", "index": 0}]}),
        json!({"reasoning_details": [{"type": "reasoning.encrypted", "data": "R", "format": "anthropic-claude-v1", "index": 1}]}),
    ];
    assert_eq!(got, expected);
}

#[test]
fn pitfall_72_hidden_reasoning_keeps_its_state_and_shows_nothing() {
    let hidden = Answering { hide_reasoning: true, ..answering() };
    let signed = thought(0, &["secret"], Some(state(StateFormat::AnthropicSignature, "S")));
    let plain = thought(1, &["secret"], Some(state(StateFormat::Plain, "secret")));
    let got = deltas(vec![signed, plain], &hidden);
    let expected = json!({"reasoning_details": [{"type": "reasoning.text", "signature": "S", "format": "anthropic-claude-v1", "index": 0}]});
    assert_eq!(got, [expected]);
}

#[test]
fn state_of_a_call_stands_in_the_details_and_beside_the_call() {
    let got =
        deltas(vec![part(0, call("f", Some(state(StateFormat::GoogleSignature, "G"))), Vec::new())], &answering());
    let first = &got[0];
    let detail =
        json!([{"type": "reasoning.encrypted", "id": "t", "data": "G", "format": "google-gemini-v1", "index": 0}]);
    assert_eq!(first["reasoning_details"], detail);
    assert_eq!(first["tool_calls"][0]["extra_content"], json!({"google": {"thought_signature": "G"}}));
}

#[test]
fn citations_are_told_with_their_number_and_the_place_of_their_text_in_the_whole() {
    let page = |kind: CitationKind<'static>| Citation { kind, shape: Shape::Messages, raw: Json::null() };
    let web = CitationKind::Web { url: "u".into(), title: None, start: None, end: None };
    let cited = |number: u32, said: &str, kind| {
        let cite = Event::Cite { part: number, citation: page(kind) };
        part(number, Opening::Text, vec![cite, text(number, said)])
    };
    let got = deltas(
        vec![
            part(0, Opening::Text, vec![text(0, "\u{e9}\u{e9}")]),
            cited(1, "abc", web.clone()),
            cited(2, "d", CitationKind::Other),
            cited(3, "e", web),
        ],
        &answering(),
    );
    // The number lets OpenAI's SDK add a citation to those that came before; it raises an error where there is none.
    let citation = |index: u32, start: u32, end: u32| {
        let page = json!({"url": "u", "title": "", "start_index": start, "end_index": end});
        json!({"annotations": [{"index": index, "type": "url_citation", "url_citation": page}]})
    };
    let expected = [
        json!({"content": "\u{e9}\u{e9}"}),
        json!({"content": "abc"}),
        citation(0, 2, 5),
        json!({"content": "d"}),
        json!({"content": "e"}),
        citation(1, 6, 7),
    ];
    assert_eq!(got, expected);
}

#[test]
fn blocks_of_other_shapes_are_not_shown() {
    let opaque = |shape| Opaque { shape, kind: "image_url".into(), raw: Json::of(&json!({"type": "image_url"})) };
    let foreign = part(0, Opening::Opaque(opaque(Shape::Messages)), Vec::new());
    let own = part(1, Opening::Opaque(opaque(Shape::Chat)), Vec::new());
    assert_eq!(deltas(vec![foreign, own], &answering()), [json!({"images": [{"type": "image_url"}]})]);
}

#[test]
fn pitfall_102_a_paused_turn_is_stop_with_its_own_word() {
    for (reason, native, word) in [
        (Finish::Paused, "pause_turn", "stop"),
        (Finish::StopSequence(Some("x".to_owned())), "stop_sequence", "stop"),
        (Finish::ContextFull, "model_context_window_exceeded", "length"),
        // None was told.
        (Finish::ToolCalls, "tool_use", "stop"),
        (Finish::Filtered { explanation: None, category: None }, "content_filter", "content_filter"),
        (Finish::Length, "", "length"),
    ] {
        let all = data(&told(Vec::new(), finish(reason, native), &answering()));
        let choice = &all[1]["choices"][0];
        let native = if native.is_empty() { word } else { native };
        assert_eq!(
            (choice["finish_reason"].as_str(), choice["native_finish_reason"].as_str()),
            (Some(word), Some(native))
        );
    }
}

#[test]
fn a_refusal_is_told_in_words() {
    let refused =
        |explanation: Option<&str>| Finish::Filtered { explanation: explanation.map(str::to_owned), category: None };
    for (reason, native, told_as) in [
        (refused(Some("It is unsafe.")), "refusal", Some("It is unsafe.")),
        (refused(None), "refusal", Some("The model refused to respond.")),
        (refused(None), "content_filter", None),
    ] {
        let all = data(&told(Vec::new(), finish(reason, native), &answering()));
        assert_eq!(all[1]["choices"][0]["delta"]["refusal"].as_str(), told_as);
    }
    let own = part(0, Opening::Refusal, vec![text(0, "No.")]);
    let all = data(&told(vec![own], finish(refused(Some("other")), "refusal"), &answering()));
    let words: Vec<&str> = all.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["refusal"].as_str()).collect();
    assert_eq!(words, ["No."]);
}

#[test]
fn what_is_written_is_read_as_it_was() {
    let call = |id: &'static str, custom, arguments: &'static str, state: Option<State<'static>>| {
        let state = state.map(|state| State { id: Some(id.into()), ..state });
        Part::ToolCall(ToolCall {
            id: id.into(),
            name: "f".into(),
            arguments: arguments.into(),
            custom,
            cache: None,
            state,
        })
    };
    let thought = |text: &'static str, summary, state| Part::Reasoning(Reasoning { text: text.into(), summary, state });
    let openai = State { id: Some("rs_1".into()), ..state(StateFormat::OpenAiEncrypted, "E") };
    // Gemini's text is a summary elsewhere: that this is none goes along.
    let extra = Some(Json::of(&json!({"summary": false})));
    let google = State { extra, ..state(StateFormat::GoogleSignature, "G") };
    let response = Response {
        id: "c".to_owned(),
        model: "m".to_owned(),
        parts: vec![
            thought("one", false, Some(state(StateFormat::AnthropicSignature, "S1"))),
            thought("", false, Some(state(StateFormat::AnthropicSignature, "S2"))),
            thought("", false, Some(state(StateFormat::AnthropicRedacted, "R"))),
            thought("sum", true, Some(openai)),
            thought("two", false, Some(google)),
            thought("three", false, None),
            thought("four", false, None),
            Part::Text(TextPart::new("text")),
            call("a", false, "{\"x\":1}", Some(state(StateFormat::GoogleSignature, "G2"))),
            call("b", true, "free text", None),
            call("c", false, "{}", None),
        ],
        finish: Finish::ToolCalls,
        native_finish: "tool_use".to_owned(),
        usage: Some(Usage {
            input: 1,
            cache_read: 2,
            cache_write: 3,
            cache_write_1h: 4,
            output: 9,
            reasoning: 5,
            audio_input: 1,
            audio_output: 1,
            image_output: 2,
            web_searches: 6,
        }),
        service_class: Some("standard".to_owned()),
    };
    let body = super::super::response::encode(&response, &answering());
    let again = super::super::response::decode(crate::json::View::parse(&body).unwrap(), SEED).unwrap();
    assert_eq!(again, response);
    let events = crate::neutral::told(response.clone());
    assert_eq!(collected(read([written(&events, &answering())])).unwrap(), response);
}

#[test]
fn a_stream_without_calls_does_not_end_for_its_calls() {
    let all = data(&told(
        vec![part(0, Opening::Text, vec![text(0, "hi")])],
        finish(Finish::ToolCalls, "tool_use"),
        &answering(),
    ));
    let last = &all[all.len() - 3]["choices"][0];
    assert_eq!((&last["finish_reason"], &last["native_finish_reason"]), (&json!("stop"), &json!("tool_use")));
}

#[test]
fn clients_of_deprecated_functions_are_streamed_one_call_in_their_own_way() {
    let old = Answering { deprecated_functions: true, ..answering() };
    let arguments = |part, json: &str| Event::Arguments { part, json: json.to_owned() };
    let calls = vec![
        part(0, call("f", None), vec![arguments(0, "{\"a\""), arguments(0, ":1}")]),
        part(1, call("g", None), vec![arguments(1, "{}")]),
    ];
    let deltas = deltas(calls.clone(), &old);
    assert_eq!(
        deltas,
        [
            json!({"function_call": {"name": "f", "arguments": ""}}),
            json!({"function_call": {"arguments": "{\"a\""}}),
            json!({"function_call": {"arguments": ":1}"}}),
        ]
    );
    let all = data(&told(calls, finish(Finish::ToolCalls, "tool_use"), &old));
    assert_eq!(all[all.len() - 3]["choices"][0]["finish_reason"], "function_call");
}

#[test]
fn what_a_text_quotes_is_held_within_bounds() {
    let cite = |raw: &Value| Event::Cite {
        part: 0,
        citation: Citation { kind: CitationKind::Other, shape: Shape::Chat, raw: Json::of(raw) },
    };
    let failure = |count: usize, citation: &Event| {
        let mut encoder = Encoder::new(&answering());
        let mut out = BytesMut::new();
        encoder.event(&Event::Open { part: 0, what: Opening::Text }, &mut out);
        (0..count).for_each(|_| encoder.event(citation, &mut out));
        encoder.failure().map(|error| error.class)
    };
    let small = cite(&json!({"type": "url_citation"}));
    assert_eq!(failure(1_024, &small), None);
    assert_eq!(failure(1_025, &small), Some(ErrorClass::Upstream));
    assert_eq!(failure(9, &cite(&json!("x".repeat(1 << 20)))), Some(ErrorClass::Upstream));
}
