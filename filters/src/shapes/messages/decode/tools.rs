//! Reads the tools and which of them to use.

use super::{Wrong, flag, mark, set, text};
use crate::Shape;
use crate::json::{ValueKind, View};
use crate::neutral::{Function, HostedTool, Request, Tool, ToolChoice};

/// Reads `tools`. Tools with a type of their own have no schema; they are carried whole.
pub(super) fn tools(value: View<'_>) -> Result<Vec<Tool<'_>>, Wrong> {
    if value.kind() != ValueKind::Array {
        return Err(Wrong::new("tools", "it must be an array of tools"));
    }
    value
        .elements()
        .enumerate()
        .map(|(index, element)| tool(element).map_err(|wrong| wrong.within(&index.to_string()).within("tools")))
        .collect()
}

fn tool(value: View<'_>) -> Result<Tool<'_>, Wrong> {
    if value.kind() != ValueKind::Object {
        return Err(Wrong::new("", "a tool must be an object"));
    }
    let kind = value.member("type").and_then(View::string);
    if let Some(kind) = kind.filter(|kind| kind != "custom") {
        let name = value.member("name").and_then(View::string);
        return Ok(Tool::Hosted(HostedTool { shape: Shape::Messages, kind, name, raw: value.json() }));
    }
    let mut function = Function::default();
    for (name, field) in value.members().filter(|(_, field)| !field.is_null()) {
        match &*name {
            "type" => {}
            "name" => function.name = text(field, "name")?,
            "description" => function.description = Some(text(field, "description")?),
            "input_schema" => function.parameters = Some(field.json()),
            "strict" => function.strict = Some(flag(field, "strict")?),
            "cache_control" => function.cache = Some(mark(field)),
            _ => set(&mut function.extras, name, field.json()),
        }
    }
    if function.name.is_empty() {
        return Err(Wrong::new("name", "it must be there and not be empty"));
    }
    Ok(Tool::Function(function))
}

/// Reads `tool_choice`, and whether several tools may be called at once.
pub(super) fn choice<'a>(value: View<'a>, request: &mut Request<'a>) -> Result<(), Wrong> {
    let kind = value.member("type").and_then(View::string);
    request.tool_choice = Some(match kind.as_deref() {
        Some("auto") => ToolChoice::Auto,
        Some("any") => ToolChoice::Required,
        Some("none") => ToolChoice::None,
        Some("tool") => match value.member("name").and_then(View::string) {
            Some(name) => ToolChoice::Named(name),
            None => return Err(Wrong::new("tool_choice.name", "it must name the tool")),
        },
        _ => return Err(Wrong::new("tool_choice", "its `type` must be `auto`, `any`, `tool` or `none`")),
    });
    for (name, field) in value.members().filter(|(_, field)| !field.is_null()) {
        match &*name {
            "type" | "name" => {}
            "disable_parallel_tool_use" => {
                request.parallel_tools = Some(!flag(field, "tool_choice.disable_parallel_tool_use")?);
            }
            _ => set(&mut request.extras, format!("tool_choice.{name}").into(), field.json()),
        }
    }
    Ok(())
}
