//! The blocking HTTP client of the command line and of background checks: bounded in time, trusting what the system trusts, and
//! never going where a redirect points, as the keys that it sends are meant for one address only, nor to addresses that are refused.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use url::{Host, Url};

/// Who says where a request goes.
#[derive(Clone, Copy, Debug)]
pub enum Reach {
    /// Whoever typed the address: it may be any, and a proxy that the environment names is asked for it.
    Typed,
    /// The configuration, as with a provider: a name that leads to an address which this refuses is not asked. No proxy takes part, as none does
    /// in requests, and as it would look the name up itself.
    Configured(fn(IpAddr) -> bool),
}

/// A client for the server of that address. `connect` bounds a connection, TLS included; `whole` a request with its answer.
#[must_use]
pub fn agent(url: &Url, connect: Duration, whole: Duration, reach: Reach) -> Agent {
    let mut config = Agent::config_builder()
        .user_agent(concat!("ovth/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_connect(Some(connect))
        .timeout_global(Some(whole));
    // A proxy of the environment has another loopback.
    if is_loopback(url) || matches!(reach, Reach::Configured(_)) {
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
    let refuses = match reach {
        Reach::Typed => |_| false,
        Reach::Configured(refuses) => refuses,
    };
    let resolver = Guarded { own: DefaultResolver::default(), refuses };
    Agent::with_parts(config.build(), DefaultConnector::default(), resolver)
}

/// A client for the gateway of this machine, over loopback. Its certificate is made out to a name that is not asked for here, and is not looked at: a
/// key may be sent by it to a loopback address only. `whole` bounds a request with its answer.
#[must_use]
pub fn agent_of_this_machine(whole: Duration) -> Agent {
    let config = Agent::config_builder()
        .user_agent(concat!("ovth/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .timeout_global(Some(whole))
        .tls_config(TlsConfig::builder().disable_verification(true).build());
    config.build().new_agent()
}

/// Looks names up as usual, and refuses those that lead where nobody is to be asked.
#[derive(Debug)]
struct Guarded {
    own: DefaultResolver,
    refuses: fn(IpAddr) -> bool,
}

impl Resolver for Guarded {
    fn resolve(
        &self,
        uri: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.own.resolve(uri, config, timeout)?;
        if found.iter().any(|address| (self.refuses)(address.ip())) {
            let message = "its address is one that is not to be asked, such as that of a cloud's metadata service";
            return Err(ureq::Error::Io(io::Error::new(io::ErrorKind::PermissionDenied, message)));
        }
        Ok(found)
    }
}

/// Whether an address leads to this machine without any look-up of a name.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_refused_is_not_asked() {
        let url = Url::parse("http://127.0.0.1:1/latest").expect("a URL");
        let second = Duration::from_secs(1);
        let error =
            agent(&url, second, second, Reach::Configured(|ip| ip.is_loopback())).get(url.as_str()).call().err();
        assert!(matches!(error, Some(ureq::Error::Io(error)) if error.kind() == io::ErrorKind::PermissionDenied));
    }
}
