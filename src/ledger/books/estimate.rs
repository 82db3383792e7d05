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

/// The most output tokens for which these tokens and this money suffice; no more than were asked for. The largest number suffices for
/// everything, as amounts end there.
pub(super) fn output_within(demand: &Demand<'_>, tokens: u64, cost: u64) -> u64 {
    let most = |left: u64, input: u64, thousandths: u128| match (u128::from(left.saturating_sub(input)) * 1000)
        .checked_div(thousandths)
    {
        Some(most) if left < u64::MAX => u64::try_from(most).unwrap_or(u64::MAX),
        _ => u64::MAX,
    };
    let by_tokens = most(tokens, demand.input.tokens, demand.output_weight.into());
    let by_cost = most(cost, demand.input.cost.0, u128::from(demand.output_price.0) * 1000);
    demand.output_tokens.min(by_tokens).min(by_cost)
}
