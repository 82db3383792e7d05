//! What a demand comes to, for how much output that is enough, and for how much of it a limit has room.

use crate::ledger::{Amount, Demand};

/// A request whose output cannot have this many tokens (or all that it asked for) is refused instead of cut short.
const LEAST_OUTPUT: u64 = 32;

/// The amount of a demand with that many output tokens.
pub(super) fn amount(demand: &Demand<'_>, output: u64) -> Amount {
    let weighted = (u128::from(output) * u128::from(demand.output_weight)).div_ceil(1000);
    Amount {
        tokens: demand.input.tokens.saturating_add(u64::try_from(weighted).unwrap_or(u64::MAX)),
        cost: demand.input.cost + demand.output_price.times(output),
    }
}

/// Whether it costs nothing and has no output.
pub(super) fn is_free(demand: &Demand<'_>) -> bool {
    demand.output_tokens == 0 && demand.input == Amount::default()
}

/// The output tokens without which the demand is refused.
pub(super) fn least_output(demand: &Demand<'_>) -> u64 {
    if demand.can_cap { demand.output_tokens.min(LEAST_OUTPUT) } else { demand.output_tokens }
}

/// The most output tokens for which these tokens and this money suffice; no more than were asked for.
pub(super) fn output_within(demand: &Demand<'_>, tokens: u64, cost: u64) -> u64 {
    let for_output = tokens.saturating_sub(demand.input.tokens);
    let by_tokens = (u128::from(for_output) * 1000).checked_div(demand.output_weight.into());
    let by_cost = cost.saturating_sub(demand.input.cost.0).checked_div(demand.output_price.0);
    let by_tokens = by_tokens.map_or(u64::MAX, |most| u64::try_from(most).unwrap_or(u64::MAX));
    demand.output_tokens.min(by_tokens).min(by_cost.unwrap_or(u64::MAX))
}
