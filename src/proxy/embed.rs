//! Texts that are embedded by a provider of another shape than the client's: as many calls as it takes, one after the other, and one answer.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};
use ovth_filters::Shape;
use ovth_filters::embeddings::{self, Asked, Embedded, GoogleAsked, GoogleCalls, OpenAiCall};
use ovth_filters::neutral::{ApiError, ErrorClass, Losses};
use tokio::time::Instant;

use super::attempt::{Exchange, Failed, Outcome, Stop, broken, broken_error, cut, failed, out_of_time, silence};
use super::body::{BUDGET_RETRY_AFTER, RequestBody};
use super::budget::Held;
use super::intake::BLOCKING_BYTES;
use super::prepare::{Making, Prepared, no_room};
use super::upstream::Wire;
use super::watch::Interrupt;
use crate::providers::Failure;
use crate::routing::Target;

/// The answer to one call: 100 vectors of 3,072 numbers, a line each, are some 7 MiB.
const ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// What is left to do when the first call was made.
pub(super) struct Calls {
    /// The bodies of the other calls.
    others: Vec<Bytes>,
    back: Back,
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
    back: Back,
    losses: Losses,
}

fn make(client: Shape, body: &[u8], model: &str, batch: bool) -> Result<Made, ApiError> {
    if client == Shape::GenerateContent {
        let OpenAiCall { body, asked, losses } = embeddings::to_openai(body, model, batch)?;
        return Ok(Made { bodies: vec![body], back: Back::FromOpenAi(asked), losses });
    }
    let GoogleCalls { bodies, asked, losses } = embeddings::to_google(body, model)?;
    Ok(Made { bodies, back: Back::FromGoogle(asked), losses })
}

/// The calls for one target. What is large is made off the worker thread.
///
/// # Errors
/// The request cannot be told to this target, or only with a loss that is not allowed.
pub(super) async fn prepare(making: Making<'_>, mut held: Held) -> Result<Prepared, Failure> {
    let Making { asked, target, .. } = making;
    let (body, model) = (asked.body.bytes.clone(), Arc::clone(&target.model));
    let (client, batch) = (asked.shape, asked.called.is_batch());
    let work = move || make(client, &body, &model, batch);
    let made = if asked.body.bytes.len() < BLOCKING_BYTES {
        work()
    } else {
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(unmade()))
    };
    let Made { bodies, back, losses } = made.map_err(Failure::untranslatable)?;
    if !held.at_least(bodies.iter().map(Vec::len).sum()) {
        return Err(Failure::new(no_room()));
    }
    if asked.strict
        && let Some(error) = losses.error(&target.model)
    {
        return Err(Failure::untranslatable(error));
    }
    let warnings: Vec<String> = losses.all().iter().map(ToString::to_string).collect();
    let mut bodies = bodies.into_iter().map(Bytes::from);
    Ok(Prepared {
        runs: bodies.next().into_iter().collect(),
        stream: false,
        hides_usage: false,
        translation: None,
        embedding: Some(Calls { others: bodies.collect(), back }),
        warnings: warnings.join(", "),
        held,
    })
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
        (calls, mut wire): (&Calls, Wire),
        addresses: &[SocketAddr],
    ) -> Outcome {
        let mut held = self.gateway.budget.empty();
        let mut answers = Vec::with_capacity(calls.others.len() + 1);
        let mut others = calls.others.iter();
        loop {
            if let (Some(meter), Some(head)) = (&mut self.context.meter, wire.head()) {
                meter.answered_by(&target.upstream.response_headers(target.shape, &head.headers));
            }
            match self.whole_answer(target, &mut wire, &mut held, &answers).await {
                Ok(answer) => answers.push(answer),
                Err(outcome) => return outcome,
            }
            wire.release(&self.gateway.connector).await;
            let Some(body) = others.next() else { break };
            wire = match self.next_call(target, prepared, addresses, body).await {
                Ok(wire) => wire,
                Err(outcome) => return outcome,
            };
            let status = wire.head().map_or(0, |head| head.status.as_u16());
            if !(200..300).contains(&status) {
                return self.refusal(target, wire, status).await;
            }
        }
        match told(answers, calls.back, Arc::clone(&target.model)).await {
            Ok(embedded) => self.tell_embedded(embedded).await,
            Err(error) => {
                let failure = target.upstream.stream_failure(target.shape, error);
                Outcome::Failed(Failed { failure, answer: None, status: None })
            }
        }
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
        held: &mut Held,
        before: &[BytesMut],
    ) -> Result<BytesMut, Outcome> {
        let held_before: usize = before.iter().map(BytesMut::len).sum();
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
                    if !held.at_least(held_before + length) {
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

/// The answer for the client; a large one is made off the worker thread.
async fn told(answers: Vec<BytesMut>, back: Back, model: Arc<str>) -> Result<Embedded, ApiError> {
    let length: usize = answers.iter().map(BytesMut::len).sum();
    let work = move || {
        let answers: Vec<&[u8]> = answers.iter().map(|answer| &**answer).collect();
        match back {
            Back::FromGoogle(asked) => embeddings::from_google(&answers, asked, &model),
            Back::FromOpenAi(asked) => embeddings::from_openai(answers.first().copied().unwrap_or_default(), asked),
        }
    };
    if length < BLOCKING_BYTES {
        return work();
    }
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(unmade()))
}

fn exhausted() -> ApiError {
    ApiError::new(ErrorClass::Unavailable, "the answer does not fit into the gateway's memory budget; try again")
        .with_retry_after(BUDGET_RETRY_AFTER)
}
