//! What is counted of the configuration: which one is in force, and how tries to replace it went.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::{IntCounter, IntGauge, Registry};

use super::declare::{counters, gauge};
use super::names;

/// What became of a try to replace the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadOutcome {
    /// The new one is in force.
    Ok,
    /// The new one has errors.
    Invalid,
    /// The new one changes what only a restart can change.
    NeedsRestart,
}

impl ReloadOutcome {
    const ALL: [ReloadOutcome; 3] = [ReloadOutcome::Ok, ReloadOutcome::Invalid, ReloadOutcome::NeedsRestart];

    /// The name that metrics, answers and logs use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ReloadOutcome::Ok => "ok",
            ReloadOutcome::Invalid => "invalid",
            ReloadOutcome::NeedsRestart => "needs_restart",
        }
    }
}

/// The metrics of the configuration.
#[derive(Debug)]
pub struct Reloads {
    generation: IntGauge,
    last_success: IntGauge,
    last_ok: IntGauge,
    outcomes: [IntCounter; ReloadOutcome::ALL.len()],
}

impl Reloads {
    pub(super) fn new(registry: &Registry) -> Reloads {
        let outcomes = counters(registry, &names::CONFIG_RELOADS);
        Reloads {
            generation: gauge(registry, &names::CONFIG_GENERATION),
            last_success: gauge(registry, &names::CONFIG_LAST_SUCCESS),
            last_ok: gauge(registry, &names::CONFIG_LAST_OK),
            outcomes: ReloadOutcome::ALL.map(|outcome| outcomes.with_label_values(&[outcome.as_str()])),
        }
    }

    /// Notes which configuration is in force, and since when.
    pub fn in_force(&self, generation: u64, since: SystemTime) {
        self.last_ok.set(1);
        self.generation.set(i64::try_from(generation).unwrap_or(i64::MAX));
        let seconds = since.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.last_success.set(i64::try_from(seconds).unwrap_or(i64::MAX));
    }

    /// Counts a try to replace it.
    pub fn tried(&self, outcome: ReloadOutcome) {
        self.last_ok.set((outcome == ReloadOutcome::Ok).into());
        if let Some((_, counter)) = ReloadOutcome::ALL.iter().zip(&self.outcomes).find(|(known, _)| **known == outcome)
        {
            counter.inc();
        }
    }
}
