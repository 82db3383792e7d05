//! Which numbers the entries of a day have: entries are in the order of reservation, which is not quite that of their beginning.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use redb::{ReadTransaction, ReadableTable, WriteTransaction};

use super::DAYS;

const DAY_MS: u64 = 86_400_000;

/// The UTC day of a time in milliseconds since 1970.
pub(in crate::ledger) fn day_of_ms(ms: u64) -> u32 {
    u32::try_from(ms / DAY_MS).unwrap_or(u32::MAX)
}

/// What a batch adds to the index.
#[derive(Debug, Default)]
pub(in crate::ledger) struct DayIndex(BTreeMap<u32, (u64, u64)>);

impl DayIndex {
    pub(in crate::ledger) fn add(&mut self, day: u32, id: u64) {
        let (first, last) = self.0.entry(day).or_insert((id, id));
        (*first, *last) = ((*first).min(id), (*last).max(id));
    }

    pub(in crate::ledger) fn write(&self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        let mut table = transaction.open_table(DAYS)?;
        for (&day, &(first, last)) in &self.0 {
            let old = table.get(day)?.map(|old| old.value());
            let new = old.map_or((first, last), |old| (first.min(old.0), last.max(old.1)));
            if old != Some(new) {
                table.insert(day, new)?;
            }
        }
        Ok(())
    }
}

/// The numbers between which all entries of these days are; `None` when there are none.
pub(in crate::ledger) fn ids_of_days(
    transaction: &ReadTransaction,
    days: RangeInclusive<u32>,
) -> Result<Option<RangeInclusive<u64>>, redb::Error> {
    let table = transaction.open_table(DAYS)?;
    let mut ids: Option<(u64, u64)> = None;
    if days.is_empty() {
        return Ok(None);
    }
    for row in ReadableTable::range(&table, days)? {
        let (first, last) = row?.1.value();
        ids = Some(ids.map_or((first, last), |ids| (ids.0.min(first), ids.1.max(last))));
    }
    Ok(ids.map(|(first, last)| first..=last))
}
