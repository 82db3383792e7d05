//! Drives one exchange: key, quota, intake, plan, then its targets, and what is told of the end.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use ovth_filters::neutral::{ApiError, ErrorClass};
use ovth_filters::prefix::Prefix;
use ovth_filters::router::Dialect;
use ovth_filters::{Operation, Shape, shapes, tokens};
use pingora_core::{Error, ErrorType, Result};
use pingora_proxy::Session;
use tokio::time::Instant;

use super::admission::{self, Admitted, Denied};
use super::attempt::Exchange;
use super::authenticate::authenticate;
use super::context::{Asked, Context, Routed};
use super::downstream::Downstream;
use super::ending::cut_error;
use super::endpoints::Called;
use super::intake::{self, BLOCKING_BYTES, Body, Bounds, IntakeError, Pace};
use super::reasoning_memory::OwnMemory;
use super::reply::{Marks, Reply};
use super::targets::{End, try_targets};
use super::voice::{Voice, asks_for_router, generation_id};
use super::watch::Watch;
use super::wished::{Asking, Wished};
use super::{Gateway, count_tokens, fault, limits, refused_state, stored_state, wished};
use crate::ledger::{Facts, Payer, Refusal};
use crate::observe::{self, Captured, ConnectionCut, ShortText};
use crate::routing::{Ask, Live, Plan, Snapshot};

/// A limit that resets within so many seconds is worth a new try by the client's SDK: a minute, and the second under way, which
/// limits of a minute count as well.
const SHORT_WAIT: u64 = 61;

/// Where Claude Code names its session.
const SESSION_HEADER: &str = "x-claude-code-session-id";

/// Where clients of a hosted router find what their answer is called.
const GENERATION_HEADER: &str = "x-generation-id";

/// Serves one request that goes to a provider.
///
/// # Errors
/// When the client is gone, or its connection must be cut; nothing is to be written then.
pub(super) async fn serve(
    gateway: &Gateway,
    session: &mut Session,
    context: &mut Context,
    voice: Voice,
    called: &Called,
) -> Result<()> {
    let mut marks = Marks::new(voice, context.request_id.clone(), true);
    if voice.is_router() {
        marks.set(GENERATION_HEADER, &generation_id(&context.request_id));
    }
    match prepare(gateway, session, context, &mut marks, called).await {
        Ok((asked, mut plan)) => match count_tokens::family(&asked, &mut plan) {
            Some(family) => count_tokens::answer(session, context, marks, &asked, family).await,
            None => run(gateway, session, context, marks, &asked, plan).await,
        },
        Err(IntakeError::ClientGone) => Err(gone()),
        Err(IntakeError::Refused(error)) => {
            count_if_slow(&error, context);
            mark_retry(&mut marks, &error);
            refuse(session, context, &marks, (&error, called)).await
        }
    }
}

/// Counts a client whose body did not come in time.
pub(super) fn count_if_slow(error: &ApiError, context: &Context) {
    if let (ErrorClass::RequestTimeout, Some(visit)) = (error.class, &context.visit) {
        visit.cut(ConnectionCut::SlowBody);
    }
}

/// Everything before the first attempt: the key, the body, the plan, and what is set aside.
async fn prepare(
    gateway: &Gateway,
    session: &mut Session,
    context: &mut Context,
    marks: &mut Marks,
    called: &Called,
) -> Result<(Asked, Plan), IntakeError> {
    let shape = marks.shape();
    let snapshot = Arc::clone(&context.snapshot);
    let config = snapshot.config();
    let operation = called.operation;
    let request = session.req_header();
    let headers = &request.headers;
    let key = authenticate(gateway, request, shape, &config.quota)?;
    with_meter(context, |meter| meter.bill_to(&gateway.ledger, &key, headers));
    if operation.is_billed() {
        let payer = Payer::of(&key, &config.quota, None);
        let admitted = gateway.ledger.precheck(&payer, SystemTime::now());
        admitted.map_err(|refusal| refused(gateway, marks, &payer, &refusal))?;
    }
    let until = Instant::from_std(context.arrived) + config.timeouts.total;
    let bounds = Bounds { bytes: config.limits.body_bytes, until, pace: Pace::of(&config.clients) };
    let body = tokio::select! {
        biased;
        body = intake::read(session, bounds, &gateway.budget, &mut context.waited) => body?,
        () = gateway.ending.reached() => return Err(cut_error().into()),
    };
    fault::panic_if_asked(&session.req_header().headers, &body.bytes);
    let (Looked { peek, prefix }, body) = peek(shape, called, body).await?;
    let shape = peek.is_in.unwrap_or(shape);
    let names_router = wished::is_routers_name(&snapshot, &peek.model);
    let routed = Routed {
        dialect: dialect(marks.voice(), &peek, names_router, &session.req_header().headers),
        ..Routed::default()
    };
    marks.speak(Voice { shape, dialect: routed.dialect });
    if let Some(meter) = &mut context.meter {
        let record = &mut meter.record;
        record.bytes_in = body.bytes.len() as u64;
        record.shape = shape;
        record.stream = peek.stream;
        record.model_asked = Some(ShortText::from(peek.model.as_str()));
    }
    let input_tokens = peek.estimated_input_tokens();
    let ask =
        Ask { shape, operation, model: &peek.model, needs: peek.needs, input_tokens, max_output: peek.max_output };
    let payer = Payer::of(&key, &config.quota, peek.end_user.as_deref());
    with_meter(context, |meter| meter.end_user(payer.end_user.as_ref().map(|user| Arc::clone(&user.name))));
    let conversation = prefix.as_ref().map_or(0, |prefix| refused_state::conversation(key.id.as_str(), prefix));
    let session_id = headers_text(session, SESSION_HEADER);
    let cache_lifetime = prefix.as_ref().and_then(Prefix::lifetime);
    let requires = peek.router.as_ref().is_some_and(|router| router.wishes.require_parameters);
    let strict = requires || admission::is_strict(&key, &config.quota);
    let now = std::time::Instant::now();
    let named = session_id.as_deref().or(peek.session.as_deref());
    let stay_key = stay_key(key.id.as_str(), &peek.model, named, conversation);
    let stay = gateway.health.affinity.stay(stay_key, now);
    let live = Live { health: Some(&gateway.health), now, stay, strict, inventory: Some(&gateway.inventory) };
    let asking = Asking { ask, live: &live, key: &key, quota: &config.quota, extensions: peek.router.as_deref() };
    let (mut plan, routed) = planned(&snapshot, asking, names_router, routed)?;
    let generation = routed.dialect.is_router().then(|| generation_id(&context.request_id));
    if let Some(generation) = &generation {
        marks.set(GENERATION_HEADER, generation);
    }
    let routed = Routed { generation: generation.unwrap_or_default(), ..routed };
    let history_tokens = stored_state::keep_keepers(&mut plan, shape, &peek, (&gateway.response_memory, &key.id))?;
    let prompt = input_tokens.saturating_add(history_tokens);
    context.capture = gateway.log.captures().begin(Captured {
        request_id: &context.request_id,
        key_id: key.id.as_str(),
        key_label: key.label.as_str(),
        route: plan.route.as_deref(),
    });
    if let Some(capture) = &mut context.capture {
        capture.client_request(&session.req_header().headers, &body.bytes);
    }
    with_meter(context, |meter| {
        meter.conversation(prefix, session_id);
        meter.estimate_input(prompt);
        meter.record.route.clone_from(&plan.route);
        meter.record.strategy = plan.route.is_some().then_some(plan.strategy);
        meter.record.choice = plan.choice.map(|choice| choice.to_string().into());
    });
    let request = admission::Request {
        operation,
        peek: &peek,
        prompt,
        plan: &plan,
        payer: &payer,
        strict,
        facts: facts(context, shape, operation, &peek, &plan),
    };
    let Admitted { reservation, output_bound } = match admission::reserve(&gateway.ledger, config, request) {
        Ok(admitted) => admitted,
        Err(Denied::Error(error)) => return Err(shapes::in_words_of(shape, error).into()),
        Err(Denied::Refusal(refusal)) => return Err(refused(gateway, marks, &payer, &refusal).into()),
    };
    limits::mark(marks, reservation.standing(), SystemTime::now());
    with_meter(context, |meter| meter.reserved(reservation, config.quota.weights));
    let memory = OwnMemory::new(&gateway.reasoning_memory, &key.id);
    let called = called.clone();
    let asked = Asked {
        shape,
        called,
        peek,
        body,
        output_bound,
        strict,
        conversation,
        stay_key,
        cache_lifetime,
        history_tokens,
        key: key.id.clone(),
        memory,
        routed,
    };
    Ok((asked, plan))
}

/// How the client is to be spoken to: whoever has a word of a hosted router's in its request takes us for one.
fn dialect(voice: Voice, peek: &shapes::Peek, names_router: bool, headers: &HeaderMap) -> Dialect {
    let asks =
        || names_router || peek.router.as_ref().is_some_and(|router| router.is_asked()) || asks_for_router(headers);
    if voice.is_router() || (voice.shape != Shape::GenerateContent && asks()) {
        Dialect::Router
    } else {
        Dialect::Plain
    }
}

/// The targets of a request that the key may use.
fn planned(
    snapshot: &Snapshot,
    asking: Asking<'_>,
    names_router: bool,
    routed: Routed,
) -> Result<(Plan, Routed), ApiError> {
    if names_router || asking.extensions.is_some() {
        let Wished { plan, warnings, suffixes } = wished::plan(snapshot, asking)?;
        return Ok((plan, Routed { warnings, suffixes, ..routed }));
    }
    let mut plan = snapshot.plan_with(&asking.ask, asking.live)?;
    admission::keep_allowed(&mut plan, asking.key, asking.quota)?;
    Ok((plan, routed))
}

/// How long a client waits for an answer that it wants whole, as its SDK tells, less what it takes to tell it of an error in time: there is no
/// use in trying further when nobody listens. Stainless' SDKs of OpenAI and Anthropic say it in seconds, those in Python as the time between
/// two reads: <https://github.com/openai/openai-python/blob/main/src/openai/_base_client.py>.
fn client_patience(headers: &HeaderMap) -> Option<Duration> {
    let of = |name| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    let seconds = of("x-stainless-timeout").or_else(|| of("x-stainless-read-timeout"))?;
    Duration::try_from_secs_f64(seconds * 0.95).ok().filter(|patience| !patience.is_zero())
}

/// What a conversation's stay is kept under: by the name that the client gives it, else by how it began; 0 when it is nothing to go by.
fn stay_key(key: &str, model: &str, named: Option<&str>, conversation: u64) -> u64 {
    static DIGEST: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    match (named, conversation) {
        (None, 0) => 0,
        (named, began) => DIGEST.hash_one((key, model, named, if named.is_some() { 0 } else { began })).max(1),
    }
}

fn headers_text(session: &Session, name: &str) -> Option<ShortText> {
    session.req_header().headers.get(name)?.to_str().ok().map(ShortText::from)
}

/// What an entry says of a request if the process dies in the middle of it.
fn facts(context: &Context, shape: Shape, operation: Operation, peek: &shapes::Peek, plan: &Plan) -> Facts {
    let first = plan.targets.first();
    Facts {
        request_id: context.request_id.as_str().into(),
        shape: shape.as_str().into(),
        operation: operation.as_str().into(),
        route: plan.route.as_deref().map(Into::into),
        provider: first.map_or("", |target| target.upstream.id()).into(),
        model: first.map_or("", |target| &target.model).into(),
        model_asked: (&*ShortText::from(peek.model.as_str())).into(),
        stream: peek.stream,
    }
}

/// A refusal as an error, counted, with what is left in the headers.
fn refused(gateway: &Gateway, marks: &mut Marks, payer: &Payer, refusal: &Refusal) -> ApiError {
    let now = SystemTime::now();
    limits::mark(marks, &gateway.ledger.standing(payer, now), now);
    gateway.metrics.quota_refusal(match refusal {
        Refusal::Limit(hit) => hit.room.name.as_str(),
        Refusal::Storage(_) => "ledger_unavailable",
        Refusal::Full => "ledger_busy",
    });
    limits::error(refusal)
}

/// What is seen of a body before it goes anywhere.
struct Looked {
    peek: shapes::Peek,
    /// What a prompt cache sees of it.
    prefix: Option<Prefix>,
}

fn look(shape: Shape, called: &Called, bytes: &[u8]) -> Result<Looked, ApiError> {
    let operation = called.operation;
    let peek = match called.in_path() {
        Some(path) => shapes::peek_in_path(shape, operation, path, bytes)?,
        None => shapes::peek(shape, operation, bytes)?,
    };
    let shape = peek.is_in.unwrap_or(shape);
    let prefix = if operation == Operation::Generate { Prefix::of(shape, bytes) } else { None };
    Ok(Looked { peek, prefix })
}

/// Looks into the body; a large one off the worker thread.
async fn peek(shape: Shape, called: &Called, body: Body) -> Result<(Looked, Body), ApiError> {
    if body.bytes.len() < BLOCKING_BYTES {
        return Ok((look(shape, called, &body.bytes)?, body));
    }
    let (bytes, called) = (body.bytes.clone(), called.clone());
    let looked = tokio::task::spawn_blocking(move || look(shape, &called, &bytes)).await;
    let looked = looked.unwrap_or_else(|_| {
        Err(ApiError::new(ErrorClass::Internal, "the request body could not be read by the gateway"))
    });
    Ok((looked?, body))
}

async fn run(
    gateway: &Gateway,
    session: &mut Session,
    context: &mut Context,
    marks: Marks,
    asked: &Asked,
    plan: Plan,
) -> Result<()> {
    let config = context.snapshot.config();
    let started = Instant::from_std(context.arrived);
    let patience = client_patience(&session.req_header().headers).filter(|_| !asked.peek.stream);
    let total = started + patience.map_or(config.timeouts.total, |patience| patience.min(config.timeouts.total));
    let (commit_after, every) = (config.commit_after, config.heartbeat);
    let streaming = asked.peek.stream;
    let mut watch = Watch::new(total, Arc::clone(&gateway.ending));
    if streaming {
        watch.beat(started + commit_after, every);
    }
    let mut downstream = Downstream::new(session, marks, streaming);
    downstream.capture = context.capture.take();
    if asked.called.streams_array() {
        downstream.stream_array();
    }
    let mut exchange = Exchange {
        gateway,
        downstream: &mut downstream,
        watch: &mut watch,
        context: &mut *context,
        asked,
        without_state: gateway.refused_state.remembers(asked.conversation),
        embedded: None,
        first_content: None,
        first_until: None,
        ticket: None,
        hedge: None,
    };
    let ended = try_targets(&mut exchange, plan).await;
    drop(exchange);
    let (status, bytes, heartbeats) = (downstream.status(), downstream.bytes(), downstream.heartbeats());
    let waited = watch.waited() + downstream.waited() + context.waited;
    if let Some(meter) = &mut context.meter {
        meter.record.waited = Some(waited);
        meter.record.status = status;
        meter.record.bytes_out += bytes;
        meter.record.heartbeats = heartbeats;
    }
    let (outcome, result) = match ended {
        End::Served => (observe::Outcome::Ok, Ok(())),
        End::Gone => (observe::Outcome::ClientAbort, Err(gone())),
        End::Told(class) => (observe::Outcome::Failed(class), if context.cut { Err(gone()) } else { Ok(()) }),
    };
    with_meter(context, |meter| meter.ended(outcome));
    count_input(context, asked).await;
    result
}

/// Counts the prompt where a provider that may bill for it did not live to tell. It is done off the worker thread, and only here: an exchange
/// that is dropped before, at shutdown or by a panic, is settled by the estimate that it was let in with.
async fn count_input(context: &mut Context, asked: &Asked) {
    let Some(family) = context.meter.as_ref().and_then(super::meter::Meter::uncounted_by) else { return };
    let (shape, bytes) = (asked.shape, asked.body.bytes.clone());
    let counted = tokio::task::spawn_blocking(move || tokens::estimate_input(shape, &bytes, family)).await;
    if let Ok(tokens) = counted {
        with_meter(context, |meter| meter.estimate_input(tokens.saturating_add(asked.history_tokens)));
    }
}

/// Answers a request that never came to an attempt.
async fn refuse(
    session: &mut Session,
    context: &mut Context,
    marks: &Marks,
    (error, called): (&ApiError, &Called),
) -> Result<()> {
    let mut reply = Reply::error(marks.voice(), error, marks.request_id());
    if called.streams_array() {
        reply = reply.in_array();
    }
    let status = reply.status();
    let sent = reply.send(session, marks).await;
    with_meter(context, |meter| {
        meter.record.status = Some(status);
        meter.failed(error.class);
        meter.record.bytes_out = *sent.as_ref().unwrap_or(&0);
    });
    sent.map(drop)
}

/// Tells SDKs whether to try again by themselves, where the status alone would mislead them.
fn mark_retry(marks: &mut Marks, error: &ApiError) {
    match error.class {
        // A limit of a minute, or of requests at a time, passes soon; the SDKs wait for what `retry-after` says.
        ErrorClass::Quota if error.retry_after.is_some_and(|seconds| seconds <= SHORT_WAIT) => {
            marks.set("x-should-retry", "true");
        }
        ErrorClass::Quota | ErrorClass::NoCredit | ErrorClass::BadRequest | ErrorClass::UnknownModel => {
            marks.set("x-should-retry", "false")
        }
        _ => {}
    }
}

pub(super) fn with_meter(context: &mut Context, change: impl FnOnce(&mut super::meter::Meter)) {
    if let Some(meter) = &mut context.meter {
        change(meter);
    }
}

/// Ends the exchange without another word to the client.
pub(super) fn gone() -> Box<Error> {
    Error::new_down(ErrorType::ConnectionClosed)
}
