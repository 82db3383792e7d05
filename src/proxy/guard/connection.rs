//! One connection of a client: which listener it came by, whose it is, and whether a head is awaited on it.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderMap;
use pingora_core::protocols::http::ServerSession;
use tokio::time::Instant;

use super::address::{Known, Place, Usage};
use super::client::client_address;
use super::door::{Counted, Door, Room};
use super::resets::Resets;
use crate::config::{Clients, Config};
use crate::observe::ConnectionCut;

/// Where a connection came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// Where everything is served.
    Main,
    /// Where everything but the admin API is served, as that has its own listener.
    Public,
    /// Where the admin API is served, and nothing else.
    Admin,
    /// Where the metrics are served, and nothing else.
    Metrics,
}

/// A connection that was let in.
#[derive(Debug)]
pub struct Connection {
    peer: IpAddr,
    listener: Listener,
    address: Arc<Known>,
    _place: Option<Place>,
    counted: Counted,
    /// Even: a head is awaited; odd: none is. It grows with each change, so that the stream sees that another head is awaited.
    turn: AtomicU32,
    is_http2: AtomicBool,
    is_condemned: AtomicBool,
    resets: Resets,
    state: Mutex<State>,
}

/// What requests tell of their connection.
#[derive(Clone, Copy, Debug)]
struct State {
    /// Of the request that began last.
    clients: Clients,
    /// Requests under way: of HTTP/2 there may be several.
    requests: usize,
    /// Since when there are none, if there are none.
    idle_since: Instant,
}

/// What a connection is made of.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) peer: IpAddr,
    pub(super) listener: Listener,
    pub(super) clients: Clients,
    pub(super) address: Arc<Known>,
    /// None where addresses are not bounded.
    pub(super) place: Option<Place>,
    pub(super) counted: Counted,
}

impl Connection {
    pub(super) fn new(entry: Entry) -> Arc<Connection> {
        Arc::new(Connection {
            peer: entry.peer,
            listener: entry.listener,
            address: entry.address,
            _place: entry.place,
            counted: entry.counted,
            turn: AtomicU32::new(0),
            is_http2: AtomicBool::new(false),
            is_condemned: AtomicBool::new(false),
            resets: Resets::new(),
            state: Mutex::new(State { clients: entry.clients, requests: 0, idle_since: Instant::now() }),
        })
    }

    /// Where it came in.
    pub(in crate::proxy) const fn listener(&self) -> Listener {
        self.listener
    }

    /// The bounds that hold for it now.
    #[must_use]
    pub fn clients(&self) -> Clients {
        self.state().clients
    }

    fn state(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn door(&self) -> &Door {
        &self.counted.door
    }

    /// Whether it has one of the places that are kept for probes and the operator: nothing else is served on those.
    pub(super) fn is_reserved(&self) -> bool {
        self.counted.room == Room::Reserve
    }

    /// Whether it should make room when it is idle.
    pub(super) fn is_crowded(&self, clients: &Clients) -> bool {
        self.door().is_crowded(self.counted.room, clients)
    }

    /// The bounds that hold for it now, and since when no request is under way, if none is.
    pub(super) fn idleness(&self) -> (Clients, Option<Instant>) {
        let State { clients, requests, idle_since } = self.state();
        (clients, (requests == 0).then_some(idle_since))
    }

    pub(super) fn turn(&self) -> u32 {
        self.turn.load(Ordering::Relaxed)
    }

    pub(super) fn is_http2(&self) -> bool {
        self.is_http2.load(Ordering::Relaxed)
    }

    pub(super) fn set_http2(&self) {
        self.is_http2.store(true, Ordering::Relaxed);
    }

    /// The preface of HTTP/2 has come: from here on heads come within its frames.
    pub(super) fn http2_has_begun(&self) {
        self.turn.fetch_or(1, Ordering::Relaxed);
    }

    pub(super) fn is_condemned(&self) -> bool {
        self.is_condemned.load(Ordering::Relaxed)
    }

    fn given_up(&self) {
        if self.is_http2() && self.resets.count(Instant::now()) && !self.is_condemned.swap(true, Ordering::Relaxed) {
            self.door().cut(ConnectionCut::Resets);
        }
    }
}

/// One request on a connection, from the end of its head until its connection is ready for the next.
#[derive(Debug)]
pub struct Visit {
    connection: Arc<Connection>,
    client: IpAddr,
    place: Option<Place>,
}

/// The connection has as many requests under way as its client may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) struct TooMany;

impl Visit {
    /// A request begins on that connection.
    pub(in crate::proxy) fn begin(connection: Arc<Connection>, headers: &HeaderMap, config: &Config) -> Visit {
        connection.change(|state| {
            state.clients = config.clients;
            state.requests += 1;
        });
        if !connection.is_http2() {
            connection.turn.fetch_add(1, Ordering::Relaxed);
        }
        let client = client_address(connection.peer, headers, &config.trusted_proxies);
        Visit { connection, client, place: None }
    }

    /// The client's address.
    pub(in crate::proxy) const fn client(&self) -> IpAddr {
        self.client
    }

    /// The connection.
    pub(in crate::proxy) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The request wants a place that is kept for others. It is counted.
    pub(super) fn reserve_refused(&self) {
        self.connection.door().reserve_refused();
    }

    /// Takes one of the places that requests of its client have.
    ///
    /// # Errors
    /// All are taken. It is counted.
    pub(in crate::proxy) fn enter(&mut self, clients: &Clients) -> Result<(), TooMany> {
        let address = if self.client == self.connection.peer {
            Arc::clone(&self.connection.address)
        } else {
            self.connection.door().find(self.client)
        };
        self.place = address.take(requests, clients.requests_per_address);
        if self.place.is_none() {
            self.connection.door().request_refused();
            return Err(TooMany);
        }
        Ok(())
    }

    /// The client gave the request up.
    pub(in crate::proxy) fn given_up(&self) {
        self.connection.given_up();
    }

    /// The client was cut.
    pub(in crate::proxy) fn cut(&self, why: ConnectionCut) {
        self.connection.door().cut(why);
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.connection.change(|state| {
            state.requests = state.requests.saturating_sub(1);
            state.idle_since = Instant::now();
        });
        if !self.connection.is_http2() {
            self.connection.turn.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn requests(usage: &Usage) -> &AtomicUsize {
    &usage.requests
}

/// The connection of a session, which its stream has put into its digest.
pub(in crate::proxy) fn of(session: &ServerSession) -> Option<&Arc<Connection>> {
    session.digest()?.proxy_digest.as_ref()?.user_data.as_ref()?.downcast_ref()
}

/// Begins a request that the proxy does not serve, on the connection of that session: its next head is bounded from when this is dropped.
#[must_use]
pub fn visit(session: &ServerSession, config: &Config) -> Option<Visit> {
    let connection = Arc::clone(of(session)?);
    Some(Visit::begin(connection, &session.req_header().headers, config))
}
