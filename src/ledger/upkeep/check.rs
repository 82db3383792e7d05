//! Compares the rows of the ledger with each other: entries with their index, with daily sums, with counters and with totals.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::SystemTime;

use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata};

use super::expected::{ExpectedCounters, ExpectedSums};
use crate::ledger::CheckReport;
use crate::ledger::journal::request_hash;
use crate::ledger::retention::first_counters;
use crate::ledger::tables::{
    COUNTERS, DAYS, ENTRIES, REQUESTS, RESERVATIONS, SUMS, TOTALS, Totals, USER_SUMS, day_of_ms, decode_entry,
    decode_reservation, decode_sums, period_of, started_at_ms,
};
use crate::ledger::window::{Day, Period};

/// Problems that are told one by one.
const TOLD: usize = 100;

/// Reads all rows.
pub(in crate::ledger) fn rows(transaction: &ReadTransaction, now: SystemTime) -> Result<CheckReport, redb::Error> {
    let mut check = Check {
        totals: Totals::read(&transaction.open_table(TOTALS)?)?,
        days: days(transaction)?,
        report: CheckReport::default(),
        untold: 0,
    };
    let counters = check.entries(transaction, Day::of(now))?;
    check.counters(transaction, counters)?;
    check.sums(transaction)?;
    check.reservations(transaction)?;
    if check.untold > 0 {
        check.report.problems.push(format!("and {} more", check.untold));
    }
    Ok(check.report)
}

type Days = BTreeMap<u32, (u64, u64)>;

fn days(transaction: &ReadTransaction) -> Result<Days, redb::Error> {
    let mut days = Days::new();
    for row in ReadableTable::iter(&transaction.open_table(DAYS)?)? {
        let (day, ids) = row?;
        days.insert(day.value(), ids.value());
    }
    Ok(days)
}

struct Check {
    totals: Totals,
    days: Days,
    report: CheckReport,
    untold: u64,
}

impl Check {
    fn problem(&mut self, problem: impl Display) {
        if self.report.problems.len() < TOLD {
            self.report.problems.push(problem.to_string());
        } else {
            self.untold += 1;
        }
    }

    /// Each entry by itself, with its place in the indices; gives the counters that they make.
    fn entries(&mut self, transaction: &ReadTransaction, today: Day) -> Result<ExpectedCounters, redb::Error> {
        let index = transaction.open_table(REQUESTS)?;
        let mut counters = ExpectedCounters::new(first_counters(today));
        let mut bytes = 0_u64;
        for row in ReadableTable::iter(&transaction.open_table(ENTRIES)?)? {
            let (id, row) = row?;
            let (id, row) = (id.value(), row.value());
            self.report.entries += 1;
            bytes = bytes.saturating_add(Totals::bytes_of(row));
            let last = self.totals.last_id;
            if id > last {
                self.problem(format_args!("entry {id} has a number above {last}, the last one given"));
            }
            let Some(stored) = decode_entry(id, row) else {
                self.problem(format_args!("entry {id} cannot be read"));
                continue;
            };
            if ReadableTable::get(&index, (request_hash(&stored.entry.request_id), id))?.is_none() {
                self.problem(format_args!("entry {id} is not found by the id of its request"));
            }
            let day = day_of_ms(stored.entry.started_at_ms);
            if !self.days.get(&day).is_some_and(|(first, last)| (*first..=*last).contains(&id)) {
                self.problem(format_args!("entry {id} is not found by its day"));
            }
            if let Some(charge) = &stored.charge {
                counters.add(&stored.entry, charge);
            }
        }
        for (what, counted, told) in
            [("entries", self.report.entries, self.totals.entries), ("bytes of entries", bytes, self.totals.bytes)]
        {
            if counted != told {
                self.problem(format_args!("there are {counted} {what}, and the total says {told}"));
            }
        }
        let (indexed, entries) = (index.len()?, self.report.entries);
        if indexed != entries {
            self.problem(format_args!("{indexed} requests are indexed for {entries} entries"));
        }
        Ok(counters)
    }

    /// Counters with the entries that they were charged for.
    fn counters(&mut self, transaction: &ReadTransaction, mut expected: ExpectedCounters) -> Result<(), redb::Error> {
        for row in ReadableTable::iter(&transaction.open_table(COUNTERS)?)? {
            let (name, row) = row?;
            self.report.counters += 1;
            let (period, key, end_user) = name.value();
            let (is, should) = (row.value(), expected.take(period, key, end_user));
            let wrong = if self.is_proved_by_entries(period_of(period)) {
                is != should
            } else {
                is.0 < should.0 || is.1 < should.1 || is.2 < should.2
            };
            if wrong && expected.keeps(period_of(period)) {
                self.problem(format_args!(
                    "the counter of {:?} {key:?} {end_user:?} is {is:?}, and its entries make {should:?}",
                    period_of(period)
                ));
            }
        }
        for (name, sums) in expected.rest() {
            self.problem(format_args!("entries make {sums:?}, and there is no counter {name}"));
        }
        Ok(())
    }

    /// Whether all entries of a counter are still there, and it has never counted anything else.
    fn is_proved_by_entries(&self, period: Period) -> bool {
        // A request can be let in on the day after it began.
        let doubtful = self.totals.pruned_through.checked_sub(1).map(|day| day + 1);
        let doubtful = doubtful.max(self.totals.carried_through.checked_sub(1));
        let Some(doubtful) = doubtful.map(|day| Day(u32::try_from(day).unwrap_or(u32::MAX))) else { return true };
        match period {
            Period::Day(day) => day > doubtful,
            Period::Month(month) => month > doubtful.month(),
        }
    }

    /// Daily sums with each other and with the entries of their day, a day at a time.
    fn sums(&mut self, transaction: &ReadTransaction) -> Result<(), redb::Error> {
        let (sums, by_user) = (transaction.open_table(SUMS)?, transaction.open_table(USER_SUMS)?);
        self.report.sums = sums.len()? + by_user.len()?;
        let entries = transaction.open_table(ENTRIES)?;
        let mut days: Vec<u32> = self.days.keys().copied().collect();
        let mut from = 0;
        while let Some(row) = ReadableTable::range(&sums, (from, "", "", "", "")..)?.next() {
            let day = row?.0.value().0;
            days.push(day);
            let Some(next) = day.checked_add(1) else { break };
            from = next;
        }
        days.sort_unstable();
        days.dedup();
        let first = self.totals.sums_pruned_through;
        for day in days.into_iter().filter(|day| u64::from(*day) >= first) {
            let mut expected = ExpectedSums::default();
            if let Some(&(first, last)) = self.days.get(&day) {
                read_day(&entries, day, first..=last, &mut expected)?;
            }
            let exact = u64::from(day) >= self.totals.pruned_through;
            self.sums_of_day(transaction, day, (expected, exact))?;
        }
        Ok(())
    }

    fn sums_of_day(
        &mut self,
        transaction: &ReadTransaction,
        day: u32,
        (expected, exact): (ExpectedSums, bool),
    ) -> Result<(), redb::Error> {
        let mut found = ExpectedSums::default();
        for row in ReadableTable::range(&transaction.open_table(USER_SUMS)?, (day, "", "", "", "", "")..)? {
            let (name, row) = row?;
            let (row_day, key, end_user, route, provider, model) = name.value();
            if row_day != day {
                break;
            }
            match decode_sums(row.value()) {
                Some(sums) => found.add([key, end_user, route, provider, model], &sums),
                None => self.problem(format_args!("sums by end user of day {day} cannot be read")),
            }
        }
        let mut all = ExpectedSums::default();
        for row in ReadableTable::range(&transaction.open_table(SUMS)?, (day, "", "", "", "")..)? {
            let (name, row) = row?;
            let (row_day, key, route, provider, model) = name.value();
            if row_day != day {
                break;
            }
            match decode_sums(row.value()) {
                Some(sums) => all.add([key, "", route, provider, model], &sums),
                None => self.problem(format_args!("sums of day {day} cannot be read")),
            }
        }
        if found.without_users() != all {
            self.problem(format_args!("sums of day {day} are not those by end user"));
        }
        let agree = if exact { found == expected } else { found.hold(&expected) };
        if !agree {
            self.problem(format_args!("sums of day {day} are not those of its entries"));
        }
        Ok(())
    }

    fn reservations(&mut self, transaction: &ReadTransaction) -> Result<(), redb::Error> {
        let entries = transaction.open_table(ENTRIES)?;
        for row in ReadableTable::iter(&transaction.open_table(RESERVATIONS)?)? {
            let (id, row) = row?;
            let id = id.value();
            self.report.reservations += 1;
            if decode_reservation(row.value()).is_none() {
                self.problem(format_args!("reservation {id} cannot be read"));
            }
            if id > self.totals.last_id {
                self.problem(format_args!("reservation {id} has a number that was not given"));
            }
            if ReadableTable::get(&entries, id)?.is_some() {
                self.problem(format_args!("request {id} is both reserved and settled"));
            }
        }
        Ok(())
    }
}

fn read_day(
    entries: &ReadOnlyTable<u64, &'static [u8]>,
    day: u32,
    ids: RangeInclusive<u64>,
    expected: &mut ExpectedSums,
) -> Result<(), redb::Error> {
    for row in ReadableTable::range(entries, ids)? {
        let (id, row) = row?;
        if started_at_ms(row.value()).map(day_of_ms) == Some(day)
            && let Some(stored) = decode_entry(id.value(), row.value())
        {
            expected.add_entry(&stored.entry);
        }
    }
    Ok(())
}
