//! Reads a Responses request into the neutral form: OpenAI's own fields, what Codex and other clients add, and OpenRouter's.
//!
//! The gateway keeps no conversations: what points to something that a provider keeps is refused, and `store` says nothing.

mod content;
mod items;
mod tools;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::super::fields::{bound_at, flag, number, refused, text, tier, wrong};
use crate::json::{ValueKind, View};
use crate::neutral::{ApiError, Effort, ErrorClass, Losses, Output, ReasoningMode, Request, TextPart};

/// Reads a request; see [`super::super::codec::Codec::decode_request`].
pub(super) fn request<'a>(body: View<'a>, losses: &mut Losses) -> Result<Request<'a>, ApiError> {
    if body.kind() != ValueKind::Object {
        return Err(ApiError::new(ErrorClass::BadRequest, "the request body must be a JSON object"));
    }
    let mut request = Request::default();
    let mut late = Late::default();
    for (name, value) in body.members().filter(|(_, value)| !value.is_null()) {
        if !late.take(&name, value) && !field(&mut request, &name, value)? && !says_nothing(&name, value) {
            request.extras.push((name, value.json()));
        }
    }
    late.finish(&mut request, losses)?;
    Ok(request)
}

/// Fields that decide together: their order in the body says nothing.
#[derive(Default)]
struct Late<'a> {
    input: Option<View<'a>>,
    instructions: Option<View<'a>>,
    tools: Option<View<'a>>,
    tool_choice: Option<View<'a>>,
    user: Option<View<'a>>,
    safety_identifier: Option<View<'a>>,
}

impl<'a> Late<'a> {
    fn take(&mut self, name: &str, value: View<'a>) -> bool {
        let place = match name {
            "input" => &mut self.input,
            "instructions" => &mut self.instructions,
            "tools" => &mut self.tools,
            "tool_choice" => &mut self.tool_choice,
            "user" => &mut self.user,
            "safety_identifier" => &mut self.safety_identifier,
            _ => return false,
        };
        *place = Some(value);
        true
    }

    fn finish(self, request: &mut Request<'a>, losses: &mut Losses) -> Result<(), ApiError> {
        if let Some(instructions) = self.instructions {
            let instructions = text("instructions", instructions)?;
            if !instructions.is_empty() {
                request.instructions.push(TextPart::new(instructions));
            }
        }
        let mut declared = tools::Declared::default();
        if let Some(tools) = self.tools {
            declared.read("tools", tools, request)?;
        }
        let input = self.input.ok_or_else(|| wrong("input", "there: a string or an array of items"))?;
        items::read(input, request, &mut declared, losses)?;
        if let Some(choice) = self.tool_choice {
            request.tool_choice = tools::choice(choice, request)?;
        }
        request.end_user = match (self.safety_identifier, self.user) {
            (Some(user), _) => Some(text("safety_identifier", user)?),
            (None, Some(user)) => Some(text("user", user)?),
            (None, None) => None,
        };
        request.end_user = request.end_user.take().filter(|user| !user.is_empty());
        Ok(())
    }
}

/// Reads a field that stands for itself; `false` when it has no place in the neutral form.
fn field<'a>(request: &mut Request<'a>, name: &str, value: View<'a>) -> Result<bool, ApiError> {
    match name {
        // The route decides which model it is. Nothing is stored here, whatever is asked, and the answer says so.
        "model" | "store" | "stream_options" => {}
        "stream" => request.stream = flag("stream", value)?,
        "max_output_tokens" => request.max_output = Some(bound_at("max_output_tokens", value)?),
        "temperature" => request.sampling.temperature = Some(number("temperature", value)?),
        "top_p" => request.sampling.top_p = Some(number("top_p", value)?),
        "parallel_tool_calls" => request.parallel_tools = Some(flag("parallel_tool_calls", value)?),
        "service_tier" => request.tier = Some(tier(text("service_tier", value)?)),
        "prompt_cache_key" => request.cache_key = Some(text("prompt_cache_key", value)?),
        "reasoning" => reasoning(value, request)?,
        "text" => words(value, request)?,
        "include" => include(value, request)?,
        "previous_response_id" | "conversation" | "prompt" => return Err(kept(name)),
        "background" if value.bool() == Some(true) => {
            let message = "`background` cannot be served by this model: the gateway keeps no answers to be asked for later; \
                           leave it out and use `stream` for long answers";
            return Err(refused("background", message));
        }
        "access_programs" => {
            let message =
                "`access_programs` cannot be served by this model: leave it out, or choose a model of OpenAI's";
            return Err(refused("access_programs", message));
        }
        "moderation" if blocks(value) => {
            let message = "`moderation` with the mode `block` cannot be served by this model: leave it out, or choose a model \
                           of OpenAI's";
            return Err(refused("moderation", message));
        }
        "provider" => {
            request.require_parameters =
                value.member("require_parameters").and_then(View::bool).unwrap_or(request.require_parameters);
            // The rest chooses among hosts, which is the route's matter here.
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// What is told of a field that points to something that a provider keeps.
fn kept(name: &str) -> ApiError {
    let cure = match name {
        "prompt" => "send its text as `instructions` and `input`",
        _ => "send the whole conversation as `input`",
    };
    let message = format!(
        "`{name}` cannot be served by this model: it points to what another provider keeps, and the gateway keeps nothing; {cure}"
    );
    refused(name, message)
}

/// Whether a request asks that content be held back by a filter.
fn blocks(moderation: View<'_>) -> bool {
    let policy = moderation.member("policy");
    let mode = |side: &str| policy?.member(side)?.member("mode")?.string();
    ["input", "output"].into_iter().any(|side| mode(side).as_deref() == Some("block"))
}

/// Whether a field that has no place says only what holds without it.
fn says_nothing(name: &str, value: View<'_>) -> bool {
    let is_empty = || value.members().next().is_none() && value.elements().next().is_none();
    match name {
        "background" => true,
        "truncation" => value.string().as_deref() == Some("disabled"),
        "top_logprobs" => value.f64() == Some(0.0),
        "metadata" | "context_management" | "models" | "transforms" | "plugins" => is_empty(),
        _ => false,
    }
}

/// Reads how much to reason, of the request or of a change in the conversation.
fn reasoning<'a>(value: View<'a>, request: &mut Request<'a>) -> Result<(), ApiError> {
    const LEVELS: &str = "one of `none`, `minimal`, `low`, `medium`, `high`, `xhigh` and `max`";
    if value.kind() != ValueKind::Object {
        return Err(wrong("reasoning", "an object"));
    }
    let ask = &mut request.reasoning;
    for (name, value) in value.members().filter(|(_, value)| !value.is_null()) {
        match &*name {
            "effort" => {
                let word = value.string().ok_or_else(|| wrong("reasoning.effort", LEVELS))?;
                (ask.mode, ask.effort) = match &*word {
                    "none" => (ReasoningMode::Off, None),
                    // The model's own choice.
                    "auto" | "default" => (ReasoningMode::Unsaid, None),
                    word => {
                        let effort = Effort::named(word).ok_or_else(|| wrong("reasoning.effort", LEVELS))?;
                        (ReasoningMode::Unsaid, Some(effort))
                    }
                };
            }
            "summary" | "generate_summary" => {
                let word = text("reasoning.summary", value)?;
                ask.show = (word != "none").then_some(true);
            }
            // OpenRouter's.
            "max_tokens" => ask.budget = value.u64().filter(|budget| *budget > 0),
            "enabled" if value.bool() == Some(false) => ask.mode = ReasoningMode::Off,
            "enabled" => ask.mode = ReasoningMode::On,
            "exclude" if value.bool() == Some(true) => ask.show = Some(false),
            "exclude" => {}
            "context" if value.string().as_deref() == Some("auto") => {}
            "mode" if value.string().as_deref() == Some("standard") => {}
            _ => request.extras.push((format!("reasoning.{name}").into(), value.json())),
        }
    }
    Ok(())
}

/// Reads what the answer must look like, of the request or of a change in the conversation.
fn words<'a>(value: View<'a>, request: &mut Request<'a>) -> Result<(), ApiError> {
    if value.kind() != ValueKind::Object {
        return Err(wrong("text", "an object"));
    }
    for (name, value) in value.members().filter(|(_, value)| !value.is_null()) {
        match &*name {
            "format" => request.output = format(value)?,
            "verbosity" if value.string().as_deref() == Some("medium") => {}
            _ => request.extras.push((format!("text.{name}").into(), value.json())),
        }
    }
    Ok(())
}

fn format(value: View<'_>) -> Result<Output<'_>, ApiError> {
    const KINDS: &str = "`text`, `json_object` or `json_schema`";
    let kind = value.member("type").and_then(View::string).ok_or_else(|| wrong("text.format.type", KINDS))?;
    Ok(match &*kind {
        "text" => Output::Text,
        "json_object" => Output::JsonObject,
        "json_schema" => {
            // Some clients send the nested form of chat.
            let format = value.member("json_schema").unwrap_or(value);
            let schema = match format.member("schema") {
                Some(schema) if schema.kind() == ValueKind::Object => schema,
                Some(_) => return Err(wrong("text.format.schema", "a JSON Schema, an object")),
                // Any object will do.
                None => return Ok(Output::JsonObject),
            };
            Output::Schema {
                name: format.member("name").and_then(View::string),
                description: format.member("description").and_then(View::string),
                schema: schema.json(),
                strict: format.member("strict").and_then(View::bool),
            }
        }
        _ => return Err(wrong("text.format.type", KINDS)),
    })
}

/// Reads what is wanted beside the answer. State of reasoning always comes.
fn include<'a>(value: View<'a>, request: &mut Request<'a>) -> Result<(), ApiError> {
    if value.kind() != ValueKind::Array {
        return Err(wrong("include", "an array of strings"));
    }
    let is_served = |item: View<'_>| item.string().as_deref() == Some("reasoning.encrypted_content");
    if !value.elements().all(is_served) {
        request.extras.push((Cow::Borrowed("include"), value.json()));
    }
    Ok(())
}
