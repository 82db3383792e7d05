//! The filters on recorded provider traffic: set `OVTH_RECORDINGS` to a folder with `chat-completions/` and `messages/`.
//!
//! What the filters find is compared with what a full parse of the same bytes finds.
#![expect(clippy::unwrap_used, clippy::print_stderr, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::path::PathBuf;

use bytes::Bytes;
use ovth_filters::json::splice;
use ovth_filters::neutral::{ErrorClass, Usage};
use ovth_filters::shapes::{Edits, MAX_EVENT_BYTES, decode_error, peek};
use ovth_filters::sse::{Framer, Piece};
use ovth_filters::tap::{EventKind, Tap};
use ovth_filters::{Operation, Shape};
use serde_json::Value;

struct Recording {
    name: String,
    shape: Shape,
    exchange: Value,
}

impl Recording {
    fn status(&self) -> u64 {
        self.exchange["response"]["status"].as_u64().unwrap()
    }

    /// The answer's text when it is a stream.
    fn stream(&self) -> Option<Bytes> {
        let is_stream = self.exchange["stream"] == true && self.status() == 200;
        let text = self.exchange["response"]["body_text"].as_str()?;
        is_stream.then(|| Bytes::copy_from_slice(text.as_bytes()))
    }

    /// The answer when it is one body.
    fn body(&self) -> Option<&Value> {
        self.stream().is_none().then(|| &self.exchange["response"]["body"])
    }

    fn request(&self) -> Option<&Value> {
        self.exchange["request"].get("body").filter(|body| body.is_object())
    }
}

/// The recordings, or nothing when no folder is named.
fn recordings() -> Vec<Recording> {
    let Some(root) = std::env::var_os("OVTH_RECORDINGS").map(PathBuf::from) else {
        eprintln!("left out: all recordings, because OVTH_RECORDINGS names no folder with them");
        return Vec::new();
    };
    let mut recordings = Vec::new();
    for (folder, shape) in [("chat-completions", Shape::Chat), ("messages", Shape::Messages)] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{folder}/{}", path.file_name().unwrap().to_string_lossy());
            let exchange = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            recordings.push(Recording { name, shape, exchange });
        }
    }
    recordings.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(!recordings.is_empty(), "no recordings in {}", root.display());
    recordings
}

/// What a stream comes to.
#[derive(Debug, PartialEq)]
struct Outcome {
    kinds: Vec<EventKind>,
    bytes: Vec<u8>,
    usage: Option<Usage>,
    finish_reason: Option<String>,
    model: Option<String>,
    complete: bool,
    delivered: u64,
}

fn tap(shape: Shape, chunks: impl IntoIterator<Item = Bytes>) -> Outcome {
    let mut framer = Framer::new(MAX_EVENT_BYTES);
    let mut tap = Tap::new(shape);
    let mut kinds = Vec::new();
    let mut bytes = Vec::new();
    let mut take = |piece: Piece| {
        assert!(matches!(piece, Piece::Event(_)), "no recorded event is over the bound");
        bytes.extend_from_slice(piece.bytes());
        kinds.push(tap.piece(&piece));
    };
    for chunk in chunks {
        framer.push(chunk);
        while let Some(piece) = framer.next() {
            take(piece);
        }
    }
    if let Some(piece) = framer.finish() {
        take(piece);
    }
    Outcome {
        kinds,
        bytes,
        usage: tap.usage(),
        finish_reason: tap.finish_reason().map(str::to_owned),
        model: tap.model().map(str::to_owned),
        complete: tap.is_complete(),
        delivered: tap.delivered_tokens(),
    }
}

/// The `data` of all events, found in the plainest way.
fn data_lines(stream: &Bytes) -> Vec<Value> {
    let text = std::str::from_utf8(stream).unwrap();
    text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data:")?.trim()).ok()).collect()
}

/// Puts the counters of one usage object over those of earlier ones.
fn merge(into: &mut Value, usage: &Value) {
    for (name, value) in usage.as_object().into_iter().flatten() {
        if value.is_object() {
            if !into[name].is_object() {
                into[name] = Value::Object(serde_json::Map::new());
            }
            merge(&mut into[name], value);
        } else if !value.is_null() {
            into[name] = value.clone();
        }
    }
}

fn usage_of(shape: Shape, answers: &[Value]) -> Option<Usage> {
    let mut all = Value::Object(serde_json::Map::new());
    for answer in answers {
        for at in ["/x_groq/usage", "/message/usage", "/usage"] {
            if let Some(usage) = answer.pointer(at) {
                merge(&mut all, usage);
            }
        }
    }
    let count = |pointer: &str| all.pointer(pointer).and_then(Value::as_u64);
    let or_zero = |pointer: &str| count(pointer).unwrap_or(0);
    match shape {
        Shape::Messages => {
            let output = count("/output_tokens")?;
            let hour = or_zero("/cache_creation/ephemeral_1h_input_tokens");
            // These steps are billed beside the counts of the message; none that was recorded has a part in a cache.
            let is_beside = |step: &&Value| step["type"] == "compaction" || step["type"] == "advisor_message";
            let beside = |field: &str| -> u64 {
                let steps = all["iterations"].as_array().into_iter().flatten().filter(is_beside);
                steps.filter_map(|step| step[field].as_u64()).sum()
            };
            Some(Usage {
                input: or_zero("/input_tokens") + beside("input_tokens"),
                cache_read: or_zero("/cache_read_input_tokens"),
                cache_write: or_zero("/cache_creation_input_tokens") - hour,
                cache_write_1h: hour,
                output: output + beside("output_tokens"),
                reasoning: or_zero("/output_tokens_details/thinking_tokens").min(output),
                web_searches: or_zero("/server_tool_use/web_search_requests"),
                ..Usage::default()
            })
        }
        _ => {
            let (prompt, completion) = (count("/prompt_tokens")?, or_zero("/completion_tokens"));
            let cache_read = or_zero("/prompt_tokens_details/cached_tokens").max(or_zero("/prompt_cache_hit_tokens"));
            let cache_write = or_zero("/prompt_tokens_details/cache_write_tokens");
            let reasoning = or_zero("/completion_tokens_details/reasoning_tokens");
            let beside = count("/total_tokens") == Some(prompt + completion + reasoning);
            let output = if beside { completion + reasoning } else { completion };
            Some(Usage {
                input: prompt.saturating_sub(cache_read + cache_write),
                cache_read,
                cache_write,
                cache_write_1h: 0,
                output,
                reasoning: reasoning.min(output),
                audio_input: or_zero("/prompt_tokens_details/audio_tokens"),
                audio_output: or_zero("/completion_tokens_details/audio_tokens"),
                web_searches: or_zero("/server_tool_use_details/web_search_requests"),
                ..Usage::default()
            })
        }
    }
}

#[test]
fn requests_are_understood_and_edited_in_place() {
    let mut checked = 0;
    for recording in recordings() {
        let Some(request) = recording.request() else { continue };
        let body = Bytes::from(serde_json::to_vec(request).unwrap());
        let found = peek(recording.shape, Operation::Generate, &body).unwrap();
        assert_eq!(request["model"], *found.model, "{}", recording.name);
        assert_eq!(request["stream"] == true, found.stream, "{}", recording.name);
        let has = |list: &Value| list.as_array().is_some_and(|list| !list.is_empty());
        assert_eq!(has(&request["messages"]), found.has_messages, "{}", recording.name);
        assert_eq!(has(&request["tools"]) || has(&request["functions"]), found.needs.tools, "{}", recording.name);
        let text = request["messages"].to_string();
        let images = text.contains(r#""type":"image"#);
        assert_eq!(images, found.needs.images, "{}", recording.name);
        assert_eq!(text.contains(r#""type":"input_audio""#), found.needs.audio, "{}", recording.name);

        let edits = Edits { model: "another/model", ask_usage: true, completion_tokens_field: false, max_output: None };
        let mut expected = request.clone();
        expected["model"] = Value::from("another/model");
        if found.hides_usage() {
            expected["stream_options"]["include_usage"] = Value::from(true);
        }
        let edited = splice(&body, &found.edits(&edits)).concat();
        let mut edited: Value = serde_json::from_slice(&edited).unwrap();
        edited.sort_all_objects();
        expected.sort_all_objects();
        assert_eq!(edited, expected, "{}", recording.name);
        checked += 1;
    }
    eprintln!("checked {checked} requests");
}

#[test]
fn streams_are_read_as_a_full_parse_reads_them_however_they_are_split() {
    let mut checked = 0;
    for recording in recordings() {
        let Some(stream) = recording.stream() else { continue };
        let Recording { name, shape, exchange } = &recording;
        let outcome = tap(*shape, [stream.clone()]);
        assert_eq!(outcome.bytes, stream, "{name}");
        assert_eq!(outcome.usage, usage_of(*shape, &data_lines(&stream)), "{name}");
        let fails = exchange["features"].as_array().unwrap().iter().any(|feature| feature == "error-mid-stream");
        let errors = outcome.kinds.iter().filter(|kind| matches!(kind, EventKind::Error(_))).count();
        assert_eq!((outcome.complete, errors), (!fails, usize::from(fails)), "{name}");
        assert!(outcome.kinds.contains(&EventKind::Content), "{name}");
        assert!(outcome.delivered > 0 && outcome.model.is_some(), "{name}");
        for size in [1, 2, 3, 7, 64, 1_000] {
            let chunks = (0..stream.len()).step_by(size).map(|at| stream.slice(at..(at + size).min(stream.len())));
            assert_eq!(tap(*shape, chunks), outcome, "{name} in pieces of {size}");
        }
        checked += 1;
    }
    eprintln!("checked {checked} streams");
}

#[test]
fn whole_answers_are_read_as_a_full_parse_reads_them() {
    let mut checked = 0;
    for recording in recordings().iter().filter(|recording| recording.status() == 200) {
        let Some(body) = recording.body().filter(|body| body.is_object()) else { continue };
        let mut tap = Tap::new(recording.shape);
        let kind = tap.body(&serde_json::to_vec(body).unwrap());
        let is_error = body["error"].is_object();
        assert_eq!(matches!(kind, EventKind::Error(_)), is_error, "{}", recording.name);
        assert_eq!(tap.is_complete(), !is_error, "{}", recording.name);
        assert_eq!(tap.usage(), usage_of(recording.shape, std::slice::from_ref(body)), "{}", recording.name);
        assert_eq!(tap.model(), body["model"].as_str().filter(|model| !model.is_empty()), "{}", recording.name);
        checked += 1;
    }
    eprintln!("checked {checked} answers");
}

#[test]
fn refusals_say_what_they_are() {
    let mut checked = 0;
    for recording in recordings().iter().filter(|recording| recording.status() != 200) {
        let response = &recording.exchange["response"];
        let body = match response["body_text"].as_str() {
            Some(text) => text.as_bytes().to_vec(),
            None => serde_json::to_vec(&response["body"]).unwrap(),
        };
        let error = decode_error(recording.shape, &body);
        assert!(error.message.is_some(), "{}: {error:?}", recording.name);
        let message = error.message.clone().unwrap().to_lowercase();
        let too_long = ["too long", "context length"].iter().any(|words| message.contains(words));
        if too_long {
            assert_eq!(error.class(), Some(ErrorClass::ContextOverflow), "{}", recording.name);
        }
        checked += 1;
    }
    eprintln!("checked {checked} refusals");
}

#[test]
fn recorded_answers_keep_all_that_they_say_when_a_router_tells_them() {
    use ovth_filters::router::{Answer, Billed, Speaker};
    let speaker = || Speaker {
        id: "gen-1".to_owned(),
        provider: "P".to_owned(),
        model: "m".to_owned(),
        created: 1,
        hides_reasoning: false,
    };
    let bill = Billed::default;
    // What a client makes of an answer: words, calls, and why it ended.
    let said = |values: &[Value]| {
        let mut all = (String::new(), String::new(), 0);
        for choice in values.iter().flat_map(|value| value["choices"].as_array().into_iter().flatten()) {
            for part in [&choice["delta"], &choice["message"]] {
                all.0 += part["content"].as_str().unwrap_or_default();
                for call in part["tool_calls"].as_array().into_iter().flatten() {
                    all.1 += call["function"]["name"].as_str().unwrap_or_default();
                    all.1 += call["function"]["arguments"].as_str().unwrap_or_default();
                }
            }
            all.2 += usize::from(choice["finish_reason"].as_str().is_some_and(|word| !word.is_empty()));
        }
        all
    };
    for recording in recordings().iter().filter(|recording| recording.shape == Shape::Chat && recording.status() == 200)
    {
        let name = &recording.name;
        let values = |bytes: &[u8]| -> Vec<Value> {
            let mut framer = Framer::new(8 * MAX_EVENT_BYTES);
            framer.push(Bytes::copy_from_slice(bytes));
            let mut found = Vec::new();
            while let Some(Piece::Event(event)) = framer.next() {
                found.extend(serde_json::from_slice(&event.data()));
            }
            found
        };
        let (before, after) = match (recording.stream(), recording.body()) {
            (Some(stream), _) => {
                let told = Answer::new(speaker()).stream(Some(stream.clone()), Some(true), &bill).unwrap();
                (values(&stream), values(&told))
            }
            (None, Some(body)) => {
                let told = Answer::new(speaker()).whole(Bytes::from(body.to_string()), &bill);
                (
                    vec![body.clone()],
                    vec![serde_json::from_slice(&told).unwrap_or_else(|error| panic!("{name}: {error}"))],
                )
            }
            (None, None) => continue,
        };
        assert_eq!(said(&before), said(&after), "{name}");
        for value in after.iter().filter(|value| value.get("choices").is_some()) {
            assert_eq!((value["id"].as_str(), value["provider"].is_string()), (Some("gen-1"), true), "{name}: {value}");
            assert!(
                value["created"].is_u64() && value["model"].is_string() && value["object"].is_string(),
                "{name}: {value}"
            );
        }
        assert!(after.iter().any(|value| value["usage"]["total_tokens"].is_u64()), "{name} tells what it came to");
    }
}
