//! Assembly: from a checked configuration to listening sockets, and the orderly way down again.

mod authorities;
mod front;
mod listeners;
mod local;
mod logs;
mod memory;
mod reload;
mod scrape;
mod shutdown;
mod signals;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use arc_swap::ArcSwap;
use log::info;
use pingora_core::connectors::ConnectorOptions;
use pingora_core::connectors::http::Connector;
use pingora_core::server::Server;
use pingora_proxy::HttpProxy;

use self::authorities::authorities;
use self::front::Front;
use self::listeners::{Bound, Listeners, Reception, room_for_connections};
use self::local::{Local, current_settings};
pub use self::logs::apply_levels;
use self::logs::{LogFileError, apply_log};
use self::memory::body_budget;
use self::reload::followers;
use self::scrape::Scrape;
use self::shutdown::{Shutdown, close, run_args, server_conf};
pub use self::signals::Signals;
use crate::accounts::{self, Watch};
use crate::admin::{Admin, AdminParts};
use crate::conversations::Conversations;
use crate::keys::{Keys, KeysError};
use crate::ledger::Ledger;
use crate::observe::{Metrics, logging};
use crate::proxy::guard::{Door, Listener};
use crate::proxy::{Budget, Ending, Gateway, ReasoningMemory, RefusedState, ResponseMemory};
use crate::reload::{Loaded, Parts};
use crate::resolver::{MeasuredLookup, Resolver};
use crate::routing::{Health, Inventory};
use crate::store::{Store, StoreError};

/// Idle connections to providers that are kept, for each worker thread.
const POOL_PER_THREAD: usize = 128;

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address} ({setting}): {source}")]
    Listen {
        /// The setting that names it.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys cannot be read.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// A thread cannot be made.
    #[error("the system gives no thread: {0}")]
    Thread(io::Error),
    /// The configuration cannot be watched and reloaded.
    #[error("reloads of the configuration cannot be prepared: {0}")]
    Reload(#[source] io::Error),
    /// The list of certificate authorities cannot be written.
    #[error("this system has no certificate authorities, and the built-in list cannot be written to {path}: {source}")]
    Roots {
        /// Where it was to go.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file that `log` names cannot be opened.
    #[error(transparent)]
    Log(#[from] LogFileError),
}

/// Runs the gateway until a signal ends the process: with status 0 when every request has ended by itself, 3 when some were cut, and 1 when the
/// ledger could not be closed.
///
/// # Errors
/// When it cannot start.
pub fn run(
    loaded: Loaded,
    metrics: &Arc<Metrics>,
    log: &logging::Control,
    signals: &Signals,
) -> Result<(), StartError> {
    let Loaded { path, snapshot, warnings, files } = loaded;
    let config = snapshot.config();
    let (listen, metrics_listen, h2c) = (config.listen, config.metrics_listen, config.h2c);
    let admin_listen = config.admin_listen;
    let threads = config.threads.unwrap_or_else(available_threads);
    let data_dir = config.data_dir.clone();
    let main = if admin_listen.is_some() { Listener::Public } else { Listener::Main };
    let tls_listen = config.tls.as_ref().and_then(|tls| tls.listen);
    let mut sockets = vec![Bound::new("listen", listen, main)?.with_tls(config.tls.is_some() && tls_listen.is_none())];
    if let Some(address) = tls_listen {
        sockets.push(Bound::new("tls.listen", address, main)?.with_tls(true));
    }
    if let Some(address) = admin_listen {
        sockets.push(Bound::new("admin.listen", address, Listener::Admin)?);
    }
    let metrics_socket = Bound::new("metrics.listen", metrics_listen, Listener::Metrics)?;
    let room = room_for_connections();

    let store = Arc::new(Store::open(&data_dir)?);
    apply_log(log, config)?;
    let keys = Arc::new(Keys::open(Arc::clone(&store))?);
    let ledger = Arc::new(Ledger::open_measured(Arc::clone(&store), config.ledger, metrics.commits.clone())?);
    let mut connections = ConnectorOptions::new(POOL_PER_THREAD * threads);
    connections.ca_file = authorities(&data_dir)?;
    let (budget, health) = (Budget::new(body_budget(config.limits.buffered_bytes)), Arc::new(Health::new()));
    let snapshot = Arc::new(ArcSwap::from_pointee(snapshot));
    let scrape = Scrape {
        metrics: Arc::clone(metrics),
        snapshot: Arc::clone(&snapshot),
        health: Arc::clone(&health),
        budget: Arc::clone(&budget),
        ledger: Arc::clone(&ledger),
        database: store.path().to_owned(),
    };
    let ending = Arc::new(Ending::default());
    let (account_watch, recheck) = Watch::new();
    let reload = crate::reload::start(Parts {
        path,
        files,
        warnings,
        snapshot: Arc::clone(&snapshot),
        metrics: Arc::clone(metrics),
        followers: followers(log, &budget, &ledger),
        swapped: Box::new(move || recheck.ask()),
    })
    .map_err(StartError::Reload)?;
    let admin = Admin::new(AdminParts {
        settings: current_settings(Arc::clone(&snapshot)),
        keys: Arc::clone(&keys),
        ledger: Arc::clone(&ledger),
        data_dir: data_dir.clone(),
        log: log.clone(),
        reload: reload.clone(),
        metrics: Arc::clone(metrics),
    });
    let inventory = Arc::new(Inventory::new());
    let accounts = accounts::Parts {
        snapshot: Arc::clone(&snapshot),
        inventory: Arc::clone(&inventory),
        metrics: Arc::clone(metrics),
    };
    let in_force = Arc::clone(&snapshot);
    let certified = Arc::clone(&snapshot);
    let certificate = move || Some(certified.load().config().tls.as_ref()?.identity.server_config());
    let door = Door::new(move |show| show(in_force.load().config()), room, Arc::clone(metrics));
    let gateway = Gateway {
        inventory,
        refused_state: RefusedState::default(),
        reasoning_memory: Arc::new(ReasoningMemory::default()),
        response_memory: ResponseMemory::default(),
        local: Box::new(Local { admin, ledger: Arc::clone(&ledger), reload }),
        budget,
        ending: Arc::clone(&ending),
        snapshot: Arc::clone(&snapshot),
        keys,
        ledger: Arc::clone(&ledger),
        conversations: Arc::new(Conversations::new()),
        metrics: Arc::clone(metrics),
        resolver: Arc::new(Resolver::with_lookup(MeasuredLookup(metrics.lookups.clone()))),
        health,
        connector: Arc::new(Connector::new(Some(connections))),
        log: log.clone(),
    };

    let mut server = Server::new_with_opt_and_conf(None, server_conf(&data_dir));
    server.bootstrap();
    let mut proxy = HttpProxy::new(gateway, Arc::clone(&server.configuration));
    proxy.handle_init_modules();
    let front = Arc::new(Front::new(proxy, Arc::clone(&snapshot), h2c));
    let scrape =
        Reception { app: Arc::new(scrape), door: Arc::clone(&door), h2c: false, certificate: Box::new(|| None) };
    let clients = Reception { app: front, door, h2c, certificate: Box::new(certificate) };
    server.add_service(Listeners::new("gateway", clients, sockets, threads));
    server.add_service(Listeners::new("metrics", scrape, vec![metrics_socket], 1));

    let shutdown = Shutdown {
        signals: signals.clone(),
        snapshot,
        ending,
        metrics: Arc::clone(metrics),
        ledger: Arc::clone(&ledger),
        store: Arc::clone(&store),
    };
    shutdown.spawn(&server).map_err(StartError::Thread)?;
    info!(listen:% = listen, metrics:% = metrics_listen, threads, h2c, data_dir:% = data_dir.display(); "serving");
    account_watch.start(accounts).map_err(StartError::Thread)?;
    server.run(run_args(signals));
    close(&ledger, &store);
    Ok(())
}

/// The cores that this process may use, limits of its container counted in.
fn available_threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
