//! The ledger against a provider's export.

use super::stub::{Answer, Stub};
use super::{Desk, Said};

/// As OpenAI's dashboard writes it.
const OPENAI: &str = "\
start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,api_key_id,model,batch,service_tier,\
input_tokens,output_tokens,input_cached_tokens,input_uncached_tokens
1793491200,1793577600,2026-11-01T00:00:00+00:00,2026-11-02T00:00:00+00:00,proj_a,8.0,,key_a,gpt-5-2025-08-07,FALSE,default,46264.0,60000.0,8192.0,38072.0
1793577600,1793664000,2026-11-02T00:00:00+00:00,2026-11-03T00:00:00+00:00,,,,,,,,,,,
";

fn row(day: &str, model: &str, requests: u64, tokens: [u64; 3]) -> String {
    let [input, cache_read, output] = tokens;
    format!(
        r#"{{"day":"{day}","provider":"openai","model":"{model}","requests":{requests},"errors":1,"tokens":{{"input":{input},"cache_read":{cache_read},"cache_write":0,"cache_write_1h":0,"output":{output},"reasoning":0}},"charged_tokens":0,"cost_usd":0,"unpriced_requests":0,"duration_ms":0}}"#
    )
}

fn reconciled(rows: &[String], arguments: &[&str]) -> (Said, Stub) {
    let answer = format!(
        r#"{{"object":"usage","since":null,"until":null,"group_by":[],"data":[{}],"total":{{}}}}"#,
        rows.join(",")
    );
    let stub = Stub::start(move |_| Answer::json(200, &answer));
    let desk = Desk::at(&stub);
    let file = desk.file("export.csv", OPENAI);
    let said = desk.run(&[&["reconcile", &file], arguments].concat());
    (said, stub)
}

#[test]
fn a_ledger_that_agrees_is_status_0() {
    let rows = [row("2026-11-01", "gpt-5", 9, [38_072, 8192, 60_000]), row("2026-11-02", "", 1, [0, 0, 0])];
    let (said, stub) = reconciled(&rows, &[]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.out.contains("ledger and provider agree within 0%"), "{said:?}");
    let seen = stub.only();
    assert_eq!(seen.path(), "/admin/usage");
    for (name, value) in
        [("group_by", "day,provider,model"), ("provider", "openai"), ("since", "2026-11-01"), ("until", "2026-11-02")]
    {
        assert_eq!(seen.parameter(name).as_deref(), Some(value), "{name}");
    }
}

#[test]
fn each_difference_is_named_and_is_status_1() {
    let rows = [row("2026-11-01", "gpt-5", 9, [38_072, 8192, 60_300]), row("2026-11-02", "gpt-5-mini", 3, [5, 0, 6])];
    let (said, _stub) = reconciled(&rows, &[]);
    assert_eq!(said.status, 1, "{said:?}");
    for line in [
        "2026-11-01  gpt-5       output    60,300    60,000        +300    0.50%",
        "2026-11-02  gpt-5-mini  requests       2         -          +2        -",
        "2026-11-02  gpt-5-mini  output         6         -          +6        -",
    ] {
        assert!(said.out.lines().any(|said| said == line), "{line}\n{}", said.out);
    }
    let (said, _stub) = reconciled(&rows[..1], &["--tolerance", "0.5%"]);
    assert_eq!(said.status, 0, "{said:?}");
    let (said, _stub) = reconciled(&rows[..1], &["--json"]);
    assert_eq!(said.status, 1, "{said:?}");
    let document: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(document["agree"], false);
    assert_eq!(document["differences"][0]["difference"], 300);
}

#[test]
fn what_cannot_be_compared_is_status_2() {
    let (said, stub) = reconciled(&[], &["--provider", "anthropic"]);
    assert!(said.status == 2 && said.err.contains("export of openai"), "{said:?}");
    assert!(stub.requests().is_empty());
    let desk = Desk::at(&stub);
    let file = desk.file("other.csv", "a,b,c\n1,2,3\n");
    let said = desk.run(&["reconcile", &file]);
    assert!(said.status == 2 && said.err.contains("This file has: a, b, c"), "{said:?}");
    let said = desk.run(&["reconcile", "nowhere.csv"]);
    assert!(said.status == 2 && said.err.contains("nowhere.csv cannot be read"), "{said:?}");
}
