//! Anthropic Messages.

mod decode;
mod encode;
mod error;
mod peek;
mod response;
mod stream;
mod stream_decode;
mod stream_encode;
mod usage;

#[cfg(test)]
mod answer_tests;

use super::codec::{Codec, DecodeStream, EncodeStream};
use super::{EncodedError, EventKind, Observed, Peek, Rules};
use crate::Operation;
use crate::json::View;
use crate::neutral::{Answering, ApiError, Losses, Profile, Request, Response};
use crate::sse::RawEvent;
use crate::tokens::{CLAUDE_ANSWERS, Rates};

/// What says that a silent stream is still there.
static HEARTBEAT: &[u8] = b"event: ping\ndata: {\"type\": \"ping\"}\n\n";

/// The rules of the messages shape.
pub(super) struct Messages;

impl Rules for Messages {
    fn peek(&self, operation: Operation, body: &[u8]) -> Result<Peek, ApiError> {
        peek::peek(operation, body)
    }

    fn error(&self, error: &ApiError, request_id: &str) -> EncodedError {
        error::encode(error, request_id)
    }

    fn error_event(&self, error: &ApiError, request_id: &str) -> Vec<u8> {
        crate::sse::event(Some("error"), &error::encode(error, request_id).body)
    }

    fn heartbeat(&self) -> &'static [u8] {
        HEARTBEAT
    }

    fn rates(&self) -> &'static Rates {
        &CLAUDE_ANSWERS
    }

    fn read_event(&self, event: &RawEvent, seen: &mut Observed) -> EventKind {
        stream::read_event(event, seen)
    }

    fn read_body(&self, body: &[u8], seen: &mut Observed) -> EventKind {
        stream::read_body(body, seen)
    }
}

impl Codec for Messages {
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
