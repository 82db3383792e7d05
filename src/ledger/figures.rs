//! Figures of the journal, for metrics.

/// What the journal counted since the start, and what it holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalFigures {
    /// Reservations of requests under way.
    pub open: usize,
    /// Requests under way, and over but not written yet.
    pub places_taken: usize,
    /// Commits that wrote anything.
    pub commits: u64,
    /// Commits that failed.
    pub failures: u64,
    /// Reservations, settlements and notes in all commits; divided by `commits`: the size of a batch.
    pub written: u64,
    /// Entries that were lost: there was no place for them (they are in the sums all the same), or they could not be written even
    /// alone.
    pub lost: u64,
    /// Entries deleted by age or size.
    pub pruned: u64,
    /// Requests of a dead process that were charged as reserved at the start.
    pub recovered: u64,
}
