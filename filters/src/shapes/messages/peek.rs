//! What a Messages request asks, to be answered or to have its tokens counted.

use super::super::peek::{Found, Peek, any_element, walk};
use crate::Operation;
use crate::json::{Cursor, ScanError};
use crate::neutral::ApiError;

/// Reads the request; see [`crate::shapes::peek`]. That `max_tokens` is there is left to the provider to ask for.
pub(super) fn peek(operation: Operation, body: &[u8]) -> Result<Peek, ApiError> {
    let mut found = Found::default();
    walk(body, |cursor, name| {
        match name {
            b"model" => {
                found.once("model");
                found.model = Some(cursor.skip()?);
            }
            b"messages" => {
                found.once("messages");
                found.messages(cursor)?;
            }
            // The counting of tokens has no stream.
            b"stream" if operation != Operation::CountTokens => {
                found.once("stream");
                found.stream = Some(cursor.skip()?);
            }
            b"max_tokens" => {
                found.once("max_tokens");
                found.max_output = cursor.u64()?;
            }
            b"tools" => found.needs.tools |= any_element(cursor)?,
            b"tool_choice" => found.needs.forced_tool |= type_is(cursor, |kind| matches!(kind, b"any" | b"tool"))?,
            b"thinking" => found.needs.reasoning |= type_is(cursor, |kind| kind != b"disabled")?,
            b"output_config" => cursor.object_or_skip(|cursor, key| {
                found.needs.structured_output |= key.raw() == b"format" && cursor.peek() == Some(b'{');
                Ok(())
            })?,
            // The name that `output_config.format` had in beta.
            b"output_format" => found.needs.structured_output |= cursor.peek() == Some(b'{'),
            _ => {}
        }
        Ok(())
    })?;
    found.into_peek(body, None)
}

/// Whether the object that comes next has a `type` of which that holds.
fn type_is(cursor: &mut Cursor<'_>, holds: impl Fn(&[u8]) -> bool) -> Result<bool, ScanError> {
    let mut is = false;
    cursor.object_or_skip(|cursor, key| {
        if key.raw() == b"type" {
            is = cursor.text()?.is_some_and(|kind| holds(kind.raw()));
        }
        Ok(())
    })?;
    Ok(is)
}
