//! The commands against the real gateway, and against its database when it is gone.

use std::fs;

use serde_json::Value;

use super::{Desk, MASTER_KEY};
use crate::support::{Answer, Bed, Request, Shape, Upstream, Way};

async fn bed() -> Bed {
    let first = Upstream::new(|_| Answer::plain(Shape::Chat, "served")).await;
    Bed::start(first, Upstream::silent().await).await
}

fn desk(bed: &Bed) -> Desk {
    Desk::new()
        .with("OVTH_URL", format!("http://{}", bed.gateway.address()))
        .with("OVTH_MASTER_KEY", MASTER_KEY.to_owned())
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn a_key_is_made_used_changed_rotated_and_revoked() {
    let bed = bed().await;
    let desk = desk(&bed);
    let line = [
        "keys",
        "create",
        "cursor",
        "--daily-tokens",
        "500000",
        "--monthly-usd",
        "12.5",
        "--expires-at",
        "90d",
        "--strict=false",
    ];
    let key = desk.run(&line).good().trim_end().to_owned();
    let ask = |key: &str| Request::post(Shape::Chat.path(), Shape::Chat.ask(&bed.sole(), "hello")).bearer(key);
    assert_eq!(bed.gateway.send(&ask(&key), Way::Sized).await.status, 200);

    let shown = json(&desk.run(&["keys", "show", "cursor", "--json"]).good());
    assert_eq!((&shown["quota"]["daily_tokens"], &shown["quota"]["monthly_usd"]), (&500_000.into(), &12.5.into()));
    let table = desk.run(&["keys", "list"]).good();
    assert!(table.contains("cursor") && table.contains("500,000 tokens a day, $12.5000 a month"), "{table}");

    let shown =
        desk.run(&["keys", "update", "cursor", "--daily-tokens", "default", "--model", "gpt-*", "--end-user", "rpm=5"]);
    let shown = shown.good();
    assert!(shown.contains("gpt-*") && shown.contains("5 requests a minute"), "{shown}");
    assert!(!shown.contains("tokens a day") && shown.contains("$12.5000 a month"), "{shown}");
    desk.run(&["keys", "update", "cursor", "--model", "default", "--end-user", "rpm=default"]).good();

    let rotated = desk.run(&["keys", "rotate", "cursor", "--grace", "0"]).good().trim_end().to_owned();
    assert_eq!(bed.gateway.send(&ask(&key), Way::Sized).await.status, 401, "the old secret works no more");
    assert_eq!(bed.gateway.send(&ask(&rotated), Way::Sized).await.status, 200);
    desk.run(&["keys", "revoke", "cursor", "--yes"]).good();
    assert_eq!(bed.gateway.send(&ask(&rotated), Way::Sized).await.status, 401);
    assert!(!desk.run(&["keys", "list"]).good().contains("cursor"));
    assert!(desk.run(&["keys", "list", "--all"]).good().contains("revoked"));

    let wrong = Desk::new().with("OVTH_URL", format!("http://{}", bed.gateway.address()));
    let wrong = wrong.with("OVTH_MASTER_KEY", "another-0123456789abcdef0123456789".to_owned()).run(&["usage"]);
    assert!(wrong.status == 1 && wrong.err.contains("OVTH_MASTER_KEY in the environment is not the one"), "{wrong:?}");
}

#[tokio::test]
async fn the_same_call_with_an_idempotency_key_gives_the_same_secret() {
    let bed = bed().await;
    let desk = desk(&bed);
    let make = |label: &str| desk.run(&["keys", "create", label, "--idempotency-key", "deploy-7"]);
    let first = make("ci").good();
    assert_eq!(make("ci").good(), first);
    let other = make("another");
    assert!(other.status == 1 && other.err.contains("(status 409)"), "{other:?}");
}

#[tokio::test]
async fn what_was_asked_is_seen_in_every_view() {
    let bed = bed().await;
    let desk = desk(&bed);
    let response = bed.gateway.post(Shape::Chat, Shape::Chat.ask(&bed.sole(), "hello")).await;
    assert_eq!(response.status, 200, "{response:?}");
    bed.gateway.record(response.request_id()).await;

    let usage = desk.run(&["usage", "--by", "day,key", "--since", "1d", "--saved"]).good();
    assert!(usage.contains("tests (key_") && usage.contains("at the hosted router"), "{usage}");
    let listed = json(&desk.run(&["exchanges", "--key", "tests", "--json"]).good());
    assert_eq!(listed["data"].as_array().unwrap().len(), 1, "{listed}");
    let table = desk.run(&["exchanges"]).good();
    assert_eq!(table.lines().count(), 3, "{table}");
    let shown = desk.run(&["exchanges", &listed["data"][0]["id"].to_string()]).good();
    assert!(shown.contains("Outcome") && shown.contains("tests (key_"), "{shown}");
    let quotas = desk.run(&["quotas", "--key", "tests"]).good();
    assert!(quotas.contains("tests (key_"), "{quotas}");
    let none = desk.run(&["exchanges", "no-such-id"]);
    assert!(none.status == 1 && none.err.contains("(status 404)"), "{none:?}");

    let export = "start_time,model,input_tokens,output_tokens,num_model_requests\n1793491200,gpt-5,5,7,1\n";
    let file = desk.file("export.csv", export);
    let differs = desk.run(&["reconcile", &file]);
    assert!(differs.status == 1 && differs.out.contains("3 figures differ"), "{differs:?}");
}

#[tokio::test]
async fn the_database_is_looked_after_with_and_without_a_gateway() {
    let mut bed = bed().await;
    let desk = desk(&bed);
    for _ in 0..3 {
        let response = bed.gateway.post(Shape::Chat, Shape::Chat.ask(&bed.sole(), "hello")).await;
        bed.gateway.record(response.request_id()).await;
    }
    assert!(desk.run(&["ledger", "check"]).good().contains("is sound"));
    let exported = desk.run(&["ledger", "export"]).good();
    assert_eq!(exported.lines().count(), 3, "{exported}");
    let copy = desk.folder.path().join("copy.redb");
    desk.run(&["ledger", "backup", &copy.display().to_string()]).good();
    desk.run(&["ledger", "compact", "--json"]).good();

    let folder = bed.gateway.folder().to_owned();
    let config = folder.join("config.yaml").display().to_string();
    let offline = Desk::new().with("OVTH_DATA_DIR", folder.join("data").display().to_string());
    let offline =
        offline.with("OVTH_LISTEN", bed.gateway.address().to_string()).with("OVTH_MASTER_KEY", MASTER_KEY.to_owned());
    let wrong_address = Desk::new().with("OVTH_DATA_DIR", folder.join("data").display().to_string());
    let wrong_address = wrong_address.with("OVTH_LISTEN", crate::support::free_address().to_string());
    let locked = wrong_address.run(&["ledger", "check", "-c", &config]);
    assert!(locked.status == 2 && locked.err.contains("open in another process"), "{locked:?}");

    bed.gateway.stop().await;
    let check = offline.run(&["ledger", "check", "-c", &config]).good();
    assert!(check.contains("is sound: 3 entries"), "{check}");
    let again = offline.run(&["ledger", "export", "-c", &config, "--since", "7d"]).good();
    assert_eq!(again, exported, "the file says what the gateway said");
    let csv = offline.run(&["ledger", "export", "--format", "csv", "-c", &config, "--until", "2020-01-01"]).good();
    assert_eq!(csv.lines().count(), 1, "{csv}");
    offline.run(&["ledger", "compact", "-c", &config]).good();

    // The copy is a database: put in place of the other, it says the same.
    let restored = tempfile::tempdir().unwrap();
    fs::copy(&copy, restored.path().join("ovth.redb")).unwrap();
    let restored = Desk::new().with("OVTH_DATA_DIR", restored.path().display().to_string());
    assert_eq!(restored.run(&["ledger", "export", "-c", &config, "--url", ""]).good(), exported);

    let nothing = Desk::new().with("OVTH_DATA_DIR", desk.folder.path().join("none").display().to_string());
    let said = nothing.run(&["ledger", "check", "-c", &config]);
    assert!(said.status == 2 && said.err.contains("there is no database"), "{said:?}");
    assert!(!desk.folder.path().join("none").exists(), "none is made");
}
