//! Charging without reserving, for a proxy that knows no reservations yet.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Amount, Demand, Entry, Facts, Ledger, Payer, QuotaSpent, Reservation};
use crate::config::{Allowance, Overshoot, Quota};
use crate::keys::Key;

/// What one request is charged to.
#[derive(Clone, Debug)]
pub struct Tab {
    core: Arc<super::Core>,
    payer: Payer,
}

impl Ledger {
    /// Lets a request of that key begin while limits have anything left, and answers what it is to be charged to.
    ///
    /// # Errors
    ///
    /// A limit that applies is spent.
    pub fn admit(&self, key: &Key, quota: &Quota, now: SystemTime) -> Result<Tab, QuotaSpent> {
        let own = key.settings.limits;
        let (key_limits, gateway_limits) =
            if quota.per_user { (own.or(&quota.limits), Allowance::default()) } else { (own, quota.limits) };
        let payer = Payer { key: key.id.clone(), key_limits, gateway_limits, end_user: None };
        match self.core.books.precheck(&payer, now) {
            Ok(()) => Ok(Tab { core: Arc::clone(&self.core), payer }),
            Err(hit) => Err(QuotaSpent::new(hit.room.scope, hit.room.limit, hit.room.used, now)),
        }
    }
}

impl Tab {
    /// Charges tokens to the day of `now`. Neither blocks nor fails, so that it may be called in `Drop`.
    pub fn charge(&self, tokens: u64, now: SystemTime) {
        let payer =
            Payer { key_limits: Allowance::default(), gateway_limits: Allowance::default(), ..self.payer.clone() };
        let demand = Demand {
            payer: &payer,
            input: Amount::default(),
            output_tokens: 0,
            output_weight: 0,
            output_price: Default::default(),
            can_cap: false,
            overshoot: Overshoot::Expected,
            facts: Facts::default(),
        };
        let Ok(reservation) = Reservation::make(&self.core, demand, now) else { return };
        let started = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let entry = Entry {
            started_at_ms: u64::try_from(started).unwrap_or(u64::MAX),
            outcome: "ok".into(),
            ..Entry::default()
        };
        reservation.settle(Amount { tokens, ..Amount::default() }, entry);
    }
}
