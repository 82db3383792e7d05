//! `ovth simulate`: a provider in a box, to try and to test against.

use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::observe::{Metrics, logging};
use crate::simulator::{Options, Server, SimulatorError};

/// Run a simulated provider, to try and to test against
///
/// It speaks OpenAI's Chat Completions and Anthropic's Messages, streamed and whole, answers the same request always in
/// the same way, and fails on command. Any path prefix is a provider of its own: /a/v1/messages, /b/v1/messages. It
/// takes any key: never use it where others can reach it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ovth simulate --listen 127.0.0.1:9090\n  \
    OPENAI_BASE_URL=http://127.0.0.1:9090/openai/v1 ovth serve\n  \
    curl -X PUT http://127.0.0.1:9090/_sim/openai/script -d '[{\"status\": 503}]'")]
pub(super) struct Arguments {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9090")]
    pub(super) listen: SocketAddr,
    /// A folder of recorded provider traffic that scripts may replay
    #[arg(long, value_name = "DIR")]
    pub(super) recordings: Option<PathBuf>,
}

/// Why the simulator ended otherwise than by a signal.
#[derive(Debug, thiserror::Error)]
enum SimulateError {
    #[error(transparent)]
    Simulator(#[from] SimulatorError),
    #[error("no recordings: `{}` is not a folder", .0.display())]
    NoFolder(PathBuf),
    #[error("the runtime cannot be started: {0}")]
    Runtime(#[source] io::Error),
    #[error("signals cannot be received: {0}")]
    Signals(#[source] io::Error),
    #[error(transparent)]
    Logging(#[from] logging::LoggingError),
}

pub(super) fn run(arguments: Arguments) -> ExitCode {
    match simulate(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn simulate(Arguments { listen, recordings }: Arguments) -> Result<(), SimulateError> {
    if let Some(folder) = recordings.as_ref().filter(|folder| !folder.is_dir()) {
        return Err(SimulateError::NoFolder(folder.clone()));
    }
    let filter = std::env::var(logging::FILTER_ENV).ok();
    let _log = logging::init(filter.as_deref(), &Metrics::new())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(SimulateError::Runtime)?;
    runtime.block_on(async {
        let stop = stopped().map_err(SimulateError::Signals)?;
        let server = Server::bind(Options { listen, recordings, ..Options::default() })?;
        // Scripts wait for this line and read the port from it; one that has gone away needs neither.
        let _ = writeln!(io::stdout(), "the simulator listens on http://{}", server.addr());
        Ok(server.run(stop).await?)
    })
}

/// Resolves at SIGINT or SIGTERM. Both are caught from this call on; as process 1 of a container nothing ends otherwise.
fn stopped() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
