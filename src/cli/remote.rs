//! The running gateway, asked over its admin API: one request at a time, each bounded in time and size.

use std::io::{self, Read};
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use ureq::http;
use ureq::{Agent, Body, Timeout};
use url::Url;

use super::connection::Address;
use super::failure::Failure;
use crate::config::Secret;
use crate::fetch::{self, Reach};

/// To connect, TLS included.
const CONNECT: Duration = Duration::from_secs(5);
/// From the beginning of a request to the end of its answer.
const ANSWER: Duration = Duration::from_secs(60);
/// The same for the question whether anything answers.
const PROBE: Duration = Duration::from_secs(10);
/// The same for upkeep, which reads and writes the whole database.
const UPKEEP: Duration = Duration::from_secs(30 * 60);
/// The largest answer that is held in memory.
const MAX_ANSWER_BYTES: u64 = 64 << 20;
/// So many items are asked for at once, where all are wanted.
const PAGE: u64 = 1000;

/// A master key, and where it was found.
pub(super) struct MasterKey {
    pub(super) secret: Secret,
    pub(super) origin: String,
}

/// A running gateway.
pub(super) struct Remote {
    agent: Agent,
    url: Url,
    /// The value of the header `Authorization`.
    authorization: http::HeaderValue,
    origin: String,
}

/// The part of an address after the host: segments, and parameters.
#[derive(Clone, Copy)]
pub(super) struct Path<'a> {
    pub(super) segments: &'a [&'a str],
    pub(super) query: &'a [(&'a str, &'a str)],
}

impl<'a> Path<'a> {
    pub(super) fn of(segments: &'a [&'a str]) -> Path<'a> {
        Path { segments, query: &[] }
    }
}

/// A page of a list.
#[derive(Deserialize)]
struct Page {
    data: Vec<Box<RawValue>>,
    has_more: bool,
    next: Option<Cursor>,
}

/// Where a list goes on.
#[derive(Deserialize, PartialEq)]
#[serde(untagged)]
enum Cursor {
    Text(String),
    Number(u64),
}

/// An error as the admin API writes it.
#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorObject,
}

#[derive(Deserialize)]
struct ErrorObject {
    message: String,
}

impl Remote {
    /// Prepares to ask. Nothing is sent yet.
    pub(super) fn new(address: Address, key: MasterKey) -> Result<Remote, Failure> {
        let MasterKey { secret, origin } = key;
        let Ok(mut authorization) = http::HeaderValue::from_str(&format!("Bearer {}", secret.expose())) else {
            return Err(Failure::MalformedMasterKey { origin });
        };
        authorization.set_sensitive(true);
        Ok(Remote { agent: agent(&address), url: address.url, authorization, origin })
    }

    /// The gateway's address, for messages.
    pub(super) fn address(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// Asks for something.
    pub(super) fn get(&self, path: Path<'_>) -> Result<String, Failure> {
        self.text(self.agent.get(self.target(path)).header("authorization", &self.authorization).call())
    }

    /// Asks for something that may be large and take long; the answer is read by the caller.
    pub(super) fn download(&self, path: Path<'_>) -> Result<impl Read + use<>, Failure> {
        let request = self.agent.get(self.target(path)).header("authorization", &self.authorization);
        let answer = self.judged(request.config().timeout_global(Some(UPKEEP)).build().call(), UPKEEP)?;
        Ok(answer.into_body().into_with_config().limit(u64::MAX).reader())
    }

    /// Has something made or done.
    pub(super) fn post(&self, path: Path<'_>, body: &str, idempotency_key: Option<&str>) -> Result<String, Failure> {
        let mut request = self.agent.post(self.target(path)).header("authorization", &self.authorization);
        if let Some(key) = idempotency_key {
            request = request.header("idempotency-key", key);
        }
        self.text(request.content_type("application/json").send(body))
    }

    /// Has upkeep done that may take long.
    pub(super) fn upkeep(&self, path: Path<'_>) -> Result<String, Failure> {
        let request = self.agent.post(self.target(path)).header("authorization", &self.authorization);
        let answer = request.config().timeout_global(Some(UPKEEP)).build().send("");
        self.read(self.judged(answer, UPKEEP)?, UPKEEP)
    }

    /// Has something changed.
    pub(super) fn patch(&self, path: Path<'_>, body: &str) -> Result<String, Failure> {
        let request = self.agent.patch(self.target(path)).header("authorization", &self.authorization);
        self.text(request.content_type("application/json").send(body))
    }

    /// Has something removed.
    pub(super) fn delete(&self, path: Path<'_>) -> Result<String, Failure> {
        self.text(self.agent.delete(self.target(path)).header("authorization", &self.authorization).call())
    }

    /// Reads a list page by page, `at_most` items in all. `cursor` is the name of the parameter that says where to go on. Each page
    /// is given to `take` as it comes.
    pub(super) fn pages(
        &self,
        path: Path<'_>,
        cursor: &str,
        at_most: u64,
        mut take: impl FnMut(Vec<Box<RawValue>>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut left = at_most;
        let mut next: Option<Cursor> = None;
        while left > 0 {
            let limit = left.min(PAGE).to_string();
            let after = next.as_ref().map(|next| match next {
                Cursor::Text(text) => text.clone(),
                Cursor::Number(number) => number.to_string(),
            });
            let mut query = path.query.to_vec();
            query.push(("limit", &limit));
            query.extend(after.as_deref().map(|after| (cursor, after)));
            let mut page: Page = serde_json::from_str(&self.get(Path { segments: path.segments, query: &query })?)?;
            page.data.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            left -= page.data.len() as u64;
            let is_last = page.data.is_empty() || !page.has_more || page.next.is_none() || page.next == next;
            take(page.data)?;
            if is_last {
                break;
            }
            next = page.next;
        }
        Ok(())
    }

    /// Reads a whole list.
    pub(super) fn list(&self, path: Path<'_>, cursor: &str, at_most: u64) -> Result<Vec<Box<RawValue>>, Failure> {
        let mut items = Vec::new();
        self.pages(path, cursor, at_most, |page| {
            items.extend(page);
            Ok(())
        })?;
        Ok(items)
    }

    fn target(&self, path: Path<'_>) -> String {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path.segments);
        }
        if !path.query.is_empty() {
            url.query_pairs_mut().extend_pairs(path.query);
        }
        url.into()
    }

    fn text(&self, answer: Result<http::Response<Body>, ureq::Error>) -> Result<String, Failure> {
        self.read(self.judged(answer, ANSWER)?, ANSWER)
    }

    fn read(&self, answer: http::Response<Body>, limit: Duration) -> Result<String, Failure> {
        let body = answer.into_body().into_with_config().limit(MAX_ANSWER_BYTES).read_to_string();
        body.map_err(|error| self.broken(&error, limit))
    }

    /// The answer, if it is one to what was asked.
    fn judged(
        &self,
        answer: Result<http::Response<Body>, ureq::Error>,
        limit: Duration,
    ) -> Result<http::Response<Body>, Failure> {
        let answer = answer.map_err(|error| self.unanswered(&error, limit))?;
        let (status, url) = (answer.status(), || self.address().to_owned());
        if status.is_success() {
            return Ok(answer);
        }
        if status.is_redirection() {
            let to = answer.headers().get("location").and_then(|to| to.to_str().ok()).map(str::to_owned);
            return Err(Failure::Redirected { url: url(), to });
        }
        if status == http::StatusCode::UNAUTHORIZED {
            return Err(Failure::Unauthorized { url: url(), origin: self.origin.clone() });
        }
        let status = status.as_u16();
        let body = self.read(answer, limit)?;
        match serde_json::from_str::<ErrorBody>(&body) {
            Ok(body) => Err(Failure::Refused { status, message: body.error.message }),
            Err(_) => Err(Failure::NotOurs { url: url(), status }),
        }
    }

    fn unanswered(&self, error: &ureq::Error, limit: Duration) -> Failure {
        unanswered(self.address().to_owned(), error, limit)
    }

    fn broken(&self, error: &ureq::Error, limit: Duration) -> Failure {
        let url = self.address().to_owned();
        match error {
            ureq::Error::Timeout(_) => Failure::TimedOut { url, seconds: limit.as_secs() },
            error => Failure::Broken { url, reason: error.to_string() },
        }
    }
}

/// What it means that no answer came.
fn unanswered(url: String, error: &ureq::Error, limit: Duration) -> Failure {
    match error {
        ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
            Failure::Unreachable { url, reason: format!("no connection within {} s", CONNECT.as_secs()) }
        }
        ureq::Error::Timeout(_) => Failure::TimedOut { url, seconds: limit.as_secs() },
        ureq::Error::Io(source) => unconnected(url, source),
        ureq::Error::HostNotFound => Failure::Unreachable { url, reason: "there is no such host".to_owned() },
        ureq::Error::ConnectionFailed => Failure::Unreachable { url, reason: "no connection".to_owned() },
        error => Failure::Unasked { url, reason: error.to_string() },
    }
}

/// What it means that a connection cannot be made or used.
fn unconnected(url: String, source: &io::Error) -> Failure {
    use io::ErrorKind::{AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkUnreachable};
    let reason = match source.kind() {
        ConnectionRefused => return Failure::Unreachable { url, reason: "connection refused".to_owned() },
        HostUnreachable | NetworkUnreachable | AddrNotAvailable => {
            return Failure::Unreachable { url, reason: source.to_string() };
        }
        _ => source.to_string(),
    };
    let hint = match reason.as_str() {
        text if text.contains("certificate") => {
            ". Its certificate must be of an authority that this machine trusts; SSL_CERT_FILE can name another"
        }
        text if text.contains("InvalidContentType") => ". Does it speak http and not https?",
        _ if url.starts_with("http://") && source.kind() == io::ErrorKind::ConnectionReset => {
            ". Does it speak https and not http?"
        }
        _ => "",
    };
    Failure::Unasked { url, reason: format!("{reason}{hint}") }
}

/// Finds out whether anything answers at an address, whatever it is. No key is sent.
pub(super) fn probe(address: &Address) -> Result<(), Failure> {
    let url = &address.url;
    let mut target = url.clone();
    if let Ok(mut segments) = target.path_segments_mut() {
        segments.pop_if_empty().push("healthz");
    }
    let request = agent(address).get(target.as_str()).config().timeout_global(Some(PROBE)).build();
    let shown = || url.as_str().trim_end_matches('/').to_owned();
    request.call().map(drop).map_err(|error| unanswered(shown(), &error, PROBE))
}

/// What sends requests.
fn agent(address: &Address) -> Agent {
    if !address.was_given && fetch::is_loopback(&address.url) {
        // The certificate is made out to the name that clients use. On loopback it protects no more than plain HTTP does.
        return fetch::agent_of_this_machine(ANSWER);
    }
    fetch::agent(&address.url, CONNECT, ANSWER, Reach::Typed)
}
