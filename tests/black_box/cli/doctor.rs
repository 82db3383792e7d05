//! The accounts behind the keys: what the doctor says of them, and what the running gateway makes of them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::stub::{Answer, Seen, Stub};
use super::{Desk, MASTER_KEY};
use crate::support::{Gateway, Shape};

const DEAD: &str = "sk-dead-000000000000000000000000";
const GOOD: &str = "sk-good-000000000000000000000000";
const ANSWER: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"gpt-6-luna","choices":[{"index":0,
    "message":{"role":"assistant","content":"served"},"finish_reason":"stop"}],
    "usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;

/// A provider that takes one key and whose account has one model, in two pages.
fn account(seen: &Seen) -> Answer {
    if seen.header("authorization") != Some(&format!("Bearer {GOOD}")) {
        let body = format!(
            r#"{{"error":{{"message":"Incorrect API key provided: {DEAD}","type":"invalid_request_error","code":"invalid_api_key"}}}}"#
        );
        return Answer::json(401, &body);
    }
    match (seen.method.as_str(), seen.parameter("after_id").as_deref()) {
        ("GET", None) => {
            Answer::json(200, r#"{"data":[{"id":"text-embedding-3-small"}],"has_more":true,"last_id":"m"}"#)
        }
        ("GET", Some("m")) => {
            let list = r#"{"data":[{"id":"gpt-6-luna-2026-08-07"}],"has_more":false}"#;
            Answer::json(200, list).with_header("date", "Sun, 01 Nov 2026 00:00:00 GMT")
        }
        _ => Answer::json(200, ANSWER),
    }
}

fn config(stub: &Stub, keys: &[&str]) -> String {
    format!(
        "master_key: {MASTER_KEY}\nproviders:\n  openai:\n    base_url: {}/v1\n    api_keys: {keys:?}\nroutes:\n  \
         pair: {{providers: [openai], models: [gpt-6.1-sol, gpt-6-luna]}}\n",
        stub.url()
    )
}

#[test]
fn the_doctor_names_dead_keys_lacking_models_a_wrong_clock_and_open_files_and_shows_no_key() {
    let stub = Stub::start(account);
    let desk = Desk::new();
    let file = desk.file("config.yaml", &config(&stub, &[DEAD, GOOD]));
    let dotenv = desk.file(".env", "OVTH_DATA_DIR=./data\n");
    fs::set_permissions(&dotenv, fs::Permissions::from_mode(0o644)).unwrap();

    let said = desk.run(&["doctor", "--config", &file]);
    assert_eq!(said.status, 1, "{said:?}");
    for part in [
        "error: openai, key 1 of 2: the provider refuses this key (status 401)",
        "warning: openai, key 2 of 2: the account has no model `gpt-6.1-sol`, which route `pair` names",
        "s ahead of the one of openai",
        "run `chmod 600",
    ] {
        assert!(said.out.contains(part), "{part}\n{}", said.out);
    }
    assert!(!said.out.contains("no model `gpt-6-luna`"), "{}", said.out);

    let said = desk.run(&["doctor", "--config", &file, "--json"]);
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(report["accounts"][0]["answers"], false);
    assert_eq!((&report["accounts"][1]["key"], &report["accounts"][1]["models"]), (&2.into(), &2.into()));
    assert!(!format!("{said:?}").contains("sk-"), "{said:?}");
}

#[test]
fn the_doctor_is_content_with_good_accounts_and_says_what_a_host_does_not_tell() {
    let stub = Stub::start(account);
    let bare = Stub::start(|_| Answer::json(404, "{}"));
    let gone = format!("http://{}", crate::support::free_address());
    let desk = Desk::new();
    let hosts = format!(
        "providers:\n  openai:\n    base_url: {}/v1\n    api_key: {GOOD}\n  bare:\n    base_url: {}/v1\n    models: [m]\n  \
         gone:\n    base_url: {gone}/v1\n    models: [m]\n",
        stub.url(),
        bare.url()
    );
    let text = format!("master_key: {MASTER_KEY}\n{hosts}routes:\n  mini: {{models: [gpt-6-luna, m]}}\n");
    let said = desk.run(&["doctor", "--config", &desk.file("config.yaml", &text)]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.out.contains("warning: bare: it has no list of models (status 404)"), "{}", said.out);
    assert!(said.out.contains("warning: gone: it cannot be reached: "), "{}", said.out);

    let said = desk.run(&["doctor", "--config", "nowhere.yaml"]);
    assert_eq!(said.status, 2, "{said:?}");
}

#[tokio::test]
async fn a_key_that_may_not_list_models_or_a_wall_in_front_of_the_list_takes_no_key_out_of_its_routes() {
    let scope = r#"{"error":{"message":"You have insufficient permissions for this operation. Missing scopes: api.model.read.","type":"invalid_request_error"}}"#;
    for (kind, body) in [("application/json", scope), ("text/html", "<html><title>Just a moment...</title></html>")] {
        let stub = Stub::start(move |seen| match seen.method.as_str() {
            "GET" => Answer::json(403, body).with_header("content-type", kind),
            _ => Answer::json(200, ANSWER),
        });
        let other = Stub::start(account);
        let config = format!(
            "master_key: {MASTER_KEY}\nproviders:\n  openai:\n    base_url: {}/v1\n    api_key: {GOOD}\n  host:\n    base_url: {}/v1\n    \
             api_key: {GOOD}\n    models: [m]\nroutes:\n  pair: {{providers: [openai, host], models: [gpt-6-luna, m]}}\n",
            stub.url(),
            other.url(),
        );
        let gateway = Gateway::start_with(&config, &[("OVTH_ACCOUNT_CHECK", "1h")]).await;
        gateway.logged("openai: the provider does not let this key list its models (status 403)").await;
        let answer = gateway.post(Shape::Chat, Shape::Chat.ask("pair", "hello")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(stub.requests().iter().any(|seen| seen.method == "POST"), "the first of the route serves");

        let desk = Desk::new();
        let said = desk.run(&["doctor", "--config", &desk.file("config.yaml", &config)]);
        assert!(
            said.status == 0 && said.out.contains("warning: openai: the provider does not let this key"),
            "{said:?}"
        );
    }
}

#[tokio::test]
async fn a_key_that_a_reload_replaces_is_asked_about_without_waiting_for_the_hour() {
    let stub = Stub::start(account);
    let gateway = Gateway::start_with(&config(&stub, &[DEAD]), &[("OVTH_ACCOUNT_CHECK", "1h")]).await;
    gateway
        .page_where(|page| page.sum("ovth_account_keys", &[("provider", "openai"), ("state", "refused")]) == 1.0)
        .await;

    let path = gateway.folder().join("config.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace(DEAD, GOOD)).unwrap();
    gateway.page_where(|page| page.sum("ovth_account_keys", &[("provider", "openai"), ("state", "ok")]) == 1.0).await;
    let page = gateway.metrics().await;
    assert!(page.contains("ovth_account_missing_models{provider=\"openai\"} 1"), "{page}");
    gateway.logged("no longer so: openai: the provider refuses this key (status 401)").await;
}

#[tokio::test]
async fn routes_leave_out_what_an_account_does_not_have_and_keys_that_are_refused() {
    let stub = Stub::start(account);
    let gateway = Gateway::start_with(&config(&stub, &[DEAD, GOOD]), &[("OVTH_ACCOUNT_CHECK", "1h")]).await;
    gateway.logged("the account has no model `gpt-6.1-sol`, which route `pair` names").await;
    gateway.logged("openai, key 1 of 2: the provider refuses this key (status 401)").await;

    let answer = gateway.post(Shape::Chat, Shape::Chat.ask("pair", "hello")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let asked: Vec<String> =
        stub.requests().iter().filter(|seen| seen.method == "POST").map(|seen| seen.body.clone()).collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].contains("gpt-6-luna"), "{asked:?}");

    // Who names the model itself gets the provider's own answer.
    let answer = gateway.post(Shape::Chat, Shape::Chat.ask("gpt-6.1-sol", "hello")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let last = stub.requests().pop().unwrap();
    assert!(last.body.contains("\"gpt-6.1-sol\""), "{last:?}");
    assert!(!gateway.log().contains("sk-"), "{}", gateway.log());
}
