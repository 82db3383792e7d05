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

    /// Gives the text with its escapes undone, in pieces: what stands between escapes, and the character of each.
    pub(crate) fn pieces(&self, mut take: impl FnMut(&[u8])) {
        let mut rest = self.raw;
        while let Some(at) = memchr(b'\\', rest) {
            let (plain, escape) = rest.split_at(at);
            take(plain);
            let (long, means) = unescape(escape);
            take(means.encode_utf8(&mut [0; 4]).as_bytes());
            rest = escape.get(long..).unwrap_or_default();
        }
        take(rest);
    }

    fn is_escaped(&self) -> bool {
        memchr(b'\\', self.raw).is_some()
    }
}

/// How long the escape is that begins here, and what it means; [`char::REPLACEMENT_CHARACTER`] if it means nothing.
fn unescape(escape: &[u8]) -> (usize, char) {
    let short = match escape.get(1) {
        Some(b'u') => return unescape_units(escape),
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(byte) => char::from(*byte),
        None => char::REPLACEMENT_CHARACTER,
    };
    (2, short)
}

/// The same for `\uXXXX`, or two of them that are one character.
fn unescape_units(escape: &[u8]) -> (usize, char) {
    let unit = |at: usize| {
        let digits = escape.get(at..at.saturating_add(6))?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let Some(first) = unit(0) else { return (6, char::REPLACEMENT_CHARACTER) };
    let units = [first, unit(6).unwrap_or_default()];
    match char::decode_utf16(units).next() {
        Some(Ok(character)) => (6 * character.len_utf16(), character),
        _ => (6, char::REPLACEMENT_CHARACTER),
    }
}
