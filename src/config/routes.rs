//! Ties routes to the providers that can be used.

use std::sync::Arc;

use super::Route;
use super::nearest::did_you_mean;
use super::raw::RawRoute;
use super::roster::{Roster, Standing, set_one_of};

/// The routes as they are used; what is wrong with them is noted.
pub(super) fn compile(raw: Vec<RawRoute<'_>>, roster: &Roster) -> Vec<Route> {
    let names: Vec<&str> = raw.iter().map(|route| route.name).collect();
    let mut routes: Vec<Route> = Vec::with_capacity(raw.len());
    let ways: Vec<(&str, Vec<&str>)> =
        raw.iter().map(|route| (route.name, route.fallback.iter().map(|(_, name)| name.as_str()).collect())).collect();
    for route in &raw {
        let providers = match &route.providers {
            Some(_) => named_providers(route, roster),
            None => every_provider(route, roster),
        };
        let mut options = route.options.clone();
        options.fallback = fallback(route, &names, &ways);
        let (name, models) = (route.name.into(), route.models.clone());
        routes.push(Route { name, strategy: route.strategy, providers, models, options });
    }
    routes
}

/// The routes that one goes on with; those that are unknown, or lead back to it, are noted and left out.
fn fallback(route: &RawRoute<'_>, names: &[&str], ways: &[(&str, Vec<&str>)]) -> Vec<Arc<str>> {
    let mut found: Vec<Arc<str>> = Vec::new();
    for (node, name) in &route.fallback {
        if !names.contains(&name.as_str()) {
            let hint = did_you_mean(name, names.iter().copied());
            node.error(format_args!("{} is not a route; known: {}{hint}", node.shown(), names.join(", ")));
        } else if leads_to(name, route.name, ways) {
            node.error(format_args!(
                "{} leads back to this route; take it out here, or this route out of its fallback",
                node.shown()
            ));
        } else {
            found.push(name.as_str().into());
        }
    }
    found
}

/// Whether one goes on, at once or over others, with the other.
fn leads_to(from: &str, to: &str, ways: &[(&str, Vec<&str>)]) -> bool {
    let mut seen: Vec<&str> = Vec::new();
    let mut open = vec![from];
    while let Some(name) = open.pop() {
        if name == to {
            return true;
        }
        if !seen.contains(&name) {
            seen.push(name);
            open.extend(ways.iter().filter(|(at, _)| *at == name).flat_map(|(_, further)| further).copied());
        }
    }
    false
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
