//! Limits as they are stored in the row of a key: a number, the word `unlimited`, or nothing.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::config::{Allowance, Cap};

const UNLIMITED: &str = "unlimited";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CapRow(Cap);

/// An [`Allowance`] in JSON. Money is in pico-dollars, which its names say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct LimitsRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    daily_tokens: Option<CapRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    monthly_tokens: Option<CapRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    daily_pico_usd: Option<CapRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    monthly_pico_usd: Option<CapRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests_per_minute: Option<CapRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens_per_minute: Option<CapRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_concurrent: Option<CapRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<CapRow>,
}

impl LimitsRow {
    pub(super) fn of(limits: &Allowance) -> LimitsRow {
        LimitsRow {
            daily_tokens: limits.daily_tokens.map(CapRow),
            monthly_tokens: limits.monthly_tokens.map(CapRow),
            daily_pico_usd: limits.daily_usd.map(CapRow),
            monthly_pico_usd: limits.monthly_usd.map(CapRow),
            requests_per_minute: limits.requests_per_minute.map(CapRow),
            tokens_per_minute: limits.tokens_per_minute.map(CapRow),
            max_concurrent: limits.max_concurrent.map(CapRow),
            max_output_tokens: limits.max_output_tokens.map(CapRow),
        }
    }

    pub(super) fn allowance(&self) -> Allowance {
        let cap = |row: Option<CapRow>| row.map(|CapRow(cap)| cap);
        Allowance {
            daily_tokens: cap(self.daily_tokens),
            monthly_tokens: cap(self.monthly_tokens),
            daily_usd: cap(self.daily_pico_usd),
            monthly_usd: cap(self.monthly_pico_usd),
            requests_per_minute: cap(self.requests_per_minute),
            tokens_per_minute: cap(self.tokens_per_minute),
            max_concurrent: cap(self.max_concurrent),
            max_output_tokens: cap(self.max_output_tokens),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == LimitsRow::default()
    }
}

impl Serialize for CapRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Cap::Unlimited => serializer.serialize_str(UNLIMITED),
            Cap::At(limit) => serializer.serialize_u64(limit),
        }
    }
}

impl<'de> Deserialize<'de> for CapRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<CapRow, D::Error> {
        struct Read;

        impl Visitor<'_> for Read {
            type Value = CapRow;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number of at least 1, or \"{UNLIMITED}\"")
            }

            fn visit_u64<E: Error>(self, limit: u64) -> Result<CapRow, E> {
                if limit == 0 {
                    return Err(E::invalid_value(serde::de::Unexpected::Unsigned(limit), &self));
                }
                Ok(CapRow(Cap::At(limit)))
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<CapRow, E> {
                if word != UNLIMITED {
                    return Err(E::invalid_value(serde::de::Unexpected::Str(word), &self));
                }
                Ok(CapRow(Cap::Unlimited))
            }
        }

        deserializer.deserialize_any(Read)
    }
}
