//! Examines every account of a configuration: what its provider answers, and what that means for the routes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::thread;

use super::ask::{Answer, Fault, Question};
use crate::observe::metrics::{KeyState, ProviderAccounts};
use crate::providers::Upstream;
use crate::routing::{Snapshot, Target};

/// So many models of an account that the catalogue does not know are taken note of.
const MOST_NEWER: usize = 4_096;

/// Clocks that differ by more are told: days of quotas and times of logs are then others than the provider's.
pub const MAX_CLOCK_SECONDS: u64 = 30;

/// One key of one provider, and what came of asking with it.
#[derive(Clone, Debug)]
pub struct Account {
    /// The provider's id.
    pub provider: Arc<str>,
    /// Which of the provider's keys it is, counted from 1, and how many there are; absent for a host that wants none.
    pub key: Option<(usize, usize)>,
    /// The list of models, or why there is none.
    pub answer: Result<Answer, Fault>,
}

/// A model that a route chooses from and an account does not have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lack {
    /// The route.
    pub route: Arc<str>,
    /// The model's id.
    pub model: Arc<str>,
    /// Whether the route names it; else it is one of all models that the catalogue has.
    pub named: bool,
}

/// What was found out about all accounts.
#[derive(Clone, Debug, Default)]
pub struct Examined {
    /// Every account, with what it lacks, in the order of the providers.
    pub accounts: Vec<(Account, BTreeSet<Lack>)>,
    /// Targets of routes whose account does not have the model.
    pub lacking: Vec<Arc<Target>>,
    /// Targets of routes of which the key is refused, or not paid for.
    pub refused: Vec<Arc<Target>>,
    /// Models that accounts have and the catalogue does not: the provider of each, and its name in lower case.
    pub newer: BTreeSet<(Arc<str>, String)>,
}

impl Examined {
    /// The accounts by provider, for the metrics.
    #[must_use]
    pub fn providers(&self) -> Vec<ProviderAccounts> {
        let mut missing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut providers: BTreeMap<&str, Vec<KeyState>> = BTreeMap::new();
        for (account, lacks) in &self.accounts {
            providers.entry(&account.provider).or_default().push(account.state());
            missing.entry(&account.provider).or_default().extend(lacks.iter().map(|lack| &*lack.model));
        }
        let count = |provider| missing.get(provider).map_or(0, BTreeSet::len);
        providers
            .into_iter()
            .map(|(provider, keys)| ProviderAccounts {
                provider: provider.to_owned(),
                keys,
                missing_models: count(provider),
            })
            .collect()
    }
}

impl Account {
    /// What the provider says of the key.
    #[must_use]
    pub fn state(&self) -> KeyState {
        match &self.answer {
            Ok(_) => KeyState::Ok,
            Err(Fault::KeyRefused { .. }) => KeyState::Refused,
            Err(Fault::Unpaid { .. }) => KeyState::Unpaid,
            Err(_) => KeyState::Unknown,
        }
    }

    /// Whether its provider's clock and this machine's differ by more than [`MAX_CLOCK_SECONDS`]; then by how many seconds the
    /// provider's is ahead.
    #[must_use]
    pub fn wrong_clock(&self) -> Option<i64> {
        let ahead = self.answer.as_ref().ok()?.clock_ahead?;
        (ahead.unsigned_abs() > MAX_CLOCK_SECONDS).then_some(ahead)
    }
}

/// Which account it is, without any part of its key: `openai, key 2 of 3`.
impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key {
            None | Some((_, 1)) => write!(f, "{}", self.provider),
            Some((at, count)) => write!(f, "{}, key {at} of {count}", self.provider),
        }
    }
}

/// What can be told of accounts of which nobody asks.
#[must_use]
pub fn unasked(snapshot: &Snapshot) -> Vec<ProviderAccounts> {
    let keys = |upstream: &Upstream| vec![KeyState::Unknown; upstream.provider().api_keys.len().max(1)];
    snapshot
        .upstreams()
        .iter()
        .map(|upstream| ProviderAccounts {
            provider: upstream.id().to_string(),
            keys: keys(upstream),
            missing_models: 0,
        })
        .collect()
}

/// Asks every provider with each of its keys; providers at the same time, the keys of one in turn. Takes as long as the slowest
/// provider does: up to 20 s for each page of its list.
#[must_use]
pub fn examine(snapshot: &Snapshot) -> Examined {
    let accounts: Vec<Account> = thread::scope(|scope| {
        let asked: Vec<_> =
            snapshot.upstreams().iter().map(|upstream| scope.spawn(move || ask_all(upstream))).collect();
        asked.into_iter().flat_map(|asked| asked.join().unwrap_or_default()).collect()
    });
    judge(snapshot, accounts)
}

fn ask_all(upstream: &Upstream) -> Vec<Account> {
    let keys = &upstream.provider().api_keys;
    let account = |key, credential| {
        let answer = Question::new(upstream, credential).and_then(|question| question.ask());
        Account { provider: Arc::clone(upstream.id()), key, answer }
    };
    if keys.is_empty() {
        return vec![account(None, None)];
    }
    keys.iter().enumerate().map(|(at, key)| account(Some((at + 1, keys.len())), Some(key))).collect()
}

fn judge(snapshot: &Snapshot, accounts: Vec<Account>) -> Examined {
    let mut examined = Examined::default();
    for account in accounts {
        let targets = snapshot.routed().filter(|(_, _, target)| is_behind(snapshot, &account, target));
        let mut lacks = BTreeSet::new();
        match &account.answer {
            Ok(answer) => {
                let provider = &account.provider;
                let is_new = |name: &&str| snapshot.catalog().named(name).is_empty();
                let newer = answer.models.names().filter(is_new).take(MOST_NEWER);
                examined.newer.extend(newer.map(|name| (Arc::clone(provider), name.to_owned())));
                let targets: Vec<_> = targets.filter(|(_, _, target)| is_listed(target)).collect();
                let lacking: Vec<_> = targets.iter().filter(|(_, _, target)| !has(answer, target)).collect();
                // A list without any model of ours is that of something else, or of other names: nothing can be told by it.
                if lacking.len() < targets.len() {
                    for (route, named, target) in lacking {
                        let lack = Lack { route: Arc::clone(route), model: Arc::clone(&target.model), named: *named };
                        lacks.insert(lack);
                        examined.lacking.push(Arc::clone(target));
                    }
                }
            }
            Err(fault) if fault.concerns_requests() => {
                examined.refused.extend(targets.map(|(_, _, target)| Arc::clone(target)));
            }
            Err(_) => {}
        }
        examined.accounts.push((account, lacks));
    }
    examined
}

fn is_behind(snapshot: &Snapshot, account: &Account, target: &Target) -> bool {
    if *target.upstream.id() != account.provider {
        return false;
    }
    let Some(upstream) = snapshot.upstreams().iter().find(|upstream| *upstream.id() == account.provider) else {
        return false;
    };
    let key = account.key.and_then(|(at, _)| upstream.provider().api_keys.get(at - 1));
    match (key, &target.credential) {
        (Some(key), Some(credential)) => credential.matches(key.expose().as_bytes()),
        (None, None) => true,
        _ => false,
    }
}

/// Whether a provider's list should have it: what the operator lists for a host may have no entry there.
fn is_listed(target: &Target) -> bool {
    target.entry.is_some() && !target.upstream.lists(&target.model)
}

fn has(answer: &Answer, target: &Target) -> bool {
    let names = target.entry.iter().flat_map(|entry| entry.names());
    answer.models.has(&target.model) || names.into_iter().any(|name| answer.models.has(name))
}
