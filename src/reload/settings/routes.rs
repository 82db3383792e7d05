//! The options of routes, and how health is judged, as the file would say them.

use std::collections::BTreeMap;

use ovth_filters::money::PicoDollars;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{raw, time};
use crate::config::{HealthSettings, ModelNames, RetrySettings, RouteOptions};

/// The options of a route; those that are not set are left out.
#[derive(Debug, Serialize)]
pub(super) struct Options {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    weights: BTreeMap<String, u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_context: Option<u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    max_price: BTreeMap<&'static str, Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exclude: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality_floor: Option<Vec<String>>,
    expected_output: u64,
    sticky: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_byte: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hedge_after: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fallback: Vec<String>,
}

/// When targets are passed over.
#[derive(Debug, Serialize)]
pub(super) struct Judging {
    window: String,
    failure_percent: u64,
    min_attempts: u64,
    open_for: String,
    longest_open: String,
    probes: u64,
}

/// How requests are tried again.
#[derive(Debug, Serialize)]
pub(super) struct Retrying {
    rounds: u32,
    backoff: String,
    within: String,
    budget_percent: u64,
}

pub(super) fn options(options: &RouteOptions) -> Options {
    let written = |names: &ModelNames| names.written().map(str::to_owned).collect::<Vec<_>>();
    let per_million = |price: Option<PicoDollars>| raw(PicoDollars(price?.0.saturating_mul(1_000_000)).to_string());
    let prices = [("input", options.max_price.input), ("output", options.max_price.output)];
    Options {
        weights: options.weights.iter().map(|(names, weight)| (written(names).join(", "), *weight)).collect(),
        min_context: options.min_context,
        max_price: prices.into_iter().filter_map(|(name, price)| Some((name, per_million(price)?))).collect(),
        exclude: options.exclude.as_ref().map(written),
        quality_floor: options.quality_floor.as_ref().map(written),
        expected_output: options.expected_output,
        sticky: options.sticky,
        first_byte: options.first_byte.map(time),
        hedge_after: options.hedge_after.map(time),
        fallback: options.fallback.iter().map(ToString::to_string).collect(),
    }
}

pub(super) fn judging(settings: &HealthSettings) -> Judging {
    Judging {
        window: time(settings.window),
        failure_percent: settings.failure_percent,
        min_attempts: settings.min_attempts,
        open_for: time(settings.open_for),
        longest_open: time(settings.longest_open),
        probes: settings.probes,
    }
}

pub(super) fn retrying(settings: &RetrySettings) -> Retrying {
    Retrying {
        rounds: settings.rounds,
        backoff: time(settings.backoff),
        within: time(settings.within),
        budget_percent: settings.budget_percent,
    }
}
