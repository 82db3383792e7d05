//! `ovth serve`: runs the gateway in the foreground.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::ConfigFile;
use super::run_as::{Root, RunAs, RunAsError};
use crate::config::{Problems, Severity};
use crate::observe::{Metrics, logging};
use crate::privileges::{self, FolderError};
use crate::reload;
use crate::server::{self, Signals, StartError};
use crate::store;

/// Run the gateway in the foreground
///
/// Logs go to standard error: JSON lines, or a readable form on a terminal. SIGTERM and SIGINT (Ctrl-C) end it once the
/// requests in flight are answered, at the latest after `shutdown_grace` (30 s); a second one ends it now. Its status is
/// 0, or 3 when requests were cut, or 1 when it could not start or its ledger could not be closed. SIGHUP reloads the
/// configuration, as a change of its files does.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ovth serve --config /etc/ovth/config.yaml")]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) config: ConfigFile,
    #[command(flatten)]
    pub(super) run_as: RunAs,
}

/// Why the gateway is not running.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error("{0}")]
    Config(Problems),
    #[error("error: {0}")]
    RunAs(#[from] RunAsError),
    #[error("error: {0}")]
    Folder(#[from] FolderError),
    #[error("error: {0}")]
    Logging(#[from] logging::LoggingError),
    #[error("error: {0}")]
    Start(#[from] StartError),
}

pub(super) fn run(arguments: &Arguments, signals: &Signals) -> ExitCode {
    signals.starting();
    match serve(arguments, signals) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: &Arguments, signals: &Signals) -> Result<(), ServeError> {
    // Before the configuration is read: what this user cannot read now, it could not read again later either.
    let root = arguments.run_as.settle(&arguments.config.path)?;
    let loaded = reload::load(&arguments.config.path).map_err(|failed| ServeError::Config(failed.problems))?;
    let metrics = Arc::new(Metrics::new());
    let filter = std::env::var(logging::FILTER_ENV).ok();
    let (_flush, log) = logging::init(filter.as_deref(), &metrics)?;
    server::apply_levels(&log, loaded.snapshot.config());
    for problem in &loaded.warnings.0 {
        match problem.severity {
            Severity::Warning => log::warn!(path = problem.path.as_str(); "{}", problem.message),
            Severity::Error => log::error!(path = problem.path.as_str(); "{}", problem.message),
        }
    }
    if root == Root::Unasked {
        log::warn!("{}", Root::WARNING);
    }
    privileges::writable(&loaded.snapshot.config().data_dir, store::FILE_NAME)?;
    Ok(server::run(loaded, &metrics, &log, signals)?)
}
