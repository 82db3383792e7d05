//! What a delta, or a whole message, says.

use std::borrow::Cow;

use super::Form;
use super::calls::Piece;
use super::parts::Parts;
use super::thoughts::{self, Fragment};
use crate::json::{ValueKind, View};
use crate::neutral::Event;

/// The fields of a message that say something.
#[derive(Debug, Default)]
struct Fields<'a> {
    content: Option<View<'a>>,
    refusal: Option<View<'a>>,
    reasoning: Option<View<'a>>,
    reasoning_content: Option<View<'a>>,
    details: Option<View<'a>>,
    thinking_blocks: Option<View<'a>>,
    tool_calls: Option<View<'a>>,
    function_call: Option<View<'a>>,
    annotations: Option<View<'a>>,
    images: Option<View<'a>>,
}

/// Reads it in the order in which it was thought: reasoning, text, refusal, what the text quotes, images, calls.
pub(super) fn read(message: View<'_>, form: Form, parts: &mut Parts, out: &mut Vec<Event>) {
    let fields = fields(message);
    reasoning(&fields, parts, out);
    if let Some(value) = fields.content {
        content(value, parts, out);
    }
    if let Some(value) = fields.refusal {
        parts.refusal(&text_in(value), out);
    }
    for annotation in fields.annotations.into_iter().flat_map(View::elements) {
        parts.cite(annotation, out);
    }
    for image in fields.images.into_iter().flat_map(View::elements) {
        parts.opaque(image, out);
    }
    for call in fields.tool_calls.into_iter().flat_map(View::elements) {
        parts.call(&Piece::read(call), form, out);
    }
    if let Some(call) = fields.function_call {
        parts.call(&Piece::function(call), form, out);
    }
}

fn fields(message: View<'_>) -> Fields<'_> {
    let mut fields = Fields::default();
    for (key, value) in message.members() {
        let field = match &*key {
            "content" => &mut fields.content,
            "refusal" => &mut fields.refusal,
            "reasoning" => &mut fields.reasoning,
            "reasoning_content" => &mut fields.reasoning_content,
            "reasoning_details" => &mut fields.details,
            "thinking_blocks" => &mut fields.thinking_blocks,
            "tool_calls" => &mut fields.tool_calls,
            "function_call" => &mut fields.function_call,
            "annotations" => &mut fields.annotations,
            "images" => &mut fields.images,
            _ => continue,
        };
        *field = Some(value).filter(|value| !value.is_null());
    }
    fields
}

/// Reasoning comes in one of four fields, and from some hosts in two or more, which say the same.
fn reasoning(fields: &Fields<'_>, parts: &mut Parts, out: &mut Vec<Event>) {
    let read = |list: Option<View<'_>>| -> Vec<Fragment> {
        list.into_iter().flat_map(View::elements).filter_map(thoughts::read).collect()
    };
    let mut fragments = read(fields.details);
    if fragments.is_empty() {
        fragments = read(fields.thinking_blocks);
    }
    let has_text = fragments.iter().any(|fragment| !fragment.text.is_empty());
    if !has_text {
        let plain = [fields.reasoning, fields.reasoning_content].into_iter().flatten().map(text_in);
        let text = plain.max_by_key(|text| text.len()).unwrap_or_default();
        // Some hosts show a word where they keep the reasoning to themselves.
        let is_placeholder = !fragments.is_empty() && text == "[REDACTED]";
        if !text.is_empty() && !is_placeholder {
            fragments.insert(0, Fragment::plain(text.into_owned()));
        }
    }
    for fragment in fragments {
        parts.think(fragment, out);
    }
}

/// A string, or parts as Mistral sends them.
fn content(value: View<'_>, parts: &mut Parts, out: &mut Vec<Event>) {
    if value.kind() != ValueKind::Array {
        return parts.text(&text_in(value), out);
    }
    for part in value.elements() {
        let kind = part.member("type").and_then(View::string);
        match kind.as_deref() {
            Some("text" | "output_text") | None => parts.text(&text_in(part), out),
            Some("thinking" | "reasoning") => {
                let text = text_in(part);
                if !text.is_empty() {
                    parts.think(Fragment::plain(text.into_owned()), out);
                }
            }
            Some("refusal") => {
                if let Some(refusal) = part.member("refusal") {
                    parts.refusal(&text_in(refusal), out);
                }
            }
            Some(_) => parts.opaque(part, out),
        }
    }
}

/// The text in a string, or in parts, or in an object that holds it under one of the usual names.
pub(super) fn text_in(value: View<'_>) -> Cow<'_, str> {
    match value.kind() {
        ValueKind::String => value.string().unwrap_or_default(),
        ValueKind::Array => value.elements().map(text_in).collect::<Vec<_>>().concat().into(),
        ValueKind::Object => {
            let texts =
                value.members().filter(|(key, _)| matches!(&**key, "text" | "thinking" | "content" | "summary"));
            texts.map(|(_, value)| text_in(value)).collect::<Vec<_>>().concat().into()
        }
        _ => Cow::Borrowed(""),
    }
}
