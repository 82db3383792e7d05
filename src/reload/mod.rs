//! The configuration in force: loaded at the start, watched, and replaced as a whole when it changes, while requests go on.
//!
//! One thread does all of it, so that reloads come one after the other and no worker waits for a disk. What starts one: a changed
//! file (`watch` sees it, digests decide), SIGHUP, or the admin API. The new snapshot is built completely, then swapped in one step;
//! an exchange keeps the one it began with. On any error the old one stays, and [`State`] tells why.

mod load;
mod mount;
mod reloader;
mod restart;
mod settings;
mod state;
mod trail;
mod watch;

#[cfg(test)]
mod tests;

pub use load::{Failed, Loaded, load};
pub use reloader::{Follower, Handle, Parts, RefusedReload, Swapped, start};
pub use settings::{Settings, settings};
pub use state::{Condition, FileState, LastReload, State, Trigger, Watching};
