//! What holds of everything that translation writes, whatever came in: the property tests and the fuzz targets both ask this.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a judge of tests"
)]

pub(crate) mod answer;
pub(crate) mod ask;
pub(crate) mod feed;
pub(crate) mod request;
pub(crate) mod responses;
