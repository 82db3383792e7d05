//! Limits in JSON, both ways: as a body sets them, and as a key's object shows them.

use std::ops::RangeInclusive;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use ovth_filters::money::PicoDollars;

use super::money::Usd;
use super::object::{Kind, members};
use super::problems::Problems;
use super::response::excerpt;
use crate::config::{Allowance, Cap, dollars};
use crate::keys::{Change, LimitsPatch};

/// The word for a limit that is none.
const UNLIMITED: &str = "unlimited";

const DAILY_TOKENS: &str = "daily_tokens";
const MONTHLY_TOKENS: &str = "monthly_tokens";
const DAILY_USD: &str = "daily_usd";
const MONTHLY_USD: &str = "monthly_usd";
const REQUESTS_PER_MINUTE: &str = "requests_per_minute";
const TOKENS_PER_MINUTE: &str = "tokens_per_minute";
const MAX_CONCURRENT: &str = "max_concurrent";
const MAX_OUTPUT_TOKENS: &str = "max_output_tokens";
const PER_END_USER: &str = "per_end_user";

/// The limits, and those of end users.
const QUOTA_FIELDS: [&str; 9] = [
    DAILY_TOKENS,
    MONTHLY_TOKENS,
    DAILY_USD,
    MONTHLY_USD,
    REQUESTS_PER_MINUTE,
    TOKENS_PER_MINUTE,
    MAX_CONCURRENT,
    MAX_OUTPUT_TOKENS,
    PER_END_USER,
];

/// The bounds are those of the configuration.
const TOKENS: RangeInclusive<u64> = 1..=1_000_000_000_000_000;
const REQUESTS: RangeInclusive<u64> = 1..=1_000_000_000;
const CONCURRENT: RangeInclusive<u64> = 1..=1_000_000;
const OUTPUT_TOKENS: RangeInclusive<u64> = 1..=1_000_000_000;

/// The largest limit in dollars, and in pico-dollars.
const MAX_USD: u64 = 10_000_000;
const MAX_PICO: u64 = MAX_USD * 1_000_000_000_000;

/// What `quota` sets: the key's own limits, and those of each of its end users.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct QuotaPatch {
    pub(super) limits: LimitsPatch,
    pub(super) per_end_user: LimitsPatch,
}

/// Reads `quota`. Null puts all of it back to what is configured; so does null for a part.
pub(super) fn quota(value: &RawValue, problems: &mut Problems) -> QuotaPatch {
    let mut patch = QuotaPatch::default();
    if Kind::of(value) == Kind::Null {
        return QuotaPatch { limits: LimitsPatch::reset(), per_end_user: LimitsPatch::reset() };
    }
    let Some(members) = object("quota", value, &QUOTA_FIELDS, problems) else { return patch };
    for (name, value) in members {
        if name == PER_END_USER {
            patch.per_end_user = end_users(&value, problems);
        } else {
            set(&mut patch.limits, "quota.", &QUOTA_FIELDS, (&name, &value), problems);
        }
    }
    patch
}

fn end_users(value: &RawValue, problems: &mut Problems) -> LimitsPatch {
    if Kind::of(value) == Kind::Null {
        return LimitsPatch::reset();
    }
    let known = QUOTA_FIELDS.split_last().map_or(&[][..], |(_, limits)| limits);
    let mut patch = LimitsPatch::default();
    for (name, value) in object("quota.per_end_user", value, known, problems).unwrap_or_default() {
        set(&mut patch, "quota.per_end_user.", known, (&name, &value), problems);
    }
    patch
}

fn object(path: &str, value: &RawValue, known: &[&str], problems: &mut Problems) -> Option<super::object::Members> {
    match members(value.get().as_bytes(), &format!("{path}."), known, problems) {
        Ok(members) => Some(members),
        Err(_) => {
            let found = Kind::of(value).as_str();
            let message = format!("`{path}` must be an object like {{\"daily_tokens\":100000}}, or null, not {found}");
            problems.add(path, "invalid_type", message);
            None
        }
    }
}

fn set(
    limits: &mut LimitsPatch,
    prefix: &str,
    known: &[&str],
    (name, value): (&str, &RawValue),
    problems: &mut Problems,
) {
    let (slot, range) = match name {
        DAILY_TOKENS => (&mut limits.daily_tokens, TOKENS),
        MONTHLY_TOKENS => (&mut limits.monthly_tokens, TOKENS),
        REQUESTS_PER_MINUTE => (&mut limits.requests_per_minute, REQUESTS),
        TOKENS_PER_MINUTE => (&mut limits.tokens_per_minute, TOKENS),
        MAX_CONCURRENT => (&mut limits.max_concurrent, CONCURRENT),
        MAX_OUTPUT_TOKENS => (&mut limits.max_output_tokens, OUTPUT_TOKENS),
        DAILY_USD => {
            limits.daily_usd = usd(&format!("{prefix}{name}"), value, problems);
            return;
        }
        MONTHLY_USD => {
            limits.monthly_usd = usd(&format!("{prefix}{name}"), value, problems);
            return;
        }
        _ => return problems.unknown(prefix, name, "field", known),
    };
    *slot = whole(&format!("{prefix}{name}"), value, &range, problems);
}

/// A whole number, `unlimited`, or null. What is wrong is noted, and then left as it is.
fn whole(path: &str, value: &RawValue, range: &RangeInclusive<u64>, problems: &mut Problems) -> Change<Cap> {
    if let Some(change) = word(value) {
        return change;
    }
    match serde_json::from_str::<u64>(value.get()) {
        Ok(number) if range.contains(&number) => Change::Set(Cap::At(number)),
        _ => {
            let (from, to) = (range.start(), range.end());
            let wanted = format!("a whole number from {from} to {to}, \"{UNLIMITED}\", or null for the default");
            wrong(path, value, &wanted, problems)
        }
    }
}

/// Dollars as a number or a string, `unlimited`, or null. The digits are read as they are written.
fn usd(path: &str, value: &RawValue, problems: &mut Problems) -> Change<Cap> {
    if let Some(change) = word(value) {
        return change;
    }
    let text = match Kind::of(value) {
        Kind::Number => Some(value.get().to_owned()),
        Kind::String => serde_json::from_str(value.get()).ok(),
        _ => None,
    };
    match text.as_deref().and_then(dollars) {
        Some(PicoDollars(amount)) if (1..=MAX_PICO).contains(&amount) => Change::Set(Cap::At(amount)),
        _ => {
            let wanted = format!(
                "US dollars from 0.000001 to {MAX_USD} with at most 6 digits after the point, such as 12.5, \
                 \"{UNLIMITED}\", or null for the default"
            );
            wrong(path, value, &wanted, problems)
        }
    }
}

fn word(value: &RawValue) -> Option<Change<Cap>> {
    match Kind::of(value) {
        Kind::Null => Some(Change::Reset),
        Kind::String if serde_json::from_str::<String>(value.get()).is_ok_and(|text| text == UNLIMITED) => {
            Some(Change::Set(Cap::Unlimited))
        }
        _ => None,
    }
}

fn wrong(path: &str, value: &RawValue, wanted: &str, problems: &mut Problems) -> Change<Cap> {
    let kind = Kind::of(value);
    let (found, code) = match kind {
        Kind::Number => (excerpt(value.get()), "invalid_value"),
        Kind::String => (kind.as_str().to_owned() + " that says something else", "invalid_value"),
        _ => (kind.as_str().to_owned(), "invalid_type"),
    };
    problems.add(path, code, format!("`{path}` must be {wanted}, not {found}"));
    Change::Leave
}

/// Limits as JSON shows them; with `per_end_user` when they are those of a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct LimitsObject<'a> {
    pub(super) limits: &'a Allowance,
    pub(super) per_end_user: Option<&'a Allowance>,
}

impl Serialize for LimitsObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let limits = self.limits;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(DAILY_TOKENS, &limits.daily_tokens.map(Whole))?;
        map.serialize_entry(MONTHLY_TOKENS, &limits.monthly_tokens.map(Whole))?;
        map.serialize_entry(DAILY_USD, &limits.daily_usd.map(Money))?;
        map.serialize_entry(MONTHLY_USD, &limits.monthly_usd.map(Money))?;
        map.serialize_entry(REQUESTS_PER_MINUTE, &limits.requests_per_minute.map(Whole))?;
        map.serialize_entry(TOKENS_PER_MINUTE, &limits.tokens_per_minute.map(Whole))?;
        map.serialize_entry(MAX_CONCURRENT, &limits.max_concurrent.map(Whole))?;
        map.serialize_entry(MAX_OUTPUT_TOKENS, &limits.max_output_tokens.map(Whole))?;
        if let Some(limits) = self.per_end_user {
            map.serialize_entry(PER_END_USER, &LimitsObject { limits, per_end_user: None })?;
        }
        map.end()
    }
}

struct Whole(Cap);

impl Serialize for Whole {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Cap::Unlimited => serializer.serialize_str(UNLIMITED),
            Cap::At(limit) => serializer.serialize_u64(limit),
        }
    }
}

struct Money(Cap);

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Cap::Unlimited => serializer.serialize_str(UNLIMITED),
            Cap::At(limit) => Usd(PicoDollars(limit)).serialize(serializer),
        }
    }
}
