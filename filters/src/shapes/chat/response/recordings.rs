//! Every recorded chat answer: read, compared with what a plain parse finds, written, and read again.
#![expect(clippy::unwrap_used, clippy::print_stderr, clippy::indexing_slicing, reason = "tests")]

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::testing::{self, Recording, answering, collected, data, read, read_split, recordings, written};
use super::*;
use crate::neutral::{Finish, Reasoning, StateFormat};

/// What is said in an answer, in plain words.
#[derive(Debug, Default, PartialEq)]
struct Said {
    text: String,
    refusal: String,
    reasoning: String,
    calls: Vec<(String, String, String)>,
}

fn said(response: &Response) -> Said {
    let mut said = Said::default();
    for part in &response.parts {
        match part {
            Part::Text(text) => said.text.push_str(&text.text),
            Part::Refusal(refusal) => said.refusal.push_str(refusal),
            Part::Reasoning(Reasoning { text, .. }) => said.reasoning.push_str(text),
            Part::ToolCall(call) => {
                said.calls.push((call.id.to_string(), call.name.to_string(), call.arguments.to_string()));
            }
            _ => {}
        }
    }
    said
}

fn text_of(value: &Value, of: &str) -> String {
    match value {
        Value::String(text) if of == "text" => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter(|part| part["type"] == *of)
            .map(|part| if of == "text" { text_of(&part["text"], of) } else { text_of(&part["thinking"], "text") })
            .collect(),
        _ => String::new(),
    }
}

fn add_string(into: &mut Value, more: &Value) {
    let before = into.as_str().unwrap_or_default().to_owned();
    *into = Value::from(before + more.as_str().unwrap_or_default());
}

/// Puts the deltas of a stream together as a client does that knows nothing of this code.
fn joined(stream: &Bytes) -> Value {
    let mut message = json!({"role": "assistant", "content": "", "tool_calls": []});
    let mut body = json!({"choices": [{"index": 0}]});
    let mut thinking = String::new();
    for chunk in data(stream).iter().filter(|chunk| chunk.is_object()) {
        for name in ["id", "model", "usage", "search_results", "service_tier", "x_groq"] {
            if chunk[name].as_str().is_none_or(|text| !text.is_empty()) && !chunk[name].is_null() {
                body[name] = chunk[name].clone();
            }
        }
        let choice = &chunk["choices"][0];
        for name in ["finish_reason", "native_finish_reason"] {
            if !choice[name].is_null() {
                body["choices"][0][name] = choice[name].clone();
            }
        }
        let delta = &choice["delta"];
        thinking.push_str(&text_of(&delta["content"], "thinking"));
        add_string(&mut message["content"], &Value::from(text_of(&delta["content"], "text")));
        for name in ["reasoning", "reasoning_content", "refusal"] {
            if delta[name].is_string() {
                add_string(&mut message[name], &delta[name]);
            }
        }
        for detail in delta["reasoning_details"].as_array().into_iter().flatten() {
            if !message["reasoning_details"].is_array() {
                message["reasoning_details"] = json!([]);
            }
            let details = message["reasoning_details"].as_array_mut().unwrap();
            let known =
                details.iter_mut().find(|known| known["type"] == detail["type"] && known["index"] == detail["index"]);
            match known {
                Some(known) => {
                    for name in ["text", "summary"] {
                        if detail[name].is_string() {
                            add_string(&mut known[name], &detail[name]);
                        }
                    }
                    for name in ["signature", "format"] {
                        if detail[name].is_string() {
                            known[name] = detail[name].clone();
                        }
                    }
                }
                None => details.push(detail.clone()),
            }
        }
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let calls = message["tool_calls"].as_array_mut().unwrap();
            match calls.iter_mut().find(|known| known["index"] == call["index"]) {
                Some(known) => add_string(&mut known["function"]["arguments"], &call["function"]["arguments"]),
                None => calls.push(call.clone()),
            }
        }
    }
    if !thinking.is_empty() {
        let text = message["content"].take();
        message["content"] = json!([
            {"type": "thinking", "thinking": [{"type": "text", "text": thinking}]},
            {"type": "text", "text": text},
        ]);
    }
    body["choices"][0]["message"] = message;
    body
}

/// What a whole body says, found in the plainest way.
fn plain(body: &Value) -> Said {
    let message = &body["choices"][0]["message"];
    let string = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut reasoning = string(&message["reasoning"]);
    for other in [string(&message["reasoning_content"]), text_of(&message["content"], "thinking")] {
        if reasoning.is_empty() {
            reasoning = other;
        }
    }
    if reasoning.is_empty() {
        let details = message["reasoning_details"].as_array().into_iter().flatten();
        reasoning = details.map(|detail| string(&detail["text"]) + &string(&detail["summary"])).collect();
    }
    let mut calls: Vec<(String, String, String)> = Vec::new();
    let or_none = |arguments: &Value| arguments.as_str().filter(|text| !text.is_empty()).unwrap_or("{}").to_owned();
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        let function = &call["function"];
        calls.push((string(&call["id"]), string(&function["name"]), or_none(&function["arguments"])));
    }
    let old = &message["function_call"];
    if old["name"].as_str().is_some_and(|name| !name.is_empty()) {
        let id = answering().minted("call_", 0);
        calls.push((id, string(&old["name"]), or_none(&old["arguments"])));
    }
    Said { text: text_of(&message["content"], "text"), refusal: string(&message["refusal"]), reasoning, calls }
}

fn fails(recording: &Recording) -> bool {
    recording.exchange["features"].as_array().unwrap().iter().any(|feature| feature == "error-mid-stream")
        || recording.body().is_some_and(|body| body["error"].is_object())
}

fn expected_finish(body: &Value, said: &Said) -> Finish {
    let filtered = Finish::Filtered { explanation: None, category: None };
    match body["choices"][0]["finish_reason"].as_str().unwrap_or_default() {
        "length" => Finish::Length,
        "content_filter" => filtered,
        _ if !said.calls.is_empty() => Finish::ToolCalls,
        _ if !said.refusal.is_empty() => filtered,
        _ => Finish::Stop,
    }
}

#[test]
fn recorded_answers_say_what_a_plain_parse_finds_and_survive_being_written() {
    let mut checked = 0;
    for recording in recordings() {
        let Some(body) = recording.body() else { continue };
        let name = &recording.name;
        let response = testing::whole(body);
        assert_eq!(response.is_err(), fails(&recording), "{name}: {response:?}");
        let Ok(response) = response else { continue };
        let expected = plain(body);
        assert_eq!(said(&response), expected, "{name}");
        assert_eq!(response.finish, expected_finish(body, &expected), "{name}");
        assert_eq!(
            (response.id.as_str(), response.model.as_str()),
            (body["id"].as_str().unwrap(), body["model"].as_str().unwrap()),
            "{name}"
        );
        let mut tap = crate::tap::Tap::new(crate::Shape::Chat);
        tap.body(body.to_string().as_bytes());
        assert_eq!(response.usage, tap.usage(), "{name}");
        assert_eq!(response.service_class.as_deref(), tap.service_class(), "{name}");
        assert_eq!(again(&response), with_id(&response), "{name}");
        checked += 1;
    }
    eprintln!("checked {checked} answers");
}

/// The answer written and read.
fn again(response: &Response) -> Response {
    let body = encode(response, &answering());
    decode(View::parse(&body).unwrap(), testing::SEED).unwrap()
}

/// An answer without an id gets one.
fn with_id(response: &Response) -> Response {
    let id = if response.id.is_empty() { answering().minted("chatcmpl-", 0) } else { response.id.clone() };
    // What a text says is one text in chat.
    Response { id, ..response.clone() }
}

#[test]
fn recorded_streams_are_what_their_joined_deltas_are_and_survive_being_written() {
    let mut checked = 0;
    for recording in recordings() {
        let Some(stream) = recording.stream() else { continue };
        let name = &recording.name;
        let events = read_split(&stream);
        let response = collected(events.clone());
        assert_eq!(response.is_err(), fails(&recording), "{name}: {response:?}");
        let Ok(response) = response else { continue };
        let body = joined(&stream);
        let expected = plain(&body);
        assert_eq!(said(&response), expected, "{name}");
        assert_eq!(response.finish, expected_finish(&body, &expected), "{name}");
        let mut sibling = testing::whole(&body).unwrap();
        sibling.usage = crate_usage(&stream);
        assert_eq!(response, sibling, "{name}");
        let bytes = written(&events, &answering());
        assert!(bytes.ends_with(b"data: [DONE]\n\n"), "{name}");
        assert_eq!(collected(read([bytes])).unwrap(), with_id(&response), "{name}");
        assert_eq!(again(&response), with_id(&response), "{name}");
        checked += 1;
    }
    eprintln!("checked {checked} streams");
}

/// The counts that the tap finds.
fn crate_usage(stream: &Bytes) -> Option<crate::neutral::Usage> {
    let mut tap = crate::tap::Tap::new(crate::Shape::Chat);
    let mut framer = crate::sse::Framer::new(crate::shapes::MAX_EVENT_BYTES);
    framer.push(stream.clone());
    while let Some(piece) = framer.next() {
        tap.piece(&piece);
    }
    tap.usage()
}

#[test]
fn pitfall_70_recorded_signatures_and_encrypted_reasoning_are_kept_whole() {
    for (name, format) in [
        ("openrouter-stream-tool-call-reasoning-content-reasoning-details-01.json", StateFormat::AnthropicSignature),
        ("openrouter-citations-reasoning-content-reasoning-details-01.json", StateFormat::OpenAiEncrypted),
        ("snowflake-tool-call-reasoning-details-thinking-01.json", StateFormat::AnthropicSignature),
    ] {
        let Some(recording) = recordings().into_iter().find(|recording| recording.name == name) else { continue };
        let response = match recording.stream() {
            Some(stream) => collected(read([stream])).unwrap(),
            None => testing::whole(recording.body().unwrap()).unwrap(),
        };
        let Some(Part::Reasoning(Reasoning { text, state: Some(state), .. })) = response.parts.first() else {
            unreachable!("{name}: {response:?}")
        };
        assert!(!text.is_empty() && state.format == format, "{name}");
        let raw = recording.exchange["response"].to_string();
        assert!(raw.contains(&*state.data), "{name}");
    }
}
