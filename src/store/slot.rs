//! What readers and the writer of one database share: the open database, and the fault that took it away.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use redb::Database;

use super::StoreError;

/// How long readers may take to let go of a database that is wanted alone.
const PATIENCE: Duration = Duration::from_secs(10);

/// The open database, or why there is none. Only the writer's thread changes it.
pub(super) struct Slot {
    path: PathBuf,
    database: ArcSwapOption<Database>,
    fault: ArcSwapOption<StoreError>,
    /// Whether the writer has taken the database out for a while.
    withdrawn: Mutex<bool>,
    returned: Condvar,
}

impl Slot {
    pub(super) fn new(path: PathBuf, database: Database) -> Slot {
        Slot {
            path,
            database: ArcSwapOption::from_pointee(database),
            fault: ArcSwapOption::empty(),
            withdrawn: Mutex::new(false),
            returned: Condvar::new(),
        }
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

    /// The open database, for a reader: waits while the writer has it for itself.
    pub(super) fn database_for_reading(&self) -> Result<Arc<Database>, StoreError> {
        if let Some(database) = self.database.load_full() {
            return Ok(database);
        }
        let mut withdrawn = self.withdrawn();
        loop {
            match self.database.load_full() {
                Some(database) => return Ok(database),
                None if *withdrawn => {
                    withdrawn = self.returned.wait(withdrawn).unwrap_or_else(PoisonError::into_inner);
                }
                None => {
                    drop(withdrawn);
                    return Err(self.health().err().unwrap_or(StoreError::Closed));
                }
            }
        }
    }

    /// Takes the database out, for the writer alone: waits until the readers are done, and lets new ones wait. To be followed
    /// by [`Slot::give_back`] whatever happens. `None`: it is not open, or readers took too long.
    pub(super) fn withdraw(&self) -> Option<Database> {
        *self.withdrawn() = true;
        let mut database = self.database.swap(None)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match Arc::try_unwrap(database) {
                Ok(database) => return Some(database),
                Err(shared) if Instant::now() > deadline => {
                    self.database.store(Some(shared));
                    return None;
                }
                Err(shared) => database = shared,
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Lets readers go on, with the database that was put in place or without any.
    pub(super) fn give_back(&self) {
        *self.withdrawn() = false;
        self.returned.notify_all();
    }

    fn withdrawn(&self) -> MutexGuard<'_, bool> {
        self.withdrawn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn health(&self) -> Result<(), StoreError> {
        match self.fault.load().as_deref() {
            Some(fault) => Err(fault.clone()),
            None if self.database.load().is_none() && !*self.withdrawn() => Err(StoreError::Closed),
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
