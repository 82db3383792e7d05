//! The gateway's metrics: counted on the hot path through handles that were looked up once, rendered for Prometheus.

mod accounts;
mod cost;
mod declare;
mod edge;
mod gaps;
mod ledger;
mod lookups;
mod names;
mod reloads;
mod status;
mod target;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ovth_filters::{Operation, Shape};
use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder};

pub use self::accounts::{Accounts, KeyState, ProviderAccounts};
use self::declare::{counter, counters, gauge, gauges, histogram, histograms, register};
pub use self::edge::{ConnectionCut, Edge};
pub use self::gaps::Gaps;
pub use self::ledger::{CommitMetrics, LedgerMetrics};
pub use self::lookups::{Lookup, LookupMetrics};
pub use self::reloads::{ReloadOutcome, Reloads};
use self::target::Targets;
pub use self::target::{OTHER, TargetMetrics};
use super::{HedgeOutcome, Outcome, Record};

/// The content type of what [`Metrics::render`] returns.
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// The label of a request that is for no operation.
const NO_OPERATION: &str = "other";

/// Operations, [`NO_OPERATION`] included.
const OPERATIONS: usize = 5;

/// Pairs of operation and shape.
const SLOTS: usize = OPERATIONS * Shape::ALL.len();

/// Pairs of operation and whether a stream was asked for.
const TIMINGS: usize = OPERATIONS * 2;

/// All metrics of one process. They belong to this value and not to the process, so that tests do not share them.
///
/// One exchange is counted by [`Metrics::begin`] at its start, on the [`TargetMetrics`] of each of its attempts as they happen, and by
/// [`Metrics::exchange`] at its end; the gauges and counters that are fields belong to other parts.
pub struct Metrics {
    /// Bytes of request bodies, held answers and error bodies in memory now; set when it is scraped.
    pub buffered_bytes: IntGauge,
    /// The most of them; set when it is scraped.
    pub buffered_bytes_limit: IntGauge,
    /// Seconds since the day of the catalogue's facts; set when it is scraped.
    pub catalogue_age: IntGauge,
    /// What is read of the ledger when it is scraped.
    pub ledger: LedgerMetrics,
    /// What the ledger's thread measures.
    pub commits: CommitMetrics,
    /// What is measured of looking up providers' addresses.
    pub lookups: LookupMetrics,
    /// Log records that were dropped; counted by [`logging`](super::logging).
    pub log_records_dropped: IntCounter,
    /// Records of exchanges that did not get into the access log's file.
    pub access_records_dropped: IntCounter,
    /// Exchanges that were to be captured and were not, or not whole.
    pub captures_dropped: IntCounter,
    /// Which configuration is in force, and how tries to replace it went; kept by whoever reloads.
    pub reloads: Reloads,
    /// What providers say of the configured keys; kept by whoever asks them.
    pub accounts: Accounts,
    /// Connections, and clients that were turned away or cut; counted by whoever does so.
    pub edge: Edge,
    registry: Registry,
    in_flight: IntGauge,
    requests: IntCounterVec,
    /// Handles of the usual case, outcome `ok` and status 200, by [`slot`].
    requests_ok: [OnceLock<IntCounter>; SLOTS],
    timings: Timings,
    request_bytes: IntCounter,
    response_bytes: IntCounter,
    local: IntCounterVec,
    cooled: IntGaugeVec,
    breakers: IntGaugeVec,
    /// By the place of the reason in [`names::CACHE_BREAK_REASONS`].
    cache_breaks: [IntCounter; names::CACHE_BREAK_REASONS.len()],
    /// By [`HedgeOutcome`].
    hedges: [IntCounter; HedgeOutcome::ALL.len()],
    quota_refusals: IntCounterVec,
    ledger_wait: Histogram,
    heartbeats: IntCounter,
    client_aborts: IntCounter,
    targets: Targets,
}

impl Metrics {
    /// Declares every metric; those without labels begin at zero.
    #[must_use]
    pub fn new() -> Metrics {
        let registry = Registry::new();
        #[cfg(target_os = "linux")]
        register(&registry, prometheus::process_collector::ProcessCollector::for_self());
        let cache_breaks = counters(&registry, &names::CACHE_BREAKS);
        let hedges = counters(&registry, &names::HEDGES);
        gauges(&registry, &names::BUILD_INFO).with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Metrics {
            buffered_bytes: gauge(&registry, &names::BUFFERED_BYTES),
            buffered_bytes_limit: gauge(&registry, &names::BUFFERED_BYTES_LIMIT),
            catalogue_age: gauge(&registry, &names::CATALOGUE_AGE),
            ledger: LedgerMetrics::new(&registry),
            commits: CommitMetrics::new(&registry),
            lookups: LookupMetrics::new(&registry),
            log_records_dropped: counter(&registry, &names::LOG_RECORDS_DROPPED),
            access_records_dropped: counter(&registry, &names::ACCESS_RECORDS_DROPPED),
            captures_dropped: counter(&registry, &names::CAPTURES_DROPPED),
            reloads: Reloads::new(&registry),
            accounts: Accounts::new(&registry),
            edge: Edge::new(&registry),
            in_flight: gauge(&registry, &names::REQUESTS_IN_FLIGHT),
            requests: counters(&registry, &names::REQUESTS),
            requests_ok: Default::default(),
            timings: Timings::new(&registry),
            request_bytes: counter(&registry, &names::REQUEST_BYTES),
            response_bytes: counter(&registry, &names::RESPONSE_BYTES),
            local: counters(&registry, &names::LOCAL_REQUESTS),
            cooled: gauges(&registry, &names::COOLED_TARGETS),
            breakers: gauges(&registry, &names::BREAKERS),
            cache_breaks: names::CACHE_BREAK_REASONS.map(|reason| cache_breaks.with_label_values(&[reason])),
            hedges: HedgeOutcome::ALL.map(|outcome| hedges.with_label_values(&[outcome.as_str()])),
            quota_refusals: counters(&registry, &names::QUOTA_REFUSALS),
            ledger_wait: histogram(&registry, &names::LEDGER_WAIT, names::WAIT_SECONDS),
            heartbeats: counter(&registry, &names::HEARTBEATS),
            client_aborts: counter(&registry, &names::CLIENT_ABORTS),
            targets: Targets::new(&registry),
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

    /// The handles of a model at a provider, to be held for an attempt. `provider` is an id of the configuration; `model` a name of the
    /// catalogue or the configuration, or [`OTHER`]: never a client's word.
    #[must_use]
    pub fn target(&self, provider: &str, model: &str) -> Arc<TargetMetrics> {
        self.targets.of(provider, model)
    }

    /// Counts how a target ended that was asked beside a silent one.
    pub fn hedge(&self, outcome: HedgeOutcome) {
        let [won, lost, failed] = &self.hedges;
        match outcome {
            HedgeOutcome::Won => won.inc(),
            HedgeOutcome::Lost => lost.inc(),
            HedgeOutcome::Failed => failed.inc(),
        }
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

    /// Counts a request that the gateway answered by itself, at an endpoint of that name.
    pub fn local(&self, endpoint: &'static str, status: u16) {
        self.local.with_label_values(&[endpoint, status::label(Some(status))]).inc();
    }

    /// Counts that an answer which was ready waited so long for the disk.
    pub fn ledger_waited(&self, elapsed: Duration) {
        self.ledger_wait.observe(elapsed.as_secs_f64());
    }

    /// Sets what is passed over now: how many of what scope at which provider. What is not named is no longer told.
    pub fn cooled<'a>(&self, counts: impl IntoIterator<Item = (&'a str, &'static str, usize)>) {
        self.cooled.reset();
        for (provider, scope, count) in counts {
            self.cooled.with_label_values(&[provider, scope]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// Sets where breakers stand now: how many at which provider in which state. What is not named is no longer told.
    pub fn breakers<'a>(&self, counts: impl IntoIterator<Item = (&'a str, &'static str, usize)>) {
        self.breakers.reset();
        for (provider, state, count) in counts {
            self.breakers.with_label_values(&[provider, state]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// Counts a whole exchange at its end: the request, its times, bytes, heartbeats or abort; and at the target that it came to last,
    /// tokens and cost.
    pub fn exchange(&self, record: &Record, target: Option<&TargetMetrics>) {
        self.request(record);
        self.timings.observe(record);
        self.request_bytes.inc_by(record.bytes_in);
        self.response_bytes.inc_by(record.bytes_out);
        if record.heartbeats > 0 {
            self.heartbeats.inc_by(u64::from(record.heartbeats));
        }
        if record.outcome == Outcome::ClientAbort {
            self.client_aborts.inc();
        }
        if let Some(target) = target {
            target.exchange(record);
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
            let labels = [
                operation_label(record.operation),
                record.shape.as_str(),
                record.outcome.as_str(),
                status::label(record.status),
            ];
            self.requests.with_label_values(&labels)
        };
        let usual = record.outcome == Outcome::Ok && record.status == Some(200);
        match self.requests_ok.get(slot(record.operation, record.shape)).filter(|_| usual) {
            Some(handle) => handle.get_or_init(resolve).inc(),
            None => resolve().inc(),
        }
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

/// How long requests take, and how much of that is the gateway's own time.
struct Timings {
    duration: HistogramVec,
    overhead: HistogramVec,
    /// By [`timing_slot`].
    handles: [OnceLock<(Histogram, Histogram)>; TIMINGS],
}

impl Timings {
    fn new(registry: &Registry) -> Timings {
        Timings {
            duration: histograms(registry, &names::REQUEST_DURATION, names::REQUEST_SECONDS),
            overhead: histograms(registry, &names::OVERHEAD, names::OVERHEAD_SECONDS),
            handles: Default::default(),
        }
    }

    fn observe(&self, record: &Record) {
        let labels = [operation_label(record.operation), if record.stream { "true" } else { "false" }];
        let resolve = || (self.duration.with_label_values(&labels), self.overhead.with_label_values(&labels));
        let slot = operation_slot(record.operation) * 2 + usize::from(record.stream);
        let Some(handles) = self.handles.get(slot) else { return };
        let (duration, overhead) = handles.get_or_init(resolve);
        duration.observe(record.duration.as_secs_f64());
        if let Some(own) = record.overhead() {
            overhead.observe(own.as_secs_f64());
        }
    }
}

fn operation_label(operation: Option<Operation>) -> &'static str {
    operation.map_or(NO_OPERATION, Operation::as_str)
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

#[cfg(test)]
mod tests;
