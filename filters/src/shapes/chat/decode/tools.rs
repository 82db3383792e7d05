//! The tools of a chat request and which of them to use, the deprecated `functions` and `function_call` too.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{flag, mark, refused, wrong};
use crate::Shape;
use crate::json::{ValueKind, View};
use crate::neutral::{ApiError, CustomTool, Function, HostedTool, Request, Tool, ToolChoice};

/// The fields that say it.
#[derive(Default)]
pub(super) struct Fields<'a> {
    pub(super) tools: Option<View<'a>>,
    pub(super) functions: Option<View<'a>>,
    pub(super) tool_choice: Option<View<'a>>,
    pub(super) function_call: Option<View<'a>>,
    pub(super) parallel: Option<View<'a>>,
}

impl<'a> Fields<'a> {
    /// Reads them into the request.
    ///
    /// # Errors
    /// When a tool has no name, or the choice is of no known form or names a tool that is not there.
    pub(super) fn read(&self, request: &mut Request<'a>) -> Result<(), ApiError> {
        for (index, view) in elements("tools", self.tools)?.enumerate() {
            request.tools.push(tool(&format!("tools[{index}]"), view)?);
        }
        let mut names: HashSet<String> = match self.functions {
            Some(_) => request.tools.iter().map(|tool| tool.name().to_owned()).collect(),
            None => HashSet::new(),
        };
        for (index, view) in elements("functions", self.functions)?.enumerate() {
            let function = function(&format!("functions[{index}]"), view, None)?;
            // Clients that send both forms mean one tool.
            if names.insert(function.name.clone().into_owned()) {
                request.tools.push(Tool::Function(function));
            }
        }
        request.parallel_tools = self.parallel.map(|value| flag("parallel_tool_calls", value)).transpose()?;
        request.deprecated_functions = self.tools.is_none() && !request.tools.is_empty();
        if request.deprecated_functions {
            // An answer to such a client has room for one.
            request.parallel_tools = Some(false);
        }
        let choice = match (self.tool_choice, self.function_call) {
            (Some(value), _) => Some(("tool_choice", choice(value)?)),
            // `{"name": "f"}`, `"auto"` or `"none"`.
            (None, Some(value)) => Some((
                "function_call",
                match value.member("name").and_then(View::string) {
                    Some(name) => ToolChoice::Named(name),
                    None => {
                        choice(value).map_err(|_| wrong("function_call", "`auto`, `none` or an object with a name"))?
                    }
                },
            )),
            (None, None) => None,
        };
        if let Some((field, choice)) = choice {
            request.tool_choice = checked(field, choice, &request.tools)?;
        }
        Ok(())
    }
}

fn elements<'a>(field: &str, list: Option<View<'a>>) -> Result<impl Iterator<Item = View<'a>> + use<'a>, ApiError> {
    match list {
        Some(list) if list.kind() != ValueKind::Array => Err(wrong(field, "an array")),
        list => Ok(list.into_iter().flat_map(View::elements)),
    }
}

fn tool<'a>(field: &str, view: View<'a>) -> Result<Tool<'a>, ApiError> {
    let [kind, declared, cache, strict] = view.pick(["type", "function", "cache_control", "strict"]);
    let kind = kind.and_then(View::string).unwrap_or(Cow::Borrowed("function"));
    match &*kind {
        "function" => {
            // Some clients send the flat form of Responses.
            let mut function = function(field, declared.unwrap_or(view), cache)?;
            if function.strict.is_none() {
                function.strict = strict.and_then(View::bool);
            }
            Ok(Tool::Function(function))
        }
        "custom" => {
            let declared = view.member("custom").unwrap_or(view);
            Ok(Tool::Custom(CustomTool {
                name: name_in(field, declared)?,
                description: declared.member("description").and_then(View::string),
                format: declared.member("format").map(View::json),
            }))
        }
        _ => Ok(Tool::Hosted(HostedTool { shape: Shape::Chat, kind, name: None, raw: view.json() })),
    }
}

fn function<'a>(field: &str, view: View<'a>, cache: Option<View<'a>>) -> Result<Function<'a>, ApiError> {
    let mut function = Function { name: name_in(field, view)?, cache: cache.and_then(mark), ..Function::default() };
    for (name, value) in view.members().filter(|(_, value)| !value.is_null()) {
        match &*name {
            "name" | "type" | "function" => {}
            "description" => function.description = value.string(),
            "parameters" if value.kind() == ValueKind::Object => function.parameters = Some(value.json()),
            "parameters" => return Err(wrong(&format!("{field}.parameters"), "a JSON Schema, an object")),
            "strict" => function.strict = value.bool(),
            "cache_control" => function.cache = function.cache.or(mark(value)),
            _ => function.extras.push((name, value.json())),
        }
    }
    Ok(function)
}

fn name_in<'a>(field: &str, view: View<'a>) -> Result<Cow<'a, str>, ApiError> {
    let name = view.member("name").and_then(View::string).filter(|name| !name.is_empty());
    name.ok_or_else(|| wrong(&format!("{field}.name"), "a string that is not empty"))
}

const FORMS: &str = "`none`, `auto`, `required`, or an object that names a tool";

fn choice(value: View<'_>) -> Result<ToolChoice<'_>, ApiError> {
    if let Some(word) = value.string() {
        return Ok(match &*word {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            // `any` is what Mistral calls it.
            "required" | "any" => ToolChoice::Required,
            // Older clients name the tool itself; whether it is one is seen later.
            _ => ToolChoice::Named(word),
        });
    }
    let kind = value.member("type").and_then(View::string).ok_or_else(|| wrong("tool_choice", FORMS))?;
    let named = |inside: &str| {
        let holder = value.member(inside).unwrap_or(value);
        holder.member("name").and_then(View::string).ok_or_else(|| wrong("tool_choice", FORMS))
    };
    Ok(match &*kind {
        "function" => ToolChoice::Named(named("function")?),
        "custom" => ToolChoice::Named(named("custom")?),
        "allowed_tools" => {
            let allowed = value.member("allowed_tools").unwrap_or(value);
            let required = allowed.member("mode").and_then(View::string).as_deref() == Some("required");
            let tools = allowed.member("tools").ok_or_else(|| wrong("tool_choice.allowed_tools.tools", "an array"))?;
            let names: Option<Vec<_>> = tools.elements().map(allowed_name).collect();
            let names =
                names.ok_or_else(|| wrong("tool_choice.allowed_tools.tools", "an array of tools with names"))?;
            ToolChoice::Allowed { required, names }
        }
        // The forms of Messages, which some clients send here.
        "auto" => ToolChoice::Auto,
        "none" => ToolChoice::None,
        "any" | "required" => ToolChoice::Required,
        "tool" => ToolChoice::Named(named("tool")?),
        // A tool that the provider runs.
        _ => ToolChoice::Named(kind),
    })
}

fn allowed_name(tool: View<'_>) -> Option<Cow<'_, str>> {
    let holder = tool.member("function").or(tool.member("custom")).unwrap_or(tool);
    holder.member("name").or(tool.member("type")).and_then(View::string)
}

/// The choice, if it can be made among these tools; `None` when it says nothing.
fn checked<'a>(field: &str, choice: ToolChoice<'a>, tools: &[Tool<'a>]) -> Result<Option<ToolChoice<'a>>, ApiError> {
    let names: HashSet<&str> = tools.iter().map(Tool::name).collect();
    let is_known = |name: &str| names.contains(name);
    let unknown = match &choice {
        ToolChoice::Named(name) => (!is_known(name)).then_some(name),
        ToolChoice::Allowed { names, .. } => names.iter().find(|name| !is_known(name)),
        ToolChoice::Auto | ToolChoice::None | ToolChoice::Required => None,
    };
    if unknown.is_some() {
        return Err(refused(field, format!("`{field}` names a tool that is not in `tools`")));
    }
    if !tools.is_empty() {
        return Ok(Some(choice));
    }
    match choice.is_forced() {
        true => Err(refused(field, format!("`{field}` asks for a tool, but the request has no `tools`"))),
        false => Ok(None),
    }
}
