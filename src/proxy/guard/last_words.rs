//! What a client is still told before its connection is closed, and what is read and dropped so that it sees that.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use pingora_core::protocols::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// After a refusal what the client still sends is read and dropped, so much and for so long, so that it sees the refusal and not a reset.
const LINGER_BYTES: usize = 1024 * 1024;
pub(super) const LINGER_TIME: Duration = Duration::from_secs(2);

/// An answer that is written before the connection is closed.
#[derive(Debug)]
pub(super) struct LastWords {
    answer: Bytes,
    /// So many bytes may still be read and dropped.
    left: usize,
    is_shut: bool,
}

impl LastWords {
    /// To be written to a client whose connection ends, or nothing.
    pub(super) const fn new(answer: Bytes) -> LastWords {
        LastWords { answer, left: LINGER_BYTES, is_shut: false }
    }

    /// Ready when nothing more is to be done but to close.
    pub(super) fn poll(&mut self, io: &mut Stream, cx: &mut Context<'_>) -> Poll<()> {
        while !self.answer.is_empty() {
            match ready!(Pin::new(&mut *io).poll_write(cx, &self.answer)) {
                Ok(written) if written > 0 => self.answer.advance(written),
                _ => return Poll::Ready(()),
            }
        }
        if !self.is_shut {
            let shut = ready!(Pin::new(&mut *io).poll_shutdown(cx));
            self.is_shut = true;
            if shut.is_err() {
                return Poll::Ready(());
            }
        }
        let mut dropped = [0; 4096];
        loop {
            let mut buf = ReadBuf::new(&mut dropped);
            let read = ready!(Pin::new(&mut *io).poll_read(cx, &mut buf));
            let length = buf.filled().len();
            self.left = self.left.saturating_sub(length);
            if read.is_err() || length == 0 || self.left == 0 {
                return Poll::Ready(());
            }
        }
    }
}
