//! The books: what everybody has spent and set aside, in memory, and one check over all limits that apply before anything is set aside.
//!
//! Accounts hold counters only; limits come with each call, so that a new configuration needs nothing here. All books are closed
//! by one lock for the time of one request's few additions, so that no two requests can be promised the same room. Nothing here
//! reads a clock or waits for anything else.
//!
//! A request belongs to the day and the month in which it was let in, whenever it ends. What it sets aside may grow
//! ([`Books::cover`]) and what it spends may be more than that ([`Books::settle`]): only by that can more be used than a limit.

mod account;
mod accounts;
mod clock;
mod estimate;
mod grant;
mod limits;
mod minute;
mod named;
mod outputs;
mod quotas;

#[cfg(test)]
mod tests;

pub(in crate::ledger) use grant::{Grant, Owner};
pub(in crate::ledger) use named::{END_USERS_A_DAY, OTHER};

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use ovth_filters::money::PicoDollars;

use super::window::{Day, Period};
use super::{Amount, Demand, Hit, Payer, Scope, Standing};
use crate::config::Allowance;
use crate::keys::KeyId;
use accounts::{Accounts, END_USERS, Place};
use clock::{Clock, Moment};
use grant::Hold;
use limits::{Need, Party};
use named::Named;
use outputs::Outputs;

/// The key's, the gateway's, and the end user's: in that order everywhere.
type Trio<T> = [Option<T>; 3];

/// All accounts, and what was learned of answers.
#[derive(Debug)]
pub(in crate::ledger) struct Books {
    ledger: Mutex<Open>,
    outputs: Mutex<Outputs>,
}

/// The books, opened.
#[derive(Debug)]
struct Open {
    clock: Clock,
    accounts: Accounts,
    named: Named,
    under_way: usize,
}

impl Books {
    /// Books in which nothing is written.
    pub(in crate::ledger) fn new() -> Books {
        Books::with_end_users(END_USERS, END_USERS_A_DAY)
    }

    fn with_end_users(most: usize, a_day: usize) -> Books {
        let (accounts, named) = (Accounts::new(most), Named::new(a_day));
        let open = Open { clock: Clock::default(), accounts, named, under_way: 0 };
        Books { ledger: Mutex::new(open), outputs: Mutex::default() }
    }

    /// Adds what was counted before the start: once for each owner and period, in any order, before the first request. Of periods
    /// that are over only the last one is kept. End users beyond the bound displace those that were restored first.
    pub(in crate::ledger) fn restore(&self, owner: &Owner, period: Period, spent: Amount, requests: u64) {
        let mut open = self.open_ledger();
        let place = open.accounts.find(owner).or_else(|| open.accounts.open(owner));
        if let Some(account) = place.and_then(|place| open.accounts.get_mut(place)) {
            account.restore(period, spent, requests);
        }
    }

    /// Adds what was counted before the start for a period that begins later by the clock: it counts when that comes.
    pub(in crate::ledger) fn restore_later(&self, owner: &Owner, period: Period, spent: Amount, requests: u64) {
        let mut open = self.open_ledger();
        let place = open.accounts.find(owner).or_else(|| open.accounts.open(owner));
        if let Some(account) = place.and_then(|place| open.accounts.get_mut(place)) {
            account.restore_later(period, spent, requests);
        }
    }

    /// Whether an end user of that key is told apart on that day, or is one of [`OTHER`]. Who is told apart stays so for the day.
    pub(in crate::ledger) fn tells_apart(&self, key: &KeyId, end_user: &str, day: Day) -> bool {
        self.open_ledger().named.admit(key, end_user, day)
    }

    /// Whether there is any room at all. Sets nothing aside. Not for requests that are free: those pass though nothing is left.
    ///
    /// # Errors
    ///
    /// A limit has nothing left.
    pub(in crate::ledger) fn precheck(&self, payer: &Payer, now: SystemTime) -> Result<(), Hit> {
        let mut owners = owners(payer);
        let mut open = self.open_ledger();
        let moment = open.clock.at(now);
        open.name(&mut owners, &moment);
        let places = open.look_up(&owners, &moment);
        let need = Need { amount: Some(Amount { tokens: 1, cost: PicoDollars(1) }) };
        limits::worst(&open.parties(payer, places), need, &moment).map_or(Ok(()), Err)
    }

    /// Sets aside what a request may spend, when all limits allow it: at most as much as each has left, for which the output may
    /// be bounded ([`Grant::output_cap`]).
    ///
    /// # Errors
    ///
    /// A limit does not allow it. Nothing is counted then.
    pub(in crate::ledger) fn reserve(&self, demand: &Demand<'_>, now: SystemTime) -> Result<Grant, Hit> {
        // Allocations are made before the books are opened.
        let payer = demand.payer;
        let mut owners = owners(payer);
        let limits = limits_of(payer);
        let mut rooms = Vec::with_capacity(limits.iter().flatten().map(|(_, limits)| limits::count(limits)).sum());
        let (key, model) = (payer.key.clone(), demand.facts.model.clone());

        let mut open = self.open_ledger();
        let moment = open.clock.at(now);
        open.name(&mut owners, &moment);
        let places = open.look_up(&owners, &moment);
        let (reserved, output_cap) = admit(demand, &open.parties(payer, places), &moment)?;
        if let Some(Owner::EndUser(key, name)) = owners.get(2) {
            open.named.admit(key, name, moment.day);
        }

        let mut holds = [None; 3];
        let mut held = [None; 3];
        let slots = owners.iter().zip(limits.into_iter().flatten()).zip(places).zip(holds.iter_mut().zip(&mut held));
        for (((owner, (_, limits)), place), (hold, held)) in slots {
            let place = place.or_else(|| open.accounts.open(owner));
            *hold = place.and_then(|place| open.hold(place, reserved, limits, &moment));
            *held = place;
        }
        open.under_way = open.under_way.saturating_add(1);
        for party in open.parties(payer, held).iter().flatten() {
            rooms.extend(party.rooms(&moment));
        }
        drop(open);

        let standing = Standing { rooms };
        let Moment { day, second, .. } = moment;
        Ok(Grant { owners, day, reserved, output_cap, standing, key, model, holds, second })
    }

    /// Makes sure that at least this much is set aside. What grows becomes at least twice what it was, so that a long stream seldom
    /// asks for more. Never refuses: limits are not looked at. `true`: it grew.
    pub(in crate::ledger) fn cover(&self, grant: &mut Grant, spent: Amount) -> bool {
        let old = grant.reserved;
        let grown = |old: u64, spent: u64| if spent > old { spent.max(old.saturating_mul(2)) } else { old };
        let new =
            Amount { tokens: grown(old.tokens, spent.tokens), cost: PicoDollars(grown(old.cost.0, spent.cost.0)) };
        if new == old {
            return false;
        }
        grant.reserved = new;
        let mut open = self.open_ledger();
        for hold in grant.holds.iter().flatten() {
            let Some(account) = open.accounts.get_mut(hold.place) else { continue };
            for window in [account.days.numbered(hold.day), account.months.numbered(hold.month)].into_iter().flatten() {
                window.release(old);
                window.reserve(new);
            }
            if let Some(minute) = account.minute.as_deref_mut().filter(|_| hold.in_minute) {
                minute.correct(grant.second, old.tokens, new.tokens);
            }
        }
        true
    }

    /// Ends a reservation: what was set aside is given back, what was spent is charged to the day and month in which it was let in.
    /// `output`: the output tokens, if the provider told them.
    pub(in crate::ledger) fn settle(&self, grant: Grant, spent: Amount, output: Option<u64>) {
        self.end(&grant, Some(spent));
        // An answer that we cut short ourselves does not say how long such answers are.
        let cut = |output: u64| grant.output_cap.is_some_and(|cap| output >= cap);
        if let Some(output) = output.filter(|output| !cut(*output)) {
            self.outputs.lock().unwrap_or_else(PoisonError::into_inner).teach(&grant.key, grant.model, output);
        }
    }

    /// Ends a reservation as if it had never been, but for `requests_per_minute`: there it still counts.
    pub(in crate::ledger) fn refund(&self, grant: Grant) {
        self.end(&grant, None);
    }

    fn end(&self, grant: &Grant, spent: Option<Amount>) {
        let mut open = self.open_ledger();
        open.under_way = open.under_way.saturating_sub(1);
        for hold in grant.holds.iter().flatten() {
            let Some(account) = open.accounts.get_mut(hold.place) else { continue };
            for window in [account.days.numbered(hold.day), account.months.numbered(hold.month)].into_iter().flatten() {
                window.release(grant.reserved);
                if let Some(spent) = spent {
                    window.settle(spent);
                }
            }
            if let Some(minute) = account.minute.as_deref_mut().filter(|_| hold.in_minute) {
                minute.correct(grant.second, grant.reserved.tokens, spent.map_or(0, |spent| spent.tokens));
            }
            open.accounts.leave(hold.place);
        }
    }

    /// What is left of all limits that are set: the key's, then the gateway's, then the end user's.
    pub(in crate::ledger) fn standing(&self, payer: &Payer, now: SystemTime) -> Standing {
        let mut owners = owners(payer);
        let mut open = self.open_ledger();
        let moment = open.clock.at(now);
        open.name(&mut owners, &moment);
        let places = open.look_up(&owners, &moment);
        let parties = open.parties(payer, places);
        Standing { rooms: parties.iter().flatten().flat_map(|party| party.rooms(&moment)).collect() }
    }

    /// Output tokens to reckon with for this key and model: what 95 of 100 of the last 64 answers did not exceed; 4,096 until
    /// there were 8.
    pub(in crate::ledger) fn expected_output(&self, key: &KeyId, model: &str) -> u64 {
        self.outputs.lock().unwrap_or_else(PoisonError::into_inner).expected(key, model)
    }

    /// Reservations under way.
    pub(in crate::ledger) fn open(&self) -> usize {
        self.open_ledger().under_way
    }

    fn open_ledger(&self) -> MutexGuard<'_, Open> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Has those end users pay together that are not told apart.
    fn name(&self, owners: &mut [Owner], moment: &Moment) {
        for owner in owners {
            if let Owner::EndUser(key, name) = owner
                && !self.named.admits(key, name, moment.day)
            {
                *name = OTHER.into();
            }
        }
    }

    /// The accounts of these owners, with the windows of that moment; none are opened.
    fn look_up(&mut self, owners: &[Owner], moment: &Moment) -> Trio<Place> {
        let mut places = [None; 3];
        for (owner, place) in owners.iter().zip(&mut places) {
            *place = self.accounts.find(owner);
            if let Some(account) = place.and_then(|place| self.accounts.get_mut(place)) {
                account.roll(moment);
            }
        }
        places
    }

    fn parties<'a>(&'a self, payer: &'a Payer, places: Trio<Place>) -> Trio<Party<'a>> {
        let mut parties = [None; 3];
        for ((party, limits), place) in parties.iter_mut().zip(limits_of(payer)).zip(places) {
            *party = limits.map(|(scope, limits)| {
                let account = place.and_then(|place| self.accounts.get(place));
                Party { scope, limits, account }
            });
        }
        parties
    }

    fn hold(&mut self, place: Place, amount: Amount, limits: &Allowance, moment: &Moment) -> Option<Hold> {
        self.accounts.enter(place);
        let account = self.accounts.get_mut(place)?;
        account.roll(moment);
        account.days.current_mut().reserve(amount);
        account.months.current_mut().reserve(amount);
        if account.minute.is_none() && limits::per_minute(limits) {
            account.minute = Some(Box::default());
        }
        if let Some(minute) = &mut account.minute {
            minute.add(moment.second, amount.tokens);
        }
        let (day, month) = (account.days.serial(), account.months.serial());
        Some(Hold { place, day, month, in_minute: account.minute.is_some() })
    }
}

/// What to set aside, and the bound of the output if it must have one.
fn admit(demand: &Demand<'_>, parties: &Trio<Party<'_>>, moment: &Moment) -> Result<(Amount, Option<u64>), Hit> {
    let left = limits::left(parties);
    if estimate::is_free(demand) {
        let need = Need { amount: None };
        return if left.fits(need) { Ok((Amount::default(), None)) } else { Err(refused(parties, need, moment)) };
    }
    let all = estimate::amount(demand, demand.output_tokens);
    if left.fits(Need { amount: Some(all) }) {
        return Ok((all, None));
    }
    let least = Need { amount: Some(estimate::amount(demand, estimate::least_output(demand))) };
    if !left.fits(least) {
        return Err(refused(parties, least, moment));
    }
    let (tokens, cost) = left.amount();
    let cap = estimate::output_within(demand, tokens, cost);
    Ok((estimate::amount(demand, cap), Some(cap)))
}

fn refused(parties: &Trio<Party<'_>>, need: Need, moment: &Moment) -> Hit {
    limits::worst(parties, need, moment).expect("what does not fit all limits does not fit one of them")
}

fn owners(payer: &Payer) -> Vec<Owner> {
    let mut owners = Vec::with_capacity(3);
    owners.push(Owner::Key(payer.key.clone()));
    owners.push(Owner::Gateway);
    owners.extend(payer.end_user.as_ref().map(|user| Owner::EndUser(payer.key.clone(), user.name.clone())));
    owners
}

fn limits_of(payer: &Payer) -> Trio<(Scope, &Allowance)> {
    [
        Some((Scope::Key, &payer.key_limits)),
        Some((Scope::Gateway, &payer.gateway_limits)),
        payer.end_user.as_ref().map(|user| (Scope::EndUser, &user.limits)),
    ]
}
