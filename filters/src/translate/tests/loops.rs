//! An answer that a client of the other shape sends back as history reaches its provider as it was.

use serde_json::{Value, json};

use super::recordings::{assert_counted, exchanges};
use super::{SEED, answering, bare, by_value, codec, other, taking_all, wrapped};
use crate::Shape;
use crate::json::View;
use crate::neutral::{Finish, Losses, Part, Profile, Response, Role, StateFormat, Thinking};
use crate::translate::{self, Aggregate, Upstream};

/// What of an answer goes back: texts, reasoning and calls.
#[derive(Debug, Default, PartialEq)]
struct Kept {
    text: String,
    thoughts: Vec<(String, Option<(StateFormat, String)>)>,
    calls: Vec<(String, String, Value)>,
    call_states: Vec<(String, String)>,
}

fn kept<'p>(parts: impl IntoIterator<Item = &'p Part<'p>>) -> Kept {
    let mut kept = Kept::default();
    for part in parts {
        match part {
            Part::Text(text) => kept.text.push_str(&text.text),
            Part::Refusal(text) => kept.text.push_str(text),
            Part::Reasoning(thought) => {
                kept.thoughts.push((thought.text.to_string(), thought.state.as_ref().and_then(bare)));
            }
            Part::ToolCall(call) => {
                kept.calls.push((call.id.to_string(), call.name.to_string(), by_value(&call.arguments)));
                let state = call.state.as_ref().and_then(bare);
                kept.call_states.extend(state.map(|(_, data)| (call.id.to_string(), data)));
            }
            _ => {}
        }
    }
    kept
}

/// The answer in the client's shape, whole.
fn answered(shape: Shape, exchange: &super::recordings::Exchange) -> Option<(Response, Value)> {
    let (response, body) = match (exchange.stream(), exchange.body()) {
        (Some(stream), _) => {
            let response = super::streams::collected(&super::streams::read(shape, [stream.clone()])).ok()?;
            let mut aggregate = Aggregate::new(shape, other(shape), &answering()).unwrap();
            super::streams::framed([stream], |event| aggregate.event(event));
            (response, aggregate.end().unwrap())
        }
        (None, Some(body)) if exchange.status() == 200 => {
            let response = codec(shape).decode_response(View::parse(&body).unwrap(), SEED).ok()?;
            (response, translate::response(shape, other(shape), &body, &answering()).unwrap())
        }
        _ => return None,
    };
    Some((response, serde_json::from_slice(&body).unwrap()))
}

/// The next request of that client, with all of the answer in it.
pub(super) fn next_request(client: Shape, answer: &Value) -> Value {
    let user = |text: &str| json!({"role": "user", "content": text});
    let mut messages = vec![user("one")];
    if client == Shape::Chat {
        let message = answer["choices"][0]["message"].clone();
        let calls = message["tool_calls"].as_array().cloned().unwrap_or_default();
        messages.push(message);
        messages.extend(calls.iter().map(|call| json!({"role": "tool", "tool_call_id": call["id"], "content": "ok"})));
    } else {
        let content = answer["content"].clone();
        let calls = content.as_array().unwrap().iter().filter(|block| block["type"] == "tool_use");
        let results: Vec<Value> =
            calls.map(|call| json!({"type": "tool_result", "tool_use_id": call["id"], "content": "ok"})).collect();
        if !content.as_array().unwrap().is_empty() {
            messages.push(json!({"role": "assistant", "content": content}));
        }
        if !results.is_empty() {
            messages.push(json!({"role": "user", "content": results}));
        }
    }
    messages.push(user("two"));
    json!({"model": "m", "max_tokens": 9_000, "messages": messages})
}

#[test]
fn pitfall_60_67_and_69_an_answer_that_comes_back_as_history_is_what_the_provider_had_said() {
    let mut looped = Vec::new();
    for exchange in exchanges() {
        let (name, shape) = (exchange.name.clone(), exchange.shape);
        let Some((response, answer)) = answered(shape, &exchange) else { continue };
        let request = next_request(other(shape), &answer);
        let body = serde_json::to_vec(&request).unwrap();
        let mut profile = Profile { thinking: Thinking::Adaptive, ..taking_all() };
        let sent = |profile: &Profile| {
            let upstream = Upstream { shape, profile, stream: false, max_output: None, without_state: false };
            translate::request(other(shape), &body, upstream).unwrap_or_else(|error| panic!("{name}: {error:?}"))
        };
        let read = |body: &[u8]| {
            let request = codec(shape).decode_request(View::parse(body).unwrap(), &mut Losses::default()).unwrap();
            let said = request.messages.iter().filter(|message| message.role == Role::Assistant);
            kept(said.flat_map(|message| &message.parts))
        };
        let back = read(&sent(&profile).body);
        assert_eq!(back, expected(shape, &response), "{name}: {request}");

        // Another provider gets the words and the calls and nothing of the state.
        profile.origin.account = "another".into();
        profile.origin.provider = "another".into();
        let foreign = sent(&profile).body;
        let words = String::from_utf8(foreign.clone()).unwrap();
        assert!(!words.contains("gw1."), "{name}: {words}");
        let elsewhere = read(&foreign);
        assert_eq!((&elsewhere.text, &elsewhere.calls), (&back.text, &back.calls), "{name}");
        looped.push(name);
    }
    assert_counted("answers that come back", &looped, 88);
}

/// What the provider gets back: all but for these.
fn expected(shape: Shape, response: &Response) -> Kept {
    let mut kept = kept(&response.parts);
    if shape == Shape::Messages {
        // A block without a signature is refused.
        kept.thoughts.retain(|(_, state)| state.is_some());
        // Why a model refused is told to clients of chat as the text of its refusal.
        if let Finish::Filtered { explanation, .. } = &response.finish {
            kept.text.push_str(explanation.as_deref().unwrap_or("The model refused to respond."));
        }
    }
    for (.., arguments) in &mut kept.calls {
        // Messages holds objects only; the client has seen this one.
        *arguments = wrapped(arguments.take());
    }
    kept
}
