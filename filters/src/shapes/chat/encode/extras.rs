//! Fields of a request that have no place in the neutral form: those that chat has too go on, all others are reported.

use super::Target;
use super::wire::Object;
use crate::json::Json;
use crate::neutral::{ApiError, Request};
use crate::shapes::Parameters;

/// Writes those that the host takes.
///
/// # Errors
/// For what must not be left out: servers and containers that the provider is to use.
pub(super) fn write(
    request: &Request<'_>,
    reasons: bool,
    target: &mut Target<'_>,
    body: &mut Object,
) -> Result<(), ApiError> {
    for (name, value) in &request.extras {
        match &**name {
            "mcp_servers" if value.view().elements().next().is_none() => {}
            "mcp_servers" => return Err(target.refuses("mcp_servers", "MCP servers that the provider is to call")),
            "container" => return Err(target.refuses("container", "a container of another provider's")),
            "text.verbosity" if is_taken("verbosity", reasons, target) => put("verbosity", value, body),
            name if is_taken(name, reasons, target) => put(name, value, body),
            name => target.losses.dropped(name.to_owned()),
        }
    }
    Ok(())
}

fn put(name: &str, value: &Json<'_>, body: &mut Object) {
    body.put(name, value);
}

/// Whether chat has the field and the host takes it.
fn is_taken(name: &str, reasons: bool, target: &Target<'_>) -> bool {
    let host = &target.profile.host;
    match name {
        "logit_bias" => target.takes(Parameters::LOGIT_BIAS, reasons),
        "logprobs" => target.takes(Parameters::LOGPROBS, reasons),
        "top_logprobs" => target.takes(Parameters::TOP_LOGPROBS, reasons),
        "metadata" | "prediction" | "verbosity" | "web_search_options" | "modalities" | "audio" => {
            host.openai_fields || host.router_fields
        }
        "moderation" | "prompt_cache_options" | "prompt_cache_retention" | "store" => host.openai_fields,
        "min_p" | "top_a" | "repetition_penalty" => !host.openai_fields,
        _ => false,
    }
}
