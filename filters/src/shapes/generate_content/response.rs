//! Whole answers, read and written.

use super::super::error::to_json;
use super::response_wire::{self as wire, Answer, Candidate, Told, UsageWire};
use super::stream_decode::Decoder;
use super::wire::Part as Wire;
use crate::json::View;
use crate::neutral::{Answering, ApiError, Collector, Part, Response};

#[cfg(test)]
mod tests;

/// Reads an answer; see [`super::super::codec::Codec::decode_response`].
pub(super) fn decode(body: View<'_>, seed: &str) -> Result<Response, ApiError> {
    let mut events = Vec::new();
    Decoder::new(seed).whole(body, &mut events);
    let mut answer = Collector::default();
    events.into_iter().for_each(|event| answer.take(event));
    answer.finish()
}

/// Writes an answer; see [`super::super::codec::Codec::encode_response`].
pub(super) fn encode(response: &Response, answering: &Answering) -> Vec<u8> {
    let parts = parts(response, answering);
    let refuses = response.parts.iter().any(|part| matches!(part, Part::Refusal(_)));
    let (reason, message) = wire::finish(&response.finish, refuses);
    let candidate = Candidate { finish_reason: Some(reason), finish_message: message, ..Candidate::saying(parts) };
    let minted = answering.minted("", 0);
    let service_class = response.service_class.as_deref();
    to_json(&Answer {
        candidates: [candidate],
        usage_metadata: Some(UsageWire::new(&response.usage.unwrap_or_default(), service_class)),
        model_version: if response.model.is_empty() { &answering.model } else { &response.model },
        response_id: if response.id.is_empty() { &minted } else { &response.id },
    })
}

fn parts<'r>(response: &'r Response, answering: &'r Answering) -> Vec<Wire<'r>> {
    let mut parts = Vec::with_capacity(response.parts.len());
    let mut is_first = true;
    for part in &response.parts {
        match part {
            Part::Text(text) if text.text.is_empty() => {}
            Part::Text(text) => parts.push(wire::text(&text.text)),
            Part::Refusal(text) if text.is_empty() => {}
            Part::Refusal(text) => parts.push(wire::text(text)),
            Part::Reasoning(reasoning) => {
                let (shown, hidden) =
                    if answering.hide_reasoning { ("", &*reasoning.text) } else { (&*reasoning.text, "") };
                let signature = wire::signature_of(reasoning.state.as_ref(), hidden, answering);
                if !shown.is_empty() || signature.is_some() {
                    parts.push(wire::thought(shown, signature));
                }
            }
            Part::ToolCall(call) => {
                let told = Told {
                    id: &call.id,
                    name: &call.name,
                    arguments: &call.arguments,
                    custom: call.custom,
                    state: call.state.as_ref(),
                    is_first: std::mem::take(&mut is_first),
                };
                parts.push(wire::call(&told, answering));
            }
            Part::Opaque(opaque) => parts.extend(wire::opaque(opaque)),
            // What no answer holds.
            Part::Image(_) | Part::Document(_) | Part::Sound(_) | Part::Video(_) | Part::ToolResult(_) => {}
        }
    }
    parts
}
