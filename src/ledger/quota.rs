//! What a client is told when a quota is spent.

use std::fmt;
use std::time::{Duration, SystemTime};

use super::Scope;
use super::day::Day;

/// A daily quota is spent. Its `Display` is the text for the client: what is spent, and when it comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaSpent {
    /// Whose quota.
    pub scope: Scope,
    /// Tokens per UTC day.
    pub limit: u64,
    /// Tokens spent today; more than the limit by what was in flight when it was reached.
    pub used: u64,
    /// When the next window begins: midnight UTC.
    pub resets_at: SystemTime,
    /// Whole seconds until then, rounded up; at least 1. For `retry-after`.
    pub retry_after: u64,
}

impl QuotaSpent {
    pub(super) fn new(scope: Scope, limit: u64, used: u64, now: SystemTime) -> QuotaSpent {
        let resets_at = Day::of(now).next().start();
        let left = resets_at.duration_since(now).unwrap_or(Duration::ZERO);
        let retry_after = (left.as_secs() + u64::from(left.subsec_nanos() > 0)).max(1);
        QuotaSpent { scope, limit, used, resets_at, retry_after }
    }

    /// The stable name of the limit.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        "daily_tokens"
    }
}

impl fmt::Display for QuotaSpent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let QuotaSpent { limit, used, retry_after, .. } = self;
        let whose = match self.scope {
            Scope::Key | Scope::EndUser => "this key",
            Scope::Gateway => "this gateway (all keys together)",
        };
        let reset = Day::of(self.resets_at);
        write!(
            f,
            "The daily token quota of {whose} is spent: {used} of {limit} tokens used today (UTC). \
             It resets at {reset}, in {retry_after} seconds."
        )
    }
}

impl std::error::Error for QuotaSpent {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_the_limit_and_the_reset() {
        let now = Day(20_779).start() + Duration::from_millis(82_799_500);
        let spent = QuotaSpent::new(Scope::Key, 1000, 1234, now);
        assert_eq!(spent.resets_at, Day(20_780).start());
        assert_eq!(spent.retry_after, 3_601);
        assert_eq!(
            spent.to_string(),
            "The daily token quota of this key is spent: 1234 of 1000 tokens used today (UTC). \
             It resets at 2026-11-23T00:00:00Z, in 3601 seconds."
        );
    }

    #[test]
    fn a_client_never_retries_at_once() {
        let midnight = Day(20_780).start();
        assert_eq!(QuotaSpent::new(Scope::Gateway, 1, 1, midnight - Duration::from_nanos(1)).retry_after, 1);
        assert_eq!(QuotaSpent::new(Scope::Gateway, 1, 1, midnight).retry_after, 86_400);
    }
}
