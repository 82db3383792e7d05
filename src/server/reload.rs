//! What took settings at the start and must follow a reload: everything else reads them from the snapshot.

use std::sync::Arc;

use super::logs::apply_log;
use super::memory::body_budget;
use crate::config::Problem;
use crate::ledger::Ledger;
use crate::observe::logging;
use crate::proxy::Budget;
use crate::reload::Follower;

/// Hands the settings of each new configuration to those that keep some.
pub(super) fn followers(log: &logging::Control, budget: &Arc<Budget>, ledger: &Arc<Ledger>) -> Vec<Follower> {
    let (log, budget, ledger) = (log.clone(), Arc::clone(budget), Arc::clone(ledger));
    vec![
        Box::new(move |config| {
            apply_log(&log, config).map_err(|error| Problem::error(error.setting, error.source.to_string()))
        }),
        Box::new(move |config| {
            budget.set_limit(body_budget(config.limits.buffered_bytes));
            Ok(())
        }),
        Box::new(move |config| {
            ledger.set_settings(config.ledger);
            Ok(())
        }),
    ]
}
