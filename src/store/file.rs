//! The data folder and the database file in it: who may read them, and how redb opens them.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::backends::FileBackend;
use redb::{Builder, Database};

use super::StoreError;
use super::watched::{SyncFailed, Watched};

/// The name of the file in the data folder.
pub(super) const NAME: &str = "ovth.redb";

/// What redb may keep in memory; its own default is 1 GiB.
const CACHE_BYTES: usize = 16 << 20;

/// Up to this size every page is checked at each start (some 50 ms). redb trusts a file that was shut down cleanly, and
/// may panic if something else changed it since. Above it, commits are made so that a start after a crash reads little.
pub(super) const CHECKED_BYTES: u64 = 64 << 20;

/// Makes the data folder, for its owner only, unless it is there.
pub(super) fn create_folder(folder: &Path) -> Result<(), StoreError> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| StoreError::from_io(folder, error))
}

/// Opens the database file, and makes it when it is missing.
pub(super) fn open(path: &Path, sync_failed: &SyncFailed) -> Result<Database, StoreError> {
    create(path).map_err(|error| StoreError::from_io(path, error))?;
    reopen(path, sync_failed)
}

/// Opens the database file that is there. After a fault it must not be made anew: what is in memory was never written
/// to a new file, so that a restart would forget it.
pub(super) fn reopen(path: &Path, sync_failed: &SyncFailed) -> Result<Database, StoreError> {
    let fail = |error| StoreError::from_io(path, error);
    let size = path.metadata().map_err(fail)?.len();
    let mut builder = builder();
    builder.set_check_integrity_on_open(size <= CHECKED_BYTES);
    let file = OpenOptions::new().read(true).write(true).open(path).map_err(fail)?;
    let file = FileBackend::new(file).map_err(|error| StoreError::from_redb(path, error.into()))?;
    let file = Watched::new(file, sync_failed);
    // Unwind safety: nothing is left of a database that panicked while it was opened.
    match catch_unwind(AssertUnwindSafe(|| builder.create_with_backend(file))) {
        Ok(opened) => opened.map_err(|error| StoreError::from_redb(path, error.into())),
        Err(_) => Err(StoreError::Corrupt { path: path.into(), reason: "redb gave up reading it".into() }),
    }
}

/// How every database of ours is opened.
pub(super) fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Makes an empty file that only its owner may read, unless it is there.
fn create(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => {
            // The name is durable only when the folder is: else a crash may lose a file whose commits were synced.
            if let Some(folder) = path.parent() {
                File::open(folder)?.sync_all()?;
            }
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
