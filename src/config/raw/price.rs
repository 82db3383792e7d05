//! `prices`: what the operator pays for a model instead of what the catalogue says, as the file has it.

use ovth_filters::money::PicoDollars;
use ovth_filters::price::{ClassPrice, Classes, Multiplier, Multipliers, Price, Rates, Tier};

use crate::config::PriceOverride;
use crate::config::nearest::did_you_mean;
use crate::config::node::{Fields, Node};

/// No model has a longer id.
const MAX_MODEL_BYTES: usize = 200;
const MAX_TIERS: usize = 16;
const MAX_TIER_TOKENS: u64 = 1_000_000_000;

const MAX_MULTIPLIER: u64 = 1_000;

/// The largest price of a million tokens, or of a thousand searches, in dollars.
const MAX_USD: u64 = 1_000_000;

/// One entry of `prices`; its provider is not looked for yet.
pub(in crate::config) struct RawPrice<'a> {
    node: Node<'a>,
    price: PriceOverride,
}

impl<'a> RawPrice<'a> {
    pub(in crate::config) fn read_all(node: &Node<'a>) -> Vec<RawPrice<'a>> {
        node.members().into_iter().filter_map(|(key, node)| RawPrice::read(key, node)).collect()
    }

    fn read(key: &str, node: Node<'a>) -> Option<RawPrice<'a>> {
        let price = price(node.fields());
        let is_model = |model: &str| {
            (1..=MAX_MODEL_BYTES).contains(&model.len()) && model.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let named = key.split_once('/').filter(|(provider, model)| !provider.is_empty() && is_model(model));
        let Some((provider, model)) = named else {
            node.error("must be named by a provider, a slash and a model's id, such as openai/gpt-5");
            return None;
        };
        Some(RawPrice { price: PriceOverride { provider: provider.into(), model: model.into(), price: price? }, node })
    }

    /// The price, if its provider is one of these.
    pub(in crate::config) fn checked(self, providers: &[&str]) -> Option<PriceOverride> {
        let provider = &*self.price.provider;
        if !providers.contains(&provider) {
            let hint = did_you_mean(provider, providers.iter().copied());
            let known = providers.join(", ");
            self.node.error(format_args!("{provider:?} is not a provider; known: {known}{hint}"));
            return None;
        }
        Some(self.price)
    }
}

fn price(mut fields: Fields<'_>) -> Option<Price> {
    let base = rates(&mut fields);
    let tiers = fields.read("tiers", tiers).unwrap_or_default();
    let classes = Classes {
        batch: fields.read("batch", class),
        flex: fields.read("flex", class),
        priority: fields.read("priority", class),
        ultrafast: fields.read("ultrafast", class),
    };
    let multipliers = multipliers(fields.section("multipliers"));
    let web_search = fields.read("web_search_per_1000", usd_per_thousand);
    fields.finish();
    let price = Price { base: base?, tiers, tiers_begin_at_threshold: false, classes, multipliers, web_search };
    // As in the catalogue: what a tier or a class leaves out is in proportion.
    Some(price.completed())
}

/// What another service class costs.
fn class(node: &Node<'_>) -> Option<Box<ClassPrice>> {
    let mut fields = node.fields();
    let base = rates(&mut fields);
    let tiers = fields.read("tiers", tiers).unwrap_or_default();
    fields.finish();
    Some(Box::new(ClassPrice { base: base?, tiers }))
}

fn multipliers(mut fields: Fields<'_>) -> Multipliers {
    let read = Multipliers {
        fast_mode: fields.read("fast_mode", multiplier),
        inference_geo_us: fields.read("inference_geo_us", multiplier),
    };
    fields.finish();
    read
}

fn multiplier(node: &Node<'_>) -> Option<Multiplier> {
    let allowed =
        format_args!("a number from 0 to {MAX_MULTIPLIER} with at most 6 digits after the point, such as 1.1");
    node.decimal(allowed, |text| {
        // The digits of a decimal in millionths, as those of a price are.
        let PicoDollars(millionths) = PicoDollars::per_token(text).ok()?;
        (millionths <= MAX_MULTIPLIER * 1_000_000).then_some(Multiplier(millionths))
    })
}

/// The rates of a map that may hold other settings, too.
fn rates(fields: &mut Fields<'_>) -> Option<Rates> {
    let input = required(fields, "input");
    let output = required(fields, "output");
    let mut rate = |name| fields.read(name, usd_per_million);
    let rates = Rates {
        input,
        output,
        output_reasoning: rate("output_reasoning"),
        cache_read: rate("cache_read"),
        cache_write: rate("cache_write"),
        cache_write_1h: rate("cache_write_1h"),
        audio_input: rate("audio_input"),
        audio_output: rate("audio_output"),
        image_output: rate("image_output"),
    };
    (input.is_some() && output.is_some()).then_some(rates)
}

fn required(fields: &mut Fields<'_>, name: &'static str) -> Option<PicoDollars> {
    let field = fields.field(name);
    if field.is_none() {
        fields.place_of(name).error("is missing: US dollars per million tokens, such as 1.25");
    }
    usd_per_million(&field?)
}

fn usd_per_million(node: &Node<'_>) -> Option<PicoDollars> {
    let allowed = format_args!(
        "US dollars per million tokens from 0 to {MAX_USD} with at most 6 digits after the point, such as 1.25"
    );
    node.decimal(allowed, |text| {
        PicoDollars::per_token(text).ok().filter(|PicoDollars(price)| *price <= MAX_USD * 1_000_000)
    })
}

/// The price of one of what is sold by the thousand.
fn usd_per_thousand(node: &Node<'_>) -> Option<PicoDollars> {
    let allowed =
        format_args!("US dollars per thousand from 0 to {MAX_USD} with at most 6 digits after the point, such as 10");
    node.decimal(allowed, |text| {
        let PicoDollars(price) = PicoDollars::per_token(text).ok()?;
        (price <= MAX_USD * 1_000_000).then_some(PicoDollars(price).times(1_000))
    })
}

/// Rates of longer prompts; a threshold that is not above the one before it is an error.
fn tiers(node: &Node<'_>) -> Option<Vec<Tier>> {
    let items = node.items()?;
    if items.len() > MAX_TIERS {
        node.error(format_args!("has {} tiers; at most {MAX_TIERS} are allowed", items.len()));
        return None;
    }
    let mut tiers: Vec<Tier> = Vec::with_capacity(items.len());
    for item in items {
        let mut fields = item.fields();
        let threshold = fields.field("above_input_tokens");
        if threshold.is_none() {
            item.place_of("above_input_tokens").error("is missing: the tokens of a prompt above which the tier begins");
        }
        let above = threshold.as_ref().and_then(|node| node.whole(1..=MAX_TIER_TOKENS));
        let rates = rates(&mut fields);
        fields.finish();
        let (Some(above_input_tokens), Some(rates)) = (above, rates) else { continue };
        if tiers.last().is_some_and(|before| before.above_input_tokens >= above_input_tokens) {
            item.place_of("above_input_tokens").error("must be larger than in the tier before it; sort the tiers");
        }
        tiers.push(Tier { above_input_tokens, rates });
    }
    Some(tiers)
}
