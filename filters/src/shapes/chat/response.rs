//! Whole chat answers, read and written.

use super::super::error::to_json;
use super::response_wire::{self as wire, Call, Choice, Completion, Details, Message, UsageWire};
use super::stream_decode::Decoder;
use crate::json::View;
use crate::neutral::{Answering, ApiError, Collector, Part, Response};

#[cfg(test)]
mod recordings;
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
    let message = message(response, answering);
    let native = Some(response.native_finish.as_str()).filter(|native| !native.is_empty());
    let has_calls = !message.tool_calls.is_empty() || message.function_call.is_some();
    let reason = wire::finish_word(&response.finish, has_calls, answering.deprecated_functions);
    let choice = Choice {
        index: 0,
        message: &message,
        logprobs: None,
        finish_reason: reason,
        native_finish_reason: native.unwrap_or(reason),
    };
    let id = if response.id.is_empty() { answering.minted("chatcmpl-", 0) } else { response.id.clone() };
    to_json(&Completion {
        id: &id,
        object: "chat.completion",
        created: answering.created,
        model: if response.model.is_empty() { &answering.model } else { &response.model },
        choices: [choice],
        usage: response.usage.as_ref().map(UsageWire::new),
        service_tier: response.service_class.as_deref().and_then(wire::tier),
    })
}

fn message<'r>(response: &'r Response, answering: &'r Answering) -> Message<'r> {
    let mut message = Message { role: "assistant", ..Message::default() };
    let (mut content, mut refusal, mut reasoning) = (String::new(), String::new(), String::new());
    let mut details = Details::new(answering.hide_reasoning);
    // Citations count characters of the whole content.
    let mut length = 0_u64;
    for part in &response.parts {
        match part {
            Part::Text(text) => {
                content.push_str(&text.text);
                let start = length;
                length += wire::characters(&text.text);
                let found =
                    text.citations.iter().filter_map(|citation| wire::annotation(citation, (start, length), None));
                message.annotations.extend(found);
            }
            Part::Refusal(text) => refusal.push_str(text),
            Part::Reasoning(thought) => {
                if !answering.hide_reasoning {
                    reasoning.push_str(&thought.text);
                }
                details.reasoning(thought);
            }
            Part::ToolCall(call) => {
                if let Some(state) = &call.state {
                    details.call(state, &call.id);
                }
                let call = Call::whole(call, answering);
                if !answering.deprecated_functions {
                    message.tool_calls.push(call);
                } else if message.function_call.is_none() {
                    message.function_call = Some(call.function());
                }
            }
            Part::Opaque(opaque) if wire::is_image(opaque) => message.images.push(opaque.raw.clone()),
            // Blocks of another shape, and what no answer holds.
            _ => {}
        }
    }
    if refusal.is_empty() {
        refusal.extend(wire::refusal(&response.finish, &response.native_finish));
    }
    let is_silent = content.is_empty()
        && (message.function_call.is_some() || !message.tool_calls.is_empty() || !refusal.is_empty());
    message.content = (!is_silent).then_some(content);
    message.refusal = Some(refusal).filter(|refusal| !refusal.is_empty());
    message.reasoning_details = details.into_entries();
    if !reasoning.is_empty() {
        message.reasoning_content = Some(reasoning.clone());
        message.reasoning = Some(reasoning);
    }
    message
}
