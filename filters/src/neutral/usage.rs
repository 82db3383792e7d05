//! Token counts by kind, in one form for every shape, so that each token is in exactly one bucket.

/// Tokens of one exchange by kind. Every token is counted in exactly one of `input`, `cache_read`, `cache_write*` and
/// `output`. `audio_input` is a part of `input`; `reasoning`, `audio_output` and `image_output` are parts of `output`
/// that do not overlap. Totals count no part again. `web_searches` are calls, not tokens.
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
    /// The part of `input` that was sound; never more than `input`. Sound that was read from a cache is in `cache_read`.
    pub audio_input: u64,
    /// The part of `output` that was sound.
    pub audio_output: u64,
    /// The part of `output` that was images.
    pub image_output: u64,
    /// Searches of the web that the provider made and charges by the call.
    pub web_searches: u64,
}

impl Usage {
    /// The same with each part at most what it is a part of: providers' details need not add up.
    #[must_use]
    pub fn with_parts_in_bounds(self) -> Usage {
        let reasoning = self.reasoning.min(self.output);
        let audio_output = self.audio_output.min(self.output - reasoning);
        let image_output = self.image_output.min(self.output - reasoning - audio_output);
        Usage { reasoning, audio_output, image_output, audio_input: self.audio_input.min(self.input), ..self }
    }

    /// The two together, kind by kind.
    #[must_use]
    pub const fn plus(&self, other: &Usage) -> Usage {
        Usage {
            input: self.input.saturating_add(other.input),
            cache_read: self.cache_read.saturating_add(other.cache_read),
            cache_write: self.cache_write.saturating_add(other.cache_write),
            cache_write_1h: self.cache_write_1h.saturating_add(other.cache_write_1h),
            output: self.output.saturating_add(other.output),
            reasoning: self.reasoning.saturating_add(other.reasoning),
            audio_input: self.audio_input.saturating_add(other.audio_input),
            audio_output: self.audio_output.saturating_add(other.audio_output),
            image_output: self.image_output.saturating_add(other.image_output),
            web_searches: self.web_searches.saturating_add(other.web_searches),
        }
    }

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
