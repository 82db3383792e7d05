//! The command line: what can be said, and which command it starts.

mod check;
mod connection;
mod demo;
mod doctor;
mod exchanges;
mod failure;
mod figures;
mod filter;
mod health;
mod init;
mod keys;
mod ledger;
mod models;
mod print;
mod quotas;
mod reconcile;
mod remote;
mod run_as;
mod serve;
mod simulate;
mod table;
mod usage;
mod when;

use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::server::Signals;

/// Reads the command line, runs the command it names, and gives the status to exit with: 0 when it went well, 1 when
/// it did not. A command line that cannot be understood ends the process with status 2 and says why.
#[must_use]
pub fn run(signals: &Signals) -> ExitCode {
    let command = Cli::parse().command;
    match command {
        // It says itself that it starts.
        Command::Serve(_) => {}
        Command::Simulate(_) => signals.leave_alone(),
        _ => signals.end_at_once(),
    }
    match command {
        Command::Serve(args) => serve::run(&args, signals),
        Command::Check(args) => check::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Health(args) => health::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Simulate(args) => simulate::run(args),
        Command::Keys(args) => keys::run(&args),
        Command::Usage(args) => usage::run(&args),
        Command::Exchanges(args) => exchanges::run(&args),
        Command::Models(args) => models::run(&args),
        Command::Quotas(args) => quotas::run(&args),
        Command::Ledger(args) => ledger::run(&args),
        Command::Reconcile(args) => reconcile::run(&args),
    }
}

/// Says why nothing could be run, and gives the status to exit with.
#[must_use]
pub fn fail(error: &dyn Display) -> ExitCode {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(io::stderr(), "error: {error}");
    ExitCode::FAILURE
}

/// One box in front of your own LLM provider keys.
///
/// Apps speak to the gateway in the API shape they already speak (OpenAI or Anthropic), each with a key of its own; the
/// gateway picks the provider and the model, fails over, counts tokens, and refuses what is over quota.
#[derive(Debug, Parser)]
#[command(name = "ovth", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  ovth demo                          see it work, without any key
  ovth init                          write a configuration to begin with
  ovth check --config config.yaml    find every mistake in a configuration
  ovth doctor --config config.yaml   ask the providers whether keys and models are good
  ovth models --route auto --for request.json   explain what would answer a request
  ovth serve --config config.yaml    run the gateway
  ovth keys create cursor            mint a key for an app, at the running gateway
  ovth usage --since 7d              see what was spent

Environment:
  OVTH_CONFIG        the configuration file, where --config is not given
  OVTH_LOG           what is logged, e.g. `debug` or `info,ovth::access=off`
  OVTH_URL           the running gateway, where --url is not given
  OVTH_MASTER_KEY    the master key, which keys, usage and the like ask the gateway with";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Arguments),
    Check(check::Arguments),
    Doctor(doctor::Arguments),
    Init(init::Arguments),
    Health(health::Arguments),
    Demo(demo::Arguments),
    Simulate(simulate::Arguments),
    Keys(keys::Arguments),
    Usage(usage::Arguments),
    Exchanges(exchanges::Arguments),
    Models(models::Arguments),
    Quotas(quotas::Arguments),
    Ledger(ledger::Arguments),
    Reconcile(reconcile::Arguments),
}

/// Where the configuration is.
#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration file. Keys come from the environment, or from a file `.env` beside it
    #[arg(id = "config", long = "config", short = 'c', value_name = "FILE", env = "OVTH_CONFIG")]
    #[arg(default_value = "config.yaml")]
    path: PathBuf,
}

#[cfg(test)]
mod tests;
