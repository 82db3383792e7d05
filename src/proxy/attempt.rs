//! One attempt at one target: resolve, connect, send, wait for the head of the answer, watching the client in every stage.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method};
use ovth_filters::neutral::{ApiError, ErrorClass};
use pingora::http::RequestHeader;
use pingora_core::{Error, ErrorType, Result};
use pingora_proxy::ProxyHttp;
use tokio::time::Instant;

use super::Gateway;
use super::answer::UPSTREAM_REQUEST_ID;
use super::budget::Held;
use super::context::{Asked, Attempt, Context};
use super::downstream::Downstream;
use super::embed::Answered;
use super::ending::cut_error;
use super::hedge::{Begun, Hedge};
use super::meter::Meter;
use super::prepare::{Making, Prepared};
use super::targets::note_attempt;
use super::upstream::{self, Wire};
use super::watch::{Interrupt, Watch};
use crate::observe::{self, CapturedUpstream};
use crate::providers::{Failure, Scope};
use crate::resolver::without_metadata;
use crate::routing::{Target, Ticket};

/// After a write error an answer that is on its way is waited for so long.
const LATE_ANSWER: Duration = Duration::from_millis(500);

/// Why an exchange ended that has no time left.
pub(super) const TOO_LONG: &str = "the exchange took longer than timeouts.total";

/// Addresses of one host that are tried.
pub(super) const MAX_ADDRESSES: usize = 4;

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
    /// Nothing of an answer went out, and another target's has content.
    Overtaken(Box<Begun>),
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

impl Failed {
    pub(super) fn of(failure: Failure) -> Box<Failed> {
        Box::new(Failed { failure, answer: None, status: None })
    }

    pub(super) fn of_error(error: ApiError) -> Box<Failed> {
        Failed::of(Failure::new(error))
    }
}

/// A provider's answer, held.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: BytesMut,
    /// The body's share of the memory budget.
    #[expect(dead_code, reason = "it is held, not read")]
    pub(super) held: Held,
}

/// Ends a stage early.
pub(super) enum Stop {
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
    /// A provider has refused opaque state in the request: it is left out from then on.
    pub(super) without_state: bool,
    /// Calls for embeddings that were answered before the last attempt failed.
    pub(super) embedded: Option<Answered>,
    /// The time that the attempt under way has to come to its first content, where that is less than its provider's.
    pub(super) first_content: Option<Duration>,
    /// When that is over, from the end of the request on.
    pub(super) first_until: Option<Instant>,
    /// Tells the health of the target of the attempt under way how it ends.
    pub(super) ticket: Option<Ticket>,
    /// Another target that is asked as well while this one is silent.
    pub(super) hedge: Option<Box<Hedge<'a>>>,
}

impl Exchange<'_, '_> {
    /// Tries one target; once more on a fresh connection when the pooled one turned out to be closed.
    pub(super) async fn attempt(&mut self, target: &Arc<Target>) -> Outcome {
        self.downstream.set_heartbeats(true);
        self.downstream.marks().unset(UPSTREAM_REQUEST_ID);
        let mut prepared = match self.prepare(target).await {
            Ok(prepared) => prepared,
            Err(outcome) => return outcome,
        };
        let addresses = match self.resolve(target).await {
            Ok(addresses) => addresses,
            Err(outcome) => return outcome,
        };
        let mut fresh = false;
        loop {
            match self.try_once(target, &prepared, &addresses, fresh).await {
                Ok(Outcome::Failed(failed)) if !self.without_state && failed.failure.refuses_state => {
                    // Once, and not again for any target of this exchange.
                    self.without_state = true;
                    match self.prepare(target).await {
                        Ok(repaired) if repaired.runs != prepared.runs => {
                            self.note_again(target, (ErrorClass::BadRequest, failed.status));
                            self.gateway.refused_state.remember(self.asked.conversation);
                            prepared = repaired;
                        }
                        Err(Outcome::Gone) => return Outcome::Gone,
                        _ => return Outcome::Failed(failed),
                    }
                }
                Ok(outcome) => return outcome,
                Err(Stop::Outcome(outcome)) => return *outcome,
                Err(Stop::Stale) => {
                    // The provider may have begun to work on the first try: it counts.
                    self.note_again(target, (ErrorClass::Transport, None));
                    fresh = true;
                }
            }
        }
    }

    /// Makes the body for a target, and tells the client what is lost on the way.
    async fn prepare(&mut self, target: &Arc<Target>) -> Result<Prepared, Outcome> {
        let request_id = &self.context.request_id;
        let answered = self.embedded.as_ref().map_or(0, |answered| answered.spares(target));
        let making = Making { asked: self.asked, target, request_id, without_state: self.without_state, answered };
        self.downstream.marks().unset("x-ovth-warnings");
        let preparing = Prepared::new(making, &self.gateway.budget);
        let prepared = match self.watch.work(self.downstream, None, preparing).await {
            Ok(prepared) => {
                prepared.map_err(|failure| Outcome::Failed(Failed { failure, answer: None, status: None }))?
            }
            Err(interrupt) => return Err(interrupted(target, interrupt, TOO_LONG)),
        };
        self.warn(target, &prepared);
        Ok(prepared)
    }

    /// Tells the client what a target was not told.
    pub(super) fn warn(&mut self, target: &Target, prepared: &Prepared) {
        let warnings = [&*prepared.warnings, target.notice().unwrap_or_default(), &*self.asked.routed.warnings];
        let warnings: Vec<&str> = warnings.into_iter().filter(|warning| !warning.is_empty()).collect();
        if !warnings.is_empty() {
            self.downstream.marks().set("x-ovth-warnings", &warnings.join(", "));
        }
    }

    /// One connection, one request.
    async fn try_once(
        &mut self,
        target: &Arc<Target>,
        prepared: &Prepared,
        addresses: &[SocketAddr],
        fresh: bool,
    ) -> Result<Outcome, Stop> {
        let mut wire = self.connect(target, prepared, (addresses, fresh)).await?;
        self.capture_request(target, &prepared.runs);
        self.send(target, &mut wire).await?;
        self.capture_head(target, &wire);
        let status = wire.head().map_or(0, |head| head.status.as_u16());
        if !(200..300).contains(&status) {
            return Ok(self.refusal(target, wire, status).await);
        }
        Ok(match &prepared.embedding {
            Some(calls) => self.embed(target, prepared, (calls, wire), addresses).await,
            None => self.answer(target, wire).await,
        })
    }

    /// Writes down what goes to a provider, where that is asked for.
    pub(super) fn capture_request<'r>(&mut self, target: &Target, runs: impl IntoIterator<Item = &'r Bytes>) {
        if let Some(capture) = &mut self.downstream.capture {
            let asked = CapturedUpstream { provider: target.upstream.id(), model: &target.model };
            capture.upstream_request(asked, runs.into_iter().map(|run| &**run));
        }
    }

    /// Writes down the head of its answer.
    pub(super) fn capture_head(&mut self, target: &Target, wire: &Wire) {
        if let (Some(capture), Some(head)) = (&mut self.downstream.capture, wire.head()) {
            let asked = CapturedUpstream { provider: target.upstream.id(), model: &target.model };
            capture.upstream_head(asked, head.status.as_u16(), &head.headers);
        }
    }

    /// A try that is followed by another one at the same target.
    pub(super) fn note_again(&mut self, target: &Target, (class, status): (ErrorClass, Option<u16>)) {
        note_attempt(self.context, target, (observe::Outcome::Failed(class), status));
        let attempts = self.context.meter.as_ref().map_or(0, |meter| meter.record.attempts.count());
        self.downstream.marks().set("x-ovth-attempts", &(attempts + 1).to_string());
    }

    async fn resolve(&mut self, target: &Target) -> Result<Arc<[SocketAddr]>, Outcome> {
        let upstream = &target.upstream;
        let deadline = Instant::now() + upstream.timeouts().connect;
        let looked_up = self.gateway.resolver.addresses(upstream.host(), upstream.port());
        match self.watch.wait(self.downstream, Some(deadline), looked_up).await {
            Ok(Ok(addresses)) if upstream.provider().metadata_addresses => Ok(addresses),
            Ok(Ok(addresses)) => without_metadata(addresses)
                .ok_or_else(|| transport(target, "its address is that of a cloud's metadata service")),
            Ok(Err(_)) => Err(transport(target, "its name could not be resolved")),
            Err(Interrupt::Stage) => Err(unreached(target, "its name was not resolved in time")),
            Err(interrupt) => Err(interrupted(target, interrupt, "its name was not resolved in time")),
        }
    }

    pub(super) async fn connect(
        &mut self,
        target: &Arc<Target>,
        prepared: &Prepared,
        (addresses, fresh): (&[SocketAddr], bool),
    ) -> Result<Wire, Outcome> {
        let gateway = self.gateway;
        let timeouts = *target.upstream.timeouts();
        let last = Instant::now() + timeouts.connect;
        let count = addresses.len().min(MAX_ADDRESSES);
        let mut failure = transport(target, "it has no address");
        for (index, address) in addresses.iter().take(count).enumerate() {
            // An address that swallows everything must leave time for the next one.
            let now = Instant::now();
            let until = if index + 1 == count { last } else { now + last.saturating_duration_since(now) / 2 };
            let mut attempt = Attempt::new(Arc::clone(target), self.asked, prepared, *address);
            attempt.fresh = fresh;
            self.context.attempt = Some(attempt);
            let peer = match gateway.upstream_peer(self.downstream.session, self.context).await {
                Ok(peer) => *peer,
                Err(error) => return Err(transport(target, upstream::describe(&error))),
            };
            let opened = Wire::open(&gateway.connector, peer, &timeouts);
            match self.watch.wait(self.downstream, Some(until), opened).await {
                Ok(Ok(wire)) => {
                    let opened_in = (!wire.reused()).then(|| now.elapsed());
                    if let Some(counted) = self.context.meter.as_ref().and_then(Meter::counted) {
                        counted.connection(opened_in);
                    }
                    gateway.resolver.works_with(target.upstream.host(), target.upstream.port(), *address);
                    return Ok(wire);
                }
                Ok(Err(error)) => {
                    gateway.resolver.failed(target.upstream.host(), target.upstream.port(), *address);
                    failure = match error.etype() {
                        ErrorType::ConnectTimedout | ErrorType::TLSHandshakeTimedout => {
                            unreached(target, upstream::describe(&error))
                        }
                        _ => transport(target, upstream::describe(&error)),
                    };
                }
                Err(Interrupt::Stage) => {
                    gateway.resolver.failed(target.upstream.host(), target.upstream.port(), *address);
                    failure = unreached(target, "the connection was not opened in time");
                }
                Err(interrupt) => return Err(interrupted(target, interrupt, "the connection was not opened in time")),
            }
        }
        Err(failure)
    }

    /// Sends the request and waits for the final head of the answer.
    pub(super) async fn send(&mut self, target: &Target, wire: &mut Wire) -> Result<(), Stop> {
        let mut head = RequestHeader::build(Method::POST, b"/", None).map_err(|error| broken(target, &error))?;
        self.gateway
            .upstream_request_filter(self.downstream.session, &mut head, self.context)
            .await
            .map_err(|error| broken(target, &error))?;
        if let Err(error) = self.write(target, wire, head).await? {
            return self.late_answer(target, wire, &error).await;
        }
        let usual = target.upstream.timeouts().first_byte;
        self.first_until = self.first_content.map(|first| Instant::now() + first.min(usual));
        let deadline = self.first_until.unwrap_or_else(|| Instant::now() + usual);
        let read = self.race(Some(deadline), wire.read_head()).await;
        match read.map_err(Outcome::Overtaken)? {
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
            if !first && wire.is_refused_early() {
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

    async fn next_piece(&mut self, target: &Target) -> Result<Option<Bytes>, Stop> {
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
}

pub(super) fn transport(target: &Target, what: &str) -> Outcome {
    failed(broken_error(target, what))
}

pub(super) fn broken(target: &Target, error: &Error) -> Outcome {
    failed(broken_by(target, error))
}

pub(super) fn broken_by(target: &Target, error: &Error) -> ApiError {
    match error.etype() {
        ErrorType::WriteTimedout | ErrorType::ReadTimedout => silence(target, upstream::describe(error)),
        _ => broken_error(target, upstream::describe(error)),
    }
}

pub(super) fn broken_error(target: &Target, what: &str) -> ApiError {
    ApiError::new(ErrorClass::Transport, format!("provider {} failed: {what}", target.upstream.id()))
}

pub(super) fn silence(target: &Target, what: &str) -> ApiError {
    ApiError::new(ErrorClass::Timeout, format!("provider {} failed: {what}", target.upstream.id()))
}

pub(super) fn interrupted(target: &Target, interrupt: Interrupt, what: &str) -> Outcome {
    match interrupt {
        Interrupt::ClientGone => Outcome::Gone,
        Interrupt::Stage => failed(silence(target, what)),
        Interrupt::Total => out_of_time(target),
        Interrupt::Ending => cut(),
    }
}

/// The host did not let us in, which concerns all its models.
fn unreached(target: &Target, what: &str) -> Outcome {
    let mut failure = Failure::new(silence(target, what));
    failure.scope = Scope::Host;
    Outcome::Failed(Failed { failure, answer: None, status: None })
}

/// The exchange has no time left. That says nothing of the target, which may have been tried last and for a moment only.
pub(super) fn out_of_time(target: &Target) -> Outcome {
    let mut failure = Failure::new(silence(target, TOO_LONG));
    failure.cool = None;
    Outcome::Failed(Failed { failure, answer: None, status: None })
}

/// The process has no time left. That says nothing of the target either.
pub(super) fn cut() -> Outcome {
    let mut failure = Failure::new(cut_error());
    failure.cool = None;
    Outcome::Failed(Failed { failure, answer: None, status: None })
}

pub(super) fn failed(error: ApiError) -> Outcome {
    Outcome::Failed(Failed { failure: Failure::new(error), answer: None, status: None })
}
