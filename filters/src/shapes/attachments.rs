//! Attachments in the content of messages: what a model must be able to read, and how much of the body is not text.

use crate::json::{Cursor, ScanError};

/// What was found in the content of all messages. Part types of both shapes are known in either: their names do not
/// collide, and hosts mix them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attachments {
    pub(crate) images: bool,
    pub(crate) documents: bool,
    pub(crate) audio: bool,
    /// Bytes of the body that hold media or point to it.
    pub(crate) bytes: u64,
    /// Estimated tokens of all that.
    pub(crate) tokens: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Image,
    Document,
    Audio,
    Video,
}

/// A picture at the size to which providers scale it down.
const IMAGE_TOKENS: u64 = 1_600;
/// A page of a document, text and picture.
const PAGE_TOKENS: u64 = 2_000;
/// Base64 bytes that a page takes, about.
const PAGE_BYTES: u64 = 75_000;
/// Sound and film: what any costs, and bytes of base64 for one more token (compressed sound: 32 tokens a second).
const CLIP_TOKENS: u64 = 100;
const CLIP_BYTES_PER_TOKEN: u64 = 600;

impl Attachments {
    /// Reads the content of a message: a string, or parts. The results of tools hold content of their own.
    pub(crate) fn content(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        cursor.array_or_skip(|cursor| self.part(cursor))
    }

    /// Reads what a tool gave back in the shape of responses: a string, parts, or one part.
    pub(crate) fn output(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        if cursor.peek() == Some(b'{') { self.part(cursor) } else { self.content(cursor) }
    }

    fn part(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        let mut kind = None;
        let mut media = None;
        cursor.object_or_skip(|cursor, key| {
            match key.raw() {
                b"type" => kind = cursor.text()?.and_then(|text| Kind::of_type(&text.bytes())),
                b"image_url" | b"input_audio" | b"file" | b"video_url" | b"audio_url" | b"file_data" | b"file_url"
                | b"file_id" => {
                    // Clients say with null what they leave out.
                    let is_null = cursor.peek() == Some(b'n');
                    let bytes = cursor.skip()?.len() as u64;
                    media = media.max((!is_null).then_some(bytes));
                }
                b"source" => media = self.source(cursor)?,
                b"content" => self.content(cursor)?,
                _ => {}
            }
            Ok(())
        })?;
        if let Some(kind) = kind {
            self.count(kind, media);
        }
        Ok(())
    }

    /// Reads where an image or a document comes from: its bytes, unless it is text or made of parts.
    fn source(&mut self, cursor: &mut Cursor<'_>) -> Result<Option<u64>, ScanError> {
        let start = cursor.clone();
        let mut is_media = true;
        cursor.object_or_skip(|cursor, key| {
            match key.raw() {
                b"type" => is_media = !cursor.text()?.is_some_and(|text| matches!(text.raw(), b"text" | b"content")),
                b"content" => self.content(cursor)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(is_media.then(|| cursor.range_from(&start).len() as u64))
    }

    /// Counts media of that type which take so many bytes of the body. What has no type is film, as addresses of it have none.
    pub(crate) fn media(&mut self, media_type: &[u8], bytes: u64) {
        let kind = match media_type.split(|byte| *byte == b'/').next().unwrap_or_default() {
            b"image" => Kind::Image,
            b"audio" => Kind::Audio,
            b"application" | b"text" => Kind::Document,
            _ => Kind::Video,
        };
        self.count(kind, Some(bytes));
    }

    fn count(&mut self, kind: Kind, media: Option<u64>) {
        match kind {
            Kind::Image => self.images = true,
            Kind::Document => self.documents = true,
            Kind::Audio => self.audio = true,
            Kind::Video => {}
        }
        let Some(bytes) = media else { return };
        self.bytes = self.bytes.saturating_add(bytes);
        self.tokens = self.tokens.saturating_add(match kind {
            Kind::Image => IMAGE_TOKENS,
            Kind::Document => PAGE_TOKENS.saturating_mul(bytes.div_ceil(PAGE_BYTES)),
            Kind::Audio | Kind::Video => CLIP_TOKENS.saturating_add(bytes / CLIP_BYTES_PER_TOKEN),
        });
    }
}

impl Kind {
    fn of_type(name: &[u8]) -> Option<Kind> {
        match name {
            b"image_url" | b"image" | b"input_image" | b"computer_screenshot" => Some(Kind::Image),
            b"file" | b"document" | b"input_file" => Some(Kind::Document),
            b"input_audio" | b"audio_url" => Some(Kind::Audio),
            b"video_url" => Some(Kind::Video),
            _ => None,
        }
    }
}
