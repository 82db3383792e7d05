//! Answers that keep to a schema.

use serde_json::{Value, json};

use super::{any, function, refusal, sent, with};
use crate::neutral::{Profile, Thinking};

fn format(schema: &Value) -> Value {
    with(json!({"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}}))
}

#[test]
fn pitfall_59_a_schema_goes_with_tools_and_reasoning() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false});
    let mut chat = format(&schema);
    chat["tools"] = json!([function("f")]);
    chat["reasoning_effort"] = json!("low");
    let (body, losses) = sent(&chat, &Profile { thinking: Thinking::Adaptive, ..any() });
    assert_eq!(body["output_config"], json!({"effort": "low", "format": {"type": "json_schema", "schema": schema}}));
    assert_eq!(losses, "");
}

#[test]
fn pitfall_56_constraints_that_cannot_be_enforced_are_told_in_words() {
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer", "minimum": 1, "maximum": 5, "description": "How many."}}, "required": ["n"]});
    let (body, losses) = sent(&format(&schema), &any());
    let expected = json!({
        "type": "object",
        "properties": {"n": {"type": "integer", "description": "How many.\n\n{minimum: 1, maximum: 5}"}},
        "required": ["n"], "additionalProperties": false,
    });
    assert_eq!(body["output_config"]["format"]["schema"], expected);
    assert_eq!(losses, "approximated:schema");
}

#[test]
fn a_schema_that_cannot_be_enforced_is_asked_for_in_words() {
    let schema = json!({"type": "object", "properties": {}, "additionalProperties": {"type": "number"}});
    for (schema, profile) in [
        (schema, any()),
        (
            json!({"type": "object", "properties": {"a": {"type": "string"}}}),
            Profile { structured_outputs: Some(false), ..any() },
        ),
    ] {
        let (body, losses) = sent(&format(&schema), &profile);
        assert!(body.get("output_config").is_none());
        let told = body["system"][0]["text"].as_str().unwrap();
        assert!(told.contains(&schema.to_string()) && told.contains("answer"), "{told}");
        assert_eq!(losses, "approximated:response_format");
    }
}

#[test]
fn any_json_is_asked_for_in_words_behind_the_system_prompt() {
    let mut chat = with(json!({"response_format": {"type": "json_object"}}));
    chat["messages"].as_array_mut().unwrap().insert(0, json!({"role": "system", "content": "s"}));
    let (body, losses) = sent(&chat, &any());
    assert_eq!(body["system"][0]["text"], "s");
    assert!(body["system"][1]["text"].as_str().unwrap().contains("JSON object"));
    assert_eq!(losses, "approximated:response_format");
}

#[test]
fn citations_and_a_schema_exclude_each_other() {
    use crate::json::View;
    let body = json!({
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object", "properties": {}, "additionalProperties": false}}},
        "messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "text", "data": "d"}, "citations": {"enabled": true}}]}],
    });
    let body = serde_json::to_vec(&body).unwrap();
    let mut losses = crate::neutral::Losses::default();
    let request = super::super::super::decode::request(View::parse(&body).unwrap(), &mut losses).unwrap();
    let error = super::super::request(&request, &any(), &mut losses).unwrap_err();
    assert_eq!(error.param.as_deref(), Some("response_format"));
    assert_eq!(refusal(&with(json!({"n": 3})), &any()).1, "n");
}
