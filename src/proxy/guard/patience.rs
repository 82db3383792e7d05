//! How long a client may take to read what is written to it.

use std::future::Future;
use std::sync::Arc;

use pingora_core::{Error, ErrorType, Result};
use pingora_proxy::Session;
use tokio::time::timeout;

use super::connection::{Connection, of};
use crate::config::Clients;
use crate::observe::ConnectionCut;

/// The patience with one client: a client that stops reading would hold its exchange for good.
pub(in crate::proxy) struct Patience {
    connection: Option<Arc<Connection>>,
    clients: Clients,
}

impl Patience {
    /// The patience with the client of a session.
    pub(in crate::proxy) fn with(session: &Session) -> Patience {
        let connection = of(session).cloned();
        let clients = connection.as_ref().map_or_else(Clients::default, |connection| connection.clients());
        Patience { connection, clients }
    }

    /// Seconds that its connection may be idle.
    pub(in crate::proxy) fn idle_seconds(&self) -> u64 {
        self.clients.idle_time.as_secs().max(1)
    }

    /// Waits for a write of at most one piece. After an error nothing more may be written.
    pub(in crate::proxy) async fn wait(self, write: impl Future<Output = Result<()>>) -> Result<()> {
        timeout(self.clients.write_time, write).await.unwrap_or_else(|_| {
            if let Some(connection) = &self.connection {
                connection.door().cut(ConnectionCut::SlowReader);
            }
            Err(Error::explain(ErrorType::WriteTimedout, "the client does not read").into_down())
        })
    }
}
