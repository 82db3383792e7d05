//! Entries, page by page or one by one.

use std::ops::RangeInclusive;

use redb::{ReadTransaction, ReadableTable};

use super::super::journal::request_hash;
use super::super::tables::{
    ENTRIES, REQUESTS, broken, day_of_ms, decode_entry, ids_of_days, is_error, short, started_at_ms,
};
use super::super::{Entry, EntryFilter, EntryPage};

/// Entries in a page, at most.
const PAGE: usize = 1_000;

/// Entries that are read for a page, at most: with a filter that fits few, a page ends early and tells where to go on.
const READ: usize = 500_000;

/// A page of entries: newest first, or oldest first with `after`.
pub(in crate::ledger) fn entries(
    transaction: &ReadTransaction,
    filter: &EntryFilter,
) -> Result<EntryPage, redb::Error> {
    let Some(ids) = ids(transaction, filter)? else { return Ok(EntryPage::default()) };
    let table = transaction.open_table(ENTRIES)?;
    let rows = ReadableTable::range(&table, ids)?;
    if filter.after.is_some() { page(rows, filter) } else { page(rows.rev(), filter) }
}

/// The entry with that number, or the last one whose request has that id.
pub(in crate::ledger) fn entry(transaction: &ReadTransaction, id: &str) -> Result<Option<Entry>, redb::Error> {
    let table = transaction.open_table(ENTRIES)?;
    let read = |id: u64| -> Result<Option<Entry>, redb::Error> {
        let Some(row) = table.get(id)? else { return Ok(None) };
        Ok(Some(decode_entry(id, row.value()).ok_or_else(|| broken("ledger_entries", &id))?.entry))
    };
    if let Ok(number) = id.parse() {
        return read(number);
    }
    let hash = request_hash(id);
    let index = transaction.open_table(REQUESTS)?;
    for row in ReadableTable::range(&index, (hash, 0)..=(hash, u64::MAX))?.rev() {
        let (_, number) = row?.0.value();
        if let Some(entry) = read(number)?.filter(|entry| *entry.request_id == *short(id)) {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

/// The numbers between which everything is that a filter lets through.
fn ids(transaction: &ReadTransaction, filter: &EntryFilter) -> Result<Option<RangeInclusive<u64>>, redb::Error> {
    let (mut first, mut last) = (0, u64::MAX);
    if filter.since_ms.is_some() || filter.until_ms.is_some() {
        let days = filter.since_ms.map_or(0, day_of_ms)..=filter.until_ms.map_or(u32::MAX, day_of_ms);
        let Some(ids) = ids_of_days(transaction, days)? else { return Ok(None) };
        (first, last) = ids.into_inner();
    }
    if let Some(after) = filter.after {
        let Some(next) = after.checked_add(1) else { return Ok(None) };
        first = first.max(next);
    }
    if let Some(before) = filter.before {
        let Some(previous) = before.checked_sub(1) else { return Ok(None) };
        last = last.min(previous);
    }
    Ok((first <= last).then_some(first..=last))
}

type Row<'a> = (redb::AccessGuard<'a, u64>, redb::AccessGuard<'a, &'static [u8]>);

fn page<'a>(
    rows: impl Iterator<Item = Result<Row<'a>, redb::StorageError>>,
    filter: &EntryFilter,
) -> Result<EntryPage, redb::Error> {
    let limit = filter.limit.clamp(1, PAGE);
    let mut page = EntryPage::default();
    let mut last = None;
    for (count, row) in rows.enumerate() {
        if page.entries.len() == limit || count == READ {
            // There is at least this row.
            page.next = last;
            break;
        }
        let (id, row) = row?;
        let id = id.value();
        last = Some(id);
        if let Some(entry) = filter.pass(id, row.value())? {
            page.entries.push(entry);
        }
    }
    Ok(page)
}

impl EntryFilter {
    /// The entry of a row, if the filter lets it through.
    fn pass(&self, id: u64, row: &[u8]) -> Result<Option<Entry>, redb::Error> {
        let unreadable = || broken("ledger_entries", &id);
        let started = started_at_ms(row).ok_or_else(unreadable)?;
        if self.since_ms.is_some_and(|since| started < since) || self.until_ms.is_some_and(|until| started >= until) {
            return Ok(None);
        }
        let entry = decode_entry(id, row).ok_or_else(unreadable)?.entry;
        let fits = |wanted: &Option<String>, is: &Option<Box<str>>| {
            wanted.as_deref().is_none_or(|wanted| wanted == is.as_deref().unwrap_or_default())
        };
        let passes = self.key.as_deref().is_none_or(|key| *key == *entry.key_id)
            && fits(&self.model, &entry.model)
            && fits(&self.provider, &entry.provider)
            && fits(&self.route, &entry.route)
            && fits(&self.end_user, &entry.end_user)
            && self.outcome.as_deref().is_none_or(|wanted| match wanted {
                "error" => is_error(&entry.outcome),
                wanted => *wanted == *entry.outcome,
            });
        Ok(passes.then_some(entry))
    }
}
