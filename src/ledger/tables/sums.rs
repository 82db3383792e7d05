//! Daily sums: what `usage` reads instead of entries, kept in the same commits as they are.

use std::collections::BTreeMap;

use redb::{ReadableTable, WriteTransaction};

use super::super::{Entry, Sums};
use super::{SUMS, SumKey, USER_SUMS, UserSumKey, broken, day_of_ms, numbers, short};

impl Sums {
    /// Adds others to these; stops at the largest number.
    pub fn add(&mut self, other: &Sums) {
        let own = numbers::sums_numbers(self);
        let mut sum = numbers::sums_numbers(other);
        sum.iter_mut().zip(own).for_each(|(to, from)| *to = to.saturating_add(from));
        *self = numbers::sums_of(&sum);
    }
}

/// Whether an exchange with that outcome did not end well.
pub(in crate::ledger) fn is_error(outcome: &str) -> bool {
    !matches!(outcome, "ok" | "client_abort")
}

/// The sums of one exchange.
pub(in crate::ledger) fn sums_of(entry: &Entry) -> Sums {
    Sums {
        requests: 1,
        errors: u64::from(is_error(&entry.outcome)),
        usage: entry.usage.unwrap_or_default(),
        charged_tokens: entry.charged_tokens,
        cost: entry.cost.unwrap_or_default(),
        unpriced_requests: u64::from(entry.usage.is_some() && entry.cost.is_none()),
        duration_ms: entry.duration_ms,
    }
}

/// Reads a row of sums.
pub(in crate::ledger) fn decode_sums(row: &[u8]) -> Option<Sums> {
    numbers::read(row).map(|numbers| numbers::sums_of(&numbers))
}

/// What a batch adds to daily sums.
#[derive(Debug, Default)]
pub(in crate::ledger) struct SumDeltas<'a>(BTreeMap<UserSumKey<'a>, Sums>);

impl<'a> SumDeltas<'a> {
    pub(in crate::ledger) fn add(&mut self, entry: &'a Entry) {
        let text = |text: &'a Option<Box<str>>| short(text.as_deref().unwrap_or_default());
        let key = (
            day_of_ms(entry.started_at_ms),
            short(&entry.key_id),
            text(&entry.end_user),
            text(&entry.route),
            text(&entry.provider),
            text(&entry.model),
        );
        self.add_sums(key, &sums_of(entry));
    }

    pub(in crate::ledger) fn add_sums(&mut self, key: UserSumKey<'a>, sums: &Sums) {
        self.0.entry(key).or_default().add(sums);
    }

    /// The sums without regard to end users.
    fn all(&self) -> BTreeMap<SumKey<'a>, Sums> {
        let mut all: BTreeMap<SumKey<'a>, Sums> = BTreeMap::new();
        for (&(day, key, _, route, provider, model), sums) in &self.0 {
            all.entry((day, key, route, provider, model)).or_default().add(sums);
        }
        all
    }

    pub(in crate::ledger) fn write(&self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut table = transaction.open_table(SUMS)?;
        for (key, delta) in self.all() {
            let old = match table.get(key)? {
                Some(row) => decode_sums(row.value()).ok_or_else(|| broken("ledger_sums", &format_args!("{key:?}")))?,
                None => Sums::default(),
            };
            table.insert(key, plus(old, &delta).as_slice())?;
        }
        let mut table = transaction.open_table(USER_SUMS)?;
        for (&key, delta) in &self.0 {
            let old = match table.get(key)? {
                Some(row) => {
                    decode_sums(row.value()).ok_or_else(|| broken("ledger_user_sums", &format_args!("{key:?}")))?
                }
                None => Sums::default(),
            };
            table.insert(key, plus(old, delta).as_slice())?;
        }
        Ok(())
    }
}

fn plus(mut sums: Sums, delta: &Sums) -> Vec<u8> {
    sums.add(delta);
    numbers::write(&numbers::sums_numbers(&sums))
}
