//! What clients of one shape can ask and most providers of the others cannot be told.

use std::fmt::Write as _;

use ovth_filters::Shape;
use ovth_filters::neutral::ErrorClass;
use serde_json::{Value, json};

use super::exchanges::{Ask, SHAPES, request};
use super::feature::Way;

/// What clients of one shape can ask and most providers of the others cannot be told: its name, and what is added to a request.
pub(crate) fn beyond() -> Vec<(&'static str, Shape, Value)> {
    let wav = "UklGRiQAAABXQVZFZm10IBAAAAABAAEA";
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

/// What becomes of those.
pub(crate) fn refused() -> String {
    let mut out = "### What not every shape can say\n\n| of a client of | | to `chat` | to `responses` | to `messages` | to `generate_content` |\n|---|---|---|---|---|---|\n".to_owned();
    for (name, client, more) in beyond() {
        write!(out, "| `{client}` | {name} |").unwrap();
        for upstream in SHAPES {
            let mut body = request(client, Ask::default());
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let way = Way { client, upstream };
            match (client == upstream).then_some(()).map_or_else(|| way.sent(&body, false).map(Some), |()| Ok(None)) {
                Ok(None) => out.push_str(" passes |"),
                Ok(Some(sent)) if sent.losses.is_empty() => out.push_str(" yes |"),
                Ok(Some(sent)) => write!(out, " yes; `{}` |", sent.losses).unwrap(),
                Err(error) => {
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
