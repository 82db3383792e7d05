//! Where a model is served and how its places do, for those who look it up.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::{Health, Snapshot, Target};
use crate::catalog::listing::{self, Entry, Figures, Place, Priced};
use crate::config::HealthSettings;

impl Snapshot {
    /// The list of models, each name once, with what they cost here.
    #[must_use]
    pub fn priced(&self) -> Vec<Priced<'_>> {
        listing::distinct(self.listing()).map(|entry| self.price_of(entry)).collect()
    }

    /// The model of the list that goes by a name, with what it costs here.
    #[must_use]
    pub fn priced_by(&self, name: &str) -> Option<Priced<'_>> {
        listing::find(self.listing(), self.catalog(), name).map(|entry| self.price_of(entry))
    }

    /// The whole list as it is sent.
    #[must_use]
    pub fn models_list(&self) -> Bytes {
        self.models_list.get_or_init(|| listing::router_list(&self.priced()).into()).clone()
    }

    fn price_of<'s>(&'s self, entry: &'s Entry) -> Priced<'s> {
        Priced { entry, price: self.prices.get(entry.id()).map(|price| &**price) }
    }

    /// Every place where a model, or a route's models, are served; empty for a name that stands for nothing.
    #[must_use]
    pub fn places(&self, name: &str, health: &Health, now: Instant) -> Vec<Place> {
        let settings = &self.config().health;
        let place = |offer: &super::offer::Offer| {
            let figures = offer.accounts().iter().map(|target| health.figures(target, settings, now));
            Place {
                provider: Arc::clone(offer.upstream.id()),
                provider_name: offer.upstream.name().to_owned(),
                model: Arc::clone(&offer.model),
                entry: offer.entry.clone(),
                price: offer.quote.price.clone(),
                figures: figures.reduce(together).unwrap_or_default(),
            }
        };
        match self.routes.get(name) {
            Some(route) => route.offers.iter().map(place).collect(),
            None => self.market.offers(name).iter().map(place).collect(),
        }
    }
}

/// How several credentials of one place do.
fn together(one: Figures, other: Figures) -> Figures {
    let least = |one: Option<u64>, other: Option<u64>| [one, other].into_iter().flatten().min();
    Figures {
        attempts: (one.attempts.0 + other.attempts.0, one.attempts.1 + other.attempts.1),
        latency: least(one.latency, other.latency),
        speed: one.speed.max(other.speed),
        avoided: one.avoided && other.avoided,
    }
}

impl Health {
    /// How a target does, as far as it is known.
    fn figures(&self, target: &Target, settings: &HealthSettings, now: Instant) -> Figures {
        Figures {
            attempts: self.attempts(target, settings, now),
            latency: self.latency(target, true, now).or_else(|| self.latency(target, false, now)),
            speed: self.speed(target, now),
            avoided: self.is_avoided(target, now),
        }
    }
}
