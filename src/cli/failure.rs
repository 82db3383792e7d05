//! What can go wrong with a command that asks the running gateway, said so that its user knows what to do.

use std::io;
use std::path::PathBuf;

use super::figures::clean;

/// Why a command did not do what it was asked. No variant holds a key.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(
        "`{url}` is no address of a gateway: {reason}. It looks like `http://127.0.0.1:8080` or `https://llm.example.com`"
    )]
    Url { url: String, reason: &'static str },
    #[error("the configuration cannot be used: {0}")]
    Config(String),
    #[error(
        "OVTH_MASTER_KEY is not set, neither in the environment nor in {}. It must be the one that the gateway runs with",
        env_file.display()
    )]
    NoMasterKey { env_file: PathBuf },
    #[error("{origin} holds characters that no key can have")]
    MalformedMasterKey { origin: String },
    #[error(
        "nothing answers at {url}: {reason}. Is the gateway running (`ovth serve`)? If it is elsewhere, say where with \
         --url or OVTH_URL"
    )]
    Unreachable { url: String, reason: String },
    #[error("{url} cannot be asked: {}", clean(reason))]
    Unasked { url: String, reason: String },
    #[error("{url} did not answer within {seconds} s")]
    TimedOut { url: String, seconds: u64 },
    #[error("the answer of {url} broke off: {}", clean(reason))]
    Broken { url: String, reason: String },
    #[error("the gateway at {url} does not know this master key: {origin} is not the one that it runs with")]
    Unauthorized { url: String, origin: String },
    #[error("{url} sends its callers elsewhere{}. Name that address with --url", to.as_deref().map(|to| format!(" ({})", clean(to))).unwrap_or_default())]
    Redirected { url: String, to: Option<String> },
    #[error("{} (status {status})", clean(message))]
    Refused { status: u16, message: String },
    #[error(
        "what answers at {url} with status {status} is no gateway, or one of a release that does not know this command"
    )]
    NotOurs { url: String, status: u16 },
    #[error("the gateway's answer is not understood ({0}): is it of the same release as this command?")]
    Answer(#[from] serde_json::Error),
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
    #[error("{0}")]
    Said(String),
}

impl Failure {
    /// Whether nothing listens there at all: no gateway is running, as far as that address tells.
    pub(super) fn nobody_there(&self) -> bool {
        matches!(self, Failure::Unreachable { .. })
    }

    /// Whether the reader of what is written has gone away.
    pub(super) fn is_broken_pipe(&self) -> bool {
        matches!(self, Failure::Io { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }

    /// What went wrong with a file or the terminal.
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Failure {
        let what = what.into();
        move |source| Failure::Io { what, source }
    }
}
