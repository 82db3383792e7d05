//! Bounds, how to choose words, what is paid for speed, and fields that only some clients send for Google.

use std::borrow::Cow;

use super::Target;
use super::wire::{Body, Config};
use crate::json::{Json, View};
use crate::neutral::{Answering, ApiError, Request, Tier};
use crate::shapes::Parameters;

/// Stop texts that Google takes at most.
const MAX_STOPS: usize = 5;

/// Stop texts that the gateway looks for itself at most, and the bytes that each may have.
const MAX_OWN_STOPS: usize = 64;
const MAX_OWN_STOP_BYTES: usize = 1024;

/// The settings, without the format of the answer and the thinking.
///
/// # Errors
/// When the request asks for what Google cannot do and must not be left out.
pub(super) fn config<'r>(
    request: &'r Request<'_>,
    target: &mut Target<'_>,
    answering: &mut Answering,
) -> Result<Config<'r>, ApiError> {
    if request.choices.is_some_and(|choices| choices > 1) {
        return Err(target.refuses("n", "a request for several answers in another API's shape"));
    }
    let sampling = &request.sampling;
    let mut config = Config {
        temperature: taken("temperature", sampling.temperature, (Parameters::TEMPERATURE, 1.0), target),
        top_p: taken("top_p", sampling.top_p, (Parameters::TOP_P, 1.0), target),
        presence_penalty: taken(
            "presence_penalty",
            sampling.presence_penalty,
            (Parameters::PRESENCE_PENALTY, 0.0),
            target,
        ),
        frequency_penalty: taken(
            "frequency_penalty",
            sampling.frequency_penalty,
            (Parameters::FREQUENCY_PENALTY, 0.0),
            target,
        ),
        max_output_tokens: bound(request, target)?,
        ..Config::default()
    };
    if let Some(temperature) = &mut config.temperature
        && !(0.0..=2.0).contains(temperature)
    {
        target.losses.clamped("temperature");
        *temperature = temperature.clamp(0.0, 2.0);
    }
    if target.profile.refused.intersects(Parameters::TOP_K) && sampling.top_k.is_some() {
        target.losses.dropped("top_k");
    } else {
        config.top_k = sampling.top_k;
    }
    // Google's is an integer of 32 bits.
    config.seed = sampling.seed.filter(|seed| i32::try_from(*seed).is_ok());
    if config.seed != sampling.seed || target.profile.refused.intersects(Parameters::SEED) {
        target.losses.dropped("seed");
        config.seed = None;
    }
    config.stop_sequences = stops(request, target, answering)?;
    if request.parallel_tools == Some(false) && !request.tools.is_empty() {
        target.losses.dropped("parallel_tool_calls");
    }
    if request.end_user.as_deref().is_some_and(|user| !user.is_empty()) {
        target.losses.dropped("user");
    }
    if request.cache_key.is_some() {
        target.losses.dropped("prompt_cache_key");
    }
    Ok(config)
}

/// A number, if the model takes it. Clients send the usual one for the sake of it.
fn taken(
    name: &'static str,
    value: Option<f64>,
    (parameter, usual): (Parameters, f64),
    target: &mut Target<'_>,
) -> Option<f64> {
    if !target.profile.refused.intersects(parameter) {
        return value;
    }
    if value.is_some_and(|value| value != usual) {
        target.losses.dropped(name);
    }
    None
}

fn bound(request: &Request<'_>, target: &mut Target<'_>) -> Result<Option<u64>, ApiError> {
    let Some(bound) = request.max_output else { return Ok(None) };
    if bound == 0 {
        return Err(target.refuses("max_tokens", "a request for no output (`max_tokens: 0`)"));
    }
    Ok(Some(match target.profile.max_output {
        Some(most) if bound > most => {
            target.losses.clamped("max_tokens");
            most
        }
        _ => bound,
    }))
}

/// The stop texts that are sent. Those that are too many the gateway looks for itself.
fn stops<'r>(
    request: &'r Request<'_>,
    target: &Target<'_>,
    answering: &mut Answering,
) -> Result<Vec<&'r str>, ApiError> {
    let stops: Vec<&str> = request.stop.iter().map(|stop| &**stop).filter(|stop| !stop.is_empty()).collect();
    let most = if target.profile.refused.intersects(Parameters::STOP) { 0 } else { MAX_STOPS };
    let (sent, own) = stops.split_at_checked(stops.len().min(most)).unwrap_or_default();
    if own.len() > MAX_OWN_STOPS || own.iter().any(|stop| stop.len() > MAX_OWN_STOP_BYTES) {
        let what = format!("more than {MAX_OWN_STOPS} stop texts, or one of more than {MAX_OWN_STOP_BYTES} bytes,");
        return Err(target.refuses("stop_sequences", &what));
    }
    answering.stops = own.iter().map(|stop| (*stop).to_owned()).collect();
    Ok(sent.to_vec())
}

/// The tier, in Google's word for it.
pub(super) fn tier<'r>(request: &'r Request<'_>) -> Option<Cow<'r, str>> {
    match request.tier.as_ref()? {
        Tier::Auto => None,
        Tier::Standard => Some("standard".into()),
        Tier::Flex => Some("flex".into()),
        Tier::Priority => Some("priority".into()),
        Tier::Other(word) => Some(word.to_ascii_lowercase().into()),
    }
}

/// Fields that have no place in the neutral form: those that clients of other shapes send for Google go on, all others are reported.
///
/// # Errors
/// For what must not be left out: sound as an answer, servers and containers that the provider is to use.
pub(super) fn extras<'r>(
    request: &'r Request<'_>,
    target: &mut Target<'_>,
    body: &mut Body<'r>,
) -> Result<(), ApiError> {
    for (name, value) in &request.extras {
        match &**name {
            "cachedContent" | "cached_content" if value.view().string().is_some() => body.cached_content = Some(value),
            "safetySettings" | "safety_settings" => body.safety_settings = Some(value),
            "modalities" if wants_sound(value) => {
                return Err(target.refuses("modalities", "a request for sound in another API's words"));
            }
            "audio" => return Err(target.refuses("audio", "a request for sound in another API's words")),
            "mcp_servers" if value.view().elements().next().is_some() => {
                return Err(target.refuses("mcp_servers", "MCP servers that the provider is to call"));
            }
            "container" => return Err(target.refuses("container", "a container of another provider's")),
            name => {
                if !says_nothing(name, value.view()) {
                    target.losses.dropped(name.to_owned());
                }
            }
        }
    }
    // A cache holds them: Google refuses both together.
    if body.cached_content.is_some() {
        if body.system_instruction.take().is_some() {
            target.losses.dropped("messages.system");
        }
        if !body.tools.is_empty() {
            body.tools.clear();
            target.losses.dropped("tools");
        }
        if body.tool_config.take().is_some() {
            target.losses.dropped("tool_choice");
        }
    }
    Ok(())
}

fn wants_sound(value: &Json<'_>) -> bool {
    value.view().elements().any(|element| element.string().as_deref() == Some("audio"))
}

/// Whether a field says no more than one that was left out.
fn says_nothing(name: &str, value: View<'_>) -> bool {
    match name {
        "logprobs" | "store" => value.bool() == Some(false),
        "logit_bias" => value.members().next().is_none(),
        "mcp_servers" => true,
        "top_logprobs" => value.u64() == Some(0),
        "modalities" => true,
        _ => false,
    }
}
