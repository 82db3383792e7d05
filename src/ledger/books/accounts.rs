//! All accounts, and which of them is given up when there are too many end users.

use std::collections::{BTreeMap, HashMap};

use super::account::Account;
use super::grant::Owner;

/// Accounts of end users in memory. Clients make these names up: when there are as many, the account goes whose last request is
/// the longest over. Its counts begin anew when that user comes back; those of the key do not.
pub(super) const END_USERS: usize = 50_000;

/// Where an account is. It stays there while it has requests under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(u32);

/// All accounts. Those of the gateway and of keys stay for ever: there are no more than keys have been made.
#[derive(Debug)]
pub(super) struct Accounts {
    #[expect(clippy::vec_box, reason = "or the books were closed for milliseconds whenever it grows")]
    all: Vec<Box<Account>>,
    by_owner: HashMap<Owner, Place>,
    end_users: usize,
    most_end_users: usize,
    /// Accounts of end users without requests under way, the one unused for longest first.
    idle: BTreeMap<u64, Place>,
    uses: u64,
}

impl Accounts {
    pub(super) fn new(most_end_users: usize) -> Accounts {
        Accounts {
            all: Vec::new(),
            by_owner: HashMap::new(),
            end_users: 0,
            most_end_users,
            idle: BTreeMap::new(),
            uses: 0,
        }
    }

    pub(super) fn find(&self, owner: &Owner) -> Option<Place> {
        self.by_owner.get(owner).copied()
    }

    pub(super) fn get(&self, place: Place) -> Option<&Account> {
        self.all.get(place.0 as usize).map(Box::as_ref)
    }

    pub(super) fn get_mut(&mut self, place: Place) -> Option<&mut Account> {
        self.all.get_mut(place.0 as usize).map(Box::as_mut)
    }

    /// Opens an account for an owner that has none. `None`: there are too many, and all are in use.
    pub(super) fn open(&mut self, owner: &Owner) -> Option<Place> {
        let account = Box::new(Account::new(owner.clone()));
        let full = matches!(owner, Owner::EndUser(..)) && self.end_users >= self.most_end_users;
        let place = if full {
            let (_, place) = self.idle.pop_first()?;
            let old = std::mem::replace(self.all.get_mut(place.0 as usize)?, account);
            self.by_owner.remove(&old.owner);
            place
        } else {
            let place = Place(u32::try_from(self.all.len()).ok()?);
            self.all.push(account);
            self.end_users += usize::from(matches!(owner, Owner::EndUser(..)));
            place
        };
        self.by_owner.insert(owner.clone(), place);
        self.rest(place);
        Some(place)
    }

    /// Takes note that a request of that account began.
    pub(super) fn enter(&mut self, place: Place) {
        let Some(account) = self.all.get_mut(place.0 as usize) else { return };
        account.open = account.open.saturating_add(1);
        if account.open == 1 && matches!(account.owner, Owner::EndUser(..)) {
            self.idle.remove(&account.idle_since);
        }
    }

    /// Takes note that a request of that account ended.
    pub(super) fn leave(&mut self, place: Place) {
        let Some(account) = self.all.get_mut(place.0 as usize) else { return };
        account.open = account.open.saturating_sub(1);
        if account.open == 0 {
            self.rest(place);
        }
    }

    /// Puts an account without requests at the end of those that may be given up.
    fn rest(&mut self, place: Place) {
        let Some(account) = self.all.get_mut(place.0 as usize) else { return };
        if matches!(account.owner, Owner::EndUser(..)) {
            self.uses = self.uses.saturating_add(1);
            account.idle_since = self.uses;
            self.idle.insert(self.uses, place);
        }
    }

    /// Places of accounts from that number on, `most` at most. Together with [`Accounts::get`] for walks that do not keep the
    /// books closed.
    pub(super) fn places(&self, from: usize, most: usize) -> impl Iterator<Item = Place> + use<> {
        let end = from.saturating_add(most).min(self.all.len());
        (from..end).filter_map(|number| u32::try_from(number).ok().map(Place))
    }
}
