//! What the options of a route keep out of it, once for each configuration.

use std::fmt;

use super::offer::Offer;
use crate::config::RouteOptions;

/// Why a route takes no model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// `min_context`.
    Context,
    /// `max_price`.
    Price,
    /// `exclude`.
    Excluded,
    /// `quality_floor`.
    Quality,
}

impl Limit {
    /// The setting.
    pub(super) const fn setting(self) -> &'static str {
        match self {
            Limit::Context => "min_context",
            Limit::Price => "max_price",
            Limit::Excluded => "exclude",
            Limit::Quality => "quality_floor",
        }
    }

    /// What keeps that offer out, if anything does. What is not known of it is taken for too small, and too dear.
    pub(super) fn on(offer: &Offer, options: &RouteOptions) -> Option<Limit> {
        let entry = offer.entry.as_deref();
        let (provider, model) = (offer.upstream.id(), &offer.model);
        let id = entry.map_or(&**model, |entry| &entry.id);
        let is_named = |names: &crate::config::ModelNames| names.name(provider, model) || names.name(provider, id);
        if options.exclude.as_ref().is_some_and(is_named) {
            return Some(Limit::Excluded);
        }
        if options.quality_floor.as_ref().is_some_and(|floor| !is_named(floor)) {
            return Some(Limit::Quality);
        }
        let window = entry.and_then(|entry| entry.context_window);
        if options.min_context.is_some_and(|least| window.is_none_or(|window| window < least)) {
            return Some(Limit::Context);
        }
        let rates = offer.quote.price.as_deref().map(|price| &price.base);
        let exceeds = |most, rate| match (most, rate) {
            (None, _) => false,
            (Some(most), Some(rate)) => rate > most,
            (Some(_), None) => true,
        };
        let (most, input) = (options.max_price, rates.and_then(|rates| rates.input));
        let output = rates.and_then(|rates| rates.output);
        (exceeds(most.input, input) || exceeds(most.output, output)).then_some(Limit::Price)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "is kept out by {}", self.setting())
    }
}
