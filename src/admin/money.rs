//! Money in JSON: dollars as a number with all its digits, which no float ever held.

use ovth_filters::money::PicoDollars;
use serde::Serialize;
use serde::ser::{Error, Serializer};
use serde_json::value::RawValue;

/// An amount that is written as a JSON number of US dollars (`0.0000125`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Usd(pub(super) PicoDollars);

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.to_string()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

/// What the hosted router takes on top of the providers' list prices, in thousandths: OpenRouter passes those prices on and takes
/// 5.5% when credits are bought by card (at least 0.80 USD a purchase, which is left out here).
/// <https://openrouter.ai/docs/faq>, "What are the fees for using OpenRouter?"; <https://openrouter.ai/pricing>
const ROUTER_FEE: u64 = 55;

/// The same traffic at the hosted router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HostedRouter {
    /// What it would have cost there.
    pub(super) cost: PicoDollars,
    /// What was saved.
    pub(super) saved: PicoDollars,
}

impl HostedRouter {
    /// What traffic of that cost would have cost there; the fee is rounded to the nearest pico-dollar.
    pub(super) fn of(PicoDollars(cost): PicoDollars) -> HostedRouter {
        let fee = (u128::from(cost) * u128::from(ROUTER_FEE) + 500) / 1000;
        let saved = PicoDollars(u64::try_from(fee).unwrap_or(u64::MAX));
        HostedRouter { cost: PicoDollars(cost) + saved, saved }
    }
}

impl Serialize for HostedRouter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Body {
            fee_percent: Box<RawValue>,
            cost_usd: Usd,
            saved_usd: Usd,
        }
        let fee_percent = format!("{}.{}", ROUTER_FEE / 10, ROUTER_FEE % 10);
        let fee_percent = RawValue::from_string(fee_percent).map_err(S::Error::custom)?;
        Body { fee_percent, cost_usd: Usd(self.cost), saved_usd: Usd(self.saved) }.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn all_digits_are_written() {
        for (pico, expected) in
            [(0, "0"), (1, "0.000000000001"), (12_500_000_000_000, "12.5"), (u64::MAX, "18446744.073709551615")]
        {
            assert_eq!(serde_json::to_string(&Usd(PicoDollars(pico))).unwrap(), expected);
        }
    }

    #[test]
    fn the_hosted_router_takes_five_and_a_half_percent_on_top() {
        let hosted = HostedRouter::of(PicoDollars(200_000_000_000_000));
        let expected = r#"{"fee_percent":5.5,"cost_usd":211,"saved_usd":11}"#;
        assert_eq!(serde_json::to_string(&hosted).unwrap(), expected);
        assert_eq!(HostedRouter::of(PicoDollars::ZERO).saved, PicoDollars::ZERO);
        assert_eq!(HostedRouter::of(PicoDollars(u64::MAX)).cost, PicoDollars(u64::MAX));
    }
}
