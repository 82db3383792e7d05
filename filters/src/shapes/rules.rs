//! What a shape has to say for itself, and what holds for one whose requests and answers are not understood yet.

use super::{EncodedError, EventKind, InPath, Observed, Peek};
use crate::Operation;
use crate::neutral::{ApiError, ErrorClass};
use crate::sse::RawEvent;
use crate::tokens::Rates;

/// The rules of one shape.
pub(crate) trait Rules: Sync {
    /// What the gateway has to know of a request.
    fn peek(&self, _operation: Operation, _body: &[u8]) -> Result<Peek, ApiError> {
        Err(ApiError::new(
            ErrorClass::NotFound,
            "this endpoint is not served yet: use /v1/chat/completions or /v1/messages",
        ))
    }

    /// The same, for shapes that have model and streaming in the path; the others have both in the body.
    fn peek_in_path(&self, operation: Operation, _path: InPath<'_>, body: &[u8]) -> Result<Peek, ApiError> {
        self.peek(operation, body)
    }

    /// Whether nothing but the last content says that a stream is over.
    fn ends_without_mark(&self) -> bool {
        false
    }

    /// Whether hosts may stream an answer as one JSON array though events are asked for.
    fn streams_as_array(&self) -> bool {
        false
    }

    /// An error as a whole answer.
    fn error(&self, error: &ApiError, request_id: &str) -> EncodedError;

    /// An error as the last event of a stream.
    fn error_event(&self, error: &ApiError, request_id: &str) -> Vec<u8>;

    /// The same for a stream of which that was seen: in shapes that number their events, with the number that is due.
    fn error_event_after(&self, error: &ApiError, request_id: &str, _seen: &Observed) -> Vec<u8> {
        self.error_event(error, request_id)
    }

    /// How many tokens a prompt has, as the shape's own endpoint tells it.
    fn token_count(&self, tokens: u64) -> Vec<u8> {
        format!("{{\"input_tokens\":{tokens}}}").into_bytes()
    }

    /// What keeps a silent stream alive: a comment, unless clients of the shape need more.
    fn heartbeat(&self) -> &'static [u8] {
        b": keep-alive\n\n"
    }

    /// What the tokenizers of those who speak the shape make of an answer, as far as its reader counts it.
    fn rates(&self) -> &'static Rates {
        &super::chat::RATES
    }

    /// Reads one event of an answer. By default everything but a comment is content, and since nothing tells a cut
    /// stream from a whole one, every stream is whole.
    fn read_event(&self, event: &RawEvent, seen: &mut Observed) -> EventKind {
        seen.complete = true;
        if event.is_comment() { EventKind::Heartbeat } else { EventKind::Content }
    }

    /// Reads a piece of an event that is too large to be held. By default it cannot be understood, and is content.
    fn read_fragment(&self, _bytes: &[u8], _is_last: bool, seen: &mut Observed) -> EventKind {
        seen.blind = true;
        EventKind::Content
    }

    /// Reads a whole answer that was not streamed.
    fn read_body(&self, _body: &[u8], seen: &mut Observed) -> EventKind {
        seen.complete = true;
        EventKind::Content
    }
}
