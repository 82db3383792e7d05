//! Routing: from the name a client sent to the ordered targets of its request, and from a failure to the next target.

mod capability;
mod check;
mod follow;
mod health;
mod inventory;
mod offer;
mod price;
mod profile;
mod refusal;
mod route;
mod snapshot;
mod target;

pub use follow::Pursuit;
pub use health::Health;
pub use inventory::Inventory;
pub use snapshot::{Ask, Plan, Snapshot};
pub use target::{Target, TargetKey};

#[cfg(test)]
mod fixture;
