//! `ovth quotas`: the live counters, and what is left of the limits.

use std::process::ExitCode;

use clap::Args;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::connection::Connection;
use super::failure::Failure;
use super::figures::{Usd, thousands, time};
use super::keys::{self, Names};
use super::print;
use super::remote::Path;
use super::table::Table;

/// Show what is left of every limit, now
///
/// Asks the running gateway, with the master key (OVTH_MASTER_KEY). Used includes what is set aside for requests under way.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ovth quotas\n  ovth quotas --key cursor")]
pub(super) struct Arguments {
    /// Of this key only
    #[arg(long, value_name = "ID|LABEL")]
    key: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

/// The answer of `GET /admin/quotas`.
#[derive(Deserialize)]
struct Answer {
    data: Vec<Row>,
}

/// Counters of a key, an end user, or the gateway.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Row {
    key: Option<String>,
    end_user: Option<String>,
    open: u64,
    today: Spent,
    this_month: Spent,
    limits: Vec<Limit>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spent {
    tokens: u64,
    usd: Usd,
    requests: u64,
}

#[derive(Deserialize)]
struct Limit {
    name: String,
    limit: Box<RawValue>,
    used: Box<RawValue>,
    left: Box<RawValue>,
    #[serde(default)]
    resets_at: Option<u64>,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    print::end(quotas(arguments))
}

fn quotas(arguments: &Arguments) -> Result<(), Failure> {
    let remote = arguments.connection.remote()?;
    let key = arguments.key.as_deref().map(|key| keys::find(&remote, key)).transpose()?;
    let query: Vec<(&str, &str)> = key.as_deref().map(|key| ("key", key)).into_iter().collect();
    let answer = remote.get(Path { segments: &["admin", "quotas"], query: &query })?;
    if arguments.connection.json {
        return print::answer(answer.trim_end());
    }
    let answer: Answer = serde_json::from_str(&answer)?;
    if answer.data.is_empty() {
        print::note("Nothing was counted yet.");
        return Ok(());
    }
    print::lines(answer.shown(&Names::of(&remote)))
}

impl Answer {
    fn shown(&self, names: &Names) -> String {
        let mut counters = Table::new([
            "Whose",
            "#Open",
            "#Requests today",
            "#Tokens today",
            "#Cost today",
            "#Tokens this month",
            "#Cost this month",
        ]);
        let mut limits = Table::new(["Whose", "Limit", "#Used", "#Left", "#Of", "Resets"]);
        let mut any_limit = false;
        for row in &self.data {
            let owner = row.owner(names);
            counters.row([
                owner.clone(),
                thousands(row.open),
                thousands(row.today.requests),
                thousands(row.today.tokens),
                row.today.usd.to_string(),
                thousands(row.this_month.tokens),
                row.this_month.usd.to_string(),
            ]);
            for limit in &row.limits {
                any_limit = true;
                let [used, left, of] = [&limit.used, &limit.left, &limit.limit].map(|figure| limit.figure(figure));
                limits.row([
                    owner.clone(),
                    limit.name.clone(),
                    used,
                    left,
                    of,
                    limit.resets_at.map(time).unwrap_or_default(),
                ]);
            }
        }
        if any_limit {
            format!("{counters}\n{limits}")
        } else {
            format!("{counters}\nNo limit holds for any of them.\n")
        }
    }
}

impl Row {
    fn owner(&self, names: &Names) -> String {
        match (&self.key, &self.end_user) {
            (None, None) => "the gateway".to_owned(),
            (None, Some(user)) => format!("end user {user}"),
            (Some(key), None) => names.show(key),
            (Some(key), Some(user)) => format!("{user} of {}", names.label(key)),
        }
    }
}

impl Limit {
    /// A number in the unit of this limit; as it is when it is none.
    fn figure(&self, figure: &RawValue) -> String {
        let text = figure.get().trim_matches('"');
        let shown = if self.name.ends_with("_usd") {
            text.parse::<Usd>().ok().map(|usd| usd.to_string())
        } else {
            text.parse().ok().map(thousands)
        };
        shown.unwrap_or_else(|| text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn counters_and_limits_are_shown_in_their_units() {
        let answer: Answer = serde_json::from_str(
            r#"{"object":"list","data":[
            {"key":null,"end_user":null,"open":0,"reserved":{"tokens":0,"usd":0},"today":{"tokens":5,"usd":0.5,"requests":1},
             "this_month":{"tokens":5,"usd":0.5,"requests":1},"limits":[]},
            {"key":"key_1","end_user":"anna","open":2,"reserved":{"tokens":9,"usd":0},
             "today":{"tokens":12000,"usd":0.25,"requests":3},"this_month":{"tokens":12000,"usd":0.25,"requests":3},
             "limits":[{"scope":"end_user","name":"daily_tokens","limit":20000,"used":12009,"left":7991,"resets_at":1790000000},
                       {"scope":"end_user","name":"daily_usd","limit":12.5,"used":0.25,"left":12.25,"resets_at":null}]}]}"#,
        )
        .unwrap();
        let shown = answer.shown(&Names::default());
        for line in [
            "the gateway       0               1             5     $0.5000                  5          $0.5000",
            "anna of key_1     2               3        12,000     $0.2500             12,000          $0.2500",
            "anna of key_1  daily_tokens   12,009     7,991    20,000  2026-09-21 14:13:20 UTC",
            "anna of key_1  daily_usd     $0.2500  $12.2500  $12.5000",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
        }
    }
}
