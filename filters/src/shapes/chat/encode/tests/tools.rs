//! Tools and which of them to use.

use serde_json::{Value, json};

use super::{again, fields, messages, openai, plain, refused, router, sent, try_send};
use crate::Shape;
use crate::neutral::Profile;
use crate::shapes::Parameters;

fn tool(name: &str) -> Value {
    json!({"name": name, "description": "d", "input_schema": {"type": "object", "properties": {"z": {}, "a": {}}, "required": ["z"]}})
}

fn written(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name, "description": "d", "parameters": {"type": "object", "properties": {"z": {}, "a": {}}, "required": ["z"]}}})
}

#[test]
fn custom_tools_are_functions_on_hosts_that_know_no_others() {
    let asked = json!({"model": "m", "input": [
        {"role": "user", "content": "u"},
        {"type": "custom_tool_call", "call_id": "call_1", "name": "patch", "input": "*** \"Begin\"\n"},
        {"type": "custom_tool_call_output", "call_id": "call_1", "output": "done"},
    ], "tools": [{"type": "custom", "name": "patch", "description": "Edits.", "format": {"type": "grammar", "syntax": "lark", "definition": "start: /x/"}}],
        "tool_choice": {"type": "custom", "name": "patch"}});
    let told = try_send(Shape::Responses, &asked, &plain()).unwrap();
    assert_eq!(
        told.body["tools"],
        json!([{"type": "function", "function": {
            "name": "patch", "description": "Edits.\n\n`input` must match this lark grammar:\nstart: /x/",
            "parameters": {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]},
        }}])
    );
    assert_eq!(told.body["tool_choice"], json!({"type": "function", "function": {"name": "patch"}}));
    let call = &told.body["messages"][1]["tool_calls"][0];
    assert_eq!(call["function"], json!({"name": "patch", "arguments": "{\"input\":\"*** \\\"Begin\\\"\\n\"}"}));
    assert_eq!(told.losses, "approximated:tools.custom");
    // OpenAI itself takes them as they are.
    let own = try_send(Shape::Responses, &asked, &openai()).unwrap();
    assert_eq!((&own.body["tools"][0]["type"], own.losses.as_str()), (&json!("custom"), ""));
}

#[test]
fn pitfall_41_tools_that_the_provider_runs_are_left_out_by_name() {
    let hosted = json!([
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 3},
        {"type": "bash_20250124", "name": "bash"},
        tool("f"),
        {"type": "custom", "name": "g", "input_schema": {"type": "object"}, "defer_loading": true, "eager_input_streaming": true, "input_examples": [{}]},
    ]);
    let sent = sent(&fields(json!({"tools": hosted, "tool_choice": {"type": "auto"}})), &plain());
    let bare =
        json!({"type": "function", "function": {"name": "g", "parameters": {"type": "object", "properties": {}}}});
    assert_eq!((&sent.body["tools"], &sent.body["tool_choice"]), (&json!([written("f"), bare]), &json!("auto")));
    assert_eq!(
        sent.losses,
        "dropped:tools.web_search_20250305, dropped:tools.bash_20250124, dropped:tools.input_examples"
    );
    let forced = json!({"tools": hosted, "tool_choice": {"type": "tool", "name": "web_search"}});
    let error = refused(&fields(forced), &plain());
    assert!(error.param.as_deref() == Some("tool_choice") && error.message.contains("web_search"), "{error:?}");
    let only = json!({"tools": [{"type": "bash_20250124", "name": "bash"}], "tool_choice": {"type": "any"}});
    assert_eq!(refused(&fields(only), &plain()).param.as_deref(), Some("tool_choice"));
    let only = json!({"tools": [{"type": "bash_20250124", "name": "bash"}], "tool_choice": {"type": "auto"}});
    let none = super::sent(&fields(only), &plain());
    assert_eq!((none.body.get("tools"), none.body.get("tool_choice")), (None, None));
}

#[test]
fn pitfall_40_long_names_are_shortened_everywhere_and_can_be_told_back() {
    let long = "mcp__server__".repeat(7);
    let body = json!({"model": "c", "max_tokens": 9, "tools": [tool(&long)], "tool_choice": {"type": "tool", "name": long},
    "messages": [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": long, "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "r"}]},
    ]});
    let sent = sent(&body, &plain());
    let name = sent.body["tools"][0]["function"]["name"].as_str().unwrap();
    assert!(name.len() <= 64);
    assert_eq!(sent.body["tool_choice"], json!({"type": "function", "function": {"name": name}}));
    assert_eq!(sent.body["messages"][1]["tool_calls"][0]["function"]["name"], name);
    assert_eq!(sent.answering.client_name(name), long);
}

#[test]
fn choices_cross() {
    let choice = |choice: Value| sent(&fields(json!({"tools": [tool("f")], "tool_choice": choice})), &openai()).body;
    assert_eq!(choice(json!({"type": "any"}))["tool_choice"], "required");
    assert_eq!(choice(json!({"type": "none"}))["tool_choice"], "none");
    let one = choice(json!({"type": "auto", "disable_parallel_tool_use": true}));
    assert_eq!((&one["tool_choice"], &one["parallel_tool_calls"]), (&json!("auto"), &json!(false)));
    assert_eq!(choice(json!({"type": "tool", "name": "f"})).get("parallel_tool_calls"), None);
    let never = Profile { refuses_forced_tools: true, ..openai() };
    let error = refused(&fields(json!({"tools": [tool("f")], "tool_choice": {"type": "any"}})), &never);
    assert!(error.param.as_deref() == Some("tool_choice") && error.message.contains('m'), "{error:?}");
}

#[test]
fn allowed_tools_narrow_the_list_where_the_host_has_no_words_for_them() {
    let function = |name: &str| json!({"type": "function", "function": {"name": name}});
    let allowed = json!({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [function("g")]}});
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": [function("f"), function("g")], "tool_choice": allowed});
    let native = again(&body, &openai());
    assert_eq!((&native.body["tool_choice"], native.losses.as_str()), (&allowed, ""));
    let narrowed = again(&body, &plain());
    assert_eq!((&narrowed.body["tools"], &narrowed.body["tool_choice"]), (&json!([function("g")]), &json!("required")));
    assert_eq!(narrowed.losses, "approximated:tool_choice");
}

#[test]
fn strict_is_asked_only_of_schemas_that_openai_can_keep_to() {
    let strict = |schema: Value, profile: &Profile| {
        let sent = sent(&fields(json!({"tools": [{"name": "f", "strict": true, "input_schema": schema}]})), profile);
        (sent.body["tools"][0]["function"]["strict"].clone(), sent.losses)
    };
    let closed = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false});
    let optional = json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false});
    let deep = json!({"type": "object", "properties": {"a": {"anyOf": [{"type": "object", "properties": {}}]}}, "required": ["a"], "additionalProperties": false});
    assert_eq!(strict(closed.clone(), &openai()), (json!(true), String::new()));
    for schema in [optional.clone(), deep] {
        assert_eq!(strict(schema, &openai()), (Value::Null, "approximated:tools.strict".to_owned()));
    }
    assert_eq!(strict(optional, &router()), (json!(true), String::new()));
}

#[test]
fn pitfall_43_schemas_and_arguments_are_sent_byte_for_byte_each_time() {
    let schema =
        r#"{"type":"object","properties":{"z":{"type":"number","maximum":1e400},"a":{"const":12345678901234567890}}}"#;
    let arguments = r#"{"z":1.50,"a":12345678901234567890,"é":"é"}"#;
    let mut body = messages(json!([
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": "ARGUMENTS"}]},
    ]));
    body["tools"] = json!([{"name": "f", "input_schema": "SCHEMA"}]);
    let text = body.to_string().replace("\"ARGUMENTS\"", arguments).replace("\"SCHEMA\"", schema);
    let mut losses = crate::neutral::Losses::default();
    let view = crate::json::View::parse(text.as_bytes()).unwrap();
    let request = crate::shapes::codec(crate::Shape::Messages).unwrap().decode_request(view, &mut losses).unwrap();
    let sent =
        || String::from_utf8(super::super::request(&request, &openai(), &mut Default::default()).unwrap().0).unwrap();
    assert_eq!(sent(), sent());
    assert!(sent().contains(schema), "{}", sent());
    assert!(sent().contains(&serde_json::to_string(arguments).unwrap()), "{}", sent());
}

#[test]
fn what_the_catalogue_says_a_model_refuses_of_tools_is_not_sent_to_it() {
    let tool = json!({"name": "f", "strict": true, "input_schema": {"type": "object", "properties": {}}});
    let body = |choice: Value| fields(json!({"tools": [tool], "tool_choice": choice}));
    let refusing = |name: &str| Profile { refused: Parameters::named(name).unwrap(), ..plain() };
    let parallel =
        sent(&body(json!({"type": "auto", "disable_parallel_tool_use": true})), &refusing("parallel_tool_calls"));
    assert_eq!(
        (parallel.body.get("parallel_tool_calls"), parallel.losses.as_str()),
        (None, "dropped:parallel_tool_calls")
    );
    let strict = sent(&body(json!({"type": "auto"})), &refusing("tools[].function.strict"));
    assert_eq!(
        (strict.body["tools"][0]["function"].get("strict"), strict.losses.as_str()),
        (None, "approximated:tools.strict")
    );
    let choosy = refusing("tool_choice=required");
    assert_eq!(refused(&body(json!({"type": "any"})), &choosy).param.as_deref(), Some("tool_choice"));
    assert_eq!(sent(&body(json!({"type": "tool", "name": "f"})), &choosy).body["tool_choice"]["function"]["name"], "f");
    let effort = fields(json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}));
    let told = sent(&effort, &refusing("reasoning_effort"));
    assert_eq!((told.body.get("reasoning_effort"), told.losses.as_str()), (None, "dropped:reasoning.effort"));
    let off = sent(&fields(json!({"thinking": {"type": "disabled"}})), &refusing("reasoning_effort"));
    assert_eq!((off.body.get("reasoning_effort"), off.losses.as_str()), (None, "dropped:reasoning.effort"));
}
