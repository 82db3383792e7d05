//! Who may connect: bounds on connections of all and of one address, and places that clients cannot take.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::address::{Addresses, Count, Known, Usage};
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
    /// There are as many as a listener of the operator's own may have.
    Own,
}

/// Connections that the listener of the admin API, and that of the metrics, may have: clients cannot take them, and they take none of clients.
const OWN: usize = 64;

/// Of those of the admin API, one address may have so many.
const OWN_PER_ADDRESS: usize = OWN / 2;

/// Connections from this machine itself that are let in besides, for probes and the operator (see [`Connection::is_reserved`]).
const RESERVE: usize = 16;

/// The most connections that are let in beside those of clients.
pub const BESIDES: u64 = (2 * OWN + RESERVE) as u64;

/// Which places a connection has one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Clients,
    Reserve,
    Admin,
    Metrics,
}

impl Room {
    const COUNT: usize = 4;

    const fn of(listener: Listener) -> Room {
        match listener {
            Listener::Main | Listener::Public => Room::Clients,
            Listener::Admin => Room::Admin,
            Listener::Metrics => Room::Metrics,
        }
    }
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
    /// Connections of each room.
    taken: [AtomicUsize; Room::COUNT],
    addresses: Arc<Addresses>,
    metrics: Arc<Metrics>,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("taken", &self.taken).finish_non_exhaustive()
    }
}

impl Door {
    /// A door that goes by the configuration that `with_config` shows it, and lets in no more clients than `ceiling` whatever that says. Up to
    /// [`BESIDES`] more come in by the operator's own listeners or are the machine itself.
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
        Arc::new(Door { rules, ceiling, taken: Default::default(), addresses: Arc::default(), metrics })
    }

    /// Lets a connection in; it has its place until it is dropped.
    ///
    /// # Errors
    /// All places are taken. It is counted.
    pub fn admit(self: &Arc<Door>, peer: SocketAddr, listener: Listener) -> Result<Arc<Connection>, Full> {
        let ip = peer.ip().to_canonical();
        let Rules { clients, trusted } = (self.rules)(ip);
        let room = Room::of(listener);
        let address = self.addresses.find(ip);
        let bound: Option<(Count, usize)> = match room {
            Room::Admin => Some((admin, OWN_PER_ADDRESS)),
            Room::Clients if !trusted => Some((connections, clients.connections_per_address)),
            _ => None,
        };
        let taken = self.take(room, &clients).ok_or(Full::All).and_then(|counted| match bound {
            None => Ok((counted, None)),
            Some((of, most)) => match address.take(of, most) {
                Some(place) => Ok((counted, Some(place))),
                None => Err(Full::Address),
            },
        });
        match taken.or_else(|full| self.reserved(ip, room, &clients).map(|counted| (counted, None)).ok_or(full)) {
            Ok((counted, place)) => Ok(Connection::new(Entry { peer: ip, listener, clients, address, place, counted })),
            Err(full) => Err(self.turned_away(full, room)),
        }
    }

    /// One of the places that are kept for the machine itself, which those of clients and of the admin API may be short of.
    fn reserved(self: &Arc<Door>, peer: IpAddr, room: Room, clients: &Clients) -> Option<Counted> {
        let is_kept_for = peer.is_loopback() && room != Room::Metrics;
        is_kept_for.then(|| self.take(Room::Reserve, clients)).flatten()
    }

    fn take(self: &Arc<Door>, room: Room, clients: &Clients) -> Option<Counted> {
        let most = self.most(room, clients);
        let more = |count| (count < most).then_some(count + 1);
        self.taken(room).fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        if room != Room::Metrics {
            self.metrics.edge.connections.inc();
        }
        Some(Counted { door: Arc::clone(self), room })
    }

    fn most(&self, room: Room, clients: &Clients) -> usize {
        match room {
            Room::Clients => clients.connections.min(self.ceiling),
            Room::Reserve => RESERVE,
            Room::Admin | Room::Metrics => OWN,
        }
    }

    fn taken(&self, room: Room) -> &AtomicUsize {
        let [clients, reserve, admin, metrics] = &self.taken;
        match room {
            Room::Clients => clients,
            Room::Reserve => reserve,
            Room::Admin => admin,
            Room::Metrics => metrics,
        }
    }

    /// Counts a connection that is not let in, and says why.
    fn turned_away(&self, full: Full, room: Room) -> Full {
        let edge = &self.metrics.edge;
        let (counter, full) = match (room, full) {
            (Room::Admin, _) => (&edge.refused_admin, Full::Own),
            (Room::Metrics, _) => (&edge.refused_metrics, Full::Own),
            (_, Full::Address) => (&edge.refused_address, full),
            (_, Full::All | Full::Own) => (&edge.refused_all, full),
        };
        counter.inc();
        full
    }

    /// Whether so few places of that room are left that connections without a request should make room.
    pub(super) fn is_crowded(&self, room: Room, clients: &Clients) -> bool {
        // Whoever has a reserved place is in because there was no other.
        room == Room::Reserve || self.taken(room).load(Ordering::Relaxed) > self.most(room, clients) / 4 * 3
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

    /// Counts a request on a reserved place that is not for it.
    pub(super) fn reserve_refused(&self) {
        self.metrics.edge.refused_all.inc();
    }
}

fn connections(usage: &Usage) -> &AtomicUsize {
    &usage.connections
}

fn admin(usage: &Usage) -> &AtomicUsize {
    &usage.admin
}

/// One of the places of a room, until it is dropped.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) door: Arc<Door>,
    pub(super) room: Room,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.door.taken(self.room).fetch_sub(1, Ordering::Relaxed);
        if self.room != Room::Metrics {
            self.door.metrics.edge.connections.dec();
        }
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
        admit_at(door, Listener::Main, ip)
    }

    fn admit_at(door: &Arc<Door>, listener: Listener, ip: &str) -> Result<Arc<Connection>, Full> {
        door.admit(SocketAddr::new(ip.parse().unwrap(), 1), listener)
    }

    fn some(door: &Arc<Door>, listener: Listener, ip: &str, count: usize) -> Vec<Arc<Connection>> {
        (0..count).map(|_| admit_at(door, listener, ip).unwrap()).collect()
    }

    #[test]
    fn an_address_and_all_have_so_many_places_and_a_trusted_proxy_only_the_latter() {
        let door = door(Clients { connections: 5, connections_per_address: 2, ..Clients::default() }, 100);
        let own: Vec<_> = (0..2).map(|_| admit(&door, "192.0.2.1").unwrap()).collect();
        assert_eq!(admit(&door, "192.0.2.1").unwrap_err(), Full::Address);
        let proxied: Vec<_> = (0..3).map(|_| admit(&door, "10.0.0.1").unwrap()).collect();
        assert_eq!(admit(&door, "10.0.0.1").unwrap_err(), Full::All);
        drop((own, proxied));
        assert_eq!(door.taken(Room::Clients).load(Ordering::Relaxed), 0);
        admit(&door, "192.0.2.1").unwrap();
    }

    #[test]
    fn the_limit_of_open_files_holds_as_well() {
        let door = door(Clients::default(), 4);
        let all: Vec<_> = (0..4).map(|_| admit(&door, "192.0.2.1").unwrap()).collect();
        assert_eq!(admit(&door, "192.0.2.2").unwrap_err(), Full::All);
        assert!(door.is_crowded(Room::Clients, &Clients::default()));
        drop(all);
        assert!(!door.is_crowded(Room::Clients, &Clients::default()));
    }

    #[test]
    fn clients_take_no_place_of_the_operators() {
        let door = door(Clients { connections: 2, connections_per_address: 1, ..Clients::default() }, 100);
        let clients = [admit(&door, "192.0.2.1").unwrap(), admit(&door, "192.0.2.2").unwrap()];
        assert!(clients.iter().all(|client| !client.is_reserved()));
        assert_eq!(admit(&door, "192.0.2.1").unwrap_err(), Full::All);
        let admin = some(&door, Listener::Admin, "192.0.2.1", OWN_PER_ADDRESS);
        assert_eq!(admit_at(&door, Listener::Admin, "192.0.2.1").unwrap_err(), Full::Own);
        let others = some(&door, Listener::Admin, "192.0.2.2", OWN - OWN_PER_ADDRESS);
        assert_eq!(admit_at(&door, Listener::Admin, "192.0.2.3").unwrap_err(), Full::Own);
        let scrapes = some(&door, Listener::Metrics, "192.0.2.1", OWN);
        assert_eq!(admit_at(&door, Listener::Metrics, "127.0.0.1").unwrap_err(), Full::Own);
        assert!(door.is_crowded(Room::Admin, &Clients::default()));
        drop((admin, others, scrapes));
        assert!(!door.is_crowded(Room::Admin, &Clients::default()));
        assert_eq!(door.metrics.edge.connections.get(), 2);
    }

    #[test]
    fn a_few_places_are_kept_for_the_machine_itself() {
        let door = door(Clients { connections: 1, ..Clients::default() }, 100);
        let _client = admit(&door, "192.0.2.1").unwrap();
        let mut probes = some(&door, Listener::Main, "127.0.0.1", RESERVE - 1);
        probes.push(admit(&door, "::1").unwrap());
        assert!(probes.iter().all(|probe| probe.is_reserved()));
        assert_eq!(admit(&door, "::1").unwrap_err(), Full::All);
        probes.clear();
        assert!(admit(&door, "::ffff:127.0.0.1").unwrap().is_reserved());
        assert_eq!(admit(&door, "192.0.2.1").unwrap_err(), Full::All);
    }
}
