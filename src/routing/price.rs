//! What offers cost: by the catalogue, or what the operator set instead.

use std::collections::HashMap;
use std::sync::Arc;

use ovth_filters::neutral::Usage;

use crate::catalog::{PicoDollars, Price};
use crate::config::PriceOverride;

/// Where a price comes from that the operator set.
const OPERATORS: &str = "config";

/// The price of one model at one provider.
#[derive(Clone, Debug)]
pub(super) struct Quote {
    /// The price; absent when nobody tells one.
    pub(super) price: Option<Arc<Price>>,
    /// Where it comes from: the catalogue's version, or `config`.
    pub(super) source: Arc<str>,
}

impl Quote {
    /// What a request with a prompt of so many tokens and an answer of so many costs, nothing of it cached; `None` when
    /// the price is unknown.
    pub(super) fn expected_cost(&self, input_tokens: u64, output_tokens: u64) -> Option<PicoDollars> {
        self.price.as_ref()?.expected_cost(input_tokens, output_tokens)
    }

    /// What that usage costs at the standard class; `None` when the price is unknown.
    pub(super) fn cost(&self, usage: &Usage) -> Option<PicoDollars> {
        self.price.as_ref()?.cost(usage, None)
    }

    /// Whether there is a price to reckon with.
    pub(super) fn is_known(&self) -> bool {
        self.price.as_ref().is_some_and(|price| price.is_known())
    }
}

/// The prices that the operator set, by provider and model.
#[derive(Debug)]
pub(super) struct Prices {
    own: HashMap<Box<str>, HashMap<Arc<str>, Arc<Price>>>,
    own_source: Arc<str>,
    catalogue: Arc<str>,
}

impl Prices {
    /// Those of the catalogue of that version.
    pub(super) fn of_catalogue(version: &str) -> Prices {
        Prices { own: HashMap::new(), own_source: OPERATORS.into(), catalogue: version.into() }
    }

    /// Takes one that the operator set, for what that provider is sent as `model`. False when it has one already, which stays.
    pub(super) fn set(&mut self, given: &PriceOverride, model: Arc<str>) -> bool {
        let models = self.own.entry(given.provider.clone()).or_default();
        if models.contains_key(&model) {
            return false;
        }
        models.insert(model, Arc::new(given.price.clone()));
        true
    }

    /// Whether the operator set one under exactly that name.
    pub(super) fn names(&self, provider: &str, model: &str) -> bool {
        self.own.get(provider).is_some_and(|models| models.contains_key(model))
    }

    /// The price at a provider: the operator's for the first of these names that has one, else the catalogue's.
    pub(super) fn quote<'n>(
        &self,
        provider: &str,
        names: impl IntoIterator<Item = &'n str>,
        listed: Option<&Arc<Price>>,
    ) -> Quote {
        let own = self.own.get(provider).and_then(|models| names.into_iter().find_map(|name| models.get(name)));
        match own {
            Some(price) => Quote { price: Some(Arc::clone(price)), source: Arc::clone(&self.own_source) },
            None => Quote { price: listed.cloned(), source: Arc::clone(&self.catalogue) },
        }
    }
}

#[cfg(test)]
mod tests;
