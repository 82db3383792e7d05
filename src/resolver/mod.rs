//! Addresses of providers, kept fresh off the request path, so that only the very first request for a host waits for
//! a name server.

mod answer;
mod host;
mod lookup;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::Instant;

use self::host::Host;
pub use self::lookup::{Lookup, MeasuredLookup, SystemLookup};
use crate::config::is_metadata;

/// The most pairs of host and port that are remembered; the one that was not asked for the longest makes room.
const MAX_HOSTS: usize = 256;

/// How long one look-up may take.
pub const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a host has no addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The look-up failed.
    #[error("the address of `{host}` cannot be found: {reason}")]
    Failed {
        /// The name that was looked up.
        host: Arc<str>,
        /// What the system said.
        reason: Arc<str>,
    },
    /// The look-up took longer than [`LOOKUP_TIMEOUT`].
    #[error("the address of `{host}` was not found within {} s", LOOKUP_TIMEOUT.as_secs())]
    Timeout {
        /// The name that was looked up.
        host: Arc<str>,
    },
    /// The name exists and has no address.
    #[error("`{host}` has no address")]
    NoAddress {
        /// The name that was looked up.
        host: Arc<str>,
    },
}

/// The addresses without those at which clouds have their metadata services: a name that leads there, by a mistake or by somebody who may
/// change it, would have the gateway ask that service. `None` when none is left.
#[must_use]
pub fn without_metadata(addresses: Arc<[SocketAddr]>) -> Option<Arc<[SocketAddr]>> {
    if !addresses.iter().any(|address| is_metadata(address.ip())) {
        return Some(addresses);
    }
    let left: Arc<[SocketAddr]> = addresses.iter().filter(|address| !is_metadata(address.ip())).copied().collect();
    (!left.is_empty()).then_some(left)
}

/// The addresses of hosts, from memory.
///
/// Answers are fresh for about 30 s. An older one is still given at once, while it is looked up again in the
/// background; when that fails, the last good answer stays. The address that worked last stays first: it is a part of
/// the connection pool's key, so changing it throws warm connections away.
///
/// Try the addresses in order, and tell what came of it:
///
/// ```no_run
/// # async fn connect(_: std::net::SocketAddr) -> bool { true }
/// # async fn example(resolver: ovth_gateway::resolver::Resolver) -> Result<(), ovth_gateway::resolver::ResolveError> {
/// for address in resolver.addresses("api.openai.com", 443).await?.iter() {
///     if connect(*address).await {
///         resolver.works_with("api.openai.com", 443, *address);
///         break;
///     }
///     resolver.failed("api.openai.com", 443, *address);
/// }
/// # Ok(())
/// # }
/// ```
pub struct Resolver {
    /// By name, then one entry a port. Read without a lock; replaced as a whole when a host is added.
    hosts: ArcSwap<Hosts>,
    /// Held while a host is added.
    adding: Mutex<()>,
    lookup: Arc<dyn Lookup>,
    /// Uses are counted in milliseconds from here.
    started: Instant,
}

type Hosts = HashMap<Arc<str>, Vec<Arc<Host>>>;

impl Resolver {
    /// A resolver that asks the operating system, as other programs on this machine do.
    #[must_use]
    pub fn new() -> Resolver {
        Resolver::with_lookup(SystemLookup)
    }

    /// A resolver that asks `lookup`.
    #[must_use]
    pub fn with_lookup(lookup: impl Lookup) -> Resolver {
        Resolver {
            hosts: ArcSwap::default(),
            adding: Mutex::new(()),
            lookup: Arc::new(lookup),
            started: Instant::now(),
        }
    }

    /// The addresses of `host` with `port`, in the order in which to try them, families in turn. Never empty.
    ///
    /// Waits only while nothing is known of the host, at most [`LOOKUP_TIMEOUT`]; requests that wait for the same host
    /// share one look-up, which goes on when they are dropped. Must be called within a Tokio runtime. An IP address is
    /// its own answer.
    ///
    /// # Errors
    /// When the host was never found; for a second after that without a new look-up.
    pub async fn addresses(&self, host: &str, port: u16) -> Result<Arc<[SocketAddr]>, ResolveError> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(Arc::new([SocketAddr::new(ip, port)]));
        }
        let now = Instant::now();
        let entry = self.known(host, port).unwrap_or_else(|| self.add(host, port));
        entry.used(now.duration_since(self.started));
        entry.addresses(&self.lookup, now).await
    }

    /// Tells that a connection to that address was made: it stays first for as long as it works.
    pub fn works_with(&self, host: &str, port: u16, address: SocketAddr) {
        if let Some(entry) = self.known(host, port) {
            entry.works_with(address, Instant::now());
        }
    }

    /// Tells that no connection to that address could be made: the others come first, and the host is looked up anew
    /// at its next use.
    pub fn failed(&self, host: &str, port: u16, address: SocketAddr) {
        if let Some(entry) = self.known(host, port) {
            entry.failed(address);
        }
    }

    fn known(&self, host: &str, port: u16) -> Option<Arc<Host>> {
        self.hosts.load().get(host)?.iter().find(|entry| entry.port == port).cloned()
    }

    fn add(&self, host: &str, port: u16) -> Arc<Host> {
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = self.known(host, port) {
            return entry;
        }
        let mut hosts = Hosts::clone(&self.hosts.load());
        if hosts.values().map(Vec::len).sum::<usize>() >= MAX_HOSTS {
            forget_least_recent(&mut hosts);
        }
        let entry = Arc::new(Host::new(host, port));
        hosts.entry(Arc::clone(&entry.name)).or_default().push(Arc::clone(&entry));
        self.hosts.store(Arc::new(hosts));
        entry
    }
}

impl Default for Resolver {
    fn default() -> Resolver {
        Resolver::new()
    }
}

fn forget_least_recent(hosts: &mut Hosts) {
    let Some(oldest) = hosts.values().flatten().min_by_key(|entry| entry.last_used()).cloned() else { return };
    if let Some(ports) = hosts.get_mut(&oldest.name) {
        ports.retain(|entry| entry.port != oldest.port);
        if ports.is_empty() {
            hosts.remove(&oldest.name);
        }
    }
}

#[cfg(test)]
mod tests;
