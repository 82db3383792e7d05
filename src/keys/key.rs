//! One key as it is held in memory, without its secret, and what becomes of a request that presents it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::secret::Digest;
use super::{AuthError, KeyId, KeySettings, Label};

/// A client's key, without its secret. It never changes: a change makes a new one.
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
    /// When it got its present secret, in seconds since 1970; none while it has its first.
    pub rotated_at: Option<u64>,
    /// When it was revoked, in seconds since 1970. What is left of it then is its name, for the history.
    pub revoked_at: Option<u64>,
    /// Counts the keys of this gateway from 1, in the order of their creation; 0 for those of the first release.
    pub(super) number: u64,
    pub(super) digest: Digest,
    pub(super) previous: Option<Previous>,
    pub(super) used: LastUse,
}

/// The secret that was replaced last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Previous {
    pub(super) digest: Digest,
    /// From then on (seconds since 1970) it is not taken any more.
    pub(super) valid_until: u64,
}

/// The second of the last request with a key; 0 for none. Shared by all states of that key.
pub(super) type LastUse = Arc<AtomicU64>;

impl Key {
    /// Until when (seconds since 1970) the secret before the present one is taken, which may be long ago; none when there
    /// was none.
    #[must_use]
    pub fn previous_valid_until(&self) -> Option<u64> {
        self.previous.map(|previous| previous.valid_until)
    }

    /// When it was last accepted, in seconds since 1970; none when it was not since this process started.
    #[must_use]
    pub fn last_used_at(&self) -> Option<u64> {
        Some(self.used.load(Ordering::Relaxed)).filter(|second| *second > 0)
    }

    /// Whether it was revoked, for good.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.revoked_at.is_some()
    }

    /// Decides on a request with the secret of that hash.
    pub(super) fn admit(&self, digest: &Digest, now: u64) -> Result<(), AuthError> {
        let current = self.digest.matches(digest);
        let previous = self.previous.filter(|previous| previous.digest.matches(digest));
        if !current && previous.is_none() {
            return Err(AuthError::Unknown);
        }
        if self.is_revoked() {
            return Err(AuthError::Revoked);
        }
        if self.settings.expires_at.is_some_and(|end| end <= now) {
            return Err(AuthError::Expired);
        }
        if !current && previous.is_some_and(|previous| previous.valid_until <= now) {
            return Err(AuthError::Replaced);
        }
        // Only the first request of a second writes, so that busy threads do not contend for the word.
        if self.used.load(Ordering::Relaxed) != now {
            self.used.store(now, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The hashes of all secrets that lead to this key.
    pub(super) fn digests(&self) -> impl Iterator<Item = Digest> {
        [Some(self.digest), self.previous.map(|previous| previous.digest)].into_iter().flatten()
    }

    /// What the order of creation goes by. Keys of the first release come first, by their time.
    pub(super) fn order(&self) -> (u64, u64, &KeyId) {
        (self.number, self.created_at, &self.id)
    }

    /// Replaces the secret. The old one stays valid for the grace time; the one before it is dropped at once.
    pub(super) fn rotate(&mut self, to: Digest, grace: Duration, now: SystemTime) {
        let valid_until = now.checked_add(grace).map_or(u64::MAX, seconds);
        self.previous = Some(Previous { digest: self.digest, valid_until });
        self.digest = to;
        self.rotated_at = Some(seconds(now));
    }
}

/// Whole seconds since 1970.
pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
