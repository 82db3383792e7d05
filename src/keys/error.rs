//! What can go wrong with keys: when they are loaded or made, and when one is presented.

use crate::store::StoreError;

use super::KeyId;

/// Why keys could not be loaded, or one not be made.
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
}

/// Why a presented key was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No such key: 401.
    #[error("this key is not known")]
    Unknown,
    /// Nobody can say whether there is such a key: 503, never 401.
    #[error("the storage of this gateway is at fault, so that the key cannot be checked")]
    Storage,
}
