//! What may be spent: the limits that the configuration sets for every key, and that a key, or an end user, can have of its own.

use ovth_filters::money::PicoDollars;

/// One limit: a number, or the word that there is none (which overrides a number that would hold otherwise).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cap {
    /// No limit.
    Unlimited,
    /// At most this many: tokens, pico-dollars, requests, or what the field says. Never 0.
    At(u64),
}

impl Cap {
    /// The number, when there is a limit.
    #[must_use]
    pub const fn limit(self) -> Option<u64> {
        match self {
            Cap::Unlimited => None,
            Cap::At(limit) => Some(limit),
        }
    }
}

/// Limits that hold together. `None`: nothing is said here, so that a default may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Tokens, weighted, per UTC day.
    pub daily_tokens: Option<Cap>,
    /// Tokens, weighted, per calendar month (UTC).
    pub monthly_tokens: Option<Cap>,
    /// Pico-dollars per UTC day.
    pub daily_usd: Option<Cap>,
    /// Pico-dollars per calendar month (UTC).
    pub monthly_usd: Option<Cap>,
    /// Requests begun within any 60 seconds.
    pub requests_per_minute: Option<Cap>,
    /// Tokens, weighted, of requests begun within any 60 seconds.
    pub tokens_per_minute: Option<Cap>,
    /// Requests under way at the same time.
    pub max_concurrent: Option<Cap>,
    /// Output tokens of one answer: a request that asks for more, or for no bound, is bounded by this.
    pub max_output_tokens: Option<Cap>,
}

impl Allowance {
    /// These limits, and the defaults where nothing is said here.
    #[must_use]
    pub fn or(&self, defaults: &Allowance) -> Allowance {
        Allowance {
            daily_tokens: self.daily_tokens.or(defaults.daily_tokens),
            monthly_tokens: self.monthly_tokens.or(defaults.monthly_tokens),
            daily_usd: self.daily_usd.or(defaults.daily_usd),
            monthly_usd: self.monthly_usd.or(defaults.monthly_usd),
            requests_per_minute: self.requests_per_minute.or(defaults.requests_per_minute),
            tokens_per_minute: self.tokens_per_minute.or(defaults.tokens_per_minute),
            max_concurrent: self.max_concurrent.or(defaults.max_concurrent),
            max_output_tokens: self.max_output_tokens.or(defaults.max_output_tokens),
        }
    }
}

/// How much a token of each kind counts towards limits in tokens, in thousandths; money is not weighted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    /// Input that no cache has a part in.
    pub input: u32,
    /// Input read from a cache.
    pub cache_read: u32,
    /// Input written to a cache, of either time to live.
    pub cache_write: u32,
    /// Output, reasoning included.
    pub output: u32,
}

impl Default for Weights {
    fn default() -> Weights {
        Weights { input: 1000, cache_read: 1000, cache_write: 1000, output: 1000 }
    }
}

impl Weights {
    /// The weighted count of these tokens, rounded up.
    #[must_use]
    pub fn count(&self, usage: &ovth_filters::neutral::Usage) -> u64 {
        let part = |tokens: u64, weight: u32| u128::from(tokens) * u128::from(weight);
        let sum = part(usage.input, self.input)
            + part(usage.cache_read, self.cache_read)
            + part(usage.cache_write, self.cache_write)
            + part(usage.cache_write_1h, self.cache_write)
            + part(usage.output, self.output);
        u64::try_from(sum.div_ceil(1000)).unwrap_or(u64::MAX)
    }
}

/// What is set aside for an answer whose length nobody knows yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overshoot {
    /// What is expected: the recent 95th percentile of this model for this key. What an answer has beyond that may overshoot a limit.
    #[default]
    Expected,
    /// The full bound of the answer, so that no limit is overshot; requests with a large bound are refused early.
    None,
}

/// Names with `*` and `?`, of which one must fit. An empty list fits nothing; "no list" is an `Option` around it.
#[derive(Clone, Debug, PartialEq)]
pub struct Globs(Box<[wildmatch::WildMatch]>);

impl Globs {
    /// Patterns as they were written.
    #[must_use]
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Globs {
        Globs(patterns.into_iter().map(wildmatch::WildMatch::new).collect())
    }

    /// Whether one of them fits the whole name. Case counts.
    #[must_use]
    pub fn fit(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(name))
    }

    /// The patterns, as text.
    pub fn patterns(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(ToString::to_string)
    }
}

/// When a client sees its answer relative to what is on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The reservation is on disk before the first byte of the answer goes out.
    #[default]
    Strict,
    /// Nothing is waited for; a crash may forget the last quarter of a second.
    Relaxed,
}

/// What happens to requests while the ledger cannot be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLedgerError {
    /// They are answered with 503.
    #[default]
    Refuse,
    /// They are served and counted in memory, for as long as that has room.
    Serve,
}

/// How long the ledger keeps what it wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Entries of exchanges are deleted after so many days.
    pub entry_days: u32,
    /// The oldest entries are deleted when all of them take more bytes than this.
    pub entry_bytes: u64,
    /// Daily sums are deleted after so many days.
    pub usage_days: u32,
}

impl Default for Retention {
    fn default() -> Retention {
        Retention { entry_days: 90, entry_bytes: 1 << 30, usage_days: 800 }
    }
}

/// A price that the operator pays instead of the catalogue's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceOverride {
    /// The provider.
    pub provider: Box<str>,
    /// The model's id at that provider, as the catalogue or `models` has it.
    pub model: Box<str>,
    /// The price; it replaces the catalogue's as a whole.
    pub price: ovth_filters::price::Price,
}

/// Dollars as they are written in configuration and JSON (`12.5`), in pico-dollars. `None` when it is no such number.
#[must_use]
pub fn dollars(text: &str) -> Option<PicoDollars> {
    // A price per million tokens has a millionth of the value and the same digits.
    PicoDollars::per_token(text).ok()?.0.checked_mul(1_000_000).map(PicoDollars)
}
