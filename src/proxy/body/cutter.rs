//! Cuts a provider's stream into its events, in either of the framings that there are.

use bytes::Bytes;
use ovth_filters::shapes::Framing;
use ovth_filters::sse::{ArrayFramer, Framer, Piece};

/// Cuts a stream into its events.
pub(super) enum Cutter {
    Events(Framer),
    /// An array's elements, each as an event.
    Array(ArrayFramer),
}

impl Cutter {
    /// A cutter that holds events of up to so many bytes.
    pub(super) fn new(framing: Framing, max_event_bytes: usize) -> Cutter {
        match framing {
            Framing::Events => Cutter::Events(Framer::new(max_event_bytes)),
            Framing::Array => Cutter::Array(ArrayFramer::new(max_event_bytes)),
        }
    }

    /// Whether what it gives is framed otherwise than what it takes.
    pub(super) const fn reframes(&self) -> bool {
        matches!(self, Cutter::Array(_))
    }

    /// Takes the next chunk, once there is nothing more to give of the one before.
    pub(super) fn push(&mut self, chunk: Bytes) {
        match self {
            Cutter::Events(framer) => framer.push(chunk),
            Cutter::Array(framer) => framer.push(chunk),
        }
    }

    /// The next piece; nothing when more bytes are needed.
    pub(super) fn next(&mut self) -> Option<Piece> {
        match self {
            Cutter::Events(framer) => framer.next(),
            Cutter::Array(framer) => framer.next(),
        }
    }

    /// What is left at the end.
    pub(super) fn finish(&mut self) -> Option<Piece> {
        match self {
            Cutter::Events(framer) => framer.finish(),
            Cutter::Array(framer) => framer.finish(),
        }
    }
}
