//! Which exchanges a command is about.

use clap::Args;

use super::failure::Failure;
use super::keys;
use super::remote::Remote;
use super::when::{Past, now};
use crate::keys::KeyId;
use crate::ledger::EntryFilter;

/// So many entries are read at once.
const PAGE: usize = 1000;

/// Which exchanges are meant; all of them without any of these.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Which exchanges")]
pub(super) struct Filter {
    /// From then on: 2026-11-01, 2026-11-01T12:00:00Z, or counted back from now: 7d, 24h
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Until then, in the same forms
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Of this key
    #[arg(long, value_name = "ID|LABEL")]
    key: Option<String>,
    /// Of this model (that served)
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Of this provider
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    /// Of this route; empty for those without one
    #[arg(long, value_name = "ROUTE")]
    route: Option<String>,
    /// Of this end user, as the app names it
    #[arg(long, value_name = "USER")]
    end_user: Option<String>,
}

impl Filter {
    /// The parameters that say so to the admin API.
    pub(super) fn query(&self, remote: &Remote) -> Result<Vec<(&'static str, String)>, Failure> {
        let key = self.key.as_deref().map(|key| keys::find(remote, key)).transpose()?;
        Ok(self.with_key(key))
    }

    /// The same for the ledger itself, oldest first from its beginning on. Keys are named by their ids: labels are not looked up.
    pub(super) fn of_entries(&self, outcome: Option<&str>) -> Result<EntryFilter, Failure> {
        let moment = |text: &Option<String>, name: &str| match text {
            None => Ok(None),
            Some(text) => text.parse::<Past>().map(Some).map_err(|error| Failure::Said(format!("{name}: {error}"))),
        };
        if let Some(key) = self.key.as_deref().filter(|key| KeyId::parse(key).is_none()) {
            return Err(Failure::Said(format!(
                "without a running gateway a key is named by its id (key_...), not by `{key}`"
            )));
        }
        let now = now();
        Ok(EntryFilter {
            limit: PAGE,
            before: None,
            after: Some(0),
            since_ms: moment(&self.since, "--since")?.map(|since| since.begin_ms(now)),
            until_ms: moment(&self.until, "--until")?.map(|until| until.end_ms(now)),
            key: self.key.clone(),
            model: self.model.clone(),
            provider: self.provider.clone(),
            route: self.route.clone(),
            end_user: self.end_user.clone(),
            outcome: outcome.map(str::to_owned),
        })
    }

    fn with_key(&self, key: Option<String>) -> Vec<(&'static str, String)> {
        [
            ("since", self.since.clone()),
            ("until", self.until.clone()),
            ("key", key),
            ("model", self.model.clone()),
            ("provider", self.provider.clone()),
            ("route", self.route.clone()),
            ("end_user", self.end_user.clone()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }
}

/// Parameters as they are sent.
pub(super) fn borrowed<'a>(query: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    query.iter().map(|(name, value)| (*name, value.as_str())).collect()
}
