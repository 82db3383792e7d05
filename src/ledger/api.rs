//! The face of the ledger: what the proxy and the admin API call.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use super::books::OTHER;
use super::journal::{Done, Message};
use super::tables::day_of_ms;
use super::window::Day;
use super::{
    BackupReport, CheckReport, CompactReport, Demand, Entry, EntryFilter, EntryPage, JournalFigures, Ledger, Payer,
    QuotaRow, Refusal, Reservation, Standing, UsageQuery, UsageReport, reading, upkeep,
};
use crate::config::OnLedgerError;
use crate::keys::KeyId;
use crate::store::StoreError;

impl Ledger {
    /// Whether the payer has any room at all: asked before a body is read, sets nothing aside. Not for requests that cost nothing.
    ///
    /// # Errors
    ///
    /// A limit has nothing left, or the ledger cannot be written and is not to be done without.
    pub fn precheck(&self, payer: &Payer, now: SystemTime) -> Result<(), Refusal> {
        self.writable()?;
        self.core.books.precheck(payer, now).map_err(Refusal::Limit)
    }

    /// Sets aside what a request may spend, over all limits that apply at once, and queues that for the disk. Does not wait.
    ///
    /// # Errors
    ///
    /// A limit does not allow it, or the ledger cannot take it.
    pub fn reserve(&self, demand: Demand<'_>, now: SystemTime) -> Result<Reservation, Refusal> {
        self.writable()?;
        Reservation::make(&self.core, demand, now)
    }

    /// Output tokens to reckon with for this key and model: the recent 95th percentile, 4,096 until known.
    #[must_use]
    pub fn expected_output(&self, key: &KeyId, model: &str) -> u64 {
        self.core.books.expected_output(key, model)
    }

    /// What is left of the payer's limits.
    #[must_use]
    pub fn standing(&self, payer: &Payer, now: SystemTime) -> Standing {
        self.core.books.standing(payer, now)
    }

    /// Writes the entry of an exchange that never came to a reservation. Never waits, never fails. A key that is refused more often
    /// than 60 times a minute has the others in its sums alone; so are those for which there is no room, and counted as lost.
    pub fn note(&self, mut entry: Entry) {
        if let (Some(key), Some(end_user)) = (KeyId::parse(&entry.key_id), &mut entry.end_user)
            && !self.core.books.tells_apart(&key, end_user, Day(day_of_ms(entry.started_at_ms)))
        {
            *end_user = OTHER.into();
        }
        entry.id = 0;
        self.core.queue.note(Done::noted(entry));
    }

    /// Live counters: of the gateway, of each key and end user that has any. `limits` gives those that hold for a key.
    #[must_use]
    pub fn quotas(&self, limits: &dyn Fn(&KeyId) -> Option<Payer>, now: SystemTime) -> Vec<QuotaRow> {
        self.core.books.quotas(limits, now)
    }

    /// Sums over exchanges; what was settled before the call is in them. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub fn usage(&self, query: &UsageQuery) -> Result<UsageReport, StoreError> {
        self.catch_up();
        self.core.store.read(|transaction| reading::usage(transaction, query))
    }

    /// A page of entries; what was settled before the call is in it. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub fn entries(&self, filter: &EntryFilter) -> Result<EntryPage, StoreError> {
        self.catch_up();
        self.core.store.read(|transaction| reading::entries(transaction, filter))
    }

    /// One entry, by its number or by the id of its request. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub fn entry(&self, id: &str) -> Result<Option<Entry>, StoreError> {
        self.catch_up();
        self.core.store.read(|transaction| reading::entry(transaction, id))
    }

    /// Reads everything and compares it with itself. Blocks for seconds, and holds up writes for some of them.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub fn check(&self) -> Result<CheckReport, StoreError> {
        self.catch_up();
        upkeep::check(&self.core.store)
    }

    /// Makes the file as small as it can be. Blocks for seconds, and holds up writes for as long.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub fn compact(&self) -> Result<CompactReport, StoreError> {
        self.catch_up();
        upkeep::compact(&self.core.store)
    }

    /// Writes a consistent copy of the database to a new file, while everything goes on. Blocks for seconds.
    ///
    /// # Errors
    ///
    /// The store failed, or the file cannot be made (it must not exist).
    pub fn backup(&self, to: &Path) -> Result<BackupReport, StoreError> {
        self.catch_up();
        upkeep::backup(&self.core.store, to)
    }

    /// What the journal counted since the start.
    #[must_use]
    pub fn figures(&self) -> JournalFigures {
        let queue = &self.core.queue;
        let read = |number: &std::sync::atomic::AtomicU64| number.load(Ordering::Relaxed);
        JournalFigures {
            open: self.core.books.open(),
            places_taken: queue.places(),
            commits: read(&queue.figures.commits),
            failures: read(&queue.figures.failures),
            written: read(&queue.figures.written),
            lost: read(&queue.figures.lost),
            pruned: read(&queue.figures.pruned),
            recovered: self.core.recovered,
        }
    }

    /// Whether what is settled reaches the disk. Never blocks.
    ///
    /// # Errors
    ///
    /// The fault of the store or of the last commit, until one succeeds; [`StoreError::Closed`] when nothing is written any more.
    pub fn health(&self) -> Result<(), StoreError> {
        self.core.store.health()?;
        match self.core.queue.fault.load().as_deref() {
            Some(fault) => Err(fault.clone()),
            None if self.core.queue.is_closed() => Err(StoreError::Closed),
            None => Ok(()),
        }
    }

    /// Writes what waits for the next commit. When that fails, what is on disk is still worth reading.
    fn catch_up(&self) {
        let _ = self.ask(Message::CatchUp);
    }

    /// Whether requests may be let in, as far as the disk is concerned.
    fn writable(&self) -> Result<(), Refusal> {
        let core = &self.core;
        if core.settings.load().on_error == OnLedgerError::Serve {
            return Ok(());
        }
        self.health().map_err(Refusal::Storage)
    }
}
