//! The upkeep of the database through a running gateway.

use std::fs;

use super::stub::{Answer, Stub};
use super::{Desk, MASTER_KEY};
use crate::support::free_address;

/// A gateway with three entries in two pages.
fn with_entries() -> Stub {
    Stub::start(|seen| match (seen.path(), seen.parameter("cursor").as_deref()) {
        ("/healthz", _) => Answer::json(200, "{}"),
        ("/admin/exchanges", None) => Answer::json(
            200,
            r#"{"object":"list","data":[{"id":1,"request_id":"a","end_user":"=1+1","cost_usd":0.0000000001},{"id":2,"request_id":"b"}],"has_more":true,"next":"2"}"#,
        ),
        ("/admin/exchanges", Some("2")) => {
            Answer::json(200, r#"{"object":"list","data":[{"id":3,"request_id":"c"}],"has_more":false,"next":null}"#)
        }
        _ => Answer::json(500, r#"{"error":{"message":"the disk is gone"}}"#),
    })
}

#[test]
fn entries_are_exported_oldest_first_page_by_page() {
    let stub = with_entries();
    let desk = Desk::at(&stub);
    let lines = desk.run(&["ledger", "export", "--since", "7d"]);
    assert_eq!(lines.out.lines().count(), 3, "{lines:?}");
    assert!(lines.out.starts_with(r#"{"id":1,"request_id":"a""#) && lines.err.contains("3 exchanges"), "{lines:?}");
    let asked: Vec<_> = stub.requests().into_iter().filter(|seen| seen.path() == "/admin/exchanges").collect();
    assert_eq!(asked.len(), 2);
    for seen in &asked {
        assert_eq!((seen.parameter("order").as_deref(), seen.parameter("since").as_deref()), (Some("asc"), Some("7d")));
    }
    assert_eq!(asked[1].parameter("cursor").as_deref(), Some("2"));
    assert_eq!(stub.requests()[0].header("authorization"), None, "the key is not sent to find out who is there");
}

#[test]
fn an_export_to_a_file_is_there_whole_or_not_at_all() {
    let stub = with_entries();
    let desk = Desk::at(&stub);
    let path = desk.file("out.csv", "what was there before");
    assert_eq!(desk.run(&["ledger", "export", "--format", "csv", "--out", &path]).good(), "");
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 4, "{text}");
    assert!(text.contains("'=1+1") && text.contains(",0.0000000001,"), "{text}");

    let broken = Stub::start(|seen| match (seen.path(), seen.parameter("cursor")) {
        ("/admin/exchanges", None) => {
            Answer::json(200, r#"{"object":"list","data":[{"id":1}],"has_more":true,"next":"1"}"#)
        }
        _ => Answer::json(503, r#"{"error":{"message":"the disk is gone"}}"#),
    });
    let said = Desk::at(&broken).run(&["ledger", "export", "--out", &path]);
    assert!(said.status == 1 && said.err.contains("the disk is gone"), "{said:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text, "the former export is still there");
}

#[test]
fn a_backup_is_there_whole_or_not_at_all_and_overwrites_nothing() {
    let stub = Stub::start(|seen| match seen.path() {
        "/healthz" => Answer::json(200, "{}"),
        _ => Answer::json(200, "the bytes of a copy"),
    });
    let desk = Desk::at(&stub);
    let path = desk.folder.path().join("copy.redb");
    let name = path.display().to_string();
    assert!(desk.run(&["ledger", "backup", &name]).good().contains("19 bytes"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "the bytes of a copy");
    let again = desk.run(&["ledger", "backup", &name]);
    assert!(again.status == 1 && again.err.contains("exists"), "{again:?}");

    let cut = Stub::start(|seen| match seen.path() {
        "/healthz" => Answer::json(200, "{}"),
        _ => Answer::json(200, "half of").cut_short(),
    });
    let desk = Desk::at(&cut);
    let path = desk.folder.path().join("copy.redb");
    let said = desk.run(&["ledger", "backup", &path.display().to_string()]);
    assert!(said.status == 1 && said.err.contains("broke off"), "{said:?}");
    assert_eq!(fs::read_dir(desk.folder.path()).unwrap().count(), 0, "nothing is left of it");
}

#[test]
fn a_check_tells_what_is_wrong_and_is_status_1_then() {
    let stub = Stub::start(|seen| match seen.path() {
        "/healthz" => Answer::json(200, "{}"),
        "/admin/ledger/compact" => Answer::json(200, r#"{"bytes_before":2000,"bytes_after":1000}"#),
        _ => Answer::json(
            200,
            r#"{"ok":false,"entries":12345,"reservations":0,"sums":2,"counters":3,"problems":["the sum of key_1 is 5, not 7"]}"#,
        ),
    });
    let desk = Desk::at(&stub);
    let said = desk.run(&["ledger", "check"]);
    assert_eq!(said.status, 1, "{said:?}");
    assert!(
        said.out.contains("problem: the sum of key_1 is 5, not 7\nThe ledger is not sound: 12,345 entries"),
        "{said:?}"
    );
    assert_eq!(desk.run(&["ledger", "compact"]).good(), "The file had 2,000 bytes and has 1,000 now.\n");
    assert_eq!(stub.requests().last().unwrap().method, "POST");
}

#[test]
fn a_running_gateway_without_its_master_key_is_told_apart_from_none() {
    let stub = Stub::start(|_| Answer::json(200, "{}"));
    let said = Desk::new().with("OVTH_URL", stub.url()).run(&["ledger", "check"]);
    assert_eq!(said.status, 2, "{said:?}");
    assert!(said.err.contains("has the database open") && said.err.contains("OVTH_MASTER_KEY"), "{said:?}");
    let nobody = Desk::new().with("OVTH_MASTER_KEY", MASTER_KEY.to_owned());
    let said = nobody.run(&["ledger", "check", "--url", &format!("http://{}", free_address())]);
    assert!(said.status == 2 && said.err.contains("nothing answers"), "{said:?}");
}
