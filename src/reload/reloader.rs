//! The thread that loads configurations and swaps them: one reload after the other, whatever asks for it.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc as std_mpsc};
use std::thread;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use super::mount::Mounts;
use super::state::{FileState, LastReload, State, Trigger, Watching, file_states};
use super::watch::Watch;
use super::{Failed, Loaded, load, restart};
use crate::config::{Config, Files, Problem, Problems};
use crate::observe::{Metrics, ReloadOutcome};
use crate::routing::Snapshot;

/// So many callers of the admin API may wait for a reload; those that wait when one begins share it.
const WAITING: usize = 16;

/// The longest that one of them waits.
const PATIENCE: Duration = Duration::from_secs(30);

/// Files that cannot be watched are looked at so often.
const POLL: Duration = Duration::from_secs(5);

/// Files that are watched are looked at so often, too: network and desktop file systems do not tell of everything.
const LOOK: Duration = Duration::from_secs(30);

/// What follows a reload besides the snapshot: is told the new configuration a moment before requests are served from it. On an error of
/// any of them nothing is taken over, and those that came before it are told the old configuration again.
pub type Follower = Box<dyn Fn(&Config) -> Result<(), Problem> + Send>;

/// Is told that requests are served from a new configuration.
pub type Swapped = Box<dyn Fn() + Send>;

/// What a reloader works on.
pub struct Parts {
    /// The configuration file.
    pub path: PathBuf,
    /// The files that the configuration in force was made of.
    pub files: Files,
    /// What is doubtful about it.
    pub warnings: Problems,
    /// What requests begin with; replaced as a whole.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Parts that took settings at the start.
    pub followers: Vec<Follower>,
    /// Called after each swap; must not block.
    pub swapped: Swapped,
}

/// A way to ask for a reload, and to see how the configuration stands. The reloader ends with the last of them.
#[derive(Clone)]
pub struct Handle {
    asks: mpsc::Sender<Ask>,
    state: Arc<ArcSwap<State>>,
}

/// Somebody who waits for a reload.
type Ask = oneshot::Sender<Arc<State>>;

/// Why a reload that was asked for did not take place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusedReload {
    /// Too many wait for one.
    #[error("{WAITING} callers wait for a reload already; try again when one of them was answered")]
    Busy,
    /// It takes longer than a caller should wait; it is done all the same.
    #[error("the reload takes longer than {} s; look again later", PATIENCE.as_secs())]
    Slow,
    /// The gateway is ending.
    #[error("the gateway is ending and reloads nothing more")]
    Ended,
}

impl Handle {
    /// Loads the configuration anew, whether or not a file has changed; the state tells what became of it.
    ///
    /// # Errors
    /// When it was not tried, or not in time.
    pub async fn reload(&self) -> Result<Arc<State>, RefusedReload> {
        let (ask, answer) = oneshot::channel();
        self.asks.try_send(ask).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => RefusedReload::Busy,
            mpsc::error::TrySendError::Closed(_) => RefusedReload::Ended,
        })?;
        match timeout(PATIENCE, answer).await {
            Ok(state) => state.map_err(|_| RefusedReload::Ended),
            Err(_) => Err(RefusedReload::Slow),
        }
    }

    /// How the configuration stands.
    #[must_use]
    pub fn state(&self) -> Arc<State> {
        self.state.load_full()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("generation", &self.state.load().generation).finish_non_exhaustive()
    }
}

/// Starts to watch the configuration and to serve reloads. When it returns, SIGHUP no longer ends the process.
///
/// # Errors
/// The thread, or what it needs of the system, cannot be had.
pub fn start(parts: Parts) -> io::Result<Handle> {
    let (asks, asked) = mpsc::channel(WAITING);
    let now = SystemTime::now();
    let path = std::path::absolute(&parts.path).unwrap_or_else(|_| parts.path.clone());
    let mounts = Mounts::now();
    let state = State {
        path,
        generation: 1,
        loaded_at: now,
        snapshot: parts.snapshot.load_full(),
        watching: Watching::Polled,
        files: file_states(&parts.files, |path| mounts.is_pinned(path)),
        last: LastReload { at: now, trigger: Trigger::Start, outcome: ReloadOutcome::Ok },
        problems: parts.warnings.clone(),
    };
    parts.metrics.reloads.in_force(1, now);
    let state = Arc::new(ArcSwap::from_pointee(state));
    let handle = Handle { asks, state: Arc::clone(&state) };
    let reloader = Reloader { parts, state, watch: Watch::new(), told_pinned: HashSet::new() };
    let (ready, is_ready) = std_mpsc::channel();
    thread::Builder::new().name("reload".to_owned()).spawn(move || reloader.run(asked, &ready))?;
    is_ready.recv().unwrap_or_else(|_| Err(io::Error::other("the thread ended at once")))?;
    Ok(handle)
}

struct Reloader {
    parts: Parts,
    state: Arc<ArcSwap<State>>,
    watch: Watch,
    told_pinned: HashSet<PathBuf>,
}

impl Reloader {
    fn run(mut self, mut asked: mpsc::Receiver<Ask>, ready: &std_mpsc::Sender<io::Result<()>>) {
        let begun = runtime::Builder::new_current_thread().enable_all().build().and_then(|runtime| {
            let _inside = runtime.enter();
            Ok((signal(SignalKind::hangup())?, runtime))
        });
        let (mut hangup, runtime) = match begun {
            Ok((hangup, runtime)) => (hangup, runtime),
            Err(error) => {
                // Whoever started this waits for it.
                let _ = ready.send(Err(error));
                return;
            }
        };
        self.follow(true);
        let _ = ready.send(Ok(()));
        runtime.block_on(async { while self.next(&mut asked, &mut hangup).await {} });
    }

    /// Waits for the next thing to do and does it; `false` when nobody is left to ask for anything.
    async fn next(&mut self, asked: &mut mpsc::Receiver<Ask>, hangup: &mut Signal) -> bool {
        let pause = if self.state.load().watching == Watching::Watched { LOOK } else { POLL };
        tokio::select! {
            ask = asked.recv() => {
                let Some(ask) = ask else { return false };
                let mut asks = vec![ask];
                asks.extend(std::iter::from_fn(|| asked.try_recv().ok()));
                self.reload(Trigger::Admin);
                for ask in asks {
                    // Who no longer waits needs no answer.
                    let _ = ask.send(self.state.load_full());
                }
            }
            Some(()) = hangup.recv() => self.reload(Trigger::Signal),
            () = self.watch.settled() => self.look(),
            () = sleep(pause) => self.look(),
        }
        true
    }

    /// Reloads when the content of any file is another than what was last read.
    fn look(&mut self) {
        if self.parts.files.changed().is_empty() {
            // The way to a file may be another one, through other folders, to the same content.
            self.follow(false);
        } else {
            self.reload(Trigger::File);
        }
    }

    fn reload(&mut self, trigger: Trigger) {
        let changed: Vec<String> = self.parts.files.changed().iter().map(|file| shown(&file.path)).collect();
        let loaded = self.load();
        let (taken, problems, files) = match loaded {
            Ok(loaded) => {
                let needed = restart::needed(self.parts.snapshot.load().config(), loaded.snapshot.config());
                if !needed.0.is_empty() {
                    (Err(ReloadOutcome::NeedsRestart), needed, loaded.files)
                } else if let Err(problem) = self.lead(loaded.snapshot.config()) {
                    (Err(ReloadOutcome::Invalid), Problems(vec![problem]), loaded.files)
                } else {
                    (Ok(loaded.snapshot), loaded.warnings, loaded.files)
                }
            }
            Err(Failed { problems, files }) => (Err(ReloadOutcome::Invalid), problems, files),
        };
        let before = self.state.load_full();
        let now = SystemTime::now();
        let mut state = State::clone(&before);
        let outcome = match taken {
            Ok(snapshot) => {
                state.snapshot = Arc::new(snapshot);
                state.generation += 1;
                state.loaded_at = now;
                self.parts.snapshot.store(Arc::clone(&state.snapshot));
                self.parts.metrics.reloads.in_force(state.generation, now);
                (self.parts.swapped)();
                ReloadOutcome::Ok
            }
            Err(outcome) => outcome,
        };
        self.parts.metrics.reloads.tried(outcome);
        tell(outcome, trigger, &changed, (&before, &problems), state.generation);
        state.last = LastReload { at: now, trigger, outcome };
        state.problems = problems;
        self.parts.files = files;
        self.state.store(Arc::new(state));
        self.follow(true);
    }

    fn load(&self) -> Result<Loaded, Failed> {
        let failed = |path: String, message: &str| {
            Err(Failed { problems: Problems(vec![Problem::error(path, message)]), files: self.parts.files.clone() })
        };
        if let Some(once) = self.parts.files.iter().find(|file| file.is_gone_once_read()) {
            return failed(
                shown(&once.path),
                "is no file that can be read a second time; use a regular one to reload it",
            );
        }
        catch_unwind(AssertUnwindSafe(|| load(&self.parts.path))).unwrap_or_else(|_| {
            failed("configuration".to_owned(), "cannot be judged: a fault of the gateway itself, see its log")
        })
    }

    /// Has all followers take over a new configuration, or none.
    fn lead(&self, new: &Config) -> Result<(), Problem> {
        for (index, follow) in self.parts.followers.iter().enumerate() {
            if let Err(problem) = follow(new) {
                let old = self.parts.snapshot.load();
                for follow in self.parts.followers.iter().take(index) {
                    if let Err(problem) = follow(old.config()) {
                        log::error!(path = problem.path.as_str(); "the old setting cannot be put back: {}", problem.message);
                    }
                }
                return Err(problem);
            }
        }
        Ok(())
    }

    /// Watches what leads to the files now, and notes how; `anew`: other files may be named than before.
    fn follow(&mut self, anew: bool) {
        let before = self.state.load_full();
        let paths: Vec<PathBuf> =
            self.parts.files.iter().filter_map(|file| std::path::absolute(&file.path).ok()).collect();
        let followed = self.watch.follow(paths.iter().map(PathBuf::as_path));
        let watching = if followed.is_ok() { Watching::Watched } else { Watching::Polled };
        let is_first = before.last.trigger == Trigger::Start && anew;
        match &followed {
            Err(error) if is_first || before.watching == Watching::Watched => log::warn!(
                error:% = error, every_seconds = POLL.as_secs();
                "the configuration's files cannot be watched; they are looked at instead"
            ),
            Ok(_) if !is_first && before.watching == Watching::Polled => {
                log::info!("the configuration's files are watched now");
            }
            _ => {}
        }
        if anew || before.watching != watching {
            let mounts = Mounts::now();
            let files = file_states(&self.parts.files, |path| mounts.is_pinned(path));
            self.tell_pinned(&files);
            self.state.store(Arc::new(State { watching, files, ..State::clone(&before) }));
        }
        // What changed between the reading and the watching was told by nobody.
        if followed.unwrap_or(false) && !self.parts.files.changed().is_empty() {
            self.watch.stir();
        }
    }

    /// Warns once of each file that is mounted by itself.
    fn tell_pinned(&mut self, files: &[FileState]) {
        for file in files.iter().filter(|file| file.pinned) {
            if self.told_pinned.insert(file.path.clone()) {
                log::warn!(
                    file:% = file.path.display(), role = file.role.as_str();
                    "this file is mounted by itself: one that an editor puts in its place outside is not seen here, only what is written into it; mount the folder that it is in"
                );
            }
        }
    }
}

/// One line for each reload.
fn tell(
    outcome: ReloadOutcome,
    trigger: Trigger,
    changed: &[String],
    (before, problems): (&State, &Problems),
    generation: u64,
) {
    let (trigger, changed) = (trigger.as_str(), changed.join(", "));
    let told = problems.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    match outcome {
        // Warnings that were told before are not told again.
        ReloadOutcome::Ok if problems.0.is_empty() || *problems == before.problems => {
            log::info!(generation, trigger, changed; "the configuration was reloaded");
        }
        ReloadOutcome::Ok => {
            log::warn!(generation, trigger, changed, warnings = told; "the configuration was reloaded, with doubts");
        }
        ReloadOutcome::Invalid | ReloadOutcome::NeedsRestart => log::error!(
            generation, trigger, changed, outcome = outcome.as_str(), count = problems.0.len(), problems = told;
            "the configuration on disk is not taken over; the one before it stays in force"
        ),
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
