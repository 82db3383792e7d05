//! The keys of this gateway's own clients: made once, stored as a hash, checked in memory.

mod bearer;
mod error;
mod id;
mod label;
mod limits;
mod record;
mod secret;
mod settings;

#[cfg(test)]
mod tests;

pub use bearer::bearer;
pub use error::{AuthError, KeysError};
pub use id::KeyId;
pub use label::{Label, LabelError};
pub use secret::KEY_PREFIX;
pub use settings::KeySettings;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;

use crate::config::Secret;
use crate::store::{Store, StoreError};
use secret::Digest;

/// A client's key, without its secret.
#[derive(Debug)]
pub struct Key {
    /// Names the key in the ledger, logs and the admin API.
    pub id: KeyId,
    /// What its owner calls it.
    pub label: Label,
    /// What it may do and spend, where that differs from what is configured for every key.
    pub settings: KeySettings,
    /// When it was made, in seconds since 1970.
    pub created_at: u64,
    digest: Digest,
}

/// What the maker of a key decides.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What its owner calls it.
    pub label: Label,
    /// What it may do and spend, where that differs from what is configured for every key.
    pub settings: KeySettings,
}

/// A key that was just made. Its secret exists here only.
#[derive(Debug)]
pub struct Minted {
    /// The secret, to be shown once.
    pub key: Secret,
    /// The key itself.
    pub record: Arc<Key>,
}

/// All keys, in memory; every change is in the store before it is seen here.
#[derive(Debug)]
pub struct Keys {
    store: Arc<Store>,
    by_digest: ArcSwap<HashMap<Digest, Arc<Key>>>,
}

impl Keys {
    /// Loads all keys. Blocks on the disk; also proves that the store takes writes.
    ///
    /// # Errors
    ///
    /// The store failed, or holds a key that cannot be read: a gateway that knows only some of its keys must not start.
    pub fn open(store: Arc<Store>) -> Result<Keys, KeysError> {
        store.write_blocking(record::create_table)?;
        let rows = store.read(record::rows)?;
        let mut by_digest = HashMap::with_capacity(rows.len());
        for (id, row) in rows {
            let key = record::decode(&id, &row)?;
            by_digest.insert(key.digest, Arc::new(key));
        }
        Ok(Keys { store, by_digest: ArcSwap::from_pointee(by_digest) })
    }

    /// Makes a key: durable first, then known to [`Keys::authenticate`], then answered. When the future is dropped before
    /// it answers, a key may remain whose secret nobody has ever seen.
    ///
    /// # Errors
    ///
    /// The store failed, or the system gave no random numbers.
    pub async fn mint(&self, new: NewKey) -> Result<Minted, KeysError> {
        let secret = secret::generate()?;
        let created_at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let key = Arc::new(Key {
            id: KeyId::generate()?,
            label: new.label,
            settings: new.settings,
            created_at,
            digest: Digest::of(secret.expose().as_bytes()),
        });
        let row = record::encode(&key);
        let id = key.id.clone();
        if !self.store.write(move |transaction| record::insert(transaction, &id, &row)).await? {
            return Err(KeysError::Repeated { id: key.id.clone() });
        }
        self.by_digest.rcu(|keys| {
            let mut keys = HashMap::clone(keys);
            keys.insert(key.digest, Arc::clone(&key));
            keys
        });
        Ok(Minted { key: secret, record: key })
    }

    /// The key with that secret. Reads memory only, takes no lock, and needs no working disk.
    ///
    /// The lookup by hash is not in constant time and need not be: what a caller could learn of a stored hash by timing is
    /// of no use without a secret that hashes to it. The comparison that decides is in constant time.
    ///
    /// # Errors
    ///
    /// There is no such key ([`AuthError::Unknown`]). While the store is at fault, a well-formed secret that is not in
    /// memory is [`AuthError::Storage`] instead: the fate of the last write is open, so "unknown" is not certain.
    pub fn authenticate(&self, presented: &[u8]) -> Result<Arc<Key>, AuthError> {
        if !secret::is_well_formed(presented) {
            return Err(AuthError::Unknown);
        }
        let digest = Digest::of(presented);
        match self.by_digest.load().get(&digest) {
            Some(key) if key.digest.matches(&digest) => Ok(Arc::clone(key)),
            _ => match self.store.health() {
                Ok(()) => Err(AuthError::Unknown),
                Err(_) => Err(AuthError::Storage),
            },
        }
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_digest.load().len()
    }

    /// Whether no key was made yet, so that nobody can use the gateway.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether keys can be made now.
    ///
    /// # Errors
    ///
    /// The fault of the store.
    pub fn health(&self) -> Result<(), StoreError> {
        self.store.health()
    }
}
