//! Why a request was not let in, and what is left of each limit.

use std::time::SystemTime;

use crate::store::StoreError;

/// Whose limit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The client's key.
    Key,
    /// All keys together.
    Gateway,
    /// The end user that the client named.
    EndUser,
}

/// Which limit it is; the names of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitName {
    /// Tokens per UTC day.
    DailyTokens,
    /// Tokens per calendar month.
    MonthlyTokens,
    /// Money per UTC day.
    DailyUsd,
    /// Money per calendar month.
    MonthlyUsd,
    /// Requests in 60 seconds.
    RequestsPerMinute,
    /// Tokens in 60 seconds.
    TokensPerMinute,
    /// Requests at the same time.
    MaxConcurrent,
}

impl LimitName {
    /// The name in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            LimitName::DailyTokens => "daily_tokens",
            LimitName::MonthlyTokens => "monthly_tokens",
            LimitName::DailyUsd => "daily_usd",
            LimitName::MonthlyUsd => "monthly_usd",
            LimitName::RequestsPerMinute => "requests_per_minute",
            LimitName::TokensPerMinute => "tokens_per_minute",
            LimitName::MaxConcurrent => "max_concurrent",
        }
    }

    /// Whether it is a limit of money: then exhausted means 402.
    #[must_use]
    pub const fn is_money(self) -> bool {
        matches!(self, LimitName::DailyUsd | LimitName::MonthlyUsd)
    }
}

/// What is left of one limit. Tokens, requests, or pico-dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Whose limit.
    pub scope: Scope,
    /// Which limit.
    pub name: LimitName,
    /// The limit.
    pub limit: u64,
    /// Settled and set aside; may be more than the limit.
    pub used: u64,
    /// When all of it is there again: the end of the day or month, or of the minute that counts. `None` for what comes
    /// back as soon as a request ends.
    pub resets_at: Option<SystemTime>,
}

impl Room {
    /// What is left.
    #[must_use]
    pub const fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }
}

/// The limit that kept a request out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The limit and what is left of it.
    pub room: Room,
    /// What the request would have had to set aside at least.
    pub needed: u64,
    /// Whole seconds, at least 1, after which a new try makes sense.
    pub retry_after: u64,
}

/// Why a request was not let in.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// A limit does not allow it.
    Limit(Hit),
    /// The ledger cannot be written, and is not to be done without.
    Storage(StoreError),
    /// More requests are under way, or wait to be written, than the ledger has room for.
    Full,
}

/// What is left of all limits that hold for a payer, in the order of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// One for each limit that is set.
    pub rooms: Vec<Room>,
}
