//! Checks a route's models against the catalogue, once, when a configuration is built.

use std::sync::Arc;

use ovth_filters::{Operation, Shape};

use super::offer::{Market, Offer};
use super::route::Route;
use crate::catalog::Model;
use crate::config::{self, PriceOverride, Problem, Severity};
use crate::providers::{self, Upstream};

const SUGGESTIONS: usize = 3;

/// Below this likeness (1 is equal) a name is no help.
const LIKENESS: f64 = 0.6;

/// One name of a route's list, with what is known of it.
struct Named<'a> {
    name: &'a str,
    path: String,
    route: &'a config::Route,
    keyless: &'a [String],
    market: &'a Market,
    compiled: &'a Route,
    /// Its offers at the route's providers.
    offers: Vec<Offer>,
}

/// What is wrong with the models of a route, in the order of the file.
pub(super) fn problems(route: &config::Route, keyless: &[String], market: &Market, compiled: &Route) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, name) in route.models.iter().enumerate() {
        let path = format!("routes.{}.models[{index}]", route.name);
        let at = |id: &Arc<str>| market.offer(market.upstream(id)?, name);
        let offers = route.providers.iter().filter_map(at).collect();
        Named { name, path, route, keyless, market, compiled, offers }.judge(&mut problems);
    }
    let path = || format!("routes.{}", route.name);
    let has_error = problems.iter().any(|problem| problem.severity == Severity::Error);
    problems.extend(limits(route, compiled));
    if compiled.offers.is_empty() {
        // That it has no provider at all was told where that was found.
        if !has_error && compiled.kept_out.is_empty() && !route.providers.is_empty() {
            problems.push(Problem::error(path(), nothing_served(route)));
        }
    } else if let Some(gap) = missing_shape(compiled) {
        problems.push(Problem::warning(path(), gap));
    }
    if let Some(entry) = market.catalog.named(&route.name).first() {
        let (id, provider) = (&entry.id, &entry.provider);
        let message = format!("has the name of a model, `{id}` of {provider}: whoever asks for that gets this route");
        problems.push(Problem::warning(path(), message));
    }
    problems
}

/// What the route's own options keep out of it: each model that it names, and all when nothing is left.
fn limits(route: &config::Route, compiled: &Route) -> Vec<Problem> {
    let path = |setting: &str| format!("routes.{}.{setting}", route.name);
    if let (true, Some((_, limit))) = (compiled.offers.is_empty(), compiled.kept_out.first()) {
        let mut settings: Vec<&str> = compiled.kept_out.iter().map(|(_, limit)| limit.setting()).collect();
        settings.sort_unstable();
        settings.dedup();
        let message = format!(
            "keeps all {} models of the route out ({} between them); loosen one, or name other models",
            compiled.kept_out.len(),
            settings.join(", ")
        );
        return vec![Problem::error(path(limit.setting()), message)];
    }
    let named = compiled.kept_out.iter().filter(|_| compiled.named);
    named
        .map(|(offer, limit)| {
            let (model, provider) = (&offer.model, offer.upstream.id());
            let message = format!(
                "keeps `{model}` of {provider} out, which the route names; take it out of `models`, or loosen this"
            );
            Problem::warning(path(limit.setting()), message)
        })
        .collect()
}

/// Gives the market the prices that the operator set, and tells those that are named in vain.
pub(super) fn set_prices(prices: &[PriceOverride], market: &mut Market) -> Vec<Problem> {
    let mut problems = Vec::new();
    for given in prices {
        // That of a provider without a key waits for it.
        let Some(upstream) = market.upstream(&given.provider).cloned() else { continue };
        let path = || format!("prices.{:?}", format!("{}/{}", given.provider, given.model));
        let model = match market.identified(&upstream, &given.model) {
            Some((model, _)) => model,
            None => {
                if !upstream.claims(&given.model) {
                    problems.push(Problem::warning(path(), stray_price(given, &upstream, market)));
                }
                (*given.model).into()
            }
        };
        if !market.prices.set(given, Arc::clone(&model)) {
            problems.push(Problem::error(
                path(),
                format!("is another name of `{model}`, which has a price; keep one of the two"),
            ));
        }
    }
    problems
}

fn stray_price(given: &PriceOverride, upstream: &Upstream, market: &Market) -> String {
    let PriceOverride { provider, model, .. } = given;
    let mut near = market.catalog.nearest_where(model, SUGGESTIONS, |entry| entry.provider == *upstream.id());
    near.extend(upstream.provider().models.iter().filter(|id| is_alike(id, model)).map(|id| id.as_str().into()));
    format!(
        "`{model}` is neither in the catalogue nor claimed by {provider}; correct it, or list it under `models` of {provider}{}",
        listed(&near)
    )
}

fn is_alike(one: &str, other: &str) -> bool {
    strsim::normalized_damerau_levenshtein(one, other) >= LIKENESS
}

fn nothing_served(route: &config::Route) -> String {
    format!(
        "none of its providers that can be used ({}) serves a model of it; name `models` that they serve, or add providers",
        route.providers.join(", ")
    )
}

/// Whether the route can answer anybody: whoever speaks one shape can be answered in the others.
fn missing_shape(compiled: &Route) -> Option<String> {
    let name = &compiled.name;
    let answers = compiled.answers(Shape::Chat, Operation::Generate)
        || [Shape::Chat, Shape::GenerateContent].into_iter().any(|shape| compiled.answers(shape, Operation::Embed));
    (!answers)
        .then(|| format!("route `{name}` answers no request: no model of it holds a conversation or embeds text here"))
}

impl Named<'_> {
    fn judge(&self, problems: &mut Vec<Problem>) {
        let served = self.offers.iter().find_map(|offer| offer.entry.as_deref());
        match served.or_else(|| self.market.catalog.named(self.name).first().map(|entry| &***entry)) {
            Some(entry) => problems.extend(self.known(entry)),
            None => problems.push(self.unknown()),
        }
    }

    fn known(&self, entry: &Model) -> Vec<Problem> {
        let (name, provider, market) = (self.name, &entry.provider, self.market);
        let mut told = Vec::new();
        let instead = entry.successor.as_ref().map_or_else(String::new, |successor| format!("; use `{successor}`"));
        if entry.never_existed(name) {
            told.push(format!("there never was a model `{name}`; `{}` is used", entry.id));
        }
        if market.is_gone(entry) {
            let is_left_out =
                !self.offers.is_empty() && self.offers.iter().all(|offer| self.compiled.leaves_out(offer));
            let left_out = if is_left_out { ", it is left out of the route" } else { "" };
            told.push(format!("`{name}` is retired at {provider}{left_out}{instead}"));
        } else if let Some(date) = market.shuts_down(entry) {
            told.push(format!("`{name}` shuts down at {provider} on {date}{instead}"));
        }
        if self.offers.is_empty() {
            let why = if self.keyless.iter().any(|id| **id == **provider) {
                "which has no key; it is skipped"
            } else {
                "which is not among the providers of this route that can be used"
            };
            told.push(format!("`{name}` is served by {provider}, {why}"));
        }
        told.into_iter().map(|message| Problem::warning(&self.path, message)).collect()
    }

    fn unknown(&self) -> Problem {
        let name = self.name;
        let warning = |message: String| Problem::warning(&self.path, message);
        if let Some(offer) = self.offers.first() {
            let provider = offer.upstream.id();
            // A name that the provider's own list has is no slip.
            let near = if offer.upstream.lists(name) { String::new() } else { self.near() };
            return warning(format!("`{name}` is not in the catalogue; {provider} is asked for it as it is{near}"));
        }
        if let Some(provider) = self.keyless.iter().find(|id| providers::spec(id).claims(name)) {
            let near = self.near();
            return warning(format!(
                "`{name}` looks like a model of {provider}, which has no key; it is skipped{near}"
            ));
        }
        let message = format!(
            "`{name}` is not in the catalogue and none of {} claims it{}; correct it, or list it under `models` of the provider that serves it",
            self.route.providers.join(", "),
            self.near(),
        );
        Problem::error(&self.path, message)
    }

    /// `; nearest: ...`, or nothing.
    fn near(&self) -> String {
        listed(&self.market.catalog.nearest(self.name, SUGGESTIONS))
    }
}

/// `; nearest: ...`, or nothing.
fn listed(near: &[Arc<str>]) -> String {
    let near: Vec<String> = near.iter().take(SUGGESTIONS).map(|id| format!("`{id}`")).collect();
    if near.is_empty() { String::new() } else { format!("; nearest: {}", near.join(", ")) }
}
