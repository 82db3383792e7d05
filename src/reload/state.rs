//! What is known of the configuration in force and of the last try to replace it.

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

use crate::config::{Content, FileRole, Files, NamedFile, Problems};
use crate::observe::ReloadOutcome;
use crate::routing::Snapshot;

/// What started a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The start of the process.
    Start,
    /// Another content of a file.
    File,
    /// SIGHUP.
    Signal,
    /// The admin API.
    Admin,
}

impl Trigger {
    /// The name that answers and logs use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Trigger::Start => "start",
            Trigger::File => "file",
            Trigger::Signal => "signal",
            Trigger::Admin => "admin",
        }
    }
}

/// How changes of files are noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watching {
    /// The system tells of them.
    Watched,
    /// It cannot; they are looked at again and again.
    Polled,
}

impl Watching {
    /// The name that answers and logs use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Watching::Watched => "watched",
            Watching::Polled => "polled",
        }
    }
}

/// One file that the configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileState {
    /// Where it is, from the root on.
    pub path: PathBuf,
    /// What it is for.
    pub role: FileRole,
    /// What was in it when it was last read.
    pub content: Content,
    /// Whether it is mounted by itself, so that a file that takes its place outside of the container is never seen.
    pub pinned: bool,
}

impl FileState {
    /// The digest as it may be shown: SHA-256, or for a file of secrets one that is keyed with a secret of this process, so that it tells
    /// that something changed and nothing else.
    #[must_use]
    pub fn hash(&self) -> Option<String> {
        let Content::Read(digest) = self.content else { return None };
        Some(if self.role.is_secret() {
            format!("keyed:{:016x}", keyed(digest.as_bytes()))
        } else {
            format!("sha256:{digest}")
        })
    }
}

/// Tells two digests apart and nothing else: keyed with a secret of this process.
fn keyed(digest: &[u8]) -> u64 {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    KEY.hash_one(digest)
}

/// The last try to load the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastReload {
    /// When.
    pub at: SystemTime,
    /// Why.
    pub trigger: Trigger,
    /// What became of it.
    pub outcome: ReloadOutcome,
}

/// How the configuration stands, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// What is on disk is in force, and changes are seen.
    Ok,
    /// What is on disk has errors; the configuration before it is in force.
    Rejected,
    /// What is on disk changes what only a restart can change; the configuration before it is in force.
    NeedsRestart,
    /// A file is mounted by itself: another one that takes its place outside is not seen.
    Pinned,
}

/// The configuration in force, and the last try to replace it.
#[derive(Clone, Debug)]
pub struct State {
    /// The configuration file, from the root on.
    pub path: PathBuf,
    /// How many configurations were in force, this one included.
    pub generation: u64,
    /// When it came into force.
    pub loaded_at: SystemTime,
    /// What requests are served from.
    pub snapshot: Arc<Snapshot>,
    /// How changes of files are noticed.
    pub watching: Watching,
    /// The files as they were read at the last try.
    pub files: Vec<FileState>,
    /// The last try.
    pub last: LastReload,
    /// What was wrong at the last try: errors when it failed, else warnings.
    pub problems: Problems,
}

impl State {
    /// How it stands.
    #[must_use]
    pub fn condition(&self) -> Condition {
        match self.last.outcome {
            ReloadOutcome::Invalid => Condition::Rejected,
            ReloadOutcome::NeedsRestart => Condition::NeedsRestart,
            // A key that a container's secrets mount by themselves is replaced with its container anyway.
            ReloadOutcome::Ok if self.files.iter().any(|file| file.pinned && file.role != FileRole::Key) => {
                Condition::Pinned
            }
            ReloadOutcome::Ok => Condition::Ok,
        }
    }
}

/// The files with their places from the root on; `pinned` tells which of those are mounted by themselves.
pub(super) fn file_states(files: &Files, pinned: impl Fn(&Path) -> bool) -> Vec<FileState> {
    let state = |file: &NamedFile| {
        let path = std::path::absolute(&file.path).unwrap_or_else(|_| file.path.clone());
        FileState { pinned: pinned(&path), role: file.role, content: file.content, path }
    };
    files.iter().map(state).collect()
}
