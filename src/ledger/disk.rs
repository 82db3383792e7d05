//! The counters on disk: owner -> (day, tokens), and the thread that writes what has changed.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

use crate::store::StoreError;

use super::Books;
use super::account::{Account, Window};
use super::day::Day;

/// How often changed counters are written: what a crash forgets at most.
const INTERVAL: Duration = Duration::from_secs(1);

const WINDOWS: TableDefinition<'static, &'static str, (u64, u64)> = TableDefinition::new("daily_tokens");

pub(super) fn create_table(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.open_table(WINDOWS)?;
    Ok(())
}

/// All stored accounts.
pub(super) fn load(transaction: &ReadTransaction) -> Result<Vec<Account>, redb::Error> {
    let table = transaction.open_table(WINDOWS)?;
    let mut accounts = Vec::new();
    for entry in table.iter()? {
        let (owner, window) = entry?;
        let (day, tokens) = window.value();
        accounts.push(Account::stored(owner.value().into(), Window { day: Day(day), tokens }));
    }
    Ok(accounts)
}

/// Writes the counters that have changed since they were last written, and waits for the disk. With none changed it
/// writes only while the store is at fault: nothing else may come that would find out that the disk works again.
pub(super) fn flush(books: &Books) -> Result<(), StoreError> {
    // One at a time: an older value must not reach the disk after a newer one.
    let _turn = books.flushing.lock().unwrap_or_else(PoisonError::into_inner);
    let changed: Vec<(Arc<Account>, Window)> =
        books.accounts().filter_map(|account| account.unsaved().map(|window| (account, window))).collect();
    if changed.is_empty() && books.store.health().is_ok() {
        return Ok(());
    }
    let rows: Vec<(Arc<str>, Window)> =
        changed.iter().map(|(account, window)| (Arc::clone(account.owner()), *window)).collect();
    books.store.write_blocking(move |transaction| {
        let mut table = transaction.open_table(WINDOWS)?;
        for (owner, window) in &rows {
            table.insert(&**owner, (window.day.0, window.tokens))?;
        }
        Ok(())
    })?;
    changed.iter().for_each(|(account, window)| account.mark_saved(*window));
    Ok(())
}

/// Flushes every second until the other end of `stop` is gone. A failure is logged once and tried again: the counters
/// stay in memory, where they are the truth.
pub(super) fn run(books: &Books, stop: &Receiver<()>) {
    let mut failing = false;
    while stop.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
        match flush(books) {
            Ok(()) => failing = false,
            Err(error) => {
                if !failing {
                    log::error!(error:% = error; "token counters could not be written; they are kept in memory");
                }
                failing = true;
            }
        }
    }
}
