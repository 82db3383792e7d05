//! How many requests of an HTTP/2 connection were given up by the client: many at once are an attack (CVE-2023-44487, "rapid reset").

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So many requests may be given up at once.
const BURST: u32 = 200;

/// And one more in each of these times.
const REFILL: Duration = Duration::from_millis(50);

/// Counts requests that were given up.
#[derive(Debug)]
pub(super) struct Resets(Mutex<Bucket>);

#[derive(Clone, Copy, Debug)]
struct Bucket {
    taken: u32,
    since: Instant,
}

impl Resets {
    pub(super) fn new() -> Resets {
        Resets(Mutex::new(Bucket { taken: 0, since: Instant::now() }))
    }

    /// Counts one, and tells whether that is one too many.
    pub(super) fn count(&self, now: Instant) -> bool {
        let mut bucket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let refilled = now.saturating_duration_since(bucket.since).as_millis() / REFILL.as_millis();
        let refilled = u32::try_from(refilled).unwrap_or(u32::MAX);
        if refilled >= bucket.taken {
            *bucket = Bucket { taken: 0, since: now };
        } else {
            bucket.taken -= refilled;
            bucket.since += REFILL * refilled;
        }
        bucket.taken += 1;
        bucket.taken > BURST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_too_many_and_a_trickle_is_not() {
        let (resets, now) = (Resets::new(), Instant::now());
        let at_once = (0..1_000).take_while(|_| !resets.count(now)).count();
        assert_eq!(at_once, BURST as usize);
        let trickle = Resets::new();
        assert!((0..1_000).all(|n| !trickle.count(now + REFILL * n)));
    }
}
