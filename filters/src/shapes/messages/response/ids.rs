//! Ids as the Messages API allows them.

use std::borrow::Cow;

use crate::neutral::Answering;
use crate::shapes::tool_names::UniqueIds;

/// The id of a message: the provider's when it is one of this shape, else one of our own.
pub(in super::super) fn message_id<'i>(id: &'i str, answering: &Answering) -> Cow<'i, str> {
    const PREFIX: &str = "msg_";
    if id.strip_prefix(PREFIX).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(is_legal)) {
        return Cow::Borrowed(id);
    }
    Cow::Owned(answering.minted(PREFIX, 0))
}

/// The ids of the calls of one answer: legal, and no two alike.
#[derive(Debug, Default)]
pub(in super::super) struct ToolIds {
    given: UniqueIds,
}

impl ToolIds {
    /// The id to give to the next call. Characters that are not allowed become `_`, an id that was given before gets a number,
    /// and a call without one gets one of our own.
    pub(in super::super) fn legal(&mut self, id: &str, answering: &Answering) -> String {
        let legal: String = id.chars().map(|c| if c.is_ascii() && is_legal(c as u8) { c } else { '_' }).collect();
        let wanted = if legal.is_empty() { answering.minted("toolu_", self.given.len()) } else { legal };
        self.given.numbered(&wanted).unwrap_or(wanted)
    }

    /// Whether no call was given an id.
    pub(in super::super) fn is_empty(&self) -> bool {
        self.given.is_empty()
    }
}

/// `^[a-zA-Z0-9_-]+$`
const fn is_legal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}
