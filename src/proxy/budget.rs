//! One budget for all bytes that the gateway holds in memory for its clients, so that many large bodies end in a clean 503.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts held bytes against `limits.buffered_bytes`.
#[derive(Debug)]
pub struct Budget {
    limit: AtomicUsize,
    used: AtomicUsize,
}

impl Budget {
    /// A budget of so many bytes.
    #[must_use]
    pub fn new(limit: usize) -> Arc<Budget> {
        Arc::new(Budget { limit: AtomicUsize::new(limit), used: AtomicUsize::new(0) })
    }

    /// From now on so many bytes may be held. What is held already stays.
    pub fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Bytes held now.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Bytes that may be held at once.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// A share that holds nothing yet.
    pub(super) fn empty(self: &Arc<Budget>) -> Held {
        Held { budget: Arc::clone(self), bytes: 0 }
    }

    fn take(&self, bytes: usize) -> bool {
        let limit = self.limit();
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|after| *after <= limit)
            })
            .is_ok()
    }
}

/// Bytes held; given back when dropped.
#[derive(Debug)]
pub(super) struct Held {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Held {
    fn grow(&mut self, more: usize) -> bool {
        let fits = self.budget.take(more);
        if fits {
            self.bytes += more;
        }
        fits
    }

    /// Holds at least so many in all.
    #[must_use]
    pub(super) fn at_least(&mut self, bytes: usize) -> bool {
        match bytes.checked_sub(self.bytes) {
            None | Some(0) => true,
            Some(more) => self.grow(more),
        }
    }
}

impl Held {
    /// Gives back what is over so many.
    pub(super) fn at_most(&mut self, bytes: usize) {
        let over = self.bytes.saturating_sub(bytes);
        self.budget.used.fetch_sub(over, Ordering::Relaxed);
        self.bytes -= over;
    }

    /// Whether so many could be held if nothing else were.
    pub(super) fn could_hold(&self, bytes: usize) -> bool {
        bytes <= self.budget.limit()
    }

    /// Gives everything back.
    pub(super) fn release(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = 0;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_counted_and_given_back() {
        let budget = Budget::new(100);
        let (mut first, mut second) = (budget.empty(), budget.empty());
        assert!(first.at_least(60));
        assert!(!second.at_least(41));
        assert!(first.at_least(100));
        assert!(!first.at_least(101));
        assert!(first.at_least(7), "it never shrinks by itself");
        assert_eq!(budget.used(), 100);
        first.at_most(30);
        first.at_most(70);
        assert_eq!(budget.used(), 30);
        assert!(first.could_hold(100) && !first.could_hold(101));
        first.release();
        assert_eq!(budget.used(), 0);
        assert!(second.at_least(41));
        drop((first, second));
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn another_limit_holds_for_what_is_taken_next() {
        let budget = Budget::new(100);
        let (mut one, mut other) = (budget.empty(), budget.empty());
        assert!(one.at_least(80));
        budget.set_limit(50);
        assert!(!other.at_least(1) && !one.at_least(81));
        assert!(one.at_least(80), "what is held stays");
        budget.set_limit(200);
        assert!(other.at_least(100));
    }

    #[test]
    fn a_size_that_overflows_does_not_fit() {
        let budget = Budget::new(100);
        let (mut one, mut other) = (budget.empty(), budget.empty());
        assert!(one.at_least(1));
        assert!(!other.at_least(usize::MAX));
    }
}
