//! The answer of one attempt: a success is pumped to the client (hold, commit, end), a refusal is read and judged.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, header};
use ovth_filters::neutral::{ApiError, ErrorClass};
use pingora_core::{Error, Result};
use pingora_proxy::ProxyHttp;
use tokio::time::{Instant, timeout};

use super::attempt::{Answer, Exchange, Failed, Outcome, TOO_LONG, broken_error, cut, failed, out_of_time, silence};
use super::body::ResponseBody;
use super::context::Context;
use super::downstream::{EVENT_STREAM, Framing, mark_event_stream};
use super::ending::cut_error;
use super::hedge::Begun;
use super::meter::Meter;
use super::pump::Pump;
use super::stored_state;
use super::targets::End;
use super::tell::tell_error;
use super::unsaid;
use super::upstream::{self, Wire};
use super::waited::timed;
use super::watch::Interrupt;
use super::{Gateway, count_tokens};
use crate::providers::{Failure, Next, Scope};
use crate::routing::Target;

/// An error body is read up to this size.
pub(super) const ERROR_BYTES: usize = 1024 * 1024;

/// And for so long.
pub(super) const ERROR_TIME: Duration = Duration::from_secs(10);

/// Where the provider's own id of a request is told.
pub(super) const UPSTREAM_REQUEST_ID: &str = "x-upstream-request-id";

/// Upstream chunks that are ready go to the client in one write, up to this size.
const BATCH_BYTES: usize = 64 * 1024;

/// The ledger has so long to take a reservation; usually it is a few milliseconds, and the provider's own time covers them.
const LEDGER_TIME: Duration = Duration::from_secs(10);

/// What a client is told when it does not.
const UNWRITTEN: &str = "the ledger of this gateway could not be written, and nothing is served unmetered; try again";

/// After the shape's last event the provider's connection is waited for so long, so that it can be used again.
const LINGER: Duration = Duration::from_secs(2);

impl Exchange<'_, '_> {
    /// Reads an answer that is not a success, and what it means.
    pub(super) async fn refusal(&mut self, target: &Arc<Target>, mut wire: Wire, status: u16) -> Outcome {
        let headers = wire.head().map(|head| head.headers.clone()).unwrap_or_default();
        let passed_headers = target.upstream.response_headers(target.shape, &headers);
        if let Some(meter) = &mut self.context.meter {
            // A provider that refuses bills nothing, also when the client leaves before the refusal was read.
            meter.attempt_failed();
            meter.answered_by(&passed_headers);
        }
        let deadline = Instant::now() + ERROR_TIME.min(target.upstream.timeouts().idle);
        let mut body = BytesMut::new();
        let mut held = self.gateway.budget.empty();
        let whole = loop {
            match self.watch.wait(self.downstream, Some(deadline), wire.read_body()).await {
                Ok(Ok(Some(chunk))) => {
                    if let Some(capture) = &mut self.downstream.capture {
                        capture.upstream_body(&chunk);
                    }
                    let length = body.len() + chunk.len();
                    if length > ERROR_BYTES || !held.at_least(length) {
                        break false;
                    }
                    body.extend_from_slice(&chunk);
                }
                Ok(Ok(None)) => break true,
                Ok(Err(_)) | Err(Interrupt::Stage | Interrupt::Total) => break false,
                Err(Interrupt::ClientGone) => return Outcome::Gone,
                Err(Interrupt::Ending) => return cut(),
            }
        };
        if whole {
            wire.release(&self.gateway.connector).await;
        }
        unsaid::take_out(target, &mut body);
        let mut failure = target.upstream.failure(target.shape, status, &headers, &body);
        if count_tokens::has_no_counter(self.asked, status, &failure) {
            // That says nothing of the model.
            (failure.next, failure.scope, failure.cool) = (Next::NextTarget, Scope::Target, None);
        }
        if failure.error.class == ErrorClass::OperatorModel && self.asked.routed.suffix(target).is_some() {
            // It was asked for a variant that this client wished for; that says nothing of the model.
            failure.cool = None;
        }
        // Its own words go on as they are only to who speaks its shape.
        let request_id = passed_headers.get(UPSTREAM_REQUEST_ID).cloned();
        let is_own_shape = target.shape == self.asked.shape && !self.downstream.voice().is_router();
        let answer =
            (failure.client_body && is_own_shape).then(|| Answer { status, headers: passed_headers, body, held });
        if answer.is_none()
            && let Some(id) = request_id.as_ref().and_then(|id| id.to_str().ok())
        {
            // Ours to tell with the error that we make of it.
            self.downstream.marks().set(UPSTREAM_REQUEST_ID, id);
        }
        Outcome::Failed(Failed { failure, answer, status: Some(status) })
    }

    /// Pumps a success to the client.
    pub(super) async fn answer(&mut self, target: &Arc<Target>, wire: Wire) -> Outcome {
        let mut pump = match wire.head() {
            Some(head) => {
                if let Err(error) = Gateway::begin_answer(&self.gateway.budget, head, self.context) {
                    return failed(error);
                }
                let is_translated = self.response().is_some_and(ResponseBody::is_translated);
                let declared = head.headers.get(header::CONTENT_LENGTH).filter(|_| !is_translated);
                let mut pump = Pump::new(declared.and_then(|value| value.to_str().ok()?.parse().ok()));
                pump.first_until = self.first_until;
                pump
            }
            None => return failed(broken_error(target, "its answer has no head")),
        };
        let events = self.response().is_some_and(ResponseBody::is_events);
        if !events && self.downstream.head_written() {
            // Heartbeats promised the client an event stream.
            return failed(not_a_stream(target));
        }
        self.downstream.set_heartbeats(events);
        pump.gaps = self.context.meter.as_ref().filter(|_| events).and_then(Meter::gaps);
        self.pump(pump, target, wire).await
    }

    /// Goes on with an answer that has content and overtook another.
    pub(super) async fn answer_begun(&mut self, target: &Arc<Target>, begun: Begun) -> Outcome {
        let Begun { attempt, prepared, wire, pending, end } = begun;
        self.downstream.marks().unset(UPSTREAM_REQUEST_ID);
        self.downstream.marks().unset("x-ovth-warnings");
        self.warn(target, &prepared);
        if let Some(meter) = &mut self.context.meter {
            meter.sent();
            meter.answered_by(&attempt.passed_headers);
        }
        self.context.attempt = Some(attempt);
        self.downstream.set_heartbeats(true);
        let mut pump = Pump::new(None);
        pump.gaps = self.context.meter.as_ref().and_then(Meter::gaps);
        pump.pending = pending;
        self.note_progress(&mut pump);
        match self.judge(&mut pump, target, end).await {
            Some(outcome) => self.over(outcome, wire, end).await,
            None => self.pump(pump, target, wire).await,
        }
    }

    /// Reads the answer to its end, and writes it.
    async fn pump(&mut self, mut pump: Pump, target: &Arc<Target>, mut wire: Wire) -> Outcome {
        loop {
            let is_hedged = self.hedge.as_ref().is_some_and(|hedge| hedge.is_open());
            let deadline = Some(pump.deadline(target, is_hedged));
            let next = if pump.committed {
                self.watch.wait(self.downstream, deadline, wire.read_body()).await
            } else {
                match self.race(deadline, wire.read_body()).await {
                    Ok(next) => next,
                    Err(begun) => return Outcome::Overtaken(begun),
                }
            };
            let chunk = match next {
                Ok(Ok(chunk)) => chunk,
                Err(Interrupt::ClientGone) => return Outcome::Gone,
                // Whatever became of the connection: an answer that ended as its shape says is whole.
                Ok(Err(_)) | Err(Interrupt::Stage | Interrupt::Total) if self.is_complete() => {
                    return self.end_whole(&mut pump, target).await;
                }
                Ok(Err(error)) => return self.end_early(&pump, read_error(target, &error)).await,
                Err(Interrupt::Stage) if pump.hold_expired() => {
                    if let Err(stop) = self.flush(&mut pump, false).await {
                        return self.stopped(stop, pump.committed).await;
                    }
                    continue;
                }
                Err(Interrupt::Stage) => {
                    return self.end_early(&pump, silence(target, "it stopped in the middle of its answer")).await;
                }
                Err(over @ (Interrupt::Total | Interrupt::Ending)) => return self.end_late(&pump, target, over).await,
            };
            let arrived = Instant::now();
            // A provider that is always ready never lets the clock be looked at while waiting.
            if let Some(over) = self.watch.over_at(arrived) {
                return self.end_late(&pump, target, over).await;
            }
            let mut end = chunk.is_none();
            self.filter(&mut pump, chunk, end);
            // The first content goes out at once; after that whatever is ready goes in one write.
            while pump.committed && !end && pump.pending.len() < BATCH_BYTES && !pump.stopped {
                match wire.ready_body() {
                    None => break,
                    Some(Ok(chunk)) => {
                        end = chunk.is_none();
                        self.filter(&mut pump, chunk, end);
                    }
                    Some(Err(error)) => {
                        pump.error = Some(read_error(target, &error));
                        break;
                    }
                }
            }
            let outcome = self.judge(&mut pump, target, end).await;
            pump.measure(arrived);
            pump.last = Instant::now();
            if let Some(outcome) = outcome {
                return self.over(outcome, wire, end).await;
            }
            if let Some(error) = pump.error.take() {
                if self.is_complete() {
                    return self.end_whole(&mut pump, target).await;
                }
                return self.end_early(&pump, error).await;
            }
        }
    }

    /// What becomes of the connection when all was said.
    async fn over(&mut self, outcome: Outcome, wire: Wire, end: bool) -> Outcome {
        let abandoned = self.response().is_some_and(|response| response.progress.abandoned);
        // Whoever goes on talking after the client has all would go on billing.
        if matches!(outcome, Outcome::Served) && !abandoned {
            self.keep_connection(wire, end).await;
        }
        outcome
    }

    /// Runs the response body filter over a chunk.
    fn filter(&mut self, pump: &mut Pump, mut chunk: Option<Bytes>, end: bool) {
        if let (Some(capture), Some(chunk)) = (&mut self.downstream.capture, &chunk) {
            capture.upstream_body(chunk);
        }
        let filtered = self.gateway.response_body_filter(self.downstream.session, &mut chunk, end, self.context);
        if let (Ok(_), Some(bytes)) = (filtered, chunk) {
            pump.push(bytes);
        }
        self.note_progress(pump);
    }

    fn note_progress(&self, pump: &mut Pump) {
        if let Some(response) = self.response() {
            let progress = &response.progress;
            pump.content |= progress.content;
            pump.structural |= progress.structural;
            pump.stopped = progress.done || progress.error.is_some() || progress.exhausted.is_some();
        }
    }

    /// Decides what the bytes so far mean: hold, write, end, or fail. `None`: go on reading.
    async fn judge(&mut self, pump: &mut Pump, target: &Arc<Target>, end: bool) -> Option<Outcome> {
        let context = &mut *self.context;
        let response = context.attempt.as_mut()?.response.as_mut()?;
        let (complete, done, inside_event) =
            (response.progress.complete, response.progress.done, response.progress.inside_event);
        let (error, exhausted) = (response.progress.error.take(), response.progress.exhausted.take());
        if let Some(meter) = &mut context.meter {
            meter.observe(response);
        }
        // Before the client has the end of it, and may go on with it.
        if !pump.noted || done || end {
            pump.noted = stored_state::note(&self.gateway.response_memory, self.asked, target, response.tap());
        }
        self.downstream.set_inside_event(inside_event);
        if let Some(error) = exhausted {
            return Some(self.end_early(pump, *error).await);
        }
        if let Some(error) = error {
            return Some(self.provider_error(pump, target, *error).await);
        }
        let over = done || end;
        if over && !complete {
            if pump.committed
                && let Err(stop) = self.flush(pump, false).await
            {
                return Some(self.stopped(stop, pump.committed).await);
            }
            return Some(self.end_early(pump, broken_error(target, "its answer ended in the middle")).await);
        }
        // Comments alone do not commit; but what is held has a bound.
        let bound = if pump.structural { BATCH_BYTES } else { BATCH_BYTES * 4 };
        if !pump.committed && !pump.content && !over && pump.pending.len() <= bound {
            return None;
        }
        if let Err(stop) = self.flush(pump, over).await {
            return Some(self.stopped(stop, pump.committed).await);
        }
        over.then_some(Outcome::Served)
    }

    /// The provider put an error where its answer should be.
    async fn provider_error(&mut self, pump: &mut Pump, target: &Target, mut error: ApiError) -> Outcome {
        unsaid::take_out_of(target, &mut error);
        let failure = target.upstream.stream_failure(target.shape, error);
        if !pump.committed {
            return Outcome::Failed(Failed { failure, answer: None, status: None });
        }
        // The provider's own event is the terminal one, and its fields survive in it; it is the last of what is pending.
        let passed = self.response().is_some_and(|response| response.progress.error_passed);
        if passed {
            unsaid::take_out(target, &mut pump.pending);
        }
        match self.flush(pump, passed).await {
            Ok(()) if passed => Outcome::Broken(failure.error),
            Ok(()) => Outcome::Broken(self.tell_in_stream(failure.error, true).await),
            Err(stop) => self.stopped(stop, pump.committed).await,
        }
    }

    /// Writes what is pending; the first time with the head. What was set aside for it is on disk before that.
    async fn flush(&mut self, pump: &mut Pump, end: bool) -> Result<(), Stopped> {
        if !pump.committed {
            self.lose_hedge();
        }
        if let Some(ticket) = self.ticket.as_mut().filter(|_| pump.content) {
            ticket.proved(&self.context.snapshot.config().health);
        }
        self.settle_first(pump.committed).await?;
        if !pump.committed {
            pump.committed = true;
            if let Some(meter) = &mut self.context.meter {
                meter.first_byte();
            }
        }
        self.write_pending(pump, end).await.map_err(|_| Stopped::ClientGone)
    }

    /// Waits until the disk has what the client is about to be given: before the first byte, and when it is more than was set aside.
    pub(super) async fn settle_first(&mut self, committed: bool) -> Result<(), Stopped> {
        let Some(meter) = &mut self.context.meter else { return Ok(()) };
        if !meter.cover() && committed {
            return Ok(());
        }
        let deadline = Some(Instant::now() + LEDGER_TIME);
        let mut waited = Duration::ZERO;
        let taken = timed(&mut waited, self.watch.work(self.downstream, deadline, meter.durable())).await;
        self.gateway.metrics.ledger_waited(waited);
        match taken {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(Interrupt::Stage) => Err(Stopped::Unwritten),
            Err(Interrupt::Total) => Err(Stopped::OutOfTime),
            Err(Interrupt::Ending) => Err(Stopped::Ending),
            Err(Interrupt::ClientGone) => Err(Stopped::ClientGone),
        }
    }

    /// Ends an answer that could not be written. `begun`: events of it are with the client.
    pub(super) async fn stopped(&mut self, stopped: Stopped, begun: bool) -> Outcome {
        match stopped {
            Stopped::ClientGone => Outcome::Gone,
            Stopped::Ending if self.downstream.head_written() => {
                Outcome::Broken(self.tell_in_stream(cut_error(), begun).await)
            }
            Stopped::Ending => cut(),
            Stopped::OutOfTime => {
                let error = ApiError::new(ErrorClass::Timeout, TOO_LONG);
                if self.downstream.head_written() {
                    return Outcome::Broken(self.tell_in_stream(error, begun).await);
                }
                let mut failure = Failure::new(error);
                failure.cool = None;
                Outcome::Failed(Failed { failure, answer: None, status: None })
            }
            Stopped::Unwritten => {
                let error = ApiError::new(ErrorClass::Unavailable, UNWRITTEN)
                    .with_code("ledger_unavailable")
                    .with_retry_after(5);
                if self.downstream.head_written() {
                    return Outcome::Broken(self.tell_in_stream(error, begun).await);
                }
                if let Some(meter) = &mut self.context.meter {
                    // The client is given nothing, and so is charged nothing.
                    meter.attempt_failed();
                }
                match tell_error(self.downstream, self.context, (&error, None)).await {
                    End::Gone => Outcome::Gone,
                    _ => Outcome::Broken(error),
                }
            }
        }
    }

    async fn write_pending(&mut self, pump: &mut Pump, end: bool) -> Result<()> {
        if !self.downstream.head_written() {
            let events = self.response().is_some_and(ResponseBody::is_events);
            let passed = self.context.attempt.as_mut().map(|attempt| &mut attempt.passed_headers);
            let mut headers = passed.map(std::mem::take).unwrap_or_default();
            if self.response().is_some_and(ResponseBody::is_translated) {
                let media_type = if events { EVENT_STREAM } else { "application/json" };
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
            }
            if self.response().is_some_and(ResponseBody::is_reframed) {
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
            }
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

    /// The connection did not end as it should, and the answer has.
    async fn end_whole(&mut self, pump: &mut Pump, target: &Arc<Target>) -> Outcome {
        self.filter(pump, None, true);
        self.judge(pump, target, true).await.unwrap_or(Outcome::Served)
    }

    /// The answer broke off. Before the commit another target may be tried; after it the client is told inside the stream.
    async fn end_early(&mut self, pump: &Pump, error: ApiError) -> Outcome {
        if pump.committed {
            return Outcome::Broken(self.tell_in_stream(error, true).await);
        }
        Outcome::Failed(Failed { failure: Failure::new(error), answer: None, status: None })
    }

    /// The whole exchange has no time left.
    async fn end_late(&mut self, pump: &Pump, target: &Target, over: Interrupt) -> Outcome {
        let is_cut = over == Interrupt::Ending;
        if pump.committed {
            let error = if is_cut { cut_error() } else { silence(target, TOO_LONG) };
            return Outcome::Broken(self.tell_in_stream(error, true).await);
        }
        if is_cut { cut() } else { out_of_time(target) }
    }

    /// Ends the client's stream with an error. `begun`: events of this answer are with the client.
    async fn tell_in_stream(&mut self, error: ApiError, begun: bool) -> ApiError {
        let can_tell = self.response().is_some_and(ResponseBody::is_events) && !self.downstream.is_inside_event();
        let Context { attempt, request_id, .. } = &mut *self.context;
        let response = attempt.as_mut().and_then(|attempt| attempt.response.as_mut());
        let event = response.filter(|_| begun).and_then(|response| response.error_event(&error, request_id));
        let told = match event {
            _ if !can_tell => Err(super::exchange::gone()),
            Some(event) => self.downstream.write(event, true).await,
            None => self.downstream.end_with_error(&error).await,
        };
        if told.is_err() {
            // What cannot carry an error ends by its connection being cut.
            self.context.cut = true;
        }
        error
    }

    /// Lets the provider's connection reach its end, so that it can be used again, without keeping the client.
    async fn keep_connection(&mut self, mut wire: Wire, mut end: bool) {
        while !end {
            match wire.ready_body() {
                Some(Ok(chunk)) => end = chunk.is_none(),
                Some(Err(_)) => return,
                None => break,
            }
        }
        let connector = Arc::clone(&self.gateway.connector);
        if end {
            wire.release(&connector).await;
            return;
        }
        // Nothing hangs on this task: where it is dropped, at shutdown, a connection is closed that could have been kept.
        tokio::spawn(async move {
            let ended = timeout(LINGER, async { while let Ok(Some(_)) = wire.read_body().await {} }).await;
            if ended.is_ok() {
                wire.release(&connector).await;
            }
        });
    }

    /// Whether the answer has ended as its shape says, though more could come.
    fn is_complete(&self) -> bool {
        self.response().is_some_and(ResponseBody::is_complete)
    }

    fn response(&self) -> Option<&ResponseBody> {
        self.context.attempt.as_ref()?.response.as_ref()
    }
}

/// Why nothing more was written.
pub(super) enum Stopped {
    ClientGone,
    /// The process has no time left.
    Ending,
    /// The exchange has none.
    OutOfTime,
    /// The ledger could not be written.
    Unwritten,
}

pub(super) fn read_error(target: &Target, error: &Error) -> ApiError {
    broken_error(target, upstream::describe(error))
}

fn not_a_stream(target: &Target) -> ApiError {
    ApiError::new(
        ErrorClass::Upstream,
        format!("provider {} was asked for a stream and answered with something else", target.upstream.id()),
    )
}
