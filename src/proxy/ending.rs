//! The end of the process as exchanges see it: that they must end now, with a word to their clients, and that what is left of them is dropped.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::task::Poll;

use ovth_filters::neutral::{ApiError, ErrorClass};
use tokio::sync::Notify;

/// Exchanges are told by so many notifiers, so that threads do not meet at the lock of one.
const SHARDS: usize = 16;

/// Exchanges go on.
const OPEN: u8 = 0;
/// They end now.
const CUT: u8 = 1;
/// They are dropped where they are.
const DROPPED: u8 = 2;

/// What a client is told whose request outlived the process.
const MESSAGE: &str = "the gateway is shutting down; send the request again";

/// How far the end of the process has come.
#[derive(Debug, Default)]
pub struct Ending {
    stage: AtomicU8,
    wakers: [Notify; SHARDS],
}

impl Ending {
    /// Every exchange ends now: it tells its client so, and settles.
    pub fn cut(&self) {
        self.reach(CUT);
    }

    /// What has not ended is dropped where it is, and settled by that.
    pub fn drop_rest(&self) {
        self.reach(DROPPED);
    }

    fn reach(&self, stage: u8) {
        self.stage.fetch_max(stage, Ordering::AcqRel);
        self.wakers.iter().for_each(Notify::notify_waiters);
    }

    fn stage(&self) -> u8 {
        self.stage.load(Ordering::Acquire)
    }

    /// Whether exchanges must end now.
    pub(super) fn is_cut(&self) -> bool {
        self.stage() > OPEN
    }

    /// Resolves when exchanges must end. To be polled within [`Ending::guard`] only, which wakes the task: here a look is enough.
    pub(super) async fn reached(&self) {
        poll_fn(|_| if self.is_cut() { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    /// Runs the work of one request; `None` when it was dropped because the process ends.
    pub(super) async fn guard<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        let waker = self.wakers.get(shard())?;
        loop {
            // Made before the look at the stage: what is reached in between wakes it.
            let woken = waker.notified();
            if self.stage() >= DROPPED {
                return None;
            }
            tokio::select! {
                biased;
                output = &mut work => return Some(output),
                () = woken => {}
            }
        }
    }
}

/// What a client is told whose request is cut. Another process, or this one when it is back, can take it.
pub(super) fn cut_error() -> ApiError {
    ApiError::new(ErrorClass::Unavailable, MESSAGE).with_code("shutting_down").with_retry_after(1)
}

/// Each thread has a notifier of its own, as far as they reach.
fn shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static OWN: Cell<Option<usize>> = const { Cell::new(None) });
    OWN.with(|own| match own.get() {
        Some(shard) => shard,
        None => {
            let shard = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
            own.set(Some(shard));
            shard
        }
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn work_that_waits_sees_the_cut_and_then_may_end_by_itself() {
        let ending = Arc::new(Ending::default());
        let guarded = Arc::clone(&ending);
        let work = tokio::spawn(async move { guarded.guard(guarded.reached()).await });
        tokio::task::yield_now().await;
        assert!(!work.is_finished());
        ending.cut();
        assert_eq!(work.await.unwrap(), Some(()));
    }

    #[tokio::test]
    async fn work_that_does_not_end_is_dropped() {
        let ending = Arc::new(Ending::default());
        let guarded = Arc::clone(&ending);
        let work = tokio::spawn(async move { guarded.guard(std::future::pending::<()>()).await });
        tokio::task::yield_now().await;
        ending.cut();
        tokio::task::yield_now().await;
        assert!(!work.is_finished());
        ending.drop_rest();
        assert_eq!(work.await.unwrap(), None);
        assert_eq!(ending.guard(async {}).await, None, "what comes later is not even begun");
        ending.cut();
        assert_eq!(ending.stage(), DROPPED, "there is no way back");
    }
}
