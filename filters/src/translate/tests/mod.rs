//! What crosses from chat to messages and back is the same on the other side, and what has no place there is listed here.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod agents;
mod answers;
mod any;
mod any_pair;
mod details;
mod errors;
mod fixtures;
mod google;
mod google_responses;
mod kept;
mod loops;
mod pitfalls;
mod recordings;
mod requests;
mod responses;
mod responses_requests;
mod routing;
mod streams;

use serde_json::Value;

use crate::Shape;
use crate::neutral::{Answering, Finish, Opaque, Origin, Part, Profile, Response, State, StateFormat, Usage};
use crate::shapes::codec::Codec;
use crate::shapes::{self, envelope};

/// What the seed of ids is in tests.
const SEED: &str = "seed";

fn codec(shape: Shape) -> &'static dyn Codec {
    shapes::codec(shape).unwrap()
}

/// The other of the two shapes.
fn other(shape: Shape) -> Shape {
    if shape == Shape::Chat { Shape::Messages } else { Shape::Chat }
}

fn origin() -> Origin<'static> {
    Origin { provider: "p".into(), family: "f".into(), account: "a".into() }
}

/// A client that wants all it can have.
fn answering() -> Answering {
    Answering {
        include_usage: true,
        created: 1_700_000_000,
        seed: SEED.to_owned(),
        model: "the-model".to_owned(),
        origin: origin(),
        ..Answering::default()
    }
}

/// A target that takes all that its shape can say.
fn taking_all() -> Profile {
    let mut profile = Profile {
        model: "the-model".to_owned(),
        origin: origin(),
        system_between_turns: true,
        reads_signatures: true,
        ..Profile::default()
    };
    profile.host.router_fields = true;
    profile.host.openai_fields = true;
    profile.host.stream_options = true;
    profile
}

/// What a user gets of an answer, by value.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    id: String,
    model: String,
    text: String,
    refusal: String,
    reasoning: String,
    /// Format and data of each piece of state, in order, out of its envelope.
    states: Vec<(StateFormat, String)>,
    /// Id, name, arguments and whether it is a custom one.
    calls: Vec<(String, String, Value, bool)>,
    /// Addresses that are cited.
    cited: Vec<String>,
    finish: Finish,
    usage: Option<Usage>,
    service_class: Option<String>,
}

fn told(response: &Response) -> Told {
    let mut told = Told {
        id: response.id.clone(),
        model: response.model.clone(),
        text: String::new(),
        refusal: String::new(),
        reasoning: String::new(),
        states: Vec::new(),
        calls: Vec::new(),
        cited: Vec::new(),
        finish: response.finish.clone(),
        usage: response.usage,
        service_class: response.service_class.clone(),
    };
    for part in &response.parts {
        match part {
            Part::Text(part) => {
                told.text.push_str(&part.text);
                told.cited.extend(part.citations.iter().filter_map(|citation| match &citation.kind {
                    crate::neutral::CitationKind::Web { url, .. } => Some(url.to_string()),
                    crate::neutral::CitationKind::Other => None,
                }));
            }
            Part::Refusal(refusal) => told.refusal.push_str(refusal),
            Part::Reasoning(reasoning) => {
                told.reasoning.push_str(&reasoning.text);
                told.states.extend(reasoning.state.as_ref().and_then(bare));
            }
            Part::ToolCall(call) => {
                told.states.extend(call.state.as_ref().and_then(bare));
                let arguments = by_value(&call.arguments);
                told.calls.push((call.id.to_string(), call.name.to_string(), arguments, call.custom));
            }
            Part::Opaque(Opaque { .. }) => {}
            part => panic!("no answer holds {part:?}"),
        }
    }
    told
}

/// State out of its envelope; nothing when all that it says is that there is none.
fn bare(state: &State<'_>) -> Option<(StateFormat, String)> {
    let opened = envelope::open(&state.data);
    let state = opened.as_ref().unwrap_or(state);
    (state.format != StateFormat::Plain).then(|| (state.format, state.data.to_string()))
}

/// Arguments as the object that they are; cut ones as the text that they are.
fn by_value(arguments: &str) -> Value {
    serde_json::from_str(arguments).unwrap_or_else(|_| Value::from(arguments))
}

/// What a custom tool is called with, as a function of one text has it.
fn of_custom(text: Value) -> Value {
    serde_json::json!({ "input": text })
}

/// Arguments that are no object, as the one object that messages has for them.
fn wrapped(arguments: Value) -> Value {
    match arguments {
        Value::String(text) => serde_json::json!({"_raw": text}),
        arguments => arguments,
    }
}
