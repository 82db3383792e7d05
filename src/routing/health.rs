//! Which targets are avoided for a while because they failed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::Target;
use crate::providers::{Failure, Scope};

/// What is avoided: one target, one credential or one host.
#[derive(Clone, Debug)]
struct Cooled {
    provider: Arc<str>,
    scope: Scope,
    until: Instant,
}

/// The cooling targets of a gateway; outlives its snapshots.
///
/// Reading takes no lock: the map is replaced whole by the rare write, and is empty while everything is healthy.
#[derive(Debug, Default)]
pub struct Health {
    cooling: ArcSwap<Cooling>,
}

type Cooling = HashMap<u64, Cooled>;

impl Health {
    /// Everything is healthy.
    #[must_use]
    pub fn new() -> Health {
        Health::default()
    }

    /// The same targets with those that are cooling last, the one that is ready soonest first among them. None is
    /// left out: a plan whose targets all cool is still tried.
    #[must_use]
    pub fn order(&self, mut targets: Vec<Arc<Target>>, now: Instant) -> Vec<Arc<Target>> {
        let cooling = self.cooling.load();
        if targets.len() > 1 && !cooling.is_empty() {
            // Healthy ones are `None`, which sorts first; the sort is stable.
            targets.sort_by_cached_key(|target| until(&cooling, target, now));
        }
        targets
    }

    /// Whether a target is avoided at that time.
    #[must_use]
    pub fn is_cooling(&self, target: &Target, now: Instant) -> bool {
        until(&self.cooling.load(), target, now).is_some()
    }

    /// Avoids one target for that long.
    pub fn cool(&self, target: &Target, duration: Duration, now: Instant) {
        self.cool_within(target, Scope::Target, duration, now);
    }

    /// Avoids everything that a failure concerns, for as long as it says.
    pub fn failed(&self, target: &Target, failure: &Failure, now: Instant) {
        if let Some(duration) = failure.cool {
            self.cool_within(target, failure.scope, duration, now);
        }
    }

    fn cool_within(&self, target: &Target, scope: Scope, duration: Duration, now: Instant) {
        let digest = target.key.within(scope);
        let Some(until) = now.checked_add(duration) else { return };
        self.cooling.rcu(|cooling| {
            let mut next = Cooling::clone(cooling);
            next.retain(|_, cooled| cooled.until > now);
            let fresh = || Cooled { provider: Arc::clone(target.upstream.id()), scope, until };
            let entry = next.entry(digest).or_insert_with(fresh);
            entry.until = until.max(entry.until);
            next
        });
    }

    /// The target answered: it is no longer avoided, nor are its credential and its host.
    pub fn recovered(&self, target: &Target) {
        let digests = target.key.all();
        let is_cooling = |cooling: &Cooling| digests.iter().any(|digest| cooling.contains_key(digest));
        if !is_cooling(&self.cooling.load()) {
            return;
        }
        self.cooling.rcu(|cooling| {
            let mut next = Cooling::clone(cooling);
            next.retain(|digest, _| !digests.contains(digest));
            next
        });
    }

    /// The targets, credentials and hosts that are avoided at that time: the provider and the scope of each.
    #[must_use]
    pub fn cooled(&self, now: Instant) -> Vec<(Arc<str>, Scope)> {
        let cooling = self.cooling.load();
        let cooled = cooling.values().filter(|cooled| cooled.until > now);
        cooled.map(|cooled| (Arc::clone(&cooled.provider), cooled.scope)).collect()
    }
}

fn until(cooling: &Cooling, target: &Target, now: Instant) -> Option<Instant> {
    let of_it = target.key.all().into_iter().filter_map(|digest| cooling.get(&digest)).map(|cooled| cooled.until);
    of_it.filter(|until| *until > now).max()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{self, ids};
    use super::*;

    #[test]
    fn cooling_targets_come_last_and_the_soonest_ready_first_among_them() {
        let (health, now) = (Health::new(), Instant::now());
        let targets = fixture::targets(&[("openai", "a"), ("openai", "b"), ("google", "c"), ("google", "d")]);
        let [a, b, c, _] = targets.as_slice() else { unreachable!("four were made") };
        health.cool(a, Duration::from_secs(9), now);
        health.cool(c, Duration::from_secs(3), now);
        assert_eq!(ids(&health.order(targets.clone(), now)), ["openai/b", "google/d", "google/c", "openai/a"]);
        assert_eq!(health.cooled(now).len(), 2);
        assert!(health.is_cooling(a, now) && !health.is_cooling(b, now));

        let later = now + Duration::from_secs(4);
        assert_eq!(ids(&health.order(targets.clone(), later)), ["openai/b", "google/c", "google/d", "openai/a"]);
        assert_eq!(health.cooled(later).len(), 1);
        health.recovered(a);
        assert_eq!(health.cooled(now).len(), 1);
    }

    #[test]
    fn a_sole_target_and_a_plan_that_cools_as_a_whole_are_kept() {
        let (health, now) = (Health::new(), Instant::now());
        let targets = fixture::targets(&[("openai", "a"), ("google", "b")]);
        for (target, seconds) in targets.iter().zip([9, 3]) {
            health.cool(target, Duration::from_secs(seconds), now);
        }
        assert_eq!(ids(&health.order(targets.clone(), now)), ["google/b", "openai/a"]);
        let sole: Vec<_> = targets.into_iter().take(1).collect();
        assert_eq!(ids(&health.order(sole, now)), ["openai/a"]);
    }

    #[test]
    fn a_longer_cooling_is_not_cut_short_by_a_shorter_one() {
        let (health, now) = (Health::new(), Instant::now());
        let targets = fixture::targets(&[("openai", "a")]);
        for target in &targets {
            health.cool(target, Duration::from_secs(60), now);
            health.cool(target, Duration::from_secs(1), now);
            assert!(health.is_cooling(target, now + Duration::from_secs(30)));
        }
    }

    #[test]
    fn a_refused_credential_cools_every_model_behind_it_and_survives_a_reload() {
        let (health, now) = (Health::new(), Instant::now());
        let before = fixture::targets(&[("openai", "a"), ("openai", "b"), ("google", "c")]);
        let refused = fixture::failure(ovth_filters::neutral::ErrorClass::OperatorAuth);
        for target in before.iter().take(1) {
            health.failed(target, &refused, now);
        }
        let after = fixture::targets(&[("openai", "a"), ("openai", "b"), ("google", "c")]);
        assert_eq!(ids(&health.order(after, now)), ["google/c", "openai/a", "openai/b"]);
    }
}
