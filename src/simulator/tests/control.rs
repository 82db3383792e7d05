//! The control API: scripts, namespaces, and what is told of requests.

use std::time::Duration;

use serde_json::Value;

use super::client::{Client, simulator};

const BODY: &str = r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#;

#[test]
fn scripts_are_taken_one_by_one_and_each_namespace_has_its_own() {
    let simulator = simulator();
    let script = r#"[{"status":503},{},{"status":429,"headers":{"retry-after":"7"},"repeat":true}]"#;
    assert_eq!(Client::call(simulator.addr, "PUT", "/_sim/a/script", script).status, 200);
    let statuses: Vec<u16> =
        (0..4).map(|_| Client::post(simulator.addr, "/a/v1/chat/completions", BODY).status).collect();
    assert_eq!(statuses, [503, 200, 429, 429]);
    let limited = Client::post(simulator.addr, "/a/v1/chat/completions", BODY);
    assert_eq!(limited.header("retry-after"), Some("7"));
    assert_eq!(limited.json()["error"]["code"], "rate_limit_exceeded");
    assert_eq!(Client::post(simulator.addr, "/b/v1/chat/completions", BODY).status, 200);
    assert_eq!(Client::call(simulator.addr, "DELETE", "/_sim/a", "").status, 200);
    assert_eq!(Client::post(simulator.addr, "/a/v1/chat/completions", BODY).status, 200);
    assert_eq!(simulator.namespace("a").requests().len(), 1);
}

#[test]
fn tells_what_was_received_without_credentials() {
    let simulator = simulator();
    Client::post(simulator.addr, "/a/v1/chat/completions?x=1", BODY);
    let list = Client::call(simulator.addr, "GET", "/_sim/a/requests?finished=1", "").json();
    let request = &list[0];
    assert_eq!(request["path"], "/a/v1/chat/completions?x=1");
    assert_eq!((&request["method"], &request["status"]), (&Value::from("POST"), &Value::from(200)));
    assert_eq!(request["body"]["model"], "m");
    assert_eq!(request["body_bytes"], BODY.len());
    assert_eq!(request["body_sha256"].as_str().unwrap().len(), 64);
    assert_eq!(request["ended"], "answered");
    let headers = request["headers"].to_string();
    assert!(headers.contains(r#"["authorization","Bearer ...1234"]"#) && !headers.contains("good-key"), "{headers}");
    let body = Client::call(simulator.addr, "GET", "/_sim/a/requests/0/body", "");
    assert_eq!(body.text(), BODY);
}

#[test]
fn wrong_scripts_are_refused_with_a_reason() {
    let simulator = simulator();
    for (script, reason) in [
        (r#"[{"statsu":1}]"#, "unknown field `statsu`"),
        (
            r#"[{},{"replay":{"path":"x.json"}}]"#,
            "behaviour 1: replay.path: the simulator was started without a folder",
        ),
        ("[", "no list of behaviours"),
    ] {
        let answer = Client::call(simulator.addr, "PUT", "/_sim/a/script", script);
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains(reason), "{}", answer.text());
    }
    assert_eq!(Client::call(simulator.addr, "GET", "/_sim/a/other", "").status, 404);
}

#[tokio::test]
async fn tells_when_a_client_left_in_mid_answer() {
    let simulator = simulator();
    let namespace = simulator.namespace("default");
    for text in ["hello [words=500] [pace=20]", "stalled"] {
        namespace.reset();
        if text == "stalled" {
            namespace.script([serde_json::from_str(r#"{"stop":{"how":"stall"}}"#).unwrap()]);
        }
        let mut client = Client::new(simulator.addr);
        let body = format!(r#"{{"model":"m","stream":true,"messages":[{{"role":"user","content":"{text}"}}]}}"#);
        client.send("POST", "/v1/chat/completions", &body);
        if text == "stalled" {
            namespace.until(1, 0).await;
        } else {
            client.until(|bytes| memchr::memmem::find(bytes, b"content").is_some());
        }
        drop(client);
        tokio::time::timeout(Duration::from_secs(10), namespace.until(1, 1)).await.unwrap();
        let request = &namespace.requests()[0];
        assert_eq!(request.ended, Some("client_left"));
        assert!(request.events_sent < 400);
    }
}
