//! Errors as Google's APIs have them: `google.rpc.Status`, with details that clients look into.
//!
//! Statuses: <https://ai.google.dev/gemini-api/docs/troubleshooting>; details: <https://cloud.google.com/apis/design/errors>.

use std::borrow::Cow;

use serde::Serialize;

use super::super::error::{EncodedError, Form, form, to_json};
use crate::neutral::{ApiError, ErrorClass};

#[derive(Serialize)]
struct Body<'a> {
    error: Inner<'a>,
}

#[derive(Serialize)]
struct Inner<'a> {
    code: u16,
    message: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<Detail<'a>>,
}

/// What a client can act on.
#[derive(Serialize)]
#[serde(tag = "@type")]
enum Detail<'a> {
    /// A stable code.
    #[serde(rename = "type.googleapis.com/google.rpc.ErrorInfo")]
    ErrorInfo { reason: &'a str, domain: &'static str },
    /// The field that is at fault.
    #[serde(rename = "type.googleapis.com/google.rpc.BadRequest")]
    BadRequest {
        #[serde(rename = "fieldViolations")]
        violations: [Violation<'a>; 1],
    },
    /// This shape has its `retry-after` in the body.
    #[serde(rename = "type.googleapis.com/google.rpc.RetryInfo")]
    RetryInfo {
        #[serde(rename = "retryDelay")]
        delay: String,
    },
}

#[derive(Serialize)]
struct Violation<'a> {
    field: &'a str,
    description: &'a str,
}

/// The error as a whole answer.
pub(super) fn encode(error: &ApiError) -> EncodedError {
    let Form { status, kind, .. } = form_of(error.class);
    let message = message_of(error);
    let mut details = Vec::new();
    if let Some(reason) = reason_of(error) {
        details.push(Detail::ErrorInfo { reason, domain: "ovth-gateway" });
    }
    if let Some(field) = error.param.as_deref().filter(|_| status == 400) {
        details.push(Detail::BadRequest { violations: [Violation { field, description: &message }] });
    }
    details.extend(error.retry_after.map(|seconds| Detail::RetryInfo { delay: format!("{seconds}s") }));
    let inner = Inner { code: status, message: &message, status: kind, details };
    EncodedError { status, body: to_json(&Body { error: inner }) }
}

/// The code that clients branch on.
fn reason_of(error: &ApiError) -> Option<&str> {
    let usual = (error.class == ErrorClass::ClientAuth).then_some("API_KEY_INVALID");
    usual.or(error.code.as_deref())
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
