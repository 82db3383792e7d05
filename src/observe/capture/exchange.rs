//! One exchange that is captured: its parts as they pass, in bounds; handed to the writer when it is dropped.

use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Active, Message};

/// The most parts of one exchange: a request and an answer for each of the attempts that there can be, and those of the client.
const MAX_PARTS: usize = 32;

/// What an exchange is told by.
#[derive(Clone, Copy, Debug)]
pub struct Captured<'a> {
    /// Our own id of the request.
    pub request_id: &'a str,
    /// The id of the client's key.
    pub key_id: &'a str,
    /// What its owner calls it.
    pub key_label: &'a str,
    /// The route that was taken.
    pub route: Option<&'a str>,
}

/// Who an attempt asks.
#[derive(Clone, Copy, Debug)]
pub struct Upstream<'a> {
    /// The provider.
    pub provider: &'a str,
    /// The model, as the provider names it.
    pub model: &'a str,
}

/// Which way a part goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    ClientRequest,
    UpstreamRequest,
    UpstreamAnswer,
    ClientAnswer,
}

impl Side {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Side::ClientRequest => "client_request",
            Side::UpstreamRequest => "upstream_request",
            Side::UpstreamAnswer => "upstream_answer",
            Side::ClientAnswer => "client_answer",
        }
    }
}

/// A request or an answer, as far as it is kept.
pub(super) struct Part {
    pub(super) side: Side,
    /// Counts the attempts from 1.
    pub(super) attempt: Option<usize>,
    pub(super) provider: Option<Box<str>>,
    pub(super) model: Option<Box<str>>,
    pub(super) status: Option<u16>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// The beginning of the body.
    pub(super) kept: Vec<u8>,
    /// How long the body was, as far as it came.
    pub(super) bytes: u64,
}

impl Part {
    const fn new(side: Side) -> Part {
        Part {
            side,
            attempt: None,
            provider: None,
            model: None,
            status: None,
            headers: Vec::new(),
            kept: Vec::new(),
            bytes: 0,
        }
    }
}

/// All parts of an exchange, for the writer.
pub(super) struct Finished {
    pub(super) at: SystemTime,
    pub(super) request_id: Box<str>,
    pub(super) key_id: Box<str>,
    pub(super) route: Option<Box<str>>,
    pub(super) parts: Vec<Part>,
    /// Gives the bytes back when the exchange is written, or dropped.
    held: Held,
}

struct Held {
    active: Arc<Active>,
    bytes: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.active.release(self.bytes);
    }
}

/// An exchange that is being captured. What it has is handed over when it is dropped: at the end, after an abort, after a panic.
pub struct Capturing {
    finished: Option<Box<Finished>>,
    attempts: usize,
    /// Something found no room.
    is_short: bool,
}

impl Capturing {
    pub(super) fn new(active: Arc<Active>, about: &Captured<'_>) -> Capturing {
        let finished = Finished {
            at: SystemTime::now(),
            request_id: about.request_id.into(),
            key_id: about.key_id.into(),
            route: about.route.map(Into::into),
            parts: Vec::new(),
            held: Held { active, bytes: 0 },
        };
        Capturing { finished: Some(Box::new(finished)), attempts: 0, is_short: false }
    }

    /// The request, as the client sent it.
    pub fn client_request(&mut self, headers: &HeaderMap, body: &[u8]) {
        self.begin(Part::new(Side::ClientRequest), Some(headers));
        self.push(Side::ClientRequest, body);
    }

    /// A request to a provider: another attempt, whose body is made of these runs.
    pub fn upstream_request<'b>(&mut self, upstream: Upstream<'_>, runs: impl IntoIterator<Item = &'b [u8]>) {
        self.attempts += 1;
        self.begin(self.of_attempt(Side::UpstreamRequest, upstream), None);
        for run in runs {
            self.push(Side::UpstreamRequest, run);
        }
    }

    /// The head of a provider's answer.
    pub fn upstream_head(&mut self, upstream: Upstream<'_>, status: u16, headers: &HeaderMap) {
        let part = Part { status: Some(status), ..self.of_attempt(Side::UpstreamAnswer, upstream) };
        self.begin(part, Some(headers));
    }

    /// A piece of the body of a provider's answer.
    pub fn upstream_body(&mut self, piece: &[u8]) {
        self.push(Side::UpstreamAnswer, piece);
    }

    /// The head of what the client is answered.
    pub fn client_head(&mut self, status: u16, headers: &HeaderMap) {
        self.begin(Part { status: Some(status), ..Part::new(Side::ClientAnswer) }, Some(headers));
    }

    /// A piece of the body of what the client is answered.
    pub fn client_body(&mut self, piece: &[u8]) {
        self.push(Side::ClientAnswer, piece);
    }

    fn of_attempt(&self, side: Side, upstream: Upstream<'_>) -> Part {
        Part {
            attempt: Some(self.attempts),
            provider: Some(upstream.provider.into()),
            model: Some(upstream.model.into()),
            ..Part::new(side)
        }
    }

    fn begin(&mut self, mut part: Part, headers: Option<&HeaderMap>) {
        let Some(finished) = &mut self.finished else { return };
        if finished.parts.len() >= MAX_PARTS {
            self.is_short = true;
            return;
        }
        let active = &finished.held.active;
        if let Some(headers) = headers {
            for name in &active.settings.headers {
                part.headers.extend(headers.get_all(name).iter().map(|value| (name.clone(), value.clone())));
            }
        }
        finished.parts.push(part);
    }

    /// Adds to the last part of that side.
    fn push(&mut self, side: Side, piece: &[u8]) {
        let Some(finished) = &mut self.finished else { return };
        let Finished { parts, held, .. } = &mut **finished;
        let Some(part) = parts.iter_mut().rev().find(|part| part.side == side) else { return };
        part.bytes = part.bytes.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        let room = held.active.held_bytes_each.saturating_sub(part.kept.len());
        let kept = piece.get(..room.min(piece.len())).unwrap_or_default();
        if held.active.hold(kept.len()) {
            held.bytes += kept.len();
            part.kept.extend_from_slice(kept);
        } else {
            self.is_short = true;
        }
    }
}

impl Drop for Capturing {
    fn drop(&mut self) {
        let Some(finished) = self.finished.take() else { return };
        let active = Arc::clone(&finished.held.active);
        let sent = active.sender.try_send(Message::Exchange(finished));
        if self.is_short || sent.is_err() {
            active.dropped.inc();
        }
    }
}
