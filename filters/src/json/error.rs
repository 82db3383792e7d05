//! Why a scan of JSON stopped: where, and what was expected there.

use thiserror::Error;

/// A body that is not the JSON it should be. Offsets count bytes from the start of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ScanError {
    /// There was something else than what has to come here.
    #[error("expected {expected} at byte {at}")]
    Expected {
        /// Where.
        at: usize,
        /// What would have been right.
        expected: &'static str,
    },
    /// The body ends where more has to come.
    #[error("expected {expected} at byte {at}, but the body ends there")]
    End {
        /// The length of the body.
        at: usize,
        /// What would have been right.
        expected: &'static str,
    },
    /// A closing bracket that does not fit the one that was opened last.
    #[error("the closing bracket at byte {at} does not match the opening one")]
    Bracket {
        /// Where the closing bracket is.
        at: usize,
    },
    /// More nesting than the bound allows.
    #[error("nested deeper than {} levels at byte {at}", super::MAX_DEPTH)]
    Depth {
        /// Where the level that is too deep begins.
        at: usize,
    },
    /// A name of a member that is not valid text.
    #[error("the member name at byte {at} is not valid text")]
    Name {
        /// Where the name begins.
        at: usize,
    },
    /// A byte order mark, which JSON must not begin with (RFC 8259, section 8.1).
    #[error("the body begins with a byte order mark: send UTF-8 without one")]
    ByteOrderMark,
}
