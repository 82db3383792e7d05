//! The other framing of Google's streams: one JSON array that is written piece by piece, an element for each event.

use bytes::{BufMut, Bytes, BytesMut};

use super::{Piece, RawEvent};

/// Writes server-sent events as the elements of one JSON array: what Google's clients get that do not ask for `alt=sse`. Holds
/// nothing back: events may come in pieces. What stands in `data` must be JSON.
///
/// ```
/// use bytes::BytesMut;
/// use ovth_filters::sse::ArrayWriter;
/// let (mut writer, mut out) = (ArrayWriter::default(), BytesMut::new());
/// writer.write(b"data: {\"a\":1}\n\n: hi\n\ndata: {}\n\n", &mut out);
/// writer.finish(&mut out);
/// let elements: Vec<serde_json::Value> = serde_json::from_slice(&out).unwrap();
/// assert_eq!(elements.len(), 2);
/// ```
#[derive(Debug, Default)]
pub struct ArrayWriter {
    /// The bracket is written.
    begun: bool,
    /// So many elements are, or are begun.
    elements: u64,
    line: Line,
    /// The event has a `data` line.
    in_element: bool,
    /// The byte before was a CR: an LF belongs to it.
    after_cr: bool,
}

/// Where in a line the next byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Line {
    /// At its start; so many bytes of `data:` were there.
    #[default]
    Start,
    Name(u8),
    /// Behind the colon, where a blank is no data.
    Colon,
    Data,
    /// In one that is none.
    Other,
}

const NAME: &[u8] = b"data:";

impl ArrayWriter {
    /// Writes what these bytes of an event stream come to. Heartbeats become white space, so that something is sent.
    pub fn write(&mut self, events: &[u8], out: &mut BytesMut) {
        for &byte in events {
            let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            if matches!(byte, b'\n' | b'\r') {
                if !(byte == b'\n' && after_cr) {
                    self.line_end(out);
                }
                continue;
            }
            match self.line {
                Line::Start if byte == b':' => {
                    self.begin(out);
                    out.put_u8(b'\n');
                    self.line = Line::Other;
                }
                Line::Start => self.name(0, byte),
                Line::Name(known) => self.name(known, byte),
                Line::Colon => {
                    self.element(out);
                    self.line = Line::Data;
                    if byte != b' ' {
                        out.put_u8(byte);
                    }
                }
                Line::Data => out.put_u8(byte),
                Line::Other => {}
            }
        }
    }

    /// Writes the end. The array is whole whatever was written before, unless an event was cut.
    pub fn finish(&mut self, out: &mut BytesMut) {
        self.begin(out);
        out.extend_from_slice(b"\n]");
    }

    fn name(&mut self, known: u8, byte: u8) {
        self.line = match NAME.get(usize::from(known)) {
            Some(expected) if *expected == byte && byte == b':' => Line::Colon,
            Some(expected) if *expected == byte => Line::Name(known + 1),
            _ => Line::Other,
        };
    }

    fn line_end(&mut self, out: &mut BytesMut) {
        match self.line {
            Line::Start => self.in_element = false,
            Line::Data => out.put_u8(b'\n'),
            Line::Name(_) | Line::Colon | Line::Other => {}
        }
        self.line = Line::Start;
    }

    fn element(&mut self, out: &mut BytesMut) {
        self.begin(out);
        if !self.in_element && self.elements > 0 {
            out.extend_from_slice(b",\r\n");
        }
        self.elements += u64::from(!self.in_element);
        self.in_element = true;
    }

    fn begin(&mut self, out: &mut BytesMut) {
        if !std::mem::replace(&mut self.begun, true) {
            out.put_u8(b'[');
        }
    }
}

/// Cuts one JSON array into its elements, each as an event: for hosts that answer so although `alt=sse` was asked. What is no
/// array comes as one event.
#[derive(Debug)]
pub struct ArrayFramer {
    max_event_bytes: usize,
    chunk: Bytes,
    /// The event that is being put together.
    held: BytesMut,
    /// It was over the bound, and its beginning was given out.
    over: bool,
    depth: u32,
    in_string: bool,
    escaped: bool,
    /// The bracket of the array was seen.
    begun: bool,
}

impl ArrayFramer {
    /// A framer that puts together elements of up to that many bytes.
    #[must_use]
    pub fn new(max_event_bytes: usize) -> ArrayFramer {
        ArrayFramer {
            max_event_bytes,
            chunk: Bytes::new(),
            held: BytesMut::new(),
            over: false,
            depth: 0,
            in_string: false,
            escaped: false,
            begun: false,
        }
    }

    /// Takes the next chunk. Call [`ArrayFramer::next`] until it gives nothing before the next one.
    pub fn push(&mut self, chunk: Bytes) {
        if self.chunk.is_empty() {
            self.chunk = chunk;
        } else {
            self.chunk = [&*self.chunk, &*chunk].concat().into();
        }
    }

    /// The next piece, or nothing when more bytes are needed.
    #[expect(clippy::should_implement_trait, reason = "not the end when it gives nothing: more may be pushed")]
    pub fn next(&mut self) -> Option<Piece> {
        let mut taken = 0;
        let mut ended = false;
        let chunk = std::mem::take(&mut self.chunk);
        for &byte in &chunk {
            if self.held.len() >= self.max_event_bytes {
                break;
            }
            taken += 1;
            if self.step(byte) {
                ended = true;
                break;
            }
        }
        self.chunk = chunk.slice(taken..);
        if ended {
            self.held.extend_from_slice(b"\n\n");
            let bytes = self.held.split().freeze();
            let over = std::mem::take(&mut self.over);
            return Some(if over { Piece::FragmentEnd(bytes) } else { Piece::Event(RawEvent { bytes }) });
        }
        if self.held.len() >= self.max_event_bytes {
            self.over = true;
            return Some(Piece::Fragment(self.held.split().freeze()));
        }
        None
    }

    /// What is left when the bytes are over: an element that was cut, or a text that is no JSON.
    pub fn finish(&mut self) -> Option<Piece> {
        if self.held.is_empty() {
            return None;
        }
        self.held.extend_from_slice(b"\n\n");
        let bytes = self.held.split().freeze();
        let over = std::mem::take(&mut self.over);
        Some(if over { Piece::FragmentEnd(bytes) } else { Piece::Event(RawEvent { bytes }) })
    }

    /// Whether a part of an element over the bound was given out and its end was not.
    #[must_use]
    pub const fn is_inside_fragment(&self) -> bool {
        self.over
    }

    /// Takes one byte; whether an element ends with it.
    fn step(&mut self, byte: u8) -> bool {
        if self.depth == 0 {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' | b',' | b']' => return false,
                b'[' if !self.begun => {
                    self.begun = true;
                    return false;
                }
                _ => self.begun = true,
            }
        }
        // Line ends stand between tokens only, and would end a line of the event.
        if matches!(byte, b'\n' | b'\r') {
            return false;
        }
        if self.held.is_empty() && !self.over {
            self.held.extend_from_slice(b"data: ");
        }
        self.held.put_u8(byte);
        if self.in_string {
            (self.in_string, self.escaped) = (self.escaped || byte != b'"', !self.escaped && byte == b'\\');
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::sse::Framer;

    fn written(pieces: &[&[u8]]) -> String {
        let (mut writer, mut out) = (ArrayWriter::default(), BytesMut::new());
        pieces.iter().for_each(|piece| writer.write(piece, &mut out));
        writer.finish(&mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    fn elements(max: usize, pieces: &[&[u8]]) -> Vec<Piece> {
        let mut framer = ArrayFramer::new(max);
        let mut found = Vec::new();
        for piece in pieces {
            framer.push(Bytes::copy_from_slice(piece));
            found.extend(std::iter::from_fn(|| framer.next()));
        }
        found.extend(framer.finish());
        found
    }

    #[test]
    fn events_become_the_elements_of_an_array() {
        assert_eq!(written(&[b"data: {\"a\":1}\n\ndata:{}\r\n\r\n"]), "[{\"a\":1}\n,\r\n{}\n\n]");
        assert_eq!(written(&[b"data: [\ndata: 1]\n\n"]), "[[\n1]\n\n]");
        assert_eq!(written(&[b"event: x\nid: 1\ndata: 1\n\n: hi\n\n"]), "[1\n\n\n]");
        assert_eq!(written(&[]), "[\n]");
        assert_eq!(written(&[b": hi\n\n"]), "[\n\n]");
    }

    #[test]
    fn the_elements_of_an_array_become_events() {
        let array = b"[{\n  \"a\": \"]}\\\" \",\n \"b\": [1]\n}\r\n,\r\n{}]\n";
        let data: Vec<Vec<u8>> = elements(1_000, &[array])
            .iter()
            .map(|piece| if let Piece::Event(event) = piece { event.data().into_owned() } else { Vec::new() })
            .collect();
        assert_eq!(data, [&b"{  \"a\": \"]}\\\" \", \"b\": [1]}"[..], b"{}"]);
    }

    #[test]
    fn an_element_over_the_bound_passes_in_pieces() {
        let long = format!("[{{\"a\":\"{}\"}},{{}}]", "x".repeat(100));
        let pieces = elements(40, &[long.as_bytes()]);
        assert!(matches!(pieces.first(), Some(Piece::Fragment(_))));
        let whole: Vec<u8> = pieces.iter().flat_map(|piece| piece.bytes().to_vec()).collect();
        let mut framer = Framer::new(1_000);
        framer.push(whole.into());
        let events: Vec<Piece> = std::iter::from_fn(|| framer.next()).collect();
        assert_eq!(events.len(), 2);
        assert!(matches!(pieces.last(), Some(Piece::Event(_))));
    }

    proptest! {
        #[test]
        fn there_and_back_is_the_same_wherever_it_is_cut(
            texts in prop::collection::vec("[a\"\\\\\\]\\[{},\n\u{e9} ]{0,12}", 0..6), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let values: Vec<Value> = texts.iter().map(|text| serde_json::json!({"text": text, "n": [1, {}]})).collect();
            let array = serde_json::to_string_pretty(&values).unwrap();
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(array.len() + 1)).chain([0, array.len()]).collect();
            places.sort_unstable();
            let pieces: Vec<&[u8]> = places.windows(2).filter_map(|ends| array.as_bytes().get(*ends.first()?..*ends.last()?)).collect();
            let events = elements(100_000, &pieces);
            prop_assert_eq!(&events, &elements(100_000, &[array.as_bytes()]));
            let stream: Vec<u8> = events.iter().flat_map(|piece| piece.bytes().to_vec()).collect();
            let middle = stream.len() / 2;
            let (first, rest) = stream.split_at(middle);
            let again: Vec<Value> = serde_json::from_str(&written(&[first, rest])).unwrap();
            prop_assert_eq!(again, values);
        }
    }
}
