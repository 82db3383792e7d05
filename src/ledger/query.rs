//! What can be asked of the ledger: sums over days, entries page by page, live counters, and its upkeep.

use std::ops::RangeInclusive;

use ovth_filters::money::PicoDollars;
use ovth_filters::neutral::Usage;

use super::{Entry, Room};

/// What sums are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// UTC day.
    Day,
    /// Key.
    Key,
    /// Model that served.
    Model,
    /// Provider that served.
    Provider,
    /// Route.
    Route,
    /// End user (of a key: with more than one key, group by key as well).
    EndUser,
}

/// Which exchanges are summed up, and how.
#[derive(Clone, Debug, Default)]
pub struct UsageQuery {
    /// UTC days since 1970, both ends included; all when absent.
    pub days: Option<RangeInclusive<u32>>,
    /// At most one of each; empty: one row with everything.
    pub group_by: Vec<GroupBy>,
    /// Only this key.
    pub key: Option<String>,
    /// Only this model.
    pub model: Option<String>,
    /// Only this provider.
    pub provider: Option<String>,
    /// Only this route; empty: exchanges without a route.
    pub route: Option<String>,
    /// Only this end user.
    pub end_user: Option<String>,
}

/// Sums over exchanges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Exchanges, refused and failed ones included.
    pub requests: u64,
    /// Those that did not end well (aborts are none of these).
    pub errors: u64,
    /// Tokens by kind.
    pub usage: Usage,
    /// The weighted tokens that limits were charged.
    pub charged_tokens: u64,
    /// What those cost whose price is known.
    pub cost: PicoDollars,
    /// Exchanges with usage whose price is not known.
    pub unpriced_requests: u64,
    /// Milliseconds of all of them.
    pub duration_ms: u64,
}

/// One group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageRow {
    /// UTC day since 1970, when grouped by day.
    pub day: Option<u32>,
    /// When grouped by key.
    pub key: Option<String>,
    /// When grouped by model; empty for exchanges that came to none.
    pub model: Option<String>,
    /// When grouped by provider; empty for exchanges that came to none.
    pub provider: Option<String>,
    /// When grouped by route; empty for exchanges without one.
    pub route: Option<String>,
    /// When grouped by end user; empty for exchanges without one.
    pub end_user: Option<String>,
    /// Its sums.
    pub sums: Sums,
}

/// Groups in the order of their names (days first), and the sums of all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageReport {
    /// The groups.
    pub rows: Vec<UsageRow>,
    /// Everything.
    pub total: Sums,
}

/// Which entries are listed, newest first.
#[derive(Clone, Debug, Default)]
pub struct EntryFilter {
    /// At most so many (1 to 1,000).
    pub limit: usize,
    /// Only entries older than the one with this number.
    pub before: Option<u64>,
    /// Only entries newer than the one with this number: then oldest first.
    pub after: Option<u64>,
    /// Begun at or after, in milliseconds since 1970.
    pub since_ms: Option<u64>,
    /// Begun before, in milliseconds since 1970.
    pub until_ms: Option<u64>,
    /// Only of this key.
    pub key: Option<String>,
    /// Only of this model (that served).
    pub model: Option<String>,
    /// Only of this provider.
    pub provider: Option<String>,
    /// Only of this route.
    pub route: Option<String>,
    /// Only of this end user.
    pub end_user: Option<String>,
    /// Only with this outcome (`ok`, `client_abort`, an error class, `recovered`); `error` for every error.
    pub outcome: Option<String>,
}

/// A page of entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryPage {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Where to go on (`before`, or `after` when that was given); none when this is the end.
    pub next: Option<u64>,
}

/// Live counters of one key, of the whole gateway, or of one end user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaRow {
    /// The key; `None` for the gateway.
    pub key: Option<String>,
    /// The end user.
    pub end_user: Option<String>,
    /// Requests under way.
    pub open: u64,
    /// Tokens and money set aside for them.
    pub reserved: super::Amount,
    /// Settled today.
    pub today: super::Amount,
    /// Settled this month.
    pub this_month: super::Amount,
    /// Requests settled today.
    pub requests_today: u64,
    /// Requests settled this month.
    pub requests_this_month: u64,
    /// Limits that hold for it, as far as the caller gave any.
    pub rooms: Vec<Room>,
}

/// What a check of the file found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Entries read.
    pub entries: u64,
    /// Reservations of requests under way.
    pub reservations: u64,
    /// Rows of daily sums.
    pub sums: u64,
    /// Rows of counters.
    pub counters: u64,
    /// Everything that is wrong, in words; empty: the file is sound.
    pub problems: Vec<String>,
}

/// What compaction did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompactReport {
    /// Bytes of the file before.
    pub bytes_before: u64,
    /// Bytes of the file after.
    pub bytes_after: u64,
}

/// What was backed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackupReport {
    /// Bytes of the copy.
    pub bytes: u64,
    /// Entries in it.
    pub entries: u64,
}
