//! Whatever the bytes are, reading them never panics; and what real clients sent is read as a full parse reads it.

use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::Value;

use super::try_read;
use crate::neutral::{HostRules, Losses, Part, Profile, Role};
use crate::shapes::chat::encode;

/// JSON of the words that requests are made of, in places where they need not belong.
fn any_value() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "messages",
        "role",
        "content",
        "user",
        "assistant",
        "tool",
        "system",
        "function",
        "type",
        "text",
        "image_url",
        "url",
        "tool_calls",
        "id",
        "name",
        "arguments",
        "reasoning",
        "reasoning_details",
        "reasoning.text",
        "reasoning.encrypted",
        "signature",
        "data",
        "index",
        "data:;base64,AA",
        "tools",
        "tool_choice",
        "parameters",
        "thinking",
        "enabled",
        "file",
        "file_data",
        "stop",
        "n",
        "provider",
        "cache_control",
        "ttl",
        "__proto__",
        "call__thought__x",
        "",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 5, move |inner| {
        let members = prop::collection::vec((word.clone(), inner.clone()), 0..5);
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(Value::from),
            members.prop_map(|members| Value::Object(
                members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            )),
        ]
    })
}

/// Hosts of all kinds.
fn hosts() -> [HostRules; 4] {
    [
        HostRules::default(),
        HostRules { openai_fields: true, cache_breakpoints: true, ..HostRules::default() },
        HostRules { router_fields: true, ..HostRules::default() },
        HostRules { wants_reasoning_content: true, ..HostRules::default() },
    ]
}

proptest! {
    #[test]
    fn pitfall_58_strange_requests_are_read_and_written_or_refused(
        message in any_value(), tools in any_value(), choice in any_value(), reasoning in any_value(), content in any_value(),
    ) {
        let body = serde_json::json!({
            "messages": [message, {"role": "user", "content": content}, {"role": "assistant", "content": content, "reasoning_details": reasoning}],
            "tools": tools, "tool_choice": choice, "reasoning": reasoning,
        });
        let calls = serde_json::json!({"messages": [{"role": "assistant", "tool_calls": tools, "reasoning_details": reasoning}], "thinking": choice});
        for body in [body, calls] {
            let Ok((request, _)) = try_read(&body) else { continue };
            for host in hosts() {
                let profile = Profile { host, ..Profile::default() };
                if let Ok((written, _)) = encode::request(&request, &profile, &mut Losses::default()) {
                    prop_assert!(serde_json::from_slice::<Value>(&written).is_ok(), "{}", String::from_utf8_lossy(&written));
                }
            }
        }
    }
}

#[test]
fn what_clients_sent_is_read_as_a_full_parse_reads_it() {
    let Some(root) = std::env::var_os("OVTH_RECORDINGS").map(PathBuf::from) else { return };
    let mut read = 0;
    for entry in std::fs::read_dir(root.join("chat-completions")).unwrap() {
        let path = entry.unwrap().path();
        let exchange: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let body = &exchange["request"]["body"];
        if !body.is_object() {
            continue;
        }
        let (request, _) = match try_read(body) {
            Ok(read) => read,
            // What the provider refused need not be taken here.
            Err(_) if exchange["response"]["status"] != 200 => continue,
            Err(error) => panic!("{}: {error:?}", path.display()),
        };
        let list = body["messages"].as_array().unwrap();
        let count = |role: &str| list.iter().filter(|message| message["role"] == role).count();
        let turns = |role: Role| request.messages.iter().filter(|turn| turn.role == role).count();
        assert_eq!(turns(Role::Assistant), count("assistant"), "{}", path.display());
        let calls: Vec<String> = list
            .iter()
            .flat_map(|message| message["tool_calls"].as_array().cloned().unwrap_or_default())
            .map(|call| call["function"]["arguments"].as_str().unwrap_or_default().to_owned())
            .collect();
        let parts = || request.messages.iter().flat_map(|turn| &turn.parts);
        let found: Vec<String> = parts()
            .filter_map(
                |part| if let Part::ToolCall(call) = part { Some(call.arguments.clone().into_owned()) } else { None },
            )
            .collect();
        assert_eq!(found, calls, "{}", path.display());
        let results = parts().filter(|part| matches!(part, Part::ToolResult(_))).count();
        assert_eq!(results, count("tool") + count("function"), "{}", path.display());
        let texts: String = list
            .iter()
            .filter(|message| message["role"] == "user")
            .filter_map(|message| message["content"].as_str())
            .collect();
        let found: String = request
            .messages
            .iter()
            .filter(|turn| turn.role == Role::User && turn.parts.len() == 1)
            .filter_map(|turn| if let Part::Text(text) = &turn.parts[0] { Some(&*text.text) } else { None })
            .collect();
        assert!(found.contains(&texts), "{}", path.display());
        read += 1;
    }
    assert!(read > 40, "only {read} requests");
}
