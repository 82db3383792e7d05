//! HTTP/1 read byte by byte on purpose, for both the mock upstreams and the clients, so that framing faults are seen and not repaired.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// A request's or response's start line and headers, as sent.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    /// The first line.
    pub(crate) start: String,
    /// The headers, in order; names in lower case.
    pub(crate) headers: Vec<(String, String)>,
}

impl Head {
    fn parse(raw: &[u8]) -> Head {
        let text = std::str::from_utf8(raw).expect("a head is text");
        let mut lines = text.split("\r\n");
        let start = lines.next().expect("a head has a first line").to_owned();
        let headers = lines
            .filter(|line| !line.is_empty())
            .map(|line| line.split_once(':').unwrap_or_else(|| panic!("a header line without a colon: {line:?}")))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Head { start, headers }
    }

    /// The first header of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The status of a response.
    pub(crate) fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line")
    }

    /// The path and query of a request.
    pub(crate) fn path(&self) -> &str {
        self.start.split(' ').nth(1).expect("a request line")
    }

    /// How the body of this message ends; `reply` when the message is a response.
    pub(crate) fn framing(&self, reply: bool) -> Framing {
        let chunked = self.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        let length = self.header("content-length").map(|value| value.parse().expect("a length"));
        assert!(!(chunked && length.is_some()), "both framings at once: {self:?}");
        match length {
            Some(length) => Framing::Sized(length),
            None if chunked => Framing::Chunked,
            None if reply => Framing::UntilClose,
            None => Framing::Sized(0),
        }
    }
}

/// What is left of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// So many bytes.
    Sized(u64),
    /// A chunk's size line comes next.
    Chunked,
    /// So many bytes of a chunk, then its line end.
    InChunk(u64),
    /// Everything until the peer closes.
    UntilClose,
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// As its framing promised.
    Complete,
    /// By a close, which is all that its framing promised.
    Closed,
    /// By a close or a reset before what its framing promised.
    Cut,
}

/// Reads messages from one direction of a connection.
pub(crate) struct Reader<R> {
    read: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(crate) fn new(read: R) -> Reader<R> {
        Reader { read, buffer: BytesMut::new() }
    }

    pub(crate) fn inner(&self) -> &R {
        &self.read
    }

    /// Whether bytes are at hand that no message has taken.
    pub(crate) fn has_rest(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The bytes at hand.
    pub(crate) fn take_rest(&mut self) -> Bytes {
        self.buffer.split().freeze()
    }

    /// Reads more; `false` at the end of the connection, by close or by reset.
    pub(crate) async fn fill(&mut self) -> bool {
        self.buffer.reserve(64 * 1024);
        matches!(self.read.read_buf(&mut self.buffer).await, Ok(read) if read > 0)
    }

    /// The next head; none when the connection ended before a whole one came.
    pub(crate) async fn head(&mut self) -> Option<Head> {
        let mut searched = 0;
        loop {
            if let Some(at) = memchr::memmem::find(&self.buffer[searched..], b"\r\n\r\n") {
                return Some(Head::parse(&self.buffer.split_to(searched + at + 4)));
            }
            searched = self.buffer.len().saturating_sub(3);
            if !self.fill().await {
                return None;
            }
        }
    }

    /// The next piece of a body, or how it ended.
    pub(crate) async fn piece(&mut self, framing: &mut Framing) -> Result<Bytes, End> {
        loop {
            match *framing {
                Framing::Sized(0) => return Err(End::Complete),
                Framing::Sized(left) => {
                    let piece = self.take(left).await?;
                    *framing = Framing::Sized(left - piece.len() as u64);
                    return Ok(piece);
                }
                Framing::Chunked => {
                    let line = self.line().await?;
                    let size = u64::from_str_radix(&line, 16).unwrap_or_else(|_| panic!("a chunk size: {line:?}"));
                    if size == 0 {
                        let line = self.line().await?;
                        assert_eq!(line, "", "a trailer");
                        *framing = Framing::Sized(0);
                    } else {
                        *framing = Framing::InChunk(size);
                    }
                }
                Framing::InChunk(0) => {
                    let line = self.line().await?;
                    assert_eq!(line, "", "bytes after a chunk");
                    *framing = Framing::Chunked;
                }
                Framing::InChunk(left) => {
                    let piece = self.take(left).await?;
                    *framing = Framing::InChunk(left - piece.len() as u64);
                    return Ok(piece);
                }
                Framing::UntilClose if self.has_rest() => return Ok(self.take_rest()),
                Framing::UntilClose => {
                    self.buffer.reserve(64 * 1024);
                    match self.read.read_buf(&mut self.buffer).await {
                        Ok(0) => return Err(End::Closed),
                        Ok(_) => {}
                        Err(_) => return Err(End::Cut),
                    }
                }
            }
        }
    }

    /// The rest of a body and how it ended.
    pub(crate) async fn rest(&mut self, framing: &mut Framing) -> (Bytes, End) {
        let mut body = BytesMut::new();
        loop {
            match self.piece(framing).await {
                Ok(piece) => body.extend_from_slice(&piece),
                Err(end) => return (body.freeze(), end),
            }
        }
    }

    async fn take(&mut self, most: u64) -> Result<Bytes, End> {
        if !self.has_rest() && !self.fill().await {
            return Err(End::Cut);
        }
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(self.buffer.len());
        Ok(self.buffer.split_to(most).freeze())
    }

    async fn line(&mut self) -> Result<String, End> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.buffer, b"\r\n") {
                let line = self.buffer.split_to(at + 2);
                return Ok(String::from_utf8_lossy(&line[..at]).into_owned());
            }
            if !self.fill().await {
                return Err(End::Cut);
            }
        }
    }
}

/// A body as chunks of at most `size` bytes, with the last one.
pub(crate) fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut wire = Vec::with_capacity(body.len() + 64);
    for chunk in body.chunks(size) {
        push_chunk(&mut wire, chunk);
    }
    wire.extend_from_slice(b"0\r\n\r\n");
    wire
}

/// Appends one chunk.
pub(crate) fn push_chunk(wire: &mut Vec<u8>, chunk: &[u8]) {
    wire.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
    wire.extend_from_slice(chunk);
    wire.extend_from_slice(b"\r\n");
}

/// Makes the close of this socket a reset.
pub(crate) fn reset_on_close(stream: &tokio::net::TcpStream) -> io::Result<()> {
    socket2::SockRef::from(stream).set_linger(Some(std::time::Duration::ZERO))
}
