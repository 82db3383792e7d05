//! One client connection: reads requests, takes the behaviour for each, and answers it.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use pingora::http::RequestHeader;
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::l4::stream::Stream as L4Stream;
use socket2::{SockRef, Socket};
use tokio::net::TcpStream;

use super::behaviour::Behaviour;
use super::control;
use super::delivery::{Delivery, Then};
use super::namespace::{Ending, Head, Record};
use super::refusal::Refusal;
use super::reply::Call;
use super::routes::{Endpoint, locate};
use super::server::Shared;

/// The largest body that is read.
const MAX_BODY: usize = 64 << 20;
/// How long an idle connection is kept, in seconds.
const KEEPALIVE_SECONDS: u64 = 60;
/// How long a write may wait for a client that does not read.
const WRITE_TIMEOUT: Duration = Duration::from_secs(120);
/// How long the rest of a body is read that no one wants.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves a connection until either side ends it.
pub(super) async fn serve(stream: TcpStream, shared: Arc<Shared>, connection: u64) {
    let _ = stream.set_nodelay(true);
    // A second handle on the socket, for what Pingora's stream has no call for: reset and cork. It is declared before the session and so dropped after it:
    // the last handle's close is what the client sees.
    let Ok(socket) = SockRef::from(&stream).try_clone() else { return };
    let mut stream: pingora_core::protocols::Stream = Box::new(L4Stream::from(stream));
    let mut prefix: Option<BytesMut> = None;
    loop {
        let mut session = ServerSession::new_http1(stream);
        session.set_keepalive(Some(KEEPALIVE_SECONDS));
        session.set_pipelining_enabled(true);
        if let Some(prefix) = prefix.take() {
            session.set_pipelined_prefix(prefix);
        }
        if !matches!(session.read_request().await, Ok(true)) {
            return;
        }
        session.set_write_timeout(Some(WRITE_TIMEOUT));
        session.set_total_drain_timeout(Some(DRAIN_TIMEOUT));
        // An answer before the end of the body leaves the connection open, and the rest of the body is read: what a proxy must
        // not mistake for a connection that is ready for the next request.
        session.set_close_on_response_before_downstream_finish(false);
        match exchange(&mut session, &shared, Peer { connection, socket: &socket }).await {
            (Then::Finish, record) => {
                let reusable = session.finish().await;
                if let Some(record) = record {
                    record.end(if reusable.is_ok() { Ending::Answered } else { Ending::ClientLeft });
                }
                match reusable {
                    Ok(Some(reusable)) => (stream, prefix) = reusable.into_parts(),
                    _ => return,
                }
            }
            (Then::Close, _) => return,
            (Then::Reset, _) => {
                let _ = socket.set_linger(Some(Duration::ZERO));
                return;
            }
        }
    }
}

/// The client's connection besides its session.
#[derive(Clone, Copy)]
struct Peer<'a> {
    /// Counts the simulator's connections.
    connection: u64,
    /// The second handle on the socket.
    socket: &'a Socket,
}

async fn exchange(session: &mut ServerSession, shared: &Shared, peer: Peer<'_>) -> (Then, Option<Record>) {
    let head = session.req_header().clone();
    let path_and_query = String::from_utf8_lossy(head.raw_path()).into_owned();
    let (path, query) = path_and_query.split_once('?').unwrap_or((&path_and_query, ""));
    let (name, endpoint) = locate(path);
    if let Endpoint::Control(call) = endpoint {
        let Ok((body, true)) = read_body(session, None).await else { return (Then::Close, None) };
        let order = control::Order { method: head.method.as_str(), name, call, query, body };
        return (control::run(session, shared, order).await, None);
    }

    let namespace = shared.world.namespace(name);
    let record = namespace.received(remembered(&head, &path_and_query, peer.connection));
    let step = namespace.next_behaviour();
    let limit = step.as_ref().and_then(|step| step.read_body);
    let read = read_body(session, limit).await;
    let key = presented_key(&head, query);
    let version = head.headers.get("anthropic-version").and_then(|version| version.to_str().ok());
    let mut call =
        Call { endpoint, method: head.method.as_str(), path, query, key: key.as_deref(), version, body: &[] };
    let (body, whole_body) = match read {
        Ok((body, whole)) => (body, whole),
        Err(BodyError::TooLarge) => {
            let reply = call.refused(&Refusal::ordered(call.shape(), 413));
            let step = Behaviour::default();
            Delivery { session, socket: peer.socket, record: &record, step: &step, whole_body: false }.run(reply).await;
            record.end(Ending::Answered);
            return (Then::Close, Some(record));
        }
        Err(BodyError::ClientLeft(part)) => {
            record.body(&part, false);
            record.end(Ending::ClientLeft);
            return (Then::Close, Some(record));
        }
    };
    record.body(&body, whole_body);
    call.body = &body;
    let step = step.or_else(|| call.named_behaviour().map(Arc::new)).unwrap_or_default();
    let reply = call.reply(&step);
    if step.close {
        session.set_keepalive(None);
    }
    let then = Delivery { session, socket: peer.socket, record: &record, step: &step, whole_body }.run(reply).await;
    (then, Some(record))
}

/// A body that did not come whole.
enum BodyError {
    TooLarge,
    ClientLeft(Bytes),
}

/// Reads the body, or the part of it that is wanted, and says whether it is whole.
async fn read_body(session: &mut ServerSession, limit: Option<usize>) -> Result<(Bytes, bool), BodyError> {
    if session.is_body_empty() {
        return Ok((Bytes::new(), true));
    }
    if limit == Some(0) {
        return Ok((Bytes::new(), false));
    }
    let expects =
        session.get_header("expect").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    if expects && session.write_continue_response().await.is_err() {
        return Err(BodyError::ClientLeft(Bytes::new()));
    }
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let whole = |first: Bytes, rest: BytesMut| if rest.is_empty() { first } else { rest.freeze() };
    loop {
        match session.read_request_body().await {
            Ok(Some(chunk)) if first.is_empty() && rest.is_empty() => first = chunk,
            Ok(Some(chunk)) => {
                if rest.is_empty() {
                    rest.extend_from_slice(&first);
                }
                rest.extend_from_slice(&chunk);
            }
            Ok(None) => return Ok((whole(first, rest), true)),
            Err(_) => return Err(BodyError::ClientLeft(whole(first, rest))),
        }
        let length = first.len().max(rest.len());
        if length > MAX_BODY {
            return Err(BodyError::TooLarge);
        }
        if limit.is_some_and(|limit| length >= limit) {
            return Ok((whole(first, rest), false));
        }
    }
}

/// The key of any shape: Google's may be a part of the query.
fn presented_key(head: &RequestHeader, query: &str) -> Option<String> {
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = || text("authorization").map(|value| value.strip_prefix("Bearer ").unwrap_or(value));
    let asked = || query.split('&').find_map(|parameter| parameter.strip_prefix("key="));
    text("x-api-key").or_else(|| text("x-goog-api-key")).or_else(bearer).or_else(asked).map(str::to_owned)
}

fn remembered(head: &RequestHeader, path: &str, connection: u64) -> Head {
    let headers = head.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        (name.as_str().to_owned(), if is_credential(name.as_str()) { last_four(&value) } else { value.into_owned() })
    });
    Head {
        index: 0,
        connection,
        method: head.method.as_str().to_owned(),
        path: path.to_owned(),
        headers: headers.collect(),
    }
}

fn is_credential(name: &str) -> bool {
    matches!(name, "authorization" | "proxy-authorization" | "x-api-key" | "api-key" | "x-goog-api-key" | "cookie")
}

/// Enough of a credential to tell which one it is.
fn last_four(value: &str) -> String {
    let scheme = value.split_once(' ').map(|(scheme, _)| format!("{scheme} ")).unwrap_or_default();
    let count = value.chars().count();
    let tail: String = if count >= 12 { value.chars().skip(count - 4).collect() } else { String::new() };
    format!("{scheme}...{tail}")
}
