//! Tests of the store: files old and new, damaged and shared; group commits; and disks that fail.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use redb::backends::FileBackend;
use redb::{Database, StorageBackend, TableDefinition};
use tempfile::TempDir;

use super::*;

const NOTES: TableDefinition<'static, &'static str, u64> = TableDefinition::new("notes");

fn put(store: &Store, name: &'static str, value: u64) -> Result<(), StoreError> {
    store.write_blocking(move |transaction| {
        transaction.open_table(NOTES)?.insert(name, value)?;
        Ok(())
    })
}

fn note(store: &Store, name: &str) -> Result<Option<u64>, StoreError> {
    store.read(|transaction| Ok(transaction.open_table(NOTES)?.get(name)?.map(|value| value.value())))
}

#[test]
fn what_was_written_is_there_after_the_file_is_opened_again() {
    let folder = TempDir::new().unwrap();
    let data_dir = folder.path().join("deep/data");
    let store = Store::open(&data_dir).unwrap();
    put(&store, "a", 1).unwrap();
    drop(store);
    let store = Store::open(&data_dir).unwrap();
    put(&store, "b", 2).unwrap();
    assert_eq!(note(&store, "a").unwrap(), Some(1));
    assert_eq!(note(&store, "b").unwrap(), Some(2));
}

#[test]
fn only_the_owner_may_read_the_folder_and_the_file() {
    let folder = TempDir::new().unwrap();
    let data_dir = folder.path().join("data");
    let store = Store::open(&data_dir).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data_dir), 0o700);
    assert_eq!(mode(store.path()), 0o600);
}

#[test]
fn a_second_store_on_the_same_folder_is_refused_by_name() {
    let folder = TempDir::new().unwrap();
    let first = Store::open(folder.path()).unwrap();
    let error = Store::open(folder.path()).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("another ovth uses this data folder"), "{error}");
    first.shutdown().unwrap();
    Store::open(folder.path()).unwrap();
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(file::NAME);
    for content in [&b"hello"[..], &[0u8; 8192], &[0xff; 100_000]] {
        fs::write(&path, content).unwrap();
        let error = Store::open(folder.path()).unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
        assert!(error.to_string().contains("ovth.redb"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), content);
    }
}

#[test]
fn a_damaged_page_is_found_at_start() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store
        .write_blocking(|transaction| {
            let mut table = transaction.open_table(TableDefinition::<u64, &[u8]>::new("rows"))?;
            for row in 0..2000 {
                table.insert(row, [row as u8; 200].as_slice())?;
            }
            Ok(())
        })
        .unwrap();
    store.shutdown().unwrap();
    let file = OpenOptions::new().read(true).write(true).open(store.path()).unwrap();
    let size = file.metadata().unwrap().len();
    for offset in (4096..size).step_by(4096) {
        file.write_all_at(&[0xa5; 64], offset + 100).unwrap();
    }
    let error = Store::open(folder.path()).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}

#[test]
fn a_file_cut_short_is_found_at_start() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(folder.path()).unwrap();
    put(&store, "a", 1).unwrap();
    store.shutdown().unwrap();
    OpenOptions::new().write(true).open(store.path()).unwrap().set_len(5000).unwrap();
    let error = Store::open(folder.path()).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}

#[test]
fn a_file_of_a_newer_release_is_refused_with_both_versions() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(file::NAME);
    schema::write(&Database::create(&path).unwrap(), 7).unwrap();
    let error = Store::open(folder.path()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 7, known: SCHEMA_VERSION, .. }), "{error:?}");
}

#[test]
fn a_database_of_another_program_is_refused() {
    let folder = TempDir::new().unwrap();
    let database = Database::create(folder.path().join(file::NAME)).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(NOTES).unwrap().insert("a", 1).unwrap();
    transaction.commit().unwrap();
    drop(database);
    assert!(matches!(Store::open(folder.path()).unwrap_err(), StoreError::Foreign { .. }));
}

#[test]
fn a_data_folder_that_is_a_file_is_named_in_the_error() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data");
    fs::write(&path, "").unwrap();
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
}

#[test]
fn errors_of_the_system_are_told_apart() {
    let class = |kind: io::ErrorKind| {
        StoreError::from_redb(Path::new("/data/ovth.redb"), redb::Error::Io(kind.into())).class().to_string()
    };
    assert_eq!(class(io::ErrorKind::PermissionDenied), "read_only");
    assert_eq!(class(io::ErrorKind::ReadOnlyFilesystem), "read_only");
    assert_eq!(class(io::ErrorKind::StorageFull), "full");
    assert_eq!(class(io::ErrorKind::QuotaExceeded), "full");
    assert_eq!(class(io::ErrorKind::InvalidData), "corrupt");
    assert_eq!(class(io::ErrorKind::UnexpectedEof), "corrupt");
    assert_eq!(class(io::ErrorKind::Other), "io");
}

#[test]
fn writes_that_wait_are_committed_before_shutdown_and_later_ones_are_refused() {
    let folder = TempDir::new().unwrap();
    let store = Arc::new(Store::open(folder.path()).unwrap());
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let store = Arc::clone(&store);
            thread::spawn(move || {
                for count in 1..=20 {
                    let name = ["a", "b", "c", "d", "e", "f", "g", "h"][writer];
                    put(&store, name, count).unwrap();
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    store.shutdown().unwrap();
    store.shutdown().unwrap();
    assert!(matches!(put(&store, "a", 0).unwrap_err(), StoreError::Closed));
    assert!(matches!(note(&store, "a").unwrap_err(), StoreError::Closed));
    let store = Store::open(folder.path()).unwrap();
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        assert_eq!(note(&store, name).unwrap(), Some(20));
    }
}

/// Holds the writer inside a job until the returned sender is used, so that what is queued meanwhile becomes one batch.
fn hold(store: &Arc<Store>) -> (mpsc::Sender<()>, thread::JoinHandle<Result<(), StoreError>>) {
    let (release, released) = mpsc::channel::<()>();
    let (entered, entering) = mpsc::channel::<()>();
    let holder = {
        let store = Arc::clone(store);
        thread::spawn(move || {
            store.write_blocking(move |_| {
                entered.send(()).unwrap();
                released.recv().unwrap();
                Ok(())
            })
        })
    };
    entering.recv().unwrap();
    (release, holder)
}

#[tokio::test]
async fn one_bad_write_of_a_batch_fails_alone() {
    let folder = TempDir::new().unwrap();
    let store = Arc::new(Store::open(folder.path()).unwrap());
    put(&store, "a", 0).unwrap();
    let (release, holder) = hold(&store);

    let good_runs = Arc::new(AtomicUsize::new(0));
    let runs = Arc::clone(&good_runs);
    let good = store.write(move |transaction| {
        runs.fetch_add(1, Ordering::Relaxed);
        transaction.open_table(NOTES)?.insert("a", 1)?;
        Ok("good")
    });
    let wrong_type = store.write(|transaction| {
        transaction.open_table(TableDefinition::<u64, u64>::new("notes"))?;
        Ok(())
    });
    let panics = store.write(|transaction| -> Result<(), redb::Error> {
        transaction.open_table(NOTES)?.insert("a", 666)?;
        panic!("this panic is part of the test");
    });
    let last = store.write(|transaction| {
        transaction.open_table(NOTES)?.insert("b", 2)?;
        Ok(())
    });
    let joined = async { futures::join!(good, wrong_type, panics, last) };
    // The first poll of the join queues all four, and only then is the writer let go.
    let (answers, ()) = futures::join!(joined, async { release.send(()).unwrap() });

    assert_eq!(answers.0.unwrap(), "good");
    assert!(matches!(answers.1.unwrap_err(), StoreError::Database { .. }));
    assert!(matches!(answers.2.unwrap_err(), StoreError::Panicked));
    answers.3.unwrap();
    holder.join().unwrap().unwrap();
    assert_eq!(good_runs.load(Ordering::Relaxed), 2, "once in the batch, once alone");
    assert_eq!(note(&store, "a").unwrap(), Some(1));
    assert_eq!(note(&store, "b").unwrap(), Some(2));
    store.health().unwrap();
}

/// A disk that is full while a flag says so, and counts its syncs.
#[derive(Debug)]
struct Disk {
    file: FileBackend,
    full: Arc<AtomicBool>,
    syncs: Arc<AtomicUsize>,
}

impl Disk {
    fn check(&self) -> io::Result<()> {
        if self.full.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.check()?;
        self.syncs.fetch_add(1, Ordering::SeqCst);
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check()?;
        self.file.write(offset, data)
    }
}

fn store_on_disk(folder: &Path) -> (Store, Arc<AtomicBool>, Arc<AtomicUsize>) {
    let path = folder.join(file::NAME);
    let (full, syncs) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let opener = {
        let (path, full, syncs) = (path.clone(), Arc::clone(&full), Arc::clone(&syncs));
        move || {
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
            let file = file.map_err(|error| StoreError::from_io(&path, error))?;
            let file = FileBackend::new(file).map_err(|error| StoreError::from_redb(&path, error.into()))?;
            let disk = Disk { file, full: Arc::clone(&full), syncs: Arc::clone(&syncs) };
            Database::builder().create_with_backend(disk).map_err(|error| StoreError::from_redb(&path, error.into()))
        }
    };
    let database = opener().unwrap();
    schema::settle(&database, &path).unwrap();
    (Store::start(path, database, Box::new(opener), QuickRepair::WhenLarge).unwrap(), full, syncs)
}

#[test]
fn a_full_disk_fails_the_write_and_heals_without_a_restart() {
    let folder = TempDir::new().unwrap();
    let (store, full, _) = store_on_disk(folder.path());
    put(&store, "a", 1).unwrap();
    full.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        let error = put(&store, "a", 2).unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
        assert!(matches!(store.health().unwrap_err(), StoreError::Full { .. }));
    }
    full.store(false, Ordering::SeqCst);
    put(&store, "b", 3).unwrap();
    store.health().unwrap();
    assert_eq!(note(&store, "b").unwrap(), Some(3));
    assert!(note(&store, "a").unwrap().is_some());
}

#[test]
fn an_empty_write_finds_out_whether_the_disk_works() {
    let folder = TempDir::new().unwrap();
    let (store, full, _) = store_on_disk(folder.path());
    full.store(true, Ordering::SeqCst);
    assert!(matches!(store.write_blocking(|_| Ok(())).unwrap_err(), StoreError::Full { .. }));
    full.store(false, Ordering::SeqCst);
    store.write_blocking(|_| Ok(())).unwrap();
    store.health().unwrap();
}

#[test]
fn a_file_that_vanished_is_not_made_anew_behind_a_running_gateway() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(file::NAME);
    assert!(matches!(file::reopen(&path, &SyncFailed::default()).unwrap_err(), StoreError::Io { .. }));
    assert!(!path.exists());
}

#[test]
fn a_copy_made_after_a_commit_without_closing_has_all_of_it_as_after_a_crash() {
    let (folder, crashed) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = Store::open(folder.path()).unwrap();
    for value in 1..=10 {
        put(&store, "a", value).unwrap();
        fs::copy(store.path(), crashed.path().join(file::NAME)).unwrap();
        let copy = Store::open(crashed.path()).unwrap();
        assert_eq!(note(&copy, "a").unwrap(), Some(value));
    }
}

#[tokio::test]
async fn writes_that_wait_share_one_commit() {
    let folder = TempDir::new().unwrap();
    let (store, _, syncs) = store_on_disk(folder.path());
    let store = Arc::new(store);
    put(&store, "a", 0).unwrap();
    let before = syncs.load(Ordering::SeqCst);
    put(&store, "a", 1).unwrap();
    let per_commit = syncs.load(Ordering::SeqCst) - before;

    let (release, holder) = hold(&store);
    let before = syncs.load(Ordering::SeqCst);
    // Few enough that one poll queues them all: tokio makes a task yield after 128 operations.
    let writes = (0..40).map(|count| {
        store.write(move |transaction| {
            transaction.open_table(NOTES)?.insert("a", count)?;
            Ok(())
        })
    });
    let (answers, ()) = futures::join!(futures::future::join_all(writes), async { release.send(()).unwrap() });
    answers.into_iter().for_each(|answer| answer.unwrap());
    holder.join().unwrap().unwrap();
    assert_eq!(syncs.load(Ordering::SeqCst) - before, 2 * per_commit, "one for the holder, one for the forty");
    assert_eq!(note(&store, "a").unwrap(), Some(39));
}

#[tokio::test]
async fn what_follows_a_write_runs_in_order_and_also_when_nobody_waits_any_more() {
    let folder = TempDir::new().unwrap();
    let (store, fails, _) = store_on_disk(folder.path());
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let follow = |number: u64| {
        let seen = Arc::clone(&seen);
        let write = move |transaction: &WriteTransaction| {
            transaction.open_table(NOTES)?.insert("a", number)?;
            Ok(number)
        };
        store.write_then(write, move |number| seen.lock().unwrap().push(*number))
    };
    // Polled once: it is in the queue.
    assert!(futures::FutureExt::now_or_never(follow(1)).is_none());
    let (two, three) = futures::join!(follow(2), follow(3));
    assert_eq!((two.unwrap(), three.unwrap()), (2, 3));
    assert_eq!(*seen.lock().unwrap(), [1, 2, 3]);
    fails.store(true, Ordering::SeqCst);
    follow(4).await.unwrap_err();
    fails.store(false, Ordering::SeqCst);
    follow(5).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [1, 2, 3, 5]);
}

#[tokio::test]
async fn a_task_that_has_spent_its_budget_may_block_all_the_same() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(folder.path()).unwrap();
    while futures::FutureExt::now_or_never(tokio::task::coop::consume_budget()).is_some() {}
    put(&store, "a", 1).unwrap();
    assert_eq!(note(&store, "a").unwrap(), Some(1));
    store.shutdown().unwrap();
}
