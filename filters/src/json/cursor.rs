//! A cursor over JSON that descends where it is told to and skips the rest: each byte is looked at once.

use std::ops::Range;

use memchr::memchr;

use super::{MAX_DEPTH, ScanError, Text};

/// A position in a body, always before a value or right after one. Offsets are those of the whole body.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    body: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Cursor<'a> {
    /// Before the one value of that body.
    pub(crate) fn new(body: &'a [u8]) -> Result<Cursor<'a>, ScanError> {
        if body.starts_with(b"\xef\xbb\xbf") {
            return Err(ScanError::ByteOrderMark);
        }
        Ok(Cursor { body, at: 0, depth: 0 })
    }

    /// Before the value in that range of the body; a range outside of it holds nothing.
    pub(crate) fn within(body: &'a [u8], range: &Range<usize>) -> Cursor<'a> {
        let end = range.end.min(body.len());
        Cursor { body: body.get(..end).unwrap_or_default(), at: range.start.min(end), depth: 0 }
    }

    /// The next byte that is not white space, without taking it.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        while let Some(&byte) = self.body.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// Takes the object that comes next, calling `visit` before each member's value. A visitor that does not take the
    /// value has it skipped. Anything else than an object is an error.
    pub(crate) fn object<F>(&mut self, mut visit: F) -> Result<(), ScanError>
    where
        F: FnMut(&mut Cursor<'a>, Text<'a>) -> Result<(), ScanError>,
    {
        self.open(b'{', "an object")?;
        let mut first = true;
        while let Some(key) = self.next_key(first)? {
            first = false;
            let before = self.at;
            visit(self, key)?;
            if self.at == before {
                self.skip()?;
            }
        }
        Ok(())
    }

    /// Takes the array that comes next, as [`Cursor::object`] does with its elements.
    pub(crate) fn array<F>(&mut self, mut visit: F) -> Result<(), ScanError>
    where
        F: FnMut(&mut Cursor<'a>) -> Result<(), ScanError>,
    {
        self.open(b'[', "an array")?;
        let mut first = true;
        while self.next_element(first)? {
            first = false;
            let before = self.at;
            visit(self)?;
            if self.at == before {
                self.skip()?;
            }
        }
        Ok(())
    }

    /// Takes the value that comes next when it is an object, skips it otherwise.
    pub(crate) fn object_or_skip<F>(&mut self, visit: F) -> Result<(), ScanError>
    where
        F: FnMut(&mut Cursor<'a>, Text<'a>) -> Result<(), ScanError>,
    {
        if self.peek() == Some(b'{') { self.object(visit) } else { self.skip().map(drop) }
    }

    /// Takes the value that comes next when it is an array, skips it otherwise.
    pub(crate) fn array_or_skip<F>(&mut self, visit: F) -> Result<(), ScanError>
    where
        F: FnMut(&mut Cursor<'a>) -> Result<(), ScanError>,
    {
        if self.peek() == Some(b'[') { self.array(visit) } else { self.skip().map(drop) }
    }

    /// Takes the value that comes next when it is a string; skips it and says `None` otherwise.
    pub(crate) fn text(&mut self) -> Result<Option<Text<'a>>, ScanError> {
        if self.peek() == Some(b'"') { self.string().map(Some) } else { self.skip().map(|_| None) }
    }

    /// Takes the value that comes next; the number, if it is an unsigned integer.
    pub(crate) fn u64(&mut self) -> Result<Option<u64>, ScanError> {
        let range = self.skip()?;
        Ok(super::u64_at(self.body, &range))
    }

    /// Takes the value that comes next; the number, if it is one.
    pub(crate) fn number(&mut self) -> Result<Option<f64>, ScanError> {
        // Words that are numbers in Rust (`inf`) do not get here: they are no JSON.
        Ok(self.as_written()?.and_then(|text| text.parse().ok()))
    }

    /// Takes the value that comes next, as it is written; `None` when it is not valid text.
    pub(crate) fn as_written(&mut self) -> Result<Option<&'a str>, ScanError> {
        let range = self.skip()?;
        Ok(self.body.get(range).and_then(|value| std::str::from_utf8(value).ok()))
    }

    /// Takes the value that comes next, whatever it is; where it stands.
    pub(crate) fn skip(&mut self) -> Result<Range<usize>, ScanError> {
        let first = self.peek();
        let start = self.at;
        match first {
            Some(b'"') => self.string().map(drop)?,
            Some(b'{' | b'[') => self.skip_container()?,
            Some(b't') => self.literal(b"true")?,
            Some(b'f') => self.literal(b"false")?,
            Some(b'n') => self.literal(b"null")?,
            Some(b'-' | b'0'..=b'9') => {
                while let Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'e' | b'E') = self.body.get(self.at) {
                    self.at += 1;
                }
            }
            _ => return Err(self.expected("a value")),
        }
        Ok(start..self.at)
    }

    /// What lies between an earlier position and this one.
    pub(crate) fn range_from(&self, earlier: &Cursor<'_>) -> Range<usize> {
        earlier.at..self.at
    }

    /// Fails unless only white space is left.
    pub(crate) fn finish(&mut self) -> Result<(), ScanError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.expected("the end of the body")),
        }
    }

    /// Takes an opening bracket and goes one level down.
    pub(super) fn open(&mut self, bracket: u8, expected: &'static str) -> Result<(), ScanError> {
        if self.peek() != Some(bracket) {
            return Err(self.expected(expected));
        }
        if self.depth >= MAX_DEPTH {
            return Err(ScanError::Depth { at: self.at });
        }
        self.at += 1;
        self.depth += 1;
        Ok(())
    }

    /// Takes what stands between two members and the next name with its colon; `None` at the end of the object.
    pub(super) fn next_key(&mut self, first: bool) -> Result<Option<Text<'a>>, ScanError> {
        match self.peek() {
            Some(b'}') => {
                self.close();
                return Ok(None);
            }
            Some(b',') if !first => self.at += 1,
            Some(_) if first => {}
            _ => return Err(self.expected("',' or '}'")),
        }
        if self.peek() != Some(b'"') {
            return Err(self.expected(if first { "a member name or '}'" } else { "a member name" }));
        }
        let key = self.string()?;
        if self.peek() != Some(b':') {
            return Err(self.expected("':'"));
        }
        self.at += 1;
        self.peek();
        Ok(Some(key))
    }

    /// Takes what stands between two elements; `false` at the end of the array.
    pub(super) fn next_element(&mut self, first: bool) -> Result<bool, ScanError> {
        match self.peek() {
            Some(b']') => {
                self.close();
                return Ok(false);
            }
            Some(b',') if !first => {
                self.at += 1;
                self.peek();
            }
            Some(_) if first => {}
            _ => return Err(self.expected("',' or ']'")),
        }
        Ok(true)
    }

    fn close(&mut self) {
        self.at += 1;
        self.depth = self.depth.saturating_sub(1);
    }

    /// Takes a string. A quote ends it when an even number of backslashes stands before it. Those are counted only at
    /// quotes, and no run of them reaches over a quote: escapes cost nothing, and the whole stays linear.
    fn string(&mut self) -> Result<Text<'a>, ScanError> {
        let start = self.at + 1;
        let mut from = start;
        while let Some(quote) = find_quote(self.body, from) {
            let raw = self.body.get(start..quote).unwrap_or_default();
            if raw.last() != Some(&b'\\') || !ends_escaped(raw) {
                self.at = quote + 1;
                return Ok(Text::new(raw, start));
            }
            from = quote + 1;
        }
        Err(ScanError::End { at: self.body.len(), expected: "the end of a string" })
    }

    /// Takes a whole object or array without a call for each level: one bit a level says which of the two it is.
    fn skip_container(&mut self) -> Result<(), ScanError> {
        const { assert!(MAX_DEPTH <= u128::BITS as usize) };
        let mut objects = 0_u128;
        let mut levels = 0_usize;
        while let Some(&byte) = self.body.get(self.at) {
            match byte {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => {
                    if self.depth + levels >= MAX_DEPTH {
                        return Err(ScanError::Depth { at: self.at });
                    }
                    objects = objects << 1 | u128::from(byte == b'{');
                    levels += 1;
                }
                b'}' | b']' => {
                    if (objects & 1 == 1) != (byte == b'}') {
                        return Err(ScanError::Bracket { at: self.at });
                    }
                    objects >>= 1;
                    levels -= 1;
                    if levels == 0 {
                        self.at += 1;
                        return Ok(());
                    }
                }
                b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' | b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E' => {}
                _ => return Err(self.expected("a value")),
            }
            self.at += 1;
        }
        Err(ScanError::End { at: self.body.len(), expected: "a closing bracket" })
    }

    fn literal(&mut self, word: &'static [u8]) -> Result<(), ScanError> {
        if !self.body.get(self.at..).unwrap_or_default().starts_with(word) {
            return Err(self.expected("a value"));
        }
        self.at += word.len();
        Ok(())
    }

    fn expected(&self, expected: &'static str) -> ScanError {
        if self.at < self.body.len() {
            ScanError::Expected { at: self.at, expected }
        } else {
            ScanError::End { at: self.body.len(), expected }
        }
    }
}

/// Whether what comes after is escaped: an odd number of backslashes is in front of it.
fn ends_escaped(raw: &[u8]) -> bool {
    raw.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// The first quote at or after `from`. Names and tokens are short: the first words are searched here, because a call of
/// `memchr` costs more than they do; what is longer goes there.
fn find_quote(body: &[u8], from: usize) -> Option<usize> {
    const WORDS: usize = 4;
    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);
    const QUOTES: u64 = u64::from_le_bytes([b'"'; 8]);
    let mut rest = body.get(from..)?;
    let mut at = from;
    for _ in 0..WORDS {
        let Some((word, after)) = rest.split_first_chunk::<8>() else { break };
        // A byte is zero here where the word has a quote; the lowest high bit that is left marks the first one.
        let zeros = u64::from_le_bytes(*word) ^ QUOTES;
        let found = zeros.wrapping_sub(ONES) & !zeros & HIGHS;
        if found != 0 {
            return Some(at + (found.trailing_zeros() / 8) as usize);
        }
        rest = after;
        at += 8;
    }
    memchr(b'"', rest).map(|offset| at + offset)
}
