//! What the API demands of every conversation, held against conversations of any order.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{call, function, talk, translated};
use crate::neutral::Profile;

/// Any message of a chat client, in any place.
fn message() -> impl Strategy<Value = Value> {
    let words = prop_oneof![Just(String::new()), Just(" \n".to_owned()), "[a-z]{1,5}"];
    let id = "[ab.]{1,2}";
    let calls = proptest::collection::vec((id, "f|g\\.h", prop_oneof![Just(""), Just("{\"a\":1}"), Just("[")]), 0..3);
    let marked = any::<bool>();
    prop_oneof![
        (words.clone(), marked).prop_map(|(said, marked)| {
            let mut part = json!({"type": "text", "text": said});
            if marked {
                part["cache_control"] = json!({"type": "ephemeral"});
            }
            json!({"role": "user", "content": [part]})
        }),
        words.clone().prop_map(|said| json!({"role": "system", "content": said})),
        (id, words.clone()).prop_map(|(id, said)| json!({"role": "tool", "tool_call_id": id, "content": said})),
        (words, calls, any::<bool>()).prop_map(|(said, calls, thinks)| {
            let calls: Vec<Value> = calls.iter().map(|(id, name, arguments)| call(id, name, arguments)).collect();
            let mut turn = json!({"role": "assistant", "content": said, "tool_calls": calls});
            if thinks {
                turn["thinking_blocks"] = json!([{"type": "thinking", "thinking": "t", "signature": "EqQB"}]);
            }
            turn
        }),
    ]
}

fn blocks<'v>(turn: &'v Value, kind: &str) -> Vec<&'v Value> {
    turn["content"].as_array().unwrap().iter().filter(|block| block["type"] == kind).collect()
}

fn check(body: &Value) {
    let turns = body["messages"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    let mut marks = 0;
    for (at, turn) in turns.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| &turns[at]);
        let after = turns.get(at + 1);
        match turn["role"].as_str().unwrap() {
            // Directly behind the user, never first.
            "system" => assert_eq!(before.unwrap()["role"], "user"),
            role => assert!(before.is_none_or(|before| before["role"] != role), "turns of one role are one"),
        }
        let content = turn["content"].as_array().unwrap();
        assert!(!content.is_empty());
        for text in blocks(turn, "text") {
            assert!(!text["text"].as_str().unwrap().trim().is_empty());
        }
        marks += content.iter().filter(|block| block.get("cache_control").is_some()).count();
        let called: Vec<&str> = blocks(turn, "tool_use").iter().map(|block| block["id"].as_str().unwrap()).collect();
        for id in &called {
            assert!(ids.insert((*id).to_owned()), "each id once");
            assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'));
        }
        for block in blocks(turn, "tool_use") {
            assert!(block["input"].is_object());
        }
        let answered: Vec<&str> = after.map_or(Vec::new(), |after| {
            blocks(after, "tool_result").iter().map(|block| block["tool_use_id"].as_str().unwrap()).collect()
        });
        assert_eq!(called, answered, "each call has its result in the next turn, in order, and nothing else has one");
        let results = blocks(turn, "tool_result").len();
        assert!(content.iter().take(results).all(|block| block["type"] == "tool_result"), "results come first");
    }
    assert!(marks <= 4);
    assert!(ids.is_empty() || body["tools"].is_array());
}

proptest! {
    #[test]
    fn any_conversation_keeps_to_the_rules(
        messages in proptest::collection::vec(message(), 1..14),
        system_between_turns in any::<bool>(),
        with_tools in any::<bool>(),
    ) {
        let mut chat = talk(Value::Array(messages));
        if with_tools {
            chat["tools"] = json!([function("f")]);
        }
        match translated(&chat, &Profile { system_between_turns, ..super::any() }) {
            Ok(translated) => check(&serde_json::from_slice(&translated.body).unwrap()),
            Err(error) => prop_assert_eq!(error.param.as_deref(), Some("messages"), "all was blank"),
        }
    }

    #[test]
    fn what_was_answered_stays_as_it_was(
        messages in proptest::collection::vec(message(), 1..14),
        more in proptest::collection::vec(message(), 1..5),
        system_between_turns in any::<bool>(),
    ) {
        let profile = Profile { system_between_turns, ..super::any() };
        let body = |messages: Vec<Value>| {
            let mut chat = talk(Value::Array(messages));
            chat["tools"] = json!([function("f")]);
            // Marks move from turn to turn; that is the client's doing and breaks no cache.
            let bytes = serde_json::to_string(&chat).unwrap().replace(",\"cache_control\":{\"type\":\"ephemeral\"}", "");
            translated(&serde_json::from_str(&bytes).unwrap(), &profile).unwrap().body
        };
        let mut messages = messages;
        // Whatever came before, the user has the last word, and the model answers.
        messages.push(json!({"role": "user", "content": "go"}));
        let before = body(messages.clone());
        messages.push(json!({"role": "assistant", "content": "done"}));
        messages.push(json!({"role": "user", "content": "on"}));
        messages.extend(more);
        let after = body(messages);
        let same = after.starts_with(before.strip_suffix(b"]}").unwrap());
        prop_assert!(same, "{}\n{}", String::from_utf8_lossy(&before), String::from_utf8_lossy(&after));
    }
}
