//! Times as they are said on the command line.

use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The longest grace time of a rotated key, in seconds.
const MAX_GRACE: u64 = 30 * 24 * 3600;

/// The longest span of time that is understood, in seconds: a hundred years.
const MAX_SPAN: u64 = 100 * 366 * 24 * 3600;

/// Now, in whole seconds since 1970; a clock before that counts as 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Why a text is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum WhenError {
    #[error("write a day (`2027-01-01`), a time (`2027-01-01T12:00:00Z`) or a span from now on (`90d`, `12h`)")]
    Moment,
    #[error("write a day (`2026-11-22`), a time (`2026-11-22T12:00:00Z`) or a span before now (`7d`, `24h`)")]
    Past,
    #[error("write a span of time up to 30 days, such as `24h`, `90m`, `7d` or `0`")]
    Grace,
}

/// A moment to come: fixed, or counted from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// Seconds since 1970.
    At(u64),
    /// Seconds from now on.
    In(u64),
}

impl Moment {
    /// In seconds since 1970.
    pub(super) fn since_1970(self, now: u64) -> u64 {
        match self {
            Moment::At(seconds) => seconds,
            Moment::In(seconds) => now.saturating_add(seconds),
        }
    }
}

impl FromStr for Moment {
    type Err = WhenError;

    fn from_str(text: &str) -> Result<Moment, WhenError> {
        if let Some(seconds) = span(text).filter(|seconds| *seconds > 0) {
            return Ok(Moment::In(seconds));
        }
        day(text).or_else(|| time(text)).map(Moment::At).ok_or(WhenError::Moment)
    }
}

/// A moment that was, as the admin API understands it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Past {
    /// The UTC day that begins at that second since 1970.
    Day(u64),
    /// Seconds since 1970.
    At(u64),
    /// Seconds before now.
    Ago(u64),
}

impl Past {
    /// Where it begins, in milliseconds since 1970.
    pub(super) const fn begin_ms(self, now: u64) -> u64 {
        let second = match self {
            Past::Day(second) | Past::At(second) => second,
            Past::Ago(seconds) => now.saturating_sub(seconds),
        };
        second.saturating_mul(1000)
    }

    /// Where it ends: a day at its end, all else at once.
    pub(super) const fn end_ms(self, now: u64) -> u64 {
        match self {
            Past::Day(second) => Past::At(second.saturating_add(24 * 3600)).begin_ms(now),
            other => other.begin_ms(now),
        }
    }
}

impl FromStr for Past {
    type Err = WhenError;

    fn from_str(text: &str) -> Result<Past, WhenError> {
        let ago = span(text).map(Past::Ago);
        ago.or_else(|| day(text).map(Past::Day)).or_else(|| time(text).map(Past::At)).ok_or(WhenError::Past)
    }
}

/// The second since 1970 at which a UTC day begins.
fn day(text: &str) -> Option<u64> {
    let day: Date = text.parse().ok().filter(|day: &Date| day.to_string() == text)?;
    u64::try_from(day.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second()).ok()
}

/// A time with its zone, in seconds since 1970.
fn time(text: &str) -> Option<u64> {
    u64::try_from(text.parse::<Timestamp>().ok()?.as_second()).ok()
}

/// How long a rotated secret works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grace(u64);

impl Grace {
    pub(super) const fn seconds(self) -> u64 {
        self.0
    }
}

impl FromStr for Grace {
    type Err = WhenError;

    fn from_str(text: &str) -> Result<Grace, WhenError> {
        let seconds = if text == "0" { Some(0) } else { span(text) };
        seconds.filter(|seconds| *seconds <= MAX_GRACE).map(Grace).ok_or(WhenError::Grace)
    }
}

/// A whole number and its unit, in seconds.
fn span(text: &str) -> Option<u64> {
    let units = [("s", 1), ("m", 60), ("h", 3600), ("d", 24 * 3600), ("w", 7 * 24 * 3600)];
    let (number, unit) =
        units.into_iter().find_map(|(name, seconds)| text.strip_suffix(name).map(|number| (number, seconds)))?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(unit).filter(|seconds| *seconds <= MAX_SPAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_days_times_or_spans() {
        for (text, expected) in [
            ("2027-01-01", Moment::At(1_798_761_600)),
            ("2027-01-01T00:00:00Z", Moment::At(1_798_761_600)),
            ("2027-01-01T01:00:00+01:00", Moment::At(1_798_761_600)),
            ("90d", Moment::In(7_776_000)),
            ("12h", Moment::In(43_200)),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in ["", "d", "-1d", "0d", "tomorrow", "1960-01-01", "2027-13-01", "99999999d", "1.5h"] {
            assert_eq!(text.parse::<Moment>(), Err(WhenError::Moment), "{text}");
        }
        assert!("2027-01-01T12:00:00".parse::<Moment>().is_err(), "a time without a zone could be any");
        assert_eq!(Moment::In(60).since_1970(1000), 1060);
        assert_eq!(Moment::At(5).since_1970(1000), 5);
    }

    #[test]
    fn what_was_is_a_day_a_time_or_a_span_before_now() {
        let spans = |text: &str| text.parse::<Past>().map(|past| (past.begin_ms(100_000), past.end_ms(100_000)));
        assert_eq!(spans("1970-01-02"), Ok((86_400_000, 172_800_000)));
        assert_eq!(spans("1970-01-01T00:00:05Z"), Ok((5_000, 5_000)));
        assert_eq!(spans("10s"), Ok((99_990_000, 99_990_000)));
        assert_eq!(spans("7d"), Ok((0, 0)));
        assert_eq!(spans("yesterday"), Err(WhenError::Past));
    }

    #[test]
    fn a_grace_time_is_at_most_thirty_days() {
        for (text, expected) in [("0", 0), ("0s", 0), ("24h", 86_400), ("90m", 5400), ("30d", MAX_GRACE)] {
            assert_eq!(text.parse(), Ok(Grace(expected)), "{text}");
        }
        for text in ["", "5", "31d", "-1h", "h", "1 h"] {
            assert_eq!(text.parse::<Grace>(), Err(WhenError::Grace), "{text}");
        }
    }
}
