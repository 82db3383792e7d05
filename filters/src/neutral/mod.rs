//! The neutral form: what every shape decodes to and encodes from. So far its usage and its errors.

mod error;
mod usage;

pub use error::{ApiError, ErrorClass};
pub use usage::Usage;
