//! Figures as people read them: thousands apart, money with its sign, times in UTC; and texts of others, made harmless for a terminal.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::de::{self, Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Digits after the point of an amount of money that are kept.
const DIGITS: usize = 12;

/// Pico-dollars in a ten-thousandth of a dollar, the smallest amount that is shown.
const SHOWN_UNIT: i128 = 100_000_000;

/// US dollars, exact, as the gateway writes them: a JSON number or text with up to 12 digits after the point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Usd(i128);

impl Usd {
    pub(super) fn is_zero(self) -> bool {
        self.0 == 0
    }

    pub(super) fn is_negative(self) -> bool {
        self.0 < 0
    }

    pub(super) fn abs(self) -> Usd {
        Usd(self.0.saturating_abs())
    }

    /// This as a share of another amount, such as `12.3%`; absent when that is nothing.
    pub(super) fn share_of(self, whole: Usd) -> Option<String> {
        if whole.0 <= 0 {
            return None;
        }
        let tenths = self.0.saturating_mul(1000).saturating_add(whole.0 / 2).div_euclid(whole.0);
        Some(format!("{}.{}%", tenths.div_euclid(10), tenths.rem_euclid(10)))
    }
}

/// Why a text is no amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write dollars as a plain decimal number, such as `12.5`")]
pub(super) struct UsdError;

impl FromStr for Usd {
    type Err = UsdError;

    fn from_str(text: &str) -> Result<Usd, UsdError> {
        let (negative, number) = match text.strip_prefix('-') {
            Some(number) => (true, number),
            None => (false, text),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > DIGITS {
            return Err(UsdError);
        }
        let pico: i128 = format!("{whole}{fraction:0<DIGITS$}").parse().map_err(|_| UsdError)?;
        Ok(Usd(if negative { -pico } else { pico }))
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Usd, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        raw.get().trim_matches('"').parse().map_err(de::Error::custom)
    }
}

/// With four digits after the point: `$1,234.5678`; `<$0.0001` for less than that.
impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let rounded = (self.0.saturating_abs().saturating_add(SHOWN_UNIT / 2)) / SHOWN_UNIT;
        if rounded == 0 && self.0 != 0 {
            return write!(f, "<{sign}$0.0001");
        }
        write!(f, "{sign}${}.{:04}", grouped(&(rounded / 10_000).to_string()), rounded % 10_000)
    }
}

/// A count with its thousands apart: `1,234,567`.
pub(super) fn thousands(count: u64) -> String {
    grouped(&count.to_string())
}

/// The same with a sign.
pub(super) fn signed_thousands(count: i128) -> String {
    format!("{}{}", if count < 0 { "-" } else { "+" }, grouped(&count.unsigned_abs().to_string()))
}

fn grouped(digits: &str) -> String {
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A time in whole seconds since 1970: `2026-11-22 20:30:05 UTC`.
pub(super) fn time(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or_else(|| seconds.to_string(), |time| shown(time, "%Y-%m-%d %H:%M:%S UTC"))
}

/// A time in RFC 3339 without its fraction and offset, in UTC; as it is when it is none.
pub(super) fn rfc3339(text: &str) -> String {
    text.parse::<Timestamp>().map_or_else(|_| clean(text), |time| shown(time, "%Y-%m-%d %H:%M:%S"))
}

fn shown(time: Timestamp, format: &str) -> String {
    time.to_zoned(TimeZone::UTC).strftime(format).to_string()
}

/// Milliseconds: `850 ms`, `12.3 s`.
pub(super) fn milliseconds(count: u64) -> String {
    match count {
        0..10_000 => format!("{} ms", thousands(count)),
        _ => format!("{}.{} s", thousands(count / 1000), count % 1000 / 100),
    }
}

/// A text that somebody else wrote, with what a terminal would obey or be misled by written out.
pub(super) fn clean(text: &str) -> String {
    let misleading = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !text.contains(misleading) {
        return text.to_owned();
    }
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if misleading(c) { clean.extend(c.escape_default()) } else { clean.push(c) }
    }
    clean
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn money_is_exact_and_shown_with_four_digits() {
        for (text, expected) in [
            ("0", "$0.0000"),
            ("1.2345", "$1.2345"),
            ("1.23455", "$1.2346"),
            ("1234567.5", "$1,234,567.5000"),
            ("0.99999999", "$1.0000"),
            ("0.00004", "<$0.0001"),
            ("-0.5", "-$0.5000"),
            ("18446744.073709551615", "$18,446,744.0737"),
        ] {
            assert_eq!(text.parse::<Usd>().unwrap().to_string(), expected, "{text}");
        }
        for text in ["", "-", ".5", "5.", "1e-7", "1,5", "0.0000000000001", "$1"] {
            assert_eq!(text.parse::<Usd>(), Err(UsdError), "{text}");
        }
    }

    #[test]
    fn money_is_a_number_or_a_text_in_json() {
        let read: Vec<Usd> = serde_json::from_str(r#"[12.5, "12.5", 0.000000000001, 3]"#).unwrap();
        assert_eq!(read, [Usd(12_500_000_000_000), Usd(12_500_000_000_000), Usd(1), Usd(3_000_000_000_000)]);
        assert!(serde_json::from_str::<Usd>("1e-7").is_err());
        assert!(serde_json::from_str::<Usd>("true").is_err());
    }

    #[test]
    fn shares_have_one_digit() {
        let usd = |text: &str| text.parse::<Usd>().unwrap();
        assert_eq!(usd("1").share_of(usd("8")).as_deref(), Some("12.5%"));
        assert_eq!(usd("0").share_of(usd("8")).as_deref(), Some("0.0%"));
        assert_eq!(usd("1").share_of(usd("0")), None);
    }

    #[test]
    fn counts_and_times_are_made_for_reading() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([-1, 0, 12_000].map(signed_thousands), ["-1", "+0", "+12,000"]);
        assert_eq!(time(1_790_000_000), "2026-09-21 14:13:20 UTC");
        assert_eq!(time(u64::MAX), u64::MAX.to_string());
        assert_eq!(rfc3339("2026-11-22T20:30:05.123Z"), "2026-11-22 20:30:05");
        assert_eq!(rfc3339("soon"), "soon");
        assert_eq!([850, 9_999, 12_345].map(milliseconds), ["850 ms", "9,999 ms", "12.3 s"]);
    }

    #[test]
    fn a_terminal_obeys_nothing_of_what_others_wrote() {
        assert_eq!(clean("gpt-5 \u{e9}"), "gpt-5 \u{e9}");
        assert_eq!(clean("a\u{1b}[31m\nb\u{202e}"), "a\\u{1b}[31m\\nb\\u{202e}");
    }
}
