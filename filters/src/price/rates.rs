//! What one token of each kind costs.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, de};

use crate::money::PicoDollars;
use crate::neutral::Usage;

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
    /// Input written to a cache that lives longer (Anthropic: an hour, OpenAI: twelve). `None`: costs what `cache_write`
    /// costs.
    #[serde(default, alias = "cache_write_12h", deserialize_with = "usd_per_million")]
    pub cache_write_1h: Option<PicoDollars>,
    /// Sound in the input, not cached. `None`: costs what input costs.
    #[serde(default, deserialize_with = "usd_per_million")]
    pub audio_input: Option<PicoDollars>,
    /// Sound in the output. `None`: costs what output costs.
    #[serde(default, deserialize_with = "usd_per_million")]
    pub audio_output: Option<PicoDollars>,
    /// Images in the output. `None`: cost what output costs.
    #[serde(default, deserialize_with = "usd_per_million")]
    pub image_output: Option<PicoDollars>,
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

impl Rates {
    pub(super) const fn is_known(&self) -> bool {
        self.input.is_some() && self.output.is_some()
    }

    pub(super) fn cost(&self, usage: &Usage) -> Option<PicoDollars> {
        let input = self.input?;
        let output = self.output?;
        let cache_write = self.cache_write.unwrap_or(input);
        let usage = usage.with_parts_in_bounds();
        let plain_output = usage.output - usage.reasoning - usage.audio_output - usage.image_output;
        Some(
            input.times(usage.input - usage.audio_input)
                + self.audio_input.unwrap_or(input).times(usage.audio_input)
                + self.cache_read.unwrap_or(input).times(usage.cache_read)
                + cache_write.times(usage.cache_write)
                + self.cache_write_1h.unwrap_or(cache_write).times(usage.cache_write_1h)
                + self.output_reasoning.unwrap_or(output).times(usage.reasoning)
                + self.audio_output.unwrap_or(output).times(usage.audio_output)
                + self.image_output.unwrap_or(output).times(usage.image_output)
                + output.times(plain_output),
        )
    }

    /// Puts in what is missing here and there in those: as much more or less than there as input, or output, is. Cache
    /// reads are left alone, because a missing rate of them says that there is no discount.
    pub(super) fn complete(&mut self, those: &Rates) {
        let (input, output) = (self.input.or(those.input), self.output.or(those.output));
        let inputs = [
            (&mut self.cache_write, those.cache_write),
            (&mut self.cache_write_1h, those.cache_write_1h),
            (&mut self.audio_input, those.audio_input),
        ];
        for (own, theirs) in inputs {
            *own = own.or_else(|| scaled(theirs, input, those.input));
        }
        let outputs = [
            (&mut self.output_reasoning, those.output_reasoning),
            (&mut self.audio_output, those.audio_output),
            (&mut self.image_output, those.image_output),
        ];
        for (own, theirs) in outputs {
            *own = own.or_else(|| scaled(theirs, output, those.output));
        }
        (self.input, self.output) = (input, output);
    }

    /// These rates, as much dearer or cheaper as a service class is than the standard one.
    pub(super) fn scaled(&self, class: &Rates, standard: &Rates) -> Rates {
        let cache_read = class.cache_read.and_then(|own| scaled(self.cache_read, Some(own), standard.cache_read));
        let mut rates = Rates {
            input: scaled(self.input, class.input, standard.input),
            output: scaled(self.output, class.output, standard.output),
            cache_read,
            ..Rates::default()
        };
        rates.complete(self);
        rates
    }
}

/// A rate, times what `to` is of `from`, rounded up to whole pico-dollars.
fn scaled(rate: Option<PicoDollars>, to: Option<PicoDollars>, from: Option<PicoDollars>) -> Option<PicoDollars> {
    let (rate, to, from) = (u128::from(rate?.0), u128::from(to?.0), u128::from(from?.0));
    let scaled = rate.checked_mul(to)?.checked_add(from)?.checked_sub(1)?.checked_div(from)?;
    u64::try_from(scaled).ok().map(PicoDollars)
}

pub(super) fn usd_per_million<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PicoDollars>, D::Error> {
    let text: Option<Cow<'de, str>> = Option::deserialize(deserializer)?;
    text.map(|text| PicoDollars::per_token(&text).map_err(de::Error::custom)).transpose()
}
