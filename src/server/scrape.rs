//! The page that Prometheus scrapes, on a listener of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::{Method, Response, StatusCode};
use pingora_core::apps::http_app::ServeHttp;
use pingora_core::protocols::http::ServerSession;

use crate::catalog::Date;
use crate::ledger::Ledger;
use crate::observe::metrics::LedgerMetrics;
use crate::observe::{Metrics, metrics};
use crate::providers::Scope;
use crate::proxy::{Budget, guard};
use crate::routing::{Health, Snapshot};

/// `GET /metrics`, on a listener of its own.
pub(super) struct Scrape {
    pub(super) metrics: Arc<Metrics>,
    pub(super) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(super) health: Arc<Health>,
    pub(super) budget: Arc<Budget>,
    pub(super) ledger: Arc<Ledger>,
    /// The file that the ledger is in.
    pub(super) database: PathBuf,
}

impl Scrape {
    /// The page; gauges that others own are read now, as nothing tells when a target has cooled. The listener has one thread, so that there
    /// is one scrape at a time.
    fn page(&self) -> String {
        self.metrics.buffered_bytes.set(gauge(self.budget.used()));
        self.metrics.buffered_bytes_limit.set(gauge(self.budget.limit()));
        let snapshot = self.snapshot.load();
        if let Some(age) = age(snapshot.catalog().version()) {
            self.metrics.catalogue_age.set(gauge(age));
        }
        self.cooled(&snapshot);
        self.breakers(&snapshot);
        self.ledger();
        self.metrics.render()
    }

    fn cooled(&self, snapshot: &Snapshot) {
        let cooled = self.health.cooled(Instant::now());
        let count =
            |provider: &str, scope| cooled.iter().filter(|(at, within)| **at == *provider && *within == scope).count();
        let providers = snapshot.upstreams().iter().map(|upstream| &**upstream.id());
        self.metrics.cooled(providers.flat_map(|provider| {
            Scope::ALL
                .into_iter()
                .map(move |scope| (provider, scope))
                .map(|(at, scope)| (at, scope.as_str(), count(at, scope)))
        }));
    }

    fn breakers(&self, snapshot: &Snapshot) {
        let known = self.health.breakers();
        let providers = snapshot.upstreams().iter().map(|upstream| upstream.id());
        self.metrics.breakers(providers.flat_map(|provider| {
            let at = known.get(provider).copied().unwrap_or_default();
            [("closed", at.closed), ("half_open", at.half_open), ("open", at.open)]
                .map(|(state, count)| (&**provider, state, count))
        }));
    }

    fn ledger(&self) {
        let (figures, metrics) = (self.ledger.figures(), &self.metrics.ledger);
        metrics.open.set(gauge(figures.open));
        metrics.places.set(gauge(figures.places_taken));
        metrics.recovered.set(gauge(figures.recovered));
        metrics.up.set(self.ledger.health().is_ok().into());
        if let Ok(file) = self.database.metadata() {
            metrics.file_bytes.set(gauge(file.len()));
        }
        LedgerMetrics::raise(&metrics.failures, figures.failures);
        LedgerMetrics::raise(&metrics.lost, figures.lost);
        LedgerMetrics::raise(&metrics.pruned, figures.pruned);
    }
}

fn gauge(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

/// Seconds since that version of the catalogue, which is a date.
fn age(version: &str) -> Option<u64> {
    let dated = version.parse::<Date>().ok()?.unix_seconds();
    Some(SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs().saturating_sub(dated))
}

#[async_trait]
impl ServeHttp for Scrape {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let snapshot = self.snapshot.load_full();
        // Until it is dropped the guard awaits no other head.
        let _visit = guard::visit(session, snapshot.config());
        session.set_write_timeout(Some(snapshot.config().clients.write_time));
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
