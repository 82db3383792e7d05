//! What the gateway tells of itself: metrics, the log, and one record for each exchange.

mod access;
mod outcome;
mod record;
mod rotation;

pub mod logging;
pub mod metrics;

pub use metrics::{InFlight, Metrics};
pub use outcome::Outcome;
pub use record::{AttemptNote, Attempts, FailedAttempt, Record, ShortText};
pub use rotation::{Every, LogFile};
