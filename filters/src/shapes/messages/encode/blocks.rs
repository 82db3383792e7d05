//! Pieces of turns as content blocks.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::refused;
use super::wire::{Block, Citations, Mark, Source};
use crate::Shape;
use crate::json::{Json, ValueKind, View};
use crate::neutral::{
    ApiError, Document, Image, Losses, Origin, Part, Reasoning, Source as From, StateFormat, TextPart, ToolCall,
};
use crate::shapes::{envelope, media};

/// The types of images that the API takes.
const IMAGES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];
const PDF: &str = "application/pdf";
const PLAIN: &str = "text/plain";

/// What gateways give Gemini in place of a signature that was lost; to anyone else it means nothing.
const DUMMIES: [&str; 2] = ["skip_thought_signature_validator", "context_engineering_is_the_way_to_go"];

/// Adds a text. A blank one is refused by the API: it is left out, and its mark goes to what stands before it.
pub(super) fn push_text<'r>(out: &mut Vec<Block<'r>>, part: &'r TextPart<'_>) {
    if part.text.trim().is_empty() {
        if let (Some(mark), Some(slot)) = (part.cache, out.last_mut().and_then(Block::mark)) {
            slot.get_or_insert(Mark::of(mark));
        }
        return;
    }
    out.push(Block::Text {
        text: Cow::Borrowed(&part.text),
        citations: Vec::new(),
        cache_control: part.cache.map(Mark::of),
    });
}

/// Adds a piece of what the user, or a tool, said.
pub(super) fn push_said<'r>(out: &mut Vec<Block<'r>>, part: &'r Part<'_>, losses: &mut Losses) -> Result<(), ApiError> {
    match part {
        Part::Text(text) => push_text(out, text),
        Part::Refusal(text) => push_plain(out, text),
        Part::Image(image) => out.push(self::image(image, losses)?),
        // An empty file says nothing, and the API refuses it.
        Part::Document(Document { source: From::Text(text), .. }) if text.trim().is_empty() => {}
        Part::Document(document) => out.push(self::document(document)?),
        Part::Sound(_) => {
            return Err(refused(
                "messages.content.input_audio",
                "this model takes no sound: leave it out or send a transcript",
            ));
        }
        Part::Video(_) => {
            return Err(refused(
                "messages.content.video_url",
                "this model takes no film: leave it out or send single images",
            ));
        }
        Part::Opaque(opaque) if opaque.shape == Shape::Messages => out.push(Block::Own(&opaque.raw)),
        Part::Opaque(opaque) => losses.dropped(format!("content.{}", opaque.kind)),
        // Only the model calls tools and reasons; results are placed by the caller.
        Part::ToolCall(_) | Part::ToolResult(_) | Part::Reasoning(_) => {}
    }
    Ok(())
}

/// Adds a text that has no mark.
pub(super) fn push_plain<'r>(out: &mut Vec<Block<'r>>, text: &'r str) {
    if !text.trim().is_empty() {
        out.push(Block::text(text));
    }
}

/// Adds a piece of what the model said, calls and reasoning aside.
pub(super) fn push_answered<'r>(out: &mut Vec<Block<'r>>, part: &'r Part<'_>, losses: &mut Losses) {
    match part {
        Part::Text(text) => {
            let before = out.len();
            push_text(out, text);
            let quoted: Vec<&'r Json<'_>> = text
                .citations
                .iter()
                .filter(|quoted| quoted.shape == Shape::Messages)
                .map(|quoted| &quoted.raw)
                .collect();
            if quoted.len() < text.citations.len() {
                losses.dropped("messages.annotations");
            }
            if let Some(Block::Text { citations, .. }) = out.get_mut(before) {
                *citations = quoted;
            }
        }
        Part::Refusal(text) => push_plain(out, text),
        // The API takes no media in the model's turns.
        Part::Image(_) => losses.dropped("messages.content.image"),
        Part::Document(_) => losses.dropped("messages.content.document"),
        Part::Sound(_) => losses.dropped("messages.content.audio"),
        Part::Video(_) => losses.dropped("messages.content.video"),
        Part::Opaque(opaque) if opaque.shape == Shape::Messages => out.push(Block::Own(&opaque.raw)),
        Part::Opaque(opaque) => losses.dropped(format!("content.{}", opaque.kind)),
        Part::ToolCall(_) | Part::ToolResult(_) | Part::Reasoning(_) => {}
    }
}

/// Reasoning with a signature of the target's own; `None` for any other, which would be refused or mean nothing there.
pub(super) fn thinking<'r>(reasoning: &'r Reasoning<'_>, target: &Origin<'_>) -> Option<Block<'r>> {
    let state = reasoning.state.as_ref().filter(|state| envelope::belongs(state, target))?;
    let data: &str = &state.data;
    let is_plausible = !data.is_empty()
        && data.bytes().all(|byte| byte.is_ascii_graphic())
        && !DUMMIES.contains(&data)
        && !envelope::is_sealed(data);
    match state.format {
        _ if !is_plausible => None,
        StateFormat::AnthropicSignature => Some(Block::Thinking { thinking: &reasoning.text, signature: data }),
        StateFormat::AnthropicRedacted => Some(Block::RedactedThinking { data }),
        _ => None,
    }
}

/// The input of a call: the arguments if they are an object, else an object that holds them.
pub(super) fn input<'r>(call: &'r ToolCall<'_>, losses: &mut Losses) -> Json<'r> {
    #[derive(serde::Serialize)]
    struct Wrapped<'t> {
        #[serde(skip_serializing_if = "Option::is_none")]
        input: Option<&'t str>,
        #[serde(skip_serializing_if = "Option::is_none", rename = "_raw")]
        raw: Option<&'t str>,
    }
    let text: &'r str = &call.arguments;
    if call.custom {
        return Json::of(&Wrapped { input: Some(text), raw: None });
    }
    if text.trim().is_empty() {
        return Json::of(&Wrapped { input: None, raw: None });
    }
    match View::parse(text.as_bytes()) {
        Ok(view) if view.kind() == ValueKind::Object => view.json(),
        _ => {
            losses.repaired("tool_calls.arguments");
            Json::of(&Wrapped { input: None, raw: Some(text) })
        }
    }
}

fn image<'r>(image: &'r Image<'_>, losses: &mut Losses) -> Result<Block<'r>, ApiError> {
    if image.detail.as_deref().is_some_and(|detail| detail != "auto") {
        losses.dropped("image_url.detail");
    }
    let source = match &image.source {
        From::Base64 { media_type, data } => image_data(media_type, data)?,
        From::Url(url) => match media::parse_data_url(url) {
            Some((media_type, data)) => image_data(media_type, data)?,
            None => Source::Url { url },
        },
        From::File { shape, id } => file(*shape, id)?,
        From::Text(_) => return Err(refused("messages.content.image", "text is no image")),
    };
    Ok(Block::Image { source, cache_control: image.cache.map(Mark::of) })
}

/// Base64 with the type that it shows itself to be, else the one that it is said to be.
fn image_data<'r>(media_type: &str, data: &'r str) -> Result<Source<'r>, ApiError> {
    image_type(media_type, data).map(|media_type| Source::Base64 { media_type, data }).ok_or_else(|| {
        refused(
            "messages.content.image",
            "this model takes images as JPEG, PNG, GIF or WebP: convert it to one of them",
        )
    })
}

fn image_type(media_type: &str, data: &str) -> Option<&'static str> {
    if let Some(seen) = media::sniff(data) {
        return IMAGES.into_iter().find(|known| *known == seen);
    }
    let said = media_type.trim().to_ascii_lowercase();
    let said = if said == "image/jpg" { "image/jpeg" } else { said.as_str() };
    IMAGES.into_iter().find(|known| *known == said)
}

fn file<'r>(shape: Shape, id: &'r str) -> Result<Source<'r>, ApiError> {
    if shape == Shape::Messages {
        return Ok(Source::File { file_id: id });
    }
    Err(refused(
        "messages.content.file_id",
        "the file was uploaded to another provider: send its content as base64 instead of its id",
    ))
}

fn document<'r>(document: &'r Document<'_>) -> Result<Block<'r>, ApiError> {
    let source = match &document.source {
        From::Base64 { media_type, data } => match document_data(media_type, data)? {
            Found::Document(source) => source,
            Found::Image(source) => {
                return Ok(Block::Image { source, cache_control: document.cache.map(Mark::of) });
            }
        },
        From::Url(url) => Source::Url { url },
        From::File { shape, id } => file(*shape, id)?,
        From::Text(text) => Source::Text { media_type: PLAIN, data: Cow::Borrowed(text) },
    };
    Ok(Block::Document {
        source,
        title: document.title.as_deref().filter(|title| !title.is_empty()),
        context: document.context.as_deref().filter(|context| !context.is_empty()),
        citations: document.citations.then_some(Citations { enabled: true }),
        cache_control: document.cache.map(Mark::of),
    })
}

/// What a file turned out to be.
enum Found<'r> {
    Document(Source<'r>),
    Image(Source<'r>),
}

/// What base64 holds: PDF, an image, or text, which this shape wants as such.
fn document_data<'r>(media_type: &str, data: &'r str) -> Result<Found<'r>, ApiError> {
    let said = media_type.trim().to_ascii_lowercase();
    match media::sniff(data).unwrap_or(&said) {
        PDF => return Ok(Found::Document(Source::Base64 { media_type: PDF, data })),
        seen if seen.starts_with("image/") => return image_data(media_type, data).map(Found::Image),
        _ => {}
    }
    // What has no signature and is valid text is text, whatever its type is called.
    let text = STANDARD.decode(data.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.filter(|text| !text.contains('\0'))
        .map(|text| Found::Document(Source::Text { media_type: PLAIN, data: Cow::Owned(text) }))
        .ok_or_else(|| refused("messages.content.file", "this model takes files as PDF or as text: convert it"))
}
