//! The windows of quotas: UTC days and calendar months.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SECONDS: u64 = 86_400;
/// Days from 0000-03-01 to 1970-01-01.
const DAYS_TO_1970: u64 = 719_468;
/// Days in 400 years: then the calendar repeats.
const ERA: u64 = 146_097;

/// A UTC day, as the number of days since 1970-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Day(pub(super) u32);

/// A calendar month in UTC, as the number of months since January 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Month(pub(super) u32);

/// A window of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Period {
    /// A day.
    Day(Day),
    /// A month.
    Month(Month),
}

impl Day {
    /// The day of a moment; the first one for moments before 1970.
    pub(super) fn of(now: SystemTime) -> Day {
        let days = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / SECONDS);
        Day(u32::try_from(days).unwrap_or(u32::MAX))
    }

    /// The day after.
    pub(super) const fn next(self) -> Day {
        Day(self.0.saturating_add(1))
    }

    /// Midnight at its beginning.
    pub(super) fn start(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(u64::from(self.0) * SECONDS)
    }

    /// The month that it is a day of. Years are counted from March, so that the leap day is the last of its year.
    pub(super) fn month(self) -> Month {
        let since = u64::from(self.0) + DAYS_TO_1970;
        let (era, day_of_era) = (since / ERA, since % ERA);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        // March of the year 0 is month 2 when January is 0.
        let months = (400 * era + year_of_era) * 12 + month_from_march + 2;
        Month(u32::try_from(months.saturating_sub(1970 * 12)).unwrap_or(u32::MAX))
    }
}

impl Month {
    /// The month after.
    pub(super) const fn next(self) -> Month {
        Month(self.0.saturating_add(1))
    }

    /// Midnight at the beginning of its first day.
    pub(super) fn start(self) -> SystemTime {
        // Counted from March of the year 0.
        let months = u64::from(self.0) + 1970 * 12 - 2;
        let (year, month) = (months / 12, months % 12);
        let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5;
        UNIX_EPOCH + Duration::from_secs((days - DAYS_TO_1970) * SECONDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_day_ends_at_midnight() {
        let midnight = Day(20_000).start();
        assert_eq!(Day::of(midnight), Day(20_000));
        assert_eq!(Day::of(midnight - Duration::from_nanos(1)), Day(19_999));
        assert_eq!(Day::of(UNIX_EPOCH - Duration::from_secs(1)), Day(0));
        assert_eq!(Day(19_999).next(), Day(20_000));
    }

    #[test]
    fn months_begin_and_end_where_the_calendar_says() {
        for (seconds, year, month) in [
            (0, 1970, 1),
            (68_169_600, 1972, 2),    // 1972-02-29
            (951_782_400, 2000, 2),   // 2000-02-29, a leap year though it is a century
            (951_868_800, 2000, 3),   // 2000-03-01
            (1_772_236_800, 2026, 2), // 2026-02-28
            (1_772_323_200, 2026, 3), // 2026-03-01
            (1_798_675_200, 2026, 12),
            (4_107_542_400, 2100, 3), // 2100-03-01, the day after the 28th of February
        ] {
            assert_eq!(Day::of(at(seconds)).month(), Month((year - 1970) * 12 + month - 1), "{seconds}");
        }
        assert_eq!(Month((2028 - 1970) * 12 + 2).start(), at(1_835_481_600), "2028-03-01");
        assert_eq!(Day::of(at(1_835_481_600 - 1)).month(), Month((2028 - 1970) * 12 + 1));
        assert_eq!(Month((2027 - 1970) * 12).start(), at(1_798_761_600), "2027-01-01");
        assert_eq!(Month(11).next(), Month(12));
    }

    #[test]
    fn every_day_of_four_centuries_is_in_the_month_that_follows_from_the_day_before() {
        let length = |month: u32| match (month % 12, 1970 + month / 12) {
            (1, year) if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
            (1, _) => 28,
            (3 | 5 | 8 | 10, _) => 30,
            _ => 31,
        };
        let (mut month, mut day) = (0, 0);
        for number in 0..146_097 {
            assert_eq!(Day(number).month(), Month(month));
            if day == 0 {
                assert_eq!(Month(month).start(), Day(number).start());
            }
            day += 1;
            if day == length(month) {
                (month, day) = (month + 1, 0);
            }
        }
    }

    #[test]
    fn the_end_of_time_is_no_panic() {
        let last = Day(u32::MAX);
        assert_eq!(last.next(), last);
        assert_eq!(Day::of(last.start()), last);
        assert_eq!(Day::of(last.month().start()).month(), last.month());
        assert!(Month(u32::MAX).next().start() > last.start());
    }
}
