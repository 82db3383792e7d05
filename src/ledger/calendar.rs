//! Which day it is for deletion. What is deleted is gone for good, so a clock that is far ahead is not believed at once.
//!
//! The file remembers the last day that was believed. A later one is believed when it is at most [`STOOD_STILL`] days away (the gateway
//! stood still meanwhile) or, once the clock has jumped while the gateway ran, at most [`JUMP`]; and any, as soon as the clock
//! has kept step with the monotonic one for [`CONFIRMED`]. Until then rows are deleted as on the day that was believed last.

use std::time::{Duration, Instant, SystemTime};

use redb::{ReadableTable, WriteTransaction};

use super::tables::{DAYS, Totals};
use super::window::Day;

/// Days that may have passed while the gateway did not run.
const STOOD_STILL: u32 = 7;

/// Days that the clock may jump by while it runs.
const JUMP: u32 = 1;

/// How long the clock must have kept step with the monotonic one.
const CONFIRMED: Duration = Duration::from_secs(86_400);

/// How far the two may be apart and still be in step: clocks are set a little all the time.
const STEP: Duration = Duration::from_secs(3_600);

/// The clock since it was set last.
#[derive(Debug)]
pub(super) struct Calendar {
    set: (SystemTime, Instant),
    jumped: bool,
    warned: bool,
}

/// What the clock says, and how far it is to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sight {
    pub(super) day: Day,
    /// Days after the last one believed that need no proof; `None`: the clock is proven.
    pub(super) ahead: Option<u32>,
}

/// The day to delete by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Believed {
    pub(super) day: Day,
    /// Whether the clock says a later one, and is not believed.
    pub(super) doubted: bool,
}

impl Calendar {
    pub(super) const fn new(now: SystemTime, at: Instant) -> Calendar {
        Calendar { set: (now, at), jumped: false, warned: false }
    }

    /// Looks at the clock.
    pub(super) fn look(&mut self, now: SystemTime, at: Instant) -> Sight {
        let (set_now, set_at) = self.set;
        let expected = set_now.checked_add(at.saturating_duration_since(set_at)).unwrap_or(now);
        let apart = match now.duration_since(expected) {
            Ok(ahead) => ahead,
            Err(behind) => behind.duration(),
        };
        if apart > STEP {
            self.set = (now, at);
            self.jumped = true;
        }
        let proven = at.saturating_duration_since(self.set.1) >= CONFIRMED;
        self.jumped &= !proven;
        let ahead = if self.jumped { JUMP } else { STOOD_STILL };
        Sight { day: Day::of(now), ahead: (!proven).then_some(ahead) }
    }

    /// Says once that the clock is doubted, until it is believed again.
    pub(super) fn tell(&mut self, sight: Sight, believed: Believed) {
        if believed.doubted && !self.warned {
            log::warn!(
                days_ahead = sight.day.0.saturating_sub(believed.day.0);
                "the clock is far ahead of what the ledger has seen: nothing more is deleted for its age until the clock has gone on like that for a day"
            );
        }
        self.warned = believed.doubted;
    }
}

/// The day to delete by, which the file takes note of.
pub(super) fn believe(transaction: &WriteTransaction, sight: Sight) -> Result<Believed, redb::Error> {
    let newest = transaction.open_table(DAYS)?.last()?.map(|(day, _)| Day(day.value()));
    Totals::update(transaction, |totals| {
        let last = totals.believed_day.checked_sub(1).map(|day| Day(u32::try_from(day).unwrap_or(u32::MAX)));
        // A file of before this was kept: it was used on the last day that it has.
        let last = last.or(newest).unwrap_or(sight.day);
        let doubted = sight.ahead.is_some_and(|ahead| sight.day.0 > last.0.saturating_add(ahead));
        let day = if doubted { last } else { sight.day };
        // A clock that is behind may only be late to be set.
        let note = if sight.ahead.is_some() { day.max(last) } else { day };
        totals.believed_day = u64::from(note.0) + 1;
        Ok(Believed { day, doubted })
    })
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    /// A calendar at noon of day 100, and what it sees after so long by the monotonic clock and by the other.
    fn sights<const N: usize>(times: [(Duration, u32); N]) -> [Option<u32>; N] {
        let (begin, at) = (Day(100).start() + DAY / 2, Instant::now());
        let mut calendar = Calendar::new(begin, at);
        times.map(|(passed, days_ahead)| calendar.look(begin + passed + DAY * days_ahead, at + passed).ahead)
    }

    #[test]
    fn a_clock_that_goes_on_for_a_day_is_proven() {
        assert_eq!(sights([(DAY / 2, 0), (DAY, 0), (DAY * 50, 0)]), [Some(STOOD_STILL), None, None]);
    }

    #[test]
    fn a_clock_that_jumps_has_to_prove_itself_anew() {
        let minute = Duration::from_secs(60);
        let times = [(DAY, 0), (DAY + minute, 4_000), (DAY * 2, 4_000), (DAY * 2 + minute, 4_000), (DAY * 3, 0)];
        assert_eq!(sights(times), [None, Some(JUMP), Some(JUMP), None, Some(JUMP)]);
    }

    #[test]
    fn a_clock_that_is_set_by_minutes_goes_on() {
        let (begin, at) = (UNIX_EPOCH + DAY * 100, Instant::now());
        let mut calendar = Calendar::new(begin, at);
        let late = begin + DAY - Duration::from_secs(600);
        assert_eq!(calendar.look(late, at + DAY).ahead, None);
    }
}
