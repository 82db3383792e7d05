//! What a provider asks of a request: calls and results that belong together, legal names, roles in their order.

use std::collections::BTreeSet;

use ovth_filters::Shape;
use ovth_filters::neutral::Profile;
use ovth_filters::translate::{Upstream, request};
use serde_json::Value;

/// Everything that holds of the translation of a request; whether it was translated at all.
pub(crate) fn judge_request(client: Shape, body: &[u8], upstream: Upstream<'_>) -> bool {
    let translated = match request(client, body, upstream) {
        Ok(translated) => translated,
        Err(error) => {
            assert!(!error.message.is_empty() && error.message.len() < 4_000, "an error says what is wrong: {error:?}");
            return false;
        }
    };
    let again = request(client, body, upstream).unwrap();
    assert_eq!(translated.body, again.body, "the same request gives the same bytes");
    let written: Value = serde_json::from_slice(&translated.body).expect("a request is JSON");
    if upstream.shape != Shape::GenerateContent {
        // There the path says both.
        assert_eq!(written["model"], *upstream.profile.model);
        assert_eq!(written["stream"] == true, translated.stream);
    }
    match upstream.shape {
        Shape::Chat => chat(&written),
        Shape::GenerateContent => contents(&written),
        Shape::Responses => super::responses::request(&written),
        _ => messages(&written),
    }
    let sent: BTreeSet<&str> = translated.answering.tool_names.iter().map(|(sent, _)| sent.as_str()).collect();
    assert_eq!(sent.len(), translated.answering.tool_names.len(), "names can be told apart");
    let losses = translated.losses.to_string();
    assert!(losses.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "a header takes it: {losses:?}");
    // What is sent is a request of its shape: it can be read again. A decoder's errors begin with the field; that the way back has
    // targets which take less is nothing wrong.
    let lenient = Profile { model: "m".to_owned(), ..Profile::default() };
    let back = Upstream { shape: client, profile: &lenient, stream: false, max_output: None, without_state: false };
    if let Err(error) = request(upstream.shape, &translated.body, back) {
        assert!(
            !error.message.starts_with(['`', 't']) || error.message.starts_with("this model"),
            "{error:?} in {written}"
        );
    }
    true
}

fn chat(body: &Value) {
    let messages = body["messages"].as_array().expect("messages are an array");
    assert!(!messages.is_empty());
    names(body["tools"].as_array().into_iter().flatten().map(|tool| &tool["function"]["name"]), 64);
    let mut open: Vec<&str> = Vec::new();
    for message in messages {
        if message["role"] == "tool" {
            let id = message["tool_call_id"].as_str().expect("a result has an id");
            let at = open.iter().position(|open| *open == id).unwrap_or_else(|| panic!("no open call {id}: {body}"));
            open.remove(at);
            continue;
        }
        assert!(open.is_empty(), "every call has its result right behind it: {body}");
        let calls = message["tool_calls"].as_array();
        assert!(calls.is_none_or(|calls| !calls.is_empty() && message["role"] == "assistant"));
        open = calls.into_iter().flatten().map(|call| call["id"].as_str().unwrap()).collect();
        assert_eq!(open.iter().collect::<BTreeSet<_>>().len(), open.len(), "ids of one turn are unlike: {body}");
        assert!(open.iter().all(|id| !id.is_empty()));
    }
    assert!(open.is_empty(), "every call has its result: {body}");
}

fn messages(body: &Value) {
    let turns = body["messages"].as_array().expect("messages are an array");
    assert!(!turns.is_empty() && body["max_tokens"].as_u64().is_some_and(|bound| bound > 0));
    names(
        body["tools"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|tool| tool["input_schema"].is_object())
            .map(|tool| &tool["name"]),
        128,
    );
    let (mut open, mut all, mut last) = (Vec::new(), BTreeSet::new(), "");
    for turn in turns {
        let role = turn["role"].as_str().unwrap();
        assert_ne!(role, last, "turns of one role are one: {body}");
        last = role;
        let blocks = turn["content"].as_array().expect("content is written as blocks");
        assert!(!blocks.is_empty(), "no turn is empty");
        let of_kind = |kind: &'static str| blocks.iter().filter(move |block| block["type"] == kind);
        let results: Vec<&str> = of_kind("tool_result").map(|block| block["tool_use_id"].as_str().unwrap()).collect();
        assert_eq!(results, open, "results stand right behind their calls, in order: {body}");
        let first = blocks.iter().take(results.len());
        assert!(first.into_iter().all(|block| block["type"] == "tool_result"), "results come first: {body}");
        open = of_kind("tool_use").map(|block| block["id"].as_str().unwrap()).collect();
        for block in of_kind("tool_use") {
            assert_eq!(role, "assistant");
            assert!(block["input"].is_object(), "input is an object: {body}");
            assert!(all.insert(block["id"].as_str().unwrap()), "ids are unlike: {body}");
        }
        let is_blank = |block: &Value| block["text"].as_str().is_some_and(|text| text.trim().is_empty());
        assert!(!of_kind("text").any(is_blank), "no text is blank: {body}");
    }
}

/// What Google asks of contents.
fn contents(body: &Value) {
    let contents = body["contents"].as_array().expect("contents are an array");
    assert!(!contents.is_empty());
    let declared =
        body["tools"].as_array().into_iter().flatten().flat_map(|tool| tool["functionDeclarations"].as_array());
    for function in declared.flatten() {
        let name = function["name"].as_str().unwrap();
        let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
        assert!(name.len() <= 128 && name.bytes().all(is_legal), "no legal name: {name}");
        assert!(name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'), "no legal name: {name}");
        assert!(function.get("parameters").is_none() || function.get("parametersJsonSchema").is_none());
    }
    let config = &body["generationConfig"];
    let has_schema = config.get("responseSchema").is_some() || config.get("responseJsonSchema").is_some();
    assert!(!has_schema || config["responseMimeType"] == "application/json", "a schema stands with its type");
    let thinking = &config["thinkingConfig"];
    assert!(thinking.get("thinkingBudget").is_none() || thinking.get("thinkingLevel").is_none(), "one of the two");
    let (mut open, mut last): (Vec<(&Value, &Value)>, &str) = (Vec::new(), "");
    for content in contents {
        let role = content["role"].as_str().unwrap();
        assert_ne!(role, last, "the user and the model take turns: {body}");
        last = role;
        let parts = content["parts"].as_array().expect("parts are an array");
        assert!(!parts.is_empty(), "no content is empty");
        let of_kind = |kind: &'static str| parts.iter().filter_map(move |part| part.get(kind));
        let results: Vec<(&Value, &Value)> =
            of_kind("functionResponse").map(|result| (&result["name"], &result["id"])).collect();
        assert_eq!(results, open, "results stand right behind their calls, in order: {body}");
        assert!(parts.iter().take(results.len()).all(|part| part.get("functionResponse").is_some()));
        assert!(of_kind("functionResponse").all(|result| result["response"].is_object()));
        open = of_kind("functionCall").map(|call| (&call["name"], &call["id"])).collect();
        assert!(open.is_empty() || role == "model");
        assert!(of_kind("functionCall").all(|call| call["args"].is_object()), "arguments are an object: {body}");
        let signed = parts.iter().filter(|part| part.get("functionCall").is_some()).skip(1);
        assert!(!signed.clone().any(|part| part["thoughtSignature"] == "skip_thought_signature_validator"));
        for part in parts {
            assert!(part["text"] != "" || part.get("thoughtSignature").is_some(), "no text is empty: {body}");
        }
    }
    assert!(open.is_empty(), "every call has its result: {body}");
}

fn names<'a>(names: impl Iterator<Item = &'a Value>, most: usize) {
    for name in names.filter_map(Value::as_str) {
        let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        assert!(!name.is_empty() && name.len() <= most && name.bytes().all(is_legal), "no legal name: {name}");
    }
}
