//! A client's connection as Pingora sees it: bounded in time and size while a head is awaited, and out of the way otherwise.

use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Buf, Bytes, BytesMut};
use pingora::http::ResponseHeader;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::tls::SslDigest;
use pingora_core::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, Stream, TimingDigest,
    UniqueID, UniqueIDType,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::connection::Connection;
use super::head::{Head, Most};
use super::last_words::{LINGER_TIME, LastWords};
use super::refusal::{to_large_head, to_slow_head};
use crate::config::Clients;
use crate::observe::ConnectionCut;

/// What a client that speaks HTTP/2 sends first (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How often an idle connection looks whether it should make room for others; it is idle for so long at least.
const LOOK: Duration = Duration::from_secs(5);

/// A connection of HTTP/2 on which something moved is not closed for so long: a request may be on its way from its bytes to the proxy.
const QUIET: Duration = Duration::from_secs(1);

/// A client's connection, guarded.
#[derive(Debug)]
pub struct GuardedStream {
    io: Stream,
    connection: Arc<Connection>,
    digest: Arc<ProxyDigest>,
    /// Read already, to find out which protocol is spoken.
    ahead: Bytes,
    waiting: Waiting,
    refusal: Option<LastWords>,
    timer: Option<Pin<Box<Sleep>>>,
    /// Of HTTP/2: when bytes were read or written last, and whether it was closed for being idle.
    moved: Instant,
    is_over: bool,
}

/// The head that is awaited, or was last.
#[derive(Debug)]
struct Waiting {
    /// The connection's turn that this is for.
    turn: u32,
    since: Instant,
    head: Head,
    clients: Clients,
    /// Bytes that have come.
    bytes: usize,
    /// Whether a request came before: then the connection may be idle, and the head's time begins with its first byte.
    is_idle: bool,
}

impl Waiting {
    fn new(turn: u32, clients: Clients) -> Waiting {
        Waiting { turn, since: Instant::now(), head: Head::new(), bytes: 0, clients, is_idle: turn > 0 }
    }

    fn until(&self) -> Instant {
        self.since + if self.is_idle { self.clients.idle_time } else { self.clients.head_time }
    }

    fn begins(&mut self) {
        if self.is_idle {
            self.is_idle = false;
            self.since = Instant::now();
        }
    }
}

impl GuardedStream {
    /// Guards a connection whose TLS handshake, if any, is done.
    ///
    /// # Panics
    /// Never: the head that Pingora's digest wants is a constant.
    #[must_use]
    pub fn new(io: Stream, connection: Arc<Connection>) -> GuardedStream {
        if matches!(io.selected_alpn_proto(), Some(ALPN::H2)) {
            connection.set_http2();
        }
        // Pingora has a place for what is known of a proxy on the way; nobody else uses it on this side.
        let head = ResponseHeader::build(200, Some(0)).expect("200 is a status");
        let digest = ProxyDigest::new(Box::new(head), Some(Box::new(Arc::clone(&connection))));
        GuardedStream {
            waiting: Waiting::new(connection.turn(), connection.clients()),
            io,
            connection,
            digest: Arc::new(digest),
            ahead: Bytes::new(),
            refusal: None,
            timer: None,
            moved: Instant::now(),
            is_over: false,
        }
    }

    /// Reads ahead as far as is needed to tell HTTP/2 from HTTP/1. Pingora would wait for 24 bytes for ever. `false`: nothing came in time.
    pub async fn tell_protocol(&mut self) -> bool {
        let mut ahead = BytesMut::with_capacity(PREFACE.len());
        let time = self.waiting.clients.head_time;
        let read = timeout(time, async {
            while ahead.len() < PREFACE.len() && PREFACE.starts_with(&ahead) {
                match (&mut self.io).take((PREFACE.len() - ahead.len()) as u64).read_buf(&mut ahead).await {
                    Ok(0) => return true,
                    Ok(_) => {}
                    Err(_) => return false,
                }
            }
            true
        });
        let goes_on = match read.await {
            Ok(goes_on) => goes_on,
            Err(_) => {
                self.connection.door().cut(ConnectionCut::SlowHead);
                false
            }
        };
        if ahead[..] == PREFACE[..] {
            self.connection.set_http2();
        }
        self.ahead = ahead.freeze();
        goes_on
    }

    fn poll_inner(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let count = self.ahead.len().min(buf.remaining());
        buf.put_slice(self.ahead.get(..count).unwrap_or_default());
        self.ahead.advance(count);
        Poll::Ready(Ok(()))
    }

    /// Reads while a head is awaited.
    fn poll_head(&mut self, turn: u32, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.waiting.turn != turn {
            self.waiting = Waiting::new(turn, self.connection.clients());
        }
        let before = buf.filled().len();
        if self.poll_inner(cx, buf)?.is_pending() {
            return self.poll_time(cx);
        }
        let bytes = buf.filled().get(before..).unwrap_or_default();
        if bytes.is_empty() {
            return Poll::Ready(Ok(()));
        }
        self.waiting.begins();
        self.waiting.bytes = self.waiting.bytes.saturating_add(bytes.len());
        if self.connection.is_http2() {
            // Here only the preface is awaited; Pingora bounds the heads of HTTP/2, and `poll_http2` the time without any.
            if self.waiting.bytes >= PREFACE.len() {
                self.connection.http2_has_begun();
            }
            return Poll::Ready(Ok(()));
        }
        let clients = self.waiting.clients;
        let most = Most { bytes: clients.header_bytes, headers: clients.header_count };
        if self.waiting.head.take(bytes, most).is_err() {
            buf.set_filled(before);
            let answer = to_large_head(self.waiting.head.shape(), &clients);
            return self.refuse(ConnectionCut::LargeHead, answer, cx);
        }
        Poll::Ready(Ok(()))
    }

    /// Nothing has come: is it time to give up?
    fn poll_time(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let now = Instant::now();
            let Waiting { since, clients, is_idle, .. } = self.waiting;
            let until = self.waiting.until();
            let makes_room = is_idle && now >= since + LOOK && self.connection.is_crowded(&clients);
            if now >= until || makes_room {
                return self.give_up(cx);
            }
            let look = if is_idle { until.min(now + LOOK) } else { until };
            ready!(self.poll_timer(look, cx));
        }
    }

    /// Waits until then, or a little less.
    fn poll_timer(&mut self, look: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(look)));
        // One that ends earlier is left as it is: it costs less to look once too often than to set it anew with each request.
        if timer.deadline() > look || timer.is_elapsed() {
            timer.as_mut().reset(look);
        }
        timer.as_mut().poll(cx)
    }

    /// Reads what comes after the preface of HTTP/2. Where no request has been under way for long enough, that is the end.
    fn poll_http2(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.is_over {
            return Poll::Ready(Ok(()));
        }
        if self.poll_inner(cx, buf)?.is_pending() {
            return self.poll_idle(cx).map(Ok);
        }
        self.moved = Instant::now();
        Poll::Ready(Ok(()))
    }

    /// Nothing moves on a connection of HTTP/2: is it idle for so long that it is closed?
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let now = Instant::now();
            let (clients, idle_since) = self.connection.idleness();
            let look = match idle_since {
                None => now + LOOK.min(clients.idle_time),
                Some(since) => {
                    let until = since + clients.idle_time;
                    let makes_room = now >= since + LOOK && self.connection.is_crowded(&clients);
                    let quiet = self.moved + QUIET;
                    match (now >= until || makes_room, now >= quiet) {
                        (true, true) => {
                            self.is_over = true;
                            return Poll::Ready(());
                        }
                        (true, false) => quiet,
                        (false, _) => until.min(now + LOOK),
                    }
                }
            };
            ready!(self.poll_timer(look, cx));
        }
    }

    /// Looks at what came of a write: on a connection of HTTP/2 that is idle nobody waits for long for a client that does not read.
    fn written<T>(&mut self, written: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if !self.connection.is_http2() {
            return written;
        }
        if written.is_ready() {
            self.moved = Instant::now();
        } else if self.is_over || self.poll_idle(cx).is_ready() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the connection was idle")));
        }
        written
    }

    fn give_up(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.waiting.is_idle {
            return Poll::Ready(Ok(()));
        }
        let answer = if self.waiting.head.has_begun() && !self.connection.is_http2() {
            to_slow_head(self.waiting.head.shape())
        } else {
            Bytes::new()
        };
        self.refuse(ConnectionCut::SlowHead, answer, cx)
    }

    fn refuse(&mut self, why: ConnectionCut, answer: Bytes, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.door().cut(why);
        let until = Instant::now() + LINGER_TIME;
        self.timer = Some(Box::pin(sleep_until(until)));
        self.refusal = Some(LastWords::new(answer));
        self.poll_refusal(cx)
    }

    /// Drives a refusal to its end, which Pingora is told as the end of the connection.
    fn poll_refusal(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(refusal) = &mut self.refusal else { return Poll::Ready(Ok(())) };
        if refusal.poll(&mut self.io, cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        match &mut self.timer {
            Some(timer) => timer.as_mut().poll(cx).map(Ok),
            None => Poll::Ready(Ok(())),
        }
    }
}

fn condemned() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the client gives up too many requests")
}

impl AsyncRead for GuardedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.refusal.is_some() {
            return self.poll_refusal(cx);
        }
        if self.connection.is_condemned() {
            return Poll::Ready(Err(condemned()));
        }
        let turn = self.connection.turn();
        if turn.is_multiple_of(2) {
            self.poll_head(turn, cx, buf)
        } else if self.connection.is_http2() {
            self.poll_http2(cx, buf)
        } else {
            self.poll_inner(cx, buf)
        }
    }
}

impl AsyncWrite for GuardedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.connection.is_condemned() {
            return Poll::Ready(Err(condemned()));
        }
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.written(written, cx)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        if flushed.is_ready() { flushed } else { self.written(flushed, cx) }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.io).poll_shutdown(cx);
        if shut.is_ready() { shut } else { self.written(shut, cx) }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.connection.is_condemned() {
            return Poll::Ready(Err(condemned()));
        }
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.written(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[async_trait]
impl Shutdown for GuardedStream {
    async fn shutdown(&mut self) {
        self.io.shutdown().await;
    }
}

impl UniqueID for GuardedStream {
    fn id(&self) -> UniqueIDType {
        self.io.id()
    }
}

impl Ssl for GuardedStream {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.io.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.io.selected_alpn_proto()
    }
}

#[async_trait]
impl Peek for GuardedStream {
    /// Shows what [`GuardedStream::tell_protocol`] has read, which is the whole preface of HTTP/2 or something else.
    async fn try_peek(&mut self, buf: &mut [u8]) -> io::Result<bool> {
        buf.fill(0);
        for (place, byte) in buf.iter_mut().zip(&self.ahead) {
            *place = *byte;
        }
        Ok(true)
    }
}

impl GetTimingDigest for GuardedStream {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.io.get_timing_digest()
    }

    fn get_read_pending_time(&self) -> Duration {
        self.io.get_read_pending_time()
    }

    fn get_write_pending_time(&self) -> Duration {
        self.io.get_write_pending_time()
    }
}

impl GetProxyDigest for GuardedStream {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        Some(Arc::clone(&self.digest))
    }
}

impl GetSocketDigest for GuardedStream {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.io.get_socket_digest()
    }
}
