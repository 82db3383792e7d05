//! One attempt at one target: resolve, connect, send, wait, and pump the answer, watching the client in every stage.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use http::{HeaderMap, Method, header};
use ovth_filters::neutral::{ApiError, ErrorClass};
use pingora::http::RequestHeader;
use pingora_core::{Error, Result};
use pingora_proxy::ProxyHttp;
use tokio::time::Instant;

use super::Gateway;
use super::context::{Asked, Attempt, Context};
use super::downstream::{Downstream, Framing, event_stream_headers, mark_event_stream};
use super::upstream::{self, Wire};
use super::watch::{Interrupt, Watch};
use crate::observe::{self, AttemptNote};
use crate::providers::Failure;
use crate::routing::Target;

/// After a write error an answer that is on its way is waited for so long.
const LATE_ANSWER: Duration = Duration::from_millis(500);

/// An error body is read up to this size.
const ERROR_BYTES: usize = 1024 * 1024;

/// And for so long.
const ERROR_TIME: Duration = Duration::from_secs(10);

/// Structural events are held for so long while content is awaited.
const HOLD_TIME: Duration = Duration::from_secs(2);

/// Upstream chunks that are ready go to the client in one write, up to this size.
const BATCH_BYTES: usize = 64 * 1024;

/// After the shape's last event the connection is waited for so long, so that it can be used again.
const LINGER: Duration = Duration::from_millis(100);

/// Addresses of one host that are tried.
const MAX_ADDRESSES: usize = 4;

/// How an attempt ended.
pub(super) enum Outcome {
    /// The client has the whole answer.
    Served,
    /// The client has a part of an answer and was told of this error, or its connection is to be cut.
    Broken(ApiError),
    /// The client left.
    Gone,
    /// Nothing of an answer went out: another target may be tried.
    Failed(Failed),
}

/// An attempt that failed before anything of it went out.
pub(super) struct Failed {
    /// What the client would be told, and whether another target may be tried.
    pub(super) failure: Failure,
    /// The provider's own answer, when it should reach the client as it is.
    pub(super) answer: Option<Answer>,
    /// The provider's status, when there was one.
    pub(super) status: Option<u16>,
}

/// A provider's answer, held.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: BytesMut,
}

/// Ends a stage early.
enum Stop {
    Outcome(Box<Outcome>),
    /// The pooled connection was closed by the provider before it saw the request.
    Stale,
}

impl From<Outcome> for Stop {
    fn from(outcome: Outcome) -> Stop {
        Stop::Outcome(Box::new(outcome))
    }
}

/// Everything that an attempt works with.
pub(super) struct Exchange<'a, 'b> {
    pub(super) gateway: &'a Gateway,
    pub(super) downstream: &'a mut Downstream<'b>,
    pub(super) watch: &'a mut Watch,
    pub(super) context: &'a mut Context,
    pub(super) asked: &'a Asked,
}

impl Exchange<'_, '_> {
    /// Tries one target; once more on a fresh connection when the pooled one turned out to be closed.
    pub(super) async fn attempt(&mut self, target: &Arc<Target>) -> Outcome {
        let addresses = match self.resolve(target).await {
            Ok(addresses) => addresses,
            Err(outcome) => return outcome,
        };
        let mut fresh = false;
        loop {
            match self.try_once(target, &addresses, fresh).await {
                Ok(outcome) => return outcome,
                Err(Stop::Outcome(outcome)) => return *outcome,
                Err(Stop::Stale) => {
                    // The provider may have begun to work on the first try: it counts.
                    self.note_stale(target);
                    fresh = true;
                }
            }
        }
    }

    async fn try_once(&mut self, target: &Arc<Target>, addresses: &[SocketAddr], fresh: bool) -> Result<Outcome, Stop> {
        let mut wire = self.connect(target, addresses, fresh).await?;
        self.send(target, &mut wire).await?;
        let status = wire.head().map_or(0, |head| head.status.as_u16());
        if (200..300).contains(&status) {
            return Ok(self.receive(target, wire).await);
        }
        Ok(self.receive_error(target, wire, status).await)
    }

    fn note_stale(&mut self, target: &Target) {
        let outcome = observe::Outcome::Failed(ErrorClass::Transport);
        self.gateway.metrics.attempt(target.upstream.id(), outcome);
        if let Some(meter) = &mut self.context.meter {
            meter.record.attempts.push(AttemptNote {
                provider: Arc::clone(target.upstream.id()),
                model: Arc::clone(&target.model),
                outcome,
                status: None,
            });
            let attempts = meter.record.attempts.count() + 1;
            self.downstream.marks().set("x-ovth-attempts", &attempts.to_string());
        }
    }

    async fn resolve(&mut self, target: &Target) -> Result<Arc<[SocketAddr]>, Outcome> {
        let upstream = &target.upstream;
        let deadline = Instant::now() + upstream.timeouts().connect;
        let looked_up = self.gateway.resolver.addresses(upstream.host(), upstream.port());
        match self.watch.wait(self.downstream, Some(deadline), looked_up).await {
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(_)) => Err(transport(target, "its name could not be resolved")),
            Err(interrupt) => Err(interrupted(target, interrupt, "its name was not resolved in time")),
        }
    }

    async fn connect(&mut self, target: &Arc<Target>, addresses: &[SocketAddr], fresh: bool) -> Result<Wire, Outcome> {
        let gateway = self.gateway;
        let timeouts = *target.upstream.timeouts();
        let deadline = Instant::now() + timeouts.connect;
        let mut failure = transport(target, "it has no address");
        for address in addresses.iter().take(MAX_ADDRESSES) {
            let mut attempt = Attempt::new(Arc::clone(target), self.asked, *address);
            attempt.fresh = fresh;
            self.context.attempt = Some(attempt);
            let peer = match gateway.upstream_peer(self.downstream.session, self.context).await {
                Ok(peer) => *peer,
                Err(error) => return Err(transport(target, upstream::describe(&error))),
            };
            let opened = Wire::open(&gateway.connector, peer, &timeouts);
            match self.watch.wait(self.downstream, Some(deadline), opened).await {
                Ok(Ok(wire)) => {
                    gateway.resolver.works_with(target.upstream.host(), target.upstream.port(), *address);
                    return Ok(wire);
                }
                Ok(Err(error)) => {
                    gateway.resolver.failed(target.upstream.host(), target.upstream.port(), *address);
                    failure = transport(target, upstream::describe(&error));
                }
                Err(interrupt) => return Err(interrupted(target, interrupt, "the connection was not opened in time")),
            }
        }
        Err(failure)
    }

    /// Sends the request and waits for the final head of the answer.
    async fn send(&mut self, target: &Target, wire: &mut Wire) -> Result<(), Stop> {
        let mut head = RequestHeader::build(Method::POST, b"/", None).map_err(|error| broken(target, &error))?;
        self.gateway
            .upstream_request_filter(self.downstream.session, &mut head, self.context)
            .await
            .map_err(|error| broken(target, &error))?;
        if let Err(error) = self.write(target, wire, head).await? {
            return self.late_answer(target, wire, &error).await;
        }
        let deadline = Instant::now() + target.upstream.timeouts().first_byte;
        match self.watch.wait(self.downstream, Some(deadline), wire.read_head()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if wire.reused() && upstream::is_stale(&error) => Err(Stop::Stale),
            Ok(Err(error)) => Err(broken(target, &error).into()),
            Err(interrupt) => Err(interrupted(target, interrupt, "it did not begin to answer in time").into()),
        }
    }

    /// Writes the request; the inner error is one of the connection, after which an answer may still be there to read.
    async fn write(&mut self, target: &Target, wire: &mut Wire, head: RequestHeader) -> Result<Result<()>, Stop> {
        const LATE: &str = "it did not take the request in time";
        let head_written = self.watch.wait(self.downstream, None, wire.write_head(head)).await;
        if let Err(error) = head_written.map_err(|interrupt| interrupted(target, interrupt, LATE))? {
            return Ok(Err(error));
        }
        let mut first = true;
        while let Some(piece) = self.next_piece(target).await? {
            if !first && wire.has_early_answer() {
                return Ok(Ok(()));
            }
            first = false;
            let written = self.watch.wait(self.downstream, None, wire.write_body(piece, false)).await;
            if let Err(error) = written.map_err(|interrupt| interrupted(target, interrupt, LATE))? {
                return Ok(Err(error));
            }
        }
        let finished = self.watch.wait(self.downstream, None, wire.finish_request()).await;
        let finished = finished.map_err(|interrupt| interrupted(target, interrupt, LATE))?;
        if finished.is_ok()
            && let Some(meter) = &mut self.context.meter
        {
            meter.sent();
        }
        Ok(finished)
    }

    async fn next_piece(&mut self, target: &Target) -> Result<Option<bytes::Bytes>, Stop> {
        let mut piece = None;
        self.gateway
            .request_body_filter(self.downstream.session, &mut piece, false, self.context)
            .await
            .map_err(|error| broken(target, &error))?;
        Ok(piece)
    }

    /// After a write error: an early 413 or 401 is an answer and not a broken connection.
    async fn late_answer(&mut self, target: &Target, wire: &mut Wire, error: &Error) -> Result<(), Stop> {
        let deadline = Instant::now() + LATE_ANSWER;
        match self.watch.wait(self.downstream, Some(deadline), wire.read_head()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(late)) if wire.reused() && upstream::is_stale(error) && upstream::is_stale(&late) => {
                Err(Stop::Stale)
            }
            Err(Interrupt::ClientGone) => Err(Outcome::Gone.into()),
            Ok(Err(_)) | Err(_) => Err(broken(target, error).into()),
        }
    }

    async fn receive_error(&mut self, target: &Arc<Target>, mut wire: Wire, status: u16) -> Outcome {
        let headers = wire.head().map(|head| head.headers.clone()).unwrap_or_default();
        let deadline = Instant::now() + ERROR_TIME.min(target.upstream.timeouts().idle);
        let mut body = BytesMut::new();
        let mut share = self.gateway.budget.hold(0);
        let whole = loop {
            match self.watch.wait(self.downstream, Some(deadline), wire.read_body()).await {
                Ok(Ok(Some(chunk))) => {
                    let length = body.len() + chunk.len();
                    let fits = share.as_mut().is_some_and(|share| share.at_least(length));
                    if length > ERROR_BYTES || !fits {
                        break false;
                    }
                    body.extend_from_slice(&chunk);
                }
                Ok(Ok(None)) => break true,
                Ok(Err(_)) | Err(Interrupt::Stage | Interrupt::Total) => break false,
                Err(Interrupt::ClientGone) => return Outcome::Gone,
            }
        };
        if whole {
            wire.release(&self.gateway.connector).await;
        }
        let failure = target.upstream.failure(target.shape, status, &headers, &body);
        let answer = failure.client_body.then(|| Answer {
            status,
            headers: target.upstream.response_headers(target.shape, &headers),
            body,
        });
        Outcome::Failed(Failed { failure, answer, status: Some(status) })
    }

    async fn receive(&mut self, target: &Arc<Target>, mut wire: Wire) -> Outcome {
        let Some(mut head) = wire.head().cloned() else { return transport(target, "its answer has no head") };
        let filtered = self.gateway.upstream_response_filter(self.downstream.session, &mut head, self.context).await;
        if let Err(error) = filtered {
            return broken(target, &error);
        }
        let declared = head.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let mut pump = Pump::new(declared);
        loop {
            let next = self.watch.wait(self.downstream, Some(pump.deadline(target)), wire.read_body()).await;
            let chunk = match next {
                Ok(Ok(chunk)) => chunk,
                Ok(Err(error)) => return self.end_early(&pump, broken_error(target, upstream::describe(&error))).await,
                Err(Interrupt::ClientGone) => return Outcome::Gone,
                Err(Interrupt::Stage) if pump.hold_expired() => {
                    pump.release_hold();
                    if self.flush(&mut pump, false).await.is_err() {
                        return Outcome::Gone;
                    }
                    continue;
                }
                Err(Interrupt::Stage) => {
                    return self.end_early(&pump, silence(target, "it stopped in the middle of its answer")).await;
                }
                Err(Interrupt::Total) => {
                    return self
                        .end_early(&pump, silence(target, "the exchange took longer than timeouts.total"))
                        .await;
                }
            };
            let mut end = chunk.is_none();
            pump.arrived();
            self.filter(&mut pump, chunk, end);
            // The first content goes out at once; after that whatever is ready goes in one write.
            while pump.committed && !end && pump.pending.len() < BATCH_BYTES && !pump.stopped {
                let Some(ready) = wire.ready_body() else { break };
                let Ok(chunk) = ready else { break };
                end = chunk.is_none();
                self.filter(&mut pump, chunk, end);
            }
            if let Some(outcome) = self.judge(&mut pump, target, end).await {
                if matches!(outcome, Outcome::Served) {
                    self.settle_connection(wire, end).await;
                }
                return outcome;
            }
        }
    }

    /// Runs the response body filter over a chunk.
    fn filter(&mut self, pump: &mut Pump, mut chunk: Option<bytes::Bytes>, end: bool) {
        let filtered = self.gateway.response_body_filter(self.downstream.session, &mut chunk, end, self.context);
        if let (Ok(_), Some(bytes)) = (filtered, chunk) {
            pump.pending.extend_from_slice(&bytes);
        }
        if let Some(response) = self.response() {
            let progress = &response.progress;
            pump.content |= progress.content;
            pump.stopped = progress.done || progress.error.is_some();
        }
    }

    /// Decides what the bytes so far mean: hold, write, end, or fail. `None`: go on reading.
    async fn judge(&mut self, pump: &mut Pump, target: &Arc<Target>, end: bool) -> Option<Outcome> {
        let context = &mut *self.context;
        let response = context.attempt.as_mut()?.response.as_mut()?;
        let (complete, done, inside_event) =
            (response.progress.complete, response.progress.done, response.progress.inside_event);
        let error = response.progress.error.take();
        if let Some(meter) = &mut context.meter {
            meter.observe(response.tap());
        }
        self.downstream.set_inside_event(inside_event);
        if let Some(error) = error {
            return Some(self.provider_error(pump, target, *error).await);
        }
        let over = done || end;
        if over && !complete {
            let error = broken_error(target, "its answer ended in the middle");
            if pump.committed && self.flush(pump, false).await.is_err() {
                return Some(Outcome::Gone);
            }
            return Some(self.end_early(pump, error).await);
        }
        if !pump.committed && !pump.content && !over {
            return None;
        }
        if self.flush(pump, over).await.is_err() {
            return Some(Outcome::Gone);
        }
        over.then_some(Outcome::Served)
    }

    /// The provider put an error where its answer should be.
    async fn provider_error(&mut self, pump: &mut Pump, target: &Target, error: ApiError) -> Outcome {
        let failure = target.upstream.stream_failure(target.shape, error);
        if !pump.committed {
            return Outcome::Failed(Failed { failure, answer: None, status: None });
        }
        // The provider's own event is the terminal one, and its fields survive in it; it is the last of what is pending.
        let passed = self.response().is_some_and(|response| response.progress.error_passed);
        match self.flush(pump, passed).await {
            Ok(()) if passed => Outcome::Broken(failure.error),
            Ok(()) => Outcome::Broken(self.tell_in_stream(failure.error).await),
            Err(_) => Outcome::Gone,
        }
    }

    /// Writes what is pending; the first time with the head.
    async fn flush(&mut self, pump: &mut Pump, end: bool) -> Result<()> {
        if !pump.committed {
            pump.committed = true;
            if let Some(meter) = &mut self.context.meter {
                meter.first_byte();
            }
        }
        if !self.downstream.head_written() {
            let events = self.response().is_some_and(super::body::ResponseBody::is_events);
            let mut headers = match &mut self.context.attempt {
                Some(attempt) => std::mem::take(&mut attempt.passed_headers),
                None => event_stream_headers(),
            };
            let framing = if events {
                mark_event_stream(&mut headers);
                Framing::Open
            } else if end {
                Framing::Length(pump.pending.len())
            } else {
                pump.declared.map_or(Framing::Open, Framing::Length)
            };
            self.downstream.write_head(200, headers, framing).await?;
        }
        if end || !pump.pending.is_empty() {
            self.downstream.write(pump.pending.split().freeze(), end).await?;
            self.watch.heard();
        }
        Ok(())
    }

    /// The answer broke off. Before the commit another target may be tried; after it the client is told inside the stream.
    async fn end_early(&mut self, pump: &Pump, error: ApiError) -> Outcome {
        if pump.committed {
            return Outcome::Broken(self.tell_in_stream(error).await);
        }
        failed(error)
    }

    async fn tell_in_stream(&mut self, error: ApiError) -> ApiError {
        let events = self.response().is_some_and(super::body::ResponseBody::is_events);
        if events && self.downstream.end_with_error(&error).await.is_ok() {
            return error;
        }
        // A body that cannot carry an error ends by its connection being cut.
        self.context.cut = true;
        error
    }

    /// Lets the provider's connection reach its end, so that it can be used again.
    async fn settle_connection(&mut self, mut wire: Wire, end: bool) {
        let ended = end
            || tokio::time::timeout(LINGER, async { while let Ok(Some(_)) = wire.read_body().await {} }).await.is_ok();
        if ended {
            wire.release(&self.gateway.connector).await;
        }
    }

    fn response(&self) -> Option<&super::body::ResponseBody> {
        self.context.attempt.as_ref()?.response.as_ref()
    }
}

/// The state of an answer on its way to the client.
struct Pump {
    pending: BytesMut,
    declared: Option<usize>,
    committed: bool,
    content: bool,
    stopped: bool,
    hold_until: Option<Instant>,
    last: Instant,
}

impl Pump {
    fn new(declared: Option<usize>) -> Pump {
        Pump {
            pending: BytesMut::new(),
            declared,
            committed: false,
            content: false,
            stopped: false,
            hold_until: None,
            last: Instant::now(),
        }
    }

    /// Something came; the hold begins with the first bytes that could go out.
    fn arrived(&mut self) {
        self.last = Instant::now();
    }

    fn deadline(&mut self, target: &Target) -> Instant {
        let idle = self.last + target.upstream.timeouts().idle;
        if self.committed || self.pending.is_empty() {
            return idle;
        }
        idle.min(*self.hold_until.get_or_insert(self.last + HOLD_TIME))
    }

    fn hold_expired(&self) -> bool {
        !self.committed && self.hold_until.is_some_and(|until| until <= Instant::now())
    }

    fn release_hold(&mut self) {
        self.content = true;
    }
}

fn transport(target: &Target, what: &str) -> Outcome {
    failed(broken_error(target, what))
}

fn broken(target: &Target, error: &Error) -> Outcome {
    transport(target, upstream::describe(error))
}

fn broken_error(target: &Target, what: &str) -> ApiError {
    ApiError::new(ErrorClass::Transport, format!("provider {} failed: {what}", target.upstream.id()))
}

fn silence(target: &Target, what: &str) -> ApiError {
    ApiError::new(ErrorClass::Timeout, format!("provider {} failed: {what}", target.upstream.id()))
}

fn interrupted(target: &Target, interrupt: Interrupt, what: &str) -> Outcome {
    match interrupt {
        Interrupt::ClientGone => Outcome::Gone,
        Interrupt::Stage => failed(silence(target, what)),
        Interrupt::Total => failed(silence(target, "the exchange took longer than timeouts.total")),
    }
}

fn failed(error: ApiError) -> Outcome {
    Outcome::Failed(Failed { failure: Failure::new(error), answer: None, status: None })
}
