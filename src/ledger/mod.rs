//! The account of what keys have spent: daily token counters in memory, kept on disk, and the quotas they are held to.
//!
//! A request is admitted while its key has tokens left, and charged when it is over. So a quota is overshot by what is in
//! flight when it is reached: at most the tokens of the requests that run at that moment. A crash forgets at most the last
//! second of charges; an orderly shutdown forgets none.

mod account;
mod api;
mod books;
mod day;
mod demand;
mod disk;
mod entry;
mod query;
mod quota;
mod refusal;
mod window;

#[cfg(test)]
mod tests;

pub use api::Reservation;
pub use demand::{Amount, Demand, EndUser, Facts, Payer};
pub use entry::{App, AttemptEntry, Entry, UsageSource};
pub use query::{
    BackupReport, CheckReport, CompactReport, EntryFilter, EntryPage, GroupBy, QuotaRow, Sums, UsageQuery, UsageReport,
    UsageRow,
};
pub use quota::QuotaSpent;
pub use refusal::{Hit, LimitName, Refusal, Room, Scope, Standing};

use std::collections::HashMap;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use arc_swap::ArcSwap;

use crate::config::{Cap, Quota};
use crate::keys::{Key, KeyId};
use crate::store::{Store, StoreError};
use account::Account;
use day::Day;

/// The row of the counter of all keys together. No key id looks like it.
const GATEWAY: &str = "gateway";

/// All counters, and the thread that writes them to the store every second.
#[derive(Debug)]
pub struct Ledger {
    books: Arc<Books>,
    thread: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

/// What the ledger and its thread share.
#[derive(Debug)]
struct Books {
    store: Arc<Store>,
    gateway: Arc<Account>,
    /// Copied when a key is seen for the first time; read without a lock by every request.
    by_key: ArcSwap<HashMap<KeyId, Arc<Account>>>,
    flushing: Mutex<()>,
}

impl Ledger {
    /// Loads the counters and starts the thread that writes them. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// The store failed, or the thread could not be started.
    pub fn open(store: Arc<Store>) -> Result<Ledger, StoreError> {
        store.write_blocking(disk::create_table)?;
        let mut gateway = Account::fresh(GATEWAY.into());
        let mut by_key = HashMap::new();
        for account in store.read(disk::load)? {
            if &**account.owner() == GATEWAY {
                gateway = account;
            } else if let Some(key) = KeyId::parse(account.owner()) {
                by_key.insert(key, Arc::new(account));
            }
        }
        let books = Arc::new(Books {
            store,
            gateway: Arc::new(gateway),
            by_key: ArcSwap::from_pointee(by_key),
            flushing: Mutex::new(()),
        });
        let (stop, stopped) = mpsc::channel();
        let thread = {
            let books = Arc::clone(&books);
            thread::Builder::new().name("ledger".into()).spawn(move || disk::run(&books, &stopped))
        };
        let thread = thread.map_err(|source| StoreError::Thread { source: Arc::new(source) })?;
        Ok(Ledger { books, thread: Mutex::new(Some((stop, thread))) })
    }

    /// Lets a request of that key begin, and answers what it is to be charged to. Reads memory only.
    ///
    /// The key's own limit, or else with `per_user` the configured one, holds for the key; without `per_user` the
    /// configured one holds for all keys together, also for those that have their own.
    ///
    /// # Errors
    ///
    /// A limit that applies is spent.
    pub fn admit(&self, key: &Key, quota: &Quota, now: SystemTime) -> Result<Tab, QuotaSpent> {
        let tab = Tab { key: self.books.account(&key.id), gateway: Arc::clone(&self.books.gateway) };
        let (own, configured) = (key.settings.limits.daily_tokens, quota.limits.daily_tokens);
        let (for_key, for_all) = if quota.per_user { (own.or(configured), None) } else { (own, configured) };
        let (for_key, for_all) = (for_key.and_then(Cap::limit), for_all.and_then(Cap::limit));
        let today = Day::of(now);
        for (scope, account, limit) in [(Scope::Key, &tab.key, for_key), (Scope::Gateway, &tab.gateway, for_all)] {
            let Some(limit) = limit else { continue };
            let used = account.spent(today);
            if used >= limit {
                return Err(QuotaSpent::new(scope, limit, used, now));
            }
        }
        Ok(tab)
    }

    /// What that key has spent today.
    #[must_use]
    pub fn spent(&self, key: &KeyId, now: SystemTime) -> u64 {
        self.books.by_key.load().get(key).map_or(0, |account| account.spent(Day::of(now)))
    }

    /// What all keys together have spent today.
    #[must_use]
    pub fn spent_by_all(&self, now: SystemTime) -> u64 {
        self.books.gateway.spent(Day::of(now))
    }

    /// Writes what has changed, and waits for the disk. The thread does this every second. Blocks.
    ///
    /// # Errors
    ///
    /// The store failed; the counters are kept and written next time.
    pub fn flush(&self) -> Result<(), StoreError> {
        disk::flush(&self.books)
    }

    /// Stops the thread and writes what has changed. To be called when no request runs any more and before
    /// [`Store::shutdown`]; what is charged later is lost. A second call only writes. Blocks. Dropping the ledger does
    /// the same and only logs the error.
    ///
    /// # Errors
    ///
    /// The store failed: the last second of charges is lost.
    pub fn shutdown(&self) -> Result<(), StoreError> {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((stop, thread)) = thread {
            drop(stop);
            // A panic of it was reported when it happened; what it did not write is written now.
            let _ = thread.join();
        }
        self.flush()
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        if self.thread.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            // It was shut down, and the store may be closed by now.
            return;
        }
        if let Err(error) = self.shutdown() {
            log::error!(error:% = error; "the last token counters were not written");
        }
    }
}

impl Books {
    /// The account of that key; opened when it is the first time.
    fn account(&self, key: &KeyId) -> Arc<Account> {
        if let Some(account) = self.by_key.load().get(key) {
            return Arc::clone(account);
        }
        let opened = Arc::new(Account::fresh(key.as_str().into()));
        self.by_key.rcu(|accounts| {
            let mut accounts = HashMap::clone(accounts);
            // Another request of the same key may have been faster.
            accounts.entry(key.clone()).or_insert_with(|| Arc::clone(&opened));
            accounts
        });
        self.by_key.load().get(key).map_or(opened, Arc::clone)
    }

    fn accounts(&self) -> impl Iterator<Item = Arc<Account>> {
        let by_key = self.by_key.load_full();
        let keys: Vec<_> = by_key.values().map(Arc::clone).collect();
        keys.into_iter().chain([Arc::clone(&self.gateway)])
    }
}

/// The accounts that one request is charged to.
#[derive(Clone, Debug)]
pub struct Tab {
    key: Arc<Account>,
    gateway: Arc<Account>,
}

impl Tab {
    /// Charges tokens to the day of `now`. Neither blocks nor fails, so that it may be called in `Drop`; a ledger that is
    /// gone does not count them any more.
    pub fn charge(&self, tokens: u64, now: SystemTime) {
        let today = Day::of(now);
        self.key.charge(tokens, today);
        self.gateway.charge(tokens, today);
    }
}
