//! Tools, their names, and which of them to use.

use serde_json::{Value, json};

use super::{any, call, function, refusal, result, sent, talk, translated, with};
use crate::neutral::{Profile, Thinking};

#[test]
fn functions_go_with_their_schemas_as_they_came() {
    let schema = r#"{"properties":{"z":{"type":"number","minimum":1e400},"a":{"type":["string","null"]}},"type":"object","$schema":"x"}"#;
    let chat = format!(
        r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}],"tools":[{{"type":"function","function":{{"name":"f","description":"d","parameters":{schema}}}}},{{"type":"function","function":{{"name":"g"}}}}]}}"#
    );
    let upstream = crate::translate::Upstream {
        shape: crate::Shape::Messages,
        profile: &any(),
        stream: false,
        max_output: None,
        without_state: false,
    };
    let translated = crate::translate::request(crate::Shape::Chat, chat.as_bytes(), upstream).unwrap();
    let body = String::from_utf8(translated.body).unwrap();
    let expected = format!(
        r#""tools":[{{"name":"f","description":"d","input_schema":{schema}}},{{"name":"g","input_schema":{{"type":"object","properties":{{}}}}}}]"#
    );
    assert!(body.contains(&expected), "{body}");
    assert!(translated.losses.is_empty() && translated.answering.tool_names.is_empty());
}

#[test]
fn choices_are_told_in_the_words_of_the_shape() {
    for (choice, parallel, expected) in [
        (json!(null), json!(null), json!(null)),
        (json!("auto"), json!(null), json!({"type": "auto"})),
        (json!("none"), json!(false), json!({"type": "none"})),
        (json!("required"), json!(null), json!({"type": "any"})),
        (json!("required"), json!(false), json!({"type": "any", "disable_parallel_tool_use": true})),
        (json!({"type": "function", "function": {"name": "g"}}), json!(true), json!({"type": "tool", "name": "g"})),
        (json!(null), json!(false), json!({"type": "auto", "disable_parallel_tool_use": true})),
    ] {
        let chat = with(json!({
            "tools": [function("f"), function("g")], "tool_choice": choice, "parallel_tool_calls": parallel,
        }));
        let (body, losses) = sent(&chat, &any());
        assert_eq!(body["tool_choice"], expected, "{choice} {parallel}");
        assert_eq!(losses, "");
        assert_eq!(body["tools"].as_array().unwrap().len(), 2);
    }
    let (body, losses) = sent(&with(json!({"parallel_tool_calls": false})), &any());
    assert!(body.get("tool_choice").is_none() && losses.is_empty());
}

#[test]
fn allowed_tools_are_the_only_ones_that_are_told() {
    let allowed = |mode: &str| {
        with(json!({
            "tools": [function("f"), function("g"), function("h")],
            "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [
                {"type": "function", "function": {"name": "h"}}, {"type": "function", "function": {"name": "f"}}]}},
        }))
    };
    for (mode, kind) in [("auto", "auto"), ("required", "any")] {
        let (body, losses) = sent(&allowed(mode), &any());
        let names: Vec<&str> =
            body["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["f", "h"]);
        assert_eq!(body["tool_choice"], json!({"type": kind}));
        assert_eq!(losses, "approximated:tool_choice");
    }
}

#[test]
fn pitfall_46_a_model_that_cannot_be_made_to_call_is_named_with_the_choice() {
    let profile = Profile { refuses_forced_tools: true, ..any() };
    for (choice, word) in [
        (json!("required"), "required"),
        (json!({"type": "function", "function": {"name": "f"}}), "'f'"),
        (
            json!({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]}}),
            "required",
        ),
    ] {
        let (message, field) = refusal(&with(json!({"tools": [function("f")], "tool_choice": choice})), &profile);
        assert_eq!(field, "tool_choice");
        assert!(message.contains("claude-x") && message.contains("tool_choice") && message.contains(word), "{message}");
    }
    let (body, _) = sent(&with(json!({"tools": [function("f")], "tool_choice": "auto"})), &profile);
    assert_eq!(body["tool_choice"], json!({"type": "auto"}));
}

#[test]
fn a_forced_tool_is_no_loss_to_who_asked_for_no_reasoning() {
    let chat = with(json!({"tools": [function("f")], "tool_choice": "required"}));
    let (body, losses) = sent(&chat, &Profile { thinking: Thinking::Adaptive, ..any() });
    assert_eq!((&body["thinking"], losses.as_str()), (&json!({"type": "disabled"}), ""));
}

#[test]
fn a_forced_tool_turns_reasoning_off_where_that_can_be() {
    let chat = with(json!({"tools": [function("f")], "tool_choice": "required", "reasoning_effort": "max"}));
    for thinking in [Thinking::Budget, Thinking::Adaptive, Thinking::Unknown] {
        let (body, losses) = sent(&chat, &Profile { thinking, ..any() });
        assert_eq!(body["thinking"], json!({"type": "disabled"}), "{thinking:?}");
        assert_eq!(losses, "approximated:thinking");
        // Reasoning may be off with no more effort than `high`.
        assert_eq!(
            body["output_config"]["effort"],
            if thinking == Thinking::Adaptive { json!("high") } else { Value::Null }
        );
    }
    // Nobody asked for reasoning, but the model would.
    let chat = with(json!({"tools": [function("f")], "tool_choice": "required"}));
    let (body, _) = sent(&chat, &Profile { thinking: Thinking::Adaptive, ..any() });
    assert_eq!(body["thinking"], json!({"type": "disabled"}));
    let (body, losses) = sent(&chat, &Profile { thinking: Thinking::Adaptive, rests_by_default: true, ..any() });
    assert_eq!((body.get("thinking"), losses.as_str()), (None, ""));
}

#[test]
fn pitfall_40_the_client_gets_its_own_names_back() {
    let long = "n".repeat(200);
    let mut chat = talk(json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "tool_calls": [call("a", "fs.read", "{}"), call("b", &long, "{}")]},
        result("a", "1"), result("b", "2"),
    ]));
    chat["tools"] = json!([function("fs.read"), function("fs/read"), function(&long), function("plain")]);
    chat["tool_choice"] = json!({"type": "function", "function": {"name": "fs.read"}});
    let translated = translated(&chat, &any()).unwrap();
    let body: Value = serde_json::from_slice(&translated.body).unwrap();
    let sent: Vec<&str> = body["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert!(
        sent.iter()
            .all(|name| name.len() <= 128 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'))
    );
    assert_eq!(sent[3], "plain");
    assert_ne!(sent[0], sent[1]);
    assert_eq!(body["tool_choice"]["name"], sent[0]);
    assert_eq!(body["messages"][1]["content"][0]["name"], sent[0]);
    assert_eq!(body["messages"][1]["content"][1]["name"], sent[2]);
    let own: Vec<&str> = sent.iter().map(|name| translated.answering.client_name(name)).collect();
    assert_eq!(own, ["fs.read", "fs/read", &long, "plain"]);
    assert!(translated.losses.is_empty());
}

#[test]
fn a_history_with_calls_gets_tools_that_may_not_be_used() {
    let chat = talk(json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "tool_calls": [call("a", "f", "{}"), call("b", "g.h", "{}"), call("c", "f", "{}")]},
        result("a", "1"), result("b", "2"), result("c", "3"),
    ]));
    let (body, losses) = sent(&chat, &any());
    assert_eq!(losses, "approximated:tools");
    assert_eq!(body["tool_choice"], json!({"type": "none"}));
    let names: Vec<&Value> = body["tools"].as_array().unwrap().iter().map(|tool| &tool["name"]).collect();
    let called: Vec<&Value> =
        body["messages"][1]["content"].as_array().unwrap().iter().map(|block| &block["name"]).collect();
    assert_eq!(names, [called[0], called[1]]);
    assert_eq!(body["tools"][0]["input_schema"], json!({"type": "object", "properties": {}}));
}

#[test]
fn custom_tools_are_functions_that_take_their_text() {
    let grammar = json!({"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /x+/"}});
    let mut chat = talk(json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "patch", "input": "xx\n\"x\""}}]},
        result("a", "ok"),
    ]));
    chat["tools"] =
        json!([{"type": "custom", "custom": {"name": "patch", "description": "Patches.", "format": grammar}}]);
    chat["tool_choice"] = json!({"type": "custom", "custom": {"name": "patch"}});
    let translated = translated(&chat, &any()).unwrap();
    let body: Value = serde_json::from_slice(&translated.body).unwrap();
    assert_eq!(
        body["tools"],
        json!([{
            "name": "patch",
            "description": "Patches.\n\n`input` must match this lark grammar:\nstart: /x+/",
            "input_schema": {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]},
        }])
    );
    assert_eq!(body["tool_choice"], json!({"type": "tool", "name": "patch"}));
    assert_eq!(body["messages"][1]["content"][0]["input"], json!({"input": "xx\n\"x\""}));
    assert_eq!(translated.answering.custom_tools, ["patch"]);
    assert_eq!(translated.losses.to_string(), "approximated:tools.custom");
}

#[test]
fn tools_that_another_provider_runs_are_dropped_unless_they_are_asked_for() {
    let tools = json!([{"type": "code_interpreter", "container": {}}, function("f")]);
    let (body, losses) = sent(&with(json!({"tools": tools})), &any());
    assert_eq!(losses, "dropped:tools.code_interpreter");
    assert_eq!(body["tools"].as_array().unwrap().len(), 1);
    let (message, field) = refusal(&with(json!({"tools": tools, "tool_choice": {"type": "code_interpreter"}})), &any());
    assert_eq!(field, "tool_choice");
    assert!(message.contains("code_interpreter"));
    let only = json!([{"type": "code_interpreter"}]);
    let (body, _) = sent(&with(json!({"tools": only, "tool_choice": "auto"})), &any());
    assert!(body.get("tools").is_none() && body.get("tool_choice").is_none());
    assert_eq!(refusal(&with(json!({"tools": only, "tool_choice": "required"})), &any()).1, "tool_choice");
}

#[test]
fn pitfall_26_a_call_without_arguments_has_an_empty_object() {
    let chat = talk(json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "tool_calls": [call("a", "f", ""), call("b", "f", "  "), {"id": "c", "type": "function", "function": {"name": "f"}}]},
        result("a", "1"), result("b", "2"), result("c", "3"),
    ]));
    let (body, losses) = sent(&chat, &any());
    for block in body["messages"][1]["content"].as_array().unwrap() {
        assert_eq!(block["input"], json!({}));
    }
    assert_eq!(losses, "approximated:tools");
}

#[test]
fn pitfall_31_arguments_that_are_no_object_are_wrapped() {
    let deep = format!("{}1{}", "[".repeat(400), "]".repeat(400));
    for arguments in ["{\"a\": tru", "[1,2]", "\"text\"", "null", "{} {}", &deep] {
        let mut chat = talk(json!([
            {"role": "user", "content": "go"},
            {"role": "assistant", "tool_calls": [call("a", "f", arguments)]},
            result("a", "1"),
        ]));
        chat["tools"] = json!([function("f")]);
        let (body, losses) = sent(&chat, &any());
        assert_eq!(body["messages"][1]["content"][0]["input"], json!({"_raw": arguments}));
        assert_eq!(losses, "repaired:tool_calls.arguments");
    }
}

#[test]
fn strict_is_kept_where_the_schema_can_be_enforced() {
    let tool = |schema: Value| {
        with(json!({"tools": [{"type": "function", "function": {"name": "f", "strict": true, "parameters": schema}}]}))
    };
    let fits = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false});
    let (body, losses) = sent(&tool(fits.clone()), &any());
    assert_eq!(
        (&body["tools"][0]["strict"], &body["tools"][0]["input_schema"], losses.as_str()),
        (&json!(true), &fits, "")
    );
    let (body, losses) = sent(&tool(fits.clone()), &Profile { structured_outputs: Some(false), ..any() });
    assert_eq!((body["tools"][0].get("strict"), losses.as_str()), (None, "approximated:tools.strict"));
    let mut bounded = fits;
    bounded["properties"]["a"]["maxLength"] = json!(5);
    let (body, losses) = sent(&tool(bounded.clone()), &any());
    assert_eq!((body["tools"][0].get("strict"), losses.as_str()), (None, "approximated:tools.strict"));
    assert_eq!(body["tools"][0]["input_schema"], bounded);
}
