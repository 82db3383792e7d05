//! How hard a model is told to reason, among the levels that it takes, in the shapes of OpenAI.

use crate::neutral::{Effort, Losses, Profile};

/// The effort that comes nearest to a budget; the least of those is always `low` where the model has no less.
pub(super) fn of_budget(tokens: u64, profile: &Profile, losses: &mut Losses) -> Effort {
    let effort = Effort::of_budget(tokens);
    let efforts = &profile.efforts;
    if efforts.is_empty() {
        // The levels that every host knows.
        return effort.clamp(Effort::Low, Effort::High);
    }
    if effort == Effort::Minimal && !efforts.contains(&effort) {
        return nearest(Effort::Low, profile, losses);
    }
    nearest(effort, profile, losses)
}

/// The effort that the model takes: the highest that is not above, else its lowest; up to `high` when its levels are not known.
pub(super) fn nearest(effort: Effort, profile: &Profile, losses: &mut Losses) -> Effort {
    let efforts = &profile.efforts;
    // Every host that knows levels knows these; a router knows all.
    let is_common = effort <= Effort::High || profile.host.router_fields;
    if efforts.contains(&effort) || (efforts.is_empty() && is_common) {
        return effort;
    }
    losses.approximated("reasoning.effort");
    let below = efforts.iter().filter(|known| **known < effort).max();
    below.or(efforts.iter().min()).copied().unwrap_or(Effort::High)
}
