//! The fields of a chat request that are neither conversation nor tools: bounds, sampling, who it is for.

use super::Target;
use super::wire::{CacheControl, Object};
use crate::neutral::{ApiError, Request, Tier};
use crate::shapes::{Parameters, openai_identity, own_stops};

/// Stop texts that chat takes at most.
const MAX_STOPS: usize = 4;

/// Asks for token counts at the end of a stream.
pub(super) const INCLUDE_USAGE: StreamOptions = StreamOptions { include_usage: true };

#[derive(serde::Serialize)]
pub(super) struct StreamOptions {
    include_usage: bool,
}

/// Writes them; gives the stop texts that the gateway has to look for itself.
///
/// # Errors
/// When the request asks for what chat cannot do.
pub(super) fn write(
    request: &Request<'_>,
    reasons: bool,
    target: &mut Target<'_>,
    body: &mut Object,
) -> Result<Vec<String>, ApiError> {
    bound(request, target, body)?;
    sampling(request, reasons, target, body);
    if request.choices.is_some_and(|choices| choices > 1) {
        return Err(target.refuses("n", "a request for several answers in another API's shape"));
    }
    let stops = stops(request, reasons, target, body)?;
    identity(request, target, body);
    tier(request, target, body);
    Ok(stops)
}

impl Target<'_> {
    /// Whether the model takes that field, as much as it is going to reason.
    pub(super) fn takes(&self, parameter: Parameters, reasons: bool) -> bool {
        let profile = self.profile;
        let refused = if reasons { profile.refused | profile.refused_while_reasoning } else { profile.refused };
        !refused.intersects(parameter)
    }
}

fn bound(request: &Request<'_>, target: &mut Target<'_>, body: &mut Object) -> Result<(), ApiError> {
    let Some(mut bound) = request.max_output else { return Ok(()) };
    if bound == 0 {
        return Err(target.refuses("max_tokens", "a request for no output (`max_tokens: 0`)"));
    }
    let profile = target.profile;
    if let Some(most) = profile.max_output.filter(|most| *most < bound) {
        target.losses.clamped("max_tokens");
        bound = most;
    }
    let refuses = |parameter| profile.refused.intersects(parameter);
    let newer = profile.host.max_completion_tokens && !refuses(Parameters::MAX_COMPLETION_TOKENS);
    let newer = newer || refuses(Parameters::MAX_TOKENS);
    body.put(if newer { "max_completion_tokens" } else { "max_tokens" }, &bound);
    Ok(())
}

fn sampling(request: &Request<'_>, reasons: bool, target: &mut Target<'_>, body: &mut Object) {
    let sampling = &request.sampling;
    // Clients send the usual value for the sake of it: nothing is lost when it is left out.
    let numbers = [
        ("temperature", sampling.temperature, Parameters::TEMPERATURE, 1.0),
        ("top_p", sampling.top_p, Parameters::TOP_P, 1.0),
        ("frequency_penalty", sampling.frequency_penalty, Parameters::FREQUENCY_PENALTY, 0.0),
        ("presence_penalty", sampling.presence_penalty, Parameters::PRESENCE_PENALTY, 0.0),
    ];
    let both = sampling.temperature.is_some() && sampling.top_p.is_some();
    for (name, value, parameter, usual) in numbers {
        let Some(value) = value else { continue };
        let is_second = name == "top_p" && both && target.profile.one_of_temperature_and_top_p;
        if target.takes(parameter, reasons) && !is_second {
            body.put(name, &value);
        } else if value != usual {
            target.losses.dropped(name);
        }
    }
    if let Some(top_k) = sampling.top_k {
        if target.takes(Parameters::TOP_K, reasons) && !target.profile.host.openai_fields {
            body.put("top_k", &top_k);
        } else {
            target.losses.dropped("top_k");
        }
    }
    if let Some(seed) = sampling.seed {
        if target.takes(Parameters::SEED, reasons) {
            body.put("seed", &seed);
        } else {
            target.losses.dropped("seed");
        }
    }
}

/// Sends as many as are taken; gives the others.
///
/// # Errors
/// When those are more than the gateway looks for.
fn stops(
    request: &Request<'_>,
    reasons: bool,
    target: &Target<'_>,
    body: &mut Object,
) -> Result<Vec<String>, ApiError> {
    let stops: Vec<&str> = request.stop.iter().map(|stop| &**stop).filter(|stop| !stop.is_empty()).collect();
    let sent = if target.takes(Parameters::STOP, reasons) { stops.len().min(MAX_STOPS) } else { 0 };
    let (sent, own) = stops.split_at_checked(sent).unwrap_or_default();
    let own = own_stops::bounded(own).map_err(|what| target.refuses("stop_sequences", &what))?;
    if !sent.is_empty() {
        body.put("stop", sent);
    }
    Ok(own)
}

/// Whom the answer is for, and the cache that their requests share.
fn identity(request: &Request<'_>, target: &Target<'_>, body: &mut Object) {
    let host = &target.profile.host;
    let user = request.end_user.as_deref().filter(|user| !user.is_empty());
    if let Some(user) = user {
        let name = if host.openai_fields { "safety_identifier" } else { "user" };
        body.put(name, &openai_identity::identifier(user));
    }
    if host.openai_fields {
        body.put_some("prompt_cache_key", openai_identity::cache_key(request));
    } else if host.router_fields {
        body.put_some("prompt_cache_key", request.cache_key.as_deref());
    }
    if let (Some(cache), true) = (request.cache, host.router_fields) {
        body.put("cache_control", &CacheControl { kind: "ephemeral", ttl: cache.long.then_some("1h") });
    }
}

fn tier(request: &Request<'_>, target: &Target<'_>, body: &mut Object) {
    let word = match &request.tier {
        // What holds without it; other hosts have no word for the second.
        None | Some(Tier::Auto) => return,
        Some(Tier::Standard) if !target.profile.host.openai_fields => return,
        Some(Tier::Standard) => "default",
        Some(Tier::Flex) => "flex",
        Some(Tier::Priority) => "priority",
        Some(Tier::Other(word)) => word,
    };
    body.put("service_tier", word);
}
