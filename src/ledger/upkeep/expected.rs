//! What counters and sums must be if the entries are right.

use std::collections::{BTreeMap, HashMap};

use crate::ledger::tables::{Charge, period_number, sums_of};
use crate::ledger::window::{Day, Month, Period};
use crate::ledger::{Entry, Sums};

/// Period, key and end user.
type CounterName = (u32, Box<str>, Box<str>);
/// Tokens, pico-dollars, requests.
type Counted = (u64, u64, u64);

/// Counters by what entries were charged.
#[derive(Debug)]
pub(super) struct ExpectedCounters {
    first: (Day, Month),
    counters: HashMap<CounterName, Counted>,
}

impl ExpectedCounters {
    /// None yet; counters before these periods are not kept.
    pub(super) fn new(first: (Day, Month)) -> ExpectedCounters {
        ExpectedCounters { first, counters: HashMap::new() }
    }

    /// Whether counters of that period are kept.
    pub(super) fn keeps(&self, period: Period) -> bool {
        match period {
            Period::Day(day) => day >= self.first.0,
            Period::Month(month) => month >= self.first.1,
        }
    }

    pub(super) fn add(&mut self, entry: &Entry, charge: &Charge) {
        let day = Day(charge.day);
        for period in [Period::Day(day), Period::Month(day.month())] {
            if !self.keeps(period) {
                continue;
            }
            let key = &*entry.key_id;
            let owners = [Some(("", "")), Some((key, "")), charge.end_user.as_deref().map(|user| (key, user))];
            for (key, end_user) in owners.into_iter().flatten() {
                let name = (period_number(period), key.into(), end_user.into());
                let (tokens, cost, requests) = self.counters.entry(name).or_default();
                *tokens = tokens.saturating_add(entry.charged_tokens);
                *cost = cost.saturating_add(charge.cost);
                *requests += 1;
            }
        }
    }

    pub(super) fn take(&mut self, period: u32, key: &str, end_user: &str) -> Counted {
        self.counters.remove(&(period, key.into(), end_user.into())).unwrap_or_default()
    }

    /// Those that were not taken.
    pub(super) fn rest(self) -> impl Iterator<Item = (String, Counted)> {
        self.counters.into_iter().map(|(name, counted)| (format!("{name:?}"), counted))
    }
}

/// Sums of a day by key, end user, route, provider and model.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ExpectedSums(BTreeMap<[Box<str>; 5], Sums>);

impl ExpectedSums {
    pub(super) fn add(&mut self, name: [&str; 5], sums: &Sums) {
        self.0.entry(name.map(Box::from)).or_default().add(sums);
    }

    pub(super) fn add_entry(&mut self, entry: &Entry) {
        let text = |text: &'_ Option<Box<str>>| text.clone().unwrap_or_default();
        let name = [
            entry.key_id.clone(),
            text(&entry.end_user),
            text(&entry.route),
            text(&entry.provider),
            text(&entry.model),
        ];
        self.0.entry(name).or_default().add(&sums_of(entry));
    }

    /// The same without regard to end users.
    pub(super) fn without_users(&self) -> ExpectedSums {
        let mut all = ExpectedSums::default();
        for ([key, _, route, provider, model], sums) in &self.0 {
            all.add([key, "", route, provider, model], sums);
        }
        all
    }

    /// Whether these are no less than others.
    pub(super) fn hold(&self, others: &ExpectedSums) -> bool {
        others.0.iter().all(|(name, other)| {
            self.0.get(name).is_some_and(|sums| {
                sums.requests >= other.requests
                    && sums.charged_tokens >= other.charged_tokens
                    && sums.cost >= other.cost
            })
        })
    }
}
