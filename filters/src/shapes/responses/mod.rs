//! OpenAI Responses.

mod decode;
mod echo;
mod encode;
mod error;
mod peek;
mod skim;
mod stream;
mod stream_decode;
mod stream_encode;
mod usage;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::codec::{Codec, DecodeStream, EncodeStream};
use super::{EncodedError, EventKind, Observed, Peek, Rules};
use crate::Operation;
use crate::json::View;
use crate::neutral::{Answering, ApiError, Losses, Profile, Request, Response};
use crate::sse::RawEvent;
pub(crate) use skim::Skim;

/// The rules of the responses shape.
pub(super) struct Responses;

impl Rules for Responses {
    fn peek(&self, operation: Operation, body: &[u8]) -> Result<Peek, ApiError> {
        peek::peek(operation, body)
    }

    fn error(&self, error: &ApiError, _request_id: &str) -> EncodedError {
        super::chat::error::encode(error)
    }

    fn error_event(&self, error: &ApiError, request_id: &str) -> Vec<u8> {
        error::event(error, (&format!("resp_{request_id}"), ""), 0)
    }

    fn token_count(&self, tokens: u64) -> Vec<u8> {
        format!("{{\"object\":\"response.input_tokens\",\"input_tokens\":{tokens}}}").into_bytes()
    }

    fn error_event_after(&self, error: &ApiError, request_id: &str, seen: &Observed) -> Vec<u8> {
        let Some(last) = seen.sequence else { return self.error_event(error, request_id) };
        let id = seen.message_id.clone().unwrap_or_else(|| format!("resp_{request_id}"));
        error::event(error, (&id, seen.model.as_deref().unwrap_or_default()), last.saturating_add(1))
    }

    fn read_event(&self, event: &RawEvent, seen: &mut Observed) -> EventKind {
        stream::read_event(event, seen)
    }

    fn read_fragment(&self, bytes: &[u8], is_last: bool, seen: &mut Observed) -> EventKind {
        stream::read_fragment(bytes, is_last, seen)
    }

    fn read_body(&self, body: &[u8], seen: &mut Observed) -> EventKind {
        stream::read_body(body, seen)
    }
}

impl Codec for Responses {
    fn decode_request<'a>(&self, body: View<'a>, losses: &mut Losses) -> Result<Request<'a>, ApiError> {
        decode::request(body, losses)
    }

    fn echo(&self, body: View<'_>) -> Arc<str> {
        echo::of(body)
    }

    fn encode_request(
        &self,
        request: &Request<'_>,
        profile: &Profile,
        losses: &mut Losses,
    ) -> Result<(Vec<u8>, Answering), ApiError> {
        encode::request(request, profile, losses)
    }

    fn decode_response(&self, body: View<'_>, seed: &str) -> Result<Response, ApiError> {
        stream_decode::whole(body, seed)
    }

    fn encode_response(&self, response: &Response, answering: &Answering) -> Vec<u8> {
        stream_encode::whole(response, answering)
    }

    fn stream_decoder(&self, seed: &str) -> Box<dyn DecodeStream> {
        Box::new(stream_decode::Decoder::new(seed))
    }

    fn stream_encoder(&self, answering: &Answering) -> Box<dyn EncodeStream> {
        Box::new(stream_encode::Encoder::new(answering))
    }
}
