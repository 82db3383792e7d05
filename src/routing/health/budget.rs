//! The retry budget: when much fails, trying again and again would only add to it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Hundredths of a try that may be saved up: so many tries may come at once.
const MOST: u64 = 20 * 100;

/// Tries at what has failed before, earned by first tries.
#[derive(Debug)]
pub(super) struct RetryBudget(AtomicU64);

impl Default for RetryBudget {
    fn default() -> RetryBudget {
        RetryBudget(AtomicU64::new(MOST))
    }
}

impl RetryBudget {
    /// A request was tried for the first time, and earns so many hundredths of another try.
    pub(super) fn earn(&self, hundredths: u64) {
        let more = |saved: u64| (saved < MOST).then(|| saved.saturating_add(hundredths).min(MOST));
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// Takes one try, if there is one.
    pub(super) fn take(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |saved| saved.checked_sub(100)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_a_share_of_first_tries_once_what_was_saved_is_spent() {
        let budget = RetryBudget::default();
        assert_eq!((0..100).filter(|_| budget.take()).count(), 20);
        for _ in 0..50 {
            budget.earn(20);
        }
        assert_eq!((0..100).filter(|_| budget.take()).count(), 10);
        for _ in 0..10_000 {
            budget.earn(20);
        }
        assert_eq!((0..100).filter(|_| budget.take()).count(), 20);
    }
}
