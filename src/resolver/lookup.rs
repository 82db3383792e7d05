//! Asks for the addresses of a name; a trait so that tests can answer.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::observe::metrics::LookupMetrics;

/// Asks somebody for the addresses of a name.
pub trait Lookup: Send + Sync + 'static {
    /// The addresses of `host`, each with `port`. Bounded in time by the caller.
    fn lookup(&self, host: Arc<str>, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>;
}

/// Asks the operating system (`getaddrinfo`) on one of Tokio's blocking threads, so that `/etc/hosts`, container
/// networks and private zones work as they do for other programs.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, host: Arc<str>, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((&*host, port)).await?.collect()) })
    }
}

/// [`SystemLookup`], measured.
#[derive(Clone, Debug)]
pub struct MeasuredLookup(pub LookupMetrics);

impl Lookup for MeasuredLookup {
    fn lookup(&self, host: Arc<str>, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let metrics = self.0.clone();
        Box::pin(async move {
            let measured = metrics.begin();
            let found = SystemLookup.lookup(host, port).await;
            measured.ended(found.as_ref().is_ok_and(|addresses| !addresses.is_empty()));
            found
        })
    }
}

impl<F> Lookup for F
where
    F: Fn(Arc<str>, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync + 'static,
{
    fn lookup(&self, host: Arc<str>, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        self(host, port)
    }
}
