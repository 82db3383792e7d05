//! Iterators over the members of an object and the elements of an array, as byte ranges of the body.

use std::borrow::Cow;
use std::ops::Range;

use super::{Cursor, ScanError};

/// One member of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// The name, escapes undone.
    pub key: Cow<'a, str>,
    /// Where the value stands in the body, without the white space around it.
    pub value: Range<usize>,
}

/// The members of the one object that `body` is. The first error ends the iteration; a whole pass without an error
/// means that brackets match and that nothing comes after the object.
///
/// ```
/// let body = br#"{"model": "m", "stream": true}"#;
/// let members: Result<Vec<_>, _> = ovth_filters::json::members(body).collect();
/// assert_eq!(members.unwrap()[1].value, 25..29);
/// ```
#[must_use]
pub fn members(body: &[u8]) -> Members<'_> {
    match Cursor::new(body) {
        Ok(cursor) => Members { cursor, state: State::Before, whole: true },
        Err(error) => Members { cursor: Cursor::within(body, &(0..0)), state: State::Failed(error), whole: true },
    }
}

/// The members of the object in that range of the body, with offsets of the whole body.
#[must_use]
pub fn members_in(body: &[u8], range: Range<usize>) -> Members<'_> {
    Members { cursor: Cursor::within(body, &range), state: State::Before, whole: false }
}

/// The elements of the array in that range of the body, with offsets of the whole body.
#[must_use]
pub fn elements_in(body: &[u8], range: Range<usize>) -> Elements<'_> {
    Elements { cursor: Cursor::within(body, &range), state: State::Before }
}

/// Iterator over the members of an object; see [`members`].
#[derive(Clone, Debug)]
pub struct Members<'a> {
    cursor: Cursor<'a>,
    state: State,
    whole: bool,
}

/// Iterator over the elements of an array; see [`elements_in`].
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    cursor: Cursor<'a>,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Before,
    Inside,
    Failed(ScanError),
    Done,
}

impl<'a> Members<'a> {
    fn step(&mut self, first: bool) -> Result<Option<Member<'a>>, ScanError> {
        if first {
            self.cursor.open(b'{', "an object")?;
        }
        let Some(key) = self.cursor.next_key(first)? else {
            if self.whole {
                self.cursor.finish()?;
            }
            return Ok(None);
        };
        let name = key.decode().ok_or(ScanError::Name { at: key.range().start })?;
        Ok(Some(Member { key: name, value: self.cursor.skip()? }))
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Result<Member<'a>, ScanError>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = match std::mem::replace(&mut self.state, State::Done) {
            State::Before => true,
            State::Inside => false,
            State::Failed(error) => return Some(Err(error)),
            State::Done => return None,
        };
        let item = self.step(first).transpose()?;
        if item.is_ok() {
            self.state = State::Inside;
        }
        Some(item)
    }
}

impl Elements<'_> {
    fn step(&mut self, first: bool) -> Result<Option<Range<usize>>, ScanError> {
        if first {
            self.cursor.open(b'[', "an array")?;
        }
        if self.cursor.next_element(first)? { self.cursor.skip().map(Some) } else { Ok(None) }
    }
}

impl Iterator for Elements<'_> {
    type Item = Result<Range<usize>, ScanError>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = match std::mem::replace(&mut self.state, State::Done) {
            State::Before => true,
            State::Inside => false,
            State::Failed(error) => return Some(Err(error)),
            State::Done => return None,
        };
        let item = self.step(first).transpose()?;
        if item.is_ok() {
            self.state = State::Inside;
        }
        Some(item)
    }
}
