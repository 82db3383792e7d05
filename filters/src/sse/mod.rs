//! Server-sent events as bytes: where an event ends, what it says, and how one is written.
//!
//! Format: <https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation>.

mod array;
mod event;
mod framer;

#[cfg(test)]
mod tests;

pub use array::{ArrayFramer, ArrayWriter};
pub use event::RawEvent;
pub use framer::{Framer, Piece};

/// An event of one data line, with a name or without, blank line included. `data` must not hold line ends.
#[must_use]
pub fn event(name: Option<&str>, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(data.len() + name.map_or(0, str::len) + 24);
    if let Some(name) = name {
        bytes.extend_from_slice(b"event: ");
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(b"data: ");
    bytes.extend_from_slice(data);
    bytes.extend_from_slice(b"\n\n");
    bytes
}
