//! The filters on recorded provider traffic: set `OVTH_RECORDINGS` to a folder with one for each shape, with `count-tokens/` and with
//! `embeddings/`. Without it the fixtures of the tests of the gateway are played.
//!
//! What the filters find is compared with what a full parse of the same bytes finds.
#![expect(clippy::unwrap_used, clippy::print_stderr, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::path::PathBuf;

use bytes::Bytes;
use ovth_filters::json::splice;
use ovth_filters::neutral::{ErrorClass, Usage};
use ovth_filters::shapes::{Edits, InPath, MAX_EVENT_BYTES, Peek, decode_error, peek, peek_in_path};
use ovth_filters::sse::{ArrayFramer, Framer, Piece};
use ovth_filters::tap::{EventKind, Tap};
use ovth_filters::{Operation, Shape};
use serde_json::Value;

struct Recording {
    name: String,
    shape: Shape,
    exchange: Value,
}

/// The folders of conversations, and how many recordings are in each.
const FOLDERS: [(&str, Shape, usize); 4] = [
    ("chat-completions", Shape::Chat, 57),
    ("messages", Shape::Messages, 46),
    ("responses", Shape::Responses, 43),
    ("generate-content", Shape::GenerateContent, 42),
];

/// Those of other operations.
const OTHERS: [(&str, usize); 2] = [("count-tokens", 5), ("embeddings", 7)];

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

    fn path(&self) -> &str {
        self.exchange["request"]["path"].as_str().unwrap_or_default()
    }

    /// What is asked, by the end of the path.
    fn operation(&self) -> Operation {
        let path = self.path().split('?').next().unwrap_or_default();
        match path.rsplit(['/', ':']).next().unwrap_or_default() {
            "embeddings" | "batchEmbedContents" => Operation::Embed,
            "count_tokens" | "countTokens" | "input_tokens" => Operation::CountTokens,
            _ => Operation::Generate,
        }
    }

    /// The model that a path of Google's names.
    fn model_in_path(&self) -> Option<&str> {
        Some(self.path().split_once("/models/")?.1.rsplit_once(':')?.0)
    }

    /// Whether a stream is asked for.
    fn asks_for_a_stream(&self) -> bool {
        self.path().contains(":streamGenerateContent") || self.request().is_some_and(|body| body["stream"] == true)
    }

    /// The peek into its request.
    fn peek(&self, body: &Bytes) -> Peek {
        let found = match self.model_in_path() {
            Some(model) => {
                let path = InPath { model, stream: self.asks_for_a_stream() };
                peek_in_path(self.shape, self.operation(), path, body)
            }
            None => peek(self.shape, self.operation(), body),
        };
        found.unwrap_or_else(|error| panic!("{}: {error:?}", self.name))
    }
}

fn given() -> Option<PathBuf> {
    std::env::var_os("OVTH_RECORDINGS").filter(|root| !root.is_empty()).map(PathBuf::from)
}

/// The recordings of conversations, or the project's own fixtures when no folder is named.
fn recordings() -> Vec<Recording> {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/recordings");
    let root = given().unwrap_or_else(|| {
        eprintln!("left out: all recordings, because OVTH_RECORDINGS names no folder with them; fixtures are played");
        own
    });
    let mut recordings = Vec::new();
    for (folder, shape, count) in FOLDERS {
        let found = read(&root, folder, |_| shape);
        assert!(given().is_none() || found.len() == count, "{folder}: {}", found.len());
        recordings.extend(found);
    }
    recordings.sort_by(|a, b| a.name.cmp(&b.name));
    recordings
}

/// Those of counts and embeddings, or nothing when no folder is named.
fn others() -> Vec<Recording> {
    let Some(root) = given() else { return Vec::new() };
    let shape = |exchange: &Value| match exchange["request"]["path"].as_str().unwrap() {
        path if path.contains("/models/") => Shape::GenerateContent,
        path if path.contains("input_tokens") => Shape::Responses,
        path if path.contains("count_tokens") => Shape::Messages,
        _ => Shape::Chat,
    };
    let mut recordings = Vec::new();
    for (folder, count) in OTHERS {
        let found = read(&root, folder, shape);
        assert_eq!(found.len(), count, "{folder}");
        recordings.extend(found);
    }
    recordings
}

fn read(root: &std::path::Path, folder: &str, shape: impl Fn(&Value) -> Shape) -> Vec<Recording> {
    let entries = std::fs::read_dir(root.join(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let recording = |path: PathBuf| {
        let name = format!("{folder}/{}", path.file_name().unwrap().to_string_lossy());
        let exchange: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        Recording { name, shape: shape(&exchange), exchange }
    };
    paths.map(recording).collect()
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
    let mut chunks = chunks.into_iter().peekable();
    if chunks.peek().is_some_and(|chunk| chunk.first() == Some(&b'[')) {
        return tap_array(shape, chunks);
    }
    let mut framer = Framer::new(MAX_EVENT_BYTES);
    let mut tap = Tap::new(shape);
    let mut kinds = Vec::new();
    let mut bytes = Vec::new();
    let mut take = |piece: Piece| {
        // The last event of a stream of responses repeats all that was said.
        assert!(matches!(piece, Piece::Event(_)) || shape == Shape::Responses, "an event is over the bound");
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
    outcome(&tap, kinds, bytes)
}

/// The elements of an array, as the events that they become; where they were is not in the bytes then.
fn tap_array(shape: Shape, chunks: impl Iterator<Item = Bytes>) -> Outcome {
    let (mut framer, mut tap) = (ArrayFramer::new(MAX_EVENT_BYTES), Tap::new(shape));
    let (mut kinds, mut bytes) = (Vec::new(), Vec::new());
    let mut take = |piece: Piece| {
        bytes.extend_from_slice(piece.bytes());
        kinds.push(tap.piece(&piece));
    };
    for chunk in chunks {
        framer.push(chunk);
        std::iter::from_fn(|| framer.next()).for_each(&mut take);
    }
    framer.finish().into_iter().for_each(&mut take);
    outcome(&tap, kinds, bytes)
}

fn outcome(tap: &Tap, kinds: Vec<EventKind>, bytes: Vec<u8>) -> Outcome {
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
    if text.starts_with('[') {
        return serde_json::from_str(text).unwrap();
    }
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
        for at in ["/x_groq/usage", "/message/usage", "/usage", "/response/usage", "/usageMetadata"] {
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
        Shape::Responses => {
            let prompt = count("/input_tokens")?;
            let [cache_read, cache_write] =
                ["cached_tokens", "cache_write_tokens"].map(|name| or_zero(&format!("/input_tokens_details/{name}")));
            let items = answers.iter().rev().find_map(|answer| {
                answer.pointer("/response/output").or_else(|| answer.pointer("/output"))?.as_array()
            });
            // What is looked for in a page is no search.
            let is_search = |item: &&Value| {
                item["type"] == "web_search_call"
                    && item["action"]["type"].as_str().is_none_or(|action| action == "search")
            };
            Some(Usage {
                input: prompt - cache_read - cache_write,
                cache_read,
                cache_write,
                output: or_zero("/output_tokens"),
                reasoning: or_zero("/output_tokens_details/reasoning_tokens"),
                web_searches: items.into_iter().flatten().filter(is_search).count() as u64,
                ..Usage::default()
            })
        }
        Shape::GenerateContent => {
            let (prompt, cache_read) = (count("/promptTokenCount")?, or_zero("/cachedContentTokenCount"));
            let audio = |list: &str| -> u64 {
                let entries = all[list].as_array().into_iter().flatten();
                entries
                    .filter(|entry| entry["modality"] == "AUDIO")
                    .filter_map(|entry| entry["tokenCount"].as_u64())
                    .sum()
            };
            Some(Usage {
                input: prompt + or_zero("/toolUsePromptTokenCount") - cache_read,
                cache_read,
                output: or_zero("/candidatesTokenCount") + or_zero("/thoughtsTokenCount"),
                reasoning: or_zero("/thoughtsTokenCount"),
                audio_input: audio("promptTokensDetails") - audio("cacheTokensDetails"),
                ..Usage::default()
            })
        }
        Shape::Chat => {
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

/// Whether a member of that name, with that value if one is given, stands anywhere in it.
fn has_member(value: &Value, name: &str, wanted: Option<&str>) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(found, value)| {
            (found == name && wanted.is_none_or(|wanted| value == wanted)) || has_member(value, name, wanted)
        }),
        Value::Array(values) => values.iter().any(|value| has_member(value, name, wanted)),
        _ => false,
    }
}

/// Whether it has images and sound: by what each shape calls them.
fn media(shape: Shape, request: &Value) -> [bool; 2] {
    match shape {
        Shape::GenerateContent => {
            let contents = request["contents"].to_string();
            ["image/", "audio/"].map(|kind| {
                ["mimeType", "mime_type"].iter().any(|name| contents.contains(&format!(r#""{name}":"{kind}"#)))
            })
        }
        Shape::Responses => {
            let input = &request["input"];
            [has_member(input, "type", Some("input_image")), has_member(input, "type", Some("input_audio"))]
        }
        _ => {
            let text = request["messages"].to_string();
            [text.contains(r#""type":"image"#), text.contains(r#""type":"input_audio""#)]
        }
    }
}

#[test]
fn requests_are_understood_and_edited_in_place() {
    let mut checked = 0;
    for recording in recordings() {
        let Some(request) = recording.request() else { continue };
        let body = Bytes::from(serde_json::to_vec(request).unwrap());
        let (name, shape) = (&recording.name, recording.shape);
        let found = recording.peek(&body);
        let model = recording.model_in_path().or(request["model"].as_str()).unwrap();
        assert_eq!(*found.model, *model, "{name}");
        assert_eq!(found.stream, recording.asks_for_a_stream(), "{name}");
        let has = |list: &Value| list.as_array().is_some_and(|list| !list.is_empty());
        if matches!(shape, Shape::Chat | Shape::Messages) {
            assert_eq!(has(&request["messages"]), found.has_messages, "{name}");
        }
        assert_eq!(has(&request["tools"]) || has(&request["functions"]), found.needs.tools, "{name}");
        assert_eq!([found.needs.images, found.needs.audio], media(shape, request), "{name}");

        let edits = Edits { model: "another/model", ask_usage: true, completion_tokens_field: false, max_output: None };
        let mut expected = request.clone();
        if shape != Shape::GenerateContent {
            expected["model"] = Value::from("another/model");
        }
        if found.hides_usage() {
            expected["stream_options"]["include_usage"] = Value::from(true);
        }
        let edited = splice(&body, &found.edits(&edits)).concat();
        let mut edited: Value = serde_json::from_slice(&edited).unwrap();
        edited.sort_all_objects();
        expected.sort_all_objects();
        assert_eq!(edited, expected, "{name}");
        checked += 1;
    }
    eprintln!("checked {checked} requests");
}

#[test]
fn requests_that_count_and_embed_are_understood() {
    let (mut checked, mut counted) = (0, 0);
    for recording in others() {
        if recording.path().starts_with("/model/") {
            // Amazon's own form, with a path and a body that no shape has.
            continue;
        }
        let body = Bytes::from(serde_json::to_vec(recording.request().unwrap()).unwrap());
        let model = recording.model_in_path().or(recording.request().unwrap()["model"].as_str()).unwrap();
        assert_eq!(*recording.peek(&body).model, *model, "{}", recording.name);
        if recording.status() == 200 && recording.operation() == Operation::Embed {
            let mut tap = Tap::new(recording.shape);
            let answer = recording.body().unwrap();
            tap.body(&serde_json::to_vec(answer).unwrap());
            let places = ["/usage/prompt_tokens", "/usageMetadata/promptTokenCount"];
            let count = places.iter().find_map(|place| answer.pointer(place)?.as_u64());
            assert_eq!(tap.usage().map(|usage| usage.input), count, "{}", recording.name);
            counted += usize::from(count.is_some());
        }
        checked += 1;
    }
    assert!(given().is_none() || (checked == 11 && counted >= 5), "{checked}, {counted}");
}

#[test]
fn streams_are_read_as_a_full_parse_reads_them_however_they_are_split() {
    let mut checked = 0;
    for recording in recordings() {
        let Some(stream) = recording.stream() else { continue };
        let Recording { name, shape, exchange } = &recording;
        let outcome = tap(*shape, [stream.clone()]);
        if !stream.starts_with(b"[") {
            assert_eq!(outcome.bytes, stream, "{name}");
        }
        assert_eq!(outcome.usage, usage_of(*shape, &data_lines(&stream)), "{name}");
        let text = std::str::from_utf8(&stream).unwrap();
        let fails = text.contains("event: error") || text.contains("event: response.failed");
        assert_eq!(exchange["features"].to_string().contains("error-mid-stream"), fails && given().is_some(), "{name}");
        let errors = outcome.kinds.iter().filter(|kind| matches!(kind, EventKind::Error(_))).count();
        assert_eq!((outcome.complete, errors), (!fails, usize::from(fails)), "{name}");
        assert!(outcome.kinds.contains(&EventKind::Content), "{name}");
        assert!(outcome.delivered > 0 && outcome.model.is_some(), "{name}");
        for size in [1, 2, 3, 7, 61, 64, 1_000, 4_096, 8_192] {
            let chunks = (0..stream.len()).step_by(size).map(|at| stream.slice(at..(at + size).min(stream.len())));
            let mut found = tap(*shape, chunks);
            if found.kinds.len() != outcome.kinds.len() && stream.len() > MAX_EVENT_BYTES {
                // A large event is so many pieces as it came in.
                found.kinds.clone_from(&outcome.kinds);
            }
            assert_eq!(found, outcome, "{name} in pieces of {size}");
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
        let name = &recording.name;
        assert_eq!(matches!(kind, EventKind::Error(_)), is_error, "{name}");
        assert_eq!(tap.is_complete(), !is_error, "{name}");
        assert_eq!(tap.usage(), usage_of(recording.shape, std::slice::from_ref(body)), "{}", recording.name);
        let model = body["model"].as_str().or(body["modelVersion"].as_str());
        assert_eq!(tap.model(), model.filter(|model| !model.is_empty()), "{name}");
        checked += 1;
    }
    eprintln!("checked {checked} answers");
}

#[test]
fn refusals_say_what_they_are() {
    let mut checked = 0;
    for recording in recordings().iter().chain(&others()).filter(|recording| recording.status() != 200) {
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
