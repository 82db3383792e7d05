//! Why a route would choose what it would choose: each candidate, what it is expected to cost, and what speaks against it.

use std::sync::Arc;

use ovth_filters::neutral::ApiError;

use super::capability::{Demand, Unknown};
use super::offer::{Offer, Wanted};
use super::route::Route;
use super::{Ask, Live, Plan, Snapshot};
use crate::catalog::{PicoDollars, Price};

/// A plan, and what every candidate has to do with it.
#[derive(Clone, Debug)]
pub struct Explained {
    /// What would be tried; or what the client would be told.
    pub plan: Result<Plan, ApiError>,
    /// Every candidate, in the order in which they would be tried; those that would not be come last.
    pub candidates: Vec<Candidate>,
}

/// One model at one provider, as a candidate for a request.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The route that it belongs to; absent where a model was named.
    pub route: Option<Arc<str>>,
    /// The provider.
    pub provider: Arc<str>,
    /// The model's id there.
    pub model: Arc<str>,
    /// What the request is expected to cost; absent when the price is not known.
    pub expected: Option<PicoDollars>,
    /// Its place in the order, from 1 on; absent when it is not tried.
    pub place: Option<usize>,
    /// What speaks against it.
    pub against: Option<String>,
}

impl Snapshot {
    /// What that provider's model costs: the operator's price, else the catalogue's; `None` when nobody tells one.
    #[must_use]
    pub fn price(&self, provider: &str, model: &str) -> Option<Arc<Price>> {
        let upstream = self.market.upstream(provider)?;
        self.market.offer(upstream, model)?.quote.price
    }

    /// Explains what would be done with a request.
    #[must_use]
    pub fn explain(&self, ask: &Ask<'_>, live: &Live<'_>) -> Explained {
        let plan = self.plan_with(ask, live);
        let mut candidates: Vec<Candidate> = Vec::new();
        let mut add = |candidate: Candidate| {
            let is_same = |other: &Candidate| other.provider == candidate.provider && other.model == candidate.model;
            if !candidates.iter().any(is_same) {
                candidates.push(candidate);
            }
        };
        if let Some(route) = self.routes.get(ask.model) {
            for way in self.ways(route) {
                let demand = way.demand(ask);
                for offer in &way.offers {
                    add(judged(offer, &demand, Some(way), (ask, live)));
                }
                for (offer, limit) in &way.kept_out {
                    let candidate = judged(offer, &demand, Some(way), (ask, live));
                    add(Candidate { against: Some(limit.to_string()), ..candidate });
                }
            }
        } else {
            for offer in self.market.offers(ask.model) {
                add(judged(&offer, &Demand::of(ask), None, (ask, live)));
            }
        }
        if let Ok(plan) = &plan {
            let mut order: Vec<(&Arc<str>, &Arc<str>)> = Vec::new();
            for target in &plan.targets {
                let place = (target.upstream.id(), &target.model);
                if !order.contains(&place) {
                    order.push(place);
                }
            }
            for candidate in &mut candidates {
                let at = order.iter().position(|place| *place == (&candidate.provider, &candidate.model));
                candidate.place = at.map(|at| at + 1);
            }
        }
        candidates.sort_by_key(|candidate| candidate.place.unwrap_or(usize::MAX));
        Explained { plan, candidates }
    }
}

fn judged(offer: &Offer, demand: &Demand, way: Option<&Route>, (ask, live): (&Ask<'_>, &Live<'_>)) -> Candidate {
    let is_sticky = way.is_none_or(|way| way.options.sticky);
    let stay = live.stay_at(offer, &Wanted::of(ask)).filter(|_| is_sticky);
    let unknown = if way.is_some_and(|way| !way.is_lenient()) { Unknown::No } else { Unknown::Yes };
    let against = if offer.is_gone {
        Some("is retired".to_owned())
    } else if offer.targets(&Wanted::of(ask)).is_empty() {
        Some(format!("cannot be asked in the shape {}", ask.shape))
    } else {
        let obstacle = demand.obstacle(offer, unknown);
        let obstacle = obstacle.or_else(|| demand.excess(offer.entry.as_deref(), unknown));
        obstacle.or_else(|| demand.refused(offer)).map(|obstacle| obstacle.to_string())
    };
    Candidate {
        route: way.map(|way| Arc::clone(&way.name)),
        provider: Arc::clone(offer.upstream.id()),
        model: Arc::clone(&offer.model),
        expected: demand.cost(offer, stay.as_ref()),
        place: None,
        against,
    }
}
