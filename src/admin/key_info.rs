//! What a client is told about its own key (`GET /v1/key`): what OpenRouter tells there, and the limits of this gateway.

use http::StatusCode;
use ovth_filters::money::PicoDollars;
use serde::Serialize;

use super::moment::rfc3339;
use super::money::Usd;
use super::quotas::LimitRow;
use super::response::storage_fault_for_client;
use super::router::spent;
use super::{Admin, AdminResponse};
use crate::keys::Key;
use crate::ledger::{LimitName, Payer, Room};

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
    creator_user_id: Option<()>,
    organization_id: Option<()>,
    workspace_id: Option<()>,
    allowed_data_regions: [&'static str; 0],
    budgets: [(); 0],
    effective_budget: Option<()>,
    free_model_daily_requests: FreeRequests,
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

/// What a router gives to those who pay nothing, of which there are none here.
#[derive(Default, Serialize)]
struct FreeRequests {
    limit: u64,
    remaining: u64,
    used: u64,
}

/// Answers `GET /v1/key`: `limits` are those that hold for the key now. What is used of them counts requests under way; `usage` and
/// `tokens` count those that are over.
pub async fn key_info(admin: &Admin, key: &Key, limits: Payer) -> AdminResponse {
    #[derive(Serialize)]
    struct Envelope<'a> {
        data: Info<'a>,
    }
    let now = admin.now();
    let id = key.id.as_str();
    let spent = match spent(admin, Some(id)).await {
        Ok(mut spent) => spent.remove(id).unwrap_or_default(),
        Err(error) => return storage_fault_for_client(&error),
    };
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
        usage: Usd(spent.ever),
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
        creator_user_id: None,
        organization_id: None,
        workspace_id: None,
        allowed_data_regions: [],
        budgets: [],
        effective_budget: None,
        free_model_daily_requests: FreeRequests::default(),
        tokens: Tokens { today: spent.today.tokens, this_month: spent.this_month.tokens },
        limits: rooms.iter().map(LimitRow::from).collect(),
    };
    AdminResponse::json(StatusCode::OK, &Envelope { data })
}

/// The limit in money that has the least left.
fn narrowest_money(rooms: &[Room]) -> Option<&Room> {
    rooms.iter().filter(|room| room.name.is_money()).min_by_key(|room| room.left())
}
