//! Work that needs the database for itself: compaction, and the check of every page.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::Database;
use tokio::sync::oneshot;

use super::StoreError;

/// Such work, with the type of its answer erased.
pub(super) trait Sole: Send {
    /// Does it and answers. Gives the database back unless it is not to be trusted any more, and the fault of the storage if it
    /// showed one.
    fn run(self: Box<Self>, database: Database, path: &Path) -> (Option<Database>, Option<StoreError>);

    /// Answers that it cannot be done.
    fn refuse(self: Box<Self>, error: StoreError);
}

/// The work and the one who waits for it.
pub(super) struct Alone<T, F> {
    work: F,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Alone<T, F> {
    pub(super) const fn new(work: F, reply: oneshot::Sender<Result<T, StoreError>>) -> Alone<T, F> {
        Alone { work, reply }
    }
}

impl<T, F> Sole for Alone<T, F>
where
    T: Send,
    F: FnOnce(&mut Database) -> Result<T, redb::Error> + Send,
{
    fn run(self: Box<Self>, mut database: Database, path: &Path) -> (Option<Database>, Option<StoreError>) {
        let Alone { work, reply } = *self;
        // Unwind safety: after a panic the database is not used again.
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut database)));
        let (database, outcome) = match outcome {
            Ok(Ok(outcome)) => (Some(database), Ok(outcome)),
            Ok(Err(error)) => (None, Err(StoreError::from_redb(path, error))),
            Err(_) => (None, Err(StoreError::Panicked)),
        };
        let fault = outcome.as_ref().err().filter(|error| !error.is_job()).cloned();
        // Nobody may wait any more.
        let _ = reply.send(outcome);
        (database, fault)
    }

    fn refuse(self: Box<Self>, error: StoreError) {
        let _ = self.reply.send(Err(error));
    }
}
