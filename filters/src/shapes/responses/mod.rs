//! OpenAI Responses: so far its errors, so that whoever asks on its paths is answered in the right shape, and
//! its token counts.

mod usage;

use serde::Serialize;

use super::chat::error;
use super::error::to_json;
use super::{EncodedError, EventKind, Observed, Rules};
use crate::neutral::ApiError;
use crate::sse::RawEvent;

/// The rules of the responses shape.
pub(super) struct Responses;

/// The `error` event, <https://platform.openai.com/docs/api-reference/responses-streaming/error>.
#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    code: Option<&'a str>,
    message: &'a str,
    param: Option<&'a str>,
    sequence_number: u64,
}

impl Rules for Responses {
    fn error(&self, error: &ApiError, _request_id: &str) -> EncodedError {
        error::encode(error)
    }

    fn error_event(&self, error: &ApiError, _request_id: &str) -> Vec<u8> {
        let message = error::message_of(error);
        let event = Event {
            kind: "error",
            code: error::code_of(error),
            message: &message,
            param: error.param.as_deref(),
            sequence_number: 0,
        };
        crate::sse::event(Some("error"), &to_json(&event))
    }

    fn read_event(&self, event: &RawEvent, seen: &mut Observed) -> EventKind {
        seen.complete = true;
        if event.is_comment() {
            return EventKind::Heartbeat;
        }
        // What cannot be read has no counts; it is passed on all the same.
        let _ = usage::read_answer(&event.data(), seen);
        EventKind::Content
    }

    fn read_body(&self, body: &[u8], seen: &mut Observed) -> EventKind {
        seen.complete = true;
        let _ = usage::read_answer(body, seen);
        EventKind::Content
    }
}
