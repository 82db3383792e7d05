//! Errors in the chat shape: bodies, the event inside a stream, and the refusal of keys.

use serde::Serialize;

use super::super::behaviour::InStream;
use super::super::refusal::Refusal;

#[derive(Serialize)]
struct Body<'a> {
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    param: Option<&'a str>,
    code: Option<&'a str>,
}

/// The body of a refusal; printed over several lines, as OpenAI does.
pub(in super::super) fn error_body(refusal: &Refusal) -> Vec<u8> {
    let error =
        Error { message: &refusal.message, kind: refusal.kind, param: refusal.param.as_deref(), code: refusal.code };
    serde_json::to_vec_pretty(&Body { error }).unwrap_or_default()
}

/// The error event that ends a stream.
pub(in super::super) fn error_event(order: &InStream) -> Vec<u8> {
    let error = Error {
        message: order
            .message
            .as_deref()
            .unwrap_or("The server had an error while processing your request. Sorry about that!"),
        kind: order.kind.as_deref().unwrap_or("server_error"),
        param: None,
        code: None,
    };
    let body = serde_json::to_string(&Body { error }).unwrap_or_default();
    format!("data: {body}\n\n").into_bytes()
}

/// The refusal of a key: none, or one that begins with `invalid` (after `sk-` or not). Like the real one it quotes the
/// key's ends, which must never reach a client of ours.
pub(in super::super) fn key_refusal(key: Option<&str>) -> Option<Refusal> {
    let Some(key) = key.filter(|key| !key.is_empty()) else {
        let message = "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer \
                       auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you're \
                       accessing the API from your browser and are prompted for a username and password. You can obtain an API \
                       key from https://platform.openai.com/account/api-keys.";
        return Some(Refusal::new(401, "invalid_request_error", message));
    };
    if !key.trim_start_matches("sk-").starts_with("invalid") {
        return None;
    }
    let first: String = key.chars().take(8).collect();
    let last: String = key.chars().skip(key.chars().count().saturating_sub(4).max(8)).collect();
    let stars = "*".repeat(key.chars().count().saturating_sub(12));
    let message = format!(
        "Incorrect API key provided: {first}{stars}{last}. You can find your API key at \
         https://platform.openai.com/account/api-keys."
    );
    Some(Refusal::new(401, "invalid_request_error", message).code("invalid_api_key"))
}
