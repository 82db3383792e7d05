//! Readers of single values at a known range, and the writer of a string.

use std::borrow::Cow;
use std::ops::Range;

use super::Text;

/// The string at that range (quotes included), escapes undone; `None` when there is no valid string.
#[must_use]
pub fn string_at<'a>(body: &'a [u8], range: &Range<usize>) -> Option<Cow<'a, str>> {
    let raw = body.get(range.clone())?.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    Text::new(raw, range.start.saturating_add(1)).decode()
}

/// The boolean at that range.
#[must_use]
pub fn bool_at(body: &[u8], range: &Range<usize>) -> Option<bool> {
    match body.get(range.clone())? {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}

/// The unsigned integer at that range; `None` for fractions, exponents, signs and what does not fit.
#[must_use]
pub fn u64_at(body: &[u8], range: &Range<usize>) -> Option<u64> {
    let digits = body.get(range.clone())?;
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Whether there is a `null` at that range.
#[must_use]
pub fn is_null_at(body: &[u8], range: &Range<usize>) -> bool {
    body.get(range.clone()) == Some(b"null")
}

/// Whether the value at that range is a string.
#[must_use]
pub fn is_string_at(body: &[u8], range: &Range<usize>) -> bool {
    body.get(range.start) == Some(&b'"')
}

/// Whether the value at that range is an object.
#[must_use]
pub fn is_object_at(body: &[u8], range: &Range<usize>) -> bool {
    body.get(range.start) == Some(&b'{')
}

/// Whether the value at that range is an array.
#[must_use]
pub fn is_array_at(body: &[u8], range: &Range<usize>) -> bool {
    body.get(range.start) == Some(&b'[')
}

/// That text as a JSON string, quotes included.
#[must_use]
pub fn quoted(text: &str) -> Vec<u8> {
    serde_json::to_vec(text).expect("a string always has a JSON form")
}
