//! Errors in the messages shape: bodies, the event inside a stream, and the refusal of keys.

use serde::Serialize;

use super::super::behaviour::InStream;
use super::super::refusal::Refusal;

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    error: Error<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Error<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    message: &'a str,
}

/// The body of a refusal.
pub(in super::super) fn error_body(refusal: &Refusal, request_id: &str) -> Vec<u8> {
    let error = Error { kind: refusal.kind, message: &refusal.message };
    serde_json::to_vec(&Body { kind: "error", error, request_id: Some(request_id) }).unwrap_or_default()
}

/// The error event that ends a stream.
pub(in super::super) fn error_event(order: &InStream, request_id: &str) -> Vec<u8> {
    let error = Error {
        kind: order.kind.as_deref().unwrap_or("overloaded_error"),
        message: order.message.as_deref().unwrap_or("Overloaded"),
    };
    let body = Body { kind: "error", error, request_id: Some(request_id) };
    let body = serde_json::to_string(&body).unwrap_or_default();
    format!("event: error\ndata: {body}\n\n").into_bytes()
}

/// The refusal of a key: none, or one that begins with `invalid` (after `sk-ant-`, `sk-` or nothing).
pub(in super::super) fn key_refusal(key: Option<&str>) -> Option<Refusal> {
    let message = match key.filter(|key| !key.is_empty()) {
        None => "x-api-key header is required",
        Some(key) => {
            let bare = key.trim_start_matches("sk-").trim_start_matches("ant-");
            bare.starts_with("invalid").then_some("invalid x-api-key")?
        }
    };
    Some(Refusal::new(401, "authentication_error", message))
}
