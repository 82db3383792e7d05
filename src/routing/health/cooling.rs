//! Which targets are avoided for a while because their providers asked for it, or their credentials are refused.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::super::Target;
use crate::providers::Scope;

/// What is avoided: one target, one credential or one host.
#[derive(Clone, Debug)]
struct Cooled {
    provider: Arc<str>,
    scope: Scope,
    /// When it was last told to be.
    since: Instant,
    until: Instant,
}

/// Targets that are avoided at a time, at most: clients may name models without end. Credentials and hosts are as many as are configured.
const MOST_TARGETS: usize = 1_024;

/// And of these, such as no configuration and no catalogue names.
const MOST_UNNAMED: usize = 128;

/// The cooling targets of a gateway.
///
/// Reading takes no lock: the map is replaced whole by the rare write, and is empty while everything is healthy.
#[derive(Debug, Default)]
pub(super) struct Coolings {
    cooling: ArcSwap<Cooling>,
}

type Cooling = HashMap<u64, Cooled>;

impl Coolings {
    /// Until when a target is avoided; `None` when it is not.
    pub(super) fn until(&self, target: &Target, now: Instant) -> Option<Instant> {
        let cooling = self.cooling.load();
        if cooling.is_empty() {
            return None;
        }
        let of_it = target.key.all().into_iter().filter_map(|digest| cooling.get(&digest)).map(|cooled| cooled.until);
        of_it.filter(|until| *until > now).max()
    }

    /// Avoids everything within a scope of a target for that long. Whether it was not avoided yet.
    pub(super) fn cool(&self, target: &Target, scope: Scope, duration: Duration, now: Instant) -> bool {
        let digest = target.key.within(scope);
        let Some(until) = now.checked_add(duration) else { return false };
        let is_new = self.cooling.load().get(&digest).is_none_or(|cooled| cooled.until <= now);
        self.cooling.rcu(|cooling| {
            let mut next = Cooling::clone(cooling);
            next.retain(|_, cooled| cooled.until > now);
            let most = if target.label.is_some() { MOST_TARGETS } else { MOST_UNNAMED };
            if scope == Scope::Target && next.len() >= most && !next.contains_key(&digest) {
                return next;
            }
            let fresh = || Cooled { provider: Arc::clone(target.upstream.id()), scope, since: now, until };
            let entry = next.entry(digest).or_insert_with(fresh);
            entry.since = now;
            entry.until = until.max(entry.until);
            next
        });
        is_new
    }

    /// The target answered what was asked at `began`: it is no longer avoided, nor are its credential and its host, unless they were told to be
    /// after that.
    pub(super) fn recovered(&self, target: &Target, began: Instant) {
        let digests = target.key.all();
        let is_over = |digest: &u64, cooled: &Cooled| digests.contains(digest) && cooled.since <= began;
        let is_cooling = |cooling: &Cooling| {
            digests.iter().any(|digest| cooling.get(digest).is_some_and(|cooled| is_over(digest, cooled)))
        };
        if !is_cooling(&self.cooling.load()) {
            return;
        }
        self.cooling.rcu(|cooling| {
            let mut next = Cooling::clone(cooling);
            next.retain(|digest, cooled| !is_over(digest, cooled));
            next
        });
    }

    /// What is avoided at that time: the provider and the scope of each.
    pub(super) fn cooled(&self, now: Instant) -> Vec<(Arc<str>, Scope)> {
        let cooling = self.cooling.load();
        let cooled = cooling.values().filter(|cooled| cooled.until > now);
        cooled.map(|cooled| (Arc::clone(&cooled.provider), cooled.scope)).collect()
    }
}
