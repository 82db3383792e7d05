//! The endpoints that the proxy asks other parts to answer: the admin API and health.

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::Response;
use http::request::Parts;

use crate::admin::{self, Admin, AdminResponse, Body, Checks, Drain};
use crate::keys::Key;
use crate::ledger::{Ledger, Payer};
use crate::proxy::{LocalAnswer, LocalApi, LocalBody, OwnAsk};
use crate::reload;
use crate::routing::Snapshot;

/// Tells what the admin API goes by, as the configuration in force has it.
pub(super) fn current_settings(snapshot: Arc<ArcSwap<Snapshot>>) -> Box<dyn Fn() -> admin::Settings + Send + Sync> {
    Box::new(move || {
        let snapshot = snapshot.load();
        let config = snapshot.config();
        admin::Settings { master_key: config.master_key.clone(), quota: config.quota.clone() }
    })
}

/// What the proxy asks other parts to answer.
pub(super) struct Local {
    pub(super) admin: Admin,
    pub(super) ledger: Arc<Ledger>,
    pub(super) reload: reload::Handle,
}

#[async_trait]
impl LocalApi for Local {
    async fn admin(&self, head: &Parts, body: Option<&[u8]>) -> Option<LocalAnswer> {
        admin::handle(&self.admin, head, body).await.map(answer)
    }

    async fn key_info(&self, key: &Arc<Key>, limits: Payer) -> LocalAnswer {
        answer(admin::key_info(&self.admin, key, limits).await)
    }

    async fn own(&self, key: &Arc<Key>, limits: Payer, ask: OwnAsk) -> LocalAnswer {
        answer(match ask {
            OwnAsk::Credits => admin::router::credits(&self.admin, key, limits).await,
            OwnAsk::Generation { request_id, id } => {
                admin::router::generation(&self.admin, key, (request_id, &id)).await
            }
        })
    }

    async fn keys(&self, head: &Parts, id: Option<&str>, body: Option<&[u8]>) -> Option<LocalAnswer> {
        admin::router::keys(&self.admin, head, id, body).await.map(answer)
    }

    fn health(&self) -> LocalAnswer {
        answer(admin::healthz())
    }

    fn ready(&self, draining: bool) -> LocalAnswer {
        let drain = if draining { Drain::Draining } else { Drain::Serving };
        answer(admin::readyz(Checks::now(&self.ledger.health(), drain, self.reload.state().condition())))
    }
}

fn answer(response: AdminResponse) -> LocalAnswer {
    let mut answer = Response::new(match response.body {
        Body::Bytes(bytes) => LocalBody::Bytes(bytes),
        Body::Stream { reader, length } => LocalBody::Stream { reader, length },
    });
    *answer.status_mut() = response.status;
    *answer.headers_mut() = response.headers;
    answer
}
