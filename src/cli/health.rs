//! `ovth health`: asks the gateway of this machine whether it serves; the health check of a container.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Deserialize;

use super::ConfigFile;
use super::connection::{client_url, local_url, parse_url};
use super::failure::Failure;
use super::print::{answer, end_with, note};
use crate::config::{self, Environment};
use crate::fetch::{self, Reach};
use crate::providers;

/// From the beginning of the question to the end of its answer: a gateway that is slower is not well.
const BOUND: Duration = Duration::from_secs(2);

/// Health answers are short.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

/// Ask the gateway of this machine whether it serves
///
/// Asks /readyz at the address that the configuration listens on (OVTH_LISTEN, else `listen`), over loopback, for two seconds at most.
/// Prints one line.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 when it is ready, else 1.\n\nExample:\n  ovth health && echo it serves")]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// The gateway to ask instead
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Ask /healthz: whether the process lives, though it may be about to end or unable to write
    #[arg(long)]
    live: bool,
}

/// What both endpoints answer, as far as it is shown.
#[derive(Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    checks: serde_json::Map<String, serde_json::Value>,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    end_with(ask(arguments), 1)
}

fn ask(arguments: &Arguments) -> Result<bool, Failure> {
    let (mut url, agent) = match &arguments.url {
        Some(url) => {
            let url = parse_url(url)?;
            let agent = fetch::agent(&url, BOUND, BOUND, Reach::Typed);
            (url, agent)
        }
        None => (parse_url(&here(&arguments.config.path))?, fetch::agent_of_this_machine(BOUND)),
    };
    let shown = url.as_str().trim_end_matches('/').to_owned();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().push(if arguments.live { "healthz" } else { "readyz" });
    }
    let asked = agent.get(url.as_str()).call();
    let answered = asked.and_then(|response| {
        let (status, body) = (response.status(), response.into_body());
        Ok((status, body.into_with_config().limit(MAX_ANSWER_BYTES).read_to_string()?))
    });
    let (status, body) = match answered {
        Ok(answered) => answered,
        Err(ureq::Error::Timeout(_)) => return Err(Failure::TimedOut { url: shown, seconds: BOUND.as_secs() }),
        Err(error) => return Err(Failure::Unreachable { url: shown, reason: error.to_string() }),
    };
    let Ok(told) = serde_json::from_str::<Answer>(&body) else {
        return Err(Failure::NotOurs { url: shown, status: status.as_u16() });
    };
    if status.is_success() {
        answer(told.status)?;
        return Ok(true);
    }
    let checks = told.checks.iter().filter_map(|(name, state)| Some(format!("{name} {}", state.as_str()?)));
    note(format_args!("{}: {}", told.status, checks.collect::<Vec<_>>().join(", ")));
    Ok(false)
}

/// Where the gateway of that configuration answers. Its environment wins, and is all that counts where the file cannot be used: the gateway
/// may run on with an older one.
fn here(config: &Path) -> String {
    let environment = Environment::beside(config);
    let draft = config::load_draft(config, &environment, providers::builtins()).config;
    let given = environment.var("OVTH_LISTEN").and_then(|listen| listen.parse().ok());
    match draft {
        Some(draft) => client_url(given.unwrap_or(draft.listen), &draft),
        None => local_url(given.unwrap_or(DEFAULT)),
    }
}

/// Where a gateway listens that was told nothing.
const DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);
