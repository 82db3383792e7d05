//! Tools and which of them to use.

use std::borrow::Cow;
use std::collections::HashSet;

use super::refused;
use super::wire::{self, Function, Mark, ToolChoice as Choice};
use crate::Shape;
use crate::neutral::{ApiError, CustomTool, Losses, Profile, Request, Tool, ToolChoice};
use crate::shapes::tool_names::ToolNames;
use crate::shapes::{free_text, schema};

/// The tools that the target can be told, in the client's order.
pub(super) fn declared<'r>(
    request: &'r Request<'_>,
    profile: &Profile,
    names: &mut ToolNames,
    losses: &mut Losses,
) -> Vec<wire::Tool<'r>> {
    let allowed = match &request.tool_choice {
        Some(ToolChoice::Allowed { names, .. }) => Some(names.iter().map(|name| &**name).collect::<HashSet<&str>>()),
        _ => None,
    };
    let mut found = Vec::with_capacity(request.tools.len());
    for tool in &request.tools {
        if allowed.as_ref().is_some_and(|allowed| !allowed.contains(tool.name())) {
            continue;
        }
        found.push(match tool {
            Tool::Function(function) => wire::Tool::Function(self::function(function, profile, names, losses)),
            Tool::Custom(tool) => {
                losses.approximated("tools.custom");
                wire::Tool::Function(custom(tool, names))
            }
            Tool::Hosted(tool) if tool.shape == Shape::Messages => wire::Tool::Hosted(&tool.raw),
            Tool::Hosted(tool) => {
                losses.dropped(format!("tools.{}", tool.kind));
                continue;
            }
        });
    }
    found
}

fn function<'r>(
    tool: &'r crate::neutral::Function<'_>,
    profile: &Profile,
    names: &mut ToolNames,
    losses: &mut Losses,
) -> Function<'r> {
    let is_strict = tool.strict == Some(true);
    let strict = is_strict
        && profile.structured_outputs != Some(false)
        && tool.parameters.as_ref().is_some_and(schema::is_strict);
    if is_strict && !strict {
        losses.approximated("tools.strict");
    }
    for (name, _) in &tool.extras {
        losses.dropped(format!("tools.{name}"));
    }
    let input = schema::of_tool(tool.parameters.as_ref());
    if input.lossy {
        losses.approximated("schema");
    }
    Function {
        name: names.sent(&tool.name),
        description: tool.description.as_deref().filter(|text| !text.is_empty()).map(Cow::Borrowed),
        input_schema: input.schema,
        strict,
        cache_control: tool.cache.map(Mark::of),
    }
}

/// A function in place of a tool that takes free text.
fn custom<'r>(tool: &'r CustomTool<'_>, names: &mut ToolNames) -> Function<'r> {
    Function {
        name: names.sent(&tool.name),
        description: free_text::description(tool),
        input_schema: free_text::schema(),
        strict: false,
        cache_control: None,
    }
}

/// Which tools to use, and whether several at once.
pub(super) fn choice<'r>(
    request: &'r Request<'_>,
    profile: &Profile,
    declared: &[wire::Tool<'_>],
    names: &mut ToolNames,
    losses: &mut Losses,
) -> Result<Option<Choice<'r>>, ApiError> {
    let asked = request.tool_choice.as_ref();
    if asked.is_some_and(ToolChoice::is_forced) && profile.refuses_forced_tools {
        let word = match asked {
            Some(ToolChoice::Named(name)) => name,
            _ => "required",
        };
        let message = format!(
            "tool_choice '{word}' is not supported by {}: use 'auto', or choose a model that can be made to call a tool",
            profile.model
        );
        return Err(refused("tool_choice", message));
    }
    let (kind, name) = match asked {
        None => ("auto", None),
        Some(ToolChoice::Auto) => ("auto", None),
        Some(ToolChoice::None) => ("none", None),
        Some(ToolChoice::Required) => ("any", None),
        Some(ToolChoice::Named(name)) => {
            if !is_declared(request, name) {
                let message = format!(
                    "tool_choice names '{name}', which {} cannot be told: it is not in `tools`, or only its own provider runs it",
                    profile.model
                );
                return Err(refused("tool_choice", message));
            }
            ("tool", Some(names.sent(name)))
        }
        Some(ToolChoice::Allowed { required, .. }) => {
            losses.approximated("tool_choice");
            if declared.is_empty() {
                return Err(refused("tool_choice", "tool_choice allows only tools that are not in `tools`"));
            }
            (if *required { "any" } else { "auto" }, None)
        }
    };
    if declared.is_empty() {
        if kind == "any" {
            let message = "tool_choice 'required' needs a tool in `tools` that is not run by another provider";
            return Err(refused("tool_choice", message));
        }
        return Ok(None);
    }
    let disable_parallel_tool_use = request.parallel_tools == Some(false) && kind != "none";
    if asked.is_none() && !disable_parallel_tool_use {
        return Ok(None);
    }
    Ok(Some(Choice { r#type: kind, name, disable_parallel_tool_use }))
}

/// Whether the target was told of a tool.
fn is_declared(request: &Request<'_>, name: &str) -> bool {
    request.tools.iter().any(|tool| match tool {
        Tool::Hosted(hosted) => hosted.shape == Shape::Messages && tool.name() == name,
        _ => tool.name() == name,
    })
}

/// Tools for a history with calls, which the API refuses without any: they may not be used.
pub(super) fn stubs(called: Vec<Cow<'_, str>>) -> (Vec<wire::Tool<'_>>, Option<Choice<'_>>) {
    let stub = |name| {
        wire::Tool::Function(Function {
            name,
            description: None,
            input_schema: schema::of_tool(None).schema,
            strict: false,
            cache_control: None,
        })
    };
    let none = Choice { r#type: "none", name: None, disable_parallel_tool_use: false };
    (called.into_iter().map(stub).collect(), Some(none))
}
