//! What a Messages request asks, to be answered or to have its tokens counted.

use super::super::output_bound::Field;
use super::super::peek::{Found, Peek, any_element, end_of, walk};
use super::super::{Parameters, end_user};
use crate::Operation;
use crate::json::{Cursor, ScanError};
use crate::neutral::ApiError;

/// Reads the request; see [`crate::shapes::peek`]. That `max_tokens` is there is left to the provider to ask for.
pub(super) fn peek(operation: Operation, body: &[u8]) -> Result<Peek, ApiError> {
    let mut found = Found::default();
    walk(body, |cursor, name| {
        match &*name.bytes() {
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
                found.bound.max_tokens = Some(Field::read(name, cursor)?);
            }
            b"tools" => found.needs.tools |= any_element(cursor)?,
            b"tool_choice" => found.needs.forced_tool |= type_is(cursor, |kind| matches!(kind, b"any" | b"tool"))?,
            b"thinking" => thinking(cursor, &mut found)?,
            b"metadata" => cursor.object_or_skip(|cursor, key| {
                if key.raw() == b"user_id" {
                    found.end_user = cursor.text()?.and_then(end_user::name);
                }
                Ok(())
            })?,
            b"temperature" => found.set_unless(Parameters::TEMPERATURE, cursor, 1.0)?,
            b"top_p" => found.set(Parameters::TOP_P, cursor)?,
            b"top_k" => found.set(Parameters::TOP_K, cursor)?,
            b"output_config" => cursor.object_or_skip(|cursor, key| {
                found.needs.structured_output |= key.raw() == b"format" && cursor.peek() == Some(b'{');
                Ok(())
            })?,
            // The name that `output_config.format` had in beta.
            b"output_format" => found.needs.structured_output |= cursor.peek() == Some(b'{'),
            b"session_id" => found.router_session(name, cursor)?,
            _ => found.other(name, cursor)?,
        }
        Ok(())
    })?;
    found.set_if(Parameters::PREFILL, found.ends_with_answer);
    found.bound.end = end_of(body).filter(|_| operation != Operation::CountTokens);
    found.into_peek(body, None)
}

/// Reads `thinking`: whether it is asked for, and whether by a budget.
fn thinking(cursor: &mut Cursor<'_>, found: &mut Found) -> Result<(), ScanError> {
    let (mut enabled, mut budget, mut tokens) = (false, false, None);
    cursor.object_or_skip(|cursor, key| {
        match key.raw() {
            b"type" => {
                let kind = cursor.text()?;
                found.needs.reasoning |= kind.is_some_and(|kind| kind.raw() != b"disabled");
                found.needs.no_reasoning = kind.is_some_and(|kind| kind.raw() == b"disabled");
                enabled = kind.is_some_and(|kind| kind.raw() == b"enabled");
            }
            b"budget_tokens" => {
                budget = cursor.peek() != Some(b'n');
                tokens = cursor.u64()?;
            }
            _ => {}
        }
        Ok(())
    })?;
    found.set_if(Parameters::THINKING_BUDGET, enabled && budget);
    found.thinking_budget = tokens.filter(|_| enabled);
    Ok(())
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
