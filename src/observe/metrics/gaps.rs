//! Gaps between the events of one stream: gathered by the stream itself, so that streams share nothing for each event.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus::Histogram;
use prometheus::local::LocalHistogram;

/// So many gaps are gathered before they are told: about a second of a quick stream.
const GATHERED: u32 = 64;

/// A gap of this length is told at once: the next event may not come soon.
const LONG: Duration = Duration::from_secs(1);

/// The gaps of one stream. What was gathered is told when it is dropped, at the latest.
pub struct Gaps {
    /// Never locked: the mutex only lets a stream be shared between threads, which the histogram's own cell forbids.
    gathered: Mutex<LocalHistogram>,
    count: u32,
    last: Option<Instant>,
}

impl Gaps {
    pub(super) fn new(histogram: &Histogram) -> Gaps {
        Gaps { gathered: Mutex::new(histogram.local()), count: 0, last: None }
    }

    /// Events came at that time; the first call begins to count.
    pub fn arrived(&mut self, now: Instant) {
        let Some(last) = self.last.replace(now) else { return };
        let gap = now.saturating_duration_since(last);
        let gathered = self.gathered.get_mut().unwrap_or_else(PoisonError::into_inner);
        gathered.observe(gap.as_secs_f64());
        self.count += 1;
        if self.count >= GATHERED || gap >= LONG {
            gathered.flush();
            self.count = 0;
        }
    }
}
