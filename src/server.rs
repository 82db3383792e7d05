//! Assembly: from a checked configuration to listening sockets, and the orderly way down again.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use log::{info, warn};
use pingora_core::apps::HttpServerOptions;
use pingora_core::apps::http_app::ServeHttp;
use pingora_core::connectors::ConnectorOptions;
use pingora_core::connectors::http::Connector;
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::http::v2::server::default_h2_options;
use pingora_core::server::configuration::ServerConf;
use pingora_core::server::{ExecutionPhase, RunArgs, Server};
use pingora_core::services::listening::Service;
use pingora_proxy::ProxyServiceBuilder;
use socket2::{Domain, Socket, Type};

use crate::admin::{self, Admin, AdminParts, AdminResponse, Body, Checks, Drain};
use crate::conversations::Conversations;
use crate::keys::{Key, Keys, KeysError};
use crate::ledger::{Ledger, Payer};
use crate::observe::{Metrics, metrics};
use crate::proxy::{Budget, Gateway, LocalAnswer, LocalApi, LocalBody, ReasoningMemory, RefusedState};
use crate::resolver::Resolver;
use crate::routing::{Health, Snapshot};
use crate::store::{Store, StoreError};

/// Idle connections to providers that are kept, for each worker thread.
const POOL_PER_THREAD: usize = 128;

/// After SIGTERM exchanges in flight may take so long to end.
const GRACE: Duration = Duration::from_secs(30);

/// How often the end of the last exchange is looked for while shutting down.
const DRAIN_LOOK: Duration = Duration::from_millis(10);

/// Time for what was written last to leave this process.
const LAST_FRAMES: Duration = Duration::from_millis(50);

/// HTTP/2 windows of a client: large bodies would otherwise wait a round trip for each 64 KiB.
const H2_WINDOW_BYTES: u32 = 1024 * 1024;

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
    /// The list of certificate authorities cannot be written.
    #[error("this system has no certificate authorities, and the built-in list cannot be written to {path}: {source}")]
    Roots {
        /// Where it was to go.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Runs the gateway until it is told to stop.
///
/// # Errors
/// When it cannot start.
pub fn run(snapshot: Snapshot, metrics: &Arc<Metrics>) -> Result<(), StartError> {
    let config = snapshot.config();
    let (listen, metrics_listen, h2c) = (config.listen, config.metrics_listen, config.h2c);
    let threads = config.threads.unwrap_or_else(available_threads);
    let data_dir = config.data_dir.clone();
    can_listen("listen", listen)?;
    can_listen("metrics.listen", metrics_listen)?;
    raise_descriptor_limit();

    let store = Arc::new(Store::open(&data_dir)?);
    let keys = Arc::new(Keys::open(Arc::clone(&store))?);
    let ledger = Arc::new(Ledger::open(Arc::clone(&store), config.ledger)?);
    let mut connections = ConnectorOptions::new(POOL_PER_THREAD * threads);
    connections.ca_file = authorities(&data_dir)?;
    let (budget, health) = (Budget::new(config.limits.buffered_bytes), Arc::new(Health::new()));
    let scrape = Scrape {
        metrics: Arc::clone(metrics),
        health: Arc::clone(&health),
        budget: Arc::clone(&budget),
        ledger: Arc::clone(&ledger),
    };
    let snapshot = Arc::new(ArcSwap::from_pointee(snapshot));
    let admin = Admin::new(AdminParts {
        settings: current_settings(Arc::clone(&snapshot)),
        keys: Arc::clone(&keys),
        ledger: Arc::clone(&ledger),
        data_dir: data_dir.clone(),
    });
    let gateway = Gateway {
        refused_state: RefusedState::default(),
        reasoning_memory: Arc::new(ReasoningMemory::default()),
        local: Box::new(Local { admin, ledger: Arc::clone(&ledger) }),
        budget,
        snapshot,
        keys,
        ledger: Arc::clone(&ledger),
        conversations: Arc::new(Conversations::new()),
        metrics: Arc::clone(metrics),
        resolver: Arc::new(Resolver::new()),
        health,
        connector: Arc::new(Connector::new(Some(connections))),
    };

    let mut server = Server::new_with_opt_and_conf(None, server_conf(&data_dir));
    server.bootstrap();
    let mut options = HttpServerOptions::default();
    options.h2c = h2c;
    let mut proxy =
        ProxyServiceBuilder::new(&server.configuration, gateway).name("gateway").server_options(options).build();
    if let Some(app) = proxy.app_logic_mut() {
        let mut h2 = default_h2_options();
        h2.initial_window_size(H2_WINDOW_BYTES).initial_connection_window_size(H2_WINDOW_BYTES * 4);
        app.h2_options = Some(h2);
    }
    proxy.threads = Some(threads);
    proxy.add_tcp(&listen.to_string());
    let mut scrape = Service::new("metrics".to_owned(), scrape);
    scrape.threads = Some(1);
    scrape.add_tcp(&metrics_listen.to_string());
    server.add_service(proxy);
    server.add_service(scrape);

    end_when_drained(&server, metrics, &ledger, &store);
    info!(listen:% = listen, metrics:% = metrics_listen, threads, h2c, data_dir:% = data_dir.display(); "serving");
    server.run(RunArgs::default());
    close(&ledger, &store);
    Ok(())
}

/// The cores that this process may use, limits of its container counted in.
fn available_threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

fn server_conf(data_dir: &Path) -> ServerConf {
    ServerConf {
        threads: 1,
        // A request stays on the thread that accepted it, where its pooled connection lives as well.
        work_stealing: false,
        grace_period_seconds: Some(GRACE.as_secs()),
        graceful_shutdown_timeout_seconds: Some(1),
        upgrade_sock: data_dir.join("upgrade.sock").display().to_string(),
        pid_file: data_dir.join("ovth.pid").display().to_string(),
        ..ServerConf::default()
    }
}

/// Pingora panics on an address in use; this tells it in words. The socket is bound and never listens: a client that connects this early is
/// refused, and not taken in to be dropped.
fn can_listen(setting: &'static str, address: SocketAddr) -> Result<(), StartError> {
    let bound = Socket::new(Domain::for_address(address), Type::STREAM, None).and_then(|socket| {
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())
    });
    bound.map_err(|source| StartError::Listen { setting, address, source })
}

/// A stream takes two descriptors; the usual soft limit of 1,024 is soon reached.
fn raise_descriptor_limit() {
    if let Err(error) = rlimit::increase_nofile_limit(rlimit::INFINITY) {
        warn!(error:%; "the limit of open files cannot be raised");
    }
}

/// The file of certificate authorities: the system's (`None`) where it has any, else the built-in list, written to the data folder.
fn authorities(data_dir: &Path) -> Result<Option<String>, StartError> {
    if !rustls_native_certs::load_native_certs().certs.is_empty() {
        return Ok(None);
    }
    let path = data_dir.join("authorities.pem");
    let pem: String = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|certificate| as_pem(certificate)).collect();
    std::fs::write(&path, pem).map_err(|source| StartError::Roots { path: path.clone(), source })?;
    warn!(file:% = path.display(); "this system has no certificate authorities; the built-in list is used");
    Ok(Some(path.display().to_string()))
}

fn as_pem(certificate: &[u8]) -> String {
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(certificate);
    format!("-----BEGIN CERTIFICATE-----\n{encoded}\n-----END CERTIFICATE-----\n")
}

/// Pingora sleeps through the whole grace time even when nothing is in flight: this ends the process as soon as the last exchange has.
fn end_when_drained(server: &Server, metrics: &Arc<Metrics>, ledger: &Arc<Ledger>, store: &Arc<Store>) {
    let mut phases = server.watch_execution_phase();
    let (metrics, ledger, store) = (Arc::clone(metrics), Arc::clone(ledger), Arc::clone(store));
    thread::spawn(move || {
        loop {
            match phases.blocking_recv() {
                Ok(ExecutionPhase::GracefulTerminate) => break,
                Ok(_) => {}
                Err(_) => return,
            }
        }
        let began = Instant::now();
        info!(in_flight = metrics.in_flight(); "shutting down");
        loop {
            while metrics.in_flight() > 0 && began.elapsed() < GRACE {
                thread::sleep(DRAIN_LOOK);
            }
            // The last frames of HTTP/2 are handed to the connection before they are on the wire.
            thread::sleep(LAST_FRAMES);
            if metrics.in_flight() == 0 {
                break;
            }
            if began.elapsed() >= GRACE {
                // Pingora cuts what is left; its meters settle while they are dropped, and `run` closes the database after that.
                return;
            }
        }
        close(&ledger, &store);
        info!("all requests have ended");
        log::logger().flush();
        std::process::exit(0);
    });
}

fn close(ledger: &Ledger, store: &Store) {
    for (part, closed) in [("ledger", ledger.shutdown()), ("database", store.shutdown())] {
        if let Err(error) = closed {
            log::error!(part, error:%; "not everything could be written");
        }
    }
}

/// Tells what the admin API goes by, as the configuration in force has it.
fn current_settings(snapshot: Arc<ArcSwap<Snapshot>>) -> Box<dyn Fn() -> admin::Settings + Send + Sync> {
    Box::new(move || {
        let snapshot = snapshot.load();
        let config = snapshot.config();
        admin::Settings { master_key: config.master_key.clone(), quota: config.quota.clone() }
    })
}

/// What the proxy asks other parts to answer.
struct Local {
    admin: Admin,
    ledger: Arc<Ledger>,
}

#[async_trait]
impl LocalApi for Local {
    async fn admin(&self, head: &Parts, body: Option<&[u8]>) -> Option<LocalAnswer> {
        admin::handle(&self.admin, head, body).await.map(answer)
    }

    async fn key_info(&self, key: &Arc<Key>, limits: Payer) -> LocalAnswer {
        answer(admin::key_info(&self.admin, key, limits).await)
    }

    fn health(&self) -> LocalAnswer {
        answer(admin::healthz())
    }

    fn ready(&self, draining: bool) -> LocalAnswer {
        let drain = if draining { Drain::Draining } else { Drain::Serving };
        answer(admin::readyz(Checks::now(&self.ledger.health(), drain)))
    }
}

fn answer(response: AdminResponse) -> LocalAnswer {
    let mut answer = Response::new(match response.body {
        Body::Bytes(bytes) => LocalBody::Bytes(bytes),
        Body::Stream { reader, length } => LocalBody::Stream { reader, length },
    });
    *answer.status_mut() = response.status;
    *answer.headers_mut() = response.headers;
    answer
}

/// `GET /metrics`, on a listener of its own.
struct Scrape {
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    budget: Arc<Budget>,
    ledger: Arc<Ledger>,
}

impl Scrape {
    /// The page; gauges that others own are read now, as nothing tells when a target has cooled.
    fn page(&self) -> String {
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.metrics.cooled_targets.set(gauge(self.health.cooled_count(Instant::now())));
        self.metrics.buffered_bytes.set(gauge(self.budget.used()));
        let ledger = self.ledger.figures();
        self.metrics.open_reservations.set(gauge(ledger.open));
        self.metrics.entries_lost.set(i64::try_from(ledger.lost).unwrap_or(i64::MAX));
        self.metrics.render()
    }
}

#[async_trait]
impl ServeHttp for Scrape {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let request = session.req_header();
        let (status, body) = match (&request.method, request.uri.path()) {
            (&Method::GET | &Method::HEAD, "/metrics") => (StatusCode::OK, self.page()),
            (_, "/metrics") => (StatusCode::METHOD_NOT_ALLOWED, "the metrics take GET\n".to_owned()),
            _ => (StatusCode::NOT_FOUND, "the metrics are at /metrics\n".to_owned()),
        };
        let content_type = if status == StatusCode::OK { metrics::CONTENT_TYPE } else { "text/plain; charset=utf-8" };
        Response::builder()
            .status(status)
            .header(http::header::CONTENT_TYPE, content_type)
            .header(http::header::CONTENT_LENGTH, body.len())
            .body(body.into_bytes())
            .expect("both heads are made of valid headers")
    }
}
