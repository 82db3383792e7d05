//! The calls that list single exchanges, and show one.

use http::StatusCode;
use http::request::Parts;
use serde::Serialize;

use super::Admin;
use super::moment::{Moment, rfc3339_ms};
use super::money::Usd;
use super::query::Parameters;
use super::response::{AdminResponse, Refused, excerpt, not_found};
use super::usage::{KEY_ID, Tokens};
use crate::keys::KeyId;
use crate::ledger::{App, AttemptEntry, Entry, EntryFilter};
use ovth_filters::money::PicoDollars;

const PARAMETERS: [&str; 11] =
    ["limit", "cursor", "order", "since", "until", "key", "model", "provider", "route", "end_user", "outcome"];

/// The longest id of an exchange.
const MAX_ID: usize = 256;

/// An exchange as JSON shows it.
#[derive(Serialize)]
struct EntryObject<'a> {
    id: u64,
    object: &'static str,
    request_id: &'a str,
    upstream_request_id: Option<&'a str>,
    started_at: Option<String>,
    started_at_ms: u64,
    key_id: &'a str,
    end_user: Option<&'a str>,
    app: AppObject<'a>,
    operation: &'a str,
    shape: &'a str,
    upstream_shape: Option<&'a str>,
    stream: bool,
    route: Option<&'a str>,
    provider: Option<&'a str>,
    model_asked: Option<&'a str>,
    model: Option<&'a str>,
    attempts: Vec<AttemptObject<'a>>,
    status: Option<u16>,
    outcome: &'a str,
    tokens: Option<Tokens>,
    web_searches: u64,
    usage_source: &'static str,
    charged_tokens: u64,
    cost_usd: Option<Usd>,
    cost_known: bool,
    price_source: Option<&'a str>,
    service_class: Option<&'a str>,
    time_to_first_token_ms: Option<u64>,
    duration_ms: u64,
    finish_reason: Option<&'a str>,
    bytes_in: u64,
    bytes_out: u64,
    cache_break: Option<&'a str>,
}

#[derive(Serialize)]
struct AppObject<'a> {
    referer: Option<&'a str>,
    title: Option<&'a str>,
    user_agent: Option<&'a str>,
}

impl<'a> From<&'a App> for AppObject<'a> {
    fn from(app: &'a App) -> AppObject<'a> {
        AppObject {
            referer: app.referer.as_deref(),
            title: app.title.as_deref(),
            user_agent: app.user_agent.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct AttemptObject<'a> {
    provider: &'a str,
    model: &'a str,
    outcome: &'a str,
    status: Option<u16>,
}

impl<'a> From<&'a AttemptEntry> for AttemptObject<'a> {
    fn from(attempt: &'a AttemptEntry) -> AttemptObject<'a> {
        AttemptObject {
            provider: &attempt.provider,
            model: &attempt.model,
            outcome: &attempt.outcome,
            status: attempt.status,
        }
    }
}

impl<'a> From<&'a Entry> for EntryObject<'a> {
    fn from(entry: &'a Entry) -> EntryObject<'a> {
        // Where nothing was spent the cost is known: it is nothing.
        let cost = entry.cost.or_else(|| entry.usage.is_none().then_some(PicoDollars::ZERO));
        EntryObject {
            id: entry.id,
            object: "exchange",
            request_id: &entry.request_id,
            upstream_request_id: entry.upstream_request_id.as_deref(),
            started_at: rfc3339_ms(entry.started_at_ms),
            started_at_ms: entry.started_at_ms,
            key_id: &entry.key_id,
            end_user: entry.end_user.as_deref(),
            app: AppObject::from(&entry.app),
            operation: &entry.operation,
            shape: &entry.shape,
            upstream_shape: entry.upstream_shape.as_deref(),
            stream: entry.stream,
            route: entry.route.as_deref(),
            provider: entry.provider.as_deref(),
            model_asked: entry.model_asked.as_deref(),
            model: entry.model.as_deref(),
            attempts: entry.attempts.iter().map(AttemptObject::from).collect(),
            status: entry.status,
            outcome: &entry.outcome,
            tokens: entry.usage.as_ref().map(Tokens::from),
            web_searches: entry.usage.map_or(0, |usage| usage.web_searches),
            usage_source: entry.usage_source.as_str(),
            charged_tokens: entry.charged_tokens,
            cost_usd: cost.map(Usd),
            cost_known: cost.is_some(),
            price_source: entry.price_source.as_deref(),
            service_class: entry.service_class.as_deref(),
            time_to_first_token_ms: entry.time_to_first_token_ms,
            duration_ms: entry.duration_ms,
            finish_reason: entry.finish_reason.as_deref(),
            bytes_in: entry.bytes_in,
            bytes_out: entry.bytes_out,
            cache_break: entry.cache_break.as_deref(),
        }
    }
}

/// An exchange as `GET /admin/exchanges/{id}` shows it, for exports of a database that no gateway has open.
#[must_use]
pub fn exchange_json(entry: &Entry) -> String {
    serde_json::to_string(&EntryObject::from(entry)).expect("an entry has no maps with keys that are no text")
}

/// `GET /admin/exchanges`
pub(super) async fn list(admin: &Admin, head: &Parts) -> Result<AdminResponse, Refused> {
    #[derive(Serialize)]
    struct Page<'a> {
        object: &'static str,
        data: Vec<EntryObject<'a>>,
        has_more: bool,
        next: Option<String>,
    }
    let filter = filter(admin, head)?;
    let page = admin.read(move |ledger| ledger.entries(&filter)).await?;
    let body = Page {
        object: "list",
        data: page.entries.iter().map(EntryObject::from).collect(),
        has_more: page.next.is_some(),
        next: page.next.map(|next| next.to_string()),
    };
    Ok(AdminResponse::json(StatusCode::OK, &body))
}

fn filter(admin: &Admin, head: &Parts) -> Result<EntryFilter, Refused> {
    let mut query = Parameters::new(head.uri.query(), &PARAMETERS);
    let limit = query.limit();
    let cursor = query.read("cursor", "the `next` of the page before", |text| text.parse::<u64>().ok());
    let oldest_first = query.read("order", "asc (oldest first) or desc (newest first)", |text| match text {
        "asc" => Some(true),
        "desc" => Some(false),
        _ => None,
    });
    let oldest_first = oldest_first.unwrap_or(false);
    let (since, until) = query.span(admin.now());
    let filter = EntryFilter {
        limit,
        before: cursor.filter(|_| !oldest_first),
        after: oldest_first.then(|| cursor.unwrap_or(0)),
        since_ms: since.map(Moment::begin_ms),
        until_ms: until.map(Moment::end_ms),
        key: query.read("key", KEY_ID, KeyId::parse).map(|key| key.as_str().to_owned()),
        model: query.text("model"),
        provider: query.text("provider"),
        route: query.text("route"),
        end_user: query.text("end_user"),
        outcome: query.text("outcome"),
    };
    query.finish()?;
    Ok(filter)
}

/// `GET /admin/exchanges/{id}`
pub(super) async fn show(admin: &Admin, id: &str) -> Result<AdminResponse, Refused> {
    let sought = id.to_owned();
    let entry = if id.len() > MAX_ID { None } else { admin.read(move |ledger| ledger.entry(&sought)).await? };
    match entry {
        Some(entry) => Ok(AdminResponse::json(StatusCode::OK, &EntryObject::from(&entry))),
        None => {
            let message = format!(
                "There is no exchange {}: give its number or its request id (`x-request-id` of the answer). It may \
                 be under way still, or have been deleted by `retention`.",
                excerpt(id)
            );
            Err(Box::new(not_found(message)))
        }
    }
}
