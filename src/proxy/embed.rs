//! Texts that are embedded by a provider of another shape than the client's: as many calls as it takes, one after the other, and one answer.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};
use ovth_filters::Shape;
use ovth_filters::embeddings::{self, Asked, Embedded, GoogleAsked, GoogleCalls, OpenAiCall};
use ovth_filters::neutral::{ApiError, ErrorClass, Losses};
use tokio::time::Instant;

use super::attempt::{
    Exchange, Failed, Outcome, Stop, TOO_LONG, broken, broken_error, cut, failed, interrupted, out_of_time, silence,
};
use super::body::{BUDGET_RETRY_AFTER, RequestBody};
use super::budget::Held;
use super::intake::BLOCKING_BYTES;
use super::meter::{Beside, Meter};
use super::prepare::{Making, Prepared, no_room};
use super::upstream::Wire;
use super::watch::Interrupt;
use crate::providers::Failure;
use crate::routing::Target;

/// The answer to one call: 100 vectors of 3,072 numbers, a line each, are some 7 MiB.
const ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// What a text takes of memory beside itself while it is told: what a call of Google's says of each.
const TEXT_BYTES: usize = 160;

/// What an answer of OpenAI's says of each vector beside it.
const VECTOR_BYTES: usize = 64;

/// A number of a vector is written in two bytes at least, and is five and a third in base64.
const PACKED_FACTOR: usize = 3;

/// What is left to do when the first call was made.
pub(super) struct Calls {
    /// The bodies of the other calls.
    others: Vec<Bytes>,
    /// About how many tokens the texts of each call have, of those that were answered before too.
    estimates: Vec<u64>,
    back: Back,
}

/// Calls that were answered before a later one failed: who tries the same model again need not make them again.
pub(super) struct Answered {
    target: Arc<Target>,
    answers: Vec<BytesMut>,
    /// The answers' share of the memory budget.
    held: Held,
    /// What was charged for them, as their provider bills for them whatever came after.
    charged: Beside,
}

impl Answered {
    /// How many calls a target need not be asked.
    pub(super) fn spares(&self, target: &Target) -> usize {
        if self.target.is_told_alike(target) { self.answers.len() } else { 0 }
    }
}

/// How the answers become the client's.
#[derive(Clone, Copy)]
enum Back {
    /// Google's for a client of OpenAI's.
    FromGoogle(Asked),
    /// OpenAI's for a client of Google's.
    FromOpenAi(GoogleAsked),
}

/// The calls that a request becomes.
struct Made {
    bodies: Vec<Vec<u8>>,
    estimates: Vec<u64>,
    back: Back,
    losses: Losses,
}

fn make(client: Shape, body: &[u8], model: &str, batch: bool) -> Result<Made, ApiError> {
    if client == Shape::GenerateContent {
        let OpenAiCall { body, asked, losses } = embeddings::to_openai(body, model, batch)?;
        let estimates = vec![asked.estimated_tokens];
        return Ok(Made { bodies: vec![body], estimates, back: Back::FromOpenAi(asked), losses });
    }
    let GoogleCalls { bodies, estimates, asked, losses } = embeddings::to_google(body, model)?;
    Ok(Made { bodies, estimates, back: Back::FromGoogle(asked), losses })
}

/// What the calls take of memory while they are made, in bytes: the texts twice, as escapes in them are undone, and what is said of each.
fn cost(body: &[u8]) -> usize {
    let texts = memchr::memchr_iter(b'"', body).count() / 2;
    body.len().saturating_mul(2).saturating_add(texts.min(embeddings::MAX_INPUTS).saturating_mul(TEXT_BYTES))
}

/// The calls for one target. What is large is made off the worker thread.
///
/// # Errors
/// The request cannot be told to this target, or only with a loss that is not allowed; the gateway's memory does not hold it.
pub(super) async fn prepare(making: Making<'_>, mut held: Held) -> Result<Prepared, Failure> {
    let Making { asked, target, answered, .. } = making;
    let (body, model) = (asked.body.bytes.clone(), Arc::clone(&target.model));
    let (client, batch) = (asked.shape, asked.called.is_batch());
    let work = move || {
        let cost = cost(&body);
        if !held.could_hold(cost) {
            return Err(Failure::untranslatable(too_many_texts()));
        }
        if !held.at_least(cost) {
            return Err(Failure::new(no_room()));
        }
        let made = make(client, &body, &model, batch).map_err(Failure::untranslatable)?;
        let length = made.bodies.iter().map(Vec::len).sum();
        held.at_most(length);
        if held.at_least(length) { Ok((made, held)) } else { Err(Failure::new(no_room())) }
    };
    let (made, held) = if asked.body.bytes.len() < BLOCKING_BYTES {
        work()?
    } else {
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Failure::untranslatable(unmade())))?
    };
    let Made { bodies, estimates, back, losses } = made;
    if asked.strict
        && let Some(error) = losses.error(&target.model)
    {
        return Err(Failure::untranslatable(error));
    }
    let warnings: Vec<String> = losses.all().iter().map(ToString::to_string).collect();
    let mut bodies = bodies.into_iter().map(Bytes::from).skip(answered);
    Ok(Prepared {
        runs: bodies.next().into_iter().collect(),
        stream: false,
        hides_usage: false,
        translation: None,
        embedding: Some(Calls { others: bodies.collect(), estimates, back }),
        warnings: warnings.join(", "),
        held,
    })
}

fn too_many_texts() -> ApiError {
    let message =
        "the texts are more than the gateway's memory allows to tell another provider; send fewer of them in a request";
    ApiError::new(ErrorClass::TooLarge, message)
}

fn unmade() -> ApiError {
    ApiError::new(ErrorClass::Internal, "the texts could not be prepared by the gateway")
}

impl Exchange<'_, '_> {
    /// Reads the answer to the first call, makes the others, and answers the client.
    pub(super) async fn embed(
        &mut self,
        target: &Arc<Target>,
        prepared: &Prepared,
        (calls, wire): (&Calls, Wire),
        addresses: &[SocketAddr],
    ) -> Outcome {
        let mut answers = Answers { all: Vec::new(), held: self.gateway.budget.empty() };
        if let Some(Answered { answers: all, held, charged, .. }) =
            self.embedded.take_if(|answered| answered.spares(target) > 0)
        {
            // They are part of the whole now, which is charged at its end.
            self.meter(|meter| meter.uncharge(&charged));
            answers = Answers { all, held };
        }
        if let Err(outcome) = self.make_calls(target, prepared, (calls, wire, addresses), &mut answers).await {
            return self.charge_answered(target, calls, answers, outcome).await;
        }
        let charge_all = |exchange: &mut Self| exchange.charge(calls.estimates.iter().sum(), false);
        if !answers.make_room(calls.back) {
            charge_all(self);
            return failed(exhausted());
        }
        let told = told(answers, calls.back, Arc::clone(&target.model));
        match self.watch.work(self.downstream, None, told).await {
            Ok(Ok((embedded, _held))) => self.tell_embedded(embedded).await,
            Ok(Err(error)) => {
                charge_all(self);
                let failure = target.upstream.stream_failure(target.shape, error);
                Outcome::Failed(Failed { failure, answer: None, status: None })
            }
            Err(interrupt) => {
                charge_all(self);
                interrupted(target, interrupt, TOO_LONG)
            }
        }
    }

    /// Makes the calls that are left; the answers are added to those that there are.
    async fn make_calls(
        &mut self,
        target: &Arc<Target>,
        prepared: &Prepared,
        (calls, mut wire, addresses): (&Calls, Wire, &[SocketAddr]),
        answers: &mut Answers,
    ) -> Result<(), Outcome> {
        let mut others = calls.others.iter();
        loop {
            if let (Some(meter), Some(head)) = (&mut self.context.meter, wire.head()) {
                meter.answered_by(&target.upstream.response_headers(target.shape, &head.headers));
            }
            let answer = self.whole_answer(target, &mut wire, answers).await?;
            answers.all.push(answer);
            wire.release(&self.gateway.connector).await;
            let Some(body) = others.next() else { return Ok(()) };
            wire = self.next_call(target, prepared, addresses, body).await?;
            let status = wire.head().map_or(0, |head| head.status.as_u16());
            if !(200..300).contains(&status) {
                return Err(self.refusal(target, wire, status).await);
            }
        }
    }

    /// Charges what was answered before a call failed, and keeps it for who tries the same model again.
    async fn charge_answered(
        &mut self,
        target: &Arc<Target>,
        calls: &Calls,
        answers: Answers,
        outcome: Outcome,
    ) -> Outcome {
        let answered = answers.all.len();
        // Of a client that left nobody knows whether the call under way will be billed.
        let under_way = match &outcome {
            Outcome::Gone => calls.estimates.get(answered).copied().filter(|_| self.meter(|meter| meter.is_sent())),
            _ => None,
        };
        if answered > 0 || under_way.is_some() {
            let estimates: Vec<u64> = calls.estimates.iter().copied().take(answered).collect();
            let (answers, tokens, is_counted) = counted(answers, estimates, calls.back).await;
            let tokens = tokens.saturating_add(under_way.unwrap_or_default());
            let charged = self.charge(tokens, is_counted && under_way.is_none());
            if matches!(outcome, Outcome::Failed(_))
                && let Some(Answers { all, held }) = answers
            {
                self.embedded = Some(Answered { target: Arc::clone(target), answers: all, held, charged });
            }
        }
        outcome
    }

    /// Charges what the provider bills for though the attempt fails.
    fn charge(&mut self, tokens: u64, is_counted: bool) -> Beside {
        self.meter(|meter| {
            meter.attempt_failed();
            meter.charge(tokens, is_counted)
        })
    }

    fn meter<T: Default>(&mut self, change: impl FnOnce(&mut Meter) -> T) -> T {
        self.context.meter.as_mut().map(change).unwrap_or_default()
    }

    /// Makes another call, on a connection of the pool or, where that one had been closed, on a new one.
    async fn next_call(
        &mut self,
        target: &Arc<Target>,
        prepared: &Prepared,
        addresses: &[SocketAddr],
        body: &Bytes,
    ) -> Result<Wire, Outcome> {
        for fresh in [false, true] {
            let mut wire = self.connect(target, prepared, (addresses, fresh)).await?;
            if let Some(attempt) = &mut self.context.attempt {
                attempt.request = RequestBody::new(vec![body.clone()]);
            }
            self.capture_request(target, std::iter::once(body));
            match self.send(target, &mut wire).await {
                Ok(()) => {
                    self.capture_head(target, &wire);
                    return Ok(wire);
                }
                Err(Stop::Outcome(outcome)) => return Err(*outcome),
                Err(Stop::Stale) => {}
            }
        }
        Err(failed(broken_error(target, "its connections were closed before they could be used")))
    }

    async fn whole_answer(
        &mut self,
        target: &Target,
        wire: &mut Wire,
        before: &mut Answers,
    ) -> Result<BytesMut, Outcome> {
        let held_before = before.length();
        let mut answer = BytesMut::new();
        loop {
            let deadline = Instant::now() + target.upstream.timeouts().idle;
            match self.watch.wait(self.downstream, Some(deadline), wire.read_body()).await {
                Ok(Ok(Some(chunk))) => {
                    if let Some(capture) = &mut self.downstream.capture {
                        capture.upstream_body(&chunk);
                    }
                    let length = answer.len() + chunk.len();
                    if length > ANSWER_BYTES {
                        return Err(failed(broken_error(target, "its answer is larger than embeddings can be")));
                    }
                    if !before.held.at_least(held_before + length) {
                        return Err(failed(exhausted()));
                    }
                    answer.extend_from_slice(&chunk);
                }
                Ok(Ok(None)) => return Ok(answer),
                Ok(Err(error)) => return Err(broken(target, &error)),
                Err(Interrupt::ClientGone) => return Err(Outcome::Gone),
                Err(Interrupt::Stage) => return Err(failed(silence(target, "it stopped in the middle of its answer"))),
                Err(Interrupt::Total) => return Err(out_of_time(target)),
                Err(Interrupt::Ending) => return Err(cut()),
            }
        }
    }

    async fn tell_embedded(&mut self, embedded: Embedded) -> Outcome {
        let Embedded { body, prompt_tokens, is_counted } = embedded;
        if let Some(meter) = &mut self.context.meter {
            meter.embedded(prompt_tokens, is_counted);
        }
        if let Err(stopped) = self.settle_first(false).await {
            return self.stopped(stopped, false).await;
        }
        if let Some(meter) = &mut self.context.meter {
            meter.first_byte();
        }
        let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match self.downstream.write_whole(200, HeaderMap::from_iter([json]), body.into()).await {
            Ok(()) => Outcome::Served,
            Err(_) => Outcome::Gone,
        }
    }
}

/// The answers to the calls so far, and their share of the memory budget.
struct Answers {
    all: Vec<BytesMut>,
    held: Held,
}

impl Answers {
    /// Holds room for the answer that they become.
    fn make_room(&mut self, back: Back) -> bool {
        let (texts, factor) = match back {
            Back::FromGoogle(asked) => (asked.texts, if asked.base64 { PACKED_FACTOR } else { 1 }),
            Back::FromOpenAi(asked) => (asked.texts, 1),
        };
        let made = self.length().saturating_mul(factor).saturating_add(texts.saturating_mul(VECTOR_BYTES));
        self.held.at_least(self.length().saturating_add(made))
    }

    fn length(&self) -> usize {
        self.all.iter().map(BytesMut::len).sum()
    }
}

/// The answer for the client; a large one is made off the worker thread. It keeps its share of the memory budget.
async fn told(answers: Answers, back: Back, model: Arc<str>) -> Result<(Embedded, Held), ApiError> {
    let is_small = answers.length() < BLOCKING_BYTES;
    let work = move || {
        let Answers { all, mut held } = answers;
        let slices: Vec<&[u8]> = all.iter().map(|answer| &**answer).collect();
        let embedded = match back {
            Back::FromGoogle(asked) => embeddings::from_google(&slices, asked, &model)?,
            Back::FromOpenAi(asked) => embeddings::from_openai(slices.first().copied().unwrap_or_default(), asked)?,
        };
        drop(all);
        held.at_most(embedded.body.len());
        Ok((embedded, held))
    };
    if is_small {
        return work();
    }
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(unmade()))
}

/// How many tokens the texts have whose calls were answered, and whether their provider counted them all.
async fn counted(answers: Answers, estimates: Vec<u64>, back: Back) -> (Option<Answers>, u64, bool) {
    let estimated = estimates.iter().copied().fold(0, u64::saturating_add);
    if matches!(back, Back::FromOpenAi(_)) {
        return (Some(answers), estimated, false);
    }
    let is_small = answers.length() < BLOCKING_BYTES;
    let work = move || {
        let told: Vec<Option<u64>> = answers.all.iter().map(|answer| embeddings::google_tokens(answer)).collect();
        let each = told.iter().zip(&estimates).map(|(told, estimate)| told.unwrap_or(*estimate));
        let tokens = each.fold(0, u64::saturating_add);
        (Some(answers), tokens, told.iter().all(Option::is_some))
    };
    if is_small {
        return work();
    }
    tokio::task::spawn_blocking(work).await.unwrap_or((None, estimated, false))
}

fn exhausted() -> ApiError {
    ApiError::new(ErrorClass::Unavailable, "the answer does not fit into the gateway's memory budget; try again")
        .with_retry_after(BUDGET_RETRY_AFTER)
}
