//! The gateway's metrics: counted on the hot path through handles that were looked up once, rendered for Prometheus.

mod names;
mod provider;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use ovth_filters::neutral::ErrorClass;
use ovth_filters::{Operation, Shape};
use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use self::names::Metric;
use self::provider::ProviderMetrics;
use super::{Outcome, Record};

/// The content type of what [`Metrics::render`] returns.
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// The label of a request that is for no operation, such as one for an unknown path.
const NO_OPERATION: &str = "other";

/// Operations, [`NO_OPERATION`] included.
const OPERATIONS: usize = 5;

/// Pairs of operation and shape.
const SLOTS: usize = OPERATIONS * Shape::ALL.len();

/// All metrics of one process. They belong to this value and not to the process, so that tests do not share them.
///
/// One exchange is counted by [`Metrics::begin`] at its start, [`Metrics::attempt`] and [`Metrics::failover`] as they
/// happen, and [`Metrics::exchange`] at its end; the gauges and counters that are fields belong to other parts.
pub struct Metrics {
    /// Bytes of request bodies, held answers and error bodies in memory now; kept by the memory budget.
    pub buffered_bytes: IntGauge,
    /// Targets that are passed over now; set by whoever cools them.
    pub cooled_targets: IntGauge,
    /// Requests under way that have a reservation; set when it is scraped.
    pub open_reservations: IntGauge,
    /// Entries that found no room in the ledger; set when it is scraped.
    pub entries_lost: IntGauge,
    /// Log records that were dropped; counted by [`logging`](super::logging).
    pub log_records_dropped: IntCounter,
    /// Records of exchanges that did not get into the access log's file.
    pub access_records_dropped: IntCounter,
    /// Exchanges that were to be captured and were not, or not whole.
    pub captures_dropped: IntCounter,
    registry: Registry,
    in_flight: IntGauge,
    requests: IntCounterVec,
    /// Handles of the usual case, outcome `ok` and status 200, by [`slot`].
    requests_ok: [OnceLock<IntCounter>; SLOTS],
    duration: HistogramVec,
    durations: [OnceLock<Histogram>; OPERATIONS],
    failovers: IntCounterVec,
    /// By the place of the reason in [`names::CACHE_BREAK_REASONS`].
    cache_breaks: [IntCounter; names::CACHE_BREAK_REASONS.len()],
    quota_refusals: IntCounterVec,
    heartbeats: IntCounter,
    client_aborts: IntCounter,
    by_provider: provider::Families,
    providers: ArcSwap<HashMap<Arc<str>, Arc<ProviderMetrics>>>,
}

impl Metrics {
    /// Declares every metric; those without labels begin at zero.
    #[must_use]
    pub fn new() -> Metrics {
        let registry = Registry::new();
        #[cfg(target_os = "linux")]
        register(&registry, prometheus::process_collector::ProcessCollector::for_self());
        let cache_breaks = counters(&registry, &names::CACHE_BREAKS);
        gauges(&registry, &names::BUILD_INFO).with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Metrics {
            buffered_bytes: gauge(&registry, &names::BUFFERED_BYTES),
            cooled_targets: gauge(&registry, &names::COOLED_TARGETS),
            open_reservations: gauge(&registry, &names::OPEN_RESERVATIONS),
            entries_lost: gauge(&registry, &names::ENTRIES_LOST),
            log_records_dropped: counter(&registry, &names::LOG_RECORDS_DROPPED),
            access_records_dropped: counter(&registry, &names::ACCESS_RECORDS_DROPPED),
            captures_dropped: counter(&registry, &names::CAPTURES_DROPPED),
            in_flight: gauge(&registry, &names::REQUESTS_IN_FLIGHT),
            requests: counters(&registry, &names::REQUESTS),
            requests_ok: Default::default(),
            duration: histograms(&registry, &names::REQUEST_DURATION),
            durations: Default::default(),
            failovers: counters(&registry, &names::FAILOVERS),
            cache_breaks: names::CACHE_BREAK_REASONS.map(|reason| cache_breaks.with_label_values(&[reason])),
            quota_refusals: counters(&registry, &names::QUOTA_REFUSALS),
            heartbeats: counter(&registry, &names::HEARTBEATS),
            client_aborts: counter(&registry, &names::CLIENT_ABORTS),
            by_provider: provider::Families::new(&registry),
            providers: ArcSwap::default(),
            registry,
        }
    }

    /// Counts a request as in flight until the returned guard is dropped.
    #[must_use]
    pub fn begin(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// How many requests are in flight now.
    #[must_use]
    pub fn in_flight(&self) -> i64 {
        self.in_flight.get()
    }

    /// Counts one attempt at a provider. Call it as soon as the attempt's outcome is known.
    pub fn attempt(&self, provider: &Arc<str>, outcome: Outcome) {
        self.provider(provider).attempt(outcome);
    }

    /// Counts that another target is tried because of an error of that class.
    pub fn failover(&self, reason: ErrorClass) {
        self.failovers.with_label_values(&[reason.as_str()]).inc();
    }

    /// Counts that a provider's prompt cache was not read as it could have been. A reason that is not declared is not counted.
    pub fn cache_break(&self, reason: &'static str) {
        let known = names::CACHE_BREAK_REASONS.iter().zip(&self.cache_breaks).find(|(name, _)| **name == reason);
        debug_assert!(known.is_some(), "the reason {reason} of a cache break is not declared");
        if let Some((_, counter)) = known {
            counter.inc();
        }
    }

    /// Counts a request that was not let in; `limit` is from the closed set of limits' names, or says what the ledger lacks.
    pub fn quota_refusal(&self, limit: &'static str) {
        self.quota_refusals.with_label_values(&[limit]).inc();
    }

    /// Counts a whole exchange at its end: the request, its duration, tokens, heartbeats or abort.
    pub fn exchange(&self, record: &Record) {
        self.request(record);
        self.request_duration(record);
        if record.heartbeats > 0 {
            self.heartbeats.inc_by(u64::from(record.heartbeats));
        }
        if record.outcome == Outcome::ClientAbort {
            self.client_aborts.inc();
        }
        if let Some(id) = &record.provider {
            let provider = self.provider(id);
            if let Some(usage) = &record.usage {
                provider.tokens(usage);
            }
            if let (true, Some(elapsed)) = (record.stream, record.time_to_first_byte) {
                provider.first_token(elapsed);
            }
        }
    }

    /// All metrics in Prometheus' text format; [`CONTENT_TYPE`] names it.
    #[must_use]
    pub fn render(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_else(|error| {
            log::error!(error:%; "metrics cannot be rendered");
            String::new()
        })
    }

    fn request(&self, record: &Record) {
        let resolve = || {
            let operation = record.operation.map_or(NO_OPERATION, Operation::as_str);
            // A request that ended before any status was written has none: 0 keeps the label numeric.
            let status = record.status.unwrap_or(0).to_string();
            self.requests.with_label_values(&[operation, record.shape.as_str(), record.outcome.as_str(), &status])
        };
        let usual = record.outcome == Outcome::Ok && record.status == Some(200);
        match self.requests_ok.get(slot(record.operation, record.shape)).filter(|_| usual) {
            Some(handle) => handle.get_or_init(resolve).inc(),
            None => resolve().inc(),
        }
    }

    fn request_duration(&self, record: &Record) {
        let resolve = || self.duration.with_label_values(&[record.operation.map_or(NO_OPERATION, Operation::as_str)]);
        let seconds = record.duration.as_secs_f64();
        match self.durations.get(operation_slot(record.operation)) {
            Some(handle) => handle.get_or_init(resolve).observe(seconds),
            None => resolve().observe(seconds),
        }
    }

    /// The handles of a provider. Ids come from the configuration, so there are few and they need no bound here.
    fn provider(&self, id: &Arc<str>) -> Arc<ProviderMetrics> {
        if let Some(known) = self.providers.load().get(id) {
            return Arc::clone(known);
        }
        let fresh = Arc::new(self.by_provider.of(id));
        self.providers.rcu(|known| {
            let mut all = HashMap::clone(known);
            all.insert(Arc::clone(id), Arc::clone(&fresh));
            all
        });
        fresh
    }
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

/// Keeps one request counted as in flight; dropping it ends that.
pub struct InFlight(IntGauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn operation_slot(operation: Option<Operation>) -> usize {
    match operation {
        Some(Operation::Generate) => 0,
        Some(Operation::Embed) => 1,
        Some(Operation::CountTokens) => 2,
        Some(Operation::ListModels) => 3,
        None => 4,
    }
}

fn slot(operation: Option<Operation>, shape: Shape) -> usize {
    let shape = match shape {
        Shape::Chat => 0,
        Shape::Responses => 1,
        Shape::Messages => 2,
        Shape::GenerateContent => 3,
    };
    operation_slot(operation) * Shape::ALL.len() + shape
}

const VALID: &str = "the names and labels declared in names.rs are valid and unique";

fn register<C: Collector + 'static>(registry: &Registry, collector: C) {
    registry.register(Box::new(collector)).expect(VALID);
}

fn counter(registry: &Registry, metric: &Metric) -> IntCounter {
    let counter = IntCounter::new(metric.name, metric.help).expect(VALID);
    register(registry, counter.clone());
    counter
}

fn gauge(registry: &Registry, metric: &Metric) -> IntGauge {
    let gauge = IntGauge::new(metric.name, metric.help).expect(VALID);
    register(registry, gauge.clone());
    gauge
}

fn gauges(registry: &Registry, metric: &Metric) -> IntGaugeVec {
    let gauges = IntGaugeVec::new(Opts::new(metric.name, metric.help), metric.labels).expect(VALID);
    register(registry, gauges.clone());
    gauges
}

fn counters(registry: &Registry, metric: &Metric) -> IntCounterVec {
    let counters = IntCounterVec::new(Opts::new(metric.name, metric.help), metric.labels).expect(VALID);
    register(registry, counters.clone());
    counters
}

fn histograms(registry: &Registry, metric: &Metric) -> HistogramVec {
    let opts = HistogramOpts::new(metric.name, metric.help).buckets(names::BUCKETS_SECONDS.to_vec());
    let histograms = HistogramVec::new(opts, metric.labels).expect(VALID);
    register(registry, histograms.clone());
    histograms
}

#[cfg(test)]
mod tests;
