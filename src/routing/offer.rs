//! What the usable providers serve: from a model's name to the offers that can answer it.

use std::collections::HashSet;
use std::sync::Arc;

use ovth_filters::shapes::Needs;
use ovth_filters::{Operation, Shape, embeddings, translate};

use super::Target;
use super::price::{Prices, Quote};
use super::snapshot::Ask;
use super::target::Served;
use crate::catalog::{Catalog, Date, Kind, Model, Status};
use crate::config::ModelNames;
use crate::providers::Upstream;

/// A shutdown that is this many days away is told.
pub(super) const NOTICE_DAYS: u32 = 30;

/// No model has a longer id.
const LONGEST_ID: usize = 200;

/// What decides in which shape a model is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// The shape that the client speaks.
    pub(super) shape: Shape,
    /// What it asks for.
    pub(super) operation: Operation,
    /// What the model must be able to do.
    pub(super) needs: Needs,
}

impl Wanted {
    /// Of a request.
    pub(super) const fn of(ask: &Ask<'_>) -> Wanted {
        Wanted { shape: ask.shape, operation: ask.operation, needs: ask.needs }
    }

    /// Of a request that needs nothing in particular.
    pub(super) fn plain(shape: Shape, operation: Operation) -> Wanted {
        Wanted { shape, operation, needs: Needs::default() }
    }
}

/// One model at one provider, with its targets in every shape that it is served in.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) upstream: Arc<Upstream>,
    pub(super) model: Arc<str>,
    pub(super) entry: Option<Arc<Model>>,
    /// Whether requests to it fail by now.
    pub(super) is_gone: bool,
    pub(super) quote: Quote,
    by_shape: Vec<(Shape, Vec<Arc<Target>>)>,
}

/// How a model stands on the day of the snapshot.
struct Standing {
    is_gone: bool,
    notice: Option<Arc<str>>,
}

impl Offer {
    fn new(served: &Served<'_>, Standing { is_gone, notice }: Standing) -> Offer {
        let Served { upstream, model, entry, quote, .. } = *served;
        let entry_of = entry.map(|entry| &**entry);
        let mut spoken: Vec<Shape> =
            upstream.shapes().iter().copied().filter(|shape| speaks(upstream, entry_of, *shape)).collect();
        if spoken.is_empty() && entry_of.is_some_and(|entry| entry.kind == Kind::Chat) {
            // The catalogue names the APIs that it knows of; a host that is said to speak another one is believed.
            spoken.extend(upstream.shapes());
        }
        let by_shape = spoken.into_iter().map(|shape| (shape, targets(served, shape, notice.as_ref()))).collect();
        Offer {
            upstream: Arc::clone(upstream),
            model: Arc::clone(model),
            entry: entry.cloned(),
            is_gone,
            quote: quote.clone(),
            by_shape,
        }
    }

    /// Its targets for such requests, one for each credential: in the client's shape if the model takes the request in it, else in
    /// the best one that the shape can be translated to. None when there is no such shape, or the model does something else.
    pub(super) fn targets(&self, wanted: &Wanted) -> &[Arc<Target>] {
        let shape = self.shape_for(wanted);
        self.by_shape.iter().find(|(spoken, _)| Some(*spoken) == shape).map_or(&[], |(_, targets)| targets)
    }

    /// The shape in which it is asked what comes in a shape. Where the model refuses the request in all of them, its provider says so.
    pub(super) fn shape_for(&self, wanted: &Wanted) -> Option<Shape> {
        let Wanted { shape: client, operation, needs } = wanted;
        if *operation == Operation::Embed {
            let embeds = |spoken: &Shape| embeddings::is_possible(*client, *spoken);
            let own = self.shapes().find(|spoken| spoken == client && embeds(spoken));
            return own.or_else(|| self.shapes().find(embeds)).filter(|_| self.may_embed());
        }
        if self.is_embedding() {
            return None;
        }
        let own = self.shapes().filter(|spoken| spoken == client);
        let others = self.shapes().filter(|spoken| translate::is_possible(*client, *spoken));
        let mut fallback = None;
        own.chain(others)
            .find(|shape| {
                fallback.get_or_insert(*shape);
                self.takes(needs, *shape)
            })
            .or(fallback)
    }

    /// Whether the model takes such a request in that shape: some call no tools on Chat Completions while they reason, and do in another
    /// shape of their provider. Resellers see to that by themselves.
    fn takes(&self, needs: &Needs, shape: Shape) -> bool {
        let entry = self.entry.as_deref().filter(|_| !self.upstream.is_reseller());
        let refuses = entry.is_some_and(|entry| entry.capabilities.chat_tools_while_reasoning == Some(false));
        !(refuses && shape == Shape::Chat && needs.tools && !needs.no_reasoning)
    }

    /// The shapes it is served in.
    pub(super) fn shapes(&self) -> impl Iterator<Item = Shape> {
        self.by_shape.iter().map(|(shape, _)| *shape)
    }

    /// One target for each credential, in any of its shapes.
    pub(super) fn accounts(&self) -> &[Arc<Target>] {
        self.by_shape.first().map_or(&[], |(_, targets)| targets)
    }

    /// Whether that is one of its targets.
    pub(super) fn has(&self, target: &Target) -> bool {
        self.model == target.model && Arc::ptr_eq(&self.upstream, &target.upstream)
    }

    /// Whether it embeds text and answers no conversation.
    pub(super) fn is_embedding(&self) -> bool {
        self.entry.as_deref().is_some_and(|entry| entry.kind == Kind::Embedding)
    }

    /// Whether it embeds text, as far as is known.
    pub(super) fn may_embed(&self) -> bool {
        self.entry.as_deref().is_none_or(|entry| entry.kind == Kind::Embedding)
    }

    /// What it is asked for.
    pub(super) fn operation(&self) -> Operation {
        if self.is_embedding() { Operation::Embed } else { Operation::Generate }
    }

    /// Whether both are the same model at the same provider.
    pub(super) fn is_same(&self, other: &Offer) -> bool {
        self.model == other.model && Arc::ptr_eq(&self.upstream, &other.upstream)
    }
}

/// A provider may speak more shapes than a model of its own; a reseller translates, so there its own shapes count. Embedding
/// models are asked in the shapes that have a call for it.
fn speaks(upstream: &Upstream, entry: Option<&Model>, shape: Shape) -> bool {
    let Some(entry) = entry else { return true };
    if entry.kind == Kind::Embedding {
        return embeddings::is_possible(shape, shape);
    }
    upstream.is_reseller() || entry.shapes.is_empty() || entry.shapes.contains(&shape)
}

fn targets(served: &Served<'_>, shape: Shape, notice: Option<&Arc<str>>) -> Vec<Arc<Target>> {
    let target = |weight, credential| {
        let mut target = Target::new(served, shape, credential);
        (target.weight, target.notice) = (weight, notice.cloned());
        Arc::new(target)
    };
    let keys = &served.upstream.provider().api_keys;
    let weights = &served.upstream.provider().key_weights;
    if keys.is_empty() {
        return vec![target(1, None)];
    }
    let weight = |at: usize| weights.get(at).copied().unwrap_or(1);
    keys.iter().enumerate().map(|(at, key)| target(weight(at), Some(key))).collect()
}

/// The catalogue and the providers that can be used, in their order.
#[derive(Debug)]
pub(super) struct Market {
    pub(super) catalog: Arc<Catalog>,
    pub(super) upstreams: Vec<Arc<Upstream>>,
    pub(super) today: Date,
    pub(super) prices: Prices,
    /// Models that routes name, as written and without a provider in front.
    pub(super) routed: HashSet<Box<str>>,
}

impl Market {
    /// The provider of that id.
    pub(super) fn upstream(&self, id: &str) -> Option<&Arc<Upstream>> {
        self.upstreams.iter().find(|upstream| &**upstream.id() == id)
    }

    /// Whether requests to a model fail by now.
    pub(super) fn is_gone(&self, entry: &Model) -> bool {
        entry.status == Status::Retired || entry.shutdown_date.is_some_and(|date| date <= self.today)
    }

    /// When a model shuts down, if that is soon: within [`NOTICE_DAYS`].
    pub(super) fn shuts_down(&self, entry: &Model) -> Option<Date> {
        entry.shutdown_date.filter(|date| !self.is_gone(entry) && self.today.days_until(*date) <= NOTICE_DAYS)
    }

    fn notice(&self, entry: &Model) -> Option<Arc<str>> {
        self.shuts_down(entry).map(|date| format!("shutdown:{}={date}", entry.id).into())
    }

    /// Every offer of a model that a client asks for by that name. First who certainly has it; else who claims it.
    pub(super) fn offers(&self, name: &str) -> Vec<Offer> {
        // `reseller/author/name`: the first part is the provider's, and only its.
        if let Some((upstream, rest)) = self.addressed(name)
            && upstream.is_reseller()
        {
            return self.offer_as(upstream, rest).into_iter().collect();
        }
        let known: Vec<Offer> = self.upstreams.iter().filter_map(|upstream| self.known(upstream, name)).collect();
        if !known.is_empty() {
            return known;
        }
        if let Some((upstream, rest)) = self.addressed(name) {
            return self.offer_as(upstream, rest).into_iter().collect();
        }
        self.upstreams.iter().filter_map(|upstream| self.claimed(upstream, name)).collect()
    }

    /// The offer of one provider for that name, as a route names it.
    pub(super) fn offer(&self, upstream: &Arc<Upstream>, name: &str) -> Option<Offer> {
        if let Some((addressed, rest)) = self.addressed(name)
            && (addressed.is_reseller() || self.known(upstream, name).is_none())
        {
            return if Arc::ptr_eq(addressed, upstream) { self.offer_as(upstream, rest) } else { None };
        }
        self.known(upstream, name).or_else(|| self.claimed(upstream, name))
    }

    /// The offers a route without `models` has at one provider: what the catalogue holds to be good enough (or the route's own floor
    /// names) and knows a price of, cheapest first; and the ids that the provider's `models:` list spells out.
    pub(super) fn unnamed_offers(&self, upstream: &Arc<Upstream>, floor: Option<&ModelNames>) -> Vec<Offer> {
        let is_good =
            |model: &Model| floor.map_or_else(|| model.good_enough(), |floor| floor.name(&model.provider, &model.id));
        let usable = |model: &&Arc<Model>| {
            model.provider == *upstream.id()
                && model.kind == Kind::Chat
                && is_good(model)
                && matches!(model.status, Status::Current | Status::Deprecated)
                && !self.is_gone(model)
        };
        let models = self.catalog.models().iter().filter(usable);
        let mut offers: Vec<Offer> = models
            .map(|model| self.offer_of(upstream, Arc::clone(&model.id), Some(model)))
            .filter(|offer| offer.quote.is_known())
            .collect();
        offers.sort_by_key(|offer| offer.quote.expected_cost(1_000, 1_000));
        for id in upstream.provider().models.iter().filter(|id| !id.ends_with('*')) {
            if let Some(offer) = self.known(upstream, id)
                && !offers.iter().any(|other| other.is_same(&offer))
            {
                offers.push(offer);
            }
        }
        offers
    }

    /// `provider/rest` of a usable provider.
    fn addressed<'n>(&self, name: &'n str) -> Option<(&Arc<Upstream>, &'n str)> {
        let (provider, rest) = name.split_once('/')?;
        let upstream = self.upstreams.iter().find(|upstream| upstream.id().eq_ignore_ascii_case(provider))?;
        is_sane(rest).then_some((upstream, rest))
    }

    /// What a provider is sent when a client addresses it: its own id of a known model, else the client's word.
    pub(super) fn offer_as(&self, upstream: &Arc<Upstream>, name: &str) -> Option<Offer> {
        self.known(upstream, name).or_else(|| is_sane(name).then(|| self.offer_of(upstream, name.into(), None)))
    }

    fn offer_of(&self, upstream: &Arc<Upstream>, model: Arc<str>, entry: Option<&Arc<Model>>) -> Offer {
        let main_name = entry.and_then(|entry| main_name(upstream, entry));
        let names = [Some(&*model), main_name].into_iter().flatten();
        let quote = self.prices.quote(upstream.id(), names, entry.and_then(|entry| entry.price.as_ref()));
        let label = self.label(upstream, &model, entry);
        let served = Served { upstream, model: &model, entry, label, quote: &quote };
        let standing = Standing {
            is_gone: entry.is_some_and(|entry| self.is_gone(entry)),
            notice: entry.and_then(|entry| self.notice(entry)),
        };
        Offer::new(&served, standing)
    }

    /// The name that a model is counted under: the catalogue's, or the configuration's; none for a client's own word, of which there is no end.
    fn label<'m>(
        &self,
        upstream: &Upstream,
        model: &'m Arc<str>,
        entry: Option<&'m Arc<Model>>,
    ) -> Option<&'m Arc<str>> {
        match entry {
            Some(entry) if entry.provider == *upstream.id() => Some(&entry.id),
            // A reseller's name for it, which is one of the catalogue's.
            Some(_) => Some(model),
            None => {
                let listed = || upstream.provider().models.iter().any(|listed| **listed == **model);
                let is_named = self.routed.contains(&**model) || self.prices.names(upstream.id(), model) || listed();
                is_named.then_some(model)
            }
        }
    }

    /// The offer of a provider that has the model by its `models:` list or by the catalogue.
    fn known(&self, upstream: &Arc<Upstream>, name: &str) -> Option<Offer> {
        let (model, entry) = self.identified(upstream, name)?;
        Some(self.offer_of(upstream, model, entry))
    }

    /// What a provider calls a model that it has by its `models:` list or by the catalogue.
    pub(super) fn identified(&self, upstream: &Upstream, name: &str) -> Option<(Arc<str>, Option<&Arc<Model>>)> {
        if let Some(entry) = self.catalog.lookup(upstream.id(), name) {
            return Some((entry.api_id_for(name), Some(entry)));
        }
        if upstream.lists(name) && is_sane(name) {
            return Some((name.into(), None));
        }
        if upstream.is_reseller() {
            let named = self.catalog.named(name);
            return named.into_iter().find_map(|entry| Some((Arc::clone(slug(entry, name)?), Some(entry))));
        }
        None
    }

    /// The offer of a provider that claims the name by its look. What the catalogue knows is claimed by no one else.
    fn claimed(&self, upstream: &Arc<Upstream>, name: &str) -> Option<Offer> {
        let claims = is_sane(name) && upstream.claims(name) && self.catalog.named(name).is_empty();
        claims.then(|| self.offer_of(upstream, name.into(), None))
    }
}

/// The name under which resellers have a model: the one that was asked for, if it is one, else the first.
fn slug<'m>(entry: &'m Model, asked: &str) -> Option<&'m Arc<str>> {
    let slugs = || entry.names().filter(|name| name.contains('/'));
    slugs().find(|name| name.eq_ignore_ascii_case(asked)).or_else(|| slugs().next())
}

/// What a provider calls a model unless it is asked for by a name that the provider knows, too.
fn main_name<'m>(upstream: &Upstream, entry: &'m Model) -> Option<&'m str> {
    if entry.provider == *upstream.id() { Some(&entry.id) } else { slug(entry, "").map(|slug| &**slug) }
}

/// Whether a client's word may be sent to a provider as a model id.
fn is_sane(name: &str) -> bool {
    (1..=LONGEST_ID).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}
