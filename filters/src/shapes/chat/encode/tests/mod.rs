//! Tests of writing chat requests: a request of another shape in, JSON out.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod conversation;
mod memory;
mod settings;
mod tools;

use serde_json::{Value, json};

use crate::Shape;
use crate::json::View;
use crate::neutral::{Answering, ApiError, HostRules, Losses, Profile, SystemRole};
use crate::shapes::codec;

/// What was sent, what was lost of it, and what the way back has to know.
struct Sent {
    body: Value,
    bytes: String,
    losses: String,
    answering: Answering,
}

/// Sends a messages request to that target.
fn sent(body: &Value, profile: &Profile) -> Sent {
    try_send(Shape::Messages, body, profile).unwrap()
}

/// Sends a chat request to that target, by way of the neutral form.
fn again(body: &Value, profile: &Profile) -> Sent {
    try_send(Shape::Chat, body, profile).unwrap()
}

fn refused(body: &Value, profile: &Profile) -> ApiError {
    try_send(Shape::Messages, body, profile).err().unwrap()
}

fn try_send(shape: Shape, body: &Value, profile: &Profile) -> Result<Sent, ApiError> {
    let text = body.to_string();
    let mut losses = Losses::default();
    let request = codec(shape).unwrap().decode_request(View::parse(text.as_bytes()).unwrap(), &mut losses)?;
    let (bytes, answering) = super::request(&request, profile, &mut losses)?;
    let bytes = String::from_utf8(bytes).unwrap();
    Ok(Sent { body: serde_json::from_str(&bytes).unwrap(), bytes, losses: losses.to_string(), answering })
}

/// A host of which nothing is known.
fn plain() -> Profile {
    Profile { model: "m".to_owned(), ..Profile::default() }
}

/// OpenAI and one of its reasoning models.
fn openai() -> Profile {
    let host = HostRules {
        system_role: SystemRole::Developer,
        max_completion_tokens: true,
        openai_fields: true,
        stream_options: true,
        ..HostRules::default()
    };
    Profile { host, ..plain() }
}

/// OpenRouter.
fn router() -> Profile {
    Profile { host: HostRules { router_fields: true, stream_options: true, ..HostRules::default() }, ..plain() }
}

/// DeepSeek and its like.
fn deepseek() -> Profile {
    Profile {
        host: HostRules { wants_reasoning_content: true, thinking_toggle: true, ..HostRules::default() },
        ..plain()
    }
}

/// A messages request with these messages.
fn messages(messages: Value) -> Value {
    json!({"model": "c", "max_tokens": 100, "messages": messages})
}

/// A messages request with one message and these fields.
fn fields(fields: Value) -> Value {
    let mut body = messages(json!([{"role": "user", "content": "x"}]));
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}
