//! The orderly way down: the first signal drains, the second one or the end of the grace time cuts, and the ledger is closed after the last
//! request. `docs/shutdown.md` has what clients see.

use std::io;
use std::path::Path;
use std::process;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use log::{error, info, warn};
use pingora_core::server::configuration::ServerConf;
use pingora_core::server::{ExecutionPhase, RunArgs, Server, ShutdownSignal, ShutdownSignalWatch};
use tokio::sync::broadcast;

use super::signals::{CUT_SHORT, Signals};
use crate::config::MAX_SHUTDOWN_GRACE;
use crate::ledger::Ledger;
use crate::observe::Metrics;
use crate::proxy::Ending;
use crate::routing::Snapshot;
use crate::store::Store;

/// Pingora sleeps for so long once it was told to end, and then takes its threads down. The way down here is over long before.
const PINGORA_SECONDS: u64 = MAX_SHUTDOWN_GRACE.as_secs() + 60;

/// How often the end of the last request is looked for.
const LOOK: Duration = Duration::from_millis(10);

/// Requests that are cut may take so long to tell their clients.
const CUT_TIME: Duration = Duration::from_secs(1);

/// Requests that are dropped settle in no time; this is for a machine that is busy.
const DROP_TIME: Duration = Duration::from_millis(500);

/// Time for what was written last to leave this process.
const LAST_FRAMES: Duration = Duration::from_millis(50);

/// The ledger and the database may take so long to be written and closed: a disk that hangs must not hold the process for good.
const CLOSE_TIME: Duration = Duration::from_secs(5);

pub(super) fn server_conf(data_dir: &Path) -> ServerConf {
    ServerConf {
        threads: 1,
        // A request stays on the thread that accepted it, where its pooled connection lives as well.
        work_stealing: false,
        grace_period_seconds: Some(PINGORA_SECONDS),
        graceful_shutdown_timeout_seconds: Some(1),
        upgrade_sock: data_dir.join("upgrade.sock").display().to_string(),
        pid_file: data_dir.join("ovth.pid").display().to_string(),
        ..ServerConf::default()
    }
}

/// Tells Pingora of the first signal, whichever it is: it closes the listeners and idle connections. Its own handlers would hand the sockets
/// over to another process at SIGQUIT.
pub(super) fn run_args(signals: &Signals) -> RunArgs {
    RunArgs { shutdown_signal: Box::new(FirstSignal(signals.clone())) }
}

struct FirstSignal(Signals);

#[async_trait]
impl ShutdownSignalWatch for FirstSignal {
    async fn recv(&self) -> ShutdownSignal {
        self.0.asked_to_end().await;
        ShutdownSignal::GracefulTerminate
    }
}

/// What the way down has to do with.
pub(super) struct Shutdown {
    pub(super) signals: Signals,
    pub(super) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(super) ending: Arc<Ending>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) store: Arc<Store>,
}

impl Shutdown {
    /// Waits for the first signal on a thread of its own, takes the gateway down and ends the process.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(super) fn spawn(self, server: &Server) -> io::Result<()> {
        let phases = server.watch_execution_phase();
        self.signals.serving();
        thread::Builder::new().name("shutdown".to_owned()).spawn(move || self.run(phases)).map(drop)
    }

    fn run(self, mut phases: broadcast::Receiver<ExecutionPhase>) {
        loop {
            match phases.blocking_recv() {
                Ok(ExecutionPhase::GracefulTerminate) => break,
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
        let cut = self.drain();
        let closed = close_in_time(&self.ledger, &self.store);
        if cut == 0 {
            info!("all requests have ended");
        } else {
            warn!(requests = cut; "ended with requests cut");
        }
        log::logger().flush();
        process::exit(match (closed, cut) {
            (false, _) => 1,
            (true, 0) => 0,
            (true, _) => i32::from(CUT_SHORT),
        })
    }

    /// Waits for what is in flight, and cuts what takes too long. Gives how many were cut.
    fn drain(&self) -> i64 {
        let began = Instant::now();
        let grace = self.snapshot.load().config().shutdown_grace;
        let signal = self.signals.asked().name;
        info!(signal, in_flight = self.metrics.in_flight(), grace_seconds = grace.as_secs_f64(); "shutting down");
        if self.ended(|| began.elapsed() >= grace || self.signals.asked().times > 1) {
            return 0;
        }
        let cut = self.metrics.in_flight();
        let reason = if self.signals.asked().times > 1 { "a second signal" } else { "shutdown_grace is over" };
        warn!(reason, requests = cut; "requests are cut");
        self.ending.cut();
        if !self.ended(after(CUT_TIME)) {
            self.ending.drop_rest();
            if !self.ended(after(DROP_TIME)) {
                error!(requests = self.metrics.in_flight(); "requests did not end; the next start charges what was set aside for them");
            }
        }
        cut
    }

    /// Waits for the last request, unless that is to be given up; whether all have ended.
    fn ended(&self, give_up: impl Fn() -> bool) -> bool {
        loop {
            while self.metrics.in_flight() > 0 {
                if give_up() {
                    return false;
                }
                thread::sleep(LOOK);
            }
            // The last frames of HTTP/2 are handed to the connection before they are on the wire.
            thread::sleep(LAST_FRAMES);
            if self.metrics.in_flight() == 0 {
                return true;
            }
        }
    }
}

fn after(time: Duration) -> impl Fn() -> bool {
    let until = Instant::now() + time;
    move || Instant::now() >= until
}

/// Closes the ledger and then the database, unless the disk hangs; whether all was written.
fn close_in_time(ledger: &Arc<Ledger>, store: &Arc<Store>) -> bool {
    let (ledger, store) = (Arc::clone(ledger), Arc::clone(store));
    let (done, closed) = mpsc::sync_channel(1);
    let closing = thread::Builder::new().name("closing".to_owned()).spawn(move || done.send(close(&ledger, &store)));
    match closing.map(|_| closed.recv_timeout(CLOSE_TIME)) {
        Ok(Ok(closed)) => closed,
        Ok(Err(_)) | Err(_) => {
            error!(
                "the ledger could not be closed in time; the next start charges what was set aside for its last requests"
            );
            false
        }
    }
}

/// Closes the ledger and then the database; whether all was written.
pub(super) fn close(ledger: &Ledger, store: &Store) -> bool {
    let mut all = true;
    for (part, closed) in [("ledger", ledger.shutdown()), ("database", store.shutdown())] {
        if let Err(error) = closed {
            error!(part, error:%; "not everything could be written");
            all = false;
        }
    }
    all
}
