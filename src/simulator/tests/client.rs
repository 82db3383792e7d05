//! A small HTTP client over a raw socket, for tests that must see every byte and every end.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::super::{Handle, Options, spawn};

/// A connection to the simulator.
pub(super) struct Client {
    pub(super) stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer as far as it came.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    pub(super) end: End,
}

/// How an answer ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With its length reached, or its last chunk.
    Whole,
    /// With a FIN before its end.
    Cut,
    /// With a RST.
    Reset,
}

pub(super) fn simulator() -> Handle {
    spawn(Options::default()).unwrap()
}

impl Client {
    pub(super) fn new(addr: SocketAddr) -> Client {
        let stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Client { stream, buffer: Vec::new() }
    }

    pub(super) fn post(addr: SocketAddr, path: &str, body: &str) -> Answer {
        let mut client = Client::new(addr);
        client.send("POST", path, body);
        client.answer().unwrap()
    }

    pub(super) fn call(addr: SocketAddr, method: &str, path: &str, body: &str) -> Answer {
        let mut client = Client::new(addr);
        client.send(method, path, body);
        client.answer().unwrap()
    }

    /// Sends a request with a good key in both forms.
    pub(super) fn send(&mut self, method: &str, path: &str, body: &str) {
        let version = if path.contains("/messages") { "anthropic-version: 2023-06-01\r\n" } else { "" };
        self.raw(&format!(
            "{method} {path} HTTP/1.1\r\nhost: sim\r\nauthorization: Bearer sk-good-key-1234\r\n{version}content-length: {}\r\n\r\n{body}",
            body.len()
        ));
    }

    pub(super) fn raw(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    /// The answer; none when the connection ended before a head (with how it ended).
    pub(super) fn answer(&mut self) -> Result<Answer, End> {
        let (status, headers) = loop {
            let head_end = loop {
                if let Some(at) = memchr::memmem::find(&self.buffer, b"\r\n\r\n") {
                    break at + 4;
                }
                if let Some(end) = self.more() {
                    return Err(end);
                }
            };
            let head: Vec<u8> = self.buffer.drain(..head_end).collect();
            let (status, headers) = parse_head(&String::from_utf8(head).unwrap());
            if status >= 200 {
                break (status, headers);
            }
        };
        let find = |name: &str| headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone());
        let chunked = find("transfer-encoding").is_some();
        let length = find("content-length").map(|length| length.parse::<usize>().unwrap());
        let mut body = Vec::new();
        let end = if chunked {
            self.chunks(&mut body)
        } else {
            let wanted = length.unwrap_or(usize::MAX);
            loop {
                let take = self.buffer.len().min(wanted - body.len());
                body.extend(self.buffer.drain(..take));
                if body.len() == wanted {
                    break End::Whole;
                }
                match self.more() {
                    Some(End::Cut) if length.is_none() => break End::Whole,
                    Some(end) => break end,
                    None => {}
                }
            }
        };
        Ok(Answer { status, headers, body, end })
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> End {
        loop {
            if let Some(line) = memchr::memmem::find(&self.buffer, b"\r\n") {
                let size = usize::from_str_radix(std::str::from_utf8(&self.buffer[..line]).unwrap(), 16).unwrap();
                if self.buffer.len() >= line + 2 + size + 2 {
                    body.extend_from_slice(&self.buffer[line + 2..line + 2 + size]);
                    self.buffer.drain(..line + 2 + size + 2);
                    if size == 0 {
                        return End::Whole;
                    }
                    continue;
                }
            }
            if let Some(end) = self.more() {
                return end;
            }
        }
    }

    /// Reads once; says how the connection ended when it did.
    fn more(&mut self) -> Option<End> {
        let mut bytes = [0; 16 * 1024];
        match self.stream.read(&mut bytes) {
            Ok(0) => Some(End::Cut),
            Ok(read) => {
                self.buffer.extend_from_slice(&bytes[..read]);
                None
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Some(End::Reset),
            Err(error) => panic!("the simulator is silent: {error}"),
        }
    }

    /// Reads until so many bytes of the raw answer have come.
    pub(super) fn until(&mut self, enough: impl Fn(&[u8]) -> bool) {
        while !enough(&self.buffer) {
            assert_eq!(self.more(), None);
        }
    }
}

fn parse_head(head: &str) -> (u16, Vec<(String, String)>) {
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    (status, lines.filter_map(header).collect())
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The events of a stream: name and data.
    pub(super) fn events(&self) -> Vec<(String, String)> {
        events(self.text())
    }
}

/// The events of a stream: name and data.
pub(super) fn events(text: &str) -> Vec<(String, String)> {
    let event = |block: &str| {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
        (field("event: ").unwrap_or_default(), field("data: ").unwrap_or_default())
    };
    text.split("\n\n").filter(|block| !block.is_empty()).map(event).collect()
}
