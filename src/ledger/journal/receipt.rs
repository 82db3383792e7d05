//! What a request and the journal share: what is to be written of it, and how far that has come.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use super::super::tables::ReservationRow;
use super::super::window::Day;
use super::super::{Amount, Facts};
use crate::keys::KeyId;
use crate::store::StoreError;

/// A request that something is set aside for.
#[derive(Debug)]
pub(in crate::ledger) struct Slip {
    /// The number of its reservation, and later of its entry.
    pub(in crate::ledger) id: u64,
    pub(in crate::ledger) key: KeyId,
    /// The end user that is charged besides the key.
    pub(in crate::ledger) end_user: Option<Arc<str>>,
    /// The day that is charged, and its month.
    pub(in crate::ledger) day: Day,
    pub(in crate::ledger) reserved_at_ms: u64,
    pub(in crate::ledger) facts: Facts,
    pub(in crate::ledger) receipt: Receipt,
}

/// How far it has come. Versions are those of [`super::Message::Reserve`].
#[derive(Debug, Default)]
pub(in crate::ledger) struct Receipt(Mutex<Progress>);

#[derive(Debug, Default)]
struct Progress {
    /// The version that is on disk.
    written: u64,
    /// The version that could not be written, and why; a later attempt may succeed.
    failed: Option<(u64, StoreError)>,
    waker: Option<Waker>,
}

impl Slip {
    /// Its row, when so much is set aside.
    pub(in crate::ledger) fn row(&self, amount: Amount) -> ReservationRow<'_> {
        use super::super::tables::short;
        let facts = &self.facts;
        ReservationRow {
            tokens: amount.tokens,
            cost: amount.cost.0,
            day: self.day.0,
            reserved_at_ms: self.reserved_at_ms,
            key: self.key.as_str(),
            end_user: self.end_user.as_deref().map(short),
            request_id: short(&facts.request_id),
            shape: short(&facts.shape),
            operation: short(&facts.operation),
            route: facts.route.as_deref().map(short),
            provider: short(&facts.provider),
            model: short(&facts.model),
            model_asked: short(&facts.model_asked),
            stream: facts.stream,
        }
    }
}

impl Receipt {
    /// Takes note that this version is on disk.
    pub(in crate::ledger) fn write(&self, version: u64) {
        let mut progress = self.lock();
        progress.written = progress.written.max(version);
        wake(progress);
    }

    /// Takes note that this version could not be written.
    pub(in crate::ledger) fn fail(&self, version: u64, error: &StoreError) {
        let mut progress = self.lock();
        progress.failed = Some((version, error.clone()));
        wake(progress);
    }

    /// Waits until this version, or a later one, is written or has failed. For one waiter at a time.
    pub(in crate::ledger) async fn wait(&self, version: u64) -> Result<(), StoreError> {
        poll_fn(|context| {
            let mut progress = self.lock();
            if progress.written >= version {
                return Poll::Ready(Ok(()));
            }
            match &progress.failed {
                Some((failed, error)) if *failed >= version => Poll::Ready(Err(error.clone())),
                _ => {
                    progress.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the one who waits, without the lock.
fn wake(mut progress: MutexGuard<'_, Progress>) {
    let waker = progress.waker.take();
    drop(progress);
    if let Some(waker) = waker {
        waker.wake();
    }
}
