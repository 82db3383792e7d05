//! Writes a Responses request from the neutral form, for OpenAI itself and for the hosts that speak its shape.
//!
//! The provider keeps nothing (`store: false`), so that all state of reasoning travels with the conversation.

mod items;
mod parts;
mod settings;
mod thinking;
mod tools;
mod wire;

#[cfg(test)]
mod tests;

use super::super::object::Object;
use super::super::tool_names::ToolNames;
use crate::neutral::{Answering, ApiError, ErrorClass, Losses, Profile, Request};

/// The longest name of a tool, in bytes.
const MAX_NAME: usize = 64;

/// The tool by which some models call several at once, though nobody declared it.
const PARALLEL: &str = "parallel";

/// Writes a request; see [`super::super::codec::Codec::encode_request`]. The conversation comes last, so that a request that goes on
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
    }
    body.put("store", &false);
    let thinking = thinking::Thinking::of(request, &mut target);
    thinking.write(&mut body);
    let stops = settings::write(request, thinking.is_active(), &mut target, &mut body)?;
    let tools = tools::Tools::of(request, &mut target)?;
    tools.write(&mut body);
    let instruction = settings::words(request, &mut target, &mut body);
    let items = items::write(request, instruction.as_deref(), &mut target, &mut body)?;
    if items.is_empty() {
        return Err(target.refuses("messages", "a request without any message"));
    }
    body.put("input", &items);
    let splits_parallel = tools.is_offered() && request.tools.iter().all(|tool| tool.name() != PARALLEL);
    let answering = Answering { tool_names: target.names.changed(), stops, splits_parallel, ..Answering::default() };
    Ok((body.finish(), answering))
}

/// Whom a request is written for, and what is found on the way.
struct Target<'t> {
    profile: &'t Profile,
    losses: &'t mut Losses,
    names: ToolNames,
}

impl Target<'_> {
    /// The role of instructions between turns.
    const fn system_role(&self) -> &'static str {
        if self.profile.host.openai_fields { "developer" } else { "system" }
    }

    /// The error for what it cannot do and must not be left out.
    fn refuses(&self, field: &str, what: &str) -> ApiError {
        let message = format!("{what} cannot be sent to {}: leave it out or choose another model", self.profile.model);
        ApiError::new(ErrorClass::BadRequest, message).with_param(field)
    }
}
