//! Tests of reading chat requests: JSON in, the neutral form out.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod any;
mod asks;
mod tools;
mod turns;

use serde_json::Value;

use crate::json::{Json, View};
use crate::neutral::{ApiError, Losses, Part, Request};

/// The request that the body is.
fn read(body: &Value) -> Request<'static> {
    with_losses(body).0
}

/// The request that the body is, and what was lost of it.
fn with_losses(body: &Value) -> (Request<'static>, String) {
    let (request, losses) = try_read(body).unwrap();
    (request, losses.to_string())
}

fn refused(body: &Value) -> ApiError {
    try_read(body).unwrap_err()
}

fn try_read(body: &Value) -> Result<(Request<'static>, Losses), ApiError> {
    // Tests keep what is read longer than they keep the text.
    let text: &'static str = Box::leak(body.to_string().into_boxed_str());
    let mut losses = Losses::default();
    let request = super::request(View::parse(text.as_bytes()).unwrap(), &mut losses)?;
    Ok((request, losses))
}

/// The body of a request with these messages.
fn messages(messages: Value) -> Value {
    serde_json::json!({"model": "m", "messages": messages})
}

/// The body of a request with one message and these fields.
fn fields(fields: Value) -> Value {
    let mut body = messages(serde_json::json!([{"role": "user", "content": "x"}]));
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

fn text<'r>(part: &'r Part<'_>) -> &'r str {
    match part {
        Part::Text(text) => &text.text,
        other => panic!("no text: {other:?}"),
    }
}

fn extras(request: &Request<'_>) -> Vec<String> {
    request.extras.iter().map(|(name, value): &(_, Json<'_>)| format!("{name}={}", value.raw())).collect()
}
