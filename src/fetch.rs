//! The blocking HTTP client of the command line and of background checks: bounded in time, trusting what the system trusts, and
//! never going where a redirect points, as the keys that it sends are meant for one address only.

use std::time::Duration;

use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use url::{Host, Url};

/// A client for the server of that address. `connect` bounds a connection, TLS included; `whole` a request with its answer.
#[must_use]
pub fn agent(url: &Url, connect: Duration, whole: Duration) -> Agent {
    let mut config = Agent::config_builder()
        .user_agent(concat!("ovth/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_connect(Some(connect))
        .timeout_global(Some(whole));
    if is_loopback(url) {
        // A proxy of the environment has another loopback.
        config = config.proxy(None);
    }
    if url.scheme() == "https" {
        // The system's authorities: a company's own, or Caddy's local one, may be among them.
        let native = rustls_native_certs::load_native_certs().certs;
        if !native.is_empty() {
            let roots: Vec<Certificate<'static>> =
                native.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
            config = config.tls_config(TlsConfig::builder().root_certs(RootCerts::new_with_certs(&roots)).build());
        }
    }
    config.build().new_agent()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
