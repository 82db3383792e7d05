//! What a provider's prompt cache sees of a request, as hashes: enough to say why a cache was not read, and no content.

mod scan;

use std::time::Duration;

use crate::Shape;

/// The parts of a request that a prompt cache is keyed by, each as a hash. Two requests of one client have equal hashes
/// where they say the same; how a client that prints its JSON differently says it may give other hashes.
///
/// Marks that only say where to cache (`cache_control`, `prompt_cache_breakpoint`) are no content, because clients move them with every turn;
/// for the same reason a text counts the same as a string and as the only block of a list. Claude Code's
/// `x-anthropic-billing-header` block, whose value changes with every request, is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    tools: u64,
    system: u64,
    settings: u64,
    opening: u64,
    answer: Option<u64>,
    lifetime: Option<Duration>,
    /// Messages of the array that belong to the system part: those of a chat or responses request that come first.
    leading: u32,
    /// All others.
    messages: u32,
    /// Hashes of those: one each for the first [`Prefix::EXACT`], then one for each full [`Prefix::STRIDE`].
    marks: Box<[u32]>,
}

/// What two turns have in common; see [`Prefix::overlap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// Messages from the first one on that are the same in both. Past the first [`Prefix::EXACT`] messages a lower
    /// bound, less than [`Prefix::STRIDE`] too low.
    pub shared: u32,
    /// The first message of the later turn that is not what it was: its place in the array, counted from 1. `None` when
    /// one turn is the beginning of the other.
    pub diverged_at: Option<u32>,
    /// Whether messages from behind the place of divergence come again, two in a row at least, or that only the
    /// newest message is another: history was edited, not begun anew.
    pub resumes: bool,
}

impl Prefix {
    /// So many messages are told apart one by one.
    pub const EXACT: usize = 384;
    /// So many messages have one hash between them after that.
    pub const STRIDE: usize = 32;
    /// So many hashes are kept: the messages after the first 4,480 are not looked at.
    pub const MAX_MARKS: usize = 512;

    /// So many messages before the end of the earlier turn are searched for in the later one.
    const RECENT: usize = 8;
    /// What was asked and answered twice has so many messages.
    const TWO_ANSWERS: usize = 4;

    /// The prefix of a request of that shape; `None` for shapes that are not understood, for what is no such request, and
    /// for one without messages of its own.
    #[must_use]
    pub fn of(shape: Shape, body: &[u8]) -> Option<Prefix> {
        match shape {
            Shape::Chat | Shape::Messages | Shape::Responses | Shape::GenerateContent => scan::scan(shape, body),
        }
    }

    /// The declared tools.
    #[must_use]
    pub const fn tools(&self) -> u64 {
        self.tools
    }

    /// The system prompt: `system` or `instructions`, and the system and developer messages that a request begins with.
    #[must_use]
    pub const fn system(&self) -> u64 {
        self.system
    }

    /// The settings that providers key their caches by: reasoning, the choice of tools, the form of the answer, the cache
    /// key, and whether anything is marked for caching at all.
    #[must_use]
    pub const fn settings(&self) -> u64 {
        self.settings
    }

    /// What the conversation began with: the first message of the user.
    #[must_use]
    pub const fn opening(&self) -> u64 {
        self.opening
    }

    /// The model's first answer, without its thinking; `None` before there is one.
    #[must_use]
    pub const fn answer(&self) -> Option<u64> {
        self.answer
    }

    /// How long the request asks the provider to keep the prefix; `None`: it does not say. (What is written to Anthropic's caches
    /// says so in its token counts.)
    #[must_use]
    pub const fn lifetime(&self) -> Option<Duration> {
        self.lifetime
    }

    /// How many messages there are, without those of the system part.
    #[must_use]
    pub const fn messages(&self) -> u32 {
        self.messages
    }

    /// How many hashes are kept for them, four bytes each; at most [`Prefix::MAX_MARKS`].
    #[must_use]
    pub const fn marks(&self) -> usize {
        self.marks.len()
    }

    /// What a later turn has in common with this one.
    #[must_use]
    pub fn overlap(&self, later: &Prefix) -> Overlap {
        let equal = self.marks.iter().zip(&later.marks).take_while(|(mine, theirs)| mine == theirs).count();
        if equal == self.marks.len().min(later.marks.len()) {
            return Overlap { shared: self.messages.min(later.messages), diverged_at: None, resumes: false };
        }
        let shared = messages_of(equal);
        let place = later.leading.saturating_add(shared).saturating_add(1);
        Overlap { shared, diverged_at: Some(place), resumes: self.resumes_in(later, equal) }
    }

    /// Whether some of this turn's newest messages, of those behind the first `equal` ones, are there in the later turn. One message alone may be
    /// there by chance ("go on"): it counts only where there is no more than that, and the first answer is the same. So may the
    /// beginning: where nothing but the newest message is another, two answers have to be the same.
    fn resumes_in(&self, later: &Prefix, equal: usize) -> bool {
        let behind = self.marks.get(equal..).unwrap_or_default();
        let theirs = later.marks.get(equal..).unwrap_or_default();
        match behind {
            [_] => return self.answer == later.answer && equal >= Prefix::TWO_ANSWERS,
            [_, only] => return self.answer == later.answer && theirs.contains(only),
            _ => {}
        }
        let newest = behind.get(behind.len().saturating_sub(Prefix::RECENT)..).unwrap_or_default();
        newest.windows(2).any(|pair| theirs.windows(2).any(|theirs| theirs == pair))
    }
}

/// How many messages that many hashes stand for.
fn messages_of(marks: usize) -> u32 {
    let coarse = marks.saturating_sub(Prefix::EXACT).saturating_mul(Prefix::STRIDE);
    u32::try_from(marks.min(Prefix::EXACT).saturating_add(coarse)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
