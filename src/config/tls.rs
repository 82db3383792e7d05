//! A certificate and its key, read and checked when the configuration is: what is wrong with them is told before any client sees it.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{InconsistentKeys, ServerConfig};

use super::validity::Validity;

/// A certificate that ends within this time is warned of: who renews it has mostly done so by then.
const ENDS_SOON: Duration = Duration::from_secs(14 * 24 * 3600);

/// The protocols that clients are offered, best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// TLS towards clients.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Where it is spoken; where everything else is as well when absent.
    pub listen: Option<SocketAddr>,
    /// The file of the certificate and those that lead to an authority.
    pub cert: PathBuf,
    /// The file of its key.
    pub key: PathBuf,
    /// Both, ready for handshakes.
    pub identity: Identity,
}

/// A certificate with its key, ready for handshakes. `Debug` prints nothing of it.
#[derive(Clone)]
pub struct Identity(Arc<ServerConfig>);

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(..)")
    }
}

/// Why a certificate and a key cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    #[error("holds no certificate in PEM form (`-----BEGIN CERTIFICATE-----`)")]
    NoCertificate,
    #[error("holds a certificate that cannot be read")]
    BadCertificate,
    #[error("holds no private key in PEM form (`-----BEGIN PRIVATE KEY-----`), or one that is encrypted")]
    NoKey,
    #[error("is not the key of the certificate in tls.cert; name the two that belong together")]
    OtherKey,
    #[error("is a key of a kind that is not supported; use ECDSA (P-256, P-384), Ed25519 or RSA from 2048 bits on")]
    BadKey,
}

impl Flaw {
    /// Whether it is about the key's file.
    pub(super) const fn is_of_key(&self) -> bool {
        matches!(self, Flaw::NoKey | Flaw::OtherKey | Flaw::BadKey)
    }
}

impl Identity {
    /// What handshakes are made with.
    #[must_use]
    pub fn server_config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0)
    }

    /// Puts a certificate, with those that lead to an authority, and its key together, and tells how long it is valid.
    pub(super) fn from_pem(cert: &[u8], key: &[u8]) -> Result<(Identity, Validity), Flaw> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(cert).collect();
        let chain = chain.map_err(|_| Flaw::NoCertificate)?;
        let first = chain.first().ok_or(Flaw::NoCertificate)?;
        let validity = Validity::of(first).ok_or(Flaw::BadCertificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| Flaw::NoKey)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.expect("the provider has what TLS 1.2 and 1.3 need").with_no_client_auth();
        let mut config = builder.with_single_cert(chain, key).map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => Flaw::OtherKey,
            rustls::Error::InvalidCertificate(_) => Flaw::BadCertificate,
            _ => Flaw::BadKey,
        })?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok((Identity(Arc::new(config)), validity))
    }
}

/// What is to be said of a certificate's time, if anything.
pub(super) fn doubt(validity: Validity, now: SystemTime) -> Option<String> {
    let day = |time: SystemTime| {
        jiff::Timestamp::try_from(time).map_or_else(|_| "?".to_owned(), |time| time.strftime("%Y-%m-%d").to_string())
    };
    if now < validity.from {
        Some(format!("is not valid before {}: clients refuse it until then; is the clock right?", day(validity.from)))
    } else if now >= validity.until {
        Some(format!("ended on {}: clients refuse it; renew it", day(validity.until)))
    } else if validity.until.duration_since(now).is_ok_and(|left| left < ENDS_SOON) {
        Some(format!("ends on {}; renew it", day(validity.until)))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn a_pair_is_put_together_and_offers_both_protocols() {
        let (cert, key) = pair();
        let (identity, _) = Identity::from_pem(cert.as_bytes(), key.as_bytes()).unwrap();
        assert_eq!(identity.server_config().alpn_protocols, PROTOCOLS);
        assert_eq!(format!("{identity:?}"), "Identity(..)");
    }

    #[test]
    fn what_does_not_belong_together_is_told() {
        let ((cert, key), (_, other)) = (pair(), pair());
        let flaw = |cert: &str, key: &str| Identity::from_pem(cert.as_bytes(), key.as_bytes()).map(drop).unwrap_err();
        assert_eq!(flaw(&cert, &other), Flaw::OtherKey);
        assert_eq!(flaw(&key, &key), Flaw::NoCertificate);
        assert_eq!(flaw("", &key), Flaw::NoCertificate);
        assert_eq!(flaw(&cert, &cert), Flaw::NoKey);
        let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(flaw(garbage, &key), Flaw::BadCertificate);
    }

    #[test]
    fn a_certificate_that_is_over_or_soon_will_be_is_told() {
        let now = SystemTime::UNIX_EPOCH + DAY * 20_000;
        let doubt = |from: SystemTime, until: SystemTime| doubt(Validity { from, until }, now);
        assert_eq!(doubt(now - DAY, now + DAY * 60), None);
        assert_eq!(doubt(now - DAY * 60, now + DAY).as_deref(), Some("ends on 2024-10-05; renew it"));
        assert_eq!(
            doubt(now - DAY * 60, now - DAY).as_deref(),
            Some("ended on 2024-10-03: clients refuse it; renew it")
        );
        assert!(doubt(now + DAY, now + DAY * 60).unwrap().starts_with("is not valid before 2024-10-05"));
    }
}
