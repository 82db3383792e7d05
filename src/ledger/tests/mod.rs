//! Tests of the ledger as a whole: a request's life, restarts, limits, and what is read afterwards.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod availability;
mod clocks;
mod day;
mod faults;
mod filled;
mod long;
mod many_users;
mod migration;
mod queries;
mod retention;
mod upkeep;

pub(crate) use day::within_one_day;

use std::time::{Duration, UNIX_EPOCH};

use futures::executor::block_on;
use ovth_filters::money::PicoDollars;
use ovth_filters::neutral::Usage;
use tempfile::TempDir;

use super::*;
use crate::config::{Allowance, Cap, Durability};
use crate::keys::KeyId;
use day::within_a_day;

/// A ledger in a folder of its own.
struct House {
    store: Arc<Store>,
    ledger: Ledger,
}

fn house(folder: &TempDir) -> House {
    let store = Arc::new(Store::open(folder.path()).unwrap());
    let ledger = Ledger::open(Arc::clone(&store), LedgerSettings::default()).unwrap();
    House { store, ledger }
}

impl House {
    /// Ends as a process does that is killed: nothing more is written.
    fn kill(self) {
        self.store.shutdown().unwrap();
        let _ = self.ledger.shutdown();
    }

    fn usage(&self) -> Sums {
        self.ledger.usage(&UsageQuery::default()).unwrap().total
    }

    fn all(&self) -> Vec<Entry> {
        self.ledger.entries(&EntryFilter { limit: 1_000, ..EntryFilter::default() }).unwrap().entries
    }

    fn check(&self) -> CheckReport {
        let report = self.ledger.check().unwrap();
        assert_eq!(report.problems, Vec::<String>::new());
        report
    }

    fn today(&self, payer: &Payer) -> Amount {
        let key = Some(payer.key.as_str());
        let rows = self.ledger.quotas(&|_| None, SystemTime::now());
        let row = rows.iter().find(|row| row.key.as_deref() == key && row.end_user.is_none());
        row.map(|row| row.today).unwrap_or_default()
    }
}

fn key(number: u64) -> KeyId {
    KeyId::parse(&format!("key_{number:016x}")).unwrap()
}

fn payer(number: u64) -> Payer {
    let none = Allowance::default();
    Payer { key: key(number), key_limits: none, gateway_limits: none, end_user: None }
}

fn limited(number: u64, daily_tokens: u64) -> Payer {
    let key_limits = Allowance { daily_tokens: Some(Cap::At(daily_tokens)), ..Allowance::default() };
    Payer { key_limits, ..payer(number) }
}

fn demand<'a>(payer: &'a Payer, request: &str, tokens: u64) -> Demand<'a> {
    Demand {
        payer,
        input: Amount { tokens, cost: PicoDollars(tokens * 10) },
        output_tokens: 0,
        output_weight: 1_000,
        output_price: PicoDollars(20),
        can_cap: false,
        facts: Facts {
            request_id: request.into(),
            shape: "chat".into(),
            operation: "generate".into(),
            route: Some("fast".into()),
            provider: "openai".into(),
            model: "gpt-5".into(),
            model_asked: "fast".into(),
            stream: true,
        },
    }
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

/// An entry of a request that ended well.
fn entry(request: &str, usage: Usage) -> Entry {
    Entry {
        request_id: request.into(),
        started_at_ms: now_ms(),
        operation: "generate".into(),
        shape: "chat".into(),
        provider: Some("openai".into()),
        model: Some("gpt-5".into()),
        status: Some(200),
        outcome: "ok".into(),
        usage: Some(usage),
        usage_source: UsageSource::Provider,
        cost: Some(PicoDollars(usage.output * 7)),
        duration_ms: 5,
        ..Entry::default()
    }
}

fn spent(tokens: u64, cost: u64) -> Amount {
    Amount { tokens, cost: PicoDollars(cost) }
}

#[test]
fn a_settled_request_is_an_entry_and_counts_after_a_restart() {
    within_a_day(settle_and_restart);
}

fn settle_and_restart() {
    let folder = TempDir::new().unwrap();
    let first = house(&folder);
    let payer = payer(1);
    let mut reservation = first.ledger.reserve(demand(&payer, "req_1", 100), SystemTime::now()).unwrap();
    block_on(reservation.durable()).unwrap();
    block_on(reservation.durable()).unwrap();
    assert_eq!(first.check().reservations, 1);
    reservation.settle(spent(70, 700), entry("req_1", Usage { input: 50, output: 20, ..Usage::default() }));
    let [found] = first.all().try_into().unwrap();
    assert_eq!((&*found.request_id, &*found.key_id, found.charged_tokens), ("req_1", payer.key.as_str(), 70));
    assert_eq!(first.ledger.entry("req_1").unwrap(), Some(found.clone()));
    assert_eq!(first.ledger.entry(&found.id.to_string()).unwrap(), Some(found));
    assert_eq!(first.ledger.entry("req_2").unwrap(), None);
    let sums = first.usage();
    assert_eq!((sums.requests, sums.errors, sums.charged_tokens), (1, 0, 70));
    assert_eq!((sums.usage.input, sums.usage.output, sums.cost), (50, 20, PicoDollars(140)));
    first.check();
    drop(first);

    let second = house(&folder);
    assert_eq!(second.today(&payer), spent(70, 700));
    assert_eq!(second.usage(), sums);
    assert_eq!(second.ledger.figures().recovered, 0);
    second.check();
}

#[test]
fn what_a_dead_process_had_set_aside_is_charged_once() {
    within_a_day(die_with_requests);
}

fn die_with_requests() {
    let folder = TempDir::new().unwrap();
    let first = house(&folder);
    let payer = payer(1);
    let mut covered = first.ledger.reserve(demand(&payer, "req_1", 100), SystemTime::now()).unwrap();
    let mut plain = first.ledger.reserve(demand(&payer, "req_2", 40), SystemTime::now()).unwrap();
    assert!(covered.cover(spent(150, 0)));
    assert!(!covered.cover(spent(150, 0)));
    block_on(covered.durable()).unwrap();
    block_on(plain.durable()).unwrap();
    first.kill();
    drop((covered, plain));

    for start in 0..3 {
        let next = house(&folder);
        assert_eq!(next.ledger.figures().recovered, if start == 0 { 2 } else { 0 });
        assert_eq!(next.today(&payer).tokens, 200 + 40, "what is covered at least doubles");
        let entries = next.all();
        assert_eq!(entries.len(), 2);
        for entry in &entries {
            assert_eq!((&*entry.outcome, entry.usage_source), ("recovered", UsageSource::Reserved));
            assert_eq!(entry.route.as_deref(), Some("fast"));
        }
        next.check();
        next.kill();
    }
}

#[test]
fn numbers_go_on_above_all_that_are_on_disk() {
    let folder = TempDir::new().unwrap();
    let mut last = 0;
    for start in 0..4 {
        let next = house(&folder);
        let payer = payer(1);
        let mut open = next.ledger.reserve(demand(&payer, "open", 1), SystemTime::now()).unwrap();
        block_on(open.durable()).unwrap();
        next.ledger.note(entry("noted", Usage::default()));
        next.ledger.flush().unwrap();
        let newest = next.all().first().unwrap().id;
        assert!(newest > last, "start {start}");
        last = newest;
        next.kill();
    }
}

#[test]
fn what_is_dropped_unsettled_leaves_no_trace() {
    within_a_day(drop_unsettled);
}

fn drop_unsettled() {
    let folder = TempDir::new().unwrap();
    let house = house(&folder);
    let payer = limited(1, 100);
    for _ in 0..3 {
        let mut reservation = house.ledger.reserve(demand(&payer, "req", 100), SystemTime::now()).unwrap();
        assert!(matches!(
            house.ledger.reserve(demand(&payer, "req", 100), SystemTime::now()),
            Err(Refusal::Limit(Hit { room: Room { name: LimitName::DailyTokens, .. }, .. }))
        ));
        block_on(reservation.durable()).unwrap();
    }
    house.ledger.flush().unwrap();
    assert_eq!(house.all(), []);
    assert_eq!(house.check(), CheckReport::default());
    assert_eq!(house.ledger.figures().places_taken, 0);
}

#[test]
fn a_note_is_an_entry_that_nobody_is_charged_for() {
    let folder = TempDir::new().unwrap();
    let house = house(&folder);
    house.ledger.note(Entry {
        outcome: "quota".into(),
        key_id: key(1).as_str().into(),
        ..entry("req", Usage::default())
    });
    let sums = house.usage();
    assert_eq!((sums.requests, sums.errors, sums.charged_tokens), (1, 1, 0));
    assert_eq!(house.today(&payer(1)), Amount::default());
    assert_eq!(house.check().counters, 0);
}

#[test]
fn a_flood_of_refusals_leaves_some_entries_and_all_sums() {
    let folder = TempDir::new().unwrap();
    let house = house(&folder);
    let at = now_ms();
    for number in 0..300 {
        let key_id = key(number % 2).as_str().into();
        let refused =
            Entry { outcome: "quota".into(), started_at_ms: at, key_id, ..entry("refused", Usage::default()) };
        house.ledger.note(refused);
    }
    assert_eq!((house.usage().requests, house.usage().errors), (300, 300));
    assert_eq!(house.check().entries, 2 * u64::from(journal::REFUSALS_A_MINUTE));
    assert_eq!(house.ledger.figures().lost, 0, "it is meant so");
}

#[test]
fn relaxed_reservations_are_not_waited_for_and_reach_the_disk_all_the_same() {
    within_a_day(reserve_relaxed);
}

fn reserve_relaxed() {
    let folder = TempDir::new().unwrap();
    let store = Arc::new(Store::open(folder.path()).unwrap());
    let relaxed = LedgerSettings { durability: Durability::Relaxed, ..LedgerSettings::default() };
    let ledger = Ledger::open(Arc::clone(&store), relaxed).unwrap();
    let payer = payer(1);
    let mut reservation = ledger.reserve(demand(&payer, "req", 100), SystemTime::now()).unwrap();
    block_on(reservation.durable()).unwrap();
    assert!(!reservation.cover(spent(300, 0)));
    // They are in one commit or in two: no count of commits tells when the second is there.
    ledger.flush().unwrap();
    House { store, ledger }.kill();
    assert_eq!(house(&folder).today(&payer).tokens, 300);
}

#[test]
fn after_the_shutdown_nothing_is_let_in_and_nothing_panics() {
    let folder = TempDir::new().unwrap();
    let house = house(&folder);
    let payer = payer(1);
    let open = house.ledger.reserve(demand(&payer, "req", 100), SystemTime::now()).unwrap();
    house.ledger.shutdown().unwrap();
    house.ledger.shutdown().unwrap();
    assert!(matches!(house.ledger.reserve(demand(&payer, "req", 1), SystemTime::now()), Err(Refusal::Storage(_))));
    assert!(house.ledger.flush().is_err());
    open.settle(spent(1, 1), Entry::default());
    house.ledger.note(Entry::default());
    assert_eq!(house.ledger.figures().lost, 2);
}
