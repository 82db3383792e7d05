//! `GET /v1/credits`: what a key has spent, and what it may spend.

use http::StatusCode;
use ovth_filters::money::PicoDollars;
use serde::Serialize;

use super::spent;
use crate::admin::money::Usd;
use crate::admin::response::storage_fault_for_client;
use crate::admin::{Admin, AdminResponse};
use crate::keys::Key;
use crate::ledger::Payer;

/// What is told to be left where no limit in money holds: nothing is bought beforehand here, and clients stop at nothing left.
const UNLIMITED: PicoDollars = PicoDollars(1_000_000_000_000_000_000);

/// Answers what a key has spent ever, and that with what is left of the narrowest limit in money.
pub async fn credits(admin: &Admin, key: &Key, limits: Payer) -> AdminResponse {
    #[derive(Serialize)]
    struct Envelope {
        data: Credits,
    }
    #[derive(Serialize)]
    struct Credits {
        total_credits: Usd,
        total_usage: Usd,
    }
    let id = key.id.as_str();
    let used = match spent(admin, Some(id)).await {
        Ok(mut spent) => spent.remove(id).unwrap_or_default().ever,
        Err(error) => return super::in_form(storage_fault_for_client(&error)),
    };
    let rooms = admin.ledger.standing(&limits, admin.now()).rooms;
    let left = rooms.iter().filter(|room| room.name.is_money()).map(|room| PicoDollars(room.left())).min();
    let data = Credits { total_credits: Usd(used + left.unwrap_or(UNLIMITED)), total_usage: Usd(used) };
    AdminResponse::json(StatusCode::OK, &Envelope { data })
}
