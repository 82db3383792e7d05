//! Whole answers, read and written.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use serde_json::{Value, json};

use super::{decode, encode};
use crate::Shape;
use crate::json::{Json, View};
use crate::neutral::{
    Answering, ApiError, ErrorClass, Finish, Opaque, Origin, Part, Reasoning, Response, State, StateFormat, TextPart,
    ToolCall, Usage,
};

fn try_read(body: &Value) -> Result<Response, ApiError> {
    decode(View::parse(body.to_string().as_bytes()).unwrap(), "seed")
}

fn answering() -> Answering {
    let origin = Origin { provider: "anthropic".into(), family: "claude".into(), account: "a".into() };
    Answering { origin, seed: "seed".to_owned(), model: "the-model".to_owned(), ..Answering::default() }
}

fn response(parts: Vec<Part<'static>>, finish: Finish) -> Response {
    Response {
        id: String::new(),
        model: "m".to_owned(),
        parts,
        finish,
        native_finish: String::new(),
        usage: None,
        service_class: None,
    }
}

fn written(response: &Response, answering: &Answering) -> Value {
    serde_json::from_slice(&encode(response, answering)).unwrap()
}

fn call(id: &'static str, arguments: &'static str, custom: bool) -> Part<'static> {
    Part::ToolCall(ToolCall {
        id: id.into(),
        name: "f".into(),
        arguments: arguments.into(),
        custom,
        cache: None,
        state: None,
    })
}

#[test]
fn what_is_no_answer_is_an_error() {
    for body in
        [json!({}), json!([]), json!({"candidates": []}), json!({"usageMetadata": {"promptTokenCount": 3}}), json!("x")]
    {
        assert_eq!(try_read(&body).unwrap_err().class, ErrorClass::Upstream, "{body}");
    }
    let error = json!([{"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED"}}]);
    let told = try_read(&error).unwrap_err();
    assert_eq!((told.class, told.message.as_str()), (ErrorClass::RateLimit, "slow down"));
    let failed = json!({"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "bad call"}]});
    assert_eq!(
        try_read(&failed).unwrap_err().message,
        "the provider ended the answer with MALFORMED_FUNCTION_CALL: bad call"
    );
}

#[test]
fn a_stream_that_came_as_one_array_is_an_answer() {
    let piece = |text: &str| json!({"candidates": [{"content": {"parts": [{"text": text}]}}]});
    let mut last = piece("b");
    last["candidates"][0]["finishReason"] = "STOP".into();
    let response = try_read(&json!([piece("a"), last])).unwrap();
    assert!(matches!(&response.parts[..], [Part::Text(text)] if text.text == "ab"));
}

#[test]
fn a_whole_answer_without_a_reason_is_finished() {
    let response = try_read(&json!({"candidates": [{"content": {"parts": [{"text": "a"}]}}]})).unwrap();
    assert_eq!((response.finish, response.native_finish.as_str()), (Finish::Stop, "STOP"));
}

#[test]
fn answers_of_others_are_written_as_googles() {
    let state =
        State { format: StateFormat::AnthropicSignature, data: "Eq==".into(), id: None, origin: None, extra: None };
    let parts = vec![
        Part::Reasoning(Reasoning { text: "hm".into(), summary: false, state: Some(state) }),
        Part::Text(TextPart::new("hi")),
        call("toolu_1", "{\"a\": 1}", false),
        call("toolu_2", "", false),
        call("toolu_3", "x\ny", true),
        call("toolu_4", "{cut", false),
    ];
    let usage = Usage {
        input: 10,
        cache_read: 5,
        cache_write: 2,
        output: 30,
        reasoning: 12,
        audio_input: 4,
        ..Usage::default()
    };
    let response = Response {
        usage: Some(usage),
        service_class: Some("default".to_owned()),
        ..response(parts, Finish::ToolCalls)
    };
    let body = written(&response, &answering());
    let parts = &body["candidates"][0]["content"]["parts"];
    assert_eq!((&parts[0]["text"], &parts[0]["thought"]), (&json!("hm"), &json!(true)));
    assert!(
        parts[0]["thoughtSignature"].as_str().unwrap().starts_with("Z3cxL"),
        "it is Anthropic's and goes in an envelope"
    );
    assert_eq!(parts[1], json!({"text": "hi"}));
    assert_eq!(parts[2]["functionCall"], json!({"id": "toolu_1", "name": "f", "args": {"a": 1}}));
    assert!(
        parts[2]["thoughtSignature"].as_str().unwrap().starts_with("Z3cxL"),
        "the first call is signed as Google's are"
    );
    assert_eq!(parts[3], json!({"functionCall": {"id": "toolu_2", "name": "f", "args": {}}}), "pitfall 26");
    assert_eq!(parts[4]["functionCall"]["args"], json!({"input": "x\ny"}));
    assert_eq!(parts[5]["functionCall"]["args"], json!({"_raw": "{cut"}));
    assert_eq!((&body["candidates"][0]["finishReason"], &body["modelVersion"]), (&json!("STOP"), &json!("m")));
    assert_eq!(
        body["usageMetadata"],
        json!({"promptTokenCount": 17, "cachedContentTokenCount": 5, "candidatesTokenCount": 18, "thoughtsTokenCount": 12, "totalTokenCount": 47, "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 4}], "serviceTier": "standard"})
    );
    assert_eq!(body["responseId"].as_str().unwrap().len(), 22);
}

#[test]
fn thoughts_are_told_to_who_asked_for_them_and_their_state_to_all() {
    let hiding = Answering { hide_reasoning: true, ..answering() };
    let plain = response(
        vec![
            Part::Reasoning(Reasoning { text: "secret".into(), ..Reasoning::default() }),
            Part::Text(TextPart::new("hi")),
        ],
        Finish::Stop,
    );
    let body = written(&plain, &hiding);
    let parts = body["candidates"][0]["content"]["parts"].as_array().unwrap().clone();
    assert_eq!((&parts[0]["text"], &parts[0]["thought"]), (&json!(""), &json!(true)));
    assert!(!body.to_string().contains("secret") && parts.len() == 2);
    let shown = written(&plain, &answering());
    assert_eq!(shown["candidates"][0]["content"]["parts"][0], json!({"text": "secret", "thought": true}));
}

#[test]
fn reasons_are_googles_words() {
    let reason = |finish: Finish, parts: Vec<Part<'static>>| {
        let body = written(&response(parts, finish), &answering());
        (
            body["candidates"][0]["finishReason"].as_str().unwrap().to_owned(),
            body["candidates"][0]["finishMessage"].as_str().map(str::to_owned),
        )
    };
    for (finish, word) in [
        (Finish::Stop, "STOP"),
        (Finish::StopSequence(Some("x".to_owned())), "STOP"),
        (Finish::Length, "MAX_TOKENS"),
        (Finish::ContextFull, "MAX_TOKENS"),
        (Finish::Paused, "STOP"),
        (Finish::ToolCalls, "STOP"),
    ] {
        assert_eq!(reason(finish, Vec::new()), (word.to_owned(), None));
    }
    let filtered = |explanation: Option<&str>, category: Option<&str>| Finish::Filtered {
        explanation: explanation.map(str::to_owned),
        category: category.map(str::to_owned),
    };
    assert_eq!(reason(filtered(Some("no"), Some("cyber")), Vec::new()), ("SAFETY".to_owned(), Some("no".to_owned())));
    assert_eq!(reason(filtered(None, Some("RECITATION")), Vec::new()).0, "RECITATION");
    assert_eq!(reason(Finish::Stop, vec![Part::Refusal("I cannot".into())]).0, "SAFETY");
    let empty = written(&response(Vec::new(), filtered(None, None)), &answering());
    assert!(empty["candidates"][0].get("content").is_none());
}

#[test]
fn pictures_of_chat_hosts_are_inline_data() {
    let raw = r#"{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBO"}}"#;
    let image = Part::Opaque(Opaque { shape: Shape::Chat, kind: "image_url".into(), raw: Json::parse(raw).unwrap() });
    let other = Part::Opaque(Opaque {
        shape: Shape::Messages,
        kind: "server_tool_use".into(),
        raw: Json::parse("{}").unwrap(),
    });
    let body = written(&response(vec![image, other], Finish::Stop), &answering());
    assert_eq!(
        body["candidates"][0]["content"]["parts"],
        json!([{"inlineData": {"mimeType": "image/png", "data": "iVBO"}}])
    );
}
