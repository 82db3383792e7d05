//! What one request carries from phase to phase.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use ovth_filters::router::{Dialect, Speaker, Suffix};
use ovth_filters::shapes::Peek;
use ovth_filters::{Operation, Shape};

use super::body::{RequestBody, ResponseBody, Telling, Translation};
use super::endpoints::Called;
use super::guard::Visit;
use super::intake::Body;
use super::meter::Meter;
use super::prepare::Prepared;
use super::reasoning_memory::OwnMemory;
use crate::keys::KeyId;
use crate::observe::{Capturing, InFlight};
use crate::routing::{Snapshot, Target};

/// The context of one request; Pingora makes one for each.
pub struct Context {
    pub(super) arrived: Instant,
    /// How long the client was waited for while its body was read.
    pub(super) waited: Duration,
    pub(super) request_id: String,
    /// The configuration that this request began with.
    pub(super) snapshot: Arc<Snapshot>,
    /// The request on its connection, which ends with this context: then the connection is ready for the next.
    pub(super) visit: Option<Visit>,
    /// The attempt under way; the filters work on it.
    pub(super) attempt: Option<Attempt>,
    /// Closes the record and settles, at the latest when it is dropped.
    pub(super) meter: Option<Meter>,
    /// Writes the exchange down, where that is asked for; from the first attempt on `Downstream` has it.
    pub(super) capture: Option<Box<Capturing>>,
    /// The client's connection is to be cut: what went out cannot be ended in any other way.
    pub(super) cut: bool,
    /// Counts the request until its answer was handed to the connection; then the process may end. The last of the fields, so that it is dropped
    /// when the meter has settled: the ledger is closed after that.
    pub(super) in_flight: Option<InFlight>,
}

impl Context {
    /// A new request under this configuration.
    pub(super) fn new(snapshot: Arc<Snapshot>) -> Context {
        Context {
            arrived: Instant::now(),
            waited: Duration::ZERO,
            request_id: new_request_id(),
            snapshot,
            visit: None,
            attempt: None,
            meter: None,
            capture: None,
            cut: false,
            in_flight: None,
        }
    }

    /// Whether the client's SDK tries again by itself: it says how often it did.
    pub(super) fn client_tries_again(&self) -> bool {
        self.meter.as_ref().is_some_and(|meter| meter.record.client_retry_count.is_some())
    }

    /// The client's address, if the access log may tell it.
    pub(super) fn client_to_log(&self) -> Option<IpAddr> {
        let visit = self.visit.as_ref().filter(|_| self.snapshot.config().clients.log_address)?;
        Some(visit.client())
    }
}

/// What the client asked for, in a form that every attempt can send again.
pub(super) struct Asked {
    pub(super) shape: Shape,
    pub(super) called: Called,
    pub(super) peek: Peek,
    pub(super) body: Body,
    /// The bound that the answer is given, where that is lower than what the client asked for.
    pub(super) output_bound: Option<u64>,
    /// Whether nothing may be lost where shapes are translated.
    pub(super) strict: bool,
    /// Tells conversations apart: a hash of the key and of how it began; 0 where that is not known.
    pub(super) conversation: u64,
    /// What its stay at a target is kept under; 0 where the conversation has no name and no beginning.
    pub(super) stay_key: u64,
    /// How long the request asks for its prompt to be cached.
    pub(super) cache_lifetime: Option<Duration>,
    /// About how many tokens of the prompt are not in the body, as the provider keeps them.
    pub(super) history_tokens: u64,
    /// The key that the client presents.
    pub(super) key: KeyId,
    /// What is remembered of the answers that the same key was given.
    pub(super) memory: OwnMemory,
    /// What a hosted router's words came to.
    pub(super) routed: Routed,
}

/// What a hosted router's words came to in a request; nothing in a plain one.
#[derive(Default)]
pub(super) struct Routed {
    /// Whether the client takes us for one.
    pub(super) dialect: Dialect,
    /// For `x-ovth-warnings`; may be empty.
    pub(super) warnings: String,
    /// What is put behind the model's name for routers further on.
    pub(super) suffixes: Vec<(Arc<Target>, Suffix)>,
    /// What the answer is called.
    pub(super) generation: String,
}

impl Routed {
    /// What a target is to be called that is a router itself.
    pub(super) fn suffix(&self, target: &Arc<Target>) -> Option<Suffix> {
        self.suffixes.iter().find(|(other, _)| Arc::ptr_eq(other, target)).map(|(_, suffix)| *suffix)
    }
}

/// One try at one target.
pub(super) struct Attempt {
    pub(super) target: Arc<Target>,
    pub(super) operation: Operation,
    /// Whether several texts are embedded at once, where that is a call of its own.
    pub(super) batch: bool,
    /// Chosen from what the resolver knows before the peer is asked for.
    pub(super) address: SocketAddr,
    /// The last connection from the pool was stale: this one must be new.
    pub(super) fresh: bool,
    pub(super) request: RequestBody,
    /// Set when the response head has come.
    pub(super) response: Option<ResponseBody>,
    /// Of the response head, what may go to the client.
    pub(super) passed_headers: HeaderMap,
    /// Whether the provider is asked for a stream.
    pub(super) streaming: bool,
    /// Whether the usage chunk is to be taken out again.
    pub(super) hides_usage: bool,
    /// How the answer becomes one in the client's shape, where that is another.
    pub(super) translation: Option<Translation>,
    /// How the answer is told to a client that takes us for a hosted router.
    pub(super) telling: Option<Box<Telling>>,
}

impl Attempt {
    /// A try at a target with the body that was made for it.
    pub(super) fn new(target: Arc<Target>, asked: &Asked, prepared: &Prepared, address: SocketAddr) -> Attempt {
        Attempt {
            operation: asked.called.operation,
            batch: asked.called.is_batch() || prepared.embedding.is_some(),
            address,
            fresh: false,
            request: RequestBody::new(prepared.runs.clone()),
            response: None,
            passed_headers: HeaderMap::new(),
            streaming: prepared.stream,
            hides_usage: prepared.hides_usage,
            translation: prepared.translation.clone(),
            telling: telling(&target, asked),
            target,
        }
    }
}

/// How the answer is told to a client that takes us for a hosted router; other shapes than chat are as they are.
fn telling(target: &Arc<Target>, asked: &Asked) -> Option<Box<Telling>> {
    let is_told =
        asked.routed.dialect.is_router() && asked.shape == Shape::Chat && asked.called.operation == Operation::Generate;
    is_told.then(|| {
        let speaker = Speaker {
            id: asked.routed.generation.clone(),
            provider: target.upstream.name().to_owned(),
            model: target.model.to_string(),
            created: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            hides_reasoning: asked.peek.router.as_ref().is_some_and(|router| router.hides_reasoning()),
        };
        let input_estimate = asked.peek.estimated_input_tokens();
        Box::new(Telling { speaker, target: Arc::clone(target), input_estimate })
    })
}

/// `req_` and 128 random bits.
fn new_request_id() -> String {
    let mut bytes = [0_u8; 16];
    // Without randomness the id only loses its uniqueness; nothing secret hangs on it.
    let _ = getrandom::fill(&mut bytes);
    format!("req_{:032x}", u128::from_be_bytes(bytes))
}
