//! `/admin/log`: which records are logged, and other levels for a while.

use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;
use log::LevelFilter;
use serde::Serialize;
use serde_json::value::RawValue;

use super::Admin;
use super::moment::{rfc3339, unix};
use super::object::{Kind, members};
use super::problems::Problems;
use super::response::{AdminResponse, Refused};
use crate::observe::logging::{LevelChange, Levels, Standing, is_target, level_name};

const FIELDS: [&str; 3] = ["level", "levels", "duration_seconds"];

const EXAMPLE: &str = r#"{"level":"debug","duration_seconds":600}"#;

/// The longest time that levels are changed for; without one they stay until the process ends.
const MAX_SECONDS: u64 = 7 * 24 * 60 * 60;

/// The most targets that are named at once.
const MAX_TARGETS: usize = 64;

const LEVELS: &str = "off, error, warn, info, debug or trace";

/// `GET /admin/log`
pub(super) fn show(admin: &Admin) -> AdminResponse {
    told(&admin.log.standing())
}

/// `PUT /admin/log`
pub(super) fn change(admin: &Admin, body: &[u8]) -> Result<AdminResponse, Refused> {
    let wanted = read(body).map_err(|problems| Box::new(problems.into_response("The log levels were not changed")))?;
    let until = wanted.time.and_then(|time| admin.now().checked_add(time));
    let is_end = wanted.change.is_empty();
    let number = admin.log.change(wanted.change, until.filter(|_| !is_end));
    let standing = admin.log.standing();
    log::info!(
        level = level_name(standing.levels.level), targets = standing.levels.levels.len(), seconds:? = wanted.time.map(|time| time.as_secs());
        "the log levels were changed over the admin API"
    );
    if let Some(time) = wanted.time.filter(|_| !is_end) {
        let log = admin.log.clone();
        // It may be dropped at the end of the process, which ends the change, too.
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            log.end_change(number);
        });
    }
    Ok(told(&standing))
}

fn told(standing: &Standing) -> AdminResponse {
    #[derive(Serialize)]
    struct Body<'a> {
        object: &'static str,
        level: &'static str,
        levels: BTreeMap<&'a str, &'static str>,
        configured: Configured<'a>,
        changed: bool,
        changed_until: Option<String>,
    }
    #[derive(Serialize)]
    struct Configured<'a> {
        level: &'static str,
        levels: BTreeMap<&'a str, &'static str>,
    }
    let body = Body {
        object: "log",
        level: level_name(standing.levels.level),
        levels: names(&standing.levels),
        configured: Configured { level: level_name(standing.configured.level), levels: names(&standing.configured) },
        changed: standing.is_changed,
        changed_until: standing.until.and_then(|until| rfc3339(unix(until))),
    };
    AdminResponse::json(StatusCode::OK, &body)
}

fn names(levels: &Levels) -> BTreeMap<&str, &'static str> {
    levels.levels.iter().map(|(target, level)| (target.as_str(), level_name(*level))).collect()
}

/// What a body asks for.
struct Wanted {
    change: LevelChange,
    time: Option<Duration>,
}

fn read(body: &[u8]) -> Result<Wanted, Problems> {
    let mut problems = Problems::default();
    let mut wanted = Wanted { change: LevelChange::default(), time: None };
    let Ok(fields) = members(body, "", &FIELDS, &mut problems) else {
        problems.add_whole(
            "invalid_json",
            format!("the body must be a JSON object like {EXAMPLE}; {{}} goes back to the configured levels"),
        );
        return Err(problems);
    };
    for (name, value) in fields {
        match name.as_str() {
            _ if FIELDS.contains(&name.as_str()) && Kind::of(&value) == Kind::Null => {}
            "level" => wanted.change.level = level("level", &value, &mut problems),
            "levels" => wanted.change.levels = levels(&value, &mut problems),
            "duration_seconds" => match serde_json::from_str(value.get()) {
                Ok(seconds @ 1..=MAX_SECONDS) => wanted.time = Some(Duration::from_secs(seconds)),
                _ => problems.add(
                    "duration_seconds",
                    "invalid_value",
                    format!("`duration_seconds` must be a whole number from 1 to {MAX_SECONDS}, or null for no end"),
                ),
            },
            _ => problems.unknown("", &name, "field", &FIELDS),
        }
    }
    if problems.is_empty() { Ok(wanted) } else { Err(problems) }
}

fn levels(value: &RawValue, problems: &mut Problems) -> BTreeMap<String, LevelFilter> {
    let Ok(named) = members(value.get().as_bytes(), "levels.", &[], problems) else {
        problems.add("levels", "invalid_type", "`levels` must be an object like {\"ovth::attempt\":\"debug\"}");
        return BTreeMap::new();
    };
    if named.len() > MAX_TARGETS {
        problems.add(
            "levels",
            "invalid_value",
            format!("`levels` names {} targets; at most {MAX_TARGETS} are allowed", named.len()),
        );
        return BTreeMap::new();
    }
    let mut levels = BTreeMap::new();
    for (target, value) in named {
        if is_target(&target) {
            levels.extend(level(&format!("levels.{target}"), &value, problems).map(|level| (target, level)));
        } else {
            let message = "a name in `levels` must be the beginning of a log target, like `ovth::attempt` or `ovth_gateway::ledger`";
            problems.add("levels", "invalid_value", message);
        }
    }
    levels
}

fn level(path: &str, value: &RawValue, problems: &mut Problems) -> Option<LevelFilter> {
    let level = serde_json::from_str::<String>(value.get()).ok().and_then(|text| text.parse().ok());
    if level.is_none() {
        problems.add(path, "invalid_value", format!("`{path}` must be {LEVELS}"));
    }
    level
}
