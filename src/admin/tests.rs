//! Tests of the admin API as its callers see it: statuses, headers, bodies.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::time::SystemTime;

use http::header::{AUTHORIZATION, CACHE_CONTROL};
use serde_json::Value;
use tempfile::TempDir;

use crate::store::Store;

use super::*;

const MASTER: &str = "ovth_master_0123456789abcdef0123456789abcdef";

struct House {
    store: Arc<Store>,
    keys: Arc<Keys>,
    admin: Admin,
    _folder: TempDir,
}

fn house() -> House {
    let folder = TempDir::new().unwrap();
    let store = Arc::new(Store::open(folder.path()).unwrap());
    let keys = Arc::new(Keys::open(Arc::clone(&store)).unwrap());
    let admin = Admin::new(Secret::new(MASTER), Arc::clone(&keys));
    House { store, keys, admin, _folder: folder }
}

fn authorized(token: &str) -> HeaderMap {
    HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap())])
}

fn json(response: &AdminResponse) -> Value {
    assert_eq!(response.headers.get(CACHE_CONTROL).unwrap(), "no-store");
    serde_json::from_slice(response.bytes()).unwrap()
}

async fn ask(admin: &Admin, method: &Method, path: &str, headers: &HeaderMap, body: &[u8]) -> AdminResponse {
    let mut request = http::Request::builder().method(method).uri(path).body(()).unwrap();
    *request.headers_mut() = headers.clone();
    let (head, ()) = request.into_parts();
    match handle(admin, &head, None).await {
        Some(response) => response,
        None => handle(admin, &head, Some(body)).await.unwrap(),
    }
}

async fn post(admin: &Admin, token: &str, body: &str) -> AdminResponse {
    ask(admin, &Method::POST, "/admin/keys", &authorized(token), body.as_bytes()).await
}

#[tokio::test]
async fn a_key_is_made_and_works() {
    let house = house();
    let response = post(&house.admin, MASTER, r#"{"label":"cursor","quota":{"daily_tokens":100000}}"#).await;
    assert_eq!(response.status, StatusCode::CREATED);
    let body = json(&response);
    let key = house.keys.authenticate(body["key"].as_str().unwrap().as_bytes(), SystemTime::now()).unwrap();
    assert_eq!(body["id"], key.id.as_str());
    assert_eq!(body["object"], "api_key");
    assert_eq!(body["label"], "cursor");
    assert_eq!(body["quota"]["daily_tokens"], 100_000);
    assert_eq!(body["created_at"], key.created_at);
    assert!(!format!("{response:?} {:?}", house.admin).contains("ovth_"));
}

#[tokio::test]
async fn without_a_quota_the_answer_says_null() {
    let house = house();
    let response = post(&house.admin, MASTER, r#"{"label":"a"}"#).await;
    assert_eq!(json(&response)["quota"]["daily_tokens"], Value::Null);
}

#[tokio::test]
async fn only_the_master_key_opens_it() {
    let house = house();
    let minted = post(&house.admin, MASTER, r#"{"label":"a"}"#).await;
    let client_key = json(&minted)["key"].as_str().unwrap().to_owned();
    let longer = format!("{MASTER}x");
    let shorter = MASTER.strip_suffix('f').unwrap();
    for token in ["", "x", &client_key, &longer, shorter] {
        let response = post(&house.admin, token, r#"{"label":"b"}"#).await;
        assert_eq!(response.status, StatusCode::UNAUTHORIZED, "{token}");
        assert_eq!(response.headers.get(WWW_AUTHENTICATE).unwrap(), "Bearer");
        assert_eq!(json(&response)["error"]["code"], "invalid_api_key");
        assert_eq!(json(&response)["error"]["type"], "invalid_request_error");
    }
    let mut headers = HeaderMap::new();
    headers.insert("x-api-key", HeaderValue::from_static(MASTER));
    let response = ask(&house.admin, &Method::POST, "/admin/keys", &headers, b"{}").await;
    assert_eq!(response.status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.keys.len(), 1);
}

#[tokio::test]
async fn a_wrong_body_is_explained() {
    let house = house();
    let response = post(&house.admin, MASTER, r#"{"lable":"a"}"#).await;
    assert_eq!(response.status, StatusCode::BAD_REQUEST);
    let error = &json(&response)["error"];
    assert_eq!(error["type"], "invalid_request_error");
    assert_eq!(error["param"], "lable");
    assert_eq!(error["code"], "unknown_parameter");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("did you mean `label`?") && message.contains("`label` is missing"), "{message}");
    assert_eq!(house.keys.len(), 0);
}

#[tokio::test]
async fn other_methods_and_paths_are_told_what_there_is() {
    let house = house();
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS, Method::HEAD] {
        let response = ask(&house.admin, &method, "/admin/keys", &authorized(MASTER), b"").await;
        assert_eq!(response.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers.get(ALLOW).unwrap(), "POST");
        assert_eq!(json(&response)["error"]["code"], "method_not_allowed");
    }
    for path in ["/admin", "/admin/", "/admin/keys/", "/admin/users"] {
        let response = ask(&house.admin, &Method::POST, path, &authorized(MASTER), b"").await;
        assert_eq!(response.status, StatusCode::NOT_FOUND, "{path}");
        assert!(json(&response)["error"]["message"].as_str().unwrap().contains("POST /admin/keys"));
    }
}

#[tokio::test]
async fn a_storage_fault_is_503_and_says_why() {
    let house = house();
    assert_eq!(Checks::now(&house.store, Drain::Serving).store, StoreCheck::Ok);
    house.store.shutdown().unwrap();
    assert_eq!(Checks::now(&house.store, Drain::Serving).store, StoreCheck::Failed);
    let response = post(&house.admin, MASTER, r#"{"label":"a"}"#).await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    let body = json(&response);
    assert_eq!(body["error"]["code"], "storage_unavailable");
    assert_eq!(body["error"]["type"], "server_error");
    assert_eq!(post(&house.admin, "wrong", r#"{"label":"a"}"#).await.status, StatusCode::UNAUTHORIZED);
}
