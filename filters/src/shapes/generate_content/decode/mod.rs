//! Reads a generate_content request into the neutral form. Both spellings of every field are taken, as Google takes them.

mod config;
mod contents;
mod media;
mod parts;
mod tools;

#[cfg(test)]
mod tests;

use super::names::camel;
use crate::json::{ValueKind, View};
use crate::neutral::{ApiError, ErrorClass, Losses, Request, Tier};

/// Reads a request; see [`super::super::codec::Codec::decode_request`]. Whether to stream is not in it: the path says that.
pub(super) fn request<'a>(body: View<'a>, losses: &mut Losses) -> Result<Request<'a>, ApiError> {
    if body.kind() != ValueKind::Object {
        return Err(ApiError::new(ErrorClass::BadRequest, "the request body must be a JSON object"));
    }
    let mut request = Request::default();
    // Thoughts are told only to who asks for them.
    request.reasoning.show = Some(false);
    let (mut spoken, mut tool_config) = (None, None);
    for (name, value) in body.members().filter(|(_, value)| !value.is_null()) {
        match &*camel(&name) {
            // The path names it.
            "model" => {}
            "contents" => spoken = Some(value),
            "systemInstruction" => request.instructions = contents::system(value, losses)?,
            "tools" => request.tools = tools::read(value)?,
            "toolConfig" => tool_config = Some(value),
            "generationConfig" => config::read(value, &mut request, losses)?,
            "serviceTier" => request.tier = Some(tier(value)?),
            "cachedContent" => {
                let message = "`cachedContent` names a cache of Google's, which no other provider has: send what it holds, or choose a Gemini model";
                return Err(refused("cachedContent", message));
            }
            "continuationToken" => {
                let message = "`continuationToken` goes on from an answer of Google's, which no other provider can do: choose a Gemini model";
                return Err(refused("continuationToken", message));
            }
            // The router's own; what it says of where to go is heeded there.
            "provider" => {
                request.require_parameters = value.member("require_parameters").and_then(View::bool) == Some(true);
            }
            name if says_nothing(name, value) => {}
            _ => request.extras.push((name, value.json())),
        }
    }
    if let Some(config) = tool_config {
        tools::config(config, &mut request, losses)?;
    }
    let spoken = spoken.ok_or_else(|| wrong("contents", "there: an array with at least one content"))?;
    request.messages = contents::read(spoken, losses)?;
    Ok(request)
}

/// Whether a field that has no place says only what holds without it.
fn says_nothing(name: &str, value: View<'_>) -> bool {
    match name {
        "store" => value.bool() == Some(false),
        "safetySettings" => value.elements().next().is_none(),
        "labels" => value.members().next().is_none(),
        _ => false,
    }
}

fn tier(value: View<'_>) -> Result<Tier<'_>, ApiError> {
    let word = value.string().ok_or_else(|| wrong("serviceTier", "a string"))?;
    let plain = word.to_ascii_lowercase();
    Ok(match plain.strip_prefix("service_tier_").unwrap_or(&plain) {
        "unspecified" => Tier::Auto,
        "standard" => Tier::Standard,
        "flex" => Tier::Flex,
        "priority" => Tier::Priority,
        _ => Tier::Other(word),
    })
}

/// What a client is told of a field that is not as it must be.
fn wrong(field: &str, must_be: &str) -> ApiError {
    refused(field, format!("`{field}` must be {must_be}"))
}

fn refused(field: &str, message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorClass::BadRequest, message).with_param(field)
}

/// The member of that name in either spelling, unless it is `null`.
fn member<'a>(view: View<'a>, name: &str) -> Option<View<'a>> {
    view.members().find(|(key, value)| camel(key) == name && !value.is_null()).map(|(_, value)| value)
}
