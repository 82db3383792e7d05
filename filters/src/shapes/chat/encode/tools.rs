//! The tools of a request and which of them to use, as chat says it.

use std::borrow::Cow;
use std::collections::HashSet;

use super::Target;
use super::wire::{Allowed, Choice, Custom, Function, Name, NamedTool, Object, Tool as Wire};
use crate::json::Json;
use crate::neutral::{self, ApiError, Request, Tool, ToolChoice};
use crate::shapes::openai_schema::{fits_strict, with_properties};
use crate::shapes::{Parameters, free_text};

/// What to say of them.
pub(super) struct Tools<'r> {
    tools: Vec<Wire<'r>>,
    choice: Option<Choice<'r>>,
    one_at_a_time: bool,
}

impl<'r> Tools<'r> {
    /// For that request.
    ///
    /// # Errors
    /// When the model would have to call what it cannot.
    pub(super) fn of(request: &'r Request<'_>, target: &mut Target<'_>) -> Result<Tools<'r>, ApiError> {
        let only = only(request, target);
        let mut tools = Vec::new();
        for tool in &request.tools {
            if only.as_ref().is_some_and(|names| !names.contains(tool.name())) {
                continue;
            }
            tools.extend(wire(tool, target));
        }
        let choice = choice(request, !tools.is_empty(), target)?;
        let mut one_at_a_time = request.parallel_tools == Some(false) && !tools.is_empty();
        if one_at_a_time && target.profile.refused.intersects(Parameters::PARALLEL_TOOL_CALLS) {
            target.losses.dropped("parallel_tool_calls");
            one_at_a_time = false;
        }
        Ok(Tools { tools, choice, one_at_a_time })
    }

    /// Whether the model is offered any.
    pub(super) fn is_offered(&self) -> bool {
        !self.tools.is_empty()
    }

    /// Writes it.
    pub(super) fn write(&self, body: &mut Object) {
        if self.tools.is_empty() {
            return;
        }
        body.put("tools", &self.tools);
        body.put_some("tool_choice", self.choice.as_ref());
        if self.one_at_a_time {
            body.put("parallel_tool_calls", &false);
        }
    }
}

/// The tools to which the request is narrowed, on hosts that have no words for that.
fn only<'r>(request: &'r Request<'_>, target: &mut Target<'_>) -> Option<HashSet<&'r str>> {
    match &request.tool_choice {
        Some(ToolChoice::Allowed { names, .. }) if !target.profile.host.openai_fields => {
            target.losses.approximated("tool_choice");
            Some(names.iter().map(|name| &**name).collect())
        }
        _ => None,
    }
}

fn wire<'r>(tool: &'r Tool<'_>, target: &mut Target<'_>) -> Option<Wire<'r>> {
    match tool {
        Tool::Function(function) => {
            let mark = match target.profile.host.router_fields {
                true => target.mark(function.cache),
                // OpenAI's marks stand on parts only.
                false => super::wire::Mark::default(),
            };
            Some(Wire { kind: "function", function: Some(wire_function(function, target)), custom: None, mark })
        }
        Tool::Custom(tool) if !target.takes_custom_tools() => {
            target.losses.approximated("tools.custom");
            let function = Function {
                name: target.names.sent(&tool.name),
                description: free_text::description(tool),
                parameters: Some(Cow::Owned(free_text::schema())),
                strict: None,
            };
            let mark = super::wire::Mark::default();
            Some(Wire { kind: "function", function: Some(function), custom: None, mark })
        }
        Tool::Custom(tool) => {
            let name = target.names.sent(&tool.name);
            let custom = Custom { name, description: tool.description.as_deref(), format: tool.format.as_ref() };
            Some(Wire { kind: "custom", function: None, custom: Some(custom), mark: super::wire::Mark::default() })
        }
        Tool::Hosted(tool) => {
            target.losses.dropped(format!("tools.{}", tool.kind));
            None
        }
    }
}

fn wire_function<'r>(function: &'r neutral::Function<'_>, target: &mut Target<'_>) -> Function<'r> {
    for (name, _) in &function.extras {
        // How a provider loads a tool or streams its arguments changes nothing of what it is.
        if !matches!(&**name, "defer_loading" | "eager_input_streaming") {
            target.losses.dropped(format!("tools.{name}"));
        }
    }
    let takes_strict = !target.profile.refused.intersects(Parameters::TOOLS_STRICT);
    let fits = |schema: &Json<'_>| !target.profile.host.openai_fields || fits_strict(schema);
    let mut strict = function.strict;
    if strict == Some(true) && !(takes_strict && function.parameters.as_ref().is_none_or(fits)) {
        target.losses.approximated("tools.strict");
        strict = None;
    }
    let strict = strict.filter(|_| takes_strict);
    Function {
        name: target.names.sent(&function.name),
        description: function.description.as_deref().map(Cow::Borrowed),
        parameters: function.parameters.as_ref().map(with_properties),
        strict,
    }
}

fn choice<'r>(
    request: &'r Request<'_>,
    is_offered: bool,
    target: &mut Target<'_>,
) -> Result<Option<Choice<'r>>, ApiError> {
    let Some(choice) = &request.tool_choice else { return Ok(None) };
    let asks_for_any = matches!(choice, ToolChoice::Required | ToolChoice::Allowed { required: true, .. });
    let refuses_any = asks_for_any && target.profile.refused.intersects(Parameters::TOOL_CHOICE_REQUIRED);
    if refuses_any || (choice.is_forced() && target.profile.refuses_forced_tools) {
        return Err(target.refuses("tool_choice", "a `tool_choice` that makes the model call a tool"));
    }
    let of_kind = |is: fn(&Tool<'_>) -> bool| -> HashSet<&str> {
        request.tools.iter().filter(|tool| is(tool)).map(Tool::name).collect()
    };
    let hosted = of_kind(|tool| matches!(tool, Tool::Hosted(_)));
    let takes_custom = target.takes_custom_tools();
    let custom = if takes_custom { of_kind(|tool| matches!(tool, Tool::Custom(_))) } else { HashSet::new() };
    if let ToolChoice::Named(name) = choice
        && hosted.contains(&**name)
    {
        return Err(target.refuses("tool_choice", &format!("`{name}`, a tool that the provider runs itself,")));
    }
    if !is_offered {
        return match choice.is_forced() {
            true => Err(target.refuses("tool_choice", "a `tool_choice` without a tool that the model can call")),
            false => Ok(None),
        };
    }
    Ok(Some(match choice {
        ToolChoice::Auto => Choice::Word("auto"),
        ToolChoice::None => Choice::Word("none"),
        ToolChoice::Required => Choice::Word("required"),
        ToolChoice::Named(name) => Choice::Named(named(name, &custom, target)),
        ToolChoice::Allowed { required, names } => {
            let mode = if *required { "required" } else { "auto" };
            if !target.profile.host.openai_fields {
                return Ok(Some(Choice::Word(mode)));
            }
            let callable = names.iter().filter(|name| !hosted.contains(&***name));
            let tools: Vec<_> = callable.map(|name| named(name, &custom, target)).collect();
            Choice::Allowed { kind: "allowed_tools", allowed_tools: Allowed { mode, tools } }
        }
    }))
}

fn named<'r>(name: &'r str, custom: &HashSet<&str>, target: &mut Target<'_>) -> NamedTool<'r> {
    let is_custom = custom.contains(name);
    let name = Name { name: target.names.sent(name) };
    match is_custom {
        true => NamedTool { kind: "custom", function: None, custom: Some(name) },
        false => NamedTool { kind: "function", function: Some(name), custom: None },
    }
}
