//! Recorded requests of providers' own clients: read, written and read again. `OVTH_RECORDINGS` names the folder.

use std::path::PathBuf;

use serde_json::Value;

use super::any;
use crate::Shape;
use crate::json::View;
use crate::neutral::{Losses, Part, Request};
use crate::shapes::codec;
use crate::translate::{self, Upstream};

/// The bodies of recorded requests in that folder, with the names of their files.
fn requests(folder: &str) -> Vec<(String, Vec<u8>)> {
    let Some(root) = std::env::var_os("OVTH_RECORDINGS").map(PathBuf::from) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root.join(folder)).unwrap() {
        let path = entry.unwrap().path();
        let exchange: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let body = &exchange["request"]["body"];
        if body.is_object() && exchange["response"]["status"] == 200 {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            found.push((name, serde_json::to_vec(body).unwrap()));
        }
    }
    found.sort();
    found
}

/// What counts of a conversation: who said what, called what and got what.
fn said(request: &Request<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for message in &request.messages {
        for part in &message.parts {
            found.push(match part {
                Part::Text(text) if text.text.trim().is_empty() => continue,
                Part::Text(text) => format!("{:?} {}", message.role, text.text.trim_end()),
                Part::ToolCall(call) => format!("call {} {} {}", call.id, call.name, call.arguments),
                Part::ToolResult(result) => format!("result {} {}", result.call_id, result.content.len()),
                Part::Image(image) => format!("image {:?}", image.source),
                Part::Document(document) => format!("document {:?}", document.source),
                Part::Reasoning(reasoning) => {
                    format!("thought {} {:?}", reasoning.text, reasoning.state.as_ref().map(|state| &state.data))
                }
                other => format!("{other:?}"),
            });
        }
    }
    found
}

#[test]
fn recorded_messages_requests_survive_reading_and_writing() {
    let codec = codec(Shape::Messages).unwrap();
    for (name, body) in requests("messages") {
        let plain: Value = serde_json::from_slice(&body).unwrap();
        let mut losses = Losses::default();
        let first = codec
            .decode_request(View::parse(&body).unwrap(), &mut losses)
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(first.messages.len(), plain["messages"].as_array().unwrap().len(), "{name}");
        assert_eq!(first.tools.len(), plain["tools"].as_array().map_or(0, Vec::len), "{name}");
        assert_eq!(first.max_output, plain["max_tokens"].as_u64(), "{name}");
        assert_eq!(first.stream, plain["stream"] == true, "{name}");
        let profile = crate::neutral::Profile { system_between_turns: true, ..any() };
        let (written, _) =
            codec.encode_request(&first, &profile, &mut losses).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let second = codec.decode_request(View::parse(&written).unwrap(), &mut losses).unwrap();
        assert_eq!(said(&first), said(&second), "{name}");
        let names = |request: &Request<'_>| -> Vec<String> {
            request.tools.iter().map(|tool| tool.name().to_owned()).collect()
        };
        assert_eq!(names(&first), names(&second), "{name}");
        assert_eq!((first.tool_choice.as_ref(), &first.stop), (second.tool_choice.as_ref(), &second.stop), "{name}");
    }
}

#[test]
fn recorded_chat_requests_can_be_sent() {
    for (name, body) in requests("chat-completions") {
        let profile = any();
        let upstream = Upstream {
            shape: Shape::Messages,
            profile: &profile,
            stream: false,
            max_output: None,
            without_state: false,
        };
        match translate::request(Shape::Chat, &body, upstream) {
            Ok(translated) => {
                let written = View::parse(&translated.body).unwrap();
                codec(Shape::Messages).unwrap().decode_request(written, &mut Losses::default()).unwrap();
            }
            // Sound and the like cannot be sent, and it says so.
            Err(error) => assert!(error.param.is_some(), "{name}: {error:?}"),
        }
    }
}
