//! What time it is for the books: a clock that was set back neither reopens a window nor holds one up.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::ledger::window::{Day, Month};

/// A day that begins at most this long after the time that is told goes on: requests around midnight come in any order.
const DAY_AHEAD: Duration = Duration::from_secs(3_600);
/// Seconds that the time may fall back without being taken for a clock that was set: so long, it stands still.
const STILL: u64 = 5;

/// The latest time that the books were told.
#[derive(Debug, Default)]
pub(super) struct Clock {
    day: Day,
    second: u64,
    set_back: u64,
}

/// One moment, as the books see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// What the clock says.
    pub(super) now: SystemTime,
    /// The day that counts.
    pub(super) day: Day,
    /// The month that counts: that of the day.
    pub(super) month: Month,
    /// Counts seconds without ever going back: those since 1970, and all that the clock was set back.
    pub(super) second: u64,
    set_back: u64,
}

impl Clock {
    /// Reads the clock.
    pub(super) fn at(&mut self, now: SystemTime) -> Moment {
        let day = Day::of(now);
        let ahead = self.day.start().duration_since(now).unwrap_or(Duration::ZERO);
        if day > self.day || ahead > DAY_AHEAD {
            self.day = day;
        }
        let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if second > self.second {
            self.second = second;
        } else if self.second - second > STILL {
            self.set_back = self.set_back.saturating_add(self.second - second);
            self.second = second;
        }
        Moment {
            now,
            day: self.day,
            month: self.day.month(),
            second: self.second.saturating_add(self.set_back),
            set_back: self.set_back,
        }
    }
}

impl Moment {
    /// The time at which [`Moment::second`] will be that one, if the clock is not set until then.
    pub(super) fn time_of(&self, second: u64) -> SystemTime {
        let since = Duration::from_secs(second.saturating_sub(self.set_back));
        UNIX_EPOCH.checked_add(since).unwrap_or(self.now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: u32, seconds: i64) -> SystemTime {
        let start = Day(day).start();
        if seconds < 0 {
            start - Duration::from_secs(seconds.unsigned_abs())
        } else {
            start + Duration::from_secs(seconds.unsigned_abs())
        }
    }

    #[test]
    fn a_day_that_has_begun_goes_on_when_the_clock_falls_back_a_little() {
        let mut clock = Clock::default();
        assert_eq!(clock.at(at(100, 1)).day, Day(100));
        assert_eq!(clock.at(at(100, -1)).day, Day(100));
        assert_eq!(clock.at(at(100, -3_600)).day, Day(100));
        assert_eq!(clock.at(at(100, -3_601)).day, Day(99));
        assert_eq!(clock.at(at(100, -1)).day, Day(99));
        assert_eq!(clock.at(at(100, 0)).day, Day(100));
    }

    #[test]
    fn a_clock_that_was_years_ahead_is_set_right_at_once() {
        let mut clock = Clock::default();
        clock.at(at(9_000, 0));
        assert_eq!(clock.at(at(100, 0)).day, Day(100));
        assert_eq!(clock.at(at(100, 0)).month, Month(3), "the 11th of April 1970");
    }

    #[test]
    fn seconds_never_go_back_and_go_on_when_the_clock_was_set_back() {
        let mut clock = Clock::default();
        let first = clock.at(at(100, 1_000)).second;
        assert_eq!(clock.at(at(100, 996)).second, first, "they stand still");
        assert_eq!(clock.at(at(100, 1_001)).second, first + 1);
        let back = clock.at(at(100, 500));
        assert_eq!(back.second, first + 1);
        assert_eq!(clock.at(at(100, 510)).second, first + 11);
        assert_eq!(back.time_of(first + 11), at(100, 510));
    }
}
