//! What the events of a Responses stream, and whole responses, say.
//!
//! Events: <https://platform.openai.com/docs/api-reference/responses-streaming>.

use super::super::observed::{EventKind, Observed, garbled, text_of};
use super::error;
use super::skim::Skim;
use super::usage::{Searches, is_other_action};
use crate::json::{Cursor, ScanError, Text};
use crate::sse::RawEvent;
use crate::tokens::{Delivered, Lexer};

/// Reads one event. Its `type` counts; the event's name stands in where there is none.
pub(super) fn read_event(event: &RawEvent, seen: &mut Observed) -> EventKind {
    let data = event.data();
    let data = data.trim_ascii();
    if data.is_empty() {
        return EventKind::Heartbeat;
    }
    if data == b"[DONE]" {
        // OpenAI sends none; some hosts end all their streams so.
        seen.complete |= seen.blind;
        return EventKind::Done;
    }
    let facts = match read(data, seen) {
        Ok(facts) => facts,
        Err(error) => return garbled(error),
    };
    judge(&facts, event.name(), data, seen)
}

/// Reads a piece of an event that is too large to be held.
pub(super) fn read_fragment(bytes: &[u8], is_last: bool, seen: &mut Observed) -> EventKind {
    let skim = seen.skim.get_or_insert_default();
    skim.push(bytes);
    if !is_last {
        return EventKind::Content;
    }
    let event = seen.skim.take().and_then(|skim| Skim::finish(*skim));
    let Some(event) = event else {
        seen.blind = true;
        return EventKind::Content;
    };
    match read(&event, seen).map(|facts| judge(&facts, None, &event, seen)) {
        // A large event holds output, whatever it is.
        Ok(EventKind::Structural) | Err(_) => EventKind::Content,
        Ok(kind) => kind,
    }
}

/// Reads a whole answer: a response, or a count of tokens.
pub(super) fn read_body(body: &[u8], seen: &mut Observed) -> EventKind {
    match read(body, seen) {
        Err(error) => garbled(error),
        Ok(facts) if facts.error || facts.status == Some(b"failed") => failed(body),
        Ok(facts) => {
            seen.delivered = facts.delivered;
            seen.message_id = text_of(facts.id);
            finish(&facts, seen);
            seen.complete = true;
            EventKind::Content
        }
    }
}

/// What an event means. An error is no number of the stream: where it is not passed on, the event in its place has its number.
pub(super) fn judge(facts: &Facts<'_>, event: Option<&[u8]>, data: &[u8], seen: &mut Observed) -> EventKind {
    let kind = meaning(facts, event, data, seen);
    if !matches!(kind, EventKind::Error(_)) {
        seen.sequence = facts.sequence.or(seen.sequence);
    }
    kind
}

fn meaning(facts: &Facts<'_>, event: Option<&[u8]>, data: &[u8], seen: &mut Observed) -> EventKind {
    let name = facts.kind.or(event).unwrap_or_default();
    match name.strip_prefix(b"response.").unwrap_or(name) {
        b"created" | b"queued" | b"in_progress" => {
            seen.message_id = seen.message_id.take().or_else(|| text_of(facts.id));
            EventKind::Structural
        }
        b"completed" | b"incomplete" => {
            finish(facts, seen);
            seen.complete = true;
            EventKind::Done
        }
        b"failed" if name.starts_with(b"response.") => failed(data),
        // Codex knows no end but those of a response: <https://github.com/openai/codex>. After `error` OpenAI may still send one.
        b"failed" | b"cancelled" | b"error" => {
            seen.error_is_no_end = true;
            failed(data)
        }
        b"keepalive" | b"ping" => EventKind::Heartbeat,
        b"output_text.annotation.added" => {
            seen.delivered.citation();
            EventKind::Content
        }
        b"output_item.added" => match facts.item {
            Some(b"message" | b"reasoning") | None => EventKind::Structural,
            Some(b"function_call" | b"custom_tool_call") => {
                seen.delivered.call();
                push(facts.name, &mut seen.delivered.text);
                EventKind::Content
            }
            Some(_) => EventKind::Content,
        },
        // Whole, and more than its pieces: encrypted reasoning is nowhere else.
        b"output_item.done" => EventKind::Content,
        name if name.ends_with(b".delta") => {
            let is_reasoning = name.starts_with(b"reasoning");
            let Delivered { text, reasoning, .. } = &mut seen.delivered;
            match push(facts.delta, if is_reasoning { reasoning } else { text }) {
                true => EventKind::Content,
                false => EventKind::Structural,
            }
        }
        _ if facts.error => {
            seen.error_is_no_end = true;
            failed(data)
        }
        _ => EventKind::Structural,
    }
}

/// What one event, or a whole response, holds.
#[derive(Debug, Default)]
pub(super) struct Facts<'a> {
    kind: Option<&'a [u8]>,
    sequence: Option<u64>,
    delta: Option<Text<'a>>,
    /// The type of the item that an event is about, and the tool that it calls.
    item: Option<&'a [u8]>,
    name: Option<Text<'a>>,
    id: Option<Text<'a>>,
    status: Option<&'a [u8]>,
    reason: Option<Text<'a>>,
    error: bool,
    /// What was delivered before, and what a whole response holds.
    delivered: Delivered,
}

/// Reads it, and what it says of counts.
pub(super) fn read<'a>(data: &'a [u8], seen: &mut Observed) -> Result<Facts<'a>, ScanError> {
    let mut facts = Facts { delivered: seen.delivered, ..Facts::default() };
    let mut searches = Searches::default();
    let mut cursor = Cursor::new(data)?;
    cursor.object_or_skip(|cursor, key| match key.raw() {
        b"type" => {
            facts.kind = cursor.text()?.map(|kind| kind.raw());
            Ok(())
        }
        b"sequence_number" => {
            facts.sequence = cursor.u64()?;
            Ok(())
        }
        b"delta" => {
            facts.delta = cursor.text()?;
            Ok(())
        }
        b"item" => cursor.object_or_skip(|cursor, key| {
            match key.raw() {
                b"type" => facts.item = cursor.text()?.map(|kind| kind.raw()),
                b"name" => facts.name = cursor.text()?,
                _ => {}
            }
            Ok(())
        }),
        b"response" => cursor
            .object_or_skip(|cursor, key| read_response(key.raw(), cursor, (&mut facts, None), &mut searches, seen)),
        name => {
            let mut delivered = facts.delivered;
            read_response(name, cursor, (&mut facts, Some(&mut delivered)), &mut searches, seen)?;
            facts.delivered = delivered;
            Ok(())
        }
    })?;
    cursor.finish()?;
    searches.settle(seen);
    Ok(facts)
}

/// Reads a member of a response. What its output delivers is counted where it did not come in pieces before.
fn read_response<'a>(
    name: &[u8],
    cursor: &mut Cursor<'a>,
    (facts, mut delivered): (&mut Facts<'a>, Option<&mut Delivered>),
    searches: &mut Searches,
    seen: &mut Observed,
) -> Result<(), ScanError> {
    match name {
        b"id" => facts.id = cursor.text()?,
        b"status" => facts.status = cursor.text()?.map(|status| status.raw()),
        b"error" => {
            let is_said = !matches!(cursor.peek(), Some(b'n' | b'f'));
            let start = cursor.clone();
            cursor.skip()?;
            facts.error |= is_said && cursor.range_from(&start).len() > 2;
        }
        b"incomplete_details" => cursor.object_or_skip(|cursor, key| {
            if key.raw() == b"reason" {
                facts.reason = cursor.text()?;
            }
            Ok(())
        })?,
        b"output" => cursor.array_or_skip(|cursor| read_item(cursor, delivered.as_deref_mut(), searches))?,
        name => searches.read(name, cursor, seen)?,
    }
    Ok(())
}

/// Reads an item of a whole output.
fn read_item(
    cursor: &mut Cursor<'_>,
    delivered: Option<&mut Delivered>,
    searches: &mut Searches,
) -> Result<(), ScanError> {
    let (mut kind, mut is_other) = (None, false);
    let (mut name, mut input) = (None, None);
    let mut texts = Vec::new();
    cursor.object_or_skip(|cursor, key| {
        match key.raw() {
            b"type" => kind = cursor.text()?.map(|kind| kind.raw()),
            b"action" => is_other = is_other_action(cursor)?,
            b"name" => name = cursor.text()?,
            b"arguments" | b"input" => input = cursor.text()?,
            b"content" | b"summary" if delivered.is_some() => cursor.array_or_skip(|cursor| {
                cursor.object_or_skip(|cursor, key| {
                    if matches!(key.raw(), b"text" | b"refusal") {
                        texts.extend(cursor.text()?);
                    }
                    Ok(())
                })
            })?,
            _ => {}
        }
        Ok(())
    })?;
    searches.saw_item(kind, is_other);
    let Some(delivered) = delivered else { return Ok(()) };
    delivered.text.end_text();
    let is_reasoning = kind == Some(b"reasoning");
    for text in texts {
        push(Some(text), if is_reasoning { &mut delivered.reasoning } else { &mut delivered.text });
    }
    if matches!(kind, Some(b"function_call" | b"custom_tool_call")) {
        delivered.call();
        push(name, &mut delivered.text);
        push(input, &mut delivered.text);
    }
    Ok(())
}

/// Keeps why the answer ended: its status, or why it is not complete.
fn finish(facts: &Facts<'_>, seen: &mut Observed) {
    seen.finish_reason = text_of(facts.reason).or_else(|| {
        let word = facts.status.or(facts.kind.and_then(|kind| kind.strip_prefix(b"response.")));
        word.map(|word| String::from_utf8_lossy(word).into_owned()).filter(|word| !word.is_empty())
    });
}

/// Counts a piece of output; whether there was any.
fn push(text: Option<Text<'_>>, lexer: &mut Lexer) -> bool {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return false };
    text.pieces(|piece| lexer.push(piece));
    true
}

/// The error that the provider reports inside of a 200, in its words.
fn failed(data: &[u8]) -> EventKind {
    EventKind::Error(Box::new(error::of_answer(data).into_api_error()))
}
