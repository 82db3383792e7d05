//! Looks after the file: proves it, makes it small, copies it.

mod check;
mod expected;

use std::path::Path;
use std::time::SystemTime;

use redb::ReadableTableMetadata as _;

pub(super) use check::rows as check_rows;

use super::tables::ENTRIES;
use super::{BackupReport, CheckReport, CompactReport};
use crate::store::{Store, StoreError};

/// Reads every page, then every row of the ledger, and compares them with each other.
pub(super) fn check(store: &Store) -> Result<CheckReport, StoreError> {
    let pages = match store.alone(|database| Ok(database.check_integrity()?)) {
        Ok(true) => None,
        Ok(false) => Some("the file was not as it was written; what could be repaired was repaired".to_owned()),
        Err(StoreError::Corrupt { reason, .. }) => Some(format!("pages of the file are damaged: {reason}")),
        Err(StoreError::Panicked) => Some("pages of the file are damaged: reading them was given up".to_owned()),
        Err(error) => return Err(error),
    };
    let mut report = match store.read(|transaction| check_rows(transaction, SystemTime::now())) {
        Err(StoreError::Corrupt { reason, .. }) => CheckReport { problems: vec![reason], ..CheckReport::default() },
        report => report?,
    };
    report.problems.splice(0..0, pages);
    Ok(report)
}

/// Makes the file as small as it can be.
pub(super) fn compact(store: &Store) -> Result<CompactReport, StoreError> {
    let path = store.path().to_owned();
    let size = move || Ok::<u64, redb::Error>(path.metadata().map_err(redb::Error::Io)?.len());
    store.alone(move |database| {
        let bytes_before = size()?;
        database.compact()?;
        Ok(CompactReport { bytes_before, bytes_after: size()? })
    })
}

/// Writes a consistent copy to a new file.
pub(super) fn backup(store: &Store, to: &Path) -> Result<BackupReport, StoreError> {
    let (bytes, entries) = store.copy(to, |transaction| Ok(transaction.open_table(ENTRIES)?.len()?))?;
    Ok(BackupReport { bytes, entries })
}
