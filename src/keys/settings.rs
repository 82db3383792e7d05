//! What a key may do and spend, where that differs from what the configuration says for every key.

use crate::config::{Allowance, Globs};

/// The settings of one key. What is `None` is as the configuration has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeySettings {
    /// Its limits.
    pub limits: Allowance,
    /// Limits of each end user that it names.
    pub per_end_user: Allowance,
    /// Routes it may use.
    pub routes: Option<Globs>,
    /// Models it may use: matched against the model's id and `provider/id`.
    pub models: Option<Globs>,
    /// From this moment on (seconds since 1970) it is not taken any more.
    pub expires_at: Option<u64>,
    /// Whether a bound of output that cannot be kept as it was asked for is refused.
    pub strict: Option<bool>,
}
