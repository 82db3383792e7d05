//! Where conversations stay while a provider's prompt cache holds what they have said so far.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ovth_filters::neutral::Usage;

use super::Target;

/// Conversations are kept apart by so many locks.
const SHARDS: usize = 16;

/// Conversations that one of them holds; the one that ends soonest gives way.
const PER_SHARD: usize = 1_024;

/// How long caches keep a prompt unless the request, or the provider's usage, tells: Anthropic's five minutes, which others have as well.
/// <https://platform.claude.com/docs/en/build-with-claude/prompt-caching>
const USUAL_LIFETIME: Duration = Duration::from_secs(5 * 60);
const LONG_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Shorter prompts are in nobody's cache.
const LEAST_CACHED: u64 = 1_024;

/// Where a conversation stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    /// The digest of model, credential and host.
    pub(super) target: u64,
    /// Tokens of its prompt that the cache should hold.
    pub(super) cached: u64,
    /// Whether what is new of a prompt is written to the cache for a price.
    pub(super) writes: bool,
    until: Instant,
}

impl Stay {
    /// Where a conversation stays that was answered so; `None` where no cache holds anything of it.
    #[must_use]
    pub fn of(target: &Target, usage: &Usage, lifetime: Option<Duration>, now: Instant) -> Option<Stay> {
        let written = usage.cache_write.saturating_add(usage.cache_write_1h);
        let told = usage.cache_read.saturating_add(written);
        // Caches without a price of writing take every prompt, and tell of it only when they are read.
        let by_itself = target.price().is_some_and(|price| {
            let rates = price.rates(usage.prompt());
            rates.cache_read.is_some() && rates.cache_write.is_none()
        });
        let cached = if by_itself { usage.prompt().saturating_add(usage.output) } else { told };
        if cached < LEAST_CACHED {
            return None;
        }
        let by_usage = if usage.cache_write_1h > 0 { LONG_LIFETIME } else { USUAL_LIFETIME };
        let until = now.checked_add(lifetime.unwrap_or(USUAL_LIFETIME).max(by_usage))?;
        Some(Stay { target: target.key.target(), cached, writes: !by_itself && told > 0, until })
    }
}

/// Which conversation stays where; outlives snapshots.
#[derive(Debug, Default)]
pub struct Affinity {
    shards: [Mutex<HashMap<u64, Stay>>; SHARDS],
}

impl Affinity {
    /// Where that conversation stays, if a cache is warm.
    #[must_use]
    pub fn stay(&self, conversation: u64, now: Instant) -> Option<Stay> {
        let shard = self.shard(conversation).lock().unwrap_or_else(PoisonError::into_inner);
        shard.get(&conversation).copied().filter(|stay| stay.until > now)
    }

    /// A conversation was answered there: where it stays from now on, or that nothing holds what was said. A short request of the same session,
    /// as for a title, takes nothing from the cache that the rest of it is in.
    pub fn answered(&self, conversation: u64, (target, stay): (&Target, Option<Stay>), now: Instant) {
        let mut shard = self.shard(conversation).lock().unwrap_or_else(PoisonError::into_inner);
        let Some(stay) = stay else {
            if shard.get(&conversation).is_some_and(|stay| stay.target != target.key.target()) {
                shard.remove(&conversation);
            }
            return;
        };
        if shard.len() >= PER_SHARD && !shard.contains_key(&conversation) {
            shard.retain(|_, stay| stay.until > now);
            let soonest = shard.iter().min_by_key(|(_, stay)| stay.until).map(|(key, _)| *key);
            if let Some(soonest) = soonest.filter(|_| shard.len() >= PER_SHARD) {
                shard.remove(&soonest);
            }
        }
        shard.insert(conversation, stay);
    }

    fn shard(&self, conversation: u64) -> &Mutex<HashMap<u64, Stay>> {
        let at = usize::try_from(conversation % SHARDS as u64).unwrap_or(0);
        self.shards.get(at).expect("the remainder is less than the number of shards")
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn stay(target: &Target, usage: Usage) -> Option<Stay> {
        Stay::of(target, &usage, None, Instant::now())
    }

    #[test]
    fn a_conversation_stays_where_its_prompt_was_cached_and_no_longer_than_that() {
        let (affinity, now) = (Affinity::default(), Instant::now());
        let targets = fixture::targets(&[("openai", "a")]);
        let [target] = targets.as_slice() else { unreachable!("one was made") };
        let usage = Usage { input: 10, cache_read: 4_000, cache_write: 500, ..Usage::default() };
        let made = Stay::of(target, &usage, None, now);
        affinity.answered(7, (target, made), now);
        let found = affinity.stay(7, now + Duration::from_secs(299)).map(|stay| (stay.cached, stay.writes));
        assert_eq!(found, Some((4_500, true)));
        assert_eq!(affinity.stay(7, now + Duration::from_secs(300)), None);
        assert_eq!(affinity.stay(8, now), None);
        affinity.answered(7, (target, None), now);
        assert!(affinity.stay(7, now).is_some(), "a title was asked for beside it");
        let others = fixture::targets(&[("google", "b")]);
        others.iter().for_each(|other| affinity.answered(7, (other, None), now));
        assert_eq!(affinity.stay(7, now), None);
    }

    #[test]
    fn what_no_cache_holds_stays_nowhere() {
        let targets = fixture::targets(&[("openai", "a")]);
        let [target] = targets.as_slice() else { unreachable!("one was made") };
        assert_eq!(stay(target, Usage { input: 50_000, ..Usage::default() }), None);
        assert_eq!(stay(target, Usage { cache_read: 900, ..Usage::default() }), None);
    }

    #[test]
    fn the_table_is_bounded_and_gives_up_what_ends_soonest() {
        let (affinity, now) = (Affinity::default(), Instant::now());
        let targets = fixture::targets(&[("openai", "a")]);
        let [target] = targets.as_slice() else { unreachable!("one was made") };
        let usage = Usage { cache_read: 4_000, ..Usage::default() };
        let all = (SHARDS * PER_SHARD) as u64;
        for at in 0..=all {
            let later = now + Duration::from_millis(at);
            affinity.answered(at, (target, Stay::of(target, &usage, None, later)), later);
        }
        let held = (0..=all).filter(|at| affinity.stay(*at, now).is_some()).count();
        assert_eq!(held, SHARDS * PER_SHARD);
        assert!(affinity.stay(0, now).is_none() && affinity.stay(all, now).is_some());
    }
}
