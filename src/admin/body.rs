//! Bodies of requests that make and change keys, checked field by field so that the answer names all that is wrong at once.

use std::time::{Duration, SystemTime};

use serde_json::value::RawValue;

use super::limits;
use super::moment::{is_known, second, unix};
use super::object::{Kind, Members, members};
use super::problems::Problems;
use super::response::excerpt;
use crate::config::Globs;
use crate::keys::{Change, KeyPatch, Label, NewKey};

const FIELDS: [&str; 6] = ["label", "quota", "routes", "models", "expires_at", "strict"];
const ROTATE_FIELDS: [&str; 1] = ["grace_seconds"];

/// Bounds of a list of names.
const MAX_GLOBS: usize = 256;
const MAX_GLOB_CHARS: usize = 256;

/// How long the old secret of a rotated key works: by default, and at most.
const DEFAULT_GRACE: u64 = 24 * 60 * 60;
const MAX_GRACE: u64 = 30 * 24 * 60 * 60;

/// Reads the body of a request for a new key.
pub(super) fn new_key(body: &[u8], now: SystemTime) -> Result<NewKey, Problems> {
    let mut problems = Problems::default();
    let mut read = key(body, now, &mut problems);
    if let Some(read) = &read
        && !read.names_label
    {
        let message = "`label` is missing: a name for the key, like \"cursor\"";
        problems.add("label", "missing_required_parameter", message);
    }
    match read.as_mut().and_then(|read| read.patch.label.take()).zip(read) {
        Some((label, read)) if problems.is_empty() => Ok(NewKey { label, settings: read.patch.into_settings() }),
        _ => Err(problems),
    }
}

/// Reads the body of a request that changes a key. What is not named stays as it is.
pub(super) fn changes(body: &[u8], now: SystemTime) -> Result<KeyPatch, Problems> {
    let mut problems = Problems::default();
    match key(body, now, &mut problems) {
        Some(read) if problems.is_empty() => Ok(read.patch),
        _ => Err(problems),
    }
}

/// Reads the body of a request for a new secret: for how long the old one works on. No body is like `{}`.
pub(super) fn rotation(body: &[u8]) -> Result<Duration, Problems> {
    let mut problems = Problems::default();
    let mut grace = DEFAULT_GRACE;
    if body.trim_ascii().is_empty() {
        return Ok(Duration::from_secs(grace));
    }
    for (name, value) in whole(body, &ROTATE_FIELDS, r#"{"grace_seconds":86400}"#, &mut problems).unwrap_or_default() {
        match name.as_str() {
            "grace_seconds" if Kind::of(&value) == Kind::Null => {}
            "grace_seconds" => match serde_json::from_str(value.get()) {
                Ok(seconds) if seconds <= MAX_GRACE => grace = seconds,
                _ => wrong("grace_seconds", &value, &format!("a whole number from 0 to {MAX_GRACE}"), &mut problems),
            },
            _ => problems.unknown("", &name, "field", &ROTATE_FIELDS),
        }
    }
    if problems.is_empty() { Ok(Duration::from_secs(grace)) } else { Err(problems) }
}

/// What a body says of a key.
struct Read {
    patch: KeyPatch,
    names_label: bool,
}

fn key(body: &[u8], now: SystemTime, problems: &mut Problems) -> Option<Read> {
    let example = r#"{"label":"cursor","quota":{"daily_tokens":100000}}"#;
    let members = whole(body, &FIELDS, example, problems)?;
    let mut read = Read { patch: KeyPatch::default(), names_label: false };
    let patch = &mut read.patch;
    for (name, value) in members {
        match name.as_str() {
            "label" => {
                read.names_label = true;
                patch.label = label(&value, problems);
            }
            "quota" => {
                let quota = limits::quota(&value, problems);
                (patch.limits, patch.per_end_user) = (quota.limits, quota.per_end_user);
            }
            "routes" => patch.routes = globs("routes", &value, problems),
            "models" => patch.models = globs("models", &value, problems),
            "expires_at" => patch.expires_at = expiry(&value, now, problems),
            "strict" => patch.strict = flag("strict", &value, problems),
            _ => problems.unknown("", &name, "field", &FIELDS),
        }
    }
    Some(read)
}

fn whole(body: &[u8], known: &[&str], example: &str, problems: &mut Problems) -> Option<Members> {
    let error = match members(body, "", known, problems) {
        Ok(members) => return Some(members),
        Err(error) => error,
    };
    let message = if error.is_data() {
        format!("the body must be a JSON object like {example}")
    } else {
        let (line, column) = (error.line(), error.column());
        format!("the body is not JSON (line {line}, column {column}); it must be an object like {example}")
    };
    problems.add_whole("invalid_json", message);
    None
}

fn label(value: &RawValue, problems: &mut Problems) -> Option<Label> {
    let Ok(text) = serde_json::from_str::<String>(value.get()) else {
        let found = Kind::of(value).as_str();
        problems.add("label", "invalid_type", format!("`label` must be a string, not {found}"));
        return None;
    };
    match Label::parse(&text) {
        Ok(label) => Some(label),
        Err(error) => {
            problems.add("label", "invalid_value", format!("`label` {error}"));
            None
        }
    }
}

/// A list of names with `*` and `?`; null is the default.
fn globs(path: &str, value: &RawValue, problems: &mut Problems) -> Change<Globs> {
    if Kind::of(value) == Kind::Null {
        return Change::Reset;
    }
    let Ok(items) = serde_json::from_str::<Vec<Box<RawValue>>>(value.get()) else {
        wrong(path, value, "a list of names like [\"gpt-*\"], or null for the default", problems);
        return Change::Leave;
    };
    if items.is_empty() || items.len() > MAX_GLOBS {
        let message = format!(
            "`{path}` must have 1 to {MAX_GLOBS} names; it has {}. [\"*\"] is all of them, null the default",
            items.len()
        );
        problems.add(path, "invalid_value", message);
        return Change::Leave;
    }
    let mut names = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let bounds = 1..=MAX_GLOB_CHARS;
        match serde_json::from_str::<String>(item.get()) {
            Ok(name) if bounds.contains(&name.chars().count()) && !name.chars().any(char::is_control) => {
                names.push(name);
            }
            _ => {
                let wanted = format!("a name of 1 to {MAX_GLOB_CHARS} characters, in which * and ? stand for others");
                wrong(&format!("{path}[{index}]"), item, &wanted, problems);
            }
        }
    }
    Change::Set(Globs::new(names.iter().map(String::as_str)))
}

fn expiry(value: &RawValue, now: SystemTime, problems: &mut Problems) -> Change<u64> {
    const PATH: &str = "expires_at";
    let at = match Kind::of(value) {
        Kind::Null => return Change::Reset,
        Kind::Number => serde_json::from_str(value.get()).ok().filter(|at| is_known(*at)),
        Kind::String => serde_json::from_str::<String>(value.get()).ok().and_then(|text| second(&text)),
        _ => None,
    };
    match at {
        Some(at) if at > unix(now) => return Change::Set(at),
        Some(_) => {
            let message = format!("`{PATH}` lies in the past; to end a key now, revoke it with DELETE");
            problems.add(PATH, "invalid_value", message);
        }
        None => {
            let wanted = "a date (\"2027-01-01\"), a time with its zone (\"2027-01-01T00:00:00Z\"), whole seconds \
                          since 1970, or null for the default";
            wrong(PATH, value, wanted, problems);
        }
    }
    Change::Leave
}

fn flag(path: &str, value: &RawValue, problems: &mut Problems) -> Change<bool> {
    match serde_json::from_str::<Option<bool>>(value.get()) {
        Ok(flag) => flag.into(),
        Err(_) => {
            wrong(path, value, "true, false, or null for the default", problems);
            Change::Leave
        }
    }
}

/// Notes a wrong value. Numbers are shown, texts never: a caller may have put a secret there.
fn wrong(path: &str, value: &RawValue, wanted: &str, problems: &mut Problems) {
    let kind = Kind::of(value);
    let (found, code) = match kind {
        Kind::Number => (excerpt(value.get()), "invalid_value"),
        Kind::String => ("that string".to_owned(), "invalid_value"),
        _ => (kind.as_str().to_owned(), "invalid_type"),
    };
    problems.add(path, code, format!("`{path}` must be {wanted}, not {found}"));
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
