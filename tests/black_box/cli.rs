//! The commands that ask a running gateway: the real binary, against a stub of the admin API whose every request is seen.

mod doctor;
mod gateway;
mod ledger;
mod models;
mod reconcile;
mod stub;

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use stub::{Answer, Stub};
use tempfile::TempDir;

use crate::support::free_address;

/// The master key of the commands under test.
const MASTER_KEY: &str = "master-0123456789abcdef0123456789abcdef";

/// Where a command runs: a folder of its own, and nothing of the test's own environment.
struct Desk {
    folder: TempDir,
    environment: Vec<(&'static str, String)>,
}

impl Desk {
    fn new() -> Desk {
        Desk { folder: tempfile::tempdir().unwrap(), environment: Vec::new() }
    }

    /// In front of that gateway, with the master key.
    fn at(stub: &Stub) -> Desk {
        Desk::new().with("OVTH_URL", stub.url()).with("OVTH_MASTER_KEY", MASTER_KEY.to_owned())
    }

    fn with(mut self, name: &'static str, value: String) -> Desk {
        self.environment.push((name, value));
        self
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn run(&self, arguments: &[&str]) -> Said {
        let child = Command::new(env!("CARGO_BIN_EXE_ovth"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Said::of(child)
    }
}

/// What a command said.
#[derive(Debug)]
struct Said {
    status: i32,
    out: String,
    err: String,
}

impl Said {
    fn of(output: Output) -> Said {
        let said = Said {
            status: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(
            !said.out.contains(MASTER_KEY) && !said.err.contains(MASTER_KEY),
            "the master key is printed: {said:?}"
        );
        said
    }

    fn good(self) -> String {
        assert_eq!(self.status, 0, "{self:?}");
        self.out
    }
}

const KEY: &str = r#"{"id":"key_0123456789abcdef","object":"api_key","label":"cursor","created_at":1790000000,"expires_at":null,
"revoked_at":null,"rotated_at":null,"previous_key_valid_until":null,"routes":null,"models":["gpt-*"],"strict":null,
"quota":{"daily_tokens":500000,"per_end_user":{}},"key":"ovth_live_the-secret"}"#;

#[test]
fn the_secret_of_a_new_key_is_all_of_standard_output() {
    let stub = Stub::start(|_| Answer::json(201, KEY));
    let desk = Desk::at(&stub);
    let said = desk.run(&[
        "keys",
        "create",
        "cursor",
        "--daily-tokens",
        "500000",
        "--model",
        "gpt-*",
        "--idempotency-key",
        "a",
    ]);
    assert_eq!((said.status, said.out.as_str()), (0, "ovth_live_the-secret\n"), "{said:?}");
    assert!(said.err.contains("shown this once only") && said.err.contains("key_0123456789abcdef"), "{said:?}");
    assert!(!said.err.contains("the-secret"), "{said:?}");
    let seen = stub.only();
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/admin/keys"));
    assert_eq!(seen.header("authorization"), Some(format!("Bearer {MASTER_KEY}").as_str()));
    assert_eq!(seen.header("idempotency-key"), Some("a"));
    assert_eq!(seen.body, r#"{"label":"cursor","quota":{"daily_tokens":500000},"models":["gpt-*"]}"#);
}

#[test]
fn programs_are_given_the_gateway_s_own_json() {
    let stub = Stub::start(|_| Answer::json(201, KEY));
    assert_eq!(Desk::at(&stub).run(&["keys", "create", "x", "--json"]).good(), format!("{KEY}\n"));
}

#[test]
fn a_list_is_read_page_by_page() {
    let stub = Stub::start(|seen| {
        let page = |id: u8, next: &str| {
            let more = next != "null";
            format!(
                r#"{{"object":"list","data":[{{"id":"key_{id}","label":"label {id}","cost":0.10000000000000000001}}],"has_more":{more},"next":{next}}}"#
            )
        };
        Answer::json(
            200,
            &match seen.parameter("after").as_deref() {
                None => page(1, r#""key_1""#),
                Some("key_1") => page(2, r#""key_2""#),
                Some(_) => page(3, "null"),
            },
        )
    });
    let desk = Desk::at(&stub);
    let table = desk.run(&["keys", "list"]).good();
    assert!(table.contains("key_1") && table.contains("label 3"), "{table}");
    assert_eq!(table.lines().count(), 5, "{table}");
    assert_eq!(stub.requests().len(), 3);
    assert!(stub.requests().iter().all(|seen| seen.parameter("include_revoked").is_none()));
    let json = desk.run(&["keys", "list", "--all", "--json"]).good();
    let all: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((all["data"].as_array().unwrap().len(), &all["has_more"]), (3, &false.into()));
    assert!(json.contains("0.10000000000000000001"), "figures keep their digits: {json}");
    assert_eq!(stub.requests()[3].parameter("include_revoked").as_deref(), Some("true"));
}

#[test]
fn a_key_may_be_named_by_its_label() {
    let stub = Stub::start(|seen| match seen.method.as_str() {
        "GET" => Answer::json(200, &format!(r#"{{"object":"list","data":[{KEY}],"has_more":false,"next":null}}"#)),
        "PATCH" => Answer::json(200, KEY),
        _ => Answer::json(200, r#"{"id":"key_0123456789abcdef","object":"api_key.deleted","deleted":true}"#),
    });
    let desk = Desk::at(&stub);
    let shown = desk.run(&["keys", "update", "cursor", "--rpm", "default"]).good();
    assert!(shown.contains("500,000 tokens a day") && !shown.contains("secret"), "{shown}");
    let changed = stub.requests().pop().unwrap();
    assert_eq!(changed.target, "/admin/keys/key_0123456789abcdef");
    assert_eq!(changed.body, r#"{"quota":{"requests_per_minute":null}}"#);

    let unsaid = desk.run(&["keys", "revoke", "cursor"]);
    assert!(unsaid.status == 1 && unsaid.err.contains("--yes"), "{unsaid:?}");
    assert!(stub.requests().iter().all(|seen| seen.method != "DELETE"));
    desk.run(&["keys", "revoke", "cursor", "--yes"]).good();
    assert_eq!(stub.requests().pop().unwrap().method, "DELETE");

    let nobody = desk.run(&["keys", "show", "nobody"]);
    assert!(nobody.status == 1 && nobody.err.contains("`nobody`"), "{nobody:?}");
}

#[test]
fn a_rotation_prints_the_new_secret_and_asks_for_the_grace_time() {
    let stub = Stub::start(|_| Answer::json(200, KEY));
    let said = Desk::at(&stub).run(&["keys", "rotate", "key_0123456789abcdef", "--grace", "2h"]);
    assert_eq!(said.good(), "ovth_live_the-secret\n");
    let seen = stub.only();
    assert_eq!(seen.target, "/admin/keys/key_0123456789abcdef/rotate");
    assert_eq!(seen.body, r#"{"grace_seconds":7200}"#);
}

#[test]
fn what_the_gateway_refuses_is_told_in_its_words() {
    let stub = Stub::start(|_| {
        Answer::json(
            404,
            r#"{"error":{"message":"there is no such\u001b[2J key","type":"not_found_error","code":null,"param":null}}"#,
        )
    });
    let said = Desk::at(&stub).run(&["keys", "show", "key_0123456789abcdef", "--json"]);
    assert_eq!((said.status, said.out.as_str()), (1, ""));
    assert_eq!(said.err, "error: there is no such\\u{1b}[2J key (status 404)\n");
}

#[test]
fn a_wrong_master_key_is_named_by_where_it_is_from() {
    let stub = Stub::start(|_| Answer::json(401, r#"{"error":{"message":"no"}}"#));
    let said = Desk::at(&stub).run(&["usage"]);
    assert!(said.status == 1 && said.err.contains("OVTH_MASTER_KEY in the environment"), "{said:?}");
    let desk = Desk::new().with("OVTH_URL", stub.url());
    desk.file(".env", &format!("OVTH_MASTER_KEY={MASTER_KEY}\n"));
    let said = desk.run(&["usage"]);
    assert!(said.status == 1 && said.err.contains("OVTH_MASTER_KEY in .env"), "{said:?}");
    let said = Desk::new().with("OVTH_URL", stub.url()).run(&["usage"]);
    assert!(said.status == 1 && said.err.contains("OVTH_MASTER_KEY is not set"), "{said:?}");
    assert_eq!(stub.requests().len(), 2, "without a key nothing is asked");
}

#[test]
fn an_admin_api_with_a_listener_of_its_own_is_asked_there() {
    let stub = Stub::start(|_| Answer::json(200, r#"{"object":"list","data":[]}"#));
    let desk = Desk::new();
    let (clients, admin) = (free_address(), stub.url());
    let admin = admin.trim_start_matches("http://");
    desk.file("config.yaml", &format!("listen: {clients}\nadmin: {{listen: '{admin}'}}\n"));
    desk.file(".env", &format!("OVTH_MASTER_KEY={MASTER_KEY}\nOPENAI_API_KEY=sk-of-a-test-0123456789\n"));
    desk.run(&["quotas", "--json"]).good();
    assert_eq!(stub.only().target, "/admin/quotas");
}

#[test]
fn where_nothing_listens_the_cure_is_told() {
    let url = format!("http://{}", free_address());
    let desk = Desk::new().with("OVTH_MASTER_KEY", MASTER_KEY.to_owned());
    let said = desk.run(&["quotas", "--url", &url]);
    assert_eq!(said.status, 1, "{said:?}");
    for part in [&url, "connection refused", "`ovth serve`", "--url or OVTH_URL"] {
        assert!(said.err.contains(part), "{part}: {said:?}");
    }
}

#[test]
fn the_address_comes_from_the_configuration_beside_which_the_command_runs() {
    let stub = Stub::start(|_| Answer::json(200, r#"{"object":"list","data":[]}"#));
    let desk = Desk::new();
    desk.file("config.yaml", &format!("listen: {}\n", stub.url().trim_start_matches("http://")));
    desk.file(".env", &format!("OVTH_MASTER_KEY={MASTER_KEY}\nOPENAI_API_KEY=sk-of-a-test-0123456789\n"));
    desk.run(&["quotas", "--json"]).good();
    assert_eq!(stub.only().target, "/admin/quotas");
    let missing = desk.run(&["quotas", "--config", "other.yaml"]);
    assert!(missing.status == 1 && missing.err.contains("other.yaml does not exist"), "{missing:?}");
}

#[test]
fn the_master_key_is_sent_to_no_other_address() {
    let other = Stub::start(|_| Answer::json(200, "{}"));
    let to = format!("{}/admin/usage", other.url());
    let stub = Stub::start(move |_| Answer::json(308, "").with_header("location", &to));
    let said = Desk::at(&stub).run(&["usage"]);
    assert!(said.status == 1 && said.err.contains("sends its callers elsewhere"), "{said:?}");
    assert!(other.requests().is_empty());
}

#[test]
fn what_is_no_gateway_is_said_to_be_none() {
    let stub = Stub::start(|_| Answer::json(404, "<html>nothing here</html>"));
    let said = Desk::at(&stub).run(&["usage"]);
    assert!(said.status == 1 && said.err.contains("is no gateway"), "{said:?}");
    let stub = Stub::start(|_| Answer::json(200, "<html>hello</html>"));
    let said = Desk::at(&stub).run(&["usage"]);
    assert!(said.status == 1 && said.err.contains("not understood"), "{said:?}");
}

#[test]
fn usage_is_asked_as_it_was_said() {
    let stub = Stub::start(|_| {
        Answer::json(
            200,
            r#"{"object":"usage","since":"2026-11-15","until":null,"group_by":["day","end_user"],"data":[{"day":"2026-11-16",
            "end_user":"anna","requests":1,"errors":0,"tokens":{"input":10,"output":5},"charged_tokens":15,"cost_usd":0.5,
            "unpriced_requests":0,"duration_ms":1}],"total":{"requests":1,"errors":0,"tokens":{"input":10,"output":5},
            "charged_tokens":15,"cost_usd":0.5,"unpriced_requests":0,"duration_ms":1},
            "hosted_router":{"fee_percent":5.5,"cost_usd":0.5275,"saved_usd":0.0275}}"#,
        )
    });
    let line =
        ["usage", "--by", "day,end-user", "--since", "7d", "--key", "key_0123456789abcdef", "--route", "", "--saved"];
    let said = Desk::at(&stub).run(&line).good();
    assert!(said.contains("anna") && said.contains("Saved: $0.0275 (5.2%)."), "{said}");
    let seen = stub.only();
    for (name, value) in [("group_by", "day,end_user"), ("since", "7d"), ("key", "key_0123456789abcdef"), ("route", "")]
    {
        assert_eq!(seen.parameter(name).as_deref(), Some(value), "{name}");
    }
}

#[test]
fn exchanges_are_listed_up_to_the_limit() {
    let stub = Stub::start(|seen| {
        let entries: Vec<String> = (0..seen.parameter("limit").unwrap().parse().unwrap())
            .map(|id: u64| {
                format!(r#"{{"id":{id},"started_at":"2026-11-22T00:00:00Z","key_id":"key_1","outcome":"ok"}}"#)
            })
            .collect();
        Answer::json(200, &format!(r#"{{"object":"list","data":[{}],"has_more":true,"next":77}}"#, entries.join(",")))
    });
    let json = Desk::at(&stub).run(&["exchanges", "--limit", "1500", "--outcome", "error", "--json"]).good();
    let all: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(all["data"].as_array().unwrap().len(), 1500);
    let seen = stub.requests();
    assert_eq!(seen.len(), 2);
    assert_eq!(
        (seen[1].parameter("limit").as_deref(), seen[1].parameter("cursor").as_deref()),
        (Some("500"), Some("77"))
    );
    assert_eq!(seen[0].parameter("outcome").as_deref(), Some("error"));
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let stub = Stub::start(|_| Answer::json(200, &format!(r#"{{"object":"list","data":[{}],"has_more":false}}"#, KEY)));
    let desk = Desk::at(&stub);
    let mut child = Command::new("sh")
        .args(["-c", &format!("{} keys list --json | true", env!("CARGO_BIN_EXE_ovth"))])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(desk.environment.iter().map(|(name, value)| (name, value)))
        .stderr(Stdio::piped())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().flush().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}
