//! Which account keeps an answer of Responses, whose it is, and how long its conversation is: for the requests that follow it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use crate::keys::KeyId;
use crate::routing::Account;

/// Answers that are remembered; the oldest is forgotten first.
const MAX_ANSWERS: usize = 32_768;

/// No provider gives longer ids, in bytes.
pub(super) const MAX_ID_BYTES: usize = 128;

/// The answers that providers keep and that were seen lately. What it has forgotten, each account is asked for in turn.
#[derive(Debug, Default)]
pub struct ResponseMemory {
    remembered: Mutex<Remembered>,
}

#[derive(Debug, Default)]
struct Remembered {
    by_id: HashMap<Arc<str>, KeptAnswer>,
    /// Oldest first.
    order: VecDeque<Arc<str>>,
}

/// An answer that a provider keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeptAnswer {
    /// The key that it was given to.
    pub(super) key: KeyId,
    /// The account that keeps it.
    pub(super) account: Account,
    /// Tokens of its conversation, itself included; 0 while they are not known.
    pub(super) tokens: u64,
}

impl ResponseMemory {
    /// Remembers an answer, or what is known of it by now.
    pub(super) fn remember(&self, id: &str, kept: KeptAnswer) {
        if id.is_empty() || id.len() > MAX_ID_BYTES {
            return;
        }
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = remembered.by_id.get_mut(id) {
            *known = kept;
            return;
        }
        if remembered.order.len() >= MAX_ANSWERS
            && let Some(oldest) = remembered.order.pop_front()
        {
            remembered.by_id.remove(&oldest);
        }
        let id: Arc<str> = id.into();
        remembered.order.push_back(Arc::clone(&id));
        remembered.by_id.insert(id, kept);
    }

    /// What is known of an answer.
    pub(super) fn find(&self, id: &str) -> Option<KeptAnswer> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).by_id.get(id).cloned()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn kept(key: u64, tokens: u64) -> KeptAnswer {
        KeptAnswer { key: KeyId::parse(&format!("key_{key:016x}")).unwrap(), account: Account::default(), tokens }
    }

    #[test]
    fn so_many_answers_are_remembered_and_the_oldest_is_forgotten() {
        let memory = ResponseMemory::default();
        for number in 0..=MAX_ANSWERS as u64 {
            memory.remember(&format!("resp_{number}"), kept(number, 0));
            memory.remember(&format!("resp_{number}"), kept(number, 7));
        }
        assert_eq!(memory.find("resp_0"), None);
        assert_eq!(memory.find("resp_1"), Some(kept(1, 7)));
        let remembered = memory.remembered.lock().unwrap();
        assert_eq!((remembered.by_id.len(), remembered.order.len()), (MAX_ANSWERS, MAX_ANSWERS));
    }

    #[test]
    fn what_is_no_id_is_not_remembered() {
        let memory = ResponseMemory::default();
        for id in [String::new(), "x".repeat(MAX_ID_BYTES + 1)] {
            memory.remember(&id, kept(1, 0));
            assert_eq!(memory.find(&id), None);
        }
    }
}
