//! What the events of a stream, and whole answers, say.
//!
//! Each event is an answer by itself that holds only what is new: <https://ai.google.dev/api/generate-content>. Nothing marks
//! the end; an answer without a finish reason was cut.

use super::super::observed::{EventKind, Observed, garbled};
use super::super::provider_error;
use super::usage;
use crate::json::{Cursor, ScanError, Text};
use crate::sse::RawEvent;
use crate::tokens::Delivered;

/// Reads one event.
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
    if facts.error {
        return failed(data);
    }
    // What was too large to be read was not the end of it.
    seen.blind = false;
    seen.delivered = facts.delivered;
    // Of several candidates each ends by itself.
    seen.complete &= seen.answers.are_over();
    // While a model thinks, the counts that come with its thoughts leave them out.
    seen.usage_is_final = seen.complete && seen.usage.is_some();
    match (facts.output, facts.finished) {
        (true, _) => EventKind::Content,
        (false, true) => EventKind::Finish,
        (false, false) => EventKind::Structural,
    }
}

/// Reads a whole answer, a stream that came as one array, or a count of tokens.
pub(super) fn read_body(body: &[u8], seen: &mut Observed) -> EventKind {
    match read(body, seen) {
        Err(error) => garbled(error),
        Ok(facts) if facts.error => failed(body),
        Ok(facts) => {
            seen.delivered = facts.delivered;
            seen.complete = true;
            seen.usage_is_final |= seen.usage.is_some();
            EventKind::Content
        }
    }
}

/// What one event, or a whole answer, holds.
#[derive(Debug, Default)]
struct Facts {
    /// There is output for the user.
    output: bool,
    /// What was delivered before, and what this holds.
    delivered: Delivered,
    finished: bool,
    error: bool,
}

fn read(data: &[u8], seen: &mut Observed) -> Result<Facts, ScanError> {
    let mut facts = Facts { delivered: seen.delivered, ..Facts::default() };
    let mut cursor = Cursor::new(data)?;
    match cursor.peek() {
        Some(b'[') => cursor.array(|cursor| read_chunk(cursor, data, &mut facts, seen))?,
        _ => read_chunk(&mut cursor, data, &mut facts, seen)?,
    }
    cursor.finish()?;
    Ok(facts)
}

fn read_chunk(cursor: &mut Cursor<'_>, data: &[u8], facts: &mut Facts, seen: &mut Observed) -> Result<(), ScanError> {
    cursor.object_or_skip(|cursor, key| {
        match key.raw() {
            b"candidates" => cursor.array_or_skip(|cursor| read_candidate(cursor, data, facts, seen))?,
            b"modelVersion" => {
                let name = cursor.text()?;
                seen.saw_model(name);
            }
            b"usageMetadata" => usage::read(cursor, seen)?,
            b"promptFeedback" => cursor.object_or_skip(|cursor, key| {
                if key.raw() == b"blockReason" {
                    let reason = cursor.text()?;
                    facts.finished |= saw_finish(reason, seen);
                }
                Ok(())
            })?,
            b"error" => facts.error |= matches!(cursor.peek(), Some(b'{' | b'"')),
            _ => {}
        }
        Ok(())
    })
}

fn saw_finish(reason: Option<Text<'_>>, seen: &mut Observed) -> bool {
    let is_said = |reason: &Text<'_>| !reason.raw().ends_with(b"_UNSPECIFIED");
    seen.saw_finish(reason.filter(is_said))
}

fn read_candidate(
    cursor: &mut Cursor<'_>,
    data: &[u8],
    facts: &mut Facts,
    seen: &mut Observed,
) -> Result<(), ScanError> {
    let (mut index, mut is_over) = (0, false);
    cursor.object_or_skip(|cursor, key| {
        match key.raw() {
            b"index" => index = cursor.u64()?.unwrap_or_default(),
            b"content" => cursor.object_or_skip(|cursor, key| {
                if key.raw() == b"parts" {
                    cursor.array_or_skip(|cursor| read_part(cursor, data, facts))?;
                }
                Ok(())
            })?,
            b"finishReason" => {
                let reason = cursor.text()?;
                is_over = saw_finish(reason, seen);
            }
            b"groundingMetadata" => cursor.object_or_skip(|cursor, key| {
                if key.raw() == b"groundingChunks" {
                    cursor.array_or_skip(|_| {
                        facts.output = true;
                        Ok(())
                    })?;
                }
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    })?;
    facts.finished |= is_over;
    seen.answers.saw(index, is_over);
    Ok(())
}

/// Reads a part. A signature alone is nothing that a user sees.
fn read_part(cursor: &mut Cursor<'_>, data: &[u8], facts: &mut Facts) -> Result<(), ScanError> {
    let (mut text, mut thought) = (None, false);
    cursor.object_or_skip(|cursor, key| {
        match key.raw() {
            b"text" => text = cursor.text()?,
            b"thought" => thought = cursor.peek() == Some(b't'),
            b"functionCall" => read_call(cursor, data, facts)?,
            b"executableCode" => cursor.object_or_skip(|cursor, key| {
                facts.output = true;
                if key.raw() == b"code" {
                    push(cursor.text()?, &mut facts.delivered.text);
                }
                Ok(())
            })?,
            b"codeExecutionResult" | b"inlineData" | b"fileData" | b"toolCall" | b"toolResponse" => facts.output = true,
            _ => {}
        }
        Ok(())
    })?;
    let lexer = if thought { &mut facts.delivered.reasoning } else { &mut facts.delivered.text };
    facts.output |= push(text, lexer);
    Ok(())
}

fn read_call(cursor: &mut Cursor<'_>, data: &[u8], facts: &mut Facts) -> Result<(), ScanError> {
    cursor.object_or_skip(|cursor, key| {
        match key.raw() {
            b"name" => {
                let name = cursor.text()?.filter(|name| !name.is_empty());
                if name.is_some() {
                    facts.output = true;
                    facts.delivered.call();
                }
                push(name, &mut facts.delivered.text);
            }
            b"args" | b"partialArgs" => {
                let args = data.get(cursor.skip()?).unwrap_or_default();
                if args.len() > 2 {
                    facts.output = true;
                    facts.delivered.text.push(args);
                }
            }
            _ => {}
        }
        Ok(())
    })
}

/// Counts a text; whether there was any.
fn push(text: Option<Text<'_>>, lexer: &mut crate::tokens::Lexer) -> bool {
    let Some(text) = text else { return false };
    text.pieces(|piece| lexer.push(piece));
    !text.is_empty()
}

/// The error that the provider reports inside of a 200, in its words.
fn failed(data: &[u8]) -> EventKind {
    EventKind::Error(Box::new(provider_error::decode(data).into_api_error()))
}
