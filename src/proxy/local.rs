//! Answers that need no provider: models, health, the admin API, the root, preflights, and what does not exist.

use std::fmt;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::request::Parts;
use http::{HeaderValue, Method, header};
use ovth_filters::Shape;
use ovth_filters::neutral::{ApiError, ErrorClass};
use ovth_filters::router::Dialect;
use pingora_core::Result;
use pingora_proxy::Session;
use tokio::time::Instant;

use super::authenticate::authenticate;
use super::context::Context;
use super::endpoints::{self, Endpoint, Found};
use super::guard::Unfit;
use super::intake::{self, Bounds, IntakeError, Pace};
use super::reply::{Marks, Reply, Source};
use super::voice::Voice;
use super::{Gateway, exchange, router_api, stored_state};
use crate::catalog::listing;
use crate::keys::Key;
use crate::ledger::Payer;

/// Answers of other parts.
pub type LocalAnswer = http::Response<LocalBody>;

/// The body of such an answer.
pub enum LocalBody {
    /// All of it.
    Bytes(Vec<u8>),
    /// What is too large for memory. It is sent piece by piece, and dropped after the last one.
    Stream {
        /// Gives the bytes; may block, as it is read on a thread of its own.
        reader: Box<dyn Read + Send>,
        /// How many there are.
        length: u64,
    },
}

impl fmt::Debug for LocalBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = match self {
            LocalBody::Bytes(bytes) => bytes.len() as u64,
            LocalBody::Stream { length, .. } => *length,
        };
        f.debug_struct("LocalBody").field("length", &length).finish_non_exhaustive()
    }
}

/// The endpoints that other parts answer. The proxy does their I/O.
#[async_trait]
pub trait LocalApi: Send + Sync {
    /// Answers a request to `/admin` or below. First asked without a body: `None` says that the request is in order so far, and that
    /// its body is to be read and given. With a body there always is an answer.
    async fn admin(&self, head: &Parts, body: Option<&[u8]>) -> Option<LocalAnswer>;

    /// Answers a client that asks about its own key; `limits` are those that hold for it now.
    async fn key_info(&self, key: &Arc<Key>, limits: Payer) -> LocalAnswer;

    /// Answers a client that asks about what is its own, in a hosted router's form.
    async fn own(&self, key: &Arc<Key>, limits: Payer, ask: OwnAsk) -> LocalAnswer;

    /// Answers about keys in a hosted router's form: all of them, or the one of that id. The body as for the admin API.
    async fn keys(&self, head: &Parts, id: Option<&str>, body: Option<&[u8]>) -> Option<LocalAnswer>;

    /// Answers `/healthz`.
    fn health(&self) -> LocalAnswer;

    /// Answers `/readyz`; `draining`: the process finishes what it has and then ends.
    fn ready(&self, draining: bool) -> LocalAnswer;
}

/// What a client asks about what is its own.
#[derive(Clone, Debug)]
pub enum OwnAsk {
    /// What its key has spent, and may spend.
    Credits,
    /// One of its answers.
    Generation {
        /// The id of the exchange; none when no exchange's answer is called so.
        request_id: Option<String>,
        /// What the client calls the answer.
        id: String,
    },
}

/// The largest body that the admin API takes.
const ADMIN_BODY_BYTES: usize = 64 * 1024;

/// And it must be there within this time.
const ADMIN_BODY_TIME: Duration = Duration::from_secs(30);

/// What is refused whatever it asks for, as metrics have it in the place of an endpoint.
const REFUSED: &str = "refused";

/// Preflights may be remembered for so many seconds.
const PREFLIGHT_SECONDS: u64 = 86_400;

/// Answers a request that goes to no provider.
///
/// # Errors
/// When the client is gone.
pub(super) async fn answer(
    gateway: &Gateway,
    session: &mut Session,
    context: &mut Context,
    voice: Voice,
    found: Found,
) -> Result<()> {
    let path = session.req_header().uri.path();
    let name = found.name();
    let marks = Marks::new(voice, context.request_id.clone(), !endpoints::is_operators(path));
    let is_preflight = session.req_header().method == Method::OPTIONS && !endpoints::is_operators(path);
    let reply = match found {
        Found::OtherMethod { allow } if is_preflight => preflight(session, allow),
        Found::OtherMethod { .. } if asks_for_websocket(session) => {
            // Codex goes on over HTTP at once where it is told that; what else it is told it takes for an outage.
            let error = ApiError::new(ErrorClass::MethodNotAllowed, format!("{path} is no WebSocket here: POST to it"));
            let required = HeaderValue::from_static("HTTP/1.1");
            Reply::error(voice, &error, marks.request_id()).with_status(Some(426)).with(header::UPGRADE, required)
        }
        Found::OtherMethod { allow } => {
            let request = session.req_header();
            let message = format!("{} takes {allow}, not {}", request.uri.path(), request.method);
            let error = ApiError::new(ErrorClass::MethodNotAllowed, message);
            Reply::error(voice, &error, marks.request_id()).with(header::ALLOW, HeaderValue::from_static(allow))
        }
        Found::Nothing => Reply::error(voice, &no_such_path(path), marks.request_id()),
        Found::Endpoint(endpoint @ (Endpoint::Admin | Endpoint::Keys(_))) => {
            match ask_operators(gateway, session, context, &endpoint).await {
                Ok(reply) => reply,
                Err(IntakeError::Refused(error)) => {
                    exchange::count_if_slow(&error, context);
                    Reply::error(Voice { shape: Shape::Chat, dialect: Dialect::Plain }, &error, marks.request_id())
                }
                Err(IntakeError::ClientGone) => return Err(exchange::gone()),
            }
        }
        Found::Endpoint(Endpoint::Stored) => Reply::error(voice, &stored_state::not_kept(path), marks.request_id()),
        Found::Endpoint(Endpoint::LookUp(asked)) => router_api::look_up(gateway, session, context, voice, &asked).await,
        Found::Endpoint(Endpoint::Key) => own_key(gateway, session, context, voice).await,
        Found::Endpoint(endpoint) => from_snapshot(gateway, session, context, voice, &endpoint),
    };
    gateway.metrics.local(name, reply.status());
    reply.send(session, &marks).await.map(drop)
}

/// Answers a request that is not served, whatever it asks for.
///
/// # Errors
/// When the client is gone.
pub(super) async fn refuse(
    gateway: &Gateway,
    session: &mut Session,
    context: &Context,
    voice: Voice,
    unfit: &Unfit,
) -> Result<()> {
    if let (Some(why), Some(visit)) = (unfit.cut, &context.visit) {
        visit.cut(why);
    }
    if unfit.closes {
        session.set_keepalive(None);
    }
    let marks =
        Marks::new(voice, context.request_id.clone(), !endpoints::is_operators(session.req_header().uri.path()));
    let reply = Reply::error(voice, &unfit.error, marks.request_id()).with_status(unfit.status);
    gateway.metrics.local(REFUSED, reply.status());
    reply.send(session, &marks).await.map(drop)
}

fn no_such_path(path: &str) -> ApiError {
    let shown: String = path.chars().filter(|c| !c.is_control()).take(100).collect();
    let known = |ending: &str| path.trim_end_matches('/').ends_with(ending);
    let cure = if ["/chat/completions", "/responses", "/messages", "/count_tokens", "/embeddings", "/models"]
        .iter()
        .any(|ending| known(ending))
    {
        "Set the base URL to end in /v1 for OpenAI's clients, in /anthropic for Anthropic's, and in /gemini for Google's."
    } else if path.starts_with("/gemini") {
        "There are POST /gemini/v1beta/models/MODEL with :generateContent, :streamGenerateContent, :countTokens, :embedContent or \
         :batchEmbedContents behind it, and GET /gemini/v1beta/models."
    } else if [":generateContent", ":streamGenerateContent", ":countTokens"].iter().any(|ending| known(ending)) {
        "Set the base URL to end in /gemini for Google's clients."
    } else {
        "There are POST /v1/chat/completions, POST /v1/responses, POST /anthropic/v1/messages (and /v1/messages, with /count_tokens), \
         POST /gemini/v1beta/models/MODEL:generateContent, POST /v1/embeddings, and GET /v1/models."
    };
    ApiError::new(ErrorClass::NotFound, format!("There is no {shown} here. {cure}"))
}

fn from_snapshot(gateway: &Gateway, session: &Session, context: &Context, voice: Voice, endpoint: &Endpoint) -> Reply {
    let shape = voice.shape;
    let request = session.req_header();
    let messages_form = shape == Shape::Messages || request.headers.contains_key("anthropic-version");
    match endpoint {
        Endpoint::Models => {
            let entries = context.snapshot.listing();
            if shape == Shape::GenerateContent {
                let page = listing::GooglePage::from_query(request.uri.query());
                match page.and_then(|page| listing::google_list(entries, &page)) {
                    Ok(body) => Reply::json(200, body),
                    Err(error) => {
                        let error = ApiError::new(ErrorClass::BadRequest, error.to_string());
                        Reply::error(voice, &error, &context.request_id)
                    }
                }
            } else if messages_form {
                let page = listing::Page::from_query(request.uri.query());
                match page.and_then(|page| listing::anthropic_list(entries, &page)) {
                    Ok(body) => Reply::json(200, body),
                    Err(error) => {
                        let error = ApiError::new(ErrorClass::BadRequest, error.to_string());
                        Reply::error(voice, &error, &context.request_id)
                    }
                }
            } else {
                router_api::models(&context.snapshot, request.uri.query())
            }
        }
        Endpoint::Model(name) => match listing::find(context.snapshot.listing(), context.snapshot.catalog(), name) {
            Some(entry) if shape == Shape::GenerateContent => Reply::json(200, listing::google_model(entry)),
            Some(entry) if messages_form => Reply::json(200, listing::anthropic_model(entry)),
            Some(_) => match context.snapshot.priced_by(name) {
                Some(model) => Reply::json(200, listing::listed_model(&model)),
                None => Reply::error(voice, &context.snapshot.models_error(name), &context.request_id),
            },
            None => Reply::error(voice, &context.snapshot.models_error(name), &context.request_id),
        },
        Endpoint::Ready => answered(gateway.local.ready(session.is_process_shutting_down())),
        Endpoint::Health => answered(gateway.local.health()),
        Endpoint::Root
        | Endpoint::Admin
        | Endpoint::Key
        | Endpoint::Keys(_)
        | Endpoint::LookUp(_)
        | Endpoint::Stored
        | Endpoint::Exchange { .. } => Reply::json(200, ROOT),
    }
}

/// What `GET /` says.
const ROOT: &str = concat!(
    r#"{"service":"ovth-gateway","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#"","openai_base_url":"/v1","anthropic_base_url":"/anthropic","gemini_base_url":"/gemini","models":"/v1/models"}"#
);

/// Tells a client about its own key.
async fn own_key(gateway: &Gateway, session: &Session, context: &Context, voice: Voice) -> Reply {
    let quota = &context.snapshot.config().quota;
    match authenticate(gateway, session.req_header(), voice.shape, quota) {
        Ok(key) => answered(gateway.local.key_info(&key, Payer::of(&key, quota, None)).await),
        Err(error) => Reply::error(voice, &error, &context.request_id),
    }
}

async fn ask_operators(
    gateway: &Gateway,
    session: &mut Session,
    context: &Context,
    endpoint: &Endpoint,
) -> Result<Reply, IntakeError> {
    let mut head = session.req_header().as_owned_parts();
    if let Some(visit) = &context.visit {
        // The gate slows down addresses that try wrong keys.
        head.extensions.insert(visit.client());
    }
    // Without the master key nothing of the body is even read.
    if let Some(answer) = operators(gateway, &head, endpoint, None).await {
        return Ok(answered(answer));
    }
    let pace = Pace::of(&context.snapshot.config().clients);
    let bounds = Bounds { bytes: ADMIN_BODY_BYTES, until: Instant::now() + ADMIN_BODY_TIME, pace };
    let body = intake::read(session, bounds, &gateway.budget, &mut Duration::default()).await?;
    let answer = operators(gateway, &head, endpoint, Some(&body.bytes)).await;
    Ok(answered(answer.expect("with a body there always is an answer")))
}

async fn operators(gateway: &Gateway, head: &Parts, endpoint: &Endpoint, body: Option<&[u8]>) -> Option<LocalAnswer> {
    match endpoint {
        Endpoint::Keys(id) => gateway.local.keys(head, id.as_deref(), body).await,
        _ => gateway.local.admin(head, body).await,
    }
}

/// An answer of another part, ready to be sent.
pub(super) fn answered(answer: LocalAnswer) -> Reply {
    let (head, body) = answer.into_parts();
    match body {
        LocalBody::Bytes(bytes) => Reply::new(head.status.as_u16(), head.headers, bytes),
        LocalBody::Stream { reader, length } => {
            Reply::stream(head.status.as_u16(), head.headers, Source { reader, length })
        }
    }
}

/// Whether the connection is to become a WebSocket, which no endpoint is.
fn asks_for_websocket(session: &Session) -> bool {
    let upgrade = session.req_header().headers.get(header::UPGRADE);
    upgrade.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Browsers may call the API from anywhere: a key is what protects it, not the origin.
fn preflight(session: &Session, allow: &'static str) -> Reply {
    let asked = session.req_header().headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    Reply::empty(204)
        .with(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(allow))
        .with(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.unwrap_or(HeaderValue::from_static("*")))
        .with(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS.into())
}
