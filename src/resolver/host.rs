//! One host: its last answer, and at most one look-up at a time that renews it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::answer::{Answer, RETRY};
use super::{LOOKUP_TIMEOUT, Lookup, ResolveError};

/// A host and a port, and what is known of them.
pub(super) struct Host {
    pub(super) name: Arc<str>,
    pub(super) port: u16,
    known: ArcSwapOption<Known>,
    /// Whether a look-up is under way.
    looking: AtomicBool,
    /// Told at the end of each look-up.
    settled: Notify,
    last_used_ms: AtomicU64,
}

enum Known {
    Good(Answer),
    Bad { error: ResolveError, until: Instant },
}

impl Host {
    pub(super) fn new(name: &str, port: u16) -> Host {
        Host {
            name: name.into(),
            port,
            known: ArcSwapOption::empty(),
            looking: AtomicBool::new(false),
            settled: Notify::new(),
            last_used_ms: AtomicU64::new(0),
        }
    }

    /// Notes a use, at a time since the resolver was started.
    pub(super) fn used(&self, at: Duration) {
        self.last_used_ms.store(u64::try_from(at.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn last_used(&self) -> u64 {
        self.last_used_ms.load(Ordering::Relaxed)
    }

    /// The answer, at once when there is one that can be used, else at the end of the look-up.
    pub(super) async fn addresses(
        self: &Arc<Self>,
        lookup: &Arc<dyn Lookup>,
        now: Instant,
    ) -> Result<Arc<[SocketAddr]>, ResolveError> {
        match self.known.load().as_deref() {
            Some(Known::Good(answer)) => {
                if now >= answer.fresh_until {
                    self.look_up(lookup);
                }
                return Ok(Arc::clone(&answer.addresses));
            }
            Some(Known::Bad { error, until }) if now < *until => return Err(error.clone()),
            Some(Known::Bad { .. }) | None => {}
        }
        self.wait(lookup).await
    }

    /// Waits for the end of a look-up that begins now or is under way.
    async fn wait(self: &Arc<Self>, lookup: &Arc<dyn Lookup>) -> Result<Arc<[SocketAddr]>, ResolveError> {
        let before = self.known.load_full();
        loop {
            let mut settled = std::pin::pin!(self.settled.notified());
            // Listening begins before looking, so that no end of a look-up falls between the two.
            settled.as_mut().enable();
            let known = self.known.load_full();
            match known.as_deref() {
                Some(Known::Good(answer)) => return Ok(Arc::clone(&answer.addresses)),
                Some(Known::Bad { error, .. }) if !same(known.as_ref(), before.as_ref()) => return Err(error.clone()),
                Some(Known::Bad { .. }) | None => {}
            }
            self.look_up(lookup);
            settled.await;
        }
    }

    pub(super) fn works_with(&self, address: SocketAddr, now: Instant) {
        self.change(|answer| answer.works_with(address, now));
    }

    pub(super) fn failed(&self, address: SocketAddr) {
        self.change(|answer| answer.failed(address));
    }

    /// Replaces a good answer when `change` makes another one of it.
    fn change(&self, change: impl Fn(&Answer) -> Option<Answer>) {
        let mut current = self.known.load();
        while let Some(Known::Good(answer)) = current.as_deref() {
            let Some(changed) = change(answer) else { return };
            let previous = self.known.compare_and_swap(&current, Some(Arc::new(Known::Good(changed))));
            if same(previous.as_ref(), current.as_ref()) {
                return;
            }
            current = previous;
        }
    }

    /// Begins a look-up in the background unless one is under way.
    ///
    /// It is not tied to the shutdown: it holds nothing that must be finished, and ends within [`LOOKUP_TIMEOUT`].
    fn look_up(self: &Arc<Self>, lookup: &Arc<dyn Lookup>) {
        if self.looking.swap(true, Ordering::AcqRel) {
            return;
        }
        let flight = Flight(Arc::clone(self));
        let lookup = Arc::clone(lookup);
        tokio::spawn(async move {
            let host = &flight.0;
            let found = match timeout(LOOKUP_TIMEOUT, lookup.lookup(Arc::clone(&host.name), host.port)).await {
                Ok(Ok(found)) => Ok(found),
                Ok(Err(error)) => {
                    Err(ResolveError::Failed { host: Arc::clone(&host.name), reason: error.to_string().into() })
                }
                Err(_) => Err(ResolveError::Timeout { host: Arc::clone(&host.name) }),
            };
            host.settle(found, Instant::now());
        });
    }

    fn settle(&self, found: Result<Vec<SocketAddr>, ResolveError>, now: Instant) {
        // Again when `works_with` or `failed` changed the answer meanwhile.
        let mut current = self.known.load();
        loop {
            let before = match current.as_deref() {
                Some(Known::Good(answer)) => Some(answer),
                Some(Known::Bad { .. }) | None => None,
            };
            let fresh = match &found {
                Ok(found) => Answer::new(found.clone(), before, now)
                    .ok_or_else(|| ResolveError::NoAddress { host: Arc::clone(&self.name) }),
                Err(error) => Err(error.clone()),
            };
            let (next, told) = match (fresh, before) {
                (Ok(answer), _) => (Known::Good(answer), None),
                (Err(error), Some(before)) => {
                    let told = (!before.stale).then_some(error);
                    (Known::Good(before.kept(now)), told)
                }
                (Err(error), None) => (Known::Bad { error, until: now + RETRY }, None),
            };
            let previous = self.known.compare_and_swap(&current, Some(Arc::new(next)));
            if same(previous.as_ref(), current.as_ref()) {
                if let Some(error) = told {
                    log::warn!(target: "ovth::resolver", host = &*self.name, error:% = error;
                        "looking up a host again failed; its last addresses stay in use");
                }
                return;
            }
            current = previous;
        }
    }
}

/// A look-up under way. Dropping it, done or cut off with its runtime, lets the next one begin and wakes who waits.
struct Flight(Arc<Host>);

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.looking.store(false, Ordering::Release);
        self.0.settled.notify_waiters();
    }
}

/// Whether both are the very same value.
fn same(one: Option<&Arc<Known>>, other: Option<&Arc<Known>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}
