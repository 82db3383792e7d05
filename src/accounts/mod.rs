//! The accounts behind the configured keys: each provider is asked for its free list of models, so that a dead key, a model that the
//! account lacks or a wrong clock is known before a request meets it.

mod ask;
mod examine;
mod list;
mod watch;

pub use ask::{Answer, Fault};
pub use examine::{Account, Examined, Lack, MAX_CLOCK_SECONDS, examine, unasked};
pub use list::Models;
pub use watch::{Parts, Recheck, Watch};
