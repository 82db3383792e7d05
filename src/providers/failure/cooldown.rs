//! How long a provider asks to be left alone: the many ways of saying retry-after.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

use super::super::civil::rfc3339;

/// Pairs of headers: when the first says that nothing remains, the second says until when.
const WINDOWS: [(&str, &str); 8] = [
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
    ("ratelimit-remaining", "ratelimit-reset"),
];

/// What the provider asks for, if anything: `retry-after-ms`, `retry-after` (seconds, also with a fraction, or a
/// date), the body's own delay, else the latest reset of a limit of which nothing remains. Never zero.
pub(super) fn asked(headers: &HeaderMap, in_body: Option<Duration>) -> Option<Duration> {
    // The provider's own clock, so that ours may be wrong.
    let now =
        text(headers, "date").and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or_else(SystemTime::now);
    let until = |time: SystemTime| time.duration_since(now).ok();

    let milliseconds = text(headers, "retry-after-ms").and_then(|ms| Some(seconds(ms)? / 1_000));
    let after = || {
        let value = text(headers, "retry-after")?;
        seconds(value).or_else(|| until(httpdate::parse_http_date(value).ok()?))
    };
    let reset = || {
        WINDOWS
            .into_iter()
            .filter(|(remaining, _)| text(headers, remaining).is_some_and(|left| left == "0"))
            .filter_map(|(_, reset)| reset_in(text(headers, reset)?, now))
            .max()
    };
    let some = |wait: &Duration| !wait.is_zero();
    milliseconds.filter(some).or_else(|| after().filter(some)).or(in_body.filter(some)).or_else(|| reset().filter(some))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// A reset as a duration (`6m0s`, `7.66s`, `20ms`, `3`), a time stamp, or the milliseconds of one (OpenRouter).
fn reset_in(value: &str, now: SystemTime) -> Option<Duration> {
    const YEAR: Duration = Duration::from_secs(366 * 86_400);
    if let Some(time) = rfc3339(value) {
        return time.duration_since(now).ok();
    }
    let wait = seconds(value).or_else(|| spelled(value))?;
    if wait < YEAR {
        return Some(wait);
    }
    let epoch = if wait.as_secs() > 100_000_000_000 { wait / 1_000 } else { wait };
    SystemTime::UNIX_EPOCH.checked_add(epoch)?.duration_since(now).ok()
}

/// Seconds, also with a fraction.
fn seconds(value: &str) -> Option<Duration> {
    if !value.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    Duration::try_from_secs_f64(value.parse().ok()?).ok()
}

/// A duration of numbers with units: `1h2m3s`, `2m59.56s`, `20ms`.
pub(super) fn spelled(value: &str) -> Option<Duration> {
    let mut rest = value.trim();
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let (number, tail) = rest.split_at_checked(rest.find(|c: char| c.is_ascii_alphabetic())?)?;
        let unit_ends = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(unit_ends)?;
        let number = seconds(number)?;
        let part = match unit {
            "ms" => number / 1_000,
            "s" => number,
            "m" => number.checked_mul(60)?,
            "h" => number.checked_mul(3_600)?,
            "d" => number.checked_mul(86_400)?,
            _ => return None,
        };
        total = total.checked_add(part)?;
        rest = tail;
    }
    (!value.trim().is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .chain([(http::header::DATE, HeaderValue::from_static("Sun, 22 Nov 2026 17:00:00 GMT"))])
            .collect()
    }

    /// Headers, and the milliseconds they ask for.
    type Case = (&'static [(&'static str, &'static str)], Option<u64>);

    #[test]
    fn every_way_of_saying_it_is_understood() {
        let cases: [Case; 16] = [
            (&[], None),
            (&[("retry-after", "7")], Some(7_000)),
            (&[("retry-after", "0")], None),
            (&[("retry-after", "1.5")], Some(1_500)),
            (&[("retry-after", "-3")], None),
            (&[("retry-after", "soon")], None),
            (&[("retry-after", "Sun, 22 Nov 2026 17:01:00 GMT")], Some(60_000)),
            (&[("retry-after", "Sun, 22 Nov 2026 16:01:00 GMT")], None),
            (&[("retry-after-ms", "250"), ("retry-after", "7")], Some(250)),
            (&[("retry-after-ms", "0"), ("retry-after", "1")], Some(1_000)),
            (&[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "6m0s")], Some(360_000)),
            (&[("x-ratelimit-remaining-requests", "3"), ("x-ratelimit-reset-requests", "6m0s")], None),
            (
                &[
                    ("x-ratelimit-remaining-requests", "0"),
                    ("x-ratelimit-reset-requests", "20ms"),
                    ("x-ratelimit-remaining-tokens", "0"),
                    ("x-ratelimit-reset-tokens", "2m59.56s"),
                ],
                Some(179_560),
            ),
            (
                &[
                    ("anthropic-ratelimit-input-tokens-remaining", "0"),
                    ("anthropic-ratelimit-input-tokens-reset", "2026-11-22T17:00:30Z"),
                ],
                Some(30_000),
            ),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1795366860000")], Some(60_000)),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1795366860")], Some(60_000)),
        ];
        for (pairs, expected) in cases {
            let wait = asked(&headers(pairs), None).map(|wait| u64::try_from(wait.as_millis()).unwrap());
            assert_eq!(wait, expected, "{pairs:?}");
        }
    }

    #[test]
    fn the_delay_of_the_body_counts_after_the_header() {
        let body = Some(Duration::from_secs(48));
        assert_eq!(asked(&headers(&[]), body), body);
        assert_eq!(asked(&headers(&[("retry-after", "3")]), body), Some(Duration::from_secs(3)));
    }

    #[test]
    fn spelled_durations_with_unknown_parts_are_not_guessed() {
        assert_eq!(spelled("1h2m3s"), Some(Duration::from_secs(3_723)));
        for bad in ["", "5", "s", "5x", "5s3", "1..2s", "99999999999999999999h", "é5s"] {
            assert_eq!(spelled(bad), None, "{bad}");
        }
    }
}
