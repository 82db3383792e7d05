//! Log levels that are read and changed while the gateway runs.

use std::time::Duration;

use super::*;

fn put(body: &str) -> Ask<'_> {
    Ask::new(Method::PUT, "/admin/log").body(body)
}

#[tokio::test(start_paused = true)]
async fn levels_are_changed_for_a_while_and_come_back() {
    let house = house();
    let before = told(&get("/admin/log").send(&house).await, 200);
    assert_eq!((&before["level"], &before["levels"]["pingora"]), (&"info".into(), &"off".into()));
    assert_eq!((&before["changed"], &before["changed_until"]), (&false.into(), &Value::Null));

    let change = r#"{"level":"debug","levels":{"ovth::attempt":"off"},"duration_seconds":600}"#;
    let changed = told(&put(change).send(&house).await, 200);
    assert_eq!((&changed["level"], &changed["levels"]["ovth::attempt"]), (&"debug".into(), &"off".into()));
    assert_eq!(
        changed["configured"],
        serde_json::json!({"level": "info", "levels": {"notify": "off", "pingora": "off"}})
    );
    assert!(changed["changed"] == true && changed["changed_until"].is_string(), "{changed}");
    assert_eq!(told(&get("/admin/log").send(&house).await, 200), changed);

    tokio::time::sleep(Duration::from_secs(599)).await;
    assert_eq!(told(&get("/admin/log").send(&house).await, 200), changed);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(told(&get("/admin/log").send(&house).await, 200), before);
}

#[tokio::test(start_paused = true)]
async fn a_change_replaces_the_one_before_and_its_end() {
    let house = house();
    told(&put(r#"{"level":"debug","duration_seconds":10}"#).send(&house).await, 200);
    let kept =
        told(&put(r#"{"levels":{"ovth_gateway::ledger":"trace"},"duration_seconds":null}"#).send(&house).await, 200);
    assert_eq!((&kept["level"], &kept["levels"]["ovth_gateway::ledger"]), (&"info".into(), &"trace".into()));
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(told(&get("/admin/log").send(&house).await, 200), kept, "the first change's end is none of the second");
    let back = told(&put("{}").send(&house).await, 200);
    assert_eq!((&back["changed"], &back["levels"]), (&false.into(), &back["configured"]["levels"]));
}

#[tokio::test]
async fn all_that_is_wrong_is_told_at_once_and_nothing_is_changed() {
    let house = house();
    let before = told(&get("/admin/log").send(&house).await, 200);
    for (body, expected) in [
        ("", "the body must be a JSON object like {\"level\":\"debug\""),
        ("[]", "the body must be a JSON object"),
        (r#"{"level":"loud"}"#, "`level` must be off, error, warn, info, debug or trace"),
        (r#"{"level":7}"#, "`level` must be off,"),
        (r#"{"levels":["ovth"]}"#, "`levels` must be an object"),
        (r#"{"levels":{"ovth::attempt":"loud"}}"#, "`levels.ovth::attempt` must be off,"),
        (r#"{"levels":{"a b":"info"}}"#, "a name in `levels` must be the beginning of a log target"),
        (r#"{"level":"info","duration_seconds":0}"#, "`duration_seconds` must be a whole number from 1 to 604800"),
        (r#"{"lewel":"info"}"#, "did you mean `level`?"),
    ] {
        let error = told(&put(body).send(&house).await, 400);
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains(expected), "{body}: {message}");
    }
    let many: serde_json::Map<String, Value> = (0..65).map(|index| (format!("ovth::{index}"), "info".into())).collect();
    let many = serde_json::json!({ "levels": many }).to_string();
    told(&put(&many).send(&house).await, 400);
    let both = told(&put(r#"{"level":"x","duration_seconds":"y"}"#).send(&house).await, 400);
    let message = both["error"]["message"].as_str().unwrap();
    assert!(message.contains("`level`") && message.contains("`duration_seconds`"), "{message}");
    assert_eq!(told(&get("/admin/log").send(&house).await, 200), before);
}
