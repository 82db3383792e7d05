//! One route, compiled: its offers, and their order for a request.

use std::sync::Arc;

use ovth_filters::neutral::{ApiError, ErrorClass};
use ovth_filters::{Operation, Shape};

use super::Target;
use super::capability::{Demand, Obstacle, Unknown};
use super::limits::Limit;
use super::offer::{Market, Offer, Wanted};
use super::order::{Choosing, Live, Turns};
use super::refusal::unfit;
use super::snapshot::Ask;
use crate::catalog::PicoDollars;
use crate::config::{self, RouteOptions, Strategy};

/// A route with the offers it chooses from.
///
/// Which offers may serve a request:
/// - A route that names its models, unless it is `cheapest-capable`: those that are not known to be unable, or all when every one is.
/// - All others: every offer that is known to be able, and of these, unless there are no others, those that refuse no field of the request.
///
/// `ordered` without `models` goes provider by provider, and of each by what is cheapest. Of the offers of a shape, models that are gone are
/// left out, unless there are no others: then their provider decides.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) name: Arc<str>,
    pub(super) strategy: Strategy,
    pub(super) offers: Vec<Offer>,
    /// Whether the file names its models.
    pub(super) named: bool,
    pub(super) options: RouteOptions,
    /// What its own options keep out of it.
    pub(super) kept_out: Vec<(Offer, Limit)>,
    turns: Turns,
}

/// What a route chose for a request.
pub(super) struct Chosen {
    /// Best first; never empty.
    pub(super) targets: Vec<Arc<Target>>,
    /// Models that may serve it.
    pub(super) able: usize,
    /// What the first is expected to cost.
    pub(super) expected: Option<PicoDollars>,
}

impl Route {
    /// Gathers a route's offers.
    pub(super) fn compile(route: &config::Route, market: &Market) -> Route {
        let providers: Vec<_> = route.providers.iter().filter_map(|id| market.upstream(id)).collect();
        let mut all: Vec<Offer> = Vec::new();
        let named = route.models.iter().flat_map(|name| providers.iter().filter_map(|at| market.offer(at, name)));
        for offer in named {
            if !all.iter().any(|other| other.is_same(&offer)) {
                all.push(offer);
            }
        }
        let options = &route.options;
        if route.models.is_empty() {
            let floor = options.quality_floor.as_ref();
            all.extend(providers.iter().flat_map(|upstream| market.unnamed_offers(upstream, floor)));
        }
        let (mut offers, mut kept_out) = (Vec::with_capacity(all.len()), Vec::new());
        for offer in all {
            match Limit::on(&offer, options) {
                Some(limit) => kept_out.push((offer, limit)),
                None => offers.push(offer),
            }
        }
        Route {
            name: Arc::clone(&route.name),
            strategy: route.strategy,
            offers,
            named: !route.models.is_empty(),
            options: options.clone(),
            kept_out,
            turns: Turns::new(),
        }
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

    /// What a request demands of its models.
    pub(super) fn demand(&self, ask: &Ask<'_>) -> Demand {
        Demand::of(ask).expecting(self.options.expected_output)
    }

    /// The targets for a request, best first.
    pub(super) fn choose(&self, ask: &Ask<'_>, live: &Live<'_>) -> Result<Chosen, ApiError> {
        let wanted = Wanted::of(ask);
        let spoken: Vec<&Offer> = self.offers.iter().filter(|offer| !offer.targets(&wanted).is_empty()).collect();
        if spoken.is_empty() {
            return Err(unfit(&format!("route `{}`", self.name), &self.offers, &wanted, ""));
        }
        let spoken = or_all(spoken, |offer| !offer.is_gone);
        let demand = self.demand(ask);
        let offers = if self.is_lenient() { lenient(&demand, spoken) } else { self.strict(&demand, spoken)? };
        let offers = self.without_refusing(&demand, offers, live)?;
        let able = offers.len();
        let choosing = Choosing {
            strategy: self.strategy,
            options: &self.options,
            turns: &self.turns,
            demand: &demand,
            live,
            wanted: &wanted,
        };
        let cost = |target: &Target| {
            let offer = self.offers.iter().find(|offer| offer.has(target))?;
            let stay = live.stay_at(offer, &wanted).filter(|_| self.options.sticky);
            demand.cost(offer, stay.as_ref())
        };
        let targets = choosing.targets(offers);
        let expected = targets.first().and_then(|target| cost(target));
        Ok(Chosen { targets, able, expected })
    }

    /// Whether the operator's word on its models counts for more than the catalogue's.
    pub(super) fn is_lenient(&self) -> bool {
        self.named && self.strategy != Strategy::CheapestCapable
    }

    /// Offers that certainly can. The estimate of the prompt may be wrong, so too small a window only puts off; and what
    /// the operator named or listed, and the catalogue knows nothing of, is better than nothing.
    fn strict<'o>(&self, demand: &Demand, spoken: Vec<&'o Offer>) -> Result<Vec<&'o Offer>, ApiError> {
        let able: Vec<&Offer> =
            spoken.iter().copied().filter(|offer| demand.obstacle(offer, Unknown::No).is_none()).collect();
        let fits = |offer: &&Offer| demand.excess(offer.entry.as_deref(), Unknown::No).is_none();
        let fitting: Vec<&Offer> = able.iter().copied().filter(fits).collect();
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
            .filter(|offer| demand.obstacle(offer, Unknown::Yes).is_none() && (self.named || offer.entry.is_none()))
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

    /// Offers that refuse no field of the request. When all refuse one, or the operator named them, they are asked nevertheless, unless
    /// that is not allowed.
    fn without_refusing<'o>(
        &self,
        demand: &Demand,
        offers: Vec<&'o Offer>,
        live: &Live<'_>,
    ) -> Result<Vec<&'o Offer>, ApiError> {
        let takes_all = |offer: &Offer| demand.refused(offer).is_none();
        if !live.strict {
            return Ok(if self.is_lenient() { offers } else { or_all(offers, takes_all) });
        }
        let refusal = offers.first().and_then(|offer| demand.refused(offer));
        let willing: Vec<&Offer> = offers.into_iter().filter(|offer| takes_all(offer)).collect();
        match refusal {
            Some(Obstacle::Refuses(fields)) if willing.is_empty() => {
                let names: Vec<String> = fields.names().map(|name| format!("`{name}`")).collect();
                let message = format!(
                    "No model of route `{}` takes {}, and this key is strict: nothing may be left out. Take the field out, or name a model that takes it.",
                    self.name,
                    names.join(", ")
                );
                Err(ApiError::new(ErrorClass::BadRequest, message).with_param("model"))
            }
            _ => Ok(willing),
        }
    }
}

/// Leaves out what is known to be unable, unless that is all there is: then the provider says what is wrong.
pub(super) fn lenient<'o>(demand: &Demand, spoken: Vec<&'o Offer>) -> Vec<&'o Offer> {
    or_all(spoken, |offer| {
        demand.obstacle(offer, Unknown::Yes).is_none() && demand.excess(offer.entry.as_deref(), Unknown::Yes).is_none()
    })
}

/// Those of which that holds; all of them when it holds of none.
fn or_all(offers: Vec<&Offer>, holds: impl Fn(&Offer) -> bool) -> Vec<&Offer> {
    let held: Vec<&Offer> = offers.iter().copied().filter(|offer| holds(offer)).collect();
    if held.is_empty() { offers } else { held }
}
