//! The listeners: sockets, who is let in, TLS, and the hand-over to what serves. They are our own because Pingora's know no bounds
//! on connections, and wait for TLS and for the preface of HTTP/2 without any that can be set.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use log::{debug, warn};
use pingora_core::apps::ServerApp;
use pingora_core::listeners::tls::Acceptor;
use pingora_core::protocols::Stream;
use pingora_core::server::{ListenFds, ShutdownWatch};
use pingora_core::services::Service;
use pingora_runtime::current_handle;
use rustls::ServerConfig;
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::StartError;
use crate::observe::ConnectionCut;
use crate::proxy::guard::{BESIDES, Connection, Door, Full, GuardedStream, Listener, Wire, turned_away};

/// Connections that were made and not yet taken; the system has a bound of its own.
const BACKLOG: i32 = 4096;

/// Where connections cannot be taken, mostly because there are no descriptors left, the next try comes after this time.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// A client that is turned away has so long to read why.
const FAREWELL: Duration = Duration::from_secs(1);

/// So many may do so at the same time; others are closed without a word.
const FAREWELLS: usize = 64;

/// Of the open files, so many are kept for the database, logs, look-ups and the listeners themselves.
const OTHER_FILES: u64 = 64;

/// An address that is ours from here on. It does not listen yet: a client that connects this early is refused, and not taken in to be dropped.
#[derive(Debug)]
pub(super) struct Bound {
    setting: &'static str,
    address: SocketAddr,
    socket: Socket,
    listener: Listener,
    is_tls: bool,
}

impl Bound {
    /// Takes the address that the setting names.
    pub(super) fn new(setting: &'static str, address: SocketAddr, listener: Listener) -> Result<Bound, StartError> {
        let socket = bind(address).map_err(|source| StartError::Listen { setting, address, source })?;
        Ok(Bound { setting, address, socket, listener, is_tls: false })
    }

    /// The same, where TLS is spoken.
    pub(super) fn with_tls(self, is_tls: bool) -> Bound {
        Bound { is_tls, ..self }
    }

    fn listen(self) -> io::Result<TcpListener> {
        self.socket.listen(BACKLOG)?;
        self.socket.set_nonblocking(true)?;
        TcpListener::from_std(self.socket.into())
    }
}

fn bind(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Raises the limit of open files, as the usual soft one of 1,024 is soon reached, and tells how many connections it has room for: a stream
/// takes two descriptors.
pub(super) fn room_for_connections() -> usize {
    let files = rlimit::increase_nofile_limit(rlimit::INFINITY).unwrap_or_else(|error| {
        warn!(error:%; "the limit of open files cannot be raised");
        rlimit::Resource::NOFILE.get_soft().unwrap_or(1024)
    });
    usize::try_from(files.saturating_sub(OTHER_FILES + BESIDES) / 2).unwrap_or(usize::MAX).max(1)
}

/// What listeners share that serve the same.
pub(super) struct Reception<A> {
    /// Serves the requests.
    pub(super) app: Arc<A>,
    /// Lets connections in.
    pub(super) door: Arc<Door>,
    /// Whether HTTP/2 is spoken without TLS.
    pub(super) h2c: bool,
    /// The certificate in force, asked for with each handshake, so that a reload changes it and connections stay.
    pub(super) certificate: Box<dyn Fn() -> Option<Arc<ServerConfig>> + Send + Sync>,
}

/// Listeners, as a service of Pingora's server.
pub(super) struct Listeners<A> {
    name: &'static str,
    reception: Arc<Desk<A>>,
    sockets: Vec<Bound>,
    threads: usize,
}

struct Desk<A> {
    reception: Reception<A>,
    farewells: Arc<Semaphore>,
}

impl<A> Listeners<A> {
    /// Listeners on these sockets, with so many threads.
    pub(super) fn new(
        name: &'static str,
        reception: Reception<A>,
        sockets: Vec<Bound>,
        threads: usize,
    ) -> Listeners<A> {
        let farewells = Arc::new(Semaphore::new(FAREWELLS));
        Listeners { name, reception: Arc::new(Desk { reception, farewells }), sockets, threads }
    }
}

#[async_trait]
impl<A: ServerApp + Send + Sync + 'static> Service for Listeners<A> {
    async fn start_service(&mut self, _fds: Option<ListenFds>, shutdown: ShutdownWatch, _tasks: usize) {
        let mut tasks = Vec::new();
        for bound in self.sockets.drain(..) {
            let (setting, address, listener, is_tls) = (bound.setting, bound.address, bound.listener, bound.is_tls);
            match bound.listen() {
                Ok(socket) => {
                    let desk = Arc::clone(&self.reception);
                    tasks.push(current_handle().spawn(desk.take_in(socket, listener, is_tls, shutdown.clone())));
                }
                // The address is ours: this takes a system that is out of something.
                Err(error) => log::error!(setting, address:%, error:%; "cannot listen"),
            }
        }
        futures::future::join_all(tasks).await;
        self.reception.reception.app.cleanup().await;
    }

    fn name(&self) -> &str {
        self.name
    }

    fn threads(&self) -> Option<usize> {
        Some(self.threads)
    }
}

impl<A: ServerApp + Send + Sync + 'static> Desk<A> {
    /// Takes connections until the process is told to end.
    async fn take_in(self: Arc<Self>, socket: TcpListener, listener: Listener, is_tls: bool, shutdown: ShutdownWatch) {
        let mut ending = shutdown.clone();
        loop {
            let accepted = tokio::select! {
                accepted = socket.accept() => accepted,
                changed = ending.changed() => {
                    if changed.is_ok() && !*ending.borrow() {
                        continue;
                    }
                    break;
                }
            };
            match accepted {
                Ok((stream, peer)) => match self.reception.door.admit(peer, listener) {
                    Ok(connection) => {
                        let (desk, shutdown) = (Arc::clone(&self), shutdown.clone());
                        current_handle().spawn(desk.serve(stream, peer, connection, is_tls, shutdown));
                    }
                    // In the clear nothing is to be said where TLS is spoken.
                    Err(_) if is_tls => {}
                    Err(full) => self.turn_away(stream, full),
                },
                Err(error) => {
                    warn!(error:%; "a connection cannot be taken");
                    sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    async fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        connection: Arc<Connection>,
        is_tls: bool,
        shutdown: ShutdownWatch,
    ) {
        let Ok(wire) = Wire::new(stream, peer) else { return };
        let io: Stream = if is_tls {
            let Some(io) = self.secured(wire, &connection).await else { return };
            io
        } else {
            Box::new(wire)
        };
        let mut stream = GuardedStream::new(io, connection);
        if self.reception.h2c && !is_tls && !stream.tell_protocol().await {
            debug!("a connection ended before it told its protocol");
            return;
        }
        self.reception.app.process_new(Box::new(stream), &shutdown).await;
    }

    /// Makes the TLS handshake, within the time of a head.
    async fn secured(&self, wire: Wire, connection: &Connection) -> Option<Stream> {
        let certificate = (self.reception.certificate)()?;
        let acceptor = Acceptor::from_server_config(certificate);
        match timeout(connection.clients().head_time, acceptor.tls_handshake(wire)).await {
            Ok(Ok(stream)) => Some(Box::new(stream)),
            failed => {
                let why = match &failed {
                    Ok(Err(error)) => error.to_string(),
                    _ => "it took too long".to_owned(),
                };
                debug!(why:%; "a TLS handshake failed");
                self.reception.door.cut(ConnectionCut::Handshake);
                None
            }
        }
    }

    /// Tells a client that there is no place for it, if it is quick to listen.
    fn turn_away(&self, mut stream: TcpStream, full: Full) {
        let Ok(place) = Arc::clone(&self.farewells).try_acquire_owned() else { return };
        current_handle().spawn(async move {
            let farewell = async {
                stream.write_all(&turned_away(full)).await?;
                stream.shutdown().await?;
                // Closing with unread bytes would be a reset, which takes the answer with it.
                let mut dropped = [0; 1024];
                while stream.read(&mut dropped).await? > 0 {}
                io::Result::Ok(())
            };
            // Whether it listened makes no difference.
            let _ = timeout(FAREWELL, farewell).await;
            drop(place);
        });
    }
}
