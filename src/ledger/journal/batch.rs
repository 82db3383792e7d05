//! What one commit writes, all of it or nothing, and twice no more than once: a commit that failed may be durable all the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use redb::WriteTransaction;

use super::super::books::OTHER;
use super::super::tables::{
    Charge, CounterDeltas, DayIndex, ENTRIES, REQUESTS, RESERVATIONS, SumDeltas, Totals, day_of_ms, encode_entry,
    encode_reservation, short,
};
use super::super::window::Day;
use super::super::{Amount, Entry};
use super::receipt::Slip;
use super::tally::Tally;

/// What is to be written.
#[derive(Clone, Debug, Default)]
pub(in crate::ledger) struct Batch {
    /// Reservations, by their numbers.
    pub(in crate::ledger) puts: BTreeMap<u64, Put>,
    /// Reservations that are to go without a trace.
    pub(in crate::ledger) cancels: Vec<u64>,
    /// Requests that are over.
    pub(in crate::ledger) done: Vec<Done>,
    /// Requests that are over and have no entries.
    pub(in crate::ledger) tally: Option<Arc<Tally>>,
}

/// A reservation.
#[derive(Clone, Debug)]
pub(in crate::ledger) struct Put {
    pub(in crate::ledger) slip: Arc<Slip>,
    pub(in crate::ledger) amount: Amount,
    pub(in crate::ledger) version: u64,
}

/// A request that is over, with its number in the entry.
#[derive(Clone, Debug)]
pub(in crate::ledger) struct Done {
    pub(in crate::ledger) entry: Box<Entry>,
    /// What its owners are charged, on that day; nothing when it never came to a reservation.
    pub(in crate::ledger) charge: Option<Charge>,
}

impl Done {
    /// A request that had a reservation, and what it spent.
    pub(in crate::ledger) fn settled(slip: &Slip, spent: Amount, mut entry: Box<Entry>) -> Done {
        entry.id = slip.id;
        entry.key_id = slip.key.as_str().into();
        entry.charged_tokens = spent.tokens;
        let end_user: Option<Box<str>> = slip.end_user.as_deref().map(|user| short(user).into());
        if end_user.as_deref() == Some(OTHER) {
            entry.end_user.clone_from(&end_user);
        }
        Done { entry, charge: Some(Charge { day: slip.day.0, cost: spent.cost.0, end_user }) }
    }

    /// A request that never came to a reservation: nobody is charged for it.
    pub(in crate::ledger) fn noted(entry: Entry) -> Done {
        Done { entry: Box::new(entry), charge: None }
    }
}

impl Batch {
    pub(in crate::ledger) fn is_empty(&self) -> bool {
        self.puts.is_empty() && self.cancels.is_empty() && self.done.is_empty() && self.tally.is_none()
    }

    /// How many requests have something in it.
    pub(in crate::ledger) fn len(&self) -> usize {
        self.puts.len() + self.places()
    }

    /// Places that are free again when it is written.
    pub(in crate::ledger) fn places(&self) -> usize {
        self.cancels.len() + self.done.len()
    }

    /// Sets so much aside for a request that is not over.
    pub(in crate::ledger) fn put(&mut self, slip: Arc<Slip>, amount: Amount, version: u64) {
        self.puts.insert(slip.id, Put { slip, amount, version });
    }

    /// Ends a request without a trace.
    pub(in crate::ledger) fn cancel(&mut self, id: u64) {
        self.puts.remove(&id);
        self.cancels.push(id);
    }

    /// Ends a request with an entry.
    pub(in crate::ledger) fn end(&mut self, done: Done) {
        self.puts.remove(&done.entry.id);
        self.done.push(done);
    }

    /// Places of [`Batch::places`] that requests have which never came to a reservation.
    pub(in crate::ledger) fn notes(&self) -> usize {
        self.done.iter().filter(|done| done.charge.is_none()).count()
    }

    /// Takes the oldest half of the requests that are over out of it.
    pub(in crate::ledger) fn shed(&mut self) -> Vec<Done> {
        let rest = self.done.split_off(self.done.len().div_ceil(2));
        std::mem::replace(&mut self.done, rest)
    }

    /// Each request by itself, for when they cannot be written together.
    pub(in crate::ledger) fn split(self) -> impl Iterator<Item = Batch> {
        let Batch { puts, cancels, done, tally } = self;
        let tally = tally.into_iter().map(|tally| Batch { tally: Some(tally), ..Batch::default() });
        let puts = puts.into_iter().map(|put| Batch { puts: BTreeMap::from([put]), ..Batch::default() });
        let cancels = cancels.into_iter().map(|id| Batch { cancels: vec![id], ..Batch::default() });
        let done = done.into_iter().map(|done| Batch { done: vec![done], ..Batch::default() });
        puts.chain(cancels).chain(done).chain(tally)
    }

    /// Writes it into a transaction. Doing so a second time changes nothing: an entry that is there was written together with
    /// everything that belongs to it.
    pub(in crate::ledger) fn apply(&self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        self.write_reservations(transaction)?;
        let mut counters = CounterDeltas::default();
        let mut sums = SumDeltas::default();
        let mut days = DayIndex::default();
        let last_put = self.puts.keys().next_back().copied().unwrap_or(0);
        Totals::update(transaction, |totals| {
            totals.last_id = totals.last_id.max(last_put);
            let mut entries = transaction.open_table(ENTRIES)?;
            let mut requests = transaction.open_table(REQUESTS)?;
            for Done { entry, charge } in &self.done {
                let row = encode_entry(entry, charge.as_ref());
                if entries.insert(entry.id, row.as_slice())?.is_some() {
                    continue;
                }
                requests.insert((request_hash(&entry.request_id), entry.id), ())?;
                totals.last_id = totals.last_id.max(entry.id);
                totals.entries = totals.entries.saturating_add(1);
                totals.bytes = totals.bytes.saturating_add(Totals::bytes_of(&row));
                days.add(day_of_ms(entry.started_at_ms), entry.id);
                sums.add(entry);
                if let Some(charge) = charge {
                    let spent = charge.amount(entry.charged_tokens);
                    counters.add(Day(charge.day), &entry.key_id, charge.end_user.as_deref(), spent);
                }
            }
            Ok(())
        })?;
        days.write(transaction)?;
        counters.write(transaction)?;
        sums.write(transaction)?;
        self.tally.as_ref().map_or(Ok(()), |tally| tally.apply(transaction))
    }

    fn write_reservations(&self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        let over = self.done.iter().filter(|done| done.charge.is_some()).map(|done| done.entry.id);
        let over = over.chain(self.cancels.iter().copied());
        let mut table = transaction.open_table(RESERVATIONS)?;
        for id in over {
            table.remove(id)?;
        }
        for (&id, put) in &self.puts {
            table.insert(id, encode_reservation(&put.slip.row(put.amount)).as_slice())?;
        }
        Ok(())
    }
}

/// What the index of requests calls a request. The same in all releases.
pub(in crate::ledger) fn request_hash(request_id: &str) -> u64 {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(short(request_id).as_bytes());
    digest.iter().take(8).fold(0, |hash, &byte| (hash << 8) | u64::from(byte))
}
