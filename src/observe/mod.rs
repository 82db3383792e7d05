//! What the gateway tells of itself: metrics, the log, and one record for each exchange.

mod access;
mod capture;
mod outcome;
mod record;
mod rotation;

pub mod logging;
pub mod metrics;

pub use capture::{CaptureSettings, Captured, Captures, Capturing, Upstream as CapturedUpstream};
pub use metrics::{ConnectionCut, InFlight, Metrics, ReloadOutcome};
pub use outcome::{HedgeOutcome, Outcome};
pub use record::{AttemptNote, Attempts, FailedAttempt, Record, ShortText};
pub use rotation::{Every, LogFile};
