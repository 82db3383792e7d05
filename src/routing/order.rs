//! The order in which a route's offers are tried, by its strategy.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::affinity::Stay;
use super::capability::Demand;
use super::offer::{Offer, Wanted};
use super::{Health, Inventory, Target};
use crate::catalog::PicoDollars;
use crate::config::{RouteOptions, Strategy};

/// What is known at the time of a request, besides what it asks.
#[derive(Clone, Copy, Debug)]
pub struct Live<'a> {
    /// What was learned of the targets; without it all are alike.
    pub health: Option<&'a Health>,
    /// The time.
    pub now: Instant,
    /// Where its conversation stays, if anywhere.
    pub stay: Option<Stay>,
    /// Whether a model that refuses a field of the request may not be asked at all.
    pub strict: bool,
    /// What providers said of their accounts, if they were asked.
    pub inventory: Option<&'a Inventory>,
}

impl Live<'_> {
    /// Nothing is known.
    #[must_use]
    pub fn nothing() -> Live<'static> {
        Live { health: None, now: Instant::now(), stay: None, strict: false, inventory: None }
    }

    /// The stay, if it is at one of the targets of that offer.
    pub(super) fn stay_at(&self, offer: &Offer, wanted: &Wanted) -> Option<Stay> {
        self.stay.filter(|stay| offer.targets(wanted).iter().any(|target| target.key.target() == stay.target))
    }
}

/// Gives turns and chances; one for each route.
#[derive(Debug)]
pub(super) struct Turns {
    next: AtomicU64,
    seed: u64,
}

impl Turns {
    pub(super) fn new() -> Turns {
        let mut seed = [0; 8];
        // Without randomness all gateways take the same turns; nothing secret hangs on it.
        let _ = getrandom::fill(&mut seed);
        Turns { next: AtomicU64::new(0), seed: u64::from_ne_bytes(seed) }
    }

    fn next(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// A number that follows from no other; `splitmix64`: <https://prng.di.unimi.it/splitmix64.c>.
    fn chance(&self) -> u64 {
        let mut z = self.next().wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(self.seed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Puts what has a weight into an order by chance: at each place one is chosen in proportion to the weights of those left. What has
    /// none comes last, as it is.
    fn shuffle<T>(&self, mut items: Vec<T>, weight: impl Fn(&T) -> u32) -> Vec<T> {
        let mut ordered = Vec::with_capacity(items.len());
        while items.len() > 1 {
            let whole: u64 = items.iter().map(|item| u64::from(weight(item))).sum();
            let Some(mut point) = self.chance().checked_rem(whole) else { break };
            let chosen = items.iter().position(|item| {
                let weight = u64::from(weight(item));
                let is_here = point < weight;
                point = point.saturating_sub(weight);
                is_here
            });
            ordered.push(items.remove(chosen.unwrap_or(0)));
        }
        ordered.extend(items);
        ordered
    }
}

/// Everything that decides about an order.
pub(super) struct Choosing<'a> {
    pub(super) strategy: Strategy,
    pub(super) options: &'a RouteOptions,
    pub(super) turns: &'a Turns,
    pub(super) demand: &'a Demand,
    pub(super) live: &'a Live<'a>,
    pub(super) wanted: &'a Wanted,
}

impl Choosing<'_> {
    /// The targets of these offers, best first.
    pub(super) fn targets(&self, mut offers: Vec<&Offer>) -> Vec<Arc<Target>> {
        match self.strategy {
            Strategy::Ordered | Strategy::LowestLatency | Strategy::HighestThroughput | Strategy::LeastBusy => {}
            Strategy::CheapestCapable => {
                // Unknown prices come last; the sort is stable, so equals keep the order of the file.
                offers.sort_by_cached_key(|offer| {
                    let stay = self.live.stay_at(offer, self.wanted).filter(|_| self.options.sticky);
                    match self.demand.cost(offer, stay.as_ref()) {
                        Some(PicoDollars(cost)) => (false, cost, stay.is_none()),
                        None => (true, 0, stay.is_none()),
                    }
                });
            }
            Strategy::Weighted => {
                let weighted: Vec<(&Offer, u32)> =
                    offers.into_iter().map(|offer| (offer, self.weight(offer))).collect();
                let shuffled = self.turns.shuffle(weighted, |(_, weight)| *weight);
                offers = shuffled.into_iter().map(|(offer, _)| offer).collect();
            }
            Strategy::RoundRobin => {
                let turn = usize::try_from(self.turns.next() % (offers.len().max(1) as u64)).unwrap_or(0);
                offers.rotate_left(turn);
            }
        }
        let mut targets: Vec<Arc<Target>> = Vec::with_capacity(offers.len());
        for offer in offers {
            match offer.targets(self.wanted) {
                [only] => targets.push(Arc::clone(only)),
                several => targets.extend(self.credentials(several)),
            }
        }
        self.by_measure(&mut targets);
        if self.options.sticky && self.strategy != Strategy::CheapestCapable {
            stay_first(&mut targets, self.live.stay.as_ref());
        }
        targets
    }

    /// One target for each credential of an offer, in an order by chance; that of the conversation comes first.
    fn credentials(&self, targets: &[Arc<Target>]) -> Vec<Arc<Target>> {
        let mut targets = spread(self.turns, targets.to_vec(), self.live);
        if self.options.sticky {
            stay_first(&mut targets, self.live.stay.as_ref());
        }
        targets
    }

    fn weight(&self, offer: &Offer) -> u32 {
        let (provider, model) = (offer.upstream.id(), &offer.model);
        let id = offer.entry.as_deref().map_or(&**model, |entry| &entry.id);
        let named = |(names, weight): &(crate::config::ModelNames, u32)| {
            (names.name(provider, model) || names.name(provider, id)).then_some(*weight)
        };
        self.options.weights.iter().find_map(named).unwrap_or(1)
    }

    /// Sorts by what was measured. What was never measured comes first, so that it is, unless a request is finding out already.
    fn by_measure(&self, targets: &mut [Arc<Target>]) {
        let Some(health) = self.live.health else { return };
        let now = self.live.now;
        match self.strategy {
            Strategy::LowestLatency => targets.sort_by_cached_key(|target| {
                explored(health, target, health.latency(target, self.wanted.needs.streaming, now))
            }),
            Strategy::HighestThroughput => targets.sort_by_cached_key(|target| {
                explored(health, target, health.speed(target, now).map(|speed| u64::MAX - speed))
            }),
            Strategy::LeastBusy => targets.sort_by_cached_key(|target| health.in_flight(target)),
            Strategy::Ordered | Strategy::CheapestCapable | Strategy::Weighted | Strategy::RoundRobin => {}
        }
    }
}

/// The credentials of one model, each in proportion to its weight.
pub(super) fn spread(turns: &Turns, targets: Vec<Arc<Target>>, live: &Live<'_>) -> Vec<Arc<Target>> {
    if targets.len() < 2 || live.health.is_none() {
        return targets;
    }
    turns.shuffle(targets, |target| target.weight)
}

/// Where a measure stands in the order: not measured and free, measured, not measured and busy.
fn explored(health: &Health, target: &Target, measure: Option<u64>) -> (u8, u64) {
    match measure {
        Some(measure) => (1, measure),
        None if health.in_flight(target) == 0 => (0, 0),
        None => (2, 0),
    }
}

/// Puts the target of a conversation first.
pub(super) fn stay_first(targets: &mut [Arc<Target>], stay: Option<&Stay>) {
    let Some(stay) = stay else { return };
    if let Some(at) = targets.iter().position(|target| target.key.target() == stay.target)
        && let Some(until) = targets.get_mut(..=at)
    {
        until.rotate_right(1);
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod caches;
