//! One route, compiled: its offers, and their order for a request.

use std::sync::Arc;

use ovth_filters::neutral::{ApiError, ErrorClass};

use super::Target;
use super::capability::{Demand, Unknown};
use super::offer::{Market, Offer};
use super::snapshot::Ask;
use crate::catalog::PicoDollars;
use crate::config::{self, Strategy};

/// A route with the offers it chooses from.
///
/// - `ordered`: model by model as the file lists them, each at its providers in order. Offers that are known to be
///   unable to serve a request are passed over while others are left. Without `models`: provider by provider, and
///   of each what `cheapest-capable` would take, cheapest first.
/// - `cheapest-capable`: every offer that is known to be able to serve the request, by expected cost.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) name: Arc<str>,
    pub(super) strategy: Strategy,
    pub(super) offers: Vec<Offer>,
    /// Whether the file names its models.
    named: bool,
}

impl Route {
    /// Gathers a route's offers. Models that are gone are left out, unless there are no others: then their provider decides.
    pub(super) fn compile(route: &config::Route, market: &Market) -> Route {
        let providers: Vec<_> = route.providers.iter().filter_map(|id| market.upstream(id)).collect();
        let mut offers: Vec<Offer> = Vec::new();
        let named = route.models.iter().flat_map(|name| providers.iter().filter_map(|at| market.offer(at, name)));
        for offer in named {
            if !offers.iter().any(|other| other.is_same(&offer)) {
                offers.push(offer);
            }
        }
        if route.models.is_empty() {
            offers.extend(providers.iter().flat_map(|upstream| market.unnamed_offers(upstream)));
        }
        let is_gone = |offer: &Offer| offer.entry.as_deref().is_some_and(|entry| market.is_gone(entry));
        if !offers.iter().all(is_gone) {
            offers.retain(|offer| !is_gone(offer));
        }
        Route { name: Arc::clone(&route.name), strategy: route.strategy, offers, named: !route.models.is_empty() }
    }

    /// The targets for a request, best first.
    pub(super) fn targets(&self, ask: &Ask<'_>) -> Result<Vec<Arc<Target>>, ApiError> {
        let spoken: Vec<&Offer> = self.offers.iter().filter(|offer| !offer.targets(ask.shape).is_empty()).collect();
        if spoken.is_empty() {
            return Err(wrong_shape(&format!("route `{}`", self.name), &self.offers, ask));
        }
        let demand = Demand::of(ask);
        let chosen = match self.strategy {
            Strategy::Ordered if self.named => lenient(&demand, spoken),
            Strategy::Ordered => self.strict(&demand, spoken)?,
            Strategy::CheapestCapable => {
                let mut chosen = self.strict(&demand, spoken)?;
                // Unknown prices come last; the sort is stable, so equals keep the order of the file.
                chosen.sort_by_cached_key(|offer| match demand.cost(offer.entry.as_deref()) {
                    Some(PicoDollars(cost)) => (false, cost),
                    None => (true, 0),
                });
                chosen
            }
        };
        Ok(chosen.into_iter().flat_map(|offer| offer.targets(ask.shape)).cloned().collect())
    }

    /// Offers that certainly can. The estimate of the prompt may be wrong, so too small a window only puts off; and what
    /// the operator named or listed, and the catalogue knows nothing of, is better than nothing.
    fn strict<'o>(&self, demand: &Demand, spoken: Vec<&'o Offer>) -> Result<Vec<&'o Offer>, ApiError> {
        let able: Vec<&Offer> = spoken.iter().copied().filter(|offer| demand.is_met_by(offer, Unknown::No)).collect();
        let fitting: Vec<&Offer> =
            able.iter().copied().filter(|offer| demand.fits_into(offer.entry.as_deref(), Unknown::No)).collect();
        if !fitting.is_empty() {
            return Ok(fitting);
        }
        if !able.is_empty() {
            let mut able = able;
            able.sort_by_key(|offer| std::cmp::Reverse(offer.entry.as_ref().and_then(|entry| entry.context_window)));
            return Ok(able);
        }
        let possible: Vec<&Offer> = spoken
            .into_iter()
            .filter(|offer| demand.is_met_by(offer, Unknown::Yes) && (self.named || offer.entry.is_none()))
            .collect();
        if !possible.is_empty() {
            return Ok(possible);
        }
        let message = format!(
            "No model of route `{}` is known to serve this request, which needs {}. Name a model that does, or ask the operator to add one to the route.",
            self.name,
            demand.words()
        );
        Err(ApiError::new(ErrorClass::BadRequest, message).with_param("model"))
    }
}

/// Leaves out what is known to be unable, unless that is all there is: then the provider says what is wrong.
fn lenient<'o>(demand: &Demand, spoken: Vec<&'o Offer>) -> Vec<&'o Offer> {
    let can = |offer: &&Offer| {
        demand.is_met_by(offer, Unknown::Yes) && demand.fits_into(offer.entry.as_deref(), Unknown::Yes)
    };
    let able: Vec<&Offer> = spoken.iter().copied().filter(can).collect();
    if able.is_empty() { spoken } else { able }
}

/// Why nothing can be tried in the client's shape, and what to do instead.
pub(super) fn wrong_shape(what: &str, offers: &[Offer], ask: &Ask<'_>) -> ApiError {
    const SHOWN: usize = 3;
    let places: Vec<String> = offers
        .iter()
        .take(SHOWN)
        .map(|offer| {
            let shapes: Vec<&str> = offer.shapes().map(ovth_filters::Shape::as_str).collect();
            let shapes = if shapes.is_empty() { "no shape of this gateway".to_owned() } else { shapes.join(", ") };
            format!("{} at {} ({shapes})", offer.model, offer.upstream.id())
        })
        .collect();
    let more = if offers.len() > SHOWN { ", and others" } else { "" };
    let mut paths: Vec<&str> = offers.iter().flat_map(Offer::shapes).filter_map(endpoint).collect();
    paths.sort_unstable();
    paths.dedup();
    let cure = if paths.is_empty() {
        "This gateway cannot translate to it yet: choose another model.".to_owned()
    } else {
        format!("Send the request to {} in that shape, or choose another model.", paths.join(" or "))
    };
    let message = format!(
        "{what} cannot be used in the {} shape: it is served by {}{more}. {cure}",
        ask.shape,
        places.join(", ")
    );
    ApiError::new(ErrorClass::BadRequest, message).with_param("model")
}

/// Where clients of a shape are served; absent for shapes that no client can use yet.
pub(super) const fn endpoint(shape: ovth_filters::Shape) -> Option<&'static str> {
    match shape {
        ovth_filters::Shape::Chat => Some("POST /v1/chat/completions"),
        ovth_filters::Shape::Messages => Some("POST /anthropic/v1/messages"),
        ovth_filters::Shape::Responses | ovth_filters::Shape::GenerateContent => None,
    }
}
