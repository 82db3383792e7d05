//! Writes a generate_content request from the neutral form.

mod calls;
mod contents;
mod output;
mod parts;
mod settings;
mod thinking;
mod tools;
mod wire;

#[cfg(test)]
mod tests;

use super::super::free_text;
use super::super::schema::GoogleForm;
use super::super::tool_names::ToolNames;
use super::wire::Part;
use crate::neutral::{Answering, ApiError, ErrorClass, Losses, Profile, Request, Thinking};
use wire::{Body, System};

/// Writes a request; see [`super::super::codec::Codec::encode_request`]. Model and streaming stand in its path. The contents come
/// last, so that a request that goes on from another has all of it but its end as a prefix.
pub(super) fn request(
    request: &Request<'_>,
    profile: &Profile,
    losses: &mut Losses,
) -> Result<(Vec<u8>, Answering), ApiError> {
    let mut target = Target { profile, losses, names: ToolNames::google() };
    let mut answering = Answering::default();
    let tools = tools::Tools::of(request, &mut target)?;
    let mut body = Body { tool_config: tools.config, tools: tools.declared, ..Body::default() };
    let output = output::Output::of(request, !body.tools.is_empty(), &mut target);
    body.generation_config = settings::config(request, &mut target, &mut answering)?;
    body.generation_config.thinking_config = thinking::config(request, &mut target);
    body.generation_config.format = output.format;
    body.service_tier = settings::tier(request);
    let texts = request.instructions.iter().map(|text| &*text.text).filter(|text| !text.is_empty());
    let mut parts: Vec<Part<'_>> = texts.map(|text| Part::text(text.into())).collect();
    parts.extend(output.instruction.map(|text| Part::text(text.into())));
    body.system_instruction = (!parts.is_empty()).then_some(System { parts });
    settings::extras(request, &mut target, &mut body)?;
    body.contents = contents::write(request, &mut target)?;
    if body.contents.is_empty() {
        return Err(target.refuses("messages", "a request without any message"));
    }
    answering.custom_tools = free_text::names(request);
    let written = serde_json::to_vec(&body).expect("the wire types have only string keys and finite numbers");
    answering.tool_names = target.names.changed();
    Ok((written, answering))
}

/// Whom a request is written for, and what is found on the way.
struct Target<'t> {
    profile: &'t Profile,
    losses: &'t mut Losses,
    names: ToolNames,
}

impl Target<'_> {
    /// The form of schemas that the model knows: those from before there was thinking know only the older one.
    const fn form(&self) -> GoogleForm {
        match self.profile.thinking {
            Thinking::None => GoogleForm::OpenApi,
            _ => GoogleForm::JsonSchema,
        }
    }

    /// Whether the model is one of those that are told by levels how much to think (Gemini 3 and later), as far as is known. They refuse
    /// calls without a signature, and take media in the results of functions and functions beside a schema.
    const fn is_told_by_level(&self) -> bool {
        !matches!(self.profile.thinking, Thinking::None | Thinking::Budget)
    }

    /// The error for what it cannot do and must not be left out.
    fn refuses(&self, field: &str, what: &str) -> ApiError {
        let message = format!("{what} cannot be sent to {}: leave it out or choose another model", self.profile.model);
        ApiError::new(ErrorClass::BadRequest, message).with_param(field)
    }
}

/// A request that cannot be served.
fn refused(field: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorClass::BadRequest, message).with_param(field)
}
