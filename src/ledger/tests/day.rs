//! Tests that count what belongs to one UTC day, and midnight, which may come in the middle of them.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::SystemTime;

use futures::FutureExt;
use futures::executor::block_on;

use crate::ledger::window::Day;

/// Runs a test whose counters are those of one day; once more when it failed and midnight came in between.
pub(crate) async fn within_one_day(test: impl AsyncFn()) {
    let day = Day::of(SystemTime::now());
    // Unwind safety: each run makes everything anew.
    match AssertUnwindSafe(test()).catch_unwind().await {
        Ok(()) => {}
        Err(_) if Day::of(SystemTime::now()) != day => test().await,
        Err(panic) => resume_unwind(panic),
    }
}

/// The same for a test that blocks.
pub(crate) fn within_a_day(test: impl Fn()) {
    block_on(within_one_day(async || test()));
}
