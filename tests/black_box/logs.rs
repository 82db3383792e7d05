//! What the process writes of itself: the access log's file and its rotation, levels that change while it runs, lines that cannot be forged.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Bed, Gate, Request, Shape, Upstream, Way, within};

/// The time between two looks at a file, which nothing tells about.
const GLANCE: Duration = Duration::from_millis(5);

async fn bed(settings: &str) -> Bed {
    let first = Upstream::new(|seen| {
        let shape = if seen.head.path().ends_with("messages") { Shape::Messages } else { Shape::Chat };
        Answer::plain(shape, "served")
    })
    .await;
    Bed::start_with(settings, first, Upstream::silent().await).await
}

/// One exchange; its request id.
async fn exchange(bed: &Bed) -> String {
    let response = bed.gateway.post(Shape::Chat, Shape::Chat.ask("sole-0", "hello")).await;
    assert_eq!(response.status, 200, "{response:?}");
    response.request_id().to_owned()
}

fn data(bed: &Bed) -> PathBuf {
    bed.gateway.folder().join("data")
}

/// Waits until the file holds that text.
async fn written(path: &Path, text: &str) -> String {
    within("a line in a file", async {
        loop {
            let read = fs::read_to_string(path).unwrap_or_default();
            if read.lines().any(|line| line.contains(text)) && read.ends_with('\n') {
                return read;
            }
            tokio::time::sleep(GLANCE).await;
        }
    })
    .await
}

fn request_ids(text: &str) -> Vec<String> {
    let line = |line: &str| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(line).map(|line| line["request_id"].as_str().expect("a request id").to_owned()).collect()
}

#[tokio::test]
async fn each_exchange_is_one_line_of_its_own_file_and_is_in_no_other_log() {
    let mut bed = bed("log: {level: error, access: {file: logs/access.log}}\n").await;
    let served = exchange(&bed).await;
    let refused = bed.gateway.post(Shape::Messages, "{").await;
    assert_eq!(refused.status, 400);
    let path = data(&bed).join("logs/access.log");
    let text = written(&path, refused.request_id()).await;
    assert_eq!(request_ids(&text), [served.as_str(), refused.request_id()]);
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["target"], &first["status"], &first["outcome"]),
        (&json!("ovth::access"), &json!(200), &json!("ok"))
    );
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(bed.gateway.stop().await.success());
    assert!(!bed.gateway.log().contains("ovth::access"), "{}", bed.gateway.log());
}

#[tokio::test]
async fn what_waits_is_written_before_the_process_ends() {
    let mut bed = bed("log: {access: {file: access.log}}\n").await;
    let mut expected = Vec::new();
    for _ in 0..20 {
        expected.push(exchange(&bed).await);
    }
    bed.gateway.restart().await;
    let path = data(&bed).join("access.log");
    assert_eq!(request_ids(&fs::read_to_string(&path).unwrap()), expected);
    expected.push(exchange(&bed).await);
    let text = written(&path, expected.last().unwrap()).await;
    assert_eq!(request_ids(&text), expected, "the next start goes on in the same file");
}

#[tokio::test]
async fn full_files_are_put_aside_and_only_so_many_kept() {
    let bed = bed("log: {access: {file: access.log, rotate_bytes: 4KiB, keep_files: 2, gzip: true}}\n").await;
    let path = data(&bed).join("access.log");
    let mut last = Vec::new();
    for _ in 0..60 {
        let id = exchange(&bed).await;
        written(&path, &id).await;
        last.push(id);
    }
    let names = || -> Vec<String> {
        let entries = fs::read_dir(data(&bed)).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with("access.log."))
            .collect()
    };
    within("two compressed files", async {
        // Compression runs beside the writer, and finds what it left over at the next rotation.
        while names().len() != 2 || !names().iter().all(|name| name.ends_with(".gz")) {
            let id = exchange(&bed).await;
            written(&path, &id).await;
        }
    })
    .await;
    assert!(fs::metadata(&path).unwrap().len() <= 4 << 10);
}

#[tokio::test]
async fn a_file_that_logrotate_moves_is_begun_anew() {
    let bed = bed("log: {access: {file: access.log}}\n").await;
    let (path, moved) = (data(&bed).join("access.log"), data(&bed).join("access.log.1"));
    let before = exchange(&bed).await;
    written(&path, &before).await;
    fs::rename(&path, &moved).unwrap();
    let after = exchange(&bed).await;
    assert_eq!(request_ids(&written(&path, &after).await), [after]);
    assert_eq!(request_ids(&fs::read_to_string(&moved).unwrap()), [before]);
}

#[tokio::test]
async fn a_full_disk_costs_lines_and_no_exchange() {
    let bed = bed("log: {access: {file: /dev/full}}\n").await;
    for _ in 0..3 {
        exchange(&bed).await;
    }
    bed.gateway.logged("a log file cannot be written").await;
    within("the count of lost lines", async {
        while !bed.gateway.metrics().await.contains("ovth_access_records_dropped_total 3") {
            tokio::time::sleep(GLANCE).await;
        }
    })
    .await;
    assert_eq!(bed.gateway.log().matches("a log file cannot be written").count(), 1, "it is told once a minute");
}

#[tokio::test]
async fn an_access_log_that_cannot_be_opened_stops_the_start_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let config = "providers: {local: {base_url: 'http://127.0.0.1:9', models: [m]}}\n\
                  log: {access: {file: /proc/nowhere/access.log}}\n";
    fs::write(folder.path().join("config.yaml"), config).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_ovth"))
        .args(["serve", "--config", "config.yaml"])
        .current_dir(folder.path())
        .env_clear()
        .env("OVTH_MASTER_KEY", "master-0123456789abcdef0123456789abcdef")
        .env("OVTH_LISTEN", crate::support::free_address().to_string())
        .env("OVTH_METRICS_LISTEN", crate::support::free_address().to_string())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(told.contains("error: log.access.file: /proc/nowhere/access.log: "), "{told}");
}

#[tokio::test]
async fn levels_of_modules_are_read_from_file_and_environment_and_changed_over_the_admin_api() {
    let bed = bed("log: {level: error, levels: {'ovth_gateway::admin': info}}\n").await;
    let gateway = &bed.gateway;
    let put = async |body: &str| {
        let response = gateway.ask_admin("PUT", "/admin/log", body).await;
        assert_eq!(response.status, 200, "{response:?}");
        response.json()
    };
    let silent = exchange(&bed).await;
    // A client has its answer before the record of it is written, if it is.
    gateway.settled_page().await;
    let changed = put(r#"{"levels":{"ovth::access":"info"},"duration_seconds":3600}"#).await;
    assert_eq!(changed["configured"]["level"], "error");
    assert_eq!(changed["configured"]["levels"]["ovth_gateway::admin"], "info");
    gateway.logged("the log levels were changed over the admin API").await;
    let told = exchange(&bed).await;
    gateway.record(&told).await;
    assert_eq!(gateway.admin_json("/admin/log").await["changed"], true);
    put(r#"{"levels":{"ovth::access":"info"},"duration_seconds":1}"#).await;
    within("the configured levels", async {
        while gateway.admin_json("/admin/log").await["changed"] == true {
            tokio::time::sleep(GLANCE).await;
        }
    })
    .await;
    let silent_again = exchange(&bed).await;
    gateway.settled_page().await;
    put(r#"{"level":"info"}"#).await;
    let told_again = exchange(&bed).await;
    gateway.record(&told_again).await;
    let log = gateway.log();
    assert!(!log.contains(&silent) && !log.contains(&silent_again), "{log}");
    let refused = gateway.send(&Request::get("/admin/log"), Way::Sized).await;
    assert_eq!(refused.status, 401, "levels are the operator's");
}

#[tokio::test]
async fn nothing_that_a_client_says_begins_another_line() {
    let bed = bed("").await;
    let forged = "x\n{\"ts\":\"2026-11-23T00:00:00.000Z\",\"level\":\"info\",\"target\":\"ovth::access\",\"msg\":\"forged\"}\r\u{1b}[2J\u{2028}";
    let body = json!({"model": forged, "messages": [{"role": "user", "content": "hi"}]}).to_string();
    let response = bed.gateway.post(Shape::Chat, body).await;
    assert_eq!(response.status, 404, "{response:?}");
    bed.gateway.record(response.request_id()).await;
    let log = bed.gateway.log();
    for line in log.lines() {
        let read: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_ne!(read["msg"], "forged");
        assert!(!line.contains(|c: char| c.is_control() || c == '\u{2028}'), "{line:?}");
    }
}

#[tokio::test]
async fn readable_lines_can_be_had_where_nobody_looks_on() {
    let bed = bed("log: {format: text}\n").await;
    let id = exchange(&bed).await;
    bed.gateway.logged(&format!("ovth::access: exchange request_id={id}")).await;
}

#[tokio::test]
async fn levels_changed_in_the_middle_of_a_stream_lose_nothing_of_it() {
    let gate = Gate::new();
    let shape = Shape::Chat;
    let told = Answer::stream().event(shape.opening()).event(shape.content("one")).wait(&gate);
    let first = Upstream::always(told.event(shape.closing()).finished()).await;
    let bed = Bed::start_with("", first, Upstream::silent().await).await;
    let mut stream = bed.gateway.open(shape, shape.ask_stream("sole-0", "go")).await;
    assert_eq!(stream.head().await.status(), 200);
    for level in ["trace", "off", "info"] {
        let body = json!({ "level": level }).to_string();
        assert_eq!(bed.gateway.ask_admin("PUT", "/admin/log", &body).await.status, 200);
    }
    gate.open();
    let events = stream.events().await;
    assert!(events.iter().any(|event| event.data().contains("one")), "{events:?}");
}
