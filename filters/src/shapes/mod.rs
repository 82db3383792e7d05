//! The API shapes: what a request asks, what an answer says, and how errors look, one folder a shape.

mod attachments;
mod call_state;
pub(crate) mod chat;
pub(crate) mod codec;
mod efforts;
mod end_user;
pub(crate) mod envelope;
mod error;
mod fields;
mod files;
mod free_text;
pub(crate) mod generate_content;
mod media;
mod messages;
mod object;
mod observed;
mod openai_identity;
mod openai_schema;
mod output_bound;
mod own_names;
mod own_stops;
mod parameters;
mod peek;
mod provider_error;
mod responses;
mod rules;
mod schema;
mod service_class;
mod strip;
mod tool_names;

pub use error::EncodedError;
pub use generate_content::{Framing, ModelCall};
pub use observed::EventKind;
pub(crate) use observed::Observed;
pub use own_names::in_words_of;
pub use parameters::Parameters;
pub use peek::{Edits, InPath, Needs, Peek};
pub use provider_error::ProviderError;
pub(crate) use rules::Rules;
pub use strip::{Strip, strip_state};

use crate::neutral::ApiError;
use crate::{Operation, Shape};

/// How large an event of a stream may be to be held and understood; larger ones are passed on in fragments.
pub const MAX_EVENT_BYTES: usize = 64 * 1024;

/// The registry: one line a shape.
pub(crate) fn rules(shape: Shape) -> &'static dyn Rules {
    match shape {
        Shape::Chat => &chat::Chat,
        Shape::Responses => &responses::Responses,
        Shape::Messages => &messages::Messages,
        Shape::GenerateContent => &generate_content::GenerateContent,
    }
}

/// The registry of translations: one line a shape.
pub(crate) fn codec(shape: Shape) -> Option<&'static dyn codec::Codec> {
    match shape {
        Shape::Chat => Some(&chat::Chat),
        Shape::Messages => Some(&messages::Messages),
        Shape::Responses => Some(&responses::Responses),
        Shape::GenerateContent => Some(&generate_content::GenerateContent),
    }
}

/// What the gateway has to know of a request, found in one pass over its body.
///
/// # Errors
/// An [`ApiError`] that names the field at fault and the cure: the body is no JSON object, a field that the gateway
/// reads is missing, of a wrong type or there twice, or requests of this shape are not served.
pub fn peek(shape: Shape, operation: Operation, body: &[u8]) -> Result<Peek, ApiError> {
    rules(shape).peek(operation, body)
}

/// The same for a request whose path says what its body does not: [`InPath`]. Shapes that say it in the body are read as by [`peek`].
///
/// # Errors
/// As [`peek`].
pub fn peek_in_path(shape: Shape, operation: Operation, path: InPath<'_>, body: &[u8]) -> Result<Peek, ApiError> {
    rules(shape).peek_in_path(operation, path, body)
}

/// An error as a whole answer in that shape: status and JSON body.
#[must_use]
pub fn encode_error(shape: Shape, error: &ApiError, request_id: &str) -> EncodedError {
    rules(shape).error(error, request_id)
}

/// An error as the last event of a stream in that shape, blank line included.
#[must_use]
pub fn encode_error_event(shape: Shape, error: &ApiError, request_id: &str) -> Vec<u8> {
    rules(shape).error_event(error, request_id)
}

/// The answer of that shape's endpoint that counts the tokens of a prompt.
#[must_use]
pub fn token_count(shape: Shape, tokens: u64) -> Vec<u8> {
    rules(shape).token_count(tokens)
}

/// Whether hosts that speak that shape may stream an answer as one JSON array though events are asked for:
/// [`crate::sse::ArrayFramer`] cuts it.
#[must_use]
pub fn streams_as_array(shape: Shape) -> bool {
    rules(shape).streams_as_array()
}

/// What keeps a silent stream of that shape alive: an event that every client passes over, or blank lines.
#[must_use]
pub fn heartbeat(shape: Shape) -> &'static [u8] {
    rules(shape).heartbeat()
}

/// What a provider's error body says. Hosts answer in forms that are not their shape's own (and gateways before them in
/// yet others), so all forms are understood for every shape. Never fails: what is not said is `None`.
#[must_use]
pub fn decode_error(_shape: Shape, body: &[u8]) -> ProviderError {
    provider_error::decode(body)
}

#[cfg(test)]
mod tests;
