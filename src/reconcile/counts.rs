//! What is counted of one model on one day, by either side.

use std::fmt;

use jiff::civil::Date;

use crate::catalog::{self, Catalog};

/// What figures belong to: one model on one UTC day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// The UTC day.
    pub day: Date,
    /// The model's id in the catalogue, undated where it takes one; else the name as it was found, in lower case and undated.
    pub model: String,
}

impl Cell {
    /// The cell of a model that goes by that name at that provider.
    #[must_use]
    pub fn new(day: Date, provider: &str, name: &str, catalog: &Catalog) -> Cell {
        let model = match catalog.lookup(provider, name) {
            Some(model) => model.id.to_string(),
            None => catalog::undated(&name.to_lowercase()).to_owned(),
        };
        Cell { day, model }
    }
}

/// One kind of figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Requests.
    Requests,
    /// Input tokens that no cache has a part in (and those of kinds that the export does not tell apart).
    Input,
    /// Input tokens read from a cache.
    CacheRead,
    /// Input tokens written to a cache, for the default time to live or for any.
    CacheWrite,
    /// Input tokens written to a cache that lives for an hour.
    CacheWrite1h,
    /// Output tokens, reasoning included.
    Output,
}

impl Kind {
    /// The name in tables and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Requests => "requests",
            Kind::Input => "input",
            Kind::CacheRead => "cache_read",
            Kind::CacheWrite => "cache_write",
            Kind::CacheWrite1h => "cache_write_1h",
            Kind::Output => "output",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which kinds an export tells apart; input and output are in every one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    /// Whether requests are counted.
    pub requests: bool,
    /// Whether cache reads are apart from other input.
    pub cache_read: bool,
    /// Whether cache writes are apart from other input.
    pub cache_write: bool,
    /// Whether those that live for an hour are apart from other cache writes.
    pub cache_write_1h: bool,
}

/// Figures of one cell. Sums stop at the largest number instead of wrapping around.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that went well, or all that a provider counts.
    pub requests: u64,
    /// Requests that failed: a provider may have counted them or not.
    pub failed_requests: u64,
    /// See [`Kind::Input`].
    pub input: u64,
    /// See [`Kind::CacheRead`].
    pub cache_read: u64,
    /// See [`Kind::CacheWrite`].
    pub cache_write: u64,
    /// See [`Kind::CacheWrite1h`].
    pub cache_write_1h: u64,
    /// See [`Kind::Output`].
    pub output: u64,
}

impl Counts {
    /// Adds others to these.
    pub fn add(&mut self, other: &Counts) {
        for (sum, more) in [
            (&mut self.requests, other.requests),
            (&mut self.failed_requests, other.failed_requests),
            (&mut self.input, other.input),
            (&mut self.cache_read, other.cache_read),
            (&mut self.cache_write, other.cache_write),
            (&mut self.cache_write_1h, other.cache_write_1h),
            (&mut self.output, other.output),
        ] {
            *sum = sum.saturating_add(more);
        }
    }

    /// The same figures with those kinds put together that the export does not tell apart.
    #[must_use]
    pub fn folded(mut self, kinds: Kinds) -> Counts {
        if !kinds.cache_write_1h {
            self.cache_write = self.cache_write.saturating_add(std::mem::take(&mut self.cache_write_1h));
        }
        if !kinds.cache_write {
            self.input = self.input.saturating_add(std::mem::take(&mut self.cache_write));
        }
        if !kinds.cache_read {
            self.input = self.input.saturating_add(std::mem::take(&mut self.cache_read));
        }
        self
    }

    /// The figure of one kind.
    #[must_use]
    pub const fn of(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Requests => self.requests,
            Kind::Input => self.input,
            Kind::CacheRead => self.cache_read,
            Kind::CacheWrite => self.cache_write,
            Kind::CacheWrite1h => self.cache_write_1h,
            Kind::Output => self.output,
        }
    }
}

impl Kinds {
    /// Those that are compared, in the order in which they are told.
    pub(super) fn list(self) -> impl Iterator<Item = Kind> {
        [
            (Kind::Requests, self.requests),
            (Kind::Input, true),
            (Kind::CacheRead, self.cache_read),
            (Kind::CacheWrite, self.cache_write),
            (Kind::CacheWrite1h, self.cache_write_1h),
            (Kind::Output, true),
        ]
        .into_iter()
        .filter_map(|(kind, told)| told.then_some(kind))
    }
}
