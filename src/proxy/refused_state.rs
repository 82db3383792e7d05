//! Conversations in whose history a provider has refused opaque state: their next turns hold the same, and need not be refused again.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

use ovth_filters::prefix::Prefix;

/// So many conversations are remembered; the oldest is forgotten first, and costs one refused request then.
const REMEMBERED: usize = 1_024;

/// The conversations.
#[derive(Debug, Default)]
pub struct RefusedState {
    any: AtomicBool,
    conversations: Mutex<VecDeque<u64>>,
}

impl RefusedState {
    /// Whether state of that conversation was refused before.
    pub(super) fn remembers(&self, conversation: u64) -> bool {
        self.any.load(Ordering::Relaxed)
            && conversation != 0
            && self.conversations.lock().unwrap_or_else(PoisonError::into_inner).contains(&conversation)
    }

    /// State of that conversation was refused; 0 is no conversation.
    pub(super) fn remember(&self, conversation: u64) {
        let mut conversations = self.conversations.lock().unwrap_or_else(PoisonError::into_inner);
        if conversation == 0 || conversations.contains(&conversation) {
            return;
        }
        if conversations.len() >= REMEMBERED {
            conversations.pop_front();
        }
        conversations.push_back(conversation);
        self.any.store(true, Ordering::Relaxed);
    }
}

/// What a conversation is remembered by: whose it is, and how it began.
pub(super) fn conversation(key: &str, prefix: &Prefix) -> u64 {
    static DIGEST: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    DIGEST.hash_one((key, prefix.system(), prefix.opening()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_conversations_are_remembered_and_the_oldest_is_forgotten() {
        let refused = RefusedState::default();
        assert!(!refused.remembers(1));
        for conversation in 0..=REMEMBERED as u64 + 1 {
            refused.remember(conversation);
            refused.remember(conversation);
        }
        assert!(!refused.remembers(0) && !refused.remembers(1) && refused.remembers(2));
        assert!(refused.remembers(REMEMBERED as u64 + 1));
    }
}
