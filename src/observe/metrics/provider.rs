//! The metrics of one provider, as handles that were looked up once.

use std::time::Duration;

use ovth_filters::neutral::Usage;
use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, Registry};

use super::names::{ATTEMPTS, REASONING_TOKENS, TIME_TO_FIRST_TOKEN, TOKENS};
use super::{Outcome, counters, histograms};

/// The metrics that have a provider as a label.
pub(super) struct Families {
    attempts: IntCounterVec,
    tokens: IntCounterVec,
    reasoning: IntCounterVec,
    first_token: HistogramVec,
}

impl Families {
    pub(super) fn new(registry: &Registry) -> Families {
        Families {
            attempts: counters(registry, &ATTEMPTS),
            tokens: counters(registry, &TOKENS),
            reasoning: counters(registry, &REASONING_TOKENS),
            first_token: histograms(registry, &TIME_TO_FIRST_TOKEN),
        }
    }

    /// The handles of one provider.
    pub(super) fn of(&self, provider: &str) -> ProviderMetrics {
        let tokens = |kind| self.tokens.with_label_values(&[kind, provider]);
        ProviderMetrics {
            provider: provider.into(),
            attempts_ok: self.attempts.with_label_values(&[provider, Outcome::Ok.as_str()]),
            attempts: self.attempts.clone(),
            input: tokens("input"),
            cache_read: tokens("cache_read"),
            cache_write: tokens("cache_write"),
            cache_write_1h: tokens("cache_write_1h"),
            output: tokens("output"),
            reasoning: self.reasoning.with_label_values(&[provider]),
            first_token: self.first_token.with_label_values(&[provider]),
        }
    }
}

/// One provider's counters.
pub(super) struct ProviderMetrics {
    provider: Box<str>,
    attempts_ok: IntCounter,
    attempts: IntCounterVec,
    input: IntCounter,
    cache_read: IntCounter,
    cache_write: IntCounter,
    cache_write_1h: IntCounter,
    output: IntCounter,
    reasoning: IntCounter,
    first_token: Histogram,
}

impl ProviderMetrics {
    pub(super) fn attempt(&self, outcome: Outcome) {
        match outcome {
            Outcome::Ok => self.attempts_ok.inc(),
            other => self.attempts.with_label_values(&[&*self.provider, other.as_str()]).inc(),
        }
    }

    pub(super) fn tokens(&self, usage: &Usage) {
        let kinds = [
            (&self.input, usage.input),
            (&self.cache_read, usage.cache_read),
            (&self.cache_write, usage.cache_write),
            (&self.cache_write_1h, usage.cache_write_1h),
            (&self.output, usage.output),
            (&self.reasoning, usage.reasoning),
        ];
        for (counter, count) in kinds {
            if count > 0 {
                counter.inc_by(count);
            }
        }
    }

    pub(super) fn first_token(&self, elapsed: Duration) {
        self.first_token.observe(elapsed.as_secs_f64());
    }
}
