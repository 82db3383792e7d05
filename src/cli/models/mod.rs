//! `ovth models`: the names that clients may ask for, and why a route would choose what it would choose.

mod explain;
mod listed;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ovth_filters::Shape;

use super::ConfigFile;
use super::failure::Failure;
use super::print;
use crate::reload;
use crate::routing::Snapshot;

/// List the routes and models of a configuration, or explain a choice
///
/// Nothing is asked of a provider or a running gateway: what is shown follows from the configuration and the catalogue. What a running
/// gateway knows besides (targets that fail, keys that are refused, conversations whose cache is warm) may change the order.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0, or 1 when the configuration or the request cannot be used, or nothing would serve the request.\n\n\
    Examples:\n  ovth models\n  ovth models --route auto\n  ovth models --route auto --for request.json\n  ovth models --for request.json --shape messages --json"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// Explain what this route, or model, would be answered by; without it `model` of the request
    #[arg(long, value_name = "NAME")]
    route: Option<String>,
    /// A request as a client sends it, to be explained; without it a short question
    #[arg(long = "for", value_name = "FILE")]
    request: Option<PathBuf>,
    /// The API that it is sent to: chat, messages, responses or generate_content; without it what it looks like
    #[arg(long, value_name = "SHAPE", value_parser = shape)]
    shape: Option<Shape>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

fn shape(name: &str) -> Result<Shape, String> {
    Shape::ALL.into_iter().find(|shape| shape.as_str() == name).ok_or_else(|| {
        let names: Vec<&str> = Shape::ALL.iter().map(|shape| shape.as_str()).collect();
        format!("it is one of {}", names.join(", "))
    })
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    print::end_with(tell(arguments), 1)
}

fn tell(arguments: &Arguments) -> Result<bool, Failure> {
    let loaded = reload::load(&arguments.config.path).map_err(|failed| Failure::Config(failed.problems.to_string()))?;
    let snapshot: &Snapshot = &loaded.snapshot;
    if arguments.route.is_none() && arguments.request.is_none() {
        return print::lines(listed::names(snapshot, arguments.json)).map(|()| true);
    }
    let asked =
        explain::Asked::read(arguments.request.as_deref(), arguments.shape, (arguments.route.as_deref(), snapshot))?;
    let explained = asked.explain(snapshot)?;
    print::lines(if arguments.json { explained.json() } else { explained.table() })?;
    Ok(explained.is_served())
}
