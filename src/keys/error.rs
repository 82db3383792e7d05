//! What can go wrong with keys: when they are loaded or made, and when one is presented.

use crate::store::StoreError;

use super::KeyId;

/// Why keys could not be loaded, or one not be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored key cannot be read.
    #[error("the stored key {id:?} cannot be read: {reason}. Restore the database from a backup")]
    Record {
        /// Its id, as stored.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The system gave no random numbers.
    #[error("the system gave no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    /// Two random ids were equal, which says that they are not random.
    #[error("a new key got the id {id} of an older one: the system's random numbers cannot be trusted")]
    Repeated {
        /// The id.
        id: KeyId,
    },
    /// There is no such key: 404.
    #[error("there is no key {id}")]
    NotFound {
        /// The id.
        id: KeyId,
    },
    /// A revoked key does not change any more: 409.
    #[error("the key {id} is revoked, and stays so. Make a new one")]
    Revoked {
        /// The id.
        id: KeyId,
    },
    /// The idempotency key was used for another request: 409.
    #[error(
        "this Idempotency-Key was used for another request in the last 24 hours. Use a new one for each new request, \
         and send the same body when a request is repeated"
    )]
    OtherRequest,
    /// A repeated request whose secret cannot be told again: 409.
    #[error(
        "this request was answered before, and the secret of the key {id} cannot be told again, because {reason}. Where \
         it is lost, rotate the key with a new Idempotency-Key"
    )]
    NotRepeatable {
        /// The key that the request made or rotated.
        id: KeyId,
        /// What has changed since.
        reason: &'static str,
    },
}

/// Why a presented key was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No such key: 401.
    #[error("this API key is not known here; mint one with POST /admin/keys and the master key")]
    Unknown,
    /// It was revoked: 401.
    #[error("this API key was revoked; ask whoever runs this gateway for a new one")]
    Revoked,
    /// Its time is over: 401.
    #[error("this API key has expired; ask whoever runs this gateway for a new one, or to extend it")]
    Expired,
    /// It was rotated, and the grace time of the old secret is over: 401.
    #[error("this API key was replaced by a newer one, and the time to change over has passed; use the newer one")]
    Replaced,
    /// Nobody can say whether there is such a key: 503, never 401.
    #[error("API keys cannot be checked just now; try again")]
    Storage,
}
