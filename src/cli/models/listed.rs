//! Every name that a client may ask for, with what is known of it.

use std::collections::HashSet;

use ovth_filters::money::PicoDollars;
use serde::Serialize;

use super::super::table::Table;
use crate::catalog::listing::Entry;
use crate::routing::Snapshot;

#[derive(Serialize)]
struct Row {
    name: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_window: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    /// US dollars for a million tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shuts_down: Option<String>,
}

/// All names: routes first.
pub(super) fn names(snapshot: &Snapshot, json: bool) -> String {
    let mut seen = HashSet::new();
    let entries = snapshot.listing().iter().filter(|entry| seen.insert(entry.id().to_owned()));
    let rows: Vec<Row> = entries.map(|entry| row(entry, snapshot)).collect();
    if json {
        return serde_json::to_string_pretty(&rows).expect("strings and numbers always serialise");
    }
    let mut table = Table::new(["name", "from", "#context", "#output", "#$/M in", "#$/M out", "shuts down"]);
    let number = |figure: Option<u64>| figure.map_or_else(String::new, super::super::figures::thousands);
    for row in rows {
        table.row([
            row.name,
            row.provider.unwrap_or_else(|| row.kind.to_owned()),
            number(row.context_window),
            number(row.max_output_tokens),
            row.input.unwrap_or_default(),
            row.output.unwrap_or_default(),
            row.shuts_down.unwrap_or_default(),
        ]);
    }
    table.to_string()
}

fn row(entry: &Entry, snapshot: &Snapshot) -> Row {
    let model = match entry {
        Entry::Model(model) => Some(model),
        Entry::Route(_) | Entry::Listed { .. } => None,
    };
    let provider = match entry {
        Entry::Route(_) => None,
        Entry::Model(model) => Some(model.provider.to_string()),
        Entry::Listed { provider, .. } => Some(provider.to_string()),
    };
    let price = provider.as_deref().and_then(|provider| snapshot.price(provider, entry.id()));
    let per_million = |rate: Option<PicoDollars>| {
        rate.map(|PicoDollars(rate)| PicoDollars(rate.saturating_mul(1_000_000)).to_string())
    };
    Row {
        name: entry.id().to_owned(),
        kind: if provider.is_some() { "model" } else { "route" },
        provider,
        context_window: model.and_then(|model| model.context_window),
        max_output_tokens: model.and_then(|model| model.max_output_tokens),
        input: price.as_ref().and_then(|price| per_million(price.base.input)),
        output: price.as_ref().and_then(|price| per_million(price.base.output)),
        shuts_down: model.and_then(|model| model.shutdown_date).map(|date| date.to_string()),
    }
}
