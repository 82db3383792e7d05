//! Exchanges whose entries are not written: what they cost is added up, so that limits and sums stay right without them.

use std::collections::BTreeMap;

use redb::WriteTransaction;

use super::super::books::OTHER;
use super::super::tables::{CounterDeltas, RESERVATIONS, SumDeltas, Totals, day_of_ms, short, sums_of};
use super::super::window::Day;
use super::super::{Amount, Sums};
use super::batch::Done;

/// Rows that are told apart, at most; beyond that end users are one, and beyond twice as many so is all but the key.
const ROWS: usize = 4_096;

/// The day, and the key, end user, route, provider and model.
type SumName = (u32, [Box<str>; 5]);
/// The day, the key, and the end user that was charged besides.
type ChargeName = (u32, Box<str>, Option<Box<str>>);

/// What such exchanges make together.
#[derive(Clone, Debug, Default)]
pub(in crate::ledger) struct Tally {
    sums: BTreeMap<SumName, Sums>,
    charges: BTreeMap<ChargeName, (Amount, u64)>,
    /// Numbers of the requests that are over, as first and last ones: nothing may stay reserved for them.
    over: BTreeMap<u64, u64>,
    /// The last day that has less entries than exchanges.
    through: u32,
    /// Set when it is to be written: a commit that failed may be durable all the same, and is not to count twice.
    mark: u64,
}

impl Tally {
    pub(in crate::ledger) fn is_empty(&self) -> bool {
        self.sums.is_empty()
    }

    /// Adds an exchange. Its number is 0 when it was given none.
    pub(in crate::ledger) fn add(&mut self, done: &Done) {
        let Done { entry, charge } = done;
        let (day, full) = (day_of_ms(entry.started_at_ms), self.sums.len() / ROWS);
        let text = |text: &Option<Box<str>>| Box::from(short(text.as_deref().unwrap_or_default()));
        let name = [text(&entry.end_user), text(&entry.route), text(&entry.provider), text(&entry.model)];
        let kept = match full {
            0 => 0,
            1 => 1,
            _ => name.len(),
        };
        let mut place = 0;
        let [end_user, route, provider, model] = name.map(|name| {
            place += 1;
            if place <= kept { OTHER.into() } else { name }
        });
        let name = (day, [short(&entry.key_id).into(), end_user, route, provider, model]);
        self.sums.entry(name).or_default().add(&sums_of(entry));
        self.through = self.through.max(day);
        if let Some(charge) = charge {
            let end_user = charge.end_user.clone().filter(|_| self.charges.len() < ROWS);
            let spent = charge.amount(entry.charged_tokens);
            self.charge((charge.day, entry.key_id.clone(), end_user), spent, 1);
        }
        if entry.id > 0 {
            self.end(entry.id, entry.id);
        }
    }

    /// Adds another one.
    pub(in crate::ledger) fn merge(&mut self, other: Tally) {
        for (name, sums) in other.sums {
            self.sums.entry(name).or_default().add(&sums);
        }
        for (name, (spent, requests)) in other.charges {
            self.charge(name, spent, requests);
        }
        for (first, last) in other.over {
            self.end(first, last);
        }
        self.through = self.through.max(other.through);
    }

    /// Whether that request is one of these.
    pub(in crate::ledger) fn holds(&self, id: u64) -> bool {
        self.over.range(..=id).next_back().is_some_and(|(_, last)| id <= *last)
    }

    /// Makes it ready to be written: `mark` is above those of all before.
    pub(in crate::ledger) fn seal(self, mark: u64) -> Tally {
        Tally { mark, ..self }
    }

    /// Writes it into a transaction. Doing so a second time changes nothing.
    pub(in crate::ledger) fn apply(&self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        let fresh = Totals::update(transaction, |totals| {
            let fresh = totals.tally_mark < self.mark;
            totals.tally_mark = totals.tally_mark.max(self.mark);
            totals.last_id = totals.last_id.max(self.mark);
            totals.pruned_through = totals.pruned_through.max(u64::from(self.through) + 1);
            Ok(fresh)
        })?;
        if !fresh {
            return Ok(());
        }
        let mut reservations = transaction.open_table(RESERVATIONS)?;
        for (&first, &last) in &self.over {
            reservations.retain_in(first..=last, |_, _| false)?;
        }
        let mut counters = CounterDeltas::default();
        for ((day, key, end_user), (spent, requests)) in &self.charges {
            counters.add_many(Day(*day), (key, end_user.as_deref()), *spent, *requests);
        }
        counters.write(transaction)?;
        let mut deltas = SumDeltas::default();
        for ((day, [key, end_user, route, provider, model]), sums) in &self.sums {
            deltas.add_sums((*day, key, end_user, route, provider, model), sums);
        }
        deltas.write(transaction)
    }

    fn charge(&mut self, name: ChargeName, spent: Amount, requests: u64) {
        self.through = self.through.max(name.0);
        let (sum, count) = self.charges.entry(name).or_default();
        *sum = Amount { tokens: sum.tokens.saturating_add(spent.tokens), cost: sum.cost + spent.cost };
        *count = count.saturating_add(requests);
    }

    /// Takes note that these are over. Numbers are given in order, so that most of them join.
    fn end(&mut self, first: u64, last: u64) {
        let (mut first, mut last) = (first, last);
        if let Some((&before, &end)) = self.over.range(..=first).next_back()
            && end.saturating_add(1) >= first
        {
            (first, last) = (before, last.max(end));
        }
        if let Some(after) = last.checked_add(1)
            && let Some(end) = self.over.remove(&after)
        {
            last = end;
        }
        self.over.insert(first, last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_join_in_any_order() {
        let mut tally = Tally::default();
        for id in [5, 3, 9, 4, 8, 1] {
            tally.end(id, id);
        }
        assert_eq!(tally.over, BTreeMap::from([(1, 1), (3, 5), (8, 9)]));
        assert_eq!((1..=10).filter(|id| tally.holds(*id)).collect::<Vec<_>>(), [1, 3, 4, 5, 8, 9]);
    }
}
