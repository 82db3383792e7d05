//! One attempt at a target, from its begin to its end: whatever way it ends, its target is free for the next one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::breaker::{Ended, Verdict};
use super::vitals::Vitals;
use crate::config::HealthSettings;
use crate::providers::Scope;

/// What was seen of an answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Whether it was streamed.
    pub streamed: bool,
    /// From the attempt's begin to the first content.
    pub first_content: Option<Duration>,
    /// Tokens of the answer.
    pub output: u64,
}

/// An attempt under way.
#[derive(Debug)]
#[must_use = "an attempt that is not told how it ended says nothing"]
pub struct Ticket {
    target: Share,
    host: Share,
    began: Instant,
}

/// What one target or host is held by for an attempt.
#[derive(Debug)]
struct Share {
    vitals: Arc<Vitals>,
    began: Instant,
    is_probe: bool,
    /// It was the probe, and that it serves was told at its first content.
    is_proved: bool,
    is_told: bool,
}

impl Ticket {
    pub(super) fn new([target, host]: [Arc<Vitals>; 2], now: Instant) -> Ticket {
        Ticket { target: Share::take(target, now), host: Share::take(host, now), began: now }
    }

    /// When the attempt began.
    pub(super) const fn began(&self) -> Instant {
        self.began
    }

    /// Its first content is there: where it is the probe of a breaker, that is answered, and others need not wait for the end of a long answer.
    pub fn proved(&mut self, settings: &HealthSettings) {
        for share in [&mut self.target, &mut self.host] {
            if share.is_probe {
                share.tell(Verdict::Served, settings, Instant::now());
                (share.is_probe, share.is_proved) = (false, true);
            }
        }
    }

    pub(super) fn served(mut self, seen: &Seen, settings: &HealthSettings, now: Instant) {
        self.target.tell(Verdict::Served, settings, now);
        self.host.tell(Verdict::Served, settings, now);
        let mut known = self.target.vitals.known();
        if let Some(first) = seen.first_content {
            let micros = u64::try_from(first.as_micros()).unwrap_or(u64::MAX);
            if seen.streamed { known.first_token.add(micros, now) } else { known.whole.add(micros, now) }
        }
        let took = now.saturating_duration_since(self.began);
        let after = if seen.streamed { seen.first_content.unwrap_or_default() } else { Duration::ZERO };
        let millis = u64::try_from(took.saturating_sub(after).as_millis()).unwrap_or(u64::MAX).max(1);
        if seen.output > 0 {
            known.speed.add(seen.output.saturating_mul(1_000_000) / millis, now);
        }
    }

    /// It failed; what concerns only the request has no scope.
    pub(super) fn failed(mut self, scope: Option<Scope>, settings: &HealthSettings, now: Instant) {
        let (target, host) = match scope {
            Some(Scope::Host) => (Verdict::Failed, Verdict::Failed),
            Some(Scope::Target | Scope::Credential) => (Verdict::Failed, Verdict::Nothing),
            None => (Verdict::Nothing, Verdict::Nothing),
        };
        self.target.tell(target, settings, now);
        self.host.tell(host, settings, now);
    }
}

impl Share {
    fn take(vitals: Arc<Vitals>, now: Instant) -> Share {
        vitals.begin();
        let mut known = vitals.known();
        known.used = now;
        let is_probe = known.breaker.begin(now);
        drop(known);
        Share { vitals, began: now, is_probe, is_proved: false, is_told: false }
    }

    fn tell(&mut self, verdict: Verdict, settings: &HealthSettings, now: Instant) {
        self.is_told = true;
        if self.is_proved && verdict == Verdict::Served {
            return;
        }
        let ended = Ended { verdict, is_probe: self.is_probe, began: self.began };
        self.vitals.known().breaker.ended(ended, now, settings);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.vitals.end();
        if !self.is_told && self.is_probe {
            let now = Instant::now();
            let ended = Ended { verdict: Verdict::Nothing, is_probe: true, began: self.began };
            self.vitals.known().breaker.ended(ended, now, &HealthSettings::default());
        }
    }
}
