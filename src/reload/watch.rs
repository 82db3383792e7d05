//! Tells when a file of the configuration may have changed. It watches the folders on the way to each, as editors and Kubernetes put a new
//! file in the place of the old one, and the files themselves; what happens to other files there is not even noticed.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use notify::event::{AccessKind, AccessMode};
use notify::{ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout, timeout_at};

use super::trail::Trail;

/// Changes are acted on when there was none for so long: an editor makes several of one.
const QUIET: Duration = Duration::from_millis(150);

/// And at the latest so long after the first of them.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Paths of which the system is asked to tell.
type Entries = Arc<ArcSwap<HashSet<PathBuf>>>;

/// Makes the system's watcher.
type Make = fn(Arc<Notify>, Entries) -> notify::Result<Box<dyn Watcher + Send>>;

/// What a path stands for: a folder that was replaced by another of its name must be watched anew.
type Identity = (u64, u64);

/// Watches files.
pub(super) struct Watch {
    stirred: Arc<Notify>,
    entries: Entries,
    make: Make,
    watcher: Option<Box<dyn Watcher + Send>>,
    watched: HashMap<PathBuf, Identity>,
}

impl Watch {
    /// Watches nothing yet.
    pub(super) fn new() -> Watch {
        Watch::made_by(system)
    }

    fn made_by(make: Make) -> Watch {
        Watch { stirred: Arc::default(), entries: Arc::default(), make, watcher: None, watched: HashMap::new() }
    }

    /// Watches all that leads to these files (paths from the root on) now, and nothing else. Gives whether anything is watched that was not
    /// before: then what happened a moment ago may have gone unseen.
    ///
    /// # Errors
    /// The system cannot watch all of it; changes must be looked for. A later call tries again.
    pub(super) fn follow<'a>(&mut self, files: impl IntoIterator<Item = &'a Path>) -> notify::Result<bool> {
        let Trail { folders, files, entries } = Trail::of(files);
        let wanted: HashMap<PathBuf, Identity> =
            folders.into_iter().chain(files).filter_map(|path| Some((identity(&path)?, path))).map(swapped).collect();
        // The end of a folder is told under its own name.
        self.entries.store(Arc::new(entries.into_iter().chain(wanted.keys().cloned()).collect()));
        let watcher = match &mut self.watcher {
            Some(watcher) => watcher,
            none => none.insert((self.make)(Arc::clone(&self.stirred), Arc::clone(&self.entries))?),
        };
        self.watched.retain(|path, identity| {
            let stays = wanted.get(path) == Some(identity);
            if !stays {
                // It may be gone, and its watch with it.
                let _ = watcher.unwatch(path);
            }
            stays
        });
        let (mut is_new, mut failure) = (false, None);
        for (path, identity) in wanted {
            if self.watched.contains_key(&path) {
                continue;
            }
            match watcher.watch(&path, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(path, identity);
                }
                // It is gone since it was looked at, which the folder above tells.
                Err(error) if matches!(error.kind, ErrorKind::PathNotFound) => {}
                // One that this user may not read is nothing to it until its mode changes, which its folder tells.
                Err(error) if is_refused(&error) && !path.is_dir() => continue,
                Err(error) => failure = Some(error),
            }
            is_new = true;
        }
        failure.map_or(Ok(is_new), Err)
    }

    /// Waits until something has happened, and then until it is quiet. May be dropped; see [`Watch::stir`].
    pub(super) async fn settled(&self) {
        self.stirred.notified().await;
        let latest = Instant::now() + LONGEST_WAIT;
        let quiet = async { while timeout(QUIET, self.stirred.notified()).await.is_ok() {} };
        // Either way it is time.
        let _ = timeout_at(latest, quiet).await;
    }

    /// Has [`Watch::settled`] come back, as if something had happened.
    pub(super) fn stir(&self) {
        self.stirred.notify_one();
    }
}

fn swapped((identity, path): (Identity, PathBuf)) -> (PathBuf, Identity) {
    (path, identity)
}

fn identity(path: &Path) -> Option<Identity> {
    fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

fn is_refused(error: &notify::Error) -> bool {
    matches!(&error.kind, ErrorKind::Io(error) if error.kind() == std::io::ErrorKind::PermissionDenied)
}

fn system(stirred: Arc<Notify>, entries: Entries) -> notify::Result<Box<dyn Watcher + Send>> {
    let watcher: RecommendedWatcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // What cannot be told may be anything.
        if event.map_or(true, |event| matters(&event, &entries.load())) {
            stirred.notify_one();
        }
    })?;
    Ok(Box::new(watcher))
}

/// Whether an event is about one of these paths and more than somebody reading it, as we do ourselves.
fn matters(event: &Event, entries: &HashSet<PathBuf>) -> bool {
    let changes = match event.kind {
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        _ => true,
    };
    event.need_rescan() || (changes && event.paths.iter().any(|path| entries.contains(path)))
}

#[cfg(test)]
mod tests;
