//! One immutable, checked configuration with everything that routing precomputes of it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use ovth_filters::neutral::{ApiError, ErrorClass};
use ovth_filters::shapes::Needs;
use ovth_filters::{Operation, Shape};

use super::offer::{Market, Offer};
use super::order::Turns;
use super::price::Prices;
use super::refusal::unlisted;
use super::route::Route;
use super::{Target, check};
use crate::catalog::listing::Entry;
use crate::catalog::{Catalog, Date, Kind, Model, Price, Status};
use crate::config::{self, Config, Problem, Problems};
use crate::providers::Upstream;

/// What a request asks of routing.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The shape the client speaks.
    pub shape: Shape,
    /// What it asks for.
    pub operation: Operation,
    /// The model as the client names it.
    pub model: &'a str,
    /// What the model must be able to do.
    pub needs: Needs,
    /// The estimate of the prompt.
    pub input_tokens: u64,
    /// The client's bound on the answer.
    pub max_output: Option<u64>,
}

/// One configuration, ready to route. Models are judged by the day it was built on; a reload judges anew.
#[derive(Debug)]
pub struct Snapshot {
    config: Config,
    pub(super) market: Market,
    pub(super) routes: HashMap<Arc<str>, Route>,
    /// The turns of credentials where a model is asked for by its name.
    pub(super) turns: Turns,
    listing: Vec<Entry>,
    /// What the models of the list cost, by name; those that are not in here have no price.
    pub(super) prices: HashMap<Box<str>, Arc<Price>>,
    /// The list of models as it is sent, made when it is first asked for.
    pub(super) models_list: OnceLock<Bytes>,
}

impl Snapshot {
    /// Joins a configuration with the catalogue. The problems of a success are warnings.
    ///
    /// # Errors
    /// All problems, when a route names a model that nobody knows or has nothing that could answer.
    pub fn build(config: Config, catalog: Arc<Catalog>, today: Date) -> Result<(Snapshot, Problems), Problems> {
        let upstreams = config.providers.iter().map(|provider| Arc::new(Upstream::new(Arc::clone(provider)))).collect();
        let catalog = match config.models.is_empty() {
            true => catalog,
            false => Arc::new(catalog.with(&config.models).map_err(|error| {
                Problems(vec![Problem::error("models", format!("{error}; take the name out, or correct it"))])
            })?),
        };
        let prices = Prices::of_catalogue(catalog.version());
        let mut market = Market { catalog, upstreams, today, prices, routed: routed(&config.routes) };
        let mut problems = Problems(check::set_prices(&config.prices, &mut market));
        let mut routes = HashMap::with_capacity(config.routes.len());
        for route in &config.routes {
            let compiled = Route::compile(route, &market);
            problems.0.extend(check::problems(route, &config.keyless, &market, &compiled));
            routes.insert(Arc::clone(&route.name), compiled);
        }
        if problems.has_errors() {
            return Err(problems);
        }
        let (listing, prices) = listing(&config, &market);
        let (turns, models_list) = (Turns::new(), OnceLock::new());
        Ok((Snapshot { config, market, routes, turns, listing, prices, models_list }, problems))
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The catalogue.
    #[must_use]
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.market.catalog
    }

    /// The providers that can be used, in their order.
    #[must_use]
    pub fn upstreams(&self) -> &[Arc<Upstream>] {
        &self.market.upstreams
    }

    /// Every route with a target for each model and credential it chooses from, and whether the file names its models.
    pub fn routed(&self) -> impl Iterator<Item = (&Arc<str>, bool, &Arc<Target>)> {
        self.routes.values().flat_map(|route| {
            let accounts = route.offers.iter().flat_map(Offer::accounts);
            accounts.map(|target| (&route.name, route.named, target))
        })
    }

    /// Every name a client may send as `model`: routes first, then the models that can be used.
    #[must_use]
    pub fn listing(&self) -> &[Entry] {
        &self.listing
    }

    /// Whether that is a model that embeds texts, or a route to nothing else.
    #[must_use]
    pub fn embeds(&self, name: &str) -> bool {
        let all = |offers: &[Offer]| !offers.is_empty() && offers.iter().all(Offer::is_embedding);
        self.routes.get(name).map_or_else(|| all(&self.market.offers(name)), |route| all(&route.offers))
    }

    /// What a client is told of a name that stands for nothing: the nearest names.
    #[must_use]
    pub fn unknown_model(&self, model: &str) -> ApiError {
        unknown(model, &self.near(model))
    }

    /// What a client is told that asks about one model by a name that is not in the listing.
    #[must_use]
    pub fn models_error(&self, name: &str) -> ApiError {
        let offers = self.market.offers(name);
        if offers.is_empty() {
            return self.unknown_model(name);
        }
        unlisted(&format!("`{}`", shown(name)), &offers, &self.near_unknown(name, &offers))
    }

    /// The nearest names as a sentence, when the catalogue knows nothing of any of these offers.
    pub(super) fn near_unknown(&self, model: &str, offers: &[Offer]) -> String {
        if offers.iter().all(|offer| offer.entry.is_none()) { self.near(model) } else { String::new() }
    }

    /// The names of the listing that look most like this one, as a sentence with a space in front; nothing when none does.
    fn near(&self, model: &str) -> String {
        const SUGGESTIONS: usize = 3;
        const LIKENESS: f64 = 0.6;
        let asked = shown(model).to_lowercase();
        let bare = |name: &str| name.rsplit('/').next().unwrap_or_default().to_lowercase();
        let mut models = HashSet::new();
        let mut others: Vec<(f64, Arc<str>)> = Vec::new();
        for entry in &self.listing {
            let (Entry::Route(name) | Entry::Listed { id: name, .. }) = entry else {
                models.insert(entry.id());
                continue;
            };
            let whole = strsim::normalized_damerau_levenshtein(&asked, &name.to_lowercase());
            let likeness = whole.max(strsim::normalized_damerau_levenshtein(&bare(&asked), &bare(name)));
            if likeness >= LIKENESS {
                others.push((likeness, Arc::clone(name)));
            }
        }
        others.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        let mut near: Vec<Arc<str>> = others.into_iter().map(|(_, name)| name).collect();
        near.extend(self.market.catalog.nearest_where(model, SUGGESTIONS, |entry| models.contains(&*entry.id)));
        near.truncate(SUGGESTIONS);
        let near: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
        if near.is_empty() { String::new() } else { format!(" Nearest: {}.", near.join(", ")) }
    }
}

/// Models that routes name, as written and without a provider in front.
fn routed(routes: &[config::Route]) -> HashSet<Box<str>> {
    let names = routes.iter().flat_map(|route| &route.models);
    names
        .flat_map(|name| [Some(&**name), name.split_once('/').map(|(_, rest)| rest)])
        .flatten()
        .map(Box::from)
        .collect()
}

/// The error for a name that stands for nothing, with a sentence about names like it, or nothing.
pub(super) fn unknown(model: &str, near: &str) -> ApiError {
    let shown = shown(model);
    let message = format!("The model `{shown}` is not known here.{near} GET /v1/models lists all names.");
    ApiError::new(ErrorClass::UnknownModel, message).with_param("model")
}

/// No more of a client's word than a message should hold.
pub(super) fn shown(name: &str) -> &str {
    const LONGEST: usize = 100;
    let end = (0..=LONGEST.min(name.len())).rev().find(|&at| name.is_char_boundary(at)).unwrap_or(0);
    name.get(..end).unwrap_or_default()
}

/// Routes, then what each provider serves in a shape that clients can use; each name once.
fn listing(config: &Config, market: &Market) -> (Vec<Entry>, HashMap<Box<str>, Arc<Price>>) {
    let mut entries: Vec<Entry> = config.routes.iter().map(|route| Entry::Route(Arc::clone(&route.name))).collect();
    let is_listed = |model: &Model| {
        matches!(model.kind, Kind::Chat | Kind::Embedding)
            && matches!(model.status, Status::Current | Status::Preview | Status::Deprecated)
            && !market.is_gone(model)
    };
    let mut prices = HashMap::new();
    let mut reaches = |id: &str, offer: Option<Offer>| {
        let Some(offer) = offer.filter(|offer| offer.shapes().next().is_some()) else { return false };
        prices.extend(offer.quote.price.map(|price| (Box::from(id), price)));
        true
    };
    for upstream in &market.upstreams {
        let own = |model: &&Arc<Model>| model.provider == *upstream.id() || upstream.is_reseller();
        for model in market.catalog.models().iter().filter(own).filter(|model| is_listed(model)) {
            let is_new = !entries.iter().any(|entry| entry.id() == &*model.id);
            if is_new && reaches(&model.id, market.offer(upstream, &model.id)) {
                entries.push(Entry::Model(Arc::clone(model)));
            }
        }
        for id in upstream.provider().models.iter().filter(|id| !id.ends_with('*')) {
            let is_new = !entries.iter().any(|entry| entry.id() == id);
            if is_new && reaches(id, market.offer(upstream, id)) {
                entries.push(Entry::Listed { id: id.as_str().into(), provider: Arc::clone(upstream.id()) });
            }
        }
    }
    (entries, prices)
}

#[cfg(test)]
mod tests;
