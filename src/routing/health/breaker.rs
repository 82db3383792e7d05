//! The breaker of one target or host: closed while it serves, open while it fails, half open while single requests probe it.

use std::time::{Duration, Instant};

use crate::config::HealthSettings;

/// So many failures in a row open it at once: where there was much that went well, the share of failures would take long to tell of an outage.
const ROW: u64 = 5;

/// The window is counted in so many parts, of which the oldest falls out at a time.
const PARTS: usize = 6;

/// Whether something serves, by its last attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It serves.
    Closed,
    /// It failed too often at `since`, and is passed over until then. So often in a row it was opened.
    Open { since: Instant, until: Instant, times: u32 },
    /// It may serve again: one attempt at a time finds out.
    HalfOpen { since: Instant, probing: bool, passed: u64, times: u32 },
}

/// An attempt that ended, or has shown that its target serves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) verdict: Verdict,
    pub(super) is_probe: bool,
    pub(super) began: Instant,
}

/// What an attempt came to, for the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It served.
    Served,
    /// It failed in a way that others would fail, too.
    Failed,
    /// It says nothing: the client left, or the request was at fault.
    Nothing,
}

/// Counts attempts and failures, and tells when to pass something over.
#[derive(Clone, Debug)]
pub(super) struct Breaker {
    state: State,
    window: Window,
    /// Failures since the last attempt that served.
    row: u64,
}

impl Breaker {
    pub(super) const fn new(began: Instant) -> Breaker {
        Breaker { state: State::Closed, window: Window { began, parts: [Part::EMPTY; PARTS] }, row: 0 }
    }

    /// Until when it is passed over, probes that are under way counted; `None` when an attempt may begin.
    pub(super) fn avoided(&self, now: Instant) -> Option<Instant> {
        match self.state {
            State::Closed | State::HalfOpen { probing: false, .. } => None,
            State::Open { until, .. } => (until > now).then_some(until),
            State::HalfOpen { probing: true, .. } => Some(now),
        }
    }

    /// An attempt begins. Whether it is the probe.
    pub(super) fn begin(&mut self, now: Instant) -> bool {
        match self.state {
            State::Open { since, until, times } if until <= now => {
                self.state = State::HalfOpen { since, probing: true, passed: 0, times };
                true
            }
            State::HalfOpen { since, probing: false, passed, times } => {
                self.state = State::HalfOpen { since, probing: true, passed, times };
                true
            }
            State::Closed | State::Open { .. } | State::HalfOpen { .. } => false,
        }
    }

    /// An attempt ended. Whether the breaker was opened by it.
    pub(super) fn ended(&mut self, ended: Ended, now: Instant, settings: &HealthSettings) -> bool {
        let Ended { verdict, is_probe, began } = ended;
        // One that was begun before it opened tells of the time before: a long stream that ends well says nothing of what begins now.
        let is_old = self.opened().is_some_and(|since| began < since);
        let (verdict, is_probe) = if is_old { (Verdict::Nothing, false) } else { (verdict, is_probe) };
        if verdict != Verdict::Nothing {
            self.window.add(verdict == Verdict::Failed, now, settings.window);
        }
        match verdict {
            Verdict::Served => self.row = 0,
            Verdict::Failed => self.row += 1,
            Verdict::Nothing => {}
        }
        match (self.state, verdict) {
            (State::Closed, Verdict::Failed) => {
                let (attempts, failed) = self.window.sums(now, settings.window);
                let share_is_bad =
                    attempts >= settings.min_attempts && failed * 100 >= attempts * settings.failure_percent;
                let is_bad = share_is_bad || self.row >= ROW;
                if is_bad {
                    self.open(1, now, settings);
                }
                is_bad
            }
            (State::HalfOpen { times, .. }, Verdict::Failed) => {
                self.open(times.saturating_add(1), now, settings);
                true
            }
            // One that was begun for want of another target tells nothing new when it fails.
            (State::Open { .. }, Verdict::Failed | Verdict::Nothing) | (State::Closed, _) => false,
            (State::Open { since, times, .. }, Verdict::Served) => {
                self.passed(1, (since, times), settings);
                false
            }
            (State::HalfOpen { since, passed, times, .. }, Verdict::Served) => {
                self.passed(passed + 1, (since, times), settings);
                false
            }
            (State::HalfOpen { since, passed, times, .. }, Verdict::Nothing) => {
                if is_probe {
                    self.state = State::HalfOpen { since, probing: false, passed, times };
                }
                false
            }
        }
    }

    /// Attempts of the window, and how many of them failed.
    pub(super) fn attempts(&self, now: Instant, settings: &HealthSettings) -> (u64, u64) {
        self.window.sums(now, settings.window)
    }

    /// Where it stands at that time.
    pub(super) const fn state(&self) -> State {
        self.state
    }

    /// When it was opened, if it is not closed again.
    const fn opened(&self) -> Option<Instant> {
        match self.state {
            State::Closed => None,
            State::Open { since, .. } | State::HalfOpen { since, .. } => Some(since),
        }
    }

    fn passed(&mut self, passed: u64, (since, times): (Instant, u32), settings: &HealthSettings) {
        if passed >= settings.probes {
            self.state = State::Closed;
            self.window.parts = [Part::EMPTY; PARTS];
        } else {
            self.state = State::HalfOpen { since, probing: false, passed, times };
        }
    }

    fn open(&mut self, times: u32, now: Instant, settings: &HealthSettings) {
        let factor = 1_u32.checked_shl(times - 1).unwrap_or(u32::MAX);
        let wait = settings.open_for.saturating_mul(factor).min(settings.longest_open);
        self.state = State::Open { since: now, until: now + wait, times };
    }
}

/// Attempts and failures of the last time, in parts of it.
#[derive(Clone, Debug)]
struct Window {
    began: Instant,
    parts: [Part; PARTS],
}

#[derive(Clone, Copy, Debug)]
struct Part {
    number: u64,
    attempts: u64,
    failed: u64,
}

impl Part {
    const EMPTY: Part = Part { number: 0, attempts: 0, failed: 0 };
}

impl Window {
    fn add(&mut self, failed: bool, now: Instant, window: Duration) {
        let number = self.number(now, window);
        let at = usize::try_from(number % PARTS as u64).unwrap_or(0);
        let Some(part) = self.parts.get_mut(at) else { return };
        if part.number != number {
            *part = Part { number, ..Part::EMPTY };
        }
        part.attempts += 1;
        part.failed += u64::from(failed);
    }

    fn sums(&self, now: Instant, window: Duration) -> (u64, u64) {
        let number = self.number(now, window);
        let recent = self.parts.iter().filter(|part| part.number + PARTS as u64 > number);
        recent.fold((0, 0), |(attempts, failed), part| (attempts + part.attempts, failed + part.failed))
    }

    /// Which part of all time it is, from 1 on.
    fn number(&self, now: Instant, window: Duration) -> u64 {
        let width = (window / PARTS as u32).max(Duration::from_millis(1));
        let passed = now.saturating_duration_since(self.began).as_millis() / width.as_millis().max(1);
        u64::try_from(passed).unwrap_or(u64::MAX - PARTS as u64 - 1) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: HealthSettings = HealthSettings {
        window: Duration::from_secs(60),
        failure_percent: 50,
        min_attempts: 4,
        open_for: Duration::from_secs(5),
        longest_open: Duration::from_secs(12),
        probes: 2,
    };

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn attempt(breaker: &mut Breaker, verdict: Verdict, now: Instant) -> bool {
        let is_probe = breaker.begin(now);
        breaker.ended(Ended { verdict, is_probe, began: now }, now, &SETTINGS);
        is_probe
    }

    #[test]
    fn what_was_begun_before_it_opened_neither_closes_it_nor_opens_it_again() {
        let start = Instant::now();
        let mut breaker = Breaker::new(start);
        let later = start + seconds(1);
        for _ in 0..4 {
            attempt(&mut breaker, Verdict::Failed, later);
        }
        let old = |verdict| Ended { verdict, is_probe: false, began: start };
        breaker.ended(old(Verdict::Served), start + seconds(2), &SETTINGS);
        assert_eq!(breaker.avoided(later), Some(later + seconds(5)), "a long stream that ends well");
        let ready = later + seconds(5);
        assert!(breaker.begin(ready));
        breaker.ended(old(Verdict::Failed), ready, &SETTINGS);
        breaker.ended(old(Verdict::Served), ready, &SETTINGS);
        assert!(matches!(breaker.state(), State::HalfOpen { probing: true, passed: 0, .. }), "the probe decides");
        breaker.ended(Ended { verdict: Verdict::Served, is_probe: true, began: ready }, ready, &SETTINGS);
        assert!(matches!(breaker.state(), State::HalfOpen { passed: 1, .. }));
    }

    #[test]
    fn it_opens_at_the_share_of_failures_and_not_below_the_least_number_of_attempts() {
        let start = Instant::now();
        let mut breaker = Breaker::new(start);
        for _ in 0..3 {
            attempt(&mut breaker, Verdict::Failed, start);
            assert_eq!(breaker.avoided(start), None);
        }
        attempt(&mut breaker, Verdict::Failed, start);
        assert_eq!(breaker.avoided(start), Some(start + seconds(5)));

        let mut mostly_good = Breaker::new(start);
        for at in 0..100 {
            let verdict = if at % 3 == 2 { Verdict::Failed } else { Verdict::Served };
            attempt(&mut mostly_good, verdict, start);
        }
        assert_eq!(mostly_good.avoided(start), None);
    }

    #[test]
    fn failures_in_a_row_open_it_however_much_went_well_before() {
        let start = Instant::now();
        let mut breaker = Breaker::new(start);
        for _ in 0..1_000 {
            attempt(&mut breaker, Verdict::Served, start);
        }
        for _ in 0..ROW {
            assert_eq!(breaker.avoided(start), None);
            attempt(&mut breaker, Verdict::Failed, start);
        }
        assert_eq!(breaker.avoided(start), Some(start + seconds(5)));
    }

    #[test]
    fn what_is_older_than_the_window_does_not_count() {
        let start = Instant::now();
        let mut breaker = Breaker::new(start);
        for _ in 0..3 {
            attempt(&mut breaker, Verdict::Failed, start);
        }
        let later = start + seconds(61);
        attempt(&mut breaker, Verdict::Failed, later);
        assert_eq!(breaker.avoided(later), None);
        for _ in 0..100 {
            attempt(&mut breaker, Verdict::Served, later);
        }
        let last = later + seconds(120);
        for _ in 0..4 {
            attempt(&mut breaker, Verdict::Failed, last);
        }
        assert!(breaker.avoided(last).is_some());
    }

    #[test]
    fn one_probe_at_a_time_closes_it_or_opens_it_for_twice_as_long() {
        let start = Instant::now();
        let mut breaker = Breaker::new(start);
        for _ in 0..4 {
            attempt(&mut breaker, Verdict::Failed, start);
        }
        let ready = start + seconds(5);
        assert_eq!(breaker.avoided(ready), None);
        assert!(breaker.begin(ready), "the first is the probe");
        assert_eq!(breaker.avoided(ready), Some(ready), "and all others wait for it");
        assert!(!breaker.begin(ready));
        breaker.ended(Ended { verdict: Verdict::Failed, is_probe: true, began: ready }, ready, &SETTINGS);
        assert_eq!(breaker.avoided(ready), Some(ready + seconds(10)));

        let again = ready + seconds(10);
        assert!(attempt(&mut breaker, Verdict::Failed, again));
        assert_eq!(breaker.avoided(again), Some(again + seconds(12)), "no longer than the longest");

        let third = again + seconds(12);
        assert!(attempt(&mut breaker, Verdict::Nothing, third), "a client that leaves ends the probe");
        assert!(attempt(&mut breaker, Verdict::Served, third));
        assert!(matches!(breaker.state(), State::HalfOpen { probing: false, .. }));
        assert!(attempt(&mut breaker, Verdict::Served, third));
        assert_eq!(breaker.state(), State::Closed);
        attempt(&mut breaker, Verdict::Failed, third);
        assert_eq!(breaker.avoided(third), None, "and all is forgotten");
    }
}
