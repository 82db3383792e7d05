//! What a request meets instead of a plain answer: the vocabulary of scripts and of the `sim-fault-` models.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::recording::Replay;

/// One order of a script. Every field is optional; an empty object is a plain answer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Behaviour {
    /// Stays at the head of the script: this and all later requests meet it.
    pub repeat: bool,
    /// Reads only so many bytes of the body before it answers or stops; 0 answers before the body was read. A client that
    /// leaves is then noticed by the next write only.
    pub read_body: Option<usize>,
    /// Milliseconds before the head is written.
    pub delay_ms: u64,
    /// Milliseconds between the head and the first event.
    pub first_event_delay_ms: u64,
    /// Answers with this status; from 400 on with the shape's own error body, if no body is given.
    pub status: Option<u16>,
    /// Headers added to those of the answer, or put in their place; null takes one away.
    pub headers: BTreeMap<String, Option<String>>,
    /// A JSON body in place of the answer's own, sent as it is written here.
    pub body: Option<Box<RawValue>>,
    /// A text body in place of the answer's own.
    pub body_text: Option<String>,
    /// Words of the answer.
    pub words: Option<usize>,
    /// Bytes of the answer's text.
    pub bytes: Option<usize>,
    /// Milliseconds between writes of a stream.
    pub pace_ms: Option<u64>,
    /// Events in a write of a stream (1 when absent).
    pub burst: Option<usize>,
    /// Leaves usage out of the answer.
    pub no_usage: bool,
    /// Ends a stream without a finish reason and what follows it.
    pub no_finish: bool,
    /// An error event in a stream, which ends with it; with `after_events` 0 it is the first thing inside the 200.
    pub error_event: Option<InStream>,
    /// Something that is no event stream, in place of the answer.
    pub garbage: bool,
    /// Announces `connection: close`, and closes after the answer.
    pub close: bool,
    /// Breaks off.
    pub stop: Option<Stop>,
    /// Answers with recorded traffic.
    pub replay: Option<Replay>,
}

/// An error event in a stream.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InStream {
    /// Events before it.
    pub after_events: usize,
    /// Its type (`overloaded_error`, or `server_error` on chat, when absent).
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Its message.
    pub message: Option<String>,
}

/// Where and how an answer breaks off.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// How the connection ends.
    pub how: How,
    /// Events written before; before the head when absent. A body that is no stream is one event.
    #[serde(default)]
    pub after_events: Option<usize>,
    /// Half of the next event is written too.
    #[serde(default)]
    pub half_event: bool,
    /// A stall ends after so many milliseconds, and the answer goes on; when absent it lasts until the client leaves.
    #[serde(default)]
    pub for_ms: Option<u64>,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// A FIN, without the body's own end.
    Cut,
    /// A RST.
    Reset,
    /// Not at all: it stays open and silent.
    Stall,
}

impl Behaviour {
    /// The behaviour of the model `sim-fault-<name>`: a few handy ones for demonstrations.
    #[must_use]
    pub fn named(name: &str) -> Option<Behaviour> {
        let plain = Behaviour::default();
        let stop = |how, after_events, half_event| Some(Stop { how, after_events, half_event, for_ms: None });
        Some(match name {
            "bad-key" => Behaviour { status: Some(401), ..plain },
            "rate-limit" => Behaviour {
                status: Some(429),
                headers: BTreeMap::from([("retry-after".to_owned(), Some("2".to_owned()))]),
                ..plain
            },
            "error" => Behaviour { status: Some(500), ..plain },
            "overloaded" => Behaviour { status: Some(529), ..plain },
            "unavailable" => Behaviour { status: Some(503), ..plain },
            "slow" => Behaviour { delay_ms: 5_000, ..plain },
            "silent" => Behaviour { stop: stop(How::Stall, None, false), ..plain },
            "stall" => Behaviour { stop: stop(How::Stall, Some(4), true), ..plain },
            "cut" => Behaviour { stop: stop(How::Cut, Some(4), true), ..plain },
            "reset" => Behaviour { stop: stop(How::Reset, Some(4), false), ..plain },
            "error-first" => Behaviour { error_event: Some(InStream::default()), ..plain },
            "error-mid-stream" => {
                Behaviour { error_event: Some(InStream { after_events: 4, ..InStream::default() }), ..plain }
            }
            "no-usage" => Behaviour { no_usage: true, ..plain },
            "no-finish" => Behaviour { no_finish: true, ..plain },
            "garbage" => Behaviour { garbage: true, ..plain },
            _ => return None,
        })
    }

    /// The names of [`Behaviour::named`].
    pub const NAMES: [&'static str; 15] = [
        "bad-key",
        "rate-limit",
        "error",
        "overloaded",
        "unavailable",
        "slow",
        "silent",
        "stall",
        "cut",
        "reset",
        "error-first",
        "error-mid-stream",
        "no-usage",
        "no-finish",
        "garbage",
    ];
}
