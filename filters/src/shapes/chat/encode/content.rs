//! Parts of turns as parts of chat messages.

use std::borrow::Cow;

use super::super::super::files::{file_name, titled};
use super::super::super::media::{data_url, sniff};
use super::Target;
use super::wire::{Audio, Breakpoint, CacheControl, Content, File, ImageUrl, Kind, Mark, Part as Wire};
use crate::Shape;
use crate::neutral::{ApiError, CacheMark, Document, Image, Part, Source};

impl Target<'_> {
    /// A part as the user's messages may hold it; `None` when it cannot be said, which is noted.
    ///
    /// # Errors
    /// When it must not be left out.
    pub(super) fn part<'r>(&mut self, part: &'r Part<'_>) -> Result<Option<Wire<'r>>, ApiError> {
        let (kind, cache) = match part {
            Part::Text(text) => (Kind::Text { text: Cow::Borrowed(&*text.text) }, text.cache),
            Part::Refusal(text) => (Kind::Text { text: Cow::Borrowed(&**text) }, None),
            Part::Image(image) => (self.image(image)?, image.cache),
            Part::Document(document) => (self.document(document)?, document.cache),
            Part::Sound(sound) => {
                let format = if sound.format.is_empty() { "wav" } else { &*sound.format };
                (Kind::InputAudio { input_audio: Audio { data: &sound.data, format } }, sound.cache)
            }
            Part::Video(video) if self.profile.host.router_fields => {
                let url = self.address(&video.source, "video/mp4", "content.video")?;
                (Kind::VideoUrl { video_url: ImageUrl { url, detail: None } }, video.cache)
            }
            Part::Video(_) => return Err(self.refuses("content.video", "film")),
            Part::Opaque(part) => {
                self.losses.dropped(format!("content.{}", part.kind));
                return Ok(None);
            }
            // Those have places of their own.
            Part::ToolCall(_) | Part::ToolResult(_) | Part::Reasoning(_) => return Ok(None),
        };
        Ok(Some(Wire { kind, mark: self.mark(cache) }))
    }

    fn image<'r>(&self, image: &'r Image<'_>) -> Result<Kind<'r>, ApiError> {
        let url = self.address(&image.source, "image/png", "content.image")?;
        Ok(Kind::ImageUrl { image_url: ImageUrl { url, detail: image.detail.as_deref() } })
    }

    fn document<'r>(&mut self, document: &'r Document<'_>) -> Result<Kind<'r>, ApiError> {
        let title = document.title.as_deref().filter(|title| !title.is_empty());
        if let Source::Text(text) = &document.source {
            self.losses.approximated("content.document");
            return Ok(Kind::Text { text: titled(title, document.context.as_deref(), text).into() });
        }
        if document.citations {
            self.losses.dropped("content.document.citations");
        }
        if document.context.is_some() {
            self.losses.dropped("content.document.context");
        }
        let file = match &document.source {
            Source::File { shape: Shape::Chat | Shape::Responses, id } if self.profile.host.openai_fields => {
                File { file_id: Some(&**id), ..File::default() }
            }
            Source::Url(_) if !self.profile.host.router_fields => {
                return Err(self.refuses("content.document.source", "a document by its address (send it as base64)"));
            }
            source => File {
                filename: Some(file_name(title, source)),
                file_data: Some(self.address(source, "application/pdf", "content.document.source")?),
                file_id: None,
            },
        };
        Ok(Kind::File { file })
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

    /// The mark of the cache, if the host knows one: OpenAI and routers refuse or need each other's, and all others refuse both.
    pub(super) fn mark(&self, cache: Option<CacheMark>) -> Mark {
        let Some(cache) = cache else { return Mark::default() };
        let host = &self.profile.host;
        if host.cache_breakpoints {
            // The host's usual time to live: the longer one costs more, which nobody here asked for in these words.
            return Mark { prompt_cache_breakpoint: Some(Breakpoint { mode: "explicit" }), cache_control: None };
        }
        let control = CacheControl { kind: "ephemeral", ttl: cache.long.then_some("1h") };
        Mark { cache_control: host.router_fields.then_some(control), prompt_cache_breakpoint: None }
    }

    /// Parts as content: as a string where that says the same. Several texts are joined for hosts that take strings only.
    pub(super) fn content<'r>(&self, mut parts: Vec<Wire<'r>>, between: &str) -> Content<'r> {
        let is_plain = |part: &Wire<'_>| matches!(part.kind, Kind::Text { .. }) && !part.mark.is_set();
        if !parts.iter().all(is_plain) {
            return Content::Parts(parts);
        }
        match parts.pop() {
            None => Content::Text(Cow::Borrowed("")),
            Some(Wire { kind: Kind::Text { text }, .. }) if parts.is_empty() => Content::Text(text),
            Some(last) => {
                parts.push(last);
                if self.takes_text_parts() {
                    Content::Parts(parts)
                } else {
                    Content::Text(joined(&parts, between).into())
                }
            }
        }
    }
}

/// The texts among the parts in one.
pub(super) fn joined(parts: &[Wire<'_>], between: &str) -> String {
    let texts = parts.iter().filter_map(|part| match &part.kind {
        Kind::Text { text } => Some(&**text),
        _ => None,
    });
    texts.collect::<Vec<_>>().join(between)
}
