//! The tools of a request and which of them to use. Functions of a `namespace` become functions with one name.

use std::borrow::Cow;
use std::collections::HashSet;

use super::super::super::fields::{refused, wrong};
use crate::Shape;
use crate::json::{Json, ValueKind, View};
use crate::neutral::{ApiError, CustomTool, Function, Grouped, HostedTool, Request, Tool, ToolChoice};

/// Between the name of a group and the name within it.
const BETWEEN: &str = "__";

/// The names of the tools that were read; the same tool may be declared again in the conversation.
#[derive(Default)]
pub(super) struct Declared {
    names: HashSet<String>,
}

impl Declared {
    /// Reads tools into the request.
    ///
    /// # Errors
    /// When one has no name, or arguments that are no schema.
    pub(super) fn read<'a>(&mut self, field: &str, list: View<'a>, request: &mut Request<'a>) -> Result<(), ApiError> {
        if list.kind() != ValueKind::Array {
            return Err(wrong(field, "an array"));
        }
        for (index, view) in list.elements().enumerate() {
            let field = format!("{field}[{index}]");
            let kind = view.member("type").and_then(View::string).unwrap_or(Cow::Borrowed("function"));
            if kind == "namespace" {
                self.group(&field, view, request)?;
                continue;
            }
            let tool = tool(&field, kind, view)?;
            if matches!(tool, Tool::Hosted(_)) || self.names.insert(tool.name().to_owned()) {
                request.tools.push(tool);
            }
        }
        Ok(())
    }

    /// Reads the functions of a group.
    fn group<'a>(&mut self, field: &str, view: View<'a>, request: &mut Request<'a>) -> Result<(), ApiError> {
        let group = name_in(field, view)?;
        let tools = view.member("tools").into_iter().flat_map(View::elements);
        for (index, view) in tools.enumerate() {
            let field = format!("{field}.tools[{index}]");
            let kind = view.member("type").and_then(View::string).unwrap_or(Cow::Borrowed("function"));
            let mut tool = tool(&field, kind, view)?;
            let place = match &mut tool {
                Tool::Function(function) => &mut function.name,
                Tool::Custom(custom) => &mut custom.name,
                Tool::Hosted(_) => {
                    request.tools.push(tool);
                    continue;
                }
            };
            let own = place.to_string();
            *place = one_name(Some(&group), std::mem::take(place));
            let name = place.to_string();
            if self.names.insert(name.clone()) {
                request.groups.push(Grouped { name, group: group.to_string(), own });
                request.tools.push(tool);
            }
        }
        Ok(())
    }
}

/// The one name of a tool within a group, or without one.
pub(super) fn one_name<'a>(group: Option<&str>, own: Cow<'a, str>) -> Cow<'a, str> {
    match group.filter(|group| !group.is_empty()) {
        Some(group) => format!("{group}{BETWEEN}{own}").into(),
        None => own,
    }
}

fn tool<'a>(field: &str, kind: Cow<'a, str>, view: View<'a>) -> Result<Tool<'a>, ApiError> {
    match &*kind {
        // Some clients send the nested form of chat.
        "function" => function(field, view.member("function").unwrap_or(view)).map(Tool::Function),
        "custom" => {
            let declared = view.member("custom").unwrap_or(view);
            Ok(Tool::Custom(CustomTool {
                name: name_in(field, declared)?,
                description: declared.member("description").and_then(View::string),
                format: declared.member("format").map(nested),
            }))
        }
        _ => Ok(Tool::Hosted(HostedTool { shape: Shape::Responses, kind, name: None, raw: view.json() })),
    }
}

fn function<'a>(field: &str, view: View<'a>) -> Result<Function<'a>, ApiError> {
    let mut function = Function { name: name_in(field, view)?, ..Function::default() };
    for (name, value) in view.members().filter(|(_, value)| !value.is_null()) {
        match &*name {
            "name" | "type" => {}
            "description" => function.description = value.string(),
            "parameters" if value.kind() == ValueKind::Object => function.parameters = Some(value.json()),
            "parameters" => return Err(wrong(&format!("{field}.parameters"), "a JSON Schema, an object")),
            "strict" => function.strict = value.bool(),
            // They say nothing that is not so without them.
            "defer_loading" | "async" if value.bool() == Some(false) => {}
            _ => function.extras.push((name, value.json())),
        }
    }
    Ok(function)
}

/// A grammar as chat has it, one level deeper: `{type, grammar: {syntax, definition}}`.
fn nested(format: View<'_>) -> Json<'_> {
    let is_flat = format.member("type").and_then(View::string).as_deref() == Some("grammar")
        && format.member("grammar").is_none();
    if !is_flat {
        return format.json();
    }
    let members = format.members().filter(|(name, _)| name != "type");
    let members: Vec<String> = members
        .map(|(name, value)| format!("{}:{}", String::from_utf8_lossy(&crate::json::quoted(&name)), value.raw()))
        .collect();
    let nested = format!(r#"{{"type":"grammar","grammar":{{{}}}}}"#, members.join(","));
    Json::parse(&nested).unwrap_or_else(|| format.json())
}

fn name_in<'a>(field: &str, view: View<'a>) -> Result<Cow<'a, str>, ApiError> {
    let name = view.member("name").and_then(View::string).filter(|name| !name.is_empty());
    name.ok_or_else(|| wrong(&format!("{field}.name"), "a string that is not empty"))
}

const FORMS: &str = "`none`, `auto`, `required`, or an object that names a tool";

/// Reads `tool_choice`; `None` when it says nothing.
///
/// # Errors
/// When it is of no known form, or asks for a tool that is not there.
pub(super) fn choice<'a>(value: View<'a>, request: &Request<'a>) -> Result<Option<ToolChoice<'a>>, ApiError> {
    let choice = match value.string() {
        Some(word) => match &*word {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            "required" | "any" => ToolChoice::Required,
            _ => return Err(wrong("tool_choice", FORMS)),
        },
        None => object(value, request)?,
    };
    let names: HashSet<&str> = request.tools.iter().map(Tool::name).collect();
    let is_known = |name: &str| names.contains(name);
    let unknown = match &choice {
        ToolChoice::Named(name) => !is_known(name),
        ToolChoice::Allowed { names, .. } => !names.iter().all(|name| is_known(name)),
        ToolChoice::Auto | ToolChoice::None | ToolChoice::Required => false,
    };
    if unknown {
        return Err(refused("tool_choice", "`tool_choice` names a tool that is not in `tools`"));
    }
    match request.tools.is_empty() {
        false => Ok(Some(choice)),
        true if choice.is_forced() => {
            Err(refused("tool_choice", "`tool_choice` asks for a tool, but the request has no `tools`"))
        }
        true => Ok(None),
    }
}

fn object<'a>(value: View<'a>, request: &Request<'a>) -> Result<ToolChoice<'a>, ApiError> {
    let kind = value.member("type").and_then(View::string).ok_or_else(|| wrong("tool_choice", FORMS))?;
    Ok(match &*kind {
        "auto" => ToolChoice::Auto,
        "none" => ToolChoice::None,
        "required" | "any" => ToolChoice::Required,
        "allowed_tools" => {
            let allowed = value.member("allowed_tools").unwrap_or(value);
            let required = allowed.member("mode").and_then(View::string).as_deref() == Some("required");
            let tools = allowed.member("tools").ok_or_else(|| wrong("tool_choice.tools", "an array"))?;
            let names: Option<Vec<_>> = tools.elements().map(|tool| named(tool, request)).collect();
            let names = names.ok_or_else(|| wrong("tool_choice.tools", "an array of tools with names"))?;
            ToolChoice::Allowed { required, names }
        }
        _ => ToolChoice::Named(named(value, request).ok_or_else(|| wrong("tool_choice", FORMS))?),
    })
}

/// The tool that an object names: a function or a custom tool by its name, another by its type.
fn named<'a>(value: View<'a>, request: &Request<'_>) -> Option<Cow<'a, str>> {
    let kind = value.member("type").and_then(View::string);
    if !matches!(kind.as_deref(), Some("function" | "custom" | "tool") | None) {
        return kind;
    }
    // The nested form of chat, too.
    let holder = value.member("function").or(value.member("custom")).unwrap_or(value);
    let name = holder.member("name").and_then(View::string)?;
    let group = holder.member("namespace").and_then(View::string);
    if let Some(group) = group {
        return Some(one_name(Some(&group), name));
    }
    // A name within a group, where no other tool has it.
    let is_known = request.tools.iter().any(|tool| tool.name() == name);
    match request.groups.iter().find(|grouped| grouped.own == name) {
        Some(grouped) if !is_known => Some(grouped.name.clone().into()),
        _ => Some(name),
    }
}
