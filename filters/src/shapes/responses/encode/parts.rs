//! Parts of turns as parts of messages and of what tools gave back.

use std::borrow::Cow;

use super::super::super::files::{file_name, found_tool, titled};
use super::super::super::media::{data_url, sniff};
use super::Target;
use super::wire::{Breakpoint, Kind, Output, Part as Wire};
use crate::Shape;
use crate::neutral::{ApiError, CacheMark, Document, Image, Part, Source, ToolResult};

impl Target<'_> {
    /// A part as something that is said to the model; `None` when it cannot be said, which is noted.
    ///
    /// # Errors
    /// When it must not be left out.
    pub(super) fn part<'r>(&mut self, part: &'r Part<'_>) -> Result<Option<Wire<'r>>, ApiError> {
        let (kind, cache) = match part {
            Part::Text(text) => (Kind::InputText { text: Cow::Borrowed(&*text.text) }, text.cache),
            Part::Refusal(text) => (Kind::InputText { text: Cow::Borrowed(&**text) }, None),
            Part::Image(image) => (self.image(image)?, image.cache),
            Part::Document(document) => (self.document(document)?, document.cache),
            Part::Sound(_) => return Err(self.refuses("content.input_audio", "sound")),
            Part::Video(_) => return Err(self.refuses("content.video", "film")),
            Part::Opaque(part) => {
                self.losses.dropped(format!("content.{}", part.kind));
                return Ok(None);
            }
            // Those have places of their own.
            Part::ToolCall(_) | Part::ToolResult(_) | Part::Reasoning(_) => return Ok(None),
        };
        Ok(Some(Wire { kind, prompt_cache_breakpoint: self.mark(cache) }))
    }

    /// What a tool gave back: text as a string where that says the same.
    pub(super) fn output<'r>(&mut self, result: &'r ToolResult<'_>) -> Result<Output<'r>, ApiError> {
        let mut parts = self.result_parts(result)?;
        if let (Some(last), Some(mark)) = (parts.last_mut(), self.mark(result.cache)) {
            last.prompt_cache_breakpoint.get_or_insert(mark);
        }
        let is_plain = |part: &Wire<'_>| part.prompt_cache_breakpoint.is_none();
        Ok(match parts.pop() {
            None => Output::Text(Cow::Borrowed("")),
            Some(Wire { kind: Kind::InputText { text }, prompt_cache_breakpoint: None }) if parts.is_empty() => {
                Output::Text(text)
            }
            Some(last) => {
                parts.push(last);
                let are_texts = parts.iter().all(|part| is_plain(part) && matches!(part.kind, Kind::InputText { .. }));
                if are_texts && !self.profile.host.openai_fields {
                    // Not every host takes a list.
                    Output::Text(joined(&parts).into())
                } else {
                    Output::Parts(parts)
                }
            }
        })
    }

    /// The same, with a word before it where the tool failed.
    pub(super) fn result_parts<'r>(&mut self, result: &'r ToolResult<'_>) -> Result<Vec<Wire<'r>>, ApiError> {
        let mut parts = Vec::with_capacity(result.content.len());
        for part in &result.content {
            if let Some(name) = found_tool(part) {
                self.losses.approximated("tool_result.content");
                parts.push(Wire::text(format!("Tool available: {name}")));
                continue;
            }
            parts.extend(self.part(part)?);
        }
        if result.is_error {
            match parts.first_mut().map(|part| &mut part.kind) {
                Some(Kind::InputText { text }) if text.starts_with("Error:") => {}
                Some(Kind::InputText { text }) if text.trim().is_empty() => *text = "Error".into(),
                Some(Kind::InputText { text }) => text.to_mut().insert_str(0, "Error: "),
                _ => parts.insert(0, Wire::text("Error")),
            }
        }
        Ok(parts)
    }

    fn image<'r>(&self, image: &'r Image<'_>) -> Result<Kind<'r>, ApiError> {
        let detail = image.detail.as_deref().unwrap_or("auto");
        if let Some(id) = self.own_file(&image.source) {
            return Ok(Kind::InputImage { detail, image_url: None, file_id: Some(id) });
        }
        let image_url = Some(self.address(&image.source, "image/png", "content.image")?);
        Ok(Kind::InputImage { detail, image_url, file_id: None })
    }

    fn document<'r>(&mut self, document: &'r Document<'_>) -> Result<Kind<'r>, ApiError> {
        let title = document.title.as_deref().filter(|title| !title.is_empty());
        if let Source::Text(text) = &document.source {
            self.losses.approximated("content.document");
            return Ok(Kind::InputText { text: titled(title, document.context.as_deref(), text).into() });
        }
        if document.citations {
            self.losses.dropped("content.document.citations");
        }
        if document.context.is_some() {
            self.losses.dropped("content.document.context");
        }
        if let Some(id) = self.own_file(&document.source) {
            return Ok(Kind::InputFile { filename: None, file_data: None, file_url: None, file_id: Some(id) });
        }
        if let Source::Url(url) = &document.source {
            // With an address, a name is refused.
            return Ok(Kind::InputFile { filename: None, file_data: None, file_url: Some(&**url), file_id: None });
        }
        Ok(Kind::InputFile {
            filename: Some(file_name(title, &document.source)),
            file_data: Some(self.address(&document.source, "application/pdf", "content.document.source")?),
            file_url: None,
            file_id: None,
        })
    }

    /// The id of a file that was uploaded to OpenAI.
    fn own_file<'r>(&self, source: &'r Source<'_>) -> Option<&'r str> {
        match source {
            Source::File { shape: Shape::Chat | Shape::Responses, id } if self.profile.host.openai_fields => {
                Some(&**id)
            }
            _ => None,
        }
    }

    /// An address, or the data as one. What base64 shows itself to be wins over what the client calls it.
    fn address<'r>(&self, source: &'r Source<'_>, usual: &'static str, field: &str) -> Result<Cow<'r, str>, ApiError> {
        match source {
            Source::Url(url) => Ok(Cow::Borrowed(&**url)),
            Source::Base64 { media_type, data } => {
                let told = if media_type.is_empty() { usual } else { &**media_type };
                Ok(data_url(sniff(data).unwrap_or(told), data).into())
            }
            Source::File { .. } => Err(self.refuses(field, "a file that was uploaded to another provider")),
            Source::Text(_) => Err(self.refuses(field, "text in this place")),
        }
    }

    /// The mark of the cache, where the host knows one. The longer time to live costs more, which nobody here asked for in these words.
    pub(super) fn mark(&self, cache: Option<CacheMark>) -> Option<Breakpoint> {
        cache.filter(|_| self.profile.host.cache_breakpoints).map(|_| Breakpoint { mode: "explicit" })
    }
}

/// The texts among the parts in one.
pub(super) fn joined(parts: &[Wire<'_>]) -> String {
    let texts = parts.iter().filter_map(|part| match &part.kind {
        Kind::InputText { text } => Some(&**text),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}
