//! What keys have spent over the spans of time that a hosted router tells.

use std::collections::HashMap;

use jiff::civil::Date;
use ovth_filters::money::PicoDollars;

use crate::admin::Admin;
use crate::admin::moment::{date_of_day, day_of};
use crate::ledger::{GroupBy, Sums, UsageQuery, UsageRow};
use crate::store::StoreError;

/// Sums of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::admin) struct Spent {
    pub(in crate::admin) ever: PicoDollars,
    pub(in crate::admin) today: Part,
    pub(in crate::admin) this_week: Part,
    pub(in crate::admin) this_month: Part,
}

/// Sums of a span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::admin) struct Part {
    pub(in crate::admin) tokens: u64,
    pub(in crate::admin) cost: PicoDollars,
}

impl Part {
    fn add(&mut self, sums: &Sums) {
        self.tokens = self.tokens.saturating_add(sums.charged_tokens);
        self.cost = self.cost + sums.cost;
    }
}

/// What one key has spent, or each of all keys, by its id.
///
/// # Errors
/// When the ledger cannot be read.
pub(in crate::admin) async fn spent(admin: &Admin, key: Option<&str>) -> Result<HashMap<String, Spent>, StoreError> {
    let today = day_of(admin.now());
    let ever = UsageQuery { key: key.map(str::to_owned), group_by: vec![GroupBy::Key], ..UsageQuery::default() };
    let days = first_day(today)..=today;
    let recent = UsageQuery { days: Some(days), group_by: vec![GroupBy::Day, GroupBy::Key], ..ever.clone() };
    let read = admin.try_read(move |ledger| Ok((ledger.usage(&ever)?.rows, ledger.usage(&recent)?.rows)));
    let (ever, recent) = read.await?;
    let mut spent = recently(&recent, today);
    for UsageRow { key, sums, .. } in ever {
        spent.entry(key.unwrap_or_default()).or_default().ever = sums.cost;
    }
    Ok(spent)
}

/// The first day of the week (Monday) or of the month that a day is in, whichever is earlier.
fn first_day(today: u32) -> u32 {
    date_of_day(today).map_or(today, |date| week_start(today, date).min(month_start(today, date)))
}

fn week_start(today: u32, date: Date) -> u32 {
    today.saturating_sub(u32::from(date.weekday().to_monday_zero_offset().unsigned_abs()))
}

fn month_start(today: u32, date: Date) -> u32 {
    today.saturating_sub(u32::from(date.day().unsigned_abs()).saturating_sub(1))
}

fn recently(rows: &[UsageRow], today: u32) -> HashMap<String, Spent> {
    let mut spent: HashMap<String, Spent> = HashMap::new();
    let Some(date) = date_of_day(today) else { return spent };
    for row in rows {
        let day = row.day.unwrap_or_default();
        let of_key = spent.entry(row.key.clone().unwrap_or_default()).or_default();
        for (first, part) in [
            (today, &mut of_key.today),
            (week_start(today, date), &mut of_key.this_week),
            (month_start(today, date), &mut of_key.this_month),
        ] {
            if (first..=today).contains(&day) {
                part.add(&row.sums);
            }
        }
    }
    spent
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22, a Sunday.
    const SUNDAY: u32 = 20_779;

    #[test]
    fn weeks_begin_on_monday_and_months_on_the_first() {
        assert_eq!(date_of_day(SUNDAY).map(|date| date.to_string()).as_deref(), Some("2026-11-22"));
        let row = |day, tokens| UsageRow {
            day: Some(day),
            key: Some("k".to_owned()),
            sums: Sums { charged_tokens: tokens, cost: PicoDollars(tokens), ..Sums::default() },
            ..UsageRow::default()
        };
        let rows = [
            row(SUNDAY - 22, 10_000),
            row(SUNDAY - 21, 1000),
            row(SUNDAY - 7, 100),
            row(SUNDAY - 6, 10),
            row(SUNDAY, 1),
        ];
        let spent = recently(&rows, SUNDAY).remove("k").unwrap_or_default();
        assert_eq!((spent.today.tokens, spent.this_week.tokens, spent.this_month.tokens), (1, 11, 1111));
        assert_eq!(first_day(SUNDAY), SUNDAY - 21, "the first of the month");
        assert_eq!(first_day(SUNDAY + 10), SUNDAY + 8, "Monday before the first of December, a Tuesday");
    }
}
