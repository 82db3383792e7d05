//! Cuts a byte stream into events, wherever the chunks were split.

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

use super::RawEvent;

/// What the framer found next. All pieces, one after the other, are the stream as it was sent, but for a byte order
/// mark at its start: that is dropped, because it would be wrong anywhere but at the start of what a client gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A whole event within the bound.
    Event(RawEvent),
    /// A part of an event that is over the bound: to be passed on, not to be understood. Nothing else may be written
    /// until its end has come.
    Fragment(Bytes),
    /// The last part of an event that is over the bound, terminator included.
    FragmentEnd(Bytes),
}

impl Piece {
    /// The bytes to be passed on.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        match self {
            Piece::Event(event) => &event.bytes,
            Piece::Fragment(bytes) | Piece::FragmentEnd(bytes) => bytes,
        }
    }
}

/// An incremental framer. An event that lies within one chunk is a slice of it; only one that is spread over several is
/// put together, up to the bound. The same bytes give the same events however they are split.
///
/// ```
/// use bytes::Bytes;
/// use ovth_filters::sse::{Framer, Piece};
/// let mut framer = Framer::new(1024);
/// framer.push(Bytes::from_static(b"data: a\n\nda"));
/// framer.push(Bytes::from_static(b"ta: b\n\n"));
/// let mut data = Vec::new();
/// while let Some(Piece::Event(event)) = framer.next() {
///     data.push(event.data().into_owned());
/// }
/// assert_eq!(data, [b"a", b"b"]);
/// ```
#[derive(Debug)]
pub struct Framer {
    max_event_bytes: usize,
    /// What has not been read yet.
    chunk: Bytes,
    /// How far the chunk was looked through: everything before belongs to the event that is open.
    scanned: usize,
    /// The beginning of the open event, from chunks that are used up.
    held: BytesMut,
    state: State,
    before: LineEnd,
    /// The open event is over the bound, and its beginning was given out.
    over: bool,
    /// Found together with the piece before it.
    ready: Option<Piece>,
    start: Start,
}

/// Where in an event the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the start of a line.
    LineStart,
    /// In a line that has at least a byte.
    InLine,
    /// After a CR that ended such a line; an LF may belong to it.
    AfterCr,
    /// After a CR that ended the event; an LF may belong to it.
    EndedByCr,
}

/// How the line before ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineEnd {
    /// There was none in this event, or it was LF or CRLF.
    Usual,
    /// CR alone: the stream ends its lines so, and a CR that makes a blank line need not wait for an LF.
    LoneCr,
}

/// Whether the byte order mark was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Unknown,
    Passed,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Framer {
    /// A framer that puts together events of up to that many bytes.
    #[must_use]
    pub fn new(max_event_bytes: usize) -> Framer {
        Framer {
            max_event_bytes,
            chunk: Bytes::new(),
            scanned: 0,
            held: BytesMut::new(),
            state: State::LineStart,
            before: LineEnd::Usual,
            over: false,
            ready: None,
            start: Start::Unknown,
        }
    }

    /// Takes the next chunk. Call [`Framer::next`] until it gives nothing before the next one; otherwise what is left of
    /// this one is copied.
    pub fn push(&mut self, chunk: Bytes) {
        if self.chunk.is_empty() {
            self.chunk = chunk;
        } else if !chunk.is_empty() {
            let mut joined = BytesMut::with_capacity(self.chunk.len() + chunk.len());
            joined.extend_from_slice(&self.chunk);
            joined.extend_from_slice(&chunk);
            self.chunk = joined.freeze();
        }
        if self.start == Start::Unknown {
            self.pass_byte_order_mark();
        }
    }

    /// The next piece, or nothing when more bytes are needed.
    #[expect(clippy::should_implement_trait, reason = "not the end when it gives nothing: more may be pushed")]
    pub fn next(&mut self) -> Option<Piece> {
        if let Some(piece) = self.ready.take() {
            self.over = !matches!(piece, Piece::FragmentEnd(_));
            return Some(piece);
        }
        if self.start == Start::Unknown || self.chunk.is_empty() {
            return None;
        }
        let ended = self.find_end();
        let part = self.chunk.split_to(self.scanned);
        self.scanned = 0;
        if ended {
            self.state = State::LineStart;
            self.before = LineEnd::Usual;
        }
        if !self.over && self.held.len() + part.len() <= self.max_event_bytes {
            return self.within_bound(part, ended);
        }
        let piece = if ended { Piece::FragmentEnd(part) } else { Piece::Fragment(part) };
        if self.held.is_empty() {
            self.over = !ended;
            return Some(piece);
        }
        self.over = true;
        self.ready = Some(piece);
        Some(Piece::Fragment(self.held.split().freeze()))
    }

    /// The unterminated rest when the stream has ended, as an event; to be called once [`Framer::next`] gave nothing. Whether it is one worth having is for the caller
    /// to judge: a stream that was cut leaves half an event here.
    pub fn finish(&mut self) -> Option<Piece> {
        self.start = Start::Passed;
        self.held.extend_from_slice(&std::mem::take(&mut self.chunk));
        self.scanned = 0;
        let rest = self.held.split().freeze();
        let ended = self.state == State::EndedByCr;
        let over = std::mem::take(&mut self.over);
        self.state = State::LineStart;
        self.before = LineEnd::Usual;
        match (rest.is_empty(), over) {
            (true, _) => None,
            (false, true) if ended => Some(Piece::FragmentEnd(rest)),
            (false, true) => Some(Piece::Fragment(rest)),
            (false, false) => Some(Piece::Event(RawEvent { bytes: rest })),
        }
    }

    /// Whether a part of an event over the bound was given out and its end was not: whatever is written now would land
    /// inside of that event.
    #[must_use]
    pub fn is_inside_fragment(&self) -> bool {
        self.over
    }

    /// How many bytes of an unfinished event are held back.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.held.len()
    }

    /// Looks on through the chunk for the end of the open event; `scanned` is behind it when there is one.
    fn find_end(&mut self) -> bool {
        while let Some(&byte) = self.chunk.get(self.scanned) {
            match self.state {
                State::InLine => {
                    let rest = self.chunk.get(self.scanned..).unwrap_or_default();
                    let Some(offset) = memchr2(b'\n', b'\r', rest) else {
                        self.scanned = self.chunk.len();
                        return false;
                    };
                    let lf = rest.get(offset) == Some(&b'\n');
                    self.scanned += offset + 1;
                    self.before = LineEnd::Usual;
                    self.state = if lf { State::LineStart } else { State::AfterCr };
                }
                State::AfterCr => {
                    if byte == b'\n' {
                        self.scanned += 1;
                    } else {
                        self.before = LineEnd::LoneCr;
                    }
                    self.state = State::LineStart;
                }
                State::LineStart => match byte {
                    b'\n' => {
                        self.scanned += 1;
                        return true;
                    }
                    b'\r' => {
                        self.scanned += 1;
                        if self.before == LineEnd::LoneCr {
                            return true;
                        }
                        self.state = State::EndedByCr;
                    }
                    _ => self.state = State::InLine,
                },
                State::EndedByCr => {
                    self.scanned += usize::from(byte == b'\n');
                    return true;
                }
            }
        }
        false
    }

    /// The event that this part ends, or nothing when it is only held.
    fn within_bound(&mut self, part: Bytes, ended: bool) -> Option<Piece> {
        if ended && self.held.is_empty() {
            return Some(Piece::Event(RawEvent { bytes: part }));
        }
        self.held.extend_from_slice(&part);
        ended.then(|| Piece::Event(RawEvent { bytes: self.held.split().freeze() }))
    }

    /// Drops a byte order mark, once enough bytes are there to tell.
    fn pass_byte_order_mark(&mut self) {
        let known = self.chunk.len().min(BYTE_ORDER_MARK.len());
        if self.chunk.get(..known) != BYTE_ORDER_MARK.get(..known) {
            self.start = Start::Passed;
        } else if known == BYTE_ORDER_MARK.len() {
            self.chunk = self.chunk.slice(known..);
            self.start = Start::Passed;
        }
    }
}
