//! What is known of one target, or one host, from its attempts: whether it serves, how soon and how fast it answers, and how much it has to do.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::breaker::Breaker;

/// What is older says nothing of now.
const STALE: Duration = Duration::from_secs(5 * 60);

/// The part of the newest figure in a moving mean: one of so many.
const NEWEST: u64 = 4;

/// What is known of one target or host.
#[derive(Debug)]
pub(super) struct Vitals {
    /// Whose it is.
    pub(super) provider: Arc<str>,
    /// The digest of the host, if it is one.
    host: Option<u64>,
    in_flight: AtomicU32,
    known: Mutex<Known>,
}

/// What changes with each attempt.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) breaker: Breaker,
    /// Microseconds to the first content of streams.
    pub(super) first_token: Mean,
    /// Microseconds to the first content of whole answers.
    pub(super) whole: Mean,
    /// Tokens of output in a thousand seconds.
    pub(super) speed: Mean,
    /// When an attempt began last.
    pub(super) used: Instant,
}

impl Vitals {
    pub(super) fn new(provider: Arc<str>, host: Option<u64>, now: Instant) -> Vitals {
        let known = Known {
            breaker: Breaker::new(now),
            first_token: Mean::default(),
            whole: Mean::default(),
            speed: Mean::default(),
            used: now,
        };
        Vitals { provider, host, in_flight: AtomicU32::new(0), known: Mutex::new(known) }
    }

    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether that digest is the one of a host.
    pub(super) fn is_host(&self, digest: u64) -> bool {
        self.host == Some(digest)
    }

    /// Whether it has attempts under way, or had some not long ago.
    pub(super) fn is_needed(&self, now: Instant, forgotten_after: Duration) -> bool {
        self.in_flight() > 0 || now.saturating_duration_since(self.known().used) < forgotten_after
    }

    /// Attempts under way.
    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(super) fn begin(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A mean in which newer figures count for more.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mean {
    value: u64,
    at: Option<Instant>,
}

impl Mean {
    /// The mean, unless its newest figure is too old.
    pub(super) fn value(&self, now: Instant) -> Option<u64> {
        self.at.filter(|at| now.saturating_duration_since(*at) < STALE).map(|_| self.value)
    }

    pub(super) fn add(&mut self, figure: u64, now: Instant) {
        self.value = match self.value(now) {
            Some(mean) => (mean.saturating_mul(NEWEST - 1).saturating_add(figure)) / NEWEST,
            None => figure,
        };
        self.at = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_follows_its_figures_and_is_forgotten_when_none_come() {
        let (mut mean, now) = (Mean::default(), Instant::now());
        assert_eq!(mean.value(now), None);
        mean.add(1_000, now);
        mean.add(2_000, now);
        assert_eq!(mean.value(now), Some(1_250));
        for _ in 0..50 {
            mean.add(9_000, now);
        }
        assert!(mean.value(now).is_some_and(|value| value > 8_900));
        assert_eq!(mean.value(now + STALE), None);
        mean.add(5, now + STALE);
        assert_eq!(mean.value(now + STALE), Some(5));
    }
}
