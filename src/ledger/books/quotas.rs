//! Live counters of all accounts, read piece by piece so that requests never wait long for it.

use std::time::SystemTime;

use super::account::Account;
use super::accounts::Place;
use super::clock::Moment;
use super::limits::Party;
use super::{Books, Open, Owner};
use crate::config::Allowance;
use crate::keys::KeyId;
use crate::ledger::{Payer, QuotaRow, Scope};

/// Accounts that are read at once.
const PIECE: usize = 64;

impl Books {
    /// Counters of the gateway, of each key and of each end user that has any today or this month, or requests under way; in that order.
    /// `limits` gives those that hold for a key, its end users, and the gateway; it is not called while the books are closed
    /// to requests. Each row is exact at the moment it is read, not all at the same moment.
    pub(in crate::ledger) fn quotas(&self, limits: &dyn Fn(&KeyId) -> Option<Payer>, now: SystemTime) -> Vec<QuotaRow> {
        let mut rows = Vec::new();
        let mut gateway_limits = Allowance::default();
        let mut payer: Option<(KeyId, Option<Payer>)> = None;
        for from in (0..).step_by(PIECE) {
            let owners = self.owners(from);
            if owners.is_empty() {
                break;
            }
            let mut known = Vec::with_capacity(owners.len());
            for (place, owner) in owners {
                let (Owner::Key(key) | Owner::EndUser(key, _)) = &owner else { continue };
                // End users of a key often stand together.
                if payer.as_ref().is_none_or(|(last, _)| last != key) {
                    payer = Some((key.clone(), limits(key)));
                }
                let payer = payer.as_ref().and_then(|(_, payer)| payer.as_ref());
                if let Some(payer) = payer {
                    gateway_limits = payer.gateway_limits;
                }
                let limits = match owner {
                    Owner::Key(_) => payer.map(|payer| payer.key_limits),
                    _ => payer.and_then(|payer| Some(payer.end_user.as_ref()?.limits)),
                };
                known.push((place, owner, limits.unwrap_or_default()));
            }
            rows.extend(self.rows(&known, now));
        }
        let gateway = {
            let mut open = self.open_ledger();
            let place = open.accounts.find(&Owner::Gateway);
            let place = place.or_else(|| open.accounts.open(&Owner::Gateway));
            drop(open);
            place.into_iter().flat_map(|place| self.rows(&[(place, Owner::Gateway, gateway_limits)], now))
        };
        rows.extend(gateway);
        rows.sort_by(|one, other| (&one.key, &one.end_user).cmp(&(&other.key, &other.end_user)));
        rows
    }

    fn owners(&self, from: usize) -> Vec<(Place, Owner)> {
        let open = self.open_ledger();
        let places = open.accounts.places(from, PIECE);
        places.filter_map(|place| Some((place, open.accounts.get(place)?.owner.clone()))).collect()
    }

    fn rows(&self, known: &[(Place, Owner, Allowance)], now: SystemTime) -> Vec<QuotaRow> {
        let mut open = self.open_ledger();
        let moment = open.clock.at(now);
        known.iter().filter_map(|(place, owner, limits)| open.row(*place, owner, limits, &moment)).collect()
    }
}

impl Open {
    fn row(&mut self, place: Place, owner: &Owner, limits: &Allowance, moment: &Moment) -> Option<QuotaRow> {
        // It may have been given up for another one meanwhile.
        let account = self.accounts.get_mut(place).filter(|account| account.owner == *owner)?;
        account.roll(moment);
        if account.is_blank() && *owner != Owner::Gateway {
            return None;
        }
        let scope = match owner {
            Owner::Gateway => Scope::Gateway,
            Owner::Key(_) => Scope::Key,
            Owner::EndUser(..) => Scope::EndUser,
        };
        Some(account.row(Party { scope, limits, account: Some(account) }, moment))
    }
}

impl Account {
    fn row(&self, party: Party<'_>, moment: &Moment) -> QuotaRow {
        let (key, end_user) = match &self.owner {
            Owner::Gateway => (None, None),
            Owner::Key(key) => (Some(key.as_str().to_owned()), None),
            Owner::EndUser(key, name) => (Some(key.as_str().to_owned()), Some(name.to_string())),
        };
        let (day, month) = (self.days.current(), self.months.current());
        QuotaRow {
            key,
            end_user,
            open: self.open,
            reserved: self.reserved(),
            today: day.spent(),
            this_month: month.spent(),
            requests_today: day.requests(),
            requests_this_month: month.requests(),
            rooms: party.rooms(moment).collect(),
        }
    }
}
