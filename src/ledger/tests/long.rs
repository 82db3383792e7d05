//! A ledger with a million entries: how long it takes to open, to sum up, and how much memory that costs. Figures are printed.
#![expect(clippy::print_stdout, reason = "figures")]

use std::time::Instant;

use crate::ledger::journal::Done;
use crate::store::faulty::Random;

use super::filled::{exchange, write};
use super::*;

/// Days are those before today: a running ledger deletes what is too old.
fn first_day(days: u32) -> u32 {
    window::Day::of(SystemTime::now()).0 + 1 - days
}

/// Resident memory of this process, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// An exchange of one of 20 keys and 8 models.
fn of_twenty_keys(random: &mut Random, id: u64, day: u32) -> Done {
    let mut done = exchange(random, id, day);
    done.entry.key_id = key(id % 20).as_str().into();
    done.entry.model = Some(format!("model-{}", random.below(8)).into());
    done.entry.provider = Some("openai".into());
    done
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let outcome = work();
    let took = began.elapsed();
    println!("{what}: {took:?}");
    (outcome, took)
}

fn grow(entries: u64, days: u32) {
    let (folder, killed) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = Store::open(folder.path()).unwrap();
    let mut random = Random(3);
    timed(&format!("write {entries} entries"), || {
        for first in (0..entries).step_by(5_000) {
            let last = entries.min(first + 5_000);
            let day = first_day(days) + (u64::from(days) * first / entries) as u32;
            write(&store, (first + 1..=last).map(|id| of_twenty_keys(&mut random, id, day)).collect());
        }
    });
    println!("file: {} MB", store.path().metadata().unwrap().len() >> 20);
    std::fs::copy(store.path(), killed.path().join("ovth.redb")).unwrap();
    store.shutdown().unwrap();

    let mut slowest = Duration::ZERO;
    for (how, folder) in [("clean", &folder), ("after kill -9", &killed)] {
        let before = resident();
        let (house, took) = timed(&format!("open {how}"), || house(folder));
        slowest = slowest.max(took);
        let by_day_and_model = UsageQuery { group_by: vec![GroupBy::Day, GroupBy::Model], ..UsageQuery::default() };
        let (report, took) = timed("usage by day and model", || house.ledger.usage(&by_day_and_model).unwrap());
        assert_eq!(report.total.requests, entries);
        println!("  {} groups in {took:?}", report.rows.len());
        let by_user = UsageQuery { group_by: vec![GroupBy::EndUser], ..UsageQuery::default() };
        timed("usage by end user", || house.ledger.usage(&by_user).unwrap());
        let rare = EntryFilter { limit: 100, outcome: Some("none such".into()), ..EntryFilter::default() };
        timed("a page that nothing fits", || house.ledger.entries(&rare).unwrap());
        timed("a page", || house.all());
        println!("memory: {} MB more", resident().saturating_sub(before) >> 10);
        if how == "clean" {
            let (report, _) = timed("check", || house.ledger.check().unwrap());
            assert_eq!((report.entries, report.problems), (entries, vec![]));
            let copy = folder.path().join("copy");
            timed("backup", || house.ledger.backup(&copy).unwrap());
            println!("memory: {} MB more", resident().saturating_sub(before) >> 10);
            timed("compact", || house.ledger.compact().unwrap());
        }
    }
    assert!(slowest < Duration::from_secs(2) || cfg!(debug_assertions), "opening took {slowest:?}");
}

#[test]
fn twenty_thousand_entries() {
    grow(20_000, 80);
}

#[test]
#[ignore = "takes minutes; run by make test-long"]
fn a_million_entries() {
    grow(1_000_000, 80);
}

#[test]
fn reserving_and_settling_takes_little_of_the_requests_own_time() {
    const REQUESTS: u32 = 5_000;
    let folder = TempDir::new().unwrap();
    let house = house(&folder);
    let payer = limited(1, u64::MAX);
    let began = Instant::now();
    for number in 0..REQUESTS {
        let reservation = house.ledger.reserve(demand(&payer, "req", 10), SystemTime::now()).unwrap();
        reservation.settle(spent(10, 0), entry(&number.to_string(), Usage::default()));
    }
    println!("reserve and settle: {:?} a request", began.elapsed() / REQUESTS);
    assert_eq!(house.usage().requests, u64::from(REQUESTS));
}

/// Strict reservations of many requests at once, each as soon as the one before is durable.
#[test]
fn strict_reservations_share_commits() {
    const REQUESTS: usize = 2_000;
    let folder = TempDir::new().unwrap();
    let house = house(&folder);
    let payer = payer(1);
    let began = Instant::now();
    let one = |number: usize| {
        let (ledger, payer) = (&house.ledger, &payer);
        async move {
            let mut reservation = ledger.reserve(demand(payer, "req", 10), SystemTime::now()).unwrap();
            let began = Instant::now();
            reservation.durable().await.unwrap();
            let waited = began.elapsed();
            reservation.settle(spent(10, 0), entry(&number.to_string(), Usage::default()));
            waited
        }
    };
    for together in [1, 10, 100, 1_000] {
        let requests = (REQUESTS * together / (together + 100)).max(20);
        let (began, commits) = (Instant::now(), house.ledger.figures().commits);
        let mut waits: Vec<Duration> = block_on(async {
            use futures::StreamExt;
            futures::stream::iter((0..requests).map(one)).buffer_unordered(together).collect().await
        });
        waits.sort();
        let took = began.elapsed().as_secs_f64();
        println!(
            "{together} at once: {:.0} a second, {} commits for {requests}, durable after {:?} (median) and {:?} (p99)",
            requests as f64 / took,
            house.ledger.figures().commits - commits,
            waits[waits.len() / 2],
            waits[waits.len() * 99 / 100],
        );
        assert!(together < 100 || house.ledger.figures().commits - commits < requests as u64);
    }
    println!("all in {:?}", began.elapsed());
    house.check();
}
