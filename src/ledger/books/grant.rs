//! What was set aside for one request, and for whom it counts.

use std::sync::Arc;

use super::accounts::Place;
use crate::keys::KeyId;
use crate::ledger::window::Day;
use crate::ledger::{Amount, Standing};

/// Who has an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::ledger) enum Owner {
    /// All keys together.
    Gateway,
    /// A client's key.
    Key(KeyId),
    /// An end user that a client named with that key.
    EndUser(KeyId, Arc<str>),
}

/// What was set aside for one request. It has to go back to the books, by `settle` or `refund`: nothing else ends it.
#[derive(Debug)]
pub(in crate::ledger) struct Grant {
    /// The accounts that it counts for: the key's, the gateway's, and the end user's if one was named.
    pub(in crate::ledger) owners: Vec<Owner>,
    /// The day that it is charged to, and with it its month.
    pub(in crate::ledger) day: Day,
    /// What is set aside now.
    pub(in crate::ledger) reserved: Amount,
    /// The bound that the output must be given.
    pub(in crate::ledger) output_cap: Option<u64>,
    /// What was left just after it was set aside.
    pub(in crate::ledger) standing: Standing,
    /// The key, for what is learned of its answers.
    pub(super) key: KeyId,
    /// The model of the first target.
    pub(super) model: Box<str>,
    /// Where it counts.
    pub(super) holds: [Option<Hold>; 3],
    /// The second in which it counts towards limits per minute.
    pub(super) second: u64,
}

/// How one account holds a reservation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hold {
    pub(super) place: Place,
    /// Serial number of its day.
    pub(super) day: u32,
    /// Serial number of its month.
    pub(super) month: u32,
    /// Whether it counts towards the account's last minute.
    pub(super) in_minute: bool,
}
