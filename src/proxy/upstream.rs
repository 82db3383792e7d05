//! The provider's side of one attempt: its address, its connection, and the two halves of HTTP on it.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use http::{Method, header};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora_core::connectors::http::Connector;
use pingora_core::protocols::http::client::HttpSession;
use pingora_core::upstreams::peer::{ALPN, HttpPeer, Peer};
use pingora_core::{Error, ErrorType, Result, RetryType};

use crate::config::Timeouts;
use crate::providers::{RequestHead, Upstream};

/// Less than providers keep an idle connection open, so that we seldom send into one that is about to close.
const POOL_IDLE: Duration = Duration::from_secs(30);

/// Heads such as `103 Early Hints` that may come before the final one.
const MAX_INTERIM_HEADS: usize = 16;

/// Where an attempt connects to.
///
/// HTTP/1.1 only: over HTTP/2 one upload that stalls would block every other request on its connection.
pub(super) fn peer(upstream: &Upstream, address: SocketAddr, fresh: bool) -> HttpPeer {
    let mut peer = HttpPeer::new(address, upstream.tls(), upstream.host().to_owned());
    let timeouts = upstream.timeouts();
    peer.options.alpn = ALPN::H1;
    peer.options.connection_timeout = Some(timeouts.connect);
    peer.options.total_connection_timeout = Some(timeouts.connect);
    peer.options.idle_timeout = Some(POOL_IDLE);
    if fresh {
        peer.group_key = unique_group();
    }
    peer
}

/// A pool key that no connection has: asking for it always opens a new one.
fn unique_group() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The head of a request with a body of `length` bytes.
///
/// # Errors
/// When the path or a header cannot be sent.
pub(super) fn request_head(head: RequestHead, length: usize) -> Result<RequestHeader> {
    let mut request = RequestHeader::build(Method::POST, head.path_and_query.as_bytes(), Some(head.headers.len() + 2))?;
    let mut last = None;
    for (name, value) in head.headers {
        last = name.or(last);
        if let Some(name) = last.clone() {
            request.append_header(name, value)?;
        }
    }
    request.insert_header(header::CONTENT_LENGTH, length)?;
    Ok(request)
}

/// An open connection that carries one attempt. Dropping it closes it, which tells the provider to stop.
pub(super) struct Wire {
    session: HttpSession,
    peer: HttpPeer,
    reused: bool,
    request_written: bool,
    /// An error that came while the request was still being written.
    failed: Option<Box<Error>>,
}

impl Wire {
    /// Takes a connection from the pool or opens one.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) async fn open(connector: &Connector, peer: HttpPeer, timeouts: &Timeouts) -> Result<Wire> {
        let (mut session, reused) = connector.get_http_session(&peer).await?;
        session.set_read_timeout(None);
        session.set_write_timeout(Some(timeouts.idle));
        Ok(Wire { session, peer, reused, request_written: false, failed: None })
    }

    /// Whether it came from the pool, and so may have been closed by the provider without our knowing.
    pub(super) const fn reused(&self) -> bool {
        self.reused
    }

    /// Writes the head of the request.
    pub(super) async fn write_head(&mut self, head: RequestHeader) -> Result<()> {
        self.session.write_request_header(Box::new(head)).await
    }

    /// Writes a piece of the body.
    pub(super) async fn write_body(&mut self, piece: Bytes, end: bool) -> Result<()> {
        self.session.write_request_body(piece, end).await
    }

    /// Ends the request.
    pub(super) async fn finish_request(&mut self) -> Result<()> {
        self.session.finish_request_body().await?;
        self.request_written = true;
        Ok(())
    }

    /// Whether there is no use in writing the rest of the request: a refusal is there already, or the connection broke. A success that
    /// begins early is no reason to stop.
    pub(super) fn is_refused_early(&mut self) -> bool {
        if !self.final_head()
            && let Some(Err(error)) = self.session.read_response_header().now_or_never()
        {
            self.failed = Some(error);
            return true;
        }
        self.head().is_some_and(|head| !head.status.is_success())
    }

    /// Reads heads until a final one. May be dropped and called again.
    pub(super) async fn read_head(&mut self) -> Result<()> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        for _ in 0..MAX_INTERIM_HEADS {
            if self.final_head() {
                return Ok(());
            }
            self.session.read_response_header().await?;
        }
        if self.final_head() {
            Ok(())
        } else {
            Error::e_explain(ErrorType::InvalidHTTPHeader, "too many interim heads")
        }
    }

    fn final_head(&self) -> bool {
        self.session.response_header().is_some_and(|head| !head.status.is_informational())
    }

    /// The final head, once [`Wire::read_head`] has returned.
    pub(super) fn head(&self) -> Option<&ResponseHeader> {
        self.session.response_header().filter(|head| !head.status.is_informational())
    }

    /// Reads body bytes; `None` at the end. May be dropped and called again.
    pub(super) async fn read_body(&mut self) -> Result<Option<Bytes>> {
        if self.session.response_done() {
            return Ok(None);
        }
        self.session.read_response_body().await
    }

    /// Body bytes that are there already: `None` when there are none yet.
    pub(super) fn ready_body(&mut self) -> Option<Result<Option<Bytes>>> {
        self.read_body().now_or_never()
    }

    /// Gives the connection back to the pool if the whole request was written; Pingora looks at the response only, and the next request's
    /// bytes would go up as the rest of this one's body.
    pub(super) async fn release(self, connector: &Connector) {
        if !self.request_written {
            return;
        }
        let mut peer = self.peer;
        peer.group_key = 0;
        connector.release_http_session(self.session, &peer, peer.idle_timeout()).await;
    }
}

/// Whether an error on a pooled connection, before any byte of an answer, says that the provider had closed it.
pub(super) fn is_stale(error: &Error) -> bool {
    let untouched = error.context.as_ref().is_none_or(|context| context.as_str().ends_with("bytes already read: 0"));
    match error.etype() {
        ErrorType::WriteError => true,
        ErrorType::ConnectionClosed => untouched && matches!(error.retry, RetryType::ReusedOnly),
        // Over TLS a close without notice has no number of the system's, and Pingora leaves its retry undecided.
        ErrorType::ReadError => {
            let cut = |cause: &io::Error| cause.kind() == io::ErrorKind::UnexpectedEof;
            untouched
                && (matches!(error.retry, RetryType::ReusedOnly)
                    || error.root_cause().downcast_ref::<io::Error>().is_some_and(cut))
        }
        _ => false,
    }
}

/// What broke, in words that name no address and no path of this machine.
pub(super) fn describe(error: &Error) -> &'static str {
    match error.etype() {
        ErrorType::ConnectTimedout => "the connection was not opened in time",
        ErrorType::ConnectRefused => "the connection was refused",
        ErrorType::ConnectNoRoute => "there is no route to it",
        ErrorType::TLSHandshakeTimedout => "the TLS handshake was not done in time",
        ErrorType::TLSHandshakeFailure
        | ErrorType::InvalidCert
        | ErrorType::HandshakeError
        | ErrorType::TLSWantX509Lookup => "the TLS handshake failed",
        ErrorType::ConnectError | ErrorType::BindError | ErrorType::SocketError | ErrorType::ConnectProxyFailure => {
            "the connection could not be opened"
        }
        ErrorType::InvalidHTTPHeader
        | ErrorType::H1Error
        | ErrorType::H2Error
        | ErrorType::H2Downgrade
        | ErrorType::InvalidH2 => "its answer is not HTTP",
        ErrorType::ReadError | ErrorType::ConnectionClosed => "the connection broke while the answer was read",
        ErrorType::WriteError => "the connection broke while the request was sent",
        ErrorType::ReadTimedout => "nothing came in time",
        ErrorType::WriteTimedout => "it did not take the request in time",
        _ => "the exchange with it failed",
    }
}
