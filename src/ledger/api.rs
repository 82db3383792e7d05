//! The face of the ledger: what the proxy and the admin API call.

use std::path::Path;
use std::time::SystemTime;

use super::{
    Amount, BackupReport, CheckReport, CompactReport, Demand, Entry, EntryFilter, EntryPage, Ledger, Payer, QuotaRow,
    Refusal, Standing, UsageQuery, UsageReport,
};
use crate::keys::KeyId;
use crate::store::StoreError;

impl Ledger {
    /// Whether the payer has any room at all: asked before a body is read, sets nothing aside.
    ///
    /// # Errors
    ///
    /// A limit has nothing left.
    pub fn precheck(&self, _payer: &Payer, _now: SystemTime) -> Result<(), Refusal> {
        todo!()
    }

    /// Sets aside what a request may spend, over all limits that apply at once, and queues that for the disk. Does not wait.
    ///
    /// # Errors
    ///
    /// A limit does not allow it, or the ledger cannot take it.
    pub fn reserve(&self, _demand: Demand<'_>, _now: SystemTime) -> Result<Reservation, Refusal> {
        todo!()
    }

    /// Output tokens to reckon with for this key and model: the recent 95th percentile, 4,096 until known.
    #[must_use]
    pub fn expected_output(&self, _key: &KeyId, _model: &str) -> u64 {
        todo!()
    }

    /// What is left of the payer's limits.
    #[must_use]
    pub fn standing(&self, _payer: &Payer, _now: SystemTime) -> Standing {
        todo!()
    }

    /// Writes the entry of an exchange that never came to a reservation. Never waits, never fails; when there is no room
    /// for it, it is lost and counted as such.
    pub fn note(&self, _entry: Entry) {
        todo!()
    }

    /// Live counters: of the gateway, of each key and end user that has any. `limits` gives those that hold for a key.
    #[must_use]
    pub fn quotas(&self, _limits: &dyn Fn(&KeyId) -> Option<Payer>, _now: SystemTime) -> Vec<QuotaRow> {
        todo!()
    }

    /// Sums over exchanges. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub fn usage(&self, _query: &UsageQuery) -> Result<UsageReport, StoreError> {
        todo!()
    }

    /// A page of entries. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub fn entries(&self, _filter: &EntryFilter) -> Result<EntryPage, StoreError> {
        todo!()
    }

    /// One entry, by its number or by the id of its request. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub fn entry(&self, _id: &str) -> Result<Option<Entry>, StoreError> {
        todo!()
    }

    /// Reads everything and compares it with itself. Blocks for seconds.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub fn check(&self) -> Result<CheckReport, StoreError> {
        todo!()
    }

    /// Makes the file as small as it can be. Blocks for seconds, and holds up writes for as long.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub fn compact(&self) -> Result<CompactReport, StoreError> {
        todo!()
    }

    /// Writes a consistent copy of the database to a new file, while everything goes on. Blocks for seconds.
    ///
    /// # Errors
    ///
    /// The store failed, or the file cannot be made (it must not exist).
    pub fn backup(&self, _to: &Path) -> Result<BackupReport, StoreError> {
        todo!()
    }
}

/// What was set aside for one request. Dropped without being settled, all of it is given back and no entry is written.
#[derive(Debug)]
pub struct Reservation {}

impl Reservation {
    /// The bound that the output must be given, because no more is left; `None`: what was asked for fits.
    #[must_use]
    pub fn output_cap(&self) -> Option<u64> {
        todo!()
    }

    /// What was left of the payer's limits just after this was set aside.
    #[must_use]
    pub fn standing(&self) -> &Standing {
        todo!()
    }

    /// Waits until the reservation is on disk; at once with `durability: relaxed`, and from the second call on. Safe to drop
    /// and call again.
    ///
    /// # Errors
    ///
    /// The store failed and the ledger is not to be done without: nothing may be sent to the client.
    pub async fn durable(&mut self) -> Result<(), StoreError> {
        todo!()
    }

    /// Makes sure that at least this much is set aside in all, so that a crash charges no less than what the client is about to
    /// have. Never refuses. `true`: [`Reservation::durable`] has to be waited for again.
    pub fn cover(&mut self, _spent: Amount) -> bool {
        todo!()
    }

    /// Replaces what was set aside by what was spent (zero: a full refund), and writes the entry. `output_tokens` teaches
    /// [`Ledger::expected_output`] when the provider told it. Never waits, never fails; for use in `Drop`.
    pub fn settle(self, _spent: Amount, _entry: Entry) {
        todo!()
    }
}
