//! `log`: what is logged, and where it goes, as the file has it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;

use super::{as_path, capture};
use crate::config::node::{Fields, Node};
use crate::config::{AccessLogSettings, LogFormat, LogSettings, RotateEvery};

const ROTATE_BYTES: RangeInclusive<u64> = 4 << 10..=1 << 40;
const DEFAULT_ROTATE_BYTES: u64 = 64 << 20;
const KEEP_FILES: RangeInclusive<u64> = 0..=10_000;
const DEFAULT_KEEP_FILES: usize = 30;
const KEEP_DAYS: RangeInclusive<u64> = 1..=3650;
const DEFAULT_KEEP_DAYS: u32 = 90;
pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The most targets that can be named.
const MAX_TARGETS: usize = 256;
const MAX_TARGET_CHARS: usize = 128;

/// Reads `log`.
pub(super) fn log(mut fields: Fields<'_>) -> LogSettings {
    let read = LogSettings {
        level: fields.read("level", level).unwrap_or(LogSettings::default().level),
        levels: fields.read("levels", |node| Some(levels(node))).unwrap_or_default(),
        format: fields.read("format", format).unwrap_or_default(),
        access: access(fields.section("access")),
        capture: capture::capture(fields.section("capture")),
    };
    fields.finish();
    read
}

fn level(node: &Node<'_>) -> Option<LevelFilter> {
    use LevelFilter::{Debug, Error, Info, Off, Trace, Warn};
    node.word(&[("off", Off), ("error", Error), ("warn", Warn), ("info", Info), ("debug", Debug), ("trace", Trace)])
}

fn levels(node: &Node<'_>) -> BTreeMap<String, LevelFilter> {
    let members = node.members();
    if members.len() > MAX_TARGETS {
        node.error(format_args!("names {} targets; at most {MAX_TARGETS} are allowed", members.len()));
    }
    let mut levels = BTreeMap::new();
    for (target, node) in members {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-' | '.');
        if target.is_empty() || target.len() > MAX_TARGET_CHARS || !target.chars().all(allowed) {
            node.error("is no target of log records; they are like ovth::attempt or ovth_gateway::ledger");
        } else if let Some(level) = level(&node) {
            levels.insert(target.to_owned(), level);
        }
    }
    levels
}

fn format(node: &Node<'_>) -> Option<LogFormat> {
    node.word(&[("auto", LogFormat::Auto), ("json", LogFormat::Json), ("text", LogFormat::Text)])
}

fn access(mut fields: Fields<'_>) -> Option<AccessLogSettings> {
    let every = [("never", RotateEvery::Never), ("hour", RotateEvery::Hour), ("day", RotateEvery::Day)];
    let count = |node: &Node<'_>| usize::try_from(node.whole(KEEP_FILES)?).ok();
    let file = fields.read("file", file_path);
    let read = AccessLogSettings {
        file: file.clone().unwrap_or_default(),
        rotate_bytes: fields.read("rotate_bytes", |node| size(node, ROTATE_BYTES)).unwrap_or(DEFAULT_ROTATE_BYTES),
        rotate_every: fields.read("rotate_every", |node| node.word(&every)).unwrap_or_default(),
        keep_files: fields.read("keep_files", count).unwrap_or(DEFAULT_KEEP_FILES),
        keep: fields.read("keep_days", days).unwrap_or(DAY * DEFAULT_KEEP_DAYS),
        gzip: fields.read("gzip", Node::flag).unwrap_or(false),
    };
    fields.finish();
    file.map(|_| read)
}

pub(super) fn days(node: &Node<'_>) -> Option<Duration> {
    u32::try_from(node.whole(KEEP_DAYS)?).ok().map(|days| DAY * days)
}

pub(super) fn size(node: &Node<'_>, range: RangeInclusive<u64>) -> Option<u64> {
    u64::try_from(node.size(range)?).ok()
}

/// A path that leads to a file.
pub(super) fn file_path(node: &Node<'_>) -> Option<PathBuf> {
    const FILE: &str = "the path of a file";
    node.parsed(FILE, |text| as_path(text).filter(|path| !text.ends_with('/') && path.file_name().is_some()))
}
