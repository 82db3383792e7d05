//! The calls that show the configuration in force and load it anew.

use http::StatusCode;
use serde::Serialize;

use super::Admin;
use super::moment::unix;
use super::response::{AdminResponse, ErrorBody, Refused};
use crate::config::{Content, Problem, Severity};
use crate::observe::ReloadOutcome;
use crate::reload::{Condition, FileState, RefusedReload, Settings, State, settings};

/// Seconds after which a reload that was not tried may be asked for again.
const RETRY_AFTER: u64 = 2;

/// The most problems that an error repeats; the others are in `GET /admin/config`.
const MAX_LISTED: usize = 20;

#[derive(Serialize)]
struct Shown<'a> {
    object: &'static str,
    path: String,
    generation: u64,
    loaded_at: u64,
    condition: &'static str,
    watching: &'static str,
    files: Vec<File<'a>>,
    last_reload: Last,
    problems: Vec<Wrong<'a>>,
    settings: Settings,
}

#[derive(Serialize)]
struct File<'a> {
    path: String,
    role: &'a str,
    state: &'static str,
    hash: Option<String>,
    pinned: bool,
}

#[derive(Serialize)]
struct Last {
    at: u64,
    trigger: &'static str,
    outcome: &'static str,
}

#[derive(Serialize)]
struct Wrong<'a> {
    severity: &'static str,
    path: &'a str,
    message: &'a str,
}

/// `GET /admin/config`
pub(super) fn show(admin: &Admin) -> AdminResponse {
    shown(&admin.reload.state())
}

/// `POST /admin/reload`
pub(super) async fn reload(admin: &Admin) -> Result<AdminResponse, Refused> {
    let state = admin.reload.reload().await.map_err(not_tried)?;
    match state.last.outcome {
        ReloadOutcome::Ok => Ok(shown(&state)),
        ReloadOutcome::Invalid => Err(Box::new(refused(&state, "invalid_configuration"))),
        ReloadOutcome::NeedsRestart => Err(Box::new(refused(&state, "restart_needed"))),
    }
}

fn shown(state: &State) -> AdminResponse {
    let shown = Shown {
        object: "config",
        path: state.path.display().to_string(),
        generation: state.generation,
        loaded_at: unix(state.loaded_at),
        condition: word(state.condition()),
        watching: state.watching.as_str(),
        files: state.files.iter().map(file).collect(),
        last_reload: Last {
            at: unix(state.last.at),
            trigger: state.last.trigger.as_str(),
            outcome: state.last.outcome.as_str(),
        },
        problems: state.problems.0.iter().map(wrong).collect(),
        settings: settings(&state.snapshot),
    };
    AdminResponse::json(StatusCode::OK, &shown)
}

fn file(file: &FileState) -> File<'_> {
    File {
        path: file.path.display().to_string(),
        role: file.role.as_str(),
        state: match file.content {
            Content::Read(_) => "read",
            Content::Missing => "missing",
            Content::Unreadable(_) => "unreadable",
        },
        hash: file.hash(),
        pinned: file.pinned,
    }
}

fn wrong(problem: &Problem) -> Wrong<'_> {
    let severity = match problem.severity {
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    Wrong { severity, path: &problem.path, message: &problem.message }
}

/// The condition as answers name it.
pub(super) const fn word(condition: Condition) -> &'static str {
    match condition {
        Condition::Ok => "ok",
        Condition::Rejected => "rejected",
        Condition::NeedsRestart => "needs_restart",
        Condition::Pinned => "pinned",
    }
}

fn refused(state: &State, code: &'static str) -> AdminResponse {
    let errors = || state.problems.0.iter().filter(|problem| problem.severity == Severity::Error);
    let listed: Vec<String> =
        errors().take(MAX_LISTED).map(|problem| format!("{}: {}", problem.path, problem.message)).collect();
    let more = errors().count().saturating_sub(MAX_LISTED);
    let more = if more > 0 { format!("; and {more} more, see GET /admin/config") } else { String::new() };
    let message = format!(
        "The configuration on disk is not taken over, number {} stays in force: {}{more}.",
        state.generation,
        listed.join("; ")
    );
    ErrorBody::request(message, code).into_response(StatusCode::UNPROCESSABLE_ENTITY)
}

fn not_tried(error: RefusedReload) -> Refused {
    let message = format!("The configuration was not reloaded: {error}.");
    let (status, body) = match error {
        RefusedReload::Busy => (StatusCode::TOO_MANY_REQUESTS, ErrorBody::busy(message, "reload_busy")),
        RefusedReload::Slow | RefusedReload::Ended => {
            (StatusCode::SERVICE_UNAVAILABLE, ErrorBody::server(message, "reload_unavailable"))
        }
    };
    Box::new(body.into_response(status).with_retry_after(RETRY_AFTER))
}
