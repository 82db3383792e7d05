//! What must hold before sockets are opened, and how they are opened.

use std::net::SocketAddr;

use log::warn;
use socket2::{Domain, Socket, Type};

use super::StartError;

/// Pingora panics on an address in use; this tells it in words. The socket is bound and never listens: a client that connects this early is
/// refused, and not taken in to be dropped.
pub(super) fn can_listen(setting: &'static str, address: SocketAddr) -> Result<(), StartError> {
    let bound = Socket::new(Domain::for_address(address), Type::STREAM, None).and_then(|socket| {
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())
    });
    bound.map_err(|source| StartError::Listen { setting, address, source })
}

/// A stream takes two descriptors; the usual soft limit of 1,024 is soon reached.
pub(super) fn raise_descriptor_limit() {
    if let Err(error) = rlimit::increase_nofile_limit(rlimit::INFINITY) {
        warn!(error:%; "the limit of open files cannot be raised");
    }
}
