//! The tables of the ledger, and the forms of their rows. Formats are part of the schema's version.

mod counters;
mod day_index;
mod entry;
mod numbers;
mod reservation;
mod sums;
mod totals;

use redb::{TableDefinition, WriteTransaction};

pub(super) use counters::{
    CounterDeltas, last_period_before, number as period_number, period as period_of, read_counters, read_later_counters,
};
pub(super) use day_index::{DayIndex, day_of_ms, ids_of_days};
pub(super) use entry::{Charge, decode_entry, encode_entry, started_at_ms};
pub(super) use reservation::{ReservationRow, decode_reservation, encode_reservation};
pub(super) use sums::{SumDeltas, decode_sums, is_error, sums_of};
pub(super) use totals::Totals;

/// Numbers of requests -> [`ReservationRow`]: what is set aside for requests under way.
pub(super) const RESERVATIONS: TableDefinition<'static, u64, &'static [u8]> =
    TableDefinition::new("ledger_reservations");

/// Numbers of entries -> [`StoredEntry`].
pub(super) const ENTRIES: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("ledger_entries");

/// Hash of a request's id and number of its entry.
pub(super) const REQUESTS: TableDefinition<'static, (u64, u64), ()> = TableDefinition::new("ledger_requests");

/// Day -> the lowest and the highest number of the entries that began on it.
pub(super) const DAYS: TableDefinition<'static, u32, (u64, u64)> = TableDefinition::new("ledger_days");

/// Period, key (empty: the gateway), end user (empty: none) -> tokens, pico-dollars, requests.
pub(super) const COUNTERS: TableDefinition<'static, (u32, &'static str, &'static str), (u64, u64, u64)> =
    TableDefinition::new("ledger_counters");

/// Day, key, route, provider, model.
pub(super) type SumKey<'a> = (u32, &'a str, &'a str, &'a str, &'a str);

/// Day, key, end user, route, provider, model.
pub(super) type UserSumKey<'a> = (u32, &'a str, &'a str, &'a str, &'a str, &'a str);

/// Sums over all exchanges, as numbers.
pub(super) const SUMS: TableDefinition<'static, SumKey<'static>, &'static [u8]> = TableDefinition::new("ledger_sums");

/// The same sums, split by end user: much longer where clients name many.
pub(super) const USER_SUMS: TableDefinition<'static, UserSumKey<'static>, &'static [u8]> =
    TableDefinition::new("ledger_user_sums");

/// Names -> numbers: see [`Totals`].
pub(super) const TOTALS: TableDefinition<'static, &'static str, u64> = TableDefinition::new("ledger_totals");

/// Makes the tables that are missing, so that readers find them all.
pub(super) fn create(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.open_table(RESERVATIONS)?;
    transaction.open_table(ENTRIES)?;
    transaction.open_table(REQUESTS)?;
    transaction.open_table(DAYS)?;
    transaction.open_table(COUNTERS)?;
    transaction.open_table(SUMS)?;
    transaction.open_table(USER_SUMS)?;
    transaction.open_table(TOTALS)?;
    Ok(())
}

/// The most bytes of a text in a row: longer ones are cut, so that one request cannot bloat the file.
const TEXT_BYTES: usize = 512;

/// The beginning of a text that is not longer than that.
pub(super) fn short(text: &str) -> &str {
    if text.len() <= TEXT_BYTES {
        return text;
    }
    let end = (0..=TEXT_BYTES).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

/// What is wrong with a row.
pub(super) fn broken(table: &str, row: &dyn std::fmt::Display) -> redb::Error {
    redb::Error::Corrupted(format!("row {row} of table {table} cannot be read"))
}
