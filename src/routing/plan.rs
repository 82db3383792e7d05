//! From what a client asks for to the ordered targets of its request: its route and the routes that this one goes on with, or the
//! providers of a model that it names.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ovth_filters::neutral::{ApiError, ErrorClass};

use super::capability::{Demand, Unknown};
use super::offer::{Offer, Wanted};
use super::order::{spread, stay_first};
use super::refusal::unfit;
use super::route::{Chosen, Route};
use super::snapshot::{shown, unknown};
use super::{Ask, Live, Snapshot, Target};
use crate::catalog::PicoDollars;
use crate::config::RouteOptions;

/// The ordered targets of one request.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The route that was named; absent when the client named a model.
    pub route: Option<Arc<str>>,
    /// How the targets were ordered: a strategy's name, or `direct`.
    pub strategy: &'static str,
    /// Where to go, best first; never empty.
    pub targets: Vec<Arc<Target>>,
    /// Why these, in this order; absent when the client named a model.
    pub choice: Option<Choice>,
    /// The time to the first content of an answer, where the route sets one.
    pub first_byte: Option<Duration>,
    /// The time without content after which another target is asked for the same stream as well, where the route sets one.
    pub hedge_after: Option<Duration>,
}

/// Why a route chose what it chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The strategy.
    pub strategy: &'static str,
    /// Models that may serve the request.
    pub able: usize,
    /// Models that the route chooses from.
    pub of: usize,
    /// What the first of them is expected to cost; absent when its price is not known.
    pub expected: Option<PicoDollars>,
    /// Whether the conversation stays where its prompt cache is warm.
    pub stays: bool,
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; able={}/{}", self.strategy, self.able, self.of)?;
        if let Some(expected) = self.expected {
            write!(f, "; expected_usd={expected}")?;
        }
        if self.stays { f.write_str("; stays=warm_cache") } else { Ok(()) }
    }
}

impl Plan {
    /// The last error, as the client is told it: a model that the client named itself and that no provider serves is
    /// the client's to change, while one behind a route is the operator's.
    #[must_use]
    pub fn last_error(&self, mut error: ApiError) -> ApiError {
        if self.route.is_none() && error.class == ErrorClass::OperatorModel {
            error.class = ErrorClass::UnknownModel;
        }
        error
    }
}

impl Snapshot {
    /// The ordered targets for a request when nothing is known of them: see [`Snapshot::plan_with`].
    ///
    /// # Errors
    /// As [`Snapshot::plan_with`].
    pub fn plan(&self, ask: &Ask<'_>) -> Result<Plan, ApiError> {
        self.plan_with(ask, &Live::nothing())
    }

    /// The ordered targets for a request. A route's name comes first, then what the catalogue knows, then
    /// `provider/anything`, then ids that a provider claims.
    ///
    /// # Errors
    /// `UnknownModel` with the nearest names; `BadRequest` when the model is served in other shapes only or embeds text,
    /// or a route has no model that is able to serve the request.
    pub fn plan_with(&self, ask: &Ask<'_>, live: &Live<'_>) -> Result<Plan, ApiError> {
        match self.routes.get(ask.model) {
            Some(route) => self.plan_route(route, ask, live),
            None => self.plan_model(ask, live, Wording::WithNearest),
        }
    }

    /// The same for one of several names: what is wrong with it is said without the names nearest to it. To find these costs a look at all
    /// that are listed.
    ///
    /// # Errors
    /// As [`Snapshot::plan_with`].
    pub fn plan_tersely(&self, ask: &Ask<'_>, live: &Live<'_>) -> Result<Plan, ApiError> {
        match self.routes.get(ask.model) {
            Some(route) => self.plan_route(route, ask, live),
            None => self.plan_model(ask, live, Wording::Terse),
        }
    }

    fn plan_route(&self, route: &Route, ask: &Ask<'_>, live: &Live<'_>) -> Result<Plan, ApiError> {
        let strategy = route.strategy.as_str();
        let mut targets: Vec<Arc<Target>> = Vec::new();
        let mut choice: Option<Choice> = None;
        let mut failed: Option<ApiError> = None;
        for way in self.ways(route) {
            match way.choose(ask, live) {
                Ok(Chosen { targets: own, able, expected }) => {
                    let is_at = |stay: &super::Stay| own.first().is_some_and(|first| first.key.target() == stay.target);
                    let stays = way.options.sticky && live.stay.as_ref().is_some_and(is_at);
                    let of = way.offers.len();
                    choice.get_or_insert(Choice { strategy: way.strategy.as_str(), able, of, expected, stays });
                    targets.extend(own);
                }
                Err(error) => {
                    failed.get_or_insert(error);
                }
            }
        }
        let Some(choice) = choice else {
            return Err(failed.unwrap_or_else(|| self.unknown_model(ask.model)));
        };
        if !route.options.fallback.is_empty() {
            keep_first(&mut targets);
        }
        let RouteOptions { first_byte, hedge_after, .. } = route.options;
        Ok(Plan {
            route: Some(Arc::clone(&route.name)),
            strategy,
            targets,
            choice: Some(choice),
            first_byte,
            hedge_after,
        })
    }

    /// A route, and those that it goes on with, in the order in which they are come to.
    pub(super) fn ways<'s>(&'s self, route: &'s Route) -> Vec<&'s Route> {
        let mut ways = vec![route];
        let mut at = 0;
        // None leads back to itself: the configuration was checked. What two lead to is gone on with once.
        while let Some(way) = ways.get(at) {
            at += 1;
            let further: Vec<&Route> = way.options.fallback.iter().filter_map(|name| self.routes.get(name)).collect();
            for (offset, next) in
                further.into_iter().filter(|next| !is_among(&ways, next)).enumerate().collect::<Vec<_>>()
            {
                ways.insert(at + offset, next);
            }
        }
        ways
    }

    fn plan_model(&self, ask: &Ask<'_>, live: &Live<'_>, wording: Wording) -> Result<Plan, ApiError> {
        let mut offers = self.market.offers(ask.model);
        if offers.is_empty() {
            offers = self.newer(ask.model, live);
        }
        if offers.is_empty() {
            return Err(match wording {
                Wording::WithNearest => self.unknown_model(ask.model),
                Wording::Terse => unknown(ask.model, ""),
            });
        }
        let wanted = Wanted::of(ask);
        // What is not known counts as a yes; who is known to be unable comes last, and says so by itself.
        let demand = Demand::of(ask);
        if offers.len() > 1 {
            offers.sort_by_cached_key(|offer| demand.obstacle(offer, Unknown::Yes).is_some());
        }
        let mut targets: Vec<Arc<Target>> =
            offers.iter().flat_map(|offer| spread(&self.turns, offer.targets(&wanted).to_vec(), live)).collect();
        if targets.is_empty() {
            let near = match wording {
                Wording::WithNearest => self.near_unknown(ask.model, &offers),
                Wording::Terse => String::new(),
            };
            return Err(unfit(&format!("`{}`", shown(ask.model)), &offers, &wanted, &near));
        }
        stay_first(&mut targets, live.stay.as_ref());
        Ok(Plan { route: None, strategy: "direct", targets, choice: None, first_byte: None, hedge_after: None })
    }
}

impl Snapshot {
    /// A model that the catalogue does not know yet and an account has: it can be used on the day it ships.
    fn newer(&self, model: &str, live: &Live<'_>) -> Vec<Offer> {
        let providers = live.inventory.map(|inventory| inventory.providers_of(model)).unwrap_or_default();
        let upstreams = providers.iter().filter_map(|id| self.market.upstream(id));
        upstreams.filter_map(|upstream| self.market.offer_as(upstream, model)).collect()
    }
}

/// How much is said of a name that nothing can be asked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wording {
    /// With the names nearest to it.
    WithNearest,
    /// Without.
    Terse,
}

fn is_among(ways: &[&Route], route: &Route) -> bool {
    ways.iter().any(|way| way.name == route.name)
}

/// Each target once, where it comes first.
fn keep_first(targets: &mut Vec<Arc<Target>>) {
    let mut seen = std::collections::HashSet::with_capacity(targets.len());
    targets.retain(|target| seen.insert((target.key, target.shape)));
}
