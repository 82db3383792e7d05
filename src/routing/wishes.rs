//! What a request wishes of the providers that serve it, put upon the plan that was made for it.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Instant;

use ovth_filters::neutral::{ApiError, ErrorClass};
use ovth_filters::router::{MaxPrice, Sort, Wishes};
use ovth_filters::shapes::Parameters;

use super::snapshot::shown;
use super::{Ask, Health, Live, Plan, Snapshot, Target};
use crate::catalog::PicoDollars;

/// The answer that prices are compared by when the client sets no bound.
const EXPECTED_OUTPUT: u64 = 1_024;

/// The same for a request whose prompt nobody has estimated.
const EXPECTED_INPUT: u64 = 1_024;

/// Providers that an error names.
const NAMED: usize = 10;

impl Snapshot {
    /// Whether that is a name as it stands: of a route, or in the list of models.
    #[must_use]
    pub fn is_listed(&self, name: &str) -> bool {
        self.routes.contains_key(name) || self.listing().iter().any(|entry| entry.id() == name)
    }

    /// Whether there is a route of that name.
    #[must_use]
    pub fn has_route(&self, name: &str) -> bool {
        self.routes.contains_key(name)
    }
}

impl Plan {
    /// Leaves those targets that the wishes allow, in the order that they ask for.
    ///
    /// # Errors
    /// `UnknownModel` with the field that leaves none.
    pub fn heed(&mut self, wishes: &Wishes, ask: &Ask<'_>, live: &Live<'_>) -> Result<(), ApiError> {
        let first = self.targets.first().cloned();
        let named = Named::of(&self.targets);
        self.keep(ask, "provider.ignore", |target| !wishes.ignore.iter().any(|slug| target.upstream.is_called(slug)))?;
        if !wishes.only.is_empty() {
            self.keep(ask, "provider.only", |target| named.place(&wishes.only, target).is_some())?;
        }
        self.keep(ask, "provider.max_price", |target| is_within(wishes.max_price, target, ask.input_tokens))?;
        if wishes.require_parameters {
            self.keep(ask, "provider.require_parameters", |target| takes_all(target, ask))?;
        }
        if let Some(sort) = wishes.sort {
            sort_by(&mut self.targets, sort, ask, live);
        }
        self.targets.sort_by_key(|target| is_too_slow(target, wishes, ask, live));
        if !wishes.order.is_empty() {
            let place = |target: &Target| named.place(&wishes.order, target).unwrap_or(usize::MAX);
            self.targets.sort_by_cached_key(|target| place(target));
        }
        if !wishes.allow_fallbacks {
            if wishes.order.is_empty() {
                let only = self.targets.first().map(|target| Arc::clone(target.upstream.id()));
                self.targets.retain(|target| Some(target.upstream.id()) == only.as_ref());
            } else {
                self.keep(ask, "provider.order", |target| named.place(&wishes.order, target).is_some())?;
            }
        }
        let is_same = |first: &Arc<Target>| self.targets.first().is_some_and(|now| Arc::ptr_eq(now, first));
        if !first.as_ref().is_some_and(is_same)
            && let Some(choice) = &mut self.choice
        {
            (choice.strategy, choice.expected, choice.stays) = ("wished", None, false);
        }
        Ok(())
    }

    /// Goes on with the targets of another plan; each target once.
    pub fn go_on_with(&mut self, other: Plan) {
        for target in other.targets {
            if !self.targets.iter().any(|own| own.key == target.key && own.shape == target.shape) {
                self.targets.push(target);
            }
        }
    }

    /// Sorts the targets of several models together.
    pub fn sort_all(&mut self, sort: Sort, ask: &Ask<'_>, live: &Live<'_>) {
        sort_by(&mut self.targets, sort, ask, live);
    }

    fn keep(&mut self, ask: &Ask<'_>, field: &'static str, holds: impl Fn(&Target) -> bool) -> Result<(), ApiError> {
        if self.targets.iter().all(|target| holds(target)) {
            return Ok(());
        }
        let kept: Vec<Arc<Target>> = self.targets.iter().filter(|target| holds(target)).cloned().collect();
        if kept.is_empty() {
            return Err(none_left(ask.model, field, &self.targets));
        }
        self.targets = kept;
        Ok(())
    }
}

fn none_left(model: &str, field: &str, targets: &[Arc<Target>]) -> ApiError {
    let mut providers: Vec<&str> = targets.iter().map(|target| &**target.upstream.id()).collect();
    providers.sort_unstable();
    providers.dedup();
    providers.truncate(NAMED);
    let message = format!(
        "No provider of `{}` is left by `{field}`. It is served here by {}; loosen `{field}`, or name another model.",
        shown(model),
        providers.join(", ")
    );
    ApiError::new(ErrorClass::UnknownModel, message).with_param(field)
}

/// The targets of a plan, to be found by what a client calls their providers.
struct Named {
    targets: Vec<Arc<Target>>,
}

impl Named {
    fn of(targets: &[Arc<Target>]) -> Named {
        Named { targets: targets.to_vec() }
    }

    /// Where a list names the provider of a target. A router has providers of its own behind it: it stands where the list names
    /// one that is none of ours.
    fn place(&self, slugs: &[Box<str>], target: &Target) -> Option<usize> {
        let own = slugs.iter().position(|slug| target.upstream.is_called(slug));
        let is_ours = |slug: &str| self.targets.iter().any(|target| target.upstream.is_called(slug));
        let behind = || slugs.iter().position(|slug| !is_ours(slug)).filter(|_| target.profile.host.router_fields);
        own.or_else(behind)
    }
}

/// Whether a target costs no more than that; one whose price is not known costs too much.
fn is_within(most: MaxPrice, target: &Target, prompt_tokens: u64) -> bool {
    if most == MaxPrice::default() {
        return true;
    }
    let rates = target.price().map(|price| price.rates(prompt_tokens));
    let fits = |most: Option<PicoDollars>, rate: Option<PicoDollars>| match (most, rate) {
        (None, _) => true,
        (Some(most), Some(rate)) => rate <= most,
        (Some(_), None) => false,
    };
    fits(most.prompt, rates.and_then(|rates| rates.input))
        && fits(most.completion, rates.and_then(|rates| rates.output))
}

/// Whether a model takes every field of the request, as far as is known. A router sees to that by itself.
fn takes_all(target: &Target, ask: &Ask<'_>) -> bool {
    let Some(entry) = target.entry.as_deref().filter(|_| !target.profile.host.router_fields) else { return true };
    let (needs, can) = (&ask.needs, &entry.capabilities);
    let lacks = [
        (needs.tools, can.tools),
        (needs.structured_output, can.structured_outputs),
        (needs.reasoning, can.reasoning),
        (needs.parallel_tools, can.parallel_tools),
    ];
    let refused = if target.upstream.is_reseller() { Parameters::NONE } else { entry.refused(needs) };
    refused == Parameters::NONE && !lacks.iter().any(|(needed, can)| *needed && *can == Some(false))
}

fn sort_by(targets: &mut [Arc<Target>], sort: Sort, ask: &Ask<'_>, live: &Live<'_>) {
    let known = |measure: Option<u64>| (measure.is_none(), measure.unwrap_or_default());
    match sort {
        Sort::Price => targets.sort_by_cached_key(|target| {
            let output = ask.max_output.map_or(EXPECTED_OUTPUT, |bound| bound.min(EXPECTED_OUTPUT));
            let cost =
                target.price().and_then(|price| price.expected_cost(ask.input_tokens.max(EXPECTED_INPUT), output));
            known(cost.map(|cost| cost.0))
        }),
        Sort::Latency => targets.sort_by_cached_key(|target| known(latency(target, ask, live))),
        Sort::Throughput => targets.sort_by_cached_key(|target| {
            let speed = speed(target, live);
            (speed.is_none(), Reverse(speed.unwrap_or_default()))
        }),
        // Nobody measures here how well tools are called; who is known to call them comes first.
        Sort::Exacto => targets.sort_by_cached_key(|target| {
            let can = target.entry.as_deref().map(|entry| entry.capabilities);
            let knows = |ability: fn(&crate::catalog::Capabilities) -> Option<bool>| {
                can.as_ref().and_then(ability) == Some(true)
            };
            Reverse(
                u8::from(knows(|can| can.tools))
                    + u8::from(knows(|can| can.parallel_tools))
                    + u8::from(knows(|can| can.tool_choice)),
            )
        }),
    }
}

/// Whether a target is known to be slower than is preferred.
fn is_too_slow(target: &Target, wishes: &Wishes, ask: &Ask<'_>, live: &Live<'_>) -> bool {
    let late = wishes.max_latency.zip(latency(target, ask, live));
    let slow = wishes.min_throughput.zip(speed(target, live));
    late.is_some_and(|(most, seen)| u128::from(seen) > most.as_micros())
        || slow.is_some_and(|(least, seen)| seen < least)
}

fn latency(target: &Target, ask: &Ask<'_>, live: &Live<'_>) -> Option<u64> {
    measured(live, |health, now| health.latency(target, ask.needs.streaming, now))
}

fn speed(target: &Target, live: &Live<'_>) -> Option<u64> {
    measured(live, |health, now| health.speed(target, now))
}

fn measured(live: &Live<'_>, of: impl Fn(&Health, Instant) -> Option<u64>) -> Option<u64> {
    live.health.and_then(|health| of(health, live.now))
}
