//! Token counts by kind, in one form for every shape, so that each token is in exactly one bucket.

/// Tokens of one exchange by kind. Every token is counted in exactly one of `input`, `cache_read`, `cache_write*`
/// and `output`; `reasoning` is the part of `output` that was spent on reasoning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Input tokens that were neither read from a cache nor written to one.
    pub input: u64,
    /// Input tokens read from the provider's prompt cache.
    pub cache_read: u64,
    /// Input tokens written to a cache with the default time to live (Anthropic: five minutes), or unsplit.
    pub cache_write: u64,
    /// Input tokens written to a cache that lives for an hour.
    pub cache_write_1h: u64,
    /// All output tokens, reasoning included.
    pub output: u64,
    /// The part of `output` that was reasoning; never more than `output`.
    pub reasoning: u64,
}

impl Usage {
    /// All input and output tokens.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.prompt().saturating_add(self.output)
    }

    /// All tokens of the prompt, cached ones included.
    #[must_use]
    pub const fn prompt(&self) -> u64 {
        self.input.saturating_add(self.cache_read).saturating_add(self.cache_write).saturating_add(self.cache_write_1h)
    }
}
