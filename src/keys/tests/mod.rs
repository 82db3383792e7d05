//! Tests of the keys: made, found again, refused; and that nothing prints a secret.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod idempotent;
mod lifecycle;
mod model;
mod scale;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use tempfile::TempDir;

use crate::config::{Allowance, Cap};

use super::*;

/// Keys on a disk, and the clock they go by.
struct House {
    folder: TempDir,
    store: Arc<Store>,
    keys: Arc<Keys>,
    seconds: Arc<AtomicU64>,
}

impl House {
    fn new() -> House {
        let folder = TempDir::new().unwrap();
        let (store, keys) = open(&folder);
        let seconds = Arc::new(AtomicU64::new(1_800_000_000));
        House { folder, store, keys: Arc::new(keys), seconds }.restarted()
    }

    /// The same after the process was started anew.
    fn restarted(self) -> House {
        let House { folder, store, keys, seconds } = self;
        store.shutdown().unwrap();
        drop((keys, store));
        let store = Arc::new(Store::open(folder.path()).unwrap());
        let tick = Arc::clone(&seconds);
        let clock = Clock::new(move || at(tick.load(Ordering::Relaxed)));
        let keys = Arc::new(Keys::open_with(Arc::clone(&store), clock).unwrap());
        House { folder, store, keys, seconds }
    }

    fn now(&self) -> u64 {
        self.seconds.load(Ordering::Relaxed)
    }

    fn wait(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
    }

    fn present(&self, secret: &Secret) -> Result<Arc<Key>, AuthError> {
        self.keys.authenticate(secret.expose().as_bytes(), at(self.now()))
    }
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn open(folder: &TempDir) -> (Arc<Store>, Keys) {
    let store = Arc::new(Store::open(folder.path()).unwrap());
    let keys = Keys::open(Arc::clone(&store)).unwrap();
    (store, keys)
}

fn named(label: &str, daily_tokens: u64) -> NewKey {
    let daily_tokens = (daily_tokens > 0).then_some(Cap::At(daily_tokens));
    let limits = Allowance { daily_tokens, ..Allowance::default() };
    NewKey { label: Label::parse(label).unwrap(), settings: KeySettings { limits, ..KeySettings::default() } }
}

#[tokio::test]
async fn a_minted_key_is_known_at_once_and_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let (store, keys) = open(&folder);
    assert!(keys.is_empty());
    let first = keys.mint(named("cursor", 100_000)).await.unwrap();
    let second = keys.mint(named("cursor", 0)).await.unwrap();
    assert_ne!(first.record.id, second.record.id);
    assert_eq!(keys.authenticate(first.key.expose().as_bytes(), SystemTime::now()).unwrap().id, first.record.id);
    drop((keys, store));

    let (_store, keys) = open(&folder);
    assert_eq!(keys.len(), 2);
    let found = keys.authenticate(first.key.expose().as_bytes(), SystemTime::now()).unwrap();
    assert_eq!(found.id, first.record.id);
    assert_eq!(found.label.as_str(), "cursor");
    assert_eq!(found.settings.limits.daily_tokens, Some(Cap::At(100_000)));
    assert_eq!(found.created_at, first.record.created_at);
    assert_eq!(
        keys.authenticate(second.key.expose().as_bytes(), SystemTime::now()).unwrap().settings,
        KeySettings::default()
    );
}

#[tokio::test]
async fn wrong_keys_and_keys_with_one_changed_character_are_unknown() {
    let folder = TempDir::new().unwrap();
    let (_store, keys) = open(&folder);
    let minted = keys.mint(named("a", 0)).await.unwrap();
    let secret = minted.key.expose().as_bytes().to_vec();
    for position in 0..secret.len() {
        let mut tampered = secret.clone();
        *tampered.get_mut(position).unwrap() ^= 1;
        assert_eq!(keys.authenticate(&tampered, SystemTime::now()).unwrap_err(), AuthError::Unknown, "at {position}");
    }
    let longer = [secret.as_slice(), b"A"].concat();
    let id = minted.record.id.as_str().as_bytes();
    let digest = minted.record.digest.to_text();
    for wrong in [
        &b""[..],
        b"ovth_live_",
        b"sk-1234",
        &longer,
        secret.split_last().unwrap().1,
        id,
        digest.as_bytes(),
        &[0xff; 53],
    ] {
        assert_eq!(keys.authenticate(wrong, SystemTime::now()).unwrap_err(), AuthError::Unknown);
    }
}

#[tokio::test]
async fn the_file_holds_no_secret() {
    let folder = TempDir::new().unwrap();
    let (store, keys) = open(&folder);
    let minted = keys.mint(named("a label to be found", 0)).await.unwrap();
    let path = store.path().to_owned();
    drop((keys, store));
    let file = std::fs::read(path).unwrap();
    let holds = |text: &str| file.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("a label to be found"));
    assert!(!holds(minted.key.expose().strip_prefix("ovth_live_").unwrap()));
}

#[tokio::test]
async fn debug_prints_no_secret_and_no_hash() {
    let folder = TempDir::new().unwrap();
    let (_store, keys) = open(&folder);
    let minted = keys.mint(named("a", 0)).await.unwrap();
    let printed = format!("{minted:?} {keys:?}");
    assert!(printed.contains(minted.record.id.as_str()));
    assert!(!printed.contains("ovth_live_"), "{printed}");
    assert!(!printed.contains(&minted.record.digest.to_text()), "{printed}");
}

#[tokio::test]
async fn without_storage_known_keys_work_and_none_are_made() {
    let folder = TempDir::new().unwrap();
    let (store, keys) = open(&folder);
    let minted = keys.mint(named("a", 0)).await.unwrap();
    store.shutdown().unwrap();
    assert!(matches!(keys.mint(named("b", 0)).await.unwrap_err(), KeysError::Store(_)));
    assert_eq!(keys.len(), 1);
    keys.authenticate(minted.key.expose().as_bytes(), SystemTime::now()).unwrap();
    let other = secret::generate().unwrap();
    assert_eq!(keys.authenticate(other.expose().as_bytes(), SystemTime::now()).unwrap_err(), AuthError::Storage);
    assert_eq!(keys.authenticate(b"nonsense", SystemTime::now()).unwrap_err(), AuthError::Unknown);
}

#[tokio::test]
async fn keys_made_at_the_same_time_are_all_kept() {
    let folder = TempDir::new().unwrap();
    let (_store, keys) = open(&folder);
    let minted = futures::future::join_all((0..30).map(|_| keys.mint(named("a", 0)))).await;
    assert_eq!(keys.len(), 30);
    for minted in minted {
        keys.authenticate(minted.unwrap().key.expose().as_bytes(), SystemTime::now()).unwrap();
    }
}

#[test]
fn a_row_that_cannot_be_read_keeps_the_gateway_from_starting() {
    let folder = TempDir::new().unwrap();
    let (store, keys) = open(&folder);
    drop(keys);
    let id = KeyId::parse("key_0123456789abcdef").unwrap();
    store.write_blocking(move |transaction| record::put_row(transaction, &id, b"{}")).unwrap();
    let Err(KeysError::Record { id, .. }) = Keys::open(store) else { panic!("it opened") };
    assert_eq!(id, "key_0123456789abcdef");
}
