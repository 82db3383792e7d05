//! The counters that limits are held to: one row for each owner and each day and month in which it spent anything.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use ovth_filters::money::PicoDollars;
use redb::{ReadTransaction, ReadableTable, WriteTransaction};

use super::super::Amount;
use super::super::window::{Day, Month, Period};
use super::COUNTERS;

/// In the number of a period, tells months from days.
const MONTH: u32 = 1 << 31;

/// The number of a period in the file.
pub(in crate::ledger) const fn number(period: Period) -> u32 {
    match period {
        Period::Day(day) => day.0 & !MONTH,
        Period::Month(month) => month.0 | MONTH,
    }
}

/// The period of a number in the file.
pub(in crate::ledger) const fn period(number: u32) -> Period {
    if number & MONTH == 0 { Period::Day(Day(number)) } else { Period::Month(Month(number & !MONTH)) }
}

/// What a batch adds to counters.
#[derive(Debug, Default)]
pub(in crate::ledger) struct CounterDeltas<'a>(BTreeMap<(u32, &'a str, &'a str), (u64, u64, u64)>);

impl<'a> CounterDeltas<'a> {
    /// Charges one request to the gateway, to its key, and to its end user, on that day and in its month.
    pub(in crate::ledger) fn add(&mut self, day: Day, key: &'a str, end_user: Option<&'a str>, spent: Amount) {
        self.add_many(day, (key, end_user), spent, 1);
    }

    /// Charges so many requests, all of them together so much.
    pub(in crate::ledger) fn add_many(
        &mut self,
        day: Day,
        (key, end_user): (&'a str, Option<&'a str>),
        spent: Amount,
        count: u64,
    ) {
        for period in [Period::Day(day), Period::Month(day.month())] {
            let period = number(period);
            let owners = [Some(("", "")), Some((key, "")), end_user.map(|user| (key, user))];
            for (key, end_user) in owners.into_iter().flatten() {
                let (tokens, cost, requests) = self.0.entry((period, key, end_user)).or_default();
                *tokens = tokens.saturating_add(spent.tokens);
                *cost = cost.saturating_add(spent.cost.0);
                *requests = requests.saturating_add(count);
            }
        }
    }

    pub(in crate::ledger) fn write(&self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut table = transaction.open_table(COUNTERS)?;
        for (&key, delta) in &self.0 {
            let old = table.get(key)?.map_or((0, 0, 0), |old| old.value());
            let new = (old.0.saturating_add(delta.0), old.1.saturating_add(delta.1), old.2.saturating_add(delta.2));
            table.insert(key, new)?;
        }
        Ok(())
    }
}

/// One counter: its key (empty: the gateway), its end user (empty: none), what was spent, and in how many requests.
pub(in crate::ledger) type Counter<'a> = (&'a str, &'a str, Amount, u64);

/// Reads all counters of a period.
pub(in crate::ledger) fn read_counters(
    transaction: &ReadTransaction,
    period: Period,
    mut each: impl FnMut(Counter<'_>),
) -> Result<(), redb::Error> {
    let only = number(period);
    read_rows(transaction, only..=only, |_, counter| each(counter))
}

/// Reads all counters of later periods of that kind.
pub(in crate::ledger) fn read_later_counters(
    transaction: &ReadTransaction,
    than: Period,
    mut each: impl FnMut(Period, Counter<'_>),
) -> Result<(), redb::Error> {
    let last = match than {
        Period::Day(_) => MONTH - 1,
        Period::Month(_) => u32::MAX,
    };
    let Some(first) = number(than).checked_add(1) else { return Ok(()) };
    read_rows(transaction, first..=last, |number, counter| each(self::period(number), counter))
}

/// The last period of that kind before that one that has counters.
pub(in crate::ledger) fn last_period_before(
    transaction: &ReadTransaction,
    than: Period,
) -> Result<Option<Period>, redb::Error> {
    let first = number(match than {
        Period::Day(_) => Period::Day(Day(0)),
        Period::Month(_) => Period::Month(Month(0)),
    });
    let table = transaction.open_table(COUNTERS)?;
    let last = ReadableTable::range(&table, (first, "", "")..(number(than), "", ""))?.next_back().transpose()?;
    Ok(last.map(|(key, _)| period(key.value().0)))
}

fn read_rows(
    transaction: &ReadTransaction,
    periods: RangeInclusive<u32>,
    mut each: impl FnMut(u32, Counter<'_>),
) -> Result<(), redb::Error> {
    let table = transaction.open_table(COUNTERS)?;
    for row in ReadableTable::range(&table, (*periods.start(), "", "")..)? {
        let (key, row) = row?;
        let (found, key, end_user) = key.value();
        if found > *periods.end() {
            break;
        }
        let (tokens, cost, requests) = row.value();
        each(found, (key, end_user, Amount { tokens, cost: PicoDollars(cost) }, requests));
    }
    Ok(())
}
