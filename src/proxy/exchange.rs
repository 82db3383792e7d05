//! Drives one exchange: key, quota, intake, plan, then its targets, and what is told of the end.

use std::sync::Arc;
use std::time::SystemTime;

use ovth_filters::neutral::{ApiError, ErrorClass};
use ovth_filters::{Operation, Shape, shapes};
use pingora_core::{Error, ErrorType, Result};
use pingora_proxy::Session;
use tokio::time::Instant;

use super::attempt::Exchange;
use super::context::{Asked, Context};
use super::downstream::Downstream;
use super::intake::{self, BLOCKING_BYTES, Body, Bounds, IntakeError};
use super::reply::{Marks, Reply};
use super::targets::{End, try_targets};
use super::watch::Watch;
use super::{Gateway, credentials};
use crate::keys::{AuthError, Key};
use crate::ledger::QuotaSpent;
use crate::observe::{self, ShortText};
use crate::routing::{Ask, Plan};

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
        let admitted = gateway.ledger.admit(&key, &config.quota, SystemTime::now());
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
    let key = gateway.keys.authenticate(presented, SystemTime::now()).map_err(|error| match error {
        AuthError::Unknown | AuthError::Revoked | AuthError::Expired | AuthError::Replaced => {
            ApiError::new(ErrorClass::ClientAuth, error.to_string()).with_code("invalid_api_key")
        }
        AuthError::Storage => ApiError::new(ErrorClass::Unavailable, error.to_string()).with_retry_after(1),
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
    let mut exchange =
        Exchange { gateway, downstream: &mut downstream, watch: &mut watch, context: &mut *context, asked };
    let ended = try_targets(&mut exchange, plan).await;
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

pub(super) fn with_meter(context: &mut Context, change: impl FnOnce(&mut super::meter::Meter)) {
    if let Some(meter) = &mut context.meter {
        change(meter);
    }
}

/// Ends the exchange without another word to the client.
pub(super) fn gone() -> Box<Error> {
    Error::new_down(ErrorType::ConnectionClosed)
}
