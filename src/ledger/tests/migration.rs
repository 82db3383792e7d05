//! Files of released versions are read, with everything that counts in them.

use std::io::Read;
use std::path::Path;

use crate::keys::Keys;
use crate::ledger::tables::{self, read_counters};
use crate::ledger::window::{Day, Month, Period};

use super::*;

/// The file that a release wrote with that schema version: three keys, two of which spent tokens on 2026-11-22 (day 20,779). Then
/// its clock was set back by 79 days, where the third one spent some and the counter of all keys went along.
fn file_of_version(version: u64, folder: &TempDir) {
    let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/ledger/v{version}.redb.gz"));
    let mut file = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(packed).unwrap()).read_to_end(&mut file).unwrap();
    std::fs::write(folder.path().join("ovth.redb"), file).unwrap();
}

fn counters(store: &Store, period: Period) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    let read = |transaction: &redb::ReadTransaction| {
        read_counters(transaction, period, |(key, end_user, spent, requests)| {
            assert_eq!((end_user, spent.cost, requests), ("", PicoDollars::ZERO, 0));
            found.push((key.to_owned(), spent.tokens));
        })
    };
    store.read(read).unwrap();
    found
}

#[test]
fn keys_and_counters_of_version_1_carry_over() {
    let folder = TempDir::new().unwrap();
    file_of_version(1, &folder);
    for start in 0..2 {
        let store = Arc::new(Store::open(folder.path()).unwrap());
        let keys = Keys::open(Arc::clone(&store)).unwrap();
        assert_eq!(keys.len(), 3, "start {start}");
        let (cursor, notebook, old) = ("key_8d788a12be4ec0ad", "key_aac6206c3f39a02b", "key_febf0af509e74dce");
        let row = |key: &str, tokens: u64| (key.to_owned(), tokens);
        let spent = [row(cursor, 12_345), row(notebook, 678)];
        assert_eq!(counters(&store, Period::Day(Day(20_779))), spent);
        assert_eq!(counters(&store, Period::Month(Month(56 * 12 + 10))), spent);
        assert_eq!(counters(&store, Period::Day(Day(20_700))), [row("", 12_345 + 678 + 9), row(old, 9)]);
        store.write_blocking(tables::create).unwrap();
        filled::checked(&store, filled::noon(20_779));
        store.shutdown().unwrap();
    }
}

#[test]
fn what_was_spent_before_the_migration_counts_towards_limits_after_it() {
    let folder = TempDir::new().unwrap();
    file_of_version(1, &folder);
    let store = Store::open(folder.path()).unwrap();
    let books = Books::new();
    store.write_blocking(tables::create).unwrap();
    let now = filled::noon(20_779);
    store.read(|transaction| recovery::restore(transaction, &books, now)).unwrap();
    let payer = Payer { key: KeyId::parse("key_8d788a12be4ec0ad").unwrap(), ..limited(0, 12_345) };
    books.precheck(&payer, now).unwrap_err();
    books.precheck(&Payer { key_limits: limited(0, 12_346).key_limits, ..payer }, now).unwrap();
}
