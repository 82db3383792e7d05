//! Text from outside, cut to a length that a log line can bear.

use std::fmt;
use std::ops::Deref;

/// At most 128 characters of a text that a client or a provider chose.
#[derive(Clone, PartialEq, Eq)]
pub struct ShortText(Box<str>);

impl ShortText {
    /// The most characters that are kept.
    pub const MAX_CHARS: usize = 128;
}

impl From<&str> for ShortText {
    fn from(text: &str) -> ShortText {
        ShortText(shortened(text, ShortText::MAX_CHARS).into())
    }
}

impl Deref for ShortText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ShortText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// The first `most` characters of a text.
pub(super) fn shortened(text: &str, most: usize) -> &str {
    match text.char_indices().nth(most) {
        Some((end, _)) => text.get(..end).unwrap_or_default(),
        None => text,
    }
}
