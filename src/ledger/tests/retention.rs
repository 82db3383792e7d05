//! What is too old or too much goes, and nothing else.

use crate::config::Retention;
use crate::ledger::calendar::Sight;
use crate::ledger::reading;
use crate::ledger::retention::{Pruned, prune, prune_by_clock};

use super::filled::{checked, filled, noon};
use super::*;

const FIRST: u32 = 20_700;

/// Prunes until nothing is left to do, and counts the entries that went and the commits that it took.
fn prune_all(store: &Store, retention: Retention, now: SystemTime) -> (u64, u32) {
    let now = window::Day::of(now);
    let (mut entries, mut commits) = (0, 0);
    loop {
        let pruned: Pruned = store.write_blocking(move |transaction| prune(transaction, &retention, now)).unwrap();
        entries += pruned.entries;
        commits += 1;
        assert!(pruned.entries <= 2_000, "a commit is not a piece");
        if !pruned.more {
            return (entries, commits);
        }
    }
}

fn listed(store: &Store) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut filter = EntryFilter { limit: 1_000, after: Some(0), ..EntryFilter::default() };
    loop {
        let page = store.read(|transaction| reading::entries(transaction, &filter)).unwrap();
        found.extend(page.entries);
        match page.next {
            Some(next) => filter.after = Some(next),
            None => return found,
        }
    }
}

fn total(store: &Store) -> Sums {
    store.read(|transaction| reading::usage(transaction, &UsageQuery::default())).unwrap().total
}

#[test]
fn old_entries_go_and_their_sums_stay() {
    let folder = TempDir::new().unwrap();
    let (store, entries) = filled(&folder, FIRST..FIRST + 10, 400);
    let sums = total(&store);
    let retention = Retention { entry_days: 3, ..Retention::default() };
    let (gone, commits) = prune_all(&store, retention, noon(FIRST + 9));
    assert_eq!(gone, 6 * 400);
    assert!(commits >= 3, "not all at once: {commits}");
    assert_eq!(listed(&store), entries[6 * 400..]);
    assert_eq!(total(&store), sums);
    assert_eq!(checked(&store, noon(FIRST + 9)).entries, 4 * 400);
    assert_eq!(prune_all(&store, retention, noon(FIRST + 9)), (0, 1));
    for (entry, there) in [(&entries[6 * 400 - 1], false), (&entries[6 * 400], true)] {
        let found = store.read(|transaction| reading::entry(transaction, &entry.request_id)).unwrap();
        assert_eq!(found.is_some(), there);
    }
}

#[test]
fn the_oldest_entries_go_until_the_rest_fits() {
    let folder = TempDir::new().unwrap();
    let (store, entries) = filled(&folder, FIRST..FIRST + 4, 1_000);
    let retention = Retention { entry_bytes: 100_000, ..Retention::default() };
    let (gone, _) = prune_all(&store, retention, noon(FIRST + 4));
    let left = listed(&store);
    assert_eq!(left, entries[gone as usize..]);
    assert!((300..800).contains(&left.len()), "{} entries in 100 kB", left.len());
    checked(&store, noon(FIRST + 4));
    prune_all(&store, Retention { entry_bytes: 0, ..retention }, noon(FIRST + 4));
    assert_eq!(listed(&store), []);
    checked(&store, noon(FIRST + 4));
}

#[test]
fn old_sums_and_counters_go() {
    let folder = TempDir::new().unwrap();
    let (store, entries) = filled(&folder, FIRST..FIRST + 120, 20);
    let counters = checked(&store, noon(FIRST)).counters;
    let retention = Retention { usage_days: 10, ..Retention::default() };
    let now = noon(FIRST + 119);
    prune_all(&store, retention, now);
    let left = checked(&store, now);
    let recent = |entry: &&Entry| entry.started_at_ms / 86_400_000 >= u64::from(FIRST) + 109;
    assert_eq!(total(&store).requests, entries.iter().filter(recent).count() as u64);
    assert!(left.counters < counters && left.counters > 0);
    // This month and the two before.
    let kept = store.read(|transaction| {
        let mut days = std::collections::BTreeSet::new();
        for day in FIRST..FIRST + 120 {
            let period = window::Period::Day(window::Day(day));
            tables::read_counters(transaction, period, |_| {
                days.insert(day);
            })?;
        }
        Ok(days)
    });
    let kept = kept.unwrap();
    let month = window::Day(FIRST + 119).month();
    assert_eq!(kept.first().map(|day| window::Day(*day).month()), Some(window::Month(month.0 - 2)));
    assert!(kept.contains(&(FIRST + 119)));
}

#[test]
fn numbers_are_not_given_again_when_all_entries_are_gone() {
    let folder = TempDir::new().unwrap();
    let (store, entries) = filled(&folder, FIRST..FIRST + 1, 50);
    prune_all(&store, Retention { entry_bytes: 0, ..Retention::default() }, noon(FIRST));
    let ledger = Ledger::open(Arc::clone(&store), LedgerSettings::default()).unwrap();
    ledger.note(entry("new", Usage::default()));
    assert_eq!(ledger.entry("new").unwrap().unwrap().id, entries.last().unwrap().id + 1);
}

#[test]
fn a_running_ledger_deletes_by_itself_and_at_once_when_settings_change() {
    let folder = TempDir::new().unwrap();
    let house = house(&folder);
    for number in 0..50 {
        house.ledger.note(entry(&format!("req_{number}"), Usage::default()));
    }
    house.ledger.flush().unwrap();
    let retention = Retention { entry_bytes: 0, ..Retention::default() };
    house.ledger.set_settings(LedgerSettings { retention, ..LedgerSettings::default() });
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while house.ledger.figures().pruned < 50 {
        assert!(std::time::Instant::now() < deadline, "nothing was deleted in a minute");
        std::thread::yield_now();
    }
    assert_eq!(house.all(), []);
    assert_eq!(house.usage().requests, 50);
}

/// Prunes by a clock until nothing is left to do; entries that went, and whether the clock is doubted.
fn prune_by(store: &Store, day: u32, ahead: Option<u32>) -> (u64, bool) {
    let retention = Retention { entry_days: 3, ..Retention::default() };
    let sight = Sight { day: window::Day(day), ahead };
    let mut entries = 0;
    loop {
        let work = move |transaction: &_| prune_by_clock(transaction, &retention, sight);
        let (pruned, believed) = store.write_blocking(work).unwrap();
        entries += pruned.entries;
        if !pruned.more {
            return (entries, believed.doubted);
        }
    }
}

#[test]
fn a_clock_that_is_years_ahead_deletes_nothing_until_it_is_proven() {
    let folder = TempDir::new().unwrap();
    let (store, _) = filled(&folder, FIRST..FIRST + 10, 20);
    let last = FIRST + 9;
    assert_eq!(prune_by(&store, last, Some(7)), (6 * 20, false), "what is old by the last day of the file goes");
    let sums = total(&store);
    assert_eq!(prune_by(&store, last + 4_000, Some(7)), (0, true));
    // Entries that are written meanwhile prove nothing.
    let future = vec![filled::exchange(&mut crate::store::faulty::Random(1), 10_000, last + 4_000)];
    filled::write(&store, future);
    assert_eq!(prune_by(&store, last + 4_000, Some(7)), (0, true), "and after a restart");
    assert_eq!(total(&store).requests, sums.requests + 1, "sums are there, too");
    assert_eq!(prune_by(&store, last, Some(1)), (0, false), "it was set right");
    // A gateway that stood still for years deletes again when the clock is proven.
    assert_eq!(prune_by(&store, last + 4_000, None), (4 * 20, false));
    checked(&store, noon(last + 4_000));
}

#[test]
fn a_gateway_that_stood_still_for_some_days_deletes_at_once_and_a_jump_does_not() {
    let folder = TempDir::new().unwrap();
    let (store, _) = filled(&folder, FIRST..FIRST + 4, 20);
    assert_eq!(prune_by(&store, FIRST + 3, Some(7)), (0, false));
    assert_eq!(prune_by(&store, FIRST + 5, Some(1)), (0, true));
    assert_eq!(prune_by(&store, FIRST + 5, Some(7)), (2 * 20, false));
    assert_eq!(prune_by(&store, FIRST + 6, Some(1)), (20, false), "midnight is no jump");
}
