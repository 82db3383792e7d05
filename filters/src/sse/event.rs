//! One event exactly as it was sent, and its fields read in place.

use std::borrow::Cow;

use bytes::Bytes;
use memchr::memchr2;

/// One event with its terminator. The fields are found when asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawEvent {
    /// The event as it was sent, the blank line that ends it included.
    pub bytes: Bytes,
}

impl RawEvent {
    /// The value of the last `event` field, if there is one that is not empty.
    #[must_use]
    pub fn name(&self) -> Option<&[u8]> {
        self.fields()
            .filter(|(field, _)| *field == b"event")
            .last()
            .map(|(_, value)| value)
            .filter(|name| !name.is_empty())
    }

    /// The values of the `data` fields, joined by line feeds; empty when there is none.
    #[must_use]
    pub fn data(&self) -> Cow<'_, [u8]> {
        let mut lines = self.fields().filter(|(field, _)| *field == b"data").map(|(_, value)| value);
        let first = lines.next().unwrap_or_default();
        let Some(second) = lines.next() else { return Cow::Borrowed(first) };
        let mut joined = first.to_vec();
        for line in std::iter::once(second).chain(lines) {
            joined.push(b'\n');
            joined.extend_from_slice(line);
        }
        Cow::Owned(joined)
    }

    /// Whether there is nothing but comments and blank lines: such an event is never seen by a client's code.
    #[must_use]
    pub fn is_comment(&self) -> bool {
        self.fields().next().is_none()
    }

    /// The fields in order, comments and blank lines left out.
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest: &[u8] = &self.bytes;
        std::iter::from_fn(move || {
            while !rest.is_empty() {
                let end = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
                let (line, after) = rest.split_at_checked(end)?;
                rest = after.get(1..).unwrap_or_default();
                match line.iter().position(|byte| *byte == b':') {
                    Some(0) => {}
                    Some(colon) => {
                        let value = line.get(colon + 1..).unwrap_or_default();
                        return Some((line.get(..colon)?, value.strip_prefix(b" ").unwrap_or(value)));
                    }
                    None if line.is_empty() => {}
                    None => return Some((line, &[])),
                }
            }
            None
        })
    }
}
