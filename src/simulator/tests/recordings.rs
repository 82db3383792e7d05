//! Streams against recorded ones, event by event; and recordings replayed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::{Options, spawn};
use super::client::{Client, events, simulator};

/// A recorded stream and the request that makes the simulator send one of its kind.
struct Pair {
    recording: &'static str,
    sample: &'static str,
    path: &'static str,
    request: &'static str,
}

const WEATHER: &str = r#""tools":[{"type":"function","function":{"name":"a","parameters":{"type":"object","properties":{"x":{"type":"string"}}}}},{"type":"function","function":{"name":"b"}}]"#;

/// The shapes of real streams. The samples are cut-down ones in the simulator's own words, with the fields of the recordings; they
/// stand in where the recordings are not at hand.
fn pairs() -> [Pair; 6] {
    [
        Pair {
            recording: "chat-completions/stream-tool-results-developer-role-tools-01.json",
            sample: include_str!("samples/chat.txt"),
            path: "/v1/chat/completions",
            request: r#"{"model":"gpt-4o-mini","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hello there"}]}"#,
        },
        Pair {
            recording: "chat-completions/stream-parallel-tools-tool-call-01.json",
            sample: include_str!("samples/chat-tools.txt"),
            path: "/v1/chat/completions",
            request: r#"{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"use a and b"}],TOOLS}"#,
        },
        Pair {
            recording: "chat-completions/stream-tool-call-tool-results-tools-01.json",
            sample: include_str!("samples/chat-tool.txt"),
            path: "/v1/chat/completions",
            request: r#"{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"use it [tool]"}],TOOLS}"#,
        },
        Pair {
            recording: "messages/stream-basic-04.json",
            sample: include_str!("samples/messages.txt"),
            path: "/v1/messages",
            request: r#"{"model":"claude-haiku-4-5","max_tokens":100,"stream":true,"messages":[{"role":"user","content":"hello there"}]}"#,
        },
        Pair {
            recording: "messages/stream-tool-call-tools-01.json",
            sample: include_str!("samples/messages-tool.txt"),
            path: "/v1/messages",
            request: r#"{"model":"claude-haiku-4-5","max_tokens":100,"stream":true,"messages":[{"role":"user","content":"hello [tool]"}],"tools":[{"name":"w","input_schema":{"type":"object","properties":{"place":{"type":"string"}}}}]}"#,
        },
        Pair {
            recording: "messages/stream-thinking-signature-thinking-out-02.json",
            sample: include_str!("samples/messages-thinking.txt"),
            path: "/v1/messages",
            request: r#"{"model":"claude-haiku-4-5","max_tokens":4000,"stream":true,"thinking":{"type":"enabled","budget_tokens":1024},"messages":[{"role":"user","content":"hello there"}]}"#,
        },
    ]
}

fn folder() -> Option<PathBuf> {
    std::env::var_os("OVTH_RECORDINGS").map(PathBuf::from)
}

#[test]
fn streams_have_the_events_and_fields_of_real_ones_in_their_order() {
    let simulator = simulator();
    for pair in pairs() {
        let real = match folder() {
            Some(folder) => recorded(&folder.join(pair.recording)),
            None => pair.sample.to_owned(),
        };
        let ours = Client::post(simulator.addr, pair.path, &pair.request.replace("TOOLS", WEATHER));
        assert_eq!(outline(ours.text()), outline(&real), "{}", pair.recording);
    }
}

/// The samples themselves are held to the recordings.
#[test]
fn samples_are_like_the_recordings() {
    let Some(folder) = folder() else { return };
    for pair in pairs() {
        assert_eq!(outline(pair.sample), outline(&recorded(&folder.join(pair.recording))), "{}", pair.recording);
    }
}

fn recorded(path: &Path) -> String {
    let recording: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    recording["response"]["body_text"].as_str().unwrap().to_owned()
}

/// Event names and the paths of all keys, with runs of the same kind of event as one.
fn outline(text: &str) -> Vec<(String, BTreeSet<String>)> {
    let mut outline: Vec<(String, BTreeSet<String>)> = Vec::new();
    for (name, data) in events(text) {
        let mut keys = BTreeSet::new();
        match serde_json::from_str::<Value>(&data) {
            Ok(value) => key_paths(&value, "", &mut keys),
            Err(_) => drop(keys.insert(data)),
        }
        if outline.last() != Some(&(name.clone(), keys.clone())) {
            outline.push((name, keys));
        }
    }
    outline
}

fn key_paths(value: &Value, path: &str, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let path = format!("{path}.{key}");
                key_paths(value, &path, keys);
                keys.insert(path);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| key_paths(item, &format!("{path}[]"), keys)),
        Value::Null => drop(keys.insert(format!("{path}=null"))),
        _ => {
            // What tells kinds of events apart.
            if path.ends_with(".type") || path.ends_with(".role") || path.ends_with(".object") {
                keys.insert(format!("{path}={value}"));
            }
        }
    }
}

#[test]
fn replays_an_inline_recording_in_pieces_of_any_size() {
    let simulator = simulator();
    let text = "data: {\"é\":1}\r\n\r\ndata: [DONE]\r\n\r\n";
    let recording = serde_json::json!({
        "source": "made up",
        "response": {"status": 200, "headers": {"content-type": "text/event-stream", "x-a": "b"}, "body_text": text},
    });
    for split in [vec![], vec![1], vec![7, 2], vec![1000]] {
        let script = serde_json::json!([{"replay": {"recording": recording, "split": split}}]).to_string();
        assert_eq!(Client::call(simulator.addr, "PUT", "/_sim/r/script", &script).status, 200);
        let answer = Client::post(simulator.addr, "/r/v1/chat/completions", "{}");
        assert_eq!((answer.text(), answer.header("x-a")), (text, Some("b")));
        assert_eq!(answer.header("openai-version"), None);
    }
    let script =
        r#"{"replay":{"recording":{"response":{"status":429,"headers":{"retry-after":"1"},"body":{"error" : 1}}}}}"#;
    assert_eq!(Client::call(simulator.addr, "PUT", "/_sim/r/script", script).status, 200);
    let answer = Client::post(simulator.addr, "/r/v1/messages", "{}");
    assert_eq!((answer.status, answer.text(), answer.header("retry-after")), (429, r#"{"error" : 1}"#, Some("1")));
}

#[test]
fn replays_files_of_its_folder_and_of_no_other() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.json"), r#"{"response":{"status":201,"body":[1, 2]}}"#).unwrap();
    let options = Options { recordings: Some(folder.path().to_owned()), ..Options::default() };
    let simulator = spawn(options).unwrap();
    let set = |path: &str| {
        let script = format!(r#"{{"replay":{{"path":"{path}"}}}}"#);
        Client::call(simulator.addr, "PUT", "/_sim/r/script", &script)
    };
    assert_eq!(set("x.json").status, 200);
    let answer = Client::post(simulator.addr, "/r/v1/messages", "{}");
    assert_eq!((answer.status, answer.text()), (201, "[1, 2]"));
    for path in ["../x.json", "/etc/hostname", "y.json"] {
        assert_eq!(set(path).status, 400, "{path}");
    }
}
