//! Numbers as proto3 JSON has them: `8`, `8.0` and `8e0`, and all of these as texts: <https://protobuf.dev/programming-guides/json/>.

use crate::json::{Cursor, ScanError, View};

/// Takes the value that comes next; the number, if it is one.
pub(super) fn take(cursor: &mut Cursor<'_>) -> Result<Option<f64>, ScanError> {
    if cursor.peek() != Some(b'"') {
        return cursor.number();
    }
    let text = cursor.text()?.and_then(|text| text.decode());
    Ok(text.and_then(|text| read(&text, |value| value.f64())))
}

/// The same; if it is a whole one that is not negative.
pub(super) fn take_whole(cursor: &mut Cursor<'_>) -> Result<Option<u64>, ScanError> {
    Ok(take(cursor)?.and_then(whole_of))
}

/// The number that a value is.
pub(super) fn number(value: View<'_>) -> Option<f64> {
    value.f64().or_else(|| read(&value.string()?, |value| value.f64()))
}

/// The same; if it is a whole one that is not negative.
pub(super) fn whole(value: View<'_>) -> Option<u64> {
    value.u64().or_else(|| read(&value.string()?, |value| value.u64()))
}

fn read<T>(text: &str, of: impl Fn(View<'_>) -> Option<T>) -> Option<T> {
    of(View::parse(text.as_bytes()).ok()?)
}

fn whole_of(number: f64) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let is_whole = number.fract() == 0.0 && (0.0..EXACT).contains(&number);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole and in range")]
    is_whole.then_some(number as u64)
}
