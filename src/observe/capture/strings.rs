//! Strings of JSON, whole or cut off, with what must be taken out also where it is escaped.

use std::ops::Range;

use memchr::memchr2;

use super::redact::Redactor;

/// The text with each string of JSON in it redacted as it reads, and where a place of the text came to lie.
///
/// A string that has nothing to be taken out stays byte for byte as it is; so does what is no JSON.
pub(super) fn redacted(redactor: &Redactor, text: &[u8], place: usize) -> (Vec<u8>, usize) {
    let mut out = Moved { bytes: Vec::with_capacity(text.len()), place, new_place: None };
    let mut at = 0;
    while let Some(start) = memchr::memchr(b'"', text.get(at..).unwrap_or_default()).map(|offset| at + offset) {
        let end = end_of_string(text, start + 1);
        out.keep(text, at..start);
        match redacted_string(redactor, text.get(start..end).unwrap_or_default()) {
            Some(string) => out.replace(start..end, &string),
            None => out.keep(text, start..end),
        }
        at = end;
    }
    out.keep(text, at..text.len());
    let end = out.bytes.len();
    (out.bytes, out.new_place.unwrap_or(end))
}

/// A text that is written anew, and where a place of the old one comes to lie in it.
pub(super) struct Moved {
    pub(super) bytes: Vec<u8>,
    pub(super) place: usize,
    pub(super) new_place: Option<usize>,
}

impl Moved {
    /// Takes over what stands there.
    pub(super) fn keep(&mut self, text: &[u8], range: Range<usize>) {
        if range.contains(&self.place) {
            self.new_place = Some(self.bytes.len() + self.place - range.start);
        }
        self.bytes.extend_from_slice(text.get(range).unwrap_or_default());
    }

    /// Writes something else. A place within that comes to lie before it.
    pub(super) fn replace(&mut self, range: Range<usize>, with: &[u8]) {
        if range.contains(&self.place) {
            self.new_place = Some(self.bytes.len());
        }
        self.bytes.extend_from_slice(with);
    }
}

/// Where a string ends whose first character is there: after its quote, or at the end of the text.
fn end_of_string(text: &[u8], mut at: usize) -> usize {
    while let Some(offset) = memchr2(b'"', b'\\', text.get(at..).unwrap_or_default()) {
        at += offset;
        if text.get(at) == Some(&b'"') {
            return at + 1;
        }
        at += 2;
    }
    text.len()
}

/// A string with its quotes, when something had to be taken out that is not seen without undoing its escapes.
fn redacted_string(redactor: &Redactor, string: &[u8]) -> Option<Vec<u8>> {
    // Without an escape it reads as it is written, and is redacted with all the rest.
    memchr::memchr(b'\\', string)?;
    let read = read(string)?;
    let redacted = redactor.redacted(read.as_bytes(), read.len())?;
    serde_json::to_vec(&String::from_utf8_lossy(&redacted)).ok()
}

/// A string that is cut off is so within an escape of so many bytes at most: two halves of a character.
const ESCAPE_BYTES: usize = 12;

/// What a string says; of one that was cut off as much as can be read.
fn read(string: &[u8]) -> Option<String> {
    if let Ok(read) = serde_json::from_slice(string) {
        return Some(read);
    }
    (0..=ESCAPE_BYTES.min(string.len())).find_map(|cut| {
        let mut closed = string.get(..string.len() - cut)?.to_vec();
        closed.push(b'"');
        serde_json::from_slice(&closed).ok()
    })
}
