//! What can go wrong with the database file, said so that an operator knows what to do.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A failure of the store. Cloned to all writes of a batch that failed together.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process, or another store of this one, has the file open.
    #[error(
        "{} is open already: another ovth uses this data folder. Stop that one, or give each its own `data_dir`", path.display()
    )]
    InUse {
        /// The database file.
        path: PathBuf,
    },
    /// This user may not write there, or the file system is read-only.
    #[error(
        "{} cannot be written to: {source}. Make it writable for the user that runs ovth, or set `data_dir` to a folder that is",
        path.display()
    )]
    ReadOnly {
        /// The folder or the database file.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// There is no space left.
    #[error("the disk of {} is full: {source}. Free some space; nothing needs a restart", path.display())]
    Full {
        /// The folder or the database file.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// The file is damaged, or is no database.
    #[error(
        "{} is damaged or no database of ovth ({reason}). Restore it from a backup, or move it away to begin with an empty one",
        path.display()
    )]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A database of some other program.
    #[error("{} is a redb database, but not one of ovth. Set `data_dir` to a folder of its own", path.display())]
    Foreign {
        /// The database file.
        path: PathBuf,
    },
    /// A newer release has written the file.
    #[error(
        "{} has schema version {found}, and this release of ovth reads up to {known}. Run the newer release that wrote it",
        path.display()
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// The version in the file.
        found: u64,
        /// The newest version this release knows.
        known: u64,
    },
    /// The system refused something else.
    #[error("{} cannot be used as data folder: {source}", path.display())]
    Io {
        /// The folder or the database file.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// redb failed in another way.
    #[error("{}: {source}", path.display())]
    Database {
        /// The database file.
        path: PathBuf,
        /// What redb said.
        source: Arc<redb::Error>,
    },
    /// The thread that writes could not be started.
    #[error("the thread that writes the database could not be started: {source}")]
    Thread {
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// A write panicked; nothing of it was kept.
    #[error(
        "a write to the database was given up in the middle: a page of the file may be damaged. `ovth ledger check` tells; restore it from a backup"
    )]
    Panicked,
    /// The database is wanted alone, and somebody reads it for too long.
    #[error("the database is being read, by a backup perhaps. Try again when that is done")]
    Busy,
    /// The store was shut down.
    #[error("the database is closed")]
    Closed,
}

impl StoreError {
    /// A stable name for metrics.
    #[must_use]
    pub const fn class(&self) -> &'static str {
        match self {
            StoreError::InUse { .. } => "in_use",
            StoreError::ReadOnly { .. } => "read_only",
            StoreError::Full { .. } => "full",
            StoreError::Corrupt { .. } => "corrupt",
            StoreError::Foreign { .. } => "foreign",
            StoreError::Newer { .. } => "newer",
            StoreError::Io { .. } => "io",
            StoreError::Database { .. } => "database",
            StoreError::Thread { .. } => "thread",
            StoreError::Panicked => "panicked",
            StoreError::Busy => "busy",
            StoreError::Closed => "closed",
        }
    }

    /// What redb said about the file at `path`.
    pub(super) fn from_redb(path: &Path, error: redb::Error) -> StoreError {
        let path = path.to_path_buf();
        match error {
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => StoreError::InUse { path },
            redb::Error::Corrupted(reason) => StoreError::Corrupt { path, reason },
            redb::Error::UpgradeRequired(version) => {
                StoreError::Corrupt { path, reason: format!("redb file format {version} is not read any more") }
            }
            redb::Error::DatabaseClosed => StoreError::Closed,
            // redb reports a wrong magic number as invalid data, and a file cut short as an early end.
            redb::Error::Io(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => {
                StoreError::Corrupt { path, reason: error.to_string() }
            }
            redb::Error::Io(error) => StoreError::from_io(&path, error),
            error => StoreError::Database { path, source: Arc::new(error) },
        }
    }

    /// What the system said about the folder or file at `path`.
    pub(super) fn from_io(path: &Path, error: io::Error) -> StoreError {
        let (path, kind, source) = (path.to_path_buf(), error.kind(), Arc::new(error));
        match kind {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly { path, source },
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Full { path, source },
            _ => StoreError::Io { path, source },
        }
    }

    /// Whether a write itself was wrong (a table with other types, a value too large), and not the storage below it.
    pub(crate) fn is_job(&self) -> bool {
        let StoreError::Database { source, .. } = self else { return false };
        !matches!(
            **source,
            redb::Error::PreviousIo
                | redb::Error::LockPoisoned(_)
                | redb::Error::Backend(_)
                | redb::Error::Unsupported
                | redb::Error::TransactionPoisoned
        )
    }
}
