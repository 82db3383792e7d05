//! Configuration: one YAML file and the environment become checked types that cannot be wrong.
//!
//! The way of a file: `tree` reads the YAML (`verbatim` its numbers), `node` walks it and notes every problem with its path, `raw` holds
//! the settings with their defaults, `roster` finds out which providers have a key, `routes` ties routes to them.
//! Nothing stops at the first problem: whoever edits the file sees all of them at once.

mod allowance;
mod amount;
mod base_url;
mod build;
mod checked;
mod credential;
mod dotenv;
mod environment;
mod files;
mod health;
mod interpolate;
mod logs;
mod models;
mod nearest;
mod network;
mod node;
mod problem;
mod raw;
mod roster;
mod routes;
mod scalar;
mod secret;
#[cfg(test)]
mod tests;
mod tls;
mod tree;
mod unreadable;
mod validity;
mod verbatim;
mod way;

pub use allowance::{
    Allowance, Cap, Durability, Globs, OnLedgerError, Overshoot, PriceOverride, Retention, Weights, dollars,
};
pub use base_url::BaseUrlError;
pub use build::{Draft, load, load_draft, parse};
pub use checked::{
    BaseUrl, Builtin, Clients, Config, LedgerSettings, Limits, MAX_SHUTDOWN_GRACE, ProcessKey, Provider, Quota,
    Timeouts,
};
pub use environment::Environment;
pub use files::{Content, Digest, FileRole, Files, NamedFile};
pub use health::{HealthSettings, RetrySettings};
pub use logs::{AccessLogSettings, CaptureSettings, LogFormat, LogSettings, Redaction, RotateEvery, is_credential};
pub use models::{ABILITIES, ModelFacts, ModelStatus};
pub use network::{Networks, client_of, is_metadata};
pub use problem::{Problem, Problems, Severity};
pub use secret::Secret;
pub use tls::{Identity, Tls};
pub use way::{MaxPrice, ModelNames, Route, RouteOptions, Strategy};
