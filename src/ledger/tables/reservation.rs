//! Reservations as rows: what is charged, and what the entry says, if the process dies before the request is settled.

use serde::{Deserialize, Serialize};

const VERSION: u8 = 1;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::ledger) struct ReservationRow<'a> {
    /// Set aside, in weighted tokens.
    pub(in crate::ledger) tokens: u64,
    /// Set aside, in pico-dollars.
    pub(in crate::ledger) cost: u64,
    /// The day that is charged, and its month.
    pub(in crate::ledger) day: u32,
    /// When it was made, in milliseconds since 1970.
    pub(in crate::ledger) reserved_at_ms: u64,
    #[serde(borrow)]
    pub(in crate::ledger) key: &'a str,
    /// The end user that is charged besides the key.
    #[serde(borrow)]
    pub(in crate::ledger) end_user: Option<&'a str>,
    #[serde(borrow)]
    pub(in crate::ledger) request_id: &'a str,
    #[serde(borrow)]
    pub(in crate::ledger) shape: &'a str,
    #[serde(borrow)]
    pub(in crate::ledger) operation: &'a str,
    #[serde(borrow)]
    pub(in crate::ledger) route: Option<&'a str>,
    #[serde(borrow)]
    pub(in crate::ledger) provider: &'a str,
    #[serde(borrow)]
    pub(in crate::ledger) model: &'a str,
    #[serde(borrow)]
    pub(in crate::ledger) model_asked: &'a str,
    pub(in crate::ledger) stream: bool,
}

/// Writes a row.
pub(in crate::ledger) fn encode_reservation(row: &ReservationRow<'_>) -> Vec<u8> {
    postcard::to_extend(row, vec![VERSION]).expect("a vector takes any row")
}

/// Reads a row; `None` when it is none, or one of a later release.
pub(in crate::ledger) fn decode_reservation(row: &[u8]) -> Option<ReservationRow<'_>> {
    match row.split_first()? {
        (&VERSION, row) => postcard::from_bytes(row).ok(),
        _ => None,
    }
}
