//! What happens to requests while the disk does not work, and when it works again; and how much is kept until then.

use futures::FutureExt;

use crate::config::OnLedgerError;
use crate::ledger::journal::{NOTES, PLACES};
use crate::store::faulty::{Fault, FaultyDisk, Plan};

use super::*;

fn house_on(disk: &FaultyDisk, on_error: OnLedgerError) -> House {
    let store = Arc::new(disk.store(false).unwrap());
    let settings = LedgerSettings { on_error, ..LedgerSettings::default() };
    let ledger = Ledger::open(Arc::clone(&store), settings).unwrap();
    House { store, ledger }
}

fn fill(disk: &FaultyDisk) {
    disk.plan(Plan { faults: vec![(0, u64::MAX, Fault::Full)], seed: 0 });
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(std::time::Instant::now() < deadline, "not in a minute: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn on_a_full_disk_nobody_is_let_in_and_what_runs_is_kept_until_there_is_room() {
    within_a_day(fill_the_disk);
}

fn fill_the_disk() {
    let disk = FaultyDisk::new(Vec::new());
    let house = house_on(&disk, OnLedgerError::Refuse);
    let payer = payer(1);
    let mut before = house.ledger.reserve(demand(&payer, "before", 100), SystemTime::now()).unwrap();
    let mut during = house.ledger.reserve(demand(&payer, "during", 5), SystemTime::now()).unwrap();
    block_on(before.durable()).unwrap();
    block_on(during.durable()).unwrap();
    fill(&disk);
    assert!(during.cover(spent(6, 0)));
    assert!(matches!(block_on(during.durable()), Err(StoreError::Full { .. })));
    assert!(before.cover(spent(150, 0)));
    assert!(matches!(block_on(before.durable()), Err(StoreError::Full { .. })), "told at once");
    let refused = house.ledger.reserve(demand(&payer, "refused", 1), SystemTime::now());
    assert!(matches!(refused, Err(Refusal::Storage(StoreError::Full { .. }))));
    assert!(matches!(house.ledger.precheck(&payer, SystemTime::now()), Err(Refusal::Storage(_))));
    before.settle(spent(120, 0), entry("before", Usage::default()));
    during.settle(spent(7, 0), entry("during", Usage::default()));
    house.ledger.flush().unwrap_err();
    assert_eq!(house.today(&payer).tokens, 127);

    disk.plan(Plan::default());
    wait_until("it works again without anybody's doing", || house.ledger.health().is_ok());
    drop(house.ledger.reserve(demand(&payer, "after", 1), SystemTime::now()).unwrap());
    wait_until("all is written", || house.ledger.figures().places_taken == 0);
    assert_eq!(house.usage().charged_tokens, 127);
    assert_eq!(house.all().len(), 2);
    assert_eq!(house.ledger.figures().lost, 0);
    house.check();
}

#[test]
fn with_serve_requests_are_let_in_and_written_later() {
    within_a_day(serve_on_a_full_disk);
}

fn serve_on_a_full_disk() {
    let disk = FaultyDisk::new(Vec::new());
    let house = house_on(&disk, OnLedgerError::Serve);
    let payer = limited(1, 100);
    fill(&disk);
    for number in 0..10 {
        let request = format!("req_{number}");
        let mut reservation = house.ledger.reserve(demand(&payer, &request, 10), SystemTime::now()).unwrap();
        block_on(reservation.durable()).unwrap();
        reservation.settle(spent(10, 0), entry(&request, Usage::default()));
    }
    let spent = house.ledger.reserve(demand(&payer, "too much", 10), SystemTime::now());
    assert!(matches!(spent, Err(Refusal::Limit(_))), "limits hold all the same");
    disk.plan(Plan::default());
    wait_until("all is written", || house.ledger.figures().places_taken == 0);
    assert_eq!(house.check().entries, 10);
}

#[test]
fn refused_requests_take_a_quarter_of_the_places_and_are_counted_all_the_same() {
    let disk = FaultyDisk::new(Vec::new());
    let house = house_on(&disk, OnLedgerError::Serve);
    fill(&disk);
    let (kept, all) = (NOTES as u64, PLACES as u64);
    for number in 0..all {
        // Of many keys: one alone has not so many entries in a minute.
        let key_id = key(number / 50).as_str().into();
        house.ledger.note(Entry { key_id, ..entry("refused", Usage::default()) });
    }
    assert_eq!((house.ledger.figures().lost, house.ledger.figures().places_taken), (all - kept, NOTES));
    disk.plan(Plan::default());
    house.ledger.flush().unwrap();
    assert_eq!(house.ledger.figures().places_taken, 0);
    assert_eq!((house.usage().requests, house.check().entries), (all, kept));
}

#[test]
fn with_serve_the_oldest_entries_are_given_up_and_nobody_is_refused() {
    let disk = FaultyDisk::new(Vec::new());
    let house = house_on(&disk, OnLedgerError::Serve);
    let payer = payer(1);
    let mut early = house.ledger.reserve(demand(&payer, "early", 9), SystemTime::now()).unwrap();
    block_on(early.durable()).unwrap();
    fill(&disk);
    early.settle(spent(1, 2), entry("early", Usage::default()));
    let all = 3 * PLACES as u64;
    for number in 1..all {
        let request = format!("req_{number}");
        let reservation = house.ledger.reserve(demand(&payer, &request, 10), SystemTime::now()).unwrap();
        reservation.settle(spent(1, 2), entry(&request, Usage { output: 1, ..Usage::default() }));
    }
    assert!(house.ledger.figures().places_taken <= 2 * PLACES);
    disk.plan(Plan::default());
    house.ledger.flush().unwrap();
    let sums = house.usage();
    assert_eq!((sums.requests, sums.charged_tokens, sums.usage.output), (all, all, all - 1));
    let report = house.check();
    assert_eq!((report.reservations, report.entries), (0, all - house.ledger.figures().lost));
    assert!(house.ledger.entry(&format!("req_{}", all - 1)).unwrap().is_some(), "the newest are kept");
    assert_eq!(house.ledger.figures().places_taken, 0);
    drop(house.ledger);
    let ledger = Ledger::open(Arc::clone(&house.store), LedgerSettings::default()).unwrap();
    let rows = ledger.quotas(&|_| None, SystemTime::now());
    assert!(rows.iter().all(|row| row.this_month.tokens == all), "counters, too: {rows:?}");
}

#[test]
fn requests_under_way_are_bounded_whatever_happens() {
    let disk = FaultyDisk::new(Vec::new());
    let house = house_on(&disk, OnLedgerError::Serve);
    let payer = payer(1);
    let reserve = || house.ledger.reserve(demand(&payer, "open", 1), SystemTime::now());
    let mut open: Vec<_> = (0..PLACES).map(|_| reserve().unwrap()).collect();
    assert!(matches!(reserve(), Err(Refusal::Full)));
    open.pop();
    wait_until("a place is free", || house.ledger.figures().places_taken < PLACES);
    drop(reserve().unwrap());
}

#[test]
fn a_wait_that_was_given_up_can_be_taken_up_again() {
    let folder = TempDir::new().unwrap();
    let house = house(&folder);
    let payer = payer(1);
    let mut reservation = house.ledger.reserve(demand(&payer, "req", 1), SystemTime::now()).unwrap();
    for _ in 0..3 {
        // Polled once and dropped, whether it was ready or not.
        let _ = reservation.durable().now_or_never();
    }
    block_on(reservation.durable()).unwrap();
}

#[test]
fn a_damaged_page_is_a_fault_of_the_storage_and_nothing_that_was_settled_is_given_up() {
    let disk = FaultyDisk::new(Vec::new());
    let house = house_on(&disk, OnLedgerError::Refuse);
    let payer = payer(1);
    let mut reservation = house.ledger.reserve(demand(&payer, "req", 100), SystemTime::now()).unwrap();
    block_on(reservation.durable()).unwrap();
    disk.plan(Plan { faults: vec![(0, u64::MAX, Fault::Panic)], seed: 0 });
    reservation.settle(spent(42, 0), entry("req", Usage::default()));
    house.ledger.flush().unwrap_err();
    assert!(house.ledger.health().is_err(), "readyz is red");
    let refused = house.ledger.reserve(demand(&payer, "refused", 1), SystemTime::now());
    assert!(matches!(refused, Err(Refusal::Storage(_))), "nothing is served unmetered");
    disk.plan(Plan::default());
    wait_until("it works again", || house.ledger.health().is_ok());
    assert_eq!((house.usage().charged_tokens, house.ledger.figures().lost), (42, 0));
    house.check();
}

#[test]
fn readers_do_not_try_a_failing_disk_more_often_than_the_journal_does() {
    let disk = FaultyDisk::new(Vec::new());
    let house = house_on(&disk, OnLedgerError::Serve);
    fill(&disk);
    house.ledger.note(entry("kept", Usage::default()));
    house.ledger.flush().unwrap_err();
    let before = house.ledger.figures().failures;
    let begun = std::time::Instant::now();
    for _ in 0..200 {
        let _ = house.ledger.usage(&UsageQuery::default());
    }
    // It is tried again after 250 ms, 500 ms, and so on.
    let due = begun.elapsed().as_millis() as u64 / 250 + 1;
    let tried = house.ledger.figures().failures - before;
    assert!(tried <= due, "{tried} times, and {due} were due");
}
