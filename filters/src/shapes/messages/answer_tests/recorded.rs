//! All that was recorded of Anthropic: set `OVTH_RECORDINGS` to a folder with `messages/`.
#![expect(clippy::print_stderr, reason = "tests say what they left out")]

use std::path::PathBuf;

use bytes::{Bytes, BytesMut};
use serde_json::Value;

use super::{SEED, answering, collected, decoded, encoded, judge, normal, read, write};
use crate::Shape;
use crate::json::Json;
use crate::neutral::{Event, Opening, Part, Response};
use crate::shapes::codec;
use crate::translate::StreamTranslator;

/// The recorded answers of Anthropic with their names: streams and whole ones.
fn answers(streamed: bool) -> Vec<(String, String)> {
    answers_of("messages", streamed)
}

/// The recorded answers of a shape's folder, but for those that break off.
fn answers_of(folder: &str, streamed: bool) -> Vec<(String, String)> {
    let Some(root) = std::env::var_os("OVTH_RECORDINGS").map(PathBuf::from) else {
        eprintln!("left out: all recordings, because OVTH_RECORDINGS names no folder with them");
        return Vec::new();
    };
    let mut answers = Vec::new();
    for entry in std::fs::read_dir(root.join(folder)).unwrap() {
        let path = entry.unwrap().path();
        let exchange: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let response = &exchange["response"];
        let breaks = exchange["features"].to_string().contains("error-mid-stream");
        if response["status"] == 200 && exchange["stream"] == streamed && !breaks {
            let text = response["body_text"].as_str().map_or_else(|| response["body"].to_string(), str::to_owned);
            answers.push((path.file_name().unwrap().to_string_lossy().into_owned(), text));
        }
    }
    answers.sort();
    assert!(!answers.is_empty());
    answers
}

#[test]
fn every_recorded_answer_is_read_as_a_full_parse_reads_it_and_comes_back_the_same() {
    for (name, body) in answers(false) {
        let response = decoded(&body).unwrap();
        let plain: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((plain["id"].as_str(), plain["model"].as_str()), (Some(&*response.id), Some(&*response.model)));
        assert_eq!(plain["stop_reason"].as_str(), Some(&*response.native_finish), "{name}");
        let blocks = plain["content"].as_array().unwrap();
        assert_eq!(blocks.len(), response.parts.len(), "{name}");
        for (block, part) in blocks.iter().zip(&response.parts) {
            let text = |name: &str| block[name].as_str().unwrap_or_default();
            match (text("type"), part) {
                ("text", Part::Text(part)) => {
                    let citations = block["citations"].as_array().map_or(0, Vec::len);
                    assert_eq!((text("text"), citations), (&*part.text, part.citations.len()), "{name}");
                }
                ("thinking", Part::Reasoning(part)) => {
                    let state = part.state.as_ref().unwrap();
                    assert_eq!((text("thinking"), text("signature")), (&*part.text, &*state.data), "{name}");
                }
                ("redacted_thinking", Part::Reasoning(part)) => {
                    assert_eq!(("", text("data")), (&*part.text, &*part.state.as_ref().unwrap().data), "{name}");
                }
                ("tool_use", Part::ToolCall(call)) => {
                    assert_eq!((text("id"), text("name")), (&*call.id, &*call.name), "{name}");
                    assert_eq!(block["input"], serde_json::from_str::<Value>(&call.arguments).unwrap(), "{name}");
                }
                (kind, Part::Opaque(opaque)) => {
                    assert!(!["text", "thinking", "redacted_thinking", "tool_use"].contains(&kind), "{name}: {kind}");
                    assert_eq!(*block, serde_json::from_str::<Value>(opaque.raw.raw()).unwrap(), "{name}");
                }
                (kind, part) => panic!("{name}: a block of {kind} became {part:?}"),
            }
        }
        let again = decoded(&encoded(&response, &answering()).to_string()).unwrap();
        assert_eq!(normal(again), normal(response), "{name}");
    }
}

#[test]
fn every_recorded_stream_says_what_the_sdks_make_of_it_and_comes_back_the_same() {
    for (name, text) in answers(true) {
        let text = Bytes::from(text);
        let events = read([text.clone()]);
        let response = normal(collected(&events).unwrap());
        let sibling = normal(decoded(&judge::message_of(&text).to_string()).unwrap());
        assert_eq!(response, sibling, "{name}: a stream and its whole sibling");

        let written = write(&events, &answering());
        let told = normal(decoded(&judge::judged(&written).to_string()).unwrap());
        assert_eq!(told, response, "{name}: what a client makes of it");
        assert_eq!(comparable(read([written])), comparable(events), "{name}: event by event");
    }
}

#[test]
fn every_recorded_stream_of_chat_is_told_to_clients_of_messages() {
    for (name, text) in answers_of("chat-completions", true) {
        let mut translator = StreamTranslator::new(Shape::Chat, Shape::Messages, &answering()).unwrap();
        let mut decoder = codec(Shape::Chat).unwrap().stream_decoder(SEED);
        let (mut out, mut events) = (BytesMut::new(), Vec::new());
        for event in judge::events_of(&Bytes::from(format!("{text}\n\n").replace("\n\n\n\n", "\n\n"))) {
            translator.event(&event, &mut out).unwrap();
            decoder.event(&event, &mut events);
        }
        translator.end(&mut out).unwrap();
        decoder.end(&mut events);
        let message = judge::judged(&out.freeze());
        let told = normal(decoded(&message.to_string()).unwrap());
        let said = normal(collected(&events).unwrap());
        assert_eq!(essence(&told), essence(&said), "{name}");
        assert_eq!(told.usage, said.usage, "{name}");
    }
}

/// What a user gets of an answer: its text, its reasoning, and its calls.
fn essence(response: &Response) -> (String, String, Vec<(&str, &str, &str)>) {
    let (mut text, mut reasoning, mut calls) = (String::new(), String::new(), Vec::new());
    for part in &response.parts {
        match part {
            Part::Text(part) => text.push_str(&part.text),
            Part::Refusal(part) => text.push_str(part),
            Part::Reasoning(part) => reasoning.push_str(&part.text),
            Part::ToolCall(call) => calls.push((&*call.id, &*call.name, &*call.arguments)),
            _ => {}
        }
    }
    (text, reasoning, calls)
}

#[test]
fn recorded_streams_are_read_the_same_however_they_are_split() {
    for (name, text) in answers(true) {
        let text = Bytes::from(text);
        let events = read([text.clone()]);
        for size in [1, 2, 3, 7, 61, 1_000, 16_384] {
            let chunks = (0..text.len()).step_by(size).map(|at| text.slice(at..(at + size).min(text.len())));
            assert_eq!(read(chunks), events, "{name} in pieces of {size}");
        }
    }
}

#[test]
fn pitfall_006_recorded_streams_that_are_cut_end_with_an_error() {
    for (name, text) in answers(true) {
        let end = text.find("event: message_delta").unwrap();
        for share in [0, 1, 2, 3, 4] {
            let mut cut = end * share / 4;
            while !text.is_char_boundary(cut) {
                cut -= 1;
            }
            let events = read([Bytes::copy_from_slice(&text.as_bytes()[..cut])]);
            assert!(matches!(events.last(), Some(Event::Error(_))), "{name} cut at {cut}");
        }
    }
}

/// Events to be compared by value: of the counters only the last word, because a stream begins before they are known.
fn comparable(events: Vec<Event>) -> Vec<Event> {
    let last = events.iter().rposition(|event| matches!(event, Event::Usage(_)));
    let is_kept = |(at, event): &(usize, Event)| !matches!(event, Event::Usage(_)) || Some(*at) == last;
    let compact = |json: &Json<'_>| Json::parse(&json.compact()).unwrap();
    let plain = |event| match event {
        Event::Open { part, what: Opening::Opaque(mut opaque) } => {
            opaque.raw = compact(&opaque.raw);
            Event::Open { part, what: Opening::Opaque(opaque) }
        }
        Event::Cite { part, mut citation } => {
            citation.raw = compact(&citation.raw);
            Event::Cite { part, citation }
        }
        event => event,
    };
    events.into_iter().enumerate().filter(is_kept).map(|(_, event)| plain(event)).collect()
}
