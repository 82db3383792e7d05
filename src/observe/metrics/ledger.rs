//! What the ledger's thread measures of its commits, and what is read of it when the page is made.

use std::time::Duration;

use prometheus::{Histogram, IntCounter, IntGauge, Registry};

use super::declare::{counter, gauge, histogram};
use super::names;

/// What is measured of each commit.
#[derive(Clone, Debug)]
pub struct CommitMetrics {
    duration: Histogram,
    size: Histogram,
}

impl CommitMetrics {
    pub(super) fn new(registry: &Registry) -> CommitMetrics {
        CommitMetrics {
            duration: histogram(registry, &names::LEDGER_COMMIT, names::WAIT_SECONDS),
            size: histogram(registry, &names::LEDGER_BATCH, names::BATCH_SIZES),
        }
    }

    /// Counts one commit of that many messages that reached the disk.
    pub fn committed(&self, elapsed: Duration, messages: usize) {
        self.duration.observe(elapsed.as_secs_f64());
        // No batch comes near the sizes that a float does not tell apart.
        #[expect(clippy::cast_precision_loss, reason = "a batch has some thousands of messages at most")]
        self.size.observe(messages as f64);
    }
}

/// For a ledger that nobody scrapes: tests, and commands that work on the file.
impl Default for CommitMetrics {
    fn default() -> CommitMetrics {
        CommitMetrics::new(&Registry::new())
    }
}

/// What is read of the ledger when the page is made.
pub struct LedgerMetrics {
    /// Requests under way that have a reservation.
    pub open: IntGauge,
    /// 1 while the ledger can be written, else 0.
    pub up: IntGauge,
    /// Requests that are under way or wait for the disk.
    pub places: IntGauge,
    /// Requests of a dead process that were charged at the start.
    pub recovered: IntGauge,
    /// Bytes of the database file.
    pub file_bytes: IntGauge,
    /// Commits that failed; see [`raise`](LedgerMetrics::raise).
    pub failures: IntCounter,
    /// Entries that were lost.
    pub lost: IntCounter,
    /// Entries that were deleted by age or size.
    pub pruned: IntCounter,
}

impl LedgerMetrics {
    pub(super) fn new(registry: &Registry) -> LedgerMetrics {
        LedgerMetrics {
            open: gauge(registry, &names::OPEN_RESERVATIONS),
            up: gauge(registry, &names::LEDGER_UP),
            places: gauge(registry, &names::LEDGER_PLACES),
            recovered: gauge(registry, &names::RECOVERED),
            file_bytes: gauge(registry, &names::DATABASE_BYTES),
            failures: counter(registry, &names::LEDGER_FAILURES),
            lost: counter(registry, &names::ENTRIES_LOST),
            pruned: counter(registry, &names::ENTRIES_PRUNED),
        }
    }

    /// Brings a counter to a number that the ledger counts by itself and that never falls. For one scrape at a time.
    pub fn raise(counter: &IntCounter, to: u64) {
        counter.inc_by(to.saturating_sub(counter.get()));
    }
}
