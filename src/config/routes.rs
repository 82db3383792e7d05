//! Ties routes to the providers that can be used.

use std::sync::Arc;

use super::Route;
use super::nearest::did_you_mean;
use super::raw::RawRoute;
use super::roster::{Roster, Standing, set_one_of};

/// The routes as they are used; what is wrong with them is noted.
pub(super) fn compile(raw: Vec<RawRoute<'_>>, roster: &Roster) -> Vec<Route> {
    raw.into_iter()
        .map(|route| {
            let providers = match &route.providers {
                Some(_) => named_providers(&route, roster),
                None => every_provider(&route, roster),
            };
            Route { name: route.name.into(), strategy: route.strategy, providers, models: route.models }
        })
        .collect()
}

fn every_provider(route: &RawRoute<'_>, roster: &Roster) -> Vec<Arc<str>> {
    let providers: Vec<_> = roster.usable().map(|provider| Arc::clone(&provider.id)).collect();
    if providers.is_empty() && !roster.has_faulty() {
        route.node.error(format_args!("no provider has a key{}", set_one_of(&roster.wanted_variables(None))));
    }
    providers
}

fn named_providers(route: &RawRoute<'_>, roster: &Roster) -> Vec<Arc<str>> {
    let named = route.providers.as_deref().unwrap_or_default();
    let mut usable = Vec::new();
    let mut keyless = Vec::new();
    for (node, id) in named {
        match roster.standing(id) {
            Some(Standing::Usable(provider)) => usable.push(Arc::clone(&provider.id)),
            Some(Standing::Keyless(variables)) => keyless.push((node, id.as_str(), variables)),
            Some(Standing::Faulty) => {}
            None => {
                let known = roster.names();
                let hint = did_you_mean(id, known.iter().copied());
                node.error(format_args!("{} is not a provider; known: {}{hint}", node.shown(), known.join(", ")));
            }
        }
    }
    if !keyless.is_empty() && keyless.len() == named.len() {
        let ids: Vec<_> = keyless.iter().map(|(_, id, _)| *id).collect();
        let cure = set_one_of(&roster.wanted_variables(Some(&ids)));
        let place = route.node.place_of("providers");
        match ids.as_slice() {
            [id] => place.error(format_args!("{id} has no key{cure}")),
            ids => place.error(format_args!("none of {} has a key{cure}", ids.join(", "))),
        }
    } else {
        for (node, id, variables) in keyless {
            node.warning(format_args!("{id:?} has no key and is skipped{}", set_one_of(variables)));
        }
    }
    usable
}
