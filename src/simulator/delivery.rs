//! Writes a reply to the client: its delays, its pieces, and where it breaks off.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Version};
use pingora_core::protocols::http::ServerSession;

use socket2::Socket;

use super::behaviour::{Behaviour, How};
use super::namespace::{Ending, Record};
use super::reply::Reply;

/// What becomes of the connection after an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// The answer is complete: the connection may serve another request.
    Finish,
    /// A FIN (or, with unread bytes of the client's, what the system makes of it).
    Close,
    /// A RST.
    Reset,
}

/// A client connection to which one answer is written.
pub(super) struct Delivery<'a> {
    /// The client's connection.
    pub(super) session: &'a mut ServerSession,
    /// A handle on its socket.
    pub(super) socket: &'a Socket,
    /// The account of it.
    pub(super) record: &'a Record,
    /// The order.
    pub(super) step: &'a Behaviour,
    /// Whether the whole body was read. Only then the client's leaving can be told from its body.
    pub(super) whole_body: bool,
}

enum Broken {
    ClientLeft,
    OnOrder(How),
}

/// How long a stall lasts that has no end of its own.
const STALL: Duration = Duration::from_secs(600);

impl Delivery<'_> {
    /// Writes the reply and says what becomes of the connection.
    pub(super) async fn run(mut self, reply: Reply) -> Then {
        match self.write(reply).await {
            Ok(()) => Then::Finish,
            Err(Broken::ClientLeft) => {
                self.record.end(Ending::ClientLeft);
                Then::Close
            }
            Err(Broken::OnOrder(how)) => {
                self.record.end(Ending::BrokenOff);
                if how == How::Reset { Then::Reset } else { Then::Close }
            }
        }
    }

    async fn write(&mut self, reply: Reply) -> Result<(), Broken> {
        self.wait(Duration::from_millis(self.step.delay_ms)).await?;
        self.stop_at(None).await?;
        // Pingora writes head and body one by one, where a provider's answer comes in one packet.
        let in_one_packet = reply.sized && self.step.stop.is_none() && self.step.first_event_delay_ms == 0;
        if !in_one_packet {
            return self.write_answer(reply).await;
        }
        self.cork(true);
        let written = self.write_answer(reply).await;
        self.cork(false);
        written
    }

    /// Holds back, or lets go, what does not fill a packet. Only the number of packets depends on it.
    fn cork(&self, hold: bool) {
        #[cfg(target_os = "linux")]
        let _ = self.socket.set_tcp_cork(hold);
        #[cfg(not(target_os = "linux"))]
        let _ = (self.socket, hold);
    }

    async fn write_answer(&mut self, reply: Reply) -> Result<(), Broken> {
        let head_only = self.session.req_header().method == Method::HEAD;
        self.write_head(&reply).await?;
        self.wait(Duration::from_millis(self.step.first_event_delay_ms)).await?;

        let frames = if head_only { Default::default() } else { reply.frames };
        let count = frames.count();
        let stop_at = self.step.stop.as_ref().and_then(|stop| stop.after_events).map(|after| after.min(count));
        let mut written = 0;
        loop {
            if stop_at == Some(written) {
                let piece = frames.run(written, written + 1);
                let half =
                    if self.step.stop.as_ref().is_some_and(|stop| stop.half_event) { piece.len() / 2 } else { 0 };
                self.write_bytes(piece.slice(..half)).await?;
                self.stop_at(stop_at).await?;
                self.write_bytes(piece.slice(half..)).await?;
                written += 1;
                self.record.events(written.min(count));
            }
            if written >= count {
                return Ok(());
            }
            let bound = stop_at.filter(|at| *at > written).unwrap_or(count);
            let to = bound.min(written.saturating_add(reply.burst));
            self.write_bytes(frames.run(written, to)).await?;
            written = to;
            self.record.events(written);
            if let Some(pace) = reply.pace.filter(|_| written < count) {
                self.wait(pace).await?;
            }
        }
    }

    async fn write_head(&mut self, reply: &Reply) -> Result<(), Broken> {
        let mut head = Box::new(reply.head.clone());
        // The names are constants and the length is a number, so neither can fail.
        let _ = if reply.sized {
            head.set_content_length(reply.frames.len())
        } else if self.session.req_header().version == Version::HTTP_10 {
            // No framing: the close ends the body.
            Ok(())
        } else {
            head.insert_header("transfer-encoding", "chunked")
        };
        let status = head.status.as_u16();
        self.session.write_response_header(head).await.map_err(|_| Broken::ClientLeft)?;
        self.record.status(status);
        Ok(())
    }

    async fn write_bytes(&mut self, bytes: Bytes) -> Result<(), Broken> {
        self.session.write_response_body(bytes, false).await.map_err(|_| Broken::ClientLeft)
    }

    /// Breaks off if the order says so here.
    async fn stop_at(&mut self, after_events: Option<usize>) -> Result<(), Broken> {
        let Some(stop) = self.step.stop.as_ref().filter(|stop| stop.after_events.is_some() == after_events.is_some())
        else {
            return Ok(());
        };
        if stop.how != How::Stall {
            return Err(Broken::OnOrder(stop.how));
        }
        match stop.for_ms {
            Some(milliseconds) => self.wait(Duration::from_millis(milliseconds)).await,
            None => {
                self.wait(STALL).await?;
                Err(Broken::OnOrder(How::Cut))
            }
        }
    }

    /// Waits, unless the client leaves.
    async fn wait(&mut self, time: Duration) -> Result<(), Broken> {
        if time.is_zero() {
            return Ok(());
        }
        if !self.whole_body {
            tokio::time::sleep(time).await;
            return Ok(());
        }
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(()),
            _ = self.session.read_body_or_idle(true) => Err(Broken::ClientLeft),
        }
    }
}
