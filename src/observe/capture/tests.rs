//! What is captured and what never is, from the calls of the proxy to the file.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use serde_json::Value;
use tempfile::TempDir;

use super::redact::{REDACTED, pattern_of};
use super::*;
use crate::observe::rotation::Every;

const PATIENCE: Duration = Duration::from_secs(60);
const SECRET: &str = "Planted/Secret+0123456789==";

fn redactor() -> Redactor {
    Redactor::new(vec![pattern_of("zebra-[0-9]+").unwrap()], &[SECRET.to_owned(), "short".to_owned()]).unwrap()
}

fn redacted(text: &str) -> String {
    let out = redactor().redacted(text.as_bytes(), text.len());
    out.map_or_else(|| text.to_owned(), |out| String::from_utf8(out).unwrap())
}

#[test]
fn credentials_and_files_are_taken_out() {
    let long = "A1b/".repeat(200);
    let folded = format!("{}\r\n", "Q".repeat(76)).repeat(8);
    for (text, expected) in [
        (format!("key {SECRET} end"), "key [redacted] end".to_owned()),
        ("ovth_live_abcdefghij_KLM-nop".into(), REDACTED.into()),
        ("use sk-ant-api03-abc_DEF-123, please".into(), "use [redacted], please".into()),
        ("sk-proj-0123456789 sk-or-v1-0123456789".into(), "[redacted] [redacted]".into()),
        ("AIzaSyA0123456789abcdefg".into(), REDACTED.into()),
        ("gsk_0123456789ab xai-0123456789ab hf_0123456789ab".into(), "[redacted] [redacted] [redacted]".into()),
        ("AKIAIOSFODNN7EXAMPLE".into(), REDACTED.into()),
        ("eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl.".into(), "[redacted].".into()),
        ("Authorization: Bearer abc.DEF-123~45=".into(), "Authorization: Bearer [redacted]".into()),
        ("bearer\tabcdefgh".into(), "bearer\t[redacted]".into()),
        (r#"{"api_key": "abcdefgh1","x":1}"#.into(), r#"{"api_key": "[redacted]","x":1}"#.into()),
        (r#"{\"password\":\"hunter2hunter2\"}"#.into(), r#"{\"password\":\"[redacted]\"}"#.into()),
        ("https://h/p?a=1&key=abcd1234&b=2".into(), "https://h/p?a=1&key=[redacted]&b=2".into()),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----".into(),
            "-----BEGIN RSA PRIVATE KEY-----[redacted]-----END RSA PRIVATE KEY-----".into(),
        ),
        (
            r#"{"url":"data:image/png;base64,iVBORw0KGgo="}"#.into(),
            r#"{"url":"data:image/png;base64,[redacted]"}"#.into(),
        ),
        (r"data:;base64,QUJD\/+Q=".into(), "data:;base64,[redacted]".into()),
        (
            "DATA:text/plain;charset=utf-8;BASE64,QUJD rest".into(),
            "DATA:text/plain;charset=utf-8;BASE64,[redacted] rest".into(),
        ),
        (format!("\"data\":\"{long}\""), "\"data\":\"[redacted]\"".into()),
        (format!("file:\n{folded}QUI=\nend"), "file:[redacted]\nend".into()),
        ("my zebra-42 is here".into(), "my [redacted] is here".into()),
    ] {
        assert_eq!(redacted(&text), expected);
    }
}

#[test]
fn what_people_say_stays() {
    for text in [
        "The task-force asked me to bear with it; short of that, tokens: 5, a key point. Is it a secret? data: yes, base64, no.",
        r#"{"model":"gpt-5","max_tokens":100,"messages":[{"role":"user","content":"write a haiku about keys"}]}"#,
        "data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"}}]}\n\n",
        "fn main() { println!(\"{}\", token); } // sk-short",
    ] {
        assert_eq!(redacted(text), text);
    }
}

/// A capture in a folder of its own.
struct House {
    captures: Captures,
    path: PathBuf,
    dropped: IntCounter,
    _folder: TempDir,
}

fn house(body_bytes: usize) -> House {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("capture.jsonl");
    let dropped = IntCounter::new("dropped", "dropped").unwrap();
    let captures = Captures::new(dropped.clone());
    let prepared = captures.prepare(Some(settings(path.clone(), body_bytes))).unwrap();
    captures.set(prepared);
    House { captures, path, dropped, _folder: folder }
}

fn settings(path: PathBuf, body_bytes: usize) -> CaptureSettings {
    CaptureSettings {
        keys: vec![WildMatch::new("key_1"), WildMatch::new("team-*")],
        routes: vec![WildMatch::new("auto")],
        file: LogFile {
            path,
            rotate_bytes: 1 << 30,
            rotate_every: Every::Day,
            keep_files: usize::MAX,
            keep_time: Duration::from_secs(86_400),
            keep_bytes: Some(1 << 30),
            gzip: false,
            private: true,
        },
        body_bytes,
        headers: vec![CONTENT_TYPE],
        patterns: vec![pattern_of("zebra-[0-9]+").unwrap()],
        secrets: vec![SECRET.to_owned()],
    }
}

const ABOUT: Captured<'static> =
    Captured { request_id: "req_1", key_id: "key_1", key_label: "cursor", route: Some("auto") };
const UPSTREAM: Upstream<'static> = Upstream { provider: "openai", model: "gpt-5" };

impl House {
    /// The lines that are written.
    fn lines(&self) -> Vec<Value> {
        self.captures.flush(Instant::now() + PATIENCE);
        let text = fs::read_to_string(&self.path).unwrap();
        assert!(!text.contains("zebra-") && !text.contains("Planted"), "{text}");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What is written of an answer that comes in these pieces.
    fn answer<'a>(&self, pieces: impl IntoIterator<Item = &'a [u8]>) -> Value {
        let mut capturing = self.captures.begin(ABOUT).unwrap();
        capturing.upstream_head(UPSTREAM, 200, &HeaderMap::new());
        pieces.into_iter().for_each(|piece| capturing.upstream_body(piece));
        drop(capturing);
        self.lines().pop().unwrap()
    }
}

#[test]
fn keys_are_chosen_by_id_and_label_and_routes_by_name() {
    let house = house(1_024);
    let begins = |about: Captured<'_>| house.captures.begin(about).is_some();
    let nobody = Captured { request_id: "r", key_id: "key_2", key_label: "other", route: None };
    assert!(!begins(nobody));
    assert!(!begins(Captured { route: Some("automatic"), ..nobody }));
    assert!(begins(Captured { route: Some("auto"), ..nobody }));
    assert!(begins(Captured { key_label: "team-a", ..nobody }));
    assert!(begins(Captured { key_id: "key_1", ..nobody }));
    let off = house.captures.prepare(None).unwrap();
    house.captures.set(off);
    assert!(!house.captures.is_on() && !begins(ABOUT));
}

#[test]
fn each_part_of_an_exchange_is_a_line() {
    let house = house(1_024);
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; zebra-1"));
    headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer zebra-2"));
    let mut capturing = house.captures.begin(ABOUT).unwrap();
    capturing.client_request(&headers, br#"{"model":"auto"}"#);
    for status in [429, 200] {
        capturing.upstream_request(UPSTREAM, [br#"{"model":"#.as_slice(), br#""gpt-5"}"#]);
        capturing.upstream_head(UPSTREAM, status, &headers);
        capturing.upstream_body(b"half a ze");
        capturing.upstream_body(b"bra-1 body");
    }
    capturing.client_head(200, &headers);
    capturing.client_body(b"told");
    drop(capturing);
    let lines = house.lines();
    let told: Vec<(&str, u64, u64, &str)> = lines
        .iter()
        .map(|line| {
            assert_eq!(
                (&line["request_id"], &line["key_id"], &line["route"]),
                (&"req_1".into(), &"key_1".into(), &"auto".into())
            );
            let number = |name: &str| line[name].as_u64().unwrap_or(0);
            (line["part"].as_str().unwrap(), number("attempt"), number("status"), line["body"].as_str().unwrap())
        })
        .collect();
    let expected = [
        ("client_request", 0, 0, r#"{"model":"auto"}"#),
        ("upstream_request", 1, 0, r#"{"model":"gpt-5"}"#),
        ("upstream_answer", 1, 429, "half a [redacted] body"),
        ("upstream_request", 2, 0, r#"{"model":"gpt-5"}"#),
        ("upstream_answer", 2, 200, "half a [redacted] body"),
        ("client_answer", 0, 200, "told"),
    ];
    assert_eq!(told, expected);
    assert_eq!(lines[0]["headers"], serde_json::json!({"content-type": "application/json; [redacted]"}));
    assert_eq!(
        (&lines[2]["provider"], &lines[2]["model"], &lines[2]["bytes"]),
        (&"openai".into(), &"gpt-5".into(), &19.into())
    );
    assert_eq!(house.dropped.get(), 0);
}

#[test]
fn a_secret_that_a_model_says_in_several_events_is_taken_out_of_all_of_them() {
    let house = house(64 << 10);
    let event = |index: u64, text: &str| {
        format!(
            "data: {}\n\n",
            serde_json::json!({"id": "chatcmpl-1", "choices": [{"index": index, "delta": {"content": text}}]})
        )
    };
    let mut body = String::from(": comment\n\n");
    for (index, text) in
        [(0, "it is ze"), (1, "nothing "), (0, "bra"), (0, "-"), (1, "to see"), (0, "42, is"), (0, " it?")]
    {
        body.push_str(&event(index, text));
    }
    body.push_str("data: [DONE]\n\n");
    let line = house.answer([body.as_bytes()]);
    let told = line["body"].as_str().unwrap();
    let expected = ["it is [redacted]", "nothing ", "", "", "to see", ", is", " it?"];
    let texts: Vec<String> = told
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok())
        .map(|event| event["choices"][0]["delta"]["content"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(texts, expected);
    assert!(told.starts_with(": comment\n\n") && told.ends_with("data: [DONE]\n\n"), "{told}");
    assert_eq!(told.matches("chatcmpl-1").count(), 7);
    // Anthropic's form: the index is beside what goes on.
    let event = |index: u64, text: &str| {
        let event = serde_json::json!({"type": "content_block_delta", "index": index, "delta": {"type": "input_json_delta", "partial_json": text}});
        format!("event: content_block_delta\ndata: {event}\n\n")
    };
    let body = event(1, "{\"file\":\"zeb") + &event(2, "-") + &event(1, "ra-1") + &event(1, "7\"}");
    let told = house.answer([body.as_bytes()]);
    assert_eq!(told["body"].as_str().unwrap().matches("[redacted]").count(), 1, "{told}");
}

#[test]
fn escapes_hide_nothing() {
    let house = house(64 << 10);
    for body in [
        r#"{"a":"\u007aebra-1"}"#.to_owned(),
        r#"{"a":"{\"b\":\"\\u007aebra\"}","c":"z\u0065bra-77 \n"}"#.to_owned(),
        format!(r#"{{"a":"{}"}}"#, SECRET.replace('/', r"\/")),
        format!("data: {{\"a\":\"{}\"}}\n\n", SECRET.replace('/', r"\/")),
        // Cut off in the middle.
        r#"{"a":"\n zebra-1 \u00"#.to_owned(),
        r#"{"a":"\u007aebra-123"#.to_owned(),
        "data: {\"a\":\"\\u007aebra-123".to_owned(),
    ] {
        let line = house.answer([body.as_bytes()]);
        assert!(line["body"].as_str().unwrap().contains(REDACTED) || body.contains(r"\\u007a"), "{line}");
    }
}

#[test]
fn a_body_that_is_cut_off_is_so_after_what_is_taken_out() {
    let house = house(1_024);
    // The secret lies across the end of what is kept, at every place.
    for before in 990..1_030 {
        for form in
            ["{}zebra-0123456789", "data: {\"a\":\"{}zebra-0123456789\"}\n\n", "{\"a\":\"{}\\u007aebra-0123456789\"}"]
        {
            let body = form.replacen("{}", &"x ".repeat(before / 2), 1) + &"y ".repeat(3_000);
            let line = house.answer([body.as_bytes()]);
            let told = line["body"].as_str().unwrap();
            assert!(!told.contains("ze"), "{before}: {told}");
            assert!(told.len() <= 1_024 + REDACTED.len() && line["truncated"] == true, "{line}");
            assert_eq!(line["bytes"], body.len());
        }
    }
    let whole = house.answer([b"short".as_slice()]);
    assert_eq!((&whole["body"], &whole["truncated"]), (&"short".into(), &false.into()));
}

#[test]
fn what_finds_no_room_is_dropped_and_counted() {
    let house = house(1 << 20);
    let piece = vec![b'a'; 1 << 20];
    let mut all = Vec::new();
    for _ in 0..40 {
        let mut capturing = house.captures.begin(ABOUT).unwrap();
        capturing.client_request(&HeaderMap::new(), &piece);
        all.push(capturing);
    }
    assert_eq!(house.captures.active.load().as_ref().unwrap().held.load(Ordering::Relaxed), MAX_HELD_BYTES);
    drop(all);
    let deadline = Instant::now() + Duration::from_secs(60);
    while house.captures.active.load().as_ref().unwrap().held.load(Ordering::Relaxed) > 0 {
        assert!(Instant::now() < deadline, "all is given back");
        house.captures.flush(Instant::now() + PATIENCE);
    }
    assert_eq!(house.dropped.get(), 8);
}

#[test]
fn the_same_settings_change_nothing_and_others_share_the_bound_and_are_written_to_the_end() {
    let house = house(1_024);
    let now = || house.captures.active.load_full().unwrap();
    let first = now();
    house.captures.set(house.captures.prepare(Some(settings(house.path.clone(), 1_024))).unwrap());
    assert!(Arc::ptr_eq(&first, &now()), "no other thread and file");

    let mut under_way = house.captures.begin(ABOUT).unwrap();
    under_way.client_request(&HeaderMap::new(), b"before");
    house.captures.set(house.captures.prepare(Some(settings(house.path.clone(), 2_048))).unwrap());
    assert!(!Arc::ptr_eq(&first, &now()));
    assert!(now().held.load(Ordering::Relaxed) > 0, "what is under way counts still");
    drop(under_way);
    drop(first);
    assert_eq!(house.lines().len(), 1, "what began before is written as well");
}

#[test]
fn a_disk_that_is_full_costs_captures_only() {
    let dropped = IntCounter::new("dropped", "dropped").unwrap();
    let captures = Captures::new(dropped.clone());
    let prepared = captures.prepare(Some(settings("/dev/full".into(), 1_024))).unwrap();
    captures.set(prepared);
    for _ in 0..3 {
        captures.begin(ABOUT).unwrap().client_request(&HeaderMap::new(), b"{}");
    }
    captures.flush(Instant::now() + PATIENCE);
    assert_eq!(dropped.get(), 3);
    assert!(captures.prepare(Some(settings("/dev/null/nothing".into(), 1_024))).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However a body is cut into pieces, the same is written.
    #[test]
    fn pieces_make_no_difference(
        text in r#"(zebra-[0-9]{1,4}|sk-[a-z]{8,12}|"|\\|\{|[a-z ]{1,8}|data: |\n|\\u00[0-9a]{0,2}|é){0,30}"#,
        cuts in proptest::collection::vec(0_usize..200, 0..6),
    ) {
        let house = house(1_024);
        let whole = house.answer([text.as_bytes()]);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.sort_unstable();
        cuts.push(text.len());
        let mut at = 0;
        let mut pieces = Vec::new();
        for cut in cuts {
            pieces.push(&text.as_bytes()[at..cut]);
            at = cut;
        }
        let pieced = house.answer(pieces);
        prop_assert_eq!(&whole["body"], &pieced["body"]);
    }

    /// Whatever a body is, it is written without a panic, and what is to be taken out is.
    #[test]
    fn whatever_a_body_is(bytes in proptest::collection::vec(any::<u8>(), 0..3_000), at in 0_usize..3_000) {
        let house = house(1_024);
        let mut body = bytes;
        let at = at.min(body.len());
        body.splice(at..at, b" zebra-123 ".iter().copied());
        house.answer([body.as_slice()]);
    }
}

#[test]
#[ignore = "a measurement; run it by name with --release --nocapture"]
#[expect(clippy::print_stdout, reason = "prints what it measured")]
fn cost_of_a_capture_that_is_off() {
    let captures = Captures::new(IntCounter::new("dropped", "dropped").unwrap());
    let began = Instant::now();
    let mut begun = 0_u32;
    for _ in 0..1_000_000 {
        begun += u32::from(captures.begin(std::hint::black_box(ABOUT)).is_some());
    }
    println!("{begun} of a million begun, {:?} each", began.elapsed() / 1_000_000);
    let redactor = redactor();
    let body =
        r#"{"role":"user","content":"Please tell me about the tokens of this, and the key points."}"#.repeat(700);
    let began = Instant::now();
    redactor.ranges(body.as_bytes());
    println!("{} bytes looked through in {:?}", body.len(), began.elapsed());
}
