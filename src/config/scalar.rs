//! Times and sizes as they are written in the file: `500ms`, `5s`, `30m`; `32MiB`, `10MB`; and decimal numbers.

use std::time::Duration;

/// A time: a number with `ms`, `s`, `m` or `h`; seconds without a unit.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text)?;
    let milliseconds = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(milliseconds).map(Duration::from_millis)
}

/// A size: a number with `B`, `kB`, `KiB`, `MB`, `MiB`, `GB`, `GiB`, `TB` or `TiB` (in any case); bytes without a unit.
pub(super) fn size(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let bytes = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "kib" => 1 << 10,
        "mb" => 1_000_000,
        "mib" => 1 << 20,
        "gb" => 1_000_000_000,
        "gib" => 1 << 30,
        "tb" => 1_000_000_000_000,
        "tib" => 1 << 40,
        _ => return None,
    };
    number.checked_mul(bytes)
}

/// A plain decimal number (no sign, no exponent) in thousandths; `None` when it has more than three digits after the point.
pub(super) fn thousandths(text: &str) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_plain = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_plain(whole) || !is_plain(fraction) || fraction.bytes().skip(3).any(|digit| digit != b'0') {
        return None;
    }
    let padded = fraction.bytes().chain(std::iter::repeat(b'0')).take(3);
    whole.bytes().chain(padded).try_fold(0_u32, |sum, digit| sum.checked_mul(10)?.checked_add(u32::from(digit - b'0')))
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim_start()))
}

/// A time, in the largest unit that needs no fraction.
pub(super) fn show_duration(time: Duration) -> String {
    if time.is_zero() {
        return "0s".to_owned();
    }
    let milliseconds = time.as_millis();
    for (unit, length) in [("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
        if milliseconds >= length && milliseconds.is_multiple_of(length) {
            return format!("{}{unit}", milliseconds / length);
        }
    }
    format!("{milliseconds}ms")
}

/// A size, in the largest unit that needs no fraction.
pub(super) fn show_size(bytes: u64) -> String {
    for (unit, length) in [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if bytes >= length && bytes.is_multiple_of(length) {
            return format!("{}{unit}", bytes / length);
        }
    }
    format!("{bytes}B")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{duration, show_duration, show_size, size, thousandths};

    #[test]
    fn times_have_a_unit_or_are_seconds() {
        for (text, milliseconds) in [
            ("500ms", Some(500)),
            ("5s", Some(5_000)),
            ("5", Some(5_000)),
            ("30m", Some(1_800_000)),
            ("2h", Some(7_200_000)),
            (" 10 s ", Some(10_000)),
            ("0s", Some(0)),
            ("5.5s", None),
            ("-5s", None),
            ("5 sec", None),
            ("s", None),
            ("", None),
            ("99999999999999999999s", None),
            ("18446744073709551615h", None),
        ] {
            assert_eq!(duration(text), milliseconds.map(Duration::from_millis), "{text:?}");
        }
    }

    #[test]
    fn sizes_have_a_unit_or_are_bytes() {
        for (text, bytes) in [
            ("32MiB", Some(33_554_432)),
            ("10MB", Some(10_000_000)),
            ("10 mb", Some(10_000_000)),
            ("1kB", Some(1_000)),
            ("4KiB", Some(4_096)),
            ("1GiB", Some(1 << 30)),
            ("2GB", Some(2_000_000_000)),
            ("1TiB", Some(1 << 40)),
            ("3TB", Some(3_000_000_000_000)),
            ("7B", Some(7)),
            ("7", Some(7)),
            ("32M", None),
            ("1.5MiB", None),
            ("MiB", None),
            ("99999999999GiB", None),
        ] {
            assert_eq!(size(text), bytes, "{text:?}");
        }
    }

    #[test]
    fn thousandths_are_exact_or_refused() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1", Some(1_000)),
            ("0.1", Some(100)),
            ("0.125", Some(125)),
            ("12.500000", Some(12_500)),
            ("007", Some(7_000)),
            ("4294967.295", Some(u32::MAX)),
            ("4294967.296", None),
            ("0.0001", None),
            (".5", None),
            ("5.", None),
            ("1e3", None),
            ("-1", None),
            ("+1", None),
            ("1.5.5", None),
            (" 1", None),
            ("", None),
        ] {
            assert_eq!(thousandths(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_shown_reads_back_as_the_same() {
        for milliseconds in [0, 1, 999, 1_000, 1_001, 60_000, 90_000, 3_600_000] {
            let time = Duration::from_millis(milliseconds);
            assert_eq!(duration(&show_duration(time)), Some(time));
        }
        for bytes in [0, 1, 1_023, 1_024, 1_025, 1 << 20, 32 << 20, 1 << 30, 1 << 40, u64::MAX] {
            assert_eq!(size(&show_size(bytes)), Some(bytes));
        }
    }
}
