//! Reads the content of messages, of results of tools and of the system prompt.

use std::borrow::Cow;

use super::{Wrong, mark};
use crate::Shape;
use crate::json::{ValueKind, View};
use crate::neutral::{
    Citation, CitationKind, Document, Image, Losses, Opaque, Part, Reasoning, Source, State, StateFormat, TextPart,
    ToolCall, ToolResult,
};
use crate::shapes::envelope;

/// Reads content: a string, or blocks.
pub(super) fn parts<'a>(content: View<'a>, losses: &mut Losses) -> Result<Vec<Part<'a>>, Wrong> {
    match content.kind() {
        ValueKind::String => Ok(vec![Part::Text(TextPart::new(content.string().unwrap_or_default()))]),
        ValueKind::Array => content
            .elements()
            .enumerate()
            .map(|(index, block)| part(block, losses).map_err(|wrong| wrong.within(&index.to_string())))
            .collect(),
        _ => Err(Wrong::new("", "it must be a string or an array of content blocks")),
    }
}

fn part<'a>(block: View<'a>, losses: &mut Losses) -> Result<Part<'a>, Wrong> {
    let kind = block.members().find(|(name, _)| name == "type").and_then(|(_, value)| value.string());
    let Some(kind) = kind else {
        return Err(Wrong::new("", "a content block must be an object with a `type`"));
    };
    match &*kind {
        "text" => text(block, losses),
        "image" => image(block, losses),
        "document" => document(block, losses),
        "search_result" => search_result(block, losses),
        "tool_use" => call(block, losses),
        "tool_result" => result(block, losses),
        "thinking" => thinking(block),
        "redacted_thinking" => redacted(block),
        _ => Ok(Part::Opaque(Opaque { shape: Shape::Messages, kind, raw: block.json() })),
    }
}

/// The members of a block that say something.
fn fields(block: View<'_>) -> impl Iterator<Item = (Cow<'_, str>, View<'_>)> {
    block.members().filter(|(name, value)| name != "type" && !value.is_null())
}

/// Notes a member of a block that nothing is known of.
fn unknown(name: &str, losses: &mut Losses) {
    losses.dropped(format!("messages.content.{name}"));
}

fn string<'a>(value: View<'a>, field: &'static str) -> Result<Cow<'a, str>, Wrong> {
    value.string().ok_or(Wrong::new(field, "it must be a string"))
}

fn text<'a>(block: View<'a>, losses: &mut Losses) -> Result<Part<'a>, Wrong> {
    let (mut found, mut part) = (false, TextPart::default());
    for (name, value) in fields(block) {
        match &*name {
            "text" => {
                part.text = string(value, "text")?;
                found = true;
            }
            "cache_control" => part.cache = Some(mark(value)),
            "citations" => part.citations = value.elements().map(citation).collect(),
            _ => unknown(&name, losses),
        }
    }
    if found { Ok(Part::Text(part)) } else { Err(Wrong::new("text", "it must be a string")) }
}

fn citation(value: View<'_>) -> Citation<'_> {
    let field = |name| value.member(name).and_then(View::string);
    let kind = match (field("type").as_deref(), field("url")) {
        (Some("web_search_result_location"), Some(url)) => {
            CitationKind::Web { url, title: field("title"), start: None, end: None }
        }
        _ => CitationKind::Other,
    };
    Citation { kind, shape: Shape::Messages, raw: value.json() }
}

fn image<'a>(block: View<'a>, losses: &mut Losses) -> Result<Part<'a>, Wrong> {
    let (mut source, mut cache) = (None, None);
    for (name, value) in fields(block) {
        match &*name {
            "source" => source = self::source(value),
            "cache_control" => cache = Some(mark(value)),
            _ => unknown(&name, losses),
        }
    }
    let source = source.ok_or(Wrong::new("source", "it must be a `base64`, `url` or `file` source"))?;
    Ok(Part::Image(Image { source, detail: None, cache }))
}

/// Reads where bytes are. `None` when it says so in no way that is known.
fn source(value: View<'_>) -> Option<Source<'_>> {
    let field = |name| value.member(name).and_then(View::string);
    match field("type").as_deref()? {
        "base64" => Some(Source::Base64 { media_type: field("media_type").unwrap_or_default(), data: field("data")? }),
        "url" => field("url").map(Source::Url),
        "file" => field("file_id").map(|id| Source::File { shape: Shape::Messages, id }),
        "text" => field("data").map(Source::Text),
        _ => None,
    }
}

fn document<'a>(block: View<'a>, losses: &mut Losses) -> Result<Part<'a>, Wrong> {
    let (mut source, mut title, mut context, mut citations, mut cache) = (None, None, None, false, None);
    for (name, value) in fields(block) {
        match &*name {
            "source" => match self::source(value) {
                Some(known) => source = Some(known),
                None => match content_source(value, losses)? {
                    Some(text) => source = Some(Source::Text(text)),
                    // Blocks that are no text, or a source that is not known yet: it is carried whole.
                    None => return Ok(Part::Opaque(opaque(block, "document"))),
                },
            },
            "title" => title = Some(string(value, "title")?),
            "context" => context = Some(string(value, "context")?),
            "citations" => citations = value.member("enabled").and_then(View::bool) == Some(true),
            "cache_control" => cache = Some(mark(value)),
            _ => unknown(&name, losses),
        }
    }
    let source = source.ok_or(Wrong::new("source", "it must be there"))?;
    Ok(Part::Document(Document { source, title, context, citations, cache }))
}

fn opaque<'a>(block: View<'a>, kind: &'static str) -> Opaque<'a> {
    Opaque { shape: Shape::Messages, kind: kind.into(), raw: block.json() }
}

/// The text of a source that is made of blocks; `None` when it is not made of text only.
fn content_source<'a>(value: View<'a>, losses: &mut Losses) -> Result<Option<Cow<'a, str>>, Wrong> {
    let Some(content) = value.member("content") else { return Ok(None) };
    let parts = parts(content, losses).map_err(|wrong| wrong.within("source.content"))?;
    Ok(joined(parts))
}

/// Texts as one, a paragraph each; `None` when there is something else among them.
fn joined(parts: Vec<Part<'_>>) -> Option<Cow<'_, str>> {
    let mut texts = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Part::Text(text) => texts.push(text.text),
            _ => return None,
        }
    }
    if texts.len() == 1 { texts.pop() } else { Some(texts.join("\n\n").into()) }
}

fn search_result<'a>(block: View<'a>, losses: &mut Losses) -> Result<Part<'a>, Wrong> {
    let (mut text, mut title, mut origin, mut citations, mut cache) = (None, None, None, false, None);
    for (name, value) in fields(block) {
        match &*name {
            "content" => text = joined(parts(value, losses).map_err(|wrong| wrong.within("content"))?),
            "title" => title = Some(string(value, "title")?),
            "source" => origin = Some(string(value, "source")?),
            "citations" => citations = value.member("enabled").and_then(View::bool) == Some(true),
            "cache_control" => cache = Some(mark(value)),
            _ => unknown(&name, losses),
        }
    }
    let text = text.ok_or(Wrong::new("content", "it must be an array of text blocks"))?;
    Ok(Part::Document(Document { source: Source::Text(text), title, context: origin, citations, cache }))
}

fn call<'a>(block: View<'a>, losses: &mut Losses) -> Result<Part<'a>, Wrong> {
    let (mut id, mut tool, mut arguments, mut cache) = (Cow::default(), Cow::default(), Cow::default(), None);
    for (name, value) in fields(block) {
        match &*name {
            "id" => id = string(value, "id")?,
            "name" => tool = string(value, "name")?,
            "input" => arguments = value.compact(),
            "cache_control" => cache = Some(mark(value)),
            // Clients send back what an answer said of who called: the model itself is what a call means anyway.
            "caller" if value.member("type").and_then(View::string).as_deref() == Some("direct") => {}
            _ => unknown(&name, losses),
        }
    }
    if id.is_empty() || tool.is_empty() {
        let field = if id.is_empty() { "id" } else { "name" };
        return Err(Wrong::new(field, "it must be there and not be empty"));
    }
    Ok(Part::ToolCall(ToolCall { id, name: tool, arguments, custom: false, cache, state: None }))
}

fn result<'a>(block: View<'a>, losses: &mut Losses) -> Result<Part<'a>, Wrong> {
    let (mut call_id, mut content, mut is_error, mut cache) = (Cow::default(), Vec::new(), false, None);
    for (name, value) in fields(block) {
        match &*name {
            "tool_use_id" => call_id = string(value, "tool_use_id")?,
            "content" => content = parts(value, losses).map_err(|wrong| wrong.within("content"))?,
            "is_error" => is_error = value.bool().ok_or(Wrong::new("is_error", "it must be `true` or `false`"))?,
            "cache_control" => cache = Some(mark(value)),
            _ => unknown(&name, losses),
        }
    }
    if call_id.is_empty() {
        return Err(Wrong::new("tool_use_id", "it must be there and not be empty"));
    }
    Ok(Part::ToolResult(ToolResult { call_id, content, is_error, cache }))
}

fn thinking(block: View<'_>) -> Result<Part<'_>, Wrong> {
    let text = block.member("thinking").map_or(Ok(Cow::default()), |value| string(value, "thinking"))?;
    let signature = block.member("signature").map_or(Ok(Cow::default()), |value| string(value, "signature"))?;
    let state = state(signature, StateFormat::AnthropicSignature);
    let told = |state: &State<'_>| state.extra.as_ref()?.view().member("summary")?.bool();
    let summary = state.as_ref().is_some_and(|state| {
        let usual = matches!(state.format, StateFormat::OpenAiEncrypted | StateFormat::GoogleSignature);
        told(state).unwrap_or(usual)
    });
    Ok(Part::Reasoning(Reasoning { text, summary, state }))
}

fn redacted(block: View<'_>) -> Result<Part<'_>, Wrong> {
    let data = block.member("data").map_or(Ok(Cow::default()), |value| string(value, "data"))?;
    let state = state(data, StateFormat::AnthropicRedacted);
    Ok(Part::Reasoning(Reasoning { text: Cow::default(), summary: false, state }))
}

/// The state that a block holds: the one in an envelope of ours, or Anthropic's own.
fn state(data: Cow<'_, str>, own: StateFormat) -> Option<State<'_>> {
    if data.is_empty() {
        return None;
    }
    // An envelope that cannot be read is nobody's.
    if envelope::is_sealed(&data) {
        return envelope::open(&data);
    }
    Some(State { format: own, data, id: None, origin: None, extra: None })
}
