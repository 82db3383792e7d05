//! Why a prompt cache was not read: the last turn of each conversation, in memory and as hashes only, to hold the next one against.
//!
//! A provider's cache is read when the beginning of a prompt is what it was a short while ago. Clients, agents and gateways break that
//! without noticing: a tool more, a date in the system prompt, history that is edited. What is known of the turn before tells which it was.
//!
//! **What is one conversation.** A turn belongs to an earlier one of the same key (and of the same session, where the client names one)
//! that began with the same message of the user, or in which the model's first answer was the same, when it continues it: its messages begin with
//! the earlier one's, or messages from behind a difference come again, or there is a session. Of several it is the one that it has most
//! in common with. So conversations in parallel are told apart even when they begin alike, and a short request with another model
//! and another system prompt (agents let titles be made like this) is one by itself. A conversation that begins anew with a summary of itself is a new one.
//!
//! **What is a break.** At least [`MIN_EXPECTED`] tokens were to be read, and less than half of them were. To be read is what the turn before
//! read and wrote, where the provider tells what it wrote (Anthropic, and OpenAI's newer models). Where it caches unasked it promises nothing: then it is what
//! the turn before was seen to read, so that hosts without a cache never count as broken, and the first miss is the only one
//! that does.

mod cause;
mod memory;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ovth_filters::neutral::Usage;
use ovth_filters::prefix::Prefix;

pub use cause::{CacheBreak, Reason};

use self::memory::{Memory, Names, Target, Thread};

/// Expectations below this are none: no provider caches shorter prompts
/// (<https://platform.openai.com/docs/guides/prompt-caching>, <https://docs.claude.com/en/docs/build-with-claude/prompt-caching>).
pub const MIN_EXPECTED: u64 = 1_024;

/// How long providers keep a prefix that nobody reads, unless more was asked for: Anthropic five minutes, OpenAI "5 to 10 minutes"
/// (same pages as above). A read begins the time anew.
pub const LIFETIME: Duration = Duration::from_secs(5 * 60);

/// How long Anthropic keeps what was written with `ttl: 1h`.
pub const LONG_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Parts with a lock each; all turns of a key and session are in one.
const SHARDS: usize = 4;

/// The last turns of the conversations that were heard of last: at most 4,096 (1,024 in each of four parts), with 524,288 hashes of
/// messages between them (2 MiB): less than 8 MiB in all. What is beyond that is forgotten, the oldest first. Nothing is
/// stored, nothing is content.
pub struct Conversations {
    shards: [Mutex<Memory>; SHARDS],
    /// Keyed at random, so that nobody can choose what collides.
    hasher: std::hash::RandomState,
}

/// A turn that is over and of which the provider told the token counts.
#[derive(Debug)]
pub struct Turn<'a> {
    /// The id of the client's key.
    pub key: &'a str,
    /// The client's own id of the session, where it names one (`x-claude-code-session-id`).
    pub session: Option<&'a str>,
    /// What was asked, as the provider's cache sees it.
    pub prefix: Prefix,
    /// The provider that served.
    pub provider: &'a str,
    /// Its model.
    pub model: &'a str,
    /// The provider's own figures, never an estimate.
    pub usage: &'a Usage,
    /// When the request came.
    pub began: Instant,
    /// When the first byte of its answer came: only then can others read what it wrote.
    pub answered: Instant,
}

impl Conversations {
    /// Remembers nothing yet.
    #[must_use]
    pub fn new() -> Conversations {
        Conversations { shards: Default::default(), hasher: std::hash::RandomState::new() }
    }

    /// Takes note of a turn, and tells why far less was read from the cache than the turn before had in it; `None` when that is
    /// not so, and when there is nothing to compare it with. Takes microseconds, does no I/O.
    pub fn turn(&self, turn: Turn<'_>) -> Option<CacheBreak> {
        use std::hash::BuildHasher as _;
        let scope = self.hasher.hash_one((turn.key, turn.session));
        let target = Target(self.hasher.hash_one((turn.provider, turn.model)));
        let name = |what| self.hasher.hash_one((scope, what));
        let names = Names { opening: name(turn.prefix.opening()), answer: turn.prefix.answer().map(name) };
        let thread = Thread {
            target,
            cached: if turn.usage.cache_write.saturating_add(turn.usage.cache_write_1h) > 0 {
                turn.usage.cache_read.saturating_add(turn.usage.cache_write).saturating_add(turn.usage.cache_write_1h)
            } else {
                turn.usage.cache_read
            },
            short_lived: turn.usage.cache_write > 0,
            long_lived: turn.usage.cache_write_1h > 0,
            began: turn.began,
            answered: turn.answered,
            prefix: turn.prefix,
        };
        let shard = self.shards.get((scope % SHARDS as u64) as usize)?;
        // Whoever panicked here left counters behind that are right or nearly so.
        let mut memory = shard.lock().unwrap_or_else(PoisonError::into_inner);
        memory.turn(thread, names, turn.session.is_some(), turn.usage)
    }

    /// How many conversations are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for Conversations {
    fn default() -> Conversations {
        Conversations::new()
    }
}

#[cfg(test)]
mod tests;
