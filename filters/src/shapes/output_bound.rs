//! Where a request bounds its output, so that the bound can be lowered and renamed without a look at the rest.

use std::ops::Range;

use bytes::Bytes;

use crate::json::{Cursor, Edit, ScanError, Text};

/// The fields that bound the output of one answer, and where one can be added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OutputBound {
    /// `max_tokens`, or what the shape calls it.
    pub(super) max_tokens: Option<Field>,
    /// `max_completion_tokens`, which chat has besides.
    pub(super) max_completion_tokens: Option<Field>,
    /// Before the brace that closes the body; nowhere in requests that have no output.
    pub(super) end: Option<usize>,
    /// Where it goes otherwise, in shapes that have it inside of another object.
    pub(super) insertion: Option<Insertion>,
    /// Whether the shape knows both names.
    pub(super) has_two_names: bool,
    /// What the shape calls `max_tokens`, where it calls it otherwise.
    pub(super) name: Option<&'static str>,
    /// The least that the shape takes: a lower bound is sent as this one.
    pub(super) least: u64,
}

/// A place for the bound, and what stands around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Insertion {
    pub(super) range: Range<usize>,
    pub(super) before: &'static str,
    pub(super) after: &'static str,
}

/// One member of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    key: Range<usize>,
    value: Range<usize>,
    /// `null`, which is what a body without the field means.
    is_null: bool,
    /// `None` for what is no whole number.
    number: Option<u64>,
}

impl Field {
    /// Takes the value of the field of that name.
    pub(super) fn read(name: Text<'_>, cursor: &mut Cursor<'_>) -> Result<Field, ScanError> {
        Field::read_by(name, cursor, Cursor::u64)
    }

    /// The same, where `read` takes the number from what the shape takes for one.
    pub(super) fn read_by<'a>(
        name: Text<'_>,
        cursor: &mut Cursor<'a>,
        read: impl FnOnce(&mut Cursor<'a>) -> Result<Option<u64>, ScanError>,
    ) -> Result<Field, ScanError> {
        let is_null = cursor.peek() == Some(b'n');
        let start = cursor.clone();
        let number = read(cursor)?;
        Ok(Field { key: name.range(), value: cursor.range_from(&start), is_null, number })
    }

    /// Whether the field says something.
    pub(super) const fn is_set(&self) -> bool {
        !self.is_null
    }

    /// The bound.
    pub(super) const fn number(&self) -> Option<u64> {
        self.number
    }

    /// Puts the bound in; what is no number gives way too, because some host may read one in it.
    fn lowered(&self, bound: u64) -> Option<Edit> {
        let is_lower = self.number.is_some_and(|number| number <= bound);
        (!is_lower).then(|| Edit { range: self.value.clone(), with: bound.to_string().into() })
    }
}

impl OutputBound {
    /// What the client sets; of both names the larger number, as hosts differ in which of them they read.
    pub(super) fn tokens(&self) -> Option<u64> {
        let number = |field: &Option<Field>| field.as_ref().and_then(Field::number);
        number(&self.max_completion_tokens).max(number(&self.max_tokens))
    }

    /// Whether `max_tokens` is set and can take the newer name, which is not there yet.
    pub(super) fn can_rename(&self) -> bool {
        self.has_two_names
            && self.max_completion_tokens.is_none()
            && self.max_tokens.as_ref().is_some_and(Field::is_set)
    }

    /// The edits that give `max_tokens` its newer name where that is wanted, and lower the bound.
    pub(super) fn edits(&self, newer_name: bool, bound: Option<u64>) -> Vec<Edit> {
        let newer_name = newer_name && self.has_two_names;
        let mut edits = Vec::new();
        if newer_name && self.can_rename() {
            edits.extend(self.max_tokens.as_ref().map(renamed));
        }
        let Some(bound) = bound.map(|bound| bound.max(self.least)) else { return edits };
        let mut set =
            [&self.max_tokens, &self.max_completion_tokens].into_iter().flatten().filter(|f| f.is_set()).peekable();
        if set.peek().is_some() {
            edits.extend(set.filter_map(|field| field.lowered(bound)));
            return edits;
        }
        // Nothing is set, but a null may stand where the bound belongs.
        let (right, other) = match newer_name {
            true => (&self.max_completion_tokens, &self.max_tokens),
            false => (&self.max_tokens, &None),
        };
        if let Some(null) = right {
            edits.extend(null.lowered(bound));
        } else if let Some(null) = other {
            edits.push(renamed(null));
            edits.extend(null.lowered(bound));
        } else if let Some(Insertion { range, before, after }) = &self.insertion {
            edits.push(Edit { range: range.clone(), with: format!("{before}{bound}{after}").into() });
        } else if let Some(end) = self.end {
            // The object holds a model at least, so that a comma is right.
            let name = if newer_name { "max_completion_tokens" } else { self.name.unwrap_or("max_tokens") };
            edits.push(Edit { range: end..end, with: format!(r#","{name}":{bound}"#).into() });
        }
        edits
    }
}

fn renamed(max_tokens: &Field) -> Edit {
    Edit { range: max_tokens.key.clone(), with: Bytes::from_static(br#""max_completion_tokens""#) }
}
