//! What a request of this shape becomes in the neutral form, and what is refused.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use serde_json::{Value, json};

use super::request;
use crate::Shape;
use crate::json::View;
use crate::neutral::{
    ApiError, Effort, Losses, Origin, Output, Part, ReasoningMode, Request, Role, Source, State, StateFormat, Tier,
    Tool, ToolChoice,
};
use crate::shapes::envelope;

fn read(body: &Value) -> (Request<'static>, String) {
    let text: &'static str = Box::leak(body.to_string().into_boxed_str());
    let mut losses = Losses::default();
    let request = request(View::parse(text.as_bytes()).unwrap(), &mut losses).unwrap();
    (request, losses.to_string())
}

fn refused(body: &Value) -> ApiError {
    let text = body.to_string();
    request(View::parse(text.as_bytes()).unwrap(), &mut Losses::default()).unwrap_err()
}

fn with(more: Value) -> Value {
    let mut body = json!({"model": "m", "input": "hi"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn names(request: &Request<'_>) -> Vec<String> {
    request.tools.iter().map(|tool| tool.name().to_owned()).collect()
}

fn texts(parts: &[Part<'_>]) -> Vec<String> {
    let text = |part: &Part<'_>| match part {
        Part::Text(text) => Some(text.text.to_string()),
        _ => None,
    };
    parts.iter().filter_map(text).collect()
}

#[test]
fn settings_are_read() {
    let (request, losses) = read(&with(json!({
        "instructions": "be kind", "stream": true, "store": true, "max_output_tokens": 9, "temperature": 0.5, "top_p": 0.9,
        "parallel_tool_calls": false, "service_tier": "default", "prompt_cache_key": "k", "user": "u", "safety_identifier": "s",
        "reasoning": {"effort": "low", "summary": "auto", "mode": "standard"}, "truncation": "disabled", "metadata": {},
        "include": ["reasoning.encrypted_content"], "background": false, "top_logprobs": 0, "client_metadata": {"a": "b"},
        "text": {"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": true}},
        "previous_response_id": null, "stream_options": {"include_obfuscation": false}, "max_tool_calls": 3,
    })));
    assert_eq!(losses, "");
    assert_eq!(texts(&[Part::Text(request.instructions[0].clone())]), ["be kind"]);
    assert!(request.stream && request.parallel_tools == Some(false));
    assert_eq!(
        (request.max_output, request.sampling.temperature, request.sampling.top_p),
        (Some(9), Some(0.5), Some(0.9))
    );
    assert_eq!(
        (request.end_user.as_deref(), request.cache_key.as_deref(), &request.tier),
        (Some("s"), Some("k"), &Some(Tier::Standard))
    );
    assert_eq!((request.reasoning.effort, request.reasoning.show), (Some(Effort::Low), Some(true)));
    assert!(matches!(&request.output, Output::Schema { strict: Some(true), name: Some(name), .. } if name == "n"));
    let extras: Vec<&str> = request.extras.iter().map(|(name, _)| &**name).collect();
    assert_eq!(extras, ["client_metadata", "text.verbosity", "max_tool_calls"]);
    let (off, _) = read(&with(json!({"reasoning": {"effort": "none"}})));
    assert_eq!((off.reasoning.mode, off.reasoning.effort), (ReasoningMode::Off, None));
}

#[test]
fn pitfall_109_what_a_provider_keeps_is_refused_by_the_name_of_its_field_with_the_cure() {
    for (more, param, cure) in [
        (json!({"previous_response_id": "resp_1"}), "previous_response_id", "whole conversation"),
        (json!({"conversation": "conv_1"}), "conversation", "whole conversation"),
        (json!({"prompt": {"id": "p"}}), "prompt", "`instructions`"),
        (json!({"background": true}), "background", "`stream`"),
        (json!({"access_programs": {"cyber": "standard"}}), "access_programs", "leave it out"),
        (json!({"moderation": {"model": "m", "policy": {"input": {"mode": "block"}}}}), "moderation", "leave it out"),
        (json!({"input": [{"type": "item_reference", "id": "rs_1"}]}), "input[0]", "send the item itself"),
        (json!({"input": [{"role": "user", "content": "x"}, {"id": "rs_1"}]}), "input[1]", "send the item itself"),
        (json!({"input": [{"type": "compaction", "encrypted_content": "x"}]}), "input[0]", "the conversation itself"),
        (json!({"input": [{"type": "compaction_trigger"}]}), "input[0]", "the conversation itself"),
    ] {
        let error = refused(&with(more));
        assert_eq!(error.param.as_deref(), Some(param), "{error:?}");
        assert!(error.message.contains(cure) && error.message.contains(param), "{}", error.message);
    }
}

#[test]
fn wrong_fields_are_named() {
    for (more, param) in [
        (json!({"input": ""}), "input"),
        (json!({"input": []}), "input"),
        (json!({"input": 3}), "input"),
        (json!({"input": null}), "input"),
        (json!({"input": [3]}), "input[0]"),
        (json!({"input": [{}]}), "input[0].type"),
        (json!({"input": [{"role": "nobody", "content": "x"}]}), "input[0].role"),
        (json!({"input": [{"role": "user", "content": 3}]}), "input[0].content"),
        (json!({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}), "input[0].content[0].text"),
        (json!({"input": [{"type": "function_call", "name": "f"}]}), "input[0].call_id"),
        (json!({"input": [{"type": "function_call", "call_id": "c"}]}), "input[0].name"),
        (json!({"input": [{"type": "function_call_output", "output": "x"}]}), "input[0].call_id"),
        (json!({"instructions": 3}), "instructions"),
        (json!({"max_output_tokens": 0}), "max_output_tokens"),
        (json!({"reasoning": {"effort": "huge"}}), "reasoning.effort"),
        (json!({"text": {"format": {"type": "xml"}}}), "text.format.type"),
        (json!({"tools": [{"type": "function"}]}), "tools[0].name"),
        (json!({"tools": [{"type": "function", "name": "f", "parameters": 3}]}), "tools[0].parameters"),
        (json!({"tool_choice": "required"}), "tool_choice"),
        (
            json!({"tools": [{"type": "function", "name": "f"}], "tool_choice": {"type": "function", "name": "g"}}),
            "tool_choice",
        ),
    ] {
        let error = refused(&with(more.clone()));
        assert_eq!(error.param.as_deref(), Some(param), "{more}: {error:?}");
    }
}

#[test]
fn items_become_turns() {
    let (request, losses) = read(&json!({"model": "m", "instructions": "i", "input": [
        {"type": "message", "role": "developer", "id": "msg_d", "content": [{"type": "input_text", "text": "d"}]},
        {"role": "system", "content": "s"},
        {"role": "user", "content": [{"type": "input_text", "text": "u", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}, {"type": "input_image", "image_url": "https://x/y.png", "detail": "low"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}], "encrypted_content": "gAAA"},
        {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed", "content": [{"type": "output_text", "text": "let me see", "annotations": []}]},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{\"a\": 1}"},
        {"type": "custom_tool_call", "call_id": "call_2", "name": "patch", "input": "*** Begin"},
        {"type": "function_call_output", "call_id": "call_1", "output": "one"},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": [{"type": "input_text", "text": "two"}, {"type": "input_image", "file_id": "file_1"}]},
        {"role": "developer", "content": "later"},
        {"role": "assistant", "content": "done", "phase": "final_answer"},
        {"role": "user", "content": "thanks"},
    ]}));
    assert_eq!(losses, "dropped:input.phase");
    let instructions: Vec<&str> = request.instructions.iter().map(|text| &*text.text).collect();
    assert_eq!(instructions, ["i", "d", "s"]);
    let roles: Vec<Role> = request.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::User, Role::System, Role::Assistant, Role::User]);
    let Part::Text(first) = &request.messages[0].parts[0] else { panic!("a text") };
    assert!(first.cache.is_some_and(|mark| mark.long));
    assert!(matches!(&request.messages[0].parts[1], Part::Image(image) if image.detail.as_deref() == Some("low")));
    let [Part::Reasoning(thought), Part::Text(text), Part::ToolCall(call), Part::ToolCall(custom)] =
        &request.messages[1].parts[..]
    else {
        panic!("{:?}", request.messages[1].parts)
    };
    let state = thought.state.as_ref().unwrap();
    assert_eq!(
        (&*thought.text, thought.summary, &*state.data, state.id.as_deref()),
        ("a\n\nb", true, "gAAA", Some("rs_1"))
    );
    assert_eq!((state.format, &state.origin), (StateFormat::OpenAiEncrypted, &None));
    assert_eq!((&*text.text, &*call.id, &*call.arguments, call.custom), ("let me see", "call_1", "{\"a\": 1}", false));
    assert_eq!((&*custom.id, &*custom.arguments, custom.custom), ("call_2", "*** Begin", true));
    let [Part::ToolResult(one), Part::ToolResult(two)] = &request.messages[2].parts[..] else { panic!("two results") };
    assert_eq!((&*one.call_id, texts(&one.content)), ("call_1", vec!["one".to_owned()]));
    assert!(
        matches!(&two.content[1], Part::Image(image) if matches!(&image.source, Source::File { shape: Shape::Responses, .. }))
    );
}

#[test]
fn pitfall_74_reasoning_without_text_or_state_is_nothing() {
    let (request, _) = read(&json!({"input": [
        {"role": "user", "content": "x"}, {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": null},
    ]}));
    assert_eq!(request.messages.len(), 1);
}

#[test]
fn state_of_other_providers_comes_out_of_its_envelope_and_goes_back_to_its_call() {
    let origin = Origin { provider: "google".into(), family: "f".into(), account: "a".into() };
    let state = |format, data: &str, id: Option<&str>| State {
        format,
        data: data.to_owned().into(),
        id: id.map(|id| id.to_owned().into()),
        origin: None,
        extra: None,
    };
    let signed = envelope::seal(&state(StateFormat::GoogleSignature, "sig", Some("call_1")), &origin);
    let thinking = envelope::seal(&state(StateFormat::AnthropicSignature, "EqQB", None), &origin);
    let (request, _) = read(&json!({"input": [
        {"role": "user", "content": "x"},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "thought"}], "encrypted_content": thinking},
        {"type": "reasoning", "summary": [], "encrypted_content": signed},
        {"type": "reasoning", "summary": [], "encrypted_content": "gw1.broken"},
        {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "1"},
    ]}));
    let [Part::Reasoning(thought), Part::ToolCall(call)] = &request.messages[1].parts[..] else {
        panic!("{:?}", request.messages[1].parts)
    };
    assert_eq!((&*thought.text, thought.summary), ("thought", false));
    assert_eq!(thought.state.as_ref().unwrap().format, StateFormat::AnthropicSignature);
    let state = call.state.as_ref().unwrap();
    assert_eq!((&*state.data, state.origin.as_ref()), ("sig", Some(&origin)));
}

#[test]
fn pitfall_49_a_namespace_becomes_functions_with_one_name() {
    let function = |name: &str| json!({"type": "function", "name": name, "parameters": {"type": "object"}});
    let (request, _) = read(&json!({"input": [
        {"role": "user", "content": "x"},
        {"type": "function_call", "call_id": "c", "namespace": "fs", "name": "read", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "1"},
        {"type": "additional_tools", "role": "developer", "tools": [function("late"), function("top")]},
    ], "tools": [
        function("top"),
        {"type": "namespace", "name": "fs", "description": "files", "tools": [function("read"), {"type": "custom", "name": "patch", "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"}}]},
        {"type": "web_search", "external_web_access": true},
        {"type": "tool_search"},
    ], "tool_choice": {"type": "function", "name": "read"}}));
    assert_eq!(names(&request), ["top", "fs__read", "fs__patch", "web_search", "tool_search", "late"]);
    assert_eq!(request.tool_choice, Some(ToolChoice::Named("fs__read".into())));
    let grouped: Vec<(&str, &str)> = request.groups.iter().map(|group| (&*group.group, &*group.own)).collect();
    assert_eq!(grouped, [("fs", "read"), ("fs", "patch")]);
    assert!(matches!(&request.messages[1].parts[0], Part::ToolCall(call) if call.name == "fs__read"));
    let Tool::Custom(custom) = &request.tools[2] else { panic!("a custom tool") };
    assert_eq!(
        custom.format.as_ref().unwrap().raw(),
        r#"{"type":"grammar","grammar":{"syntax":"lark","definition":"start: x"}}"#
    );
}

#[test]
fn every_way_to_choose_a_tool_is_understood() {
    let choice = |choice: Value| {
        let tools = json!([{"type": "function", "name": "f"}, {"type": "custom", "name": "c"}, {"type": "web_search_preview"}, {"type": "mcp", "server_label": "s"}]);
        read(&with(json!({"tools": tools, "tool_choice": choice}))).0.tool_choice.unwrap()
    };
    assert_eq!(choice(json!("auto")), ToolChoice::Auto);
    assert_eq!(choice(json!("none")), ToolChoice::None);
    assert_eq!(choice(json!("required")), ToolChoice::Required);
    assert_eq!(choice(json!({"type": "function", "name": "f"})), ToolChoice::Named("f".into()));
    assert_eq!(choice(json!({"type": "custom", "name": "c"})), ToolChoice::Named("c".into()));
    assert_eq!(choice(json!({"type": "web_search_preview"})), ToolChoice::Named("web_search_preview".into()));
    assert_eq!(choice(json!({"type": "mcp", "server_label": "s"})), ToolChoice::Named("mcp".into()));
    let allowed = json!({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}, {"type": "mcp", "server_label": "s"}]});
    assert_eq!(choice(allowed), ToolChoice::Allowed { required: true, names: vec!["f".into(), "mcp".into()] });
}

#[test]
fn the_last_change_of_the_configuration_holds() {
    let (request, _) = read(&json!({"reasoning": {"effort": "low"}, "input": [
        {"type": "configuration_update", "reasoning": {"effort": "high"}, "text": {"format": {"type": "json_object"}}},
        {"role": "user", "content": "x"},
    ]}));
    assert_eq!((request.reasoning.effort, request.output), (Some(Effort::High), Output::JsonObject));
}

#[test]
fn items_that_only_this_shape_has_are_carried() {
    let (request, _) = read(&json!({"input": [
        {"role": "user", "content": "x"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"type": "local_shell_call", "call_id": "c", "action": {}},
        {"type": "local_shell_call_output", "call_id": "c", "output": "ok"},
        {"type": "something_new", "a": 1},
        "plain",
    ]}));
    let roles: Vec<Role> = request.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::User, Role::User]);
    assert_eq!(request.messages[1].parts.len(), 2);
    assert_eq!(request.messages[2].parts.len(), 2);
}

#[test]
fn what_codex_sends_is_read() {
    let (request, losses) = read(&json!({
        "model": "gpt-5", "stream": true, "store": false, "include": ["reasoning.encrypted_content"], "prompt_cache_key": "k",
        "reasoning": {"effort": "medium", "summary": "auto"}, "client_metadata": {"x": "y"}, "tool_choice": "auto", "parallel_tool_calls": false,
        "text": {"verbosity": "medium"},
        "tools": [
            {"type": "function", "name": "shell", "description": "d", "strict": false, "parameters": {"type": "object", "properties": {"command": {"type": "array", "items": {"type": "string"}}}, "required": ["command"], "additionalProperties": false}},
            {"type": "namespace", "name": "mcp", "description": "d", "tools": [{"type": "function", "name": "search", "strict": false, "parameters": {"type": "object", "properties": {}}}]},
            {"type": "web_search", "external_web_access": false},
        ],
        "input": [
            {"type": "message", "id": "m1", "role": "developer", "content": [{"type": "input_text", "text": "rules"}]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "fix it"}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "plan"}], "content": null, "encrypted_content": "gAAA"},
            {"type": "function_call", "name": "shell", "arguments": "{\"command\":[\"ls\"]}", "call_id": "call_1"},
            {"type": "function_call_output", "call_id": "call_1", "output": "{\"output\":\"a\",\"metadata\":{}}"},
        ],
    }));
    assert_eq!(losses, "");
    assert_eq!(names(&request), ["shell", "mcp__search", "web_search"]);
    assert_eq!(request.instructions[0].text, "rules");
    assert_eq!(request.messages.len(), 3);
}
