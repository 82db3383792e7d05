//! OpenAI Responses.

mod error;
mod peek;
mod skim;
mod stream;
mod usage;

#[cfg(test)]
mod tests;

use super::{EncodedError, EventKind, Observed, Peek, Rules};
use crate::Operation;
use crate::neutral::ApiError;
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
