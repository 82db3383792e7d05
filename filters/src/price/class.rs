//! Service classes other than the standard one, and what makes all tokens dearer.

use serde::{Deserialize, Deserializer};

use super::rates::{Rates, Tier, usd_per_million};
use crate::money::PicoDollars;

/// The prices of service classes; absent where none is published.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Classes {
    /// Answers within a day.
    #[serde(default)]
    pub batch: Option<Box<ClassPrice>>,
    /// Answers when there is room.
    #[serde(default)]
    pub flex: Option<Box<ClassPrice>>,
    /// Answers before others. OpenAI calls it `fast` as well.
    #[serde(default)]
    pub priority: Option<Box<ClassPrice>>,
    /// Answers faster than those.
    #[serde(default)]
    pub ultrafast: Option<Box<ClassPrice>>,
}

/// The price of one service class.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ClassPrice {
    /// The rates of prompts that no tier covers.
    #[serde(flatten)]
    pub base: Rates,
    /// Rates of longer prompts, the lowest threshold first.
    #[serde(default)]
    pub tiers: Vec<Tier>,
}

/// What all tokens cost more at a speed or in a place, where the provider's usage tells that it was so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Multipliers {
    /// Anthropic's `speed: fast`.
    #[serde(default)]
    pub fast_mode: Option<Multiplier>,
    /// Anthropic's `inference_geo: us`.
    #[serde(default)]
    pub inference_geo_us: Option<Multiplier>,
}

/// A factor in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Multiplier(pub u64);

impl Classes {
    pub(super) fn named(&self, name: &str) -> Option<&ClassPrice> {
        let class = match name {
            "batch" => &self.batch,
            "flex" => &self.flex,
            "priority" | "fast" => &self.priority,
            "ultrafast" => &self.ultrafast,
            _ => &None,
        };
        class.as_deref()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut ClassPrice> {
        [&mut self.batch, &mut self.flex, &mut self.priority, &mut self.ultrafast]
            .into_iter()
            .flatten()
            .map(|class| &mut **class)
    }
}

impl ClassPrice {
    /// Puts in what is missing, by the standard class.
    pub(super) fn complete(&mut self, standard: &Rates, standard_tiers: &[Tier]) {
        self.base.complete(standard);
        if self.tiers.is_empty() {
            let tier = |tier: &Tier| Tier { rates: tier.rates.scaled(&self.base, standard), ..*tier };
            self.tiers = standard_tiers.iter().map(tier).collect();
        }
        for tier in &mut self.tiers {
            tier.rates.complete(&self.base);
        }
    }
}

impl Multiplier {
    const ONE: u64 = 1_000_000;

    /// So many times that amount, rounded up to whole pico-dollars.
    pub(super) fn of(self, cost: PicoDollars) -> PicoDollars {
        let cost = u128::from(cost.0).saturating_mul(u128::from(self.0)).div_ceil(u128::from(Multiplier::ONE));
        PicoDollars(u64::try_from(cost).unwrap_or(u64::MAX))
    }
}

/// Once.
impl Default for Multiplier {
    fn default() -> Multiplier {
        Multiplier(Multiplier::ONE)
    }
}

/// From a decimal string such as `1.1`.
impl<'de> Deserialize<'de> for Multiplier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Multiplier, D::Error> {
        // The digits of a decimal in millionths, as those of a price are.
        let millionths = usd_per_million(deserializer)?;
        millionths
            .map(|PicoDollars(millionths)| Multiplier(millionths))
            .ok_or_else(|| serde::de::Error::custom("a multiplier is missing"))
    }
}
