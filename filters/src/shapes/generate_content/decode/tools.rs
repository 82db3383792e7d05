//! The tools of a request and which of them to use.

use std::borrow::Cow;
use std::collections::HashSet;

use super::super::super::schema;
use super::{camel, member, refused, wrong};
use crate::Shape;
use crate::json::{Json, ValueKind, View};
use crate::neutral::{ApiError, Function, HostedTool, Losses, Request, Tool, ToolChoice};

/// Reads `tools`: each holds functions, and may hold tools that Google runs.
pub(super) fn read(value: View<'_>) -> Result<Vec<Tool<'_>>, ApiError> {
    if value.kind() != ValueKind::Array {
        return Err(wrong("tools", "an array"));
    }
    let mut tools = Vec::new();
    for (index, tool) in value.elements().enumerate() {
        if tool.kind() != ValueKind::Object {
            return Err(wrong(&format!("tools[{index}]"), "an object"));
        }
        for (name, value) in tool.members().filter(|(_, value)| !value.is_null()) {
            let kind = camel(&name);
            if kind == "functionDeclarations" {
                for (number, function) in value.elements().enumerate() {
                    let field = format!("tools[{index}].functionDeclarations[{number}]");
                    tools.push(Tool::Function(self::function(&field, function)?));
                }
                continue;
            }
            let raw = Json::parse(&format!("{{\"{kind}\":{}}}", value.raw())).unwrap_or_else(|| tool.json());
            let kind = Cow::Owned(kind.into_owned());
            tools.push(Tool::Hosted(HostedTool { shape: Shape::GenerateContent, kind, name: None, raw }));
        }
    }
    Ok(tools)
}

fn function<'a>(field: &str, view: View<'a>) -> Result<Function<'a>, ApiError> {
    let mut function = Function::default();
    let (mut legacy, mut schema) = (None, None);
    for (name, value) in view.members().filter(|(_, value)| !value.is_null()) {
        match &*camel(&name) {
            "name" => function.name = value.string().unwrap_or_default(),
            "description" => function.description = value.string().filter(|text| !text.is_empty()),
            "parameters" => legacy = Some(value),
            "parametersJsonSchema" => schema = Some(value),
            _ => function.extras.push((name, value.json())),
        }
    }
    if function.name.is_empty() {
        return Err(wrong(&format!("{field}.name"), "a string that is not empty"));
    }
    let is_object = |value: &View<'_>| value.kind() == ValueKind::Object;
    if legacy.into_iter().chain(schema).any(|value| !is_object(&value)) {
        return Err(wrong(&format!("{field}.parameters"), "a schema, an object"));
    }
    function.parameters = match (schema, legacy) {
        (Some(_), Some(_)) => {
            let message = format!("`{field}` has both `parameters` and `parametersJsonSchema`: send one of them");
            return Err(refused(field, message));
        }
        (Some(schema), None) => Some(schema.json()),
        (None, Some(legacy)) => Some(schema::from_openapi(legacy)),
        (None, None) => None,
    };
    Ok(function)
}

/// Reads `toolConfig`, when the tools are known.
///
/// # Errors
/// When it makes the model call what is not there.
pub(super) fn config<'a>(value: View<'a>, request: &mut Request<'a>, losses: &mut Losses) -> Result<(), ApiError> {
    if value.kind() != ValueKind::Object {
        return Err(wrong("toolConfig", "an object"));
    }
    for (name, value) in value.members().filter(|(_, value)| !value.is_null()) {
        match &*camel(&name) {
            "functionCallingConfig" => request.tool_choice = choice(value, &request.tools, losses)?,
            "includeServerSideToolInvocations" if value.bool() == Some(false) => {}
            name => losses.dropped(format!("toolConfig.{name}")),
        }
    }
    Ok(())
}

fn choice<'a>(value: View<'a>, tools: &[Tool<'a>], losses: &mut Losses) -> Result<Option<ToolChoice<'a>>, ApiError> {
    const FIELD: &str = "toolConfig.functionCallingConfig";
    let mode = member(value, "mode").and_then(View::string).unwrap_or_default().to_ascii_uppercase();
    if member(value, "streamFunctionCallArguments").and_then(View::bool) == Some(true) {
        // Nobody else has to be asked for it.
        losses.approximated(format!("{FIELD}.streamFunctionCallArguments"));
    }
    let names: Option<Vec<Cow<'a, str>>> =
        member(value, "allowedFunctionNames").map(|names| names.elements().filter_map(View::string).collect());
    let mut names = names.unwrap_or_default();
    let known: HashSet<&str> = tools.iter().filter(|tool| matches!(tool, Tool::Function(_))).map(Tool::name).collect();
    if names.iter().any(|name| !known.contains(&**name)) {
        let field = format!("{FIELD}.allowedFunctionNames");
        return Err(refused(&field, format!("`{field}` names a function that is not in `tools`")));
    }
    let required = match mode.as_str() {
        "" | "AUTO" | "MODE_UNSPECIFIED" => false,
        "VALIDATED" => {
            losses.approximated(format!("{FIELD}.mode"));
            false
        }
        "ANY" if known.is_empty() => {
            return Err(refused(FIELD, format!("`{FIELD}.mode` asks for a call, but `tools` declares no function")));
        }
        "ANY" => true,
        "NONE" => return Ok((!tools.is_empty()).then_some(ToolChoice::None)),
        _ => return Err(wrong(&format!("{FIELD}.mode"), "`AUTO`, `ANY`, `NONE` or `VALIDATED`")),
    };
    Ok(match (required, names.len()) {
        (true, 0) => Some(ToolChoice::Required),
        (true, 1) => names.pop().map(ToolChoice::Named),
        (required, 1..) => Some(ToolChoice::Allowed { required, names }),
        (false, 0) => (!tools.is_empty() && !mode.is_empty()).then_some(ToolChoice::Auto),
    })
}
