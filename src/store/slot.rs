//! What readers and the writer of one database share: the open database, and the fault that took it away.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use redb::Database;

use super::StoreError;

/// The open database, or why there is none. Only the writer's thread changes it.
pub(super) struct Slot {
    path: PathBuf,
    database: ArcSwapOption<Database>,
    fault: ArcSwapOption<StoreError>,
}

impl Slot {
    pub(super) fn new(path: PathBuf, database: Database) -> Slot {
        Slot { path, database: ArcSwapOption::from_pointee(database), fault: ArcSwapOption::empty() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn database(&self) -> Result<Arc<Database>, StoreError> {
        match self.database.load_full() {
            Some(database) => Ok(database),
            None => Err(self.health().err().unwrap_or(StoreError::Closed)),
        }
    }

    pub(super) fn health(&self) -> Result<(), StoreError> {
        match self.fault.load().as_deref() {
            Some(fault) => Err(fault.clone()),
            None if self.database.load().is_none() => Err(StoreError::Closed),
            None => Ok(()),
        }
    }

    /// Puts a database that was opened again in place.
    pub(super) fn restore(&self, database: Database) -> Arc<Database> {
        let database = Arc::new(database);
        self.database.store(Some(Arc::clone(&database)));
        database
    }

    /// Takes note that storage works, and tells whether it did not before.
    pub(super) fn recover(&self) -> bool {
        self.fault.load().is_some() && self.fault.swap(None).is_some()
    }

    /// Takes note of a fault, and tells whether it is the first since storage worked.
    pub(super) fn fail(&self, fault: StoreError) -> bool {
        self.fault.swap(Some(Arc::new(fault))).is_none()
    }

    /// Lets the database go: at once, or when the last reader is done with it.
    pub(super) fn close(&self) -> Result<(), StoreError> {
        match self.database.swap(None).and_then(Arc::into_inner) {
            Some(database) => database.close().map_err(|error| StoreError::from_redb(&self.path, error.into())),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("path", &self.path).field("fault", &self.fault.load()).finish_non_exhaustive()
    }
}
