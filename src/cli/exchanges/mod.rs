//! `ovth exchanges`: the entries of the ledger, newest first, or one of them with all that is known of it.

mod entry;

use std::process::ExitCode;

use clap::Args;

use super::connection::Connection;
use super::failure::Failure;
use super::filter::{Filter, borrowed};
use super::keys::{Names, Whole};
use super::print;
use super::remote::{Path, Remote};
use super::table::Table;
pub(super) use entry::Entry;

/// Show what was asked of the gateway, exchange by exchange
///
/// Asks the running gateway, with the master key (OVTH_MASTER_KEY). An exchange is one request of an app with all its attempts; what was
/// said in it is not kept.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ovth exchanges --since 1h --outcome error\n  ovth exchanges --key cursor --limit 100\n  \
    ovth exchanges 4711             all about one, by its number\n  ovth exchanges ID               or by its request id"
)]
pub(super) struct Arguments {
    /// Show this one only, with all that is known of it: its number, or the request id that the client was told
    #[arg(value_name = "ID", conflicts_with_all = ["outcome", "limit", "since", "until", "key", "model", "provider", "route", "end_user"])]
    id: Option<String>,
    /// With this outcome: ok, client_abort, recovered, the class of an error, or `error` for any error
    #[arg(long, value_name = "OUTCOME", help_heading = "Which exchanges")]
    outcome: Option<String>,
    /// The most that are shown
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    limit: u64,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    connection: Connection,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    print::end(arguments.connection.remote().and_then(|remote| match &arguments.id {
        Some(id) => one(&remote, id, arguments.connection.json),
        None => list(&remote, arguments),
    }))
}

fn one(remote: &Remote, id: &str, json: bool) -> Result<(), Failure> {
    let answer = remote.get(Path::of(&["admin", "exchanges", id]))?;
    if json {
        return print::answer(answer.trim_end());
    }
    let entry: Entry = serde_json::from_str(&answer)?;
    print::lines(entry.facts(&Names::of(remote)))
}

fn list(remote: &Remote, arguments: &Arguments) -> Result<(), Failure> {
    let mut query = arguments.filter.query(remote)?;
    query.extend(arguments.outcome.clone().map(|outcome| ("outcome", outcome)));
    let path = Path { segments: &["admin", "exchanges"], query: &borrowed(&query) };
    let items = remote.list(path, "cursor", arguments.limit)?;
    if arguments.connection.json {
        return print::answer(serde_json::to_string(&Whole::of(&items))?);
    }
    let entries = items.iter().map(|item| serde_json::from_str(item.get())).collect::<Result<Vec<Entry>, _>>()?;
    if entries.is_empty() {
        print::note("There are no such exchanges.");
        return Ok(());
    }
    let names = Names::of(remote);
    let mut table = Table::new(Entry::COLUMNS);
    for entry in &entries {
        table.row(entry.cells(&names));
    }
    print::lines(table)
}
