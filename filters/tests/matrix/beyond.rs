//! What clients of one shape can ask and most providers of the others cannot be told.

use std::fmt::Write as _;

use bytes::Bytes;
use ovth_filters::json::splice;
use ovth_filters::neutral::ErrorClass;
use ovth_filters::shapes::{Edits, InPath, peek_in_path};
use ovth_filters::{Operation, Shape};
use serde_json::{Value, json};

use super::exchanges::{Ask, MODEL, SHAPES, request};
use super::feature::Way;

/// The beginning of a sound.
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEA";

/// What clients of one shape can ask and most providers of the others cannot be told: its name, and what is added to a request.
pub(crate) fn beyond() -> Vec<(&'static str, Shape, Value)> {
    let wav = WAV;
    let chat = |part: Value| json!({"messages": [{"role": "user", "content": [part]}]});
    let google = |part: Value| json!({"contents": [{"role": "user", "parts": [part]}]});
    vec![
        ("two answers (`n`)", Shape::Chat, json!({"n": 2})),
        ("two answers (`candidateCount`)", Shape::GenerateContent, json!({"generationConfig": {"candidateCount": 2}})),
        ("sound", Shape::Chat, chat(json!({"type": "input_audio", "input_audio": {"data": wav, "format": "wav"}}))),
        ("sound", Shape::GenerateContent, google(json!({"inlineData": {"mimeType": "audio/wav", "data": wav}}))),
        ("a film", Shape::GenerateContent, google(json!({"inlineData": {"mimeType": "video/mp4", "data": wav}}))),
        ("an uploaded file", Shape::Chat, chat(json!({"type": "file", "file": {"file_id": "file-1"}}))),
        (
            "an uploaded file",
            Shape::Responses,
            json!({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]}),
        ),
        (
            "an uploaded file",
            Shape::Messages,
            json!({"messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "file", "file_id": "file_1"}}]}]}),
        ),
        ("a conversation that the provider keeps", Shape::Responses, json!({"previous_response_id": "resp_1"})),
        (
            "a tool of the provider that must be called",
            Shape::Responses,
            json!({"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}], "tool_choice": {"type": "code_interpreter"}}),
        ),
        ("a cache that the provider keeps", Shape::GenerateContent, json!({"cachedContent": "cachedContents/1"})),
        (
            "servers of tools that the provider calls",
            Shape::Messages,
            json!({"mcp_servers": [{"type": "url", "url": "https://example.com/mcp", "name": "m"}]}),
        ),
        (
            "an answer that is spoken",
            Shape::Chat,
            json!({"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}),
        ),
    ]
}

/// What the provider must find somewhere in its request, where it can be told.
fn arrives(name: &str, client: Shape, upstream: Shape) -> Option<Value> {
    let found = match (name, client, upstream) {
        ("sound", Shape::Chat, Shape::GenerateContent) => json!({"inlineData": {"mimeType": "audio/wav", "data": WAV}}),
        ("sound", Shape::GenerateContent, Shape::Chat) => {
            json!({"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}})
        }
        ("a film", Shape::GenerateContent, Shape::Chat) => {
            json!({"type": "video_url", "video_url": {"url": format!("data:video/mp4;base64,{WAV}")}})
        }
        ("an uploaded file", Shape::Chat, Shape::Responses) => json!({"type": "input_file", "file_id": "file-1"}),
        ("an uploaded file", Shape::Responses, Shape::Chat) => json!({"type": "file", "file": {"file_id": "file-1"}}),
        _ => return None,
    };
    Some(found)
}

/// Whether it stands anywhere in that value.
fn holds(value: &Value, sought: &Value) -> bool {
    value == sought
        || match value {
            Value::Array(elements) => elements.iter().any(|element| holds(element, sought)),
            Value::Object(members) => members.values().any(|member| holds(member, sought)),
            _ => false,
        }
}

/// What becomes of those.
pub(crate) fn refused() -> String {
    let mut out = "### What not every shape can say\n\n| of a client of | | to `chat` | to `responses` | to `messages` | to `generate_content` |\n|---|---|---|---|---|---|\n".to_owned();
    for (name, client, more) in beyond() {
        write!(out, "| `{client}` | {name} |").unwrap();
        for upstream in SHAPES {
            let mut body = request(client, Ask::default());
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let way = Way { client, upstream };
            if client == upstream {
                passes(&body, client, &more);
                out.push_str(" passes |");
                continue;
            }
            let arrives = arrives(name, client, upstream);
            match way.sent(&body, false) {
                Ok(sent) => {
                    let found: Value = serde_json::from_slice(&sent.body).unwrap();
                    let sought = arrives.unwrap_or_else(|| panic!("{way:?}: {name} is told: {found}"));
                    assert!(holds(&found, &sought), "{way:?}: {name}: no {sought} in {found}");
                    assert!(sent.losses.is_empty(), "{way:?}: {name} arrives: {}", sent.losses);
                    out.push_str(" yes |");
                }
                Err(error) => {
                    assert_eq!(arrives, None, "{way:?}: {name} is refused: {}", error.message);
                    assert_eq!(error.class, ErrorClass::BadRequest, "{name}");
                    let param = error.param.unwrap_or_else(|| panic!("{name}: no field is named"));
                    write!(out, " 400 `{param}`: {} |", error.message).unwrap();
                }
            }
        }
        out.push('\n');
    }
    out
}

/// Within one shape it goes on as it is.
fn passes(body: &Value, shape: Shape, more: &Value) {
    let bytes = Bytes::from(body.to_string());
    let path = InPath { model: MODEL, stream: false };
    let peek = peek_in_path(shape, Operation::Generate, path, &bytes).unwrap();
    let edits = Edits { model: "another", ask_usage: true, completion_tokens_field: false, max_output: None };
    let edited: Value = serde_json::from_slice(&splice(&bytes, &peek.edits(&edits)).concat()).unwrap();
    for (member, value) in more.as_object().unwrap() {
        assert_eq!(edited[member], *value, "{shape}: {member}");
    }
}
