//! Pieces of what the user, or a tool, said.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::super::media::{parse_data_url, sniff};
use super::super::wire::{Blob, Fields, FileData, Part as Wire};
use super::Target;
use crate::Shape;
use crate::neutral::{ApiError, Document, Part, Source};

impl Target<'_> {
    /// A part as the user's contents may hold it; `None` when it says nothing, or cannot be said, which is noted.
    ///
    /// # Errors
    /// When it must not be left out.
    pub(super) fn part<'r>(&mut self, part: &'r Part<'_>) -> Result<Option<Wire<'r>>, ApiError> {
        Ok(match part {
            Part::Text(text) if text.text.is_empty() => None,
            Part::Text(text) => Some(Wire::text(Cow::Borrowed(&text.text))),
            Part::Refusal(text) if text.is_empty() => None,
            Part::Refusal(text) => Some(Wire::text(Cow::Borrowed(text))),
            Part::Image(image) => {
                if image.detail.as_deref().is_some_and(|detail| detail != "auto") {
                    self.losses.dropped("image_url.detail");
                }
                Some(self.media(&image.source, "image/png", "content.image")?)
            }
            Part::Document(document) => Some(self.document(document)?),
            Part::Sound(sound) => {
                let mime_type = match &*sound.format {
                    "" => Cow::Borrowed("audio/wav"),
                    format if format.contains('/') => Cow::Borrowed(format),
                    format => Cow::Owned(format!("audio/{format}")),
                };
                Some(blob(mime_type, Cow::Borrowed(&sound.data)))
            }
            Part::Video(video) => Some(self.media(&video.source, "video/mp4", "content.video")?),
            Part::Opaque(part) if part.shape == Shape::GenerateContent => Some(Wire::Own(&part.raw)),
            Part::Opaque(part) => {
                self.losses.dropped(format!("content.{}", part.kind));
                None
            }
            // Those have places of their own.
            Part::ToolCall(_) | Part::ToolResult(_) | Part::Reasoning(_) => None,
        })
    }

    fn document<'r>(&mut self, document: &'r Document<'_>) -> Result<Wire<'r>, ApiError> {
        let set = |text: &'r Option<Cow<'_, str>>| text.as_deref().filter(|text| !text.is_empty());
        let (title, context) = (set(&document.title), set(&document.context));
        if document.citations {
            self.losses.dropped("content.document.citations");
        }
        if let Source::Text(text) = &document.source {
            if title.is_some() || context.is_some() {
                self.losses.approximated("content.document");
                return Ok(Wire::text(titled(title, context, text).into()));
            }
            return Ok(blob("text/plain".into(), STANDARD.encode(text.as_bytes()).into()));
        }
        if context.is_some() {
            self.losses.dropped("content.document.context");
        }
        self.media(&document.source, "application/pdf", "content.document")
    }

    /// Bytes, or where they are. What base64 shows itself to be wins over what the client calls it.
    fn media<'r>(&self, source: &'r Source<'_>, usual: &'static str, field: &str) -> Result<Wire<'r>, ApiError> {
        match source {
            Source::Base64 { media_type, data } => {
                Ok(blob(media_type_of(media_type, data, usual), Cow::Borrowed(data)))
            }
            Source::Url(url) => Ok(match parse_data_url(url) {
                Some((media_type, data)) => blob(media_type_of(media_type, data, usual), Cow::Borrowed(data)),
                None => file(url, guessed(url, usual)),
            }),
            Source::File { shape: Shape::GenerateContent, id } => Ok(file(id, guessed(id, usual))),
            Source::File { .. } => Err(self.refuses(field, "a file that was uploaded to another provider")),
            Source::Text(_) => Err(self.refuses(field, "text in this place")),
        }
    }
}

fn blob<'r>(mime_type: Cow<'r, str>, data: Cow<'r, str>) -> Wire<'r> {
    Wire::of(Fields { inline_data: Some(Blob { mime_type, data }), ..Fields::default() })
}

fn file<'r>(file_uri: &'r str, mime_type: Option<&'static str>) -> Wire<'r> {
    Wire::of(Fields { file_data: Some(FileData { mime_type, file_uri }), ..Fields::default() })
}

fn media_type_of<'r>(told: &'r str, data: &str, usual: &'static str) -> Cow<'r, str> {
    match sniff(data) {
        Some(seen) => Cow::Borrowed(seen),
        None if told.trim().is_empty() => Cow::Borrowed(usual),
        None if told == "image/jpg" => Cow::Borrowed("image/jpeg"),
        None => Cow::Borrowed(told),
    }
}

/// The type of what is at an address, by its ending; that of documents and films is what they usually are.
fn guessed(url: &str, usual: &'static str) -> Option<&'static str> {
    const TYPES: [(&str, &str); 11] = [
        (".png", "image/png"),
        (".jpg", "image/jpeg"),
        (".jpeg", "image/jpeg"),
        (".webp", "image/webp"),
        (".gif", "image/gif"),
        (".heic", "image/heic"),
        (".pdf", "application/pdf"),
        (".txt", "text/plain"),
        (".mp4", "video/mp4"),
        (".mov", "video/quicktime"),
        (".webm", "video/webm"),
    ];
    let path = url.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let known = TYPES.iter().find(|(ending, _)| path.ends_with(ending)).map(|(_, kind)| *kind);
    // What kind of picture it is, its address alone may not tell; who fetches it sees.
    known.or(Some(if usual.starts_with("image/") { "image/jpeg" } else { usual }))
}

/// A text of its own with what is known of it above.
fn titled(title: Option<&str>, context: Option<&str>, text: &str) -> String {
    let mut all = String::new();
    for (name, value) in [("Title: ", title), ("Source: ", context)] {
        if let Some(value) = value {
            all.push_str(name);
            all.push_str(value);
            all.push('\n');
        }
    }
    all.push('\n');
    all + text
}
