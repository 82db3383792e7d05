//! The catalogue: what is known of models (ids, aliases, prices, windows, capabilities), parsed once from `conf/models.json`.

mod date;
mod file;
mod index;
pub mod listing;
mod model;
mod money;
mod names;
mod nearest;
mod params;
mod price;
#[cfg(test)]
mod tests;

pub use date::{Date, DateError};
pub use file::CatalogError;
pub use index::Catalog;
pub use model::{Capabilities, Kind, Model, Status};
pub use money::{PicoDollars, PriceError};
pub use price::{Price, Rates, Tier};
