//! Tools and which of them to use.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{fields, read, refused};
use crate::neutral::{CacheMark, Tool, ToolChoice};

fn declared() -> Value {
    json!([
        {"type": "function", "cache_control": {"type": "ephemeral"},
         "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": true}},
        {"type": "custom", "custom": {"name": "c", "format": {"type": "text"}}},
        {"type": "web_search", "filters": {}},
        {"function": {"name": "bare", "parameters": null}},
        {"type": "function", "name": "flat", "parameters": {}},
    ])
}

#[test]
fn tools_of_all_kinds_are_read() {
    let request = read(&fields(json!({"tools": declared(), "parallel_tool_calls": false})));
    let names: Vec<&str> = request.tools.iter().map(Tool::name).collect();
    assert_eq!(names, ["f", "c", "web_search", "bare", "flat"]);
    assert_eq!(request.parallel_tools, Some(false));
    let (Tool::Function(first), Tool::Custom(_), Tool::Hosted(_), Tool::Function(bare)) =
        (&request.tools[0], &request.tools[1], &request.tools[2], &request.tools[3])
    else {
        panic!("{:?}", request.tools);
    };
    assert_eq!((first.strict, first.cache), (Some(true), Some(CacheMark { long: false })));
    assert_eq!(
        first.parameters.as_ref().map(|schema| schema.raw().to_owned()).as_deref(),
        Some(r#"{"type":"object"}"#)
    );
    assert_eq!(bare.parameters, None);
}

#[test]
fn every_form_of_tool_choice_is_understood() {
    let named = |name: &'static str| Some(ToolChoice::Named(name.into()));
    let allowed = |required| Some(ToolChoice::Allowed { required, names: vec!["f".into(), "c".into()] });
    let tools = json!([{"type": "function", "function": {"name": "f"}}, {"type": "custom", "name": "c"}]);
    for (choice, expected) in [
        (json!("auto"), Some(ToolChoice::Auto)),
        (json!("none"), Some(ToolChoice::None)),
        (json!("required"), Some(ToolChoice::Required)),
        (json!("any"), Some(ToolChoice::Required)),
        (json!("f"), named("f")),
        (json!({"type": "function", "function": {"name": "f"}}), named("f")),
        (json!({"type": "function", "name": "f"}), named("f")),
        (json!({"type": "custom", "custom": {"name": "c"}}), named("c")),
        (json!({"type": "web_search"}), named("web_search")),
        (json!({"type": "tool", "name": "f"}), named("f")),
        (json!({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": tools}}), allowed(true)),
        (json!({"type": "allowed_tools", "mode": "auto", "tools": tools}), allowed(false)),
    ] {
        let request = read(&fields(json!({"tools": declared(), "tool_choice": choice})));
        assert_eq!(request.tool_choice, expected, "{choice}");
    }
    for (body, field) in [
        (json!({"tools": declared(), "tool_choice": {"type": "function", "function": {"name": "g"}}}), "tool_choice"),
        (json!({"tools": declared(), "tool_choice": "often"}), "tool_choice"),
        (json!({"tools": declared(), "tool_choice": 7}), "tool_choice"),
        (json!({"tool_choice": "required"}), "tool_choice"),
        (json!({"tools": {}}), "tools"),
        (json!({"tools": [{"type": "function", "function": {}}]}), "tools[0].name"),
        (json!({"tools": [{"type": "function", "function": {"name": "f", "parameters": "x"}}]}), "tools[0].parameters"),
    ] {
        assert_eq!(refused(&fields(body.clone())).param.as_deref(), Some(field), "{body}");
    }
    assert_eq!(read(&fields(json!({"tool_choice": "auto", "tools": []}))).tool_choice, None);
}

#[test]
fn deprecated_functions_are_tools() {
    let functions = json!([{"name": "f", "parameters": {"type": "object"}}]);
    for (call, expected) in [
        (json!("auto"), ToolChoice::Auto),
        (json!("none"), ToolChoice::None),
        (json!({"name": "f"}), ToolChoice::Named("f".into())),
    ] {
        let request = read(&fields(json!({"functions": functions, "function_call": call})));
        assert_eq!((request.tools.len(), request.tool_choice), (1, Some(expected)));
    }
}

#[test]
fn a_function_that_is_a_tool_already_is_one_tool() {
    let function = json!({"name": "f", "parameters": {"type": "object"}});
    let other = json!({"name": "g"});
    let body = json!({"tools": [{"type": "function", "function": function}], "functions": [function, other, other]});
    let request = read(&fields(body));
    let names: Vec<&str> = request.tools.iter().map(Tool::name).collect();
    assert_eq!(names, ["f", "g"]);
}

#[test]
fn as_many_tools_as_a_body_holds_are_chosen_among_at_once() {
    let begun = Instant::now();
    let names: Vec<String> = (0..30_000).map(|number| format!("f{number}")).collect();
    let tools: Vec<Value> = names.iter().map(|name| json!({"function": {"name": name}})).collect();
    let choice = json!({"type": "allowed_tools", "mode": "auto", "tools": tools});
    let request = read(&fields(json!({"tools": tools, "functions": [], "tool_choice": choice})));
    assert_eq!(request.tools.len(), 30_000);
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

#[test]
fn clients_that_send_functions_only_are_answered_with_one_function_call() {
    let functions = json!([{"name": "f"}]);
    let old = read(&fields(json!({"functions": functions})));
    assert_eq!((old.deprecated_functions, old.parallel_tools), (true, Some(false)));
    let both = read(&fields(json!({"functions": functions, "tools": [{"function": {"name": "g"}}]})));
    assert_eq!((both.deprecated_functions, both.parallel_tools), (false, None));
    let none = read(&fields(json!({"functions": []})));
    assert_eq!((none.deprecated_functions, none.parallel_tools), (false, None));
}
