//! What providers say of their accounts: which targets cannot serve although the configuration names them, as the account lacks the model or its
//! key is refused; and which models there are that the catalogue does not know of yet.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::Target;

/// What is known of the accounts behind the keys, as their providers said last; outlives snapshots.
///
/// Reading takes no lock: everything is replaced whole; what is amiss is empty while nothing is.
#[derive(Debug, Default)]
pub struct Inventory {
    known: ArcSwap<Known>,
    newer: ArcSwap<HashMap<Box<str>, Vec<Arc<str>>>>,
}

/// Digests of targets and of credentials.
#[derive(Debug, Default)]
struct Known {
    lacking: HashSet<u64>,
    refused: HashSet<u64>,
}

impl Inventory {
    /// Nothing is amiss.
    #[must_use]
    pub fn new() -> Inventory {
        Inventory::default()
    }

    /// Replaces all that is known: targets whose account lacks the model, and targets of which the key is refused.
    pub fn set<'t>(
        &self,
        lacking: impl IntoIterator<Item = &'t Target>,
        refused: impl IntoIterator<Item = &'t Target>,
    ) {
        self.known.store(Arc::new(Known {
            lacking: lacking.into_iter().map(|target| target.key.target()).collect(),
            refused: refused.into_iter().map(|target| target.key.credential()).collect(),
        }));
    }

    /// Replaces what is known of models that the catalogue has not: the provider of each, and its name in lower case.
    pub fn set_newer(&self, models: impl IntoIterator<Item = (Arc<str>, String)>) {
        let mut newer: HashMap<Box<str>, Vec<Arc<str>>> = HashMap::new();
        for (provider, name) in models {
            newer.entry(name.into()).or_default().push(provider);
        }
        self.newer.store(Arc::new(newer));
    }

    /// The providers whose accounts have a model of that name, which the catalogue does not know.
    #[must_use]
    pub fn providers_of(&self, name: &str) -> Vec<Arc<str>> {
        let newer = self.newer.load();
        if newer.is_empty() { Vec::new() } else { newer.get(&*name.to_lowercase()).cloned().unwrap_or_default() }
    }

    /// The same targets without those that cannot serve. A client that named a model itself (`routed` is false), or for whom
    /// nothing would be left, gets them last: then the provider says what is wrong.
    #[must_use]
    pub fn order(&self, mut targets: Vec<Arc<Target>>, routed: bool) -> Vec<Arc<Target>> {
        let known = self.known.load();
        if known.lacking.is_empty() && known.refused.is_empty() {
            return targets;
        }
        if routed && targets.iter().any(|target| known.is_fit(target)) {
            targets.retain(|target| known.is_fit(target));
        } else {
            // The sort is stable.
            targets.sort_by_key(|target| !known.is_fit(target));
        }
        targets
    }
}

impl Known {
    fn is_fit(&self, target: &Target) -> bool {
        !self.lacking.contains(&target.key.target()) && !self.refused.contains(&target.key.credential())
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{self, ids};
    use super::*;

    #[test]
    fn a_route_leaves_out_what_an_account_lacks_and_refused_keys_unless_nothing_else_is_left() {
        let inventory = Inventory::new();
        let targets = fixture::targets(&[("openai", "a"), ("openai", "b"), ("google", "c")]);
        let [a, b, c] = targets.as_slice() else { unreachable!("three were made") };
        assert_eq!(ids(&inventory.order(targets.clone(), true)), ["openai/a", "openai/b", "google/c"]);

        inventory.set([&**a], []);
        assert_eq!(ids(&inventory.order(targets.clone(), true)), ["openai/b", "google/c"]);
        assert_eq!(ids(&inventory.order(vec![Arc::clone(a)], true)), ["openai/a"]);

        inventory.set([], [&**b]);
        assert_eq!(ids(&inventory.order(targets.clone(), true)), ["google/c"], "all models behind the key");

        inventory.set([&**c], [&**b]);
        assert_eq!(ids(&inventory.order(targets.clone(), true)), ["openai/a", "openai/b", "google/c"]);
    }

    #[test]
    fn who_names_a_model_gets_its_providers_answer() {
        let inventory = Inventory::new();
        let targets = fixture::targets(&[("openai", "a"), ("google", "c")]);
        inventory.set(targets.iter().take(1).map(|target| &**target), []);
        assert_eq!(ids(&inventory.order(targets, false)), ["google/c", "openai/a"]);
    }
}
