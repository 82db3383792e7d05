//! The keys of this gateway's own clients: made once, stored as a hash, checked in memory.
//!
//! Every change is durable first, then seen by [`Keys::authenticate`], then answered. It is made to the row as it is stored,
//! on the one thread that writes, and stands in memory in the same order: changes at the same time do not lose one another,
//! and a caller that goes away in the midst of one leaves no difference between memory and disk.

mod bearer;
mod change;
mod clock;
mod error;
mod id;
mod idempotency;
mod index;
mod key;
mod label;
mod limits;
mod patch;
mod record;
mod secret;
mod settings;

#[cfg(test)]
mod tests;

pub use bearer::bearer;
pub use error::{AuthError, KeysError};
pub use id::KeyId;
pub use idempotency::IdempotentRequest;
pub use index::KeyPage;
pub use key::Key;
pub use label::{Label, LabelError};
pub use patch::{Change, KeyPatch, LimitsPatch};
pub use secret::KEY_PREFIX;
pub use settings::KeySettings;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::config::Secret;
use crate::store::{Store, StoreError};
use change::{Derived, Desk, Fault, Met};
use clock::Clock;
use index::Index;
use key::LastUse;
use secret::Digest;

/// What the maker of a key decides.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What its owner calls it.
    pub label: Label,
    /// What it may do and spend, where that differs from what is configured for every key.
    pub settings: KeySettings,
}

/// A key that was just made, or got a new secret. The secret exists here only.
#[derive(Debug)]
pub struct Minted {
    /// The secret, to be shown once.
    pub key: Secret,
    /// The key itself.
    pub record: Arc<Key>,
    /// Whether the same request had been answered before; then nothing was changed now.
    pub repeated: bool,
}

/// All keys, in memory; every change is in the store before it is seen here.
///
/// When a change fails because the store does, it may be durable all the same, and then shows after the next change of that
/// key or the next start. Each may be asked for again: what is done already is not done twice.
#[derive(Debug)]
pub struct Keys {
    store: Arc<Store>,
    index: Arc<Index>,
    clock: Clock,
}

impl Keys {
    /// Loads all keys. Blocks on the disk; also proves that the store takes writes.
    ///
    /// # Errors
    ///
    /// The store failed, or holds a key that cannot be read: a gateway that knows only some of its keys must not start.
    pub fn open(store: Arc<Store>) -> Result<Keys, KeysError> {
        Keys::open_with(store, Clock::system())
    }

    fn open_with(store: Arc<Store>, clock: Clock) -> Result<Keys, KeysError> {
        store.write_blocking(|transaction| {
            record::create_table(transaction)?;
            idempotency::create_tables(transaction)
        })?;
        let rows = store.read(record::rows)?;
        let decode = |(id, row): (String, Vec<u8>)| record::decode(&id, &row, LastUse::default()).map(Arc::new);
        let keys = rows.into_iter().map(decode).collect::<Result<_, _>>()?;
        Ok(Keys { store, index: Arc::new(Index::new(keys)), clock })
    }

    /// Makes a key. When the future is dropped before it answers, a key may remain whose secret nobody has ever seen.
    ///
    /// # Errors
    ///
    /// The store failed, or the system gave no random numbers.
    pub async fn mint(&self, new: NewKey) -> Result<Minted, KeysError> {
        let key = secret::generate()?;
        let (id, digest) = (KeyId::generate()?, Digest::of(key.expose().as_bytes()));
        let (record, ()) = self.change(move |desk| Ok((desk.mint(&id, &new, digest)?, ()))).await?;
        Ok(Minted { key, record, repeated: false })
    }

    /// Makes a key for a request that may be repeated: within 24 hours the same request gets the same key with the same
    /// secret, also after a restart. Of more than 10,000 requests the oldest are forgotten earlier.
    ///
    /// # Errors
    ///
    /// As [`Keys::mint`]; also when the idempotency key was used for another request ([`KeysError::OtherRequest`]), and when
    /// the same request was answered but its secret cannot be told again: the key was revoked ([`KeysError::Revoked`]) or
    /// rotated, or the master key is another ([`KeysError::NotRepeatable`]).
    pub async fn mint_derived(&self, new: NewKey, request: &IdempotentRequest) -> Result<Minted, KeysError> {
        let id = KeyId::generate()?;
        let derived = Derived::new(request.of("mint"))?;
        self.derive(derived, move |desk, digest| desk.mint(&id, &new, digest)).await
    }

    /// Gives a key a new secret. The old one stays valid for the grace time; one before it is dropped at once.
    ///
    /// # Errors
    ///
    /// There is no such key, it is revoked, the store failed, or the system gave no random numbers.
    pub async fn rotate(&self, id: &KeyId, grace: Duration) -> Result<Minted, KeysError> {
        let key = secret::generate()?;
        let (id, digest) = (id.clone(), Digest::of(key.expose().as_bytes()));
        let (record, ()) = self.change(move |desk| Ok((desk.rotate(&id, digest, grace)?, ()))).await?;
        Ok(Minted { key, record, repeated: false })
    }

    /// [`Keys::rotate`] for a request that may be repeated, as [`Keys::mint_derived`] is for [`Keys::mint`].
    ///
    /// # Errors
    ///
    /// As [`Keys::rotate`] and [`Keys::mint_derived`].
    pub async fn rotate_derived(
        &self,
        id: &KeyId,
        grace: Duration,
        request: &IdempotentRequest,
    ) -> Result<Minted, KeysError> {
        let id = id.clone();
        let derived = Derived::new(request.of(&format!("rotate {id}")))?;
        self.derive(derived, move |desk, digest| desk.rotate(&id, digest, grace)).await
    }

    /// Changes the label and settings of a key.
    ///
    /// # Errors
    ///
    /// There is no such key, it is revoked, or the store failed.
    pub async fn update(&self, id: &KeyId, patch: KeyPatch) -> Result<Arc<Key>, KeysError> {
        let id = id.clone();
        let alter = move |desk: &Desk<'_>| {
            let patch = patch.clone();
            Ok((desk.alter(&id, |key| patch.apply(&mut key.label, &mut key.settings))?, ()))
        };
        self.change(alter).await.map(|(key, ())| key)
    }

    /// Revokes a key for good. It is kept for its label; revoking it again changes nothing.
    ///
    /// # Errors
    ///
    /// There is no such key, or the store failed.
    pub async fn revoke(&self, id: &KeyId) -> Result<Arc<Key>, KeysError> {
        let id = id.clone();
        self.change(move |desk| Ok((desk.revoke(&id)?, ()))).await.map(|(key, ())| key)
    }

    /// The key with that id, revoked or not. Reads memory only.
    #[must_use]
    pub fn get(&self, id: &KeyId) -> Option<Arc<Key>> {
        self.index.get(id)
    }

    /// The next keys after that one, or the first ones, in the order of their creation. Reads memory only. None when there
    /// is no key `after`.
    #[must_use]
    pub fn list(&self, after: Option<&KeyId>, limit: usize, include_revoked: bool) -> Option<KeyPage> {
        self.index.page(after, limit, include_revoked)
    }

    /// The key with that secret. Reads memory only, takes no lock, and needs no working disk. Expiry by configuration is the
    /// caller's to check: a key knows only its own.
    ///
    /// The lookup by hash is not in constant time and need not be: what a caller could learn of a stored hash by timing is
    /// of no use without a secret that hashes to it. The comparison that decides is in constant time.
    ///
    /// # Errors
    ///
    /// There is no such key, or it is not valid any more: all but [`AuthError::Storage`]. While the store is at fault, a
    /// well-formed secret that is not in memory is [`AuthError::Storage`] instead of [`AuthError::Unknown`]: the fate of
    /// the last write is open, so "unknown" is not certain.
    pub fn authenticate(&self, presented: &[u8], now: SystemTime) -> Result<Arc<Key>, AuthError> {
        if !secret::is_well_formed(presented) {
            return Err(AuthError::Unknown);
        }
        let digest = Digest::of(presented);
        let found = self.index.find(&digest);
        let admitted =
            found.ok_or(AuthError::Unknown).and_then(|key| key.admit(&digest, key::seconds(now)).map(|()| key));
        match admitted {
            Err(AuthError::Unknown) if self.store.health().is_err() => Err(AuthError::Storage),
            admitted => admitted,
        }
    }

    /// How many keys there are, revoked ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
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

    /// Makes or rotates a key for a request that may be a repeated one.
    async fn derive<F>(&self, derived: Derived, mut work: F) -> Result<Minted, KeysError>
    where
        F: FnMut(&Desk<'_>, Digest) -> Result<Arc<Key>, Fault> + Send + 'static,
    {
        let request = derived.request.clone();
        let once = move |desk: &Desk<'_>| desk.once(&derived, |digest| work(desk, digest));
        let (record, Met { salt, repeated }) = self.change(once).await?;
        Ok(Minted { key: request.secret(&salt), record, repeated })
    }

    /// Makes a change on the writer's thread, and lets it be seen when it is durable.
    async fn change<T, F>(&self, mut work: F) -> Result<(Arc<Key>, T), KeysError>
    where
        T: Send + 'static,
        F: FnMut(&Desk<'_>) -> Result<(Arc<Key>, T), Fault> + Send + 'static,
    {
        let (index, seen) = (Arc::clone(&self.index), Arc::clone(&self.index));
        let now = self.clock.now();
        let write = move |transaction: &redb::WriteTransaction| match work(&Desk { transaction, index: &index, now }) {
            Ok(changed) => Ok(Ok(changed)),
            Err(Fault::Refused(refusal)) => Ok(Err(refusal)),
            Err(Fault::Database(error)) => Err(error),
        };
        let publish = move |outcome: &Result<(Arc<Key>, T), KeysError>| {
            if let Ok((key, _)) = outcome {
                seen.publish(key);
            }
        };
        self.store.write_then(write, publish).await?
    }
}
