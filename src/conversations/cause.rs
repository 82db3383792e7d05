//! Why a cache was not read, in a word and in a sentence.

use std::fmt;

/// Why a cache was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Another provider or model served than the turn before.
    TargetChanged,
    /// Other tools are declared.
    ToolsChanged,
    /// The system prompt is another.
    SystemChanged,
    /// Reasoning, the choice of tools, the form of the answer, the cache key or the marks for caching are not what they were.
    SettingsChanged,
    /// History is not what it was.
    PrefixDiverged,
    /// The turn before was too long ago.
    Expired,
    /// Everything was as before and in time: the provider did not read its cache.
    Provider,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Reason; 7] = [
        Reason::TargetChanged,
        Reason::ToolsChanged,
        Reason::SystemChanged,
        Reason::SettingsChanged,
        Reason::PrefixDiverged,
        Reason::Expired,
        Reason::Provider,
    ];

    /// The name in entries and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::TargetChanged => "target_changed",
            Reason::ToolsChanged => "tools_changed",
            Reason::SystemChanged => "system_changed",
            Reason::SettingsChanged => "settings_changed",
            Reason::PrefixDiverged => "prefix_diverged",
            Reason::Expired => "expired",
            Reason::Provider => "provider",
        }
    }
}

/// A cache that was not read as it could have been.
///
/// ```
/// use ovth_gateway::conversations::{CacheBreak, Reason};
/// let broken = CacheBreak { reason: Reason::PrefixDiverged, message: Some(7), expected: 18_432, read: 0 };
/// assert_eq!(broken.to_string(), "prefix_diverged at message 7 (expected 18,432 cached tokens, read 0)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheBreak {
    /// Why.
    pub reason: Reason,
    /// The first message that is not what it was: its place in the request's array, counted from 1, system messages
    /// included. Only with [`Reason::PrefixDiverged`].
    pub message: Option<u32>,
    /// Tokens that were to be read.
    pub expected: u64,
    /// Tokens that were read.
    pub read: u64,
}

impl fmt::Display for CacheBreak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.as_str())?;
        if let Some(message) = self.message {
            write!(f, " at message {message}")?;
        }
        write!(f, " (expected {} cached tokens, read {})", Grouped(self.expected), Grouped(self.read))
    }
}

/// A number with a comma for each thousand.
struct Grouped(u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 / 1_000 {
            0 => write!(f, "{}", self.0),
            thousands => write!(f, "{},{:03}", Grouped(thousands), self.0 % 1_000),
        }
    }
}
