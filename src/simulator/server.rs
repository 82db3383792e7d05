//! The listener of the simulator, run by the caller's runtime or in a thread of its own.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::connection::serve;
use super::namespace::{Namespace, World};

/// How a simulator is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The folder that `replay.path` is looked up in.
    pub recordings: Option<PathBuf>,
    /// Requests that each namespace remembers; 0 for benches.
    pub history: usize,
}

impl Default for Options {
    /// A free port on loopback, no recordings, the last 1,024 requests.
    fn default() -> Options {
        Options { listen: SocketAddr::from(([127, 0, 0, 1], 0)), recordings: None, history: 1024 }
    }
}

/// Why a simulator does not start or does not go on.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// It cannot listen.
    #[error("the simulator cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// Its thread or its runtime cannot be started.
    #[error("the simulator cannot be started: {0}")]
    Start(#[source] std::io::Error),
}

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    /// The namespaces.
    pub(super) world: World,
    /// The folder of recordings.
    pub(super) recordings: Option<PathBuf>,
}

/// A simulator that listens and is about to serve.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    addr: SocketAddr,
    shared: Arc<Shared>,
}

/// The most connections at a time; more wait in the backlog.
const MAX_CONNECTIONS: usize = 8192;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 4096;
/// The pause after a failed accept (too many open files, mostly), so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

impl Server {
    /// Binds the listener; connections are accepted by the system from here on, and served once it runs.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn bind(options: Options) -> Result<Server, SimulatorError> {
        let listen = || -> std::io::Result<(TcpListener, SocketAddr)> {
            let socket = Socket::new(Domain::for_address(options.listen), Type::STREAM, None)?;
            socket.set_reuse_address(true)?;
            socket.set_nonblocking(true)?;
            socket.bind(&options.listen.into())?;
            socket.listen(BACKLOG)?;
            let listener = TcpListener::from(socket);
            let addr = listener.local_addr()?;
            Ok((listener, addr))
        };
        let (listener, addr) = listen().map_err(|source| SimulatorError::Listen { address: options.listen, source })?;
        let shared = Shared { world: World::new(options.history), recordings: options.recordings };
        Ok(Server { listener, addr, shared: Arc::new(shared) })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves until `shutdown` resolves; connections are then dropped. Runs on any tokio runtime with I/O and time.
    ///
    /// # Errors
    /// When the listener cannot be registered with the runtime.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), SimulatorError> {
        let listener = tokio::net::TcpListener::from_std(self.listener).map_err(SimulatorError::Start)?;
        let mut connections = JoinSet::new();
        let mut count = 0;
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => return Ok(()),
                Some(_) = connections.join_next() => {}
                accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                    Ok((stream, _)) => {
                        count += 1;
                        connections.spawn(serve(stream, Arc::clone(&self.shared), count));
                    }
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
            }
        }
    }
}

/// A simulator in a thread of its own; stops when dropped.
#[derive(Debug)]
pub struct Handle {
    /// Where it listens.
    pub addr: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts a simulator in a thread of its own, with a runtime of its own.
///
/// ```
/// use ovth_gateway::simulator::{Behaviour, Options, spawn};
///
/// let simulator = spawn(Options::default())?;
/// simulator.namespace("a").script([Behaviour { status: Some(503), ..Behaviour::default() }]);
/// let base_url = format!("http://{}/a/v1", simulator.addr);
/// # drop(base_url);
/// simulator.stop();
/// # Ok::<(), ovth_gateway::simulator::SimulatorError>(())
/// ```
///
/// # Errors
/// When the address cannot be listened on, or the thread not be started.
pub fn spawn(options: Options) -> Result<Handle, SimulatorError> {
    let server = Server::bind(options)?;
    let (addr, shared) = (server.addr(), Arc::clone(&server.shared));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(SimulatorError::Start)?;
    let (stop, stopped) = oneshot::channel::<()>();
    let serve = move || {
        let shutdown = async {
            // A dropped sender means the same as a sent stop.
            let _ = stopped.await;
        };
        if let Err(error) = runtime.block_on(server.run(shutdown)) {
            log::error!(error:% = error; "the simulator stopped");
        }
    };
    let thread =
        std::thread::Builder::new().name("simulator".to_owned()).spawn(serve).map_err(SimulatorError::Start)?;
    Ok(Handle { addr, shared, stop: Some(stop), thread: Some(thread) })
}

impl Handle {
    /// A provider within the simulator: to set its script and to see what it received.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Arc<Namespace> {
        self.shared.world.namespace(name)
    }

    /// Stops it and waits until it has stopped.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in the simulator's thread was reported when it happened.
            let _ = thread.join();
        }
    }
}
