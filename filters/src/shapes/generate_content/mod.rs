//! Gemini `generateContent`, `streamGenerateContent` and `countTokens`.

mod decode;
mod encode;
mod error;
mod names;
mod numbers;
mod path;
mod peek;
mod response;
mod response_wire;
mod signature;
mod stream;
mod stream_decode;
mod stream_encode;
mod strip;
mod usage;
mod wire;

#[cfg(test)]
mod tests;

use super::codec::{Codec, DecodeStream, EncodeStream};
use super::{EncodedError, EventKind, InPath, Observed, Peek, Rules};
use crate::Operation;
use crate::json::View;
use crate::neutral::{Answering, ApiError, ErrorClass, Losses, Profile, Request, Response};
use crate::sse::RawEvent;

pub use path::{Framing, ModelCall};
pub(super) use peek::no_contents;
#[cfg(test)]
pub(crate) use signature::state as signature_state;
pub(super) use strip::strip;

/// The rules of the generate_content shape.
pub(super) struct GenerateContent;

impl Rules for GenerateContent {
    fn peek(&self, _operation: Operation, _body: &[u8]) -> Result<Peek, ApiError> {
        let message = "the model stands in the path of this API: POST /gemini/v1beta/models/MODEL:generateContent";
        Err(ApiError::new(ErrorClass::NotFound, message))
    }

    fn peek_in_path(&self, operation: Operation, path: InPath<'_>, body: &[u8]) -> Result<Peek, ApiError> {
        peek::peek(operation, path, body)
    }

    fn ends_without_mark(&self) -> bool {
        true
    }

    fn streams_as_array(&self) -> bool {
        true
    }

    /// Blank lines: a Google SDK for Node that is much in use (that of Gemini CLI is one) takes white space between events, and
    /// never finds another event behind a comment.
    fn heartbeat(&self) -> &'static [u8] {
        b"\n\n"
    }

    fn token_count(&self, tokens: u64) -> Vec<u8> {
        format!("{{\"totalTokens\":{tokens}}}").into_bytes()
    }

    fn error(&self, error: &ApiError, _request_id: &str) -> EncodedError {
        error::encode(error)
    }

    fn error_event(&self, error: &ApiError, _request_id: &str) -> Vec<u8> {
        crate::sse::event(None, &error::encode(error).body)
    }

    fn read_event(&self, event: &RawEvent, seen: &mut Observed) -> EventKind {
        stream::read_event(event, seen)
    }

    fn read_body(&self, body: &[u8], seen: &mut Observed) -> EventKind {
        stream::read_body(body, seen)
    }
}

impl Codec for GenerateContent {
    fn decode_request<'a>(&self, body: View<'a>, losses: &mut Losses) -> Result<Request<'a>, ApiError> {
        decode::request(body, losses)
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
        response::decode(body, seed)
    }

    fn encode_response(&self, response: &Response, answering: &Answering) -> Vec<u8> {
        response::encode(response, answering)
    }

    fn stream_decoder(&self, seed: &str) -> Box<dyn DecodeStream> {
        Box::new(stream_decode::Decoder::new(seed))
    }

    fn stream_encoder(&self, answering: &Answering) -> Box<dyn EncodeStream> {
        Box::new(stream_encode::Encoder::new(answering))
    }
}
