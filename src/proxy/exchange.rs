//! Drives one exchange: intake, plan, quota, then the targets in turn until one has served or none is left.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, header};
use ovth_filters::neutral::{ApiError, ErrorClass};
use ovth_filters::{Operation, Shape, shapes};
use pingora_core::{Error, ErrorType, Result};
use pingora_proxy::Session;
use tokio::time::Instant;

use super::attempt::{Exchange, Failed, Outcome};
use super::context::{Asked, Context};
use super::downstream::Downstream;
use super::intake::{self, BLOCKING_BYTES, Body, Bounds, IntakeError};
use super::reply::{Marks, Reply};
use super::watch::Watch;
use super::{Gateway, credentials};
use crate::keys::{AuthError, Key};
use crate::ledger::QuotaSpent;
use crate::observe::{self, AttemptNote, FailedAttempt, ShortText};
use crate::providers::Failure;
use crate::routing::{Ask, Plan, Target, next_target};

/// Targets that one request may try; more would only make a client wait for what is down everywhere.
const MAX_TARGETS: u32 = 6;

/// Serves one request that goes to a provider.
///
/// # Errors
/// When the client is gone, or its connection must be cut; nothing is to be written then.
pub(super) async fn serve(
    gateway: &Gateway,
    session: &mut Session,
    context: &mut Context,
    shape: Shape,
    operation: Operation,
) -> Result<()> {
    let mut marks = Marks::new(shape, context.request_id.clone(), true);
    match prepare(gateway, session, context, shape, operation).await {
        Ok((asked, plan)) => run(gateway, session, context, marks, &asked, plan).await,
        Err(IntakeError::ClientGone) => Err(gone()),
        Err(IntakeError::Refused(error)) => {
            mark_retry(&mut marks, &error);
            refuse(session, context, &marks, &error).await
        }
    }
}

/// Everything before the first attempt: the key, the body, the plan, the quota.
async fn prepare(
    gateway: &Gateway,
    session: &mut Session,
    context: &mut Context,
    shape: Shape,
    operation: Operation,
) -> Result<(Asked, Plan), IntakeError> {
    let snapshot = Arc::clone(&context.snapshot);
    let config = snapshot.config();
    let key = authenticate(gateway, session, context, shape)?;
    if operation == Operation::Generate {
        let admitted = gateway.ledger.admit(&key, &config.quota, std::time::SystemTime::now());
        let tab = admitted.map_err(|spent| IntakeError::Refused(quota_error(&spent)))?;
        with_meter(context, |meter| meter.charge_to(tab));
    }
    let until = Instant::from_std(context.arrived) + config.timeouts.total;
    let bounds = Bounds { bytes: config.limits.body_bytes, until };
    let body = intake::read(session, bounds, &gateway.budget).await?;
    let (peek, body) = peek(shape, operation, body).await?;
    if let Some(meter) = &mut context.meter {
        let record = &mut meter.record;
        record.bytes_in = body.bytes.len() as u64;
        record.stream = peek.stream;
        record.model_asked = Some(ShortText::from(peek.model.as_str()));
    }
    let input_tokens = peek.estimated_input_tokens();
    let ask =
        Ask { shape, operation, model: &peek.model, needs: peek.needs, input_tokens, max_output: peek.max_output };
    let plan = snapshot.plan(&ask)?;
    with_meter(context, |meter| meter.estimate_input(input_tokens));
    if let Some(meter) = &mut context.meter {
        meter.record.route.clone_from(&plan.route);
        meter.record.strategy = plan.route.is_some().then_some(plan.strategy);
    }
    Ok((Asked { shape, operation, peek, body }, plan))
}

fn authenticate(
    gateway: &Gateway,
    session: &Session,
    context: &mut Context,
    shape: Shape,
) -> Result<Arc<Key>, ApiError> {
    let Some(presented) = credentials::presented(&session.req_header().headers, shape) else {
        return Err(ApiError::new(
            ErrorClass::ClientAuth,
            "no API key: send one as 'Authorization: Bearer ovth_live_...' or 'x-api-key: ovth_live_...'",
        )
        .with_code("invalid_api_key"));
    };
    let key = gateway.keys.authenticate(presented).map_err(|error| match error {
        AuthError::Unknown => ApiError::new(
            ErrorClass::ClientAuth,
            "this API key is not known here; mint one with POST /admin/keys and the master key",
        )
        .with_code("invalid_api_key"),
        AuthError::Storage => {
            ApiError::new(ErrorClass::Unavailable, "API keys cannot be checked just now; try again").with_retry_after(1)
        }
    })?;
    if let Some(meter) = &mut context.meter {
        meter.record.key_id = Some(Arc::from(key.id.as_str()));
    }
    Ok(key)
}

/// Looks into the body; a large one off the worker thread.
async fn peek(shape: Shape, operation: Operation, body: Body) -> Result<(shapes::Peek, Body), ApiError> {
    if body.bytes.len() < BLOCKING_BYTES {
        return Ok((shapes::peek(shape, operation, &body.bytes)?, body));
    }
    let bytes = body.bytes.clone();
    let peeked = tokio::task::spawn_blocking(move || shapes::peek(shape, operation, &bytes)).await;
    let peeked = peeked.unwrap_or_else(|_| {
        Err(ApiError::new(ErrorClass::Internal, "the request body could not be read by the gateway"))
    });
    Ok((peeked?, body))
}

async fn run(
    gateway: &Gateway,
    session: &mut Session,
    context: &mut Context,
    marks: Marks,
    asked: &Asked,
    plan: Plan,
) -> Result<()> {
    let config = context.snapshot.config();
    let started = Instant::from_std(context.arrived);
    let total = started + config.timeouts.total;
    let (commit_after, every) = (config.commit_after, config.heartbeat);
    let streaming = asked.peek.stream;
    let mut watch = Watch::new(total);
    if streaming {
        watch.beat(started + commit_after, every);
    }
    let mut downstream = Downstream::new(session, asked.shape, marks, streaming);
    let ended = try_targets(gateway, &mut downstream, &mut watch, context, asked, plan).await;
    let (status, bytes, heartbeats) = (downstream.status(), downstream.bytes(), downstream.heartbeats());
    if let Some(meter) = &mut context.meter {
        meter.record.status = status;
        meter.record.bytes_out += bytes;
        meter.record.heartbeats = heartbeats;
    }
    match ended {
        End::Served => {
            with_meter(context, |meter| meter.ended(observe::Outcome::Ok));
            Ok(())
        }
        End::Gone => {
            with_meter(context, |meter| meter.ended(observe::Outcome::ClientAbort));
            Err(gone())
        }
        End::Told(class) => {
            with_meter(context, |meter| meter.failed(class));
            if context.cut { Err(gone()) } else { Ok(()) }
        }
    }
}

/// How the whole exchange ended.
enum End {
    Served,
    Gone,
    /// The client was told of an error of this class.
    Told(ErrorClass),
}

async fn try_targets(
    gateway: &Gateway,
    downstream: &mut Downstream<'_>,
    watch: &mut Watch,
    context: &mut Context,
    asked: &Asked,
    plan: Plan,
) -> End {
    let mut queue = gateway.health.order(plan.targets.clone(), std::time::Instant::now());
    let mut failures: Vec<Failed> = Vec::new();
    let mut tried = 0_u32;
    let mut next = (!queue.is_empty()).then_some(0);
    while let Some(index) = next.take()
        && tried < MAX_TARGETS
        && !watch.is_over()
    {
        let target = queue.remove(index);
        tried += 1;
        let began = Instant::now();
        note_target(context, downstream, &plan.route, &target);
        let mut exchange = Exchange { gateway, downstream, watch, context, asked };
        let outcome = exchange.attempt(&target).await;
        match outcome {
            Outcome::Served => {
                gateway.health.recovered(&target);
                note_attempt(gateway, context, &target, observe::Outcome::Ok, Some(200));
                return End::Served;
            }
            Outcome::Gone => {
                note_attempt(gateway, context, &target, observe::Outcome::ClientAbort, None);
                return End::Gone;
            }
            Outcome::Broken(error) => {
                note_failure(gateway, context, &target, &error, None, began);
                return End::Told(error.class);
            }
            Outcome::Failed(failed) => {
                note_failure(gateway, context, &target, &failed.failure.error, failed.status, began);
                with_meter(context, super::meter::Meter::attempt_failed);
                note_health(gateway, &target, &failed.failure);
                next = next_target(&target, &failed.failure, &queue);
                if next.is_some() && tried < MAX_TARGETS {
                    gateway.metrics.failover(failed.failure.error.class);
                }
                failures.push(failed);
            }
        }
    }
    tell(downstream, context, &plan, failures, watch.is_over()).await
}

/// Tells the client of the failure that says most, in its shape: with a status, or inside the stream when heartbeats fixed that.
async fn tell(
    downstream: &mut Downstream<'_>,
    context: &mut Context,
    plan: &Plan,
    failures: Vec<Failed>,
    out_of_time: bool,
) -> End {
    let waiting_helps = failures.iter().any(|failed| is_transient(failed.failure.error.class));
    let soonest = failures.iter().filter_map(|failed| failed.failure.error.retry_after).min();
    let Some(mut failed) = failures.into_iter().max_by_key(|failed| weight(failed.failure.error.class)) else {
        let error = if out_of_time {
            ApiError::new(ErrorClass::Timeout, "the exchange took longer than timeouts.total")
        } else {
            ApiError::new(ErrorClass::Unavailable, "no target could be tried; try again").with_retry_after(1)
        };
        return tell_error(downstream, context, &error).await;
    };
    downstream.marks().set("x-should-retry", if waiting_helps { "true" } else { "false" });
    let class = failed.failure.error.class;
    if let Some(answer) = failed.answer.take()
        && !downstream.head_written()
    {
        let written = downstream.write_whole(answer.status, answer.headers, answer.body.freeze()).await;
        return if written.is_ok() { End::Told(class) } else { End::Gone };
    }
    if is_transient(class) && failed.failure.error.retry_after.is_some() {
        failed.failure.error.retry_after = soonest;
    }
    tell_error(downstream, context, &plan.last_error(failed.failure.error)).await
}

async fn tell_error(downstream: &mut Downstream<'_>, context: &Context, error: &ApiError) -> End {
    let written = if downstream.head_written() {
        downstream.end_with_error(error).await
    } else {
        let encoded = shapes::encode_error(downstream.shape, error, &context.request_id);
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
        if let Some(seconds) = error.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        downstream.write_whole(encoded.status, headers, Bytes::from(encoded.body)).await
    };
    if written.is_ok() { End::Told(error.class) } else { End::Gone }
}

/// Whether the same request may succeed in a while.
const fn is_transient(class: ErrorClass) -> bool {
    matches!(
        class,
        ErrorClass::RateLimit
            | ErrorClass::Overloaded
            | ErrorClass::Timeout
            | ErrorClass::Transport
            | ErrorClass::Upstream
            | ErrorClass::Unavailable
    )
}

/// Of several failures the client is told the one with the largest weight, of equal ones the last: what it can act on by itself first,
/// then what passes by itself, then what only the operator can cure.
const fn weight(class: ErrorClass) -> u8 {
    match class {
        ErrorClass::BadRequest | ErrorClass::ContentRefused | ErrorClass::TooLarge => 7,
        ErrorClass::ContextOverflow => 6,
        ErrorClass::RateLimit => 5,
        ErrorClass::Overloaded => 4,
        ErrorClass::Timeout => 3,
        ErrorClass::Upstream | ErrorClass::Transport => 2,
        ErrorClass::OperatorModel => 1,
        _ => 0,
    }
}

/// Remembers what a failure says of the health of its target.
fn note_health(gateway: &Gateway, target: &Target, failure: &Failure) {
    let now = std::time::Instant::now();
    gateway.health.failed(target, failure, now);
    gateway.metrics.cooled_targets.set(i64::try_from(gateway.health.cooled_count(now)).unwrap_or(i64::MAX));
}

fn note_target(context: &mut Context, downstream: &mut Downstream<'_>, route: &Option<Arc<str>>, target: &Target) {
    with_meter(context, |meter| {
        let record = &mut meter.record;
        record.provider = Some(Arc::clone(target.upstream.id()));
        record.model_served = Some(Arc::clone(&target.model));
        record.upstream_shape = Some(target.shape);
    });
    if let Some(route) = route {
        let value = format!("{route}; {}/{}", target.upstream.id(), target.model);
        downstream.marks().set("x-ovth-route", &value);
    }
    let attempts = context.meter.as_ref().map_or(0, |meter| meter.record.attempts.count());
    downstream.marks().set("x-ovth-attempts", &(attempts + 1).to_string());
}

fn note_attempt(
    gateway: &Gateway,
    context: &mut Context,
    target: &Target,
    outcome: observe::Outcome,
    status: Option<u16>,
) {
    gateway.metrics.attempt(target.upstream.id(), outcome);
    with_meter(context, |meter| {
        meter.record.attempts.push(AttemptNote {
            provider: Arc::clone(target.upstream.id()),
            model: Arc::clone(&target.model),
            outcome,
            status,
        });
    });
}

fn note_failure(
    gateway: &Gateway,
    context: &mut Context,
    target: &Target,
    error: &ApiError,
    status: Option<u16>,
    began: Instant,
) {
    FailedAttempt {
        request_id: &context.request_id,
        provider: target.upstream.id(),
        model: &target.model,
        class: error.class,
        status,
        reason: reason(error),
        elapsed: began.elapsed(),
    }
    .emit();
    note_attempt(gateway, context, target, observe::Outcome::Failed(error.class), status);
}

/// What the log says of a failure: our own words, but no provider's, as those may quote a prompt.
fn reason(error: &ApiError) -> &str {
    match error.class {
        ErrorClass::Transport
        | ErrorClass::Timeout
        | ErrorClass::OperatorAuth
        | ErrorClass::OperatorBilling
        | ErrorClass::RateLimit
        | ErrorClass::Overloaded => &error.message,
        class => class.as_str(),
    }
}

/// Answers a request that never came to an attempt.
async fn refuse(session: &mut Session, context: &mut Context, marks: &Marks, error: &ApiError) -> Result<()> {
    let reply = Reply::error(marks.shape(), error, marks.request_id());
    let status = reply.status();
    let sent = reply.send(session, marks).await;
    with_meter(context, |meter| {
        meter.record.status = Some(status);
        meter.failed(error.class);
        meter.record.bytes_out = *sent.as_ref().unwrap_or(&0);
    });
    sent.map(drop)
}

/// Tells SDKs whether to try again by themselves, where the status alone would mislead them.
fn mark_retry(marks: &mut Marks, error: &ApiError) {
    match error.class {
        ErrorClass::Quota | ErrorClass::BadRequest | ErrorClass::UnknownModel => marks.set("x-should-retry", "false"),
        _ => {}
    }
}

fn quota_error(spent: &QuotaSpent) -> ApiError {
    ApiError::new(ErrorClass::Quota, spent.to_string()).with_code("quota_exceeded").with_retry_after(spent.retry_after)
}

fn with_meter(context: &mut Context, change: impl FnOnce(&mut super::meter::Meter)) {
    if let Some(meter) = &mut context.meter {
        change(meter);
    }
}

/// Ends the exchange without another word to the client.
pub(super) fn gone() -> Box<Error> {
    Error::new_down(ErrorType::ConnectionClosed)
}
