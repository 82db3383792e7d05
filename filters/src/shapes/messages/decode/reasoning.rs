//! Reads how much to reason and what the answer must look like.

use super::{Wrong, schema, set, text, whole};
use crate::json::{ValueKind, View};
use crate::neutral::{Effort, Output, ReasoningMode, Request};

/// Reads `thinking`.
pub(super) fn thinking<'a>(value: View<'a>, request: &mut Request<'a>) -> Result<(), Wrong> {
    if value.kind() != ValueKind::Object {
        return Err(Wrong::new("thinking", "it must be an object with a `type`"));
    }
    for (name, field) in value.members().filter(|(_, field)| !field.is_null()) {
        match &*name {
            "type" => match &*text(field, "thinking.type")? {
                "enabled" | "adaptive" => request.reasoning.mode = ReasoningMode::On,
                "disabled" => request.reasoning.mode = ReasoningMode::Off,
                "between_tools" => request.reasoning.mode = ReasoningMode::BetweenTools,
                _ => set(&mut request.extras, "thinking.type".into(), field.json()),
            },
            "budget_tokens" => request.reasoning.budget = Some(whole(field, "thinking.budget_tokens")?),
            "display" => match &*text(field, "thinking.display")? {
                "omitted" => request.reasoning.show = Some(false),
                "summarized" | "updates" => request.reasoning.show = Some(true),
                _ => set(&mut request.extras, "thinking.display".into(), field.json()),
            },
            _ => set(&mut request.extras, format!("thinking.{name}").into(), field.json()),
        }
    }
    if request.reasoning.mode != ReasoningMode::On {
        request.reasoning.budget = None;
    }
    Ok(())
}

/// Reads `output_config`, of the request or of one message.
pub(super) fn output_config<'a>(value: View<'a>, request: &mut Request<'a>) -> Result<(), Wrong> {
    if value.kind() != ValueKind::Object {
        return Err(Wrong::new("output_config", "it must be an object"));
    }
    for (name, field) in value.members().filter(|(_, field)| !field.is_null()) {
        match &*name {
            "effort" => match Effort::named(&text(field, "output_config.effort")?) {
                Some(effort) => request.reasoning.effort = Some(effort),
                None => set(&mut request.extras, "output_config.effort".into(), field.json()),
            },
            "format" => request.output = format(field).map_err(|wrong| wrong.within("output_config.format"))?,
            _ => set(&mut request.extras, format!("output_config.{name}").into(), field.json()),
        }
    }
    Ok(())
}

/// Reads a format of the answer.
pub(super) fn format(value: View<'_>) -> Result<Output<'_>, Wrong> {
    let kind = value.member("type").and_then(View::string);
    match (kind.as_deref(), value.member("schema")) {
        (Some("json_schema"), Some(found)) => Ok(schema(found)),
        (Some("text"), _) => Ok(Output::Text),
        _ => Err(Wrong::new("", "it must be `{\"type\": \"json_schema\", \"schema\": {...}}`")),
    }
}
