//! What the gateway tells of itself: metrics, the log, and one record for each exchange.

mod outcome;
mod record;

pub mod logging;
pub mod metrics;

pub use metrics::{InFlight, Metrics};
pub use outcome::Outcome;
pub use record::{AttemptNote, Attempts, FailedAttempt, Record, ShortText};
