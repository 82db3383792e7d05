//! The health of targets: which are passed over because they fail, and how soon and how fast the others answer.

mod breaker;
mod budget;
mod cooling;
mod ticket;
mod vitals;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use log::error;

use self::breaker::State;
use self::budget::RetryBudget;
use self::cooling::Coolings;
use self::vitals::{Mean, Vitals};
use super::{Affinity, Target};
use crate::config::{HealthSettings, RetrySettings};
use crate::providers::{Failure, Scope};
use ovth_filters::neutral::ErrorClass;

pub use self::ticket::{Seen, Ticket};

/// Targets and hosts that are known at a time; when there are more, those that were not used for long are forgotten, and nothing is learned
/// of others.
const MOST_KNOWN: usize = 8_192;

/// Nothing that had no attempt for so long is kept when there is no room.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);

/// What all exchanges of a gateway have learned of its targets; outlives its snapshots.
#[derive(Debug, Default)]
pub struct Health {
    coolings: Coolings,
    vitals: ArcSwap<HashMap<u64, Arc<Vitals>>>,
    retries: RetryBudget,
    /// Where conversations stay.
    pub affinity: Affinity,
}

/// Where the breakers of one provider stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breakers {
    /// Targets and hosts that serve.
    pub closed: usize,
    /// Those that are probed.
    pub half_open: usize,
    /// Those that are passed over.
    pub open: usize,
}

impl Health {
    /// Everything is healthy.
    #[must_use]
    pub fn new() -> Health {
        Health::default()
    }

    /// The same targets with those that are passed over last, the one that is ready soonest first among them. None is
    /// left out: a plan whose targets all fail is still tried.
    #[must_use]
    pub fn order(&self, mut targets: Vec<Arc<Target>>, now: Instant) -> Vec<Arc<Target>> {
        if targets.len() > 1 {
            let vitals = self.vitals.load();
            // Healthy ones are `None`, which sorts first; the sort is stable.
            targets.sort_by_cached_key(|target| self.avoided_in(&vitals, target, now));
        }
        targets
    }

    /// Whether a target is passed over at that time.
    #[must_use]
    pub fn is_avoided(&self, target: &Target, now: Instant) -> bool {
        self.avoided_in(&self.vitals.load(), target, now).is_some()
    }

    fn avoided_in(&self, vitals: &HashMap<u64, Arc<Vitals>>, target: &Target, now: Instant) -> Option<Instant> {
        let broken = [Scope::Target, Scope::Host].into_iter().filter_map(|scope| {
            let vitals = vitals.get(&target.key.within(scope))?;
            vitals.known().breaker.avoided(now)
        });
        broken.chain(self.coolings.until(target, now)).max()
    }

    /// An attempt at a target begins; what is given is told how it ends.
    pub fn begin(&self, target: &Target, now: Instant) -> Ticket {
        let of = |scope| self.vitals(target, scope, now);
        Ticket::new([of(Scope::Target), of(Scope::Host)], now)
    }

    /// An attempt failed: what it concerns is avoided for as long as the provider asked, or counted by the breakers.
    pub fn failed(&self, target: &Target, failure: &Failure, ticket: Ticket, settings: &HealthSettings, now: Instant) {
        let class = failure.error.class;
        let is_counted = matches!(
            class,
            ErrorClass::Upstream | ErrorClass::Overloaded | ErrorClass::Timeout | ErrorClass::Transport
        ) && failure.cool.is_some();
        // The breakers know better than a rule how long a fault lasts; what a provider asks for is obeyed.
        let asked = failure.cool.filter(|_| !is_counted || failure.error.retry_after.is_some());
        if let Some(duration) = asked {
            let is_new = self.coolings.cool(target, failure.scope, duration, now);
            if is_new && matches!(class, ErrorClass::OperatorAuth | ErrorClass::OperatorBilling) {
                shout(target, class, duration);
            }
        }
        let scope = is_counted.then_some(failure.scope);
        ticket.failed(scope, settings, now);
    }

    /// An answer broke off in the middle: that counts like a failure.
    pub fn broke(&self, ticket: Ticket, settings: &HealthSettings, now: Instant) {
        ticket.failed(Some(Scope::Target), settings, now);
    }

    /// A target answered: whatever of it was passed over since before the attempt began is not any more.
    pub fn served(&self, target: &Target, ticket: Ticket, seen: &Seen, settings: &HealthSettings, now: Instant) {
        self.coolings.recovered(target, ticket.began());
        ticket.served(seen, settings, now);
    }

    /// Avoids one target for that long.
    pub fn cool(&self, target: &Target, duration: Duration, now: Instant) {
        self.coolings.cool(target, Scope::Target, duration, now);
    }

    /// A request is tried for the first time, and earns a part of another try.
    pub fn first_try(&self, settings: &RetrySettings) {
        self.retries.earn(settings.budget_percent);
    }

    /// Whether what has failed in a request may be tried once more, as others did not use up what there is of such tries.
    #[must_use]
    pub fn may_retry(&self) -> bool {
        self.retries.take()
    }

    /// The targets, credentials and hosts that are avoided at that time: the provider and the scope of each.
    #[must_use]
    pub fn cooled(&self, now: Instant) -> Vec<(Arc<str>, Scope)> {
        let mut cooled = self.coolings.cooled(now);
        for (digest, vitals) in self.vitals.load().iter() {
            if vitals.known().breaker.avoided(now).is_some() {
                let scope = if vitals.is_host(*digest) { Scope::Host } else { Scope::Target };
                cooled.push((Arc::clone(&vitals.provider), scope));
            }
        }
        cooled
    }

    /// Where the breakers of each provider stand.
    #[must_use]
    pub fn breakers(&self) -> HashMap<Arc<str>, Breakers> {
        let mut counts: HashMap<Arc<str>, Breakers> = HashMap::new();
        for vitals in self.vitals.load().values() {
            let of_it = counts.entry(Arc::clone(&vitals.provider)).or_default();
            match vitals.known().breaker.state() {
                State::Closed => of_it.closed += 1,
                State::HalfOpen { .. } => of_it.half_open += 1,
                State::Open { .. } => of_it.open += 1,
            }
        }
        counts
    }

    /// Microseconds to the first content of late, for streams or whole answers; `None` when nothing is known.
    pub(super) fn latency(&self, target: &Target, streams: bool, now: Instant) -> Option<u64> {
        self.mean(target, now, |known| if streams { known.first_token } else { known.whole })
    }

    /// Tokens in a thousand seconds of late; `None` when nothing is known.
    pub(super) fn speed(&self, target: &Target, now: Instant) -> Option<u64> {
        self.mean(target, now, |known| known.speed)
    }

    /// Attempts of late at a target, and how many of them failed.
    pub(super) fn attempts(&self, target: &Target, settings: &HealthSettings, now: Instant) -> (u64, u64) {
        let vitals = self.vitals.load();
        vitals.get(&target.key.target()).map_or((0, 0), |vitals| vitals.known().breaker.attempts(now, settings))
    }

    /// Attempts under way at a target.
    pub(super) fn in_flight(&self, target: &Target) -> u32 {
        self.vitals.load().get(&target.key.target()).map_or(0, |vitals| vitals.in_flight())
    }

    fn mean(&self, target: &Target, now: Instant, which: impl Fn(&vitals::Known) -> Mean) -> Option<u64> {
        which(&self.vitals.load().get(&target.key.target())?.known()).value(now)
    }

    fn vitals(&self, target: &Target, scope: Scope, now: Instant) -> Arc<Vitals> {
        let digest = target.key.within(scope);
        if let Some(vitals) = self.vitals.load().get(&digest) {
            return Arc::clone(vitals);
        }
        let host = (scope == Scope::Host).then_some(digest);
        let fresh = Arc::new(Vitals::new(Arc::clone(target.upstream.id()), host, now));
        let mut kept = Arc::clone(&fresh);
        self.vitals.rcu(|known| {
            let mut next = HashMap::clone(known);
            if next.len() >= MOST_KNOWN {
                next.retain(|_, vitals| vitals.is_needed(now, FORGOTTEN_AFTER));
            }
            kept = match next.get(&digest) {
                // Another exchange was first.
                Some(known) => Arc::clone(known),
                None => Arc::clone(&fresh),
            };
            // Where there is no room, nothing is learned of it: clients may name models without end.
            if next.len() < MOST_KNOWN {
                next.insert(digest, Arc::clone(&kept));
            }
            next
        });
        kept
    }
}

/// A key that is refused is the operator's to mend, and nothing else tells of it.
fn shout(target: &Target, class: ErrorClass, duration: Duration) {
    let provider = target.upstream.provider();
    let keys = &provider.api_keys;
    let credential = target.credential.as_ref();
    let at = credential.and_then(|own| keys.iter().position(|key| own.matches(key.expose().as_bytes())));
    let (number, count, minutes) = (at.map_or(1, |at| at + 1), keys.len().max(1), duration.as_secs() / 60);
    let what = if class == ErrorClass::OperatorBilling { "is not paid for" } else { "is refused" };
    error!(
        "{}, key {number} of {count} {what}: it is used for {minutes} minutes only where nothing else is left",
        provider.id
    );
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod chaos;
