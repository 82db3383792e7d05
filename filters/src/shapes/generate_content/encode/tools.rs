//! Functions and which of them to call.

use std::borrow::Cow;
use std::collections::HashSet;

use super::super::super::free_text;
use super::super::super::schema::{self, GoogleForm};
use super::Target;
use super::wire::{Calling, Function, Tool as Wire, ToolConfig};
use crate::neutral::{self, ApiError, CustomTool, Request, Tool, ToolChoice};

/// What to say of them.
pub(super) struct Tools<'r> {
    pub(super) declared: Vec<Wire<'r>>,
    pub(super) config: Option<ToolConfig<'r>>,
}

impl<'r> Tools<'r> {
    /// For that request.
    ///
    /// # Errors
    /// When the model would have to call what it cannot.
    pub(super) fn of(request: &'r Request<'_>, target: &mut Target<'_>) -> Result<Tools<'r>, ApiError> {
        // Google narrows by names only where a call must be made.
        let only: Option<HashSet<&str>> = match &request.tool_choice {
            Some(ToolChoice::Allowed { required: false, names }) => {
                target.losses.approximated("tool_choice");
                Some(names.iter().map(|name| &**name).collect())
            }
            _ => None,
        };
        let mut functions = Vec::with_capacity(request.tools.len());
        let mut is_strict = false;
        for tool in &request.tools {
            if only.as_ref().is_some_and(|only| !only.contains(tool.name())) {
                continue;
            }
            match tool {
                Tool::Function(function) => {
                    is_strict |= function.strict == Some(true);
                    functions.push(self::function(function, target));
                }
                Tool::Custom(tool) => {
                    target.losses.approximated("tools.custom");
                    functions.push(custom_function(tool, target));
                }
                Tool::Hosted(tool) => target.losses.dropped(format!("tools.{}", tool.kind)),
            }
        }
        if is_strict && target.form() == GoogleForm::OpenApi {
            // Models from before that mode.
            target.losses.approximated("tools.strict");
            is_strict = false;
        }
        let config = choice(request, !functions.is_empty(), is_strict, target)?;
        let declared = if functions.is_empty() { Vec::new() } else { vec![Wire { function_declarations: functions }] };
        Ok(Tools { declared, config })
    }
}

fn function<'r>(tool: &'r neutral::Function<'_>, target: &mut Target<'_>) -> Function<'r> {
    for (name, _) in &tool.extras {
        // How a provider loads a tool or streams its arguments changes nothing of what it is.
        if !matches!(&**name, "defer_loading" | "eager_input_streaming") {
            target.losses.dropped(format!("tools.{name}"));
        }
    }
    let form = target.form();
    let fitted = schema::google_tool(tool.parameters.as_ref(), form);
    if fitted.as_ref().is_some_and(|fitted| fitted.lossy) {
        target.losses.approximated("schema");
    }
    let schema = fitted.map(|fitted| fitted.schema);
    let (legacy, newer) = match form {
        GoogleForm::OpenApi => (schema, None),
        GoogleForm::JsonSchema => (None, schema),
    };
    Function {
        name: target.names.sent(&tool.name),
        description: tool.description.as_deref().filter(|text| !text.is_empty()).map(Cow::Borrowed),
        parameters: legacy,
        parameters_json_schema: newer,
    }
}

/// A function in place of a tool that takes free text.
fn custom_function<'r>(tool: &'r CustomTool<'_>, target: &mut Target<'_>) -> Function<'r> {
    let schema = Some(free_text::schema());
    let (legacy, newer) = match target.form() {
        GoogleForm::OpenApi => (schema, None),
        GoogleForm::JsonSchema => (None, schema),
    };
    Function {
        name: target.names.sent(&tool.name),
        description: free_text::description(tool),
        parameters: legacy,
        parameters_json_schema: newer,
    }
}

fn choice<'r>(
    request: &'r Request<'_>,
    is_offered: bool,
    is_strict: bool,
    target: &mut Target<'_>,
) -> Result<Option<ToolConfig<'r>>, ApiError> {
    let asked = request.tool_choice.as_ref();
    let is_forced = asked.is_some_and(ToolChoice::is_forced);
    if is_forced && target.profile.refuses_forced_tools {
        return Err(target.refuses("tool_choice", "a `tool_choice` that makes the model call a tool"));
    }
    let is_callable =
        |name: &str| request.tools.iter().any(|tool| !matches!(tool, Tool::Hosted(_)) && tool.name() == name);
    if let Some(ToolChoice::Named(name)) = asked
        && !is_callable(name)
    {
        return Err(target.refuses("tool_choice", &format!("`{name}`, which is no function of `tools`,")));
    }
    if !is_offered {
        return match is_forced {
            true => Err(target.refuses("tool_choice", "a `tool_choice` without a tool that the model can call")),
            false => Ok(None),
        };
    }
    let (mode, names): (_, Vec<&'r str>) = match asked {
        None if !is_strict => return Ok(None),
        None | Some(ToolChoice::Auto | ToolChoice::Allowed { required: false, .. }) => {
            // The mode in which arguments keep to their schemas and the model may still say something else.
            (if is_strict { "VALIDATED" } else { "AUTO" }, Vec::new())
        }
        Some(ToolChoice::None) => ("NONE", Vec::new()),
        Some(ToolChoice::Required) => ("ANY", Vec::new()),
        Some(ToolChoice::Named(name)) => ("ANY", vec![name]),
        Some(ToolChoice::Allowed { required: true, names }) => {
            let names: Vec<&str> = names.iter().map(|name| &**name).filter(|name| is_callable(name)).collect();
            if names.is_empty() {
                return Err(target.refuses("tool_choice", "a `tool_choice` without a tool that the model can call"));
            }
            ("ANY", names)
        }
    };
    let allowed_function_names = names.into_iter().map(|name| target.names.sent(name)).collect();
    Ok(Some(ToolConfig { function_calling_config: Calling { mode, allowed_function_names } }))
}
