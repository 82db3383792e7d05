//! A provider's own usage export against the ledger, by day and model: reading the export, and naming each difference. Pure: text
//! in, findings out.

mod compare;
mod counts;
mod export;
mod layout;
mod number;
#[cfg(test)]
mod tests;
mod tolerance;

pub use compare::{Comparison, Difference, compare};
pub use counts::{Cell, Counts, Kind, Kinds};
pub use export::{Export, ExportError, MAX_BYTES};
pub use layout::Layout;
pub use tolerance::Tolerance;
