//! Writes a streamed chat answer from events.

use bytes::BytesMut;

use super::super::codec::EncodeStream;
use crate::neutral::{Answering, Event};

/// Writes one streamed answer.
pub(super) struct Encoder {
    #[expect(dead_code, reason = "written next")]
    answering: Answering,
}

impl Encoder {
    /// Before the first event.
    pub(super) fn new(answering: &Answering) -> Encoder {
        Encoder { answering: answering.clone() }
    }
}

impl EncodeStream for Encoder {
    fn event(&mut self, _event: &Event, _out: &mut BytesMut) {}
}
