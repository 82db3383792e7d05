//! The admin API: keys, usage, exchanges, live counters and the care of the database, for whoever holds the master key. From requests to
//! answers; the proxy does the I/O with clients.

mod body;
mod config;
mod endpoints;
mod exchanges;
mod gate;
mod health;
mod key_info;
mod key_object;
mod keys;
mod limits;
mod log;
mod moment;
mod money;
mod object;
mod openapi;
mod problems;
mod query;
mod quotas;
mod response;
pub mod router;
mod upkeep;
mod usage;

#[cfg(test)]
mod tests;

pub use exchanges::exchange_json;
pub use health::{Checks, Drain, StoreCheck, healthz, readyz};
pub use key_info::key_info;
pub use response::{AdminResponse, Body};

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use http::request::Parts;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::config::{Quota, Secret};
use crate::keys::Keys;
use crate::ledger::Ledger;
use crate::observe::{Metrics, logging};
use crate::reload;
use crate::store::StoreError;
use endpoints::{Call, Found};
use gate::Gate;
use response::{Refused, storage_fault};
use upkeep::Upkeep;

/// So many requests read the database at a time; others wait.
const READERS: usize = 4;

/// What of the configuration the admin API goes by. It is asked for anew with each request.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Opens the admin API.
    pub master_key: Secret,
    /// What keys may spend and use that have no settings of their own.
    pub quota: Quota,
}

/// What the admin API works on.
pub struct AdminParts {
    /// Tells the settings as they are now.
    pub settings: Box<dyn Fn() -> Settings + Send + Sync>,
    /// The keys.
    pub keys: Arc<Keys>,
    /// The ledger.
    pub ledger: Arc<Ledger>,
    /// The folder of the database, in which copies of it are made.
    pub data_dir: PathBuf,
    /// The log.
    pub log: logging::Control,
    /// Loads the configuration anew.
    pub reload: reload::Handle,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// The admin API.
pub struct Admin {
    settings: Box<dyn Fn() -> Settings + Send + Sync>,
    keys: Arc<Keys>,
    ledger: Arc<Ledger>,
    gate: Gate,
    reload: reload::Handle,
    readers: Arc<Semaphore>,
    upkeep: Upkeep,
    log: logging::Control,
    clock: fn() -> SystemTime,
}

impl Admin {
    /// An admin API for those keys and that ledger. Deletes copies of the database that a former process left in its folder.
    #[must_use]
    pub fn new(parts: AdminParts) -> Admin {
        Admin {
            settings: parts.settings,
            keys: parts.keys,
            ledger: parts.ledger,
            reload: parts.reload,
            gate: Gate::new(parts.metrics),
            readers: Arc::new(Semaphore::new(READERS)),
            upkeep: Upkeep::new(parts.data_dir),
            log: parts.log,
            clock: SystemTime::now,
        }
    }

    fn settings(&self) -> Settings {
        (self.settings)()
    }

    fn now(&self) -> SystemTime {
        (self.clock)()
    }

    /// Reads from the ledger on a thread that may block.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Ledger) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Refused> {
        self.try_read(work).await.map_err(|error| Box::new(storage_fault(&error)))
    }

    async fn try_read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Ledger) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = Arc::clone(&self.readers).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let ledger = Arc::clone(&self.ledger);
        // The place is kept until the work is done, even when nobody waits for it any more.
        let read = spawn_blocking(move || {
            let read = work(&ledger);
            drop(place);
            read
        });
        read.await.unwrap_or(Err(StoreError::Panicked))
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

/// Answers a request to `/admin` and below. First asked without a body: `None` says that the request is in order so far, and that its
/// body (whole, bounded by the caller, read as JSON whatever its content type says) is to be given. With one there always is an answer.
///
/// The order of the checks is path, method, master key, body: without the master key nothing of the body is looked at.
pub async fn handle(admin: &Admin, head: &Parts, body: Option<&[u8]>) -> Option<AdminResponse> {
    let found = match endpoints::find(&head.method, head.uri.path()) {
        Ok(found) => found,
        Err(refused) => return Some(*refused),
    };
    let settings = admin.settings();
    if !found.call.is_open()
        && let Err(refused) =
            admin.gate.admit(&settings.master_key, &head.headers, head.extensions.get().copied()).await
    {
        return Some(*refused);
    }
    let body = match body {
        Some(body) => body,
        None if found.call.wants_body() => return None,
        None => b"",
    };
    Some(answer(admin, settings, (head, found), body).await.unwrap_or_else(|refused| *refused))
}

async fn answer(
    admin: &Admin,
    settings: Settings,
    (head, Found { call, id }): (&Parts, Found<'_>),
    body: &[u8],
) -> Result<AdminResponse, Refused> {
    match call {
        Call::Overview => Ok(openapi::overview()),
        Call::OpenApi => Ok(openapi::document()),
        Call::ListKeys => keys::list(admin, head),
        Call::CreateKey => keys::create(admin, &settings, head, body).await,
        Call::ShowKey => keys::show(admin, id),
        Call::ChangeKey => keys::change(admin, id, body).await,
        Call::RevokeKey => keys::revoke(admin, id).await,
        Call::RotateKey => keys::rotate(admin, &settings, (head, id), body).await,
        Call::Usage => usage::usage(admin, head).await,
        Call::ListExchanges => exchanges::list(admin, head).await,
        Call::ShowExchange => exchanges::show(admin, id).await,
        Call::Quotas => quotas::quotas(admin, settings, head).await,
        Call::ShowLog => Ok(log::show(admin)),
        Call::ChangeLog => log::change(admin, body),
        Call::CheckLedger => upkeep::check(admin).await,
        Call::CompactLedger => upkeep::compact(admin).await,
        Call::BackUpLedger => upkeep::back_up(admin).await,
        Call::ShowConfig => Ok(config::show(admin)),
        Call::Reload => config::reload(admin).await,
    }
}
