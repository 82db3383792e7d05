//! What the events of a chat stream, and whole chat answers, say; tolerant of what hosts make of the shape.

use super::super::observed::{EventKind, Observed, garbled};
use super::super::provider_error;
use super::usage;
use crate::json::{Cursor, ScanError, Text};
use crate::neutral::{ApiError, ErrorClass};
use crate::sse::RawEvent;

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
    seen.delivered = seen.delivered.saturating_add(chunk.output.bytes);
    if chunk.output.present {
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
            seen.delivered = seen.delivered.saturating_add(chunk.output.bytes);
            seen.complete = true;
            EventKind::Content
        }
    }
}

/// What one chunk, or a whole answer, holds.
#[derive(Debug, Default)]
struct Chunk {
    choices: u64,
    output: Output,
    finished: bool,
    finish_is_error: bool,
    usage: bool,
    error: bool,
}

/// Output for the user.
#[derive(Clone, Copy, Debug, Default)]
struct Output {
    present: bool,
    bytes: u64,
}

impl Output {
    fn add(&mut self, bytes: u64) {
        self.present |= bytes > 0;
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn join(&mut self, other: Output) {
        self.present |= other.present;
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

fn read(data: &[u8], seen: &mut Observed) -> Result<Chunk, ScanError> {
    let mut chunk = Chunk::default();
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
    cursor.object_or_skip(|cursor, key| {
        match key.raw() {
            b"delta" => delta = Some(read_output(cursor)?),
            b"message" => message = Some(read_output(cursor)?),
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
    chunk.output.join(delta.or(message).unwrap_or_default());
    Ok(())
}

/// Reads a delta or a message.
fn read_output(cursor: &mut Cursor<'_>) -> Result<Output, ScanError> {
    let mut output = Output::default();
    let mut reasoning = 0_u64;
    let mut reasoning_again = 0_u64;
    cursor.object_or_skip(|cursor, key| {
        match key.raw() {
            b"content" | b"refusal" => output.add(text_len(cursor)?),
            // One or the other, and from some hosts both, saying the same.
            b"reasoning_content" | b"reasoning" => reasoning = text_len(cursor)?.max(reasoning),
            b"reasoning_details" | b"thinking_blocks" => cursor.array_or_skip(|cursor| {
                // Encrypted reasoning has no text and is output all the same.
                output.present = true;
                reasoning_again += text_len(cursor)?;
                Ok(())
            })?,
            b"tool_calls" => cursor.array_or_skip(|cursor| {
                output.add(call_len(cursor)?);
                Ok(())
            })?,
            b"function_call" => output.add(call_len(cursor)?),
            b"audio" => cursor.object_or_skip(|cursor, key| {
                match key.raw() {
                    b"data" => output.present |= cursor.text()?.is_some_and(|data| !data.is_empty()),
                    b"transcript" => output.add(text_len(cursor)?),
                    _ => {}
                }
                Ok(())
            })?,
            b"images" | b"annotations" => cursor.array_or_skip(|_| {
                output.present = true;
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    })?;
    output.add(if reasoning > 0 { reasoning } else { reasoning_again });
    Ok(output)
}

/// Bytes of text in a string, or in parts as Mistral and OpenRouter send them.
fn text_len(cursor: &mut Cursor<'_>) -> Result<u64, ScanError> {
    let mut bytes = 0_u64;
    match cursor.peek() {
        Some(b'[') => cursor.array(|cursor| {
            bytes = bytes.saturating_add(text_len(cursor)?);
            Ok(())
        })?,
        Some(b'{') => cursor.object(|cursor, key| {
            if let b"text" | b"thinking" | b"content" | b"summary" = key.raw() {
                bytes = bytes.saturating_add(text_len(cursor)?);
            }
            Ok(())
        })?,
        _ => bytes = cursor.text()?.map_or(0, |text: Text<'_>| text.byte_len()),
    }
    Ok(bytes)
}

/// Bytes of the names and arguments of a call, however deep they stand: `function`, `custom`, or the call itself.
fn call_len(cursor: &mut Cursor<'_>) -> Result<u64, ScanError> {
    let mut bytes = 0_u64;
    cursor.object_or_skip(|cursor, key| {
        match key.raw() {
            b"function" | b"custom" => bytes = bytes.saturating_add(call_len(cursor)?),
            b"name" | b"arguments" | b"input" => {
                bytes = bytes.saturating_add(cursor.text()?.map_or(0, |text| text.byte_len()));
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(bytes)
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
