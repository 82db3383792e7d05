//! Reads a streamed messages answer into events.

use super::super::codec::DecodeStream;
use crate::neutral::Event;
use crate::sse::RawEvent;

/// Reads one streamed answer.
pub(super) struct Decoder {
    #[expect(dead_code, reason = "written next")]
    seed: String,
}

impl Decoder {
    /// Before the first event.
    pub(super) fn new(seed: &str) -> Decoder {
        Decoder { seed: seed.to_owned() }
    }
}

impl DecodeStream for Decoder {
    fn event(&mut self, _event: &RawEvent, _out: &mut Vec<Event>) {}

    fn end(&mut self, _out: &mut Vec<Event>) {}
}
