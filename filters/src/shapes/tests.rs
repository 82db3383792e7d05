//! What is found in requests, how they are edited, and how errors look in each shape.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::json::splice;
use crate::neutral::ErrorClass;

fn chat(body: &str) -> Peek {
    peek(Shape::Chat, Operation::Generate, body.as_bytes()).unwrap()
}

fn messages(body: &str) -> Peek {
    peek(Shape::Messages, Operation::Generate, body.as_bytes()).unwrap()
}

fn refused(shape: Shape, body: &str) -> (Option<String>, String) {
    let error = peek(shape, Operation::Generate, body.as_bytes()).unwrap_err();
    assert_eq!(error.class, ErrorClass::BadRequest);
    (error.param, error.message)
}

fn edited(body: &str, model: &str) -> String {
    let edits = chat(body).edits(&Edits { model, ask_usage: true, completion_tokens_field: false, max_output: None });
    String::from_utf8(splice(&Bytes::copy_from_slice(body.as_bytes()), &edits).concat()).unwrap()
}

/// A chat request with these members besides model and messages.
fn chat_with(members: &str) -> Peek {
    chat(&format!(r#"{{"model":"m","messages":[],{members}}}"#))
}

fn messages_with(members: &str) -> Peek {
    messages(&format!(r#"{{"model":"m","messages":[],{members}}}"#))
}

/// A request whose one message has that content.
fn content(content: &Value) -> String {
    json!({"model": "m", "messages": [{"role": "user", "content": content}]}).to_string()
}

#[test]
fn finds_what_routing_needs() {
    let found = chat(
        r#" {"mod\u0065l":"auto","messages":[{"role":"user","content":"hi"}],"stream":true,
            "max_tokens":7,"max_completion_tokens":9,"n":2} "#,
    );
    assert_eq!((found.model.as_str(), found.stream, found.has_messages), ("auto", true, true));
    assert_eq!((found.max_output, found.choices), (Some(9), 2));
    let parameters = Parameters::MAX_TOKENS | Parameters::MAX_COMPLETION_TOKENS | Parameters::N;
    assert_eq!(found.needs, Needs { parameters, streaming: true, ..Needs::default() });

    let found = messages(r#"{"model":"m","max_tokens":5,"messages":[],"stream":false}"#);
    assert_eq!((found.stream, found.has_messages, found.max_output, found.choices), (false, false, Some(5), 1));
    assert!(!chat_with(r#""stream":null"#).stream);
}

#[test]
fn finds_calls_in_parallel_marks_for_caches_and_the_name_of_a_conversation() {
    let parallel = chat_with(r#""parallel_tool_calls":true"#).needs;
    assert!(parallel.parallel_tools && parallel.parameters == Parameters::PARALLEL_TOOL_CALLS);
    let single = chat_with(r#""parallel_tool_calls":false"#).needs;
    assert!(!single.parallel_tools && single.parameters == Parameters::PARALLEL_TOOL_CALLS);
    assert_eq!(chat_with(r#""parallel_tool_calls":null"#).needs, Needs::default());

    let marked = messages_with(r#""system":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}]"#);
    assert!(marked.needs.caching);
    assert!(!chat_with(r#""metadata":{"x":"say \"cache_control\""}"#).needs.caching);

    let session = |members: &str| chat_with(members).session;
    assert_eq!(session(r#""prompt_cache_key":"k\u0031","session_id":"s""#).as_deref(), Some("k1"));
    assert_eq!(session(r#""session_id":"s""#).as_deref(), Some("s"));
    for none in [r#""session_id":"""#, r#""session_id":7"#, &format!(r#""session_id":"{}""#, "x".repeat(257))] {
        assert_eq!(session(none), None, "{none}");
    }
}

#[test]
fn counting_tokens_has_no_stream() {
    let body = br#"{"model":"m","messages":[],"stream":"maybe"}"#;
    assert!(!peek(Shape::Messages, Operation::CountTokens, body).unwrap().stream);
}

#[test]
fn finds_what_the_model_must_be_able_to_do_in_chat() {
    let needs = |members: &str| chat_with(members).needs;
    for members in [r#""tools":[{}]"#, r#""functions":[{}]"#] {
        assert_eq!(needs(members), Needs { tools: true, ..Needs::default() }, "{members}");
    }
    for members in [
        r#""tool_choice":"required""#,
        r#""tool_choice":"any""#,
        r#""tool_choice":{"type":"function","function":{"name":"f"}}"#,
        r#""tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[]}}"#,
        r#""function_call":{"name":"f"}"#,
    ] {
        assert_eq!(needs(members), Needs { forced_tool: true, ..Needs::default() }, "{members}");
    }
    for members in [r#""response_format":{"type":"json_object"}"#, r#""response_format":{"type":"json_schema"}"#] {
        assert_eq!(needs(members), Needs { structured_output: true, ..Needs::default() }, "{members}");
    }
    for members in [
        r#""reasoning_effort":"low""#,
        r#""reasoning":{"max_tokens":5}"#,
        r#""reasoning":{"effort":"high"}"#,
        r#""thinking":{"type":"enabled"}"#,
    ] {
        assert_eq!(needs(members), Needs { reasoning: true, ..Needs::default() }, "{members}");
    }
    for members in [
        r#""tools":[]"#,
        r#""tools":null"#,
        r#""tool_choice":"auto""#,
        r#""tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[]}}"#,
        r#""function_call":"auto""#,
        r#""response_format":{"type":"text"}"#,
        r#""reasoning_effort":null"#,
        r#""reasoning":{"enabled":false}"#,
        r#""reasoning":{"effort":"none"}"#,
        r#""thinking":{"type":"disabled"}"#,
    ] {
        assert_eq!(needs(members), Needs::default(), "{members}");
    }
}

#[test]
fn finds_what_the_model_must_be_able_to_do_in_messages() {
    let needs = |members: &str| messages_with(members).needs;
    assert!(needs(r#""tools":[{"name":"f"}]"#).tools);
    assert!(needs(r#""tool_choice":{"type":"any"}"#).forced_tool);
    assert!(needs(r#""tool_choice":{"name":"f","type":"tool"}"#).forced_tool);
    assert!(needs(r#""thinking":{"type":"adaptive","display":"omitted"}"#).reasoning);
    assert!(needs(r#""output_config":{"effort":"low","format":{"type":"json_schema"}}"#).structured_output);
    for members in [
        r#""tool_choice":{"type":"auto"}"#,
        r#""output_config":{"effort":"low"}"#,
        r#""output_config":{"format":null}"#,
    ] {
        assert_eq!(needs(members), Needs::default(), "{members}");
    }
}

#[test]
fn finds_attachments_and_does_not_count_them_as_text() {
    let data = "A".repeat(300_000);
    let image = json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{data}")}});
    let found = chat(&content(&json!([{"type": "text", "text": "what is it?"}, image])));
    assert_eq!(found.needs, Needs { images: true, ..Needs::default() });
    assert!(found.text_bytes < 200);
    assert_eq!(found.estimated_input_tokens(), found.text_bytes.div_ceil(4) + 1_600);

    let file = json!([{"type": "file", "file": {"file_data": data}}]);
    let found = chat(&content(&file));
    assert_eq!((found.needs.documents, found.attachment_tokens), (true, 10_000));

    let sound = json!([{"type": "input_audio", "input_audio": {"data": data, "format": "mp3"}}]);
    let found = chat(&content(&sound));
    assert_eq!((found.needs.audio, found.attachment_tokens), (true, 600));

    // The source of an image may come before its type, and in the result of a tool.
    let source = json!({"type": "base64", "media_type": "image/png", "data": data});
    let result = json!([{"content": [{"source": source, "type": "image"}], "type": "tool_result", "tool_use_id": "t"}]);
    let found = messages(&content(&result));
    assert_eq!((found.needs.images, found.attachment_tokens), (true, 1_600));
    assert!(found.text_bytes < 300);
}

#[test]
fn documents_of_text_are_text() {
    let source = json!({"data": "x".repeat(1_000), "type": "text", "media_type": "text/plain"});
    let found = messages(&content(&json!([{"type": "document", "source": source}])));
    assert_eq!((found.needs.documents, found.attachment_tokens), (true, 0));
    assert!(found.text_bytes > 1_000);
    let parts =
        json!({"type": "content", "content": [{"type": "image", "source": {"type": "url", "url": "https://a"}}]});
    let found = messages(&content(&json!([{"type": "document", "source": parts}])));
    assert_eq!((found.needs.documents, found.needs.images, found.attachment_tokens), (true, true, 1_600));
}

#[test]
fn text_about_attachments_is_no_attachment() {
    let told = r#"{"type":"image_url"} "type":"image", {"type":"document","source":{"data":"x"}}"#;
    assert_eq!(chat(&content(&json!(told))).needs, Needs::default());
    let asked = json!([{"type": "tool_use", "name": "f", "id": "t", "input": {"content": [{"type": "image"}]}}]);
    assert_eq!(messages(&content(&asked)).needs, Needs::default());
}

#[test]
fn changes_only_the_model_and_asks_for_usage() {
    let plain = r#"{"model":"auto","messages":[]}"#;
    assert_eq!(edited(plain, "gpt-5"), r#"{"model":"gpt-5","messages":[]}"#);
    let same = |model, ask_usage| Edits { model, ask_usage, completion_tokens_field: true, max_output: None };
    assert!(chat(plain).edits(&same("auto", true)).is_empty());
    assert!(!chat(plain).hides_usage());

    let stream = r#" { "model" : "a/\u0062", "messages":[] , "stream":true }"#;
    assert_eq!(
        edited(stream, "q\"q"),
        r#" {"stream_options":{"include_usage":true}, "model" : "q\"q", "messages":[] , "stream":true }"#
    );
    assert!(chat(stream).hides_usage());
    assert!(chat(stream).edits(&same("a/b", false)).is_empty());
}

#[test]
fn edits_stream_options_that_are_there() {
    let body = |options: &str| format!(r#"{{"stream":true,"model":"m","messages":[],"stream_options":{options}}}"#);
    for (sent, expected) in [
        ("null", r#"{"include_usage":true}"#),
        ("{}", r#"{"include_usage":true}"#),
        ("{ }", r#"{"include_usage":true }"#),
        (r#"{"include_obfuscation":false}"#, r#"{"include_usage":true,"include_obfuscation":false}"#),
        (r#"{"include_usage": false}"#, r#"{"include_usage": true}"#),
        (r#"{"include_usage":null,"x":1}"#, r#"{"include_usage":true,"x":1}"#),
    ] {
        assert_eq!(edited(&body(sent), "m"), body(expected), "{sent}");
        assert!(chat(&body(sent)).hides_usage(), "{sent}");
    }
    for sent in [r#"{"include_usage":true}"#, "\"x\"", "[]"] {
        assert_eq!(edited(&body(sent), "m"), body(sent));
        assert!(!chat(&body(sent)).hides_usage(), "{sent}");
    }
}

#[test]
fn refusals_name_the_field_and_the_cure() {
    for (body, param, words) in [
        ("", None, "must be a JSON object, and it is empty"),
        ("[1]", None, "must be a JSON object, and it is another JSON value"),
        ("hello", None, "not valid JSON: expected a value at byte 0"),
        (r#"{"model":"m","#, None, "not valid JSON: expected a member name at byte 13, but the body ends there"),
        (r#"{"messages":[]}"#, Some("model"), "`model` is missing"),
        (r#"{"model":"","messages":[]}"#, Some("model"), "`model` is empty"),
        (r#"{"model":null,"messages":[]}"#, Some("model"), "`model` must be a string"),
        (r#"{"model":"\ud800","messages":[]}"#, Some("model"), "`model` is not valid text"),
        (r#"{"model":"m"}"#, Some("messages"), "`messages` is missing"),
        (r#"{"model":"m","messages":{}}"#, Some("messages"), "`messages` must be an array"),
        (r#"{"model":"m","messages":[],"stream":"true"}"#, Some("stream"), "`stream` must be true or false"),
        (r#"{"model":"a","model":"b","messages":[]}"#, Some("model"), "`model` is there twice"),
        (r#"{"model":"a","messages":[],"stream":true,"str\u0065am":false}"#, Some("stream"), "`stream` is there twice"),
    ] {
        for shape in [Shape::Chat, Shape::Messages] {
            let (found, message) = refused(shape, body);
            assert_eq!(found.as_deref(), param, "{body}");
            assert!(message.contains(words), "{message}");
        }
    }
    let (param, message) = refused(Shape::Chat, &format!(r#"{{"model":"{}","messages":[]}}"#, "m".repeat(513)));
    assert_eq!(param.as_deref(), Some("model"));
    assert!(message.contains("513 bytes long and 512 are the most"));
    let (param, message) = refused(Shape::Chat, r#"{"model":"m","input":7}"#);
    assert_eq!(param.as_deref(), Some("input"));
    assert!(message.contains("a string or an array"));
    let twice = r#"{"model":"m","messages":[],"stream_options":{"include_usage":true,"include_usage":false}}"#;
    assert_eq!(refused(Shape::Chat, twice).0.as_deref(), Some("stream_options"));
}

#[test]
fn what_has_input_and_no_messages_is_read_as_responses_on_the_path_of_chat_too() {
    let read = |body: &str| peek(Shape::Chat, Operation::Generate, body.as_bytes()).unwrap();
    let asked = read(r#"{"model":"m","input":[{"role":"user","content":"hi"}],"max_output_tokens":20,"stream":true}"#);
    assert_eq!(asked.is_in, Some(Shape::Responses));
    assert_eq!((asked.max_output, asked.stream, asked.hides_usage()), (Some(20), true, false));
    assert_eq!(read(r#"{"model":"m","input":"hi","messages":[]}"#).is_in, None);
}

#[test]
fn every_class_has_its_status_in_every_shape() {
    // (class, chat, messages, generate_content)
    let table = [
        (
            ErrorClass::BadRequest,
            (400, "invalid_request_error"),
            (400, "invalid_request_error"),
            (400, "INVALID_ARGUMENT"),
        ),
        (
            ErrorClass::ContextOverflow,
            (400, "invalid_request_error"),
            (400, "invalid_request_error"),
            (400, "INVALID_ARGUMENT"),
        ),
        (
            ErrorClass::ClientAuth,
            (401, "invalid_request_error"),
            (401, "authentication_error"),
            (401, "UNAUTHENTICATED"),
        ),
        (ErrorClass::Permission, (403, "permission_error"), (403, "permission_error"), (403, "PERMISSION_DENIED")),
        (ErrorClass::NoCredit, (402, "insufficient_quota"), (402, "billing_error"), (429, "RESOURCE_EXHAUSTED")),
        (ErrorClass::NotFound, (404, "invalid_request_error"), (404, "not_found_error"), (404, "NOT_FOUND")),
        (
            ErrorClass::MethodNotAllowed,
            (405, "invalid_request_error"),
            (405, "invalid_request_error"),
            (405, "INVALID_ARGUMENT"),
        ),
        (ErrorClass::UnknownModel, (404, "invalid_request_error"), (404, "not_found_error"), (404, "NOT_FOUND")),
        (ErrorClass::TooLarge, (413, "invalid_request_error"), (413, "request_too_large"), (400, "INVALID_ARGUMENT")),
        (
            ErrorClass::RequestTimeout,
            (408, "invalid_request_error"),
            (408, "timeout_error"),
            (408, "DEADLINE_EXCEEDED"),
        ),
        (ErrorClass::Quota, (429, "rate_limit_error"), (429, "rate_limit_error"), (429, "RESOURCE_EXHAUSTED")),
        (ErrorClass::RateLimit, (429, "rate_limit_error"), (429, "rate_limit_error"), (429, "RESOURCE_EXHAUSTED")),
        (ErrorClass::OperatorAuth, (502, "server_error"), (502, "api_error"), (500, "INTERNAL")),
        (ErrorClass::OperatorBilling, (502, "server_error"), (529, "overloaded_error"), (503, "UNAVAILABLE")),
        (ErrorClass::OperatorModel, (502, "server_error"), (502, "api_error"), (500, "INTERNAL")),
        (ErrorClass::Overloaded, (503, "service_unavailable_error"), (529, "overloaded_error"), (503, "UNAVAILABLE")),
        (ErrorClass::Timeout, (504, "server_error"), (504, "timeout_error"), (504, "DEADLINE_EXCEEDED")),
        (ErrorClass::Transport, (502, "server_error"), (502, "api_error"), (500, "INTERNAL")),
        (ErrorClass::Upstream, (502, "server_error"), (502, "api_error"), (500, "INTERNAL")),
        (
            ErrorClass::ContentRefused,
            (400, "invalid_request_error"),
            (400, "invalid_request_error"),
            (400, "INVALID_ARGUMENT"),
        ),
        (ErrorClass::Unavailable, (503, "service_unavailable_error"), (503, "overloaded_error"), (503, "UNAVAILABLE")),
        (ErrorClass::Internal, (500, "server_error"), (500, "api_error"), (500, "INTERNAL")),
    ];
    for (class, in_chat, in_messages, in_gemini) in table {
        let error = ApiError::new(class, "line\n\"one\"");
        let parts = |shape| {
            let encoded = encode_error(shape, &error, "req_1");
            (encoded.status, serde_json::from_slice::<Value>(&encoded.body).unwrap())
        };
        for shape in [Shape::Chat, Shape::Responses] {
            let (status, body) = parts(shape);
            assert_eq!((status, body["error"]["type"].as_str().unwrap()), in_chat, "{class}");
            assert!(body["error"]["message"].as_str().unwrap().ends_with("line\n\"one\""));
        }
        let (status, body) = parts(Shape::Messages);
        assert_eq!((status, body["error"]["type"].as_str().unwrap()), in_messages, "{class}");
        assert_eq!((&body["type"], &body["request_id"]), (&json!("error"), &json!("req_1")));
        let (status, body) = parts(Shape::GenerateContent);
        assert_eq!((status, body["error"]["status"].as_str().unwrap()), in_gemini, "{class}");
        assert_eq!(body["error"]["code"], json!(status));
    }
}

#[test]
fn errors_carry_what_clients_branch_on() {
    let body = |shape, error: &ApiError| String::from_utf8(encode_error(shape, error, "r").body).unwrap();
    let quota = ApiError::new(ErrorClass::Quota, "spent").with_retry_after(30);
    assert_eq!(
        body(Shape::Chat, &quota),
        r#"{"error":{"message":"spent","type":"rate_limit_error","param":null,"code":"quota_exceeded"}}"#
    );
    assert!(body(Shape::GenerateContent, &quota).contains(r#""retryDelay":"30s""#));
    let own = ApiError::new(ErrorClass::BadRequest, "no").with_param("model").with_code("x");
    assert_eq!(
        body(Shape::Chat, &own),
        r#"{"error":{"message":"no","type":"invalid_request_error","param":"model","code":"x"}}"#
    );
    assert!(body(Shape::Messages, &own).contains(r#""details":{"error_code":"x"}"#));

    let overflow = ApiError::new(ErrorClass::ContextOverflow, "too much").with_code("400");
    assert!(body(Shape::Chat, &overflow).contains("maximum context length is exceeded: too much"));
    assert!(body(Shape::Chat, &overflow).contains(r#""code":"context_length_exceeded""#));
    assert!(body(Shape::Messages, &overflow).contains(r#""message":"prompt is too long: too much""#));
    assert!(body(Shape::GenerateContent, &overflow).contains("input token count exceeds"));
    let said = ApiError::new(ErrorClass::ContextOverflow, "prompt is too long: 3 tokens > 2 maximum");
    assert!(body(Shape::Messages, &said).contains(r#""message":"prompt is too long: 3 tokens > 2 maximum""#));
}

#[test]
fn events_end_streams_in_each_shape() {
    let error = ApiError::new(ErrorClass::Overloaded, "busy");
    let event = |shape| String::from_utf8(encode_error_event(shape, &error, "r")).unwrap();
    assert!(event(Shape::Chat).starts_with("data: {\"error\":{\"message\":\"busy\""));
    assert!(
        event(Shape::Responses)
            .starts_with("event: response.failed\ndata: {\"type\":\"response.failed\",\"sequence_number\":0,\"response\":{\"id\":\"resp_r\"")
    );
    assert!(
        event(Shape::Messages)
            .starts_with("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"")
    );
    assert!(event(Shape::GenerateContent).starts_with("data: {\"error\":{\"code\":503"));
    for shape in Shape::ALL {
        assert!(event(shape).ends_with("}\n\n"));
        assert!(heartbeat(shape).ends_with(b"\n\n"));
    }
    assert_eq!(heartbeat(Shape::Chat), b": keep-alive\n\n");
    assert_eq!(heartbeat(Shape::Messages), b"event: ping\ndata: {\"type\": \"ping\"}\n\n");
}

#[test]
fn a_request_whose_model_stands_in_a_path_needs_that_path() {
    let error = peek(Shape::GenerateContent, Operation::Generate, b"{}").unwrap_err();
    assert_eq!(error.class, ErrorClass::NotFound);
}

#[test]
fn reads_errors_in_any_form() {
    let told = |body: &str| {
        let ProviderError { message, kind, code, param } = decode_error(Shape::Chat, body.as_bytes());
        [message, kind, code, param].map(Option::unwrap_or_default).join("|")
    };
    for (body, expected) in [
        (r#"{"error":{"message":"m","type":"t","param":"p","code":"c"}}"#, "m|t|c|p"),
        (r#"{"error":{"message":"m","type":"t","param":null,"code":429}}"#, "m|t|429|"),
        (
            r#"{"type":"error","error":{"type":"t","message":"m","details":{"error_code":"c"}},"request_id":"r"}"#,
            "m|t|c|",
        ),
        (
            r#"[{"error":{"code":503,"message":"m","status":"UNAVAILABLE","details":[{"message":"d"}]}}]"#,
            "m|UNAVAILABLE|503|",
        ),
        (r#"{"error":"m"}"#, "m|||"),
        (r#"{"message":"m","type":"t"}"#, "m|t||"),
        (r#"{"object":"error","message":"m","type":"BadRequestError","code":400}"#, "m|BadRequestError|400|"),
        (r#"{"detail":"m"}"#, "m|||"),
        (r#"{"detail":[{"loc":["body"],"msg":"m","type":"missing"},{"msg":"n"}]}"#, "m|missing||"),
        (r#"{"errors":["m","n"]}"#, "m|||"),
        ("  upstream connect error ", "upstream connect error|||"),
        ("<html>502</html>", "|||"),
        ("", "|||"),
        (r#"{"error":{"message":"m"#, "|||"),
        ("null", "|||"),
    ] {
        assert_eq!(told(body), expected, "{body}");
    }
    let long = format!(r#"{{"error":"{}"}}"#, "\u{e9}".repeat(2_000));
    assert_eq!(decode_error(Shape::Chat, long.as_bytes()).message.unwrap().len(), 2_000);
    assert!(decode_error(Shape::Chat, "[".repeat(100_000).as_bytes()).message.is_none());
}

#[test]
fn classes_errors_by_their_words() {
    for (body, expected) in [
        (
            r#"{"error":{"message":"slow down","type":"requests","code":"rate_limit_exceeded"}}"#,
            Some(ErrorClass::RateLimit),
        ),
        (
            r#"{"error":{"message":"q","type":"insufficient_quota","code":"insufficient_quota"}}"#,
            Some(ErrorClass::OperatorBilling),
        ),
        (
            r#"{"error":{"type":"rate_limit_error","message":"m","details":{"error_code":"enforced_spend_limit_reached"}}}"#,
            Some(ErrorClass::OperatorBilling),
        ),
        (r#"{"error":{"type":"overloaded_error","message":"Overloaded"}}"#, Some(ErrorClass::Overloaded)),
        (r#"{"error":{"type":"api_error","message":"Internal server error"}}"#, Some(ErrorClass::Upstream)),
        (
            r#"{"error":{"type":"authentication_error","message":"k","code":"invalid_request_error"}}"#,
            Some(ErrorClass::OperatorAuth),
        ),
        (r#"{"error":{"message":"Missing Authentication header","code":401}}"#, Some(ErrorClass::OperatorAuth)),
        (
            r#"{"error":{"message":"This model's maximum context length is 9 tokens.","code":400}}"#,
            Some(ErrorClass::ContextOverflow),
        ),
        (
            r#"{"error":{"message":"too long","type":"too_many_prompt_tokens","code":400}}"#,
            Some(ErrorClass::ContextOverflow),
        ),
        (r#"{"error":{"message":"Too many tokens per minute","type":"tokens"}}"#, Some(ErrorClass::RateLimit)),
        (r#"{"error":{"message":"filtered","type":null,"code":"content_filter"}}"#, Some(ErrorClass::ContentRefused)),
        (
            r#"{"error":{"message":"bad","type":"invalid_request_error","code":"tool_use_failed"}}"#,
            Some(ErrorClass::BadRequest),
        ),
        (r#"{"detail":"who knows"}"#, None),
    ] {
        assert_eq!(decode_error(Shape::Chat, body.as_bytes()).class(), expected, "{body}");
    }
}

#[test]
fn finds_the_fields_that_some_chat_models_refuse() {
    let set = |members: &str| chat_with(members).needs.parameters;
    for (members, expected) in [
        (r#""max_tokens":5"#, Parameters::MAX_TOKENS),
        (r#""max_completion_tokens":5"#, Parameters::MAX_COMPLETION_TOKENS),
        (r#""temperature":0.2"#, Parameters::TEMPERATURE),
        (r#""temperature":"warm""#, Parameters::TEMPERATURE),
        (r#""top_p":0.9"#, Parameters::TOP_P),
        (r#""logprobs":true,"top_logprobs":2"#, Parameters::LOGPROBS | Parameters::TOP_LOGPROBS),
        (r#""stop":["a"]"#, Parameters::STOP),
        (r#""presence_penalty":-1"#, Parameters::PRESENCE_PENALTY),
        (r#""frequency_penalty":1e-1"#, Parameters::FREQUENCY_PENALTY),
        (r#""logit_bias":{"1":-100}"#, Parameters::LOGIT_BIAS),
        (r#""seed":0"#, Parameters::SEED),
        (r#""n":2"#, Parameters::N),
    ] {
        assert_eq!(set(members), expected, "{members}");
    }
    for members in [
        r#""max_tokens":null,"max_completion_tokens":null,"temperature":null,"top_p":null,"seed":null,"n":null"#,
        r#""logprobs":null,"top_logprobs":null,"stop":null,"logit_bias":null,"presence_penalty":null"#,
        r#""temperature":1,"top_p":1.0,"presence_penalty":0,"frequency_penalty":0.0,"n":1,"logprobs":false"#,
        r#""temperature":10e-1,"logit_bias":{}"#,
        r#""top_k":5,"metadata":{"temperature":0,"stop":"x"}"#,
    ] {
        assert_eq!(set(members), Parameters::NONE, "{members}");
    }
    assert!(chat_with(r#""reasoning_effort":"none""#).needs.no_reasoning);
    assert!(!chat_with(r#""reasoning_effort":null"#).needs.no_reasoning);
    assert!(!chat_with(r#""reasoning_effort":"low""#).needs.no_reasoning);
}

#[test]
fn a_messages_request_may_want_no_reasoning() {
    assert!(messages_with(r#""thinking":{"type":"disabled"}"#).needs.no_reasoning);
    assert!(!messages_with(r#""thinking":{"type":"adaptive"}"#).needs.no_reasoning);
    assert!(!messages_with(r#""thinking":null"#).needs.no_reasoning);
}

#[test]
fn finds_the_fields_that_some_messages_models_refuse() {
    let set = |members: &str| messages_with(members).needs.parameters;
    for (members, expected) in [
        (r#""temperature":0"#, Parameters::TEMPERATURE),
        (r#""top_p":1"#, Parameters::TOP_P),
        (r#""top_k":40"#, Parameters::TOP_K),
        (r#""thinking":{"budget_tokens":1024,"type":"enabled"}"#, Parameters::THINKING_BUDGET),
        (r#""temperature":1.0,"top_p":null,"top_k":null"#, Parameters::NONE),
        (r#""thinking":{"type":"adaptive"}"#, Parameters::NONE),
        (r#""thinking":{"type":"disabled","budget_tokens":1024}"#, Parameters::NONE),
        // Not of this shape.
        (r#""seed":5,"stop":"x","max_tokens":5"#, Parameters::NONE),
    ] {
        assert_eq!(set(members), expected, "{members}");
    }
    let spoken = |roles: &[&str]| {
        let spoken: Vec<Value> = roles.iter().map(|role| json!({"role": role, "content": "x"})).collect();
        messages(&json!({"model": "m", "messages": spoken}).to_string()).needs.parameters
    };
    assert_eq!(spoken(&["user", "assistant"]), Parameters::PREFILL);
    assert_eq!(spoken(&["user", "assistant", "user"]), Parameters::NONE);
    assert_eq!(chat(r#"{"model":"m","messages":[{"role":"assistant","content":"x"}]}"#).needs, Needs::default());
}

#[test]
fn fields_are_known_by_the_names_of_the_catalogue() {
    let all = ["max_tokens", "temperature", "thinking.type=enabled with budget_tokens", "assistant prefill", "n"];
    let set: Parameters = all.iter().filter_map(|name| Parameters::named(name)).collect();
    assert_eq!(set.names().count(), all.len());
    assert_eq!(format!("{:?}", set.without(Parameters::N | Parameters::MAX_TOKENS)).matches('"').count(), 6);
    assert_eq!(Parameters::named("web_search_options"), None);
}

#[test]
fn renames_max_tokens_where_only_the_newer_name_is_taken() {
    let renamed = |body: &str| {
        let edits =
            chat(body).edits(&Edits { model: "m", ask_usage: false, completion_tokens_field: true, max_output: None });
        String::from_utf8(splice(&Bytes::copy_from_slice(body.as_bytes()), &edits).concat()).unwrap()
    };
    for (body, expected) in [
        (
            r#"{"model":"m", "max_tokens" : 5 ,"messages":[]}"#,
            r#"{"model":"m", "max_completion_tokens" : 5 ,"messages":[]}"#,
        ),
        (
            r#"{"max\u005ftokens":5,"model":"a","messages":[]}"#,
            r#"{"max_completion_tokens":5,"model":"m","messages":[]}"#,
        ),
    ] {
        assert_eq!(renamed(body), expected);
        assert!(chat(body).renames_max_tokens());
        assert!(
            chat(body)
                .edits(&Edits {
                    model: chat(body).model.as_str(),
                    ask_usage: true,
                    completion_tokens_field: false,
                    max_output: None
                })
                .is_empty()
        );
    }
    for body in [
        r#"{"model":"m","messages":[],"max_tokens":null}"#,
        r#"{"model":"m","messages":[],"max_tokens":5,"max_completion_tokens":6}"#,
        r#"{"model":"m","messages":[],"max_completion_tokens":null,"max_tokens":5}"#,
        r#"{"model":"m","messages":[{"max_tokens":5}],"x":{"max_tokens":5}}"#,
    ] {
        assert_eq!(renamed(body), body);
        assert!(!chat(body).renames_max_tokens(), "{body}");
    }
    assert!(!messages(r#"{"model":"m","messages":[],"max_tokens":5}"#).renames_max_tokens());
}

/// The body with the bound lowered.
fn bounded(shape: Shape, body: &str, completion_tokens_field: bool, max_output: u64) -> String {
    let found = peek(shape, Operation::Generate, body.as_bytes()).unwrap();
    let wanted = Edits { model: &found.model, ask_usage: false, completion_tokens_field, max_output: Some(max_output) };
    String::from_utf8(splice(&Bytes::copy_from_slice(body.as_bytes()), &found.edits(&wanted)).concat()).unwrap()
}

#[test]
fn the_bound_of_output_is_put_where_the_client_has_it() {
    let body = |members: &str| format!(r#" {{"model":"m","messages":[]{members} }} "#);
    for (newer, sent, expected) in [
        (false, "", r#" ,"max_tokens":9"#),
        (true, "", r#" ,"max_completion_tokens":9"#),
        (false, r#","max_tokens" : 10 "#, r#","max_tokens" : 9 "#),
        (true, r#","max_tokens":10"#, r#","max_completion_tokens":9"#),
        (false, r#","max_completion_tokens":10"#, r#","max_completion_tokens":9"#),
        (true, r#","max_completion_tokens":10"#, r#","max_completion_tokens":9"#),
        (true, r#","max_completion_tokens":10,"max_tokens":11"#, r#","max_completion_tokens":9,"max_tokens":9"#),
        (false, r#","max_completion_tokens":10,"max_tokens":5"#, r#","max_completion_tokens":9,"max_tokens":5"#),
        (false, r#","max_completion_tokens":null,"max_tokens":10"#, r#","max_completion_tokens":null,"max_tokens":9"#),
        (false, r#","max_tokens":null"#, r#","max_tokens":9"#),
        (true, r#","max_tokens":null"#, r#","max_completion_tokens":9"#),
        (true, r#","max_completion_tokens":null"#, r#","max_completion_tokens":9"#),
        (false, r#","max_completion_tokens":null"#, r#","max_completion_tokens":null ,"max_tokens":9"#),
        // What some host may read as a number does not get past it.
        (false, r#","max_tokens":"1000""#, r#","max_tokens":9"#),
        (false, r#","max_tokens":1e3"#, r#","max_tokens":9"#),
        (false, r#","max_tokens":-1"#, r#","max_tokens":9"#),
    ] {
        // White space before the brace stays where it is.
        let expected = match expected.strip_prefix(' ') {
            Some(added) => format!(r#" {{"model":"m","messages":[] {added}}} "#),
            None if expected.contains(" ,") => format!(r#" {{"model":"m","messages":[]{expected}}} "#),
            None => body(expected),
        };
        assert_eq!(bounded(Shape::Chat, &body(sent), newer, 9), expected, "{sent}");
        let never_raised = bounded(Shape::Chat, &body(r#","max_tokens":5"#), false, 9);
        assert_eq!(never_raised, body(r#","max_tokens":5"#));
    }
    for newer in [false, true] {
        let messages = |sent: &str| bounded(Shape::Messages, &body(sent), newer, 9);
        assert_eq!(messages(r#","max_tokens":10"#), body(r#","max_tokens":9"#));
        assert_eq!(messages(""), r#" {"model":"m","messages":[] ,"max_tokens":9} "#);
    }
    let counted = br#"{"model":"m","messages":[]}"#;
    let found = peek(Shape::Messages, Operation::CountTokens, counted).unwrap();
    let wanted = Edits { model: "m", ask_usage: false, completion_tokens_field: false, max_output: Some(9) };
    assert!(found.edits(&wanted).is_empty(), "the counting of tokens has no output");
}

proptest! {
    #[test]
    fn nothing_but_the_bound_differs(
        members in proptest::collection::hash_map(
            "max_tokens|max_completion_tokens|stream|user|metadata|[a-z]{1,6}",
            prop_oneof![Just("null".to_owned()), (0_u64..100).prop_map(|n| n.to_string()), Just("1.5".to_owned()),
                Just("{\"max_tokens\": 7}".to_owned()), Just("[ ]".to_owned()), "[ -~&&[^\"\\\\]]{0,9}".prop_map(|text| format!("\"{text}\""))],
            0..6),
        shape in prop_oneof![Just(Shape::Chat), Just(Shape::Messages)],
        newer in any::<bool>(),
        bound in 1_u64..100,
        space in "[ \n]{0,2}",
    ) {
        let mut body = String::from("{\"model\":\"m\",\"messages\":[]");
        for (name, value) in members.iter().filter(|(name, value)| *name != "stream" && *name != "input" && !value.is_empty()) {
            body.push_str(&format!(",{space}\"{name}\":{space}{value}{space}"));
        }
        body.push_str(&format!("{space}}}{space}"));
        let before: Value = serde_json::from_str(&body).unwrap();
        let after: Value = serde_json::from_str(&bounded(shape, &body, newer, bound)).unwrap();
        let names = ["max_tokens", "max_completion_tokens"];
        let rest = |value: &Value| {
            let mut value = value.clone();
            names.iter().for_each(|name| drop(value.as_object_mut().unwrap().remove(*name)));
            value
        };
        // Messages has no `max_completion_tokens`; what stands there under that name is nothing to it.
        if shape == Shape::Messages {
            prop_assert_eq!(&before["max_completion_tokens"], &after["max_completion_tokens"]);
        }
        prop_assert_eq!(rest(&before), rest(&after));
        let own: &[&str] = if shape == Shape::Chat { &names } else { &names[..1] };
        let mut set = 0;
        for name in own {
            let (sent, now) = (&before[*name], &after[*name]);
            prop_assert!(now.is_null() || now.as_u64().is_some_and(|now| now <= bound), "{}: {} to {}", name, sent, now);
            prop_assert!(sent.as_u64().is_none_or(|sent| now.as_u64().is_none_or(|now| now <= sent)));
            set += u32::from(!now.is_null());
        }
        let was_set = own.iter().filter(|name| !before[**name].is_null()).count() as u32;
        prop_assert_eq!(set, was_set.max(1));
    }
}

#[test]
fn finds_the_end_user_under_the_names_that_clients_use() {
    let user = |members: &str| chat_with(members).end_user;
    assert_eq!(user(r#""user":"u\u00e9""#).as_deref(), Some("u\u{e9}"));
    assert_eq!(user(r#""user":"u","safety_identifier":"s""#).as_deref(), Some("s"));
    assert_eq!(user(r#""safety_identifier":" ","user":"u""#).as_deref(), Some("u"));
    for nobody in
        [r#""user":null"#, r#""user":7"#, r#""user":{"id":"x"}"#, r#""user":"""#, r#""user":"\ud800""#, r#""x":1"#]
    {
        assert_eq!(user(nobody), None, "{nobody}");
    }
    let user = |members: &str| messages_with(members).end_user;
    assert_eq!(user(r#""metadata":{"user_id":"u"}"#).as_deref(), Some("u"));
    let claude_code = r#""metadata":{"user_id":"{\"device_id\":\"d1\",\"account_uuid\":\"\",\"session_id\":\"s\"}"}"#;
    assert_eq!(user(claude_code).as_deref(), Some("d1"));
    for nobody in [r#""metadata":null"#, r#""metadata":{"user_id":null}"#, r#""user":"u""#, r#""metadata":"u""#] {
        assert_eq!(user(nobody), None, "{nobody}");
    }
}

#[test]
fn finds_the_bound_on_reasoning() {
    let budget = |thinking: &str| messages_with(&format!(r#""thinking":{thinking}"#)).thinking_budget;
    assert_eq!(budget(r#"{"type":"enabled","budget_tokens":2048}"#), Some(2048));
    for none in [r#"{"type":"enabled"}"#, r#"{"type":"disabled","budget_tokens":5}"#, r#"{"type":"adaptive"}"#, "null"]
    {
        assert_eq!(budget(none), None, "{none}");
    }
}
