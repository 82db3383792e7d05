//! Response heads like the real ones, with what a gateway must not pass on, and the ids of answers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use ovth_filters::Shape;
use pingora::http::ResponseHeader;

/// Ids of one answer: different ones for each answer of each process.
#[derive(Debug)]
pub(super) struct Ids {
    state: u64,
    unix_seconds: u64,
}

impl Ids {
    /// The ids of the next answer.
    pub(super) fn next() -> Ids {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        static SEED: OnceLock<u64> = OnceLock::new();
        let seed = *SEED.get_or_init(|| since_epoch().as_nanos() as u64);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Ids { state: seed ^ count.wrapping_mul(0x9E37_79B9_7F4A_7C15), unix_seconds: since_epoch().as_secs() }
    }

    /// An id: the prefix and 24 letters and digits.
    pub(super) fn id(&mut self, prefix: &str) -> String {
        const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut id = String::with_capacity(prefix.len() + 24);
        id.push_str(prefix);
        for _ in 0..3 {
            let mut bits = self.bits();
            for _ in 0..8 {
                id.push(char::from(ALPHABET.get((bits % 62) as usize).copied().unwrap_or(b'0')));
                bits /= 62;
            }
        }
        id
    }

    /// When the answer was made.
    pub(super) fn unix_seconds(&self) -> u64 {
        self.unix_seconds
    }

    /// SplitMix64: enough to tell ids apart, no more.
    fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }
}

/// Milliseconds since the epoch.
pub(super) fn unix_ms() -> u64 {
    since_epoch().as_millis() as u64
}

fn since_epoch() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The head of an answer in that shape, without framing. A name or value that no header can have is left out.
pub(super) fn head(shape: Shape, request_id: &str, content_type: &'static str) -> ResponseHeader {
    let (template, name) = match shape {
        Shape::Messages => (&*ANTHROPIC, "request-id"),
        // Google tells no id in its headers.
        Shape::GenerateContent => (&*GOOGLE, "x-simulated-request-id"),
        _ => (&*OPENAI, "x-request-id"),
    };
    let mut head = template.clone();
    let _ = head.insert_header(name, request_id);
    let _ = head.insert_header("content-type", content_type);
    head
}

/// A head without any headers of a provider.
pub(super) fn bare(status: u16) -> ResponseHeader {
    ResponseHeader::build_no_case(status, Some(8)).unwrap_or_else(|_| plain())
}

fn plain() -> ResponseHeader {
    ResponseHeader::build_no_case(200, Some(24)).expect("200 is a status")
}

static OPENAI: LazyLock<ResponseHeader> = LazyLock::new(|| {
    template(&[
        ("openai-version", "2020-10-01"),
        ("openai-organization", "org-simulator"),
        ("openai-project", "proj_simulator"),
        ("openai-processing-ms", "7"),
        ("x-ratelimit-limit-requests", "10000"),
        ("x-ratelimit-limit-tokens", "2000000"),
        ("x-ratelimit-remaining-requests", "9999"),
        ("x-ratelimit-remaining-tokens", "1999990"),
        ("x-ratelimit-reset-requests", "6ms"),
        ("x-ratelimit-reset-tokens", "0s"),
        ("set-cookie", "__cf_bm=simulator; path=/; HttpOnly; Secure; SameSite=None"),
        ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
        ("server", "cloudflare"),
        ("cf-ray", "9a1b2c3d4e5f6071-SIM"),
        ("alt-svc", "h3=\":443\"; ma=86400"),
    ])
});

static ANTHROPIC: LazyLock<ResponseHeader> = LazyLock::new(|| {
    template(&[
        ("anthropic-organization-id", "00000000-0000-4000-8000-000000000001"),
        ("anthropic-ratelimit-requests-limit", "4000"),
        ("anthropic-ratelimit-requests-remaining", "3999"),
        ("anthropic-ratelimit-requests-reset", "2030-01-01T00:00:00Z"),
        ("anthropic-ratelimit-tokens-limit", "480000"),
        ("anthropic-ratelimit-tokens-remaining", "480000"),
        ("anthropic-ratelimit-tokens-reset", "2030-01-01T00:00:00Z"),
        ("anthropic-ratelimit-input-tokens-limit", "400000"),
        ("anthropic-ratelimit-input-tokens-remaining", "400000"),
        ("anthropic-ratelimit-input-tokens-reset", "2030-01-01T00:00:00Z"),
        ("anthropic-ratelimit-output-tokens-limit", "80000"),
        ("anthropic-ratelimit-output-tokens-remaining", "80000"),
        ("anthropic-ratelimit-output-tokens-reset", "2030-01-01T00:00:00Z"),
        ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
        ("server", "cloudflare"),
        ("cf-ray", "9a1b2c3d4e5f6072-SIM"),
        ("x-envoy-upstream-service-time", "7"),
    ])
});

static GOOGLE: LazyLock<ResponseHeader> = LazyLock::new(|| {
    template(&[
        ("vary", "Origin"),
        ("server", "scaffolding on HTTPServer2"),
        ("x-xss-protection", "0"),
        ("x-frame-options", "SAMEORIGIN"),
        ("x-content-type-options", "nosniff"),
        ("server-timing", "gfet4t7; dur=7"),
        ("alt-svc", "h3=\":443\"; ma=2592000"),
    ])
});

fn template(headers: &[(&'static str, &'static str)]) -> ResponseHeader {
    let mut head = plain();
    for (name, value) in headers {
        let _ = head.insert_header(*name, *value);
    }
    head
}
