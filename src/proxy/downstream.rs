//! The client's side of one exchange: when it leaves, and everything that is written to it.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Version, header};
use ovth_filters::neutral::ApiError;
use ovth_filters::sse::ArrayWriter;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora_core::Result;
use pingora_proxy::Session;

use super::body::PIECE_BYTES;
use super::reply::{Marks, append_all, as_array, keep_alive_unless_shutting_down, put_body, put_head};
use super::voice::Voice;
use super::waited::timed;
use crate::observe::Capturing;

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// The length is known.
    Length(usize),
    /// Chunks; towards HTTP/1.0 the close of the connection, towards HTTP/2 the end flag.
    Open,
}

/// What is written to the client of one exchange.
pub(super) struct Downstream<'a> {
    /// Pingora's session with the client.
    pub(super) session: &'a mut Session,
    marks: Marks,
    streaming: bool,
    status: Option<u16>,
    inside_event: bool,
    /// Whether the attempt under way may be bridged by heartbeats.
    beats: bool,
    heartbeats: u32,
    bytes: u64,
    waited: Duration,
    /// Makes one JSON array of the events, for a client that asked for that.
    array: Option<ArrayWriter>,
    /// Writes the exchange down, where that is asked for.
    pub(super) capture: Option<Box<Capturing>>,
}

impl<'a> Downstream<'a> {
    /// The client's side of an exchange; `streaming` is what the client asked for.
    pub(super) fn new(session: &'a mut Session, marks: Marks, streaming: bool) -> Downstream<'a> {
        Downstream {
            session,
            marks,
            streaming,
            status: None,
            inside_event: false,
            beats: true,
            heartbeats: 0,
            bytes: 0,
            waited: Duration::ZERO,
            array: None,
            capture: None,
        }
    }

    /// From here on what is written as events goes out as the elements of one JSON array.
    pub(super) fn stream_array(&mut self) {
        self.array = Some(ArrayWriter::default());
    }

    /// Resolves when the client has left. May be dropped and called again; the whole request body must have been read.
    pub(super) async fn left(&mut self) {
        let _ = self.session.read_body_or_idle(true).await;
    }

    /// Whether the status has gone out.
    pub(super) const fn head_written(&self) -> bool {
        self.status.is_some()
    }

    /// The status that has gone out.
    pub(super) const fn status(&self) -> Option<u16> {
        self.status
    }

    /// Body bytes written so far.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How long the client was waited for until it took what was written.
    pub(super) const fn waited(&self) -> Duration {
        self.waited
    }

    /// Heartbeats written so far.
    pub(super) const fn heartbeats(&self) -> u32 {
        self.heartbeats
    }

    /// What every answer of this exchange carries.
    pub(super) const fn marks(&mut self) -> &mut Marks {
        &mut self.marks
    }

    /// How the client is spoken to.
    pub(super) const fn voice(&self) -> Voice {
        self.marks.voice()
    }

    /// Tells that what was written last ended inside an event, so that nothing may be put in between.
    pub(super) const fn set_inside_event(&mut self, inside: bool) {
        self.inside_event = inside;
    }

    /// Whether what was written last ended inside an event.
    pub(super) const fn is_inside_event(&self) -> bool {
        self.inside_event
    }

    /// Whether heartbeats may be written: not while an answer is awaited that is no event stream.
    pub(super) const fn set_heartbeats(&mut self, may: bool) {
        self.beats = may;
    }

    /// Keeps a silent stream alive: the head if it has not gone out, then a heartbeat of the client's shape.
    pub(super) async fn heartbeat(&mut self) -> Result<()> {
        if !self.streaming || !self.beats || self.inside_event {
            return Ok(());
        }
        if !self.head_written() {
            self.write_head(200, event_stream_headers(), Framing::Open).await?;
        }
        self.heartbeats += 1;
        // In an array a comment becomes white space; that of a shape whose clients take no comments would become nothing.
        let heartbeat = if self.array.is_some() { b":\n\n" } else { self.marks.voice().heartbeat() };
        self.write(Bytes::from_static(heartbeat), false).await
    }

    /// Writes the head. `headers` are what the provider's allow-list let through.
    pub(super) async fn write_head(&mut self, status: u16, headers: HeaderMap, framing: Framing) -> Result<()> {
        if let Some(capture) = &mut self.capture {
            capture.client_head(status, &headers);
        }
        let mut head = ResponseHeader::build(status, Some(headers.len() + 12))?;
        append_all(&mut head, headers)?;
        if self.array.is_some() {
            head.insert_header(header::CONTENT_TYPE, JSON_STREAM)?;
        }
        if (is_event_stream(&head) || self.array.is_some()) && offers_compression(self.session.req_header()) {
            // Caddy up to 2.6 heeds no `no-transform`, and nginx never does: both would hold events back until a block is compressed.
            // What names its encoding they leave alone.
            head.insert_header(header::CONTENT_ENCODING, "identity")?;
        }
        match framing {
            Framing::Length(length) => head.insert_header(header::CONTENT_LENGTH, length)?,
            Framing::Open if self.session.req_header().version == Version::HTTP_11 => {
                head.insert_header(header::TRANSFER_ENCODING, "chunked")?;
            }
            Framing::Open => {}
        }
        self.marks.put(&mut head)?;
        keep_alive_unless_shutting_down(self.session);
        self.status = Some(status);
        timed(&mut self.waited, put_head(self.session, head, false)).await
    }

    /// Writes body bytes, in pieces that a slow client can take in time.
    pub(super) async fn write(&mut self, mut bytes: Bytes, end: bool) -> Result<()> {
        if let Some(array) = &mut self.array {
            let mut elements = BytesMut::with_capacity(bytes.len() + 8);
            array.write(&bytes, &mut elements);
            if end {
                array.finish(&mut elements);
            }
            bytes = elements.freeze();
            if bytes.is_empty() {
                return Ok(());
            }
        }
        self.bytes += bytes.len() as u64;
        if let Some(capture) = &mut self.capture {
            capture.client_body(&bytes);
        }
        while bytes.len() > PIECE_BYTES {
            let piece = bytes.split_to(PIECE_BYTES);
            timed(&mut self.waited, put_body(self.session, Some(piece), false)).await?;
        }
        timed(&mut self.waited, put_body(self.session, Some(bytes), end)).await
    }

    /// Writes a whole answer with its length.
    pub(super) async fn write_whole(&mut self, status: u16, headers: HeaderMap, mut body: Bytes) -> Result<()> {
        if self.array.take().is_some() {
            body = as_array(&body);
        }
        self.write_head(status, headers, Framing::Length(body.len())).await?;
        self.write(body, true).await
    }

    /// Ends a stream whose head is out with the terminal error event of the client's shape. It is written with the end flag: on HTTP/2 a reset
    /// right after it would throw it away.
    pub(super) async fn end_with_error(&mut self, error: &ApiError) -> Result<()> {
        let event = self.marks.voice().error_event(error, self.marks.request_id(), None);
        self.write(event.into(), true).await
    }
}

/// The media type of an event stream.
pub(super) const EVENT_STREAM: &str = "text/event-stream; charset=utf-8";

/// The media type of a stream that is one JSON array.
const JSON_STREAM: &str = "application/json; charset=UTF-8";

/// The headers of an event stream that no proxy on the way may hold back.
pub(super) fn event_stream_headers() -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
    mark_event_stream(&mut headers);
    headers
}

fn is_event_stream(head: &ResponseHeader) -> bool {
    let media_type = head.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    media_type.starts_with(b"text/event-stream")
}

/// Whether the request, or a proxy that passed it on, would take a compressed answer.
fn offers_compression(request: &RequestHeader) -> bool {
    let offers = request.headers.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    offers.flat_map(|value| value.split(',')).map(str::trim).any(|offer| !offer.is_empty() && offer != "identity")
}

/// Adds what keeps proxies from buffering or changing an event stream.
pub(super) fn mark_event_stream(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
}
