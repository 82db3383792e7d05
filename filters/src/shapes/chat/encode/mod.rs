//! Writes a chat request from the neutral form, for OpenAI itself and for the hosts that speak its shape.

mod content;
mod extras;
mod memory;
mod output;
mod settings;
mod thinking;
mod tools;
mod turns;
mod wire;

#[cfg(test)]
mod tests;

use super::super::free_text;
use super::super::tool_names::ToolNames;
use crate::neutral::{Answering, ApiError, ErrorClass, Losses, Profile, ReasoningAsk, Request, SystemRole};
use crate::router::Told;
use wire::Object;

/// The longest name of a tool, in bytes.
const MAX_NAME: usize = 64;

/// Writes a request; see [`super::super::codec::Codec::encode_request`]. The messages come last, so that a request that goes on
/// from another has all of it but its end as a prefix.
pub(super) fn request(
    request: &Request<'_>,
    profile: &Profile,
    losses: &mut Losses,
) -> Result<(Vec<u8>, Answering), ApiError> {
    let mut target = Target { profile, losses, names: ToolNames::new(MAX_NAME) };
    let mut body = Object::new();
    body.put("model", &profile.model);
    if request.stream {
        body.put("stream", &true);
        if profile.host.stream_options {
            body.put("stream_options", &settings::INCLUDE_USAGE);
        }
    }
    let tools = tools::Tools::of(request, &mut target)?;
    if tools.is_offered() && target.profile.chat_tools_need_no_reasoning && target.profile.refuses_effort_none {
        // It calls no functions here while it reasons, and it always reasons.
        return Err(target.refuses("tools", "a function tool on Chat Completions"));
    }
    let thinking = thinking::Thinking::of(request, tools.is_offered(), &mut target);
    let stops = settings::write(request, thinking.is_active(), &mut target, &mut body)?;
    thinking.write(&mut body);
    let output = output::Output::of(request, &mut target);
    output.write(&mut body);
    extras::write(request, thinking.is_active(), &mut target, &mut body)?;
    tools.write(&mut body);
    let messages = turns::write(request, output.instruction(), &mut target)?;
    if messages.is_empty() {
        return Err(target.refuses("messages", "a request without any message"));
    }
    body.put("messages", &messages);
    let raw_thoughts = !profile.host.router_fields;
    let custom_tools = if target.takes_custom_tools() { Vec::new() } else { free_text::names(request) };
    let tool_names = target.names.changed();
    let answering = Answering { tool_names, custom_tools, stops, raw_thoughts, ..Answering::default() };
    Ok((body.finish(), answering))
}

/// The members by which a target is told how much to reason, as they stand in an object.
pub(crate) fn reasoning_members(ask: ReasoningAsk, told: &Told<'_>, losses: &mut Losses) -> Vec<u8> {
    let mut target = Target { profile: told.profile, losses, names: ToolNames::new(MAX_NAME) };
    let request = Request { reasoning: ask, max_output: told.max_output, ..Request::default() };
    let mut object = Object::new();
    thinking::Thinking::of(&request, told.has_tools, &mut target).write(&mut object);
    let object = object.finish();
    object.strip_prefix(b"{").and_then(|inner| inner.strip_suffix(b"}")).unwrap_or_default().to_vec()
}

/// Whom a request is written for, and what is found on the way.
struct Target<'t> {
    profile: &'t Profile,
    losses: &'t mut Losses,
    names: ToolNames,
}

impl Target<'_> {
    /// The role of instructions.
    const fn system_role(&self) -> &'static str {
        match self.profile.host.system_role {
            SystemRole::System => "system",
            SystemRole::Developer => "developer",
        }
    }

    /// Whether it takes several text parts where a string will do: many hosts that speak chat do not.
    const fn takes_text_parts(&self) -> bool {
        let host = &self.profile.host;
        host.openai_fields || host.router_fields || host.cache_breakpoints
    }

    /// Whether it knows tools that take free text: OpenAI itself does, and few of the hosts that speak chat.
    const fn takes_custom_tools(&self) -> bool {
        self.profile.host.openai_fields
    }

    /// The error for what it cannot do and must not be left out.
    fn refuses(&self, field: &str, what: &str) -> ApiError {
        let message = format!("{what} cannot be sent to {}: leave it out or choose another model", self.profile.model);
        ApiError::new(ErrorClass::BadRequest, message).with_param(field)
    }
}
