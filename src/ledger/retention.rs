//! Deletes what is too old or too much, a piece at a time, so that no request waits long for it.

use redb::{ReadableTable, Table, WriteTransaction};

use super::calendar::{Believed, Sight, believe};
use super::journal::request_hash;
use super::tables::{
    COUNTERS, DAYS, ENTRIES, REQUESTS, SUMS, Totals, USER_SUMS, day_of_ms, decode_entry, period_number, started_at_ms,
};
use super::window::{Day, Month, Period};
use crate::config::Retention;

/// Rows of each kind that one commit deletes at most.
const PIECE: usize = 1_000;

/// Counters are kept for the month that is under way and so many before it.
const MONTHS: u32 = 2;

/// What one call did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pruned {
    /// Entries that are gone.
    pub(super) entries: u64,
    /// Whether there may be more to delete.
    pub(super) more: bool,
}

/// Deletes a piece of everything that is too old by the clock, as far as that is believed.
pub(super) fn prune_by_clock(
    transaction: &WriteTransaction,
    retention: &Retention,
    sight: Sight,
) -> Result<(Pruned, Believed), redb::Error> {
    let believed = believe(transaction, sight)?;
    Ok((prune(transaction, retention, believed.day)?, believed))
}

/// Deletes a piece of everything that is too old on that day.
pub(super) fn prune(transaction: &WriteTransaction, retention: &Retention, today: Day) -> Result<Pruned, redb::Error> {
    let mut pruned = prune_entries(transaction, retention, today)?;
    let first_day = today.0.saturating_sub(retention.usage_days);
    let mut sums = transaction.open_table(SUMS)?;
    let mut gone = remove(sums.extract_from_if(..(first_day, "", "", "", ""), |_, _| true)?)?;
    let mut by_user = transaction.open_table(USER_SUMS)?;
    gone = gone.max(remove(by_user.extract_from_if(..(first_day, "", "", "", "", ""), |_, _| true)?)?);
    if gone > 0 {
        Totals::update(transaction, |totals| {
            totals.sums_pruned_through = totals.sums_pruned_through.max(u64::from(first_day));
            Ok(())
        })?;
    }
    pruned.more |= gone == PIECE;
    let mut counters = transaction.open_table(COUNTERS)?;
    let (day, month) = first_counters(today);
    for (from, to) in [(Period::Day(Day(0)), Period::Day(day)), (Period::Month(Month(0)), Period::Month(month))] {
        let (from, to) = ((period_number(from), "", ""), (period_number(to), "", ""));
        pruned.more |= remove(counters.extract_from_if(from..to, |_, _| true)?)? == PIECE;
    }
    Ok(pruned)
}

/// The first day and the first month whose counters are kept.
pub(super) fn first_counters(today: Day) -> (Day, Month) {
    let month = Month(today.month().0.saturating_sub(MONTHS));
    (Day::of(month.start()), month)
}

/// Takes rows out, at most a piece of them, and counts them.
fn remove<T>(rows: impl Iterator<Item = Result<T, redb::StorageError>>) -> Result<usize, redb::Error> {
    let mut count = 0;
    for row in rows.take(PIECE) {
        row?;
        count += 1;
    }
    Ok(count)
}

fn prune_entries(transaction: &WriteTransaction, retention: &Retention, today: Day) -> Result<Pruned, redb::Error> {
    Totals::update(transaction, |totals| {
        let mut shelf = Shelf {
            entries: transaction.open_table(ENTRIES)?,
            requests: transaction.open_table(REQUESTS)?,
            totals,
            removed: 0,
        };
        let more = shelf.prune_by_age(transaction, today.0.saturating_sub(retention.entry_days))?;
        let more = shelf.prune_by_size(retention.entry_bytes)? || more;
        Ok(Pruned { entries: shelf.removed, more })
    })
}

/// Entries and what hangs on them.
struct Shelf<'a, 'txn> {
    entries: Table<'txn, u64, &'static [u8]>,
    requests: Table<'txn, (u64, u64), ()>,
    totals: &'a mut Totals,
    removed: u64,
}

impl Shelf<'_, '_> {
    /// Removes entries that began before that day, and tells whether more of them may be there.
    fn prune_by_age(&mut self, transaction: &WriteTransaction, first_day: u32) -> Result<bool, redb::Error> {
        let mut days = transaction.open_table(DAYS)?;
        let mut looked_at = 0;
        while looked_at < PIECE {
            let Some((day, (first, last))) =
                days.range(..first_day)?.next().transpose()?.map(|(day, ids)| (day.value(), ids.value()))
            else {
                return Ok(false);
            };
            let left = PIECE - looked_at;
            let mut found = Vec::new();
            let mut seen = None;
            for row in self.entries.range(first..=last)?.take(left) {
                let (id, row) = row?;
                looked_at += 1;
                seen = Some(id.value());
                if started_at_ms(row.value()).is_none_or(|ms| day_of_ms(ms) == day) {
                    found.push(id.value());
                }
            }
            for id in found {
                self.remove(id)?;
            }
            match seen {
                Some(seen) if seen < last && looked_at >= PIECE => days.insert(day, (seen + 1, last))?,
                _ => days.remove(day)?,
            };
        }
        Ok(true)
    }

    /// Removes the oldest entries until the others fit, and tells whether more are to go.
    fn prune_by_size(&mut self, most: u64) -> Result<bool, redb::Error> {
        for _ in 0..PIECE {
            if self.totals.bytes <= most {
                return Ok(false);
            }
            let Some(id) = self.entries.first()?.map(|(id, _)| id.value()) else { return Ok(false) };
            self.remove(id)?;
        }
        Ok(self.totals.bytes > most)
    }

    fn remove(&mut self, id: u64) -> Result<(), redb::Error> {
        let Some(row) = self.entries.remove(id)? else { return Ok(()) };
        let row = row.value();
        self.removed += 1;
        self.totals.entries = self.totals.entries.saturating_sub(1);
        self.totals.bytes = self.totals.bytes.saturating_sub(Totals::bytes_of(row));
        if let Some(ms) = started_at_ms(row) {
            self.totals.pruned_through = self.totals.pruned_through.max(u64::from(day_of_ms(ms)) + 1);
        }
        if let Some(stored) = decode_entry(id, row) {
            self.requests.remove((request_hash(&stored.entry.request_id), id))?;
        }
        Ok(())
    }
}
