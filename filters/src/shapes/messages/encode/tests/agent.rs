//! A long conversation with tools and reasoning: what was sent once is sent again, byte for byte.

use serde_json::{Value, json};

use super::{any, call, function, translated};
use crate::neutral::{Profile, Thinking};

/// The conversation after so many turns of the model.
fn conversation(turns: usize) -> Value {
    let mut messages = vec![
        json!({"role": "system", "content": "You are an agent."}),
        json!({"role": "user", "content": "Fix the bug."}),
    ];
    for turn in 0..turns {
        let details = json!([{"type": "reasoning.text", "text": format!("thought {turn}"), "signature": format!("EqQB{turn}=="), "format": "anthropic-claude-v1", "index": 0}]);
        // Ids that some host gives again in each turn, results in another order, arguments that are broken now and then.
        let arguments =
            if turn % 7 == 3 { "{\"path\": \"a" } else { "{\"path\": \"a.rs\", \"line\": 12345678901234567890}" };
        messages.push(json!({"role": "assistant", "content": if turn % 3 == 0 { json!(null) } else { json!(format!("step {turn}")) },
            "reasoning_details": details,
            "tool_calls": [call("call_0", "fs.read", arguments), call(&format!("call_{turn}b"), "search", "")]}));
        messages
            .push(json!({"role": "tool", "tool_call_id": format!("call_{turn}b"), "content": format!("found {turn}")}));
        messages.push(json!({"role": "tool", "tool_call_id": "call_0", "content": [{"type": "text", "text": format!("file {turn}")}]}));
        if turn % 5 == 4 {
            messages.push(json!({"role": "system", "content": "Be quick."}));
            messages.push(json!({"role": "user", "content": format!("go on {turn}")}));
        }
    }
    json!({
        "model": "m", "reasoning_effort": "high", "max_tokens": 20_000, "temperature": 1, "user": "u", "parallel_tool_calls": true,
        "tools": [function("fs.read"), function("search"), {"type": "custom", "custom": {"name": "patch"}}],
        "messages": messages,
    })
}

#[test]
fn pitfall_82_each_turn_begins_with_the_bytes_of_the_turn_before() {
    for profile in [
        Profile { thinking: Thinking::Budget, ..any() },
        Profile { thinking: Thinking::Adaptive, system_between_turns: true, ..any() },
        Profile { thinking: Thinking::Always, ..any() },
        any(),
    ] {
        let mut before: Option<Vec<u8>> = None;
        for turns in 0..=20 {
            let body = translated(&conversation(turns), &profile).unwrap().body;
            assert_eq!(
                body,
                translated(&conversation(turns), &profile).unwrap().body,
                "the same request, the same bytes"
            );
            if let Some(before) = before {
                // Behind the last message comes only what closes the lists.
                let common = before.strip_suffix(b"]}").unwrap();
                assert!(body.starts_with(common), "turn {turns} of {:?}", profile.thinking);
                assert!(body.len() > before.len());
            }
            let value: Value = serde_json::from_slice(&body).unwrap();
            let last = value.as_object().unwrap().keys().next_back().unwrap();
            assert_eq!(last, "messages");
            before = Some(body);
        }
    }
}

#[test]
fn pitfall_43_arguments_keep_their_bytes() {
    let body = String::from_utf8(translated(&conversation(1), &any()).unwrap().body).unwrap();
    assert!(body.contains(r#""input":{"path": "a.rs", "line": 12345678901234567890}"#), "{body}");
}
