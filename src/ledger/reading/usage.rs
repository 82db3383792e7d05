//! Sums over exchanges, from the daily sums: an answer over a million entries reads some ten thousand rows.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::RangeInclusive;

use redb::{ReadTransaction, ReadableTable};

use super::super::books::OTHER;
use super::super::tables::{SUMS, USER_SUMS, broken, decode_sums};
use super::super::{GroupBy, Sums, UsageQuery, UsageReport, UsageRow};

/// Groups of an answer that are told apart, at most. Of each day, all others are one, whose names are [`OTHER`].
const GROUPS: usize = 10_000;

/// A row of daily sums, by its names. Without regard to end users, `end_user` is empty.
struct Found<'a> {
    day: u32,
    key: &'a str,
    end_user: &'a str,
    route: &'a str,
    provider: &'a str,
    model: &'a str,
}

/// Sums up what a query asks for.
pub(in crate::ledger) fn usage(transaction: &ReadTransaction, query: &UsageQuery) -> Result<UsageReport, redb::Error> {
    let mut groups = Groups::new(query);
    let days = query.days.clone().unwrap_or(0..=u32::MAX);
    if days.is_empty() {
        return Ok(UsageReport::default());
    }
    if query.end_user.is_some() || query.group_by.contains(&GroupBy::EndUser) {
        by_user(transaction, days, &mut groups)?;
    } else {
        all(transaction, days, &mut groups)?;
    }
    Ok(groups.report())
}

fn all(transaction: &ReadTransaction, days: RangeInclusive<u32>, groups: &mut Groups<'_>) -> Result<(), redb::Error> {
    let table = transaction.open_table(SUMS)?;
    let mut walk = Walk::new(days, groups.query);
    while let Some(from) = walk.from() {
        for row in ReadableTable::range(&table, (from, walk.key, "", "", "")..)? {
            let (name, sums) = row?;
            let (day, key, route, provider, model) = name.value();
            match walk.step(day, key) {
                Step::Take => groups.add(&Found { day, key, end_user: "", route, provider, model }, sums.value())?,
                Step::Leap => break,
            }
        }
    }
    Ok(())
}

fn by_user(
    transaction: &ReadTransaction,
    days: RangeInclusive<u32>,
    groups: &mut Groups<'_>,
) -> Result<(), redb::Error> {
    let table = transaction.open_table(USER_SUMS)?;
    let mut walk = Walk::new(days, groups.query);
    while let Some(from) = walk.from() {
        for row in ReadableTable::range(&table, (from, walk.key, "", "", "", "")..)? {
            let (name, sums) = row?;
            let (day, key, end_user, route, provider, model) = name.value();
            match walk.step(day, key) {
                Step::Take => groups.add(&Found { day, key, end_user, route, provider, model }, sums.value())?,
                Step::Leap => break,
            }
        }
    }
    Ok(())
}

/// The way through rows that are ordered by day and then by key. For one key it leaps over those of the others: a client that
/// asks about its own key does not read what all of them spent.
struct Walk<'a> {
    last: u32,
    /// The one key, or empty for all of them.
    key: &'a str,
    /// Where to go on: at that day, and not before.
    next: Option<u32>,
}

enum Step {
    Take,
    Leap,
}

impl<'a> Walk<'a> {
    fn new(days: RangeInclusive<u32>, query: &'a UsageQuery) -> Walk<'a> {
        Walk { last: *days.end(), key: query.key.as_deref().unwrap_or_default(), next: Some(*days.start()) }
    }

    /// The day from which on to read; none: the way is over, unless a row says that it is not.
    fn from(&mut self) -> Option<u32> {
        self.next.take().filter(|day| *day <= self.last)
    }

    /// What to do with a row.
    fn step(&mut self, day: u32, key: &str) -> Step {
        if day > self.last {
            return Step::Leap;
        }
        match key.cmp(self.key) {
            _ if self.key.is_empty() => Step::Take,
            Ordering::Equal => Step::Take,
            // A later day, in which the key is still to come.
            Ordering::Less => self.leap(Some(day)),
            Ordering::Greater => self.leap(day.checked_add(1)),
        }
    }

    fn leap(&mut self, to: Option<u32>) -> Step {
        self.next = to;
        Step::Leap
    }
}

/// Sums by group.
struct Groups<'a> {
    query: &'a UsageQuery,
    /// What rows are told apart by, as one text.
    places: HashMap<String, usize>,
    rows: Vec<UsageRow>,
    total: Sums,
    name: String,
}

impl<'a> Groups<'a> {
    fn new(query: &'a UsageQuery) -> Groups<'a> {
        let rows = Vec::new();
        Groups { query, places: HashMap::new(), rows, total: Sums::default(), name: String::new() }
    }

    fn add(&mut self, found: &Found<'_>, row: &[u8]) -> Result<(), redb::Error> {
        let query = self.query;
        for (wanted, is) in [
            (&query.key, found.key),
            (&query.end_user, found.end_user),
            (&query.route, found.route),
            (&query.provider, found.provider),
            (&query.model, found.model),
        ] {
            if wanted.as_deref().is_some_and(|wanted| wanted != is) {
                return Ok(());
            }
        }
        let sums = decode_sums(row).ok_or_else(|| broken("ledger_sums", &format_args!("of day {}", found.day)))?;
        self.total.add(&sums);
        self.name_of(found);
        let found = if self.places.len() < GROUPS || self.places.contains_key(&self.name) {
            found
        } else {
            &Found { day: found.day, key: OTHER, end_user: OTHER, route: OTHER, provider: OTHER, model: OTHER }
        };
        self.name_of(found);
        let place = match self.places.get(&self.name) {
            Some(place) => *place,
            None => {
                self.rows.push(found.group(&query.group_by));
                self.places.insert(self.name.clone(), self.rows.len() - 1);
                self.rows.len() - 1
            }
        };
        if let Some(row) = self.rows.get_mut(place) {
            row.sums.add(&sums);
        }
        Ok(())
    }

    /// Writes down what a row's group is told apart by.
    fn name_of(&mut self, found: &Found<'_>) {
        self.name.clear();
        for group in &self.query.group_by {
            match group {
                GroupBy::Day => write!(self.name, "{}", found.day).expect("a text takes any number"),
                GroupBy::Key => self.name.push_str(found.key),
                GroupBy::Model => self.name.push_str(found.model),
                GroupBy::Provider => self.name.push_str(found.provider),
                GroupBy::Route => self.name.push_str(found.route),
                GroupBy::EndUser => self.name.push_str(found.end_user),
            }
            // The length tells names apart that have a separator of their own in them.
            write!(self.name, "\u{1f}{}\u{1f}", self.name.len()).expect("a text takes any number");
        }
    }

    fn report(mut self) -> UsageReport {
        if self.query.group_by.is_empty() && self.rows.is_empty() {
            self.rows.push(UsageRow::default());
        }
        let order = &self.query.group_by;
        self.rows.sort_by(|one, other| {
            one.day.cmp(&other.day).then_with(|| {
                order
                    .iter()
                    .map(|group| one.name(*group).cmp(&other.name(*group)))
                    .find(|order| order.is_ne())
                    .unwrap_or(std::cmp::Ordering::Equal)
            })
        });
        UsageReport { rows: self.rows, total: self.total }
    }
}

impl Found<'_> {
    /// The group that it belongs to, with nothing in it.
    fn group(&self, group_by: &[GroupBy]) -> UsageRow {
        let mut row = UsageRow::default();
        for group in group_by {
            match group {
                GroupBy::Day => row.day = Some(self.day),
                GroupBy::Key => row.key = Some(self.key.to_owned()),
                GroupBy::Model => row.model = Some(self.model.to_owned()),
                GroupBy::Provider => row.provider = Some(self.provider.to_owned()),
                GroupBy::Route => row.route = Some(self.route.to_owned()),
                GroupBy::EndUser => row.end_user = Some(self.end_user.to_owned()),
            }
        }
        row
    }
}

impl UsageRow {
    fn name(&self, group: GroupBy) -> Option<&str> {
        match group {
            GroupBy::Day => None,
            GroupBy::Key => self.key.as_deref(),
            GroupBy::Model => self.model.as_deref(),
            GroupBy::Provider => self.provider.as_deref(),
            GroupBy::Route => self.route.as_deref(),
            GroupBy::EndUser => self.end_user.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_way_of_one_key_meets_all_its_rows_and_leaps_over_others(
            rows in proptest::collection::btree_set((0_u32..8, "[a-d]", 0_u8..3), 0..60),
            first in 0_u32..9,
            last in 0_u32..9,
            key in proptest::option::of("[a-e]"),
        ) {
            let expected: Vec<_> = rows
                .iter()
                .filter(|(day, of, _)| (first..=last).contains(day) && key.as_ref().is_none_or(|key| key == of))
                .collect();
            let query = UsageQuery { key: key.clone(), ..UsageQuery::default() };
            let mut walk = Walk::new(first..=last, &query);
            let (mut met, mut reads) = (Vec::new(), 0);
            while let Some(from) = walk.from() {
                for row in rows.range((from, walk.key.to_owned(), 0)..) {
                    reads += 1;
                    match walk.step(row.0, &row.1) {
                        Step::Take => met.push(row),
                        Step::Leap => break,
                    }
                }
            }
            prop_assert_eq!(&met, &expected);
            prop_assert!(key.is_none() || reads <= expected.len() + 2 * 8 + 1, "{} reads", reads);
        }
    }
}
