//! `ovth keys`: mints, lists, changes, rotates and revokes the keys that apps use.

mod body;
mod names;
mod object;
mod settings;

use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};

use super::connection::Connection;
use super::failure::Failure;
use super::figures::{clean, time};
use super::print;
use super::remote::{Path, Remote};
use super::table::Table;
use super::when::{self, Grace};
pub(super) use names::{Names, find};
use object::KeyObject;
use settings::Settings;

/// The most keys that are listed.
const MAX_KEYS: u64 = 1_000_000;

/// Mint, list, change, rotate and revoke the keys that apps use
///
/// Asks the running gateway, with the master key (OVTH_MASTER_KEY). A key is named by its id (key_...) or by its label, when no other key
/// has that one.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  KEY=$(ovth keys create cursor --daily-tokens 500000)\n  \
    ovth keys list\n  ovth keys update cursor --monthly-usd 50 --model 'gpt-5*'\n  \
    ovth keys rotate cursor --grace 24h\n  ovth keys revoke cursor")]
pub(super) struct Arguments {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Create(Create),
    List(List),
    Show(Show),
    Update(Update),
    Rotate(Rotate),
    Revoke(Revoke),
}

/// Mint a key for an app
///
/// The secret is all that goes to standard output, so that KEY=$(ovth keys create LABEL) works. It is shown this once only.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  KEY=$(ovth keys create cursor --daily-tokens 500000)\n  \
    ovth keys create ci --model 'gpt-5-mini' --monthly-usd 20 --expires-at 90d\n  \
    ovth keys create shop --end-user daily_tokens=20000 --end-user requests_per_minute=10")]
struct Create {
    /// What to call it
    label: String,
    #[command(flatten)]
    settings: Settings,
    /// Make the same call again within a day with the same text here, and get the same key instead of another one
    #[arg(long, value_name = "TEXT")]
    idempotency_key: Option<String>,
}

/// List the keys
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ovth keys list --all")]
struct List {
    /// Those that are revoked, too
    #[arg(long)]
    all: bool,
}

/// Show one key and its settings
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ovth keys show cursor")]
struct Show {
    /// Which key
    #[arg(value_name = "ID|LABEL")]
    key: String,
}

/// Change the settings of a key
///
/// What is not named stays as it is; `default` takes a setting back, so that the configuration decides again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ovth keys update cursor --daily-tokens 1000000 --rpm unlimited\n  \
    ovth keys update cursor --daily-tokens default --model default")]
struct Update {
    /// Which key
    #[arg(value_name = "ID|LABEL")]
    key: String,
    /// What to call it from now on
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,
    #[command(flatten)]
    settings: Settings,
}

/// Give a key a new secret; the old one works on for a while
///
/// The new secret is all that goes to standard output. It is shown this once only.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  KEY=$(ovth keys rotate cursor)\n  KEY=$(ovth keys rotate cursor --grace 0)    the old secret leaked"
)]
struct Rotate {
    /// Which key
    #[arg(value_name = "ID|LABEL")]
    key: String,
    /// How long the old secret works on, up to 30d (0: not at all)
    #[arg(long, value_name = "TIME", default_value = "24h")]
    grace: Grace,
}

/// Revoke a key: apps that use it are refused from now on
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ovth keys revoke cursor --yes")]
struct Revoke {
    /// Which key
    #[arg(value_name = "ID|LABEL")]
    key: String,
    /// Do not ask
    #[arg(long, short = 'y')]
    yes: bool,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    print::end(arguments.connection.remote().and_then(|remote| {
        let json = arguments.connection.json;
        match &arguments.command {
            Command::Create(create) => create.run(&remote, json),
            Command::List(list) => list.run(&remote, json),
            Command::Show(show) => show.run(&remote, json),
            Command::Update(update) => update.run(&remote, json),
            Command::Rotate(rotate) => rotate.run(&remote, json),
            Command::Revoke(revoke) => revoke.run(&remote, json),
        }
    }))
}

impl Create {
    fn run(&self, remote: &Remote, json: bool) -> Result<(), Failure> {
        let body = self.settings.of_new_key(&self.label, when::now())?;
        let answer = remote.post(
            Path::of(&["admin", "keys"]),
            &serde_json::to_string(&body)?,
            self.idempotency_key.as_deref(),
        )?;
        tell_secret(&answer, json)
    }
}

/// Prints a secret by itself, and what it is of to standard error.
fn tell_secret(answer: &str, json: bool) -> Result<(), Failure> {
    if json {
        return print::answer(answer.trim_end());
    }
    let key: KeyObject = serde_json::from_str(answer)?;
    print::note(key.facts());
    print::note("This is its secret. It is shown this once only; keep it where the app finds it:");
    match &key.key {
        Some(secret) => print::answer(secret),
        None => Err(Failure::Said("the gateway's answer holds no secret".to_owned())),
    }
}

/// A list as the admin API writes it, all of its pages in one.
#[derive(Serialize)]
pub(super) struct Whole<'a, T> {
    object: &'static str,
    data: &'a [T],
    has_more: bool,
    next: Option<&'static str>,
}

impl<'a, T> Whole<'a, T> {
    pub(super) fn of(data: &'a [T]) -> Whole<'a, T> {
        Whole { object: "list", data, has_more: false, next: None }
    }
}

impl List {
    fn run(&self, remote: &Remote, json: bool) -> Result<(), Failure> {
        let revoked = [("include_revoked", "true")];
        let path = Path { segments: &["admin", "keys"], query: if self.all { &revoked } else { &[] } };
        let items = remote.list(path, "after", MAX_KEYS)?;
        if json {
            return print::answer(serde_json::to_string(&Whole::of(&items))?);
        }
        let keys = items.iter().map(|item| serde_json::from_str(item.get())).collect::<Result<Vec<KeyObject>, _>>()?;
        if keys.is_empty() {
            print::note("There are no keys yet: `ovth keys create LABEL` mints one.");
            return Ok(());
        }
        let now = when::now();
        let mut table = Table::new(["ID", "Label", "Created (UTC)", "State", "Limits"]);
        for key in &keys {
            table.row([key.id.clone(), key.label.clone(), key.created(), key.state(now), key.limits()]);
        }
        print::lines(table)
    }
}

impl Show {
    fn run(&self, remote: &Remote, json: bool) -> Result<(), Failure> {
        let answer = remote.get(Path::of(&["admin", "keys", &find(remote, &self.key)?]))?;
        if json {
            return print::answer(answer.trim_end());
        }
        print::lines(serde_json::from_str::<KeyObject>(&answer)?.facts())
    }
}

impl Update {
    fn run(&self, remote: &Remote, json: bool) -> Result<(), Failure> {
        let body = self.settings.of_changed_key(self.label.as_deref(), when::now())?;
        let id = find(remote, &self.key)?;
        let answer = remote.patch(Path::of(&["admin", "keys", &id]), &serde_json::to_string(&body)?)?;
        if json {
            return print::answer(answer.trim_end());
        }
        print::lines(serde_json::from_str::<KeyObject>(&answer)?.facts())
    }
}

impl Rotate {
    fn run(&self, remote: &Remote, json: bool) -> Result<(), Failure> {
        let id = find(remote, &self.key)?;
        let body = format!("{{\"grace_seconds\":{}}}", self.grace.seconds());
        let answer = remote.post(Path::of(&["admin", "keys", &id, "rotate"]), &body, None)?;
        tell_secret(&answer, json)
    }
}

/// What the admin API answers to a removal.
#[derive(Deserialize)]
struct Removed {
    deleted: bool,
}

impl Revoke {
    fn run(&self, remote: &Remote, json: bool) -> Result<(), Failure> {
        if !self.yes && !io::stdin().is_terminal() {
            return Err(Failure::Said("there is no terminal to ask on; say --yes to revoke the key".to_owned()));
        }
        let id = find(remote, &self.key)?;
        if !self.yes {
            let key: KeyObject = serde_json::from_str(&remote.get(Path::of(&["admin", "keys", &id]))?)?;
            if let Some(revoked_at) = key.revoked_at {
                print::note(format_args!("It was revoked before ({}).", time(revoked_at)));
            }
            let question =
                format!("Revoke `{}` ({})? Apps that use it are refused at once. [y/N] ", clean(&key.label), key.id);
            if !confirmed(&question)? {
                return Err(Failure::Said("nothing was revoked".to_owned()));
            }
        }
        let answer = remote.delete(Path::of(&["admin", "keys", &id]))?;
        if json {
            return print::answer(answer.trim_end());
        }
        if !serde_json::from_str::<Removed>(&answer)?.deleted {
            return Err(Failure::Said(format!("the gateway did not revoke {id}")));
        }
        print::note(format_args!("{id} is revoked."));
        Ok(())
    }
}

fn confirmed(question: &str) -> Result<bool, Failure> {
    let mut err = io::stderr().lock();
    write!(err, "{question}").and_then(|()| err.flush()).map_err(Failure::io("the terminal cannot be written to"))?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(Failure::io("the terminal cannot be read"))?;
    Ok(matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
