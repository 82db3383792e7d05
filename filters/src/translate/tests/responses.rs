//! Responses to and from the shapes that were there before it: every recorded exchange, and what of it cannot cross.

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

use super::recordings::{self, BOTH, Exchange, assert_counted, recorded};
use super::{SEED, Told, answering, bare, by_value, codec, fixtures, of_custom, taking_all, told, wrapped};
use crate::Shape;
use crate::json::View;
use crate::neutral::{ApiError, Collector, Event, Finish, Losses, Part, Profile, Response, Role, Thinking, Usage};
use crate::sse::{Framer, Piece};
use crate::translate::{self, Aggregate, StreamTranslator, Upstream};

/// The last event of a stream repeats the whole answer.
const MAX_EVENT_BYTES: usize = 4 * 1024 * 1024;

pub(super) const OLDER: [Shape; 2] = [Shape::Chat, Shape::Messages];

/// Answers of responses: the project's own and the recorded ones.
pub(super) fn own() -> Vec<Exchange> {
    let mut exchanges = recordings::own("responses", Shape::Responses);
    exchanges.extend(recorded(&[("responses", Shape::Responses)]));
    exchanges
}

/// Those of the older shapes, the project's own too.
pub(super) fn others() -> Vec<Exchange> {
    fixtures::own().into_iter().chain(recorded(&BOTH)).collect()
}

pub(super) fn events(stream: &Bytes, size: usize) -> Vec<crate::sse::RawEvent> {
    let mut framer = Framer::new(MAX_EVENT_BYTES);
    let mut events = Vec::new();
    let mut take = |piece: Piece| match piece {
        Piece::Event(event) => events.push(event),
        _ => panic!("an event over the bound"),
    };
    for at in (0..stream.len()).step_by(size) {
        framer.push(stream.slice(at..(at + size).min(stream.len())));
        while let Some(piece) = framer.next() {
            take(piece);
        }
    }
    framer.finish().into_iter().for_each(take);
    events
}

fn read(shape: Shape, stream: &Bytes) -> Result<Response, ApiError> {
    let mut decoder = codec(shape).stream_decoder(SEED);
    let mut out: Vec<Event> = Vec::new();
    events(stream, usize::MAX / 2).iter().for_each(|event| decoder.event(event, &mut out));
    decoder.end(&mut out);
    let mut answer = Collector::default();
    out.into_iter().for_each(|event| answer.take(event));
    answer.finish()
}

fn translated(from: Shape, to: Shape, stream: &Bytes, size: usize) -> (Bytes, Option<ApiError>) {
    let mut translator = StreamTranslator::new(from, to, &answering()).unwrap();
    let (mut out, mut error) = (BytesMut::new(), None);
    for event in events(stream, size) {
        error = error.or(translator.event(&event, &mut out).err());
    }
    error = error.or(translator.end(&mut out).err());
    (out.freeze(), error)
}

fn whole(shape: Shape, body: &[u8]) -> Response {
    codec(shape).decode_response(View::parse(body).unwrap(), SEED).unwrap()
}

/// What a client of that shape makes of an answer: all of it but for these.
pub(super) fn expected(to: Shape, mut answer: Told) -> Told {
    let is_own = |prefix: &str| answer.id.starts_with(prefix);
    match to {
        Shape::Responses => {
            if !is_own("resp_") {
                answer.id = answering().minted("resp_", 0);
            }
            answer.finish = match answer.finish {
                // There is no word for these.
                Finish::StopSequence(_) | Finish::Paused => Finish::Stop,
                Finish::ContextFull => Finish::Length,
                Finish::Filtered { explanation, .. } => {
                    if answer.refusal.is_empty() {
                        answer.refusal = explanation.unwrap_or_default();
                    }
                    Finish::Filtered { explanation: None, category: None }
                }
                finish => finish,
            };
            answer.usage =
                answer.usage.map(|usage| Usage { audio_input: 0, audio_output: 0, image_output: 0, ..usage });
        }
        Shape::Messages => {
            answer = super::answers::expected(Shape::Chat, answer);
            // There are functions only.
            for (_, _, arguments, custom) in &mut answer.calls {
                if std::mem::take(custom) {
                    *arguments = of_custom(arguments.take());
                }
            }
        }
        _ => {}
    }
    answer
}

/// Both told, as far as it can be told why a model refused that said nothing of it.
fn assert_same(name: &str, mut found: Told, expected: Told) {
    if expected.refusal.is_empty() && found.refusal == "The model refused to respond." {
        found.refusal.clear();
    }
    assert_eq!(found, expected, "{name}");
}

/// An answer in each form in which a client can get it.
fn crosses(exchange: &Exchange, to: Shape) -> Option<()> {
    let (name, from) = (format!("{} to {to}", exchange.name), exchange.shape);
    if let Some(stream) = exchange.stream() {
        let answer = read(from, &stream);
        let (out, error) = translated(from, to, &stream, 97);
        assert_eq!(answer.as_ref().err(), error.as_ref(), "{name}");
        let expected = expected(to, told(&answer.ok()?));
        assert_eq!(translated(from, to, &stream, 1_000_003), (out.clone(), None), "{name}: splits");
        assert_same(&name, told(&read(to, &out).unwrap()), expected.clone());
        let mut aggregate = Aggregate::new(from, to, &answering()).unwrap();
        events(&stream, 4_096).iter().for_each(|event| aggregate.event(event));
        assert_same(&name, objects(to, told(&whole(to, &aggregate.end().unwrap()))), objects(to, expected));
        return Some(());
    }
    let body = exchange.body().filter(|_| exchange.status() == 200)?;
    let answer = codec(from).decode_response(View::parse(&body).unwrap(), SEED);
    let written = translate::response(from, to, &body, &answering());
    let (Ok(answer), Ok(written)) = (&answer, &written) else {
        assert_eq!(answer.as_ref().err(), written.as_ref().err(), "{name}");
        return None;
    };
    let expected = expected(to, told(answer));
    assert_same(&name, objects(to, told(&whole(to, written))), objects(to, expected.clone()));
    let streamed = translate::response_as_stream(from, to, &body, &answering()).unwrap();
    assert_same(&name, told(&read(to, &streamed.into()).unwrap()), expected);
    Some(())
}

/// Cut arguments are wrapped in an object where they must be one.
fn objects(to: Shape, mut answer: Told) -> Told {
    if to == Shape::Messages {
        for (_, _, arguments, _) in &mut answer.calls {
            *arguments = wrapped(arguments.take());
        }
    }
    answer
}

#[test]
fn every_recorded_answer_of_responses_says_the_same_in_the_other_shapes() {
    let (mut crossed, mut left) = (Vec::new(), Vec::new());
    for exchange in own() {
        for to in OLDER {
            let name = format!("{} to {to}", exchange.name);
            match crosses(&exchange, to) {
                Some(()) => crossed.push(name),
                None => left.push(name),
            }
        }
    }
    assert_counted("answers of responses", &crossed, 78);
    // Three errors with their status, and an answer that is worked on in the background.
    assert_counted("answers that are none", &left, 8);
}

#[test]
fn every_recorded_answer_of_the_other_shapes_says_the_same_to_clients_of_responses() {
    let (mut crossed, mut left) = (Vec::new(), Vec::new());
    for exchange in others() {
        let name = exchange.name.clone();
        match crosses(&exchange, Shape::Responses) {
            Some(()) => crossed.push(name),
            None => left.push(name),
        }
    }
    assert_counted("answers to responses", &crossed, 88);
    assert_counted("answers that are none", &left, 15);
}

pub(super) fn upstream(shape: Shape, profile: &Profile) -> Upstream<'_> {
    Upstream { shape, profile, stream: false, max_output: None, without_state: false }
}

/// What a provider asks of a request.
pub(super) fn judge(body: &Value) {
    assert_eq!(body["store"], false);
    let mut open: Vec<&str> = Vec::new();
    let items = body["input"].as_array().unwrap();
    for (at, item) in items.iter().enumerate() {
        match item["type"].as_str().unwrap() {
            "function_call" | "custom_tool_call" => open.push(item["call_id"].as_str().unwrap()),
            "function_call_output" | "custom_tool_call_output" => {
                let id = item["call_id"].as_str().unwrap();
                let at = open.iter().position(|open| *open == id).unwrap_or_else(|| panic!("no call {id}: {body}"));
                open.remove(at);
            }
            "reasoning" => {
                let next = items.get(at + 1).unwrap_or_else(|| panic!("dangling: {body}"));
                assert_ne!(next["role"], "user", "dangling: {body}");
            }
            "message" => assert!(!item["content"].as_array().unwrap().is_empty(), "{body}"),
            _ => {}
        }
    }
    assert!(open.is_empty(), "every call has its output: {body}");
}

/// What of an answer goes back: texts, reasoning and calls.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Kept {
    pub(super) text: String,
    pub(super) thoughts: Vec<(String, Option<(crate::neutral::StateFormat, String)>)>,
    pub(super) calls: Vec<(String, String, Value)>,
    pub(super) call_states: Vec<(String, String)>,
}

pub(super) fn kept<'p>(parts: impl IntoIterator<Item = &'p Part<'p>>) -> Kept {
    let mut kept = Kept::default();
    for part in parts {
        match part {
            Part::Text(text) => kept.text.push_str(&text.text),
            Part::Refusal(text) => kept.text.push_str(text),
            Part::Reasoning(thought) if thought.text.is_empty() && thought.state.is_none() => {}
            Part::Reasoning(thought) => {
                kept.thoughts.push((thought.text.to_string(), thought.state.as_ref().and_then(bare)));
            }
            Part::ToolCall(call) => {
                // Custom tools are functions of one text to those who know no others.
                let arguments =
                    if call.custom { of_custom(Value::from(&*call.arguments)) } else { by_value(&call.arguments) };
                kept.calls.push((call.id.to_string(), call.name.to_string(), arguments));
                let state = call.state.as_ref().and_then(bare);
                kept.call_states.extend(state.map(|(_, data)| (call.id.to_string(), data)));
            }
            _ => {}
        }
    }
    kept
}

/// The next request of a client of responses, as Codex sends it: all items of the output, then what the tools gave back.
pub(super) fn next_of_responses(answer: &Value) -> Value {
    let mut input = vec![json!({"role": "user", "content": "one"})];
    let output = answer["output"].as_array().unwrap();
    input.extend(output.iter().cloned());
    for item in output {
        match item["type"].as_str().unwrap() {
            "function_call" => {
                input.push(json!({"type": "function_call_output", "call_id": item["call_id"], "output": "ok"}));
            }
            "custom_tool_call" => {
                input.push(json!({"type": "custom_tool_call_output", "call_id": item["call_id"], "output": "ok"}));
            }
            _ => {}
        }
    }
    input.push(json!({"role": "user", "content": "two"}));
    json!({"model": "m", "max_output_tokens": 9_000, "input": input})
}

fn answer_of(exchange: &Exchange, to: Shape) -> Option<(Response, Value)> {
    let from = exchange.shape;
    let (response, body) = match (exchange.stream(), exchange.body()) {
        (Some(stream), _) => {
            let response = read(from, &stream).ok()?;
            let mut aggregate = Aggregate::new(from, to, &answering()).unwrap();
            events(&stream, 4_096).iter().for_each(|event| aggregate.event(event));
            (response, aggregate.end().unwrap())
        }
        (None, Some(body)) if exchange.status() == 200 => {
            let response = codec(from).decode_response(View::parse(&body).unwrap(), SEED).ok()?;
            (response, translate::response(from, to, &body, &answering()).unwrap())
        }
        _ => return None,
    };
    Some((response, serde_json::from_slice(&body).unwrap()))
}

#[test]
fn pitfall_60_and_67_what_a_client_of_responses_sends_back_is_what_the_provider_had_said() {
    let mut looped = Vec::new();
    for exchange in others() {
        let (name, shape) = (exchange.name.clone(), exchange.shape);
        let Some((response, answer)) = answer_of(&exchange, Shape::Responses) else { continue };
        let body = serde_json::to_vec(&next_of_responses(&answer)).unwrap();
        let mut profile = Profile { thinking: Thinking::Adaptive, ..taking_all() };
        let sent = |profile: &Profile| {
            translate::request(Shape::Responses, &body, upstream(shape, profile))
                .unwrap_or_else(|error| panic!("{name}: {error:?}"))
        };
        let read = |body: &[u8]| {
            let request = codec(shape).decode_request(View::parse(body).unwrap(), &mut Losses::default()).unwrap();
            let said = request.messages.iter().filter(|message| message.role == Role::Assistant);
            kept(said.flat_map(|message| &message.parts))
        };
        let back = read(&sent(&profile).body);
        let mut wanted = kept(&response.parts);
        if shape == Shape::Messages {
            // A block without a signature is refused.
            wanted.thoughts.retain(|(_, state)| state.is_some());
        }
        if let Finish::Filtered { explanation, .. } = &response.finish {
            let refused = response.parts.iter().any(|part| matches!(part, Part::Refusal(_)));
            let words = explanation
                .as_deref()
                .or((response.native_finish == "refusal").then_some("The model refused to respond."));
            wanted.text.push_str(words.filter(|_| !refused).unwrap_or_default());
        }
        for (.., arguments) in &mut wanted.calls {
            if shape == Shape::Messages {
                *arguments = wrapped(arguments.take());
            }
        }
        assert_eq!(back, wanted, "{name}");

        // Another provider gets the words and the calls and nothing of the state.
        profile.origin.account = "another".into();
        profile.origin.provider = "another".into();
        let foreign = sent(&profile).body;
        assert!(!String::from_utf8_lossy(&foreign).contains("gw1."), "{name}");
        let elsewhere = read(&foreign);
        assert_eq!((&elsewhere.text, &elsewhere.calls), (&back.text, &back.calls), "{name}");
        looped.push(name);
    }
    assert_counted("answers that come back through responses", &looped, 88);
}

#[test]
fn pitfall_74_what_a_provider_of_responses_had_said_comes_back_from_clients_of_the_other_shapes() {
    let mut looped = Vec::new();
    for exchange in own() {
        for client in OLDER {
            let name = format!("{} to {client}", exchange.name);
            let Some((response, answer)) = answer_of(&exchange, client) else { continue };
            let request = super::loops::next_request(client, &answer);
            let body = serde_json::to_vec(&request).unwrap();
            let mut profile = taking_all();
            let sent =
                |profile: &Profile| translate::request(client, &body, upstream(Shape::Responses, profile)).unwrap();
            let read = |body: &[u8]| {
                judge(&serde_json::from_slice(body).unwrap());
                let request =
                    codec(Shape::Responses).decode_request(View::parse(body).unwrap(), &mut Losses::default()).unwrap();
                let said = request.messages.iter().filter(|message| message.role == Role::Assistant);
                kept(said.flat_map(|message| &message.parts))
            };
            let back = read(&sent(&profile).body);
            let mut wanted = kept(&response.parts);
            // Without state it is refused, and so is state that nothing follows.
            wanted.thoughts.retain(|(_, state)| state.is_some());
            if wanted.text.is_empty() && wanted.calls.is_empty() {
                wanted.thoughts.clear();
            }
            assert_eq!(back, wanted, "{name}: {request}");
            profile.origin.account = "another".into();
            let foreign = read(&sent(&profile).body);
            assert_eq!((&foreign.text, &foreign.calls), (&back.text, &back.calls), "{name}");
            if client == Shape::Messages {
                // Chat has a place of its own for it, which does not say whose it is.
                assert!(foreign.thoughts.is_empty(), "{name}: {foreign:?}");
            }
            looped.push(name);
        }
    }
    assert_counted("answers of responses that come back", &looped, 78);
}
