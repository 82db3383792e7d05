//! The version of what is in the database, so that an older release never misreads a newer one's file.

use std::path::Path;

use redb::{Database, ReadableDatabase, TableDefinition, TableError, WriteTransaction};

use super::{StoreError, migrate};

/// The version this release writes. It goes up when an older release could not read the tables any more.
pub const SCHEMA_VERSION: u64 = 2;

const META: TableDefinition<'static, &'static str, u64> = TableDefinition::new("meta");
const VERSION: &str = "schema";

/// Checks the version of a database, migrates an older one, and writes the version into a new one.
pub(super) fn settle(database: &Database, path: &Path) -> Result<(), StoreError> {
    let found = read(database).map_err(|error| StoreError::from_redb(path, error))?;
    match found {
        Found::Version(SCHEMA_VERSION) => Ok(()),
        Found::Version(found) if found > SCHEMA_VERSION => {
            Err(StoreError::Newer { path: path.into(), found, known: SCHEMA_VERSION })
        }
        Found::Version(1) => {
            migrate::from_1(database).map_err(|error| StoreError::from_redb(path, error))?;
            log::info!(path:% = path.display(), from = 1, to = SCHEMA_VERSION; "the database was migrated");
            Ok(())
        }
        // There was no version before the first.
        Found::Version(_) | Found::Foreign => Err(StoreError::Foreign { path: path.into() }),
        Found::Empty => write(database, SCHEMA_VERSION).map_err(|error| StoreError::from_redb(path, error)),
    }
}

enum Found {
    Version(u64),
    /// There are tables, but not ours.
    Foreign,
    Empty,
}

fn read(database: &Database) -> Result<Found, redb::Error> {
    let transaction = database.begin_read()?;
    match transaction.open_table(META) {
        Ok(table) => Ok(table.get(VERSION)?.map_or(Found::Foreign, |version| Found::Version(version.value()))),
        Err(TableError::TableDoesNotExist(_)) => {
            let empty =
                transaction.list_tables()?.next().is_none() && transaction.list_multimap_tables()?.next().is_none();
            Ok(if empty { Found::Empty } else { Found::Foreign })
        }
        Err(TableError::Storage(error)) => Err(error.into()),
        // A table of that name with other types.
        Err(_) => Ok(Found::Foreign),
    }
}

/// Writes the version; its own function so that tests can make a file from the future.
pub(super) fn write(database: &Database, version: u64) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    put_version(&transaction, version)?;
    Ok(transaction.commit()?)
}

pub(super) fn put_version(transaction: &WriteTransaction, version: u64) -> Result<(), redb::Error> {
    transaction.open_table(META)?.insert(VERSION, version)?;
    Ok(())
}
