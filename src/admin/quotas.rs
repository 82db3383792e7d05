//! The call that shows live counters, and what is left of each limit.

use std::sync::Arc;

use http::StatusCode;
use http::request::Parts;
use serde::Serialize;

use ovth_filters::money::PicoDollars;

use super::moment::unix;
use super::money::Usd;
use super::query::Parameters;
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
    let mut query = Parameters::new(head.uri.query(), &["key"]);
    let only = query.read("key", KEY_ID, KeyId::parse);
    query.finish()?;
    if let Some(id) = &only
        && admin.keys.get(id).is_none()
    {
        let message = format!("There is no key {id}. GET /admin/keys lists those there are.");
        return Err(Box::new(not_found(message)));
    }
    let (keys, now) = (Arc::clone(&admin.keys), admin.now());
    let rows = admin
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
            Ok(rows)
        })
        .await?;
    Ok(json(&rows))
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

fn json(rows: &[QuotaRow]) -> AdminResponse {
    #[derive(Serialize)]
    struct List<'a> {
        object: &'static str,
        data: Vec<Row<'a>>,
    }
    AdminResponse::json(StatusCode::OK, &List { object: "list", data: rows.iter().map(Row::from).collect() })
}
