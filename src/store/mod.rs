//! The one database file of the gateway: opening it, reading it, and the single thread that writes it.

mod alone;
mod copy;
mod error;
mod file;
mod migrate;
mod schema;
mod slot;
mod watched;
mod writer;

#[cfg(test)]
pub(crate) mod faulty;
#[cfg(test)]
mod tests;

pub use error::StoreError;
pub use schema::SCHEMA_VERSION;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use redb::{Database, ReadTransaction, ReadableDatabase, WriteTransaction};
use tokio::sync::{mpsc, oneshot};

use alone::Alone;
use slot::Slot;
use watched::SyncFailed;
use writer::{Message, Opener, Pending, QuickRepair, Writer};

/// How many writes may wait. A full queue makes [`Store::write`] wait, and is never dropped from.
const QUEUE: usize = 1024;

/// The name of the database file in the data folder.
pub const FILE_NAME: &str = file::NAME;

/// The database file of one data folder, open for this process alone.
///
/// Writes go through one thread, which commits all that wait in one transaction with one `fsync`; reads run on the
/// caller's thread and see the last commit. A failed disk costs the writes of that moment only: the file is opened again
/// for the next one, so that a disk that is full for a while needs no restart.
#[derive(Debug)]
pub struct Store {
    slot: Arc<Slot>,
    queue: mpsc::Sender<Message>,
    writer: Mutex<Option<JoinHandle<Result<(), StoreError>>>>,
}

impl Store {
    /// Opens `ovth.redb` in that folder and makes both when they are missing: the folder readable by its owner only, the
    /// file as well. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// The folder cannot be made or written to, another process has the file, or it is damaged, foreign or from a newer
    /// release.
    pub fn open(data_dir: &Path) -> Result<Store, StoreError> {
        file::create_folder(data_dir)?;
        let path = data_dir.join(file::NAME);
        let sync_failed = SyncFailed::default();
        let database = file::open(&path, &sync_failed)?;
        schema::settle(&database, &path)?;
        let target = path.clone();
        Store::start(path, database, Box::new(move || file::reopen(&target, &sync_failed)), QuickRepair::WhenLarge)
    }

    /// Whether there is a database in that folder. [`Store::open`] would make one.
    #[must_use]
    pub fn is_in(data_dir: &Path) -> bool {
        data_dir.join(file::NAME).exists()
    }

    /// Starts the writer on a database; `reopen` opens it again after a fault.
    fn start(
        path: PathBuf,
        database: Database,
        reopen: Opener,
        quick_repair: QuickRepair,
    ) -> Result<Store, StoreError> {
        let slot = Arc::new(Slot::new(path, database));
        let (queue, receiver) = mpsc::channel(QUEUE);
        let writer = Writer::new(Arc::clone(&slot), reopen, receiver, quick_repair);
        let handle = thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || writer.run())
            .map_err(|source| StoreError::Thread { source: Arc::new(source) })?;
        Ok(Store { slot, queue, writer: Mutex::new(Some(handle)) })
    }

    /// Runs `work` on the writer's thread and answers once it is durable. Its writes are applied whole or not at all.
    ///
    /// `work` must do nothing but use the transaction: it shares one with other writes, and when one of them fails, the
    /// others run again, each alone. It must not hold the store itself. Dropping the future does not take the write back.
    ///
    /// # Errors
    ///
    /// `work` failed, the disk failed (the write may then be durable all the same: it must not be taken as undone), or the
    /// store is closed.
    pub async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&WriteTransaction) -> Result<T, redb::Error> + Send + 'static,
    {
        self.write_then(work, |_| ()).await
    }

    /// [`Store::write`] with something that follows it: `then` runs on the writer's thread once the write is durable and
    /// before it is answered, also when the future was dropped meanwhile, and in the order of the writes. So memory can
    /// follow the disk without ever being ahead of it, behind an answer, or in another order.
    ///
    /// `then` must be short, since all writes wait for it, and must not panic.
    ///
    /// # Errors
    ///
    /// As [`Store::write`]; `then` does not run.
    pub async fn write_then<T, F, G>(&self, work: F, then: G) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&WriteTransaction) -> Result<T, redb::Error> + Send + 'static,
        G: FnOnce(&T) + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Pending::new(work, then, reply));
        self.queue.send(Message::Job(job)).await.map_err(|_| StoreError::Closed)?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// [`Store::write`] for threads that may block: at start, at shutdown, and on threads of their own.
    ///
    /// # Errors
    ///
    /// As [`Store::write`].
    pub fn write_blocking<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&WriteTransaction) -> Result<T, redb::Error> + Send + 'static,
    {
        block_on(self.write(work))
    }

    /// Runs `work` on a snapshot of the last commit. Blocks on the disk: never call it on a worker thread.
    ///
    /// # Errors
    ///
    /// `work` failed, the disk failed, or the store is closed.
    pub fn read<T>(&self, work: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>) -> Result<T, StoreError> {
        let database = self.slot.database_for_reading()?;
        let fail = |error: redb::Error| StoreError::from_redb(self.slot.path(), error);
        let transaction = database.begin_read().map_err(|error| fail(error.into()))?;
        work(&transaction).map_err(fail)
    }

    /// Runs `work` on the writer's thread with the database for itself: reads and writes wait meanwhile, those that are queued
    /// come first. Afterwards the database is opened again if `work` failed. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// `work` failed, reads took too long to end ([`StoreError::Busy`]), the disk failed, or the store is closed.
    pub fn alone<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Database) -> Result<T, redb::Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let sole = Box::new(Alone::new(work, reply));
        block_on(async {
            self.queue.send(Message::Alone(sole)).await.map_err(|_| StoreError::Closed)?;
            answer.await.unwrap_or(Err(StoreError::Closed))
        })
    }

    /// Whether the last write reached the disk; the reason when it did not. Never blocks.
    ///
    /// # Errors
    ///
    /// The fault of the last write, until one succeeds; [`StoreError::Closed`] after the shutdown.
    pub fn health(&self) -> Result<(), StoreError> {
        self.slot.health()
    }

    /// The database file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.slot.path()
    }

    /// Commits what is queued and closes the file. Later writes and reads answer [`StoreError::Closed`]. A second call
    /// does nothing. Blocks on the disk. Dropping the store does the same and only logs the error.
    ///
    /// # Errors
    ///
    /// The file could not be closed cleanly; what was answered as committed is durable all the same.
    pub fn shutdown(&self) -> Result<(), StoreError> {
        // Held to the end: the process ends when a second caller comes back.
        let mut held = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(handle) = held.take() else { return Ok(()) };
        // An error means that the writer has ended already; joining it tells why.
        let _ = block_on(self.queue.send(Message::Stop));
        handle.join().unwrap_or(Err(StoreError::Panicked))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Err(error) = self.shutdown() {
            log::error!(error:% = error; "the database was not closed cleanly");
        }
    }
}

/// Waits for an answer of the writer's thread. Without a budget: within a task of tokio that has spent its own, its channels
/// would wait for that task to give way, which it does not while it blocks.
fn block_on<T>(answer: impl Future<Output = T>) -> T {
    futures::executor::block_on(tokio::task::unconstrained(answer))
}
