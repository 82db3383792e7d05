//! Times as requests say them and answers show them: days, moments, spans before now.

use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

const DAY_SECONDS: u64 = 24 * 60 * 60;

/// The longest span before now that is understood, in seconds: a hundred years.
const MAX_SPAN: u64 = 100 * 366 * DAY_SECONDS;

/// The moments that can be written: until the end of the year 9999.
const KNOWN: RangeInclusive<u64> = 0..=253_402_300_799;

/// What a moment can be written as.
pub(super) const MOMENT_FORMS: &str =
    "a date (2026-11-22), a time with its zone (2026-11-22T12:00:00Z), or a span before now (24h, 7d)";

/// A moment in a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// A whole UTC day, by the second at which it begins.
    Day(u64),
    /// A point of time, in milliseconds since 1970.
    Point(u64),
}

impl Moment {
    /// Reads a moment; `None` when the text is none.
    pub(super) fn parse(text: &str, now: SystemTime) -> Option<Moment> {
        if let Some(seconds) = span(text) {
            return Some(Moment::Point(millis(now).saturating_sub(seconds * 1000)));
        }
        if let Some(second) = date(text) {
            return Some(Moment::Day(second));
        }
        let time = text.parse::<Timestamp>().ok()?;
        u64::try_from(time.as_millisecond()).ok().map(Moment::Point)
    }

    /// The UTC day it lies in, in days since 1970.
    pub(super) fn day(self) -> u32 {
        let second = match self {
            Moment::Day(second) => second,
            Moment::Point(millis) => millis / 1000,
        };
        u32::try_from(second / DAY_SECONDS).unwrap_or(u32::MAX)
    }

    /// Where it begins, in milliseconds since 1970.
    pub(super) const fn begin_ms(self) -> u64 {
        match self {
            Moment::Day(second) => second * 1000,
            Moment::Point(millis) => millis,
        }
    }

    /// Where it ends: a day is over at the next midnight, a point at once.
    pub(super) const fn end_ms(self) -> u64 {
        match self {
            Moment::Day(second) => (second + DAY_SECONDS) * 1000,
            Moment::Point(millis) => millis,
        }
    }
}

/// A moment to come, as a body has it: a date (its beginning in UTC) or a time with its zone, in seconds since 1970.
pub(super) fn second(text: &str) -> Option<u64> {
    let at = date(text).or_else(|| u64::try_from(text.parse::<Timestamp>().ok()?.as_second()).ok())?;
    KNOWN.contains(&at).then_some(at)
}

/// Whether a second since 1970 can be written as a date.
pub(super) fn is_known(second: u64) -> bool {
    KNOWN.contains(&second)
}

/// `2027-01-01` and nothing else: what has a time in it and no zone could mean any of two dozen moments.
fn date(text: &str) -> Option<u64> {
    let date: Date = text.parse().ok().filter(|date: &Date| date.to_string() == text)?;
    u64::try_from(date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second()).ok()
}

/// A whole number and its unit, in seconds.
fn span(text: &str) -> Option<u64> {
    let units = [("s", 1), ("m", 60), ("h", 3600), ("d", DAY_SECONDS), ("w", 7 * DAY_SECONDS)];
    let (number, unit) =
        units.into_iter().find_map(|(name, seconds)| text.strip_suffix(name).map(|number| (number, seconds)))?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(unit).filter(|seconds| *seconds <= MAX_SPAN)
}

/// Whole seconds since 1970.
pub(super) fn unix(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn millis(time: SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).as_ref().map_or(0, Duration::as_millis)).unwrap_or(u64::MAX)
}

/// The UTC day of a time, in days since 1970.
pub(super) fn day_of(time: SystemTime) -> u32 {
    u32::try_from(unix(time) / DAY_SECONDS).unwrap_or(u32::MAX)
}

/// A UTC day as a date.
pub(super) fn date_of_day(day: u32) -> Option<Date> {
    let second = i64::from(day).checked_mul(i64::try_from(DAY_SECONDS).ok()?)?;
    Some(Timestamp::from_second(second).ok()?.to_zoned(TimeZone::UTC).date())
}

/// A UTC day as it is written; the number where there is no such date.
pub(super) fn day_text(day: u32) -> String {
    date_of_day(day).map_or_else(|| day.to_string(), |date| date.to_string())
}

/// Seconds since 1970 in RFC 3339.
pub(super) fn rfc3339(second: u64) -> Option<String> {
    Some(Timestamp::from_second(i64::try_from(second).ok()?).ok()?.to_string())
}

/// Milliseconds since 1970 in RFC 3339, with three digits after the point.
pub(super) fn rfc3339_ms(millis: u64) -> Option<String> {
    let at = Timestamp::from_millisecond(i64::try_from(millis).ok()?).ok()?;
    Some(format!("{at:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_795_348_800 + 3600)
    }

    #[test]
    fn moments_are_days_times_or_spans_before_now() {
        for (text, expected) in [
            ("2026-11-22", Moment::Day(1_795_305_600)),
            ("2026-11-22T00:00:00Z", Moment::Point(1_795_305_600_000)),
            ("2026-11-22T01:00:00.5+01:00", Moment::Point(1_795_305_600_500)),
            ("1h", Moment::Point(1_795_348_800_000)),
            ("7d", Moment::Point((1_795_352_400 - 7 * 86_400) * 1000)),
            ("1000w", Moment::Point((1_795_352_400 - 7000 * 86_400) * 1000)),
        ] {
            assert_eq!(Moment::parse(text, now()), Some(expected), "{text}");
        }
        for text in
            ["", "d", "-1d", "1.5h", "7", "tomorrow", "2026-11-22T12:00:00", "2026-13-01", "1960-01-01", "99999w"]
        {
            assert_eq!(Moment::parse(text, now()), None, "{text}");
        }
    }

    #[test]
    fn a_day_ends_at_midnight_and_a_point_at_once() {
        let day = Moment::Day(1_795_305_600);
        assert_eq!((day.begin_ms(), day.end_ms()), (1_795_305_600_000, 1_795_392_000_000));
        let point = Moment::Point(1_795_305_600_001);
        assert_eq!((point.begin_ms(), point.end_ms()), (1_795_305_600_001, 1_795_305_600_001));
        assert_eq!(day_text(day.day()), "2026-11-22");
        assert_eq!(day_text(point.day()), "2026-11-22");
        assert_eq!(day_of(now()), day.day());
    }

    #[test]
    fn times_are_written_in_full() {
        assert_eq!(rfc3339(1_795_305_600).as_deref(), Some("2026-11-22T00:00:00Z"));
        assert_eq!(rfc3339_ms(1_795_305_600_040).as_deref(), Some("2026-11-22T00:00:00.040Z"));
        assert_eq!(rfc3339_ms(u64::MAX), None);
        assert_eq!(second("2027-01-01"), second("2027-01-01T00:00:00Z"));
        assert_eq!(second("2027-01-01T00:00:00"), None);
    }
}
