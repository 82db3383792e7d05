//! What a request asks, to be answered or to have its tokens counted. Model and streaming stand in its path.

use std::borrow::Cow;
use std::ops::Range;

use super::super::Parameters;
use super::super::output_bound::{Field, Insertion};
use super::super::peek::{Found, InPath, Peek, Place, any_element, bad, end_of, walk};
use super::names::camel;
use super::numbers;
use crate::Operation;
use crate::json::{Cursor, ScanError, Text};
use crate::neutral::ApiError;

/// Reads the request; see [`crate::shapes::peek_in_path`].
pub(super) fn peek(operation: Operation, path: InPath<'_>, body: &[u8]) -> Result<Peek, ApiError> {
    if operation == Operation::Embed {
        return embedding(path, body);
    }
    let mut reader = Reader { body, found: Found::default(), config: None, model: None };
    walk(body, |cursor, name| reader.member(cursor, name))?;
    let Reader { mut found, config, model, .. } = reader;
    let ends_with_answer = found.ends_with_answer;
    found.set_if(Parameters::PREFILL, ends_with_answer);
    if operation != Operation::CountTokens {
        found.bound.end = end_of(body);
        found.bound.insertion = insertion(body, config);
    }
    found.into_named_peek(body, path, model.map(place).into_iter().collect())
}

/// Where the body names the model.
const fn place(range: Range<usize>) -> Place {
    Place { range, before: "models/" }
}

/// Reads a request for embeddings: of one content, or of several, each of which names the model again.
/// <https://ai.google.dev/api/embeddings>
fn embedding(path: InPath<'_>, body: &[u8]) -> Result<Peek, ApiError> {
    let mut found = Found::default();
    let mut places = Vec::new();
    walk(body, |cursor, name| match &*camel(&named(name)) {
        "requests" => {
            found.once("requests");
            cursor.array_or_skip(|cursor| {
                cursor.object_or_skip(|cursor, name| embedded(cursor, name, &mut found, &mut places))
            })
        }
        _ => embedded(cursor, name, &mut found, &mut places),
    })?;
    if found.message_count == 0 {
        let message = "there is nothing to embed: send `content`, or `requests` with a `content` each";
        return Err(bad("content", message.to_owned()));
    }
    found.has_input = true;
    let places = places.into_iter().filter(|range: &Range<usize>| body.get(range.start) == Some(&b'"'));
    let places = places.map(place).collect();
    found.into_named_peek(body, path, places)
}

fn embedded(
    cursor: &mut Cursor<'_>,
    name: Text<'_>,
    found: &mut Found,
    places: &mut Vec<Range<usize>>,
) -> Result<(), ScanError> {
    match &*camel(&named(name)) {
        "model" => places.push(cursor.skip()?),
        "content" => content(cursor, found)?,
        _ => {}
    }
    Ok(())
}

/// Where the bound on the output goes when there is none.
fn insertion(body: &[u8], config: Option<Range<usize>>) -> Option<Insertion> {
    let Some(config) = config else {
        let end = end_of(body)?;
        return Some(Insertion { range: end..end, before: r#","generationConfig":{"maxOutputTokens":"#, after: "}" });
    };
    match body.get(config.clone())? {
        b"null" => Some(Insertion { range: config, before: r#"{"maxOutputTokens":"#, after: "}" }),
        value if value.starts_with(b"{") => {
            let at = config.start.checked_add(1)?;
            let is_empty = value.get(1..).unwrap_or_default().trim_ascii_start().starts_with(b"}");
            let after = if is_empty { "" } else { "," };
            Some(Insertion { range: at..at, before: r#""maxOutputTokens":"#, after })
        }
        _ => None,
    }
}

struct Reader<'a> {
    body: &'a [u8],
    found: Found,
    /// Where the generation's configuration stands.
    config: Option<Range<usize>>,
    /// Where the body names the model too: in what tokens are counted of.
    model: Option<Range<usize>>,
}

impl<'a> Reader<'a> {
    fn member(&mut self, cursor: &mut Cursor<'a>, name: Text<'a>) -> Result<(), ScanError> {
        let found = &mut self.found;
        match &*camel(&named(name)) {
            "contents" => {
                found.once("contents");
                let start = cursor.clone();
                cursor.array_or_skip(|cursor| content(cursor, &mut self.found))?;
                self.found.messages = Some(cursor.range_from(&start));
            }
            "generateContentRequest" => {
                found.once("generateContentRequest");
                cursor.object_or_skip(|cursor, name| match &*named(name) {
                    "model" => {
                        let range = cursor.skip()?;
                        self.model = Some(range).filter(|range| self.body.get(range.start) == Some(&b'"'));
                        Ok(())
                    }
                    _ => self.member(cursor, name),
                })?;
            }
            "tools" => found.needs.tools |= any_element(cursor)?,
            "toolConfig" => tool_config(cursor, found)?,
            "generationConfig" => {
                found.once("generationConfig");
                let start = cursor.clone();
                cursor.object_or_skip(|cursor, name| setting(cursor, name, &mut self.found))?;
                self.config = Some(cursor.range_from(&start));
            }
            _ => {}
        }
        Ok(())
    }
}

/// The name of a member, escapes undone: whoever reads the body after us undoes them.
fn named(name: Text<'_>) -> Cow<'_, str> {
    name.decode().unwrap_or_default()
}

/// Reads one content: whose it is, and what of it is no text.
fn content(cursor: &mut Cursor<'_>, found: &mut Found) -> Result<(), ScanError> {
    found.message_count += 1;
    found.ends_with_answer = false;
    cursor.object_or_skip(|cursor, name| {
        match &*named(name) {
            "role" => found.ends_with_answer = cursor.text()?.is_some_and(|role| *role.bytes() == *b"model"),
            "parts" => match cursor.peek() {
                // One part without its array.
                Some(b'{') => part(cursor, found)?,
                _ => cursor.array_or_skip(|cursor| part(cursor, found))?,
            },
            _ => {}
        }
        Ok(())
    })
}

fn part(cursor: &mut Cursor<'_>, found: &mut Found) -> Result<(), ScanError> {
    cursor.object_or_skip(|cursor, name| {
        match &*camel(&named(name)) {
            "inlineData" | "fileData" => {
                let start = cursor.clone();
                let mut media_type = None;
                cursor.object_or_skip(|cursor, name| {
                    if *camel(&named(name)) == *"mimeType" {
                        media_type = cursor.text()?;
                    }
                    Ok(())
                })?;
                let bytes = cursor.range_from(&start).len() as u64;
                let media_type = media_type.map(|text| text.bytes());
                found.attachments.media(media_type.as_deref().unwrap_or_default(), bytes);
            }
            "functionResponse" => cursor.object_or_skip(|cursor, name| {
                if *named(name) == *"parts" {
                    cursor.array_or_skip(|cursor| part(cursor, found))?;
                }
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    })
}

fn tool_config(cursor: &mut Cursor<'_>, found: &mut Found) -> Result<(), ScanError> {
    cursor.object_or_skip(|cursor, name| {
        if *camel(&named(name)) != *"functionCallingConfig" {
            return Ok(());
        }
        cursor.object_or_skip(|cursor, name| {
            if *named(name) == *"mode" {
                let mode = cursor.text()?;
                found.needs.forced_tool |= mode.is_some_and(|mode| mode.bytes().eq_ignore_ascii_case(b"ANY"));
            }
            Ok(())
        })
    })
}

fn setting(cursor: &mut Cursor<'_>, name: Text<'_>, found: &mut Found) -> Result<(), ScanError> {
    match &*camel(&named(name)) {
        "maxOutputTokens" => {
            found.once("maxOutputTokens");
            found.bound.max_tokens = Some(Field::read_by(name, cursor, numbers::take_whole)?);
        }
        "candidateCount" => {
            found.once("candidateCount");
            found.choices = numbers::take_whole(cursor)?;
            found.set_if(Parameters::N, found.choices > Some(1));
        }
        "temperature" => found.set_unless(Parameters::TEMPERATURE, cursor, 1.0)?,
        "topP" => found.set_unless(Parameters::TOP_P, cursor, 1.0)?,
        "topK" => found.set(Parameters::TOP_K, cursor)?,
        "seed" => found.set(Parameters::SEED, cursor)?,
        "presencePenalty" => found.set_unless(Parameters::PRESENCE_PENALTY, cursor, 0.0)?,
        "frequencyPenalty" => found.set_unless(Parameters::FREQUENCY_PENALTY, cursor, 0.0)?,
        "stopSequences" => {
            let any = any_element(cursor)?;
            found.set_if(Parameters::STOP, any);
        }
        "responseLogprobs" => found.set_if(Parameters::LOGPROBS, cursor.peek() == Some(b't')),
        "responseMimeType" => {
            let kind = cursor.text()?;
            found.needs.structured_output |=
                kind.is_some_and(|kind| matches!(&*kind.bytes(), b"application/json" | b"text/x.enum"));
        }
        "responseSchema" | "responseJsonSchema" => found.needs.structured_output |= cursor.peek() == Some(b'{'),
        "thinkingConfig" => cursor.object_or_skip(|cursor, name| {
            match &*camel(&named(name)) {
                "thinkingBudget" => {
                    // -1 leaves it to the model.
                    let tokens = numbers::take(cursor)?;
                    found.needs.no_reasoning = tokens == Some(0.0);
                    found.needs.reasoning |= tokens.is_some_and(|tokens| tokens != 0.0);
                }
                "thinkingLevel" => found.needs.reasoning |= cursor.peek() == Some(b'"'),
                "includeThoughts" => found.needs.reasoning |= cursor.peek() == Some(b't'),
                _ => {}
            }
            Ok(())
        })?,
        _ => {}
    }
    Ok(())
}

/// The error for a body that holds no conversation.
pub(in crate::shapes) fn no_contents() -> ApiError {
    bad("contents", "`contents` is missing: send an array of contents".to_owned())
}
