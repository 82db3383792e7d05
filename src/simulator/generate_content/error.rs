//! Errors in Google's form: bodies, the record inside a stream, and the refusal of keys.

use serde_json::{Value, json};

use super::super::behaviour::InStream;
use super::super::object::set;
use super::super::refusal::Refusal;

/// The body of a refusal.
pub(in super::super) fn error_body(refusal: &Refusal) -> Vec<u8> {
    let mut error = json!({"code": refusal.status, "message": refusal.message, "status": word(refusal.status)});
    match (refusal.status, refusal.code) {
        (429, _) => {
            set(
                &mut error,
                "details",
                json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2s"}]),
            );
        }
        (_, Some(reason)) => {
            set(
                &mut error,
                "details",
                json!([{
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com",
                    "metadata": {"service": "generativelanguage.googleapis.com"},
                }]),
            );
        }
        _ => {}
    }
    serde_json::to_vec_pretty(&json!({"error": error})).unwrap_or_default()
}

/// The record that ends a stream.
pub(in super::super) fn error_event(order: &InStream) -> Vec<u8> {
    let message = order.message.as_deref().unwrap_or("An internal error has occurred.");
    let kind = order.kind.as_deref().unwrap_or("INTERNAL");
    let code = if kind == "UNAVAILABLE" { 503 } else { 500 };
    let error: Value = json!({"error": {"code": code, "message": message, "status": kind}});
    format!("data: {error}\r\n\r\n").into_bytes()
}

/// The refusal of a key: none, or one that begins with `invalid`.
pub(in super::super) fn key_refusal(key: Option<&str>) -> Option<Refusal> {
    match key.filter(|key| !key.is_empty()) {
        None => {
            let message = "Method doesn't allow unregistered callers (callers without established identity). Please use API \
                           Key or other form of API consumer identity to call this API.";
            Some(Refusal::new(403, "PERMISSION_DENIED", message))
        }
        Some(key) if key.starts_with("invalid") => {
            let message = "API key not valid. Please pass a valid API key.";
            Some(Refusal::new(400, "INVALID_ARGUMENT", message).code("API_KEY_INVALID"))
        }
        Some(_) => None,
    }
}

/// The status word of an HTTP status.
fn word(status: u16) -> &'static str {
    match status {
        400 | 413 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 | 529 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        405 => "UNIMPLEMENTED",
        _ => "INTERNAL",
    }
}
