//! Recorded provider traffic through the gateway: the client gets the provider's bytes, and the record its usage.
//!
//! `OVTH_RECORDINGS` names the folder; without it the fixtures beside this file are played.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Answer, Gateway, Recording, Response, Shape, Tokens, Upstream, Way, tell};

/// So many recordings there are of conversations, and of counts and embeddings.
const RECORDED: [usize; 2] = [188, 12];

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("OVTH_RECORDINGS").filter(|folder| !folder.is_empty());
    folder.map(PathBuf::from)
}

/// Whether there is a folder of recordings, and not the fixtures only.
pub(crate) fn is_given() -> bool {
    folder().is_some()
}

/// The folders, and the shape that is spoken in each; where two are, the path tells.
const FOLDERS: [(&str, Shape); 4] = [
    ("chat-completions", Shape::Chat),
    ("messages", Shape::Messages),
    ("responses", Shape::Responses),
    ("generate-content", Shape::GenerateContent),
];

/// Those of other operations; the shape is told by the provider.
const OTHERS: [&str; 2] = ["count-tokens", "embeddings"];

/// What no path of the gateway is for: the file, and why.
const OUT_OF_REACH: [(&str, &str); 1] =
    [("bedrock-error-400-01.json", "Amazon's own path for counting, with its own body")];

/// All recordings of conversations, by their names.
pub(crate) fn load() -> Vec<Recording> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/recordings");
    let given = folder();
    let root = given.as_deref().unwrap_or(&own);
    let mut recordings: Vec<Recording> =
        FOLDERS.iter().flat_map(|(name, shape)| read(&root.join(name), |_| *shape)).collect();
    recordings.sort_by(|one, other| one.name.cmp(&other.name));
    if given.is_some() {
        assert_eq!(recordings.len(), RECORDED[0], "in {}", root.display());
    } else {
        tell(&format!(
            "OVTH_RECORDINGS is not set: {} recordings left out, {} fixtures played",
            RECORDED[0],
            recordings.len()
        ));
    }
    recordings
}

fn read(folder: &Path, shape: impl Fn(&str) -> Shape) -> Vec<Recording> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.map(|path| Recording::read(shape(&path.file_name().unwrap().to_string_lossy()), &path)).collect()
}

/// Recordings of counts and embeddings that a path is for; none without a folder.
fn load_others() -> Vec<Recording> {
    let Some(root) = folder() else { return Vec::new() };
    let shape = |name: &str| match name {
        _ if name.starts_with("google") => Shape::GenerateContent,
        "openai-system-01.json" => Shape::Responses,
        "thinking-tools-01.json" | "tools-system-01.json" => Shape::Messages,
        _ => Shape::Chat,
    };
    let mut recordings: Vec<Recording> = OTHERS.iter().flat_map(|name| read(&root.join(name), shape)).collect();
    assert_eq!(recordings.len(), RECORDED[1]);
    recordings.retain(|recording| !OUT_OF_REACH.iter().any(|(name, _)| *name == recording.name));
    assert_eq!(recordings.len(), RECORDED[1] - OUT_OF_REACH.len());
    recordings.sort_by(|one, other| one.name.cmp(&other.name));
    recordings
}

/// A gateway with a provider for each recorded one, all of them the same mock, which answers in the recordings' order.
struct Stage {
    gateway: Gateway,
    upstream: Upstream,
}

async fn stage(recordings: &[Recording], answers: Vec<Answer>) -> Stage {
    let upstream = Upstream::script(answers).await;
    let mut providers: BTreeMap<String, (&str, BTreeSet<String>)> = BTreeMap::new();
    for recording in recordings {
        let entry = providers.entry(recording.provider_id()).or_insert((recording.shape_name(), BTreeSet::new()));
        entry.1.insert(recording.model());
    }
    let mut config = String::from("providers:\n");
    for (id, (shape, models)) in &providers {
        let models: Vec<&String> = models.iter().collect();
        config += &format!(
            "  {id}:\n    base_url: {}\n    api_key: upstream-secret-0123456789\n    shapes: [{shape}]\n    models: {models:?}\n",
            upstream.base_url()
        );
    }
    Stage { gateway: Gateway::start(&config).await, upstream }
}

impl Stage {
    async fn replay(&self, recording: &Recording, body: &Value) -> Response {
        let request = recording.request_with(&recording.slug(), body).bearer(self.gateway.key());
        self.gateway.send(&request, Way::Sized).await
    }
}

/// What asks a provider to keep the answer, which none does that is not known for it.
pub(crate) const KEPT: [&str; 2] = ["stream-basic-01.json", "tool-results-tools-01.json"];

#[tokio::test]
async fn recorded_answers_reach_the_client_byte_for_byte_and_the_record_has_their_usage() {
    let (refused, recordings): (Vec<Recording>, Vec<Recording>) = load()
        .into_iter()
        .partition(|recording| recording.shape == Shape::Responses && KEPT.contains(&recording.name.as_str()));
    let stage = stage(&recordings, recordings.iter().map(|recording| recording.answer(4096)).collect()).await;
    let (mut streams, mut errors, mut estimated) = (0, 0, 0);
    for (index, recording) in recordings.iter().enumerate() {
        let name = &recording.name;
        let response = stage.replay(recording, &recording.body_to(&recording.slug())).await;
        assert_eq!(
            stage.upstream.requests().len(),
            index + 1,
            "{name}: one attempt, as one target can serve it: {response:?}"
        );
        let seen = stage.upstream.request(index).await;
        recording.check_asked(&seen);
        let record = stage.gateway.record(response.request_id()).await;
        assert_eq!(record.provider, Some(recording.provider_id()), "{name}");
        if recording.status != 200 {
            errors += 1;
            recording.check_error(&response);
            continue;
        }
        if recording.hides_an_error() {
            errors += 1;
            assert!(response.status >= 400, "{name}: an error inside a 200 is an error: {response:?}");
            continue;
        }
        if !recording.is_good() && response.status != 200 {
            // The provider failed with its first words, before any of them went out.
            errors += 1;
            assert!(response.status >= 500, "{name}: {response:?}");
            recording.shape.error_type(&response.json());
            continue;
        }
        streams += usize::from(recording.stream);
        assert_eq!(response.status, 200, "{name}: {response:?}");
        let asked = recording.asks_for_usage();
        recording.check_body(response.text(), asked, seen.asks_for_usage());
        match recording.usage() {
            Some(usage) => {
                assert!(!record.usage_estimated, "{name}");
                assert_eq!(record.tokens, usage, "{name}");
            }
            None => {
                estimated += 1;
                assert!(record.usage_estimated || record.tokens == Tokens::default(), "{name}: {record:?}");
            }
        }
    }
    for recording in &refused {
        let response = stage.replay(recording, &recording.body_to(&recording.slug())).await;
        assert_eq!(response.status, 400, "{}: {response:?}", recording.name);
        assert_eq!(response.json()["error"]["param"], "background", "{}", recording.name);
    }
    assert_eq!(stage.upstream.requests().len(), recordings.len(), "what is refused reaches nobody");
    tell(&format!(
        "{} recordings: {streams} streams, {errors} errors, {} plain; {estimated} had no usage; {} ask that the answer be kept",
        recordings.len(),
        recordings.len() - streams - errors,
        refused.len()
    ));
}

#[tokio::test]
async fn recorded_counts_and_embeddings_reach_the_client_as_the_provider_gave_them() {
    let recordings = load_others();
    if recordings.is_empty() {
        tell("OVTH_RECORDINGS is not set: recordings of counts and embeddings are left out");
        return;
    }
    // Of the hosts of responses OpenAI's own has a counter, and this one is another.
    let is_counted_here =
        |recording: &&Recording| recording.shape == Shape::Responses && recording.operation() == "count_tokens";
    let asked: Vec<&Recording> = recordings.iter().filter(|recording| !is_counted_here(recording)).collect();
    let stage = stage(&recordings, asked.iter().map(|recording| recording.answer(4096)).collect()).await;
    let estimated = |response: &Response| {
        (response.status, response.header("x-ovth-warnings")) == (200, Some("approximated:input_tokens"))
    };
    for recording in recordings.iter().filter(is_counted_here) {
        let response = stage.replay(recording, &recording.body_to(&recording.slug())).await;
        assert!(estimated(&response), "{}: {response:?}", recording.name);
    }
    for (index, recording) in asked.into_iter().enumerate() {
        let name = &recording.name;
        let response = stage.replay(recording, &recording.body_to(&recording.slug())).await;
        assert_eq!(stage.upstream.requests().len(), index + 1, "{name}: one attempt: {response:?}");
        recording.check_asked(&*stage.upstream.request(index).await);
        let record = stage.gateway.record(response.request_id()).await;
        if recording.status == 404 && recording.operation() == "count_tokens" {
            // A host without a counter says the same.
            assert!(estimated(&response), "{name}: {response:?}");
            continue;
        }
        if recording.status != 200 {
            recording.check_error(&response);
            continue;
        }
        assert_eq!((response.status, response.text()), (200, recording.body()), "{name}");
        if recording.operation() == "count_tokens" {
            assert_eq!(record.tokens, Tokens::default(), "{name}: counting is free");
        } else if let Some(usage) = recording.usage() {
            assert_eq!((record.tokens, record.usage_estimated), (usage, false), "{name}");
        }
    }
    tell(&format!("{} recordings of counts and embeddings; left out: {OUT_OF_REACH:?}", recordings.len()));
}

#[tokio::test]
async fn a_usage_chunk_that_the_client_did_not_ask_for_is_taken_out() {
    let recordings: Vec<Recording> =
        load().into_iter().filter(|recording| recording.stream && recording.asks_for_usage()).collect();
    let stage = stage(&recordings, recordings.iter().map(|recording| recording.answer(7)).collect()).await;
    for (index, recording) in recordings.iter().enumerate() {
        let mut body = recording.body_to(&recording.slug());
        body.as_object_mut().unwrap().remove("stream_options");
        let response = stage.replay(recording, &body).await;
        let seen = stage.upstream.request(index).await;
        recording.check_body(response.text(), false, seen.asks_for_usage());
        if seen.asks_for_usage() {
            let record = stage.gateway.record(response.request_id()).await;
            assert_eq!(Some(record.tokens), recording.usage(), "{}: what is hidden is counted", recording.name);
        }
    }
}

#[test]
fn a_recording_s_own_body_passes_its_own_check() {
    for recording in load().iter().filter(|recording| recording.status == 200) {
        if recording.is_good() {
            recording.check_body(recording.body(), recording.asks_for_usage(), recording.asks_for_usage());
        }
        if let Some(tokens) = recording.usage() {
            // What Google blocks has no output.
            let says = tokens.output > 0 || recording.shape == Shape::GenerateContent;
            assert!(tokens.input + tokens.cache_read > 0 && says, "{}: {tokens:?}", recording.name);
        } else {
            println!("{} has no usage", recording.name);
        }
    }
}
