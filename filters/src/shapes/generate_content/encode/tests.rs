//! Requests as Google gets them.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use serde_json::{Value, json};

use crate::Shape;
use crate::json::View;
use crate::neutral::{
    Answering, ApiError, BudgetBounds, Effort, Losses, Message, Opaque, Origin, Part, Profile, Reasoning, Request,
    Role, State, StateFormat, TextPart, Thinking, ToolCall,
};
use crate::shapes;

fn origin() -> Origin<'static> {
    Origin { provider: "google".into(), family: "gemini".into(), account: "a".into() }
}

/// A model of the third generation.
fn newer() -> Profile {
    let efforts = vec![Effort::Low, Effort::Medium, Effort::High];
    Profile { model: "gemini-3".to_owned(), origin: origin(), efforts, ..Profile::default() }
}

/// One that thinks by a budget, as the second generation does.
fn older() -> Profile {
    let budget = Some(BudgetBounds { least: 128, most: 32_768, may_be_off: false });
    Profile { model: "gemini-2".to_owned(), origin: origin(), thinking: Thinking::Budget, budget, ..Profile::default() }
}

/// One from before there was thinking.
fn oldest() -> Profile {
    Profile { model: "gemini-1".to_owned(), origin: origin(), thinking: Thinking::None, ..Profile::default() }
}

struct Sent {
    body: Value,
    losses: String,
    answering: Answering,
}

fn try_send(request: &Request<'_>, profile: &Profile) -> Result<Sent, ApiError> {
    let mut losses = Losses::default();
    let (body, answering) = super::request(request, profile, &mut losses)?;
    let (again, _) = super::request(request, profile, &mut Losses::default())?;
    assert_eq!(body, again, "the same request gives the same bytes");
    Ok(Sent { body: serde_json::from_slice(&body).unwrap(), losses: losses.to_string(), answering })
}

/// What a chat request becomes.
fn try_chat(body: &Value, profile: &Profile) -> Result<Sent, ApiError> {
    let text = body.to_string();
    let chat = shapes::codec(Shape::Chat).unwrap();
    let request = chat.decode_request(View::parse(text.as_bytes()).unwrap(), &mut Losses::default()).unwrap();
    try_send(&request, profile)
}

fn chat(body: &Value, profile: &Profile) -> Sent {
    try_chat(body, profile).unwrap_or_else(|error| panic!("{error:?}"))
}

fn asking(more: &Value) -> Value {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn config(more: &Value, profile: &Profile) -> (Value, String) {
    let sent = chat(&asking(more), profile);
    (sent.body["generationConfig"].clone(), sent.losses)
}

fn tool(schema: Value) -> Value {
    json!({"type": "function", "function": {"name": "f", "description": "d", "parameters": schema}})
}

fn loop_of(calls: Value, results: &[Value]) -> Value {
    let mut messages = vec![
        json!({"role": "user", "content": "go"}),
        json!({"role": "assistant", "content": null, "tool_calls": calls}),
    ];
    messages.extend(results.iter().cloned());
    json!({"messages": messages})
}

fn call(id: &str, arguments: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}})
}

fn result(id: &str, content: Value) -> Value {
    json!({"role": "tool", "tool_call_id": id, "content": content})
}

#[test]
fn a_conversation_becomes_contents_in_turns() {
    let sent = chat(
        &json!({"messages": [
            {"role": "system", "content": "be"}, {"role": "developer", "content": "good"}, {"role": "user", "content": "one"}, {"role": "user", "name": "bob", "content": [{"type": "text", "text": "two"}, {"type": "text", "text": ""}]},
            {"role": "assistant", "content": "yes"}, {"role": "system", "content": "now"}, {"role": "user", "content": "three"},
        ]}),
        &newer(),
    );
    assert_eq!(
        sent.body,
        json!({
            "systemInstruction": {"parts": [{"text": "be"}, {"text": "good"}]},
            "contents": [
                {"role": "user", "parts": [{"text": "one"}, {"text": "two"}]}, {"role": "model", "parts": [{"text": "yes"}]},
                {"role": "user", "parts": [{"text": "<system-reminder>\nnow\n</system-reminder>"}, {"text": "three"}]},
            ],
        })
    );
    assert_eq!(sent.losses, "dropped:messages.name, approximated:messages.role");
}

#[test]
fn pitfall_96_later_instructions_keep_their_place() {
    let sent = chat(
        &json!({"messages": [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}, {"role": "user", "content": "c"}]}),
        &newer(),
    );
    assert_eq!(sent.body["contents"][0]["parts"][1]["text"], "<system-reminder>\nb\n</system-reminder>");
    assert!(sent.body.get("systemInstruction").is_none());
}

#[test]
fn pitfall_39_ids_of_calls_go_back_to_google_when_it_gave_them_and_are_absent_otherwise() {
    for (id, is_sent) in [
        ("96c1su3s", true),
        ("call_883098", true),
        ("call_0_1", false),
        ("toolu_01A09q90qw90lq917835lq9", false),
        ("call_gwAbCdEfGhIjKlMnOpQrStUv", false),
        ("call_AbCdEfGhIjKlMnOpQrStUvWx", false),
        ("fc_1", false),
    ] {
        let sent = chat(&loop_of(json!([call(id, "{}")]), &[result(id, json!("ok"))]), &newer());
        let expected = if is_sent { json!(id) } else { Value::Null };
        assert_eq!(sent.body["contents"][1]["parts"][0]["functionCall"]["id"], expected, "{id}");
        assert_eq!(sent.body["contents"][2]["parts"][0]["functionResponse"]["id"], expected, "{id}");
    }
}

#[test]
fn pitfall_39_vertex_never_gets_ids_of_calls_not_even_those_that_google_gave() {
    let mut vertex = newer();
    vertex.host.no_call_ids = true;
    let sent = chat(&loop_of(json!([call("96c1su3s", "{}")]), &[result("96c1su3s", json!("ok"))]), &vertex);
    let (called, answered) = (&sent.body["contents"][1]["parts"][0], &sent.body["contents"][2]["parts"][0]);
    assert!(called["functionCall"].get("id").is_none(), "{called}");
    assert!(answered["functionResponse"].get("id").is_none(), "{answered}");
    assert_eq!(answered["functionResponse"]["response"]["output"], "ok");
}

#[test]
fn pitfall_32_and_37_results_stand_in_the_order_of_their_calls_with_the_names_of_these() {
    let sent = chat(
        &loop_of(
            json!([call("a", ""), call("b", "{\"x\": 12345678901234567890}"), call("c", "nonsense")]),
            &[result("c", json!("{\"k\":1}")), result("a", json!("plain"))],
        ),
        &older(),
    );
    assert_eq!(
        sent.body["contents"][1]["parts"],
        json!([
            {"functionCall": {"id": "a", "name": "f", "args": {}}},
            {"functionCall": {"id": "b", "name": "f", "args": {"x": 12345678901234567890_u64}}},
            {"functionCall": {"id": "c", "name": "f", "args": {"_raw": "nonsense"}}},
        ])
    );
    assert_eq!(
        sent.body["contents"][2]["parts"],
        json!([
            {"functionResponse": {"id": "a", "name": "f", "response": {"output": "plain"}}},
            {"functionResponse": {"id": "b", "name": "f", "response": {"error": "[no result]"}}},
            {"functionResponse": {"id": "c", "name": "f", "response": {"output": {"k": 1}}}},
        ])
    );
    assert_eq!(sent.losses, "repaired:tool_calls.arguments, repaired:tool_result");
}

#[test]
fn pitfall_34_a_result_of_a_call_that_was_never_made_is_refused_by_its_id() {
    let body = loop_of(json!([call("a", "{}")]), &[result("zz", json!("x"))]);
    let error = try_chat(&body, &newer()).err().unwrap();
    assert_eq!(error.param.as_deref(), Some("messages.tool_call_id"));
    assert!(error.message.contains("'zz' has no matching tool call"), "{}", error.message);
}

#[test]
fn failures_of_tools_are_told_as_such() {
    let body = json!({"max_tokens": 9, "messages": [
        {"role": "user", "content": "go"}, {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "is_error": true, "content": "no such file"}, {"type": "text", "text": "hm"}]},
    ]}).to_string();
    let messages = shapes::codec(Shape::Messages).unwrap();
    let request = messages.decode_request(View::parse(body.as_bytes()).unwrap(), &mut Losses::default()).unwrap();
    let sent = try_send(&request, &older()).unwrap();
    assert_eq!(
        sent.body["contents"][2]["parts"],
        json!([{"functionResponse": {"id": "a", "name": "f", "response": {"error": "no such file"}}}, {"text": "hm"}])
    );
}

#[test]
fn pitfall_42_images_in_results_go_along_as_media() {
    let image = json!([{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgoAAAAN"}}]);
    let body = loop_of(json!([call("a", "{}")]), &[result("a", image)]);
    let data = json!({"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgoAAAAN"}});
    let sent = chat(&body, &newer());
    assert_eq!(
        sent.body["contents"][2]["parts"],
        json!([{"functionResponse": {"id": "a", "name": "f", "response": {"output": "see"}, "parts": [data]}}])
    );
    let sent = chat(&body, &older());
    assert_eq!(
        sent.body["contents"][2]["parts"],
        json!([{"functionResponse": {"id": "a", "name": "f", "response": {"output": "see"}}}, data])
    );
    assert_eq!(sent.losses, "approximated:tool_result.content");
}

#[test]
fn pitfall_60_and_62_signatures_stay_on_their_parts_and_later_parallel_calls_have_none() {
    let signed = |id: &str, signature: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}, "extra_content": {"google": {"thought_signature": signature}}});
    let body =
        loop_of(json!([signed("a", "SiG+/=="), call("b", "{}")]), &[result("a", json!("1")), result("b", json!("2"))]);
    let sent = chat(&body, &newer());
    let parts = &sent.body["contents"][1]["parts"];
    assert_eq!(parts[0]["thoughtSignature"], "SiG+/==");
    assert!(parts[1].get("thoughtSignature").is_none());
    assert_eq!(sent.losses, "");
}

#[test]
fn pitfall_61_a_call_whose_signature_was_lost_is_marked_for_models_that_ask_for_one() {
    let body = loop_of(json!([call("a", "{}"), call("b", "{}")]), &[result("a", json!("1")), result("b", json!("2"))]);
    let sent = chat(&body, &newer());
    let parts = &sent.body["contents"][1]["parts"];
    assert_eq!(parts[0]["thoughtSignature"], "skip_thought_signature_validator");
    assert!(parts[1].get("thoughtSignature").is_none(), "pitfall 62");
    assert_eq!(sent.losses, "approximated:tool_calls.thought_signature");
    let sent = chat(&body, &older());
    assert!(sent.body["contents"][1]["parts"][0].get("thoughtSignature").is_none());
}

#[test]
fn pitfall_62_a_dummy_that_a_client_sends_stands_on_first_calls_only() {
    let skipped = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}, "extra_content": {"google": {"thought_signature": "skip_thought_signature_validator"}}});
    let body = loop_of(json!([skipped("a"), skipped("b")]), &[result("a", json!("1")), result("b", json!("2"))]);
    let parts = chat(&body, &newer()).body["contents"][1]["parts"].clone();
    assert_eq!(parts[0]["thoughtSignature"], "skip_thought_signature_validator");
    assert!(parts[1].get("thoughtSignature").is_none());
}

fn model_turn(parts: Vec<Part<'static>>, profile: &Profile) -> Value {
    let user =
        |text: &'static str| Message { role: Role::User, name: None, parts: vec![Part::Text(TextPart::new(text))] };
    let messages = vec![user("a"), Message { role: Role::Assistant, name: None, parts }, user("b")];
    let request = Request { messages, ..Request::default() };
    try_send(&request, profile).unwrap().body["contents"][1]["parts"].clone()
}

fn thought(text: &'static str, data: &'static str, change: impl FnOnce(&mut State<'static>)) -> Part<'static> {
    let mut state =
        State { format: StateFormat::GoogleSignature, data: data.into(), id: None, origin: None, extra: None };
    change(&mut state);
    Part::Reasoning(Reasoning { text: text.into(), summary: true, state: Some(state) })
}

#[test]
fn pitfall_63_and_64_signatures_of_texts_are_replayed_where_they_stood() {
    let text = |text: &'static str| Part::Text(TextPart::new(text));
    let own = |_: &mut State<'static>| {};
    let parts = vec![
        thought("sum", "S0", own),
        text("one"),
        thought("", "S1", own),
        text("two"),
        thought("", "S2", |state| state.id = Some("empty_text".into())),
    ];
    assert_eq!(
        model_turn(parts, &newer()),
        json!([
            {"text": "sum", "thought": true, "thoughtSignature": "S0"}, {"text": "one"}, {"text": "two", "thoughtSignature": "S1"}, {"text": "", "thoughtSignature": "S2"},
        ])
    );
    // Chat has no place between texts: the state comes first there.
    let parts = vec![thought("", "S2", |state| state.id = Some("empty_text".into())), text("one")];
    assert_eq!(model_turn(parts, &newer()), json!([{"text": "one"}, {"text": "", "thoughtSignature": "S2"}]));
}

#[test]
fn pitfall_65_and_67_state_of_others_is_never_sent() {
    let foreign = Origin { account: "b".into(), ..origin() };
    let call = |state| {
        Part::ToolCall(ToolCall {
            id: "a".into(),
            name: "f".into(),
            arguments: "{}".into(),
            custom: false,
            cache: None,
            state,
        })
    };
    let state = |format, origin| Some(State { format, data: "Sig".into(), id: None, origin, extra: None });
    let parts = vec![
        thought("t", "S", |state| state.origin = Some(foreign.clone())),
        thought("t", "S", |state| state.format = StateFormat::AnthropicSignature),
        Part::Reasoning(Reasoning { text: "plain".into(), ..Reasoning::default() }),
        call(state(StateFormat::GoogleSignature, Some(foreign.clone()))),
    ];
    assert_eq!(
        model_turn(parts, &newer()),
        json!([{"functionCall": {"id": "a", "name": "f", "args": {}}, "thoughtSignature": "skip_thought_signature_validator"}])
    );
    let parts = vec![call(state(StateFormat::GoogleSignature, Some(origin())))];
    assert_eq!(model_turn(parts, &newer())[0]["thoughtSignature"], "Sig");
}

#[test]
fn parts_of_this_shape_go_back_as_they_were() {
    let raw = r#"{"executableCode": {"code": "1"}, "thoughtSignature": "x"}"#;
    let opaque = Opaque {
        shape: Shape::GenerateContent,
        kind: "executableCode".into(),
        raw: crate::json::Json::parse(raw).unwrap(),
    };
    assert_eq!(model_turn(vec![Part::Opaque(opaque)], &newer())[0], serde_json::from_str::<Value>(raw).unwrap());
}

#[test]
fn media_go_as_bytes_or_by_address() {
    let sent = chat(
        &json!({"messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "data:image/gif;base64,iVBORw0KGgoAAAAN", "detail": "low"}}, {"type": "image_url", "image_url": {"url": "https://x/y.jpg?z"}}, {"type": "image_url", "image_url": {"url": "https://x/y"}},
            {"type": "input_audio", "input_audio": {"data": "UklG", "format": "mp3"}}, {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0x", "filename": "a.pdf"}},
            {"type": "file", "file": {"file_data": "data:text/plain;base64,aGk="}},
        ]}]}),
        &newer(),
    );
    assert_eq!(
        sent.body["contents"][0]["parts"],
        json!([
            {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgoAAAAN"}}, {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://x/y.jpg?z"}}, {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://x/y"}},
            {"inlineData": {"mimeType": "audio/mp3", "data": "UklG"}}, {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0x"}},
            {"inlineData": {"mimeType": "text/plain", "data": "aGk="}},
        ])
    );
    assert_eq!(sent.losses, "dropped:image_url.detail");
    let file = json!({"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}]});
    assert_eq!(try_chat(&file, &newer()).err().unwrap().param.as_deref(), Some("content.document"));
}

#[test]
fn pitfall_44_choices_become_modes_and_strict_tools_are_validated_unless_a_call_is_forced() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false});
    let strict = json!({"type": "function", "function": {"name": "f", "parameters": schema, "strict": true}});
    let mode = |more: Value| chat(&asking(&more), &newer()).body["toolConfig"]["functionCallingConfig"].clone();
    assert_eq!(mode(json!({"tools": [strict]})), json!({"mode": "VALIDATED"}));
    assert_eq!(mode(json!({"tools": [strict], "tool_choice": "auto"})), json!({"mode": "VALIDATED"}));
    assert_eq!(mode(json!({"tools": [strict], "tool_choice": "required"})), json!({"mode": "ANY"}));
    let old = chat(&asking(&json!({"tools": [strict]})), &oldest());
    assert_eq!((old.losses.contains("approximated:tools.strict"), old.body.get("toolConfig")), (true, None));
    assert_eq!(
        mode(json!({"tools": [strict], "tool_choice": {"type": "function", "function": {"name": "f"}}})),
        json!({"mode": "ANY", "allowedFunctionNames": ["f"]})
    );
    assert_eq!(mode(json!({"tools": [tool(schema.clone())]})), Value::Null);
    assert_eq!(mode(json!({"tools": [tool(schema.clone())], "tool_choice": "none"})), json!({"mode": "NONE"}));
    let allowed = |mode: &str| json!({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [{"type": "function", "function": {"name": "f"}}]}});
    let other = json!({"type": "function", "function": {"name": "g"}});
    assert_eq!(
        mode(json!({"tools": [tool(schema.clone()), other], "tool_choice": allowed("required")})),
        json!({"mode": "ANY", "allowedFunctionNames": ["f"]})
    );
    let sent = chat(&asking(&json!({"tools": [tool(schema), other], "tool_choice": allowed("auto")})), &newer());
    assert_eq!(sent.body["tools"][0]["functionDeclarations"].as_array().unwrap().len(), 1);
    assert_eq!(sent.body["toolConfig"]["functionCallingConfig"], json!({"mode": "AUTO"}));
}

#[test]
fn pitfall_40_names_that_google_refuses_are_changed_and_known_again() {
    let named = |name: &str| json!({"type": "function", "function": {"name": name}});
    let sent = chat(&asking(&json!({"tools": [named("ns.tool:x"), named("1st"), named("a b")]})), &newer());
    let declared = &sent.body["tools"][0]["functionDeclarations"];
    assert_eq!(declared[0]["name"], "ns.tool:x");
    let own: Vec<&str> = sent.answering.tool_names.iter().map(|(_, own)| own.as_str()).collect();
    assert_eq!(own, ["1st", "a b"]);
}

#[test]
fn pitfall_50_schemas_of_agents_are_brought_into_what_google_takes() {
    let schema = json!({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "additionalProperties": false, "required": ["a", "a"], "properties": {
        "a": {"type": "integer", "exclusiveMinimum": 0, "multipleOf": 5, "description": "an a"}, "b": {"const": "x"}, "c": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "d": {"type": ["string", "null"]}, "e": {"$ref": "#/definitions/E", "description": "an e"}, "f": {"type": "object", "propertyNames": {"pattern": "x"}, "properties": {}, "description": "empty"},
        "g": {"enum": [1, 2]}, "h": {"allOf": [{"properties": {"x": {"type": "string"}}, "required": ["x"]}, {"$ref": "#/definitions/E"}]}, "i": true,
    }, "definitions": {"E": {"type": "object", "properties": {"e": {"$ref": "#/definitions/E"}}}}});
    let sent = chat(&asking(&json!({"tools": [tool(schema.clone())]})), &newer());
    let written = &sent.body["tools"][0]["functionDeclarations"][0];
    assert!(written.get("parameters").is_none());
    assert_eq!(
        written["parametersJsonSchema"],
        json!({"type": "object", "additionalProperties": false, "required": ["a"], "properties": {
        "a": {"type": "integer", "description": "an a"}, "b": {"enum": ["x"]}, "c": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "d": {"type": ["string", "null"]}, "e": {"description": "an e", "anyOf": [{"$ref": "#/$defs/E"}]}, "f": {"type": "object", "properties": {}, "description": "empty"},
        "g": {"enum": [1, 2]}, "h": {"properties": {"x": {"type": "string"}, "e": {"$ref": "#/$defs/E"}}, "required": ["x"], "type": "object"}, "i": {},
    }, "$defs": {"E": {"type": "object", "properties": {"e": {"$ref": "#/$defs/E"}}}}})
    );
    assert_eq!(sent.losses, "approximated:schema");

    let sent = chat(&asking(&json!({"tools": [tool(schema)]})), &oldest());
    let written = &sent.body["tools"][0]["functionDeclarations"][0];
    assert!(written.get("parametersJsonSchema").is_none());
    assert_eq!(
        written["parameters"],
        json!({"type": "object", "required": ["a"], "properties": {
            "a": {"type": "integer", "description": "an a\n\n{exclusiveMinimum: 0, multipleOf: 5}"}, "b": {"type": "string", "enum": ["x"]}, "c": {"nullable": true, "anyOf": [{"type": "string"}]},
            "d": {"nullable": true, "type": "string"}, "e": {"type": "object", "properties": {"e": {"type": "object"}}, "description": "an e"},
            "f": {"type": "object", "description": "empty\n\n{propertyNames: {\"pattern\":\"x\"}}"}, "g": {"type": "string", "enum": ["1", "2"]},
            "h": {"properties": {"x": {"type": "string"}, "e": {"type": "object"}}, "required": ["x"], "type": "object"}, "i": {},
        }})
    );
}

#[test]
fn pitfall_51_52_and_53_the_older_form_has_no_lists_of_types_no_references_and_no_numbers_to_choose_from() {
    let schema = json!({"type": "object", "properties": {"a": {"type": ["string", "integer", "null"]}, "n": {"enum": [1, null]}, "r": {"$ref": "#/$defs/R"}}, "$defs": {"R": {"properties": {"r": {"$ref": "#/$defs/R"}}}}});
    let written = chat(&asking(&json!({"tools": [tool(schema)]})), &oldest()).body["tools"][0]["functionDeclarations"]
        [0]["parameters"]
        .clone();
    assert_eq!(
        written["properties"],
        json!({"a": {"nullable": true, "anyOf": [{"type": "string"}, {"type": "integer"}]}, "n": {"nullable": true, "type": "string", "enum": ["1"]}, "r": {"properties": {"r": {"type": "object"}}}})
    );
}

#[test]
fn pitfall_54_and_58_a_function_without_arguments_has_no_schema_and_strange_ones_do_no_harm() {
    for empty in [
        json!({"type": "object", "properties": {}}),
        json!({}),
        json!({"type": "object", "properties": {}, "additionalProperties": false}),
    ] {
        let sent = chat(&asking(&json!({"tools": [tool(empty)]})), &newer());
        assert_eq!(sent.body["tools"][0]["functionDeclarations"], json!([{"name": "f", "description": "d"}]));
    }
    let mut deep = json!({"type": "string"});
    for _ in 0..50 {
        deep = json!({"type": "object", "properties": {"__proto__": deep}});
    }
    let circle = json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"allOf": [{"$ref": "#/$defs/A"}], "anyOf": [{"allOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/A"}]}]}}});
    for schema in [deep, circle, json!({"type": "string"}), json!({"properties": {"a": 5, "b": false}, "required": 3})]
    {
        for profile in [newer(), oldest()] {
            chat(&asking(&json!({"tools": [tool(schema.clone())]})), &profile);
        }
    }
}

#[test]
fn pitfall_79_and_83_thinking_is_a_level_or_a_budget_as_the_model_takes_it() {
    let thinking = |more: Value, profile: &Profile| {
        let (config, losses) = config(&more, profile);
        (config["thinkingConfig"].clone(), losses)
    };
    let effort = |word: &str| json!({"reasoning_effort": word});
    let level = |word: &str| json!({"includeThoughts": true, "thinkingLevel": word});
    let approximated = "approximated:reasoning.effort".to_owned();
    assert_eq!(thinking(effort("minimal"), &newer()), (level("LOW"), approximated.clone()));
    assert_eq!(thinking(effort("medium"), &newer()), (level("MEDIUM"), String::new()));
    assert_eq!(thinking(effort("xhigh"), &newer()), (level("HIGH"), approximated.clone()));
    assert_eq!(thinking(effort("none"), &newer()), (json!({"thinkingLevel": "LOW"}), approximated.clone()));
    let two = Profile { efforts: vec![Effort::Low, Effort::High], ..newer() };
    assert_eq!(thinking(effort("medium"), &two).0, level("HIGH"));
    let all = Profile { efforts: vec![Effort::Minimal, Effort::Low, Effort::Medium, Effort::High], ..newer() };
    assert_eq!(thinking(effort("minimal"), &all), (level("MINIMAL"), String::new()));
    let budget = |tokens: i64| json!({"includeThoughts": true, "thinkingBudget": tokens});
    assert_eq!(thinking(effort("low"), &older()).0, budget(1_024));
    assert_eq!(thinking(effort("high"), &older()).0, budget(24_576));
    assert_eq!(thinking(effort("max"), &older()).0, budget(32_768));
    assert_eq!(thinking(effort("none"), &older()), (json!({"thinkingBudget": 128}), approximated));
    assert_eq!(
        thinking(json!({"reasoning": {"max_tokens": 50}}), &older()),
        (budget(128), "clamped:reasoning.max_tokens".to_owned())
    );
    assert_eq!(thinking(json!({"reasoning": {"enabled": true}}), &older()).0, budget(-1));
    assert_eq!(thinking(json!({"reasoning": {"max_tokens": 5_000}}), &newer()).0, level("MEDIUM"));
    let flash = Profile { budget: Some(BudgetBounds { least: 0, most: 24_576, may_be_off: true }), ..older() };
    assert_eq!(thinking(effort("none"), &flash), (json!({"thinkingBudget": 0}), String::new()));
    assert_eq!(thinking(effort("high"), &oldest()), (Value::Null, "dropped:reasoning.effort".to_owned()));
    assert_eq!(thinking(json!({}), &newer()).0, Value::Null, "what is not asked for is not told");
    let hidden = json!({"reasoning": {"effort": "low", "exclude": true}});
    assert_eq!(thinking(hidden, &newer()).0, json!({"thinkingLevel": "LOW"}));
}

#[test]
fn pitfall_57_and_59_a_schema_of_the_answer_stands_with_its_type_or_is_told_in_words() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let format = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}});
    assert_eq!(
        config(&format, &newer()).0,
        json!({"responseMimeType": "application/json", "responseJsonSchema": schema})
    );
    assert_eq!(config(&format, &oldest()).0, json!({"responseMimeType": "application/json", "responseSchema": schema}));
    assert_eq!(
        config(&json!({"response_format": {"type": "json_object"}}), &older()).0,
        json!({"responseMimeType": "application/json"})
    );
    let mut with_tools = format;
    with_tools["tools"] = json!([tool(schema)]);
    assert_eq!(chat(&asking(&with_tools), &newer()).body["generationConfig"]["responseMimeType"], "application/json");
    let sent = chat(&asking(&with_tools), &older());
    assert!(sent.body.get("generationConfig").is_none());
    assert!(sent.body["systemInstruction"]["parts"][0]["text"].as_str().unwrap().contains("JSON Schema n"));
    assert_eq!(sent.losses, "approximated:response_format");
}

#[test]
fn settings_are_sent_in_googles_words_and_within_its_bounds() {
    let (written, losses) = config(
        &json!({
            "temperature": 3.0, "top_p": 0.5, "top_k": 7, "seed": 5, "presence_penalty": 0.5, "frequency_penalty": -0.5, "max_completion_tokens": 9_000,
            "stop": ["a", "b", "c", "d", "e", "f"], "user": "bob", "parallel_tool_calls": false, "logit_bias": {"1": 2}, "logprobs": false, "n": 1, "prompt_cache_key": "k", "metadata": {"a": "b"},
        }),
        &Profile { max_output: Some(8_192), ..newer() },
    );
    assert_eq!(
        written,
        json!({"temperature": 2.0, "topP": 0.5, "topK": 7, "maxOutputTokens": 8192, "stopSequences": ["a", "b", "c", "d", "e"], "seed": 5, "presencePenalty": 0.5, "frequencyPenalty": -0.5})
    );
    assert_eq!(
        losses,
        "clamped:max_tokens, clamped:temperature, dropped:user, dropped:prompt_cache_key, dropped:logit_bias, dropped:metadata"
    );
    let sent = chat(
        &asking(&json!({"stop": ["a", "b", "c", "d", "e", "f"], "seed": 5_000_000_000_i64, "service_tier": "default"})),
        &newer(),
    );
    assert_eq!(sent.answering.stops, ["f"]);
    assert_eq!(sent.losses, "dropped:seed");
    assert_eq!(sent.body["serviceTier"], "standard");
    for (more, param) in [
        (json!({"n": 2}), "n"),
        (json!({"modalities": ["text", "audio"]}), "modalities"),
        (json!({"audio": {"voice": "x"}}), "audio"),
    ] {
        assert_eq!(try_chat(&asking(&more), &newer()).err().unwrap().param.as_deref(), Some(param));
    }
}

#[test]
fn pitfall_99_beside_a_cache_there_is_no_system_prompt_and_there_are_no_tools() {
    let sent = chat(
        &json!({"cached_content": "cachedContents/x", "safety_settings": [{"category": "c"}], "tools": [tool(json!({"type": "object"}))], "tool_choice": "auto", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]}),
        &newer(),
    );
    assert_eq!(
        sent.body,
        json!({"cachedContent": "cachedContents/x", "safetySettings": [{"category": "c"}], "contents": [{"role": "user", "parts": [{"text": "u"}]}]})
    );
    assert_eq!(sent.losses, "dropped:messages.system, dropped:tools, dropped:tool_choice");
}

#[test]
fn custom_tools_are_functions_that_take_a_text() {
    let sent = chat(
        &json!({"tools": [{"type": "custom", "custom": {"name": "p", "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /x/"}}}}], "messages": [
            {"role": "user", "content": "u"}, {"role": "assistant", "tool_calls": [{"id": "1", "type": "custom", "custom": {"name": "p", "input": "x\ny"}}]}, {"role": "tool", "tool_call_id": "1", "content": "ok"},
        ]}),
        &older(),
    );
    let declared = &sent.body["tools"][0]["functionDeclarations"][0];
    assert_eq!(declared["description"], "`input` must match this lark grammar:\nstart: /x/");
    assert_eq!(declared["parametersJsonSchema"]["required"], json!(["input"]));
    assert_eq!(sent.body["contents"][1]["parts"][0]["functionCall"]["args"], json!({"input": "x\ny"}));
    assert_eq!(sent.answering.custom_tools, ["p"]);
}

#[test]
fn pitfall_82_and_43_what_was_sent_once_is_sent_again() {
    let mut messages = vec![json!({"role": "system", "content": "be"}), json!({"role": "user", "content": "go"})];
    let tools = json!([tool(json!({"type": "object", "properties": {"a": {"type": "string"}}}))]);
    let mut before: Option<String> = None;
    for turn in 0..6 {
        let ids = [format!("x{turn}"), format!("y{turn}")];
        messages.push(json!({"role": "assistant", "content": null, "tool_calls": [call(&ids[0], "{\"a\": \"b\"}"), call(&ids[1], "")]}));
        messages.push(result(&ids[1], json!("2")));
        messages.push(result(&ids[0], json!("1")));
        if turn % 2 == 1 {
            messages.push(json!({"role": "user", "content": "and now"}));
        }
        let text = json!({"tools": tools, "messages": messages}).to_string();
        let chat = shapes::codec(Shape::Chat).unwrap();
        let request = chat.decode_request(View::parse(text.as_bytes()).unwrap(), &mut Losses::default()).unwrap();
        let (body, _) = super::request(&request, &newer(), &mut Losses::default()).unwrap();
        let body = String::from_utf8(body).unwrap();
        if let Some(before) = before {
            assert!(body.starts_with(before.strip_suffix("]}").unwrap()), "{before}\n{body}");
        }
        before = Some(body);
    }
}

#[test]
fn a_conversation_that_ends_with_the_model_is_told_and_one_of_nothing_is_refused() {
    let prefill = json!({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]});
    assert_eq!(chat(&prefill, &newer()).losses, "approximated:messages.prefill");
    let refusing = Profile { refuses_prefill: true, ..newer() };
    assert_eq!(try_chat(&prefill, &refusing).err().unwrap().param.as_deref(), Some("messages"));
    let nothing = json!({"messages": [{"role": "user", "content": ""}]});
    assert_eq!(try_chat(&nothing, &newer()).err().unwrap().param.as_deref(), Some("messages"));
}
