//! The metrics of one provider and of one of its models, as handles that an exchange looks up once for each attempt.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, Registry};

use super::cost::{Cost, Costs};
use super::declare::{counters, histograms};
use super::{Gaps, Outcome, Record, names};

/// What stands for providers and models that are not told apart.
pub const OTHER: &str = "(other)";

/// Providers that have series of their own. Their ids come from the configuration; this bounds what years of changes to it add up to.
pub(super) const MAX_PROVIDERS: usize = 64;

/// Pairs of provider and model that have series of their own; every further model of a provider is [`OTHER`].
pub(super) const MAX_MODELS: usize = 256;

/// All metrics that have a provider as a label.
pub(super) struct Targets {
    families: Families,
    /// Read without a lock; replaced as a whole when a pair is seen for the first time.
    known: ArcSwap<Known>,
}

#[derive(Clone, Default)]
struct Known {
    /// Pairs that have series of their own.
    pairs: usize,
    providers: HashMap<Arc<str>, Provider>,
}

#[derive(Clone)]
struct Provider {
    metrics: Arc<ProviderMetrics>,
    models: HashMap<Arc<str>, Arc<TargetMetrics>>,
}

impl Known {
    fn find(&self, provider: &str, model: &str) -> Option<&Arc<TargetMetrics>> {
        match self.providers.get(provider) {
            Some(known) => match known.models.get(model) {
                None if self.pairs >= MAX_MODELS => known.models.get(OTHER),
                found => found,
            },
            None if self.providers.len() >= MAX_PROVIDERS => self.providers.get(OTHER)?.models.get(OTHER),
            None => None,
        }
    }
}

impl Targets {
    pub(super) fn new(registry: &Registry) -> Targets {
        Targets { families: Families::new(registry), known: ArcSwap::default() }
    }

    /// The handles of a model at a provider.
    pub(super) fn of(&self, provider: &str, model: &str) -> Arc<TargetMetrics> {
        if let Some(known) = self.known.load().find(provider, model) {
            return Arc::clone(known);
        }
        let mut found = None;
        self.known.rcu(|known| {
            let mut next = Known::clone(known);
            found = Some(self.add(&mut next, provider, model));
            next
        });
        found.expect("it was just added")
    }

    /// Adds a pair, under names for all others where there are too many. A handle that loses a race shares its series with the winner.
    fn add(&self, known: &mut Known, provider: &str, model: &str) -> Arc<TargetMetrics> {
        let is_full = known.providers.len() >= MAX_PROVIDERS && !known.providers.contains_key(provider);
        let provider = if is_full { OTHER } else { provider };
        let model = if is_full || known.pairs >= MAX_MODELS { OTHER } else { model };
        let Known { pairs, providers } = known;
        let at = providers.entry(provider.into()).or_insert_with(|| Provider {
            metrics: Arc::new(self.families.provider(provider)),
            models: HashMap::new(),
        });
        if let Some(found) = at.models.get(model) {
            return Arc::clone(found);
        }
        *pairs += usize::from(model != OTHER);
        let fresh = Arc::new(self.families.target(&at.metrics, model));
        at.models.insert(model.into(), Arc::clone(&fresh));
        fresh
    }
}

struct Families {
    attempts: IntCounterVec,
    failovers: IntCounterVec,
    tokens: IntCounterVec,
    reasoning: IntCounterVec,
    costs: Costs,
    unpriced: IntCounterVec,
    estimated: IntCounterVec,
    first_token: HistogramVec,
    gap: HistogramVec,
    connections: IntCounterVec,
    connect: HistogramVec,
}

impl Families {
    fn new(registry: &Registry) -> Families {
        Families {
            attempts: counters(registry, &names::ATTEMPTS),
            failovers: counters(registry, &names::FAILOVERS),
            tokens: counters(registry, &names::TOKENS),
            reasoning: counters(registry, &names::REASONING_TOKENS),
            costs: Costs::new(registry),
            unpriced: counters(registry, &names::UNPRICED),
            estimated: counters(registry, &names::ESTIMATED),
            first_token: histograms(registry, &names::TIME_TO_FIRST_TOKEN, names::FIRST_TOKEN_SECONDS),
            gap: histograms(registry, &names::STREAM_GAP, names::GAP_SECONDS),
            connections: counters(registry, &names::CONNECTIONS),
            connect: histograms(registry, &names::CONNECT, names::WAIT_SECONDS),
        }
    }

    fn provider(&self, id: &str) -> ProviderMetrics {
        let connections = |origin| self.connections.with_label_values(&[id, origin]);
        ProviderMetrics {
            id: id.into(),
            failovers: self.failovers.clone(),
            pooled: connections("pool"),
            opened: connections("new"),
            connect: self.connect.with_label_values(&[id]),
        }
    }

    fn target(&self, provider: &Arc<ProviderMetrics>, model: &str) -> TargetMetrics {
        let pair = [&*provider.id, model];
        let tokens = |kind| self.tokens.with_label_values(&[kind, pair[0], pair[1]]);
        TargetMetrics {
            provider: Arc::clone(provider),
            model: model.into(),
            attempts_ok: self.attempts.with_label_values(&[pair[0], pair[1], Outcome::Ok.as_str()]),
            attempts: self.attempts.clone(),
            input: tokens("input"),
            cache_read: tokens("cache_read"),
            cache_write: tokens("cache_write"),
            cache_write_1h: tokens("cache_write_1h"),
            output: tokens("output"),
            reasoning: self.reasoning.with_label_values(&pair),
            cost: self.costs.of(&pair),
            unpriced: self.unpriced.with_label_values(&pair),
            estimated: self.estimated.with_label_values(&pair),
            first_token: self.first_token.with_label_values(&pair),
            gap: self.gap.with_label_values(&pair),
        }
    }
}

/// What is counted of one provider.
struct ProviderMetrics {
    id: Box<str>,
    failovers: IntCounterVec,
    pooled: IntCounter,
    opened: IntCounter,
    connect: Histogram,
}

/// What is counted of one model at one provider. Held by an exchange for as long as it is at that target.
pub struct TargetMetrics {
    provider: Arc<ProviderMetrics>,
    model: Box<str>,
    attempts_ok: IntCounter,
    attempts: IntCounterVec,
    input: IntCounter,
    cache_read: IntCounter,
    cache_write: IntCounter,
    cache_write_1h: IntCounter,
    output: IntCounter,
    reasoning: IntCounter,
    cost: Cost,
    unpriced: IntCounter,
    estimated: IntCounter,
    first_token: Histogram,
    gap: Histogram,
}

impl TargetMetrics {
    /// Counts one attempt. Call it as soon as the attempt's outcome is known.
    pub fn attempt(&self, outcome: Outcome) {
        match outcome {
            Outcome::Ok => self.attempts_ok.inc(),
            other => self.attempts.with_label_values(&[&*self.provider.id, &*self.model, other.as_str()]).inc(),
        }
    }

    /// Counts that another target is tried after an outcome of this one.
    pub fn failover(&self, reason: Outcome) {
        self.provider.failovers.with_label_values(&[&*self.provider.id, reason.as_str()]).inc();
    }

    /// Counts a connection that an attempt is sent on: one from the pool (`None`), or a new one that took so long to open.
    pub fn connection(&self, opened_in: Option<Duration>) {
        match opened_in {
            None => self.provider.pooled.inc(),
            Some(elapsed) => {
                self.provider.opened.inc();
                self.provider.connect.observe(elapsed.as_secs_f64());
            }
        }
    }

    /// Begins to gather the gaps between the events of a stream.
    #[must_use]
    pub fn gaps(&self) -> Gaps {
        Gaps::new(&self.gap)
    }

    /// Counts what an exchange that ended at this target has used.
    pub(super) fn exchange(&self, record: &Record) {
        if let (true, Some(elapsed)) = (record.stream, record.time_to_first_byte) {
            self.first_token.observe(elapsed.as_secs_f64());
        }
        let Some(usage) = &record.usage else { return };
        let kinds = [
            (&self.input, usage.input),
            (&self.cache_read, usage.cache_read),
            (&self.cache_write, usage.cache_write),
            (&self.cache_write_1h, usage.cache_write_1h),
            (&self.output, usage.output),
            (&self.reasoning, usage.reasoning),
            (&self.estimated, record.usage_estimated.into()),
            (&self.unpriced, record.cost.is_none().into()),
        ];
        for (counter, count) in kinds {
            if count > 0 {
                counter.inc_by(count);
            }
        }
        if let Some(cost) = record.cost {
            self.cost.add(cost);
        }
    }
}
