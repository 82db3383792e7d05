//! A file that is written anew after a sync of it failed, so that nothing is built on what exists in memory only.
//!
//! When `fsync` fails, Linux takes the pages that it could not write for written: reads go on showing them, later syncs succeed
//! without them, and after a crash they are gone (see <https://lwn.net/Articles/752063/>). Opening the file again would trust them.
//! So before anything else is read then, all of it is written as it is read, which makes each page one that is to be synced.

use std::io;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::{BackendError, StorageBackend};

/// How much is written anew at once.
const PIECE: usize = 1 << 20;

/// Whether a sync failed since all of the file was last known to be on disk. Outlives the open file.
#[derive(Clone, Debug, Default)]
pub(super) struct SyncFailed(Arc<AtomicBool>);

/// The file, or what stands for it in tests.
#[derive(Debug)]
pub(super) struct Watched<B> {
    inner: B,
    failed: SyncFailed,
    /// Whether a sync failed before it was opened.
    in_doubt: AtomicBool,
}

impl<B: StorageBackend> Watched<B> {
    pub(super) fn new(inner: B, failed: &SyncFailed) -> Watched<B> {
        let in_doubt = AtomicBool::new(failed.0.load(Ordering::SeqCst));
        Watched { inner, failed: failed.clone(), in_doubt }
    }

    /// Writes all of it anew and syncs that.
    fn renew(&self) -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        let length = self.inner.len()?;
        for start in (0..length).step_by(PIECE) {
            let size = usize::try_from(length - start).unwrap_or(PIECE).min(PIECE);
            let piece = piece.get_mut(..size).unwrap_or_default();
            self.inner.read(start, piece)?;
            self.inner.write(start, piece)?;
        }
        self.inner.sync_data()
    }
}

impl<B: StorageBackend> StorageBackend for Watched<B> {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        // redb takes its locks before it reads, so that nobody else writes to the file meanwhile.
        if self.in_doubt.load(Ordering::SeqCst) {
            self.renew()?;
            self.in_doubt.store(false, Ordering::SeqCst);
            self.failed.0.store(false, Ordering::SeqCst);
        }
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.inner.sync_data().inspect_err(|_| self.failed.0.store(true, Ordering::SeqCst))
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}
