//! The proxy as the listeners serve it: with the bounds of HTTP/2 that are in force when a connection begins.

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use pingora_core::apps::{HttpServerApp, HttpServerOptions, ReusedHttpStream};
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::http::v2::server::{H2Options, default_h2_options};
use pingora_core::server::ShutdownWatch;
use pingora_proxy::HttpProxy;

use crate::proxy::Gateway;
use crate::routing::Snapshot;

/// HTTP/2 windows of a client: large bodies would otherwise wait a round trip for each 64 KiB.
const H2_WINDOW_BYTES: u32 = 1024 * 1024;

/// HTTP/2 takes heads of up to so many times `clients.header_bytes`. The proxy refuses those over the setting, in the client's shape and counted; the
/// library only knows a bare 431, and counts each header as 32 bytes more than it has.
const H2_HEADER_ROOM: usize = 2;

/// The proxy, which Pingora gives one set of bounds for good.
pub(super) struct Front {
    proxy: Arc<HttpProxy<Gateway>>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    options: HttpServerOptions,
}

impl Front {
    /// That proxy, over HTTP/2 in plaintext as well if `h2c`. The time that a connection of HTTP/2 may be idle is the guard's to bound.
    pub(super) fn new(proxy: HttpProxy<Gateway>, snapshot: Arc<ArcSwap<Snapshot>>, h2c: bool) -> Front {
        let mut options = HttpServerOptions::default();
        options.h2c = h2c;
        Front { proxy: Arc::new(proxy), snapshot, options }
    }
}

#[async_trait]
impl HttpServerApp for Front {
    async fn process_new_http(
        self: &Arc<Self>,
        session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        self.proxy.process_new_http(session, shutdown).await
    }

    fn h2_options(&self) -> Option<H2Options> {
        let most = self.snapshot.load().config().clients.header_bytes.saturating_mul(H2_HEADER_ROOM);
        let mut options = default_h2_options();
        options.initial_window_size(H2_WINDOW_BYTES).initial_connection_window_size(H2_WINDOW_BYTES * 4);
        options.max_header_list_size(u32::try_from(most).unwrap_or(u32::MAX));
        Some(options)
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        Some(&self.options)
    }

    async fn http_cleanup(&self) {
        self.proxy.http_cleanup().await;
    }
}
