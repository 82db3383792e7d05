//! Reasoning of answers that called tools, for clients that do not send it back with the results: a bounded memory by key and call.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ovth_filters::neutral::Reasoning;
use ovth_filters::translate::Kept;

use crate::keys::KeyId;

/// Bytes of all that is remembered; the oldest is forgotten first.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Answers that are remembered.
const MAX_ANSWERS: usize = 16_384;

/// An answer with more is not remembered.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// What an answer, and each of its calls, weighs beside its texts.
const OVERHEAD_BYTES: usize = 256;

/// A tool that takes longer than this to answer finds nothing.
const KEPT_FOR: Duration = Duration::from_secs(2 * 60 * 60);

/// The reasoning of the answers that called tools lately. It is a help and no more: what it has forgotten, the provider does without.
#[derive(Debug, Default)]
pub struct ReasoningMemory {
    remembered: Mutex<Remembered>,
}

#[derive(Debug, Default)]
struct Remembered {
    /// Oldest first; numbered from `first` on.
    answers: VecDeque<Answer>,
    first: u64,
    /// The number of the answer that made a call.
    by_call: HashMap<Call, u64>,
    bytes: usize,
}

/// A call of a tool, as the client of a key knows it.
type Call = (KeyId, Arc<str>);

#[derive(Debug)]
struct Answer {
    calls: Vec<Call>,
    reasoning: Arc<[Reasoning<'static>]>,
    bytes: usize,
    at: Instant,
}

impl ReasoningMemory {
    fn remember(&self, key: &KeyId, kept: Kept, now: Instant) {
        let bytes = kept.bytes() + OVERHEAD_BYTES * (1 + kept.calls.len());
        if bytes > MAX_ANSWER_BYTES {
            return;
        }
        let calls: Vec<Call> = kept.calls.into_iter().map(|call| (key.clone(), call.into())).collect();
        let answer = Answer { calls, reasoning: kept.reasoning.into(), bytes, at: now };
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let number = remembered.first + remembered.answers.len() as u64;
        remembered.by_call.extend(answer.calls.iter().map(|call| (call.clone(), number)));
        remembered.bytes += bytes;
        remembered.answers.push_back(answer);
        while remembered.is_too_much(now) {
            remembered.forget_oldest();
        }
    }

    fn recall(&self, key: &KeyId, call: &str, now: Instant) -> Option<Arc<[Reasoning<'static>]>> {
        let call = (key.clone(), call.into());
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let index = remembered.by_call.get(&call)?.checked_sub(remembered.first)?;
        let answer = remembered.answers.get(usize::try_from(index).ok()?)?;
        answer.is_young(now).then(|| Arc::clone(&answer.reasoning))
    }
}

impl Answer {
    fn is_young(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) < KEPT_FOR
    }
}

impl Remembered {
    fn is_too_much(&self, now: Instant) -> bool {
        self.bytes > MAX_BYTES
            || self.answers.len() > MAX_ANSWERS
            || self.answers.front().is_some_and(|oldest| !oldest.is_young(now))
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.answers.pop_front() else { return };
        for call in &oldest.calls {
            // A later answer may have a call of the same id.
            if self.by_call.get(call) == Some(&self.first) {
                self.by_call.remove(call);
            }
        }
        self.first += 1;
        self.bytes = self.bytes.saturating_sub(oldest.bytes);
    }
}

/// What one key's exchanges see of the memory: its own.
#[derive(Clone, Debug)]
pub(super) struct OwnMemory {
    memory: Arc<ReasoningMemory>,
    key: KeyId,
}

impl OwnMemory {
    /// That of a key.
    pub(super) fn new(memory: &Arc<ReasoningMemory>, key: &KeyId) -> OwnMemory {
        OwnMemory { memory: Arc::clone(memory), key: key.clone() }
    }

    /// Remembers what an answer wants to be remembered.
    pub(super) fn remember(&self, kept: Kept) {
        self.memory.remember(&self.key, kept, Instant::now());
    }

    /// The reasoning of the answer that made a call.
    pub(super) fn recall(&self, call: &str) -> Option<Arc<[Reasoning<'static>]>> {
        self.memory.recall(&self.key, call, Instant::now())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn key(number: u64) -> KeyId {
        KeyId::parse(&format!("key_{number:016x}")).unwrap()
    }

    fn kept(calls: &[&str], text: String) -> Kept {
        let reasoning = vec![Reasoning { text: text.into(), ..Reasoning::default() }];
        Kept { calls: calls.iter().map(|call| (*call).to_owned()).collect(), reasoning }
    }

    fn text(memory: &ReasoningMemory, key: &KeyId, call: &str, now: Instant) -> Option<String> {
        memory.recall(key, call, now).map(|reasoning| reasoning.iter().map(|thought| &*thought.text).collect())
    }

    #[test]
    fn an_answer_is_found_by_each_of_its_calls_and_by_its_own_key_only() {
        let (memory, now) = (ReasoningMemory::default(), Instant::now());
        memory.remember(&key(1), kept(&["a", "b"], "one".to_owned()), now);
        memory.remember(&key(2), kept(&["b"], "two".to_owned()), now);
        let found = |number, call| text(&memory, &key(number), call, now);
        assert_eq!(found(1, "a").as_deref(), Some("one"));
        assert_eq!(found(1, "b").as_deref(), Some("one"));
        assert_eq!(found(2, "b").as_deref(), Some("two"));
        assert_eq!((found(2, "a"), found(1, "c"), found(3, "a")), (None, None, None));
    }

    #[test]
    fn after_two_hours_an_answer_is_forgotten() {
        let (memory, now) = (ReasoningMemory::default(), Instant::now());
        memory.remember(&key(1), kept(&["a"], "one".to_owned()), now);
        let late = now + KEPT_FOR;
        assert!(text(&memory, &key(1), "a", late - Duration::from_secs(1)).is_some());
        assert!(text(&memory, &key(1), "a", late).is_none());
        memory.remember(&key(1), kept(&["b"], "two".to_owned()), late);
        let remembered = memory.remembered.lock().unwrap();
        assert_eq!((remembered.answers.len(), remembered.by_call.len()), (1, 1));
    }

    #[test]
    fn the_oldest_is_forgotten_when_there_are_too_many_bytes() {
        let (memory, now) = (ReasoningMemory::default(), Instant::now());
        let large = "x".repeat(MAX_ANSWER_BYTES / 2);
        for number in 0..200 {
            memory.remember(&key(1), kept(&[&number.to_string()], large.clone()), now);
        }
        let remembered = memory.remembered.lock().unwrap();
        let held: usize = remembered.answers.iter().map(|answer| answer.bytes).sum();
        assert_eq!(remembered.bytes, held);
        assert!(held <= MAX_BYTES && held + MAX_ANSWER_BYTES > MAX_BYTES, "{held}");
        assert_eq!(remembered.by_call.len(), remembered.answers.len());
        drop(remembered);
        assert!(text(&memory, &key(1), "0", now).is_none());
        assert!(text(&memory, &key(1), "199", now).is_some());
    }

    #[test]
    fn the_oldest_is_forgotten_when_there_are_too_many_answers() {
        let (memory, now) = (ReasoningMemory::default(), Instant::now());
        for number in 0..=MAX_ANSWERS {
            memory.remember(&key(1), kept(&[&number.to_string()], String::new()), now);
        }
        assert!(text(&memory, &key(1), "0", now).is_none());
        assert!(text(&memory, &key(1), "1", now).is_some());
        assert_eq!(memory.remembered.lock().unwrap().answers.len(), MAX_ANSWERS);
    }

    #[test]
    fn an_answer_that_is_too_large_is_not_remembered() {
        let (memory, now) = (ReasoningMemory::default(), Instant::now());
        memory.remember(&key(1), kept(&["a"], "x".repeat(MAX_ANSWER_BYTES)), now);
        assert!(text(&memory, &key(1), "a", now).is_none());
        assert_eq!(memory.remembered.lock().unwrap().bytes, 0);
    }

    #[test]
    fn a_call_whose_id_came_again_is_found_with_the_later_answer() {
        let (memory, now) = (ReasoningMemory::default(), Instant::now());
        memory.remember(&key(1), kept(&["a"], "one".to_owned()), now);
        let later = now + Duration::from_secs(60);
        memory.remember(&key(1), kept(&["a"], "two".to_owned()), later);
        memory.remember(&key(1), kept(&["b"], "three".to_owned()), now + KEPT_FOR);
        assert_eq!(text(&memory, &key(1), "a", now + KEPT_FOR).as_deref(), Some("two"));
    }
}
