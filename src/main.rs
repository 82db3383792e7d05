//! The binary `ovth`: everything is in the library, so that tests and benches reach it too.

use std::process::ExitCode;

use ovth_gateway::cli;
use ovth_gateway::server::Signals;

fn main() -> ExitCode {
    // First of all: as process 1 of a container this process would ignore every signal that it has no handler for.
    match Signals::install() {
        Ok(signals) => cli::run(&signals),
        Err(error) => cli::fail(&format_args!("signals cannot be caught: {error}")),
    }
}
