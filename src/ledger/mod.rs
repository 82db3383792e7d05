//! The ledger: what may be spent, what is set aside and what was spent, in memory and on disk.
//!
//! [`Ledger::reserve`] sets aside what a request may spend, in the books (memory, one check over all limits) and in the journal
//! (disk, group commit). [`Reservation::settle`] replaces that by what was spent and writes one entry. What is on disk of a
//! request is its reservation or its entry, never both, never neither once the client was answered: a process that dies leaves
//! reservations, and those are charged when the ledger is opened again.

mod api;
mod books;
mod calendar;
mod demand;
mod entry;
mod figures;
mod journal;
mod query;
mod reading;
mod recovery;
mod refusal;
mod reservation;
mod retention;
mod tables;
mod upkeep;
mod window;

#[cfg(test)]
pub(crate) mod tests;

pub use demand::{Amount, Demand, EndUser, Facts, Payer};
pub use entry::{App, AttemptEntry, Entry, UsageSource};
pub use figures::JournalFigures;
pub use query::{
    BackupReport, CheckReport, CompactReport, EntryFilter, EntryPage, GroupBy, QuotaRow, Sums, UsageQuery, UsageReport,
    UsageRow,
};
pub use refusal::{Hit, LimitName, Refusal, Room, Scope, Standing};
pub use reservation::Reservation;

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::SystemTime;

use arc_swap::ArcSwap;

use crate::config::LedgerSettings;
use crate::observe::metrics::CommitMetrics;
use crate::store::{Store, StoreError};
use books::Books;
use journal::{Message, Queue};
use tables::{TOTALS, Totals};

/// The ledger of one data folder.
#[derive(Debug)]
pub struct Ledger {
    core: Arc<Core>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the ledger and its reservations share.
#[derive(Debug)]
struct Core {
    store: Arc<Store>,
    books: Books,
    queue: Arc<Queue>,
    settings: Arc<ArcSwap<LedgerSettings>>,
    recovered: u64,
}

impl Ledger {
    /// Charges what a dead process had set aside, loads the counters of this day and month, and starts the thread that writes.
    /// Blocks on the disk.
    ///
    /// # Errors
    ///
    /// The store failed, holds a row that cannot be read, or the thread could not be started.
    pub fn open(store: Arc<Store>, settings: LedgerSettings) -> Result<Ledger, StoreError> {
        Ledger::open_measured(store, settings, CommitMetrics::default())
    }

    /// [`Ledger::open`] for a ledger whose commits are measured.
    ///
    /// # Errors
    ///
    /// As [`Ledger::open`].
    pub fn open_measured(
        store: Arc<Store>,
        settings: LedgerSettings,
        metrics: CommitMetrics,
    ) -> Result<Ledger, StoreError> {
        let recovered = store.write_blocking(|transaction| {
            tables::create(transaction)?;
            recovery::charge_the_dead(transaction)
        })?;
        if recovered > 0 {
            log::warn!(requests = recovered; "the last process died: what it had set aside for requests under way was charged");
        }
        let books = Books::new();
        let last_id = store.read(|transaction| {
            recovery::restore(transaction, &books, SystemTime::now())?;
            Ok(Totals::read(&transaction.open_table(TOTALS)?)?.last_id)
        })?;
        let queue = Arc::new(Queue::new(last_id));
        let settings = Arc::new(ArcSwap::from_pointee(settings));
        let thread = journal::spawn(Arc::clone(&store), Arc::clone(&queue), Arc::clone(&settings), metrics)?;
        let core = Arc::new(Core { store, books, queue, settings, recovered });
        Ok(Ledger { core, thread: Mutex::new(Some(thread)) })
    }

    /// Works by these settings from now on.
    pub fn set_settings(&self, settings: LedgerSettings) {
        if **self.core.settings.load() == settings {
            return;
        }
        self.core.settings.store(Arc::new(settings));
        // Retention may have changed. A thread that has ended deletes nothing.
        let _ = self.core.queue.send(Message::Prune);
    }

    /// Writes what waits for the next commit, and waits for the disk. Blocks.
    ///
    /// # Errors
    ///
    /// The store failed; what could not be written is kept and tried again.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.ask(Message::Flush)
    }

    /// Writes everything and stops the thread. To be called when no request runs any more and before [`Store::shutdown`]; what is
    /// settled later is lost. A second call does nothing. Blocks. Dropping the ledger does the same and only logs the error.
    ///
    /// # Errors
    ///
    /// The store failed: requests that were settled since are charged as reserved at the next start.
    pub fn shutdown(&self) -> Result<(), StoreError> {
        // Held to the end: a second caller, who would close the store next, waits for the first one.
        let mut held = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(thread) = held.take() else { return Ok(()) };
        let outcome = self.ask(Message::Stop);
        // A panic of it was reported when it happened.
        let _ = thread.join();
        outcome
    }

    fn ask(&self, message: impl FnOnce(mpsc::Sender<Result<(), StoreError>>) -> Message) -> Result<(), StoreError> {
        let (reply, answer) = mpsc::channel();
        self.core.queue.send(message(reply)).map_err(|_| StoreError::Closed)?;
        answer.recv().unwrap_or(Err(StoreError::Panicked))
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        if let Err(error) = self.shutdown() {
            log::error!(error:% = error; "the last exchanges were not written to the ledger");
        }
    }
}
