//! Headers in both directions: allow-lists only, so that nothing of a client or an account leaks to the other side.

use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};
use ovth_filters::Shape;

use super::spec::{Auth, Spec};
use super::upstream::Call;
use crate::config::{Provider, Secret};

static ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
static X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
static X_GOOG_API_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");
static UPSTREAM_REQUEST_ID: HeaderName = HeaderName::from_static("x-upstream-request-id");

/// The version that is assumed of clients that name none; the newer one would refuse sampling parameters:
/// <https://platform.claude.com/docs/en/api/versioning>.
const DEFAULT_ANTHROPIC_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");
const AGENT: &str = concat!("ovth-gateway/", env!("CARGO_PKG_VERSION"));

/// Response headers every provider's answer may carry to the client.
static RESPONSE_HEADERS: [HeaderName; 2] = [CONTENT_TYPE, http::header::RETRY_AFTER];

/// Where providers put the id of a request, best first.
static REQUEST_IDS: [HeaderName; 5] = [
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("request-id"),
    HeaderName::from_static("apim-request-id"),
    HeaderName::from_static("x-generation-id"),
    HeaderName::from_static("cf-ray"),
];

/// Headers that only the connection may set: an operator's `headers` cannot smuggle a second framing in.
static OF_THE_CONNECTION: [HeaderName; 6] = [
    http::header::CONTENT_LENGTH,
    http::header::TRANSFER_ENCODING,
    http::header::CONNECTION,
    http::header::TE,
    http::header::UPGRADE,
    http::header::EXPECT,
];

/// The head of one upstream request, but for its method and its framing.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// Path and query, percent-encoded.
    pub path_and_query: String,
    /// All headers but `content-length` and `transfer-encoding`.
    pub headers: HeaderMap,
}

/// The headers that are the same for every request to a provider.
pub(super) fn base_headers(provider: &Provider) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(16);
    if let Ok(host) = HeaderValue::try_from(authority(provider)) {
        headers.insert(HOST, host);
    }
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers
}

/// Host and port as the `Host` header has them: the port only when it is not the scheme's.
fn authority(provider: &Provider) -> String {
    let base = &provider.base_url;
    let host = if base.host.contains(':') { format!("[{}]", base.host) } else { base.host.clone() };
    if base.port == if base.tls { 443 } else { 80 } { host } else { format!("{host}:{}", base.port) }
}

/// The headers of one call.
pub(super) fn request_headers(spec: &Spec, provider: &Provider, base: &HeaderMap, call: &Call<'_>) -> HeaderMap {
    let mut headers = base.clone();
    let accept = if call.stream { "text/event-stream" } else { "application/json" };
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    if call.shape == Shape::Messages {
        let own = call.client.get(&ANTHROPIC_VERSION).filter(|_| call.client_shape == Shape::Messages);
        headers.insert(ANTHROPIC_VERSION.clone(), own.cloned().unwrap_or(DEFAULT_ANTHROPIC_VERSION));
    }
    for name in spec.request_headers.iter().filter(|name| may_say(call.client_shape, name)) {
        if let Some(value) = joined(call.client, name) {
            headers.insert(name.clone(), value);
        }
    }
    if let Some(credential) = call.credential
        && let Some((name, value)) = authorization((spec.auth)(call.shape), credential)
    {
        headers.insert(name, value);
    }
    // The operator's own headers win, so that a host with other customs needs no code.
    for (name, value) in &provider.headers {
        if !OF_THE_CONNECTION.contains(name) {
            headers.insert(name.clone(), value.clone());
        }
    }
    headers
}

/// What clients ask of one API is for those who speak it: another API is asked in its own words.
fn may_say(client: Shape, name: &HeaderName) -> bool {
    match name.as_str() {
        "anthropic-beta" => client == Shape::Messages,
        "openai-beta" => matches!(client, Shape::Chat | Shape::Responses),
        _ => true,
    }
}

/// A single value byte for byte; several as one comma-separated list, which means the same in HTTP.
fn joined(client: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let mut values = client.get_all(name).iter();
    let first = values.next()?;
    let mut rest = values.peekable();
    if rest.peek().is_none() {
        return Some(first.clone());
    }
    let mut list = first.as_bytes().to_vec();
    for value in rest {
        list.push(b',');
        list.extend_from_slice(value.as_bytes());
    }
    HeaderValue::from_bytes(&list).ok()
}

fn authorization(auth: Auth, credential: &Secret) -> Option<(HeaderName, HeaderValue)> {
    let (name, text) = match auth {
        Auth::Bearer => (AUTHORIZATION, &*format!("Bearer {}", credential.expose())),
        Auth::XApiKey => (X_API_KEY.clone(), credential.expose()),
        Auth::XGoogApiKey => (X_GOOG_API_KEY.clone(), credential.expose()),
    };
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

/// The client's query parameters that the provider is told, each as it was written.
pub(super) fn query(spec: &Spec, query: Option<&str>) -> String {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'=');
    query
        .into_iter()
        .flat_map(|query| query.split('&'))
        .filter(|pair| spec.query.contains(&pair.split('=').next().unwrap_or_default()) && pair.bytes().all(harmless))
        .collect::<Vec<_>>()
        .join("&")
}

/// What of a provider's response headers the client is told.
pub(super) fn response_headers(spec: &Spec, upstream: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    for name in RESPONSE_HEADERS.iter().chain(spec.response_headers) {
        if let Some(value) = upstream.get(name) {
            headers.insert(name.clone(), value.clone());
        }
    }
    if let Some(id) = REQUEST_IDS.iter().find_map(|name| upstream.get(name)) {
        headers.insert(UPSTREAM_REQUEST_ID.clone(), id.clone());
    }
    headers
}
