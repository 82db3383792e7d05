//! `health` and `retries`: when a target is passed over, and how often a request is tried again, as the file has it.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::node::{Fields, Node};
use crate::config::{HealthSettings, RetrySettings};

const WINDOW: RangeInclusive<Duration> = Duration::from_secs(6)..=Duration::from_secs(3600);
const TIME: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(3600);
const PERCENT: RangeInclusive<u64> = 1..=100;
const ATTEMPTS: RangeInclusive<u64> = 1..=10_000;
const PROBES: RangeInclusive<u64> = 1..=100;
const ROUNDS: RangeInclusive<u64> = 0..=5;

/// Reads `health`.
pub(super) fn health(mut fields: Fields<'_>) -> HealthSettings {
    let defaults = HealthSettings::default();
    let time = |node: &Node<'_>| node.duration(TIME);
    let read = HealthSettings {
        window: fields.read("window", |node| node.duration(WINDOW)).unwrap_or(defaults.window),
        failure_percent: fields.read("failure_percent", |node| node.whole(PERCENT)).unwrap_or(defaults.failure_percent),
        min_attempts: fields.read("min_attempts", |node| node.whole(ATTEMPTS)).unwrap_or(defaults.min_attempts),
        open_for: fields.read("open_for", time).unwrap_or(defaults.open_for),
        longest_open: fields.read("longest_open", time).unwrap_or(defaults.longest_open),
        probes: fields.read("probes", |node| node.whole(PROBES)).unwrap_or(defaults.probes),
    };
    if read.open_for > read.longest_open {
        fields.place_of("open_for").error("must not be longer than longest_open; lower it, or raise that");
    }
    fields.finish();
    read
}

/// Reads `retries`.
pub(super) fn retries(mut fields: Fields<'_>) -> RetrySettings {
    let defaults = RetrySettings::default();
    let time = |node: &Node<'_>| node.duration(TIME);
    let read = RetrySettings {
        rounds: fields.read("rounds", |node| u32::try_from(node.whole(ROUNDS)?).ok()).unwrap_or(defaults.rounds),
        backoff: fields.read("backoff", time).unwrap_or(defaults.backoff),
        within: fields.read("within", time).unwrap_or(defaults.within),
        budget_percent: fields.read("budget_percent", |node| node.whole(PERCENT)).unwrap_or(defaults.budget_percent),
    };
    fields.finish();
    read
}
