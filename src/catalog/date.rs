//! Calendar dates, as days, for what the catalogue knows of releases and shutdowns.

use std::fmt;
use std::str::FromStr;

const SECONDS_PER_DAY: u64 = 86_400;

/// Days in 400 years of the Gregorian calendar, after which it repeats.
const DAYS_PER_ERA: u32 = 146_097;

/// From the first of March of the year 0 to the first of January 1970.
const DAYS_BEFORE_EPOCH: u32 = 719_468;

/// A UTC date from 1970 on, held as days since 1970-01-01. Prints as `2026-11-22`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(u32);

impl Date {
    /// The date that many seconds after the start of 1970 fall on.
    #[must_use]
    pub fn from_unix_seconds(seconds: u64) -> Date {
        Date(u32::try_from(seconds / SECONDS_PER_DAY).unwrap_or(u32::MAX))
    }

    /// Midnight at its start, in seconds since the start of 1970.
    #[must_use]
    pub fn unix_seconds(self) -> u64 {
        u64::from(self.0) * SECONDS_PER_DAY
    }

    /// Days from this date to a later one; 0 when the other is not later.
    #[must_use]
    pub const fn days_until(self, later: Date) -> u32 {
        later.0.saturating_sub(self.0)
    }

    /// `None` before 1970; a day past the end of its month is one of the next month.
    /// Counts in years that begin in March, so that the leap day is the last of the year.
    fn from_civil(year: u32, month: u32, day: u32) -> Option<Date> {
        if year == 0 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        let (year, month_from_march) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let (era, year_of_era) = (year / 400, year % 400);
        let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        (era * DAYS_PER_ERA + day_of_era).checked_sub(DAYS_BEFORE_EPOCH).map(Date)
    }

    fn to_civil(self) -> (u32, u32, u32) {
        let days = self.0.saturating_add(DAYS_BEFORE_EPOCH);
        let (era, day_of_era) = (days / DAYS_PER_ERA, days % DAYS_PER_ERA);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        (era * 400 + year_of_era + u32::from(month <= 2), month, day)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.to_civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// Reads `2026-11-22`, or `2026-11` as the first of that month.
impl FromStr for Date {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Date, DateError> {
        let fail = || DateError(text.into());
        let number = |part: &str, digits: usize| {
            let plain = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| part.parse::<u32>().ok()).flatten().ok_or_else(fail)
        };
        let mut parts = text.split('-');
        let year = number(parts.next().unwrap_or_default(), 4)?;
        let month = number(parts.next().unwrap_or_default(), 2)?;
        let day = parts.next().map_or(Ok(1), |part| number(part, 2))?;
        let date = Date::from_civil(year, month, day).filter(|date| date.to_civil() == (year, month, day));
        date.filter(|_| parts.next().is_none()).ok_or_else(fail)
    }
}

/// The text is not a date.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a date from 1970 on: write it as `2026-11-22` or `2026-11`")]
pub struct DateError(Box<str>);

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::Date;

    #[test]
    fn reads_counts_and_prints_dates() {
        for (text, seconds) in [
            ("1970-01-01", 0),
            ("1970-03-01", 5_097_600),
            ("2000-02-29", 951_782_400),
            ("2024-12-31", 1_735_603_200),
            ("2025-09-29", 1_759_104_000),
            ("2026-11-22", 1_795_305_600),
        ] {
            let date: Date = text.parse().unwrap();
            assert_eq!(date.unix_seconds(), seconds, "{text}");
            assert_eq!(date.to_string(), text);
            assert_eq!(Date::from_unix_seconds(seconds + 86_399), date, "{text}");
        }
    }

    #[test]
    fn every_day_of_two_centuries_survives_printing_and_reading() {
        for day in 0..73_049 {
            let date = Date(day);
            assert_eq!(date.to_string().parse(), Ok(date));
        }
    }

    #[test]
    fn a_month_without_a_day_is_its_first() {
        assert_eq!("2026-01".parse::<Date>().unwrap().to_string(), "2026-01-01");
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2026",
            "2026-1-1",
            "2026-13-01",
            "2026-00-10",
            "2026-02-29",
            "2026-11-00",
            "2026-03-00",
            "2026-11-22-1",
            "+026-01-01",
            "1969-12-31",
        ] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
    }

    #[test]
    fn counts_the_days_to_a_later_date() {
        let today: Date = "2026-11-22".parse().unwrap();
        assert_eq!(today.days_until("2026-12-11".parse().unwrap()), 19);
        assert_eq!(today.days_until("2026-01-01".parse().unwrap()), 0);
    }
}
