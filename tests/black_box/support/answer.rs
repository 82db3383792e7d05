//! What a mock upstream says, step by step.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use super::http1::push_chunk;
use super::shape::Shape;

/// A gate that the test opens; what waits at it goes on then.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    pub(crate) fn new() -> Gate {
        Gate(Arc::new(watch::Sender::new(false)))
    }

    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    /// Shuts it for those who come.
    pub(crate) fn close(&self) {
        self.0.send_replace(false);
    }

    pub(crate) async fn opened(&self) {
        // The sender lives in `self`, so waiting cannot fail.
        self.0.subscribe().wait_for(|open| *open).await.expect("the gate exists");
    }
}

/// One step of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Writes these bytes.
    Send(Bytes),
    /// Waits for the test, or for the peer to close.
    Wait(Gate),
    /// Lets this time pass, as a provider does that thinks.
    Pause(Duration),
    /// Lets the test go on.
    Tell(Gate),
    /// Reads the request's body, of an upstream that answers early; see [`Link::raw`](super::upstream::Link::raw).
    ReadBody,
    /// Writes these bytes again and again until the peer closes.
    Flood(Bytes),
}

/// What happens to the connection after the last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// It takes the next request.
    KeepAlive,
    /// It is closed.
    Close,
    /// It is reset.
    Reset,
    /// Nothing more is said; what comes is read and dropped until the peer closes.
    Hold,
    /// It is reset when the first byte of another request comes.
    ResetOnReuse,
}

/// An answer: its steps, and what happens then.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) steps: Vec<Step>,
    pub(crate) after: After,
}

impl Answer {
    /// Nothing at all, for as long as the peer waits.
    pub(crate) fn silence() -> Answer {
        Answer { steps: Vec::new(), after: After::Hold }
    }

    /// These bytes, head included.
    pub(crate) fn raw(wire: impl Into<Bytes>) -> Answer {
        Answer { steps: vec![Step::Send(wire.into())], after: After::KeepAlive }
    }

    /// The same answer with these bytes before it.
    pub(crate) fn after_raw(mut self, wire: &'static [u8]) -> Answer {
        self.steps.insert(0, Step::Send(Bytes::from_static(wire)));
        self
    }

    /// The same answer when the test lets it begin.
    pub(crate) fn behind(mut self, gate: &Gate) -> Answer {
        self.steps.insert(0, Step::Wait(gate.clone()));
        self
    }

    /// A sized JSON answer.
    pub(crate) fn json(status: u16, body: impl Into<Bytes>) -> Answer {
        Answer::whole(status, &[("content-type", "application/json")], body)
    }

    /// A sized answer with these headers.
    pub(crate) fn whole(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        let body = body.into();
        let mut wire = head(status, headers);
        wire.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
        wire.extend_from_slice(&body);
        Answer { steps: vec![Step::Send(wire.into())], after: After::KeepAlive }
    }

    /// A plain answer of that shape.
    pub(crate) fn plain(shape: Shape, text: &str) -> Answer {
        Answer::json(200, shape.plain(text))
    }

    /// An error answer of that shape.
    pub(crate) fn error(shape: Shape, status: u16) -> Answer {
        Answer::json(status, shape.error(status))
    }

    /// The head of a chunked stream; its events follow by [`Answer::event`].
    pub(crate) fn stream() -> Answer {
        Answer::stream_with(200, &[("content-type", "text/event-stream; charset=utf-8")])
    }

    /// The head of a chunked answer with these headers.
    pub(crate) fn stream_with(status: u16, headers: &[(&str, &str)]) -> Answer {
        let mut wire = head(status, headers);
        wire.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
        Answer { steps: vec![Step::Send(wire.into())], after: After::KeepAlive }
    }

    /// A whole stream of that shape, an event for each word.
    pub(crate) fn streamed(shape: Shape, words: &[&str]) -> Answer {
        let begun = Answer::stream().event(shape.opening());
        let told = words.iter().fold(begun, |answer, word| answer.event(shape.content(word)));
        told.event(shape.closing()).finished()
    }

    /// The next chunk of the stream: an event, several, or a part of one.
    pub(crate) fn event(mut self, bytes: impl AsRef<[u8]>) -> Answer {
        let mut wire = Vec::new();
        push_chunk(&mut wire, bytes.as_ref());
        self.steps.push(Step::Send(wire.into()));
        self
    }

    /// Waits for the test.
    pub(crate) fn wait(mut self, gate: &Gate) -> Answer {
        self.steps.push(Step::Wait(gate.clone()));
        self
    }

    /// Lets this time pass.
    pub(crate) fn pause(mut self, time: Duration) -> Answer {
        self.steps.push(Step::Pause(time));
        self
    }

    /// Tells the test that everything before was written.
    pub(crate) fn tell(mut self, gate: &Gate) -> Answer {
        self.steps.push(Step::Tell(gate.clone()));
        self
    }

    /// Reads the request's body only now; for an upstream that answers early.
    pub(crate) fn read_body(mut self) -> Answer {
        self.steps.push(Step::ReadBody);
        self
    }

    /// The same chunk again and again, for as long as the peer listens.
    pub(crate) fn flood(mut self, bytes: impl AsRef<[u8]>) -> Answer {
        let mut wire = Vec::new();
        push_chunk(&mut wire, bytes.as_ref());
        self.steps.push(Step::Flood(wire.into()));
        self
    }

    /// The last chunk.
    pub(crate) fn finished(mut self) -> Answer {
        self.steps.push(Step::Send(Bytes::from_static(b"0\r\n\r\n")));
        self
    }

    /// What happens to the connection then.
    pub(crate) fn then(mut self, after: After) -> Answer {
        self.after = after;
        self
    }

    /// The connection is closed then.
    pub(crate) fn cut(self) -> Answer {
        self.then(After::Close)
    }

    /// The connection is reset then.
    pub(crate) fn reset(self) -> Answer {
        self.then(After::Reset)
    }

    /// Nothing more is said then.
    pub(crate) fn hold(self) -> Answer {
        self.then(After::Hold)
    }
}

fn head(status: u16, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Whatever\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.into_bytes()
}
