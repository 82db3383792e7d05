//! Tests of the admin API as its callers see it: statuses, headers, bodies.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use serde_json::Value;
use tempfile::TempDir;

use std::path::Path;

use crate::reload::Condition;
use crate::store::Store;

use super::*;

mod client;
mod config;
mod keys;
mod ledger;
mod log;
mod openapi;
mod schema;

const MASTER: &str = "ovth_master_0123456789abcdef0123456789abcdef";

struct House {
    store: Arc<Store>,
    keys: Arc<Keys>,
    admin: Admin,
    folder: TempDir,
}

fn house() -> House {
    house_with(Quota::default())
}

fn house_with(quota: Quota) -> House {
    let folder = TempDir::new().unwrap();
    let store = Arc::new(Store::open(folder.path()).unwrap());
    let keys = Arc::new(Keys::open(Arc::clone(&store)).unwrap());
    let ledger = Arc::new(Ledger::open(Arc::clone(&store), crate::config::LedgerSettings::default()).unwrap());
    let settings = move || Settings { master_key: Secret::new(MASTER), quota: quota.clone() };
    let admin = Admin::new(AdminParts {
        settings: Box::new(settings),
        keys: Arc::clone(&keys),
        ledger,
        data_dir: folder.path().to_owned(),
        log: crate::observe::logging::Control::unheard().unwrap(),
        reload: reload(folder.path()),
        metrics: Arc::default(),
    });
    House { store, keys, admin, folder }
}

/// A reloader of a configuration in that folder.
fn reload(folder: &Path) -> crate::reload::Handle {
    let path = folder.join("config.yaml");
    let yaml = format!("master_key: {MASTER}\nproviders: {{host: {{base_url: 'http://127.0.0.1:9/v1'}}}}\n");
    std::fs::write(&path, yaml).unwrap();
    let loaded = crate::reload::load(&path).unwrap();
    let parts = crate::reload::Parts {
        path,
        files: loaded.files,
        warnings: loaded.warnings,
        snapshot: Arc::new(arc_swap::ArcSwap::from_pointee(loaded.snapshot)),
        metrics: Arc::new(crate::observe::Metrics::new()),
        followers: Vec::new(),
        swapped: Box::new(|| ()),
    };
    crate::reload::start(parts).unwrap()
}

/// One request, as the proxy makes it: without its body first.
struct Ask<'a> {
    method: Method,
    target: &'a str,
    headers: Vec<(&'static str, &'a str)>,
    body: &'a str,
}

impl<'a> Ask<'a> {
    fn new(method: Method, target: &'a str) -> Ask<'a> {
        Ask { method, target, headers: Vec::new(), body: "" }
    }

    fn body(mut self, body: &'a str) -> Ask<'a> {
        self.body = body;
        self
    }

    fn header(mut self, name: &'static str, value: &'a str) -> Ask<'a> {
        self.headers.push((name, value));
        self
    }

    /// With the master key.
    async fn send(self, house: &House) -> AdminResponse {
        self.send_as(house, MASTER).await
    }

    async fn send_as(self, house: &House, token: &str) -> AdminResponse {
        let mut request = http::Request::builder()
            .method(self.method.clone())
            .uri(self.target)
            .header(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let response = match handle(&house.admin, &head, None).await {
            Some(response) => response,
            None => handle(&house.admin, &head, Some(self.body.as_bytes())).await.unwrap(),
        };
        openapi::hold(&self.method, head.uri.path(), self.body, &response);
        response
    }
}

fn get(target: &str) -> Ask<'_> {
    Ask::new(Method::GET, target)
}

fn post(target: &str) -> Ask<'_> {
    Ask::new(Method::POST, target)
}

fn json(response: &AdminResponse) -> Value {
    assert_eq!(response.headers.get(CACHE_CONTROL).unwrap(), "no-store");
    serde_json::from_slice(response.bytes()).unwrap()
}

/// The answer, which must have that status.
fn told(response: &AdminResponse, status: u16) -> Value {
    assert_eq!(response.status.as_u16(), status, "{}", String::from_utf8_lossy(response.bytes()));
    json(response)
}

#[tokio::test(start_paused = true)]
async fn only_the_master_key_opens_it() {
    let house = house();
    let minted = told(&post("/admin/keys").body(r#"{"label":"a"}"#).send(&house).await, 201);
    let client_key = minted["key"].as_str().unwrap().to_owned();
    let longer = format!("{MASTER}x");
    let shorter = MASTER.strip_suffix('f').unwrap();
    for token in ["", "x", &client_key, &longer, shorter] {
        let response = post("/admin/keys").body(r#"{"label":"b"}"#).send_as(&house, token).await;
        assert_eq!(told(&response, 401)["error"]["code"], "invalid_api_key");
        assert_eq!(response.headers.get(WWW_AUTHENTICATE).unwrap(), "Bearer");
        assert_eq!(json(&response)["error"]["type"], "invalid_request_error");
    }
    let response = post("/admin/keys").header("x-api-key", MASTER).send_as(&house, "").await;
    assert_eq!(response.status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.keys.len(), 1);
}

#[tokio::test]
async fn the_order_is_path_method_key_body() {
    let house = house();
    assert_eq!(get("/admin/nothing").send_as(&house, "wrong").await.status, 404);
    assert_eq!(Ask::new(Method::PUT, "/admin/keys").send_as(&house, "wrong").await.status, 405);
    assert_eq!(post("/admin/keys").body("{").send_as(&house, "wrong").await.status, 401);
    assert_eq!(post("/admin/keys").body("{").send(&house).await.status, 400);
}

#[tokio::test]
async fn the_root_lists_what_there_is() {
    let house = house();
    let overview = told(&get("/admin").send(&house).await, 200);
    let lines = overview["endpoints"].as_array().unwrap();
    assert!(lines.iter().any(|line| line["method"] == "POST" && line["path"] == "/admin/keys"), "{overview}");
    assert_eq!(overview["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test(start_paused = true)]
async fn a_storage_fault_is_503_and_says_why() {
    let house = house();
    assert_eq!(Checks::now(&house.store.health(), Drain::Serving, Condition::Ok).store, StoreCheck::Ok);
    house.store.shutdown().unwrap();
    assert_eq!(Checks::now(&house.store.health(), Drain::Serving, Condition::Ok).store, StoreCheck::Failed);
    let response = post("/admin/keys").body(r#"{"label":"a"}"#).send(&house).await;
    let body = told(&response, 503);
    assert_eq!(body["error"]["code"], "storage_unavailable");
    assert_eq!(body["error"]["type"], "server_error");
    assert!(body["error"]["message"].as_str().unwrap().contains("the database is closed"), "{body}");
    assert_eq!(response.headers.get("retry-after").unwrap(), "5");
    assert_eq!(post("/admin/keys").send_as(&house, "wrong").await.status, 401);
}
