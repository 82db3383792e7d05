//! What turns the tables of older releases into those of this one. The formats here are frozen: files in the field have them.

use redb::{Database, ReadableTable, TableDefinition, WriteTransaction};

/// Version 1: owner (`gateway`, or the id of a key) -> day and the tokens of that day.
const DAILY_TOKENS: TableDefinition<'static, &'static str, (u64, u64)> = TableDefinition::new("daily_tokens");
/// Version 2: period, key (empty: the gateway), end user (empty: none) -> tokens, pico-dollars, requests.
const COUNTERS: TableDefinition<'static, (u32, &'static str, &'static str), (u64, u64, u64)> =
    TableDefinition::new("ledger_counters");
/// Version 2: name -> number.
const TOTALS: TableDefinition<'static, &'static str, u64> = TableDefinition::new("ledger_totals");

/// In a period, tells months from days.
const MONTH: u32 = 1 << 31;

/// From version 1, in one commit: the counter of the last day of each key becomes one of that day and one of its month.
pub(super) fn from_1(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    carry_counters(&transaction)?;
    transaction.delete_table(DAILY_TOKENS)?;
    super::schema::put_version(&transaction, 2)?;
    Ok(transaction.commit()?)
}

fn carry_counters(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    let old = transaction.open_table(DAILY_TOKENS)?;
    let mut new = transaction.open_table(COUNTERS)?;
    let mut last = None;
    for row in old.iter()? {
        let (owner, window) = row?;
        let (day, tokens) = window.value();
        let Ok(day) = u32::try_from(day) else { continue };
        let key = if owner.value() == "gateway" { "" } else { owner.value() };
        for period in [day, MONTH | month(day)] {
            new.insert((period, key, ""), (tokens, 0, 0))?;
        }
        last = last.max(Some(day));
    }
    if let Some(day) = last {
        // There are no entries to prove these counters by.
        transaction.open_table(TOTALS)?.insert("carried_through", u64::from(day) + 1)?;
    }
    Ok(())
}

/// Months from January 1970 to that day, which is counted from 1970-01-01.
fn month(day: u32) -> u32 {
    let date = jiff::civil::date(1970, 1, 1).saturating_add(jiff::Span::new().days(i64::from(day.min(1_000_000))));
    u32::from(date.year().unsigned_abs()).saturating_sub(1970) * 12 + u32::from(date.month().unsigned_abs()) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_in_their_months() {
        for (day, year, of_year) in [(0, 1970, 1), (30, 1970, 1), (31, 1970, 2), (20_779, 2026, 11), (11_016, 2000, 2)]
        {
            assert_eq!(month(day), (year - 1970) * 12 + of_year - 1, "{day}");
        }
        assert!(month(u32::MAX) > 0);
    }
}
