//! The journal: the queue to the disk, and the thread that commits what is in it.
//!
//! A reservation that somebody waits for is committed as soon as the writer is free, together with all that wait by then;
//! everything else joins the next commit, [`DELAY`] later at most. What could not be written is kept and tried again. What
//! can be kept is bounded: each request takes one of [`PLACES`] when it is let in, and gives it back when nothing of it is
//! left to be written, so that the end of a request never waits and never fails.

mod batch;
mod receipt;
mod refused;
mod tally;
mod thread;

pub(super) use batch::{Batch, Done, request_hash};
pub(super) use receipt::{Receipt, Slip};
#[cfg(test)]
pub(super) use refused::REFUSALS_A_MINUTE;
pub(super) use thread::spawn;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;

use super::Amount;
use crate::store::StoreError;
use refused::Refused;
use tally::Tally;

/// Requests under way, and over but not written yet, at most.
pub(super) const PLACES: usize = 16_384;

/// Places that requests may take which were refused, at most.
pub(super) const NOTES: usize = PLACES / 4;

/// How long what nobody waits for is kept for the next commit, at most.
pub(super) const DELAY: Duration = Duration::from_millis(250);

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Message {
    /// So much is set aside for this request: the first time, or more than before.
    Reserve {
        slip: Arc<Slip>,
        amount: Amount,
        /// 1 for the first time, and one more each time that it is raised.
        version: u64,
        /// Whether somebody waits for it.
        urgent: bool,
    },
    /// The request is over. Takes its place along.
    Over(Done),
    /// The request is over, and it is as if it had never been. Takes its place along.
    Cancel(Arc<Slip>),
    /// Write everything now.
    Flush(mpsc::Sender<Result<(), StoreError>>),
    /// Write everything now, unless storage has just failed: then it is not tried more often for that.
    CatchUp(mpsc::Sender<Result<(), StoreError>>),
    /// Write everything, then end.
    Stop(mpsc::Sender<Result<(), StoreError>>),
    /// Look for what is to be deleted.
    Prune,
}

/// The queue, seen from both ends.
#[derive(Debug, Default)]
pub(super) struct Queue {
    inbox: Mutex<Inbox>,
    arrived: Condvar,
    places: AtomicUsize,
    notes: AtomicUsize,
    refused: Refused,
    last_id: AtomicU64,
    /// Why the last commit failed, until one succeeds.
    pub(super) fault: ArcSwapOption<StoreError>,
    pub(super) figures: Figures,
}

#[derive(Debug, Default)]
struct Inbox {
    messages: Vec<Message>,
    /// When the oldest of them came.
    since: Option<Instant>,
    urgent: bool,
    closed: bool,
    /// Requests that are over and will have no entries.
    tally: Tally,
    /// Whether the thread is to give up what it keeps, too.
    shed: bool,
}

/// What the thread is given.
#[derive(Default)]
struct Received {
    messages: Vec<Message>,
    tally: Tally,
    shed: bool,
}

/// What the journal counts.
#[derive(Debug, Default)]
pub(super) struct Figures {
    /// Commits that wrote anything.
    pub(super) commits: AtomicU64,
    /// Commits that failed.
    pub(super) failures: AtomicU64,
    /// Messages of all commits.
    pub(super) written: AtomicU64,
    /// Entries that were lost: there was no place for them, or they could not be written even alone.
    pub(super) lost: AtomicU64,
    /// Those of them that were given up for others, with `on_ledger_error: serve`. They are in sums and counters.
    pub(super) shed: AtomicU64,
    /// Entries deleted by age or size.
    pub(super) pruned: AtomicU64,
}

impl Queue {
    /// A queue whose numbers go on above `last_id`.
    pub(super) fn new(last_id: u64) -> Queue {
        Queue { last_id: AtomicU64::new(last_id), ..Queue::default() }
    }

    /// Takes a place, if there is one.
    pub(super) fn take_place(&self) -> bool {
        self.places
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| (taken < PLACES).then(|| taken + 1))
            .is_ok()
    }

    /// Takes a place that is none of the [`PLACES`]: for when others are about to be free, and as many at most.
    pub(super) fn take_extra_place(&self) -> bool {
        self.places
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| (taken < 2 * PLACES).then(|| taken + 1))
            .is_ok()
    }

    /// Adds the entry of a request that was refused, while there are places for such and its key has not had too many of them.
    /// Else it is in the sums alone.
    pub(super) fn note(&self, mut done: Done) {
        let admitted = self.refused.admit(&done.entry.key_id, done.entry.started_at_ms);
        let place = admitted
            && self
                .notes
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| (taken < NOTES).then(|| taken + 1))
                .is_ok();
        if place && self.take_place() {
            done.entry.id = self.next_id();
            if self.send(Message::Over(done)).is_err() {
                self.leave(1, 1);
                self.lose(1);
            }
            return;
        }
        self.notes.fetch_sub(place.into(), Ordering::Relaxed);
        self.lose(admitted.into());
        let mut inbox = self.lock();
        if inbox.closed {
            self.lose((!admitted).into());
            return;
        }
        let wake = inbox.messages.is_empty();
        inbox.since.get_or_insert_with(Instant::now);
        inbox.tally.add(&done);
        drop(inbox);
        if wake {
            self.arrived.notify_one();
        }
    }

    /// Gives the oldest half of the entries up that wait, so that there are places; what they cost is kept. The thread does the
    /// same with those that it has.
    pub(super) fn shed(&self) {
        let mut inbox = self.lock();
        let over = inbox.messages.iter().filter(|message| matches!(message, Message::Over(_))).count();
        let mut left = over.div_ceil(2);
        let (mut places, mut notes, mut ids) = (0, 0, HashSet::with_capacity(left));
        let messages = std::mem::take(&mut inbox.messages);
        let mut rest = Vec::with_capacity(messages.len());
        for message in messages {
            match message {
                Message::Over(done) if left > 0 => {
                    left -= 1;
                    places += 1;
                    notes += usize::from(done.charge.is_none());
                    ids.insert(done.entry.id);
                    inbox.tally.add(&done);
                }
                message => rest.push(message),
            }
        }
        // Nothing is to be set aside for them any more.
        rest.retain(|message| !matches!(message, Message::Reserve { slip, .. } if ids.contains(&slip.id)));
        inbox.messages = rest;
        inbox.since.get_or_insert_with(Instant::now);
        inbox.shed = true;
        inbox.urgent = true;
        drop(inbox);
        self.arrived.notify_one();
        self.leave(places, notes);
        self.count_shed(places);
    }

    /// Counts entries that were given up for others.
    fn count_shed(&self, count: usize) {
        self.lose(count as u64);
        self.figures.shed.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Gives places back, so many of them of requests that were refused.
    fn leave(&self, places: usize, notes: usize) {
        self.leave_places(places);
        self.notes.fetch_sub(notes, Ordering::Relaxed);
    }

    /// Gives places back.
    pub(super) fn leave_places(&self, count: usize) {
        self.places.fetch_sub(count, Ordering::Relaxed);
    }

    /// How many places are taken.
    pub(super) fn places(&self) -> usize {
        self.places.load(Ordering::Relaxed)
    }

    /// Counts entries that are lost.
    pub(super) fn lose(&self, count: u64) {
        self.figures.lost.fetch_add(count, Ordering::Relaxed);
    }

    /// The number of the next reservation or entry.
    pub(super) fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Whether nothing is taken any more.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Hands a message over. Never waits. Gives it back when the thread has ended.
    pub(super) fn send(&self, message: Message) -> Result<(), Message> {
        let mut inbox = self.lock();
        if inbox.closed {
            return Err(message);
        }
        let urgent = match message {
            Message::Reserve { urgent, .. } => urgent,
            Message::Flush(_) | Message::CatchUp(_) | Message::Stop(_) => true,
            Message::Over(_) | Message::Cancel(_) | Message::Prune => false,
        };
        // The thread sleeps until the first message, then until the oldest is due: others need not wake it.
        let wake = inbox.messages.is_empty() || (urgent && !inbox.urgent);
        inbox.since.get_or_insert_with(Instant::now);
        inbox.urgent |= urgent;
        inbox.messages.push(message);
        drop(inbox);
        if wake {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Waits until somebody waits for something, the oldest message is due, or `deadline` has come; takes all messages.
    fn receive(&self, deadline: Instant) -> Received {
        let mut inbox = self.lock();
        while !inbox.urgent {
            let due = inbox.since.map_or(deadline, |since| deadline.min(since + DELAY));
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            inbox = self.arrived.wait_timeout(inbox, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        inbox.urgent = false;
        inbox.since = None;
        Received {
            messages: std::mem::take(&mut inbox.messages),
            tally: std::mem::take(&mut inbox.tally),
            shed: std::mem::take(&mut inbox.shed),
        }
    }

    /// Takes nothing more, and gives what is left.
    fn close(&self) -> Vec<Message> {
        let mut inbox = self.lock();
        inbox.closed = true;
        std::mem::take(&mut inbox.messages)
    }

    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
