//! What tokens of each kind cost: by the length of the prompt, by service class, and searches by the call.

mod class;
mod rates;

use serde::{Deserialize, Deserializer, de};

pub use class::{ClassPrice, Classes, Multiplier, Multipliers};
pub use rates::{Rates, Tier};

use crate::money::PicoDollars;
use crate::neutral::Usage;

/// The price of a model.
///
/// ```
/// use ovth_filters::{neutral::Usage, price::Price};
/// let price: Price = serde_json::from_str(r#"{"input": "2", "output": "8", "flex": {"input": "1", "output": "4"}}"#).unwrap();
/// let usage = Usage { input: 1_000, output: 100, ..Usage::default() };
/// assert_eq!(price.cost(&usage, None).unwrap().to_string(), "0.0028");
/// assert_eq!(price.cost(&usage, Some("flex")).unwrap().to_string(), "0.0014");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Price {
    /// The rates of prompts that no tier covers.
    #[serde(flatten)]
    pub base: Rates,
    /// Rates of longer prompts, the lowest threshold first.
    #[serde(default)]
    pub tiers: Vec<Tier>,
    /// Whether a tier begins at its threshold, as xAI's do, and not above it.
    #[serde(default, rename = "tiers_boundary", deserialize_with = "is_said")]
    pub tiers_begin_at_threshold: bool,
    /// What other service classes than the standard one cost.
    #[serde(flatten)]
    pub classes: Classes,
    /// What all tokens cost more at other speeds and places.
    #[serde(default)]
    pub multipliers: Multipliers,
    /// One search of the web. `None`: no price is published.
    #[serde(default, rename = "web_search_per_1000", deserialize_with = "usd_per_thousand")]
    pub web_search: Option<PicoDollars>,
}

/// The part of a price that holds for one service class.
#[derive(Clone, Debug)]
struct Schedule<'a> {
    base: &'a Rates,
    tiers: &'a [Tier],
    multipliers: [Multiplier; 2],
    /// Everything that was said about the class is in the price.
    is_own: bool,
}

impl Price {
    /// Whether there is a price to reckon with: of input and of output.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.base.is_known()
    }

    /// The standard rates for a prompt of this many tokens, cached ones counted.
    #[must_use]
    pub fn rates(&self, prompt_tokens: u64) -> &Rates {
        self.rates_in(&self.base, &self.tiers, prompt_tokens)
    }

    /// What a request with a prompt of so many tokens and an answer of so many costs, nothing of it cached; `None` when
    /// the price is unknown.
    #[must_use]
    pub fn expected_cost(&self, input_tokens: u64, output_tokens: u64) -> Option<PicoDollars> {
        self.cost(&Usage { input: input_tokens, output: output_tokens, ..Usage::default() }, None)
    }

    /// What a prompt of this many tokens costs, nothing of it cached; `None` when the price is unknown.
    #[must_use]
    pub fn input(&self, prompt_tokens: u64) -> Option<PicoDollars> {
        self.expected_cost(prompt_tokens, 0)
    }

    /// What one token of output costs after a prompt of this many, reasoning where that is dearer; `None` when the price is
    /// unknown.
    #[must_use]
    pub fn output_token(&self, prompt_tokens: u64) -> Option<PicoDollars> {
        if !self.is_known() {
            return None;
        }
        let rates = self.rates(prompt_tokens);
        rates.output.max(rates.output_reasoning)
    }

    /// What this usage costs at that service class (as [`crate::tap::Tap::service_class`] has it; `None` is the standard
    /// one), to the pico-dollar; `None` when the price is unknown. What has no price of its own costs what it costs at the
    /// standard class, and searches without a price nothing: [`Price::covers`] tells.
    #[must_use]
    pub fn cost(&self, usage: &Usage, class: Option<&str>) -> Option<PicoDollars> {
        if !self.is_known() {
            return None;
        }
        let Schedule { base, tiers, multipliers, .. } = self.schedule(class);
        let tokens = self.rates_in(base, tiers, usage.prompt()).cost(usage)?;
        let tokens = multipliers.into_iter().fold(tokens, |cost, multiplier| multiplier.of(cost));
        Some(tokens + self.web_search.unwrap_or_default().times(usage.web_searches))
    }

    /// Whether [`Price::cost`] is by prices of its own for all that is billed: the service class with its speed and place,
    /// and the searches. Where not, the cost is the closest that the price list allows.
    #[must_use]
    pub fn covers(&self, usage: &Usage, class: Option<&str>) -> bool {
        self.is_known() && self.schedule(class).is_own && (usage.web_searches == 0 || self.web_search.is_some())
    }

    /// The price with what a price list leaves out of service classes and tiers, worked out from what it says of the
    /// standard class: each in proportion to input, or output. A discount for cache reads that is not published is none.
    #[must_use]
    pub fn completed(mut self) -> Price {
        for tier in &mut self.tiers {
            tier.rates.complete(&self.base);
        }
        for class in self.classes.iter_mut() {
            class.complete(&self.base, &self.tiers);
        }
        self
    }

    fn schedule(&self, class: Option<&str>) -> Schedule<'_> {
        let mut words = class.unwrap_or_default().split('+');
        let speed_or_class = words.next().unwrap_or_default();
        let fast = self.multipliers.fast_mode.filter(|_| speed_or_class == "fast");
        let own = if fast.is_some() { None } else { self.classes.named(speed_or_class) };
        let (base, tiers) = own.map_or((&self.base, &self.tiers), |own| (&own.base, &own.tiers));
        let mut is_own = own.is_some() || fast.is_some() || matches!(speed_or_class, "" | "standard" | "default");
        let mut region = None;
        for word in words {
            region = self.multipliers.inference_geo_us.filter(|_| word == "us");
            is_own &= region.is_some();
        }
        Schedule { base, tiers, multipliers: [fast.unwrap_or_default(), region.unwrap_or_default()], is_own }
    }

    fn rates_in<'a>(&self, base: &'a Rates, tiers: &'a [Tier], prompt_tokens: u64) -> &'a Rates {
        let begins = |tier: &&Tier| {
            prompt_tokens > tier.above_input_tokens
                || (self.tiers_begin_at_threshold && prompt_tokens == tier.above_input_tokens)
        };
        tiers.iter().rev().find(begins).map_or(base, |tier| &tier.rates)
    }
}

/// Whether anything stands there; price lists say in words how a tier begins.
fn is_said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Option::<de::IgnoredAny>::deserialize(deserializer).map(|said| said.is_some())
}

fn usd_per_thousand<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PicoDollars>, D::Error> {
    // A price per million of anything is in pico-dollars for one of them.
    rates::usd_per_million(deserializer).map(|price| price.map(|price| price.times(1_000)))
}

#[cfg(test)]
mod tests;
