//! What a client is told about its own key (`GET /v1/key`).

use http::StatusCode;
use serde::Serialize;

use super::{Admin, AdminResponse};
use crate::keys::Key;
use crate::ledger::Payer;

/// Answers `GET /v1/key`: `limits` are those that hold for the key now.
pub async fn key_info(_admin: &Admin, key: &Key, _limits: Payer) -> AdminResponse {
    #[derive(Serialize)]
    struct Data<'a> {
        id: &'a str,
        label: &'a str,
    }
    #[derive(Serialize)]
    struct Envelope<'a> {
        data: Data<'a>,
    }
    AdminResponse::json(StatusCode::OK, &Envelope { data: Data { id: key.id.as_str(), label: key.label.as_str() } })
}
