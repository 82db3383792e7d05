//! The page that Prometheus scrapes, on a listener of its own.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use http::{Method, Response, StatusCode};
use pingora_core::apps::http_app::ServeHttp;
use pingora_core::protocols::http::ServerSession;

use crate::ledger::Ledger;
use crate::observe::{Metrics, metrics};
use crate::proxy::Budget;
use crate::routing::Health;

/// `GET /metrics`, on a listener of its own.
pub(super) struct Scrape {
    pub(super) metrics: Arc<Metrics>,
    pub(super) health: Arc<Health>,
    pub(super) budget: Arc<Budget>,
    pub(super) ledger: Arc<Ledger>,
}

impl Scrape {
    /// The page; gauges that others own are read now, as nothing tells when a target has cooled.
    fn page(&self) -> String {
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.metrics.cooled_targets.set(gauge(self.health.cooled_count(Instant::now())));
        self.metrics.buffered_bytes.set(gauge(self.budget.used()));
        let ledger = self.ledger.figures();
        self.metrics.open_reservations.set(gauge(ledger.open));
        self.metrics.entries_lost.set(i64::try_from(ledger.lost).unwrap_or(i64::MAX));
        self.metrics.render()
    }
}

#[async_trait]
impl ServeHttp for Scrape {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let request = session.req_header();
        let (status, body) = match (&request.method, request.uri.path()) {
            (&Method::GET | &Method::HEAD, "/metrics") => (StatusCode::OK, self.page()),
            (_, "/metrics") => (StatusCode::METHOD_NOT_ALLOWED, "the metrics take GET\n".to_owned()),
            _ => (StatusCode::NOT_FOUND, "the metrics are at /metrics\n".to_owned()),
        };
        let content_type = if status == StatusCode::OK { metrics::CONTENT_TYPE } else { "text/plain; charset=utf-8" };
        Response::builder()
            .status(status)
            .header(http::header::CONTENT_TYPE, content_type)
            .header(http::header::CONTENT_LENGTH, body.len())
            .body(body.into_bytes())
            .expect("both heads are made of valid headers")
    }
}
