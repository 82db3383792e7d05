//! The conversation: contents as turns, results of tools with the calls that they are of.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::parts::{self, Place};
use super::{member, wrong};
use crate::json::{ValueKind, View};
use crate::neutral::{ApiError, Losses, Message, Part, Role, TextPart};

/// Reads `contents`.
///
/// # Errors
/// When there are none, or one has a role that is not known, or a part is wrong.
pub(super) fn read<'a>(view: View<'a>, losses: &mut Losses) -> Result<Vec<Message<'a>>, ApiError> {
    if view.kind() != ValueKind::Array || view.elements().next().is_none() {
        return Err(wrong("contents", "an array with at least one content"));
    }
    let mut messages: Vec<Message<'a>> = Vec::new();
    let mut open = OpenCalls::default();
    for (index, content) in view.elements().enumerate() {
        if content.kind() != ValueKind::Object {
            return Err(wrong(&format!("contents[{index}]"), "an object with `role` and `parts`"));
        }
        let role = match member(content, "role").and_then(View::string).as_deref() {
            None | Some("" | "user" | "function" | "tool") => Role::User,
            Some("model") => Role::Assistant,
            Some("system") => Role::System,
            Some(_) => return Err(wrong(&format!("contents[{index}].role"), "`user` or `model`")),
        };
        let follows_model = messages.last().is_some_and(|last| last.role == Role::Assistant);
        if role == Role::Assistant && !follows_model {
            open = OpenCalls::default();
        }
        let mut reader =
            parts::Reader { place: Place { content: index, role }, open: &mut open, losses, found: Vec::new() };
        let mut results: Vec<&str> = Vec::new();
        for (number, part) in elements(content).enumerate() {
            if is_named_result(part) {
                // Gemini CLI says a result twice, word for word, in the history of a session that it resumes.
                if results.contains(&part.raw()) {
                    continue;
                }
                results.push(part.raw());
            }
            reader.part(number, part)?;
        }
        let mut found = reader.found;
        if role != Role::Assistant {
            // Results stand first, whatever order they came in.
            found.sort_by_key(|part| !matches!(part, Part::ToolResult(_)));
        }
        if !found.is_empty() {
            messages.push(Message { role, name: None, parts: found });
        }
    }
    Ok(messages)
}

/// Whether a part is the result of a call that it names by its id.
fn is_named_result(part: View<'_>) -> bool {
    let response = member(part, "functionResponse").filter(|response| response.kind() == ValueKind::Object);
    response.and_then(|response| member(response, "id")).and_then(View::string).is_some_and(|id| !id.is_empty())
}

/// The parts of a content; one without its array is one.
fn elements(content: View<'_>) -> impl Iterator<Item = View<'_>> {
    let parts = member(content, "parts");
    let single = parts.filter(|parts| parts.kind() == ValueKind::Object);
    parts.into_iter().flat_map(View::elements).chain(single).filter(|part| !part.is_null())
}

/// Reads the system prompt: a content whose role says nothing, or a text.
pub(super) fn system<'a>(value: View<'a>, losses: &mut Losses) -> Result<Vec<TextPart<'a>>, ApiError> {
    if let Some(text) = value.string() {
        return Ok(vec![TextPart::new(text)]);
    }
    if value.kind() != ValueKind::Object {
        return Err(wrong("systemInstruction", "a content: an object with `parts`"));
    }
    let mut texts = Vec::new();
    for part in elements(value) {
        match member(part, "text").and_then(View::string) {
            Some(text) => texts.push(TextPart::new(text)),
            None => losses.dropped("systemInstruction.parts"),
        }
    }
    Ok(texts)
}

/// The calls of the model's last turn that have no result yet.
#[derive(Default)]
pub(super) struct OpenCalls<'a> {
    calls: VecDeque<OpenCall<'a>>,
}

struct OpenCall<'a> {
    id: Cow<'a, str>,
    name: Cow<'a, str>,
    /// Whether the client gave the id.
    is_given: bool,
}

impl<'a> OpenCalls<'a> {
    /// Notes a call.
    pub(super) fn push(&mut self, id: Cow<'a, str>, name: Cow<'a, str>, is_given: bool) {
        self.calls.push_back(OpenCall { id, name, is_given });
    }

    /// Takes the call that a result is of: the one with its id; else, of calls or results without ids, the first of that tool; else
    /// the first of all.
    pub(super) fn take(&mut self, id: Option<&str>, name: Option<&str>) -> Option<Cow<'a, str>> {
        let same_id = || self.calls.iter().position(|call| Some(&*call.id) == id);
        let may_be = |call: &OpenCall<'_>| id.is_none() || !call.is_given;
        let same_name = || self.calls.iter().position(|call| may_be(call) && Some(&*call.name) == name);
        let any = || self.calls.iter().position(may_be).filter(|_| id.is_none());
        let at = id.and_then(|_| same_id()).or_else(same_name).or_else(any)?;
        self.calls.remove(at).map(|call| call.id)
    }
}
