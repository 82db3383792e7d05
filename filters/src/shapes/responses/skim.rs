//! What counts of an event that is too large to be held, found while its pieces pass: the last event of a stream repeats the whole
//! answer and all of the request's tools.

/// Takes the pieces of one event, and keeps the few members that say what it is, how it ended and what it cost.
#[derive(Debug, Default)]
pub(crate) struct Skim {
    line: Line,
    /// Of the value that the event is.
    depth: u32,
    in_string: bool,
    escaped: bool,
    /// The depth of the object whose members are looked at: the event's own, or its `response`'s.
    level: u32,
    /// The name that is read, while one is.
    key: Option<Vec<u8>>,
    /// A name may come.
    awaits_key: bool,
    /// The name of the value that comes.
    named: Vec<u8>,
    copies: bool,
    /// The value that comes is the response.
    descends: bool,
    /// Whether a member stands in the object that is written.
    is_first: bool,
    kept: Vec<u8>,
    is_over: bool,
}

/// Where in its line the next byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Line {
    /// So many bytes of `data:` have come.
    #[default]
    Start,
    Field(u8),
    Data,
    Other,
}

/// Bytes that are kept at most, and of a name.
const MAX_KEPT: usize = 32 * 1024;
const MAX_KEY: usize = 32;

impl Skim {
    /// Takes the next piece.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.line = match (self.line, byte) {
                (_, b'\n' | b'\r') => Line::Start,
                (Line::Start, b'd') => Line::Field(1),
                (Line::Field(at), byte) if b"data:".get(usize::from(at)) == Some(&byte) => {
                    if at == 4 {
                        Line::Data
                    } else {
                        Line::Field(at + 1)
                    }
                }
                (Line::Data, byte) => {
                    self.json(byte);
                    Line::Data
                }
                _ => Line::Other,
            };
        }
    }

    /// The event without all that does not count; `None` when it was no object, was cut, or has too much that counts.
    pub(super) fn finish(self) -> Option<Vec<u8>> {
        (self.is_over && self.kept.len() <= MAX_KEPT).then_some(self.kept)
    }

    fn json(&mut self, byte: u8) {
        if self.in_string {
            self.in_string = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
            match &mut self.key {
                Some(key) if self.in_string && key.len() < MAX_KEY => key.push(byte),
                Some(_) if self.in_string => {}
                Some(_) => self.named = self.key.take().unwrap_or_default(),
                None => self.copy(byte),
            }
            return;
        }
        match byte {
            b' ' | b'\t' => {}
            b'"' => {
                self.in_string = true;
                if self.awaits_key && self.depth == self.level {
                    self.awaits_key = false;
                    self.key = Some(Vec::new());
                } else {
                    self.copy(byte);
                }
            }
            b':' if self.depth == self.level && !self.copies => self.begin(),
            b'{' | b'[' => self.open(byte),
            b'}' | b']' => self.close(byte),
            b',' if self.depth == self.level => {
                (self.copies, self.descends, self.awaits_key) = (false, false, true);
            }
            _ => self.copy(byte),
        }
    }

    /// A value begins.
    fn begin(&mut self) {
        let is_wanted = match (self.level, &*self.named) {
            (1, b"response") => {
                self.descends = true;
                true
            }
            (1, b"type" | b"sequence_number" | b"code" | b"message" | b"param" | b"error") => true,
            (
                2,
                b"id"
                | b"model"
                | b"status"
                | b"error"
                | b"incomplete_details"
                | b"usage"
                | b"service_tier"
                | b"tool_usage",
            ) => true,
            _ => false,
        };
        if !is_wanted {
            return;
        }
        if !self.is_first {
            self.keep(b',');
        }
        self.is_first = false;
        self.copies = true;
        self.keep(b'"');
        let name = std::mem::take(&mut self.named);
        name.iter().for_each(|byte| self.keep(*byte));
        self.keep(b'"');
        self.keep(b':');
    }

    fn open(&mut self, byte: u8) {
        self.depth = self.depth.saturating_add(1);
        if byte == b'{' && (self.depth == 1 || (self.depth == 2 && self.descends)) {
            (self.level, self.awaits_key, self.is_first) = (self.depth, true, true);
            (self.copies, self.descends) = (false, false);
            self.keep(byte);
        } else {
            self.copy(byte);
        }
    }

    fn close(&mut self, byte: u8) {
        if self.depth == self.level && self.level > 0 {
            self.copies = false;
            self.keep(byte);
            self.is_over = self.level == 1;
            self.level = self.level.saturating_sub(1);
            (self.is_first, self.awaits_key) = (false, false);
        } else {
            self.copy(byte);
        }
        self.depth = self.depth.saturating_sub(1);
    }

    fn copy(&mut self, byte: u8) {
        if self.copies {
            self.keep(byte);
        }
    }

    /// One byte more than may be kept shows that there was more.
    fn keep(&mut self, byte: u8) {
        if self.kept.len() <= MAX_KEPT {
            self.kept.push(byte);
        }
    }
}
