//! How many refused requests of a key have entries of their own: a client that asks in a loop would wash all others out of the file.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Entries of refused requests that a key has in a minute, at most. More are counted in the sums alone.
pub(in crate::ledger) const REFUSALS_A_MINUTE: u32 = 60;

/// The minute that is under way, and the entries of each key in it.
#[derive(Debug, Default)]
pub(super) struct Refused(Mutex<(u64, HashMap<Box<str>, u32>)>);

impl Refused {
    /// Whether a request of that key that was refused at that time, in milliseconds since 1970, is to have an entry.
    pub(super) fn admit(&self, key: &str, at_ms: u64) -> bool {
        let minute = at_ms / 60_000;
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (current, counts) = &mut *held;
        // A request that began in the minute before may be refused in this one.
        if minute > *current || minute + 1 < *current {
            *current = minute;
            counts.clear();
        }
        let count = match counts.get_mut(key) {
            Some(count) => count,
            None => counts.entry(key.into()).or_default(),
        };
        *count = count.saturating_add(1);
        *count <= REFUSALS_A_MINUTE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_so_many_in_a_minute() {
        let refused = Refused::default();
        let admitted = |key: &str, at_ms: u64| (0..100).filter(|_| refused.admit(key, at_ms)).count();
        assert_eq!((admitted("one", 60_000), admitted("two", 60_000), admitted("one", 119_999)), (60, 60, 0));
        assert_eq!((admitted("one", 120_000), admitted("one", 119_999)), (60, 0));
    }
}
