//! The attempts of one exchange: a short list for its record, and one record for each that failed.

use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use log::Level;
use log::kv::{Error, Source, Value, VisitSource};
use ovth_filters::neutral::ErrorClass;

use super::short::shortened;
use super::{Fields, Outcome, ShortText, emit, field, millis};

/// The log target of records of failed attempts.
const TARGET: &str = "ovth::attempt";

/// The most attempts that are listed; further ones are only counted.
const MAX_LISTED: usize = 16;

/// The most characters of a reason that are logged.
const MAX_REASON_CHARS: usize = 256;

/// One attempt, as the list of an exchange's attempts tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptNote {
    /// Who was tried.
    pub provider: Arc<str>,
    /// The model, as the provider names it.
    pub model: Arc<str>,
    /// How it ended.
    pub outcome: Outcome,
    /// The HTTP status of the provider's answer, if there was one.
    pub status: Option<u16>,
}

/// `provider/model:how`, where how is the provider's status when that tells how it ended, else the outcome's name.
/// Printable ASCII only, so that it can be the value of a header.
impl fmt::Display for AttemptNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_ascii(f, &self.provider)?;
        f.write_char('/')?;
        write_ascii(f, shortened(&self.model, ShortText::MAX_CHARS))?;
        match (self.outcome, self.status) {
            (Outcome::Ok, Some(status)) => write!(f, ":{status}"),
            (Outcome::Failed(_), Some(status)) if status >= 400 => write!(f, ":{status}"),
            (outcome, _) => write!(f, ":{outcome}"),
        }
    }
}

fn write_ascii(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return f.write_str(text);
    }
    text.chars().try_for_each(|c| f.write_char(if c.is_ascii_graphic() { c } else { '?' }))
}

/// The attempts of one exchange, in order; prints as `openai/gpt-5:429,anthropic/claude-opus-4-7:200`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    listed: Vec<AttemptNote>,
    count: u32,
}

impl Attempts {
    /// Adds an attempt. After 16 only the count grows.
    pub fn push(&mut self, note: AttemptNote) {
        self.count = self.count.saturating_add(1);
        if self.listed.len() < MAX_LISTED {
            self.listed.push(note);
        }
    }

    /// How many attempts there were.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Those that are listed, in order.
    pub fn iter(&self) -> impl Iterator<Item = &AttemptNote> {
        self.listed.iter()
    }

    /// Whether there was none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) const fn count_ref(&self) -> &u32 {
        &self.count
    }
}

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, note) in self.listed.iter().enumerate() {
            if index > 0 {
                f.write_char(',')?;
            }
            write!(f, "{note}")?;
        }
        match usize::try_from(self.count).unwrap_or(usize::MAX).saturating_sub(self.listed.len()) {
            0 => Ok(()),
            more => write!(f, ",+{more}"),
        }
    }
}

/// An attempt that failed, told as soon as it did.
#[derive(Clone, Copy, Debug)]
pub struct FailedAttempt<'a> {
    /// Our own id of the request.
    pub request_id: &'a str,
    /// Who was tried.
    pub provider: &'a str,
    /// The model, as the provider names it.
    pub model: &'a str,
    /// What went wrong.
    pub class: ErrorClass,
    /// The HTTP status of the provider's answer, if there was one.
    pub status: Option<u16>,
    /// What happened, in our own words. Not the provider's message: that may quote the prompt or a part of the key.
    pub reason: &'a str,
    /// How long the attempt took.
    pub elapsed: Duration,
}

impl FailedAttempt<'_> {
    /// Writes the record to the log: one `warn` line with the target `ovth::attempt`.
    pub fn emit(&self) {
        emit(Level::Warn, TARGET, "attempt failed", self);
    }
}

impl Source for FailedAttempt<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), Error> {
        let mut fields = Fields(visitor);
        fields.put(field::REQUEST_ID, self.request_id)?;
        fields.put(field::PROVIDER, self.provider)?;
        fields.put(field::MODEL, shortened(self.model, ShortText::MAX_CHARS))?;
        fields.put(field::OUTCOME, self.class.as_str())?;
        fields.put_some(field::STATUS, self.status.as_ref())?;
        fields.put(field::REASON, shortened(self.reason, MAX_REASON_CHARS))?;
        fields.value(field::ELAPSED_MS, Value::from(millis(self.elapsed)))
    }
}
