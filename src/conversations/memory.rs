//! The last turns of conversations under one lock: found by what they began with, forgotten when there are too many.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use ovth_filters::neutral::Usage;
use ovth_filters::prefix::{Overlap, Prefix};

use super::{CacheBreak, LIFETIME, LONG_LIFETIME, MIN_EXPECTED, Reason};

/// The most conversations that are kept.
pub(super) const MAX_THREADS: usize = 1_024;
/// The most hashes of messages that are kept, four bytes each.
pub(super) const MAX_MARKS: usize = 128 * 1_024;
/// The most conversations with one name; the newest are looked at.
const MAX_NAMESAKES: usize = 4;

/// Provider and model, as a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target(pub(super) u64);

/// What a conversation is found by, as hashes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names {
    /// The first message of the user.
    pub(super) opening: u64,
    /// The model's first answer.
    pub(super) answer: Option<u64>,
}

/// The last turn of a conversation.
#[derive(Debug)]
pub(super) struct Thread {
    pub(super) target: Target,
    pub(super) prefix: Prefix,
    /// Tokens that the provider had in its cache after it.
    pub(super) cached: u64,
    /// Whether some of them live for five minutes only.
    pub(super) short_lived: bool,
    /// Whether some of them live for an hour.
    pub(super) long_lived: bool,
    pub(super) began: Instant,
    pub(super) answered: Instant,
}

/// The conversations.
#[derive(Debug, Default)]
pub(super) struct Memory {
    threads: HashMap<u64, Kept>,
    /// Which conversations have that name, the newest last.
    names: HashMap<u64, Vec<u64>>,
    /// Conversations by the time of their last turn.
    order: BTreeMap<u64, u64>,
    /// Counts turns; the number of its first turn is a conversation's id.
    turns: u64,
    marks: usize,
}

#[derive(Debug)]
struct Kept {
    thread: Thread,
    names: Vec<u64>,
    turn: u64,
}

/// An earlier turn that may be the one before.
struct Candidate {
    id: u64,
    overlap: Overlap,
    /// How many of provider and model, tools, and system prompt are not the same.
    differences: u8,
    /// The one that has the most in common goes first.
    rank: (u32, u8, bool, u64),
}

impl Memory {
    pub(super) fn len(&self) -> usize {
        self.threads.len()
    }

    /// Takes note of a turn; see [`super::Conversations::turn`].
    pub(super) fn turn(
        &mut self,
        mut thread: Thread,
        names: Names,
        in_session: bool,
        usage: &Usage,
    ) -> Option<CacheBreak> {
        self.turns += 1;
        let before = self.before(&thread, names, in_session);
        let mut found = None;
        let mut replaced = None;
        if let Some(candidate) = before
            && let Some(kept) = self.threads.get(&candidate.id)
        {
            let earlier = &kept.thread;
            // Two at a time: neither can read what the other writes.
            if thread.began >= earlier.answered {
                found = explain(earlier, &thread, candidate.overlap, usage);
            }
            if goes_on(&earlier.prefix, &thread.prefix, &candidate) {
                replaced = Some(candidate.id);
                if thread.target == earlier.target {
                    thread.short_lived |= earlier.short_lived;
                    thread.long_lived |= earlier.long_lived;
                }
            }
        }
        match replaced {
            Some(id) => self.replace(id, thread, names),
            None => self.insert(thread, names),
        }
        while self.threads.len() > MAX_THREADS || self.marks > MAX_MARKS {
            let Some((_, id)) = self.order.pop_first() else { break };
            self.forget(id);
        }
        found
    }

    /// The turn before this one, if it is known.
    fn before(&self, thread: &Thread, names: Names, in_session: bool) -> Option<Candidate> {
        let by_answer = names.answer.and_then(|name| self.names.get(&name));
        let by_opening = self.names.get(&names.opening);
        let ids = by_answer.into_iter().chain(by_opening).flatten();
        ids.filter_map(|id| self.candidate(*id, thread, in_session)).max_by_key(|candidate| candidate.rank)
    }

    fn candidate(&self, id: u64, thread: &Thread, in_session: bool) -> Option<Candidate> {
        let kept = self.threads.get(&id)?;
        let (earlier, later) = (&kept.thread.prefix, &thread.prefix);
        let overlap = earlier.overlap(later);
        let differences = u8::from(kept.thread.target != thread.target)
            + u8::from(earlier.tools() != later.tools())
            + u8::from(earlier.system() != later.system());
        let continues = overlap.diverged_at.is_none() && earlier.messages() <= later.messages();
        // Nothing but its beginning: with another purpose it is a request by itself, and when the other one has gone on it is another conversation.
        let is_fresh = later.answer().is_none();
        let is_aside = is_fresh && (differences > 1 || earlier.messages() > later.messages());
        let is_same = overlap.diverged_at.is_none() || overlap.resumes || in_session;
        (is_same && !is_aside).then_some(Candidate {
            id,
            overlap,
            differences,
            rank: (overlap.shared, u8::MAX - differences, continues, kept.turn),
        })
    }

    fn insert(&mut self, thread: Thread, names: Names) {
        let id = self.turns;
        self.marks += thread.prefix.marks();
        self.order.insert(id, id);
        self.threads.insert(id, Kept { thread, names: Vec::new(), turn: id });
        self.name(id, names);
    }

    fn replace(&mut self, id: u64, thread: Thread, names: Names) {
        let Some(kept) = self.threads.get_mut(&id) else { return };
        self.order.remove(&kept.turn);
        self.order.insert(self.turns, id);
        self.marks += thread.prefix.marks();
        self.marks -= kept.thread.prefix.marks();
        kept.thread = thread;
        kept.turn = self.turns;
        self.name(id, names);
    }

    /// Lets a conversation be found by these names and no others.
    fn name(&mut self, id: u64, names: Names) {
        let Some(kept) = self.threads.get_mut(&id) else { return };
        let wanted: Vec<u64> = std::iter::once(names.opening).chain(names.answer).collect();
        let former = std::mem::replace(&mut kept.names, wanted.clone());
        for name in former.iter().filter(|name| !wanted.contains(name)) {
            self.unname(id, *name);
        }
        for name in wanted {
            let namesakes = self.names.entry(name).or_default();
            namesakes.retain(|other| *other != id);
            namesakes.push(id);
            if namesakes.len() > MAX_NAMESAKES {
                namesakes.remove(0);
            }
        }
    }

    fn unname(&mut self, id: u64, name: u64) {
        if let Some(namesakes) = self.names.get_mut(&name) {
            namesakes.retain(|other| *other != id);
            if namesakes.is_empty() {
                self.names.remove(&name);
            }
        }
    }

    /// Drops a conversation that is no longer in the order.
    fn forget(&mut self, id: u64) {
        let Some(kept) = self.threads.remove(&id) else { return };
        self.marks -= kept.thread.prefix.marks();
        for name in kept.names {
            self.unname(id, name);
        }
    }
}

/// Whether the later turn takes the earlier one's place. One that goes back to the beginning, shares little more than that, or has
/// another purpose may be aside, and the earlier one may go on: both are kept then.
fn goes_on(earlier: &Prefix, later: &Prefix, candidate: &Candidate) -> bool {
    let Candidate { overlap, differences, .. } = candidate;
    let continues = match overlap.diverged_at {
        None => earlier.messages() <= later.messages(),
        Some(_) => overlap.resumes || overlap.shared >= earlier.messages() / 2,
    };
    continues && *differences <= 1
}

/// Why the later turn read less than the earlier one had cached; `None` if it did not, or not by far.
fn explain(earlier: &Thread, later: &Thread, overlap: Overlap, usage: &Usage) -> Option<CacheBreak> {
    let goes_back = overlap.diverged_at.is_none() && later.prefix.messages() < earlier.prefix.messages();
    let expected = if goes_back { earlier.cached.min(usage.prompt()) } else { earlier.cached };
    let read = usage.cache_read;
    if expected < MIN_EXPECTED || read >= expected.div_ceil(2) {
        return None;
    }
    let is_late = later.began.saturating_duration_since(earlier.began) > lifetime(earlier);
    // What diverges near the end leaves the most to be read: when all is gone after a long while, time is the reason.
    let explains_all = !is_late || overlap.shared < earlier.prefix.messages() / 2;
    let (before, after) = (&earlier.prefix, &later.prefix);
    let (reason, message) = match overlap.diverged_at {
        _ if earlier.target != later.target => (Reason::TargetChanged, None),
        _ if before.tools() != after.tools() => (Reason::ToolsChanged, None),
        _ if before.system() != after.system() => (Reason::SystemChanged, None),
        _ if before.settings() != after.settings() => (Reason::SettingsChanged, None),
        Some(place) if explains_all => (Reason::PrefixDiverged, Some(place)),
        _ if is_late => (Reason::Expired, None),
        _ => (Reason::Provider, None),
    };
    Some(CacheBreak { reason, message, expected, read })
}

/// How long what the turn cached can be expected to be there.
fn lifetime(thread: &Thread) -> Duration {
    match (thread.prefix.lifetime(), thread.long_lived, thread.short_lived) {
        (Some(asked), _, _) => asked,
        (None, true, false) => LONG_LIFETIME,
        (None, _, _) => LIFETIME,
    }
}

#[cfg(test)]
impl Memory {
    /// Checks that the books are right.
    pub(super) fn assert_sound(&self) {
        assert_eq!(self.marks, self.threads.values().map(|kept| kept.thread.prefix.marks()).sum::<usize>());
        assert!(self.marks <= MAX_MARKS && self.threads.len() <= MAX_THREADS);
        assert_eq!(self.order.len(), self.threads.len());
        for (turn, id) in &self.order {
            assert_eq!(self.threads.get(id).map(|kept| kept.turn), Some(*turn));
        }
        for (name, ids) in &self.names {
            assert!(!ids.is_empty() && ids.len() <= MAX_NAMESAKES);
            assert!(ids.iter().all(|id| self.threads.get(id).is_some_and(|kept| kept.names.contains(name))));
        }
    }
}
