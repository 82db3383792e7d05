//! Running totals of the whole ledger, kept in the same commits as what they count.

use redb::{ReadableTable, WriteTransaction};

use super::TOTALS;

/// The totals. A row that is missing is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::ledger) struct Totals {
    /// The highest number that was ever given to a reservation or an entry.
    pub(in crate::ledger) last_id: u64,
    /// Entries in the file.
    pub(in crate::ledger) entries: u64,
    /// What they take, by [`Totals::bytes_of`].
    pub(in crate::ledger) bytes: u64,
    /// Entries of days below this may be gone.
    pub(in crate::ledger) pruned_through: u64,
    /// Sums of days below this may be gone.
    pub(in crate::ledger) sums_pruned_through: u64,
    /// Counters of days below this may have been carried over from a release without entries.
    pub(in crate::ledger) carried_through: u64,
    /// One more than the last day that was believed when rows were deleted.
    pub(in crate::ledger) believed_day: u64,
    /// The mark of the last tally that was written.
    pub(in crate::ledger) tally_mark: u64,
}

/// What an entry takes besides its row: its key, its place in the index, and what is free in pages.
const ENTRY_OVERHEAD: u64 = 64;

impl Totals {
    /// What an entry with that row takes.
    pub(in crate::ledger) const fn bytes_of(row: &[u8]) -> u64 {
        row.len() as u64 + ENTRY_OVERHEAD
    }

    pub(in crate::ledger) fn read(table: &impl ReadableTable<&'static str, u64>) -> Result<Totals, redb::Error> {
        let get = |name: &str| Ok::<_, redb::Error>(table.get(name)?.map_or(0, |number| number.value()));
        Ok(Totals {
            last_id: get("last_id")?,
            entries: get("entries")?,
            bytes: get("bytes")?,
            pruned_through: get("pruned_through")?,
            sums_pruned_through: get("sums_pruned_through")?,
            carried_through: get("carried_through")?,
            believed_day: get("believed_day")?,
            tally_mark: get("tally_mark")?,
        })
    }

    /// Reads the totals, lets them be changed, and writes what has changed.
    pub(in crate::ledger) fn update<T>(
        transaction: &WriteTransaction,
        change: impl FnOnce(&mut Totals) -> Result<T, redb::Error>,
    ) -> Result<T, redb::Error> {
        let before = Totals::read(&transaction.open_table(TOTALS)?)?;
        let mut after = before;
        let outcome = change(&mut after)?;
        let mut table = transaction.open_table(TOTALS)?;
        for (name, old, new) in [
            ("last_id", before.last_id, after.last_id),
            ("entries", before.entries, after.entries),
            ("bytes", before.bytes, after.bytes),
            ("pruned_through", before.pruned_through, after.pruned_through),
            ("sums_pruned_through", before.sums_pruned_through, after.sums_pruned_through),
            ("carried_through", before.carried_through, after.carried_through),
            ("believed_day", before.believed_day, after.believed_day),
            ("tally_mark", before.tally_mark, after.tally_mark),
        ] {
            if old != new {
                table.insert(name, new)?;
            }
        }
        Ok(outcome)
    }
}
