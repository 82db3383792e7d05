//! All keys in memory: found by the hash of a secret without a lock, and by id or in the order of their creation behind one.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use arc_swap::ArcSwap;

use super::key::LastUse;
use super::secret::Digest;
use super::{Key, KeyId};

/// A change copies the map of one shard: so many of them keep that at some microseconds with 10,000 keys.
const SHARDS: u8 = 64;

type Shard = ArcSwap<HashMap<Digest, Arc<Key>>>;

/// The keys as the disk has them.
pub(super) struct Index {
    by_digest: Box<[Shard]>,
    roll: RwLock<Roll>,
    /// Of the key that was made last.
    number: AtomicU64,
}

/// For the admin API.
#[derive(Default)]
struct Roll {
    by_id: HashMap<KeyId, Arc<Key>>,
    /// By [`Key::order`].
    in_order: Vec<Arc<Key>>,
}

/// Some keys, in the order of their creation.
#[derive(Clone, Debug, Default)]
pub struct KeyPage {
    /// The keys.
    pub keys: Vec<Arc<Key>>,
    /// Whether there are more after the last of them.
    pub has_more: bool,
}

impl Index {
    pub(super) fn new(mut keys: Vec<Arc<Key>>) -> Index {
        keys.sort_by(|a, b| a.order().cmp(&b.order()));
        let number = keys.last().map_or(0, |key| key.number);
        let mut shards = vec![HashMap::new(); usize::from(SHARDS)];
        for key in &keys {
            for digest in key.digests() {
                if let Some(shard) = shards.get_mut(place(&digest)) {
                    shard.insert(digest, Arc::clone(key));
                }
            }
        }
        let by_id = keys.iter().map(|key| (key.id.clone(), Arc::clone(key))).collect();
        Index {
            by_digest: shards.into_iter().map(ArcSwap::from_pointee).collect(),
            roll: RwLock::new(Roll { by_id, in_order: keys }),
            number: AtomicU64::new(number),
        }
    }

    /// The number of a new key.
    pub(super) fn next_number(&self) -> u64 {
        self.number.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// The word that holds the last use of that key.
    pub(super) fn last_use(&self, id: &KeyId) -> LastUse {
        self.get(id).map_or_else(LastUse::default, |key| Arc::clone(&key.used))
    }

    /// Puts a key in the place of its former state. What is looked up meanwhile finds the one or the other.
    pub(super) fn publish(&self, key: &Arc<Key>) {
        // Held to the end: two changes of one shard must not undo one another.
        let mut roll = self.roll.write().unwrap_or_else(PoisonError::into_inner);
        let former = roll.put(key);
        for digest in key.digests() {
            self.change(&digest, |shard| shard.insert(digest, Arc::clone(key)));
        }
        for digest in former.iter().flat_map(|former| former.digests()) {
            if key.digests().all(|kept| kept != digest) {
                self.change(&digest, |shard| shard.remove(&digest));
            }
        }
    }

    fn change<T>(&self, digest: &Digest, change: impl FnOnce(&mut HashMap<Digest, Arc<Key>>) -> T) {
        if let Some(shard) = self.by_digest.get(place(digest)) {
            let mut map = HashMap::clone(&shard.load());
            change(&mut map);
            shard.store(Arc::new(map));
        }
    }

    pub(super) fn find(&self, digest: &Digest) -> Option<Arc<Key>> {
        self.by_digest.get(place(digest))?.load().get(digest).map(Arc::clone)
    }

    pub(super) fn get(&self, id: &KeyId) -> Option<Arc<Key>> {
        self.roll().by_id.get(id).map(Arc::clone)
    }

    pub(super) fn len(&self) -> usize {
        self.roll().in_order.len()
    }

    pub(super) fn page(&self, after: Option<&KeyId>, limit: usize, include_revoked: bool) -> Option<KeyPage> {
        let roll = self.roll();
        let from = match after {
            None => 0,
            Some(id) => {
                let last = roll.by_id.get(id)?;
                roll.in_order.partition_point(|key| key.order() <= last.order())
            }
        };
        let mut rest = roll.in_order.iter().skip(from).filter(|key| include_revoked || !key.is_revoked());
        let keys = rest.by_ref().take(limit).map(Arc::clone).collect();
        Some(KeyPage { keys, has_more: rest.next().is_some() })
    }

    fn roll(&self) -> RwLockReadGuard<'_, Roll> {
        self.roll.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Roll {
    /// Puts a key in its place, and gives its former state.
    fn put(&mut self, key: &Arc<Key>) -> Option<Arc<Key>> {
        let place = self.in_order.partition_point(|other| other.order() < key.order());
        let former = self.by_id.insert(key.id.clone(), Arc::clone(key));
        match self.in_order.get_mut(place) {
            Some(held) if held.id == key.id => *held = Arc::clone(key),
            _ => self.in_order.insert(place, Arc::clone(key)),
        }
        former
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").field("keys", &self.len()).finish_non_exhaustive()
    }
}

/// The shard of a hash.
fn place(digest: &Digest) -> usize {
    usize::from(digest.first_byte() % SHARDS)
}
