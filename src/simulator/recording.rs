//! Recorded traffic as an answer: one exchange with a provider in a JSON file, or given inline in a script.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A recorded exchange; only the response is read of it.
#[derive(Clone, Debug, Deserialize)]
pub struct Recording {
    /// What the provider answered.
    pub response: RecordedResponse,
}

/// A recorded response, with `body` (JSON) or `body_text` (exactly as sent).
#[derive(Clone, Debug, Deserialize)]
pub struct RecordedResponse {
    /// Its status.
    pub status: u16,
    /// Its headers that were kept.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Its body as JSON; sent as it is written here.
    #[serde(default)]
    pub body: Option<Box<RawValue>>,
    /// Its body as text.
    #[serde(default)]
    pub body_text: Option<String>,
}

/// The order to answer with recorded traffic.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// A file under the folder of recordings.
    #[serde(default)]
    pub path: Option<PathBuf>,
    /// The recording itself.
    #[serde(default)]
    pub recording: Option<Box<Recording>>,
    /// Sizes of the writes in bytes, taken in turn; an event a write when absent.
    #[serde(default)]
    pub split: Vec<usize>,
}

/// Why a recording cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReplayError {
    /// Neither a path nor a recording.
    #[error("replay: give `path` (under the folder of recordings) or `recording` (inline)")]
    Missing,
    /// No folder was given.
    #[error("replay.path: the simulator was started without a folder of recordings (`--recordings DIR`)")]
    NoFolder,
    /// The path leaves the folder.
    #[error("replay.path: `{}` must be relative and stay inside the folder of recordings", .0.display())]
    Outside(PathBuf),
    /// The file cannot be read.
    #[error("replay.path: cannot read `{}`: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is no recording.
    #[error("replay.path: `{}` is no recording: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
}

impl Replay {
    /// Loads the recording, so that a mistake shows when the script is set. Blocks on the file.
    pub(super) fn load(&mut self, folder: Option<&Path>) -> Result<(), ReplayError> {
        if self.recording.is_some() {
            return Ok(());
        }
        let path = self.path.as_deref().ok_or(ReplayError::Missing)?;
        let folder = folder.ok_or(ReplayError::NoFolder)?;
        if !path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err(ReplayError::Outside(path.to_owned()));
        }
        let path = folder.join(path);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(source) => return Err(ReplayError::Unreadable { path, source }),
        };
        match serde_json::from_slice(&text) {
            Ok(recording) => self.recording = Some(Box::new(recording)),
            Err(source) => return Err(ReplayError::Malformed { path, source }),
        }
        Ok(())
    }
}

impl RecordedResponse {
    /// The bytes of the body.
    pub(super) fn bytes(&self) -> Bytes {
        match (&self.body_text, &self.body) {
            (Some(text), _) => Bytes::copy_from_slice(text.as_bytes()),
            (None, Some(body)) => Bytes::copy_from_slice(body.get().as_bytes()),
            (None, None) => Bytes::new(),
        }
    }

    /// Whether it was a stream.
    pub(super) fn is_stream(&self) -> bool {
        self.headers.get("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"))
    }
}
