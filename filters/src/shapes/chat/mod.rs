//! OpenAI Chat Completions, as OpenAI and the many hosts that speak it have it.

pub(super) mod error;
mod peek;
mod stream;
pub(super) mod usage;

use super::{EncodedError, EventKind, Observed, Peek, Rules};
use crate::Operation;
use crate::neutral::ApiError;
use crate::sse::RawEvent;
use crate::tokens::Rates;

/// Fitted on 22 recorded streams of models of OpenAI, DeepSeek, Qwen, Llama, Mistral and Grok, so that the sums of those
/// who said much come near. Whose tokenizer it is cannot be known here.
pub(super) static RATES: Rates = Rates { words: 95, answer: 2, call: 10, citation: 0 };

/// The rules of the chat shape.
pub(super) struct Chat;

impl Rules for Chat {
    fn peek(&self, operation: Operation, body: &[u8]) -> Result<Peek, ApiError> {
        peek::peek(operation, body)
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
