//! The door of the admin API: the master key opens it, and whoever tries wrong ones is slowed down and logged.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::header::{HeaderValue, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use super::response::{AdminResponse, ErrorBody, Refused};
use crate::config::Secret;
use crate::keys::bearer;

/// The first wrong attempt is answered at once, the second after this long; each further one waits twice as long.
const FIRST_DELAY: Duration = Duration::from_millis(250);

/// But never longer than this.
const LONGEST_DELAY: Duration = Duration::from_secs(2);

/// After so long without a wrong attempt all is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// So many wrong attempts wait at the same time; more are turned away at once.
const WAITING: usize = 16;

/// The least time between two warnings.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// Seconds after which one who was turned away may come again.
const RETRY_AFTER: u64 = 2;

/// Judges who may use the admin API.
///
/// A right key is never delayed, whatever else goes on, so that an attack cannot shut the operator out. The strength of the
/// master key is what keeps attackers out; the delay keeps them from being a burden, and the warnings tell of them.
#[derive(Debug)]
pub(super) struct Gate {
    waiting: Semaphore,
    failures: Mutex<Failures>,
}

#[derive(Debug, Default)]
struct Failures {
    delay: Duration,
    last: Option<Instant>,
    warned: Option<Instant>,
    untold: u64,
}

/// What becomes of a wrong attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Verdict {
    delay: Duration,
    /// How many attempts a warning tells of; 0: none is due.
    told: u64,
}

impl Failures {
    /// Counts a wrong attempt.
    fn count(&mut self, now: Instant) -> Verdict {
        let is_fresh = self.last.is_none_or(|last| now.duration_since(last) >= FORGOTTEN);
        let delay = if is_fresh { Duration::ZERO } else { self.delay };
        self.delay = (delay * 2).clamp(FIRST_DELAY, LONGEST_DELAY);
        self.last = Some(now);
        self.untold = self.untold.saturating_add(1);
        let is_due = self.warned.is_none_or(|warned| now.duration_since(warned) >= WARN_EVERY);
        let told = if is_due { std::mem::take(&mut self.untold) } else { 0 };
        if is_due {
            self.warned = Some(now);
        }
        Verdict { delay, told }
    }
}

impl Gate {
    pub(super) fn new() -> Gate {
        Gate { waiting: Semaphore::new(WAITING), failures: Mutex::default() }
    }

    /// Lets a request with the master key pass.
    ///
    /// # Errors
    /// The answer for one without it.
    pub(super) async fn admit(&self, master_key: &Secret, headers: &HeaderMap) -> Result<(), Refused> {
        let Some(token) = bearer(headers) else { return Err(Box::new(unauthorized())) };
        if master_key.matches(token) {
            return Ok(());
        }
        let verdict = self.failures.lock().unwrap_or_else(PoisonError::into_inner).count(Instant::now());
        if verdict.told > 0 {
            log::warn!(attempts = verdict.told; "a wrong master key was presented to the admin API");
        }
        if verdict.delay.is_zero() {
            return Err(Box::new(unauthorized()));
        }
        let Ok(_place) = self.waiting.try_acquire() else { return Err(Box::new(turned_away())) };
        sleep(verdict.delay).await;
        Err(Box::new(unauthorized()))
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

    #[test]
    fn delays_grow_to_a_bound_and_are_forgotten_after_a_quiet_minute() {
        let mut failures = Failures::default();
        let mut now = Instant::now();
        let mut delays = Vec::new();
        for _ in 0..6 {
            delays.push(failures.count(now).delay.as_millis());
            now += Duration::from_secs(59);
        }
        assert_eq!(delays, [0, 250, 500, 1000, 2000, 2000]);
        assert_eq!(failures.count(now + Duration::from_secs(1)).delay, Duration::ZERO);
    }

    #[test]
    fn the_first_attempt_is_told_at_once_and_then_a_count_every_ten_seconds() {
        let mut failures = Failures::default();
        let now = Instant::now();
        let told: Vec<u64> = (0..25)
            .map(|second| failures.count(now + Duration::from_secs(second)).told)
            .filter(|told| *told > 0)
            .collect();
        assert_eq!(told, [1, 10, 10]);
    }

    #[tokio::test(start_paused = true)]
    async fn wrong_keys_wait_and_right_ones_do_not() {
        let (gate, master) = (Gate::new(), Secret::new("right"));
        let began = Instant::now();
        for (expected, millis) in [(401, 0), (401, 250), (401, 750)] {
            let refused = gate.admit(&master, &headers("wrong")).await.unwrap_err();
            assert_eq!(refused.status, expected);
            assert_eq!(began.elapsed().as_millis(), millis);
        }
        gate.admit(&master, &headers("right")).await.unwrap();
        let refused = gate.admit(&master, &HeaderMap::new()).await.unwrap_err();
        assert_eq!(refused.status, 401, "no key is no attempt");
        assert_eq!(began.elapsed().as_millis(), 750);
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_wrong_keys_wait_at_once() {
        let (gate, master) = (Gate::new(), Secret::new("right"));
        let wrong = headers("wrong");
        let statuses = join_all((0..20).map(|_| gate.admit(&master, &wrong))).await;
        let turned_away = statuses.iter().filter(|refused| refused.as_ref().unwrap_err().status == 429).count();
        assert_eq!(turned_away, 20 - 1 - WAITING, "the first one does not wait");
        let refused = gate.admit(&master, &wrong).await.unwrap_err();
        assert_eq!(refused.status, 401, "there is room again");
    }
}
