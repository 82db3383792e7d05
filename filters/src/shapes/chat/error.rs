//! Errors as OpenAI's APIs have them: one body for chat and responses.
//!
//! Statuses and codes: <https://platform.openai.com/docs/guides/error-codes>.

use std::borrow::Cow;

use serde::Serialize;

use super::super::error::{EncodedError, Form, coded, form, to_json};
use crate::neutral::{ApiError, ErrorClass};

#[derive(Serialize)]
struct Body<'a> {
    error: Inner<'a>,
}

/// `param` and `code` are there even when they are null: clients read them without asking.
#[derive(Serialize)]
struct Inner<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    param: Option<&'a str>,
    code: Option<&'a str>,
}

/// The error as a whole answer.
pub(in crate::shapes) fn encode(error: &ApiError) -> EncodedError {
    let Form { status, kind, .. } = form_of(error.class);
    let message = message_of(error);
    let inner = Inner { message: &message, kind, param: error.param.as_deref(), code: code_of(error) };
    EncodedError { status, body: to_json(&Body { error: inner }) }
}

/// The code that clients branch on.
pub(in crate::shapes) fn code_of(error: &ApiError) -> Option<&str> {
    let usual = form_of(error.class).code;
    // Codex and others compact the conversation on this code and on no other.
    if error.class == ErrorClass::ContextOverflow { usual } else { error.code.as_deref().or(usual) }
}

/// The message; for a context overflow with the words that clients look for.
pub(in crate::shapes) fn message_of(error: &ApiError) -> Cow<'_, str> {
    const OVERFLOW: &str = "maximum context length";
    if error.class == ErrorClass::ContextOverflow && !error.message.contains(OVERFLOW) {
        return Cow::Owned(format!("This model's {OVERFLOW} is exceeded: {}", error.message));
    }
    Cow::Borrowed(&error.message)
}

fn form_of(class: ErrorClass) -> Form {
    const INVALID: &str = "invalid_request_error";
    const SERVER: &str = "server_error";
    match class {
        ErrorClass::BadRequest => form(400, INVALID),
        ErrorClass::ContextOverflow => coded(400, INVALID, "context_length_exceeded"),
        ErrorClass::ContentRefused => coded(400, INVALID, "content_policy_violation"),
        ErrorClass::ClientAuth => coded(401, INVALID, "invalid_api_key"),
        ErrorClass::NoCredit => coded(402, "insufficient_quota", "insufficient_quota"),
        ErrorClass::Permission => form(403, "permission_error"),
        ErrorClass::NotFound => form(404, INVALID),
        ErrorClass::UnknownModel => coded(404, INVALID, "model_not_found"),
        ErrorClass::MethodNotAllowed => form(405, INVALID),
        ErrorClass::RequestTimeout => coded(408, INVALID, "request_timeout"),
        ErrorClass::TooLarge => coded(413, INVALID, "request_too_large"),
        ErrorClass::Quota => coded(429, "rate_limit_error", "quota_exceeded"),
        ErrorClass::RateLimit => coded(429, "rate_limit_error", "rate_limit_exceeded"),
        ErrorClass::Internal => form(500, SERVER),
        ErrorClass::OperatorAuth => coded(502, SERVER, "upstream_auth_error"),
        ErrorClass::OperatorBilling => coded(502, SERVER, "upstream_billing_error"),
        ErrorClass::OperatorModel => coded(502, SERVER, "upstream_model_not_found"),
        ErrorClass::Transport => coded(502, SERVER, "upstream_unreachable"),
        ErrorClass::Upstream => coded(502, SERVER, "upstream_error"),
        ErrorClass::Overloaded => coded(503, "service_unavailable_error", "server_is_overloaded"),
        ErrorClass::Unavailable => coded(503, "service_unavailable_error", "service_unavailable"),
        ErrorClass::Timeout => coded(504, SERVER, "timeout"),
    }
}
