//! Local answers and errors, in the caller's own shape, written so that the client can read them and the connection stays in step.

use std::fmt;
use std::io::Read;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use ovth_filters::Shape;
use ovth_filters::neutral::ApiError;
use pingora::http::ResponseHeader;
use pingora_core::{Error, ErrorType, Result};
use pingora_proxy::Session;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::body::PIECE_BYTES;
use super::guard::Patience;
use super::intake::expects_continue;
use super::voice::Voice;

/// Of a request body that nobody wants, so much is still read, so that the client sees the answer and not a reset.
const DRAIN_BYTES: usize = 1024 * 1024;

/// And for so long.
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// What every answer to one client carries.
#[derive(Clone, Debug)]
pub(super) struct Marks {
    voice: Voice,
    request_id: String,
    cors: bool,
    extra: Vec<(HeaderName, HeaderValue)>,
}

impl Marks {
    /// The marks of one request.
    pub(super) const fn new(voice: Voice, request_id: String, cors: bool) -> Marks {
        Marks { voice, request_id, cors, extra: Vec::new() }
    }

    /// How the client is spoken to.
    pub(super) const fn voice(&self) -> Voice {
        self.voice
    }

    /// The shape that the client speaks.
    pub(super) const fn shape(&self) -> Shape {
        self.voice.shape
    }

    /// The client turned out to be spoken to otherwise than its path says.
    pub(super) const fn speak(&mut self, voice: Voice) {
        self.voice = voice;
    }

    /// Our id of the request.
    pub(super) fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Adds or replaces a header; a value that no header can hold is left out.
    pub(super) fn set(&mut self, name: &'static str, value: &str) {
        let name = HeaderName::from_static(name);
        if let Ok(value) = HeaderValue::from_str(value) {
            self.extra.retain(|(other, _)| *other != name);
            self.extra.push((name, value));
        }
    }

    /// Takes a header out again.
    pub(super) fn unset(&mut self, name: &'static str) {
        self.extra.retain(|(other, _)| *other != name);
    }

    /// Puts the marks on a head: our request id under the name that the caller's SDK reads, CORS, and what was added.
    pub(super) fn put(&self, head: &mut ResponseHeader) -> Result<()> {
        head.insert_header(request_id_header(self.voice.shape), self.request_id.as_str())?;
        if self.cors {
            head.insert_header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")?;
            head.insert_header(header::ACCESS_CONTROL_EXPOSE_HEADERS, "*")?;
        }
        for (name, value) in &self.extra {
            head.insert_header(name, value)?;
        }
        Ok(())
    }
}

/// The header under which the SDKs of a shape look for the request id.
const fn request_id_header(shape: Shape) -> &'static str {
    match shape {
        Shape::Messages => "request-id",
        Shape::Chat | Shape::Responses | Shape::GenerateContent => "x-request-id",
    }
}

/// An answer that the gateway gives by itself.
#[derive(Debug)]
pub(super) struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Bytes(Bytes),
    Stream(Source),
}

impl Body {
    const fn length(&self) -> u64 {
        match self {
            Body::Bytes(bytes) => bytes.len() as u64,
            Body::Stream(source) => source.length,
        }
    }
}

/// A body that is not in memory.
pub(super) struct Source {
    /// Gives the bytes; may block.
    pub(super) reader: Box<dyn Read + Send>,
    /// How many there are.
    pub(super) length: u64,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("length", &self.length).finish_non_exhaustive()
    }
}

impl Source {
    /// The next piece, and what comes after it.
    ///
    /// # Errors
    /// When it cannot be read, or ends early: the client must not take what it has for all there is.
    async fn piece(mut self) -> Result<(Bytes, Source)> {
        let read = spawn_blocking(move || {
            let mut piece = vec![0; usize::try_from(self.length).unwrap_or(usize::MAX).min(PIECE_BYTES)];
            self.reader.read_exact(&mut piece)?;
            self.length -= piece.len() as u64;
            Ok::<_, std::io::Error>((Bytes::from(piece), self))
        });
        let failed = |error: String| Error::explain(ErrorType::FileReadError, error).into_in();
        read.await.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))
    }
}

impl Reply {
    /// An answer with these headers.
    pub(super) fn new(status: u16, headers: HeaderMap, body: impl Into<Bytes>) -> Reply {
        Reply { status, headers, body: Body::Bytes(body.into()) }
    }

    /// An answer whose body is sent piece by piece.
    pub(super) const fn stream(status: u16, headers: HeaderMap, source: Source) -> Reply {
        Reply { status, headers, body: Body::Stream(source) }
    }

    /// A JSON answer.
    pub(super) fn json(status: u16, body: impl Into<Bytes>) -> Reply {
        let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Reply::new(status, HeaderMap::from_iter([json]), body)
    }

    /// An answer without a body.
    pub(super) fn empty(status: u16) -> Reply {
        Reply::new(status, HeaderMap::new(), Bytes::new())
    }

    /// An error in the caller's form.
    pub(super) fn error(voice: Voice, error: &ApiError, request_id: &str) -> Reply {
        let encoded = voice.error(error, request_id, None);
        let mut reply = Reply::json(encoded.status, encoded.body);
        if let Some(seconds) = error.retry_after {
            reply = reply.with(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        reply
    }

    /// The same answer as the one element of an array.
    pub(super) fn in_array(mut self) -> Reply {
        if let Body::Bytes(bytes) = &mut self.body {
            *bytes = as_array(bytes);
        }
        self
    }

    /// The same answer with one more header.
    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Reply {
        self.headers.insert(name, value);
        self
    }

    /// The same answer with another status, unless there is none.
    pub(super) fn with_status(mut self, status: Option<u16>) -> Reply {
        self.status = status.unwrap_or(self.status);
        self
    }

    /// The status.
    pub(super) const fn status(&self) -> u16 {
        self.status
    }

    /// Writes the answer. A request body that was not read is drained within bounds after it, so that the client sees the answer and not a
    /// reset; what is left then is told by closing.
    ///
    /// # Errors
    /// When the client is gone.
    pub(super) async fn send(self, session: &mut Session, marks: &Marks) -> Result<u64> {
        let mut head = ResponseHeader::build(self.status, Some(self.headers.len() + 10))?;
        append_all(&mut head, self.headers)?;
        if self.status != 204 {
            head.insert_header(header::CONTENT_LENGTH, self.body.length())?;
        }
        marks.put(&mut head)?;
        keep_alive_unless_shutting_down(session);
        let unread = unread_body(session);
        if unread == Unread::Much {
            session.set_keepalive(None);
        }
        let length = self.body.length();
        let without_body = length == 0 || session.req_header().method == Method::HEAD;
        put_head(session, head, without_body).await?;
        if without_body {
            put_body(session, None, true).await?;
        } else {
            match self.body {
                Body::Bytes(bytes) => send_bytes(session, bytes).await?,
                Body::Stream(source) => send_stream(session, source).await?,
            }
        }
        if unread != Unread::Nothing {
            drain(session).await;
        }
        Ok(if without_body { 0 } else { length })
    }
}

/// A JSON value as the one element of an array, which is how Google tells errors to those who asked for an array; an array stays.
pub(super) fn as_array(value: &Bytes) -> Bytes {
    if value.trim_ascii_start().starts_with(b"[") {
        return value.clone();
    }
    [b"[", &**value, b"\n]"].concat().into()
}

async fn send_bytes(session: &mut Session, mut body: Bytes) -> Result<()> {
    while body.len() > PIECE_BYTES {
        let piece = body.split_to(PIECE_BYTES);
        put_body(session, Some(piece), false).await?;
    }
    put_body(session, Some(body), true).await
}

async fn send_stream(session: &mut Session, mut source: Source) -> Result<()> {
    loop {
        let (piece, rest) = source.piece().await?;
        let is_last = rest.length == 0;
        put_body(session, Some(piece), is_last).await?;
        if is_last {
            return Ok(());
        }
        source = rest;
    }
}

/// Appends headers; a map gives the name of a header with several values only once.
pub(super) fn append_all(head: &mut ResponseHeader, headers: HeaderMap) -> Result<()> {
    let mut last = None;
    for (name, value) in headers {
        last = name.or(last);
        if let Some(name) = last.clone() {
            head.append_header(name, value)?;
        }
    }
    Ok(())
}

/// Writes a head, within the client's time.
///
/// # Errors
/// When the client is gone or does not read. Nothing more may be written then.
pub(super) async fn put_head(session: &mut Session, head: ResponseHeader, end: bool) -> Result<()> {
    let patience = Patience::with(session);
    patience.wait(session.write_response_header(Box::new(head), end)).await
}

/// Writes a piece of a body, within the client's time.
///
/// # Errors
/// When the client is gone or does not read. Nothing more may be written then.
pub(super) async fn put_body(session: &mut Session, piece: Option<Bytes>, end: bool) -> Result<()> {
    let patience = Patience::with(session);
    patience.wait(session.write_response_body(piece, end)).await
}

/// Keeps the client's connection open after this exchange, unless the process is about to end.
pub(super) fn keep_alive_unless_shutting_down(session: &mut Session) {
    if session.is_process_shutting_down() {
        session.set_keepalive(None);
    } else if session.get_keepalive().is_some() {
        let seconds = Patience::with(session).idle_seconds();
        session.set_keepalive(Some(seconds));
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unread {
    Nothing,
    Little,
    Much,
}

fn unread_body(session: &mut Session) -> Unread {
    if session.is_body_done() {
        return Unread::Nothing;
    }
    let declared = session.req_header().headers.get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|value| value.to_str().ok()?.trim().parse::<usize>().ok());
    match declared.map(|length| length.saturating_sub(session.body_bytes_read())) {
        Some(left) if left <= DRAIN_BYTES && !expects_continue(session) => Unread::Little,
        _ => Unread::Much,
    }
}

/// Reads and drops what is left of the request body, within bounds. What is left after that is told by closing.
async fn drain(session: &mut Session) {
    let mut left = DRAIN_BYTES;
    let drained = timeout(DRAIN_TIME, async {
        while let Ok(Some(chunk)) = session.read_request_body().await {
            match left.checked_sub(chunk.len()) {
                Some(rest) => left = rest,
                None => return false,
            }
        }
        true
    })
    .await;
    if drained != Ok(true) {
        session.set_keepalive(None);
    }
}
