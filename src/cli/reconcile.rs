//! `ovth reconcile`: the ledger against a provider's own usage export.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use serde_json::value::RawValue;

use super::connection::Connection;
use super::failure::Failure;
use super::figures::{signed_thousands, thousands};
use super::print;
use super::remote::{Path, Remote};
use super::table::Table;
use super::usage::Report;
use crate::catalog::Catalog;
use crate::reconcile::{Cell, Comparison, Counts, Difference, Export, Layout, Tolerance, compare};

/// The exit status when the question cannot be answered; 1 is a "no".
const CANNOT_TELL: u8 = 2;

/// Compare the ledger with a provider's own usage export
///
/// By UTC day and model, each kind of tokens by itself. It knows the CSV files of OpenAI's dashboard (Usage, Export, grouped by
/// model, with buckets of a day or less) and of Anthropic's console (Usage, Export), and tells them apart by their header
/// line. Asks the running gateway, with the master key (OVTH_MASTER_KEY).
///
/// What does not go through the gateway is in the export too: choose its API keys with --api-key. An exchange around midnight may be
/// on another day there, and one that a client broke off is an estimate here: --tolerance allows for both.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 when everything agrees, 1 when something differs, 2 when that cannot be told.\n\n\
    Examples:\n  ovth reconcile completions_usage_2026-11-01_2026-11-21.csv\n  \
    ovth reconcile claude_api_tokens_2026_11.csv --api-key Gateway --tolerance 0.5%"
)]
pub(super) struct Arguments {
    /// The export
    #[arg(value_name = "FILE.csv")]
    file: PathBuf,
    /// The provider as your configuration calls it [default: the one that the file is from]
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    /// Figures that are no further apart than this agree
    #[arg(long, value_name = "PERCENT", default_value = "0%")]
    tolerance: Tolerance,
    /// Only rows of this API key, by its name or id in the file (repeatable)
    #[arg(long = "api-key", value_name = "NAME")]
    api_keys: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    print::end_with(reconcile(arguments), CANNOT_TELL)
}

/// The answer as a document for programs.
#[derive(Serialize)]
struct Document<'a> {
    object: &'static str,
    layout: &'static str,
    provider: &'a str,
    since: String,
    until: String,
    tolerance: String,
    agree: bool,
    compared: usize,
    differences: Vec<DifferenceObject<'a>>,
}

#[derive(Serialize)]
struct DifferenceObject<'a> {
    day: String,
    model: &'a str,
    kind: &'static str,
    ledger: Option<u64>,
    provider: Option<u64>,
    difference: Box<RawValue>,
    percent: Option<Box<RawValue>>,
}

fn reconcile(arguments: &Arguments) -> Result<bool, Failure> {
    let catalog = Catalog::embedded().map_err(|error| Failure::Said(error.to_string()))?;
    let path = arguments.file.display().to_string();
    let file = File::open(&arguments.file).map_err(Failure::io(format!("{path} cannot be read")))?;
    let export =
        Export::read(file, &arguments.api_keys, &catalog).map_err(|error| Failure::Said(format!("{path}: {error}")))?;
    let provider = provider(arguments.provider.as_deref(), export.layout)?;
    let Some(days) = export.days.clone() else {
        return Err(Failure::Said(format!("{path} has no rows, so that there is nothing to compare")));
    };
    let (since, until) = (days.start().to_string(), days.end().to_string());
    let remote = arguments.connection.remote()?;
    let ledger = ledger(&remote, provider, [&since, &until], &|day, model| {
        Cell::new(day, export.layout.provider(), model, &catalog)
    })?;
    let found = compare(&ledger, &export.cells, export.kinds, arguments.tolerance);
    let agree = found.differences.is_empty();
    if arguments.connection.json {
        let document = Document {
            object: "reconciliation",
            layout: export.layout.provider(),
            provider,
            since,
            until,
            tolerance: arguments.tolerance.to_string(),
            agree,
            compared: found.cells,
            differences: found.differences.iter().map(object).collect::<Result<_, _>>()?,
        };
        print::answer(serde_json::to_string(&document)?)?;
        return Ok(agree);
    }
    if export.skipped_rows > 0 {
        print::note(format_args!("{} rows of other API keys are left out.", thousands(export.skipped_rows)));
    }
    if !agree {
        print::lines(table(&found))?;
        print::answer("")?;
    }
    print::answer(verdict(&found, provider, [&since, &until], arguments.tolerance))?;
    Ok(agree)
}

/// Whose exchanges are compared. A provider of another file than the one that was named is a mistake, one that the operator calls
/// by a name of their own is none.
fn provider(named: Option<&str>, layout: Layout) -> Result<&str, Failure> {
    let other = match layout {
        Layout::OpenAi => Layout::Anthropic,
        Layout::Anthropic => Layout::OpenAi,
    };
    match named {
        Some(named) if named == other.provider() => {
            Err(Failure::Said(format!("the file is an export of {}, not of {named}", layout.provider())))
        }
        named => Ok(named.unwrap_or(layout.provider())),
    }
}

/// The ledger's figures over those days, both included.
fn ledger(
    remote: &Remote,
    provider: &str,
    [since, until]: [&str; 2],
    cell: &dyn Fn(jiff::civil::Date, &str) -> Cell,
) -> Result<BTreeMap<Cell, Counts>, Failure> {
    let query = [("group_by", "day,provider,model"), ("provider", provider), ("since", since), ("until", until)];
    let report: Report = serde_json::from_str(&remote.get(Path { segments: &["admin", "usage"], query: &query })?)?;
    let mut cells: BTreeMap<Cell, Counts> = BTreeMap::new();
    for row in &report.data {
        let Some(day) = row.day.as_deref().and_then(|day| day.parse().ok()) else {
            return Err(Failure::Said("the gateway's answer has a row without a day".to_owned()));
        };
        let counts = Counts {
            requests: row.requests.saturating_sub(row.errors),
            failed_requests: row.errors,
            input: row.tokens.input,
            cache_read: row.tokens.cache_read,
            cache_write: row.tokens.cache_write,
            cache_write_1h: row.tokens.cache_write_1h,
            output: row.tokens.output,
        };
        cells.entry(cell(day, row.model.as_deref().unwrap_or_default())).or_default().add(&counts);
    }
    Ok(cells)
}

/// A share as a percentage with two digits.
fn percent(basis_points: i128) -> String {
    let sign = if basis_points < 0 { "-" } else { "" };
    let positive = basis_points.unsigned_abs();
    format!("{sign}{}.{:02}", positive / 100, positive % 100)
}

fn object(difference: &Difference) -> Result<DifferenceObject<'_>, serde_json::Error> {
    Ok(DifferenceObject {
        day: difference.day.to_string(),
        model: &difference.model,
        kind: difference.kind.as_str(),
        ledger: difference.ledger,
        provider: difference.provider,
        difference: RawValue::from_string(difference.amount().to_string())?,
        percent: difference.basis_points().map(|points| RawValue::from_string(percent(points))).transpose()?,
    })
}

fn table(found: &Comparison) -> Table {
    let mut table = Table::new(["Day", "Model", "Kind", "#Ledger", "#Provider", "#Difference", "#Percent"]);
    for difference in &found.differences {
        let side = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), thousands);
        table.row([
            difference.day.to_string(),
            difference.model.clone(),
            difference.kind.to_string(),
            side(difference.ledger),
            side(difference.provider),
            signed_thousands(difference.amount()),
            difference.basis_points().map_or_else(|| "-".to_owned(), |points| format!("{}%", percent(points))),
        ]);
    }
    table
}

fn verdict(found: &Comparison, provider: &str, [since, until]: [&str; 2], tolerance: Tolerance) -> String {
    let what = format!("{provider}, {since} to {until}, {} of a model on a day", thousands(found.cells as u64));
    let sums = |counts: &Counts| {
        let input = [counts.cache_read, counts.cache_write, counts.cache_write_1h]
            .into_iter()
            .fold(counts.input, u64::saturating_add);
        format!("{} tokens of input and {} of output", thousands(input), thousands(counts.output))
    };
    match found.differences.len() {
        0 => format!("{what}: ledger and provider agree within {tolerance} ({}).", sums(&found.ledger)),
        count => format!(
            "{what}: {} beyond {tolerance}. In all: the ledger has {}, the provider {}.",
            if count == 1 {
                "1 figure differs".to_owned()
            } else {
                format!("{} figures differ", thousands(count as u64))
            },
            sums(&found.ledger),
            sums(&found.provider)
        ),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use jiff::civil::date;

    use super::*;
    use crate::reconcile::Kind;

    fn difference(ledger: Option<u64>, provider: Option<u64>) -> Difference {
        Difference { day: date(2026, 11, 2), model: "gpt-5".to_owned(), kind: Kind::Output, ledger, provider }
    }

    #[test]
    fn differences_are_told_to_people_and_to_programs() {
        let found = Comparison {
            cells: 3,
            differences: vec![difference(Some(1_000_000), Some(1_010_000)), difference(Some(5), None)],
            ..Comparison::default()
        };
        let expected = "\
Day         Model  Kind       Ledger   Provider  Difference  Percent
--------------------------------------------------------------------
2026-11-02  gpt-5  output  1,000,000  1,010,000     -10,000   -0.99%
2026-11-02  gpt-5  output          5          -          +5        -
";
        assert_eq!(table(&found).to_string(), expected);
        let objects: Vec<_> = found.differences.iter().map(|found| object(found).unwrap()).collect();
        assert_eq!(
            serde_json::to_string(&objects).unwrap(),
            r#"[{"day":"2026-11-02","model":"gpt-5","kind":"output","ledger":1000000,"provider":1010000,"difference":-10000,"percent":-0.99},{"day":"2026-11-02","model":"gpt-5","kind":"output","ledger":5,"provider":null,"difference":5,"percent":null}]"#
        );
        let verdict = verdict(&found, "openai", ["2026-11-01", "2026-11-03"], "0.5%".parse().unwrap());
        assert!(
            verdict
                .starts_with("openai, 2026-11-01 to 2026-11-03, 3 of a model on a day: 2 figures differ beyond 0.5%"),
            "{verdict}"
        );
    }

    #[test]
    fn a_provider_may_have_a_name_of_its_own_but_not_the_other_s() {
        assert_eq!(provider(None, Layout::OpenAi).unwrap(), "openai");
        assert_eq!(provider(Some("openai-eu"), Layout::OpenAi).unwrap(), "openai-eu");
        assert!(provider(Some("anthropic"), Layout::OpenAi).is_err());
    }
}
