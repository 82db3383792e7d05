//! What a ledger does when it is opened: it charges what a dead process had set aside, and gives the books what counts today.

use std::time::SystemTime;

use redb::{ReadTransaction, ReadableTable, WriteTransaction};

use super::books::{Books, Owner};
use super::journal::{Batch, Done};
use super::tables::{
    Charge, RESERVATIONS, ReservationRow, USER_SUMS, broken, decode_reservation, last_period_before, read_counters,
    read_later_counters,
};
use super::window::{Day, Period};
use super::{Entry, UsageSource};
use crate::keys::KeyId;

/// The outcome of an exchange whose process died.
pub(super) const RECOVERED: &str = "recovered";

/// Charges every reservation in the file as reserved, with an entry for each, and counts them. No request may be under way.
pub(super) fn charge_the_dead(transaction: &WriteTransaction) -> Result<u64, redb::Error> {
    let mut batch = Batch::default();
    for row in transaction.open_table(RESERVATIONS)?.iter()? {
        let (id, row) = row?;
        let row = decode_reservation(row.value()).ok_or_else(|| broken("ledger_reservations", &id.value()))?;
        batch.done.push(recovered(id.value(), &row));
    }
    if !batch.is_empty() {
        batch.apply(transaction)?;
    }
    Ok(batch.done.len() as u64)
}

fn recovered(id: u64, row: &ReservationRow<'_>) -> Done {
    let text = |text: &str| (!text.is_empty()).then(|| Box::from(text));
    let cost = ovth_filters::money::PicoDollars(row.cost);
    let entry = Entry {
        id,
        request_id: row.request_id.into(),
        started_at_ms: row.reserved_at_ms,
        key_id: row.key.into(),
        end_user: row.end_user.map(Box::from),
        operation: row.operation.into(),
        shape: row.shape.into(),
        stream: row.stream,
        route: row.route.map(Box::from),
        provider: text(row.provider),
        model_asked: text(row.model_asked),
        model: text(row.model),
        outcome: RECOVERED.into(),
        usage_source: UsageSource::Reserved,
        charged_tokens: row.tokens,
        cost: (!cost.is_zero()).then_some(cost),
        ..Entry::default()
    };
    let charge = Charge { day: row.day, cost: row.cost, end_user: row.end_user.map(Box::from) };
    Done { entry: Box::new(entry), charge: Some(charge) }
}

/// Gives the books the counters of this day and this month. The clock may be wrong now and set right later, so they are also
/// given those of later days and months, and of the last ones before that were used: what the file has used is not given anew.
pub(super) fn restore(transaction: &ReadTransaction, books: &Books, now: SystemTime) -> Result<(), redb::Error> {
    let today = Day::of(now);
    for row in ReadableTable::range(&transaction.open_table(USER_SUMS)?, (today.0, "", "", "", "", "")..)? {
        let (name, _) = row?;
        let (day, key, end_user, ..) = name.value();
        if day != today.0 {
            break;
        }
        if let Some(key) = KeyId::parse(key).filter(|_| !end_user.is_empty()) {
            books.tells_apart(&key, end_user, today);
        }
    }
    for period in [Period::Day(today), Period::Month(today.month())] {
        let before = last_period_before(transaction, period)?;
        for period in before.into_iter().chain([period]) {
            read_counters(transaction, period, |(key, end_user, spent, requests)| {
                if let Some(owner) = owner(key, end_user) {
                    books.restore(&owner, period, spent, requests);
                }
            })?;
        }
        read_later_counters(transaction, period, |period, (key, end_user, spent, requests)| {
            if let Some(owner) = owner(key, end_user) {
                books.restore_later(&owner, period, spent, requests);
            }
        })?;
    }
    Ok(())
}

fn owner(key: &str, end_user: &str) -> Option<Owner> {
    match KeyId::parse(key) {
        Some(key) if end_user.is_empty() => Some(Owner::Key(key)),
        Some(key) => Some(Owner::EndUser(key, end_user.into())),
        None => key.is_empty().then_some(Owner::Gateway),
    }
}
