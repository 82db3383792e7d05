//! Entries as rows: a version, the time of their beginning, and the rest in a compact form. A later release gives a row with
//! more fields another version, and goes on reading this one.

use ovth_filters::money::PicoDollars;
use serde::{Deserialize, Serialize};

use super::super::{Amount, App, AttemptEntry, Entry, UsageSource};
use super::numbers::{self, UsageNumbers};
use super::short;

const VERSION: u8 = 1;
/// The version and the beginning in milliseconds since 1970, little-endian.
const HEAD: usize = 1 + 8;

/// What limits were charged for an entry, so that counters can be proved by entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::ledger) struct Charge {
    /// The day of the window, which may be the one after the day on which the exchange began.
    pub(in crate::ledger) day: u32,
    /// Pico-dollars.
    pub(in crate::ledger) cost: u64,
    /// The end user that was charged besides the key.
    pub(in crate::ledger) end_user: Option<Box<str>>,
}

/// An entry and what it was charged; nothing for exchanges that never came to a reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ledger) struct StoredEntry {
    pub(in crate::ledger) entry: Entry,
    pub(in crate::ledger) charge: Option<Charge>,
}

impl Charge {
    /// What it is, with the tokens of its entry.
    pub(in crate::ledger) const fn amount(&self, tokens: u64) -> Amount {
        Amount { tokens, cost: PicoDollars(self.cost) }
    }
}

#[derive(Serialize, Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    request_id: &'a str,
    #[serde(borrow)]
    upstream_request_id: Option<&'a str>,
    #[serde(borrow)]
    key_id: &'a str,
    #[serde(borrow)]
    end_user: Option<&'a str>,
    #[serde(borrow)]
    referer: Option<&'a str>,
    #[serde(borrow)]
    title: Option<&'a str>,
    #[serde(borrow)]
    user_agent: Option<&'a str>,
    #[serde(borrow)]
    operation: &'a str,
    #[serde(borrow)]
    shape: &'a str,
    #[serde(borrow)]
    upstream_shape: Option<&'a str>,
    stream: bool,
    #[serde(borrow)]
    route: Option<&'a str>,
    #[serde(borrow)]
    provider: Option<&'a str>,
    #[serde(borrow)]
    model_asked: Option<&'a str>,
    #[serde(borrow)]
    model: Option<&'a str>,
    #[serde(borrow)]
    attempts: Vec<AttemptRow<'a>>,
    status: Option<u16>,
    #[serde(borrow)]
    outcome: &'a str,
    /// Numbers as in [`numbers`], by a list of their own.
    #[serde(borrow)]
    usage: Option<&'a [u8]>,
    usage_source: u8,
    charged_tokens: u64,
    cost: Option<u64>,
    #[serde(borrow)]
    price_source: Option<&'a str>,
    #[serde(borrow)]
    service_class: Option<&'a str>,
    time_to_first_token_ms: Option<u64>,
    duration_ms: u64,
    #[serde(borrow)]
    finish_reason: Option<&'a str>,
    bytes_in: u64,
    bytes_out: u64,
    #[serde(borrow)]
    cache_break: Option<&'a str>,
    charge: Option<Charge>,
}

#[derive(Serialize, Deserialize)]
struct AttemptRow<'a> {
    #[serde(borrow)]
    provider: &'a str,
    #[serde(borrow)]
    model: &'a str,
    #[serde(borrow)]
    outcome: &'a str,
    status: Option<u16>,
}

/// More attempts than a request can have.
const ATTEMPTS: usize = 64;

/// Writes a row. Its number is not in it.
pub(in crate::ledger) fn encode_entry(entry: &Entry, charge: Option<&Charge>) -> Vec<u8> {
    let usage = entry.usage.as_ref().map(|usage| numbers::write(&numbers::usage_numbers(usage)));
    let row = Row {
        request_id: short(&entry.request_id),
        upstream_request_id: entry.upstream_request_id.as_deref().map(short),
        key_id: short(&entry.key_id),
        end_user: entry.end_user.as_deref().map(short),
        referer: entry.app.referer.as_deref().map(short),
        title: entry.app.title.as_deref().map(short),
        user_agent: entry.app.user_agent.as_deref().map(short),
        operation: short(&entry.operation),
        shape: short(&entry.shape),
        upstream_shape: entry.upstream_shape.as_deref().map(short),
        stream: entry.stream,
        route: entry.route.as_deref().map(short),
        provider: entry.provider.as_deref().map(short),
        model_asked: entry.model_asked.as_deref().map(short),
        model: entry.model.as_deref().map(short),
        attempts: entry.attempts.iter().take(ATTEMPTS).map(AttemptRow::of).collect(),
        status: entry.status,
        outcome: short(&entry.outcome),
        usage: usage.as_deref(),
        usage_source: source_number(entry.usage_source),
        charged_tokens: entry.charged_tokens,
        cost: entry.cost.map(|cost| cost.0),
        price_source: entry.price_source.as_deref().map(short),
        service_class: entry.service_class.as_deref().map(short),
        time_to_first_token_ms: entry.time_to_first_token_ms,
        duration_ms: entry.duration_ms,
        finish_reason: entry.finish_reason.as_deref().map(short),
        bytes_in: entry.bytes_in,
        bytes_out: entry.bytes_out,
        cache_break: entry.cache_break.as_deref().map(short),
        charge: charge.cloned(),
    };
    let mut bytes = Vec::with_capacity(256);
    bytes.push(VERSION);
    bytes.extend(entry.started_at_ms.to_le_bytes());
    postcard::to_extend(&row, bytes).expect("a vector takes any row")
}

/// When the entry of a row began, without reading the rest.
pub(in crate::ledger) fn started_at_ms(row: &[u8]) -> Option<u64> {
    match row.split_first_chunk::<HEAD>()?.0 {
        [VERSION, ms @ ..] => Some(u64::from_le_bytes(*ms)),
        _ => None,
    }
}

/// Reads a row; `None` when it is none, or one of a later release.
pub(in crate::ledger) fn decode_entry(id: u64, row: &[u8]) -> Option<StoredEntry> {
    let started_at_ms = started_at_ms(row)?;
    let row: Row<'_> = postcard::from_bytes(row.get(HEAD..)?).ok()?;
    let own = |text: Option<&str>| text.map(Box::from);
    let usage = match row.usage {
        Some(usage) => Some(numbers::usage_of(&numbers::read::<{ size_of::<UsageNumbers>() / 8 }>(usage)?)),
        None => None,
    };
    let entry = Entry {
        id,
        request_id: row.request_id.into(),
        upstream_request_id: own(row.upstream_request_id),
        started_at_ms,
        key_id: row.key_id.into(),
        end_user: own(row.end_user),
        app: App { referer: own(row.referer), title: own(row.title), user_agent: own(row.user_agent) },
        operation: row.operation.into(),
        shape: row.shape.into(),
        upstream_shape: own(row.upstream_shape),
        stream: row.stream,
        route: own(row.route),
        provider: own(row.provider),
        model_asked: own(row.model_asked),
        model: own(row.model),
        attempts: row.attempts.into_iter().map(AttemptRow::read).collect(),
        status: row.status,
        outcome: row.outcome.into(),
        usage,
        usage_source: source_of(row.usage_source)?,
        charged_tokens: row.charged_tokens,
        cost: row.cost.map(PicoDollars),
        price_source: own(row.price_source),
        service_class: own(row.service_class),
        time_to_first_token_ms: row.time_to_first_token_ms,
        duration_ms: row.duration_ms,
        finish_reason: own(row.finish_reason),
        bytes_in: row.bytes_in,
        bytes_out: row.bytes_out,
        cache_break: own(row.cache_break),
    };
    Some(StoredEntry { entry, charge: row.charge })
}

impl<'a> AttemptRow<'a> {
    fn of(attempt: &'a AttemptEntry) -> AttemptRow<'a> {
        AttemptRow {
            provider: short(&attempt.provider),
            model: short(&attempt.model),
            outcome: short(&attempt.outcome),
            status: attempt.status,
        }
    }

    fn read(self) -> AttemptEntry {
        AttemptEntry {
            provider: self.provider.into(),
            model: self.model.into(),
            outcome: self.outcome.into(),
            status: self.status,
        }
    }
}

const fn source_number(source: UsageSource) -> u8 {
    match source {
        UsageSource::None => 0,
        UsageSource::Provider => 1,
        UsageSource::Estimated => 2,
        UsageSource::Reserved => 3,
    }
}

const fn source_of(number: u8) -> Option<UsageSource> {
    Some(match number {
        0 => UsageSource::None,
        1 => UsageSource::Provider,
        2 => UsageSource::Estimated,
        3 => UsageSource::Reserved,
        _ => return None,
    })
}
