//! Black-box tests of the simulator over raw sockets.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod client;
mod control;
mod errors;
mod faults;
mod newer;
mod recordings;
mod shapes;
