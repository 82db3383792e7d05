//! Answers questions about the past from the disk: sums, and entries page by page.

mod listing;
mod usage;

pub(super) use listing::{entries, entry};
pub(super) use usage::usage;
