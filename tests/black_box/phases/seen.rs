//! What a client sees of an exchange whose gateway ends, in words.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::phase::Phase;
use crate::support::{End, Response, Shape, within};

/// A client in the middle of an exchange.
pub(super) enum Client {
    /// HTTP/1.1, byte by byte.
    One(Socket),
    /// HTTP/2, as a whole.
    Two(JoinHandle<Response>),
}

/// A connection, and all that came over it.
pub(super) struct Socket {
    stream: TcpStream,
    got: Vec<u8>,
    /// Sent once the way down has begun.
    pub(super) rest: Vec<u8>,
}

impl Socket {
    pub(super) async fn open(address: SocketAddr) -> Socket {
        let stream = TcpStream::connect(address).await.expect("the gateway accepts connections");
        Socket { stream, got: Vec::new(), rest: Vec::new() }
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        within("the gateway to read", self.stream.write_all(bytes)).await.expect("the gateway reads");
    }

    /// Reads until this has come.
    pub(super) async fn until(&mut self, text: &str) {
        while memchr::memmem::find(&self.got, text.as_bytes()).is_none() {
            let read = within(text, self.stream.read_buf(&mut self.got)).await.expect("the connection holds");
            assert!(read > 0, "closed before {text:?}: {}", String::from_utf8_lossy(&self.got));
        }
    }

    /// Forgets what came so far.
    pub(super) fn forget(&mut self) {
        self.got.clear();
    }

    /// Sends what was kept back; a gateway that is gone takes nothing.
    pub(super) async fn send_rest(&mut self) {
        let rest = std::mem::take(&mut self.rest);
        let _ = self.stream.write_all(&rest).await;
    }

    /// Waits for the end of the connection. A reset is one as well.
    pub(super) async fn closed(&mut self) {
        within("the connection to end", async {
            while self.stream.read_buf(&mut self.got).await.is_ok_and(|read| read > 0) {}
        })
        .await;
    }
}

impl Client {
    /// Waits for the end of the exchange, and tells it.
    pub(super) async fn saw(self, shape: Shape, phase: Phase) -> String {
        match self {
            Client::One(mut socket) => {
                socket.closed().await;
                let got = String::from_utf8(socket.got).expect("text");
                // The interim answer to a client that waited for it.
                let got = got.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(&got);
                let Some((head, body)) = got.split_once("\r\n\r\n") else {
                    assert_eq!(got, "");
                    return "the connection is closed".to_owned();
                };
                let head = head.to_ascii_lowercase();
                let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                let end = match length {
                    Some(length) if length.parse() == Ok(body.len()) => End::Complete,
                    None if body.ends_with("\r\n0\r\n\r\n") => End::Complete,
                    _ => End::Cut,
                };
                let answer = Answer { status, body: dechunked(body, length.is_none()), end };
                let closing = if head.contains("\r\nconnection: close") { ", `connection: close`" } else { "" };
                answer.words(shape, phase) + closing
            }
            Client::Two(response) => {
                let response = within("an answer over HTTP/2", response).await.expect("the client does not panic");
                let body = response.text().to_owned();
                Answer { status: response.status, body, end: response.end }.words(shape, phase)
            }
        }
    }
}

/// The body without the lines of its chunks, which are whole events each.
fn dechunked(body: &str, chunked: bool) -> String {
    if !chunked {
        return body.to_owned();
    }
    let is_size = |line: &&str| !line.is_empty() && line.len() < 8 && line.chars().all(|c| c.is_ascii_hexdigit());
    body.split("\r\n").filter(|line| !is_size(line)).collect()
}

struct Answer {
    status: u16,
    body: String,
    end: End,
}

impl Answer {
    fn words(&self, shape: Shape, phase: Phase) -> String {
        let Answer { status, body, end } = self;
        match (status, end) {
            (503, End::Complete) => {
                let error: serde_json::Value = serde_json::from_str(body).expect("JSON");
                shape.error_type(&error);
                assert!(body.contains("shutting down"), "{body}");
                "a 503 in its shape".to_owned()
            }
            (400, End::Complete) => "the error".to_owned(),
            (200, End::Complete) if !phase.is_stream() => {
                serde_json::from_str::<serde_json::Value>(body).expect("a whole answer");
                "the whole answer".to_owned()
            }
            (200, End::Complete) if body.contains(shape.success_mark()) => "the whole stream".to_owned(),
            (200, End::Complete) => {
                shape.assert_ended_by_error(body, *end);
                assert!(body.contains("shutting down"), "{body}");
                "what had come, then the error event of its shape".to_owned()
            }
            (200, End::Cut) => {
                assert!(!body.contains(shape.success_mark()), "{body}");
                "what had come, then the connection is cut".to_owned()
            }
            other => panic!("{other:?}: {body}"),
        }
    }
}
