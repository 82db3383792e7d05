//! What the events of a chat stream, and whole chat answers, say; tolerant of what hosts make of the shape.

use super::super::observed::{EventKind, Observed, garbled};
use super::super::provider_error;
use super::usage;
use crate::json::{Cursor, ScanError, Text};
use crate::neutral::{ApiError, ErrorClass};
use crate::sse::RawEvent;
use crate::tokens::{Delivered, Lexer};

/// Reads one event.
pub(super) fn read_event(event: &RawEvent, seen: &mut Observed) -> EventKind {
    let data = event.data();
    let data = data.trim_ascii();
    if data.is_empty() {
        return EventKind::Heartbeat;
    }
    if data == b"[DONE]" {
        // Some hosts never say why they finished; final counts before the terminator show that they did. An event that
        // was too large to be read may have said it.
        seen.complete |= seen.closing_usage || seen.blind;
        return EventKind::Done;
    }
    let chunk = match read(data, seen) {
        Ok(chunk) => chunk,
        Err(error) => return garbled(error),
    };
    // Groq sends errors as named events. No chunk has choices and is one.
    if chunk.error || (chunk.choices == 0 && event.name() == Some(b"error")) {
        return failed(data);
    }
    if chunk.finish_is_error {
        return EventKind::Error(Box::new(ApiError::new(
            ErrorClass::Upstream,
            "the provider ended the answer with an error",
        )));
    }
    seen.delivered = chunk.delivered;
    if chunk.output {
        return EventKind::Content;
    }
    if chunk.finished {
        return EventKind::Finish;
    }
    if chunk.usage && chunk.choices == 0 {
        seen.closing_usage = true;
        return EventKind::UsageOnly;
    }
    EventKind::Structural
}

/// Reads a whole answer.
pub(super) fn read_body(body: &[u8], seen: &mut Observed) -> EventKind {
    match read(body, seen) {
        Err(error) => garbled(error),
        Ok(chunk) if chunk.error => failed(body),
        Ok(chunk) => {
            seen.delivered = chunk.delivered;
            seen.complete = true;
            EventKind::Content
        }
    }
}

/// What one chunk, or a whole answer, holds.
#[derive(Debug, Default)]
struct Chunk {
    choices: u64,
    /// There is output for the user.
    output: bool,
    /// What was delivered before, and what this holds.
    delivered: Delivered,
    finished: bool,
    finish_is_error: bool,
    usage: bool,
    error: bool,
}

fn read(data: &[u8], seen: &mut Observed) -> Result<Chunk, ScanError> {
    let mut chunk = Chunk { delivered: seen.delivered, ..Chunk::default() };
    let mut cursor = Cursor::new(data)?;
    cursor.object_or_skip(|cursor, key| {
        match key.raw() {
            b"choices" => cursor.array_or_skip(|cursor| {
                chunk.choices += 1;
                read_choice(cursor, &mut chunk, seen)
            })?,
            b"usage" => chunk.usage |= usage::read(cursor, seen)?,
            b"x_groq" => cursor.object_or_skip(|cursor, key| {
                if key.raw() == b"usage" {
                    usage::read(cursor, seen)?;
                }
                Ok(())
            })?,
            b"model" if seen.model.is_none() => {
                let name = cursor.text()?;
                seen.saw_model(name);
            }
            b"service_tier" => seen.service_class.saw_tier(cursor.text()?),
            b"error" => chunk.error |= is_truthy(data, cursor)?,
            // vLLM and Mistral: `{"object":"error","message":...}`.
            b"object" => chunk.error |= cursor.text()?.is_some_and(|object| object.raw() == b"error"),
            _ => {}
        }
        Ok(())
    })?;
    cursor.finish()?;
    Ok(chunk)
}

fn read_choice(cursor: &mut Cursor<'_>, chunk: &mut Chunk, seen: &mut Observed) -> Result<(), ScanError> {
    let (mut delta, mut message) = (None, None);
    let before = chunk.delivered;
    cursor.object_or_skip(|cursor, key| {
        match key.raw() {
            b"delta" => delta = Some(read_output(cursor, before)?),
            b"message" => message = Some(read_output(cursor, before)?),
            b"finish_reason" => {
                let reason = cursor.text()?;
                chunk.finish_is_error |= reason.is_some_and(|reason| reason.raw() == b"error");
                if !chunk.finish_is_error {
                    chunk.finished |= seen.saw_finish(reason);
                }
            }
            // Moonshot puts the counts here.
            b"usage" => {
                usage::read(cursor, seen)?;
            }
            _ => {}
        }
        Ok(())
    })?;
    // Perplexity repeats the whole message beside each delta.
    let (output, delivered) = delta.or(message).unwrap_or((false, before));
    chunk.output |= output;
    chunk.delivered = delivered;
    Ok(())
}

/// Reads a delta or a message: whether it holds output, and all that was delivered with it.
fn read_output(cursor: &mut Cursor<'_>, before: Delivered) -> Result<(bool, Delivered), ScanError> {
    let mut output = false;
    let mut delivered = before;
    // Reasoning comes in one of three fields, and from some hosts in two or all, which say the same.
    let mut reasoning = (0, before.reasoning);
    let mut details = (0, before.reasoning);
    cursor.object_or_skip(|cursor, key| {
        match key.raw() {
            b"content" | b"refusal" => output |= read_text(cursor, &mut delivered.text)? > 0,
            b"reasoning_content" | b"reasoning" => {
                let mut again = before.reasoning;
                let length = read_text(cursor, &mut again)?;
                if length > reasoning.0 {
                    reasoning = (length, again);
                }
            }
            b"reasoning_details" | b"thinking_blocks" => cursor.array_or_skip(|cursor| {
                // Encrypted reasoning has no text and is output all the same.
                output = true;
                details.0 += read_text(cursor, &mut details.1)?;
                Ok(())
            })?,
            b"tool_calls" => cursor.array_or_skip(|cursor| {
                output |= read_call(cursor, None, &mut delivered)?;
                Ok(())
            })?,
            b"function_call" => output |= read_call(cursor, Some(0), &mut delivered)?,
            b"audio" => cursor.object_or_skip(|cursor, key| {
                match key.raw() {
                    b"data" => output |= cursor.text()?.is_some_and(|data| !data.is_empty()),
                    b"transcript" => output |= read_text(cursor, &mut delivered.text)? > 0,
                    _ => {}
                }
                Ok(())
            })?,
            b"images" | b"annotations" => cursor.array_or_skip(|_| {
                output = true;
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    })?;
    let (length, reasoning) = if reasoning.0 > 0 { reasoning } else { details };
    delivered.reasoning = reasoning;
    Ok((output || length > 0, delivered))
}

/// Counts the text in a string, or in parts as Mistral and OpenRouter send them. Returns how long it is as it stands.
fn read_text(cursor: &mut Cursor<'_>, lexer: &mut Lexer) -> Result<usize, ScanError> {
    let mut length = 0_usize;
    match cursor.peek() {
        Some(b'[') => cursor.array(|cursor| {
            length = length.saturating_add(read_text(cursor, lexer)?);
            Ok(())
        })?,
        Some(b'{') => cursor.object(|cursor, key| {
            if let b"text" | b"thinking" | b"content" | b"summary" = key.raw() {
                length = length.saturating_add(read_text(cursor, lexer)?);
            }
            Ok(())
        })?,
        _ => {
            if let Some(text) = cursor.text()? {
                length = push(text, lexer);
            }
        }
    }
    Ok(length)
}

/// Counts a string. Returns how long it is as it stands.
fn push(text: Text<'_>, lexer: &mut Lexer) -> usize {
    text.pieces(|piece| lexer.push(piece));
    text.raw().len()
}

/// Counts the names and arguments of a call, however deep they stand: `function`, `custom`, or the call itself. Says
/// whether there were any. Calls of a stream are numbered.
fn read_call(cursor: &mut Cursor<'_>, mut number: Option<u64>, delivered: &mut Delivered) -> Result<bool, ScanError> {
    let mut output = false;
    cursor.object_or_skip(|cursor, key| {
        match key.raw() {
            b"index" => number = cursor.u64()?,
            b"function" | b"custom" => output |= read_call(cursor, number, delivered)?,
            b"name" => {
                let name = cursor.text()?.filter(|name| !name.is_empty());
                if let Some(name) = name {
                    output = true;
                    delivered.numbered_call(number);
                    push(name, &mut delivered.text);
                }
            }
            b"arguments" | b"input" => {
                output |= cursor.text()?.is_some_and(|text| push(text, &mut delivered.text) > 0);
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(output)
}

/// Whether the value that comes next says something, as the clients' languages see it.
fn is_truthy(data: &[u8], cursor: &mut Cursor<'_>) -> Result<bool, ScanError> {
    let range = cursor.skip()?;
    let value = data.get(range).unwrap_or_default();
    Ok(!matches!(value, b"null" | b"false" | b"\"\"" | b"{}" | b"[]" | b"0"))
}

/// The error that the provider reports inside of a 200, in its words.
fn failed(data: &[u8]) -> EventKind {
    EventKind::Error(Box::new(provider_error::decode(data).into_api_error()))
}
