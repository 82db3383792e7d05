//! Who calls: the client's key from its headers, or the error that tells what is wrong with it.

use std::sync::Arc;
use std::time::SystemTime;

use ovth_filters::Shape;
use ovth_filters::neutral::{ApiError, ErrorClass};
use pingora::http::RequestHeader;

use super::{Gateway, credentials};
use crate::config::Quota;
use crate::keys::{AuthError, Key};

/// The key that the client presents, when it may be used now.
///
/// # Errors
/// There is none, it is not known, it has ended, or nobody can say.
pub(super) fn authenticate(
    gateway: &Gateway,
    request: &RequestHeader,
    shape: Shape,
    quota: &Quota,
) -> Result<Arc<Key>, ApiError> {
    let now = SystemTime::now();
    let Some(presented) = credentials::presented(&request.headers, request.uri.query(), shape) else {
        let header = if shape == Shape::GenerateContent { "x-goog-api-key" } else { "x-api-key" };
        return Err(refused(&format!(
            "no API key: send one as 'Authorization: Bearer ovth_live_...' or '{header}: ovth_live_...'"
        )));
    };
    let key = gateway.keys.authenticate(&presented, now).map_err(|error| match error {
        AuthError::Unknown | AuthError::Revoked | AuthError::Expired | AuthError::Replaced => {
            refused(&error.to_string())
        }
        AuthError::Storage => ApiError::new(ErrorClass::Unavailable, error.to_string()).with_retry_after(1),
    })?;
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    if key.settings.expires_at.is_none() && quota.expires_at.is_some_and(|end| end <= seconds) {
        return Err(refused("all API keys of this gateway have expired (keys.expires_at in its configuration)"));
    }
    Ok(key)
}

fn refused(message: &str) -> ApiError {
    ApiError::new(ErrorClass::ClientAuth, message).with_code("invalid_api_key")
}
