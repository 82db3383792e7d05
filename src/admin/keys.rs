//! The calls that make, list, change, rotate and revoke keys.

use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use serde::Serialize;

use super::body;
use super::key_object::{KeyObject, WithSecret};
use super::problems::Problems;
use super::query::Parameters;
use super::response::{AdminResponse, ErrorBody, Refused, excerpt, not_found, storage_fault};
use super::{Admin, Settings};
use crate::keys::{IdempotentRequest, Key, KeyId, KeysError, Minted};

/// Names a request that may be repeated.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Its longest value.
const MAX_IDEMPOTENCY_KEY: usize = 255;

/// Tells that an answer is that of the same request before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// `POST /admin/keys`
pub(super) async fn create(
    admin: &Admin,
    settings: &Settings,
    head: &Parts,
    json: &[u8],
) -> Result<AdminResponse, Refused> {
    let request = idempotent(settings, &head.headers, json)?;
    let new = body::new_key(json, admin.now()).map_err(|problems| wrong(problems, "The key was not made"))?;
    let minted = match &request {
        Some(request) => admin.keys.mint_derived(new, request).await,
        None => admin.keys.mint(new).await,
    };
    let minted = minted.map_err(|error| refusal(&error))?;
    if !minted.repeated {
        let Key { id, label, .. } = &*minted.record;
        log::info!(key_id = id.as_str(), label = label.as_str(); "a key was made");
    }
    Ok(with_secret(StatusCode::CREATED, &minted))
}

/// `POST /admin/keys/{id}/rotate`
pub(super) async fn rotate(
    admin: &Admin,
    settings: &Settings,
    (head, id): (&Parts, &str),
    json: &[u8],
) -> Result<AdminResponse, Refused> {
    let id = known(admin, id)?.id.clone();
    let request = idempotent(settings, &head.headers, json)?;
    let grace = body::rotation(json).map_err(|problems| wrong(problems, "The key was not rotated"))?;
    let minted = match &request {
        Some(request) => admin.keys.rotate_derived(&id, grace, request).await,
        None => admin.keys.rotate(&id, grace).await,
    };
    let minted = minted.map_err(|error| refusal(&error))?;
    if !minted.repeated {
        log::info!(key_id = id.as_str(), grace_seconds = grace.as_secs(); "a key was rotated");
    }
    Ok(with_secret(StatusCode::OK, &minted))
}

/// `PATCH /admin/keys/{id}`
pub(super) async fn change(admin: &Admin, id: &str, json: &[u8]) -> Result<AdminResponse, Refused> {
    let id = known(admin, id)?.id.clone();
    let patch = body::changes(json, admin.now()).map_err(|problems| wrong(problems, "The key was not changed"))?;
    let key = admin.keys.update(&id, patch).await.map_err(|error| refusal(&error))?;
    log::info!(key_id = id.as_str(); "a key was changed");
    Ok(AdminResponse::json(StatusCode::OK, &KeyObject(&key)))
}

/// `DELETE /admin/keys/{id}`
pub(super) async fn revoke(admin: &Admin, id: &str) -> Result<AdminResponse, Refused> {
    #[derive(Serialize)]
    struct Deleted<'a> {
        id: &'a str,
        object: &'static str,
        deleted: bool,
    }
    let key = known(admin, id)?;
    let was_revoked = key.is_revoked();
    admin.keys.revoke(&key.id).await.map_err(|error| refusal(&error))?;
    if !was_revoked {
        log::info!(key_id = key.id.as_str(); "a key was revoked");
    }
    let body = Deleted { id: key.id.as_str(), object: "api_key.deleted", deleted: true };
    Ok(AdminResponse::json(StatusCode::OK, &body))
}

/// `GET /admin/keys/{id}`
pub(super) fn show(admin: &Admin, id: &str) -> Result<AdminResponse, Refused> {
    Ok(AdminResponse::json(StatusCode::OK, &KeyObject(&*known(admin, id)?)))
}

/// `GET /admin/keys`
pub(super) fn list(admin: &Admin, head: &Parts) -> Result<AdminResponse, Refused> {
    #[derive(Serialize)]
    struct Page<'a> {
        object: &'static str,
        data: Vec<KeyObject<'a>>,
        has_more: bool,
        next: Option<&'a str>,
    }
    let mut query = Parameters::new(head.uri.query(), &["limit", "after", "include_revoked"]);
    let limit = query.limit();
    let include_revoked = query.flag("include_revoked");
    let wanted = "the `next` of the page before";
    let after = query.read("after", wanted, KeyId::parse);
    let page = admin.keys.list(after.as_ref(), limit, include_revoked);
    if let (None, Some(after)) = (&page, &after) {
        query.wrong("after", wanted, after.as_str());
    }
    query.finish()?;
    let page = page.unwrap_or_default();
    let next = page.keys.last().filter(|_| page.has_more).map(|key| key.id.as_str());
    let data = page.keys.iter().map(|key| KeyObject(key)).collect();
    let body = Page { object: "list", data, has_more: page.has_more, next };
    Ok(AdminResponse::json(StatusCode::OK, &body))
}

/// The key that a path names.
pub(super) fn known(admin: &Admin, id: &str) -> Result<std::sync::Arc<Key>, Refused> {
    KeyId::parse(id).and_then(|id| admin.keys.get(&id)).ok_or_else(|| {
        let message = format!("There is no key {}. GET /admin/keys lists those there are.", excerpt(id));
        Box::new(not_found(message))
    })
}

fn with_secret(status: StatusCode, minted: &Minted) -> AdminResponse {
    let body = WithSecret { key: minted.key.expose(), object: KeyObject(&minted.record) };
    let response = AdminResponse::json(status, &body);
    if minted.repeated { response.with_header(REPLAYED, HeaderValue::from_static("true")) } else { response }
}

/// What makes a request one that may be repeated.
fn idempotent(settings: &Settings, headers: &HeaderMap, body: &[u8]) -> Result<Option<IdempotentRequest>, Refused> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let value = value.as_bytes();
    let is_good = (1..=MAX_IDEMPOTENCY_KEY).contains(&value.len()) && value.iter().all(u8::is_ascii_graphic);
    if !is_good || values.next().is_some() {
        let message = format!(
            "The header Idempotency-Key must be there once, with 1 to {MAX_IDEMPOTENCY_KEY} visible ASCII characters \
             and no blanks, such as a UUID."
        );
        let error = ErrorBody::request(message, "invalid_idempotency_key").with_param(Some("idempotency-key".into()));
        return Err(Box::new(error.into_response(StatusCode::BAD_REQUEST)));
    }
    Ok(Some(IdempotentRequest::new(&settings.master_key, value, body)))
}

pub(super) fn wrong(problems: Problems, lead: &str) -> Refused {
    Box::new(problems.into_response(lead))
}

pub(super) fn refusal(error: &KeysError) -> Refused {
    let conflict = |code| ErrorBody::request(sentence(error), code).into_response(StatusCode::CONFLICT);
    Box::new(match error {
        KeysError::NotFound { .. } => not_found(sentence(error)),
        KeysError::Revoked { .. } => conflict("key_revoked"),
        KeysError::OtherRequest => conflict("idempotency_key_reused"),
        KeysError::NotRepeatable { .. } => conflict("not_repeatable"),
        KeysError::Store(error) => storage_fault(error),
        KeysError::Record { .. } | KeysError::Random(_) | KeysError::Repeated { .. } => {
            log::error!(error:% = error; "a key could not be made or changed");
            ErrorBody::server(sentence(error), "storage_unavailable")
                .into_response(StatusCode::SERVICE_UNAVAILABLE)
                .with_retry_after(5)
        }
    })
}

/// An error as a sentence of its own.
fn sentence(error: &KeysError) -> String {
    let text = error.to_string();
    let mut chars = text.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", chars.as_str())
}
