//! The door of the admin API: the master key opens it, and whoever tries wrong ones is slowed down, counted and logged.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{HeaderValue, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use super::response::{AdminResponse, ErrorBody, Refused};
use crate::config::{Secret, client_of};
use crate::keys::bearer;
use crate::observe::Metrics;

/// The first wrong attempt is answered at once, the second after this long; each further one waits twice as long.
const FIRST_DELAY: Duration = Duration::from_millis(250);

/// But never longer than this.
const LONGEST_DELAY: Duration = Duration::from_secs(2);

/// After so long without a wrong attempt all is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// So many wrong attempts wait at the same time, and so many of one address; more are turned away at once.
const WAITING: usize = 16;
const WAITING_OF_ADDRESS: usize = 4;

/// So many addresses are told apart; all others are one.
const ADDRESSES: usize = 1_024;

/// The least time between two warnings.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// Seconds after which one who was turned away may come again.
const RETRY_AFTER: u64 = 2;

/// Judges who may use the admin API.
///
/// A right key is never delayed, whatever else goes on and wherever it comes from, so that an attack cannot shut the operator out. The
/// strength of the master key is what keeps attackers out; the delay keeps them from being a burden, and the warnings tell of them.
pub(super) struct Gate {
    waiting: Semaphore,
    failures: Mutex<Failures>,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct Failures {
    by_address: HashMap<Option<IpAddr>, Attempts>,
    warned: Option<Instant>,
    untold: u64,
}

/// The wrong attempts of one address.
#[derive(Clone, Copy, Debug)]
struct Attempts {
    delay: Duration,
    last: Instant,
    waiting: usize,
}

/// What becomes of a wrong attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Verdict {
    /// The address that it counts for.
    of: Option<IpAddr>,
    delay: Duration,
    /// Whether its address has no place left to wait in.
    is_full: bool,
    /// How many attempts a warning tells of; 0: none is due.
    told: u64,
}

impl Failures {
    /// Counts a wrong attempt. One that is delayed takes a place until [`Failures::waited`].
    fn count(&mut self, of: Option<IpAddr>, now: Instant) -> Verdict {
        let of = of.map(client_of).filter(|address| self.has_room_for(*address, now));
        let attempts = self.by_address.entry(of).or_insert(Attempts { delay: Duration::ZERO, last: now, waiting: 0 });
        let is_fresh = now.duration_since(attempts.last) >= FORGOTTEN;
        let delay = if is_fresh { Duration::ZERO } else { attempts.delay };
        attempts.delay = (delay * 2).clamp(FIRST_DELAY, LONGEST_DELAY);
        attempts.last = now;
        let is_full = attempts.waiting >= WAITING_OF_ADDRESS;
        attempts.waiting += usize::from(!delay.is_zero() && !is_full);
        self.untold = self.untold.saturating_add(1);
        let is_due = self.warned.is_none_or(|warned| now.duration_since(warned) >= WARN_EVERY);
        let told = if is_due { std::mem::take(&mut self.untold) } else { 0 };
        if is_due {
            self.warned = Some(now);
        }
        Verdict { of, delay, is_full, told }
    }

    /// Gives a place back.
    fn waited(&mut self, of: Option<IpAddr>) {
        if let Some(attempts) = self.by_address.get_mut(&of) {
            attempts.waiting = attempts.waiting.saturating_sub(1);
        }
    }

    fn has_room_for(&mut self, address: IpAddr, now: Instant) -> bool {
        if self.by_address.len() >= ADDRESSES && !self.by_address.contains_key(&Some(address)) {
            let is_remembered = |attempts: &Attempts| attempts.waiting > 0 || now - attempts.last < FORGOTTEN;
            self.by_address.retain(|_, attempts| is_remembered(attempts));
        }
        self.by_address.len() < ADDRESSES || self.by_address.contains_key(&Some(address))
    }
}

impl Gate {
    pub(super) fn new(metrics: Arc<Metrics>) -> Gate {
        Gate { waiting: Semaphore::new(WAITING), failures: Mutex::default(), metrics }
    }

    /// Lets a request with the master key pass; `from` is the client's address, where it is known.
    ///
    /// # Errors
    /// The answer for one without it.
    pub(super) async fn admit(
        &self,
        master_key: &Secret,
        headers: &HeaderMap,
        from: Option<IpAddr>,
    ) -> Result<(), Refused> {
        let Some(token) = bearer(headers) else { return Err(Box::new(unauthorized())) };
        if master_key.matches(token) {
            return Ok(());
        }
        self.metrics.edge.wrong_master_keys.inc();
        let verdict = self.failures().count(from, Instant::now());
        if verdict.told > 0 {
            log::warn!(attempts = verdict.told; "a wrong master key was presented to the admin API");
        }
        if verdict.delay.is_zero() {
            return Err(Box::new(unauthorized()));
        }
        if verdict.is_full {
            return Err(Box::new(turned_away()));
        }
        let _place = Place { gate: self, of: verdict.of };
        let Ok(_place_of_all) = self.waiting.try_acquire() else { return Err(Box::new(turned_away())) };
        sleep(verdict.delay).await;
        Err(Box::new(unauthorized()))
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place to wait in, given back when the wait ends in whatever way.
struct Place<'a> {
    gate: &'a Gate,
    of: Option<IpAddr>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.gate.failures().waited(self.of);
    }
}

fn unauthorized() -> AdminResponse {
    let message = "The admin API wants the master key: `Authorization: Bearer $OVTH_MASTER_KEY`.";
    ErrorBody::request(message, "invalid_api_key")
        .into_response(StatusCode::UNAUTHORIZED)
        .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

fn turned_away() -> AdminResponse {
    let message = "Too many wrong master keys at once. The right one is let in at any time: \
                   `Authorization: Bearer $OVTH_MASTER_KEY`.";
    ErrorBody::busy(message, "too_many_wrong_keys")
        .into_response(StatusCode::TOO_MANY_REQUESTS)
        .with_retry_after(RETRY_AFTER)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use futures::future::join_all;
    use http::header::AUTHORIZATION;

    use super::*;

    fn headers(token: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap())])
    }

    const ME: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)));

    fn gate() -> (Gate, Secret) {
        (Gate::new(Arc::new(Metrics::new())), Secret::new("right"))
    }

    fn address(n: u32) -> Option<IpAddr> {
        Some(IpAddr::V4(std::net::Ipv4Addr::from_bits(n)))
    }

    #[test]
    fn delays_grow_to_a_bound_and_are_forgotten_after_a_quiet_minute() {
        let mut failures = Failures::default();
        let mut now = Instant::now();
        let mut delays = Vec::new();
        for _ in 0..6 {
            let verdict = failures.count(ME, now);
            delays.push(verdict.delay.as_millis());
            failures.waited(verdict.of);
            now += Duration::from_secs(59);
        }
        assert_eq!(delays, [0, 250, 500, 1000, 2000, 2000]);
        assert_eq!(failures.count(ME, now + Duration::from_secs(1)).delay, Duration::ZERO);
    }

    #[test]
    fn each_address_has_its_own_delay_and_those_beyond_a_bound_share_one() {
        let mut failures = Failures::default();
        let now = Instant::now();
        for _ in 0..5 {
            failures.count(ME, now);
        }
        assert_eq!(failures.count(address(7), now).delay, Duration::ZERO);
        for n in 0..10_000 {
            failures.count(address(n), now);
        }
        assert!(failures.by_address.len() <= ADDRESSES + 1, "{}", failures.by_address.len());
        assert!(!failures.count(address(20_000), now).delay.is_zero());
        let later = now + FORGOTTEN;
        failures.by_address.values_mut().for_each(|attempts| attempts.waiting = 0);
        assert!(failures.count(address(20_000), later).delay.is_zero(), "there is room again");
    }

    #[test]
    fn the_first_attempt_is_told_at_once_and_then_a_count_every_ten_seconds() {
        let mut failures = Failures::default();
        let now = Instant::now();
        let told: Vec<u64> = (0..25)
            .map(|second| failures.count(address(second), now + Duration::from_secs(second.into())).told)
            .filter(|told| *told > 0)
            .collect();
        assert_eq!(told, [1, 10, 10]);
    }

    #[tokio::test(start_paused = true)]
    async fn wrong_keys_wait_and_right_ones_do_not() {
        let (gate, master) = gate();
        let began = Instant::now();
        for (expected, millis) in [(401, 0), (401, 250), (401, 750)] {
            let refused = gate.admit(&master, &headers("wrong"), ME).await.unwrap_err();
            assert_eq!(refused.status, expected);
            assert_eq!(began.elapsed().as_millis(), millis);
        }
        gate.admit(&master, &headers("right"), ME).await.unwrap();
        let refused = gate.admit(&master, &HeaderMap::new(), ME).await.unwrap_err();
        assert_eq!(refused.status, 401, "no key is no attempt");
        assert_eq!(began.elapsed().as_millis(), 750);
        assert_eq!(gate.metrics.edge.wrong_master_keys.get(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_wrong_keys_wait_at_once_of_an_address_and_of_all() {
        let (gate, master) = gate();
        let wrong = headers("wrong");
        let statuses = join_all((0..20).map(|_| gate.admit(&master, &wrong, ME))).await;
        let turned_away = statuses.iter().filter(|refused| refused.as_ref().unwrap_err().status == 429).count();
        assert_eq!(turned_away, 20 - 1 - WAITING_OF_ADDRESS, "the first one does not wait");
        let refused = gate.admit(&master, &wrong, ME).await.unwrap_err();
        assert_eq!(refused.status, 401, "there is room again");

        let tries = (0..200).map(|n| gate.admit(&master, &wrong, address(n % 20)));
        let statuses = join_all(tries).await;
        let waited = statuses.iter().filter(|refused| refused.as_ref().unwrap_err().status == 401).count();
        assert_eq!(waited, 20 + WAITING, "each address is answered at once one time");
    }

    #[tokio::test(start_paused = true)]
    async fn one_who_gives_up_waiting_gives_its_place_back() {
        let (gate, master) = gate();
        let wrong = headers("wrong");
        gate.admit(&master, &wrong, ME).await.unwrap_err();
        for _ in 0..3 * WAITING {
            let wait = gate.admit(&master, &wrong, ME);
            tokio::time::timeout(Duration::from_millis(1), wait).await.unwrap_err();
        }
        assert_eq!(gate.admit(&master, &wrong, ME).await.unwrap_err().status, 401);
    }
}
