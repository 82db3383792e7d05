//! What changes do inside the write transaction: always to the row as it is stored, so that none loses another.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use redb::WriteTransaction;

use crate::config::Secret;

use super::idempotency::{self, Answer, IdempotentRequest, Salt, Seen};
use super::index::Index;
use super::key::seconds;
use super::record;
use super::secret::Digest;
use super::{Key, KeyId, KeysError, NewKey};

/// How a request was met that may be a repeated one.
pub(super) struct Met {
    /// What its secret is derived with.
    pub(super) salt: Salt,
    /// Whether the change had been made before.
    pub(super) repeated: bool,
}

/// Why a change was not made. A refusal comes before anything is written.
pub(super) enum Fault {
    Database(redb::Error),
    Refused(KeysError),
}

impl From<redb::Error> for Fault {
    fn from(error: redb::Error) -> Fault {
        Fault::Database(error)
    }
}

impl From<KeysError> for Fault {
    fn from(error: KeysError) -> Fault {
        Fault::Refused(error)
    }
}

/// A transaction, and what is in memory of the keys.
pub(super) struct Desk<'a> {
    pub(super) transaction: &'a WriteTransaction,
    pub(super) index: &'a Index,
    pub(super) now: SystemTime,
}

/// A secret that is derived for a request, and the salt that takes.
#[derive(Clone)]
pub(super) struct Derived {
    pub(super) request: IdempotentRequest,
    pub(super) salt: Salt,
}

impl Derived {
    pub(super) fn new(request: IdempotentRequest) -> Result<Derived, KeysError> {
        Ok(Derived { request, salt: idempotency::salt()? })
    }

    pub(super) fn secret(&self) -> Secret {
        self.request.secret(&self.salt)
    }
}

impl Desk<'_> {
    /// Adds a key.
    pub(super) fn mint(&self, id: &KeyId, new: &NewKey, digest: Digest) -> Result<Arc<Key>, Fault> {
        if record::get(self.transaction, id)?.is_some() {
            return Err(KeysError::Repeated { id: id.clone() }.into());
        }
        self.keep(Key {
            id: id.clone(),
            label: new.label.clone(),
            settings: new.settings.clone(),
            created_at: seconds(self.now),
            rotated_at: None,
            revoked_at: None,
            number: self.index.next_number(),
            digest,
            previous: None,
            used: Arc::default(),
        })
    }

    /// Changes a key that is not revoked.
    pub(super) fn alter(&self, id: &KeyId, change: impl FnOnce(&mut Key)) -> Result<Arc<Key>, Fault> {
        let mut key = self.stored(id)?;
        if key.is_revoked() {
            return Err(KeysError::Revoked { id: id.clone() }.into());
        }
        change(&mut key);
        self.keep(key)
    }

    /// Gives a key a new secret.
    pub(super) fn rotate(&self, id: &KeyId, to: Digest, grace: Duration) -> Result<Arc<Key>, Fault> {
        self.alter(id, |key| key.rotate(to, grace, self.now))
    }

    /// Revokes a key; the second time changes nothing.
    pub(super) fn revoke(&self, id: &KeyId) -> Result<Arc<Key>, Fault> {
        let mut key = self.stored(id)?;
        if key.is_revoked() {
            return Ok(Arc::new(key));
        }
        key.revoked_at = Some(seconds(self.now));
        self.keep(key)
    }

    /// Makes a change for a request, unless the same request has made it already.
    pub(super) fn once(
        &self,
        derived: &Derived,
        change: impl FnOnce(Digest) -> Result<Arc<Key>, Fault>,
    ) -> Result<(Arc<Key>, Met), Fault> {
        let now = seconds(self.now);
        let request = &derived.request;
        match idempotency::look(self.transaction, request, now)? {
            Seen::Other => Err(KeysError::OtherRequest.into()),
            Seen::Same(answer) => {
                let met = Met { salt: answer.salt, repeated: true };
                Ok((self.repeat(request, &answer)?, met))
            }
            Seen::Never => {
                let digest = Digest::of(derived.secret().expose().as_bytes());
                let key = change(digest)?;
                let answer = Answer { id: key.id.clone(), salt: derived.salt, digest };
                idempotency::remember(self.transaction, request, &answer, now)?;
                Ok((key, Met { salt: derived.salt, repeated: false }))
            }
        }
    }

    /// The key that the same request made or rotated before, if its secret is still what it was then.
    fn repeat(&self, request: &IdempotentRequest, answer: &Answer) -> Result<Arc<Key>, Fault> {
        let key = self.stored(&answer.id)?;
        let refuse = |reason| Err(KeysError::NotRepeatable { id: answer.id.clone(), reason }.into());
        if key.is_revoked() {
            return Err(KeysError::Revoked { id: answer.id.clone() }.into());
        }
        let secret = request.secret(&answer.salt);
        if !Digest::of(secret.expose().as_bytes()).matches(&answer.digest) {
            return refuse("the master key was changed since");
        }
        if !key.digest.matches(&answer.digest) {
            return refuse("it was rotated since");
        }
        Ok(Arc::new(key))
    }

    fn stored(&self, id: &KeyId) -> Result<Key, Fault> {
        let row = record::get(self.transaction, id)?.ok_or_else(|| KeysError::NotFound { id: id.clone() })?;
        Ok(record::decode(id.as_str(), &row, self.index.last_use(id))?)
    }

    fn keep(&self, key: Key) -> Result<Arc<Key>, Fault> {
        record::put(self.transaction, &key)?;
        Ok(Arc::new(key))
    }
}
