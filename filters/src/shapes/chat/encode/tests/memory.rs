//! Reasoning of earlier turns.

use serde_json::{Value, json};

use super::{deepseek, messages, openai, plain, router, sent};
use crate::neutral::{Origin, Profile, State, StateFormat};
use crate::shapes::envelope;

fn origin(provider: &'static str) -> Origin<'static> {
    Origin { provider: provider.into(), family: "claude-opus-4-8".into(), account: "a".into() }
}

/// The assistant's turn that was made of this thinking and a call.
fn turn(thinking: Value, profile: &Profile) -> Value {
    let mut content = thinking.as_array().unwrap().clone();
    content.push(json!({"type": "tool_use", "id": "t", "name": "f", "input": {}}));
    let list = json!([
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "r"}]},
    ]);
    let sent = sent(&messages(list), profile);
    assert_eq!(sent.losses, "");
    sent.body["messages"][1].clone()
}

fn sealed(format: StateFormat, data: &'static str, id: Option<&'static str>, from: &'static str) -> String {
    let state = State { format, data: data.into(), id: id.map(Into::into), origin: None, extra: None };
    envelope::seal(&state, &origin(from))
}

#[test]
fn pitfall_75_hosts_that_demand_reasoning_content_get_it_back() {
    let host = Profile { origin: origin("deepseek"), ..deepseek() };
    let own = sealed(StateFormat::Plain, "", None, "deepseek");
    let thinking = json!([{"type": "thinking", "thinking": "I look", "signature": own}]);
    assert_eq!(turn(thinking.clone(), &host)["reasoning_content"], "I look");
    let silent: [Profile; 2] = [plain(), openai()];
    for profile in silent {
        let written = turn(thinking.clone(), &profile).to_string();
        assert!(!written.contains("I look") && !written.contains("gw1"), "{written}");
    }
}

#[test]
fn pitfall_67_reasoning_of_another_provider_goes_to_nobody_else() {
    let foreign = sealed(StateFormat::Plain, "", None, "kimi");
    let thinking = json!([{"type": "thinking", "thinking": "I look", "signature": foreign}]);
    for host in [
        Profile { origin: origin("deepseek"), ..deepseek() },
        Profile { origin: origin("openrouter"), reads_signatures: true, ..router() },
    ] {
        assert!(!turn(thinking.clone(), &host).to_string().contains("I look"));
        let signed = sealed(StateFormat::AnthropicSignature, "sig", None, "anthropic");
        let signed = turn(json!([{"type": "thinking", "thinking": "I look", "signature": signed}]), &host).to_string();
        assert!(!signed.contains("I look") && !signed.contains("sig\""), "{signed}");
    }
}

#[test]
fn pitfall_72_encrypted_reasoning_is_never_words() {
    let thinking = json!([{"type": "redacted_thinking", "data": "c2VjcmV0"}]);
    for profile in [plain(), openai(), deepseek()] {
        assert!(!turn(thinking.clone(), &profile).to_string().contains("c2VjcmV0"));
    }
    assert_eq!(turn(thinking, &router())["content"], Value::Null);
}

#[test]
fn pitfall_64_routers_get_every_piece_of_state_as_it_was() {
    let own = |format, data, id| sealed(format, data, id, "openrouter");
    let thinking = json!([
        {"type": "thinking", "thinking": "a", "signature": "U0lH"},
        {"type": "redacted_thinking", "data": "UkVE"},
        {"type": "thinking", "thinking": "b", "signature": own(StateFormat::OpenAiEncrypted, "RU5D", Some("rs_1"))},
        {"type": "redacted_thinking", "data": own(StateFormat::GoogleSignature, "R09P", Some("t"))},
        {"type": "thinking", "thinking": "c", "signature": own(StateFormat::Plain, "", None)},
    ]);
    let profile = Profile { origin: origin("openrouter"), reads_signatures: true, ..router() };
    let details = turn(thinking, &profile)["reasoning_details"].clone();
    let seen: Vec<(String, String, u64)> = details
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let what = ["signature", "data", "summary", "text"].into_iter().find_map(|name| entry[name].as_str());
            (entry["format"].as_str().unwrap().to_owned(), what.unwrap().to_owned(), entry["index"].as_u64().unwrap())
        })
        .collect();
    let expected = [
        ("anthropic-claude-v1", "U0lH"),
        ("anthropic-claude-v1", "UkVE"),
        ("openai-responses-v1", "b"),
        ("openai-responses-v1", "RU5D"),
        ("unknown", "c"),
        ("google-gemini-v1", "R09P"),
    ];
    let expected: Vec<_> = expected
        .iter()
        .enumerate()
        .map(|(index, (format, what))| ((*format).to_owned(), (*what).to_owned(), index as u64))
        .collect();
    assert_eq!(seen, expected);
    assert_eq!(details[5]["id"], "t");
    assert_eq!(
        details[0],
        json!({"type": "reasoning.text", "text": "a", "signature": "U0lH", "format": "anthropic-claude-v1", "index": 0})
    );
}

#[test]
fn hosts_that_demand_reasoning_content_get_it_of_their_other_models_too_and_never_none() {
    let host = Profile {
        origin: Origin { provider: "deepseek".into(), family: "other".into(), account: "b".into() },
        ..deepseek()
    };
    let own = sealed(StateFormat::Plain, "", None, "deepseek");
    let thinking = json!([{"type": "thinking", "thinking": "I look", "signature": own}]);
    assert_eq!(turn(thinking, &host)["reasoning_content"], "I look");
    assert_eq!(turn(json!([]), &host)["reasoning_content"], "");
    assert_eq!(turn(json!([]), &plain()).get("reasoning_content"), None);
    let foreign = sealed(StateFormat::Plain, "", None, "kimi");
    let thinking = json!([{"type": "thinking", "thinking": "I look", "signature": foreign}]);
    assert_eq!(turn(thinking, &host)["reasoning_content"], "");
}

#[test]
fn what_anthropic_signed_goes_to_models_that_read_it_only() {
    let thinking = json!([
        {"type": "thinking", "thinking": "a", "signature": "U0lH"},
        {"type": "redacted_thinking", "data": "UkVE"},
    ]);
    let details = |reads_signatures| {
        turn(thinking.clone(), &Profile { reads_signatures, ..router() })["reasoning_details"].clone()
    };
    assert_eq!(details(true).as_array().map(Vec::len), Some(2));
    assert_eq!(details(false), Value::Null);
}

#[test]
fn citations_that_the_shape_has_no_place_for_are_told_to_be_lost() {
    let cited = json!({"type": "char_location", "cited_text": "x", "document_index": 0, "start_char_index": 0, "end_char_index": 1});
    let list = json!([
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [{"type": "text", "text": "a", "citations": [cited, cited]}]},
        {"role": "user", "content": "y"},
    ]);
    assert_eq!(sent(&messages(list), &plain()).losses, "dropped:citations");
}
