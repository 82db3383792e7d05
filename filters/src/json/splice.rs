//! Replacing byte ranges of a body without a copy of what stays.

use std::ops::Range;

use bytes::Bytes;

/// One replacement: the bytes of `range` give way to `with`. An empty range inserts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced.
    pub range: Range<usize>,
    /// What comes in its place.
    pub with: Bytes,
}

/// The body with those edits, as pieces to be sent one after the other. What is unchanged is shared, not copied.
/// The edits may come in any order; one that lies outside of the body or overlaps an earlier one is left out.
///
/// ```
/// use bytes::Bytes;
/// use ovth_filters::json::{Edit, splice};
/// let body = Bytes::from_static(br#"{"model":"auto"}"#);
/// let edit = Edit { range: 9..15, with: Bytes::from_static(br#""gpt-5""#) };
/// assert_eq!(splice(&body, &[edit]).concat(), br#"{"model":"gpt-5"}"#);
/// ```
#[must_use]
pub fn splice(body: &Bytes, edits: &[Edit]) -> Vec<Bytes> {
    let mut ordered: Vec<&Edit> = edits.iter().collect();
    ordered.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let mut pieces = Vec::with_capacity(ordered.len().saturating_mul(2).saturating_add(1));
    let mut done = 0;
    for edit in ordered {
        if edit.range.start < done || edit.range.end < edit.range.start || edit.range.end > body.len() {
            continue;
        }
        pieces.push(body.slice(done..edit.range.start));
        pieces.push(edit.with.clone());
        done = edit.range.end;
    }
    pieces.push(body.slice(done..));
    pieces.retain(|piece| !piece.is_empty());
    pieces
}
