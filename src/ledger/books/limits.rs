//! Limits that are set, held against what accounts have counted: what is left, what fits, and which one keeps a request out.

use std::cmp::Reverse;
use std::time::{Duration, SystemTime};

use super::account::{Account, narrow};
use super::clock::Moment;
use super::minute::{Measure, Minute};
use crate::config::{Allowance, Cap};
use crate::ledger::{Amount, Hit, LimitName, Room, Scope};

/// One owner: its limits, and its account when it has one. The account has the windows of that moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Party<'a> {
    pub(super) scope: Scope,
    pub(super) limits: &'a Allowance,
    pub(super) account: Option<&'a Account>,
}

/// What a request takes of every limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Need {
    /// Tokens and money; `None`: a request that is free passes though these are used up.
    pub(super) amount: Option<Amount>,
}

/// What is left of all limits in tokens and in money: the least of each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    /// `None`: more is used than one of the limits, so that not even nothing fits.
    tokens: Option<u64>,
    cost: Option<u64>,
    /// Whether one more request fits the limits in requests.
    request: bool,
}

impl Left {
    /// Whether that fits all limits.
    pub(super) fn fits(&self, need: Need) -> bool {
        let within = |left: Option<u64>, needed: u64| left.is_some_and(|left| needed <= left);
        self.request
            && need.amount.is_none_or(|amount| within(self.tokens, amount.tokens) && within(self.cost, amount.cost.0))
    }

    /// The largest amount that fits.
    pub(super) fn amount(&self) -> (u64, u64) {
        (self.tokens.unwrap_or(0), self.cost.unwrap_or(0))
    }
}

impl<'a> Party<'a> {
    /// The limits that are set, in the order of the configuration.
    fn set(&self) -> impl Iterator<Item = (LimitName, u64)> + use<'a> {
        named(self.limits).into_iter().filter_map(|(name, cap)| Some((name, cap?.limit()?)))
    }

    /// What of a limit is used.
    fn used(&self, name: LimitName) -> u128 {
        let Some(account) = self.account else { return 0 };
        let (day, month) = (account.days.current(), account.months.current());
        match name {
            LimitName::DailyTokens => day.tokens(),
            LimitName::MonthlyTokens => month.tokens(),
            LimitName::DailyUsd => day.cost(),
            LimitName::MonthlyUsd => month.cost(),
            LimitName::RequestsPerMinute | LimitName::TokensPerMinute => {
                self.minute().map_or(0, |minute| minute.used(measure(name)))
            }
            LimitName::MaxConcurrent => account.open.into(),
        }
    }

    fn minute(&self) -> Option<&'a Minute> {
        self.account?.minute.as_deref()
    }

    /// What is left of each limit.
    pub(super) fn rooms(&self, moment: &Moment) -> impl Iterator<Item = Room> + use<'a> {
        let (party, moment) = (*self, *moment);
        self.set().map(move |(name, limit)| party.room(name, limit, &moment))
    }

    fn room(&self, name: LimitName, limit: u64, moment: &Moment) -> Room {
        let resets_at = match name {
            LimitName::DailyTokens | LimitName::DailyUsd => Some(moment.day.next().start()),
            LimitName::MonthlyTokens | LimitName::MonthlyUsd => Some(moment.month.next().start()),
            LimitName::RequestsPerMinute | LimitName::TokensPerMinute => {
                let clear_at = self.minute().and_then(|minute| minute.clear_at(measure(name)));
                Some(clear_at.map_or(moment.now, |second| moment.time_of(second)))
            }
            LimitName::MaxConcurrent => None,
        };
        Room { scope: self.scope, name, limit, used: narrow(self.used(name)), resets_at }
    }

    /// The limits that keep a request out, each with the time from which on it might fit.
    fn hits(&self, need: Need, moment: &Moment) -> impl Iterator<Item = (SystemTime, Room, u64)> + use<'a> {
        let (party, moment) = (*self, *moment);
        self.set().filter_map(move |(name, limit)| {
            let needed = need.of(name)?;
            if party.used(name).saturating_add(needed.into()) <= limit.into() {
                return None;
            }
            let room = party.room(name, limit, &moment);
            let at = match name {
                LimitName::RequestsPerMinute | LimitName::TokensPerMinute => {
                    let most = limit.saturating_sub(needed).into();
                    let falls_at = party.minute().and_then(|minute| minute.falls_to_at(measure(name), most));
                    falls_at.map_or(moment.now, |second| moment.time_of(second))
                }
                _ => room.resets_at.unwrap_or(moment.now),
            };
            Some((at, room, needed))
        })
    }
}

impl Need {
    /// How much of that limit; `None`: it does not matter.
    fn of(self, name: LimitName) -> Option<u64> {
        match name {
            LimitName::DailyTokens | LimitName::MonthlyTokens | LimitName::TokensPerMinute => {
                self.amount.map(|amount| amount.tokens)
            }
            LimitName::DailyUsd | LimitName::MonthlyUsd => self.amount.map(|amount| amount.cost.0),
            LimitName::RequestsPerMinute | LimitName::MaxConcurrent => Some(1),
        }
    }
}

/// What is left of the limits of all of them.
pub(super) fn left(parties: &[Option<Party<'_>>]) -> Left {
    let mut least = Left { tokens: Some(u64::MAX), cost: Some(u64::MAX), request: true };
    for party in parties.iter().flatten() {
        for (name, limit) in party.set() {
            let left = u128::from(limit).checked_sub(party.used(name)).map(narrow);
            match name {
                LimitName::DailyTokens | LimitName::MonthlyTokens | LimitName::TokensPerMinute => {
                    least.tokens = least.tokens.min(left);
                }
                LimitName::DailyUsd | LimitName::MonthlyUsd => least.cost = least.cost.min(left),
                LimitName::RequestsPerMinute | LimitName::MaxConcurrent => least.request &= left > Some(0),
            }
        }
    }
    least
}

/// The limit that keeps a request out: the one that resets last, money before tokens, the one with the least left.
pub(super) fn worst(parties: &[Option<Party<'_>>], need: Need, moment: &Moment) -> Option<Hit> {
    let hits = parties.iter().flatten().flat_map(|party| party.hits(need, moment));
    // Of equals the last one counts, so they are taken backwards: the first in the order of the configuration wins.
    let hits: Vec<_> = hits.collect();
    let worst = hits.into_iter().rev().max_by_key(|(at, room, _)| (*at, room.name.is_money(), Reverse(room.left())));
    worst.map(|(at, room, needed)| {
        let wait = at.duration_since(moment.now).unwrap_or(Duration::ZERO);
        let retry_after = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1);
        Hit { room, needed, retry_after }
    })
}

/// Whether a limit per minute is set, so that an account has to keep its last minute.
pub(super) fn per_minute(limits: &Allowance) -> bool {
    [limits.requests_per_minute, limits.tokens_per_minute].into_iter().flatten().any(|cap| cap.limit().is_some())
}

/// How many limits are set.
pub(super) fn count(limits: &Allowance) -> usize {
    named(limits).into_iter().filter(|(_, cap)| cap.and_then(Cap::limit).is_some()).count()
}

fn named(limits: &Allowance) -> [(LimitName, Option<Cap>); 7] {
    [
        (LimitName::DailyTokens, limits.daily_tokens),
        (LimitName::MonthlyTokens, limits.monthly_tokens),
        (LimitName::DailyUsd, limits.daily_usd),
        (LimitName::MonthlyUsd, limits.monthly_usd),
        (LimitName::RequestsPerMinute, limits.requests_per_minute),
        (LimitName::TokensPerMinute, limits.tokens_per_minute),
        (LimitName::MaxConcurrent, limits.max_concurrent),
    ]
}

const fn measure(name: LimitName) -> Measure {
    match name {
        LimitName::RequestsPerMinute => Measure::Requests,
        _ => Measure::Tokens,
    }
}
