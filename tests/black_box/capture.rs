//! Captures of what was said: for whom they are asked only, with nothing in them that must not be, and never in the way of an exchange.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Bed, Gateway, Shape, Upstream, Way, provider, within};

/// The time between two looks at a file, which nothing tells about.
const GLANCE: Duration = Duration::from_millis(5);

/// Whether a key of this gateway, a provider's key or the content of a file is somewhere in it.
const NEVER: [&str; 5] = ["ovth_live_", "upstream-secret-of", "iVBORw0KGgo", "hunter2hunter2", "echoed-credential"];

async fn bed(settings: &str) -> Bed {
    let first = Upstream::new(|seen| {
        let shape = seen.shape();
        let key = "upstream-secret-of-first-0123456789";
        if seen.prompt().contains("please fail") {
            return Answer::json(500, format!("{{\"error\":{{\"message\":\"{key}\"}}}}"));
        }
        if seen.streams() {
            return Answer::streamed(shape, &["it is ", "upstream-secr", "et-of-first-01", "23456789", " indeed"]);
        }
        Answer::plain(shape, &format!("your key is {key} and Bearer echoed-credential"))
    })
    .await;
    let second = Upstream::new(|_| Answer::plain(Shape::Chat, "the second one")).await;
    Bed::start_with(settings, first, second).await
}

/// The captured lines, once that many exchanges have ended in it.
async fn captured(gateway: &Gateway, answers: usize) -> Vec<Value> {
    let path = gateway.folder().join("data/capture.jsonl");
    let text = within("a capture", async {
        loop {
            let text = fs::read_to_string(&path).unwrap_or_default();
            if text.matches("\"part\":\"client_answer\"").count() >= answers && text.ends_with('\n') {
                return text;
            }
            tokio::time::sleep(GLANCE).await;
        }
    })
    .await;
    for never in NEVER {
        assert!(!text.contains(never), "{never} is in {text}");
    }
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn parts<'a>(lines: &'a [Value], request_id: &str) -> Vec<(&'a str, &'a str)> {
    let of = lines.iter().filter(|line| line["request_id"] == request_id);
    of.map(|line| (line["part"].as_str().unwrap(), line["body"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn nothing_is_captured_unless_it_is_asked_for() {
    let bed = bed("").await;
    let response = bed.gateway.post(Shape::Chat, Shape::Chat.ask("sole-0", "planted prompt")).await;
    assert_eq!(response.status, 200);
    bed.gateway.record(response.request_id()).await;
    assert!(!bed.gateway.folder().join("data/capture.jsonl").exists());
    assert!(!bed.gateway.log().contains("capture is on"));
}

#[tokio::test]
async fn an_exchange_is_captured_from_the_client_to_the_providers_and_back() {
    let bed =
        bed("log: {capture: {keys: [tests], redact: ['account [0-9]+'], headers: [content-type, x-team]}}\n").await;
    bed.gateway.logged("capture is on: what some clients say and are answered is written to a file").await;
    let prompt =
        "please fail; I am account 4711, password: hunter2hunter2, see data:image/png;base64,iVBORw0KGgoAAAANSUhEUg";
    let request = bed.gateway.request(Shape::Chat, Shape::Chat.ask("pair-0", prompt)).header("x-team", "red");
    let response = bed.gateway.send(&request, Way::Chunked).await;
    assert_eq!((response.status, response.attempts()), (200, 2), "{response:?}");
    let lines = captured(&bed.gateway, 1).await;
    let parts = parts(&lines, response.request_id());
    let names: Vec<&str> = parts.iter().map(|(part, _)| *part).collect();
    let expected = [
        "client_request",
        "upstream_request",
        "upstream_answer",
        "upstream_request",
        "upstream_answer",
        "client_answer",
    ];
    assert_eq!(names, expected);
    assert!(
        parts[0].1.contains("I am [redacted], password: [redacted], see data:image/png;base64,[redacted]"),
        "{parts:?}"
    );
    assert!(parts[1].1.contains("\"model-0\"") && parts[1].1.contains("I am [redacted],"), "{parts:?}");
    assert_eq!(parts[2].1, r#"{"error":{"message":"[redacted]"}}"#);
    assert_eq!(parts[4].1, parts[5].1);
    assert!(parts[5].1.contains("the second one"), "{parts:?}");
    assert_eq!(lines[0]["headers"], json!({"content-type": "application/json", "x-team": "red"}));
    assert_eq!(
        (&lines[2]["attempt"], &lines[2]["provider"], &lines[2]["status"]),
        (&json!(1), &json!("first"), &json!(500))
    );
    assert_eq!(
        (&lines[4]["attempt"], &lines[4]["provider"], &lines[5]["status"]),
        (&json!(2), &json!("second"), &json!(200))
    );
}

#[tokio::test]
async fn a_credential_that_comes_in_pieces_is_taken_out_of_all_shapes_and_of_translations() {
    let bed = bed("log: {capture: {routes: ['sole-*']}}\n").await;
    let mut count = 0;
    for shape in Shape::ALL {
        for ask in [shape.ask_stream(&bed.sole(), "go"), shape.ask(&bed.sole(), "go")] {
            let response = bed.gateway.post(shape, ask).await;
            assert_eq!(response.status, 200, "{response:?}");
            count += 1;
            let lines = captured(&bed.gateway, count).await;
            let parts = parts(&lines, response.request_id());
            assert_eq!(parts.len(), 4, "{parts:?}");
            for (part, body) in &parts[2..] {
                assert!(body.contains("[redacted]"), "{part}: {body}");
                // The pieces that follow the first one are empty now.
                assert!(!body.contains("et-of-first") && !body.contains("23456789"), "{part}: {body}");
            }
        }
    }
    // Another route, the same key: not asked for.
    let response = bed.gateway.post(Shape::Chat, Shape::Chat.ask(&bed.pair(), "go")).await;
    assert_eq!(response.status, 200);
    let last = bed.gateway.post(Shape::Chat, Shape::Chat.ask(&bed.sole(), "go")).await;
    let lines = captured(&bed.gateway, count + 1).await;
    assert!(parts(&lines, response.request_id()).is_empty());
    assert_eq!(parts(&lines, last.request_id()).len(), 4);
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_is_captured_as_far_as_it_came() {
    let shape = Shape::Chat;
    let first = Upstream::always(Answer::stream().event(shape.opening()).event(shape.content("before")).hold()).await;
    let bed = Bed::start_with("log: {capture: {routes: ['*']}}\n", first, Upstream::silent().await).await;
    let mut stream = bed.gateway.open(shape, shape.ask_stream("sole-0", "go")).await;
    assert_eq!(stream.head().await.status(), 200);
    while !stream.content_event().await.unwrap().data().contains("before") {}
    drop(stream);
    let lines = captured(&bed.gateway, 1).await;
    let answer = lines.iter().find(|line| line["part"] == "client_answer").unwrap();
    assert!(answer["body"].as_str().unwrap().contains("before"), "{lines:?}");
}

#[tokio::test]
async fn large_bodies_are_cut_and_all_of_it_stays_within_its_bound() {
    let settings = "log: {capture: {routes: ['sole-*'], body_bytes: 4KiB, total_bytes: 1MiB}}\n";
    let bed = bed(settings).await;
    let large = "many words ".repeat(100_000);
    let mut last = String::new();
    for _ in 0..150 {
        let response = bed.gateway.post(Shape::Chat, Shape::Chat.ask("sole-0", &large)).await;
        assert_eq!(response.status, 200, "{response:?}");
        last = response.request_id().to_owned();
    }
    let folder = bed.gateway.folder().join("data");
    within("the last capture", async {
        while !fs::read_to_string(folder.join("capture.jsonl")).unwrap_or_default().contains(&last) {
            tokio::time::sleep(GLANCE).await;
        }
    })
    .await;
    let files: Vec<u64> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("capture.jsonl"))
        .map(|entry| {
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            entry.metadata().unwrap().len()
        })
        .collect();
    assert!(files.len() > 4 && files.iter().sum::<u64>() <= 1 << 20, "{files:?}");
    let text = fs::read_to_string(folder.join("capture.jsonl")).unwrap();
    let line: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!((&line["part"], &line["truncated"]), (&json!("client_request"), &json!(true)));
    assert!(line["body"].as_str().unwrap().len() <= 4 << 10 && line["bytes"].as_u64().unwrap() > 1_000_000, "{line}");
}

#[tokio::test]
async fn a_disk_that_is_full_is_counted_and_no_exchange_is_lost() {
    let bed = bed("log: {capture: {routes: ['*'], file: /dev/full}}\n").await;
    for _ in 0..3 {
        let response = bed.gateway.post(Shape::Chat, Shape::Chat.ask("sole-0", "go")).await;
        assert_eq!(response.status, 200, "{response:?}");
    }
    within("the count of lost captures", async {
        while !bed.gateway.metrics().await.contains("ovth_captures_dropped_total 3") {
            tokio::time::sleep(GLANCE).await;
        }
    })
    .await;
    bed.gateway.logged("captured exchanges cannot be written").await;
}

#[tokio::test]
async fn the_check_of_a_file_says_that_capture_is_on() {
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "log: {{capture: {{keys: [cursor]}}}}\nproviders:\n{}",
        provider("local", "http://127.0.0.1:9", &["gpt-5".to_owned()])
    );
    fs::write(folder.path().join("config.yaml"), config).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_ovth"))
        .args(["check", "--config", "config.yaml"])
        .current_dir(folder.path())
        .env_clear()
        .env("OVTH_MASTER_KEY", "master-0123456789abcdef0123456789abcdef")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    assert!(told.contains("warning: log.capture.keys: what clients of these keys and routes say"), "{told}");
}
