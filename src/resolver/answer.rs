//! What is known of one host, as a value: which addresses, in which order, for how long.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// How long an answer is fresh, give or take a tenth.
const FRESH: Duration = Duration::from_secs(30);

/// After a failed look-up, or a failed connection, the next look-up comes no sooner.
pub(super) const RETRY: Duration = Duration::from_secs(1);

/// How long the address that works stays first although the name servers no longer list it. Large hosts list a
/// different part of their addresses each time.
const KEEP_UNLISTED: Duration = Duration::from_secs(300);

/// The most addresses of a host that are kept.
const MAX_ADDRESSES: usize = 16;

/// A good answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// In the order in which to try them; never empty.
    pub(super) addresses: Arc<[SocketAddr]>,
    /// From then on it is looked up again.
    pub(super) fresh_until: Instant,
    looked_up: Instant,
    /// Whether the first address is known to work.
    first_works: bool,
    /// When a look-up last listed the first address.
    first_listed: Instant,
    /// Whether the last look-up failed, so that this answer is an old one.
    pub(super) stale: bool,
}

impl Answer {
    /// The answer that a look-up gives, with the order of the one before; `None` when there are no addresses.
    pub(super) fn new(found: Vec<SocketAddr>, before: Option<&Answer>, now: Instant) -> Option<Answer> {
        let mut addresses = in_turn(found);
        addresses.truncate(MAX_ADDRESSES);
        let mut answer = Answer {
            addresses: Arc::new([]),
            fresh_until: now + jittered(FRESH),
            looked_up: now,
            first_works: false,
            first_listed: now,
            stale: false,
        };
        if addresses.is_empty() {
            return None;
        }
        if let Some(before) = before {
            if before.has_the_same(&addresses) {
                // The same order too: it has learned what works.
                return Some(Answer {
                    addresses: Arc::clone(&before.addresses),
                    first_works: before.first_works,
                    ..answer
                });
            }
            if let Some(first) = before.addresses.first().filter(|_| before.first_works) {
                let listed = addresses.contains(first);
                if listed || now.duration_since(before.first_listed) < KEEP_UNLISTED {
                    addresses.retain(|address| address != first);
                    addresses.insert(0, *first);
                    answer.first_works = true;
                    answer.first_listed = if listed { now } else { before.first_listed };
                }
            }
        }
        answer.addresses = addresses.into();
        Some(answer)
    }

    /// The same answer after a look-up that failed.
    pub(super) fn kept(&self, now: Instant) -> Answer {
        Answer { fresh_until: now + RETRY, stale: true, ..self.clone() }
    }

    /// The same answer with `address` first and known to work; `None` when nothing changes. A first address that works
    /// is not replaced: a request that began earlier may still report on another one.
    pub(super) fn works_with(&self, address: SocketAddr, now: Instant) -> Option<Answer> {
        if self.first_works || !self.addresses.contains(&address) {
            return None;
        }
        let mut answer = Answer { first_works: true, ..self.clone() };
        if self.addresses.first() != Some(&address) {
            let others = self.addresses.iter().filter(|other| **other != address);
            answer.addresses = std::iter::once(&address).chain(others).copied().collect();
            answer.first_listed = now;
        }
        Some(answer)
    }

    /// The same answer with `address` last, and due for a look-up; `None` when it is not one of its addresses.
    pub(super) fn failed(&self, address: SocketAddr) -> Option<Answer> {
        if !self.addresses.contains(&address) {
            return None;
        }
        let first_works = self.first_works && self.addresses.first() != Some(&address);
        let others = self.addresses.iter().filter(|other| **other != address);
        Some(Answer {
            addresses: others.chain(std::iter::once(&address)).copied().collect(),
            fresh_until: self.fresh_until.min(self.looked_up + RETRY),
            first_works,
            ..self.clone()
        })
    }

    fn has_the_same(&self, addresses: &[SocketAddr]) -> bool {
        // Both are without duplicates.
        self.addresses.len() == addresses.len() && addresses.iter().all(|address| self.addresses.contains(address))
    }
}

/// The addresses without duplicates, the two families in turn, beginning with that of the first: when a whole family
/// cannot be reached, the second try already uses the other one.
fn in_turn(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let mut unique: Vec<SocketAddr> = Vec::with_capacity(found.len());
    for address in found {
        if !unique.contains(&address) {
            unique.push(address);
        }
    }
    let begins_with = unique.first().map(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) =
        unique.into_iter().partition(|address| Some(address.is_ipv4()) == begins_with);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut mixed = Vec::with_capacity(first.len() + second.len());
    loop {
        let before = mixed.len();
        mixed.extend(first.next());
        mixed.extend(second.next());
        if mixed.len() == before {
            return mixed;
        }
    }
}

/// Give or take a tenth, so that hosts which were first used together are not looked up together for ever.
fn jittered(time: Duration) -> Duration {
    // A fresh `RandomState` differs each time; nothing here needs better randomness.
    let random = RandomState::new().build_hasher().finish();
    let tenth = time / 10;
    let part = u32::try_from(random % 1_024).unwrap_or(0);
    time - tenth + tenth * 2 * part / 1_024
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn addresses(list: &str) -> Vec<SocketAddr> {
        list.split_whitespace().map(|ip| SocketAddr::new(ip.parse().unwrap(), 443)).collect()
    }

    fn address(ip: &str) -> SocketAddr {
        addresses(ip).into_iter().next().unwrap()
    }

    fn order(answer: &Answer) -> String {
        answer.addresses.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(" ")
    }

    fn looked_up(list: &str, before: Option<&Answer>, now: Instant) -> Answer {
        Answer::new(addresses(list), before, now).unwrap()
    }

    #[test]
    fn families_take_turns_and_duplicates_go() {
        let cases = [
            ("::1 ::2 ::3 10.0.0.1 10.0.0.2", "::1 10.0.0.1 ::2 10.0.0.2 ::3"),
            ("10.0.0.1 10.0.0.1 ::1 10.0.0.2", "10.0.0.1 ::1 10.0.0.2"),
            ("10.0.0.1", "10.0.0.1"),
        ];
        for (found, expected) in cases {
            assert_eq!(order(&looked_up(found, None, Instant::now())), expected);
        }
        assert!(Answer::new(Vec::new(), None, Instant::now()).is_none());
    }

    #[test]
    fn the_number_of_addresses_is_bounded() {
        let many: String = (0..100).map(|last| format!("10.0.0.{last} ")).collect();
        assert_eq!(looked_up(&many, None, Instant::now()).addresses.len(), MAX_ADDRESSES);
    }

    #[test]
    fn the_same_addresses_in_another_order_change_nothing() {
        let now = Instant::now();
        let before = looked_up("10.0.0.1 10.0.0.2 10.0.0.3", None, now);
        let after = looked_up("10.0.0.3 10.0.0.1 10.0.0.2", Some(&before), now);
        assert!(Arc::ptr_eq(&before.addresses, &after.addresses));
    }

    #[test]
    fn the_address_that_works_stays_first_while_it_is_listed_and_a_while_longer() {
        let now = Instant::now();
        let before = looked_up("10.0.0.1 10.0.0.2", None, now).works_with(address("10.0.0.2"), now).unwrap();
        assert_eq!(order(&before), "10.0.0.2 10.0.0.1");
        let listed = looked_up("10.0.0.3 10.0.0.2", Some(&before), now);
        assert_eq!(order(&listed), "10.0.0.2 10.0.0.3");
        let unlisted = looked_up("10.0.0.4", Some(&listed), now + KEEP_UNLISTED / 2);
        assert_eq!(order(&unlisted), "10.0.0.2 10.0.0.4");
        let gone = looked_up("10.0.0.5", Some(&unlisted), now + KEEP_UNLISTED);
        assert_eq!(order(&gone), "10.0.0.5");
    }

    #[test]
    fn an_address_that_was_never_used_is_not_kept() {
        let now = Instant::now();
        let before = looked_up("10.0.0.1", None, now);
        assert_eq!(order(&looked_up("10.0.0.2", Some(&before), now)), "10.0.0.2");
    }

    #[test]
    fn an_address_that_fails_goes_last_and_is_looked_up_again() {
        let now = Instant::now();
        let works = looked_up("10.0.0.1 10.0.0.2", None, now).works_with(address("10.0.0.1"), now).unwrap();
        let failed = works.failed(address("10.0.0.1")).unwrap();
        assert_eq!(order(&failed), "10.0.0.2 10.0.0.1");
        assert_eq!(failed.fresh_until, now + RETRY);
        // A request that began before the failure does not turn it round once the other one works.
        let other = failed.works_with(address("10.0.0.2"), now).unwrap();
        assert!(other.works_with(address("10.0.0.1"), now).is_none());
        assert!(other.failed(address("10.9.9.9")).is_none());
    }

    #[test]
    fn freshness_varies_by_a_tenth() {
        for _ in 0..1_000 {
            let fresh = jittered(FRESH);
            assert!(fresh >= FRESH * 9 / 10 && fresh <= FRESH * 11 / 10, "{fresh:?}");
        }
    }
}
