//! What stands before the proxy on every connection: who may connect and how often, how slow a client may be, and who it is.
//!
//! Pingora offers no hook before a request's head is there and parsed. So the listeners are our own (`server/listeners.rs`), and each
//! connection is wrapped in a [`GuardedStream`], which knows when a head is awaited and bounds it. Everything else is asked in the phases of
//! the proxy, through the [`Connection`] that the session's digest carries.

mod address;
mod client;
mod connection;
mod door;
mod head;
mod judge;
mod last_words;
mod patience;
mod refusal;
mod resets;
mod stream;
mod wire;

pub use connection::{Connection, Listener, Visit, visit};
pub use door::{BESIDES, Door, Full};
pub use refusal::turned_away;
pub use stream::GuardedStream;
pub use wire::Wire;

pub(super) use connection::of;
pub(super) use judge::judge;
pub(super) use patience::Patience;
pub(super) use refusal::Unfit;
