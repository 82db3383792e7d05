//! Reads the client's body: bounded, counted against the memory budget, `Expect: 100-continue` answered, gzip undone.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use flate2::bufread::MultiGzDecoder;
use http::{Version, header};
use ovth_filters::neutral::{ApiError, ErrorClass};
use pingora_proxy::Session;
use tokio::time::{Instant, timeout_at};

use super::body::BUDGET_RETRY_AFTER;
use super::budget::{Budget, Held};
use super::waited::timed;
use crate::config::Clients;

/// A client that sends no byte of its body for so long has gone or plays for time.
const BODY_IDLE: Duration = Duration::from_secs(60);

/// JSON or gzip work above this leaves the worker thread.
pub(super) const BLOCKING_BYTES: usize = 256 * 1024;

/// No more than this is set aside for a body before its bytes are there.
const FIRST_BYTES: usize = 1024 * 1024;

/// The most bytes that one byte of gzip can stand for.
const GZIP_MOST: usize = 1_032;

/// Why there is no body.
#[derive(Debug)]
pub(super) enum IntakeError {
    /// The client is told.
    Refused(ApiError),
    /// There is nobody to tell.
    ClientGone,
}

impl From<ApiError> for IntakeError {
    fn from(error: ApiError) -> IntakeError {
        IntakeError::Refused(error)
    }
}

/// Bounds on one request body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// The most bytes, after decompression.
    pub(super) bytes: usize,
    /// By when it must be there.
    pub(super) until: Instant,
    /// How fast it must come.
    pub(super) pace: Pace,
}

/// How fast a body must come: a client that sends a byte now and then would hold its place for as long as it likes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    time: Duration,
    /// Bytes a second; never 0.
    rate: usize,
}

impl Pace {
    /// As the bounds on clients have it.
    pub(super) fn of(clients: &Clients) -> Pace {
        Pace { time: clients.body_time, rate: clients.body_rate.max(1) }
    }

    /// The time that a body of which so many bytes have come may take.
    fn after(self, bytes: usize) -> Duration {
        let earned = Duration::from_secs((bytes / self.rate) as u64);
        self.time.saturating_add(earned)
    }
}

/// A whole request body and the share of the memory budget that it holds.
#[derive(Debug)]
pub(super) struct Body {
    /// The bytes, with any content encoding undone.
    pub(super) bytes: Bytes,
    /// Given back to the budget when the exchange ends.
    #[expect(dead_code, reason = "it is held, not read")]
    pub(super) held: Held,
}

/// Reads the whole body. Everything that can be refused by its head is refused before the client is told to go on. Adds to `waited` how long
/// the client was waited for.
///
/// # Errors
/// `TooLarge` over the bound, `Unavailable` when the budget is spent, `RequestTimeout` after a minute without a byte,
/// `BadRequest` for an encoding that is not known or does not decode.
pub(super) async fn read(
    session: &mut Session,
    bounds: Bounds,
    budget: &Arc<Budget>,
    waited: &mut Duration,
) -> Result<Body, IntakeError> {
    let limit = Limit::of(bounds.bytes, budget);
    let gzipped = is_gzipped(session)?;
    let declared = declared_length(session);
    if declared.is_some_and(|length| length > limit.bytes) {
        return Err(limit.exceeded().into());
    }
    let mut held = budget.empty();
    if expects_continue(session) && session.write_continue_response().await.is_err() {
        return Err(IntakeError::ClientGone);
    }
    let collecting = Collecting { declared, limit, pace: bounds.pace, began: Instant::now() };
    let collected = timed(waited, timeout_at(bounds.until, collect(session, collecting, &mut held))).await;
    let bytes = collected.unwrap_or_else(|_| Err(too_slow().into()))?;
    if !gzipped {
        return Ok(Body { bytes, held });
    }
    inflate_off_thread(bytes, limit, held).await
}

/// The most bytes that a body may have.
#[derive(Clone, Copy, Debug)]
struct Limit {
    bytes: usize,
    /// The setting that says so.
    setting: &'static str,
}

impl Limit {
    /// What is allowed, and what could ever be held: to wait for room would not help a body that is larger than all of it.
    fn of(allowed: usize, budget: &Budget) -> Limit {
        let room = budget.limit();
        if room < allowed {
            Limit { bytes: room, setting: "limits.buffered_bytes, and the memory of the process bounds it" }
        } else {
            Limit { bytes: allowed, setting: "limits.body_bytes" }
        }
    }

    fn exceeded(self) -> ApiError {
        let Limit { bytes, setting } = self;
        let message =
            format!("the request body is over the limit of {bytes} bytes; send less (the operator sets {setting})");
        ApiError::new(ErrorClass::TooLarge, message)
    }
}

/// What is known of a body while it comes.
#[derive(Clone, Copy)]
struct Collecting {
    declared: Option<usize>,
    limit: Limit,
    pace: Pace,
    began: Instant,
}

impl Collecting {
    /// By when the next bytes must come, after so many.
    fn until(&self, bytes: usize) -> Instant {
        (Instant::now() + BODY_IDLE).min(self.began + self.pace.after(bytes))
    }
}

async fn collect(session: &mut Session, collecting: Collecting, held: &mut Held) -> Result<Bytes, IntakeError> {
    let Collecting { declared, limit, .. } = collecting;
    let Some(first) = next_chunk(session, collecting.until(0)).await? else { return Ok(Bytes::new()) };
    if declared == Some(first.len()) {
        // The usual small request: it came with its head, and nothing is copied. One more read tells Pingora that it is done.
        if !held.at_least(first.len()) {
            return Err(budget_spent().into());
        }
        return match next_chunk(session, collecting.until(first.len())).await? {
            None => Ok(first),
            Some(_) => Err(IntakeError::ClientGone),
        };
    }
    let mut whole = BytesMut::with_capacity(declared.unwrap_or(first.len() * 2).min(FIRST_BYTES));
    let mut chunk = Some(first);
    while let Some(bytes) = chunk {
        let length = whole.len() + bytes.len();
        if length > limit.bytes {
            return Err(limit.exceeded().into());
        }
        if !held.at_least(length) {
            return Err(budget_spent().into());
        }
        whole.extend_from_slice(&bytes);
        chunk = next_chunk(session, collecting.until(length)).await?;
    }
    Ok(whole.freeze())
}

async fn next_chunk(session: &mut Session, until: Instant) -> Result<Option<Bytes>, IntakeError> {
    match timeout_at(until, session.read_request_body()).await {
        Ok(Ok(chunk)) => Ok(chunk),
        Ok(Err(_)) => Err(IntakeError::ClientGone),
        Err(_) => Err(too_slow().into()),
    }
}

fn too_slow() -> ApiError {
    ApiError::new(ErrorClass::RequestTimeout, "the request body did not come in time; send the request again")
}

fn declared_length(session: &Session) -> Option<usize> {
    let value = session.req_header().headers.get(header::CONTENT_LENGTH)?;
    value.to_str().ok()?.trim().parse().ok()
}

/// Whether the client waits for `100 Continue` before it sends its body.
pub(super) fn expects_continue(session: &Session) -> bool {
    let request = session.req_header();
    // RFC 9110, section 10.1.1: from an HTTP/1.0 client it is ignored.
    let value = request.headers.get(header::EXPECT).filter(|_| request.version != Version::HTTP_10);
    value.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

fn is_gzipped(session: &Session) -> Result<bool, ApiError> {
    let Some(value) = session.req_header().headers.get(header::CONTENT_ENCODING) else { return Ok(false) };
    let encoding = value.to_str().unwrap_or("?").trim().to_ascii_lowercase();
    match encoding.as_str() {
        "" | "identity" => Ok(false),
        "gzip" | "x-gzip" => Ok(true),
        _ => Err(ApiError::new(
            ErrorClass::BadRequest,
            format!(
                "content-encoding '{}' is not supported; send the body as it is or with gzip",
                printable(&encoding)
            ),
        )
        .with_param("content-encoding")),
    }
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic()).take(32).collect()
}

async fn inflate_off_thread(packed: Bytes, limit: Limit, held: Held) -> Result<Body, IntakeError> {
    if packed.len().saturating_mul(GZIP_MOST) < BLOCKING_BYTES {
        return inflate(&packed, limit, held);
    }
    tokio::task::spawn_blocking(move || inflate(&packed, limit, held)).await.unwrap_or_else(|_| {
        Err(ApiError::new(ErrorClass::Internal, "the request body could not be decompressed").into())
    })
}

fn inflate(packed: &[u8], limit: Limit, mut held: Held) -> Result<Body, IntakeError> {
    let mut decoder = MultiGzDecoder::new(packed);
    let mut whole = Vec::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        let read = decoder.read(&mut piece).map_err(|_| {
            ApiError::new(ErrorClass::BadRequest, "the request body is not valid gzip, though content-encoding says so")
                .with_param("content-encoding")
        })?;
        let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        if whole.len() + read > limit.bytes {
            return Err(limit.exceeded().into());
        }
        if !held.at_least(whole.len() + read) {
            return Err(budget_spent().into());
        }
        whole.extend_from_slice(bytes);
    }
    Ok(Body { bytes: whole.into(), held })
}

fn budget_spent() -> ApiError {
    ApiError::new(ErrorClass::Unavailable, "the gateway holds as many request bodies as its memory allows; try again")
        .with_retry_after(BUDGET_RETRY_AFTER)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).expect("memory takes every byte");
        encoder.finish().expect("memory takes every byte")
    }

    fn held() -> Held {
        Budget::new(1_000_000).empty()
    }

    fn at_most(bytes: usize) -> Limit {
        Limit::of(bytes, &Budget::new(1_000_000))
    }

    #[test]
    fn what_could_never_be_held_is_too_large() {
        let (small, exact) = (Budget::new(999), Budget::new(1_000));
        assert_eq!((Limit::of(1_000, &small).bytes, Limit::of(1_000, &exact).bytes), (999, 1_000));
        let told = |budget: &Budget| Limit::of(1_000, budget).exceeded();
        assert!(told(&small).message.contains("999 bytes") && told(&small).message.contains("limits.buffered_bytes"));
        assert!(told(&exact).message.contains("1000 bytes") && told(&exact).message.contains("limits.body_bytes"));
        assert_eq!(told(&small).class, ErrorClass::TooLarge);
    }

    #[test]
    fn a_gzipped_body_is_undone() {
        let body = inflate(&gzip(b"{\"model\":\"m\"}"), at_most(100), held()).expect("it is valid gzip");
        assert_eq!(&body.bytes[..], b"{\"model\":\"m\"}");
    }

    fn refusal(packed: &[u8], limit: usize) -> ApiError {
        match inflate(packed, at_most(limit), held()) {
            Err(IntakeError::Refused(error)) => error,
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn a_small_bomb_stops_at_the_limit() {
        let bomb = gzip(&vec![b' '; 500_000]);
        assert!(bomb.len() < 1_000);
        assert_eq!(refusal(&bomb, 10_000).class, ErrorClass::TooLarge);
    }

    #[test]
    fn a_body_that_is_not_gzip_is_named() {
        let whole = gzip(b"cut off in the middle");
        let (cut, _) = whole.split_at(12);
        for bytes in [&b"{}"[..], cut] {
            assert_eq!(refusal(bytes, 100).param.as_deref(), Some("content-encoding"));
        }
    }
}
