//! The log's handle: takes the settings of a configuration, and levels that are changed while the gateway runs.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use log::LevelFilter;

use super::levels::{LevelChange, Levels};
use super::{Format, Shared};
use crate::observe::access::AccessLog;
use crate::observe::capture::Captures;
use crate::observe::record;
use crate::observe::rotation::LogFile;

/// What a configuration says of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Levels over the built-in ones. Those of the environment go over these.
    pub levels: LevelChange,
    /// How lines look; none: by whether standard error is a terminal.
    pub format: Option<Format>,
    /// Where records of exchanges go; none: to the log.
    pub access: Option<LogFile>,
}

/// Levels that hold now, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What holds.
    pub levels: Levels,
    /// What would hold without the change.
    pub configured: Levels,
    /// Whether levels were changed while the gateway runs.
    pub is_changed: bool,
    /// When the change ends; none: it stays until the process ends or another one is made.
    pub until: Option<SystemTime>,
}

/// The log of this process. Cheap to clone.
#[derive(Clone)]
pub struct Control(pub(super) Arc<Shared>);

/// What the levels are made of.
#[derive(Default)]
pub(super) struct Parts {
    environment: LevelChange,
    configured: LevelChange,
    change: Option<Change>,
    /// Counts changes, so that one that ends does not take a later one with it.
    changes: u64,
}

struct Change {
    levels: LevelChange,
    until: Option<SystemTime>,
}

impl Parts {
    /// What the environment says, and nothing else.
    pub(super) fn of(environment: LevelChange) -> Parts {
        Parts { environment, ..Parts::default() }
    }
}

impl Control {
    /// A log that nobody reads, for tests of those that change one.
    ///
    /// # Errors
    /// Its thread cannot be started.
    #[cfg(test)]
    pub(crate) fn unheard() -> io::Result<Control> {
        let counter = || prometheus::IntCounter::new("dropped", "dropped").map_err(io::Error::other);
        let counters =
            super::Counters { dropped: counter()?, access_dropped: counter()?, captures_dropped: counter()? };
        Ok(Control(Shared::start(None, Format::Json, io::sink(), counters)?.0))
    }

    /// Takes the settings of a configuration, at the start and with each reload: all of them or, on an error, none. A change of levels that was
    /// made while the gateway runs goes on.
    ///
    /// # Errors
    /// The access log's file cannot be opened.
    pub fn apply(&self, settings: &Settings) -> io::Result<()> {
        let Control(shared) = self;
        let kept = shared.access.load_full().filter(|access| Some(access.file()) == settings.access.as_ref());
        let access = match (&settings.access, kept) {
            (Some(_), Some(kept)) => Some(kept),
            (Some(file), None) => Some(Arc::new(AccessLog::open(file.clone(), shared.access_dropped.clone())?)),
            (None, _) => None,
        };
        shared.access.store(access);
        shared.format.set(settings.format.unwrap_or(shared.usual_format));
        self.changing(|parts| parts.configured = settings.levels.clone());
        Ok(())
    }

    /// Puts levels over the configured ones, in place of those that were put before; an empty change takes these away. `until` is only told:
    /// whoever sets it calls [`Control::end_change`] with the number that this gives.
    pub fn change(&self, levels: LevelChange, until: Option<SystemTime>) -> u64 {
        self.changing(|parts| {
            parts.changes += 1;
            parts.change = (!levels.is_empty()).then_some(Change { levels, until });
            parts.changes
        })
    }

    /// Ends the change with that number; nothing if another came after it.
    pub fn end_change(&self, number: u64) {
        let ended = self.changing(|parts| {
            let is_last = parts.changes == number && parts.change.is_some();
            if is_last {
                parts.change = None;
            }
            is_last
        });
        if ended {
            log::info!("the configured log levels hold again");
        }
    }

    /// The levels that hold now.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let parts = self.0.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let configured = configured(&parts, self.0.access.load().is_some());
        let change = parts.change.as_ref();
        let levels = change.map_or_else(|| configured.clone(), |change| configured.clone().with(&change.levels));
        Standing { levels, configured, is_changed: change.is_some(), until: change.and_then(|change| change.until) }
    }

    /// What captures exchanges.
    #[must_use]
    pub fn captures(&self) -> &Captures {
        &self.0.captures
    }

    /// Waits until everything logged so far is written, at most two seconds.
    pub fn flush(&self) {
        self.0.flush();
    }

    fn changing<T>(&self, change: impl FnOnce(&mut Parts) -> T) -> T {
        let Control(shared) = self;
        let mut parts = shared.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut parts);
        let base = configured(&parts, shared.access.load().is_some());
        let levels = parts.change.as_ref().map_or_else(|| base.clone(), |change| base.clone().with(&change.levels));
        // Still under the lock: of two changes the last one stays.
        shared.set_levels(levels);
        changed
    }
}

/// The levels without those that were changed while the gateway runs. A file of its own is wish enough for the records of exchanges: only who
/// names them turns them off.
fn configured(parts: &Parts, access_file: bool) -> Levels {
    let mut levels = Levels::default();
    if access_file {
        levels.levels.insert(record::TARGET.to_owned(), LevelFilter::Info);
    }
    levels.with(&parts.configured).with(&parts.environment)
}

pub(super) type Locked = Mutex<Parts>;
