//! Everything that touches Pingora's `ProxyHttp`: the gateway's phases, each of which delegates.

mod admission;
mod answer;
mod attempt;
mod authenticate;
mod body;
mod budget;
mod context;
mod count_tokens;
mod credentials;
mod downstream;
mod embed;
mod ending;
mod endpoints;
mod entry;
mod exchange;
mod fault;
pub mod guard;
mod hedge;
mod intake;
mod limits;
mod local;
mod meter;
mod prepare;
mod pump;
mod reasoning_memory;
mod refused_state;
mod reply;
mod response_memory;
mod router_api;
mod stored_state;
mod targets;
mod tell;
mod unsaid;
mod upstream;
mod voice;
mod waited;
mod watch;
mod wished;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, header};
use ovth_filters::neutral::{ApiError, ErrorClass};
use ovth_filters::shapes;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora_core::connectors::http::Connector;
use pingora_core::modules::http::HttpModules;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorType, Result};
use pingora_proxy::{FailToProxy, ProxyHttp, Session};

use self::body::ResponseBody;
pub use self::budget::Budget;
use self::context::Attempt;
pub use self::context::Context;
pub use self::ending::Ending;
pub use self::endpoints::exchange_paths;
use self::endpoints::{Endpoint, Found};
use self::guard::{Visit, judge};
pub use self::local::{LocalAnswer, LocalApi, LocalBody, OwnAsk};
use self::meter::Meter;
pub use self::reasoning_memory::ReasoningMemory;
pub use self::refused_state::RefusedState;
pub use self::response_memory::ResponseMemory;
use self::voice::Voice;
use crate::conversations::Conversations;
use crate::keys::Keys;
use crate::ledger::Ledger;
use crate::observe::{Metrics, Record, logging};
use crate::providers::Call;
use crate::resolver::Resolver;
use crate::routing::{Health, Inventory, Snapshot};

/// What is left of a request body after an early answer is read for so long.
const CLIENT_DRAIN: Duration = Duration::from_secs(2);

/// The gateway: what all its requests share.
pub struct Gateway {
    /// The configuration that new requests begin with.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// The keys of clients.
    pub keys: Arc<Keys>,
    /// What they have used.
    pub ledger: Arc<Ledger>,
    /// What conversations had in providers' prompt caches.
    pub conversations: Arc<Conversations>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Addresses of providers.
    pub resolver: Arc<Resolver>,
    /// Which targets are cooling down.
    pub health: Arc<Health>,
    /// What the accounts behind the keys can serve.
    pub inventory: Arc<Inventory>,
    /// The endpoints that other parts answer.
    pub local: Box<dyn LocalApi>,
    /// Conversations in whose history a provider has refused opaque state.
    pub refused_state: RefusedState,
    /// Reasoning that clients may leave out of their next request.
    pub reasoning_memory: Arc<ReasoningMemory>,
    /// Answers that providers keep, and which account does.
    pub response_memory: ResponseMemory,
    /// How far the end of the process has come.
    pub ending: Arc<Ending>,
    /// What may be held in memory.
    pub budget: Arc<Budget>,
    /// Connections to providers, shared by all threads.
    pub connector: Arc<Connector>,
    /// The log, which also captures exchanges where that is asked for.
    pub log: logging::Control,
}

#[async_trait]
impl ProxyHttp for Gateway {
    type CTX = Context;

    fn new_ctx(&self) -> Context {
        Context::new(self.snapshot.load_full())
    }

    /// No modules: event streams must be neither compressed nor buffered, and TLS and compression are the business of the proxy in front.
    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    async fn early_request_filter(&self, session: &mut Session, context: &mut Context) -> Result<()> {
        context.in_flight = Some(self.metrics.begin());
        if let Some(connection) = guard::of(session) {
            let (headers, config) = (&session.req_header().headers, context.snapshot.config());
            context.visit = Some(Visit::begin(Arc::clone(connection), headers, config));
        }
        // Without this the poll for a client that left eats the first byte of a pipelined request.
        session.set_pipelining_enabled(true);
        session.set_total_drain_timeout(Some(CLIENT_DRAIN));
        Ok(())
    }

    /// Answers every request: by itself, or through `exchange::serve`, which drives the phases below for each attempt.
    async fn request_filter(&self, session: &mut Session, context: &mut Context) -> Result<bool> {
        match self.ending.guard(self.serve(session, context)).await {
            Some(served) => served.map(|()| true),
            None => {
                exchange::with_meter(context, |meter| meter.failed(ErrorClass::Unavailable));
                Err(exchange::gone())
            }
        }
    }

    async fn upstream_peer(&self, _session: &mut Session, context: &mut Context) -> Result<Box<HttpPeer>> {
        let attempt = current(context)?;
        Ok(Box::new(upstream::peer(&attempt.target.upstream, attempt.address, attempt.fresh)))
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        upstream_request: &mut RequestHeader,
        context: &mut Context,
    ) -> Result<()> {
        let attempt = current(context)?;
        let client = session.req_header();
        let head = attempt.target.upstream.request(&Call {
            shape: attempt.target.shape,
            operation: attempt.operation,
            batch: attempt.batch,
            model: &attempt.target.model,
            stream: attempt.streaming,
            credential: attempt.target.credential.as_ref(),
            client_shape: endpoints::shape(client.uri.path()),
            client: &client.headers,
            query: client.uri.query(),
        });
        *upstream_request = upstream::request_head(head, attempt.request.length())?;
        Ok(())
    }

    /// Emits the body of the attempt, piece by piece; `None` when all of it went out.
    async fn request_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        _end_of_stream: bool,
        context: &mut Context,
    ) -> Result<()> {
        *body = current(context)?.request.next();
        Ok(())
    }

    /// Takes a success's head: what of it may go on, and how its body is to be read.
    async fn upstream_response_filter(
        &self,
        _session: &mut Session,
        upstream_response: &mut ResponseHeader,
        context: &mut Context,
    ) -> Result<()> {
        let begun = Gateway::begin_answer(&self.budget, upstream_response, context);
        begun.map_err(|error| Error::explain(ErrorType::InternalError, error.message))
    }

    /// Counts and passes the answer, whole events only.
    fn response_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        context: &mut Context,
    ) -> Result<Option<Duration>> {
        if let Some(response) = &mut current(context)?.response {
            response.apply(body, end_of_stream);
        }
        Ok(None)
    }

    /// Closes the record. Dropping the meter is what does it, so that a panic or a shutdown closes it as well.
    async fn logging(&self, _session: &mut Session, error: Option<&Error>, context: &mut Context) {
        if let Some(visit) = context.visit.as_ref().filter(|_| error.is_some()) {
            visit.given_up();
        }
        if let Some(meter) = context.meter.take() {
            drop(meter);
        }
    }

    /// Our own records tell of every failure; Pingora's lines would only repeat it with the client's data in them.
    fn suppress_error_log(&self, _session: &Session, _context: &Context, _error: &Error) -> bool {
        true
    }

    /// A phase ended with an error: the client is gone, or its connection is to be cut. There is nobody to answer.
    async fn fail_to_proxy(&self, _session: &mut Session, _error: &Error, _context: &mut Context) -> FailToProxy {
        FailToProxy { error_code: 0, can_reuse_downstream: false }
    }
}

impl Gateway {
    async fn serve(&self, session: &mut Session, context: &mut Context) -> Result<()> {
        let request = session.req_header();
        let voice = Voice::of_path(request.uri.path());
        let mut found = endpoints::find(&request.method, request.uri.path(), request.uri.query());
        if let Some(visit) = &mut context.visit {
            match judge(visit, request, found, &context.snapshot.config().clients) {
                Ok(served) => found = served,
                Err(unfit) => return local::refuse(self, session, context, voice, &unfit).await,
            }
        }
        match found {
            Found::Endpoint(Endpoint::Exchange(called)) => {
                let mut record = Record::new(context.request_id.as_str(), voice.shape);
                record.operation = Some(called.operation);
                record.client_retry_count = retry_count(request);
                record.client = context.client_to_log();
                context.meter = Some(Meter::new(record, &self.metrics, &self.conversations, context.arrived));
                exchange::serve(self, session, context, voice, &called).await?;
            }
            found => local::answer(self, session, context, voice, found).await?,
        }
        Ok(())
    }

    /// Takes the head of a success: what of it may go on to the client, and how its body is to be read.
    fn begin_answer(budget: &Arc<Budget>, head: &ResponseHeader, context: &mut Context) -> Result<(), ApiError> {
        let Some(attempt) = &mut context.attempt else {
            return Err(ApiError::new(ErrorClass::Internal, "an answer came without an attempt"));
        };
        Gateway::begin_attempt(budget, head, attempt)?;
        if let Some(meter) = &mut context.meter {
            meter.answered_by(&attempt.passed_headers);
        }
        Ok(())
    }

    /// The same for an attempt whose exchange may be with another.
    fn begin_attempt(budget: &Arc<Budget>, head: &ResponseHeader, attempt: &mut Attempt) -> Result<(), ApiError> {
        attempt.passed_headers = attempt.target.upstream.response_headers(attempt.target.shape, &head.headers);
        if attempt.translation.is_some() {
            // What else a provider tells in headers means something in its own shape only.
            let id = attempt.passed_headers.remove(answer::UPSTREAM_REQUEST_ID);
            attempt.passed_headers.clear();
            attempt.passed_headers.extend(id.map(|id| (HeaderName::from_static(answer::UPSTREAM_REQUEST_ID), id)));
        }
        let framing = match attempt.streaming {
            true if is_event_stream(head) => Some(shapes::Framing::Events),
            true if shapes::streams_as_array(attempt.target.shape) => Some(shapes::Framing::Array),
            _ => None,
        };
        let response = match (&attempt.translation, framing) {
            (Some(translation), framing) => ResponseBody::translated(translation, framing, budget)?,
            (None, Some(framing)) => ResponseBody::events(attempt.target.shape, framing, attempt.hides_usage),
            (None, None) => ResponseBody::whole(attempt.target.shape, budget),
        };
        attempt.response = Some(match attempt.telling.take() {
            Some(telling) => response.told_by_router(*telling),
            None => response,
        });
        Ok(())
    }
}

/// The attempt that the phases work on.
fn current(context: &mut Context) -> Result<&mut Attempt> {
    context.attempt.as_mut().ok_or_else(|| Error::explain(ErrorType::InternalError, "no attempt is under way"))
}

fn is_event_stream(head: &ResponseHeader) -> bool {
    let media_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media_type.trim_start().to_ascii_lowercase().starts_with("text/event-stream")
}

/// How often the client's SDK has tried before, as it tells itself.
fn retry_count(request: &RequestHeader) -> Option<u32> {
    request.headers.get("x-stainless-retry-count")?.to_str().ok()?.trim().parse().ok()
}
