//! `ovth usage`: what was spent, summed up, and what the same would have cost elsewhere.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::Deserialize;

use super::connection::Connection;
use super::failure::Failure;
use super::figures::{Usd, thousands};
use super::filter::{Filter, borrowed};
use super::keys::Names;
use super::print;
use super::remote::Path;
use super::table::Table;

/// Show what was spent, by model, key, day and more
///
/// Asks the running gateway, with the master key (OVTH_MASTER_KEY). Days are UTC days. Costs are what the prices of the catalogue, or your own,
/// make of the providers' token counts; what has no known price is said to be unpriced.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ovth usage --since 7d\n  ovth usage --by day,model --since 2026-11-01\n  \
    ovth usage --by key --saved\n  ovth usage --by end-user --key shop --json")]
pub(super) struct Arguments {
    /// What to sum up by, in this order
    #[arg(long, value_name = "WHAT", value_delimiter = ',', default_value = "model")]
    by: Vec<By>,
    /// Say what the same traffic would have cost at the hosted router, by its prices and its fee
    #[arg(long)]
    saved: bool,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    Day,
    Model,
    Key,
    Provider,
    Route,
    #[value(alias = "end_user")]
    EndUser,
}

impl By {
    const fn parameter(self) -> &'static str {
        match self {
            By::Day => "day",
            By::Model => "model",
            By::Key => "key",
            By::Provider => "provider",
            By::Route => "route",
            By::EndUser => "end_user",
        }
    }

    const fn column(self) -> &'static str {
        match self {
            By::Day => "Day",
            By::Model => "Model",
            By::Key => "Key",
            By::Provider => "Provider",
            By::Route => "Route",
            By::EndUser => "End user",
        }
    }
}

/// The answer of `GET /admin/usage`.
#[derive(Deserialize)]
pub(super) struct Report {
    #[serde(default)]
    since: Option<String>,
    #[serde(default)]
    until: Option<String>,
    pub(super) data: Vec<Row>,
    total: Row,
    #[serde(default)]
    hosted_router: Option<HostedRouter>,
}

/// The sums of one group, or of all.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Row {
    pub(super) day: Option<String>,
    key: Option<String>,
    pub(super) model: Option<String>,
    provider: Option<String>,
    route: Option<String>,
    end_user: Option<String>,
    pub(super) requests: u64,
    pub(super) errors: u64,
    pub(super) tokens: Tokens,
    cost_usd: Usd,
    unpriced_requests: u64,
}

/// Tokens by kind, each in one of them.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tokens {
    pub(super) input: u64,
    pub(super) cache_read: u64,
    pub(super) cache_write: u64,
    pub(super) cache_write_1h: u64,
    pub(super) output: u64,
}

/// What the hosted router would have made of it.
#[derive(Deserialize)]
struct HostedRouter {
    fee_percent: Box<serde_json::value::RawValue>,
    cost_usd: Usd,
    saved_usd: Usd,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    print::end(usage(arguments))
}

fn usage(arguments: &Arguments) -> Result<(), Failure> {
    let remote = arguments.connection.remote()?;
    let mut query = arguments.filter.query(&remote)?;
    let by: Vec<&str> = arguments.by.iter().map(|by| by.parameter()).collect();
    query.push(("group_by", by.join(",")));
    let answer = remote.get(Path { segments: &["admin", "usage"], query: &borrowed(&query) })?;
    if arguments.connection.json {
        return print::answer(answer.trim_end());
    }
    let report: Report = serde_json::from_str(&answer)?;
    if report.data.is_empty() {
        print::note(format_args!("Nothing was asked of the gateway{}.", report.range()));
        return Ok(());
    }
    let names = if arguments.by.contains(&By::Key) { Names::of(&remote) } else { Names::default() };
    print::lines(report.table(&arguments.by, &names))?;
    if arguments.saved {
        print::answer("")?;
        print::lines(report.saved())?;
    }
    Ok(())
}

impl Report {
    fn range(&self) -> String {
        let part =
            |word: &str, day: &Option<String>| day.as_ref().map(|day| format!(" {word} {day}")).unwrap_or_default();
        format!("{}{}", part("since", &self.since), part("until", &self.until))
    }

    fn table(&self, by: &[By], names: &Names) -> Table {
        let figures = ["#Requests", "#Errors", "#Input", "#Cache read", "#Cache write", "#Output", "#Cost"];
        let mut table = Table::new(by.iter().map(|by| by.column()).chain(figures));
        for row in &self.data {
            let groups = by.iter().map(|by| row.group(*by, names));
            table.row(groups.chain(row.figures()));
        }
        let groups = by.iter().enumerate().map(|(at, _)| if at == 0 { "Total".to_owned() } else { String::new() });
        table.total(groups.chain(self.total.figures()));
        table
    }

    /// What the same traffic would have cost elsewhere, in words.
    fn saved(&self) -> String {
        let Some(hosted) = &self.hosted_router else {
            return "The gateway does not tell what this would have cost at the hosted router.".to_owned();
        };
        let fee = hosted.fee_percent.get().trim_matches('"');
        let mut text =
            format!("The same traffic at the hosted router: {} (its prices, and its fee of {fee}%). ", hosted.cost_usd);
        if hosted.saved_usd.is_negative() {
            text.push_str(&format!("That is {} less.", hosted.saved_usd.abs()));
        } else {
            let share =
                hosted.saved_usd.share_of(hosted.cost_usd).map(|share| format!(" ({share})")).unwrap_or_default();
            text.push_str(&format!("Saved: {}{share}.", hosted.saved_usd));
        }
        if self.total.unpriced_requests > 0 {
            text.push_str(" Requests without a known price are in neither figure.");
        }
        text
    }
}

impl Row {
    fn group(&self, by: By, names: &Names) -> String {
        let value = match by {
            By::Day => &self.day,
            By::Model => &self.model,
            By::Key => return self.key.as_ref().map_or_else(|| "-".to_owned(), |key| names.show(key)),
            By::Provider => &self.provider,
            By::Route => &self.route,
            By::EndUser => &self.end_user,
        };
        value.clone().filter(|value| !value.is_empty()).unwrap_or_else(|| "-".to_owned())
    }

    fn figures(&self) -> [String; 7] {
        let tokens = self.tokens;
        [
            thousands(self.requests),
            thousands(self.errors),
            thousands(tokens.input),
            thousands(tokens.cache_read),
            thousands(tokens.cache_write.saturating_add(tokens.cache_write_1h)),
            thousands(tokens.output),
            self.cost(),
        ]
    }

    fn cost(&self) -> String {
        match self.unpriced_requests {
            0 => self.cost_usd.to_string(),
            _ if self.cost_usd.is_zero() => "unknown".to_owned(),
            unpriced => format!("{} + {} unpriced", self.cost_usd, thousands(unpriced)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const ANSWER: &str = r#"{"object":"usage","since":"2026-11-16","until":"2026-11-22","group_by":["day","model"],"data":[
        {"day":"2026-11-21","model":"gpt-5","requests":1200,"errors":3,"tokens":{"input":1234567,"cache_read":890,"cache_write":1,
        "cache_write_1h":2,"output":4000,"reasoning":3000,"audio":0},"charged_tokens":1239457,"cost_usd":1.583298625,
        "unpriced_requests":0,"duration_ms":5},
        {"day":"2026-11-22","model":"","requests":4,"errors":4,"tokens":{},"charged_tokens":0,"cost_usd":0,"unpriced_requests":0},
        {"day":"2026-11-22","model":"local","requests":2,"errors":0,"tokens":{"input":5,"output":6},"cost_usd":0,
        "unpriced_requests":2}],
        "total":{"requests":1206,"errors":7,"tokens":{"input":1234572,"cache_read":890,"cache_write":1,"cache_write_1h":2,
        "output":4006},"charged_tokens":1239468,"cost_usd":1.583298625,"unpriced_requests":2,"duration_ms":9},
        "hosted_router":{"fee_percent":5.5,"cost_usd":1.67038,"saved_usd":0.087081375}}"#;

    #[test]
    fn the_table_is_made_for_reading() {
        let report: Report = serde_json::from_str(ANSWER).unwrap();
        let expected = "\
Day         Model  Requests  Errors      Input  Cache read  Cache write  Output                  Cost
-----------------------------------------------------------------------------------------------------
2026-11-21  gpt-5     1,200       3  1,234,567         890            3   4,000               $1.5833
2026-11-22  -             4       4          0           0            0       0               $0.0000
2026-11-22  local         2       0          5           0            0       6               unknown
-----------------------------------------------------------------------------------------------------
Total                 1,206       7  1,234,572         890            3   4,006  $1.5833 + 2 unpriced
";
        let shown = report.table(&[By::Day, By::Model], &Names::default()).to_string();
        assert_eq!(shown, expected, "\n{shown}");
    }

    #[test]
    fn what_was_saved_is_told_in_words() {
        let mut report: Report = serde_json::from_str(ANSWER).unwrap();
        assert_eq!(
            report.saved(),
            "The same traffic at the hosted router: $1.6704 (its prices, and its fee of 5.5%). Saved: $0.0871 (5.2%). \
             Requests without a known price are in neither figure."
        );
        report.total.unpriced_requests = 0;
        report.hosted_router.as_mut().unwrap().saved_usd = "-0.5".parse().unwrap();
        assert!(report.saved().ends_with("That is $0.5000 less."), "{}", report.saved());
        report.hosted_router = None;
        assert!(report.saved().contains("does not tell"));
    }
}
