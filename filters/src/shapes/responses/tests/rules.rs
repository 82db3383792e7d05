//! Requests that are peeked into, edits, streams that pass unchanged, errors.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::json::splice;
use crate::neutral::{ApiError, ErrorClass, Usage};
use crate::prefix::Prefix;
use crate::shapes::{Edits, MAX_EVENT_BYTES, Parameters, Peek, decode_error, encode_error_event, peek};
use crate::sse::Framer;
use crate::tap::{EventKind, Tap};
use crate::tokens::{Family, estimate_input};
use crate::{Operation, Shape};

fn peeked(body: &Value) -> Peek {
    peek(Shape::Responses, Operation::Generate, body.to_string().as_bytes()).unwrap()
}

fn refused(body: &Value) -> (Option<String>, String) {
    let error = peek(Shape::Responses, Operation::Generate, body.to_string().as_bytes()).unwrap_err();
    (error.param, error.message)
}

#[test]
fn a_request_says_what_it_needs() {
    let found = peeked(&json!({
        "model": "gpt-5", "stream": true, "input": [
            {"role": "user", "content": [
                {"type": "input_text", "text": "see"},
                {"type": "input_image", "detail": "auto", "file_id": null, "image_url": "data:image/png;base64,AAAA"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"},
            ]},
            {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_image", "image_url": "https://x/y.png"}]},
        ],
        "tools": [{"type": "function", "name": "f"}], "tool_choice": {"type": "function", "name": "f"},
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {}}}, "reasoning": {"effort": "low"},
        "max_output_tokens": 100, "temperature": 0.5, "safety_identifier": "bob", "user": "alice",
    }));
    assert_eq!((found.model.as_str(), found.stream, found.has_messages), ("gpt-5", true, true));
    let needs = found.needs;
    assert!(needs.tools && needs.forced_tool && needs.images && needs.documents && !needs.audio);
    assert!(needs.structured_output && needs.reasoning && !needs.no_reasoning);
    assert_eq!(needs.parameters, Parameters::TEMPERATURE);
    assert_eq!((found.max_output, found.end_user.as_deref(), found.stored_state), (Some(100), Some("bob"), None));
    assert_eq!(found.attachment_tokens, 1_600 * 2 + 2_000);
}

#[test]
fn text_alone_is_a_conversation() {
    let found =
        peeked(&json!({"model": "m", "input": "hi", "reasoning": {"effort": "none"}, "tool_choice": "required"}));
    assert!(found.has_messages && !found.stream && found.needs.no_reasoning && found.needs.forced_tool);
    for (choice, forced) in [
        (json!("auto"), false),
        (json!({"type": "allowed_tools", "mode": "auto", "tools": []}), false),
        (json!({"type": "allowed_tools", "mode": "required", "tools": []}), true),
        (json!({"type": "web_search_preview"}), true),
    ] {
        assert_eq!(peeked(&json!({"model": "m", "input": "hi", "tool_choice": choice})).needs.forced_tool, forced);
    }
}

#[test]
fn pitfall_109_what_points_to_something_that_a_provider_keeps_is_noticed() {
    let stored = |more: Value| {
        let mut body = json!({"model": "m"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        peeked(&body).stored_state
    };
    assert_eq!(stored(json!({"input": "hi", "previous_response_id": "resp_1"})), Some("previous_response_id"));
    assert_eq!(stored(json!({"input": "hi", "previous_response_id": null, "conversation": null})), None);
    assert_eq!(stored(json!({"conversation": {"id": "conv_1"}})), Some("conversation"));
    assert_eq!(stored(json!({"prompt": {"id": "p"}})), Some("prompt"));
    for (body, background, keeps) in [
        (json!({"model": "m", "input": "hi", "background": true, "store": true}), true, true),
        (json!({"model": "m", "input": "hi", "background": false, "store": false}), false, false),
        (json!({"model": "m", "input": "hi", "store": null}), false, true),
    ] {
        let found = peeked(&body);
        assert_eq!((found.background, found.keeps_answer, found.stored_state), (background, keeps, None), "{body}");
    }
    let found = |id: &str| peeked(&json!({"model": "m", "previous_response_id": id})).previous_response;
    assert_eq!((found("resp_1").as_deref(), found(&"x".repeat(129))), (Some("resp_1"), None));
    assert_eq!(stored(json!({"input": [{"type": "item_reference", "id": "i"}]})), Some("input.item_reference"));
    assert_eq!(stored(json!({"input": [{"id": "i"}]})), Some("input.item_reference"));
    assert_eq!(stored(json!({"input": [{"id": "i", "role": "user", "content": "x"}]})), None);
}

#[test]
fn wrong_requests_are_told_which_field_is_wrong() {
    for (body, param, words) in [
        (json!({"input": "x"}), "model", "`model` is missing"),
        (json!({"model": "m"}), "input", "`input` is missing"),
        (json!({"model": "m", "input": null}), "input", "`input` is missing"),
        (json!({"model": "m", "input": {}}), "input", "a string or an array"),
        (json!({"model": "m", "input": "x", "stream": "yes"}), "stream", "true or false"),
    ] {
        let (found, message) = refused(&body);
        assert_eq!(found.as_deref(), Some(param), "{body}");
        assert!(message.contains(words), "{message}");
    }
    let twice = br#"{"model":"m","input":"a","input":[]}"#;
    let error = peek(Shape::Responses, Operation::Generate, twice).unwrap_err();
    assert_eq!(error.param.as_deref(), Some("input"));
}

#[test]
fn edits_name_the_model_and_bound_the_output() {
    let edited = |body: &'static str, max_output: Option<u64>| {
        let body = Bytes::from_static(body.as_bytes());
        let found = peek(Shape::Responses, Operation::Generate, &body).unwrap();
        let edits = found.edits(&Edits { model: "gpt-5", ask_usage: true, completion_tokens_field: true, max_output });
        String::from_utf8(splice(&body, &edits).concat()).unwrap()
    };
    const PLAIN: &str = r#"{"model": "x", "input": "hi"}"#;
    assert_eq!(edited(PLAIN, None), r#"{"model": "gpt-5", "input": "hi"}"#);
    assert_eq!(edited(PLAIN, Some(50)), r#"{"model": "gpt-5", "input": "hi","max_output_tokens":50}"#);
    // Less than 16 is refused.
    assert_eq!(edited(PLAIN, Some(3)), r#"{"model": "gpt-5", "input": "hi","max_output_tokens":16}"#);
    const BOUND: &str = r#"{"model":"x","input":"hi","max_output_tokens":40}"#;
    assert_eq!(edited(BOUND, Some(50)), r#"{"model":"gpt-5","input":"hi","max_output_tokens":40}"#);
    assert_eq!(edited(BOUND, Some(20)), r#"{"model":"gpt-5","input":"hi","max_output_tokens":20}"#);
}

fn tapped(stream: &str) -> (String, Tap) {
    let mut framer = Framer::new(MAX_EVENT_BYTES);
    let mut tap = Tap::new(Shape::Responses);
    let mut kinds = String::new();
    let mut take = |kind: EventKind| {
        kinds.push(match kind {
            EventKind::Structural => 's',
            EventKind::Content => 'c',
            EventKind::UsageOnly => 'u',
            EventKind::Heartbeat => 'h',
            EventKind::Finish => 'f',
            EventKind::Done => 'd',
            EventKind::Error(_) => 'e',
        });
    };
    for chunk in stream.as_bytes().chunks(10_000) {
        framer.push(Bytes::copy_from_slice(chunk));
        while let Some(piece) = framer.next() {
            take(tap.piece(&piece));
        }
    }
    (kinds, tap)
}

fn stream(events: &[Value]) -> String {
    let line = |(number, event): (usize, &Value)| {
        let mut event = event.clone();
        event["sequence_number"] = json!(number);
        format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap())
    };
    events.iter().enumerate().map(line).collect()
}

const USAGE: &str = r#"{"input_tokens":9,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":1},"output_tokens":5,"output_tokens_details":{"reasoning_tokens":3},"total_tokens":14}"#;

fn events() -> Vec<Value> {
    let usage: Value = serde_json::from_str(USAGE).unwrap();
    vec![
        json!({"type": "response.created", "response": {"id": "resp_1", "model": "gpt-5", "status": "in_progress", "service_tier": "auto", "error": null}}),
        json!({"type": "response.in_progress", "response": {"id": "resp_1"}}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": {"id": "rs", "type": "reasoning", "summary": []}}),
        json!({"type": "response.reasoning_summary_text.delta", "delta": "Plan it"}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": {"id": "rs", "type": "reasoning", "summary": [], "encrypted_content": "g"}}),
        json!({"type": "response.output_item.added", "output_index": 1, "item": {"type": "message"}}),
        json!({"type": "response.output_text.delta", "delta": ""}),
        json!({"type": "response.output_text.delta", "delta": "Hi there"}),
        json!({"type": "response.output_item.added", "output_index": 2, "item": {"type": "function_call", "name": "f"}}),
        json!({"type": "response.function_call_arguments.delta", "delta": "{}"}),
        json!({"type": "response.later.thing"}),
        json!({"type": "keepalive"}),
        json!({"type": "response.completed", "response": {"id": "resp_1", "status": "completed", "service_tier": "default", "error": null, "incomplete_details": null, "output": [], "usage": usage}}),
    ]
}

#[test]
fn a_stream_that_passes_is_understood() {
    let (kinds, tap) = tapped(&stream(&events()));
    assert_eq!(kinds, "ssscc".to_owned() + "sscccshd");
    let expected = Usage { input: 4, cache_read: 4, cache_write: 1, output: 5, reasoning: 3, ..Usage::default() };
    assert_eq!((tap.usage(), tap.is_complete(), tap.finish_reason()), (Some(expected), true, Some("completed")));
    assert_eq!((tap.model(), tap.service_class()), (Some("gpt-5"), Some("standard")));
    assert!((5..30).contains(&tap.delivered_tokens()), "{}", tap.delivered_tokens());
}

#[test]
fn pitfall_6_and_121_a_stream_without_its_last_event_was_cut() {
    let mut events = events();
    events.pop();
    let (_, tap) = tapped(&stream(&events));
    assert!(!tap.is_complete() && tap.usage().is_none());
    // Some hosts send this; alone it is no end.
    let (kinds, tap) = tapped(&(stream(&events) + "data: [DONE]\n\n"));
    assert!(kinds.ends_with('d') && !tap.is_complete());
    let incomplete = json!({"type": "response.incomplete", "response": {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}});
    let (kinds, tap) = tapped(&stream(&[incomplete]));
    assert_eq!((kinds.as_str(), tap.is_complete(), tap.finish_reason()), ("d", true, Some("max_output_tokens")));
}

#[test]
fn pitfall_10_errors_in_a_stream_keep_their_words() {
    let failed = json!({"type": "response.failed", "response": {"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "slow"}}});
    let bare = json!({"type": "error", "code": "rate_limit_exceeded", "message": "slow", "param": null});
    let nested =
        json!({"type": "error", "error": {"type": "tokens", "code": "rate_limit_exceeded", "message": "slow"}});
    for event in [failed, bare, nested] {
        let data = format!("data: {event}\n\n");
        let mut framer = Framer::new(MAX_EVENT_BYTES);
        framer.push(Bytes::from(data));
        let EventKind::Error(error) = Tap::new(Shape::Responses).piece(&framer.next().unwrap()) else {
            panic!("{event}");
        };
        assert_eq!((error.class, error.message.as_str()), (ErrorClass::RateLimit, "slow"), "{event}");
        assert_eq!(error.code.as_deref(), Some("rate_limit_exceeded"));
    }
    let whole = json!({"id": "resp_1", "object": "response", "status": "failed", "error": {"code": "server_error", "message": "m"}});
    assert!(
        matches!(Tap::new(Shape::Responses).body(whole.to_string().as_bytes()), EventKind::Error(error) if error.class == ErrorClass::Upstream)
    );
    let xai = decode_error(Shape::Responses, br#"{"code": "invalid-argument", "error": "Incorrect API key provided"}"#);
    assert_eq!(xai.message.as_deref(), Some("Incorrect API key provided"));
}

#[test]
fn the_last_event_may_be_larger_than_any_that_is_held() {
    let mut events = events();
    let last = events.last_mut().unwrap();
    last["response"]["instructions"] = json!("say \"}{\\\" ".repeat(20_000));
    last["response"]["tools"] =
        json!([{"type": "function", "name": "f", "usage": {"input_tokens": 1}, "parameters": {"status": "x"}}]);
    let text = stream(&events);
    assert!(text.len() > MAX_EVENT_BYTES * 2);
    let (kinds, tap) = tapped(&text);
    assert!(kinds.ends_with("cd"), "{kinds}");
    assert!(tap.is_complete());
    assert_eq!(tap.usage().map(|usage| usage.total()), Some(14));
    assert_eq!((tap.finish_reason(), tap.service_class()), (Some("completed"), Some("standard")));
    // One of another kind is what it always was: output.
    let large = json!({"type": "response.output_text.delta", "delta": "x".repeat(70_000)});
    let (kinds, tap) = tapped(&stream(&[large]));
    assert!(kinds.bytes().all(|kind| kind == b'c') && !tap.is_complete());
}

#[test]
fn pitfall_121_a_stream_that_breaks_ends_with_a_failed_response() {
    let error = ApiError::new(ErrorClass::ContextOverflow, "too much");
    let event = |bytes: Vec<u8>| -> Value {
        let text = String::from_utf8(bytes).unwrap();
        let data = text.strip_prefix("event: response.failed\ndata: ").unwrap().strip_suffix("\n\n").unwrap();
        serde_json::from_str(data).unwrap()
    };
    let alone = event(encode_error_event(Shape::Responses, &error, "req_1"));
    assert_eq!(alone["response"]["error"]["code"], "context_length_exceeded");
    assert_eq!((&alone["response"]["status"], &alone["sequence_number"]), (&json!("failed"), &json!(0)));
    let mut events = events();
    events.truncate(8);
    let (_, tap) = tapped(&stream(&events));
    let after = event(tap.error_event(&error, "req_1"));
    assert_eq!((&after["response"]["id"], &after["sequence_number"]), (&json!("resp_1"), &json!(8)));
    let plain = event(encode_error_event(Shape::Responses, &ApiError::new(ErrorClass::BadRequest, "x"), "r"));
    assert_eq!(plain["response"]["error"]["code"], "invalid_prompt");
}

#[test]
fn counting_tokens_has_no_stream_and_no_bound() {
    let body = br#"{"model":"m","input":"x","stream":"?","max_output_tokens":5}"#;
    let found = peek(Shape::Responses, Operation::CountTokens, body).unwrap();
    assert_eq!((found.stream, found.max_output), (false, None));
    assert!(
        found
            .edits(&Edits { model: "m", ask_usage: true, completion_tokens_field: true, max_output: Some(9) })
            .is_empty()
    );
    let mut tap = Tap::new(Shape::Responses);
    assert_eq!(tap.body(br#"{"object":"response.input_tokens","input_tokens":7}"#), EventKind::Content);
}

#[test]
fn two_turns_have_the_first_one_in_common() {
    let of = |items: Value, instructions: &str| {
        let body = json!({"model": "m", "instructions": instructions, "input": items, "tools": [{"type": "function", "name": "f"}]});
        Prefix::of(Shape::Responses, body.to_string().as_bytes()).unwrap()
    };
    let one = json!({"role": "user", "content": "one"});
    let thought = json!({"type": "reasoning", "summary": [], "encrypted_content": "x"});
    let call = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"});
    let result = json!({"type": "function_call_output", "call_id": "c", "output": "1"});
    let developer = json!({"type": "message", "role": "developer", "content": "d"});
    let first = of(json!([developer, one]), "i");
    let second =
        of(json!([developer, {"type": "message", "role": "user", "content": "one"}, thought, call, result]), "i");
    assert_eq!((first.system(), first.tools(), first.opening()), (second.system(), second.tools(), second.opening()));
    assert_eq!((first.messages(), second.messages(), first.overlap(&second).shared), (1, 4, 1));
    assert!(first.answer().is_none() && second.answer().is_some());
    assert_ne!(first.system(), of(json!([one]), "i").system());
    let text = of(json!("one"), "i");
    assert_eq!((text.opening(), text.messages()), (of(json!([one]), "i").opening(), 1));
    assert_eq!(Prefix::of(Shape::Responses, br#"{"model":"m"}"#), None);
}

#[test]
fn tokens_of_items_are_estimated() {
    let family = Family::of(Shape::Responses, "gpt-5");
    let of = |body: &Value| estimate_input(Shape::Responses, body.to_string().as_bytes(), family);
    let chat = json!({"messages": [{"role": "user", "content": "Hello, world!"}], "tools": [{"type": "function", "function": {"name": "f", "description": "does it", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}}]});
    let flat = json!({"type": "function", "name": "f", "description": "does it", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}});
    let plain = json!({"input": "Hello, world!", "tools": [flat]});
    assert_eq!(of(&plain), estimate_input(Shape::Chat, chat.to_string().as_bytes(), family));
    let grouped = json!({"input": "Hello, world!", "tools": [{"type": "namespace", "name": "n", "tools": [flat]}]});
    assert_eq!(of(&grouped), of(&plain));
    let later = json!({"input": [{"role": "user", "content": "Hello, world!"}, {"type": "additional_tools", "role": "developer", "tools": [flat]}]});
    assert!(of(&later) >= of(&plain));
}
