//! The body of a request that makes or changes a key, as the admin API takes it.

use serde::{Serialize, Serializer};

/// The body of a request that makes or changes a key. What is absent stays as it is.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Body {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) quota: Option<Limits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) routes: Option<Set<Vec<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) models: Option<Set<Vec<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires_at: Option<Set<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) strict: Option<Set<bool>>,
}

/// Its limits, or those of each of its end users.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Limits {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) daily_tokens: Option<Set<Cap>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) monthly_tokens: Option<Set<Cap>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) daily_usd: Option<Set<Cap>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) monthly_usd: Option<Set<Cap>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) requests_per_minute: Option<Set<Cap>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tokens_per_minute: Option<Set<Cap>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_concurrent: Option<Set<Cap>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_output_tokens: Option<Set<Cap>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) per_end_user: Option<Box<Limits>>,
}

impl Limits {
    /// Where a limit stands.
    pub(super) fn place(&mut self, name: LimitName) -> &mut Option<Set<Cap>> {
        match name {
            LimitName::DailyTokens => &mut self.daily_tokens,
            LimitName::MonthlyTokens => &mut self.monthly_tokens,
            LimitName::DailyUsd => &mut self.daily_usd,
            LimitName::MonthlyUsd => &mut self.monthly_usd,
            LimitName::RequestsPerMinute => &mut self.requests_per_minute,
            LimitName::TokensPerMinute => &mut self.tokens_per_minute,
            LimitName::MaxConcurrent => &mut self.max_concurrent,
            LimitName::MaxOutputTokens => &mut self.max_output_tokens,
        }
    }

    /// These, if any is named.
    pub(super) fn or_none(self) -> Option<Limits> {
        (self != Limits::default()).then_some(self)
    }
}

/// A setting, or that it is taken back.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Set<T> {
    Default,
    To(T),
}

impl<T: Serialize> Serialize for Set<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Set::Default => serializer.serialize_none(),
            Set::To(value) => value.serialize(serializer),
        }
    }
}

/// A limit as the admin API takes it. Money is text, so that it stays exact.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Cap {
    Count(u64),
    Text(String),
}

/// A limit that end users may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LimitName {
    DailyTokens,
    MonthlyTokens,
    DailyUsd,
    MonthlyUsd,
    RequestsPerMinute,
    TokensPerMinute,
    MaxConcurrent,
    MaxOutputTokens,
}
