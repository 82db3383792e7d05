//! Reading a few fields out of JSON at memory speed and replacing byte ranges in it, without parsing the whole.
//!
//! The scanner checks what it needs to be sure of its ranges: strings end, brackets match, nothing nests deeper than
//! [`MAX_DEPTH`], one value and nothing after it. It does not check the syntax of numbers, nor the commas of values that
//! it skips: whoever parses the body later will.

mod cursor;
mod error;
mod members;
mod read;
mod splice;
mod text;
mod view;

#[cfg(test)]
mod tests;

pub(crate) use cursor::Cursor;
pub use error::ScanError;
pub use members::{Elements, Member, Members, elements_in, members, members_in};
pub use read::{bool_at, is_array_at, is_null_at, is_object_at, is_string_at, quoted, string_at, u64_at};
pub use splice::{Edit, splice};
pub(crate) use text::Text;
pub use view::{Json, ValueKind, View, ViewError};

/// How deep objects and arrays may nest.
pub const MAX_DEPTH: usize = 128;
