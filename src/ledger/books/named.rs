//! Which end users of a key are told apart: clients make their names up, so each key has room for so many a day.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use crate::keys::KeyId;
use crate::ledger::window::Day;

/// End users of a key that are told apart on a day. All others of that day are one, [`OTHER`]: on disk, in sums and in limits, so that
/// naming another user neither fills the disk nor buys more.
pub(in crate::ledger) const END_USERS_A_DAY: usize = 10_000;

/// The name of all end users beyond that.
pub(in crate::ledger) const OTHER: &str = "(other)";

/// The end users that were named today, by the hashes of their names: two with the same hash are two all the same, but only one of
/// them is counted.
#[derive(Debug)]
pub(super) struct Named {
    keys: HashMap<KeyId, (Day, HashSet<u64>)>,
    hash: RandomState,
    most: usize,
}

impl Named {
    pub(super) fn new(most: usize) -> Named {
        Named { keys: HashMap::new(), hash: RandomState::new(), most }
    }

    /// Whether that end user is told apart on that day; sees to it that it stays so.
    pub(super) fn admit(&mut self, key: &KeyId, end_user: &str, day: Day) -> bool {
        if end_user == OTHER {
            return true;
        }
        let hash = self.hash.hash_one(end_user);
        let known = match self.keys.get_mut(key) {
            Some(known) => known,
            None => self.keys.entry(key.clone()).or_default(),
        };
        // What began just before midnight may come after it.
        if day > known.0 || day.next() < known.0 {
            *known = (day, HashSet::new());
        }
        known.1.contains(&hash) || (known.1.len() < self.most && known.1.insert(hash))
    }

    /// Whether it would be.
    pub(super) fn admits(&self, key: &KeyId, end_user: &str, day: Day) -> bool {
        let Some((known_day, known)) = self.keys.get(key) else { return true };
        day > *known_day
            || known.len() < self.most
            || end_user == OTHER
            || known.contains(&self.hash.hash_one(end_user))
    }
}
