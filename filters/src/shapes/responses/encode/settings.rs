//! The fields of a request that are neither conversation nor tools: bounds, sampling, what the answer looks like, who it is for.

use std::borrow::Cow;

use serde::Serialize;

use super::super::super::object::Object;
use super::super::super::openai_schema::{NAME, fits_strict, legal};
use super::super::super::{openai_identity, own_stops};
use super::super::peek::MIN_OUTPUT;
use super::Target;
use crate::json::{Json, View};
use crate::neutral::{ApiError, Output, Request, Tier};
use crate::shapes::Parameters;

/// Writes them; gives the stop texts that the gateway has to look for itself, because the API has none.
///
/// # Errors
/// When the request asks for what the API cannot do.
pub(super) fn write(
    request: &Request<'_>,
    reasons: bool,
    target: &mut Target<'_>,
    body: &mut Object,
) -> Result<Vec<String>, ApiError> {
    bound(request, target, body)?;
    sampling(request, reasons, target, body);
    if request.choices.is_some_and(|choices| choices > 1) {
        return Err(target.refuses("n", "a request for several answers"));
    }
    let stops: Vec<&str> = request.stop.iter().map(|stop| &**stop).filter(|stop| !stop.is_empty()).collect();
    let stops = own_stops::bounded(&stops).map_err(|what| target.refuses("stop_sequences", &what))?;
    identity(request, target, body);
    tier(request, target, body);
    extras(request, target, body)?;
    Ok(stops)
}

fn bound(request: &Request<'_>, target: &mut Target<'_>, body: &mut Object) -> Result<(), ApiError> {
    let Some(asked) = request.max_output else { return Ok(()) };
    if asked == 0 {
        return Err(target.refuses("max_tokens", "a request for no output (`max_tokens: 0`)"));
    }
    let most = target.profile.max_output.unwrap_or(u64::MAX).max(MIN_OUTPUT);
    let bound = asked.clamp(MIN_OUTPUT, most);
    if bound != asked {
        target.losses.clamped("max_tokens");
    }
    body.put("max_output_tokens", &bound);
    Ok(())
}

fn sampling(request: &Request<'_>, reasons: bool, target: &mut Target<'_>, body: &mut Object) {
    let (sampling, profile) = (&request.sampling, target.profile);
    let refused = if reasons { profile.refused | profile.refused_while_reasoning } else { profile.refused };
    let both = sampling.temperature.is_some() && sampling.top_p.is_some();
    let numbers =
        [("temperature", sampling.temperature, Parameters::TEMPERATURE), ("top_p", sampling.top_p, Parameters::TOP_P)];
    for (name, value, parameter) in numbers {
        let Some(value) = value else { continue };
        let is_second = name == "top_p" && both && profile.one_of_temperature_and_top_p;
        if !refused.intersects(parameter) && !is_second {
            body.put(name, &value);
        } else if value != 1.0 {
            // Clients send the usual value for the sake of it: nothing is lost when it is left out.
            target.losses.dropped(name);
        }
    }
    let others = [
        ("top_k", sampling.top_k.is_some()),
        ("seed", sampling.seed.is_some()),
        ("frequency_penalty", sampling.frequency_penalty.is_some_and(|penalty| penalty != 0.0)),
        ("presence_penalty", sampling.presence_penalty.is_some_and(|penalty| penalty != 0.0)),
    ];
    for (name, _) in others.into_iter().filter(|(_, is_set)| *is_set) {
        target.losses.dropped(name);
    }
}

/// Whom the answer is for, and the cache that their requests share.
fn identity(request: &Request<'_>, target: &Target<'_>, body: &mut Object) {
    let is_openai = target.profile.host.openai_fields;
    if let Some(user) = request.end_user.as_deref().filter(|user| !user.is_empty()) {
        let name = if is_openai { "safety_identifier" } else { "user" };
        body.put(name, &openai_identity::identifier(user));
    }
    if is_openai {
        body.put_some("prompt_cache_key", openai_identity::cache_key(request));
    } else {
        body.put_some("prompt_cache_key", request.cache_key.as_deref());
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

/// Writes the fields that this shape has too, and reports all others that were set.
fn extras(request: &Request<'_>, target: &mut Target<'_>, body: &mut Object) -> Result<(), ApiError> {
    let is_openai = target.profile.host.openai_fields;
    for (name, value) in &request.extras {
        let view = value.view();
        match &**name {
            "mcp_servers" if view.elements().next().is_none() => {}
            "mcp_servers" => return Err(target.refuses("mcp_servers", "MCP servers that the provider is to call")),
            "container" => return Err(target.refuses("container", "a container of another provider's")),
            "modalities" if !wants_sound(view) => {}
            "modalities" | "audio" => return Err(target.refuses(name, "a request for sound")),
            "metadata" => body.put("metadata", value),
            "moderation" | "prompt_cache_options" | "prompt_cache_retention" if is_openai => body.put(name, value),
            // Those have places of their own.
            "verbosity" | "text.verbosity" if is_openai => {}
            "web_search_options" if is_openai => {}
            name => target.losses.dropped(name.to_owned()),
        }
    }
    Ok(())
}

fn wants_sound(modalities: View<'_>) -> bool {
    modalities.elements().any(|modality| modality.string().as_deref() == Some("audio"))
}

/// Writes what the answer must look like; gives what the model is told of it in words, because its host has none for it.
pub(super) fn words(request: &Request<'_>, target: &mut Target<'_>, body: &mut Object) -> Option<String> {
    let mut instruction = None;
    let plain = |kind| Some(Format { kind, schema: None });
    let format = match &request.output {
        Output::Text => None,
        Output::JsonObject => plain("json_object"),
        Output::Schema { schema, .. } if target.profile.structured_outputs == Some(false) => {
            target.losses.approximated("schema");
            let schema = schema.compact();
            instruction = Some(format!("Reply with one JSON object only, which keeps to this JSON Schema:\n{schema}"));
            plain("json_object")
        }
        Output::Schema { name, description, schema, strict } => {
            let mut strict = *strict == Some(true);
            if strict && target.profile.host.openai_fields && !fits_strict(schema) {
                target.losses.approximated("schema");
                strict = false;
            }
            let name = name.as_deref().map_or(Cow::Borrowed(NAME), legal);
            let schema = Schema { name, description: description.as_deref(), schema, strict };
            Some(Format { kind: "json_schema", schema: Some(schema) })
        }
    };
    let is_openai = target.profile.host.openai_fields;
    let verbosity = request.extra("text.verbosity").or(request.extra("verbosity")).filter(|_| is_openai);
    if format.is_some() || verbosity.is_some() {
        body.put("text", &Text { format, verbosity });
    }
    instruction
}

#[derive(Serialize)]
struct Text<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Format<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'a Json<'a>>,
}

#[derive(Serialize)]
struct Format<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    schema: Option<Schema<'a>>,
}

/// That it must not be kept to is said: OpenAI tries to, otherwise.
#[derive(Serialize)]
struct Schema<'a> {
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    schema: &'a Json<'a>,
    strict: bool,
}
