//! Each fault does what it says.

use std::time::Instant;

use super::super::{Behaviour, Handle};
use super::client::{Answer, Client, End, simulator};

fn one(simulator: &Handle, behaviour: &str) {
    simulator.namespace("default").script([serde_json::from_str::<Behaviour>(behaviour).unwrap()]);
}

fn stream_of(path: &str, model: &str) -> (String, String) {
    let body = format!(
        r#"{{"model":"{model}","max_tokens":99,"stream":true,"messages":[{{"role":"user","content":"one two three four five"}}]}}"#
    );
    (path.to_owned(), body)
}

fn faulty(behaviour: &str, path: &str) -> Result<Answer, End> {
    let simulator = simulator();
    one(&simulator, behaviour);
    let (path, body) = stream_of(path, "gpt-4o");
    let mut client = Client::new(simulator.addr);
    client.send("POST", &path, &body);
    client.answer()
}

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";

#[test]
fn cuts_and_resets_after_events_and_before_the_head() {
    let cut = faulty(r#"{"stop":{"how":"cut","after_events":3}}"#, CHAT).unwrap();
    assert_eq!((cut.events().len(), cut.end), (3, End::Cut));
    let reset = faulty(r#"{"pace_ms":5,"stop":{"how":"reset","after_events":3}}"#, CHAT);
    assert!(matches!(reset, Ok(Answer { end: End::Reset, .. }) | Err(End::Reset)), "{reset:?}");
    assert_eq!(faulty(r#"{"stop":{"how":"cut"}}"#, CHAT).unwrap_err(), End::Cut);
    assert_eq!(faulty(r#"{"stop":{"how":"reset"}}"#, CHAT).unwrap_err(), End::Reset);
    let end = faulty(r#"{"stop":{"how":"cut","after_events":1000}}"#, CHAT).unwrap();
    assert!(end.text().ends_with("[DONE]\n\n"));
    assert_eq!(end.end, End::Cut);
}

#[test]
fn a_half_event_is_half_an_event() {
    let cut = faulty(r#"{"stop":{"how":"cut","after_events":2,"half_event":true}}"#, MESSAGES).unwrap();
    assert_eq!((cut.events().len(), cut.text().ends_with("\n\n")), (3, false));
    let burst = faulty(r#"{"burst":20,"stop":{"how":"cut","after_events":5}}"#, MESSAGES).unwrap();
    assert_eq!(burst.events().len(), 5);
}

#[test]
fn a_stall_with_an_end_goes_on_with_every_byte() {
    let started = Instant::now();
    let stalled = faulty(r#"{"stop":{"how":"stall","after_events":2,"half_event":true,"for_ms":60}}"#, CHAT).unwrap();
    assert!(started.elapsed().as_millis() >= 60);
    assert_eq!((stalled.events().len(), &stalled.end), (10, &End::Whole));
    let slow = faulty(r#"{"delay_ms":60}"#, CHAT).unwrap();
    assert_eq!(slow.status, 200);
    assert!(started.elapsed().as_millis() >= 120);
}

#[test]
fn whole_bodies_break_off_too() {
    let simulator = simulator();
    one(&simulator, r#"{"stop":{"how":"cut","after_events":0,"half_event":true}}"#);
    let cut = Client::post(simulator.addr, CHAT, r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#);
    let length: usize = cut.header("content-length").unwrap().parse().unwrap();
    assert_eq!((cut.body.len(), cut.end), (length / 2, End::Cut));
}

#[test]
fn errors_come_first_or_in_mid_stream() {
    let first = faulty(r#"{"error_event":{}}"#, MESSAGES).unwrap();
    assert_eq!(first.status, 200);
    assert_eq!(first.events().len(), 1);
    assert!(
        first.text().starts_with("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"")
    );
    let mid = faulty(r#"{"error_event":{"after_events":3,"type":"api_error","message":"boom"}}"#, CHAT).unwrap();
    assert_eq!(mid.events().len(), 4);
    assert!(
        mid.text().ends_with(
            "data: {\"error\":{\"message\":\"boom\",\"type\":\"api_error\",\"param\":null,\"code\":null}}\n\n"
        )
    );
}

#[test]
fn usage_finish_and_sense_can_be_missing() {
    for path in [CHAT, MESSAGES] {
        let no_usage = faulty(r#"{"no_usage":true}"#, path).unwrap();
        assert!(!no_usage.text().contains("usage") && no_usage.text().contains("stop"));
        let no_finish = faulty(r#"{"no_finish":true}"#, path).unwrap();
        assert!(!no_finish.text().contains("[DONE]") && !no_finish.text().contains("message_delta"));
        assert_eq!(no_finish.end, End::Whole);
        let garbage = faulty(r#"{"garbage":true}"#, path).unwrap();
        assert_eq!(garbage.header("content-type"), Some("text/event-stream; charset=utf-8"));
        assert!(std::str::from_utf8(&garbage.body).is_err());
    }
}

#[test]
fn bodies_statuses_and_sizes_can_be_ordered() {
    let own = faulty(r#"{"status":418,"body":{"a": 1},"headers":{"x-a":"b","server":null}}"#, CHAT).unwrap();
    assert_eq!((own.status, own.text(), own.header("x-a")), (418, r#"{"a": 1}"#, Some("b")));
    assert_eq!(own.header("server"), None);
    let overloaded = faulty(r#"{"status":529}"#, MESSAGES).unwrap();
    assert_eq!(overloaded.json()["error"]["type"], "overloaded_error");
    let simulator = simulator();
    one(&simulator, r#"{"bytes":100000}"#);
    let large = Client::post(simulator.addr, CHAT, r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#);
    assert_eq!(large.json()["choices"][0]["message"]["content"].as_str().unwrap().len(), 100_000);
}

#[test]
fn answers_before_the_body_was_read() {
    let simulator = simulator();
    one(&simulator, r#"{"read_body":0,"status":413}"#);
    let mut client = Client::new(simulator.addr);
    client.raw("POST /v1/chat/completions HTTP/1.1\r\nhost: s\r\ncontent-length: 10\r\n\r\n");
    assert_eq!(client.answer().unwrap().status, 413);
    client.raw("0123456789");
    client.send("GET", "/v1/models", "");
    assert_eq!(client.answer().unwrap().status, 200);
    let requests = simulator.namespace("default").requests();
    assert_eq!((requests[0].body_bytes, requests[0].body_complete), (0, false));

    one(&simulator, r#"{"read_body":4,"stop":{"how":"reset"}}"#);
    let mut client = Client::new(simulator.addr);
    client.raw("POST /v1/chat/completions HTTP/1.1\r\nhost: s\r\ncontent-length: 10\r\n\r\n0123");
    assert_eq!(client.answer().unwrap_err(), End::Reset);
}

#[test]
fn closes_when_told_to() {
    let simulator = simulator();
    let body = r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#;
    one(&simulator, r#"{"close":true}"#);
    let mut client = Client::new(simulator.addr);
    client.send("POST", CHAT, body);
    assert_eq!(client.answer().unwrap().header("connection"), Some("close"));
    assert_eq!(client.answer().unwrap_err(), End::Cut);
    // Unannounced: what a pool takes for a connection that it may use again.
    one(&simulator, r#"{"stop":{"how":"cut","after_events":1}}"#);
    let mut client = Client::new(simulator.addr);
    client.send("POST", CHAT, body);
    let answer = client.answer().unwrap();
    assert_eq!((answer.header("connection"), &answer.end), (Some("keep-alive"), &End::Whole));
    assert_eq!(client.answer().unwrap_err(), End::Cut);
}

#[test]
fn models_of_the_right_name_misbehave() {
    for name in Behaviour::NAMES {
        assert!(Behaviour::named(name).is_some(), "{name}");
    }
    let simulator = simulator();
    let ask = |model: &str| {
        let (path, body) = stream_of(CHAT, model);
        Client::post(simulator.addr, &path, &body)
    };
    assert_eq!(ask("sim-fault-overloaded").status, 529);
    assert_eq!(ask("sim-fault-rate-limit").header("retry-after"), Some("2"));
    assert_eq!(ask("sim-fault-cut").end, End::Cut);
    assert_eq!(ask("sim-fault-unheard-of").status, 200);
}
