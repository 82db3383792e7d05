//! Follows the head of an HTTP/1 request as its bytes come, so that one that is too large is refused before it is in memory.

use ovth_filters::Shape;

use super::super::endpoints;

/// The most of a head's beginning that is kept, to tell in which shape its sender speaks.
const START: usize = 64;

/// What is known of a head so far.
#[derive(Clone, Debug)]
pub(super) struct Head {
    bytes: usize,
    lines: usize,
    /// Bytes of the line that is not at its end, and whether the last one was a carriage return.
    line: usize,
    after_cr: bool,
    complete: bool,
    start: Vec<u8>,
}

/// The bounds of a head.
#[derive(Clone, Copy, Debug)]
pub(super) struct Most {
    pub(super) bytes: usize,
    pub(super) headers: usize,
}

/// A head is over its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

impl Head {
    pub(super) const fn new() -> Head {
        Head { bytes: 0, lines: 0, line: 0, after_cr: false, complete: false, start: Vec::new() }
    }

    /// Whether any byte has come.
    pub(super) const fn has_begun(&self) -> bool {
        self.bytes > 0
    }

    /// Takes the next bytes. What follows the empty line is body, and not counted; if more comes although the head is complete here, the
    /// parser sees it otherwise, and all of that counts.
    pub(super) fn take(&mut self, mut bytes: &[u8], most: Most) -> Result<(), TooLarge> {
        let room = START.saturating_sub(self.start.len()).min(bytes.len());
        self.start.extend_from_slice(bytes.get(..room).unwrap_or_default());
        if self.complete {
            self.bytes = self.bytes.saturating_add(bytes.len());
        }
        while !self.complete
            && let Some(at) = memchr::memchr(b'\n', bytes)
        {
            let (line, rest) = bytes.split_at(at + 1);
            self.end_line(line.split_last().map_or(&[], |(_, line)| line));
            bytes = rest;
        }
        if !self.complete && !bytes.is_empty() {
            self.line += bytes.len();
            self.bytes += bytes.len();
            self.after_cr = bytes.last() == Some(&b'\r');
        }
        // The first line is the request line.
        if self.bytes > most.bytes || self.lines > most.headers + 1 { Err(TooLarge) } else { Ok(()) }
    }

    fn end_line(&mut self, line: &[u8]) {
        let length = self.line + line.len();
        let ends_in_cr = line.last().map_or(self.after_cr, |last| *last == b'\r');
        let is_empty = length == 0 || (length == 1 && ends_in_cr);
        self.bytes += line.len() + 1;
        (self.line, self.after_cr) = (0, false);
        if !is_empty {
            self.lines += 1;
        } else if self.lines > 0 {
            // Empty lines before the request line are skipped (RFC 9112, section 2.2).
            self.complete = true;
        }
    }

    /// The shape in which the sender wants to be answered, as far as its request line tells.
    pub(super) fn shape(&self) -> Shape {
        let path = self.start.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        endpoints::shape(std::str::from_utf8(path).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    const MOST: Most = Most { bytes: 1_000, headers: 3 };
    const GOOD: &[u8] = b"POST /v1/messages HTTP/1.1\r\nhost: a\r\nb: c\r\n\r\n";

    #[test]
    fn a_head_is_followed_however_it_is_cut() {
        for first in 0..GOOD.len() {
            for second in first..GOOD.len() {
                let mut head = Head::new();
                for piece in [&GOOD[..first], &GOOD[first..second], &GOOD[second..]] {
                    head.take(piece, MOST).unwrap();
                }
                assert!(head.complete, "{first} {second}");
                assert_eq!((head.bytes, head.lines, head.shape()), (GOOD.len(), 3, Shape::Messages));
            }
        }
    }

    #[test]
    fn what_follows_the_head_is_not_counted() {
        let mut head = Head::new();
        let with_body = [GOOD, "\n".repeat(5_000).as_bytes()].concat();
        head.take(&with_body, MOST).unwrap();
        assert_eq!(head.bytes, GOOD.len());
    }

    #[test]
    fn empty_lines_before_it_and_bare_line_feeds_are_part_of_a_head() {
        let mut head = Head::new();
        head.take(b"\r\n\nGET / HTTP/1.1\nhost: a\n", MOST).unwrap();
        assert!(!head.complete);
        head.take(b"\n", MOST).unwrap();
        assert!(head.complete);
        assert_eq!(head.shape(), Shape::Chat);
    }

    #[test]
    fn bytes_headers_and_one_endless_line_are_bounded() {
        let mut many = Head::new();
        many.take(b"GET / HTTP/1.1\r\n", MOST).unwrap();
        for _ in 0..3 {
            many.take(b"a: b\r\n", MOST).unwrap();
        }
        assert_eq!(many.take(b"a: b\r\n", MOST), Err(TooLarge));

        let mut endless = Head::new();
        for _ in 0..MOST.bytes {
            endless.take(b"x", MOST).unwrap();
        }
        assert_eq!(endless.take(b"x", MOST), Err(TooLarge));
        assert_eq!(endless.start.len(), START, "only its beginning is kept");
    }

    #[test]
    fn what_the_parser_does_not_take_for_the_end_counts() {
        let mut head = Head::new();
        head.take(GOOD, MOST).unwrap();
        let taken = (0..).take_while(|_| head.take(b"0123456789", MOST).is_ok()).count();
        assert_eq!(taken, (MOST.bytes - GOOD.len()) / 10);
    }
}
