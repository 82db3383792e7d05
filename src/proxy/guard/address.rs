//! How many connections and requests each address has now.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::client_of;

/// Addresses are spread over so many locks.
const SHARDS: usize = 16;

/// What one address has now.
#[derive(Debug, Default)]
pub(super) struct Usage {
    pub(super) connections: AtomicUsize,
    /// Those to the admin API's own listener.
    pub(super) admin: AtomicUsize,
    pub(super) requests: AtomicUsize,
}

/// The addresses that have anything now. What has nothing is forgotten.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
}

type Shard = HashMap<IpAddr, Entry>;

#[derive(Debug, Default)]
struct Entry {
    usage: Arc<Usage>,
    /// How many [`Known`]s there are. It changes under the shard's lock only, so that the last one to leave knows that it is the last.
    known: usize,
}

/// One address, known for as long as this lives.
#[derive(Debug)]
pub(super) struct Known {
    usage: Arc<Usage>,
    client: IpAddr,
    all: Arc<Addresses>,
}

/// One of the things that are counted of an address.
pub(super) type Count = fn(&Usage) -> &AtomicUsize;

/// Counts one thing of an address until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    known: Arc<Known>,
    of: Count,
}

impl Addresses {
    /// What that address has, which is nothing when it was not known.
    pub(super) fn find(self: &Arc<Addresses>, address: IpAddr) -> Arc<Known> {
        let client = client_of(address);
        let usage = self.shard(client, |shard| {
            let entry = shard.entry(client).or_default();
            entry.known += 1;
            Arc::clone(&entry.usage)
        });
        Arc::new(Known { usage, client, all: Arc::clone(self) })
    }

    fn shard<T>(&self, client: IpAddr, work: impl FnOnce(&mut Shard) -> T) -> T {
        let hash = self.hasher.hash_one(client);
        let index = usize::try_from(hash % SHARDS as u64).unwrap_or(0);
        let shard = self.shards.get(index).expect("the remainder is below the number of shards");
        work(&mut shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    #[cfg(test)]
    fn known(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }
}

impl Known {
    /// Takes one place of at most so many; `None` when all are taken.
    pub(super) fn take(self: &Arc<Known>, of: Count, most: usize) -> Option<Place> {
        let taken = of(&self.usage)
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| (count < most).then_some(count + 1));
        taken.is_ok().then(|| Place { known: Arc::clone(self), of })
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        self.all.shard(self.client, |shard| {
            let Some(entry) = shard.get_mut(&self.client) else { return };
            entry.known = entry.known.saturating_sub(1);
            if entry.known == 0 {
                shard.remove(&self.client);
            }
        });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        (self.of)(&self.known.usage).fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn take(all: &Arc<Addresses>, address: &str) -> Option<Place> {
        all.find(address.parse().unwrap()).take(|usage| &usage.requests, 2)
    }

    #[test]
    fn an_address_has_so_many_places_and_gets_them_back() {
        let all = Arc::new(Addresses::default());
        let places = [take(&all, "10.0.0.1"), take(&all, "::ffff:10.0.0.1")];
        assert!(places.iter().all(Option::is_some));
        assert!(take(&all, "10.0.0.1").is_none());
        assert!(take(&all, "10.0.0.2").is_some(), "another has its own");
        drop(places);
        assert!(take(&all, "10.0.0.1").is_some());
    }

    #[test]
    fn an_ipv6_network_of_64_bits_is_one_client() {
        let all = Arc::new(Addresses::default());
        let _places = [take(&all, "2001:db8::1").unwrap(), take(&all, "2001:db8::ffff:2").unwrap()];
        assert!(take(&all, "2001:db8::3").is_none());
        assert!(take(&all, "2001:db8:0:1::3").is_some());
    }

    #[test]
    fn an_address_that_has_nothing_is_forgotten() {
        let all = Arc::new(Addresses::default());
        let places: Vec<_> = (0..100).map(|last| take(&all, &format!("10.0.0.{last}"))).collect();
        assert_eq!(all.known(), 100);
        drop(places);
        assert_eq!(all.known(), 0);
        drop(all.find("10.0.0.1".parse().unwrap()));
        assert_eq!(all.known(), 0);
    }

    #[test]
    fn threads_never_take_more_than_there_is() {
        let all = Arc::new(Addresses::default());
        let most = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        let place = take(&all, "10.0.0.1");
                        if let Some(place) = &place {
                            most.fetch_max(place.known.usage.requests.load(Ordering::Relaxed), Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert!(most.load(Ordering::Relaxed) <= 2);
        assert_eq!(all.known(), 0);
    }

    #[test]
    fn two_that_leave_at_once_leave_nothing_behind() {
        let all = Arc::new(Addresses::default());
        let together = std::sync::Barrier::new(2);
        let left_behind = AtomicUsize::new(0);
        let leave = || {
            for _ in 0..50_000 {
                let known = all.find("10.0.0.1".parse().unwrap());
                together.wait();
                drop(known);
                together.wait();
                left_behind.fetch_max(all.known(), Ordering::Relaxed);
                together.wait();
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(leave);
            leave();
        });
        assert_eq!(left_behind.load(Ordering::Relaxed), 0);
    }
}
