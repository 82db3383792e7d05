//! How the health of targets is judged, and how often and how long a request is tried again.

use std::time::Duration;

/// When a target is passed over because it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthSettings {
    /// So far back failures are counted.
    pub window: Duration,
    /// The share of failures, in hundredths, from which on a target is passed over.
    pub failure_percent: u64,
    /// Attempts within the window below which nothing is said of a target.
    pub min_attempts: u64,
    /// How long it is passed over the first time; each probe that fails doubles it.
    pub open_for: Duration,
    /// The longest time that it is passed over without another probe.
    pub longest_open: Duration,
    /// Probes that have to succeed, one after the other, until it is healthy again.
    pub probes: u64,
}

impl Default for HealthSettings {
    fn default() -> HealthSettings {
        HealthSettings {
            window: Duration::from_secs(60),
            failure_percent: 50,
            min_attempts: 1,
            open_for: Duration::from_secs(5),
            longest_open: Duration::from_secs(300),
            probes: 1,
        }
    }
}

/// How a request whose targets have all failed is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetrySettings {
    /// How often all targets that may have recovered are tried once more.
    pub rounds: u32,
    /// The longest wait before the first of these rounds; each further one may wait twice as long. How long it is, is left to chance.
    pub backoff: Duration,
    /// No round begins later than this after the request came.
    pub within: Duration,
    /// Tries at hosts that have failed in the same request may be so many of a hundred first tries, and a few more.
    pub budget_percent: u64,
}

impl Default for RetrySettings {
    fn default() -> RetrySettings {
        RetrySettings {
            rounds: 0,
            backoff: Duration::from_millis(500),
            within: Duration::from_secs(15),
            budget_percent: 20,
        }
    }
}
