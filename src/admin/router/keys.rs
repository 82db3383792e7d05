//! `/v1/keys` and below: our keys in a hosted router's form, for whoever holds the master key, which stands for its management key.
//! <https://openrouter.ai/docs/api-reference/api-keys/list-api-keys>

use std::sync::Arc;

use http::request::Parts;
use http::{Method, StatusCode};
use ovth_filters::money::PicoDollars;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Spent, in_form, refused, spent};
use crate::admin::keys::{known, refusal, wrong};
use crate::admin::moment::rfc3339;
use crate::admin::money::Usd;
use crate::admin::response::{Refused, storage_fault};
use crate::admin::{Admin, AdminResponse, Settings, body};
use crate::keys::{Key, Minted};
use crate::ledger::{LimitName, Payer};

/// Keys of one page.
const PAGE: usize = 100;

/// No key lies further in the list.
const MAX_OFFSET: usize = 100_000;

/// Answers a request to the list of keys, or to one of them. First asked without a body: `None` says that the request is in order so far, and
/// that its body is to be given. With one there always is an answer.
pub async fn keys(admin: &Admin, head: &Parts, hash: Option<&str>, body: Option<&[u8]>) -> Option<AdminResponse> {
    let settings = admin.settings();
    let from = head.extensions.get().copied();
    if let Err(refused) = admin.gate.admit(&settings.master_key, &head.headers, from).await {
        return Some(in_form(*refused));
    }
    let wants_body = head.method == Method::POST || head.method == Method::PATCH;
    let body = match body {
        Some(body) => body,
        None if wants_body => return None,
        None => b"",
    };
    let answered = match (hash, head.method.as_str()) {
        (None, "POST") => create(admin, &settings, body).await,
        (None, _) => list(admin, &settings, head.uri.query()).await,
        (Some(hash), "PATCH") => change(admin, &settings, (hash, body)).await,
        (Some(hash), "DELETE") => delete(admin, hash).await,
        (Some(hash), _) => show(admin, &settings, hash).await,
    };
    Some(answered.unwrap_or_else(|refused| in_form(*refused)))
}

/// What a body says of a key. Other fields of the router's mean nothing here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wanted {
    name: Option<String>,
    #[serde(deserialize_with = "said")]
    limit: Option<Box<RawValue>>,
    limit_reset: Option<String>,
    #[serde(deserialize_with = "said")]
    expires_at: Option<Box<RawValue>>,
    disabled: Option<bool>,
}

/// A value that is there, `null` too.
fn said<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

/// The same as a body of the admin API.
#[derive(Serialize)]
struct Said<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quota: Option<Quota<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Quota<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    daily_usd: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    monthly_usd: Option<&'a RawValue>,
}

/// Reads a body, and says it in the admin API's words.
fn translated(json: &[u8]) -> Result<Vec<u8>, Refused> {
    let bad = |message: &str| Box::new(refused(StatusCode::BAD_REQUEST, message, "invalid_request"));
    let example = r#"The body must be a JSON object like {"name":"cursor","limit":10,"limit_reset":"monthly"}"#;
    if !json.trim_ascii_start().starts_with(b"{") {
        return Err(bad(&format!("{example}.")));
    }
    let wanted: Wanted = serde_json::from_slice(json).map_err(|error| bad(&format!("{example}: {error}.")))?;
    if wanted.disabled == Some(true) {
        return Err(bad("`disabled` cannot be true: a key is ended for good with DELETE, and there is no way back."));
    }
    let limit = wanted.limit.as_deref();
    let quota = match (limit, wanted.limit_reset.as_deref()) {
        (None, None) => None,
        (Some(limit), None) if limit.get() == "null" => {
            Some(Quota { daily_usd: Some(limit), monthly_usd: Some(limit) })
        }
        (Some(_), Some("daily")) => Some(Quota { daily_usd: limit, monthly_usd: Some(RawValue::NULL) }),
        (Some(_), Some("monthly")) => Some(Quota { daily_usd: Some(RawValue::NULL), monthly_usd: limit }),
        (None, Some(_)) => return Err(bad("`limit_reset` says when `limit` begins anew: send both.")),
        (Some(_), _) => {
            return Err(bad(
                "`limit_reset` must be `daily` or `monthly` where there is a `limit`: no other spans are counted here.",
            ));
        }
    };
    let said = Said { label: wanted.name.as_deref(), quota, expires_at: wanted.expires_at.as_deref() };
    Ok(serde_json::to_vec(&said).expect("texts and values that were JSON are JSON"))
}

async fn create(admin: &Admin, settings: &Settings, json: &[u8]) -> Result<AdminResponse, Refused> {
    #[derive(Serialize)]
    struct Created<'a> {
        data: KeyObject<'a>,
        key: &'a str,
    }
    let said = translated(json)?;
    let new = body::new_key(&said, admin.now()).map_err(|problems| wrong(problems, "The key was not made"))?;
    let Minted { key, record, .. } = admin.keys.mint(new).await.map_err(|error| refusal(&error))?;
    log::info!(key_id = record.id.as_str(), label = record.label.as_str(); "a key was made");
    let data = KeyObject::of(admin, settings, &record, Spent::default());
    Ok(AdminResponse::json(StatusCode::CREATED, &Created { data, key: key.expose() }))
}

async fn change(admin: &Admin, settings: &Settings, (hash, json): (&str, &[u8])) -> Result<AdminResponse, Refused> {
    let id = known(admin, hash)?.id.clone();
    let patch = body::changes(&translated(json)?, admin.now())
        .map_err(|problems| wrong(problems, "The key was not changed"))?;
    admin.keys.update(&id, patch).await.map_err(|error| refusal(&error))?;
    log::info!(key_id = id.as_str(); "a key was changed");
    show(admin, settings, hash).await
}

async fn delete(admin: &Admin, hash: &str) -> Result<AdminResponse, Refused> {
    #[derive(Serialize)]
    struct Deleted {
        deleted: bool,
    }
    let key = known(admin, hash)?;
    let was_revoked = key.is_revoked();
    admin.keys.revoke(&key.id).await.map_err(|error| refusal(&error))?;
    if !was_revoked {
        log::info!(key_id = key.id.as_str(); "a key was revoked");
    }
    Ok(AdminResponse::json(StatusCode::OK, &Deleted { deleted: true }))
}

async fn show(admin: &Admin, settings: &Settings, hash: &str) -> Result<AdminResponse, Refused> {
    let key = known(admin, hash)?;
    let mut spent = spent(admin, Some(key.id.as_str())).await.map_err(|error| Box::new(storage_fault(&error)))?;
    let own = spent.remove(key.id.as_str()).unwrap_or_default();
    Ok(AdminResponse::json(StatusCode::OK, &Data { data: KeyObject::of(admin, settings, &key, own) }))
}

async fn list(admin: &Admin, settings: &Settings, query: Option<&str>) -> Result<AdminResponse, Refused> {
    let asked = |name: &str| {
        let mut pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let offset = asked("offset").and_then(|offset| offset.parse::<usize>().ok()).unwrap_or(0).min(MAX_OFFSET);
    let include_revoked = asked("include_disabled").is_some_and(|include| matches!(include.as_str(), "true" | "1"));
    let page = admin.keys.list(None, offset.saturating_add(PAGE), include_revoked).unwrap_or_default();
    let spent = spent(admin, None).await.map_err(|error| Box::new(storage_fault(&error)))?;
    let of = |key: &Arc<Key>| spent.get(key.id.as_str()).copied().unwrap_or_default();
    let data: Vec<KeyObject<'_>> =
        page.keys.iter().skip(offset).map(|key| KeyObject::of(admin, settings, key, of(key))).collect();
    Ok(AdminResponse::json(StatusCode::OK, &Data { data }))
}

#[derive(Serialize)]
struct Data<T> {
    data: T,
}

/// A key as a router shows it. Our id stands for the hash of its secret.
#[derive(Serialize)]
struct KeyObject<'a> {
    hash: &'a str,
    name: &'a str,
    label: &'a str,
    disabled: bool,
    limit: Option<Usd>,
    limit_remaining: Option<Usd>,
    limit_reset: Option<&'static str>,
    include_byok_in_limit: bool,
    usage: Usd,
    usage_daily: Usd,
    usage_weekly: Usd,
    usage_monthly: Usd,
    byok_usage: u64,
    byok_usage_daily: u64,
    byok_usage_weekly: u64,
    byok_usage_monthly: u64,
    created_at: String,
    updated_at: Option<String>,
    expires_at: Option<String>,
    external_user: Option<()>,
    creator_user_id: Option<()>,
    workspace_id: &'static str,
}

impl<'a> KeyObject<'a> {
    fn of(admin: &Admin, settings: &Settings, key: &'a Arc<Key>, spent: Spent) -> KeyObject<'a> {
        let rooms = admin.ledger.standing(&Payer::of(key, &settings.quota, None), admin.now()).rooms;
        let money = rooms.iter().filter(|room| room.name.is_money()).min_by_key(|room| room.left());
        KeyObject {
            hash: key.id.as_str(),
            name: key.label.as_str(),
            label: key.label.as_str(),
            disabled: key.is_revoked(),
            limit: money.map(|room| Usd(PicoDollars(room.limit))),
            limit_remaining: money.map(|room| Usd(PicoDollars(room.left()))),
            limit_reset: money.map(|room| if room.name == LimitName::DailyUsd { "daily" } else { "monthly" }),
            include_byok_in_limit: false,
            usage: Usd(spent.ever),
            usage_daily: Usd(spent.today.cost),
            usage_weekly: Usd(spent.this_week.cost),
            usage_monthly: Usd(spent.this_month.cost),
            byok_usage: 0,
            byok_usage_daily: 0,
            byok_usage_weekly: 0,
            byok_usage_monthly: 0,
            created_at: rfc3339(key.created_at).unwrap_or_default(),
            updated_at: key.rotated_at.and_then(rfc3339),
            expires_at: key.settings.expires_at.and_then(rfc3339),
            external_user: None,
            creator_user_id: None,
            workspace_id: "default",
        }
    }
}
