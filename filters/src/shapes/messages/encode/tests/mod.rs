//! Writing of messages requests, from chat requests: JSON in, JSON out.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod agent;
mod caching;
mod content;
mod limits;
mod recordings;
mod rules;
mod schemas;
mod thinking;
mod tools;
mod turns;

use serde_json::{Value, json};

use crate::Shape;
use crate::neutral::{ApiError, ErrorClass, Origin, Profile};
use crate::translate::{self, Translated, Upstream};

/// A target of which nothing is known but its name.
fn any() -> Profile {
    Profile {
        model: "claude-x".to_owned(),
        origin: Origin { provider: "anthropic".into(), family: "claude".into(), account: "a".into() },
        ..Profile::default()
    }
}

fn translated(chat: &Value, profile: &Profile) -> Result<Translated, ApiError> {
    let upstream = Upstream { shape: Shape::Messages, profile, stream: false, max_output: None, without_state: false };
    translate::request(Shape::Chat, &serde_json::to_vec(chat).unwrap(), upstream)
}

/// The body that is sent, and the warnings.
fn sent(chat: &Value, profile: &Profile) -> (Value, String) {
    let translated = translated(chat, profile).unwrap_or_else(|error| panic!("{error:?}: {chat}"));
    (serde_json::from_slice(&translated.body).unwrap(), translated.losses.to_string())
}

/// What a client is told: the message and the field.
fn refusal(chat: &Value, profile: &Profile) -> (String, String) {
    let error = translated(chat, profile).unwrap_err();
    assert_eq!(error.class, ErrorClass::BadRequest);
    (error.message, error.param.unwrap_or_default())
}

/// A request that says `hi`, with these fields.
fn with(fields: Value) -> Value {
    let mut chat = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    merge(&mut chat, fields);
    chat
}

fn merge(into: &mut Value, fields: Value) {
    let Value::Object(fields) = fields else { panic!() };
    into.as_object_mut().unwrap().extend(fields);
}

/// A request of these messages.
fn talk(messages: Value) -> Value {
    json!({"model": "m", "messages": messages})
}

/// A function tool in chat's form.
fn function(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}})
}

fn call(id: &str, name: &str, arguments: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

fn result(id: &str, content: &str) -> Value {
    json!({"role": "tool", "tool_call_id": id, "content": content})
}
