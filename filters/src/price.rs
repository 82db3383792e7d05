//! What tokens of each kind cost, with tiers for long prompts.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, de};

use crate::money::PicoDollars;
use crate::neutral::Usage;

/// The list price of a model at the standard service class.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Price {
    /// The rates of prompts that no tier covers.
    #[serde(flatten)]
    pub base: Rates,
    /// Rates of longer prompts, the lowest threshold first.
    #[serde(default)]
    pub tiers: Vec<Tier>,
}

/// Pico-dollars per token by kind; `None` where no price is published.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Rates {
    /// Input that no cache has a part in.
    #[serde(default, deserialize_with = "usd_per_million")]
    pub input: Option<PicoDollars>,
    /// Output, reasoning included.
    #[serde(default, deserialize_with = "usd_per_million")]
    pub output: Option<PicoDollars>,
    /// Reasoning, where it costs something else than other output.
    #[serde(default, deserialize_with = "usd_per_million")]
    pub output_reasoning: Option<PicoDollars>,
    /// Input read from the prompt cache. `None`: no discount, it costs what input costs.
    #[serde(default, deserialize_with = "usd_per_million")]
    pub cache_read: Option<PicoDollars>,
    /// Input written to a cache of the default time to live (Anthropic: five minutes). `None`: costs what input costs.
    #[serde(default, alias = "cache_write_5m", deserialize_with = "usd_per_million")]
    pub cache_write: Option<PicoDollars>,
    /// Input written to a cache that lives for an hour. `None`: costs what `cache_write` costs.
    #[serde(default, deserialize_with = "usd_per_million")]
    pub cache_write_1h: Option<PicoDollars>,
}

/// Rates that hold for all tokens of a request, output too, when its prompt is long.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Tier {
    /// The tier begins above this many tokens in the whole prompt, cached ones counted.
    pub above_input_tokens: u64,
    /// Its rates.
    #[serde(flatten)]
    pub rates: Rates,
}

impl Price {
    /// Whether there is a price to reckon with: of input and of output.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.base.is_known()
    }

    /// The rates for a prompt of this many tokens, cached ones counted.
    #[must_use]
    pub fn rates(&self, prompt_tokens: u64) -> &Rates {
        let tier = self.tiers.iter().rev().find(|tier| prompt_tokens > tier.above_input_tokens);
        tier.map_or(&self.base, |tier| &tier.rates)
    }

    /// What a request with a prompt of so many tokens and an answer of so many costs, nothing of it cached; `None` when
    /// the price is unknown.
    #[must_use]
    pub fn expected_cost(&self, input_tokens: u64, output_tokens: u64) -> Option<PicoDollars> {
        self.cost(&Usage { input: input_tokens, output: output_tokens, ..Usage::default() })
    }

    /// What these tokens cost; `None` when the price is unknown.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> Option<PicoDollars> {
        if !self.is_known() {
            return None;
        }
        self.rates(usage.prompt()).cost(usage)
    }
}

impl Rates {
    fn is_known(&self) -> bool {
        self.input.is_some() && self.output.is_some()
    }

    fn cost(&self, usage: &Usage) -> Option<PicoDollars> {
        let input = self.input?;
        let output = self.output?;
        let cache_write = self.cache_write.unwrap_or(input);
        let reasoning = usage.reasoning.min(usage.output);
        Some(
            input.times(usage.input)
                + self.cache_read.unwrap_or(input).times(usage.cache_read)
                + cache_write.times(usage.cache_write)
                + self.cache_write_1h.unwrap_or(cache_write).times(usage.cache_write_1h)
                + self.output_reasoning.unwrap_or(output).times(reasoning)
                + output.times(usage.output - reasoning),
        )
    }
}

fn usd_per_million<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PicoDollars>, D::Error> {
    let text: Option<Cow<'de, str>> = Option::deserialize(deserializer)?;
    text.map(|text| PicoDollars::per_token(&text).map_err(de::Error::custom)).transpose()
}
