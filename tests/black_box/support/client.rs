//! A client that says exactly what a test wants it to say, over HTTP/1.0, HTTP/1.1 or plaintext HTTP/2.

use std::io::Write as _;
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::http1::{self, End, Framing, Head, Reader};
use super::within;

/// One request, before it takes a form on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The method.
    pub(crate) method: &'static str,
    /// Path and query.
    pub(crate) path: String,
    /// Headers beside those of the framing.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Bytes,
}

impl Request {
    pub(crate) fn new(method: &'static str, path: impl Into<String>) -> Request {
        Request { method, path: path.into(), headers: Vec::new(), body: Bytes::new() }
    }

    pub(crate) fn get(path: impl Into<String>) -> Request {
        Request::new("GET", path)
    }

    pub(crate) fn post(path: impl Into<String>, body: impl Into<Bytes>) -> Request {
        Request { body: body.into(), ..Request::new("POST", path) }.header("content-type", "application/json")
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Request {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn bearer(self, key: &str) -> Request {
        self.header("authorization", format!("Bearer {key}"))
    }
}

/// How a request goes over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// HTTP/1.0 with a length.
    Http10,
    /// HTTP/1.1 with a length.
    Sized,
    /// HTTP/1.1 in chunks.
    Chunked,
    /// HTTP/1.1 with a length; the body waits for `100 Continue`.
    Expect,
    /// HTTP/1.1 with a length, compressed.
    Gzip,
    /// HTTP/2 without TLS, by prior knowledge.
    H2c,
}

impl Way {
    pub(crate) const ALL: [Way; 6] = [Way::Http10, Way::Sized, Way::Chunked, Way::Expect, Way::Gzip, Way::H2c];
}

/// A whole response.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    /// Its status.
    pub(crate) status: u16,
    /// Its headers; names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// Its body, without framing.
    pub(crate) body: Bytes,
    /// How its body ended.
    pub(crate) end: End,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Our own id of the request, under the name that either SDK reads.
    pub(crate) fn request_id(&self) -> &str {
        self.header("x-request-id").or_else(|| self.header("request-id")).expect("a request id")
    }

    /// How many attempts the gateway tells of: the header is a number, or lists them.
    pub(crate) fn attempts(&self) -> usize {
        let told = self.header("x-ovth-attempts").unwrap_or_else(|| panic!("no x-ovth-attempts in {self:?}"));
        told.parse().unwrap_or_else(|_| told.split(',').count())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }
}

/// Sends one request on a connection of its own and reads the response while it is being sent.
pub(crate) async fn send(address: SocketAddr, request: &Request, way: Way) -> Response {
    match way {
        Way::H2c => within("an exchange over HTTP/2", super::h2c::exchange(address, request)).await,
        _ => Connection::open(address).await.exchange(request, way).await,
    }
}

/// One event of a stream.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// The bytes as sent, blank line included.
    pub(crate) raw: Bytes,
}

impl Event {
    /// What follows `data:`, or nothing.
    pub(crate) fn data(&self) -> String {
        let text = String::from_utf8_lossy(&self.raw);
        text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim_start).collect()
    }

    /// Whether it only keeps the connection alive.
    pub(crate) fn is_heartbeat(&self) -> bool {
        self.raw.starts_with(b":") || self.raw.starts_with(b"event: ping") || self.raw.trim_ascii().is_empty()
    }
}

/// A client's HTTP/1 connection.
pub(crate) struct Connection {
    reader: Reader<OwnedReadHalf>,
    write: OwnedWriteHalf,
    framing: Framing,
    tail: BytesMut,
    ended: Option<End>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Connection {
        let stream = TcpStream::connect(address).await.expect("the gateway accepts connections");
        stream.set_nodelay(true).expect("nodelay");
        let (read, write) = stream.into_split();
        let reader = Reader::new(read);
        Connection { reader, write, framing: Framing::Sized(0), tail: BytesMut::new(), ended: None }
    }

    /// Sends a whole request; fails the test when the peer takes no more of it.
    pub(crate) async fn send(&mut self, request: &Request, way: Way) {
        let (head, body) = encode(request, way);
        self.send_raw(&head).await;
        if way == Way::Expect {
            let interim = within("100 Continue", self.reader.head()).await.expect("an interim response");
            assert_eq!(interim.status(), 100, "{interim:?}");
        }
        self.send_raw(&body).await;
    }

    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        within("the peer to take our bytes", self.write.write_all(bytes)).await.expect("the peer reads");
    }

    /// Sends a request and reads the response at the same time, as curl does: a peer that answers early is understood.
    pub(crate) async fn exchange(&mut self, request: &Request, way: Way) -> Response {
        let (head, body) = encode(request, way);
        let wire = if way == Way::Expect {
            self.send_raw(&head).await;
            let first = within("the interim response", self.reader.head()).await.expect("a response");
            if first.status() != 100 {
                return self.body_of(first, request.method).await;
            }
            body
        } else {
            [head, body].concat()
        };
        let head = {
            let mut writing = std::pin::pin!(self.write.write_all(&wire));
            let mut reading = std::pin::pin!(self.reader.head());
            within("a response head", async {
                tokio::select! {
                    head = &mut reading => return head,
                    // A peer that has answered may stop reading: the answer is what counts.
                    _ = &mut writing => {}
                }
                reading.await
            })
            .await
        };
        let head = head.unwrap_or_else(|| panic!("no response to {} {}", request.method, request.path));
        self.body_of(head, request.method).await
    }

    async fn body_of(&mut self, head: Head, method: &str) -> Response {
        self.begin(&head, method);
        let (body, end) = within("a response body", self.reader.rest(&mut self.framing)).await;
        Response { status: head.status(), headers: head.headers, body, end }
    }

    fn begin(&mut self, head: &Head, method: &str) {
        self.ended = None;
        let empty = method == "HEAD" || matches!(head.status(), 204 | 304);
        self.framing = if empty { Framing::Sized(0) } else { head.framing(true) };
    }

    /// The next response's head; its body follows by [`Connection::event`] or [`Connection::rest`].
    pub(crate) async fn head(&mut self) -> Head {
        let head = within("a response head", self.reader.head()).await.expect("a response, not a close");
        self.begin(&head, "POST");
        head
    }

    /// The whole next response.
    pub(crate) async fn response(&mut self) -> Response {
        let head = within("a response head", self.reader.head()).await.expect("a response, not a close");
        self.body_of(head, "POST").await
    }

    /// The next event of a stream; none at its end (see [`Connection::end`]), where an unfinished event fails the test.
    pub(crate) async fn event(&mut self) -> Option<Event> {
        loop {
            // Either way of ending lines, whichever comes first.
            let ends = ["\n\n", "\r\n\r\n"]
                .map(|blank| memchr::memmem::find(&self.tail, blank.as_bytes()).map(|at| at + blank.len()));
            if let Some(end) = ends.into_iter().flatten().min() {
                return Some(Event { raw: self.tail.split_to(end).freeze() });
            }
            if self.ended.is_some() {
                assert!(self.tail.is_empty(), "a stream that ends inside an event: {:?}", self.tail);
                return None;
            }
            match within("a piece of a stream", self.reader.piece(&mut self.framing)).await {
                Ok(piece) => self.tail.extend_from_slice(&piece),
                Err(end) => self.ended = Some(end),
            }
        }
    }

    /// The body's next bytes, so many at least, whether or not an event ends there; they stay to be read.
    pub(crate) async fn peek(&mut self, bytes: usize) -> &[u8] {
        while self.tail.len() < bytes {
            match within("a piece of a body", self.reader.piece(&mut self.framing)).await {
                Ok(piece) => self.tail.extend_from_slice(&piece),
                Err(end) => panic!("{} bytes and then {end:?}, not {bytes} bytes", self.tail.len()),
            }
        }
        &self.tail
    }

    /// Everything that is left of the body, whether or not it ends inside an event, and how it ended.
    pub(crate) async fn rest(&mut self) -> (Bytes, End) {
        let (rest, end) = within("the rest of a body", self.reader.rest(&mut self.framing)).await;
        self.tail.extend_from_slice(&rest);
        self.ended = Some(end);
        (self.tail.split().freeze(), end)
    }

    /// The next event that is more than a heartbeat.
    pub(crate) async fn content_event(&mut self) -> Option<Event> {
        while let Some(event) = self.event().await {
            if !event.is_heartbeat() {
                return Some(event);
            }
        }
        None
    }

    /// All events that are left.
    pub(crate) async fn events(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.event().await {
            events.push(event);
        }
        events
    }

    /// How the body that was read by events ended.
    pub(crate) fn end(&self) -> End {
        self.ended.expect("the body was read to its end")
    }

    /// Waits for the peer to close.
    pub(crate) async fn closed(&mut self) {
        while self.reader.fill().await {}
    }

    /// Ends the connection by a reset instead of a close.
    pub(crate) fn reset(self) {
        http1::reset_on_close(self.reader.inner().as_ref()).expect("a socket option");
    }
}

/// The head and the framed body of a request.
fn encode(request: &Request, way: Way) -> (Vec<u8>, Vec<u8>) {
    let version = if way == Way::Http10 { "1.0" } else { "1.1" };
    let mut head = format!("{} {} HTTP/{version}\r\nhost: gateway.test\r\n", request.method, request.path);
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut body = request.body.to_vec();
    match way {
        Way::Chunked => {
            body = http1::chunked(&body, 10_000);
            head.push_str("transfer-encoding: chunked\r\n");
        }
        Way::Gzip => {
            body = gzip(&body);
            head.push_str(&format!("content-encoding: gzip\r\ncontent-length: {}\r\n", body.len()));
        }
        Way::Expect => head.push_str(&format!("expect: 100-continue\r\ncontent-length: {}\r\n", body.len())),
        Way::Sized | Way::Http10 if request.method == "POST" || !request.body.is_empty() => {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        Way::Sized | Way::Http10 => {}
        Way::H2c => unreachable!("HTTP/2 has a client of its own"),
    }
    head.push_str("\r\n");
    (head.into_bytes(), body)
}

/// The bytes, compressed.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}
