//! What is set aside for one request, from the moment that it is let in until it is settled.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::books::{Grant, Owner};
use super::journal::{Done, Message, PLACES, Receipt, Slip};
use super::{Amount, Core, Demand, Entry, Refusal, Standing, UsageSource};
use crate::config::{Durability, OnLedgerError};
use crate::store::StoreError;

/// What was set aside for one request. Dropped without being settled, all of it is given back and no entry is written.
#[derive(Debug)]
pub struct Reservation {
    core: Arc<Core>,
    slip: Arc<Slip>,
    /// Gone when it is settled.
    pub(super) grant: Option<Grant>,
    output_cap: Option<u64>,
    standing: Standing,
    /// How often something was set aside.
    version: u64,
    /// Whether the client waits for the disk.
    strict: bool,
}

impl Reservation {
    /// Takes a place, sets aside what is demanded in the books, and queues that for the disk.
    pub(super) fn make(core: &Arc<Core>, demand: Demand<'_>, now: SystemTime) -> Result<Reservation, Refusal> {
        if !place(core) {
            return Err(Refusal::Full);
        }
        let mut grant = core.books.reserve(&demand, now).map_err(|hit| {
            core.queue.leave_places(1);
            Refusal::Limit(hit)
        })?;
        let end_user = grant.owners.iter().find_map(|owner| match owner {
            Owner::EndUser(_, name) => Some(Arc::clone(name)),
            Owner::Gateway | Owner::Key(_) => None,
        });
        let reserved_at = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let slip = Arc::new(Slip {
            id: core.queue.next_id(),
            key: demand.payer.key.clone(),
            end_user,
            day: grant.day,
            reserved_at_ms: u64::try_from(reserved_at).unwrap_or(u64::MAX),
            facts: demand.facts,
            receipt: Receipt::default(),
        });
        let strict = core.settings.load().durability == Durability::Strict;
        let (core, output_cap, standing) = (Arc::clone(core), grant.output_cap, std::mem::take(&mut grant.standing));
        let mut reservation = Reservation { core, slip, grant: Some(grant), output_cap, standing, version: 0, strict };
        reservation.queue();
        Ok(reservation)
    }

    /// The bound that the output must be given, because no more is left; `None`: what was asked for fits.
    #[must_use]
    pub const fn output_cap(&self) -> Option<u64> {
        self.output_cap
    }

    /// What was left of the payer's limits just after this was set aside.
    #[must_use]
    pub const fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Waits until the reservation is on disk; at once with `durability: relaxed`, and from the second call on. Safe to drop
    /// and call again.
    ///
    /// # Errors
    ///
    /// The store failed and the ledger is not to be done without: nothing may be sent to the client.
    pub async fn durable(&mut self) -> Result<(), StoreError> {
        if !self.strict {
            return Ok(());
        }
        match self.slip.receipt.wait(self.version).await {
            Err(error) if self.core.settings.load().on_error == OnLedgerError::Refuse => Err(error),
            _ => Ok(()),
        }
    }

    /// Makes sure that at least this much is set aside in all, so that a crash charges no less than what the client is about to
    /// have. Never refuses. `true`: [`Reservation::durable`] has to be waited for again.
    pub fn cover(&mut self, spent: Amount) -> bool {
        let Some(grant) = &mut self.grant else { return false };
        if !self.core.books.cover(grant, spent) {
            return false;
        }
        self.queue();
        self.strict
    }

    /// Replaces what was set aside by what was spent (zero: a full refund), and writes the entry. `id`, `key_id` and
    /// `charged_tokens` of the entry are set here. Its output tokens teach [`super::Ledger::expected_output`] when the provider
    /// told them. Never waits, never fails; for use in `Drop`.
    pub fn settle(mut self, spent: Amount, entry: Entry) {
        let Some(grant) = self.grant.take() else { return };
        let told = entry.usage_source == UsageSource::Provider;
        let output = entry.usage.as_ref().filter(|_| told).map(|usage| usage.output);
        self.core.books.settle(grant, spent, output);
        self.end(Message::Over(Done::settled(&self.slip, spent, Box::new(entry))));
    }

    /// Tells the journal what is set aside now.
    fn queue(&mut self) {
        let Some(amount) = self.grant.as_ref().map(|grant| grant.reserved) else { return };
        self.version += 1;
        let (slip, version, urgent) = (Arc::clone(&self.slip), self.version, self.strict);
        if self.core.queue.send(Message::Reserve { slip, amount, version, urgent }).is_err() {
            self.slip.receipt.fail(version, &StoreError::Closed);
        }
    }

    /// Tells the journal that it is over.
    fn end(&self, message: Message) {
        if let Err(message) = self.core.queue.send(message) {
            self.core.queue.leave_places(1);
            self.core.queue.lose(matches!(message, Message::Over(_)).into());
        }
    }
}

/// Takes a place. With `on_ledger_error: serve` the entries that wait longest are given up for it: only requests under way keep
/// others out.
fn place(core: &Core) -> bool {
    if core.queue.take_place() {
        return true;
    }
    if core.settings.load().on_error != OnLedgerError::Serve {
        return false;
    }
    core.queue.shed();
    core.queue.take_place() || (core.books.open() < PLACES && core.queue.take_extra_place())
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(grant) = self.grant.take() {
            self.core.books.refund(grant);
            self.end(Message::Cancel(Arc::clone(&self.slip)));
        }
    }
}
