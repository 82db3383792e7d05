//! One place an attempt can go: provider, model, shape and credential.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock};

use ovth_filters::Shape;
use ovth_filters::neutral::Profile;
use ovth_filters::tap::Tap;

use super::price::Quote;
use super::profile;
use crate::catalog::{Model, PicoDollars, Price};
use crate::config::Secret;
use crate::providers::{Scope, Upstream};

/// Where one attempt goes.
pub struct Target {
    /// The provider.
    pub upstream: Arc<Upstream>,
    /// The model's id as the provider knows it.
    pub model: Arc<str>,
    /// The shape that is spoken.
    pub shape: Shape,
    /// The key that is used; absent for hosts that want none.
    pub credential: Option<Secret>,
    /// What the catalogue knows of the model.
    pub entry: Option<Arc<Model>>,
    /// The name that the model is counted under: one of the catalogue or the configuration; absent for a client's own word.
    pub label: Option<Arc<str>>,
    /// What a request that is translated for it has to heed.
    pub profile: Profile,
    quote: Quote,
    /// What a client is told of the model in `x-ovth-warnings`.
    pub(super) notice: Option<Arc<str>>,
    /// What its health is kept under.
    pub key: TargetKey,
    /// How often its credential is used, in proportion to the others of its provider.
    pub(super) weight: u32,
}

/// What all targets of one model at one provider have in common.
#[derive(Clone, Copy)]
pub(super) struct Served<'a> {
    pub(super) upstream: &'a Arc<Upstream>,
    pub(super) model: &'a Arc<str>,
    pub(super) entry: Option<&'a Arc<Model>>,
    pub(super) label: Option<&'a Arc<str>>,
    pub(super) quote: &'a Quote,
}

/// What a target's health is kept under: the same before and after a reload, as long as host, credential and model are.
/// The shape is not part of it: limits and outages are a model's, whatever is spoken to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TargetKey {
    host: u64,
    credential: u64,
    target: u64,
}

/// A credential at a host, as a digest: the same before and after a reload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Account(u64);

impl TargetKey {
    /// Digests are keyed with a secret of this process, so that none tells anything of a credential.
    fn new(upstream: &Upstream, credential: Option<&Secret>, model: &str) -> TargetKey {
        static DIGEST: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        let base = &upstream.provider().base_url;
        let host = DIGEST.hash_one((&**upstream.id(), &*base.host, base.port, &*base.path));
        let credential = DIGEST.hash_one((host, credential.map(Secret::expose)));
        TargetKey { host, credential, target: DIGEST.hash_one((credential, model)) }
    }

    /// The digest of everything that a failure of that scope concerns.
    pub(super) const fn within(&self, scope: Scope) -> u64 {
        match scope {
            Scope::Target => self.target,
            Scope::Credential => self.credential,
            Scope::Host => self.host,
        }
    }

    /// The digest of this model with this credential.
    pub(super) const fn target(&self) -> u64 {
        self.target
    }

    /// The digest of this credential at this host.
    pub(super) const fn credential(&self) -> u64 {
        self.credential
    }

    /// The digest of this host.
    #[must_use]
    pub const fn host(&self) -> u64 {
        self.host
    }

    /// This credential at this host.
    #[must_use]
    pub const fn account(&self) -> Account {
        Account(self.credential)
    }

    /// All digests, the narrowest first.
    pub(super) const fn all(&self) -> [u64; 3] {
        [self.target, self.credential, self.host]
    }
}

impl Target {
    pub(super) fn new(served: &Served<'_>, shape: Shape, credential: Option<&Secret>) -> Target {
        let Served { upstream, model, entry, label, quote } = *served;
        Target {
            key: TargetKey::new(upstream, credential, model),
            upstream: Arc::clone(upstream),
            model: Arc::clone(model),
            shape,
            credential: credential.cloned(),
            entry: entry.cloned(),
            label: label.cloned(),
            quote: quote.clone(),
            weight: 1,
            notice: None,
            profile: profile::of(served, credential),
        }
    }

    /// What a client is to be warned of: that the model shuts down soon, as `shutdown:MODEL=DATE`.
    #[must_use]
    pub fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    /// What it costs: what the operator set, else what the catalogue has; `None` when nobody tells a price.
    #[must_use]
    pub fn price(&self) -> Option<&Price> {
        self.quote.price.as_deref()
    }

    /// What its host says that an answer costs, where that is the bill: a hosted router charges what it tells, whatever its models' lists say.
    /// `None` while it says nothing that is final.
    #[must_use]
    pub fn told_cost(&self, tap: &Tap) -> Option<PicoDollars> {
        tap.told_cost().filter(|_| self.profile.host.router_fields && tap.usage_is_final())
    }

    /// Where its price comes from: `config`, or the version of the catalogue.
    #[must_use]
    pub fn price_source(&self) -> &str {
        &self.quote.source
    }

    /// Whether the provider refuses `max_tokens` for the model and takes `max_completion_tokens`. Resellers take either.
    #[must_use]
    pub fn takes_max_completion_tokens(&self) -> bool {
        !self.upstream.is_reseller() && self.entry.as_ref().is_some_and(|entry| entry.takes_max_completion_tokens)
    }

    /// Whether a request is told to both in the same words: only their credentials differ.
    #[must_use]
    pub fn is_told_alike(&self, other: &Target) -> bool {
        Arc::ptr_eq(&self.upstream, &other.upstream) && self.model == other.model && self.shape == other.shape
    }

    /// Tokens of input and output together, where they are known.
    #[must_use]
    pub fn context_window(&self) -> Option<u64> {
        self.entry.as_ref().and_then(|entry| entry.context_window)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} ({})", self.upstream.id(), self.model, self.shape)
    }
}
