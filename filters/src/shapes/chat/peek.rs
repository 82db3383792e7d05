//! What a Chat Completions request asks.

use bytes::Bytes;

use super::super::output_bound::Field;
use super::super::peek::{Found, Peek, any_element, bad, end_of, walk};
use super::super::{Parameters, end_user, rules};
use crate::json::{Cursor, Edit, ScanError, Text};
use crate::neutral::ApiError;
use crate::router::Member;
use crate::{Operation, Shape};

/// Reads the request; see [`crate::shapes::peek`]: an answer is to be generated, or texts are to be embedded.
pub(super) fn peek(operation: Operation, body: &[u8]) -> Result<Peek, ApiError> {
    if operation == Operation::Embed {
        return embedding(body);
    }
    let mut found = Found::default();
    let mut options = UsageOption::Absent;
    let mut usage_twice = false;
    let (mut user, mut safety_identifier) = (None, None);
    let mut has_input = false;
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
            b"input" => has_input = true,
            b"stream" => {
                found.once("stream");
                found.stream = Some(cursor.skip()?);
            }
            b"stream_options" => {
                found.once("stream_options");
                (options, usage_twice) = usage_option(cursor)?;
            }
            b"max_tokens" => {
                found.once("max_tokens");
                let field = Field::read(name, cursor)?;
                found.set_if(Parameters::MAX_TOKENS, field.is_set());
                found.bound.max_tokens = Some(field);
            }
            b"max_completion_tokens" => {
                found.once("max_completion_tokens");
                let field = Field::read(name, cursor)?;
                found.set_if(Parameters::MAX_COMPLETION_TOKENS, field.is_set());
                found.bound.max_completion_tokens = Some(field);
            }
            b"safety_identifier" => safety_identifier = cursor.text()?,
            // The older name of it.
            b"user" => user = cursor.text()?,
            b"n" => {
                found.once("n");
                found.choices = cursor.u64()?;
                found.set_if(Parameters::N, found.choices > Some(1));
            }
            b"tools" | b"functions" => found.needs.tools |= any_element(cursor)?,
            b"tool_choice" => found.needs.forced_tool |= is_forced(cursor)?,
            // Deprecated: an object names the function that must be called.
            b"function_call" => found.needs.forced_tool |= cursor.peek() == Some(b'{'),
            b"response_format" => found.needs.structured_output |= is_structured(cursor)?,
            b"reasoning_effort" => {
                found.once("reasoning_effort");
                let start = cursor.clone();
                let effort = cursor.text()?;
                found.reasoning.effort = Some(member(name, &start, cursor));
                found.rests.push(Edit { range: cursor.range_from(&start), with: Bytes::from_static(br#""none""#) });
                found.needs.no_reasoning = effort.is_some_and(|effort| effort.raw() == b"none");
                found.needs.reasoning |= effort.is_some() && !found.needs.no_reasoning;
            }
            b"temperature" => found.set_unless(Parameters::TEMPERATURE, cursor, 1.0)?,
            b"top_p" => found.set_unless(Parameters::TOP_P, cursor, 1.0)?,
            b"presence_penalty" => found.set_unless(Parameters::PRESENCE_PENALTY, cursor, 0.0)?,
            b"frequency_penalty" => found.set_unless(Parameters::FREQUENCY_PENALTY, cursor, 0.0)?,
            b"logprobs" => found.set_if(Parameters::LOGPROBS, cursor.peek() == Some(b't')),
            b"top_logprobs" => found.set(Parameters::TOP_LOGPROBS, cursor)?,
            b"stop" => found.set(Parameters::STOP, cursor)?,
            b"parallel_tool_calls" => {
                found.needs.parallel_tools = cursor.peek() == Some(b't');
                found.set(Parameters::PARALLEL_TOOL_CALLS, cursor)?;
            }
            b"prompt_cache_key" => found.session(cursor)?,
            b"session_id" => found.router_session(name, cursor)?,
            b"seed" => found.set(Parameters::SEED, cursor)?,
            b"logit_bias" => cursor.object_or_skip(|_, _| {
                found.set_if(Parameters::LOGIT_BIAS, true);
                Ok(())
            })?,
            b"reasoning" => {
                found.once("reasoning");
                let start = cursor.clone();
                let is_said = cursor.peek() != Some(b'n');
                found.needs.reasoning |= asks_reasoning(cursor)?;
                found.reasoning.reasoning = is_said.then(|| member(name, &start, cursor));
            }
            b"thinking" => {
                found.once("thinking");
                let start = cursor.clone();
                found.needs.reasoning |= asks_reasoning(cursor)?;
                found.reasoning.thinking = Some(member(name, &start, cursor));
            }
            b"include_reasoning" => {
                found.once("include_reasoning");
                let start = cursor.clone();
                let is_said = cursor.peek() != Some(b'n');
                cursor.skip()?;
                found.reasoning.include = is_said.then(|| member(name, &start, cursor));
            }
            _ => found.other(name, cursor)?,
        }
        Ok(())
    })?;
    if found.messages.is_none() && has_input {
        // Some clients are told one path only and speak Responses on it.
        let mut peek = rules(Shape::Responses).peek(operation, body)?;
        peek.is_in = Some(Shape::Responses);
        return Ok(peek);
    }
    if usage_twice {
        return Err(bad("stream_options", "`stream_options.include_usage` is there twice: send it once".to_owned()));
    }
    found.end_user = safety_identifier.and_then(end_user::name).or_else(|| user.and_then(end_user::name));
    found.bound.has_two_names = true;
    found.bound.end = end_of(body);
    if let Some(end) = end_of(body).filter(|_| found.rests.is_empty()) {
        // The object holds a model at least, so that a comma is right.
        found.rests.push(Edit { range: end..end, with: Bytes::from_static(br#","reasoning_effort":"none""#) });
    }
    found.into_peek(body, options.edit(body))
}

/// Where a member stands whose value was just read.
fn member(name: Text<'_>, start: &Cursor<'_>, cursor: &Cursor<'_>) -> Member {
    Member { start: name.range().start, value: cursor.range_from(start) }
}

/// Reads a request for embeddings: <https://platform.openai.com/docs/api-reference/embeddings>.
fn embedding(body: &[u8]) -> Result<Peek, ApiError> {
    let mut found = Found::default();
    let mut user = None;
    walk(body, |cursor, name| {
        match &*name.bytes() {
            b"model" => {
                found.once("model");
                found.model = Some(cursor.skip()?);
            }
            b"input" => {
                found.once("input");
                found.has_input = matches!(cursor.peek(), Some(b'"' | b'['));
            }
            b"user" => user = cursor.text()?,
            _ => found.other(name, cursor)?,
        }
        Ok(())
    })?;
    if !found.has_input {
        return Err(bad("input", "`input` must be there: a text or an array of texts".to_owned()));
    }
    found.end_user = user.and_then(end_user::name);
    found.into_peek(body, None)
}

/// What the client said about token counts in the stream, as the way to make it ask for them.
#[derive(Debug)]
enum UsageOption {
    /// There are no options.
    Absent,
    /// They hold no `include_usage`: it goes in here.
    Insert { at: usize, empty: bool },
    /// They, or their `include_usage`, say no: this range gives way.
    Replace(std::ops::Range<usize>, &'static [u8]),
    /// It is asked for already, or the options are nothing that can be edited.
    Keep,
}

impl UsageOption {
    fn edit(self, body: &[u8]) -> Option<Edit> {
        let (range, with): (_, &'static [u8]) = match self {
            UsageOption::Absent => {
                // The object holds a model at least, so that a comma is right.
                let brace = body.iter().position(|byte| *byte == b'{')?;
                (brace + 1..brace + 1, br#""stream_options":{"include_usage":true},"#)
            }
            UsageOption::Insert { at, empty: true } => (at..at, br#""include_usage":true"#),
            UsageOption::Insert { at, empty: false } => (at..at, br#""include_usage":true,"#),
            UsageOption::Replace(range, with) => (range, with),
            UsageOption::Keep => return None,
        };
        Some(Edit { range, with: Bytes::from_static(with) })
    }
}

/// Reads `stream_options`; the second value tells whether `include_usage` is in there twice.
fn usage_option(cursor: &mut Cursor<'_>) -> Result<(UsageOption, bool), ScanError> {
    let first = cursor.peek();
    let start = cursor.clone();
    if first != Some(b'{') {
        let range = cursor.skip()?;
        let option = match first {
            Some(b'n') => UsageOption::Replace(range, br#"{"include_usage":true}"#),
            _ => UsageOption::Keep,
        };
        return Ok((option, false));
    }
    let mut include = None;
    let mut twice = false;
    let mut empty = true;
    cursor.object(|cursor, key| {
        empty = false;
        if *key.bytes() == *b"include_usage" {
            let is_true = cursor.peek() == Some(b't');
            twice |= include.is_some();
            include = Some((is_true, cursor.skip()?));
        }
        Ok(())
    })?;
    let option = match include {
        None => UsageOption::Insert { at: cursor.range_from(&start).start + 1, empty },
        Some((true, _)) => UsageOption::Keep,
        Some((false, range)) => UsageOption::Replace(range, b"true"),
    };
    Ok((option, twice))
}

/// Whether `tool_choice` leaves the model no choice but to call a tool.
fn is_forced(cursor: &mut Cursor<'_>) -> Result<bool, ScanError> {
    if cursor.peek() == Some(b'"') {
        // `any` is what Mistral calls `required`.
        return Ok(cursor.text()?.is_some_and(|choice| matches!(choice.raw(), b"required" | b"any")));
    }
    let mut forced = false;
    cursor.object_or_skip(|cursor, key| {
        match key.raw() {
            b"type" => {
                forced |= cursor.text()?.is_some_and(|kind| matches!(kind.raw(), b"function" | b"custom"));
            }
            b"allowed_tools" => cursor.object_or_skip(|cursor, key| {
                if key.raw() == b"mode" {
                    forced |= cursor.text()?.is_some_and(|mode| mode.raw() == b"required");
                }
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(forced)
}

fn is_structured(cursor: &mut Cursor<'_>) -> Result<bool, ScanError> {
    let mut structured = false;
    cursor.object_or_skip(|cursor, key| {
        if key.raw() == b"type" {
            structured = cursor.text()?.is_some_and(|kind| matches!(kind.raw(), b"json_schema" | b"json_object"));
        }
        Ok(())
    })?;
    Ok(structured)
}

/// Reads `reasoning` (OpenRouter) and `thinking` (DeepSeek, GLM): an object asks, unless it says no.
fn asks_reasoning(cursor: &mut Cursor<'_>) -> Result<bool, ScanError> {
    let mut asks = cursor.peek() == Some(b'{');
    cursor.object_or_skip(|cursor, key| {
        match key.raw() {
            b"enabled" => asks &= cursor.peek() != Some(b'f'),
            b"effort" | b"type" => {
                asks &= !cursor.text()?.is_some_and(|value| matches!(value.raw(), b"none" | b"disabled"));
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(asks)
}
