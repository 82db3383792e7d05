//! The time stamps that providers write in their headers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Days from 1970-01-01 to that date of the Gregorian calendar; `None` when there is no such month or day.
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years begin in March here, so that the leap day is the last of its year.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    Some(year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468)
}

/// Reads an RFC 3339 time stamp (`2026-11-22T17:13:58Z`, with a fraction or an offset); fractions are dropped.
#[must_use]
pub(super) fn rfc3339(text: &str) -> Option<SystemTime> {
    let (date, rest) = text.trim().split_once(['T', 't', ' '])?;
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let days = days_from_civil(parts.next()??, parts.next()??, parts.next()??)?;

    let zone_at = rest.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = rest.split_at_checked(zone_at)?;
    let clock = clock.split('.').next()?;
    let offset = match zone.strip_prefix(['+', '-']) {
        None => 0,
        Some(offset) => {
            let seconds = clock_seconds(offset, 2)?;
            if zone.starts_with('-') { -seconds } else { seconds }
        }
    };
    let seconds = days * 86_400 + clock_seconds(clock, 3)? - offset;
    UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
}

/// Seconds of `HH:MM:SS` (three parts) or `HH:MM` (two parts).
fn clock_seconds(text: &str, parts: usize) -> Option<i64> {
    let numbers: Vec<i64> =
        text.split(':').map(|part| part.parse::<u8>().ok().map(i64::from)).collect::<Option<_>>()?;
    if numbers.len() != parts {
        return None;
    }
    Some(numbers.iter().zip([3_600, 60, 1]).map(|(number, unit)| number * unit).sum())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn dates_are_counted_from_the_epoch() {
        assert_eq!(days_from_civil(1970, 1, 1), Some(0));
        assert_eq!(days_from_civil(2000, 3, 1), Some(11_017));
        assert_eq!(days_from_civil(2026, 11, 22), Some(20_779));
        assert_eq!(days_from_civil(2026, 13, 1), None);
    }

    #[test]
    fn time_stamps_are_read_with_fractions_and_offsets() {
        let at = |text| rfc3339(text).map(|time| time.duration_since(UNIX_EPOCH).unwrap().as_secs());
        assert_eq!(at("1970-01-02T00:00:10Z"), Some(86_410));
        assert_eq!(at("2026-11-22T17:13:58.25Z"), Some(20_779 * 86_400 + 62_038));
        assert_eq!(at("1970-01-02T01:00:00+01:00"), Some(86_400));
        assert_eq!(at("1970-01-01T23:00:00-01:00"), Some(86_400));
        for bad in ["", "2026-11-22", "2026-11-22T17:13Z", "x", "2026-99-22T17:13:58Z", "é-1-1T"] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }
}
