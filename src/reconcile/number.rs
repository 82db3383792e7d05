//! Numbers and days as exports write them.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Why a cell cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CellError {
    /// It is no whole number.
    #[error("is no whole number; if a spreadsheet rewrote the file, download it again")]
    NoCount,
    /// It is no day.
    #[error("is no UTC day or time")]
    NoDay,
}

/// A count: `1234`, `1234.0` (as OpenAI's dashboard writes it), `1,234`, or nothing, which is 0.
pub(super) fn count(text: &str) -> Result<u64, CellError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(0);
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|byte| byte == b'0') {
        return Err(CellError::NoCount);
    }
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let mut digits = first.to_owned();
    for group in groups {
        if group.len() != 3 || !(1..=3).contains(&first.len()) {
            return Err(CellError::NoCount);
        }
        digits.push_str(group);
    }
    // `parse` takes a sign too.
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(CellError::NoCount);
    }
    digits.parse().map_err(|_| CellError::NoCount)
}

/// A moment in whole seconds since 1970: Unix seconds, an ISO time with its offset, or a day or time in UTC without one.
pub(super) fn moment(text: &str) -> Result<i64, CellError> {
    let text = text.trim();
    let number = text.strip_suffix(".0").unwrap_or(text);
    if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = number.parse().map_err(|_| CellError::NoDay)?;
        // Only what is a day of the calendar can be one of the ledger's.
        return Timestamp::from_second(seconds).map(Timestamp::as_second).map_err(|_| CellError::NoDay);
    }
    let text = text.strip_suffix(" UTC").unwrap_or(text);
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment.as_second());
    }
    let civil: jiff::civil::DateTime = text.parse().map_err(|_| CellError::NoDay)?;
    civil.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp().as_second()).map_err(|_| CellError::NoDay)
}

/// The UTC day of a moment that [`moment`] gave.
pub(super) fn day(seconds: i64) -> Result<Date, CellError> {
    let moment = Timestamp::from_second(seconds).map_err(|_| CellError::NoDay)?;
    Ok(moment.to_zoned(TimeZone::UTC).date())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_as_exports_write_them() {
        for (text, expected) in [
            ("", 0),
            (" ", 0),
            ("0", 0),
            ("59200.0", 59_200),
            ("46264", 46_264),
            ("1,234,567", 1_234_567),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(count(text), Ok(expected), "{text:?}");
        }
        for text in ["-1", "+1", "1.5", "1e6", "1.2E+06", "12,34", "1234,567", ",123", "x", "18446744073709551616"] {
            assert_eq!(count(text), Err(CellError::NoCount), "{text:?}");
        }
    }

    #[test]
    fn days_are_utc_days() {
        for (text, expected) in [
            ("1759622400", "2025-10-05"),
            ("1759622400.0", "2025-10-05"),
            ("2025-10-05T00:00:00+00:00", "2025-10-05"),
            ("2025-10-05T23:30:00-02:00", "2025-10-06"),
            ("2026-08-05", "2026-08-05"),
            ("2026-08-05T00:00:00Z", "2026-08-05"),
            ("2025-11-28 15:00", "2025-11-28"),
            ("2025-11-28 15:00:00 UTC", "2025-11-28"),
        ] {
            let day = moment(text).and_then(day).map(|day| day.to_string());
            assert_eq!(day.as_deref(), Ok(expected), "{text:?}");
        }
        for text in ["", "yesterday", "28.11.2025", "2025-13-01", "99999999999999999999", "999999999999999"] {
            assert_eq!(moment(text), Err(CellError::NoDay), "{text:?}");
        }
    }
}
