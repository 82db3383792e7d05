//! Checks a route's models against the catalogue, once, when a configuration is built.

use std::sync::Arc;

use super::offer::{Market, Offer};
use super::route::Route;
use crate::catalog::Model;
use crate::config::{self, Problem};
use crate::providers;

/// A shutdown that is this many days away is told.
const NOTICE_DAYS: u32 = 30;
const SUGGESTIONS: usize = 3;

/// What is wrong with the models of a route, in the order of the file.
pub(super) fn problems(route: &config::Route, keyless: &[String], market: &Market, compiled: &Route) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, name) in route.models.iter().enumerate() {
        let path = format!("routes.{}.models[{index}]", route.name);
        let at = |id: &Arc<str>| market.offer(market.upstream(id)?, name);
        let offers: Vec<Offer> = route.providers.iter().filter_map(at).collect();
        let entry = offers.iter().find_map(|offer| offer.entry.as_deref());
        match entry.or_else(|| market.catalog.named(name).first().map(|entry| &***entry)) {
            Some(entry) => known(&mut problems, &path, name, (entry, !offers.is_empty(), market)),
            None => problems.push(unknown(path, name, &offers, (route, keyless, market))),
        }
    }
    let has_error = problems.iter().any(|problem| problem.severity == config::Severity::Error);
    if compiled.offers.is_empty() && !has_error {
        let providers: Vec<&str> = route.providers.iter().map(|id| &**id).collect();
        let message = format!(
            "none of its providers that can be used ({}) serves a model of it; name `models` that they serve, or add providers",
            providers.join(", ")
        );
        problems.push(Problem::error(format!("routes.{}", route.name), message));
    }
    problems
}

fn known(problems: &mut Vec<Problem>, path: &str, name: &str, facts: (&Model, bool, &Market)) {
    let (entry, is_served, market) = facts;
    let mut warn = |message: String| problems.push(Problem::warning(path, message));
    let instead = entry.successor.as_ref().map_or_else(String::new, |successor| format!("; use `{successor}`"));
    if entry.never_existed(name) {
        warn(format!("there never was a model `{name}`; `{}` is used", entry.id));
    }
    if market.is_gone(entry) {
        warn(format!("`{name}` is retired at {}{instead}", entry.provider));
    } else if let Some(date) = entry.shutdown_date
        && market.today.days_until(date) <= NOTICE_DAYS
    {
        warn(format!("`{name}` shuts down at {} on {date}{instead}", entry.provider));
    }
    if !is_served {
        warn(format!(
            "`{name}` is served by {}, which is not among the providers of this route that can be used",
            entry.provider
        ));
    }
}

fn unknown(path: String, name: &str, offers: &[Offer], facts: (&config::Route, &[String], &Market)) -> Problem {
    let (route, keyless, market) = facts;
    if let Some(offer) = offers.first() {
        let provider = offer.upstream.id();
        return Problem::warning(
            path,
            format!("`{name}` is not in the catalogue; {provider} is asked for it as it is"),
        );
    }
    if let Some(provider) = keyless.iter().find(|id| providers::spec(id).claims(name)) {
        return Problem::warning(
            path,
            format!("`{name}` looks like a model of {provider}, which has no key; it is skipped"),
        );
    }
    let near = market.catalog.nearest(name, SUGGESTIONS);
    let near: Vec<String> = near.iter().map(|id| format!("`{id}`")).collect();
    let near = if near.is_empty() { String::new() } else { format!("; nearest: {}", near.join(", ")) };
    let providers: Vec<&str> = route.providers.iter().map(|id| &**id).collect();
    let message = format!(
        "`{name}` is not in the catalogue and none of {} claims it{near}; correct it, or list it under `models` of the provider that serves it",
        providers.join(", ")
    );
    Problem::error(path, message)
}
