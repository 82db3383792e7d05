//! Media in contents, as bytes or by an address.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{camel, member, refused, wrong};
use crate::Shape;
use crate::json::View;
use crate::neutral::{ApiError, Document, Image, Media, Part, Sound, Source};

/// Reads `inlineData`.
pub(super) fn inline<'a>(field: &str, data: View<'a>) -> Result<Part<'a>, ApiError> {
    let text = |name: &str| member(data, name).and_then(View::string);
    let bytes = text("data").ok_or_else(|| wrong(&format!("{field}.inlineData.data"), "base64, a string"))?;
    let media_type = text("mimeType").unwrap_or_default();
    let title = text("displayName");
    let kind = media_type.to_ascii_lowercase();
    let source = |data| Source::Base64 { media_type, data };
    Ok(match kind.split('/').next() {
        Some("image") => Part::Image(Image { source: source(bytes), detail: None, cache: None }),
        Some("audio") => Part::Sound(Sound { data: bytes, format: format_of(&kind).into(), cache: None }),
        Some("video") => Part::Video(Media { source: source(bytes), cache: None }),
        Some("text") => {
            let text = STANDARD.decode(&*bytes).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            document(text.map_or_else(|| source(bytes), |text| Source::Text(text.into())), title)
        }
        _ => document(source(bytes), title),
    })
}

/// Reads `fileData`: an address that anyone can read, or a file in Google's keeping.
pub(super) fn file<'a>(field: &str, data: View<'a>) -> Result<Part<'a>, ApiError> {
    let text = |name: &str| member(data, name).and_then(View::string);
    let uri = text("fileUri").filter(|uri| !uri.is_empty());
    let uri = uri.ok_or_else(|| wrong(&format!("{field}.fileData.fileUri"), "an address, a string"))?;
    let kind = text("mimeType").map(|kind| kind.to_ascii_lowercase());
    let kind = kind.unwrap_or_else(|| guessed(&uri).to_owned());
    let source =
        if is_public(&uri) { Source::Url(uri) } else { Source::File { shape: Shape::GenerateContent, id: uri } };
    match kind.split('/').next() {
        Some("image") => Ok(Part::Image(Image { source, detail: None, cache: None })),
        Some("video") => Ok(Part::Video(Media { source, cache: None })),
        Some("audio") => {
            let field = format!("{field}.fileData");
            Err(refused(
                &field,
                format!("`{field}` is sound by its address, which only Gemini models take: send it as `inlineData`"),
            ))
        }
        _ => Ok(document(source, text("displayName"))),
    }
}

/// Reads a part of a function's response.
pub(super) fn of_result<'a>(field: &str, part: View<'a>) -> Result<Part<'a>, ApiError> {
    for (name, value) in part.members() {
        match &*camel(&name) {
            "inlineData" => return inline(field, value),
            "fileData" => return file(field, value),
            _ => {}
        }
    }
    Err(wrong(field, "an array of parts with `inlineData`"))
}

fn document<'a>(source: Source<'a>, title: Option<Cow<'a, str>>) -> Part<'a> {
    Part::Document(Document { source, title, context: None, citations: false, cache: None })
}

/// What other shapes call a kind of sound.
fn format_of(kind: &str) -> String {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    match kind.strip_prefix("audio/").unwrap_or(kind) {
        "mpeg" | "mp3" => "mp3",
        "x-wav" | "wave" | "wav" | "vnd.wave" => "wav",
        other => other.strip_prefix("x-").unwrap_or(other),
    }
    .to_owned()
}

/// Whether anyone can read what is at that address.
fn is_public(uri: &str) -> bool {
    const FILES: [&str; 2] = ["https://generativelanguage.googleapis.com/", "https://storage.cloud.google.com/"];
    (uri.starts_with("https://") || uri.starts_with("http://")) && !FILES.iter().any(|files| uri.starts_with(files))
}

/// What is at an address, by its looks.
fn guessed(uri: &str) -> &'static str {
    const IMAGES: [&str; 7] = [".png", ".jpg", ".jpeg", ".webp", ".gif", ".heic", ".heif"];
    let path = uri.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    if IMAGES.iter().any(|ending| path.ends_with(ending)) {
        "image/*"
    } else if path.contains("youtube.com/") || path.contains("youtu.be/") || path.ends_with(".mp4") {
        "video/*"
    } else {
        "application/*"
    }
}
