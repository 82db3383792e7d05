//! Errors of Responses: those of chat as whole answers, `response.failed` as the last event of a stream, and what a provider says in
//! either.
//!
//! Codex knows no end of a stream but `response.completed`, `response.incomplete` and `response.failed`.

use serde::Serialize;

use super::super::chat::error;
use super::super::error::to_json;
use super::super::provider_error::{self, ProviderError};
use crate::json::{Cursor, ScanError};
use crate::neutral::{ApiError, ErrorClass};

/// What a failed response says of its error.
#[derive(Serialize)]
pub(super) struct Failure<'a> {
    pub(super) code: &'a str,
    pub(super) message: &'a str,
}

/// A response that failed, of which nothing else is known.
#[derive(Serialize)]
struct Failed<'a> {
    id: &'a str,
    object: &'static str,
    created_at: u64,
    status: &'static str,
    error: Failure<'a>,
    incomplete_details: Option<()>,
    instructions: Option<()>,
    metadata: Empty,
    model: &'a str,
    output: [(); 0],
    parallel_tool_calls: bool,
    temperature: Option<f64>,
    tool_choice: &'static str,
    tools: [(); 0],
    top_p: Option<f64>,
    usage: Option<()>,
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    sequence_number: u64,
    response: Failed<'a>,
}

/// The last event of a stream that broke: `id` and `model` as far as they were told, `sequence` the number of the event.
pub(super) fn event(error: &ApiError, (id, model): (&str, &str), sequence: u64) -> Vec<u8> {
    const NAME: &str = "response.failed";
    let message = error::message_of(error);
    let response = Failed {
        id,
        object: "response",
        created_at: 0,
        status: "failed",
        error: Failure { code: code_of(error), message: &message },
        incomplete_details: None,
        instructions: None,
        metadata: Empty {},
        model,
        output: [],
        parallel_tool_calls: true,
        temperature: None,
        tool_choice: "auto",
        tools: [],
        top_p: None,
        usage: None,
    };
    crate::sse::event(Some(NAME), &to_json(&Event { kind: NAME, sequence_number: sequence, response }))
}

/// The code of a failed response, which always has one.
pub(super) fn code_of(error: &ApiError) -> &str {
    error::code_of(error).unwrap_or(match error.class {
        ErrorClass::BadRequest => "invalid_prompt",
        _ => "server_error",
    })
}

/// What a failed response, or an `error` event, says.
pub(super) fn of_answer(data: &[u8]) -> ProviderError {
    let mut inner = None;
    // What cannot be read says nothing.
    let _ = find(data, &mut inner);
    match inner {
        Some(range) => provider_error::decode(data.get(range).unwrap_or_default()),
        None => provider_error::decode(data),
    }
}

/// Finds `error` in a response, or in the response of an event.
fn find(data: &[u8], inner: &mut Option<std::ops::Range<usize>>) -> Result<(), ScanError> {
    let mut cursor = Cursor::new(data)?;
    cursor.object_or_skip(|cursor, key| match key.raw() {
        b"error" => note(cursor, inner),
        b"response" => cursor.object_or_skip(|cursor, key| match key.raw() {
            b"error" => note(cursor, inner),
            _ => Ok(()),
        }),
        _ => Ok(()),
    })
}

fn note(cursor: &mut Cursor<'_>, inner: &mut Option<std::ops::Range<usize>>) -> Result<(), ScanError> {
    let is_object = cursor.peek() == Some(b'{');
    let range = cursor.skip()?;
    if is_object {
        *inner = Some(range);
    }
    Ok(())
}
