//! The targets of one exchange, in turn, until one has served or none is left, and what is noted of each.

use std::fmt::Write as _;
use std::sync::Arc;

use ovth_filters::neutral::{ApiError, ErrorClass};
use tokio::time::Instant;

use super::attempt::{Exchange, Failed, Outcome};
use super::context::Context;
use super::ending::cut_error;
use super::exchange::with_meter;
use super::meter::Meter;
use super::tell::{tell, tell_error};
use super::watch::Interrupt;
use crate::observe::{self, AttemptNote, FailedAttempt};
use crate::providers::Next;
use crate::routing::{Plan, Pursuit, Target};

/// Targets that one request may try; more would only make a client wait for what is down everywhere.
const MAX_TARGETS: u32 = 6;

/// How the whole exchange ended.
pub(super) enum End {
    Served,
    Gone,
    /// The client was told of an error of this class.
    Told(ErrorClass),
}

/// Tries the targets of the plan in turn.
pub(super) async fn try_targets(exchange: &mut Exchange<'_, '_>, mut plan: Plan) -> End {
    let targets = exchange.gateway.inventory.order(std::mem::take(&mut plan.targets), plan.route.is_some());
    let mut pursuit = Pursuit::new(exchange.gateway.health.order(targets, std::time::Instant::now()));
    let mut failures: Vec<Failed> = Vec::new();
    let mut tried = 0;
    let mut next = pursuit.next(None);
    while let Some(target) = next.take()
        && tried < MAX_TARGETS
        && exchange.watch.over().is_none()
    {
        tried += 1;
        let began = Instant::now();
        note_target(exchange, &plan, &target);
        let outcome = exchange.attempt(&target).await;
        let (gateway, context) = (exchange.gateway, &mut *exchange.context);
        match outcome {
            Outcome::Served => {
                gateway.health.recovered(&target);
                note_attempt(context, &target, (observe::Outcome::Ok, Some(200)));
                return End::Served;
            }
            Outcome::Gone => {
                note_attempt(context, &target, (observe::Outcome::ClientAbort, None));
                return End::Gone;
            }
            Outcome::Broken(error) => {
                note_failure(context, &target, (&error, None, began));
                return End::Told(error.class);
            }
            Outcome::Failed(failed) if failed.failure.next == Next::OtherTranslation => {
                // Nobody was asked: that is no attempt.
                tried -= 1;
                next = pursuit.next(Some((&target, &failed.failure)));
                failures.push(failed);
            }
            Outcome::Failed(failed) => {
                note_failure(context, &target, (&failed.failure.error, failed.status, began));
                with_meter(context, Meter::attempt_failed);
                gateway.health.failed(&target, &failed.failure, std::time::Instant::now());
                next = pursuit.next(Some((&target, &failed.failure)));
                if next.is_some() && tried < MAX_TARGETS {
                    let reason = observe::Outcome::Failed(failed.failure.error.class);
                    if let Some(counted) = context.meter.as_ref().and_then(Meter::counted) {
                        counted.failover(reason);
                    }
                }
                failures.push(failed);
            }
        }
    }
    match exchange.watch.over() {
        // Whatever failed before: the next process may find it otherwise.
        Some(Interrupt::Ending) => {
            exchange.downstream.marks().set("x-should-retry", "true");
            tell_error(exchange.downstream, exchange.context, &cut_error()).await
        }
        over => tell(exchange.downstream, exchange.context, &plan, failures, over.is_some()).await,
    }
}

fn note_target(exchange: &mut Exchange<'_, '_>, plan: &Plan, target: &Arc<Target>) {
    let mut attempts = 0;
    with_meter(exchange.context, |meter| {
        meter.target(target);
        attempts = meter.record.attempts.count();
    });
    let marks = exchange.downstream.marks();
    let mut text = String::new();
    if let Some(route) = &plan.route {
        let _ = write!(text, "{route}; {}/{}", target.upstream.id(), target.model);
        marks.set("x-ovth-route", &text);
        text.clear();
    }
    let _ = write!(text, "{}", attempts + 1);
    marks.set("x-ovth-attempts", &text);
}

/// Counts an attempt, and adds it to the record.
pub(super) fn note_attempt(context: &mut Context, target: &Target, (outcome, status): (observe::Outcome, Option<u16>)) {
    with_meter(context, |meter| {
        meter.attempted(AttemptNote {
            provider: Arc::clone(target.upstream.id()),
            model: Arc::clone(&target.model),
            outcome,
            status,
        });
    });
}

fn note_failure(context: &mut Context, target: &Target, (error, status, began): (&ApiError, Option<u16>, Instant)) {
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
    note_attempt(context, target, (observe::Outcome::Failed(error.class), status));
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
