//! How long look-ups of providers' addresses take, and how they end.

use std::time::Instant;

use prometheus::{Histogram, Registry};

use super::declare::histograms;
use super::names;

/// What is measured of each look-up.
#[derive(Clone, Debug)]
pub struct LookupMetrics {
    ok: Histogram,
    failed: Histogram,
    cut_off: Histogram,
}

impl LookupMetrics {
    pub(super) fn new(registry: &Registry) -> LookupMetrics {
        let lookups = histograms(registry, &names::LOOKUPS, names::WAIT_SECONDS);
        let by = |outcome| lookups.with_label_values(&[outcome]);
        LookupMetrics { ok: by("ok"), failed: by("failed"), cut_off: by("cut_off") }
    }

    /// Begins to measure a look-up. One that is dropped before [`Lookup::ended`] was cut off: it took too long.
    #[must_use]
    pub fn begin(&self) -> Lookup {
        Lookup { metrics: self.clone(), began: Instant::now(), outcome: None }
    }
}

/// A look-up under way.
pub struct Lookup {
    metrics: LookupMetrics,
    began: Instant,
    outcome: Option<bool>,
}

impl Lookup {
    /// The look-up has ended, with addresses or with an error.
    pub fn ended(mut self, ok: bool) {
        self.outcome = Some(ok);
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        let histogram = match self.outcome {
            Some(true) => &self.metrics.ok,
            Some(false) => &self.metrics.failed,
            None => &self.metrics.cut_off,
        };
        histogram.observe(self.began.elapsed().as_secs_f64());
    }
}
