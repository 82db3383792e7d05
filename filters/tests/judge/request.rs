//! What a provider asks of a request: calls and results that belong together, legal names, roles in their order.

use std::collections::BTreeSet;

use ovth_filters::Shape;
use ovth_filters::neutral::Profile;
use ovth_filters::translate::{Upstream, request};
use serde_json::Value;

use super::ask::other;

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
    assert_eq!(written["model"], *upstream.profile.model);
    assert_eq!(written["stream"] == true, translated.stream);
    match upstream.shape {
        Shape::Chat => chat(&written),
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
    if let Err(error) = request(other(client), &translated.body, back) {
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

fn names<'a>(names: impl Iterator<Item = &'a Value>, most: usize) {
    for name in names.filter_map(Value::as_str) {
        let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        assert!(!name.is_empty() && name.len() <= most && name.bytes().all(is_legal), "no legal name: {name}");
    }
}
