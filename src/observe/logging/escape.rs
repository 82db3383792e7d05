//! Escapes text for a log line, so that nothing a client or a provider chose can forge a line or steer a terminal.

use std::fmt;
use std::io::Write;

/// The most bytes of one text that are kept; then `...` follows.
const MAX_TEXT_BYTES: usize = 4_096;

/// Which characters are escaped besides those that are never safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Between quotes: quotes and backslashes too.
    Quoted,
    /// Outside quotes.
    Bare,
}

/// Appends what is written to it, escaped as in a JSON string and bounded.
pub(super) struct Escaped<'a> {
    out: &'a mut Vec<u8>,
    place: Place,
    left: usize,
}

impl<'a> Escaped<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>, place: Place) -> Escaped<'a> {
        Escaped { out, place, left: MAX_TEXT_BYTES }
    }

    /// The longest beginning that still fits.
    fn bounded<'t>(&mut self, text: &'t str) -> &'t str {
        let mut end = self.left.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let kept = text.get(..end).unwrap_or_default();
        self.left -= kept.len();
        kept
    }

    fn escape(&mut self, c: char) {
        let short: &[u8] = match c {
            '"' => b"\\\"",
            '\\' => b"\\\\",
            '\n' => b"\\n",
            '\r' => b"\\r",
            '\t' => b"\\t",
            // JSON has four digits; every character that needs escaping fits into them. Writing to a vector cannot fail.
            other => {
                let _ = write!(self.out, "\\u{:04x}", u32::from(other));
                return;
            }
        };
        self.out.extend_from_slice(short);
    }
}

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.left == 0 {
            return Ok(());
        }
        let kept = self.bounded(text);
        if kept.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') {
            self.out.extend_from_slice(kept.as_bytes());
        } else {
            for c in kept.chars() {
                if needs_escape(c, self.place) {
                    self.escape(c);
                } else {
                    self.out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
            }
        }
        if kept.len() < text.len() {
            self.left = 0;
            self.out.extend_from_slice(b"...");
        }
        Ok(())
    }
}

/// Control characters (C0, DEL, C1), line and paragraph separators, and those that change the direction of text.
fn needs_escape(c: char, place: Place) -> bool {
    match c {
        '"' | '\\' => place == Place::Quoted,
        '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        other => other.is_control(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::fmt::Write;

    use super::*;

    fn escaped(text: &str, place: Place) -> String {
        let mut out = Vec::new();
        Escaped::new(&mut out, place).write_str(text).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nothing_unsafe_stays() {
        let cases = [
            ("plain text, 100 % of it", "plain text, 100 % of it"),
            ("été 東京", "été 東京"),
            ("a\nb\r\tc\0", "a\\nb\\r\\tc\\u0000"),
            ("\u{1b}[2J\u{7f}\u{9b}", "\\u001b[2J\\u007f\\u009b"),
            ("\u{2028}\u{202e}\u{2066}", "\\u2028\\u202e\\u2066"),
        ];
        for (text, expected) in cases {
            assert_eq!(escaped(text, Place::Quoted), expected);
            assert_eq!(escaped(text, Place::Bare), expected);
        }
        assert_eq!(escaped("say \"a\\b\"", Place::Quoted), "say \\\"a\\\\b\\\"");
        assert_eq!(escaped("say \"a\\b\"", Place::Bare), "say \"a\\b\"");
    }

    #[test]
    fn quoted_text_reads_back_as_json() {
        let every: String = ('\0'..'\u{3000}').collect();
        for piece in every.chars().collect::<Vec<_>>().chunks(500) {
            let piece: String = piece.iter().collect();
            let read: String = serde_json::from_str(&format!("\"{}\"", escaped(&piece, Place::Quoted))).unwrap();
            assert_eq!(read, piece);
        }
    }

    #[test]
    fn long_text_is_cut_between_characters_and_says_so() {
        let out = escaped(&"é".repeat(MAX_TEXT_BYTES), Place::Quoted);
        assert_eq!(out, format!("{}...", "é".repeat(MAX_TEXT_BYTES / 2)));
        let mut out = Vec::new();
        let mut pieces = Escaped::new(&mut out, Place::Quoted);
        for _ in 0..=MAX_TEXT_BYTES {
            pieces.write_str("x").unwrap();
        }
        assert_eq!(out.len(), MAX_TEXT_BYTES);
    }
}
