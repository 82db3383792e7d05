//! Routing: from the name a client sent to the ordered targets of its request, and from a failure to the next target.

mod affinity;
mod capability;
mod check;
mod explain;
mod follow;
mod health;
mod inventory;
mod limits;
mod offer;
mod order;
mod plan;
mod price;
mod profile;
mod refusal;
mod route;
mod served;
mod snapshot;
mod target;
mod wishes;

pub use affinity::{Affinity, Stay};
pub use capability::in_words;
pub use explain::{Candidate, Explained};
pub use follow::Pursuit;
pub use health::{Breakers, Health, Seen, Ticket};
pub use inventory::Inventory;
pub use order::Live;
pub use plan::{Choice, Plan};
pub use snapshot::{Ask, Snapshot};
pub use target::{Account, Target, TargetKey};

#[cfg(test)]
mod fixture;
