//! What a Responses request asks, to be answered or to have its tokens counted.

use std::borrow::Cow;

use super::super::output_bound::Field;
use super::super::peek::{Found, Peek, any_element, bad, end_of, walk};
use super::super::{Parameters, end_user};
use crate::Operation;
use crate::json::{Cursor, ScanError, Text, is_array_at, is_string_at};
use crate::neutral::ApiError;

/// The least bound on the output that the API takes.
pub(super) const MIN_OUTPUT: u64 = 16;

/// A longer id is none that a provider gave.
const MAX_ID_BYTES: usize = 128;

/// Reads the request; see [`crate::shapes::peek`].
pub(super) fn peek(operation: Operation, body: &[u8]) -> Result<Peek, ApiError> {
    let mut found = Found::default();
    (found.has_input, found.keeps_answer) = (true, operation == Operation::Generate);
    let counts_only = operation == Operation::CountTokens;
    let (mut user, mut safety_identifier) = (None, None);
    let mut input = None;
    walk(body, |cursor, name| {
        match &*name.bytes() {
            b"model" => {
                found.once("model");
                found.model = Some(cursor.skip()?);
            }
            b"input" => {
                found.once("input");
                let start = cursor.clone();
                read_input(cursor, &mut found)?;
                input = Some(cursor.range_from(&start));
            }
            b"stream" if !counts_only => {
                found.once("stream");
                found.stream = Some(cursor.skip()?);
            }
            b"max_output_tokens" if !counts_only => {
                found.once("max_output_tokens");
                found.bound.max_tokens = Some(Field::read(name, cursor)?);
            }
            b"safety_identifier" => safety_identifier = cursor.text()?,
            // The older name of it.
            b"user" => user = cursor.text()?,
            b"previous_response_id" => {
                found.once("previous_response_id");
                points(cursor, &mut found, "previous_response_id");
                let id = cursor.text()?.and_then(|id| id.decode());
                found.previous_response = id.filter(|id| id.len() <= MAX_ID_BYTES).map(Cow::into_owned);
            }
            b"conversation" => points(cursor, &mut found, "conversation"),
            b"background" => {
                found.once("background");
                found.background = cursor.peek() == Some(b't');
            }
            b"store" => found.keeps_answer &= cursor.peek() != Some(b'f'),
            b"prompt" => points(cursor, &mut found, "prompt"),
            b"tools" => found.needs.tools |= any_element(cursor)?,
            b"tool_choice" => found.needs.forced_tool |= is_forced(cursor)?,
            b"parallel_tool_calls" => {
                found.needs.parallel_tools = cursor.peek() == Some(b't');
                cursor.skip()?;
            }
            b"prompt_cache_key" => found.session(cursor)?,
            b"session_id" => found.router_session(name, cursor)?,
            b"text" => read_text(cursor, &mut found)?,
            b"reasoning" => read_reasoning(cursor, &mut found)?,
            b"temperature" => found.set_unless(Parameters::TEMPERATURE, cursor, 1.0)?,
            b"top_p" => found.set_unless(Parameters::TOP_P, cursor, 1.0)?,
            b"top_logprobs" => found.set_unless(Parameters::TOP_LOGPROBS, cursor, 0.0)?,
            _ => found.other(name, cursor)?,
        }
        Ok(())
    })?;
    found.end_user = safety_identifier.and_then(end_user::name).or_else(|| user.and_then(end_user::name));
    found.bound.name = Some("max_output_tokens");
    found.bound.least = MIN_OUTPUT;
    found.bound.end = end_of(body).filter(|_| !counts_only);
    let stored = found.stored_state;
    let peek = found.into_peek(body, None)?;
    match input {
        Some(range) if is_string_at(body, &range) || is_array_at(body, &range) => Ok(peek),
        Some(range) if body.get(range.clone()) != Some(b"null") => {
            Err(bad("input", "`input` must be a string or an array of items".to_owned()))
        }
        // What is kept may be all that there is.
        _ if stored.is_some() => Ok(peek),
        _ => Err(bad("input", "`input` is missing: send a string or an array of items".to_owned())),
    }
}

/// Notes a field that points to what the provider keeps, unless it is null.
fn points(cursor: &mut Cursor<'_>, found: &mut Found, name: &'static str) {
    if cursor.peek() != Some(b'n') {
        found.stored_state.get_or_insert(name);
    }
}

/// Reads a string, which is one message, or items.
fn read_input(cursor: &mut Cursor<'_>, found: &mut Found) -> Result<(), ScanError> {
    if cursor.peek() == Some(b'"') {
        found.message_count = u64::from(cursor.text()?.is_some_and(|text| !text.is_empty()));
        return Ok(());
    }
    cursor.array_or_skip(|cursor| {
        found.message_count = found.message_count.saturating_add(1);
        let (mut kind, mut has_id, mut says) = (None, false, false);
        cursor.object_or_skip(|cursor, key| {
            match key.raw() {
                b"type" => kind = cursor.text()?.map(|kind| kind.raw()),
                b"id" => has_id = cursor.peek() == Some(b'"'),
                b"content" => {
                    says = true;
                    found.attachments.content(cursor)?;
                }
                b"output" => {
                    says = true;
                    found.attachments.output(cursor)?;
                }
                b"role" => says = true,
                b"tools" => found.needs.tools |= any_element(cursor)?,
                _ => {}
            }
            Ok(())
        })?;
        if kind == Some(b"item_reference") || (kind.is_none() && has_id && !says) {
            found.stored_state.get_or_insert("input.item_reference");
        }
        Ok(())
    })
}

/// Whether `tool_choice` leaves the model no choice but to call a tool.
fn is_forced(cursor: &mut Cursor<'_>) -> Result<bool, ScanError> {
    if cursor.peek() == Some(b'"') {
        return Ok(cursor.text()?.is_some_and(|choice| matches!(choice.raw(), b"required" | b"any")));
    }
    let mut named = false;
    let mut mode: Option<Text<'_>> = None;
    let mut allows = false;
    cursor.object_or_skip(|cursor, key| {
        match key.raw() {
            b"type" => {
                let kind = cursor.text()?.map(|kind| kind.raw());
                allows = kind == Some(b"allowed_tools");
                named = kind.is_some_and(|kind| !matches!(kind, b"allowed_tools" | b"auto" | b"none"));
            }
            b"mode" => mode = cursor.text()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(named || (allows && mode.is_some_and(|mode| mode.raw() == b"required")))
}

fn read_text(cursor: &mut Cursor<'_>, found: &mut Found) -> Result<(), ScanError> {
    cursor.object_or_skip(|cursor, key| {
        if key.raw() != b"format" {
            return Ok(());
        }
        cursor.object_or_skip(|cursor, key| {
            if key.raw() == b"type" {
                let kind = cursor.text()?.map(|kind| kind.raw());
                found.needs.structured_output = matches!(kind, Some(b"json_schema" | b"json_object"));
            }
            Ok(())
        })
    })
}

fn read_reasoning(cursor: &mut Cursor<'_>, found: &mut Found) -> Result<(), ScanError> {
    cursor.object_or_skip(|cursor, key| {
        if key.raw() == b"effort" {
            let effort = cursor.text()?;
            found.needs.no_reasoning = effort.is_some_and(|effort| effort.raw() == b"none");
            found.needs.reasoning |= effort.is_some() && !found.needs.no_reasoning;
        }
        Ok(())
    })
}
