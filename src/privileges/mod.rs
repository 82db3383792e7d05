//! Who the process runs as: root only to own the data folder, and then for good an ordinary user.
//!
//! Docker makes the folder of a bind mount as root, so an image that starts as an ordinary user could not write there. This one starts as root, gives
//! the folder to the user it is told (`OVTH_USER`), and becomes that user before it opens a socket or reads a request.

mod drop_root;
mod folder;
mod identity;

pub use drop_root::{DropError, become_user};
pub use folder::{FolderError, own, writable};
pub use identity::{Identity, Refused, in_container, is_root};

#[cfg(test)]
mod tests;
