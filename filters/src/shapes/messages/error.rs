//! Errors as the Messages API has them.
//!
//! Statuses and types: <https://docs.claude.com/en/api/errors>.

use std::borrow::Cow;

use serde::Serialize;

use super::super::error::{EncodedError, Form, form, to_json};
use crate::neutral::{ApiError, ErrorClass};

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    error: Inner<'a>,
    request_id: &'a str,
}

#[derive(Serialize)]
struct Inner<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details<'a>>,
}

#[derive(Serialize)]
struct Details<'a> {
    error_code: &'a str,
}

/// The error as a whole answer.
pub(super) fn encode(error: &ApiError, request_id: &str) -> EncodedError {
    let Form { status, kind, .. } = form_of(error.class);
    let message = message_of(error);
    let details = error.code.as_deref().map(|error_code| Details { error_code });
    let inner = Inner { kind, message: &message, details };
    EncodedError { status, body: to_json(&Body { kind: "error", error: inner, request_id }) }
}

/// The message; for a context overflow with the words that make Claude Code compact the conversation.
fn message_of(error: &ApiError) -> Cow<'_, str> {
    const OVERFLOW: &str = "prompt is too long";
    if error.class == ErrorClass::ContextOverflow && !error.message.starts_with(OVERFLOW) {
        return Cow::Owned(format!("{OVERFLOW}: {}", error.message));
    }
    Cow::Borrowed(&error.message)
}

fn form_of(class: ErrorClass) -> Form {
    const INVALID: &str = "invalid_request_error";
    match class {
        ErrorClass::BadRequest | ErrorClass::ContextOverflow | ErrorClass::ContentRefused => form(400, INVALID),
        ErrorClass::ClientAuth => form(401, "authentication_error"),
        ErrorClass::NoCredit => form(402, "billing_error"),
        ErrorClass::Permission => form(403, "permission_error"),
        ErrorClass::NotFound | ErrorClass::UnknownModel => form(404, "not_found_error"),
        ErrorClass::MethodNotAllowed => form(405, INVALID),
        ErrorClass::RequestTimeout => form(408, "timeout_error"),
        ErrorClass::TooLarge => form(413, "request_too_large"),
        ErrorClass::Quota | ErrorClass::RateLimit => form(429, "rate_limit_error"),
        ErrorClass::Internal => form(500, "api_error"),
        ErrorClass::OperatorAuth | ErrorClass::OperatorModel | ErrorClass::Transport | ErrorClass::Upstream => {
            form(502, "api_error")
        }
        ErrorClass::Timeout => form(504, "timeout_error"),
        ErrorClass::OperatorBilling | ErrorClass::Overloaded => form(529, "overloaded_error"),
        // Our own lack, not the provider's: the status says so, the type is what clients know.
        ErrorClass::Unavailable => form(503, "overloaded_error"),
    }
}
