//! The admin API: makes keys for whoever holds the master key. Pure request-to-answer functions; the proxy does the I/O.

mod body;
mod health;
mod key_info;
mod response;

#[cfg(test)]
mod tests;

pub use health::{Checks, Drain, StoreCheck, healthz, readyz};
pub use key_info::key_info;
pub use response::{AdminResponse, Body};

use std::fmt;
use std::sync::Arc;

use http::header::{ALLOW, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use serde::Serialize;

use crate::config::{Cap, Secret};
use crate::keys::{Key, Keys, KeysError, Minted, bearer};
use response::ErrorBody;

const KEYS_PATH: &str = "/admin/keys";

/// What the admin API works on.
pub struct Admin {
    master_key: Secret,
    keys: Arc<Keys>,
}

impl Admin {
    /// An admin API for those keys, behind that master key.
    #[must_use]
    pub fn new(master_key: Secret, keys: Arc<Keys>) -> Admin {
        Admin { master_key, keys }
    }

    fn is_admin(&self, headers: &HeaderMap) -> bool {
        bearer(headers).is_some_and(|token| self.master_key.matches(token))
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

/// Answers a request to `/admin` and below. First asked without a body: `None` says that the request is in order so far, and that its
/// body (whole, bounded by the caller, read as JSON whatever its content type says) is to be given. With one there always is an answer.
///
/// The order of the checks is path, method, master key, body: without the master key nothing of the body is looked at.
pub async fn handle(admin: &Admin, head: &Parts, body: Option<&[u8]>) -> Option<AdminResponse> {
    let (method, path) = (&head.method, head.uri.path());
    if path != KEYS_PATH {
        return Some(no_such_path(method, path));
    }
    if method != Method::POST {
        return Some(method_not_allowed(method));
    }
    if !admin.is_admin(&head.headers) {
        return Some(unauthorized());
    }
    Some(match body::new_key(body?) {
        Ok(new) => match admin.keys.mint(new).await {
            Ok(minted) => created(&minted),
            Err(error) => storage_fault(&error),
        },
        Err(problems) => problems.into_response(),
    })
}

/// The answer that shows a key for the only time.
#[derive(Serialize)]
struct Created<'a> {
    key: &'a str,
    id: &'a str,
    object: &'static str,
    label: &'a str,
    quota: QuotaBody,
    created_at: u64,
}

#[derive(Serialize)]
struct QuotaBody {
    /// Null: the configured quota holds.
    daily_tokens: Option<u64>,
}

fn created(minted: &Minted) -> AdminResponse {
    let Key { id, label, settings, created_at, .. } = &*minted.record;
    log::info!(key_id = id.as_str(), label = label.as_str(); "a key was made");
    let body = Created {
        key: minted.key.expose(),
        id: id.as_str(),
        object: "api_key",
        label: label.as_str(),
        quota: QuotaBody { daily_tokens: settings.limits.daily_tokens.and_then(Cap::limit) },
        created_at: *created_at,
    };
    AdminResponse::json(StatusCode::CREATED, &body)
}

fn no_such_path(method: &Method, path: &str) -> AdminResponse {
    let shown = response::excerpt(path);
    let message = format!("There is no {method} {shown} in the admin API. It has POST {KEYS_PATH}.");
    ErrorBody::request(message, "unknown_url").into_response(StatusCode::NOT_FOUND)
}

fn method_not_allowed(method: &Method) -> AdminResponse {
    let message = format!("{KEYS_PATH} takes POST, not {method}.");
    ErrorBody::request(message, "method_not_allowed")
        .into_response(StatusCode::METHOD_NOT_ALLOWED)
        .with_header(ALLOW, HeaderValue::from_static("POST"))
}

fn unauthorized() -> AdminResponse {
    let message = "The admin API wants the master key: `Authorization: Bearer $OVTH_MASTER_KEY`.";
    ErrorBody::request(message, "invalid_api_key")
        .into_response(StatusCode::UNAUTHORIZED)
        .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

fn storage_fault(error: &KeysError) -> AdminResponse {
    log::error!(error:% = error; "a key could not be made");
    // The caller holds the master key: this is the operator, who can act on the cause.
    ErrorBody::server(format!("The key could not be stored: {error}."), "storage_unavailable")
        .into_response(StatusCode::SERVICE_UNAVAILABLE)
        .with_header(RETRY_AFTER, HeaderValue::from_static("5"))
}
