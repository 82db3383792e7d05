//! The call that shows live counters, and what is left of each limit.

use std::sync::Arc;

use http::StatusCode;
use http::request::Parts;
use serde::Serialize;

use ovth_filters::money::PicoDollars;

use super::moment::unix;
use super::money::Usd;
use super::query::{MAX_LIMIT, Parameters};
use super::response::{AdminResponse, Refused, not_found};
use super::usage::KEY_ID;
use super::{Admin, Settings};
use crate::keys::KeyId;
use crate::ledger::{Amount, Payer, QuotaRow, Room, Scope};

/// One limit: money in dollars, all else in whole numbers.
#[derive(Serialize)]
pub(super) struct LimitRow {
    scope: &'static str,
    name: &'static str,
    limit: Quantity,
    used: Quantity,
    left: Quantity,
    resets_at: Option<u64>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Quantity {
    Whole(u64),
    Money(Usd),
}

impl From<&Room> for LimitRow {
    fn from(room: &Room) -> LimitRow {
        let quantity = |amount| {
            if room.name.is_money() { Quantity::Money(Usd(PicoDollars(amount))) } else { Quantity::Whole(amount) }
        };
        LimitRow {
            scope: match room.scope {
                Scope::Key => "key",
                Scope::Gateway => "gateway",
                Scope::EndUser => "end_user",
            },
            name: room.name.as_str(),
            limit: quantity(room.limit),
            used: quantity(room.used),
            left: quantity(room.left()),
            resets_at: room.resets_at.map(unix),
        }
    }
}

#[derive(Serialize)]
struct Set {
    tokens: u64,
    usd: Usd,
}

impl From<Amount> for Set {
    fn from(amount: Amount) -> Set {
        Set { tokens: amount.tokens, usd: Usd(amount.cost) }
    }
}

#[derive(Serialize)]
struct Spent {
    tokens: u64,
    usd: Usd,
    requests: u64,
}

#[derive(Serialize)]
struct Row<'a> {
    key: Option<&'a str>,
    end_user: Option<&'a str>,
    open: u64,
    reserved: Set,
    today: Spent,
    this_month: Spent,
    limits: Vec<LimitRow>,
}

impl<'a> From<&'a QuotaRow> for Row<'a> {
    fn from(row: &'a QuotaRow) -> Row<'a> {
        let spent = |amount: Amount, requests| Spent { tokens: amount.tokens, usd: Usd(amount.cost), requests };
        Row {
            key: row.key.as_deref(),
            end_user: row.end_user.as_deref(),
            open: row.open,
            reserved: row.reserved.into(),
            today: spent(row.today, row.requests_today),
            this_month: spent(row.this_month, row.requests_this_month),
            limits: row.rooms.iter().map(LimitRow::from).collect(),
        }
    }
}

/// `GET /admin/quotas`
pub(super) async fn quotas(admin: &Admin, settings: Settings, head: &Parts) -> Result<AdminResponse, Refused> {
    let mut query = Parameters::new(head.uri.query(), &["key", "limit", "cursor"]);
    let only = query.read("key", KEY_ID, KeyId::parse);
    let limit = query.limit_or(MAX_LIMIT);
    let after = query.text("cursor");
    query.finish()?;
    if let Some(id) = &only
        && admin.keys.get(id).is_none()
    {
        let message = format!("There is no key {id}. GET /admin/keys lists those there are.");
        return Err(Box::new(not_found(message)));
    }
    let (keys, now) = (Arc::clone(&admin.keys), admin.now());
    let page = admin
        .read(move |ledger| {
            let payer = |id: &KeyId, end_user| Some(Payer::of(&*keys.get(id)?, &settings.quota, end_user));
            let mut rows = ledger.quotas(&|id| payer(id, Some("")), now);
            if let Some(id) = &only {
                rows.retain(|row| row.key.as_deref() == Some(id.as_str()));
                if rows.iter().all(|row| row.end_user.is_some()) {
                    let rooms = payer(id, None).map(|payer| ledger.standing(&payer, now).rooms);
                    rows.insert(0, unused(id, rooms.unwrap_or_default()));
                }
            }
            Ok(Page::of(rows, after.as_deref(), limit))
        })
        .await?;
    Ok(page.into_response())
}

/// Some of the rows, in the order of their names.
struct Page {
    rows: Vec<QuotaRow>,
    has_more: bool,
}

impl Page {
    fn of(mut rows: Vec<QuotaRow>, after: Option<&str>, limit: usize) -> Page {
        if let Some(after) = after.map(name_of) {
            rows.retain(|row| name(row) > after);
        }
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        Page { rows, has_more }
    }

    fn into_response(self) -> AdminResponse {
        #[derive(Serialize)]
        struct List<'a> {
            object: &'static str,
            data: Vec<Row<'a>>,
            has_more: bool,
            next: Option<String>,
        }
        let next = self.rows.last().filter(|_| self.has_more).map(cursor);
        let data = self.rows.iter().map(Row::from).collect();
        AdminResponse::json(StatusCode::OK, &List { object: "list", data, has_more: self.has_more, next })
    }
}

/// What a row is named by: nothing (the gateway), a key, or a key and its end user.
type Name<'a> = (Option<&'a str>, Option<&'a str>);

fn name(row: &QuotaRow) -> Name<'_> {
    (row.key.as_deref(), row.end_user.as_deref())
}

/// The name as one text, and back. Ids of keys have no slash in them.
fn cursor(row: &QuotaRow) -> String {
    match name(row) {
        (key, Some(end_user)) => format!("{}/{end_user}", key.unwrap_or_default()),
        (key, None) => key.unwrap_or_default().to_owned(),
    }
}

fn name_of(cursor: &str) -> Name<'_> {
    match cursor.split_once('/') {
        Some((key, end_user)) => (Some(key), Some(end_user)),
        None => (Some(cursor).filter(|key| !key.is_empty()), None),
    }
}

/// The counters of a key that was not used this month.
fn unused(id: &KeyId, mut rooms: Vec<Room>) -> QuotaRow {
    rooms.retain(|room| room.scope == Scope::Key);
    let nothing = Amount::default();
    QuotaRow {
        key: Some(id.as_str().to_owned()),
        end_user: None,
        open: 0,
        reserved: nothing,
        today: nothing,
        this_month: nothing,
        requests_today: 0,
        requests_this_month: 0,
        rooms,
    }
}
