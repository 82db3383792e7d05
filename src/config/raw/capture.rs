//! `log.capture`: whose exchanges are written down, as the file has it.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use http::HeaderName;
use regex::bytes::RegexBuilder;

use super::log::{DAY, days, file_path, size};
use super::quota::globs;
use crate::config::logs::{CaptureSettings, Redaction, is_credential};
use crate::config::node::{Fields, Node};

const DEFAULT_FILE: &str = "capture.jsonl";
const BODY_BYTES: RangeInclusive<u64> = 1 << 10..=1 << 20;
const DEFAULT_BODY_BYTES: u64 = 64 << 10;
const TOTAL_BYTES: RangeInclusive<u64> = 1 << 20..=1 << 40;
const DEFAULT_TOTAL_BYTES: u64 = 256 << 20;
const DEFAULT_KEEP_DAYS: u32 = 7;

/// In all there must be room for so many bodies, so that one of them fits into a file that is rotated.
const LEAST_BODIES: u64 = 64;

const MAX_HEADERS: usize = 64;
const MAX_PATTERNS: usize = 64;
const MAX_PATTERN_CHARS: usize = 1_024;

/// The most memory that one pattern may take when it is compiled.
const PATTERN_BYTES: usize = 1 << 20;

/// Reads `capture`.
pub(super) fn capture(mut fields: Fields<'_>) -> Option<CaptureSettings> {
    let read = CaptureSettings {
        keys: fields.read("keys", globs),
        routes: fields.read("routes", globs),
        file: fields.read("file", file_path).unwrap_or_else(|| PathBuf::from(DEFAULT_FILE)),
        body_bytes: usize::try_from(
            fields.read("body_bytes", |node| size(node, BODY_BYTES)).unwrap_or(DEFAULT_BODY_BYTES),
        )
        .unwrap_or(usize::MAX),
        total_bytes: fields.read("total_bytes", |node| size(node, TOTAL_BYTES)).unwrap_or(DEFAULT_TOTAL_BYTES),
        keep: fields.read("keep_days", days).unwrap_or(DAY * DEFAULT_KEEP_DAYS),
        headers: fields.read("headers", headers).unwrap_or_else(|| vec![http::header::CONTENT_TYPE]),
        redact: fields.read("redact", patterns).unwrap_or_default(),
    };
    let bodies = read.total_bytes / u64::try_from(read.body_bytes).unwrap_or(u64::MAX).max(1);
    if bodies < LEAST_BODIES {
        fields
            .place_of("total_bytes")
            .error(format_args!("must be at least {LEAST_BODIES} times body_bytes; it is {bodies} times"));
    }
    let is_on = read.keys.is_some() || read.routes.is_some();
    if is_on {
        fields.place_of("keys").warning(format_args!(
            "what clients of these keys and routes say, and what they are answered, is written to {}",
            read.file.display()
        ));
    }
    fields.finish();
    is_on.then_some(read)
}

fn headers(node: &Node<'_>) -> Option<Vec<HeaderName>> {
    let items = node.items()?;
    if items.len() > MAX_HEADERS {
        node.error(format_args!("has {} names; at most {MAX_HEADERS} are allowed", items.len()));
    }
    let mut headers = Vec::new();
    for item in items {
        let Some(name) = item.parsed("the name of a header", |text| text.parse::<HeaderName>().ok()) else { continue };
        if is_credential(&name) {
            item.error("names a header whose value is a credential; such values are never captured");
        } else {
            headers.push(name);
        }
    }
    Some(headers)
}

/// Patterns of bytes, so that they know the classes of ASCII only. One may name a secret: no message repeats it.
fn patterns(node: &Node<'_>) -> Option<Vec<Redaction>> {
    let items = node.items()?;
    if items.len() > MAX_PATTERNS {
        node.error(format_args!("has {} patterns; at most {MAX_PATTERNS} are allowed", items.len()));
    }
    let mut patterns = Vec::new();
    for item in items {
        let item = item.hidden();
        let read = |text: &str| {
            let fits = !text.is_empty() && text.chars().count() <= MAX_PATTERN_CHARS;
            let built = RegexBuilder::new(text).unicode(false).size_limit(PATTERN_BYTES).build();
            built.ok().filter(|_| fits).map(Redaction)
        };
        patterns.extend(item.parsed(
            "a regular expression of 1 to 1024 characters that takes at most 1 MiB of memory; ASCII's classes only, and no look-around",
            read,
        ));
    }
    Some(patterns)
}
