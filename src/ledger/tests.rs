//! Tests of the ledger: limits, whose they are, restarts, and disks that are gone.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::config::{Allowance, Cap};
use crate::keys::{KeySettings, Keys, Label, NewKey};

use super::*;

struct House {
    store: Arc<Store>,
    keys: Keys,
    ledger: Ledger,
}

fn house(folder: &TempDir) -> House {
    let store = Arc::new(Store::open(folder.path()).unwrap());
    let keys = Keys::open(Arc::clone(&store)).unwrap();
    let ledger = Ledger::open(Arc::clone(&store)).unwrap();
    House { store, keys, ledger }
}

impl House {
    fn key(&self, daily_tokens: Option<u64>) -> Arc<Key> {
        let limits = Allowance { daily_tokens: daily_tokens.map(Cap::At), ..Allowance::default() };
        let settings = KeySettings { limits, ..KeySettings::default() };
        let new = NewKey { label: Label::parse("test").unwrap(), settings };
        futures::executor::block_on(self.keys.mint(new)).unwrap().record
    }
}

fn each(daily_tokens: u64) -> Quota {
    Quota {
        limits: Allowance { daily_tokens: Some(Cap::At(daily_tokens)), ..Allowance::default() },
        ..Quota::default()
    }
}

fn all(daily_tokens: u64) -> Quota {
    Quota { per_user: false, ..each(daily_tokens) }
}

fn noon() -> SystemTime {
    Day(20_779).start() + Duration::from_secs(43_200)
}

#[test]
fn a_key_is_refused_once_its_limit_is_reached_and_admitted_after_midnight() {
    let folder = TempDir::new().unwrap();
    let house = house(&folder);
    let key = house.key(None);
    let quota = each(100);
    house.ledger.admit(&key, &quota, noon()).unwrap().charge(99, noon());
    house.ledger.admit(&key, &quota, noon()).unwrap().charge(40, noon());
    let spent = house.ledger.admit(&key, &quota, noon()).unwrap_err();
    assert_eq!((spent.scope, spent.limit, spent.used), (Scope::Key, 100, 139));
    assert_eq!(spent.retry_after, 43_200);
    house.ledger.admit(&key, &quota, noon() + Duration::from_secs(43_199)).unwrap_err();
    house.ledger.admit(&key, &quota, noon() + Duration::from_secs(43_200)).unwrap();
}

#[test]
fn a_keys_own_limit_comes_before_the_configured_one() {
    let folder = TempDir::new().unwrap();
    let house = house(&folder);
    let (generous, tight) = (house.key(Some(1_000)), house.key(Some(10)));
    for key in [&generous, &tight] {
        house.ledger.admit(key, &each(100), noon()).unwrap().charge(500, noon());
    }
    house.ledger.admit(&generous, &each(100), noon()).unwrap();
    assert_eq!(house.ledger.admit(&tight, &each(100), noon()).unwrap_err().limit, 10);
}

#[test]
fn with_per_user_one_key_does_not_spend_for_another() {
    let folder = TempDir::new().unwrap();
    let house = house(&folder);
    let (one, other) = (house.key(None), house.key(None));
    house.ledger.admit(&one, &each(100), noon()).unwrap().charge(500, noon());
    house.ledger.admit(&one, &each(100), noon()).unwrap_err();
    house.ledger.admit(&other, &each(100), noon()).unwrap();
}

#[test]
fn without_per_user_all_keys_share_the_configured_limit() {
    let folder = TempDir::new().unwrap();
    let house = house(&folder);
    let (one, other, limited) = (house.key(None), house.key(Some(1_000)), house.key(Some(30)));
    house.ledger.admit(&limited, &all(100), noon()).unwrap().charge(40, noon());
    assert_eq!(house.ledger.admit(&limited, &all(100), noon()).unwrap_err().scope, Scope::Key);
    house.ledger.admit(&one, &all(100), noon()).unwrap().charge(30, noon());
    house.ledger.admit(&other, &all(100), noon()).unwrap().charge(30, noon());
    for key in [&one, &other] {
        let spent = house.ledger.admit(key, &all(100), noon()).unwrap_err();
        assert_eq!((spent.scope, spent.limit, spent.used), (Scope::Gateway, 100, 100));
    }
    assert_eq!(house.ledger.spent_by_all(noon()), 100);
}

#[test]
fn without_any_limit_everything_is_admitted_and_counted() {
    let folder = TempDir::new().unwrap();
    let house = house(&folder);
    let key = house.key(None);
    for _ in 0..3 {
        house.ledger.admit(&key, &Quota::default(), noon()).unwrap().charge(1_000_000, noon());
    }
    assert_eq!(house.ledger.spent(&key.id, noon()), 3_000_000);
}

#[test]
fn counters_survive_a_restart() {
    let folder = TempDir::new().unwrap();
    let first = house(&folder);
    let (one, other) = (first.key(None), first.key(None));
    let tab = first.ledger.admit(&one, &each(100), noon()).unwrap();
    tab.charge(70, noon());
    first.ledger.flush().unwrap();
    tab.charge(30, noon());
    first.ledger.admit(&other, &each(100), noon()).unwrap().charge(5, noon());
    first.ledger.shutdown().unwrap();
    first.store.shutdown().unwrap();
    drop(first);

    let second = house(&folder);
    assert_eq!(second.ledger.spent(&one.id, noon()), 100);
    assert_eq!(second.ledger.spent(&other.id, noon()), 5);
    assert_eq!(second.ledger.spent_by_all(noon()), 105);
    assert_eq!(second.ledger.admit(&one, &each(100), noon()).unwrap_err().used, 100);
}

#[test]
fn a_dropped_ledger_has_written_its_counters() {
    let folder = TempDir::new().unwrap();
    let first = house(&folder);
    let key = first.key(None);
    first.ledger.admit(&key, &each(100), noon()).unwrap().charge(7, noon());
    drop(first);
    assert_eq!(house(&folder).ledger.spent(&key.id, noon()), 7);
}

#[test]
fn the_thread_writes_by_itself() {
    let folder = TempDir::new().unwrap();
    let house = house(&folder);
    let key = house.key(None);
    house.ledger.admit(&key, &each(100), noon()).unwrap().charge(7, noon());
    // Its interval is a second; without it this loop would not end.
    let deadline = Instant::now() + Duration::from_secs(60);
    while house.store.read(disk::load).unwrap().iter().map(|account| account.spent(Day(20_779))).sum::<u64>() < 14 {
        assert!(Instant::now() < deadline, "nothing was written in a minute");
        thread::yield_now();
    }
}

#[test]
fn without_storage_quotas_still_hold() {
    let folder = TempDir::new().unwrap();
    let house = house(&folder);
    let key = house.key(None);
    house.store.shutdown().unwrap();
    house.ledger.admit(&key, &each(100), noon()).unwrap().charge(100, noon());
    house.ledger.admit(&key, &each(100), noon()).unwrap_err();
    assert!(matches!(house.ledger.flush().unwrap_err(), StoreError::Closed));
    assert!(house.ledger.shutdown().is_err());
}

#[test]
fn many_threads_charge_many_keys_exactly() {
    let folder = TempDir::new().unwrap();
    let first = house(&folder);
    let keys: Vec<_> = (0..10).map(|_| first.key(None)).collect();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for count in 0..1_000 {
                    let key = keys.get(count % keys.len()).unwrap();
                    first.ledger.admit(key, &each(u64::MAX), noon()).unwrap().charge(3, noon());
                }
            });
        }
        // Written in the midst of it, as the thread does.
        for _ in 0..5 {
            first.ledger.flush().unwrap();
        }
    });
    drop(first);
    let second = house(&folder);
    for key in &keys {
        assert_eq!(second.ledger.spent(&key.id, noon()), 8 * 100 * 3);
    }
    assert_eq!(second.ledger.spent_by_all(noon()), 8 * 1_000 * 3);
}
