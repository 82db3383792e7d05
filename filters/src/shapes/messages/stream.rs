//! What the events of a messages stream, and whole messages, say.
//!
//! Events: <https://docs.claude.com/en/build-with-claude/streaming>.

use super::super::observed::{EventKind, Observed, garbled, text_of};
use super::super::provider_error;
use super::usage;
use crate::json::{Cursor, ScanError, Text};
use crate::neutral::{ApiError, ErrorClass};
use crate::sse::RawEvent;
use crate::tokens::Delivered;

/// Reads one event. Its `type` counts; the event's name stands in where there is none.
pub(super) fn read_event(event: &RawEvent, seen: &mut Observed) -> EventKind {
    let data = event.data();
    let data = data.trim_ascii();
    if data.is_empty() {
        return EventKind::Heartbeat;
    }
    let facts = match read(data, seen) {
        Ok(facts) => facts,
        Err(error) => return garbled(error),
    };
    let name = facts.kind.map(|kind| kind.raw()).or_else(|| event.name()).unwrap_or_default();
    match name {
        b"content_block_delta" | b"content_block_start" => {
            seen.delivered = facts.delivered;
            if facts.output { EventKind::Content } else { EventKind::Structural }
        }
        b"message_start" => start(facts.message_id, seen),
        b"message_delta" => {
            seen.usage_is_final |= facts.usage;
            if facts.finished { EventKind::Finish } else { EventKind::Structural }
        }
        b"message_stop" => {
            seen.complete = true;
            EventKind::Done
        }
        b"ping" => EventKind::Heartbeat,
        b"error" => failed(data),
        _ if facts.error => failed(data),
        _ => EventKind::Structural,
    }
}

/// Reads a whole answer: a message, or a count of tokens.
pub(super) fn read_body(body: &[u8], seen: &mut Observed) -> EventKind {
    match read(body, seen) {
        Err(error) => garbled(error),
        Ok(facts) if facts.error || facts.kind.is_some_and(|kind| kind.raw() == b"error") => failed(body),
        Ok(facts) => {
            seen.delivered = facts.delivered;
            seen.usage_is_final |= facts.usage;
            seen.complete = true;
            EventKind::Content
        }
    }
}

/// What one event, or a whole message, holds.
#[derive(Debug, Default)]
struct Facts<'a> {
    kind: Option<Text<'a>>,
    message_id: Option<Text<'a>>,
    /// There is output for the user.
    output: bool,
    /// What was delivered before, and what this holds.
    delivered: Delivered,
    finished: bool,
    usage: bool,
    error: bool,
}

fn read<'a>(data: &'a [u8], seen: &mut Observed) -> Result<Facts<'a>, ScanError> {
    let mut facts = Facts { delivered: seen.delivered, ..Facts::default() };
    let mut cursor = Cursor::new(data)?;
    cursor.object_or_skip(|cursor, key| {
        match key.raw() {
            b"type" => facts.kind = cursor.text()?,
            b"delta" => read_delta(cursor, &mut facts, seen)?,
            b"content_block" => read_block(cursor, data, &mut facts)?,
            // A whole message has its blocks at the top.
            b"content" => cursor.array_or_skip(|cursor| read_block(cursor, data, &mut facts))?,
            b"message" => cursor.object_or_skip(|cursor, key| {
                match key.raw() {
                    b"id" => facts.message_id = cursor.text()?,
                    b"model" => {
                        let name = cursor.text()?;
                        seen.saw_model(name);
                    }
                    b"usage" => facts.usage |= usage::read(cursor, seen)?,
                    _ => {}
                }
                Ok(())
            })?,
            b"model" => {
                let name = cursor.text()?;
                seen.saw_model(name);
            }
            b"usage" => facts.usage |= usage::read(cursor, seen)?,
            b"stop_reason" => {
                let reason = cursor.text()?;
                facts.finished |= seen.saw_finish(reason);
            }
            b"error" => facts.error = cursor.peek() == Some(b'{'),
            _ => {}
        }
        Ok(())
    })?;
    cursor.finish()?;
    Ok(facts)
}

/// Reads the delta of a block, or of the message. Every kind of block delta is output, also one that is not known yet,
/// unless its text is empty.
fn read_delta(cursor: &mut Cursor<'_>, facts: &mut Facts<'_>, seen: &mut Observed) -> Result<(), ScanError> {
    cursor.object_or_skip(|cursor, key| {
        match key.raw() {
            b"text" | b"partial_json" | b"thinking" => read_text(cursor.text()?, facts),
            b"stop_reason" => {
                let reason = cursor.text()?;
                facts.finished |= seen.saw_finish(reason);
            }
            b"type" => {
                let kind = cursor.text()?.map(|kind| kind.raw());
                facts.output |=
                    kind.is_some_and(|kind| !matches!(kind, b"text_delta" | b"input_json_delta" | b"thinking_delta"));
                if kind == Some(b"citations_delta") {
                    facts.delivered.citation();
                }
            }
            _ => {}
        }
        Ok(())
    })
}

/// Reads a block. Text and thinking begin empty in a stream; a tool's name is output, and so are blocks of all other
/// kinds, which come whole.
fn read_block(cursor: &mut Cursor<'_>, data: &[u8], facts: &mut Facts<'_>) -> Result<(), ScanError> {
    facts.delivered.text.end_text();
    cursor.object_or_skip(|cursor, key| {
        match key.raw() {
            b"type" => {
                let kind = cursor.text()?;
                facts.output |= kind.is_some_and(|kind| !matches!(kind.raw(), b"text" | b"thinking"));
            }
            b"text" | b"thinking" => read_text(cursor.text()?, facts),
            b"name" => {
                let name = cursor.text()?;
                if name.is_some_and(|name| !name.is_empty()) {
                    facts.delivered.call();
                }
                read_text(name, facts);
            }
            // In a whole message; in a stream it comes as deltas and begins as `{}`.
            b"input" => {
                let input = data.get(cursor.skip()?).unwrap_or_default();
                if input.len() > 2 {
                    facts.delivered.text.push(input);
                }
            }
            _ => {}
        }
        Ok(())
    })
}

/// Counts a piece of output.
fn read_text(text: Option<Text<'_>>, facts: &mut Facts<'_>) {
    if let Some(text) = text {
        facts.output |= !text.is_empty();
        text.pieces(|piece| facts.delivered.text.push(piece));
    }
}

/// A message begins. It may be said again, but a second message in the same stream belongs to somebody else.
fn start(id: Option<Text<'_>>, seen: &mut Observed) -> EventKind {
    let id = text_of(id);
    if let (Some(first), Some(second)) = (&seen.message_id, &id)
        && first != second
    {
        return EventKind::Error(Box::new(ApiError::new(
            ErrorClass::Upstream,
            "the provider began a second message in the same stream",
        )));
    }
    seen.message_id = seen.message_id.take().or(id);
    EventKind::Structural
}

/// The error that the provider reports inside of a 200, in its words.
fn failed(data: &[u8]) -> EventKind {
    EventKind::Error(Box::new(provider_error::decode(data).into_api_error()))
}
