//! The same rules once more, written as plainly as can be: a list of everything that happened, summed up anew for each question.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ovth_filters::money::PicoDollars;

use crate::config::{Allowance, Cap};
use crate::ledger::books::Owner;
use crate::ledger::window::{Day, Month};
use crate::ledger::{Amount, Demand, Hit, LimitName, Payer, Room, Scope};

/// One request as one owner sees it.
#[derive(Clone, Debug, Default)]
struct Charge {
    request: usize,
    day: u32,
    month: u32,
    second: u64,
    in_minute: bool,
    /// What is set aside, or spent when it is settled.
    amount: Amount,
    open: bool,
    /// Counts for the minute only.
    refunded: bool,
    /// 1, but for what stands for a date that was used before.
    requests: u64,
    /// Whether it was settled on a later day, or in a later month, than it counts for.
    lent: [bool; 2],
}

#[derive(Debug, Default)]
struct Owned {
    charges: Vec<Charge>,
    day: u32,
    month: u32,
    metered: bool,
    /// What dates to come have used: days, then months.
    later: [BTreeMap<u32, (Amount, u64)>; 2],
}

#[derive(Debug, Default)]
pub(super) struct Model {
    owners: BTreeMap<Owner, Owned>,
    /// End users, the one unused for longest first.
    recent: Vec<Owner>,
    most_end_users: usize,
    requests: usize,
    day: u32,
    last: u64,
    second: u64,
}

/// Requests under way, set aside, spent today and this month, requests of today and this month.
pub(super) type Row = (Owner, u64, Amount, [Amount; 2], [u64; 2]);

#[derive(Clone, Copy, Debug)]
struct Moment {
    now: SystemTime,
    day: u32,
    month: u32,
    second: u64,
}

/// What the model granted.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) request: usize,
    pub(super) reserved: Amount,
    pub(super) cap: Option<u64>,
    pub(super) rooms: Vec<Room>,
}

const NAMES: [LimitName; 7] = [
    LimitName::DailyTokens,
    LimitName::MonthlyTokens,
    LimitName::DailyUsd,
    LimitName::MonthlyUsd,
    LimitName::RequestsPerMinute,
    LimitName::TokensPerMinute,
    LimitName::MaxConcurrent,
];

fn cap(limits: &Allowance, name: LimitName) -> Option<u64> {
    let cap = match name {
        LimitName::DailyTokens => limits.daily_tokens,
        LimitName::MonthlyTokens => limits.monthly_tokens,
        LimitName::DailyUsd => limits.daily_usd,
        LimitName::MonthlyUsd => limits.monthly_usd,
        LimitName::RequestsPerMinute => limits.requests_per_minute,
        LimitName::TokensPerMinute => limits.tokens_per_minute,
        LimitName::MaxConcurrent => limits.max_concurrent,
    };
    match cap {
        Some(Cap::At(limit)) => Some(limit),
        _ => None,
    }
}

fn parties(payer: &Payer) -> Vec<(Scope, Owner, Allowance)> {
    let mut parties = vec![
        (Scope::Key, Owner::Key(payer.key.clone()), payer.key_limits),
        (Scope::Gateway, Owner::Gateway, payer.gateway_limits),
    ];
    if let Some(user) = &payer.end_user {
        parties.push((Scope::EndUser, Owner::EndUser(payer.key.clone(), user.name.clone()), user.limits));
    }
    parties
}

fn total(demand: &Demand<'_>, output: u64) -> Amount {
    let weighted = (u128::from(output) * u128::from(demand.output_weight)).div_ceil(1000);
    let narrow = |number: u128| u64::try_from(number).unwrap_or(u64::MAX);
    Amount {
        tokens: narrow(u128::from(demand.input.tokens) + weighted),
        cost: PicoDollars(narrow(
            u128::from(demand.input.cost.0) + u128::from(output) * u128::from(demand.output_price.0),
        )),
    }
}

impl Model {
    pub(super) fn new(most_end_users: usize) -> Model {
        Model { most_end_users, ..Model::default() }
    }

    fn moment(&mut self, now: SystemTime) -> Moment {
        let today = Day::of(now).0;
        let begins_soon = Day(self.day).start() <= now + Duration::from_secs(3_600);
        if !(today < self.day && begins_soon) {
            self.day = today;
        }
        // Forward steps add up; a step back of more than five seconds moves only the mark they are taken from.
        let real = now.duration_since(UNIX_EPOCH).unwrap().as_secs();
        if real > self.last {
            self.second += real - self.last;
            self.last = real;
        } else if real + 5 < self.last {
            self.last = real;
        }
        Moment { now, day: self.day, month: Day(self.day).month().0, second: self.second }
    }

    /// Everything dated after now was dated by a clock that was ahead. Of the past the last window is remembered.
    fn touch(&mut self, owner: &Owner, moment: &Moment) {
        let Some(owned) = self.owners.get_mut(owner) else { return };
        type Date = fn(&mut Charge) -> &mut u32;
        let windows: [(&mut u32, u32, Date); 2] = [
            (&mut owned.day, moment.day, |charge| &mut charge.day),
            (&mut owned.month, moment.month, |charge| &mut charge.month),
        ];
        for (kind, (current, now, date)) in windows.into_iter().enumerate() {
            let later = &mut owned.later[kind];
            if now < *current {
                // A date that was used is not fresh when it comes again.
                let mut dates: BTreeMap<u32, Vec<Charge>> = BTreeMap::new();
                for charge in owned.charges.iter_mut().filter(|charge| !charge.refunded && !charge.lent[kind]) {
                    dates.entry(*date(charge)).or_default().push(charge.clone());
                }
                for (dated, charges) in dates.into_iter().filter(|(dated, _)| *dated > now) {
                    let of = |open: bool| sum(charges.iter().filter(|c| c.open == open).map(|c| c.amount));
                    let requests: u64 = charges.iter().filter(|c| !c.open).map(|charge| charge.requests).sum();
                    let amount = sum([of(true), of(false)].into_iter());
                    if (amount, requests) != (Amount::default(), 0) {
                        later.insert(dated, (amount, requests));
                    }
                }
            }
            for charge in &mut owned.charges {
                let dated = date(charge);
                if now > *current {
                    // 0 stands for a window that is forgotten.
                    let kept = *dated == *current && !charge.lent[kind];
                    *date(charge) = if kept { *current } else { 0 };
                } else if *dated > now {
                    *dated = now;
                    charge.lent[kind] |= !charge.open;
                }
            }
            if now > *current {
                if let Some((amount, requests)) = later.remove(&now) {
                    let mut used = Charge { amount, requests, ..Charge::default() };
                    *date(&mut used) = now;
                    owned.charges.push(used);
                }
                later.retain(|date, _| *date > now);
            }
            *current = now;
        }
    }

    fn used(&self, owner: &Owner, name: LimitName, moment: &Moment) -> u128 {
        self.owners.get(owner).map_or(0, |owned| owned.used(name, moment))
    }

    fn rooms(&self, payer: &Payer, moment: &Moment) -> Vec<Room> {
        let mut rooms = Vec::new();
        for (scope, owner, limits) in parties(payer) {
            for name in NAMES {
                let Some(limit) = cap(&limits, name) else { continue };
                let used = u64::try_from(self.used(&owner, name, moment)).unwrap_or(u64::MAX);
                rooms.push(Room { scope, name, limit, used, resets_at: self.resets_at(&owner, name, moment) });
            }
        }
        rooms
    }

    fn resets_at(&self, owner: &Owner, name: LimitName, moment: &Moment) -> Option<SystemTime> {
        match name {
            LimitName::DailyTokens | LimitName::DailyUsd => Some(Day(moment.day + 1).start()),
            LimitName::MonthlyTokens | LimitName::MonthlyUsd => Some(Month(moment.month + 1).start()),
            LimitName::RequestsPerMinute | LimitName::TokensPerMinute => Some(self.falls_to(owner, name, 0, moment)),
            LimitName::MaxConcurrent => None,
        }
    }

    /// When no more than that is used, if nothing else happens: every coming second is tried.
    fn falls_to(&self, owner: &Owner, name: LimitName, most: u128, moment: &Moment) -> SystemTime {
        for wait in 0.. {
            let then = Moment { second: moment.second + wait, ..*moment };
            if self.used(owner, name, &then) <= most {
                let real = UNIX_EPOCH + Duration::from_secs(self.last + wait);
                return if wait == 0 { moment.now } else { real };
            }
        }
        unreachable!("a minute passes")
    }

    pub(super) fn standing(&mut self, payer: &Payer, now: SystemTime) -> Vec<Room> {
        let moment = self.moment(now);
        parties(payer).iter().for_each(|(_, owner, _)| self.touch(owner, &moment));
        self.rooms(payer, &moment)
    }

    pub(super) fn precheck(&mut self, payer: &Payer, now: SystemTime) -> Result<(), Hit> {
        let moment = self.moment(now);
        parties(payer).iter().for_each(|(_, owner, _)| self.touch(owner, &moment));
        self.check(payer, Some(Amount { tokens: 1, cost: PicoDollars(1) }), &moment)
    }

    /// All limits are tried; of those that do not hold, the one to tell.
    fn check(&self, payer: &Payer, amount: Option<Amount>, moment: &Moment) -> Result<(), Hit> {
        let mut worst: Option<(SystemTime, Hit)> = None;
        let owners: BTreeMap<&str, (Owner, Scope)> =
            parties(payer).into_iter().map(|(scope, owner, _)| (scope_name(scope), (owner, scope))).collect();
        for room in self.rooms(payer, moment) {
            let (owner, _) = &owners[scope_name(room.scope)];
            let needed = match (room.name, amount) {
                (LimitName::RequestsPerMinute | LimitName::MaxConcurrent, _) => 1,
                (_, None) => continue,
                (name, Some(amount)) if name.is_money() => amount.cost.0,
                (_, Some(amount)) => amount.tokens,
            };
            if self.used(owner, room.name, moment) + u128::from(needed) <= u128::from(room.limit) {
                continue;
            }
            let at = match room.name {
                LimitName::RequestsPerMinute | LimitName::TokensPerMinute => {
                    self.falls_to(owner, room.name, room.limit.saturating_sub(needed).into(), moment)
                }
                _ => room.resets_at.unwrap_or(moment.now),
            };
            let retry_after = match at.duration_since(moment.now) {
                Ok(wait) => u64::try_from(wait.as_millis().div_ceil(1000)).unwrap().max(1),
                Err(_) => 1,
            };
            let better = worst.as_ref().is_none_or(|(last, hit)| {
                let (money, last_money) = (room.name.is_money(), hit.room.name.is_money());
                at > *last
                    || (at == *last && money && !last_money)
                    || (at == *last && money == last_money && room.left() < hit.room.left())
            });
            if better {
                worst = Some((at, Hit { room, needed, retry_after }));
            }
        }
        worst.map_or(Ok(()), |(_, hit)| Err(hit))
    }

    pub(super) fn reserve(&mut self, demand: &Demand<'_>, now: SystemTime) -> Result<Granted, Hit> {
        let moment = self.moment(now);
        parties(demand.payer).iter().for_each(|(_, owner, _)| self.touch(owner, &moment));
        let (reserved, cap) = self.admit(demand, &moment)?;
        self.requests += 1;
        let request = self.requests;
        for (_, owner, limits) in parties(demand.payer) {
            if matches!(owner, Owner::EndUser(..)) {
                if !self.owners.contains_key(&owner) && self.recent.len() == self.most_end_users {
                    let Some(old) = self.recent.iter().position(|user| self.open_of(user) == 0) else { continue };
                    let old = self.recent.remove(old);
                    self.owners.remove(&old);
                }
                if !self.recent.contains(&owner) {
                    self.recent.push(owner.clone());
                }
            }
            self.owners.entry(owner.clone()).or_default();
            self.touch(&owner, &moment);
            let owned = self.owners.get_mut(&owner).unwrap();
            owned.metered |= [LimitName::RequestsPerMinute, LimitName::TokensPerMinute]
                .into_iter()
                .any(|name| self::cap(&limits, name).is_some());
            owned.charges.push(Charge {
                request,
                day: moment.day,
                month: moment.month,
                second: moment.second,
                in_minute: owned.metered,
                amount: reserved,
                open: true,
                refunded: false,
                requests: 1,
                lent: [false; 2],
            });
        }
        Ok(Granted { request, reserved, cap, rooms: self.rooms(demand.payer, &moment) })
    }

    fn admit(&self, demand: &Demand<'_>, moment: &Moment) -> Result<(Amount, Option<u64>), Hit> {
        let fits = |amount| self.check(demand.payer, Some(amount), moment);
        if demand.output_tokens == 0 && demand.input == Amount::default() {
            return self.check(demand.payer, None, moment).map(|()| (Amount::default(), None));
        }
        let all = total(demand, demand.output_tokens);
        let Err(hit) = fits(all) else { return Ok((all, None)) };
        if !demand.can_cap {
            return Err(hit);
        }
        // The most that fits, by halving.
        let mut least = demand.output_tokens.min(32);
        fits(total(demand, least))?;
        let mut beyond = demand.output_tokens;
        while beyond - least > 1 {
            let middle = least + (beyond - least) / 2;
            match fits(total(demand, middle)) {
                Ok(()) => least = middle,
                Err(_) => beyond = middle,
            }
        }
        Ok((total(demand, least), Some(least)))
    }

    fn open_of(&self, owner: &Owner) -> usize {
        self.owners.get(owner).map_or(0, |owned| owned.charges.iter().filter(|charge| charge.open).count())
    }

    fn each(&mut self, request: usize, change: impl Fn(&mut Charge)) {
        for owned in self.owners.values_mut() {
            owned.charges.iter_mut().filter(|charge| charge.request == request).for_each(&change);
        }
    }

    pub(super) fn cover(&mut self, granted: &mut Granted, spent: Amount) -> bool {
        let double = |old: u64, spent: u64| if spent <= old { old } else { spent.max(old.saturating_mul(2)) };
        let old = granted.reserved;
        let reserved =
            Amount { tokens: double(old.tokens, spent.tokens), cost: PicoDollars(double(old.cost.0, spent.cost.0)) };
        granted.reserved = reserved;
        self.each(granted.request, |charge| charge.amount = reserved);
        reserved != old
    }

    /// `None`: a refund.
    pub(super) fn end(&mut self, request: usize, spent: Option<Amount>) {
        self.each(request, |charge| {
            charge.amount = spent.unwrap_or_default();
            charge.refunded = spent.is_none();
            charge.open = false;
        });
        // An end user is as recent as the end of its last request.
        let of = |owned: &Owned| owned.charges.iter().any(|charge| charge.request == request);
        let user = self.recent.iter().position(|user| self.owners.get(user).is_some_and(of));
        if let Some(user) = user.filter(|user| self.open_of(&self.recent[*user]) == 0) {
            let user = self.recent.remove(user);
            self.recent.push(user);
        }
    }

    /// What is under way, over all owners.
    pub(super) fn open(&self) -> usize {
        self.open_of(&Owner::Gateway)
    }

    /// A row for each owner with anything.
    pub(super) fn rows(&mut self, now: SystemTime) -> Vec<Row> {
        let moment = self.moment(now);
        let owners: Vec<Owner> = self.owners.keys().cloned().collect();
        owners.iter().for_each(|owner| self.touch(owner, &moment));
        let row = |(owner, owned): (&Owner, &Owned)| {
            let spent = |today: bool| {
                let settled: Vec<&Charge> = owned
                    .charges
                    .iter()
                    .filter(|charge| !charge.open && !charge.refunded)
                    .filter(|charge| if today { charge.day == moment.day } else { charge.month == moment.month })
                    .collect();
                (sum(settled.iter().map(|charge| charge.amount)), settled.iter().map(|charge| charge.requests).sum())
            };
            let reserved = owned.charges.iter().filter(|charge| charge.open && charge.month > 0);
            let reserved = sum(reserved.map(|charge| charge.amount));
            let ((today, day_count), (month, month_count)) = (spent(true), spent(false));
            (owner.clone(), self.open_of(owner) as u64, reserved, [today, month], [day_count, month_count])
        };
        let blank =
            |row: &Row| row.0 != Owner::Gateway && row.1 == 0 && row.3 == [Amount::default(); 2] && row.4 == [0, 0];
        self.owners.iter().map(row).filter(|row| !blank(row)).collect()
    }
}

impl Owned {
    fn used(&self, name: LimitName, moment: &Moment) -> u128 {
        let counts = |charge: &&Charge| match name {
            LimitName::DailyTokens | LimitName::DailyUsd => charge.day == moment.day && !charge.refunded,
            LimitName::MonthlyTokens | LimitName::MonthlyUsd => charge.month == moment.month && !charge.refunded,
            LimitName::RequestsPerMinute | LimitName::TokensPerMinute => {
                charge.in_minute && moment.second - charge.second <= 60
            }
            LimitName::MaxConcurrent => charge.open,
        };
        let measure = |charge: &Charge| match name {
            LimitName::DailyUsd | LimitName::MonthlyUsd => charge.amount.cost.0.into(),
            LimitName::RequestsPerMinute | LimitName::MaxConcurrent => 1,
            _ => u128::from(charge.amount.tokens),
        };
        let (open, over): (Vec<&Charge>, Vec<&Charge>) =
            self.charges.iter().filter(counts).partition(|charge| charge.open);
        let add = |charges: Vec<&Charge>| charges.into_iter().map(measure).sum::<u128>();
        match name {
            LimitName::RequestsPerMinute | LimitName::TokensPerMinute => add(open) + add(over),
            // What is spent is kept in a word of its own.
            _ => add(open) + add(over).min(u64::MAX.into()),
        }
    }
}

fn sum(amounts: impl Iterator<Item = Amount>) -> Amount {
    amounts.fold(Amount::default(), |sum, amount| Amount {
        tokens: sum.tokens.saturating_add(amount.tokens),
        cost: sum.cost + amount.cost,
    })
}

fn scope_name(scope: Scope) -> &'static str {
    match scope {
        Scope::Key => "key",
        Scope::Gateway => "gateway",
        Scope::EndUser => "end user",
    }
}
