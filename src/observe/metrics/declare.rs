//! Makes a metric of each declaration and puts it into the registry.

use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use super::names::Metric;

const VALID: &str = "the names and labels declared in names.rs are valid and unique";

pub(super) fn register<C: Collector + 'static>(registry: &Registry, collector: C) {
    registry.register(Box::new(collector)).expect(VALID);
}

pub(super) fn counter(registry: &Registry, metric: &Metric) -> IntCounter {
    let counter = IntCounter::new(metric.name, metric.help).expect(VALID);
    register(registry, counter.clone());
    counter
}

pub(super) fn counters(registry: &Registry, metric: &Metric) -> IntCounterVec {
    let counters = unregistered_counters(metric);
    register(registry, counters.clone());
    counters
}

/// Counters that something else shows.
pub(super) fn unregistered_counters(metric: &Metric) -> IntCounterVec {
    IntCounterVec::new(Opts::new(metric.name, metric.help), metric.labels).expect(VALID)
}

pub(super) fn gauge(registry: &Registry, metric: &Metric) -> IntGauge {
    let gauge = IntGauge::new(metric.name, metric.help).expect(VALID);
    register(registry, gauge.clone());
    gauge
}

pub(super) fn gauges(registry: &Registry, metric: &Metric) -> IntGaugeVec {
    let gauges = IntGaugeVec::new(Opts::new(metric.name, metric.help), metric.labels).expect(VALID);
    register(registry, gauges.clone());
    gauges
}

pub(super) fn histogram(registry: &Registry, metric: &Metric, buckets: &[f64]) -> Histogram {
    let opts = HistogramOpts::new(metric.name, metric.help).buckets(buckets.to_vec());
    let histogram = Histogram::with_opts(opts).expect(VALID);
    register(registry, histogram.clone());
    histogram
}

pub(super) fn histograms(registry: &Registry, metric: &Metric, buckets: &[f64]) -> HistogramVec {
    let opts = HistogramOpts::new(metric.name, metric.help).buckets(buckets.to_vec());
    let histograms = HistogramVec::new(opts, metric.labels).expect(VALID);
    register(registry, histograms.clone());
    histograms
}
