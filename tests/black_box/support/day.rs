//! Tests that count what belongs to one UTC day, and midnight, which may come in the middle of them.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::{SystemTime, UNIX_EPOCH};

use futures::FutureExt as _;

/// Runs a test whose counters are those of one day; once more when it failed and midnight came in between.
pub(crate) async fn within_one_day(test: impl AsyncFn()) {
    let day = utc_day();
    // Unwind safety: each run makes everything anew.
    match AssertUnwindSafe(test()).catch_unwind().await {
        Ok(()) => {}
        Err(_) if utc_day() != day => test().await,
        Err(panic) => resume_unwind(panic),
    }
}

fn utc_day() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() / 86_400
}
