//! Files that lines are added to for years: rotated by size and time, kept in bounds, opened anew when somebody else moved them.

mod file;
mod rotated;

pub(super) use self::file::RotatingFile;
pub use self::file::{Every, LogFile};

#[cfg(test)]
mod tests;
