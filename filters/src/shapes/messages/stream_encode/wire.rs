//! The events of the wire.

use bytes::{BufMut, BytesMut};
use serde::Serialize;

use super::super::response::{Block, Counts, FirstCounts, Message, Told};
use crate::json::Json;

/// One event.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Wire<'a> {
    MessageStart { message: Message<'a, FirstCounts> },
    ContentBlockStart { index: u32, content_block: Block<'a> },
    ContentBlockDelta { index: u32, delta: Delta<'a> },
    ContentBlockStop { index: u32 },
    MessageDelta { delta: Told<'a>, usage: Counts },
    MessageStop {},
}

/// What is added to a block.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(clippy::enum_variant_names, reason = "the names on the wire")]
pub(super) enum Delta<'a> {
    TextDelta { text: &'a str },
    ThinkingDelta { thinking: &'a str },
    SignatureDelta { signature: &'a str },
    InputJsonDelta { partial_json: &'a str },
    CitationsDelta { citation: Json<'a> },
}

impl Wire<'_> {
    /// The event's name, which clients go by: <https://github.com/anthropics/anthropic-sdk-python> reads no record without one.
    const fn name(&self) -> &'static str {
        match self {
            Wire::MessageStart { .. } => "message_start",
            Wire::ContentBlockStart { .. } => "content_block_start",
            Wire::ContentBlockDelta { .. } => "content_block_delta",
            Wire::ContentBlockStop { .. } => "content_block_stop",
            Wire::MessageDelta { .. } => "message_delta",
            Wire::MessageStop {} => "message_stop",
        }
    }

    /// Writes the event, blank line included. Whatever JSON it holds must be compact: a line end would cut it.
    pub(super) fn write(&self, out: &mut BytesMut) {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(self.name().as_bytes());
        out.extend_from_slice(b"\ndata: ");
        serde_json::to_writer(out.writer(), self).expect("texts, numbers and valid JSON have a JSON form");
        out.extend_from_slice(b"\n\n");
    }
}
