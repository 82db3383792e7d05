//! The check finds what is wrong; compaction and backups leave everything as it was.

use std::os::unix::fs::PermissionsExt;

use redb::ReadableTable;

use crate::ledger::retention::prune;
use crate::ledger::tables::{COUNTERS, ENTRIES, REQUESTS, SUMS};

use super::filled::{filled, noon};
use super::*;

const FIRST: u32 = 20_700;

fn problems(store: &Store) -> Vec<String> {
    store.read(|transaction| crate::ledger::upkeep::check_rows(transaction, noon(FIRST + 1))).unwrap().problems
}

#[test]
fn every_kind_of_damage_to_rows_is_found() {
    type Damage = fn(&redb::WriteTransaction) -> Result<(), redb::Error>;
    let damages: [(&str, Damage); 6] = [
        ("entries", |transaction| {
            transaction.open_table(ENTRIES)?.remove(7)?;
            Ok(())
        }),
        ("cannot be read", |transaction| {
            transaction.open_table(ENTRIES)?.insert(7, &[9_u8, 9, 9][..])?;
            Ok(())
        }),
        ("not found by the id", |transaction| {
            transaction.open_table(REQUESTS)?.pop_first()?;
            Ok(())
        }),
        ("sums of day", |transaction| {
            transaction.open_table(SUMS)?.pop_first()?;
            Ok(())
        }),
        ("there is no counter", |transaction| {
            transaction.open_table(COUNTERS)?.pop_first()?;
            Ok(())
        }),
        ("the counter of", |transaction| {
            let mut table = transaction.open_table(COUNTERS)?;
            let (tokens, cost, requests) = table.get((FIRST, "", ""))?.unwrap().value();
            table.insert((FIRST, "", ""), (tokens - 1, cost, requests))?;
            Ok(())
        }),
    ];
    for (what, damage) in damages {
        let folder = TempDir::new().unwrap();
        let (store, _) = filled(&folder, FIRST..FIRST + 2, 100);
        assert_eq!(problems(&store), Vec::<String>::new());
        store.write_blocking(damage).unwrap();
        let problems = problems(&store);
        assert!(problems.iter().any(|problem| problem.contains(what)), "{what}: {problems:?}");
    }
}

#[test]
fn compaction_makes_the_file_smaller_while_requests_go_on() {
    let folder = TempDir::new().unwrap();
    // Days before today: a running ledger deletes what is too old.
    let today = window::Day::of(SystemTime::now()).0;
    let (store, _) = filled(&folder, today - 9..today + 1, 1_000);
    let retention = crate::config::Retention { entry_bytes: 1_000, ..Default::default() };
    while store.write_blocking(move |transaction| prune(transaction, &retention, window::Day(today))).unwrap().more {}
    let ledger = Ledger::open(Arc::clone(&store), LedgerSettings::default()).unwrap();
    let house = House { store, ledger };
    let before = house.usage();
    let house = &house;
    std::thread::scope(|scope| {
        let traffic = scope.spawn(|| {
            let payer = payer(9);
            for number in 0..100 {
                let request = format!("req_during_{number}");
                let mut reservation = house.ledger.reserve(demand(&payer, &request, 10), SystemTime::now()).unwrap();
                block_on(reservation.durable()).unwrap();
                reservation.settle(spent(10, 0), entry(&request, Usage::default()));
                house.store.health().unwrap();
            }
        });
        let reader = scope.spawn(move || {
            while !traffic.is_finished() {
                house.usage();
            }
        });
        let report = house.ledger.compact().unwrap();
        assert!(report.bytes_after < report.bytes_before / 2, "{report:?}");
        assert_eq!(house.store.path().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        reader.join().unwrap();
    });
    assert_eq!(house.usage().requests, before.requests + 100);
    house.check();
}

#[test]
fn a_backup_is_a_whole_database_of_its_own() {
    within_a_day(back_up);
}

fn back_up() {
    let (folder, copies) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let first = house(&folder);
    let payer = payer(1);
    first
        .ledger
        .reserve(demand(&payer, "req_1", 5), SystemTime::now())
        .unwrap()
        .settle(spent(7, 9), entry("req_1", Usage::default()));
    let mut open = first.ledger.reserve(demand(&payer, "req_2", 50), SystemTime::now()).unwrap();
    block_on(open.durable()).unwrap();
    let to = copies.path().join("ovth.redb");
    let report = first.ledger.backup(&to).unwrap();
    assert_eq!((report.entries, report.bytes), (1, to.metadata().unwrap().len()));
    assert_eq!(to.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(copies.path()).unwrap().count(), 1, "nothing else is left there");

    let copy = house(&copies);
    assert_eq!(copy.all().len(), 2, "what was under way is charged as after a crash");
    assert_eq!(copy.today(&payer).tokens, 57);
    copy.check();
    assert_eq!(first.all().len(), 1);
}

#[test]
fn a_backup_never_takes_the_place_of_a_file() {
    let (folder, copies) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let house = house(&folder);
    let to = copies.path().join("precious");
    std::fs::write(&to, "precious").unwrap();
    house.ledger.backup(&to).unwrap_err();
    house.ledger.backup(folder.path().join("ovth.redb").as_path()).unwrap_err();
    house.ledger.backup(&copies.path().join("no/such/folder")).unwrap_err();
    assert_eq!(std::fs::read(&to).unwrap(), b"precious");
    assert_eq!(std::fs::read_dir(copies.path()).unwrap().count(), 1);
}

#[test]
fn all_tables_can_be_copied() {
    let folder = TempDir::new().unwrap();
    let house = house(&folder);
    let _keys = crate::keys::Keys::open(Arc::clone(&house.store)).unwrap();
    let copies = TempDir::new().unwrap();
    let to = copies.path().join("ovth.redb");
    house.ledger.backup(&to).unwrap();
    let names = |store: &Store| {
        store.read(|transaction| {
            let tables = transaction.list_tables()?;
            Ok(tables
                .map(|table| redb::TableHandle::name(&table).to_owned())
                .collect::<std::collections::BTreeSet<_>>())
        })
    };
    let copy = Store::open(copies.path()).unwrap();
    assert_eq!(names(&house.store).unwrap(), names(&copy).unwrap());
}

#[test]
fn the_check_of_a_damaged_file_names_the_damage_while_the_ledger_is_open() {
    let folder = TempDir::new().unwrap();
    let today = window::Day::of(SystemTime::now()).0;
    let (store, _) = filled(&folder, today..today + 1, 2_000);
    let ledger = Ledger::open(Arc::clone(&store), LedgerSettings::default()).unwrap();
    ledger.flush().unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(store.path()).unwrap();
    let size = file.metadata().unwrap().len();
    // Everything but the head.
    std::os::unix::fs::FileExt::write_all_at(&file, &vec![0xa5; (size - 4_096) as usize], 4_096).unwrap();
    for _ in 0..3 {
        let said = match ledger.check() {
            Ok(report) => report.problems.join("\n"),
            Err(error) => error.to_string(),
        };
        assert!(said.contains("damaged"), "{said}");
        assert!(!said.contains("closed"), "{said}");
        assert!(ledger.health().is_err(), "readyz is red");
    }
}
