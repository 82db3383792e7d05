//! The catalogue: what is known of models (ids, aliases, prices, windows, capabilities), parsed once from `conf/models.json`.

mod date;
mod file;
mod index;
pub mod listing;
mod model;
mod names;
mod nearest;
mod overrides;
mod params;
#[cfg(test)]
mod tests;

pub use date::{Date, DateError};
pub use file::CatalogError;
pub use index::Catalog;
pub use model::{Capabilities, Kind, Model, Reasons, Status};
pub(crate) use names::undated;
pub use ovth_filters::money::{PicoDollars, PriceError};
pub use ovth_filters::price::{Price, Rates, Tier};
