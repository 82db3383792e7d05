//! Tests that count what belongs to one UTC day, and midnight, which may come in the middle of them.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::SystemTime;

use futures::FutureExt;

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
pub(super) fn within_a_day(test: impl Fn()) {
    let day = Day::of(SystemTime::now());
    match catch_unwind(AssertUnwindSafe(&test)) {
        Ok(()) => {}
        Err(_) if Day::of(SystemTime::now()) != day => test(),
        Err(panic) => resume_unwind(panic),
    }
}
