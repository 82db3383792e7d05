//! Examines the accounts at the start, after each reload, and every hour, and feeds the routes with what it finds.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use log::{error, info, warn};

use super::examine::{Examined, examine, unasked};
use crate::observe::Metrics;
use crate::routing::{Inventory, Snapshot};

/// Reloads that follow each other closely are examined once: providers are asked no more often than this.
const PAUSE: Duration = Duration::from_secs(5);

/// What the watch works with.
pub struct Parts {
    /// The configuration in force.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// What the routes go by.
    pub inventory: Arc<Inventory>,
    /// Counts.
    pub metrics: Arc<Metrics>,
}

/// Asks for an examination ahead of its time.
#[derive(Clone, Debug)]
pub struct Recheck(SyncSender<()>);

impl Recheck {
    /// Examines soon, as the configuration has changed: at once, or 5 s after the last time. Does not wait.
    pub fn ask(&self) {
        // One that waits already sees the new configuration as well.
        let _ = self.0.try_send(());
    }
}

/// Examines the accounts for as long as there is somebody who may ask for it.
#[derive(Debug)]
pub struct Watch {
    asked: Receiver<()>,
}

impl Watch {
    /// A watch that has not begun, and the way to ask it for more than its hourly examination.
    #[must_use]
    pub fn new() -> (Watch, Recheck) {
        let (again, asked) = mpsc::sync_channel(1);
        (Watch { asked }, Recheck(again))
    }

    /// Begins on a thread of its own; the first examination follows at once. The thread ends with the last [`Recheck`].
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(self, parts: Parts) -> std::io::Result<()> {
        thread::Builder::new().name("accounts".to_owned()).spawn(move || run(&parts, &self.asked))?;
        Ok(())
    }
}

fn run(parts: &Parts, asked: &Receiver<()>) {
    let mut told = BTreeSet::new();
    loop {
        let interval = look(parts, &mut told);
        let looked = Instant::now();
        let next = match interval {
            Some(interval) => asked.recv_timeout(interval),
            None => asked.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match next {
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) => {
                thread::sleep(PAUSE.saturating_sub(looked.elapsed()));
                // Whoever asked meanwhile is served by the same examination.
                let _ = asked.try_recv();
            }
        }
    }
}

/// Examines once, and gives the time to the next.
fn look(parts: &Parts, told: &mut BTreeSet<(Level, String)>) -> Option<Duration> {
    let snapshot = parts.snapshot.load_full();
    let interval = snapshot.config().account_check;
    let (found, known) = match interval {
        Some(_) => {
            let found = examine(&snapshot);
            let known = found.providers();
            (found, known)
        }
        None => (Examined::default(), unasked(&snapshot)),
    };
    parts.metrics.accounts.set(&known);
    parts.inventory.set(found.lacking.iter().map(|target| &**target), found.refused.iter().map(|target| &**target));
    parts.inventory.set_newer(found.newer.iter().cloned());
    *told = tell(&found, told);
    interval
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Error,
    Warning,
}

/// Logs what was not told before and what has passed; gives what is amiss now.
fn tell(found: &Examined, before: &BTreeSet<(Level, String)>) -> BTreeSet<(Level, String)> {
    let now = findings(found);
    for (level, finding) in now.difference(before) {
        match level {
            Level::Error => error!("{finding}"),
            Level::Warning => warn!("{finding}"),
        }
    }
    for (_, finding) in before.difference(&now) {
        info!("no longer so: {finding}");
    }
    now
}

fn findings(found: &Examined) -> BTreeSet<(Level, String)> {
    let mut findings = BTreeSet::new();
    for (account, lacks) in &found.accounts {
        if let Err(fault) = &account.answer {
            let level = if fault.concerns_requests() { Level::Error } else { Level::Warning };
            findings.insert((level, format!("{account}: {fault}")));
        }
        if let Some(ahead) = account.wrong_clock() {
            let way = if ahead < 0 { "ahead of" } else { "behind" };
            // The seconds change from hour to hour; a finding that changes would be told again and again.
            findings.insert((Level::Warning, format!("this machine's clock is {way} the one of {}", account.provider)));
        }
        for lack in lacks.iter().filter(|lack| lack.named) {
            let (route, model) = (&lack.route, &lack.model);
            findings.insert((
                Level::Warning,
                format!("{account}: the account has no model `{model}`, which route `{route}` names; the route leaves it out"),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::ask::Fault;
    use super::super::examine::Account;
    use super::*;

    fn refused() -> Examined {
        let answer = Err(Fault::KeyRefused { status: 401 });
        let account = Account { provider: "openai".into(), key: Some((2, 3)), answer };
        Examined { accounts: vec![(account, BTreeSet::new())], ..Examined::default() }
    }

    #[test]
    fn a_finding_is_told_once_and_names_the_key_by_its_place() {
        let told = tell(&refused(), &BTreeSet::new());
        assert_eq!(told.len(), 1);
        assert!(told.iter().all(|(level, text)| *level == Level::Error && text.starts_with("openai, key 2 of 3: ")));
        assert_eq!(tell(&refused(), &told), told);
        assert!(tell(&Examined::default(), &told).is_empty());
    }
}
