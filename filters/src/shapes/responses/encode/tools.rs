//! The tools of a request and which of them to use.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::Serialize;

use super::super::super::object::Object;
use super::super::super::openai_schema::{fits_strict, with_properties};
use super::Target;
use crate::Shape;
use crate::json::{Json, View};
use crate::neutral::{self, ApiError, CustomTool, Request, ToolChoice};
use crate::shapes::Parameters;

/// What to say of them.
pub(super) struct Tools<'r> {
    tools: Vec<Tool<'r>>,
    choice: Option<Choice<'r>>,
    one_at_a_time: bool,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Known<'a> {
    Function {
        name: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        parameters: Cow<'a, Json<'a>>,
        /// Always said: OpenAI makes a tool strict of which nothing is said, where its schema allows that.
        strict: bool,
    },
    Custom {
        name: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        format: Option<Json<'a>>,
    },
    WebSearch {
        #[serde(skip_serializing_if = "Option::is_none")]
        search_context_size: Option<Json<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        user_location: Option<Json<'a>>,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Tool<'a> {
    Known(Known<'a>),
    Own(&'a Json<'a>),
}

/// `tool_choice`.
#[derive(Serialize)]
#[serde(untagged)]
enum Choice<'a> {
    Word(&'static str),
    Named(Named<'a>),
    Allowed {
        #[serde(rename = "type")]
        kind: &'static str,
        mode: &'static str,
        tools: Vec<Named<'a>>,
    },
}

#[derive(Serialize)]
struct Named<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: Cow<'a, str>,
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
        tools.extend(searching(request, target));
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

fn wire<'r>(tool: &'r neutral::Tool<'_>, target: &mut Target<'_>) -> Option<Tool<'r>> {
    match tool {
        neutral::Tool::Function(tool) => Some(Tool::Known(function(tool, target))),
        neutral::Tool::Custom(tool) => Some(Tool::Known(Known::Custom {
            name: target.names.sent(&tool.name),
            description: tool.description.as_deref(),
            format: flat(tool),
        })),
        neutral::Tool::Hosted(tool) if tool.shape == Shape::Responses => Some(Tool::Own(&tool.raw)),
        neutral::Tool::Hosted(tool) => {
            target.losses.dropped(format!("tools.{}", tool.kind));
            None
        }
    }
}

fn function<'r>(tool: &'r neutral::Function<'_>, target: &mut Target<'_>) -> Known<'r> {
    for (name, _) in &tool.extras {
        // How a provider loads a tool or streams its arguments changes nothing of what it is.
        if !matches!(&**name, "defer_loading" | "eager_input_streaming") {
            target.losses.dropped(format!("tools.{name}"));
        }
    }
    let is_strict = tool.strict == Some(true);
    let profile = target.profile;
    let fits = tool.parameters.as_ref().is_none_or(|schema| !profile.host.openai_fields || fits_strict(schema));
    let strict = is_strict && fits && !profile.refused.intersects(Parameters::TOOLS_STRICT);
    if is_strict && !strict {
        target.losses.approximated("tools.strict");
    }
    let parameters = match &tool.parameters {
        Some(schema) => with_properties(schema),
        None => Cow::Owned(nothing(strict)),
    };
    Known::Function {
        name: target.names.sent(&tool.name),
        description: tool.description.as_deref(),
        parameters,
        strict,
    }
}

/// The schema of a function without arguments.
fn nothing(strict: bool) -> Json<'static> {
    let schema = match strict {
        true => r#"{"type":"object","properties":{},"required":[],"additionalProperties":false}"#,
        false => r#"{"type":"object","properties":{}}"#,
    };
    Json::parse(schema).unwrap_or_else(Json::null)
}

/// The format of a custom tool, with its grammar in the format itself: chat has that one level deeper.
fn flat<'r>(tool: &'r CustomTool<'_>) -> Option<Json<'r>> {
    let format = tool.format.as_ref()?;
    let Some(grammar) = format.view().member("grammar") else { return Some(format.borrowed()) };
    let members: Vec<String> = grammar
        .members()
        .map(|(name, value)| format!(",{}:{}", String::from_utf8_lossy(&crate::json::quoted(&name)), value.raw()))
        .collect();
    Json::parse(&format!(r#"{{"type":"grammar"{}}}"#, members.concat()))
}

/// The search of the web that chat asks for by a field.
fn searching<'r>(request: &'r Request<'_>, target: &Target<'_>) -> Option<Tool<'r>> {
    let options = request.extra("web_search_options").filter(|_| target.profile.host.openai_fields)?.view();
    let user_location = options.member("user_location").map(|location| {
        let Some(inner) = location.member("approximate") else { return location.json() };
        let members: Vec<String> = inner
            .members()
            .filter(|(name, _)| name != "type")
            .map(|(name, value)| format!(",{}:{}", String::from_utf8_lossy(&crate::json::quoted(&name)), value.raw()))
            .collect();
        Json::parse(&format!(r#"{{"type":"approximate"{}}}"#, members.concat())).unwrap_or_else(|| location.json())
    });
    let search_context_size = options.member("search_context_size").map(View::json);
    Some(Tool::Known(Known::WebSearch { search_context_size, user_location }))
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
    let of_kind = |is: fn(&neutral::Tool<'_>) -> bool| -> HashSet<&str> {
        request.tools.iter().filter(|tool| is(tool)).map(neutral::Tool::name).collect()
    };
    let hosted = of_kind(|tool| matches!(tool, neutral::Tool::Hosted(_)));
    let custom = of_kind(|tool| matches!(tool, neutral::Tool::Custom(_)));
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
    let mut named = |name: &'r str| {
        let kind = if custom.contains(name) { "custom" } else { "function" };
        Named { kind, name: target.names.sent(name) }
    };
    Ok(Some(match choice {
        ToolChoice::Auto => Choice::Word("auto"),
        ToolChoice::None => Choice::Word("none"),
        ToolChoice::Required => Choice::Word("required"),
        ToolChoice::Named(name) => Choice::Named(named(name)),
        ToolChoice::Allowed { required, names } => {
            let mode = if *required { "required" } else { "auto" };
            let callable = names.iter().filter(|name| !hosted.contains(&***name));
            let tools: Vec<_> = callable.map(|name| named(name)).collect();
            match target.profile.host.openai_fields {
                true => Choice::Allowed { kind: "allowed_tools", mode, tools },
                false => Choice::Word(mode),
            }
        }
    }))
}
