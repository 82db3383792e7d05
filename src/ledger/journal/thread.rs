//! The journal's thread: gathers what is to be written, commits it, and tries again what failed.

use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;

use super::tally::Tally;
use super::{Batch, DELAY, Message, Queue, Received};
use crate::config::LedgerSettings;
use crate::ledger::calendar::Calendar;
use crate::ledger::retention;
use crate::observe::metrics::CommitMetrics;
use crate::store::{Store, StoreError};

/// The longest time between two attempts on storage that fails; it doubles from [`DELAY`].
const MOST_DELAY: Duration = Duration::from_secs(4);

/// How often the health of the store is looked at when there is nothing to write: nothing else may come that would find out
/// that it works again.
const PROBE: Duration = Duration::from_secs(1);

/// How often it is said that entries are given up.
const TELL: Duration = Duration::from_secs(60);

/// How often old rows are looked for.
const PRUNE: Duration = Duration::from_secs(60);

/// What a commit is waited for by.
type Waiters = Vec<mpsc::Sender<Result<(), StoreError>>>;

/// Those who wait for one.
#[derive(Default)]
struct Waiting {
    /// They have it tried now, whatever happened before.
    forced: Waiters,
    /// They want no more than what can be had.
    patient: Waiters,
    stop: Option<mpsc::Sender<Result<(), StoreError>>>,
}

/// Starts the thread.
pub(in crate::ledger) fn spawn(
    store: Arc<Store>,
    queue: Arc<Queue>,
    settings: Arc<ArcSwap<LedgerSettings>>,
    metrics: CommitMetrics,
) -> Result<JoinHandle<()>, StoreError> {
    let now = Instant::now();
    let mut journal = Journal {
        store,
        queue,
        settings,
        metrics,
        batch: Batch::default(),
        tally: Tally::default(),
        fault: None,
        prune_at: now,
        calendar: Calendar::new(SystemTime::now(), now),
        told: (0, None),
    };
    thread::Builder::new()
        .name("ledger".into())
        .spawn(move || journal.run())
        .map_err(|source| StoreError::Thread { source: Arc::new(source) })
}

struct Journal {
    store: Arc<Store>,
    queue: Arc<Queue>,
    settings: Arc<ArcSwap<LedgerSettings>>,
    metrics: CommitMetrics,
    /// What is not on disk yet.
    batch: Batch,
    /// Requests that are over and have no entries, and are not in the batch yet.
    tally: Tally,
    fault: Option<Fault>,
    prune_at: Instant,
    calendar: Calendar,
    /// Entries that were given up as far as that was said, and when.
    told: (u64, Option<Instant>),
}

/// Storage failed.
struct Fault {
    error: StoreError,
    delay: Duration,
    retry_at: Instant,
}

impl Journal {
    fn run(&mut self) {
        loop {
            let Waiting { forced, patient, stop } = self.take();
            let outcome = match &self.fault {
                Some(fault) if forced.is_empty() && fault.retry_at > Instant::now() => Err(fault.error.clone()),
                _ => self.write(),
            };
            for waiter in forced.into_iter().chain(patient) {
                // Nobody may wait any more.
                let _ = waiter.send(outcome.clone());
            }
            if let Some(stopped) = stop {
                let outcome = self.write();
                self.close(&StoreError::Closed);
                let _ = stopped.send(outcome);
                return;
            }
            self.prune();
        }
    }

    /// Waits for messages and adds them to the batch. Gives those who want to know when all of it is written.
    fn take(&mut self) -> Waiting {
        let now = Instant::now();
        let wake_at = match &self.fault {
            Some(fault) => fault.retry_at,
            None => self.prune_at.min(now + PROBE),
        };
        let mut waiting = Waiting::default();
        let Received { messages, tally, shed } = self.queue.receive(wake_at);
        // They were let in before and are over: nothing is to be set aside for them any more.
        self.batch.puts.retain(|id, _| !tally.holds(*id));
        self.tally.merge(tally);
        for message in messages {
            match message {
                Message::Reserve { slip, amount, version, .. } => {
                    if let Some(fault) = &self.fault {
                        // Whoever waits for it is told at once. It is tried again all the same: the request may go on.
                        slip.receipt.fail(version, &fault.error);
                    }
                    self.batch.put(slip, amount, version);
                }
                Message::Over(done) => self.batch.end(done),
                Message::Cancel(slip) => self.batch.cancel(slip.id),
                Message::Flush(waiter) => waiting.forced.push(waiter),
                Message::CatchUp(waiter) => waiting.patient.push(waiter),
                Message::Stop(waiter) => waiting.stop = Some(waiter),
                Message::Prune => self.prune_at = now,
            }
        }
        if shed {
            self.shed();
        }
        self.tell_shed();
        waiting
    }

    /// Gives the oldest half of the entries up that are not on disk; what they cost is kept.
    fn shed(&mut self) {
        let shed = self.batch.shed();
        let notes = shed.iter().filter(|done| done.charge.is_none()).count();
        shed.iter().for_each(|done| self.tally.add(done));
        self.queue.leave(shed.len(), notes);
        self.queue.count_shed(shed.len());
    }

    /// Says how many entries were given up, once a minute at most.
    fn tell_shed(&mut self) {
        let shed = self.queue.figures.shed.load(Ordering::Relaxed);
        let (told, at) = self.told;
        if shed > told && at.is_none_or(|at| at.elapsed() >= TELL) {
            log::error!(
                entries = shed - told;
                "the ledger cannot be written fast enough, and requests are served all the same: the oldest entries are given up, and what they cost is kept"
            );
            self.told = (shed, Some(Instant::now()));
        }
    }

    /// Writes what is not on disk yet. With nothing to write it only tries the storage, while that is at fault.
    fn write(&mut self) -> Result<(), StoreError> {
        if self.batch.tally.is_none() && !self.tally.is_empty() {
            let tally = std::mem::take(&mut self.tally);
            self.batch.tally = Some(Arc::new(tally.seal(self.queue.next_id())));
        }
        if self.batch.is_empty() && self.fault.is_none() && self.store.health().is_ok() {
            return Ok(());
        }
        let batch = Arc::new(std::mem::take(&mut self.batch));
        let outcome = self.commit(&batch);
        self.batch = Arc::unwrap_or_clone(batch);
        match outcome {
            Ok(()) => {
                self.written();
                Ok(())
            }
            Err(error) if error.is_job() => {
                self.write_one_by_one();
                self.fault.as_ref().map_or(Ok(()), |fault| Err(fault.error.clone()))
            }
            Err(error) => {
                self.failed(error.clone());
                Err(error)
            }
        }
    }

    fn commit(&self, batch: &Arc<Batch>) -> Result<(), StoreError> {
        let (work, began) = (Arc::clone(batch), Instant::now());
        let outcome = self
            .store
            .write_blocking(move |transaction| if work.is_empty() { Ok(()) } else { work.apply(transaction) });
        if outcome.is_ok() && !batch.is_empty() {
            self.metrics.committed(began.elapsed(), batch.len());
        }
        outcome
    }

    /// Takes note that the batch is on disk.
    fn written(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        if !batch.is_empty() {
            self.queue.figures.commits.fetch_add(1, Ordering::Relaxed);
            self.queue.figures.written.fetch_add(batch.len() as u64, Ordering::Relaxed);
        }
        if self.fault.take().is_some() {
            self.queue.fault.store(None);
            log::info!(requests = batch.len(); "the ledger is written again");
        }
        self.queue.leave(batch.places(), batch.notes());
        for put in batch.puts.values() {
            put.slip.receipt.write(put.version);
        }
    }

    /// Takes note that storage failed (a panic is redb's, over a damaged page): those who wait are told, everything is kept.
    fn failed(&mut self, error: StoreError) {
        self.queue.figures.failures.fetch_add(1, Ordering::Relaxed);
        for put in self.batch.puts.values() {
            put.slip.receipt.fail(put.version, &error);
        }
        let delay = match &self.fault {
            Some(fault) => (fault.delay * 2).min(MOST_DELAY),
            None => {
                log::error!(error:% = error; "the ledger cannot be written; what is settled is kept in memory and tried again");
                DELAY
            }
        };
        self.queue.fault.store(Some(Arc::new(error.clone())));
        self.fault = Some(Fault { error, delay, retry_at: Instant::now() + delay });
    }

    /// One request spoils the commit of all: what cannot be written even alone is given up, so that the others are not held up
    /// for ever.
    fn write_one_by_one(&mut self) {
        let mut rest = std::mem::take(&mut self.batch).split();
        while let Some(one) = rest.next() {
            let one = Arc::new(one);
            let outcome = self.commit(&one);
            self.batch = Arc::unwrap_or_clone(one);
            match outcome {
                Ok(()) => self.written(),
                Err(error) if error.is_job() => {
                    log::error!(error:% = error; "an exchange could not be written to the ledger and is given up");
                    let lost = std::mem::take(&mut self.batch);
                    self.queue.figures.lost.fetch_add(lost.done.len() as u64, Ordering::Relaxed);
                    self.queue.leave(lost.places(), lost.notes());
                    for put in lost.puts.values() {
                        put.slip.receipt.fail(put.version, &error);
                    }
                }
                Err(error) => {
                    for more in rest.by_ref() {
                        self.batch.puts.extend(more.puts);
                        self.batch.cancels.extend(more.cancels);
                        self.batch.done.extend(more.done);
                        self.batch.tally = self.batch.tally.take().or(more.tally);
                    }
                    self.failed(error);
                    return;
                }
            }
        }
    }

    /// Deletes a piece of what is too old, when it is time to and nothing else is to be written.
    fn prune(&mut self) {
        if self.prune_at > Instant::now() || self.fault.is_some() || !self.batch.is_empty() {
            return;
        }
        let retention = self.settings.load().retention;
        let sight = self.calendar.look(SystemTime::now(), Instant::now());
        let work = move |transaction: &_| retention::prune_by_clock(transaction, &retention, sight);
        match self.store.write_blocking(work) {
            Ok((pruned, believed)) => {
                self.calendar.tell(sight, believed);
                self.queue.figures.pruned.fetch_add(pruned.entries, Ordering::Relaxed);
                self.prune_at = if pruned.more { Instant::now() } else { Instant::now() + PRUNE };
            }
            Err(error) => {
                log::warn!(error:% = error; "old rows of the ledger could not be deleted");
                self.prune_at = Instant::now() + PRUNE;
            }
        }
    }

    /// Takes nothing more; whoever waits is told so.
    fn close(&mut self, error: &StoreError) {
        for message in self.queue.close() {
            match message {
                Message::Reserve { slip, version, .. } => slip.receipt.fail(version, error),
                Message::Over(_) => {
                    self.queue.figures.lost.fetch_add(1, Ordering::Relaxed);
                }
                Message::Flush(waiter) | Message::CatchUp(waiter) | Message::Stop(waiter) => {
                    let _ = waiter.send(Err(error.clone()));
                }
                Message::Cancel(_) | Message::Prune => {}
            }
        }
        for put in self.batch.puts.values() {
            put.slip.receipt.fail(put.version, error);
        }
    }
}

/// After a panic nobody may wait for a thread that is gone.
impl Drop for Journal {
    fn drop(&mut self) {
        self.close(&StoreError::Panicked);
    }
}
