//! One account's list of models, asked of its provider; nothing that is asked here costs anything.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, header};
use ovth_filters::Operation;
use ovth_filters::neutral::ErrorClass;
use ureq::{Agent, Body};
use url::Url;

use super::list::{Models, Page};
use crate::config::{Secret, is_metadata};
use crate::fetch::{self, Reach};
use crate::providers::{Call, Upstream};

/// To connect, TLS included.
const CONNECT: Duration = Duration::from_secs(5);
/// From the beginning of a request to the end of its answer.
const ANSWER: Duration = Duration::from_secs(20);
/// The largest page that is read.
const MAX_PAGE_BYTES: u64 = 16 << 20;
/// The most pages of a list.
const MAX_PAGES: usize = 20;

/// What an account's provider answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The models that the account can use.
    pub models: Models,
    /// By how many seconds the provider's clock is ahead of this machine's; behind it when negative.
    pub clock_ahead: Option<i64>,
}

/// Why an account's list is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The provider does not take the key.
    #[error(
        "the provider refuses this key (status {status}): it is wrong, was withdrawn, or may not be used from here"
    )]
    KeyRefused {
        /// The status that it answered.
        status: u16,
    },
    /// The provider does not let this key see its models, or something on the way does not; requests may be served all the same.
    #[error(
        "the provider does not let this key list its models (status {status}), so nothing can be said of them; a key with \
         restricted rights is like that, and serves all the same if it may generate"
    )]
    NotShown {
        /// The status that it answered.
        status: u16,
    },
    /// The provider takes the key, and wants to be paid.
    #[error("the provider wants to be paid first (status {status}): the account has no credit, or its billing is off")]
    Unpaid {
        /// The status that it answered.
        status: u16,
    },
    /// It has no list of models where its API has one.
    #[error("it has no list of models (status {status}), so nothing can be said of its models")]
    NoList {
        /// The status that it answered.
        status: u16,
    },
    /// It answered something else than a list.
    #[error("it answered with status {status} and no list of models")]
    Odd {
        /// The status that it answered.
        status: u16,
    },
    /// Nobody answered.
    #[error("it cannot be reached: {reason}")]
    Unreachable {
        /// What the network said.
        reason: String,
    },
    /// The list is longer than 20 pages.
    #[error("its list of models does not end")]
    Endless,
}

impl Fault {
    /// Whether requests with this key fail as well.
    #[must_use]
    pub fn concerns_requests(&self) -> bool {
        matches!(self, Fault::KeyRefused { .. } | Fault::Unpaid { .. })
    }
}

/// One provider, asked with one key.
pub(super) struct Question<'a> {
    upstream: &'a Upstream,
    credential: Option<&'a Secret>,
    agent: Agent,
    origin: Url,
}

impl<'a> Question<'a> {
    pub(super) fn new(upstream: &'a Upstream, credential: Option<&'a Secret>) -> Result<Question<'a>, Fault> {
        let origin = origin(upstream).map_err(|error| Fault::Unreachable { reason: error.to_string() })?;
        let refuses = if upstream.provider().metadata_addresses { |_| false } else { is_metadata };
        Ok(Question {
            upstream,
            credential,
            agent: fetch::agent(&origin, CONNECT, ANSWER, Reach::Configured(refuses)),
            origin,
        })
    }

    /// Asks whether the key is taken, where the list does not tell that, and then for the whole list.
    pub(super) fn ask(&self) -> Result<Answer, Fault> {
        if let Some(path) = self.upstream.key_check_path() {
            self.get(&path)?;
        }
        let mut answer = Answer { models: Models::default(), clock_ahead: None };
        let first = self.head().path_and_query;
        let mut path = first.clone();
        for _ in 0..MAX_PAGES {
            let response = self.get(&path)?;
            answer.clock_ahead = clock_ahead(response.headers(), SystemTime::now());
            let status = response.status().as_u16();
            let page = Page::read(&self.body(response)?).map_err(|_| Fault::Odd { status })?;
            page.ids.iter().for_each(|id| answer.models.add(id));
            let Some((name, value)) = page.next else { return Ok(answer) };
            let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
            path = format!("{first}{}{name}={value}", if first.contains('?') { '&' } else { '?' });
        }
        Err(Fault::Endless)
    }

    fn get(&self, path: &str) -> Result<http::Response<Body>, Fault> {
        let mut request = self.agent.get(format!("{}{path}", self.origin.as_str().trim_end_matches('/')));
        for (name, value) in &self.head().headers {
            if name != header::HOST && name != header::CONTENT_TYPE {
                request = request.header(name, value);
            }
        }
        let response = request.call().map_err(|error| Fault::Unreachable { reason: reason(&error) })?;
        if response.status().is_success() { Ok(response) } else { Err(self.refusal(response)) }
    }

    fn head(&self) -> crate::providers::RequestHead {
        let shape = self.upstream.shapes().first().copied().unwrap_or(ovth_filters::Shape::Chat);
        self.upstream.request(&Call {
            shape,
            operation: Operation::ListModels,
            batch: false,
            model: "",
            stream: false,
            credential: self.credential,
            client_shape: shape,
            client: &HeaderMap::new(),
            query: None,
        })
    }

    fn body(&self, response: http::Response<Body>) -> Result<String, Fault> {
        let body = response.into_body().into_with_config().limit(MAX_PAGE_BYTES).read_to_string();
        body.map_err(|error| Fault::Unreachable { reason: reason(&error) })
    }

    /// The provider's own words are not repeated: some quote the key.
    fn refusal(&self, response: http::Response<Body>) -> Fault {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = self.body(response).unwrap_or_default();
        let shape = self.upstream.shapes().first().copied().unwrap_or(ovth_filters::Shape::Chat);
        match self.upstream.failure(shape, status, &headers, body.as_bytes()).error.class {
            ErrorClass::OperatorAuth if matches!(status, 403 | 407) => Fault::NotShown { status },
            ErrorClass::OperatorAuth => Fault::KeyRefused { status },
            ErrorClass::OperatorBilling => Fault::Unpaid { status },
            _ if matches!(status, 404 | 405 | 501) => Fault::NoList { status },
            _ => Fault::Odd { status },
        }
    }
}

/// Scheme, host and port of a provider.
fn origin(upstream: &Upstream) -> Result<Url, url::ParseError> {
    let scheme = if upstream.tls() { "https" } else { "http" };
    let host = upstream.host();
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    Url::parse(&format!("{scheme}://{host}:{}", upstream.port()))
}

/// What the network said; never more than a line.
fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "no answer in time".to_owned(),
        ureq::Error::HostNotFound => "there is no such host".to_owned(),
        ureq::Error::Io(source) => source.to_string(),
        error => error.to_string(),
    }
}

/// The header `Date` has whole seconds, so differences below two mean nothing.
fn clock_ahead(headers: &HeaderMap, now: SystemTime) -> Option<i64> {
    let date = httpdate::parse_http_date(headers.get(header::DATE)?.to_str().ok()?).ok()?;
    let seconds = |time: SystemTime| i64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()).ok();
    Some(seconds(date)? - seconds(now)?)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_clock_is_compared_with_the_date_of_an_answer() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        for (date, expected) in [
            ("Sun, 09 Sep 2001 01:46:40 GMT", Some(0)),
            ("Sun, 09 Sep 2001 01:48:40 GMT", Some(120)),
            ("Sun, 09 Sep 2001 01:45:40 GMT", Some(-60)),
            ("yesterday", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::DATE, HeaderValue::from_str(date).unwrap());
            assert_eq!(clock_ahead(&headers, now), expected, "{date}");
        }
        assert_eq!(clock_ahead(&HeaderMap::new(), now), None);
    }
}
