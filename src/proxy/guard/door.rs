//! Who may connect: bounds on connections of all and of one address.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::address::{Addresses, Known, Usage};
use super::connection::{Connection, Entry, Listener};
use crate::config::{Clients, Config};
use crate::observe::{ConnectionCut, Metrics};

/// Why a connection is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// There are as many as there may be.
    All,
    /// There are as many of that address as there may be.
    Address,
}

/// What the configuration in force says of a new connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) clients: Clients,
    /// Whether the peer is a proxy whose clients are others.
    pub(super) trusted: bool,
}

/// Counts the connections of all listeners.
pub struct Door {
    rules: Box<dyn Fn(IpAddr) -> Rules + Send + Sync>,
    /// What the limit of open files has room for.
    ceiling: usize,
    connections: AtomicUsize,
    addresses: Arc<Addresses>,
    metrics: Arc<Metrics>,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("connections", &self.connections).finish_non_exhaustive()
    }
}

impl Door {
    /// A door that goes by the configuration that `with_config` shows it, and lets in no more than `ceiling` whatever that says.
    #[must_use]
    pub fn new<S>(with_config: S, ceiling: usize, metrics: Arc<Metrics>) -> Arc<Door>
    where
        S: Fn(&mut dyn FnMut(&Config)) + Send + Sync + 'static,
    {
        let rules = move |peer: IpAddr| {
            let mut rules = Rules { clients: Clients::default(), trusted: false };
            with_config(&mut |config| {
                rules = Rules { clients: config.clients, trusted: config.trusted_proxies.contains(peer) };
            });
            rules
        };
        Door::with_rules(Box::new(rules), ceiling, metrics)
    }

    pub(super) fn with_rules(
        rules: Box<dyn Fn(IpAddr) -> Rules + Send + Sync>,
        ceiling: usize,
        metrics: Arc<Metrics>,
    ) -> Arc<Door> {
        Arc::new(Door { rules, ceiling, connections: AtomicUsize::new(0), addresses: Arc::default(), metrics })
    }

    /// Lets a connection in; it has its place until it is dropped.
    ///
    /// # Errors
    /// All places are taken. It is counted.
    pub fn admit(self: &Arc<Door>, peer: SocketAddr, listener: Listener) -> Result<Arc<Connection>, Full> {
        let ip = peer.ip().to_canonical();
        let Rules { clients, trusted } = (self.rules)(ip);
        let most = clients.connections.min(self.ceiling);
        let taken = self
            .connections
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| (count < most).then_some(count + 1));
        if taken.is_err() {
            self.metrics.edge.refused_all.inc();
            return Err(Full::All);
        }
        let counted = Counted(Arc::clone(self));
        self.metrics.edge.connections.inc();
        let address = self.addresses.find(ip);
        let place = address.take(connections, if trusted { usize::MAX } else { clients.connections_per_address });
        let Some(place) = place else {
            self.metrics.edge.refused_address.inc();
            return Err(Full::Address);
        };
        Ok(Connection::new(Entry { peer: ip, listener, clients, address, place, counted }))
    }

    /// Whether so few places are left that connections without a request should make room.
    pub(super) fn is_crowded(&self, clients: &Clients) -> bool {
        let most = clients.connections.min(self.ceiling);
        self.connections.load(Ordering::Relaxed) > most / 4 * 3
    }

    pub(super) fn find(&self, address: IpAddr) -> Arc<Known> {
        self.addresses.find(address)
    }

    /// Counts a client that was cut.
    pub fn cut(&self, why: ConnectionCut) {
        self.metrics.edge.cut(why);
    }

    pub(super) fn request_refused(&self) {
        self.metrics.edge.refused_request.inc();
    }
}

fn connections(usage: &Usage) -> &AtomicUsize {
    &usage.connections
}

/// One of the connections of all, until it is dropped.
#[derive(Debug)]
pub(super) struct Counted(pub(super) Arc<Door>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
        self.0.metrics.edge.connections.dec();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn door(clients: Clients, ceiling: usize) -> Arc<Door> {
        let trusted = |peer: IpAddr| peer == IpAddr::from([10, 0, 0, 1]);
        let rules = move |peer| Rules { clients, trusted: trusted(peer) };
        Door::with_rules(Box::new(rules), ceiling, Arc::new(Metrics::new()))
    }

    fn admit(door: &Arc<Door>, ip: &str) -> Result<Arc<Connection>, Full> {
        door.admit(SocketAddr::new(ip.parse().unwrap(), 1), Listener::Main)
    }

    #[test]
    fn an_address_and_all_have_so_many_places_and_a_trusted_proxy_only_the_latter() {
        let door = door(Clients { connections: 5, connections_per_address: 2, ..Clients::default() }, 100);
        let own: Vec<_> = (0..2).map(|_| admit(&door, "192.0.2.1").unwrap()).collect();
        assert_eq!(admit(&door, "192.0.2.1").unwrap_err(), Full::Address);
        let proxied: Vec<_> = (0..3).map(|_| admit(&door, "10.0.0.1").unwrap()).collect();
        assert_eq!(admit(&door, "10.0.0.1").unwrap_err(), Full::All);
        drop((own, proxied));
        assert_eq!(door.connections.load(Ordering::Relaxed), 0);
        admit(&door, "192.0.2.1").unwrap();
    }

    #[test]
    fn the_limit_of_open_files_holds_as_well() {
        let door = door(Clients::default(), 4);
        let all: Vec<_> = (0..4).map(|_| admit(&door, "192.0.2.1").unwrap()).collect();
        assert_eq!(admit(&door, "192.0.2.2").unwrap_err(), Full::All);
        assert!(door.is_crowded(&Clients::default()));
        drop(all);
        assert!(!door.is_crowded(&Clients::default()));
    }
}
