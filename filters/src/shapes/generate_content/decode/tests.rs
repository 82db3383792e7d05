//! Requests of Gemini clients in the neutral form.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use serde_json::{Value, json};

use super::super::signature;
use crate::Shape;
use crate::json::View;
use crate::neutral::{
    ApiError, Effort, Losses, Origin, Output, Part, Reasoning, ReasoningMode, Request, Role, Source, State,
    StateFormat, Tier, Tool, ToolChoice,
};
use crate::shapes::envelope;

fn try_read(body: &Value) -> Result<(Request<'static>, String), ApiError> {
    let text: &'static str = body.to_string().leak();
    let mut losses = Losses::default();
    let request = super::request(View::parse(text.as_bytes()).unwrap(), &mut losses)?;
    Ok((request, losses.to_string()))
}

fn read(body: &Value) -> (Request<'static>, String) {
    try_read(body).unwrap_or_else(|error| panic!("{error:?}"))
}

fn refused(more: &Value) -> String {
    let mut body = json!({"contents": [{"parts": [{"text": "hi"}]}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let error = try_read(&body).unwrap_err();
    let param = error.param.unwrap();
    assert!(error.message.contains(&param), "{}", error.message);
    param
}

fn with(more: &Value) -> (Request<'static>, String) {
    let mut body = json!({"contents": [{"parts": [{"text": "hi"}]}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    read(&body)
}

/// The parts of the model's one content.
fn model(parts: Value) -> Vec<Part<'static>> {
    let (request, _) = read(&json!({"contents": [{"role": "model", "parts": parts}]}));
    request.messages.into_iter().flat_map(|message| message.parts).collect()
}

fn google(data: &str, id: Option<&str>) -> State<'static> {
    State { id: id.map(|id| id.to_owned().into()), ..signature::native(data.to_owned().into()) }
}

#[test]
fn contents_become_turns_and_the_system_instruction_stands_before_them() {
    let (request, losses) = read(&json!({
        "model": "models/m",
        "system_instruction": {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
        "contents": [{"parts": [{"text": "hi"}, {"text": " there"}]}, {"role": "model", "parts": [{"text": "yes"}]}, {"role": "user", "parts": {"text": "one"}}],
    }));
    let texts: Vec<&str> = request.instructions.iter().map(|text| &*text.text).collect();
    assert_eq!(texts, ["a", "b"]);
    let roles: Vec<Role> = request.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::User]);
    assert_eq!(request.messages[0].parts.len(), 2, "the user's parts stay apart");
    assert_eq!(losses, "");
    assert_eq!(request.reasoning.show, Some(false), "thoughts are for who asks for them");
}

#[test]
fn both_spellings_are_taken_everywhere() {
    let camel = json!({
        "contents": [{"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "Ab=="}]}, {"parts": [{"functionResponse": {"name": "f", "response": {"output": "x"}}}, {"inlineData": {"mimeType": "image/png", "data": "iVBO"}}, {"fileData": {"fileUri": "https://x/y.pdf", "mimeType": "application/pdf"}}]}],
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object"}}]}, {"googleSearch": {}}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "generationConfig": {"maxOutputTokens": 5, "topP": 0.5, "topK": 3, "stopSequences": ["x"], "responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}, "thinkingConfig": {"includeThoughts": true, "thinkingBudget": 5}},
        "serviceTier": "flex",
    });
    let mut snake = camel.to_string();
    for name in [
        "functionCall",
        "thoughtSignature",
        "functionResponse",
        "inlineData",
        "mimeType",
        "fileData",
        "fileUri",
        "functionDeclarations",
        "parametersJsonSchema",
        "googleSearch",
        "toolConfig",
        "functionCallingConfig",
        "allowedFunctionNames",
        "generationConfig",
        "maxOutputTokens",
        "topP",
        "topK",
        "stopSequences",
        "responseMimeType",
        "responseJsonSchema",
        "thinkingConfig",
        "includeThoughts",
        "thinkingBudget",
        "serviceTier",
    ] {
        let other: String = name
            .chars()
            .flat_map(|c| if c.is_uppercase() { vec!['_', c.to_ascii_lowercase()] } else { vec![c] })
            .collect();
        snake = snake.replace(&format!("\"{name}\""), &format!("\"{other}\""));
    }
    let (one, losses) = read(&camel);
    assert_eq!(losses, "");
    assert_eq!(one, read(&serde_json::from_str(&snake).unwrap()).0);
    assert_eq!(one.tool_choice, Some(ToolChoice::Named("f".into())));
    assert_eq!((one.max_output, one.sampling.top_p, one.sampling.top_k), (Some(5), Some(0.5), Some(3)));
    assert_eq!((one.tier.clone(), one.reasoning.budget, one.reasoning.show), (Some(Tier::Flex), Some(5), Some(true)));
}

#[test]
fn calls_without_ids_are_paired_with_their_results_by_name_and_order() {
    let call = |name: &str| json!({"functionCall": {"name": name}});
    let response = |name: &str, text: &str| json!({"functionResponse": {"name": name, "response": {"output": text}}});
    let (request, _) = read(&json!({"contents": [
        {"role": "model", "parts": [call("f"), call("g"), call("f")]},
        {"role": "user", "parts": [{"text": "see"}, response("f", "1"), response("g", "2"), response("f", "3")]},
    ]}));
    let ids: Vec<&str> = request.messages[0]
        .parts
        .iter()
        .map(|part| if let Part::ToolCall(call) = part { &*call.id } else { panic!() })
        .collect();
    assert_eq!(ids, ["call_0_0", "call_0_1", "call_0_2"]);
    let results: Vec<&str> = request.messages[1]
        .parts
        .iter()
        .filter_map(|part| if let Part::ToolResult(result) = part { Some(&*result.call_id) } else { None })
        .collect();
    assert_eq!(results, ids);
    assert!(matches!(request.messages[1].parts.last(), Some(Part::Text(_))), "results stand first");
    assert!(matches!(&request.messages[0].parts[0], Part::ToolCall(call) if call.arguments == "{}"), "pitfall 26");
}

#[test]
fn ids_that_are_there_pair_calls_with_results_in_any_order() {
    let (request, _) = read(&json!({"contents": [
        {"role": "model", "parts": [{"functionCall": {"id": "a", "name": "f", "args": {}}}, {"functionCall": {"id": "b", "name": "f", "args": {"x": 12345678901234567890_u64}}}]},
        {"role": "user", "parts": [{"functionResponse": {"id": "b", "name": "f", "response": {"error": "no"}}}, {"functionResponse": {"id": "a", "name": "f", "response": {"result": 1, "more": 2}}}]},
    ]}));
    let Part::ToolResult(first) = &request.messages[1].parts[0] else { panic!() };
    assert_eq!((&*first.call_id, first.is_error), ("b", true));
    let Part::ToolResult(second) = &request.messages[1].parts[1] else { panic!() };
    assert!(matches!(&second.content[0], Part::Text(text) if text.text == "{\"result\":1,\"more\":2}"));
    assert!(
        matches!(&request.messages[0].parts[1], Part::ToolCall(call) if call.arguments == "{\"x\":12345678901234567890}")
    );
}

#[test]
fn a_result_that_a_client_says_twice_word_for_word_is_one() {
    let response =
        |id: &str, text: &str| json!({"functionResponse": {"id": id, "name": "f", "response": {"output": text}}});
    let (request, losses) = read(&json!({"contents": [
        {"role": "model", "parts": [{"functionCall": {"id": "a", "name": "f", "args": {}}}, {"functionCall": {"id": "b", "name": "f", "args": {}}}]},
        {"role": "user", "parts": [response("a", "x"), response("a", "x"), response("b", "x")]},
    ]}));
    let ids: Vec<&str> = request.messages[1]
        .parts
        .iter()
        .map(|part| match part {
            Part::ToolResult(result) => &*result.call_id,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!((ids, losses.as_str()), (vec!["a", "b"], ""));
}

#[test]
fn pieces_of_a_stream_that_a_client_kept_are_put_together_up_to_a_signature() {
    let parts = model(json!([
        {"text": "th", "thought": true}, {"text": "ink", "thought": true, "thoughtSignature": "S1=="}, {"text": "more", "thought": true},
        {"text": "a"}, {"text": "b"}, {"text": "c", "thoughtSignature": "S2=="}, {"text": ""}, {"text": "d"},
        {"text": "", "thoughtSignature": "S3=="},
    ]));
    let thought = |text: &'static str, state| Part::Reasoning(Reasoning { text: text.into(), summary: true, state });
    let text = |text: &'static str| Part::Text(crate::neutral::TextPart::new(text));
    assert_eq!(
        parts,
        [
            thought("think", Some(google("S1==", None))),
            thought("more", None),
            text("ab"),
            thought("", Some(google("S2==", None))),
            text("cd"),
            thought("", Some(google("S3==", Some(signature::EMPTY_TEXT)))),
        ]
    );
}

#[test]
fn state_of_another_provider_comes_out_of_the_signature_that_it_went_out_in() {
    let origin = Origin { provider: "anthropic".into(), family: "c".into(), account: "a".into() };
    let sealed = |format, data: &str| {
        use base64::Engine as _;
        let state = State { format, data: data.to_owned().into(), id: None, origin: None, extra: None };
        base64::engine::general_purpose::STANDARD.encode(envelope::seal(&state, &origin))
    };
    let signed = sealed(StateFormat::AnthropicSignature, "Eq==");
    let hidden = sealed(StateFormat::Plain, "hidden thoughts");
    let nothing = sealed(StateFormat::Plain, "");
    let parts = model(json!([
        {"text": "seen", "thought": true, "thoughtSignature": signed},
        {"text": "", "thought": true, "thoughtSignature": hidden},
        {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": nothing},
    ]));
    let Part::Reasoning(first) = &parts[0] else { panic!() };
    assert_eq!((&*first.text, first.summary), ("seen", false), "what Claude thinks is no summary");
    assert_eq!(first.state.as_ref().unwrap().origin, Some(origin));
    assert!(matches!(&parts[1], Part::Reasoning(reasoning) if reasoning.text == "hidden thoughts"));
    assert!(matches!(&parts[2], Part::ToolCall(call) if call.state.is_none()));
}

#[test]
fn pitfall_65_a_dummy_signature_is_none() {
    for dummy in ["skip_thought_signature_validator", "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="] {
        let parts = model(json!([{"functionCall": {"name": "f"}, "thoughtSignature": dummy}]));
        assert!(matches!(&parts[0], Part::ToolCall(call) if call.state.is_none()));
    }
}

#[test]
fn media_are_what_their_type_says() {
    let part = |kind: &str| json!({"inlineData": {"mimeType": kind, "data": "aGk="}});
    let file = |uri: &str, kind: Option<&str>| json!({"fileData": {"fileUri": uri, "mimeType": kind}});
    let (request, losses) = read(&json!({"contents": [{"parts": [
        part("image/webp"), part("audio/mpeg"), part("video/mp4"), part("application/pdf"), part("text/csv"),
        file("https://x/a.png", None), file("https://www.youtube.com/watch?v=1", None), file("gs://b/c.pdf", Some("application/pdf")),
        file("https://generativelanguage.googleapis.com/v1beta/files/x", Some("image/png")), {"text": "t", "videoMetadata": {"fps": 1}},
    ]}]}));
    let parts = &request.messages[0].parts;
    assert!(
        matches!(&parts[0], Part::Image(image) if matches!(&image.source, Source::Base64 { media_type, .. } if media_type == "image/webp"))
    );
    assert!(matches!(&parts[1], Part::Sound(sound) if sound.format == "mp3"));
    assert!(matches!(&parts[2], Part::Video(_)));
    assert!(matches!(&parts[3], Part::Document(_)));
    assert!(matches!(&parts[4], Part::Document(document) if document.source == Source::Text("hi".into())));
    assert!(matches!(&parts[5], Part::Image(image) if matches!(image.source, Source::Url(_))));
    assert!(matches!(&parts[6], Part::Video(_)));
    for at in [7, 8] {
        let source = match &parts[at] {
            Part::Document(document) => &document.source,
            Part::Image(image) => &image.source,
            _ => panic!(),
        };
        assert!(matches!(source, Source::File { shape: Shape::GenerateContent, .. }));
    }
    assert_eq!(losses, "dropped:contents.parts.videoMetadata");
}

#[test]
fn tools_are_functions_with_json_schemas_and_what_google_runs() {
    let (request, _) = with(&json!({"tools": [{"functionDeclarations": [
        {"name": "old", "description": "d", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": true, "enum": ["x"]}, "b": {"type": "ARRAY", "items": {"type": "INTEGER"}, "minItems": "2"}}, "propertyOrdering": ["a"], "required": ["a"]}},
        {"name": "new", "description": null, "parameters_json_schema": {"type": "object", "properties": {}}},
        {"name": "none"},
    ], "code_execution": {}}, {"urlContext": {}}]}));
    let names: Vec<&str> = request.tools.iter().map(Tool::name).collect();
    assert_eq!(names, ["old", "new", "none", "codeExecution", "urlContext"]);
    let Tool::Function(old) = &request.tools[0] else { panic!() };
    let schema: Value = serde_json::from_str(old.parameters.as_ref().unwrap().raw()).unwrap();
    assert_eq!(
        schema,
        json!({"type": "object", "properties": {"a": {"type": ["string", "null"], "enum": ["x", null]}, "b": {"type": "array", "items": {"type": "integer"}, "minItems": 2}}, "required": ["a"]})
    );
    assert!(matches!(&request.tools[4], Tool::Hosted(tool) if tool.shape == Shape::GenerateContent));
}

#[test]
fn modes_of_calling_are_choices() {
    let chosen = |config: Value| {
        let tools = json!([{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}]);
        with(&json!({"tools": tools, "toolConfig": {"functionCallingConfig": config}}))
    };
    let names = || vec!["f".into(), "g".into()];
    assert_eq!(chosen(json!({})).0.tool_choice, None);
    assert_eq!(chosen(json!({"mode": "AUTO"})).0.tool_choice, Some(ToolChoice::Auto));
    assert_eq!(chosen(json!({"mode": "none"})).0.tool_choice, Some(ToolChoice::None));
    assert_eq!(chosen(json!({"mode": "ANY"})).0.tool_choice, Some(ToolChoice::Required));
    assert_eq!(
        chosen(json!({"mode": "ANY", "allowedFunctionNames": ["g"]})).0.tool_choice,
        Some(ToolChoice::Named("g".into()))
    );
    let both = json!(["f", "g"]);
    assert_eq!(
        chosen(json!({"mode": "ANY", "allowedFunctionNames": both})).0.tool_choice,
        Some(ToolChoice::Allowed { required: true, names: names() })
    );
    let (request, losses) = chosen(json!({"mode": "VALIDATED", "allowedFunctionNames": both}));
    assert_eq!(request.tool_choice, Some(ToolChoice::Allowed { required: false, names: names() }));
    assert_eq!(losses, "approximated:toolConfig.functionCallingConfig.mode");
}

#[test]
fn thinking_is_a_level_or_a_budget() {
    let asked = |config: Value| with(&json!({"generationConfig": {"thinkingConfig": config}})).0.reasoning;
    assert_eq!(asked(json!({"thinkingLevel": "MEDIUM"})).effort, Some(Effort::Medium));
    assert_eq!(asked(json!({"thinkingLevel": "low"})).effort, Some(Effort::Low));
    assert_eq!(asked(json!({"thinkingBudget": 0})).mode, ReasoningMode::Off);
    assert_eq!(asked(json!({"thinkingBudget": -1})).mode, ReasoningMode::On);
    assert_eq!(asked(json!({"thinkingBudget": 2048})).budget, Some(2048));
    assert_eq!(asked(json!({"includeThoughts": true})).show, Some(true));
    assert_eq!(asked(json!({})).show, Some(false));
}

#[test]
fn the_form_of_the_answer_is_read_in_all_its_spellings() {
    let output = |config: Value| with(&json!({"generationConfig": config}));
    assert_eq!(output(json!({"responseMimeType": "text/plain"})).0.output, Output::Text);
    assert_eq!(output(json!({"responseMimeType": "application/json"})).0.output, Output::JsonObject);
    let schema = |request: Request<'_>| match request.output {
        Output::Schema { schema, .. } => serde_json::from_str::<Value>(schema.raw()).unwrap(),
        output => panic!("{output:?}"),
    };
    let expected = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let legacy = json!({"type": "OBJECT", "properties": {"a": {"type": "STRING"}}});
    let json = "application/json";
    assert_eq!(schema(output(json!({"responseMimeType": json, "responseSchema": legacy})).0), expected);
    assert_eq!(schema(output(json!({"responseMimeType": json, "responseJsonSchema": expected})).0), expected);
    assert_eq!(
        schema(output(json!({"responseFormat": [{"text": {"mimeType": json, "jsonSchema": expected}}]})).0),
        expected
    );
    let (request, losses) =
        output(json!({"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["a", "b"]}}));
    assert_eq!(schema(request), json!({"type": "string", "enum": ["a", "b"]}));
    assert_eq!(losses, "approximated:generationConfig.responseMimeType");
}

#[test]
fn what_nobody_else_can_do_is_refused_by_its_name() {
    for (more, param) in [
        (json!({"cachedContent": "cachedContents/x"}), "cachedContent"),
        (json!({"continuationToken": "x"}), "continuationToken"),
        (json!({"generationConfig": {"candidateCount": 2}}), "generationConfig.candidateCount"),
        (json!({"generationConfig": {"responseModalities": ["TEXT", "IMAGE"]}}), "generationConfig.responseModalities"),
        (json!({"generation_config": {"speech_config": {}}}), "generationConfig.speechConfig"),
        (
            json!({"generationConfig": {"responseSchema": {}, "responseJsonSchema": {}}}),
            "generationConfig.responseSchema",
        ),
        (
            json!({"generationConfig": {"thinkingConfig": {"thinkingBudget": 5, "thinkingLevel": "LOW"}}}),
            "generationConfig.thinkingConfig",
        ),
        (json!({"generationConfig": {"temperature": "x"}}), "generationConfig.temperature"),
        (json!({"generationConfig": {"responseJsonSchema": "x"}}), "generationConfig.responseJsonSchema"),
        (json!({"generationConfig": {"maxOutputTokens": 0}}), "generationConfig.maxOutputTokens"),
        (json!({"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}), "toolConfig.functionCallingConfig"),
        (json!({"tools": [{"functionDeclarations": [{}]}]}), "tools[0].functionDeclarations[0].name"),
        (json!({"contents": []}), "contents"),
        (json!({"contents": [{"role": "bot", "parts": []}]}), "contents[0].role"),
        (
            json!({"contents": [{"role": "model", "parts": [{"functionCall": {}}]}]}),
            "contents[0].parts[0].functionCall.name",
        ),
        (
            json!({"contents": [{"parts": [{"fileData": {"fileUri": "https://x/a", "mimeType": "audio/wav"}}]}]}),
            "contents[0].parts[0].fileData",
        ),
    ] {
        assert_eq!(refused(&more), param);
    }
}

#[test]
fn what_has_no_place_is_told_and_what_says_nothing_is_not() {
    let (_, losses) = with(
        &json!({"generationConfig": {"responseLogprobs": true, "logprobs": 2, "responseModalities": ["TEXT"]}, "store": false, "labels": {}, "safetySettings": [], "toolConfig": {"retrievalConfig": {}}}),
    );
    assert_eq!(
        losses,
        "dropped:generationConfig.responseLogprobs, dropped:generationConfig.logprobs, dropped:toolConfig.retrievalConfig"
    );
    let (request, _) = with(&json!({"safetySettings": [{}], "labels": {"a": "b"}, "modelArmorConfig": {}}));
    let names: Vec<&str> = request.extras.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["safetySettings", "labels", "modelArmorConfig"]);
}
