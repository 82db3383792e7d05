//! UTC days: the windows of daily quotas.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SECONDS: u64 = 86_400;

/// A UTC day, as the number of days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day(pub(super) u64);

impl Day {
    /// The day of a moment; the first one for moments before 1970.
    pub(super) fn of(now: SystemTime) -> Day {
        Day(now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / SECONDS))
    }

    pub(super) const fn next(self) -> Day {
        Day(self.0 + 1)
    }

    /// Midnight at its beginning.
    pub(super) fn start(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.0 * SECONDS)
    }
}

/// Its beginning in the form of RFC 3339: `2026-11-23T00:00:00Z`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}T00:00:00Z")
    }
}

impl Day {
    /// Year, month and day of the month in the Gregorian calendar. Years are counted from March, so that the leap day is
    /// the last of its year; the calendar repeats every 400 years.
    fn civil(self) -> (u64, u64, u64) {
        const DAYS_TO_1970: u64 = 719_468; // from 0000-03-01
        const ERA: u64 = 146_097; // days in 400 years
        let since = self.0 + DAYS_TO_1970;
        let (era, day_of_era) = (since / ERA, since % ERA);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = 400 * era + year_of_era + u64::from(month <= 2);
        (year, month, day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_dates() {
        for (seconds, date) in [
            (0, "1970-01-01"),
            (68_169_600, "1972-02-29"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_772_236_800, "2026-02-28"),
            (1_772_323_200, "2026-03-01"),
            (1_795_392_000, "2026-11-23"),
            (1_798_675_200, "2026-12-31"),
            (4_107_542_400, "2100-03-01"),
        ] {
            let day = Day::of(UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(day.to_string(), format!("{date}T00:00:00Z"));
            assert_eq!(day.start(), UNIX_EPOCH + Duration::from_secs(seconds));
        }
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let length = |year: u64, month: u64| match month {
            2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for number in 0..146_097 {
            assert_eq!(Day(number).civil(), (year, month, day));
            day += 1;
            if day > length(year, month) {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
    }

    #[test]
    fn a_day_ends_at_midnight() {
        let midnight = Day(20_000).start();
        assert_eq!(Day::of(midnight), Day(20_000));
        assert_eq!(Day::of(midnight - Duration::from_nanos(1)), Day(19_999));
        assert_eq!(Day::of(UNIX_EPOCH - Duration::from_secs(1)), Day(0));
        assert_eq!(Day(19_999).next(), Day(20_000));
    }
}
