//! Providers within the simulator: each namespace has its own script and remembers what it received.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::behaviour::Behaviour;
use super::heads::unix_ms;

/// All namespaces. Bounded: names beyond the bound share the namespace `overflow`.
#[derive(Debug)]
pub(super) struct World {
    namespaces: Mutex<HashMap<String, Arc<Namespace>>>,
    history: usize,
}

/// The most namespaces.
const MAX_NAMESPACES: usize = 1024;
/// The most bytes of request bodies that a namespace keeps.
const KEPT_BYTES: usize = 64 << 20;
/// Bodies up to this size are shown as JSON in the list of requests.
const SHOWN_BYTES: usize = 1 << 20;

impl World {
    /// A world whose namespaces remember so many requests each.
    pub(super) fn new(history: usize) -> World {
        World { namespaces: Mutex::default(), history }
    }

    /// The namespace of that name; made when it is first asked for.
    pub(super) fn namespace(&self, name: &str) -> Arc<Namespace> {
        let mut namespaces = lock(&self.namespaces);
        if let Some(namespace) = namespaces.get(name) {
            return Arc::clone(namespace);
        }
        let name = if namespaces.len() < MAX_NAMESPACES { name } else { "overflow" };
        let made = || Arc::new(Namespace::new(self.history));
        Arc::clone(namespaces.entry(name.to_owned()).or_insert_with(made))
    }
}

/// One provider: its script and what it received.
#[derive(Debug)]
pub struct Namespace {
    inner: Mutex<Inner>,
    changes: watch::Sender<()>,
    history: usize,
}

#[derive(Debug, Default)]
struct Inner {
    script: VecDeque<Arc<Behaviour>>,
    requests: VecDeque<Arc<Received>>,
    kept_bytes: usize,
    received: u64,
    finished: u64,
    /// Counts the resets, so that requests from before one are not counted after it.
    generation: u64,
}

impl Namespace {
    fn new(history: usize) -> Namespace {
        Namespace { inner: Mutex::default(), changes: watch::Sender::new(()), history }
    }

    /// Sets the script; each request takes one behaviour of it, and what comes after is answered plainly.
    pub fn script(&self, behaviours: impl IntoIterator<Item = Behaviour>) {
        let script = behaviours.into_iter().map(Arc::new).collect();
        lock(&self.inner).script = script;
    }

    /// Forgets the script and the requests, and counts from zero.
    pub fn reset(&self) {
        {
            let mut inner = lock(&self.inner);
            *inner = Inner { generation: inner.generation + 1, ..Inner::default() };
        }
        self.changes.send_replace(());
    }

    /// What was received, oldest first, as far as it is remembered.
    pub fn requests(&self) -> Vec<Report> {
        let requests: Vec<Arc<Received>> = lock(&self.inner).requests.iter().map(Arc::clone).collect();
        requests.iter().map(|request| request.report()).collect()
    }

    /// The body of the request of that index, as far as it is remembered.
    pub fn body(&self, index: u64) -> Option<Bytes> {
        let inner = lock(&self.inner);
        let request = inner.requests.iter().find(|request| request.head.index == index)?;
        lock(&request.progress).body.clone()
    }

    /// Waits until so many requests were received and so many of them are over (answered, broken off or left by the client).
    pub async fn until(&self, received: u64, finished: u64) {
        let mut changes = self.changes.subscribe();
        loop {
            {
                let inner = lock(&self.inner);
                if inner.received >= received && inner.finished >= finished {
                    return;
                }
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Takes the behaviour for the next request.
    pub(super) fn next_behaviour(&self) -> Option<Arc<Behaviour>> {
        let script = &mut lock(&self.inner).script;
        match script.front() {
            Some(first) if first.repeat => Some(Arc::clone(first)),
            _ => script.pop_front(),
        }
    }

    /// Remembers a request whose head has come.
    pub(super) fn received(self: &Arc<Self>, mut head: Head) -> Record {
        let mut inner = lock(&self.inner);
        head.index = inner.received;
        inner.received += 1;
        let generation = inner.generation;
        let received = Arc::new(Received { head, generation, started: Instant::now(), progress: Mutex::default() });
        if self.history > 0 {
            inner.requests.push_back(Arc::clone(&received));
        }
        inner.forget(self.history);
        drop(inner);
        self.changes.send_replace(());
        Record { namespace: Arc::clone(self), received }
    }
}

impl Inner {
    fn forget(&mut self, history: usize) {
        while self.requests.len() > history || (self.kept_bytes > KEPT_BYTES && self.requests.len() > 1) {
            let Some(oldest) = self.requests.pop_front() else { return };
            let body = lock(&oldest.progress).body.take();
            self.kept_bytes = self.kept_bytes.saturating_sub(body.map_or(0, |body| body.len()));
        }
    }
}

/// A request's head as it is remembered.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// Counts the namespace's requests from zero.
    pub(super) index: u64,
    /// Counts the simulator's connections.
    pub(super) connection: u64,
    /// The method.
    pub(super) method: String,
    /// The path with its query.
    pub(super) path: String,
    /// The headers, credentials reduced to their last characters.
    pub(super) headers: Vec<(String, String)>,
}

#[derive(Debug)]
struct Received {
    head: Head,
    generation: u64,
    started: Instant,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    body: Option<Bytes>,
    body_bytes: usize,
    body_complete: bool,
    status: Option<u16>,
    events_sent: usize,
    outcome: Option<Outcome>,
}

#[derive(Clone, Copy, Debug)]
struct Outcome {
    what: &'static str,
    after: Duration,
    unix_ms: u64,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Its answer was written to the end.
    Answered,
    /// It was broken off on order.
    BrokenOff,
    /// The client left.
    ClientLeft,
}

/// The account of a request under way; a request whose record is dropped without an ending was cut off by a stop.
#[derive(Debug)]
pub(super) struct Record {
    namespace: Arc<Namespace>,
    received: Arc<Received>,
}

impl Record {
    /// The body, or what came of it.
    pub(super) fn body(&self, body: &Bytes, complete: bool) {
        let mut inner = lock(&self.namespace.inner);
        let remembered = inner.requests.iter().rev().any(|request| Arc::ptr_eq(request, &self.received));
        {
            let mut progress = lock(&self.received.progress);
            progress.body_bytes = body.len();
            progress.body_complete = complete;
            progress.body = remembered.then(|| body.clone());
        }
        if remembered {
            inner.kept_bytes += body.len();
            inner.forget(self.namespace.history);
        }
    }

    /// The status that was written.
    pub(super) fn status(&self, status: u16) {
        lock(&self.received.progress).status = Some(status);
    }

    /// Events that were written so far.
    pub(super) fn events(&self, sent: usize) {
        lock(&self.received.progress).events_sent = sent;
    }

    /// The end; the first one holds.
    pub(super) fn end(&self, ending: Ending) {
        self.close(match ending {
            Ending::Answered => "answered",
            Ending::BrokenOff => "broken_off",
            Ending::ClientLeft => "client_left",
        });
    }

    fn close(&self, what: &'static str) {
        {
            let mut progress = lock(&self.received.progress);
            if progress.outcome.is_some() {
                return;
            }
            progress.outcome = Some(Outcome { what, after: self.received.started.elapsed(), unix_ms: unix_ms() });
        }
        {
            let mut inner = lock(&self.namespace.inner);
            if inner.generation == self.received.generation {
                inner.finished += 1;
            }
        }
        self.namespace.changes.send_replace(());
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.close("stopped");
    }
}

/// What is told of a request.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Counts the namespace's requests from zero.
    pub index: u64,
    /// Tells connections apart.
    pub connection: u64,
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The headers in the order they came, names in lower case, credentials reduced to their last four characters.
    pub headers: Vec<(String, String)>,
    /// The bytes of the body that came.
    pub body_bytes: usize,
    /// Whether that is the whole body.
    pub body_complete: bool,
    /// The SHA-256 of the body, in hex.
    pub body_sha256: Option<String>,
    /// The body, if it is JSON and not over 1 MiB.
    pub body: Option<Box<RawValue>>,
    /// The status that was answered.
    pub status: Option<u16>,
    /// The events (or whole bodies) that were written.
    pub events_sent: usize,
    /// How it ended: `answered`, `broken_off` (on order), `client_left` (it closed early) or `stopped`; none while under way.
    pub ended: Option<&'static str>,
    /// Milliseconds from the head to the end.
    pub ended_after_ms: Option<u64>,
    /// When it ended, in milliseconds since the epoch.
    pub ended_unix_ms: Option<u64>,
}

impl Report {
    /// The first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

impl Received {
    fn report(&self) -> Report {
        let progress = lock(&self.progress);
        let shown = progress.body.as_ref().filter(|body| body.len() <= SHOWN_BYTES);
        Report {
            index: self.head.index,
            connection: self.head.connection,
            method: self.head.method.clone(),
            path: self.head.path.clone(),
            headers: self.head.headers.clone(),
            body_bytes: progress.body_bytes,
            body_complete: progress.body_complete,
            body_sha256: progress.body.as_ref().map(|body| hex(&Sha256::digest(body))),
            body: shown.and_then(|body| serde_json::from_slice(body).ok()),
            status: progress.status,
            events_sent: progress.events_sent,
            ended: progress.outcome.map(|outcome| outcome.what),
            ended_after_ms: progress.outcome.map(|outcome| outcome.after.as_millis() as u64),
            ended_unix_ms: progress.outcome.map(|outcome| outcome.unix_ms),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// No holder of these locks panics half-way through a change, so a poisoned one is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
