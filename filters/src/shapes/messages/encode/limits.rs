//! Bounds, stop texts and how to choose words: what the model takes of it.

use super::wire::{Body, Thinking};
use crate::neutral::{Answering, ApiError, ErrorClass, Losses, Profile, Request, Tier};
use crate::shapes::Parameters;

/// The bound on the output of a model whose maximum is not known.
const DEFAULT_MAX_TOKENS: u64 = 8_192;

/// The bound on the output, which this shape demands: the client's, else the model's maximum.
pub(super) fn max_tokens(request: &Request<'_>, profile: &Profile, losses: &mut Losses) -> u64 {
    let most = profile.max_output;
    match (request.max_output, most) {
        (Some(asked), Some(most)) if asked > most => {
            losses.clamped("max_tokens");
            most
        }
        (Some(asked), _) => asked,
        (None, most) => most.unwrap_or(DEFAULT_MAX_TOKENS),
    }
}

/// Only one answer can be had.
pub(super) fn choices(request: &Request<'_>, profile: &Profile) -> Result<(), ApiError> {
    if request.choices.is_none_or(|choices| choices <= 1) {
        return Ok(());
    }
    let message =
        format!("{} gives one answer at a time: leave `n` out, or send the request several times", profile.model);
    Err(ApiError::new(ErrorClass::BadRequest, message).with_param("n"))
}

/// Writes temperature and the like, without what the model refuses.
pub(super) fn sampling<'a>(request: &Request<'a>, profile: &Profile, body: &mut Body<'_>, losses: &mut Losses) {
    let asked = &request.sampling;
    let reasons = matches!(body.thinking, Some(Thinking::Adaptive { .. } | Thinking::Enabled { .. }));
    let mut refused = profile.refused;
    if reasons || (body.thinking.is_none() && !profile.rests_by_default) {
        refused = refused | profile.refused_while_reasoning;
    }
    let refuses = |parameter| refused.intersects(parameter);
    // A model that reasons chooses words in its own way, says the API's documentation.
    let own_way = reasons;

    body.temperature = asked.temperature.and_then(|wanted| {
        if refuses(Parameters::TEMPERATURE) || own_way {
            if !is_one(wanted) {
                losses.dropped("temperature");
            }
            return None;
        }
        let sent = wanted.clamp(0.0, 1.0);
        if !(0.0..=1.0).contains(&wanted) {
            losses.clamped("temperature");
        }
        Some(sent)
    });
    let temperature_wins = profile.one_of_temperature_and_top_p && body.temperature.is_some();
    body.top_p = asked.top_p.filter(|wanted| {
        let dropped = refuses(Parameters::TOP_P) || temperature_wins || (own_way && *wanted < 0.95);
        if dropped && !is_one(*wanted) {
            losses.dropped("top_p");
        }
        !dropped
    });
    body.top_k = asked.top_k.filter(|_| {
        let dropped = refuses(Parameters::TOP_K) || own_way;
        if dropped {
            losses.dropped("top_k");
        }
        !dropped
    });
    for (name, penalty) in
        [("frequency_penalty", asked.frequency_penalty), ("presence_penalty", asked.presence_penalty)]
    {
        if penalty.is_some_and(|penalty| penalty.abs() > 0.0) {
            losses.dropped(name);
        }
    }
    if asked.seed.is_some() {
        losses.dropped("seed");
    }
}

/// 1 is what providers take for a value that was left out.
fn is_one(value: f64) -> bool {
    (value - 1.0).abs() < f64::EPSILON
}

/// Writes the texts that end the answer. Those that the API refuses the gateway looks for itself.
pub(super) fn stops<'a>(request: &'a Request<'_>, profile: &Profile, body: &mut Body<'a>, answering: &mut Answering) {
    let refused = profile.refused.intersects(Parameters::STOP);
    for stop in request.stop.iter().filter(|stop| !stop.is_empty()) {
        if refused || stop.trim().is_empty() {
            answering.stops.push(stop.to_string());
        } else {
            body.stop_sequences.push(stop);
        }
    }
}

/// The tier, as far as the API has it.
pub(super) fn tier(request: &Request<'_>, losses: &mut Losses) -> Option<&'static str> {
    match &request.tier {
        None | Some(Tier::Auto) => None,
        Some(Tier::Standard) => Some("standard_only"),
        Some(Tier::Flex | Tier::Priority | Tier::Other(_)) => {
            losses.dropped("service_tier");
            None
        }
    }
}
