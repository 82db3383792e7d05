//! A key as the admin API tells of it, and as people read it.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cli::figures::{Usd, thousands, time};
use crate::cli::table::Facts;

/// A key. What is absent is as the configuration has it.
#[derive(Deserialize)]
pub(super) struct KeyObject {
    pub(super) id: String,
    pub(super) label: String,
    #[serde(default)]
    pub(super) created_at: Option<u64>,
    #[serde(default)]
    pub(super) expires_at: Option<u64>,
    #[serde(default)]
    pub(super) revoked_at: Option<u64>,
    #[serde(default)]
    pub(super) rotated_at: Option<u64>,
    #[serde(default)]
    pub(super) previous_key_valid_until: Option<u64>,
    #[serde(default)]
    pub(super) routes: Option<Vec<String>>,
    #[serde(default)]
    pub(super) models: Option<Vec<String>>,
    #[serde(default)]
    pub(super) strict: Option<bool>,
    #[serde(default)]
    pub(super) quota: Limits,
    /// The secret, in the answer that makes one.
    #[serde(default)]
    pub(super) key: Option<String>,
}

/// Limits of a key, and those of each of its end users.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Limits {
    daily_tokens: Option<Limit>,
    monthly_tokens: Option<Limit>,
    daily_usd: Option<Limit>,
    monthly_usd: Option<Limit>,
    requests_per_minute: Option<Limit>,
    tokens_per_minute: Option<Limit>,
    max_concurrent: Option<Limit>,
    max_output_tokens: Option<Limit>,
    per_end_user: Option<Box<Limits>>,
}

/// A limit as it is written: a number, or the word that there is none.
struct Limit(String);

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Limit, D::Error> {
        Ok(Limit(Box::<RawValue>::deserialize(deserializer)?.get().trim_matches('"').to_owned()))
    }
}

impl Limit {
    fn tokens(&self) -> String {
        self.0.parse().map_or_else(|_| self.0.clone(), thousands)
    }

    fn usd(&self) -> String {
        self.0.parse::<Usd>().map_or_else(|_| self.0.clone(), |usd| usd.to_string())
    }
}

impl Limits {
    /// Those that are set, by name.
    fn set(&self) -> impl Iterator<Item = (&'static str, String)> {
        [
            ("tokens a day", &self.daily_tokens, false),
            ("tokens a month", &self.monthly_tokens, false),
            ("a day", &self.daily_usd, true),
            ("a month", &self.monthly_usd, true),
            ("requests a minute", &self.requests_per_minute, false),
            ("tokens a minute", &self.tokens_per_minute, false),
            ("requests at a time", &self.max_concurrent, false),
            ("output tokens a request", &self.max_output_tokens, false),
        ]
        .into_iter()
        .filter_map(|(name, limit, is_money)| {
            let limit = limit.as_ref()?;
            Some((name, if is_money { limit.usd() } else { limit.tokens() }))
        })
    }

    fn line(&self) -> Option<String> {
        let set: Vec<String> = self.set().map(|(name, limit)| format!("{limit} {name}")).collect();
        (!set.is_empty()).then(|| set.join(", "))
    }
}

impl KeyObject {
    /// When it was minted, without the zone.
    pub(super) fn created(&self) -> String {
        self.created_at.map(time).unwrap_or_default().trim_end_matches(" UTC").to_owned()
    }

    /// Whether it works.
    pub(super) fn state(&self, now: u64) -> String {
        if self.revoked_at.is_some() {
            return "revoked".to_owned();
        }
        match self.expires_at {
            Some(end) if end <= now => "expired".to_owned(),
            Some(end) => format!("until {}", time(end).trim_end_matches(" UTC")),
            None => "active".to_owned(),
        }
    }

    /// What it may spend, in a line.
    pub(super) fn limits(&self) -> String {
        self.quota.line().unwrap_or_else(|| "as configured".to_owned())
    }

    /// Everything but the secret.
    pub(super) fn facts(&self) -> Facts {
        const CONFIGURED: &str = "as configured";
        let listed = |names: &Option<Vec<String>>| match names {
            None => CONFIGURED.to_owned(),
            Some(names) if names.is_empty() => "none".to_owned(),
            Some(names) => names.join(", "),
        };
        let mut facts = Facts::default();
        facts.add("ID", self.id.as_str());
        facts.add("Label", self.label.as_str());
        facts.add_known("Created", self.created_at.map(time));
        facts.add("Expires", self.expires_at.map_or_else(|| CONFIGURED.to_owned(), time));
        facts.add_known("Revoked", self.revoked_at.map(time));
        facts.add_known("Rotated", self.rotated_at.map(time));
        facts.add_known("Old secret works until", self.previous_key_valid_until.map(time));
        facts.add("Routes", listed(&self.routes));
        facts.add("Models", listed(&self.models));
        facts.add("Strict", self.strict.map_or(CONFIGURED, |strict| if strict { "yes" } else { "no" }));
        facts.add("Limits", self.limits());
        facts.add_known("Limits of each end user", self.quota.per_end_user.as_ref().and_then(|limits| limits.line()));
        facts
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_key_is_shown_with_all_that_it_has_of_its_own() {
        let key: KeyObject = serde_json::from_str(
            r#"{"id":"key_1","object":"api_key","label":"cur\u001bsor","created_at":1790000000,"expires_at":1800000000,
            "revoked_at":null,"rotated_at":null,"previous_key_valid_until":null,"routes":null,"models":["gpt-*"],"strict":true,
            "quota":{"daily_tokens":100000,"monthly_tokens":"unlimited","daily_usd":12.5,"monthly_usd":null,
            "requests_per_minute":null,"per_end_user":{"daily_tokens":20000,"daily_usd":null}},"key":"ovth_live_secret"}"#,
        )
        .unwrap();
        let shown = key.facts().to_string();
        for line in [
            "Label                    cur\\u{1b}sor",
            "Expires                  2027-01-15 08:00:00 UTC",
            "Routes                   as configured",
            "Models                   gpt-*",
            "Strict                   yes",
            "Limits                   100,000 tokens a day, unlimited tokens a month, $12.5000 a day",
            "Limits of each end user  20,000 tokens a day",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{line}:\n{shown}");
        }
        assert!(!shown.contains("ovth_live"), "the secret is printed apart");
        assert_eq!(key.state(0), "until 2027-01-15 08:00:00");
        assert_eq!(key.state(1_800_000_000), "expired");
    }

    #[test]
    fn an_answer_of_another_release_is_read_as_far_as_it_goes() {
        let key: KeyObject = serde_json::from_str(r#"{"id":"key_1","label":"a","quota":{},"new":1}"#).unwrap();
        assert_eq!((key.state(0).as_str(), key.limits().as_str()), ("active", "as configured"));
    }
}
