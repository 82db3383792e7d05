//! `ovth doctor`: asks every provider with every key, and looks at what the gateway needs of this machine.

mod files;
mod report;

use std::process::ExitCode;

use clap::Args;

use self::report::Report;
use super::failure::Failure;
use super::{ConfigFile, print};
use crate::accounts;
use crate::reload::{self, Loaded};

/// Find dead keys, models that an account lacks, a wrong clock and unreadable files
///
/// Asks each provider, with each of its keys, for its list of models; that costs nothing. The gateway need not run. No part of a key
/// is shown: keys are named by their place in the configuration.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 when all is well (there may be warnings), 1 when something would make requests fail, 2 when \
    nothing can be examined.\n\nExamples:\n  ovth doctor --config config.yaml\n  ovth doctor --json | jq .findings"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    print::end_with(examine(arguments), 2)
}

/// Whether all is well.
fn examine(arguments: &Arguments) -> Result<bool, Failure> {
    let path = &arguments.config.path;
    let Loaded { snapshot, warnings: problems, .. } =
        reload::load(path).map_err(|failed| Failure::Config(format!("\n{}", failed.problems)))?;
    let mut report = Report::default();
    report.add_problems(&problems);
    files::look_at(path, snapshot.config(), &mut report);
    report.add_accounts(accounts::examine(&snapshot).accounts);
    if arguments.json {
        print::answer(report.as_json()?)?;
    } else {
        print::lines(&report)?;
    }
    Ok(report.is_well())
}
