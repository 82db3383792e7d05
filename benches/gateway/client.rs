//! A client that costs little: one keep-alive connection, blocking, no allocation for each request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// No answer takes longer; a subject that hangs ends the run.
const PATIENCE: Duration = Duration::from_secs(60);

/// When things of one exchange happened, from its first byte sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// The first content: of a stream its first event with text, else the first byte of the body.
    pub(crate) first_content: Duration,
    /// The last byte of the body.
    pub(crate) whole: Duration,
    /// Events in the body; none in a plain answer.
    pub(crate) events: usize,
}

/// How the simulator's first event with text begins; the one before it only names the role, and a gateway may hold it.
const FIRST_TEXT: &[u8] = b"\"delta\":{\"content\":";

/// One connection.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
}

impl Client {
    pub(crate) fn open(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).expect("the subject accepts connections");
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Client { stream: BufReader::with_capacity(256 << 10, stream), line: String::new(), body: Vec::new() }
    }

    /// Sends a whole request and reads the whole answer, which must be good.
    pub(crate) fn exchange(&mut self, wire: &[u8]) -> Timing {
        let begun = Instant::now();
        self.stream.get_mut().write_all(wire).expect("the subject reads");
        let length = self.head();
        self.body.clear();
        assert!(!self.stream.fill_buf().expect("a body").is_empty(), "a body");
        let mut first_content = begun.elapsed();
        match length {
            Some(length) => self.sized(length),
            None => {
                let mut found = false;
                while self.chunk() {
                    if !found && memchr::memmem::find(&self.body, FIRST_TEXT).is_some() {
                        found = true;
                        first_content = begun.elapsed();
                    }
                }
            }
        }
        Timing {
            first_content,
            whole: begun.elapsed(),
            events: memchr::memmem::find_iter(&self.body, b"data:").count(),
        }
    }

    /// Reads the head; the body's length, or none when it is chunked.
    fn head(&mut self) -> Option<usize> {
        self.read_line();
        assert!(self.line.starts_with("HTTP/1.1 200"), "a good answer, not {}", self.failure());
        let mut length = None;
        let mut chunked = false;
        loop {
            self.read_line();
            let line = self.line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = Some(value.trim().parse().expect("a length"));
            }
            chunked |= line.starts_with("transfer-encoding:") && line.ends_with("chunked");
        }
        assert!(length.is_some() != chunked, "an answer with one framing");
        length
    }

    fn failure(&mut self) -> String {
        let mut rest = vec![0; 2_000];
        let read = self.stream.read(&mut rest).unwrap_or(0);
        format!("{}{}", self.line, String::from_utf8_lossy(&rest[..read]))
    }

    fn sized(&mut self, length: usize) {
        let begin = self.body.len();
        self.body.resize(begin + length, 0);
        self.stream.read_exact(&mut self.body[begin..]).expect("the whole body");
    }

    /// Reads one chunk; whether it was not the last.
    fn chunk(&mut self) -> bool {
        self.read_line();
        let size = usize::from_str_radix(self.line.trim_end(), 16).expect("a chunk's size");
        self.sized(size);
        self.read_line();
        size > 0
    }

    fn read_line(&mut self) {
        self.line.clear();
        self.stream.read_line(&mut self.line).expect("a line");
        assert!(self.line.ends_with('\n'), "the subject closed its connection");
    }
}
