//! What is found in requests and answers of this shape without translating them.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use bytes::Bytes;
use serde_json::{Value, json};

use crate::json::splice;
use crate::neutral::{ApiError, ErrorClass};
use crate::shapes::{Edits, InPath, Needs, Parameters, Peek, encode_error, peek_in_path};
use crate::sse::{Framer, Piece};
use crate::tap::{EventKind, Tap};
use crate::{Operation, Shape};

const PATH: InPath<'_> = InPath { model: "models/gemini-3", stream: true };

fn peek(body: &str) -> Peek {
    peek_in_path(Shape::GenerateContent, Operation::Generate, PATH, body.as_bytes()).unwrap()
}

fn with(more: &Value) -> Peek {
    let mut body = json!({"contents": [{"parts": [{"text": "hi"}]}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    peek(&body.to_string())
}

#[test]
fn the_path_names_the_model_and_the_body_tells_the_rest() {
    let found = peek(
        r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"generation_config":{"max_output_tokens":7,"candidateCount":2}}"#,
    );
    assert_eq!((found.model.as_str(), found.stream, found.has_messages), ("gemini-3", true, true));
    assert_eq!((found.max_output, found.choices), (Some(7), 2));
    assert!(!peek(r#"{"contents":[]}"#).has_messages);
    let refused = |body: &str| {
        let error = peek_in_path(Shape::GenerateContent, Operation::Generate, PATH, body.as_bytes()).unwrap_err();
        (error.class, error.param)
    };
    assert_eq!(refused("{}"), (ErrorClass::BadRequest, Some("contents".to_owned())));
    assert_eq!(refused(r#"{"contents":"x"}"#).1.as_deref(), Some("contents"));
    assert_eq!(refused(r#"{"contents":[],"contents":[]}"#).1.as_deref(), Some("contents"));
    let nameless = InPath { model: "models/", stream: false };
    let error = peek_in_path(Shape::GenerateContent, Operation::Generate, nameless, b"{\"contents\":[]}").unwrap_err();
    assert_eq!(error.param.as_deref(), Some("model"));
}

#[test]
fn finds_what_the_model_must_be_able_to_do() {
    let needs = |more: Value| with(&more).needs;
    assert!(needs(json!({"tools": [{"googleSearch": {}}]})).tools);
    assert!(needs(json!({"tool_config": {"function_calling_config": {"mode": "any"}}})).forced_tool);
    assert!(!needs(json!({"toolConfig": {"functionCallingConfig": {"mode": "AUTO"}}})).forced_tool);
    let config = |config: Value| needs(json!({"generationConfig": config}));
    assert!(config(json!({"responseMimeType": "application/json"})).structured_output);
    assert!(config(json!({"response_json_schema": {}})).structured_output);
    assert_eq!(
        config(json!({"responseMimeType": "text/plain", "temperature": 1, "thinkingConfig": null})),
        Needs { streaming: true, ..Needs::default() }
    );
    assert!(config(json!({"thinkingConfig": {"thinkingLevel": "LOW"}})).reasoning);
    assert!(config(json!({"thinkingConfig": {"thinking_budget": -1}})).reasoning);
    let off = config(json!({"thinkingConfig": {"thinkingBudget": 0}}));
    assert!(off.no_reasoning && !off.reasoning);
    let set = config(json!({"temperature": 0.5, "topK": 4, "seed": 1, "stopSequences": ["x"], "stop": 1})).parameters;
    assert_eq!(set, Parameters::TEMPERATURE | Parameters::TOP_K | Parameters::SEED | Parameters::STOP);
    let begun = peek(r#"{"contents":[{"role":"user","parts":[]},{"role":"model","parts":[]}]}"#);
    assert!(begun.needs.parameters.intersects(Parameters::PREFILL));
}

#[test]
fn media_are_no_text() {
    let media = |kind: &str| json!({"inline_data": {"mime_type": kind, "data": "A".repeat(80_000)}});
    let body = json!({"contents": [{"parts": [media("image/png"), media("application/pdf"), media("audio/wav"), {"fileData": {"fileUri": "https://youtu.be/x"}}]}, {"parts": [{"functionResponse": {"name": "f", "parts": [media("image/png")]}}]}]}).to_string();
    let found = peek(&body);
    assert_eq!((found.needs.images, found.needs.documents, found.needs.audio), (true, true, true));
    assert!(found.text_bytes < 600, "{}", found.text_bytes);
    assert!(
        found.attachment_tokens > 2 * 1_600 + 4_000 && found.attachment_tokens < 10_000,
        "{}",
        found.attachment_tokens
    );
}

fn edited(operation: Operation, body: &str, max_output: Option<u64>) -> String {
    let found = peek_in_path(Shape::GenerateContent, operation, PATH, body.as_bytes()).unwrap();
    let edits = found.edits(&Edits { model: "gemini-9", ask_usage: true, completion_tokens_field: false, max_output });
    String::from_utf8(splice(&Bytes::copy_from_slice(body.as_bytes()), &edits).concat()).unwrap()
}

#[test]
fn the_bound_is_put_where_it_belongs_and_never_raised() {
    for (body, expected) in [
        (r#"{"contents":[]}"#, r#"{"contents":[],"generationConfig":{"maxOutputTokens":9}}"#),
        (r#"{"contents":[],"generationConfig":{}}"#, r#"{"contents":[],"generationConfig":{"maxOutputTokens":9}}"#),
        (
            r#"{"generationConfig":{ "topK":1},"contents":[]}"#,
            r#"{"generationConfig":{"maxOutputTokens":9, "topK":1},"contents":[]}"#,
        ),
        (r#"{"generationConfig":null,"contents":[]}"#, r#"{"generationConfig":{"maxOutputTokens":9},"contents":[]}"#),
        (
            r#"{"generation_config":{"max_output_tokens":50},"contents":[]}"#,
            r#"{"generation_config":{"max_output_tokens":9},"contents":[]}"#,
        ),
        (
            r#"{"generationConfig":{"maxOutputTokens":5},"contents":[]}"#,
            r#"{"generationConfig":{"maxOutputTokens":5},"contents":[]}"#,
        ),
        (
            r#"{"generationConfig":{"maxOutputTokens":null},"contents":[]}"#,
            r#"{"generationConfig":{"maxOutputTokens":9},"contents":[]}"#,
        ),
    ] {
        assert_eq!(edited(Operation::Generate, body, Some(9)), expected);
        assert_eq!(edited(Operation::Generate, body, None), body, "nothing else is changed");
    }
}

#[test]
fn what_tokens_are_counted_of_names_the_model_too() {
    let body =
        r#"{"generateContentRequest":{"model":"models/gemini-3","contents":[{"parts":[{"text":"x"}]}],"tools":[{}]}}"#;
    let found = peek_in_path(Shape::GenerateContent, Operation::CountTokens, PATH, body.as_bytes()).unwrap();
    assert!(found.has_messages && found.needs.tools);
    assert_eq!(edited(Operation::CountTokens, body, Some(5)), body.replace("gemini-3", "gemini-9"));
    let plain = r#"{"contents":[]}"#;
    assert_eq!(edited(Operation::CountTokens, plain, Some(5)), plain, "a count has no output");
}

#[test]
fn pitfall_118_errors_carry_codes_fields_and_the_time_to_wait() {
    let error = ApiError::new(ErrorClass::BadRequest, "no").with_param("contents").with_code("x");
    let body: Value = serde_json::from_slice(&encode_error(Shape::GenerateContent, &error, "r").body).unwrap();
    assert_eq!(
        body,
        json!({"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT", "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "x", "domain": "ovth-gateway"},
            {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"field": "contents", "description": "no"}]},
        ]}})
    );
    let limited = ApiError::new(ErrorClass::RateLimit, "slow").with_retry_after(37);
    let body: Value = serde_json::from_slice(&encode_error(Shape::GenerateContent, &limited, "r").body).unwrap();
    assert_eq!(
        body["error"]["details"],
        json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37s"}])
    );
    let key = ApiError::new(ErrorClass::ClientAuth, "key");
    let body: Value = serde_json::from_slice(&encode_error(Shape::GenerateContent, &key, "r").body).unwrap();
    assert_eq!(body["error"]["details"][0]["reason"], "API_KEY_INVALID");
}

fn tapped(stream: &str) -> (Vec<EventKind>, Tap) {
    let mut framer = Framer::new(1 << 20);
    framer.push(Bytes::copy_from_slice(stream.as_bytes()));
    let mut tap = Tap::new(Shape::GenerateContent);
    let mut kinds = Vec::new();
    while let Some(piece) = framer.next() {
        kinds.push(tap.piece(&piece));
    }
    (kinds, tap)
}

fn chunk(parts: Value, finish: Option<&str>) -> String {
    let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0});
    if let Some(finish) = finish {
        candidate["finishReason"] = finish.into();
    }
    let chunk = json!({"candidates": [candidate], "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}, "modelVersion": "m"});
    format!("data: {chunk}\r\n\r\n")
}

#[test]
fn the_tap_tells_content_from_frame_and_a_whole_answer_from_a_cut_one() {
    let text = chunk(json!([{"text": "Hello there"}]), None);
    let signature = chunk(json!([{"text": "", "thoughtSignature": "Ab=="}]), None);
    let thought = chunk(json!([{"text": "hm", "thought": true}]), None);
    let call = chunk(json!([{"functionCall": {"name": "f", "args": {"a": 1}}}]), Some("STOP"));
    let (kinds, tap) = tapped(&format!(": hi\n\n{signature}{thought}{text}{call}"));
    use EventKind::{Content, Heartbeat, Structural};
    assert_eq!(kinds, [Heartbeat, Structural, Content, Content, Content]);
    assert_eq!((tap.is_complete(), tap.finish_reason(), tap.model()), (true, Some("STOP"), Some("m")));
    assert_eq!(tap.usage().unwrap().total(), 5);
    assert!(tap.delivered_tokens() > 4);
    let (_, cut) = tapped(&text);
    assert!(!cut.is_complete(), "pitfall 6");
    let (kinds, _) = tapped(&chunk(json!([{"text": ""}]), Some("STOP")));
    assert_eq!(kinds, [EventKind::Finish]);
}

#[test]
fn pitfall_100_a_prompt_that_was_blocked_is_a_whole_answer() {
    let blocked =
        r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":4,"totalTokenCount":4}}"#;
    let (kinds, tap) = tapped(&format!("data: {blocked}\n\n"));
    assert_eq!((kinds, tap.is_complete(), tap.finish_reason()), (vec![EventKind::Finish], true, Some("SAFETY")));
}

#[test]
fn pitfall_106_errors_in_a_stream_are_errors_also_in_an_array() {
    for error in [
        r#"{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}"#,
        r#"[{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}]"#,
    ] {
        let (kinds, tap) = tapped(&format!("data: {error}\n\n"));
        let EventKind::Error(error) = &kinds[0] else { unreachable!("{kinds:?}") };
        assert_eq!((error.class, error.message.as_str()), (ErrorClass::Overloaded, "busy"));
        assert!(!tap.is_complete());
    }
}

#[test]
fn a_stream_whose_last_event_was_too_large_to_be_read_is_taken_for_whole() {
    let mut framer = Framer::new(64);
    framer.push(Bytes::from(chunk(json!([{"text": "x".repeat(100)}]), Some("STOP"))));
    let mut tap = Tap::new(Shape::GenerateContent);
    while let Some(piece) = framer.next() {
        assert!(matches!(piece, Piece::Fragment(_) | Piece::FragmentEnd(_)));
        tap.piece(&piece);
    }
    assert!(tap.is_complete());
}

#[test]
fn pitfall_89_counts_that_a_later_chunk_leaves_out_stay() {
    let first = json!({"usageMetadata": {"promptTokenCount": 10, "cachedContentTokenCount": 4, "thoughtsTokenCount": 6, "totalTokenCount": 16}});
    let second = json!({"usageMetadata": {"candidatesTokenCount": 3, "totalTokenCount": 19}});
    let (_, tap) = tapped(&format!("data: {first}\n\ndata: {second}\n\n"));
    let usage = tap.usage().unwrap();
    assert_eq!((usage.input, usage.cache_read, usage.output, usage.reasoning), (6, 4, 9, 6));
}

#[test]
fn output_that_is_not_told_is_what_is_left_of_the_total() {
    let counts =
        json!({"usageMetadata": {"promptTokenCount": 10, "toolUsePromptTokenCount": 5, "totalTokenCount": 40}});
    let (_, tap) = tapped(&format!("data: {counts}\n\n"));
    assert_eq!((tap.usage().unwrap().input, tap.usage().unwrap().output), (15, 25));
}

#[test]
fn numbers_may_be_texts_and_have_fractions_of_nothing() {
    let config = |config: &str| peek(&format!(r#"{{"contents":[],"generationConfig":{config}}}"#));
    for (written, number) in
        [(r#""100""#, 100), ("100.0", 100), ("1e2", 100), (r#""1e2""#, 100), (r#""x""#, 0), ("0.5", 0)]
    {
        let found = config(&format!(r#"{{"maxOutputTokens":{written},"candidateCount":{written}}}"#));
        assert_eq!(found.max_output.unwrap_or_default(), number, "{written}");
        assert_eq!(found.choices, number.max(1), "{written}");
        assert_eq!(found.needs.parameters.intersects(Parameters::N), number > 1, "{written}");
    }
    let found = config(r#"{"thinkingConfig":{"thinkingBudget":"0"}}"#);
    assert!(found.needs.no_reasoning && !found.needs.reasoning);
    assert!(config(r#"{"thinkingConfig":{"thinkingBudget":"-1"}}"#).needs.reasoning);
    let body = r#"{"generationConfig":{"maxOutputTokens":"100"},"contents":[]}"#;
    assert_eq!(edited(Operation::Generate, body, Some(9)), body.replace(r#""100""#, "9"));
    assert_eq!(edited(Operation::Generate, body, Some(100)), body, "it is no higher");
}

#[test]
fn names_that_are_escaped_are_found_all_the_same() {
    let found = peek(
        r#"{"contents":[{"r\u006fle":"mod\u0065l","p\u0061rts":[{"inl\u0069neData":{"mim\u0065Type":"image/png","data":"AAAA"}}]}],
        "g\u0065nerationConfig":{"m\u0061xOutputTokens":7,"candidate\u0043ount":8,"thinking\u0043onfig":{"include\u0054houghts":true}},
        "tool\u0043onfig":{"functionCalling\u0043onfig":{"m\u006fde":"\u0041NY"}}}"#,
    );
    assert_eq!((found.max_output, found.choices), (Some(7), 8));
    assert!(found.needs.images && found.needs.reasoning && found.needs.forced_tool);
    assert!(found.needs.parameters.intersects(Parameters::PREFILL));
    let body = r#"{"contents":[],"generationConfig":{"m\u0061xOutputTokens":50}}"#;
    assert_eq!(edited(Operation::Generate, body, Some(9)), body.replace("50", "9"));
    let embedded = r#"{"m\u006fdel":"models/a","c\u006fntent":{"parts":[{"text":"hi"}]}}"#;
    assert_eq!(edited(Operation::Embed, embedded, None), embedded.replace("models/a", "models/gemini-9"));
    let counted = r#"{"generateContentRequest":{"m\u006fdel":"models/a","contents":[]}}"#;
    assert_eq!(edited(Operation::CountTokens, counted, None), counted.replace("models/a", "models/gemini-9"));
}

#[test]
fn several_candidates_are_over_when_each_is() {
    let candidate = |index: u64, finish: &str| {
        let mut candidate = json!({"content": {"parts": [{"text": "w"}]}, "index": index});
        if index == 0 {
            // As proto3 JSON leaves it out.
            candidate.as_object_mut().unwrap().remove("index");
        }
        if !finish.is_empty() {
            candidate["finishReason"] = json!(finish);
        }
        candidate
    };
    let usage = json!({"promptTokenCount": 1, "candidatesTokenCount": 2});
    let streamed = |chunks: &[Value]| {
        let mut tap = Tap::new(Shape::GenerateContent);
        let mut framer = Framer::new(1 << 16);
        for candidates in chunks {
            let chunk = json!({"candidates": candidates, "usageMetadata": usage});
            framer.push(Bytes::from(format!("data: {chunk}\n\n")));
        }
        while let Some(piece) = framer.next() {
            tap.piece(&piece);
        }
        (tap.is_complete(), tap.usage_is_final(), tap.finish_reason().map(str::to_owned))
    };
    let (open, done) = (|index| candidate(index, ""), |index| candidate(index, "STOP"));
    let stop = || Some("STOP".to_owned());
    assert_eq!(streamed(&[json!([open(0), open(1)]), json!([done(0)])]), (false, false, stop()), "one is not over");
    assert_eq!(streamed(&[json!([open(0), open(1)]), json!([done(0)]), json!([done(1)])]), (true, true, stop()));
    assert_eq!(streamed(&[json!([done(0), done(1)])]), (true, true, stop()));
    // A candidate that begins when another one is over.
    assert_eq!(streamed(&[json!([done(0)]), json!([open(1)])]), (false, false, stop()));
    assert_eq!(streamed(&[json!([open(0)]), json!([done(0)])]), (true, true, stop()));
    let far = 1_000_000;
    assert_eq!(streamed(&[json!([done(0), open(far)]), json!([done(far)])]), (true, true, stop()));
}
