//! Errors in a hosted router's form: the code is the HTTP status, and what went wrong has a name that is the same in all shapes.
//! <https://openrouter.ai/docs/api-reference/errors>

use serde::Serialize;

use crate::Shape;
use crate::neutral::{ApiError, ErrorClass};
use crate::shapes::{self, EncodedError};

#[derive(Serialize)]
struct Body<'a> {
    error: Inner<'a>,
}

#[derive(Serialize)]
pub(super) struct Inner<'a> {
    code: u16,
    message: &'a str,
    metadata: Metadata<'a>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    error_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<&'a str>,
}

impl<'a> Inner<'a> {
    /// An error, and the provider that it is of.
    pub(super) fn new(error: &'a ApiError, provider: Option<&'a str>) -> Inner<'a> {
        let (code, error_type) = form(error.class);
        let (provider_code, param) = (error.code.as_deref(), error.param.as_deref());
        let metadata = Metadata { error_type, provider_name: provider, provider_code, param };
        Inner { code, message: &error.message, metadata }
    }
}

/// An error as a whole answer: in messages, whose clients know no other form, in theirs. `provider`: whose failure it is, by its name.
#[must_use]
pub fn encode_error(shape: Shape, error: &ApiError, request_id: &str, provider: Option<&str>) -> EncodedError {
    if !is_said_so(shape) {
        return shapes::encode_error(shape, error, request_id);
    }
    let body = serde_json::to_vec(&Body { error: Inner::new(error, provider) });
    EncodedError { status: form(error.class).0, body: body.expect("texts and numbers have a JSON form") }
}

/// An error as the last event of a stream of which nothing has gone out; the shapes besides chat have a form of their own for that.
#[must_use]
pub fn encode_error_event(shape: Shape, error: &ApiError, request_id: &str, speaker: &super::Speaker) -> Vec<u8> {
    if shape == Shape::Chat {
        super::Answer::new(speaker.clone()).error_event(error)
    } else {
        shapes::encode_error_event(shape, error, request_id)
    }
}

/// Whether clients of a shape know this form.
const fn is_said_so(shape: Shape) -> bool {
    matches!(shape, Shape::Chat | Shape::Responses)
}

/// The status, which is the code as well, and the name of what went wrong.
const fn form(class: ErrorClass) -> (u16, &'static str) {
    match class {
        ErrorClass::BadRequest => (400, "invalid_request"),
        ErrorClass::ContextOverflow => (400, "context_length_exceeded"),
        ErrorClass::ContentRefused => (400, "content_policy_violation"),
        ErrorClass::ClientAuth => (401, "authentication"),
        ErrorClass::NoCredit => (402, "payment_required"),
        ErrorClass::Permission => (403, "permission_denied"),
        ErrorClass::NotFound | ErrorClass::UnknownModel => (404, "not_found"),
        ErrorClass::MethodNotAllowed => (405, "invalid_request"),
        ErrorClass::RequestTimeout | ErrorClass::Timeout => (408, "timeout"),
        ErrorClass::TooLarge => (413, "payload_too_large"),
        ErrorClass::Quota | ErrorClass::RateLimit => (429, "rate_limit_exceeded"),
        ErrorClass::Internal => (500, "server"),
        ErrorClass::OperatorAuth
        | ErrorClass::OperatorBilling
        | ErrorClass::OperatorModel
        | ErrorClass::Transport
        | ErrorClass::Upstream => (502, "provider_unavailable"),
        ErrorClass::Unavailable => (503, "server"),
        ErrorClass::Overloaded => (529, "provider_overloaded"),
    }
}
