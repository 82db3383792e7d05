//! Gemini `generateContent`: so far its errors, so that whoever asks on its paths is answered in the right shape, and
//! its token counts.
//!
//! Statuses: <https://ai.google.dev/gemini-api/docs/troubleshooting>.

mod usage;

use std::borrow::Cow;

use serde::Serialize;

use super::error::{Form, form, to_json};
use super::{EncodedError, EventKind, Observed, Rules};
use crate::neutral::{ApiError, ErrorClass};
use crate::sse::RawEvent;

/// The rules of the generate_content shape.
pub(super) struct GenerateContent;

#[derive(Serialize)]
struct Body<'a> {
    error: Inner<'a>,
}

#[derive(Serialize)]
struct Inner<'a> {
    code: u16,
    message: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<[RetryInfo; 1]>,
}

/// This shape has its `retry-after` in the body.
#[derive(Serialize)]
struct RetryInfo {
    #[serde(rename = "@type")]
    kind: &'static str,
    #[serde(rename = "retryDelay")]
    retry_delay: String,
}

impl Rules for GenerateContent {
    fn error(&self, error: &ApiError, _request_id: &str) -> EncodedError {
        let Form { status, kind, .. } = form_of(error.class);
        let message = message_of(error);
        let details = error.retry_after.map(|seconds| {
            [RetryInfo { kind: "type.googleapis.com/google.rpc.RetryInfo", retry_delay: format!("{seconds}s") }]
        });
        let inner = Inner { code: status, message: &message, status: kind, details };
        EncodedError { status, body: to_json(&Body { error: inner }) }
    }

    fn error_event(&self, error: &ApiError, request_id: &str) -> Vec<u8> {
        crate::sse::event(None, &self.error(error, request_id).body)
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

/// The message; for a context overflow with the words that clients look for.
fn message_of(error: &ApiError) -> Cow<'_, str> {
    const OVERFLOW: &str = "input token count";
    if error.class == ErrorClass::ContextOverflow && !error.message.contains(OVERFLOW) {
        let message = format!("The {OVERFLOW} exceeds the maximum number of tokens allowed: {}", error.message);
        return Cow::Owned(message);
    }
    Cow::Borrowed(&error.message)
}

fn form_of(class: ErrorClass) -> Form {
    match class {
        ErrorClass::BadRequest | ErrorClass::ContextOverflow | ErrorClass::ContentRefused | ErrorClass::TooLarge => {
            form(400, "INVALID_ARGUMENT")
        }
        ErrorClass::ClientAuth => form(401, "UNAUTHENTICATED"),
        ErrorClass::Permission => form(403, "PERMISSION_DENIED"),
        ErrorClass::NotFound | ErrorClass::UnknownModel => form(404, "NOT_FOUND"),
        ErrorClass::MethodNotAllowed => form(405, "INVALID_ARGUMENT"),
        ErrorClass::RequestTimeout => form(408, "DEADLINE_EXCEEDED"),
        ErrorClass::NoCredit | ErrorClass::Quota | ErrorClass::RateLimit => form(429, "RESOURCE_EXHAUSTED"),
        ErrorClass::Internal
        | ErrorClass::OperatorAuth
        | ErrorClass::OperatorModel
        | ErrorClass::Transport
        | ErrorClass::Upstream => form(500, "INTERNAL"),
        ErrorClass::OperatorBilling | ErrorClass::Overloaded | ErrorClass::Unavailable => form(503, "UNAVAILABLE"),
        ErrorClass::Timeout => form(504, "DEADLINE_EXCEEDED"),
    }
}
