//! Money: counted exactly, in integer pico-dollars, and told to Prometheus in dollars.

use ovth_filters::money::PicoDollars;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounter, IntCounterVec, Registry};

use super::declare::{register, unregistered_counters};
use super::names::COST;

/// Pico-dollars in a dollar.
const PER_DOLLAR: f64 = 1e12;

/// The cost of each provider and model. The page is the only place where money is a float, as all samples are.
#[derive(Clone)]
pub(super) struct Costs(IntCounterVec);

impl Costs {
    pub(super) fn new(registry: &Registry) -> Costs {
        let costs = Costs(unregistered_counters(&COST));
        register(registry, costs.clone());
        costs
    }

    pub(super) fn of(&self, labels: &[&str]) -> Cost {
        Cost(self.0.with_label_values(labels))
    }
}

impl Collector for Costs {
    fn desc(&self) -> Vec<&Desc> {
        self.0.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut families = self.0.collect();
        for metric in families.iter_mut().flat_map(MetricFamily::mut_metric) {
            let mut counter = metric.get_counter().clone();
            counter.set_value(counter.get_value() / PER_DOLLAR);
            metric.set_counter(counter);
        }
        families
    }
}

/// The cost of one model at one provider.
pub(super) struct Cost(IntCounter);

impl Cost {
    pub(super) fn add(&self, cost: PicoDollars) {
        self.0.inc_by(cost.0);
    }
}
