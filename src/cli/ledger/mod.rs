//! `ovth ledger`: looks after the database: checks it, makes it small, exports it, copies it. Through the running gateway when one
//! answers, else on the file.

mod export;
mod file;
mod offline;

use std::fmt::Display;
use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

use super::connection::{Connection, Place};
use super::failure::Failure;
use super::figures::{clean, thousands};
use super::filter::{Filter, borrowed};
use super::print;
use super::remote::{self, Path, Remote};
use export::Export as Sink;
use file::NewFile;
use offline::Offline;

/// Check, compact, export or copy the database of the ledger
///
/// Through the running gateway when one answers (with the master key, OVTH_MASTER_KEY). When none runs, on the file in the `data_dir` of the
/// configuration: the database can be open in one process only.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ovth ledger check\n  ovth ledger export --format csv --since 2026-11-01 --out november.csv\n  \
    ovth ledger backup /var/backups/ovth.redb\n\n\
    To restore a copy: stop the gateway, put the copy in its `data_dir` as ovth.redb, start it."
)]
pub(super) struct Arguments {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read everything and compare it with itself
    #[command(
        after_help = "Exit status: 0 when the database is sound, 1 when it is not, 2 when that cannot be told.\n\n\
        Example:\n  ovth ledger check"
    )]
    Check,
    /// Make the file as small as it can be
    #[command(
        after_help = "Requests wait while the file is rewritten: seconds for a large one.\n\nExample:\n  ovth ledger compact"
    )]
    Compact,
    Export(Export),
    Backup(Backup),
}

/// Write all exchanges, oldest first, as JSON lines or CSV
///
/// They are written as they are read: memory does not grow with their number. In CSV, cells that a spreadsheet would take for a formula
/// begin with a quote.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ovth ledger export | jq .model\n  ovth ledger export --format csv --since 30d --out exchanges.csv"
)]
struct Export {
    /// How they are written
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// Write to this file instead of standard output; it is replaced when all is written
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// With this outcome: ok, client_abort, recovered, the class of an error, or `error` for any error
    #[arg(long, value_name = "OUTCOME", help_heading = "Which exchanges")]
    outcome: Option<String>,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object a line, as the admin API has them
    Jsonl,
    /// A header line, then a line for each
    Csv,
}

/// Write a consistent copy of the database to a new file, while the gateway goes on
#[derive(Debug, Args)]
#[command(after_help = "It holds keys (hashed), counters and exchanges: keep it as safe as the database.\n\n\
    Example:\n  ovth ledger backup /var/backups/ovth-$(date +%F).redb")]
struct Backup {
    /// The file to make; it must not exist
    file: PathBuf,
}

/// Who can be asked.
enum Side {
    Remote(Remote),
    Offline(Offline),
}

/// The exit status of a check that did not come to an end; 1 is a "no".
const CANNOT_TELL: u8 = 2;

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let json = arguments.connection.json;
    let side = || arguments.connection.place().and_then(side);
    match &arguments.command {
        Command::Check => {
            print::end_with(side().and_then(|side| side.close_after(|side| check(side, json))), CANNOT_TELL)
        }
        Command::Compact => print::end(side().and_then(|side| side.close_after(|side| compact(side, json)))),
        Command::Export(export) => print::end(side().and_then(|side| side.close_after(|side| export.run(side)))),
        Command::Backup(backup) => print::end(side().and_then(|side| side.close_after(|side| backup.run(side, json)))),
    }
}

impl Side {
    /// Does something and lets go of the database.
    fn close_after<T>(self, work: impl FnOnce(&Side) -> Result<T, Failure>) -> Result<T, Failure> {
        let done = work(&self)?;
        match self {
            Side::Remote(_) => Ok(done),
            Side::Offline(offline) => offline.close().map(|()| done),
        }
    }
}

/// The gateway when it answers, else the file.
fn side(place: Place) -> Result<Side, Failure> {
    let answers = match remote::probe(&place.address) {
        Ok(()) => true,
        Err(failure) if failure.nobody_there() && !place.address.was_given => false,
        Err(failure) => return Err(failure),
    };
    match (answers, place.master_key) {
        (true, Some(key)) => Ok(Side::Remote(Remote::new(place.address, key)?)),
        (true, None) => Err(Failure::Said(format!(
            "the gateway runs at {} and has the database open, so that it must be asked: set OVTH_MASTER_KEY (in the environment \
             or in {}), or stop the gateway first",
            place.address.url.as_str().trim_end_matches('/'),
            place.env_file.display()
        ))),
        (false, _) => match place.config {
            Some(config) => Offline::open(&config, &place.address.url).map(Side::Offline),
            None => Err(Failure::Said(format!(
                "no gateway answers at {}, and no configuration says where the database is: {}",
                place.address.url.as_str().trim_end_matches('/'),
                place.config_problem.as_deref().unwrap_or("name its file with --config, or the gateway with --url")
            ))),
        },
    }
}

/// What a check found, as the admin API tells it.
#[derive(Deserialize, Serialize)]
struct CheckAnswer {
    ok: bool,
    entries: u64,
    reservations: u64,
    sums: u64,
    counters: u64,
    problems: Vec<String>,
}

fn check(side: &Side, json: bool) -> Result<bool, Failure> {
    let text = match side {
        Side::Remote(remote) => remote.upkeep(Path::of(&["admin", "ledger", "check"]))?,
        Side::Offline(offline) => serde_json::to_string(&offline.check()?)?,
    };
    let answer: CheckAnswer = serde_json::from_str(&text)?;
    if json {
        print::answer(text.trim_end())?;
        return Ok(answer.ok);
    }
    for problem in &answer.problems {
        print::answer(format_args!("problem: {}", clean(problem)))?;
    }
    print::answer(format_args!(
        "The ledger is {}: {} entries, {} reservations, {} daily sums and {} counters were read.",
        if answer.ok { "sound" } else { "not sound" },
        thousands(answer.entries),
        thousands(answer.reservations),
        thousands(answer.sums),
        thousands(answer.counters)
    ))?;
    Ok(answer.ok)
}

/// What compaction did, as the admin API tells it.
#[derive(Deserialize, Serialize)]
struct CompactAnswer {
    bytes_before: u64,
    bytes_after: u64,
}

fn compact(side: &Side, json: bool) -> Result<(), Failure> {
    let text = match side {
        Side::Remote(remote) => remote.upkeep(Path::of(&["admin", "ledger", "compact"]))?,
        Side::Offline(offline) => serde_json::to_string(&offline.compact()?)?,
    };
    if json {
        return print::answer(text.trim_end());
    }
    let answer: CompactAnswer = serde_json::from_str(&text)?;
    print::answer(format_args!(
        "The file had {} bytes and has {} now.",
        thousands(answer.bytes_before),
        thousands(answer.bytes_after)
    ))
}

impl Export {
    fn run(&self, side: &Side) -> Result<(), Failure> {
        let count = match &self.out {
            None => {
                let mut sink = Sink::new(self.format, std::io::stdout().lock())?;
                match self.fill(side, &mut sink).and_then(|()| sink.finish()) {
                    Ok((_, count)) => count,
                    // `| head` has all that it wanted.
                    Err(failure) if failure.is_broken_pipe() => return Ok(()),
                    Err(failure) => return Err(failure),
                }
            }
            Some(path) => {
                let mut sink = Sink::new(self.format, NewFile::replacing(path)?)?;
                self.fill(side, &mut sink)?;
                let (file, count) = sink.finish()?;
                file.keep()?;
                count
            }
        };
        print::note(format_args!("{} exchanges were exported.", thousands(count)));
        Ok(())
    }

    fn fill(&self, side: &Side, sink: &mut Sink<impl std::io::Write>) -> Result<(), Failure> {
        match side {
            Side::Remote(remote) => {
                let mut query = self.filter.query(remote)?;
                query.push(("order", "asc".to_owned()));
                query.extend(self.outcome.clone().map(|outcome| ("outcome", outcome)));
                let path = Path { segments: &["admin", "exchanges"], query: &borrowed(&query) };
                remote.pages(path, "cursor", u64::MAX, |page| page.iter().try_for_each(|entry| sink.take(entry.get())))
            }
            Side::Offline(offline) => offline.entries(&self.filter, self.outcome.as_deref(), |entry| sink.take(entry)),
        }
    }
}

/// What was copied, for programs.
#[derive(Serialize)]
struct BackupAnswer<'a> {
    file: &'a str,
    bytes: u64,
}

impl Backup {
    fn run(&self, side: &Side, json: bool) -> Result<(), Failure> {
        let name = self.file.display().to_string();
        let bytes = match side {
            Side::Remote(remote) => {
                let file = NewFile::new(&self.file)?;
                let bytes = copied(remote.download(Path::of(&["admin", "ledger", "backup"]))?, &file, &name)?;
                file.keep()?;
                bytes
            }
            Side::Offline(offline) => offline.backup(&self.file)?,
        };
        if json {
            return print::answer(serde_json::to_string(&BackupAnswer { file: &name, bytes })?);
        }
        told(&format_args!("{} bytes are in {}.", thousands(bytes), clean(&name)))
    }
}

fn copied(mut from: impl Read, mut to: &NewFile, name: &str) -> Result<u64, Failure> {
    let bytes = std::io::copy(&mut from, &mut to).map_err(Failure::io(format!("the copy to {name} broke off")))?;
    if bytes == 0 {
        return Err(Failure::Said("the gateway sent an empty copy".to_owned()));
    }
    Ok(bytes)
}

fn told(text: &impl Display) -> Result<(), Failure> {
    print::answer(text)
}
