//! Waits for upstream while it watches the client and the clock: a client that leaves, deadlines, and heartbeats of a silent stream.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use futures::poll;
use tokio::time::{Duration, Instant, Sleep, sleep_until};

use super::downstream::Downstream;
use super::ending::Ending;

/// Why a wait ended without its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interrupt {
    /// The client left, or nothing can be written to it.
    ClientGone,
    /// The deadline of this stage passed.
    Stage,
    /// The deadline of the whole exchange passed.
    Total,
    /// The process ends, and has no time left for this exchange.
    Ending,
}

/// The clock of one exchange. One timer serves all deadlines: it is moved only when an earlier one appears, so that an event costs no
/// timer operation.
#[derive(Debug)]
pub(super) struct Watch {
    timer: Pin<Box<Sleep>>,
    total: Instant,
    beat: Option<Beat>,
    waited: Duration,
    ending: Arc<Ending>,
}

#[derive(Debug)]
struct Beat {
    next: Instant,
    every: Duration,
}

impl Watch {
    /// A clock for an exchange that must end by `total`, and with the process.
    pub(super) fn new(total: Instant, ending: Arc<Ending>) -> Watch {
        Watch { timer: Box::pin(sleep_until(total)), total, beat: None, waited: Duration::ZERO, ending }
    }

    /// Writes a heartbeat to the client at `first`, and then each time it has heard nothing for `every`.
    pub(super) fn beat(&mut self, first: Instant, every: Duration) {
        self.beat = Some(Beat { next: first, every });
    }

    /// Whether the whole exchange has no time left, and why.
    pub(super) fn over(&self) -> Option<Interrupt> {
        self.over_at(Instant::now())
    }

    /// The same, for who has just looked at the clock.
    pub(super) fn over_at(&self, now: Instant) -> Option<Interrupt> {
        if self.ending.is_cut() {
            return Some(Interrupt::Ending);
        }
        (self.total <= now).then_some(Interrupt::Total)
    }

    /// How long others were waited for.
    pub(super) const fn waited(&self) -> Duration {
        self.waited
    }

    /// Something was written to the client: the next heartbeat counts from here.
    pub(super) fn heard(&mut self) {
        if let Some(beat) = &mut self.beat {
            beat.next = Instant::now() + beat.every;
        }
    }

    /// Waits for what the provider does, for at most until `stage`.
    pub(super) async fn wait<F: Future>(
        &mut self,
        downstream: &mut Downstream<'_>,
        stage: Option<Instant>,
        work: F,
    ) -> Result<F::Output, Interrupt> {
        let mut work = pin!(work);
        if let Poll::Ready(output) = poll!(work.as_mut()) {
            return Ok(output);
        }
        let began = Instant::now();
        let ended = self.until(downstream, stage, work).await;
        self.waited += began.elapsed();
        ended
    }

    /// The same for what the gateway does itself: its own time, and nobody else's.
    pub(super) async fn work<F: Future>(
        &mut self,
        downstream: &mut Downstream<'_>,
        stage: Option<Instant>,
        work: F,
    ) -> Result<F::Output, Interrupt> {
        self.until(downstream, stage, pin!(work)).await
    }

    async fn until<F: Future>(
        &mut self,
        downstream: &mut Downstream<'_>,
        stage: Option<Instant>,
        mut work: Pin<&mut F>,
    ) -> Result<F::Output, Interrupt> {
        loop {
            self.arm(stage);
            tokio::select! {
                biased;
                output = &mut work => return Ok(output),
                () = downstream.left() => return Err(Interrupt::ClientGone),
                () = self.ending.reached() => return Err(Interrupt::Ending),
                () = &mut self.timer => {}
            }
            let now = Instant::now();
            if stage.is_some_and(|stage| stage <= now) {
                return Err(Interrupt::Stage);
            }
            if self.total <= now {
                return Err(Interrupt::Total);
            }
            if self.beat.as_ref().is_some_and(|beat| beat.next <= now) {
                downstream.heartbeat().await.map_err(|_| Interrupt::ClientGone)?;
                self.heard();
            }
        }
    }

    fn arm(&mut self, stage: Option<Instant>) {
        let mut earliest = self.total;
        for other in [stage, self.beat.as_ref().map(|beat| beat.next)].into_iter().flatten() {
            earliest = earliest.min(other);
        }
        if earliest < self.timer.deadline() || self.timer.is_elapsed() {
            self.timer.as_mut().reset(earliest);
        }
    }
}
