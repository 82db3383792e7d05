//! Recorded provider traffic through the gateway: the client gets the provider's bytes, and the record its usage.
//!
//! `OVTH_RECORDINGS` names the folder; without it the fixtures beside this file are played.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Answer, Gateway, Recording, Request, Response, Shape, Tokens, Upstream, Way, tell};

/// So many recordings there must be when the folder is given.
const AT_LEAST: usize = 60;

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("OVTH_RECORDINGS").filter(|folder| !folder.is_empty());
    folder.map(PathBuf::from)
}

/// Whether there is a folder of recordings, and not the fixtures only.
pub(crate) fn is_given() -> bool {
    folder().is_some()
}

/// All recordings of shapes that the gateway serves, by their names.
pub(crate) fn load() -> Vec<Recording> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/recordings");
    let given = folder();
    let root = given.as_deref().unwrap_or(&own);
    let mut recordings = Vec::new();
    for (shape, name) in [(Shape::Chat, "chat-completions"), (Shape::Messages, "messages")] {
        let entries =
            std::fs::read_dir(root.join(name)).unwrap_or_else(|error| panic!("{}/{name}: {error}", root.display()));
        recordings.extend(entries.map(|entry| Recording::read(shape, &entry.unwrap().path())));
    }
    recordings.sort_by(|one, other| one.name.cmp(&other.name));
    if given.is_some() {
        assert!(recordings.len() >= AT_LEAST, "only {} recordings in {}", recordings.len(), root.display());
    } else {
        tell(&format!(
            "OVTH_RECORDINGS is not set: at least {AT_LEAST} recordings left out, {} fixtures played",
            recordings.len()
        ));
    }
    recordings
}

/// How many recordings there are of shapes that the gateway has no path for.
pub(crate) fn out_of_reach() -> usize {
    let count = |root: &PathBuf, name: &str| std::fs::read_dir(root.join(name)).map_or(0, Iterator::count);
    folder().map_or(0, |root| ["responses", "generate-content"].iter().map(|name| count(&root, name)).sum())
}

/// A gateway with a provider for each recorded one, all of them the same mock, which answers in the recordings' order.
struct Stage {
    gateway: Gateway,
    upstream: Upstream,
}

async fn stage(recordings: &[Recording], answers: Vec<Answer>) -> Stage {
    let upstream = Upstream::script(answers).await;
    let mut providers: BTreeMap<String, (Shape, BTreeSet<String>)> = BTreeMap::new();
    for recording in recordings {
        let entry = providers.entry(recording.provider_id()).or_insert((recording.shape, BTreeSet::new()));
        entry.1.insert(recording.model());
    }
    let mut config = String::from("providers:\n");
    for (id, (shape, models)) in &providers {
        let shape = if *shape == Shape::Chat { "chat" } else { "messages" };
        let models: Vec<&String> = models.iter().collect();
        config += &format!(
            "  {id}:\n    base_url: {}\n    api_key: upstream-secret-0123456789\n    shapes: [{shape}]\n    models: {models:?}\n",
            upstream.base_url()
        );
    }
    Stage { gateway: Gateway::start(&config).await, upstream }
}

impl Stage {
    async fn replay(&self, recording: &Recording, body: Value) -> Response {
        let mut request = Request::post(recording.shape.path(), body.to_string()).bearer(self.gateway.key());
        for (name, value) in &recording.beta_headers {
            request = request.header(name, value.as_str());
        }
        self.gateway.send(&request, Way::Sized).await
    }
}

#[tokio::test]
async fn recorded_answers_reach_the_client_byte_for_byte_and_the_record_has_their_usage() {
    let recordings = load();
    let stage = stage(&recordings, recordings.iter().map(|recording| recording.answer(4096)).collect()).await;
    let (mut streams, mut errors, mut estimated) = (0, 0, 0);
    for (index, recording) in recordings.iter().enumerate() {
        let name = &recording.name;
        let response = stage.replay(recording, recording.request_to(&recording.slug())).await;
        let seen = stage.upstream.request(index).await;
        assert_eq!(seen.json()["model"], recording.model(), "{name}: the provider is asked for its own model");
        assert_eq!(stage.upstream.requests().len(), index + 1, "{name}: one attempt, as one target can serve it");
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
    tell(&format!(
        "{} recordings: {streams} streams, {errors} errors, {} plain; {estimated} had no usage",
        recordings.len(),
        recordings.len() - streams - errors
    ));
}

#[tokio::test]
async fn a_usage_chunk_that_the_client_did_not_ask_for_is_taken_out() {
    let recordings: Vec<Recording> =
        load().into_iter().filter(|recording| recording.stream && recording.asks_for_usage()).collect();
    let stage = stage(&recordings, recordings.iter().map(|recording| recording.answer(7)).collect()).await;
    for (index, recording) in recordings.iter().enumerate() {
        let mut body = recording.request_to(&recording.slug());
        body.as_object_mut().unwrap().remove("stream_options");
        let response = stage.replay(recording, body).await;
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
            assert!(tokens.input + tokens.cache_read > 0 && tokens.output > 0, "{}: {tokens:?}", recording.name);
        } else {
            println!("{} has no usage", recording.name);
        }
    }
}
