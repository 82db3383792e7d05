//! One route, compiled: its offers, and their order for a request.

use std::sync::Arc;

use ovth_filters::neutral::{ApiError, ErrorClass};
use ovth_filters::{Operation, Shape};

use super::Target;
use super::capability::{Demand, Unknown};
use super::offer::{Market, Offer, Wanted};
use super::refusal::unfit;
use super::snapshot::Ask;
use crate::catalog::PicoDollars;
use crate::config::{self, Strategy};

/// A route with the offers it chooses from.
///
/// - `ordered`: model by model as the file lists them, each at its providers in order. Offers that are known to be
///   unable to serve a request are passed over while others are left. Without `models`: provider by provider, and
///   of each what `cheapest-capable` would take, cheapest first.
/// - `cheapest-capable`: every offer that is known to be able to serve the request, by expected cost; those that refuse a
///   field it sets only when there are no others.
///
/// Of the offers of a shape, models that are gone are left out, unless there are no others: then their provider decides.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) name: Arc<str>,
    pub(super) strategy: Strategy,
    pub(super) offers: Vec<Offer>,
    /// Whether the file names its models.
    pub(super) named: bool,
}

impl Route {
    /// Gathers a route's offers.
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
        Route { name: Arc::clone(&route.name), strategy: route.strategy, offers, named: !route.models.is_empty() }
    }

    /// Whether it can answer clients of that shape that ask for that.
    pub(super) fn answers(&self, shape: Shape, operation: Operation) -> bool {
        self.offers.iter().any(|offer| offer.shape_for(&Wanted::plain(shape, operation)).is_some())
    }

    /// Whether a model that is gone is never asked, because others answer in each of its shapes that clients can use.
    pub(super) fn leaves_out(&self, offer: &Offer) -> bool {
        let operation = offer.operation();
        let is_covered = |shape| {
            let wanted = Wanted::plain(shape, operation);
            self.offers.iter().any(|other| !other.is_gone && other.shape_for(&wanted).is_some())
        };
        offer.is_gone && offer.shapes().all(is_covered)
    }

    /// The targets for a request, best first.
    pub(super) fn targets(&self, ask: &Ask<'_>) -> Result<Vec<Arc<Target>>, ApiError> {
        let wanted = Wanted::of(ask);
        let spoken: Vec<&Offer> = self.offers.iter().filter(|offer| !offer.targets(&wanted).is_empty()).collect();
        if spoken.is_empty() {
            return Err(unfit(&format!("route `{}`", self.name), &self.offers, &wanted, ""));
        }
        let spoken = or_all(spoken, |offer| !offer.is_gone);
        let demand = Demand::of(ask);
        let chosen = match self.strategy {
            Strategy::Ordered if self.named => lenient(&demand, spoken),
            Strategy::Ordered => self.strict(&demand, spoken)?,
            Strategy::CheapestCapable => {
                let mut chosen = or_all(self.strict(&demand, spoken)?, |offer| !demand.is_refused_by(offer));
                // Unknown prices come last; the sort is stable, so equals keep the order of the file.
                chosen.sort_by_cached_key(|offer| match demand.cost(offer) {
                    Some(PicoDollars(cost)) => (false, cost),
                    None => (true, 0),
                });
                chosen
            }
        };
        Ok(chosen.into_iter().flat_map(|offer| offer.targets(&wanted)).cloned().collect())
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
    or_all(spoken, |offer| {
        demand.is_met_by(offer, Unknown::Yes) && demand.fits_into(offer.entry.as_deref(), Unknown::Yes)
    })
}

/// Those of which that holds; all of them when it holds of none.
fn or_all(offers: Vec<&Offer>, holds: impl Fn(&Offer) -> bool) -> Vec<&Offer> {
    let held: Vec<&Offer> = offers.iter().copied().filter(|offer| holds(offer)).collect();
    if held.is_empty() { offers } else { held }
}
