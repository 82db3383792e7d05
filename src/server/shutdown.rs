//! The orderly way down: signals, the time exchanges get to end, and the ledger closed after the last of them.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use log::info;
use pingora_core::server::configuration::ServerConf;
use pingora_core::server::{ExecutionPhase, Server};

use crate::ledger::Ledger;
use crate::observe::Metrics;
use crate::store::Store;

/// After SIGTERM exchanges in flight may take so long to end.
const GRACE: Duration = Duration::from_secs(30);

/// How often the end of the last exchange is looked for while shutting down.
const DRAIN_LOOK: Duration = Duration::from_millis(10);

/// Time for what was written last to leave this process.
const LAST_FRAMES: Duration = Duration::from_millis(50);

pub(super) fn server_conf(data_dir: &Path) -> ServerConf {
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

/// Pingora sleeps through the whole grace time even when nothing is in flight: this ends the process as soon as the last exchange has.
pub(super) fn end_when_drained(server: &Server, metrics: &Arc<Metrics>, ledger: &Arc<Ledger>, store: &Arc<Store>) {
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

pub(super) fn close(ledger: &Ledger, store: &Store) {
    for (part, closed) in [("ledger", ledger.shutdown()), ("database", store.shutdown())] {
        if let Err(error) = closed {
            log::error!(part, error:%; "not everything could be written");
        }
    }
}
