//! One exchange for each thing that a shape can say, written by hand from the providers' documents: what clients send, what providers
//! answer, and what each of them must find in what it gets. Nothing in here uses the codecs.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "fixtures of tests")]

mod asked;
mod client;
mod provider;
mod told;

pub(crate) use asked::Asked;
pub(crate) use client::{next_request, request};
pub(crate) use provider::{broken_stream, error, error_status, stream, whole};
pub(crate) use told::{Told, assembled};

use serde_json::{Value, json};

pub(crate) const MODEL: &str = "the-model";
pub(crate) const SYSTEM: &str = "Answer like a \"sailor\".";
pub(crate) const QUESTION: &str = "What is the wéather?\n\u{1f30d}";
pub(crate) const TEXT: &str = "Grüße! \"It\" is\n\tfine \u{1f324}, aye.";
pub(crate) const THOUGHT: &str = "They ask about the wéather; I look.";
pub(crate) const STATE: &str = "U3RhdGUtMTIz";
pub(crate) const REFUSAL: &str = "I cannot help with that.";
pub(crate) const SAID_BEFORE: &str = "I look.";
pub(crate) const RESULTS: [&str; 2] = ["rain-7, \"wet\"", "sun-9"];
pub(crate) const TOOL: &str = "get_weather";
pub(crate) const TOOL_WORDS: &str = "Tells the weather.";
pub(crate) const JSON_TEXT: &str = "{\"verdict\": \"fine\"}";
pub(crate) const IMAGE: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
pub(crate) const IMAGE_URL: &str = "https://example.com/harbour.png";
pub(crate) const BOUND: u64 = 2_000;
pub(crate) const ERROR: &str = "slow down, you there (7)";

/// Ids of two calls, as each shape's providers give them.
pub(crate) const fn ids(shape: ovth_filters::Shape) -> [&'static str; 2] {
    match shape {
        ovth_filters::Shape::Chat => ["call_9Zx1VtY2bNqL0aPkWmR3sT5u", "call_7Kd4RtG8hJwQ2sXcVbN6mLpE"],
        ovth_filters::Shape::Responses => ["call_Rw5TyU8iOpA2sDfGhJk4LzXc", "call_Bn3MqWeR6tYuI9oPaSd1FgHj"],
        ovth_filters::Shape::Messages => ["toolu_01A09q90qw90lq917835lq9", "toolu_01T1x1fJ34qAmk2tNTrN7Up6"],
        ovth_filters::Shape::GenerateContent => ["k3j9x2m1", "p0q8w7e6"],
    }
}

/// All four, in the order of the page.
pub(crate) const SHAPES: [ovth_filters::Shape; 4] = [
    ovth_filters::Shape::Chat,
    ovth_filters::Shape::Responses,
    ovth_filters::Shape::Messages,
    ovth_filters::Shape::GenerateContent,
];

/// What a client asks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ask {
    pub(crate) stream: bool,
    pub(crate) tools: bool,
    /// Two calls before, and their results last.
    pub(crate) results: bool,
    pub(crate) image: Option<Picture>,
    pub(crate) thinks: bool,
    pub(crate) schema: bool,
}

/// How a picture is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Picture {
    Bytes,
    Address,
}

/// What a provider answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    /// It thinks, and gives state for it.
    pub(crate) thinks: bool,
    pub(crate) text: &'static str,
    pub(crate) refuses: bool,
    pub(crate) calls: Vec<Call>,
    pub(crate) is_cut: bool,
}

/// A call of the one tool.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Nothing where the provider gives none.
    pub(crate) id: Option<&'static str>,
    pub(crate) arguments: Value,
}

/// What a call is made with.
pub(crate) fn arguments(city: &str) -> Value {
    json!({"city": city, "n": 9_007_199_254_740_993_u64})
}

/// What the tool takes.
pub(crate) fn parameters() -> Value {
    json!({"type": "object", "properties": {"city": {"type": "string", "description": "Größe"}, "n": {"type": "integer"}}, "required": ["city"]})
}

/// What a structured answer keeps to.
pub(crate) fn schema() -> Value {
    json!({"type": "object", "properties": {"verdict": {"type": "string", "enum": ["fine", "foul"]}}, "required": ["verdict"], "additionalProperties": false})
}

/// What a side misses, if anything.
pub(crate) type Found = Result<(), String>;

/// Both are the same, or what differs.
pub(crate) fn same<T: std::fmt::Debug + PartialEq>(what: &str, found: T, expected: T) -> Found {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?}, expected {expected:?}")) }
}

/// It holds, or this does not.
pub(crate) fn holds(what: &str, it: bool) -> Found {
    if it { Ok(()) } else { Err(what.to_owned()) }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
