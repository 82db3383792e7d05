//! A second target that is asked for a stream as well while the first is silent: whichever has content first answers the client, the other is
//! closed, and both are paid for.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::BytesMut;
use futures::future::{BoxFuture, pending};
use http::HeaderMap;
use ovth_filters::neutral::{ApiError, ErrorClass};
use pingora_core::Error;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::Gateway;
use super::answer::{ERROR_BYTES, ERROR_TIME, read_error};
use super::attempt::{
    Exchange, Failed, MAX_ADDRESSES, Outcome, TOO_LONG, broken_by, broken_error, interrupted, silence,
};
use super::context::{Asked, Attempt};
use super::prepare::{Making, Prepared};
use super::targets::note_failure;
use super::unsaid;
use super::upstream::{self, Wire};
use super::watch::Interrupt;
use crate::observe::HedgeOutcome;
use crate::providers::{Call, Next};
use crate::resolver::without_metadata;
use crate::routing::{Target, Ticket};

/// What comes before the first content is held up to this size, as it is of a first attempt.
const HELD_BYTES: usize = 256 * 1024;

/// What of the client's request goes into the head of another.
pub(super) struct ClientHead {
    pub(super) headers: HeaderMap,
    pub(super) query: Option<String>,
    pub(super) request_id: String,
}

/// The second target of a stream whose first one is silent.
pub(super) struct Hedge<'a> {
    pub(super) target: Arc<Target>,
    pub(super) began: Instant,
    has_begun: bool,
    /// Tells the target's health how it ended, from its begin on.
    ticket: Option<Ticket>,
    /// Whether it was told all the state that the request has.
    told_state: bool,
    /// It only failed for what it needs not be told.
    pub(super) may_be_asked_again: bool,
    /// How it failed while the first went on.
    pub(super) failed: Option<Box<Failed>>,
    /// Whether the provider has the whole request, and so may bill for it.
    sent: Arc<AtomicBool>,
    state: State<'a>,
}

enum State<'a> {
    /// It begins then, if the first is silent until then.
    Waiting(Leg<'a>),
    Asking(BoxFuture<'a, Result<Box<Begun>, Box<Failed>>>),
    /// It failed, or had no leave to begin.
    Over,
}

/// Another target's answer that has content, and nothing of which has gone out.
pub(super) struct Begun {
    pub(super) attempt: Attempt,
    pub(super) prepared: Prepared,
    pub(super) wire: Wire,
    /// What the filter has given out so far.
    pub(super) pending: BytesMut,
    /// Whether the provider has said all.
    pub(super) end: bool,
}

impl<'a> Hedge<'a> {
    /// A target that is asked at that time, unless the first one has answered by then.
    pub(super) fn planned(leg: Leg<'a>, at: Instant) -> Hedge<'a> {
        Hedge {
            target: Arc::clone(&leg.target),
            began: at,
            has_begun: false,
            ticket: None,
            told_state: false,
            may_be_asked_again: false,
            failed: None,
            sent: Arc::new(AtomicBool::new(false)),
            state: State::Waiting(leg),
        }
    }

    /// From now on no target is told another's state, unless it was asked already.
    const fn leave_state_out(&mut self, without_state: bool) {
        if let State::Waiting(leg) = &mut self.state {
            leg.without_state = without_state;
        }
    }

    /// Whether the target was asked.
    pub(super) const fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// What tells the target's health how it ended; whoever ends it takes it.
    pub(super) const fn ticket(&mut self) -> Option<Ticket> {
        self.ticket.take()
    }

    /// Whether it may still answer.
    pub(super) const fn is_open(&self) -> bool {
        !matches!(self.state, State::Over)
    }

    /// Whether its provider has the whole request, and has not refused it.
    fn is_sent(&self) -> bool {
        self.sent.load(Ordering::Relaxed)
    }

    /// Ends it, and says whether it was under way.
    fn close(&mut self) -> bool {
        matches!(std::mem::replace(&mut self.state, State::Over), State::Asking(_))
    }

    /// Waits for its time, begins, and waits for its first content; never ends where it has no leave to begin. May be dropped and called again.
    pub(super) async fn run(&mut self) -> Result<Box<Begun>, Box<Failed>> {
        if matches!(self.state, State::Waiting(_)) {
            sleep_until(self.began).await;
            self.begin();
        }
        let State::Asking(asking) = &mut self.state else { return pending().await };
        let ended = asking.await;
        self.state = State::Over;
        ended
    }

    /// Asks the target, if what may be tried a second time is not used up by others.
    fn begin(&mut self) {
        let State::Waiting(leg) = std::mem::replace(&mut self.state, State::Over) else { return };
        let health = &leg.gateway.health;
        if health.may_retry() {
            (self.began, self.has_begun) = (Instant::now(), true);
            self.ticket = Some(health.begin(&self.target, self.began.into_std()));
            self.told_state = !leg.without_state;
            self.state = State::Asking(Box::pin(leg.ask(Arc::clone(&self.sent))));
        }
    }
}

impl Exchange<'_, '_> {
    /// Waits for what the provider does, and for the first content of the target that is asked as well, if any: that is the error.
    pub(super) async fn race<F: Future>(
        &mut self,
        stage: Option<Instant>,
        work: F,
    ) -> Result<Result<F::Output, Interrupt>, Box<Begun>> {
        let mut work = pin!(work);
        loop {
            let Some(hedge) = self.hedge.as_mut().filter(|hedge| hedge.is_open()) else {
                return Ok(self.watch.wait(self.downstream, stage, work).await);
            };
            hedge.leave_state_out(self.without_state);
            let either = async {
                tokio::select! {
                    biased;
                    output = &mut work => Ok(output),
                    ended = hedge.run() => Err(ended),
                }
            };
            match self.watch.wait(self.downstream, stage, either).await {
                Ok(Ok(output)) => return Ok(Ok(output)),
                Ok(Err(Ok(begun))) => return Err(begun),
                Ok(Err(Err(failed))) => self.hedge_failed(failed),
                Err(interrupt) => return Ok(Err(interrupt)),
            }
        }
    }

    /// Goes on with a target that is asked already, as the one before it failed.
    pub(super) async fn finish(&mut self, hedge: &mut Hedge<'_>) -> Outcome {
        match self.watch.wait(self.downstream, None, hedge.run()).await {
            Ok(Ok(begun)) => self.answer_begun(&hedge.target, *begun).await,
            Ok(Err(failed)) if failed.failure.refuses_state && hedge.told_state => {
                self.leave_state_out();
                self.note_again(&hedge.target, (ErrorClass::BadRequest, failed.status));
                self.attempt(&hedge.target).await
            }
            Ok(Err(failed)) => Outcome::Failed(*failed),
            Err(interrupt) => {
                if let Some(meter) = self.context.meter.as_mut().filter(|_| hedge.is_sent()) {
                    meter.sent();
                }
                interrupted(&hedge.target, interrupt, TOO_LONG)
            }
        }
    }

    /// The answer is another's: closes what was asked as well, and has it paid for.
    pub(super) fn lose_hedge(&mut self) {
        let Some(hedge) = self.hedge.as_mut().filter(|hedge| hedge.is_open()) else { return };
        if !hedge.close() {
            return;
        }
        // What it was to find out as a probe, the next one may; and it is busy no more.
        drop(hedge.ticket());
        self.gateway.metrics.hedge(HedgeOutcome::Lost);
        if let Some(meter) = &mut self.context.meter {
            meter.lost(&hedge.target, hedge.is_sent());
        }
    }

    /// No target of this exchange is told state of another's any more, and none of this conversation.
    fn leave_state_out(&mut self) {
        self.without_state = true;
        self.gateway.refused_state.remember(self.asked.conversation);
    }

    fn hedge_failed(&mut self, failed: Box<Failed>) {
        let Some(hedge) = &mut self.hedge else { return };
        self.gateway.metrics.hedge(HedgeOutcome::Failed);
        if let Some(ticket) = hedge.ticket() {
            let (now, settings) = (std::time::Instant::now(), self.context.snapshot.config().health);
            self.gateway.health.failed(&hedge.target, &failed.failure, ticket, &settings, now);
        }
        if failed.failure.next != Next::OtherTranslation {
            let told = (&failed.failure.error, failed.status, hedge.began);
            note_failure(self.context, &hedge.target, told);
        }
        // State that it refuses is left out when it is asked again; the first may well know it.
        hedge.may_be_asked_again = failed.failure.refuses_state && hedge.told_state;
        hedge.failed = Some(failed).filter(|_| !hedge.may_be_asked_again);
    }
}

/// What asking another target takes.
pub(super) struct Leg<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) asked: &'a Asked,
    pub(super) target: Arc<Target>,
    pub(super) client: ClientHead,
    pub(super) without_state: bool,
}

impl Leg<'_> {
    async fn ask(self, sent: Arc<AtomicBool>) -> Result<Box<Begun>, Box<Failed>> {
        let Leg { gateway, asked, target, client, without_state } = &self;
        let making =
            Making { asked, target, request_id: &client.request_id, without_state: *without_state, answered: 0 };
        let prepared = Prepared::new(making, &gateway.budget).await.map_err(Failed::of)?;
        let addresses = self.addresses().await?;
        let mut fresh = false;
        let (wire, mut attempt) = loop {
            let (wire, mut attempt) = self.connect(&prepared, (&addresses, fresh)).await?;
            match self.send(wire, &mut attempt, &sent).await? {
                Some(wire) => break (wire, attempt),
                None => {
                    sent.store(false, Ordering::Relaxed);
                    fresh = true;
                }
            }
        };
        let status = wire.head().map_or(0, |head| head.status.as_u16());
        if !(200..300).contains(&status) {
            // Who refuses bills nothing.
            sent.store(false, Ordering::Relaxed);
            return Err(self.refusal(wire, status).await);
        }
        let head = wire.head().ok_or_else(|| self.failed("its answer has no head"))?;
        Gateway::begin_attempt(&gateway.budget, head, &mut attempt).map_err(Failed::of_error)?;
        self.first_content(wire, attempt, prepared).await
    }

    async fn addresses(&self) -> Result<Arc<[SocketAddr]>, Box<Failed>> {
        let upstream = &self.target.upstream;
        let looked_up = self.gateway.resolver.addresses(upstream.host(), upstream.port());
        let addresses = match timeout(upstream.timeouts().connect, looked_up).await {
            Ok(Ok(addresses)) => addresses,
            Ok(Err(_)) | Err(_) => return Err(self.failed("its name could not be resolved")),
        };
        if upstream.provider().metadata_addresses {
            return Ok(addresses);
        }
        without_metadata(addresses).ok_or_else(|| self.failed("its address is that of a cloud's metadata service"))
    }

    async fn connect(
        &self,
        prepared: &Prepared,
        (addresses, fresh): (&[SocketAddr], bool),
    ) -> Result<(Wire, Attempt), Box<Failed>> {
        let upstream = &self.target.upstream;
        let last = Instant::now() + upstream.timeouts().connect;
        let count = addresses.len().min(MAX_ADDRESSES);
        let mut failed = self.failed("it has no address");
        for (index, address) in addresses.iter().take(count).enumerate() {
            let now = Instant::now();
            let until = if index + 1 == count { last } else { now + last.saturating_duration_since(now) / 2 };
            let peer = upstream::peer(upstream, *address, fresh);
            match timeout_at(until, Wire::open(&self.gateway.connector, peer, upstream.timeouts())).await {
                Ok(Ok(wire)) => {
                    let mut attempt = Attempt::new(Arc::clone(&self.target), self.asked, prepared, *address);
                    attempt.fresh = fresh;
                    return Ok((wire, attempt));
                }
                Ok(Err(error)) => failed = self.failed(upstream::describe(&error)),
                Err(_) => failed = self.failed("the connection was not opened in time"),
            }
        }
        Err(failed)
    }

    /// Sends the request and waits for the head of the answer; `None`: a pooled connection was closed before the provider saw the request.
    async fn send(
        &self,
        mut wire: Wire,
        attempt: &mut Attempt,
        sent: &AtomicBool,
    ) -> Result<Option<Wire>, Box<Failed>> {
        let target = &self.target;
        let head = target.upstream.request(&Call {
            shape: target.shape,
            operation: attempt.operation,
            batch: attempt.batch,
            model: &target.model,
            stream: attempt.streaming,
            credential: target.credential.as_ref(),
            client_shape: self.asked.shape,
            client: &self.client.headers,
            query: self.client.query.as_deref(),
        });
        let head = upstream::request_head(head, attempt.request.length()).map_err(|error| self.broke(&error))?;
        let mut body = std::mem::take(&mut attempt.request);
        let written = async {
            wire.write_head(head).await?;
            while let Some(piece) = body.next() {
                wire.write_body(piece, false).await?;
            }
            wire.finish_request().await
        };
        if let Err(error) = written.await {
            return if wire.reused() && upstream::is_stale(&error) { Ok(None) } else { Err(self.broke(&error)) };
        }
        sent.store(true, Ordering::Relaxed);
        match timeout(target.upstream.timeouts().first_byte, wire.read_head()).await {
            Ok(Ok(())) => Ok(Some(wire)),
            Ok(Err(error)) if wire.reused() && upstream::is_stale(&error) => Ok(None),
            Ok(Err(error)) => Err(self.broke(&error)),
            Err(_) => Err(Failed::of_error(silence(target, "it did not begin to answer in time"))),
        }
    }

    /// Reads until there is content.
    async fn first_content(
        &self,
        mut wire: Wire,
        mut attempt: Attempt,
        prepared: Prepared,
    ) -> Result<Box<Begun>, Box<Failed>> {
        let mut pending = BytesMut::new();
        loop {
            let mut chunk = match timeout(self.target.upstream.timeouts().idle, wire.read_body()).await {
                Ok(Ok(chunk)) => chunk,
                Ok(Err(error)) => return Err(Failed::of_error(read_error(&self.target, &error))),
                Err(_) => {
                    return Err(Failed::of_error(silence(&self.target, "it stopped in the middle of its answer")));
                }
            };
            let end = chunk.is_none();
            let Some(response) = attempt.response.as_mut().filter(|response| response.is_events()) else {
                return Err(self.odd("it was asked for a stream and answered with something else"));
            };
            response.apply(&mut chunk, end);
            pending.extend_from_slice(&chunk.unwrap_or_default());
            let progress = &mut response.progress;
            if let Some(error) = progress.exhausted.take() {
                return Err(Failed::of_error(*error));
            }
            // One that follows content is told, or tried again, by whoever goes on with the answer.
            if !progress.content
                && let Some(mut error) = progress.error.take()
            {
                unsaid::take_out_of(&self.target, &mut error);
                return Err(Failed::of(self.target.upstream.stream_failure(self.target.shape, *error)));
            }
            if progress.content || progress.complete || progress.error.is_some() {
                return Ok(Box::new(Begun { attempt, prepared, wire, pending, end }));
            }
            if end || progress.done {
                return Err(self.failed("its answer ended in the middle"));
            }
            if pending.len() > HELD_BYTES {
                return Err(self.odd("it says much before its first content"));
            }
        }
    }

    /// Reads an answer that is not a success, and what it means.
    async fn refusal(&self, mut wire: Wire, status: u16) -> Box<Failed> {
        let headers = wire.head().map(|head| head.headers.clone()).unwrap_or_default();
        let mut body = BytesMut::new();
        let mut held = self.gateway.budget.empty();
        let read = async {
            while let Ok(Some(chunk)) = wire.read_body().await {
                let length = body.len() + chunk.len();
                if length > ERROR_BYTES || !held.at_least(length) {
                    break;
                }
                body.extend_from_slice(&chunk);
            }
        };
        // What did not come in time is judged by what did.
        let _ = timeout(ERROR_TIME, read).await;
        unsaid::take_out(&self.target, &mut body);
        let failure = self.target.upstream.failure(self.target.shape, status, &headers, &body);
        Box::new(Failed { failure, answer: None, status: Some(status) })
    }

    fn failed(&self, what: &str) -> Box<Failed> {
        Failed::of_error(broken_error(&self.target, what))
    }

    /// An answer that is none: the target's fault, and not its host's.
    fn odd(&self, what: &str) -> Box<Failed> {
        let message = format!("provider {} failed: {what}", self.target.upstream.id());
        Failed::of_error(ApiError::new(ErrorClass::Upstream, message))
    }

    fn broke(&self, error: &Error) -> Box<Failed> {
        Failed::of_error(broken_by(&self.target, error))
    }
}
