//! `quota` and `keys`: what every key may spend and use, as the file has it.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::config::nearest::did_you_mean;
use crate::config::node::{Fields, Node, shown_text};
use crate::config::{Allowance, Cap, Globs, Overshoot, Quota, Weights, scalar};

const TOKENS: RangeInclusive<u64> = 1..=1_000_000_000_000_000;
const REQUESTS: RangeInclusive<u64> = 1..=1_000_000_000;
const CONCURRENT: RangeInclusive<u64> = 1..=1_000_000;
const OUTPUT_TOKENS: RangeInclusive<u64> = 1..=1_000_000_000;

/// The largest weight, in thousandths.
const MAX_WEIGHT: u32 = 1_000_000;
const MAX_GLOBS: usize = 256;
const MAX_GLOB_CHARS: usize = 256;

/// Reads `quota`, and `keys` beside it.
pub(super) fn quota(mut quota: Fields<'_>, keys: Fields<'_>) -> Quota {
    let limits = limits(&mut quota);
    let per_user = quota.read("per_user", Node::flag);
    let mut per_end_user = quota.section("per_end_user");
    let end_user_limits = self::limits(&mut per_end_user);
    per_end_user.finish();
    let defaults = Quota::default();
    let read = Quota {
        limits,
        per_user: per_user.unwrap_or(defaults.per_user),
        per_end_user: end_user_limits,
        weights: weights(quota.section("weights")),
        overshoot: quota.read("overshoot", overshoot).unwrap_or(defaults.overshoot),
        ..defaults
    };
    quota.finish();
    with_keys(read, keys)
}

/// The limits of a map that may hold other settings, too.
fn limits(fields: &mut Fields<'_>) -> Allowance {
    let mut whole = |name, range| fields.read(name, |node| node.cap(range));
    let (daily_tokens, monthly_tokens) = (whole("daily_tokens", TOKENS), whole("monthly_tokens", TOKENS));
    let daily_usd = fields.read("daily_usd", Node::usd_cap);
    let monthly_usd = fields.read("monthly_usd", Node::usd_cap);
    let mut whole = |name, range| fields.read(name, |node| node.cap(range));
    Allowance {
        daily_tokens,
        monthly_tokens,
        daily_usd,
        monthly_usd,
        requests_per_minute: whole("requests_per_minute", REQUESTS),
        tokens_per_minute: whole("tokens_per_minute", TOKENS),
        max_concurrent: whole("max_concurrent", CONCURRENT),
        max_output_tokens: whole("max_output_tokens", OUTPUT_TOKENS),
    }
}

fn weights(mut fields: Fields<'_>) -> Weights {
    let defaults = Weights::default();
    let mut weight = |name, default| fields.read(name, weight).unwrap_or(default);
    let read = Weights {
        input: weight("input", defaults.input),
        cache_read: weight("cache_read", defaults.cache_read),
        cache_write: weight("cache_write", defaults.cache_write),
        output: weight("output", defaults.output),
    };
    fields.finish();
    read
}

fn weight(node: &Node<'_>) -> Option<u32> {
    node.decimal("a number from 0 to 1000 with at most 3 digits after the point, such as 0.1", |text| {
        scalar::thousandths(text).filter(|weight| *weight <= MAX_WEIGHT)
    })
}

fn overshoot(node: &Node<'_>) -> Option<Overshoot> {
    node.word(&[("expected", Overshoot::Expected), ("none", Overshoot::None)])
}

fn with_keys(quota: Quota, mut keys: Fields<'_>) -> Quota {
    let read = Quota {
        routes: keys.read("routes", globs),
        models: keys.read("models", globs),
        expires_at: keys.read("expires_at", moment),
        strict: keys.read("strict", Node::flag).unwrap_or(quota.strict),
        ..quota
    };
    keys.finish();
    read
}

/// Names with `*` and `?`. A list with a bad name in it is an error, so what is left of it never holds.
pub(super) fn globs(node: &Node<'_>) -> Option<Globs> {
    let names = node.names()?;
    if names.len() > MAX_GLOBS {
        node.error(format_args!("has {} names; at most {MAX_GLOBS} are allowed: use `*` for many", names.len()));
    }
    for (item, name) in &names {
        if name.chars().count() > MAX_GLOB_CHARS {
            item.wrong(format_args!("a name of at most {MAX_GLOB_CHARS} characters"));
        }
    }
    Some(Globs::new(names.iter().map(|(_, name)| name.as_str())))
}

/// A moment, in seconds since 1970; of a date, its beginning in UTC.
fn moment(node: &Node<'_>) -> Option<u64> {
    let moment = node.parsed("a date or a time with its zone, such as 2027-01-01 or 2027-01-01T00:00:00Z", |text| {
        let at: Timestamp = match text.parse::<Timestamp>() {
            Ok(at) => at,
            Err(_) => strict_date(text)?.to_zoned(TimeZone::UTC).ok()?.timestamp(),
        };
        u64::try_from(at.as_second()).ok()
    })?;
    let now = u64::try_from(Timestamp::now().as_second()).unwrap_or_default();
    if moment <= now {
        node.warning("is past: no key works but those with an end of their own; write a later one, or leave it out");
    }
    Some(moment)
}

/// `2027-01-01` and nothing else: what has a time in it and no zone could mean any of two dozen moments.
fn strict_date(text: &str) -> Option<Date> {
    text.parse::<Date>().ok().filter(|date| date.to_string() == text)
}

/// Settings that are right by themselves and strange together: told, and taken.
pub(in crate::config) fn doubts(root: &Node<'_>, quota: &Quota, routes: &[&str]) {
    let place = root.place_of("keys").place_of("routes");
    for name in quota.routes.iter().flat_map(Globs::patterns) {
        if !name.contains(['*', '?']) && !routes.contains(&name.as_str()) {
            let hint = did_you_mean(&name, routes.iter().copied());
            place.warning(format_args!("names {}, which is not a route{hint}", shown_text(&name)));
        }
    }
    let place = root.place_of("quota");
    never_reached(&place, &quota.limits);
    never_reached(&place.place_of("per_end_user"), &quota.per_end_user);
    let Weights { input, cache_read, cache_write, output } = quota.weights;
    if [input, cache_read, cache_write, output] == [0; 4] {
        place.place_of("weights").warning("are all 0: no token counts, so no limit in tokens is ever reached");
    }
}

fn never_reached(place: &Node<'_>, limits: &Allowance) {
    let pairs = [
        ("daily_tokens", limits.daily_tokens, "monthly_tokens", limits.monthly_tokens),
        ("daily_usd", limits.daily_usd, "monthly_usd", limits.monthly_usd),
        ("tokens_per_minute", limits.tokens_per_minute, "daily_tokens", limits.daily_tokens),
        ("tokens_per_minute", limits.tokens_per_minute, "monthly_tokens", limits.monthly_tokens),
    ];
    for (name, limit, wider, bound) in pairs {
        if let (Some(limit), Some(bound)) = (limit.and_then(Cap::limit), bound.and_then(Cap::limit))
            && limit > bound
        {
            place
                .place_of(name)
                .warning(format_args!("is larger than {wider} and is never reached; lower it, or leave it out"));
        }
    }
}
