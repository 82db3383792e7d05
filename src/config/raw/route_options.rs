//! What narrows, orders and bounds the choice of one route, as the file has it.

use std::ops::RangeInclusive;
use std::time::Duration;

use ovth_filters::money::PicoDollars;

use super::MIN_TIME;
use crate::config::node::{Fields, Node};
use crate::config::{MaxPrice, ModelNames, RouteOptions, Strategy};

const TOKENS: RangeInclusive<u64> = 1..=100_000_000;
const WEIGHT: RangeInclusive<u64> = 0..=1_000_000;
const MAX_FIRST_BYTE: Duration = Duration::from_secs(3600);
const MAX_NAMES: usize = 256;

/// The largest price of a million tokens, in dollars.
const MAX_USD: u64 = 1_000_000;

/// Reads them; `fallback` is for those who know all routes.
pub(super) fn route_options(fields: &mut Fields<'_>, strategy: Strategy) -> RouteOptions {
    let defaults = RouteOptions::default();
    let weights = fields.field("weights");
    if let Some(node) = weights.as_ref().filter(|_| strategy != Strategy::Weighted) {
        node.warning(format_args!("is for the strategy weighted; {} does not look at it", strategy.as_str()));
    }
    RouteOptions {
        min_context: fields.read("min_context", |node| node.whole(TOKENS)),
        max_price: max_price(fields.section("max_price")),
        exclude: fields.read("exclude", model_names),
        quality_floor: fields.read("quality_floor", model_names),
        weights: weights.as_ref().map(read_weights).unwrap_or_default(),
        fallback: Vec::new(),
        expected_output: fields.read("expected_output", |node| node.whole(TOKENS)).unwrap_or(defaults.expected_output),
        sticky: fields.read("sticky", Node::flag).unwrap_or(defaults.sticky),
        first_byte: fields.read("first_byte", |node| node.duration(MIN_TIME..=MAX_FIRST_BYTE)),
        hedge_after: fields.read("hedge_after", |node| node.duration(MIN_TIME..=MAX_FIRST_BYTE)),
    }
}

fn model_names(node: &Node<'_>) -> Option<ModelNames> {
    let names: Vec<String> = node.names()?.into_iter().map(|(_, name)| name).collect();
    if names.len() > MAX_NAMES {
        node.error(format_args!("has {} names; at most {MAX_NAMES} are looked at", names.len()));
        return None;
    }
    Some(ModelNames::new(names))
}

fn max_price(mut fields: Fields<'_>) -> MaxPrice {
    let price = |node: &Node<'_>| {
        let allowed = format_args!(
            "US dollars for a million tokens, from 0 to {MAX_USD} with at most 6 digits after the point, such as 2.5"
        );
        node.decimal(allowed, |text| {
            PicoDollars::per_token(text).ok().filter(|PicoDollars(price)| *price <= MAX_USD * 1_000_000)
        })
    };
    let read = MaxPrice { input: fields.read("input", price), output: fields.read("output", price) };
    fields.finish();
    read
}

fn read_weights(node: &Node<'_>) -> Vec<(ModelNames, u32)> {
    let members = node.members();
    let weights: Vec<(ModelNames, u32)> = members
        .iter()
        .filter_map(|(name, node)| {
            let weight = u32::try_from(node.whole(WEIGHT)?).ok()?;
            Some((ModelNames::new(vec![(*name).to_owned()]), weight))
        })
        .collect();
    if members.len() > MAX_NAMES {
        node.error(format_args!("has {} names; at most {MAX_NAMES} are looked at", members.len()));
    }
    if !weights.is_empty() && weights.len() == members.len() && weights.iter().all(|(_, weight)| *weight == 0) {
        node.warning("gives 0 to all that it names: they are chosen only when nothing else is left");
    }
    weights
}
