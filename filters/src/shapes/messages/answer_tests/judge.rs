//! What holds of every stream: checked here once, and the message that Anthropic's SDKs make of it.

use std::collections::HashSet;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::neutral::{Event, Opening};
use crate::sse::{Framer, Piece, RawEvent};

/// Panics unless the events keep the order that [`Event`] promises.
pub(super) fn contract(events: &[Event]) {
    let (mut started, mut finished, mut over) = (false, false, false);
    let (mut next, mut open) = (0, Vec::<(u32, bool)>::new());
    for event in events {
        assert!(!over, "nothing follows the end: {event:?}");
        if !matches!(event, Event::Start { .. } | Event::Heartbeat | Event::Error(_)) {
            assert!(started, "{event:?} before the start");
        }
        let is_open = |part: &u32, open: &[(u32, bool)]| open.iter().any(|(known, _)| known == part);
        match event {
            Event::Start { .. } => assert!(!std::mem::replace(&mut started, true)),
            Event::Open { part, what } => {
                assert!(!finished && *part == next, "{event:?} is out of order");
                assert!(open.iter().all(|(_, is_call)| *is_call), "{event:?} while text or reasoning is open");
                next += 1;
                open.push((*part, matches!(what, Opening::ToolCall { .. })));
                if let Opening::ToolCall { id, name, .. } = what {
                    assert!(!id.is_empty() && !name.is_empty(), "{event:?}");
                }
            }
            Event::Text { part, text } | Event::Reasoning { part, text } | Event::Arguments { part, json: text } => {
                assert!(is_open(part, &open) && !text.is_empty(), "{event:?}");
            }
            Event::State { part, .. } | Event::Cite { part, .. } => assert!(is_open(part, &open), "{event:?}"),
            Event::Close { part } => {
                assert!(is_open(part, &open), "{event:?}");
                open.retain(|(known, _)| known != part);
            }
            Event::Finish { .. } => {
                assert!(open.is_empty(), "{event:?} while {open:?} are open");
                assert!(!std::mem::replace(&mut finished, true), "it finishes twice");
            }
            Event::End => {
                assert!(finished, "an end without a reason");
                over = true;
            }
            Event::Error(_) => over = true,
            Event::Usage(_) | Event::ServiceClass(_) | Event::Heartbeat => {}
        }
    }
    assert!(over, "the events just stop: {events:?}");
}

/// The events of a stream.
pub(super) fn events_of(stream: &Bytes) -> Vec<RawEvent> {
    let mut framer = Framer::new(1 << 24);
    framer.push(stream.clone());
    let mut events = Vec::new();
    while let Some(Piece::Event(event)) = framer.next() {
        events.push(event);
    }
    assert_eq!(framer.finish(), None, "it ends with a blank line");
    events
}

/// Panics unless a stream that we wrote is as Anthropic's are: names, order, indexes, no empty deltas. Gives what the SDKs make of it.
pub(super) fn judged(stream: &Bytes) -> Value {
    let (mut next, mut open, mut order) = (0_u64, None::<(u64, String)>, Vec::new());
    for event in events_of(stream) {
        let value: Value = serde_json::from_slice(&event.data()).unwrap();
        let kind = value["type"].as_str().unwrap();
        assert_eq!(event.name(), Some(kind.as_bytes()), "the name is the type");
        assert_eq!(event.bytes.iter().filter(|byte| **byte == b'\n').count(), 3, "an event of two lines");
        match kind {
            "content_block_start" => {
                assert_eq!((value["index"].as_u64(), &open), (Some(next), &None), "one block at a time: {value}");
                let block = &value["content_block"];
                for (name, empty) in [("text", json!("")), ("thinking", json!("")), ("input", json!({}))] {
                    assert!(block.get(name).is_none_or(|value| *value == empty), "{name} is empty: {value}");
                }
                open = Some((next, block["type"].as_str().unwrap().to_owned()));
                next += 1;
            }
            "content_block_delta" => {
                let (index, block) = open.as_ref().unwrap();
                assert_eq!(value["index"].as_u64(), Some(*index));
                let delta = &value["delta"];
                let fits = match delta["type"].as_str().unwrap() {
                    "text_delta" => block == "text" && delta["text"] != "",
                    "citations_delta" => block == "text" && delta["citation"].is_object(),
                    "thinking_delta" => block == "thinking" && delta["thinking"] != "",
                    "signature_delta" => block == "thinking" && delta["signature"] != "",
                    "input_json_delta" => block.ends_with("tool_use") && delta["partial_json"] != "",
                    _ => false,
                };
                assert!(fits, "{value} in a block of {block}");
            }
            "content_block_stop" => {
                let (index, _) = open.take().unwrap();
                assert_eq!(value["index"].as_u64(), Some(index));
            }
            "ping" => continue,
            _ => assert_eq!(open, None, "{kind} between blocks"),
        }
        order.push(kind.to_owned());
    }
    let frame: Vec<&str> = order.iter().map(String::as_str).filter(|kind| !kind.starts_with("content_block")).collect();
    assert_eq!(frame, ["message_start", "message_delta", "message_stop"]);
    assert_eq!(order.first().map(String::as_str), Some("message_start"));
    assert_eq!(order.get(order.len() - 2).map(String::as_str), Some("message_delta"));
    let message = message_of(stream);
    let ids = message["content"].as_array().unwrap().iter().filter(|block| block["type"] == "tool_use");
    let ids: Vec<&str> = ids.map(|block| block["id"].as_str().unwrap()).collect();
    let is_legal =
        |id: &&str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    assert!(ids.iter().all(is_legal), "{ids:?}");
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "no two ids alike");
    message
}

/// The message that Anthropic's SDKs put together: `accumulate_event` of the Python one, in its plainest form.
pub(super) fn message_of(stream: &Bytes) -> Value {
    let mut message = Value::Null;
    let mut inputs: Vec<(usize, String)> = Vec::new();
    for event in events_of(stream) {
        let Some(name) = event.name() else { continue };
        let Ok(value) = serde_json::from_slice::<Value>(&event.data()) else { continue };
        let index = value["index"].as_u64().map_or(0, |index| usize::try_from(index).unwrap());
        match name {
            b"message_start" => message = value["message"].clone(),
            b"content_block_start" => {
                let content = message["content"].as_array_mut().unwrap();
                assert_eq!(content.len(), index);
                content.push(value["content_block"].clone());
            }
            b"content_block_delta" => {
                let delta = &value["delta"];
                let block = &mut message["content"][index];
                let add = |block: &mut Value, name: &str| {
                    let text = format!("{}{}", block[name].as_str().unwrap_or_default(), delta[name].as_str().unwrap());
                    block[name] = text.into();
                };
                match delta["type"].as_str().unwrap() {
                    "text_delta" => add(block, "text"),
                    "thinking_delta" => add(block, "thinking"),
                    "signature_delta" => block["signature"] = delta["signature"].clone(),
                    "citations_delta" => {
                        if !block["citations"].is_array() {
                            block["citations"] = json!([]);
                        }
                        block["citations"].as_array_mut().unwrap().push(delta["citation"].clone());
                    }
                    "input_json_delta" => {
                        let piece = delta["partial_json"].as_str().unwrap();
                        match inputs.iter_mut().find(|(known, _)| *known == index) {
                            Some((_, input)) => input.push_str(piece),
                            None => inputs.push((index, piece.to_owned())),
                        }
                    }
                    other => panic!("an unknown delta: {other}"),
                }
            }
            b"message_delta" => {
                for (name, value) in value["delta"].as_object().unwrap() {
                    message[name] = value.clone();
                }
                for (name, value) in value["usage"].as_object().unwrap().iter().filter(|(_, value)| !value.is_null()) {
                    message["usage"][name] = value.clone();
                }
            }
            _ => {}
        }
    }
    for (index, input) in inputs.into_iter().filter(|(_, input)| !input.is_empty()) {
        // What is cut is kept, to be seen by tests; the SDKs parse as far as it goes.
        message["content"][index]["input"] = serde_json::from_str(&input).unwrap_or(Value::String(input));
    }
    message
}
