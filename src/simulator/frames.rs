//! The pieces of an answer's body: one buffer and the ends of its events, so that any run of events is one slice of it.

use std::io::Write as _;

use bytes::Bytes;
use serde::Serialize;

/// A body in pieces: the events of a stream, or one piece.
#[derive(Clone, Debug, Default)]
pub(super) struct Frames {
    bytes: Bytes,
    ends: Vec<usize>,
}

impl Frames {
    /// A body that is one piece.
    pub(super) fn whole(bytes: impl Into<Bytes>) -> Frames {
        let bytes = bytes.into();
        let ends = if bytes.is_empty() { Vec::new() } else { vec![bytes.len()] };
        Frames { bytes, ends }
    }

    /// A stream of events, cut after each blank line.
    pub(super) fn events(bytes: Bytes) -> Frames {
        let mut ends = Vec::new();
        let mut from = 0;
        while let Some(end) = event_end(bytes.get(from..).unwrap_or_default()) {
            from += end;
            ends.push(from);
        }
        if from < bytes.len() {
            ends.push(bytes.len());
        }
        Frames { bytes, ends }
    }

    /// The same bytes in pieces of these sizes, taken in turn until the bytes are used up.
    pub(super) fn split(bytes: Bytes, sizes: &[usize]) -> Frames {
        let mut ends = Vec::new();
        let mut from = 0;
        for size in sizes.iter().cycle().map(|size| (*size).max(1)) {
            if from >= bytes.len() {
                break;
            }
            from = bytes.len().min(from.saturating_add(size));
            ends.push(from);
        }
        Frames { bytes, ends }
    }

    /// The number of pieces.
    pub(super) fn count(&self) -> usize {
        self.ends.len()
    }

    /// The number of bytes.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes of the pieces `from..to`.
    pub(super) fn run(&self, from: usize, to: usize) -> Bytes {
        self.bytes.slice(self.start(from)..self.start(to).max(self.start(from)))
    }

    /// Keeps the first `count` pieces and puts `last` behind them.
    pub(super) fn end_with(&mut self, count: usize, last: &[u8]) {
        let kept = self.start(count);
        let mut bytes = Vec::with_capacity(kept + last.len());
        bytes.extend_from_slice(self.bytes.get(..kept).unwrap_or_default());
        bytes.extend_from_slice(last);
        self.ends.truncate(count);
        self.ends.push(bytes.len());
        self.bytes = bytes.into();
    }

    fn start(&self, index: usize) -> usize {
        match index.checked_sub(1) {
            None => 0,
            Some(before) => self.ends.get(before).copied().unwrap_or(self.bytes.len()),
        }
    }
}

fn event_end(bytes: &[u8]) -> Option<usize> {
    let lf = memchr::memmem::find(bytes, b"\n\n").map(|at| at + 2);
    let crlf = memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4);
    match (lf, crlf) {
        (Some(lf), Some(crlf)) => Some(lf.min(crlf)),
        (one, other) => one.or(other),
    }
}

/// Writes events into one buffer.
#[derive(Debug, Default)]
pub(super) struct FrameWriter {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl FrameWriter {
    /// A writer with room for about so many bytes.
    pub(super) fn with_capacity(bytes: usize) -> FrameWriter {
        FrameWriter { bytes: Vec::with_capacity(bytes), ends: Vec::new() }
    }

    /// An event without a name.
    pub(super) fn data(&mut self, value: &impl Serialize) {
        self.bytes.extend_from_slice(b"data: ");
        self.json(value);
        self.raw(b"\n\n");
    }

    /// An event with a name; its object is padded with blanks before the closing brace, as Anthropic does.
    pub(super) fn named(&mut self, name: &str, value: &impl Serialize) {
        self.bytes.extend_from_slice(b"event: ");
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b"\ndata: ");
        self.json(value);
        if self.bytes.pop() == Some(b'}') {
            let blanks = self.bytes.len() * 7 % 15;
            self.bytes.resize(self.bytes.len() + blanks, b' ');
            self.bytes.push(b'}');
        }
        self.raw(b"\n\n");
    }

    /// An event, or the rest of one, as it is.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.ends.push(self.bytes.len());
    }

    /// The number of events written.
    pub(super) fn written(&self) -> usize {
        self.ends.len()
    }

    /// What was written.
    pub(super) fn finish(self) -> Frames {
        Frames { bytes: self.bytes.into(), ends: self.ends }
    }

    fn json(&mut self, value: &impl Serialize) {
        if let Err(error) = serde_json::to_writer(&mut self.bytes, value) {
            // The wire types have string keys and finite numbers only, so this is out of reach; a reader sees what went wrong.
            let _ = write!(self.bytes, "{{\"simulator_error\":\"{error}\"}}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_splits_keep_every_byte() {
        let text = "event: a\ndata: 1\n\ndata: 2\r\n\r\ndata: 3";
        let events = Frames::events(Bytes::from_static(text.as_bytes()));
        assert_eq!(events.count(), 3);
        assert_eq!(&events.run(1, 2)[..], b"data: 2\r\n\r\n");
        assert_eq!(&events.run(0, 3)[..], text.as_bytes());
        assert_eq!(&events.run(2, 9)[..], b"data: 3");

        let split = Frames::split(Bytes::from_static(text.as_bytes()), &[1, 10]);
        assert_eq!(&split.run(0, 2)[..], b"event: a\nda");
        assert_eq!(&split.run(0, split.count())[..], text.as_bytes());
        assert_eq!(Frames::whole("").count(), 0);
    }

    #[test]
    fn ends_with_another_event() {
        let mut frames = Frames::events(Bytes::from_static(b"a\n\nb\n\nc\n\n"));
        frames.end_with(1, b"x\n\n");
        assert_eq!((frames.count(), &frames.run(0, 2)[..]), (2, &b"a\n\nx\n\n"[..]));
        frames.end_with(9, b"y");
        assert_eq!(&frames.run(0, 9)[..], b"a\n\nx\n\ny");
    }
}
