//! The targets of one exchange, in turn, until one has served or none is left, and what is noted of each.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use ovth_filters::neutral::{ApiError, ErrorClass};
use tokio::time::Instant;

use super::attempt::{Exchange, Failed, Outcome};
use super::context::{Asked, Context};
use super::ending::cut_error;
use super::exchange::with_meter;
use super::hedge::{ClientHead, Hedge, Leg};
use super::meter::Meter;
use super::tell::{tell, tell_error};
use super::watch::Interrupt;
use super::{Gateway, count_tokens};
use crate::config::RetrySettings;
use crate::observe::{self, AttemptNote, FailedAttempt, HedgeOutcome};
use crate::providers::Next;
use crate::routing::{Plan, Pursuit, Seen, Stay, Target};

/// Targets that one request may try; more would only make a client wait for what is down everywhere.
const MAX_TARGETS: u32 = 6;

/// How the whole exchange ended.
pub(super) enum End {
    Served,
    Gone,
    /// The client was told of an error of this class.
    Told(ErrorClass),
}

/// What one request has tried, and may still try.
struct Trials {
    failures: Vec<(Failed, Arc<Target>)>,
    tried: u32,
    /// Digests of the hosts that it has tried.
    hosts: Vec<u64>,
    /// What failed in a way that may pass.
    passing: Vec<Arc<Target>>,
}

impl Trials {
    fn begin(&mut self, target: &Target) {
        self.tried += 1;
        self.hosts.push(target.key.host());
    }

    /// It was not asked after all.
    fn take_back(&mut self, target: &Target) {
        self.tried -= 1;
        if let Some(at) = self.hosts.iter().rposition(|host| *host == target.key.host()) {
            self.hosts.remove(at);
        }
    }
}

/// What is tried next.
enum Trial<'a> {
    /// A target that nobody has asked yet.
    Target(Arc<Target>),
    /// One that was asked while the one before it was silent.
    Hedge(Box<Hedge<'a>>),
}

/// What was tried, and since when.
struct Tried {
    target: Arc<Target>,
    began: Instant,
}

impl Tried {
    fn of(hedge: &Hedge<'_>) -> Tried {
        Tried { target: Arc::clone(&hedge.target), began: hedge.began }
    }
}

/// Tries the targets of the plan in turn, and again what may have recovered, as often as the configuration allows.
pub(super) async fn try_targets(exchange: &mut Exchange<'_, '_>, mut plan: Plan) -> End {
    let gateway = exchange.gateway;
    let config = exchange.context.snapshot.config();
    let (retries, began) = (config.retries, Instant::from_std(exchange.context.arrived));
    gateway.health.first_try(&retries);
    let family = count_tokens::family_of(&plan);
    let targets = gateway.inventory.order(std::mem::take(&mut plan.targets), plan.route.is_some());
    let targets = gateway.health.order(targets, std::time::Instant::now());
    let mut trials = Trials { failures: Vec::new(), tried: 0, hosts: Vec::new(), passing: Vec::new() };
    if let Some(end) = try_round(exchange, &plan, targets, &mut trials).await {
        return end;
    }
    let has_no_counter = |(failed, _): &(Failed, _)| {
        failed.status.is_some_and(|status| count_tokens::has_no_counter(exchange.asked, status, &failed.failure))
    };
    if let Some(family) = family
        && trials.failures.iter().any(has_no_counter)
    {
        return count_tokens::answer_instead(exchange.downstream, exchange.asked, family).await;
    }
    // A client that tries again by itself does not need the gateway to do the same.
    let rounds = if exchange.context.client_tries_again() { 0 } else { retries.rounds };
    for round in 0..rounds {
        let targets = std::mem::take(&mut trials.passing);
        let until = Instant::now() + backoff(&retries, round);
        let is_worth_it = !targets.is_empty() && until < began + retries.within && trials.tried < MAX_TARGETS;
        if !is_worth_it || exchange.watch.over().is_some() || !gateway.health.may_retry() {
            break;
        }
        match exchange.watch.wait(exchange.downstream, Some(until), std::future::pending::<()>()).await {
            Ok(()) | Err(Interrupt::Stage) => {}
            Err(Interrupt::ClientGone) => return End::Gone,
            Err(Interrupt::Total | Interrupt::Ending) => break,
        }
        let targets = gateway.health.order(targets, std::time::Instant::now());
        trials.hosts.clear();
        if let Some(end) = try_round(exchange, &plan, targets, &mut trials).await {
            return end;
        }
    }
    match exchange.watch.over() {
        // Whatever failed before: the next process may find it otherwise.
        Some(Interrupt::Ending) => {
            exchange.downstream.marks().set("x-should-retry", "true");
            tell_error(exchange.downstream, exchange.context, (&cut_error(), None)).await
        }
        over => tell(exchange.downstream, exchange.context, &plan, trials.failures, over.is_some()).await,
    }
}

/// Up to the back-off, by chance: those that failed together do not come back together.
fn backoff(retries: &RetrySettings, round: u32) -> Duration {
    let most = retries.backoff.saturating_mul(1_u32.checked_shl(round).unwrap_or(u32::MAX));
    let mut chance = [0; 4];
    // Without randomness the whole is waited for.
    let part =
        getrandom::fill(&mut chance).map_or(1.0, |()| f64::from(u32::from_ne_bytes(chance)) / f64::from(u32::MAX));
    most.mul_f64(part)
}

/// Tries these targets in turn. `None`: all failed before anything went out.
async fn try_round(
    exchange: &mut Exchange<'_, '_>,
    plan: &Plan,
    targets: Vec<Arc<Target>>,
    trials: &mut Trials,
) -> Option<End> {
    let settings = exchange.context.snapshot.config().health;
    let mut pursuit = Pursuit::new(targets);
    let mut next = pursuit.next(None).map(Trial::Target);
    while let Some(trial) = next.take() {
        let is_begun = matches!(trial, Trial::Hedge(_));
        if exchange.watch.over().is_some() || (trials.tried >= MAX_TARGETS && !is_begun) {
            if let Trial::Hedge(hedge) = trial {
                exchange.hedge = Some(hedge);
                exchange.lose_hedge();
            }
            break;
        }
        let gateway = exchange.gateway;
        let (mut tried, mut outcome) = match trial {
            // Other models of a host that failed are often as bad; when all is bad, trying them would only add to it.
            Trial::Target(target) if trials.hosts.contains(&target.key.host()) && !gateway.health.may_retry() => {
                next = pursuit.next(None).map(Trial::Target);
                continue;
            }
            Trial::Target(target) => {
                trials.begin(&target);
                note_target(exchange, plan, &target, (trials.tried > 1).then_some("failover"));
                // Who is the last is given all the time that its provider has, and so is a whole answer, which begins when it ends.
                let may_be_late = !exchange.asked.peek.stream || pursuit.is_over() || trials.tried >= MAX_TARGETS;
                exchange.first_content = plan.first_byte.filter(|_| !may_be_late);
                exchange.hedge = if may_be_late { None } else { planned_hedge(exchange, plan, &pursuit) };
                let began = Instant::now();
                exchange.ticket = Some(gateway.health.begin(&target, began.into_std()));
                let outcome = exchange.attempt(&target).await;
                (Tried { target, began }, outcome)
            }
            Trial::Hedge(mut hedge) => {
                note_target(exchange, plan, &hedge.target, Some("failover"));
                exchange.first_content = None;
                exchange.ticket = hedge.ticket();
                let outcome = exchange.finish(&mut hedge).await;
                (Tried::of(&hedge), outcome)
            }
        };
        if let Some(hedge) = exchange.hedge.as_mut().filter(|hedge| hedge.has_begun()) {
            if !hedge.may_be_asked_again {
                pursuit.leave_out(&hedge.target);
            }
            trials.begin(&hedge.target);
            if let Some(failed) = hedge.failed.take() {
                pursuit.learn(&hedge.target, &failed.failure);
                trials.failures.push((*failed, Arc::clone(&hedge.target)));
            }
        }
        let failed = loop {
            let now = std::time::Instant::now();
            let Tried { target, began } = &tried;
            match outcome {
                Outcome::Overtaken(begun) => {
                    gateway.metrics.hedge(HedgeOutcome::Won);
                    with_meter(exchange.context, Meter::overtaken);
                    if let Some(mut hedge) = exchange.hedge.take() {
                        // The ticket of the first says nothing: it was silent, but not for too long.
                        exchange.ticket = hedge.ticket();
                        tried = Tried::of(&hedge);
                    }
                    note_target(exchange, plan, &tried.target, Some("hedge"));
                    outcome = exchange.answer_begun(&tried.target, *begun).await;
                }
                Outcome::Served => {
                    let context = &mut *exchange.context;
                    let seen = seen(context, began.into_std());
                    if let Some(ticket) = exchange.ticket.take() {
                        gateway.health.served(target, ticket, &seen, &settings, now);
                    }
                    stays(gateway, context, exchange.asked, target);
                    note_attempt(context, target, (observe::Outcome::Ok, Some(200)));
                    return Some(End::Served);
                }
                Outcome::Gone => {
                    exchange.lose_hedge();
                    note_attempt(exchange.context, target, (observe::Outcome::ClientAbort, None));
                    return Some(End::Gone);
                }
                Outcome::Broken(error) => {
                    exchange.lose_hedge();
                    if let Some(ticket) = exchange.ticket.take().filter(|_| is_targets_fault(error.class)) {
                        gateway.health.broke(ticket, &settings, now);
                    }
                    note_failure(exchange.context, target, (&error, None, *began));
                    return Some(End::Told(error.class));
                }
                Outcome::Failed(failed) => break failed,
            }
        };
        if failed.failure.next == Next::Stop {
            exchange.lose_hedge();
        }
        let hedge = exchange.hedge.take().filter(|hedge| hedge.has_begun() && hedge.is_open());
        let Tried { target, began } = tried;
        let ticket = exchange.ticket.take();
        let further = pursuit.next_but(hedge.is_some(), (&target, &failed.failure));
        next = hedge.map(Trial::Hedge).or(further.map(Trial::Target));
        if failed.failure.next == Next::OtherTranslation {
            // Nobody was asked: that is no attempt.
            trials.take_back(&target);
            trials.failures.push((failed, target));
            continue;
        }
        let (now, context) = (std::time::Instant::now(), &mut *exchange.context);
        note_failure(context, &target, (&failed.failure.error, failed.status, began));
        // The route's deadline gave up a provider that goes on working, and may bill for it.
        let is_given_up = exchange.first_content.is_some() && failed.failure.error.class == ErrorClass::Timeout;
        with_meter(context, if is_given_up { Meter::given_up } else { Meter::attempt_failed });
        if let Some(ticket) = ticket {
            gateway.health.failed(&target, &failed.failure, ticket, &settings, now);
        }
        if next.is_some() && trials.tried < MAX_TARGETS {
            let reason = observe::Outcome::Failed(failed.failure.error.class);
            if let Some(counted) = context.meter.as_ref().and_then(Meter::counted) {
                counted.failover(reason);
            }
        }
        if is_targets_fault(failed.failure.error.class) && failed.failure.next == Next::NextTarget {
            trials.passing.push(Arc::clone(&target));
        }
        trials.failures.push((failed, target));
    }
    None
}

/// The target to ask as well if the one that is tried now is silent: the best of the others, if that is in health.
fn planned_hedge<'a>(exchange: &Exchange<'a, '_>, plan: &Plan, pursuit: &Pursuit) -> Option<Box<Hedge<'a>>> {
    let at = Instant::now() + plan.hedge_after?;
    let target = Arc::clone(pursuit.rest().first()?);
    if exchange.gateway.health.is_avoided(&target, std::time::Instant::now()) {
        return None;
    }
    let request = exchange.downstream.session.req_header();
    let client = ClientHead {
        headers: request.headers.clone(),
        query: request.uri.query().map(str::to_owned),
        request_id: exchange.context.request_id.clone(),
    };
    let (gateway, asked, without_state) = (exchange.gateway, exchange.asked, exchange.without_state);
    Some(Box::new(Hedge::planned(Leg { gateway, asked, target, client, without_state }, at)))
}

/// Whether a failure is the target's, and may pass.
const fn is_targets_fault(class: ErrorClass) -> bool {
    matches!(class, ErrorClass::Upstream | ErrorClass::Overloaded | ErrorClass::Timeout | ErrorClass::Transport)
}

/// What was seen of an answer by whoever waited for it from then on.
fn seen(context: &Context, began: std::time::Instant) -> Seen {
    let Some(meter) = &context.meter else { return Seen::default() };
    let first = meter.record.time_to_first_byte.map(|time| context.arrived + time);
    Seen {
        streamed: meter.record.stream,
        first_content: first.map(|first| first.saturating_duration_since(began)),
        output: meter.told_usage().map_or(0, |usage| usage.output),
    }
}

/// Remembers where the conversation goes on, as long as the provider's cache holds it.
fn stays(gateway: &Gateway, context: &Context, asked: &Asked, target: &Target) {
    let Some(usage) = context.meter.as_ref().and_then(Meter::told_usage) else { return };
    if asked.stay_key != 0 {
        let now = std::time::Instant::now();
        let stay = Stay::of(target, &usage, asked.cache_lifetime, now);
        gateway.health.affinity.answered(asked.stay_key, (target, stay), now);
    }
}

/// `instead`: why it is not the first of the plan.
fn note_target(exchange: &mut Exchange<'_, '_>, plan: &Plan, target: &Arc<Target>, instead: Option<&str>) {
    let mut attempts = 0;
    with_meter(exchange.context, |meter| {
        meter.target(target);
        attempts = meter.record.attempts.count();
    });
    let marks = exchange.downstream.marks();
    let mut text = String::new();
    if let Some(route) = &plan.route {
        let _ = write!(text, "{route}; {}/{}", target.upstream.id(), target.model);
        let _ = match (plan.choice, instead) {
            (Some(choice), None) => write!(text, "; {choice}"),
            (_, instead) => write!(text, "; {}", instead.unwrap_or("failover")),
        };
        marks.set("x-ovth-route", &text);
        text.clear();
    }
    let _ = write!(text, "{}", attempts + 1);
    marks.set("x-ovth-attempts", &text);
}

/// Counts an attempt, and adds it to the record.
pub(super) fn note_attempt(context: &mut Context, target: &Target, (outcome, status): (observe::Outcome, Option<u16>)) {
    with_meter(context, |meter| {
        let (provider, model) = (Arc::clone(target.upstream.id()), Arc::clone(&target.model));
        meter.attempted(target, AttemptNote { provider, model, outcome, status });
    });
}

pub(super) fn note_failure(
    context: &mut Context,
    target: &Target,
    (error, status, began): (&ApiError, Option<u16>, Instant),
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
