//! Writes a messages request from the neutral form.

mod blocks;
mod cache;
mod limits;
mod output;
mod thinking;
mod tools;
mod turns;
mod wire;

#[cfg(test)]
mod tests;

use crate::json::{Json, View};
use crate::neutral::{Answering, ApiError, Effort, ErrorClass, Losses, Profile, Request, TextPart, Thinking};
use crate::shapes::tool_names::ToolNames;
use crate::shapes::{Parameters, free_text};
use wire::{Block, Body, Mark, Metadata, OutputConfig, Role};

/// The longest name of a tool, in bytes.
const MAX_TOOL_NAME: usize = 128;

/// Writes a request; see [`super::super::codec::Codec::encode_request`].
pub(super) fn request(
    request: &Request<'_>,
    profile: &Profile,
    losses: &mut Losses,
) -> Result<(Vec<u8>, Answering), ApiError> {
    let newest = newest(profile);
    let profile = newest.as_ref().unwrap_or(profile);
    limits::choices(request, profile)?;
    refuse_sound(request, profile)?;
    let mut answering = Answering::default();
    let mut body = Body { model: &profile.model, stream: request.stream, ..Body::default() };
    let mut names = ToolNames::new(MAX_TOOL_NAME);

    body.tools = tools::declared(request, profile, &mut names, losses);
    body.tool_choice = tools::choice(request, profile, &body.tools, &mut names, losses)?;
    let conversation = turns::write(request, profile, &mut names, losses)?;
    body.messages = conversation.turns;
    if body.tools.is_empty() && !conversation.called.is_empty() {
        losses.approximated("tools");
        (body.tools, body.tool_choice) = tools::stubs(conversation.called);
    }
    let is_begun = body.messages.last().is_some_and(|turn| turn.role == Role::Assistant);
    if is_begun {
        prefill(profile, &mut body)?;
    }
    if body.messages.is_empty() {
        let message = "nothing is left to send: no message holds any text that is not blank, or other content";
        return Err(refused("messages", message));
    }

    body.system = system(&request.instructions);
    body.max_tokens = limits::max_tokens(request, profile, losses);
    let setting = thinking::Setting {
        ask: request.reasoning,
        max_tokens: body.max_tokens,
        conversation: thinking::Conversation {
            tools: !body.tools.is_empty(),
            forced: body.tool_choice.as_ref().is_some_and(|choice| matches!(choice.r#type, "any" | "tool")),
            cannot_begin_with_reasoning: is_begun || conversation.lacks_reasoning,
        },
    };
    let told = thinking::tell(&setting, profile, losses);
    body.thinking = told.thinking;
    body.output_config = OutputConfig { effort: told.effort.map(Effort::as_str), format: None };
    output::write(request, profile, &mut body, losses)?;
    limits::sampling(request, profile, &mut body, losses);
    limits::stops(request, profile, &mut body, &mut answering);
    body.service_tier = limits::tier(request, losses);
    body.metadata = request.end_user.as_deref().map(|user_id| Metadata { user_id });
    body.cache_control = request.cache.map(Mark::of);
    cache::bound(&mut body);
    if request.cache_key.is_some() {
        losses.dropped("prompt_cache_key");
    }
    extras(request, &mut body, losses);

    answering.custom_tools = free_text::names(request);
    let written = serde_json::to_vec(&body).expect("the wire types have only string keys and finite numbers");
    answering.tool_names = names.changed();
    Ok((written, answering))
}

/// The profile of a model that came up after the catalogue, at its maker's own host: what the newest known one takes.
fn newest(profile: &Profile) -> Option<Profile> {
    let refused = Parameters::TEMPERATURE | Parameters::TOP_P | Parameters::TOP_K;
    (profile.host.newest_claude && profile.thinking == Thinking::Unknown).then(|| Profile {
        thinking: Thinking::Always,
        refused: profile.refused | refused,
        refuses_forced_tools: true,
        refuses_prefill: true,
        ..profile.clone()
    })
}

/// A request that the target cannot serve.
fn refused(field: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorClass::BadRequest, message).with_param(field)
}

/// The system prompt, a block for each text that is not blank.
fn system<'r>(instructions: &'r [TextPart<'_>]) -> Vec<Block<'r>> {
    let mut found = Vec::with_capacity(instructions.len());
    for text in instructions {
        blocks::push_text(&mut found, text);
    }
    found
}

/// The last message is the beginning of the answer: it must not end in white space, and not every model goes on from it.
fn prefill(profile: &Profile, body: &mut Body<'_>) -> Result<(), ApiError> {
    if profile.refuses_prefill || profile.refused.intersects(Parameters::PREFILL) {
        let message = format!(
            "{} does not support assistant message prefill: the last message must be the user's or a result of a tool",
            profile.model
        );
        return Err(refused("messages", message));
    }
    let last = body.messages.last_mut().and_then(|turn| turn.content.last_mut());
    if let Some(Block::Text { text, .. }) = last
        && text.trim_end().len() < text.len()
    {
        *text = text.trim_end().to_owned().into();
    }
    Ok(())
}

/// The provider makes no sound: to leave that out silently would leave the client without an answer it can use.
fn refuse_sound(request: &Request<'_>, profile: &Profile) -> Result<(), ApiError> {
    let wants = |value: &Json<'_>| value.view().elements().any(|element| element.string().as_deref() == Some("audio"));
    if request.extra("modalities").is_some_and(wants) {
        return Err(refused(
            "modalities",
            format!("{} gives no sound: leave `modalities` and `audio` out", profile.model),
        ));
    }
    if request.extra("audio").is_some() {
        return Err(refused("audio", format!("{} gives no sound: leave `audio` out", profile.model)));
    }
    Ok(())
}

/// Writes the fields that only this shape has, and reports all others that were set.
fn extras<'r>(request: &'r Request<'_>, body: &mut Body<'r>, losses: &mut Losses) {
    for (name, value) in &request.extras {
        let slot = match &**name {
            "container" => &mut body.container,
            "context_management" => &mut body.context_management,
            "inference_geo" => &mut body.inference_geo,
            "mcp_servers" => &mut body.mcp_servers,
            "speed" => &mut body.speed,
            _ => {
                if !says_nothing(name, value.view()) {
                    losses.dropped(name.to_string());
                }
                continue;
            }
        };
        *slot = Some(value);
    }
}

/// Whether a field says no more than one that was left out.
fn says_nothing(name: &str, value: View<'_>) -> bool {
    match name {
        "logprobs" | "store" => value.bool() == Some(false),
        "logit_bias" => value.members().next().is_none(),
        "top_logprobs" => value.u64() == Some(0),
        // That it wants no sound was seen before.
        "modalities" => true,
        _ => false,
    }
}
