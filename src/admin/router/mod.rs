//! What a hosted router tells its clients of keys, money and single answers, over our own keys and ledger:
//! <https://openrouter.ai/docs/api-reference/overview>. Errors are in its form, too.

mod credits;
mod generation;
mod keys;
mod spent;

pub use credits::credits;
pub use generation::generation;
pub use keys::keys;
pub(super) use spent::{Spent, spent};

use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::response::{AdminResponse, Body};

/// An error in a router's form: the code is the status.
pub(super) fn refused(status: StatusCode, message: &str, error_type: &'static str) -> AdminResponse {
    #[derive(Serialize)]
    struct Envelope<'a> {
        error: Error<'a>,
    }
    #[derive(Serialize)]
    struct Error<'a> {
        code: u16,
        message: &'a str,
        metadata: Metadata,
    }
    #[derive(Serialize)]
    struct Metadata {
        error_type: &'static str,
    }
    let error = Error { code: status.as_u16(), message, metadata: Metadata { error_type } };
    AdminResponse::json(status, &Envelope { error })
}

/// An answer of the admin API as a router gives it: its errors in the router's form, all else as it is.
pub(super) fn in_form(response: AdminResponse) -> AdminResponse {
    #[derive(Deserialize)]
    struct Envelope {
        error: Said,
    }
    #[derive(Deserialize)]
    struct Said {
        message: String,
    }
    let AdminResponse { status, headers, body: Body::Bytes(bytes) } = &response else { return response };
    if status.is_success() {
        return response;
    }
    let Ok(Envelope { error }) = serde_json::from_slice(bytes) else { return response };
    let error_type = match status.as_u16() {
        401 => "authentication",
        403 => "permission_denied",
        404 => "not_found",
        429 => "rate_limit_exceeded",
        400..=499 => "invalid_request",
        _ => "server",
    };
    let told = refused(*status, &error.message, error_type);
    headers.iter().fold(told, |told, (name, value)| match told.headers.contains_key(name) {
        true => told,
        false => told.with_header(name.clone(), value.clone()),
    })
}
