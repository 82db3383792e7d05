//! A JSON string as it stands in the body: compared and measured in place, decoded only when it must be.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr;

/// A string between its quotes, escapes and all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    raw: &'a [u8],
    start: usize,
}

impl<'a> Text<'a> {
    /// The string whose first byte after the quote is at `start` of the body.
    pub(crate) fn new(raw: &'a [u8], start: usize) -> Text<'a> {
        Text { raw, start }
    }

    /// Where the string stands in the body, quotes included.
    pub(crate) fn range(&self) -> Range<usize> {
        self.start.saturating_sub(1)..self.start.saturating_add(self.raw.len()).saturating_add(1)
    }

    /// Whether there is nothing between the quotes.
    pub(crate) fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// The bytes between the quotes, escapes and all: for a `match` on names where an escaped one need not be found.
    pub(crate) fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The bytes of the text with escapes undone; as they stand when they are not valid text.
    pub(crate) fn bytes(&self) -> Cow<'a, [u8]> {
        match self.decode() {
            Some(Cow::Owned(text)) if self.is_escaped() => Cow::Owned(text.into_bytes()),
            _ => Cow::Borrowed(self.raw),
        }
    }

    /// The text, borrowed when nothing is escaped; `None` when it is not valid JSON text.
    pub(crate) fn decode(&self) -> Option<Cow<'a, str>> {
        if !self.is_escaped() {
            let text = std::str::from_utf8(self.raw).ok()?;
            return (!text.bytes().any(|byte| byte < 0x20)).then_some(Cow::Borrowed(text));
        }
        let mut with_quotes = Vec::with_capacity(self.raw.len().saturating_add(2));
        with_quotes.push(b'"');
        with_quotes.extend_from_slice(self.raw);
        with_quotes.push(b'"');
        serde_json::from_slice(&with_quotes).ok().map(Cow::Owned)
    }

    /// How many bytes the text has once its escapes are undone.
    pub(crate) fn byte_len(&self) -> u64 {
        let mut saved = 0_usize;
        let mut rest = self.raw;
        while let Some(at) = memchr(b'\\', rest) {
            let escape = rest.get(at..).unwrap_or_default();
            let (long, means) = match escape.get(1) {
                Some(b'u') => (6, utf8_len(escape.get(2..6).unwrap_or_default())),
                _ => (2, 1),
            };
            saved = saved.saturating_add(long - means);
            rest = escape.get(long..).unwrap_or_default();
        }
        self.raw.len().saturating_sub(saved) as u64
    }

    fn is_escaped(&self) -> bool {
        memchr(b'\\', self.raw).is_some()
    }
}

/// Bytes that the UTF-16 unit in these hex digits takes in UTF-8; a surrogate counts as half of its pair.
fn utf8_len(hex: &[u8]) -> usize {
    let unit = std::str::from_utf8(hex).ok().and_then(|hex| u16::from_str_radix(hex, 16).ok()).unwrap_or(0);
    match unit {
        0..=0x7f => 1,
        0x80..=0x7ff | 0xd800..=0xdfff => 2,
        _ => 3,
    }
}
