//! Optional copies of what was said, for single keys or routes: bounded, redacted, in a file of their own; off unless the operator asks for it.

mod exchange;
mod redact;
mod stream;
mod strings;
mod writer;

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Instant;

use arc_swap::ArcSwapOption;
use http::HeaderName;
use prometheus::IntCounter;
use regex::bytes::Regex;
use wildmatch::WildMatch;

use self::exchange::Finished;
pub use self::exchange::{Captured, Capturing, Upstream};
use self::redact::Redactor;
use self::writer::Writer;
use super::rotation::{LogFile, RotatingFile};

/// The most exchanges that wait to be written.
const MAX_WAITING: usize = 256;

/// The most bytes of all exchanges that are being captured or wait to be written.
const MAX_HELD_BYTES: usize = 32 << 20;

/// What is captured, and what becomes of it.
#[derive(Clone)]
pub struct CaptureSettings {
    /// Keys whose exchanges are captured, by id or label, with `*` and `?`.
    pub keys: Vec<WildMatch>,
    /// Routes whose exchanges are captured, with `*` and `?`.
    pub routes: Vec<WildMatch>,
    /// Where it goes.
    pub file: LogFile,
    /// So many bytes of one body are kept.
    pub body_bytes: usize,
    /// Headers whose values are kept.
    pub headers: Vec<HeaderName>,
    /// What is taken out, besides all that looks like a credential or a file.
    pub patterns: Vec<Regex>,
    /// Texts that are taken out wherever they are: the credentials that the gateway knows.
    pub secrets: Vec<String>,
}

impl PartialEq for CaptureSettings {
    fn eq(&self, other: &CaptureSettings) -> bool {
        let patterns = |settings: &CaptureSettings| -> Vec<String> {
            settings.patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect()
        };
        self.keys == other.keys
            && self.routes == other.routes
            && self.file == other.file
            && self.body_bytes == other.body_bytes
            && self.headers == other.headers
            && patterns(self) == patterns(other)
            && self.secrets == other.secrets
    }
}

/// What captures exchanges, or not. The process has one.
pub struct Captures {
    active: ArcSwapOption<Active>,
    /// Those that were replaced and may have exchanges under way.
    replaced: Mutex<Vec<Weak<Active>>>,
    held: Arc<AtomicUsize>,
    dropped: IntCounter,
}

/// What is to be put in place of what is captured now.
pub struct Prepared(Option<Arc<Active>>);

/// A capture that is on.
struct Active {
    settings: CaptureSettings,
    /// So many bytes of one body are held: more than is written, so that what is cut off cannot hide what must be taken out.
    held_bytes_each: usize,
    /// Bytes of all exchanges, those of captures before this one among them.
    held: Arc<AtomicUsize>,
    dropped: IntCounter,
    sender: SyncSender<Message>,
}

enum Message {
    Exchange(Box<Finished>),
    Flush(SyncSender<()>),
}

impl Captures {
    /// Captures nothing. Exchanges that were to be captured and were not, or not whole, are counted in `dropped`.
    #[must_use]
    pub fn new(dropped: IntCounter) -> Captures {
        Captures { active: ArcSwapOption::empty(), replaced: Mutex::default(), held: Arc::default(), dropped }
    }

    /// Gets ready what these settings ask for; without any nothing is captured, and with those in force all stays as it is.
    /// [`Captures::set`] puts it in place.
    ///
    /// # Errors
    /// The file cannot be opened, or a thread not started.
    pub fn prepare(&self, settings: Option<CaptureSettings>) -> io::Result<Prepared> {
        let Some(settings) = settings else { return Ok(Prepared(None)) };
        if let Some(active) = self.active.load_full().filter(|active| active.settings == settings) {
            return Ok(Prepared(Some(active)));
        }
        let active = Active::start(settings, Arc::clone(&self.held), self.dropped.clone())?;
        Ok(Prepared(Some(Arc::new(active))))
    }

    /// From now on exchanges that begin are captured in this way. Those under way end as they began.
    pub fn set(&self, Prepared(active): Prepared) {
        let before = self.active.swap(active.clone());
        let mut replaced = self.replaced.lock().unwrap_or_else(PoisonError::into_inner);
        replaced.retain(|capture| capture.strong_count() > 0);
        if let Some(before) = before.filter(|before| !active.is_some_and(|active| Arc::ptr_eq(before, &active))) {
            replaced.push(Arc::downgrade(&before));
        }
    }

    /// Whether anything may be captured.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.active.load().is_some()
    }

    /// Begins to capture an exchange if its key or its route is to be captured. Costs next to nothing when capture is off.
    #[must_use]
    pub fn begin(&self, about: Captured<'_>) -> Option<Box<Capturing>> {
        let active = self.active.load();
        let active = active.as_ref()?;
        let CaptureSettings { keys, routes, .. } = &active.settings;
        let fits = |patterns: &[WildMatch], text: &str| patterns.iter().any(|pattern| pattern.matches(text));
        let wanted = fits(keys, about.key_id)
            || fits(keys, about.key_label)
            || about.route.is_some_and(|route| fits(routes, route));
        wanted.then(|| Box::new(Capturing::new(Arc::clone(active), &about)))
    }

    /// Waits until everything captured so far is written, or the time is up.
    pub fn flush(&self, until: Instant) {
        let replaced: Vec<_> = {
            let replaced = self.replaced.lock().unwrap_or_else(PoisonError::into_inner);
            replaced.iter().filter_map(Weak::upgrade).collect()
        };
        for active in replaced.into_iter().chain(self.active.load_full()) {
            let (done, written) = sync_channel(1);
            // A full queue means that there is more than can be waited for.
            if active.sender.try_send(Message::Flush(done)).is_ok() {
                let _ = written.recv_timeout(until.saturating_duration_since(Instant::now()));
            }
        }
    }
}

impl Active {
    fn start(settings: CaptureSettings, held: Arc<AtomicUsize>, dropped: IntCounter) -> io::Result<Active> {
        let body_bytes = settings.body_bytes;
        let redactor = Redactor::new(settings.patterns.clone(), &settings.secrets).map_err(io::Error::other)?;
        let (sender, receiver) = sync_channel(MAX_WAITING);
        let writer = Writer::new(RotatingFile::open(settings.file.clone())?, redactor, body_bytes, dropped.clone());
        thread::Builder::new().name("capture-writer".to_owned()).spawn(move || writer.run(&receiver))?;
        let held_bytes_each = body_bytes.saturating_add(redact::MARGIN);
        Ok(Active { settings, held_bytes_each, held, dropped, sender })
    }

    /// Sets so many bytes aside; false when there is no room.
    fn hold(&self, bytes: usize) -> bool {
        let before = self.held.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.saturating_add(bytes) <= MAX_HELD_BYTES;
        if !fits {
            self.held.fetch_sub(bytes, Ordering::Relaxed);
        }
        fits
    }

    fn release(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
