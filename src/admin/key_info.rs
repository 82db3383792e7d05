//! What a client is told about its own key (`GET /v1/key`): what OpenRouter tells there, and the limits of this gateway.

use http::StatusCode;
use jiff::civil::Date;
use ovth_filters::money::PicoDollars;
use serde::Serialize;

use super::moment::{date_of_day, day_of, rfc3339};
use super::money::Usd;
use super::quotas::LimitRow;
use super::response::storage_fault_for_client;
use super::{Admin, AdminResponse};
use crate::keys::Key;
use crate::ledger::{GroupBy, LimitName, Payer, Room, Sums, UsageQuery, UsageRow};

/// The fields of OpenRouter's answer that mean something here, with its units: dollars, and times in RFC 3339.
/// <https://openrouter.ai/docs/api-reference/limits>
#[derive(Serialize)]
struct Info<'a> {
    id: &'a str,
    label: &'a str,
    limit: Option<Usd>,
    limit_remaining: Option<Usd>,
    limit_reset: Option<&'static str>,
    usage: Usd,
    usage_daily: Usd,
    usage_weekly: Usd,
    usage_monthly: Usd,
    byok_usage: u64,
    byok_usage_daily: u64,
    byok_usage_weekly: u64,
    byok_usage_monthly: u64,
    include_byok_in_limit: bool,
    is_free_tier: bool,
    is_management_key: bool,
    is_provisioning_key: bool,
    rate_limit: RateLimit,
    expires_at: Option<String>,
    tokens: Tokens,
    limits: Vec<LimitRow>,
}

#[derive(Serialize)]
struct RateLimit {
    requests: i64,
    interval: &'static str,
    note: &'static str,
}

/// Weighted tokens, as limits count them.
#[derive(Serialize)]
struct Tokens {
    today: u64,
    this_month: u64,
}

/// Sums of a key over the spans of time that are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Spent {
    ever: Sums,
    today: Part,
    this_week: Part,
    this_month: Part,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Part {
    tokens: u64,
    cost: PicoDollars,
}

impl Part {
    fn add(&mut self, sums: &Sums) {
        self.tokens = self.tokens.saturating_add(sums.charged_tokens);
        self.cost = self.cost + sums.cost;
    }
}

/// Answers `GET /v1/key`: `limits` are those that hold for the key now. What is used of them counts requests under way; `usage` and
/// `tokens` count those that are over.
pub async fn key_info(admin: &Admin, key: &Key, limits: Payer) -> AdminResponse {
    #[derive(Serialize)]
    struct Envelope<'a> {
        data: Info<'a>,
    }
    let now = admin.now();
    let (id, today) = (key.id.as_str().to_owned(), day_of(now));
    let read = admin.try_read(move |ledger| {
        let ever = UsageQuery { key: Some(id), ..UsageQuery::default() };
        let days = first_day(today)..=today;
        let recent = UsageQuery { days: Some(days), group_by: vec![GroupBy::Day], ..ever.clone() };
        Ok((ledger.usage(&ever)?.total, ledger.usage(&recent)?.rows))
    });
    let (ever, recent) = match read.await {
        Ok(read) => read,
        Err(error) => return storage_fault_for_client(&error),
    };
    let spent = Spent { ever, ..recently(&recent, today) };
    let rooms = admin.ledger.standing(&limits, now).rooms;
    let money = narrowest_money(&rooms);
    let per_minute = rooms.iter().find(|room| room.name == LimitName::RequestsPerMinute);
    let expires_at = key.settings.expires_at.or(admin.settings().quota.expires_at);
    let data = Info {
        id: key.id.as_str(),
        label: key.label.as_str(),
        limit: money.map(|room| Usd(PicoDollars(room.limit))),
        limit_remaining: money.map(|room| Usd(PicoDollars(room.left()))),
        limit_reset: money.map(|room| if room.name == LimitName::DailyUsd { "daily" } else { "monthly" }),
        usage: Usd(spent.ever.cost),
        usage_daily: Usd(spent.today.cost),
        usage_weekly: Usd(spent.this_week.cost),
        usage_monthly: Usd(spent.this_month.cost),
        byok_usage: 0,
        byok_usage_daily: 0,
        byok_usage_weekly: 0,
        byok_usage_monthly: 0,
        include_byok_in_limit: false,
        is_free_tier: false,
        is_management_key: false,
        is_provisioning_key: false,
        rate_limit: RateLimit {
            requests: per_minute.and_then(|room| i64::try_from(room.limit).ok()).unwrap_or(-1),
            interval: "1m",
            note: "Requests within any 60 seconds; -1: no limit.",
        },
        expires_at: expires_at.and_then(rfc3339),
        tokens: Tokens { today: spent.today.tokens, this_month: spent.this_month.tokens },
        limits: rooms.iter().map(LimitRow::from).collect(),
    };
    AdminResponse::json(StatusCode::OK, &Envelope { data })
}

/// The limit in money that has the least left.
fn narrowest_money(rooms: &[Room]) -> Option<&Room> {
    rooms.iter().filter(|room| room.name.is_money()).min_by_key(|room| room.left())
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

fn recently(rows: &[UsageRow], today: u32) -> Spent {
    let mut spent = Spent::default();
    let Some(date) = date_of_day(today) else { return spent };
    for row in rows {
        let day = row.day.unwrap_or_default();
        for (first, part) in [
            (today, &mut spent.today),
            (week_start(today, date), &mut spent.this_week),
            (month_start(today, date), &mut spent.this_month),
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
        let spent = recently(&rows, SUNDAY);
        assert_eq!((spent.today.tokens, spent.this_week.tokens, spent.this_month.tokens), (1, 11, 1111));
        assert_eq!(first_day(SUNDAY), SUNDAY - 21, "the first of the month");
        assert_eq!(first_day(SUNDAY + 10), SUNDAY + 8, "Monday before the first of December, a Tuesday");
    }
}
