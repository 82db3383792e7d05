//! The one structured record of an exchange: what was asked, who served it, what it cost; never what was said.

mod attempts;
mod short;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use log::Level;
use log::kv::{Error, Key, Source, ToValue, Value, VisitSource};
use ovth_filters::money::PicoDollars;
use ovth_filters::neutral::Usage;
use ovth_filters::{Operation, Shape};

pub use self::attempts::{AttemptNote, Attempts, FailedAttempt};
pub use self::short::ShortText;
use super::Outcome;

/// The log target of records of exchanges.
pub(super) const TARGET: &str = "ovth::access";

/// Field names, declared once; log pipelines rely on them.
mod field {
    pub(super) const REQUEST_ID: &str = "request_id";
    pub(super) const UPSTREAM_REQUEST_ID: &str = "upstream_request_id";
    pub(super) const CLIENT: &str = "client";
    pub(super) const KEY_ID: &str = "key_id";
    pub(super) const OPERATION: &str = "operation";
    pub(super) const SHAPE: &str = "shape";
    pub(super) const STATUS: &str = "status";
    pub(super) const OUTCOME: &str = "outcome";
    pub(super) const STREAM: &str = "stream";
    pub(super) const ROUTE: &str = "route";
    pub(super) const STRATEGY: &str = "strategy";
    pub(super) const CHOICE: &str = "choice";
    pub(super) const PROVIDER: &str = "provider";
    pub(super) const MODEL_ASKED: &str = "model_asked";
    pub(super) const MODEL_SERVED: &str = "model_served";
    pub(super) const MODEL: &str = "model";
    pub(super) const UPSTREAM_SHAPE: &str = "upstream_shape";
    pub(super) const ATTEMPT_COUNT: &str = "attempt_count";
    pub(super) const ATTEMPTS: &str = "attempts";
    pub(super) const TOKENS_INPUT: &str = "tokens_input";
    pub(super) const TOKENS_CACHE_READ: &str = "tokens_cache_read";
    pub(super) const TOKENS_CACHE_WRITE: &str = "tokens_cache_write";
    pub(super) const TOKENS_CACHE_WRITE_1H: &str = "tokens_cache_write_1h";
    pub(super) const TOKENS_OUTPUT: &str = "tokens_output";
    pub(super) const TOKENS_REASONING: &str = "tokens_reasoning";
    pub(super) const USAGE_ESTIMATED: &str = "usage_estimated";
    pub(super) const TIME_TO_FIRST_BYTE_MS: &str = "time_to_first_byte_ms";
    pub(super) const DURATION_MS: &str = "duration_ms";
    pub(super) const BYTES_IN: &str = "bytes_in";
    pub(super) const BYTES_OUT: &str = "bytes_out";
    pub(super) const HEARTBEATS: &str = "heartbeats";
    pub(super) const CLIENT_RETRY_COUNT: &str = "client_retry_count";
    pub(super) const REASON: &str = "reason";
    pub(super) const ELAPSED_MS: &str = "elapsed_ms";
}

/// One exchange, filled in as it goes and told once at its end by [`Record::emit`] and
/// [`Metrics::exchange`](super::Metrics::exchange).
///
/// What an exchange never came to is left out of the log line. No field may hold a prompt, an answer, or a secret.
#[derive(Clone, Debug)]
pub struct Record {
    /// Our own id of the request, as the client was told it.
    pub request_id: Arc<str>,
    /// The id that the provider gave to the attempt that was served.
    pub upstream_request_id: Option<ShortText>,
    /// The client's address, as far as proxies that are trusted tell it; absent where it is not to be logged.
    pub client: Option<IpAddr>,
    /// The id of the client's key; never the key.
    pub key_id: Option<Arc<str>>,
    /// What was asked; absent for a path that is no operation.
    pub operation: Option<Operation>,
    /// The shape that the client speaks, which also decides how errors look.
    pub shape: Shape,
    /// The HTTP status that the client was sent; absent when it left before one was written.
    pub status: Option<u16>,
    /// How the exchange ended. A stream that broke after its status was sent has status 200 and an error here.
    pub outcome: Outcome,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// The route that was taken; absent when a model was asked for by its own name.
    pub route: Option<Arc<str>>,
    /// The name of the route's strategy.
    pub strategy: Option<&'static str>,
    /// Why the route chose its first target.
    pub choice: Option<Box<str>>,
    /// The provider that served the answer, or was tried last.
    pub provider: Option<Arc<str>>,
    /// `model` as the client wrote it, shortened.
    pub model_asked: Option<ShortText>,
    /// The model that served the answer, or was tried last.
    pub model_served: Option<Arc<str>>,
    /// The shape that was spoken to the provider.
    pub upstream_shape: Option<Shape>,
    /// Every attempt, in order.
    pub attempts: Attempts,
    /// Tokens by kind.
    pub usage: Option<Usage>,
    /// Whether `usage` is our estimate, because the provider gave none.
    pub usage_estimated: bool,
    /// What it cost; absent where nothing was used or nobody tells a price.
    pub cost: Option<PicoDollars>,
    /// From the request's head to the first byte of the answer that came from a provider; heartbeats do not count.
    pub time_to_first_byte: Option<Duration>,
    /// From the request's head to the end of the answer.
    pub duration: Duration,
    /// How long of it was spent waiting for the provider or the client; absent for what came to no provider, or was cut off.
    pub waited: Option<Duration>,
    /// Bytes of the request's body, as received.
    pub bytes_in: u64,
    /// Bytes of the answer's body, as sent.
    pub bytes_out: u64,
    /// Heartbeats written into the stream.
    pub heartbeats: u32,
    /// How often the client's SDK had tried before (its `x-stainless-retry-count` header).
    pub client_retry_count: Option<u32>,
}

impl Record {
    /// The record of an exchange that has just begun. Until something better is known its outcome is a client abort:
    /// what is dropped without an ending was cut off.
    #[must_use]
    pub fn new(request_id: impl Into<Arc<str>>, shape: Shape) -> Record {
        Record {
            request_id: request_id.into(),
            upstream_request_id: None,
            client: None,
            key_id: None,
            operation: None,
            shape,
            status: None,
            outcome: Outcome::ClientAbort,
            stream: false,
            route: None,
            strategy: None,
            choice: None,
            provider: None,
            model_asked: None,
            model_served: None,
            upstream_shape: None,
            attempts: Attempts::default(),
            usage: None,
            usage_estimated: false,
            cost: None,
            time_to_first_byte: None,
            duration: Duration::ZERO,
            waited: None,
            bytes_in: 0,
            bytes_out: 0,
            heartbeats: 0,
            client_retry_count: None,
        }
    }

    /// The gateway's own share of the duration.
    #[must_use]
    pub fn overhead(&self) -> Option<Duration> {
        self.waited.map(|waited| self.duration.saturating_sub(waited))
    }

    /// Writes the record to the log: one `info` line with the target `ovth::access`.
    pub fn emit(&self) {
        emit(Level::Info, TARGET, "exchange", self);
    }

    fn visit_usage<'kvs>(&'kvs self, fields: &mut Fields<'_, 'kvs>) -> Result<(), Error> {
        let Some(usage) = &self.usage else { return Ok(()) };
        fields.put(field::TOKENS_INPUT, &usage.input)?;
        fields.put_unless_zero(field::TOKENS_CACHE_READ, &usage.cache_read)?;
        fields.put_unless_zero(field::TOKENS_CACHE_WRITE, &usage.cache_write)?;
        fields.put_unless_zero(field::TOKENS_CACHE_WRITE_1H, &usage.cache_write_1h)?;
        fields.put(field::TOKENS_OUTPUT, &usage.output)?;
        fields.put_unless_zero(field::TOKENS_REASONING, &usage.reasoning)?;
        fields.put(field::USAGE_ESTIMATED, &self.usage_estimated)
    }
}

impl Source for Record {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), Error> {
        let mut fields = Fields(visitor);
        fields.put(field::REQUEST_ID, &*self.request_id)?;
        fields.put_some(field::UPSTREAM_REQUEST_ID, self.upstream_request_id.as_deref())?;
        if let Some(client) = &self.client {
            fields.value(field::CLIENT, Value::from_display(client))?;
        }
        fields.put_some(field::KEY_ID, self.key_id.as_deref())?;
        fields.put_some(field::OPERATION, self.operation.map(Operation::as_str))?;
        fields.put(field::SHAPE, self.shape.as_str())?;
        fields.put_some(field::STATUS, self.status.as_ref())?;
        fields.put(field::OUTCOME, self.outcome.as_str())?;
        fields.put(field::STREAM, &self.stream)?;
        fields.put_some(field::ROUTE, self.route.as_deref())?;
        fields.put_some(field::STRATEGY, self.strategy)?;
        fields.put_some(field::CHOICE, self.choice.as_deref())?;
        fields.put_some(field::PROVIDER, self.provider.as_deref())?;
        fields.put_some(field::MODEL_ASKED, self.model_asked.as_deref())?;
        fields.put_some(field::MODEL_SERVED, self.model_served.as_deref())?;
        fields.put_some(field::UPSTREAM_SHAPE, self.upstream_shape.map(Shape::as_str))?;
        fields.put(field::ATTEMPT_COUNT, self.attempts.count_ref())?;
        if !self.attempts.is_empty() {
            fields.value(field::ATTEMPTS, Value::from_display(&self.attempts))?;
        }
        self.visit_usage(&mut fields)?;
        if let Some(elapsed) = self.time_to_first_byte {
            fields.value(field::TIME_TO_FIRST_BYTE_MS, Value::from(millis(elapsed)))?;
        }
        fields.value(field::DURATION_MS, Value::from(millis(self.duration)))?;
        fields.put(field::BYTES_IN, &self.bytes_in)?;
        fields.put(field::BYTES_OUT, &self.bytes_out)?;
        if self.heartbeats > 0 {
            fields.put(field::HEARTBEATS, &self.heartbeats)?;
        }
        fields.put_some(field::CLIENT_RETRY_COUNT, self.client_retry_count.as_ref())
    }
}

/// Hands fields to whoever writes them, without building a list first.
struct Fields<'v, 'kvs>(&'v mut dyn VisitSource<'kvs>);

impl<'kvs> Fields<'_, 'kvs> {
    fn value(&mut self, name: &'static str, value: Value<'kvs>) -> Result<(), Error> {
        self.0.visit_pair(Key::from_str(name), value)
    }

    fn put<T: ToValue + ?Sized>(&mut self, name: &'static str, value: &'kvs T) -> Result<(), Error> {
        self.value(name, value.to_value())
    }

    fn put_some<T: ToValue + ?Sized>(&mut self, name: &'static str, value: Option<&'kvs T>) -> Result<(), Error> {
        value.map_or(Ok(()), |value| self.put(name, value))
    }

    fn put_unless_zero(&mut self, name: &'static str, value: &'kvs u64) -> Result<(), Error> {
        if *value == 0 { Ok(()) } else { self.put(name, value) }
    }
}

/// Writes one record to the log; costs next to nothing when its level or target is off.
fn emit(level: Level, target: &str, message: &str, fields: &dyn Source) {
    if log::log_enabled!(target: target, level) {
        log::logger().log(
            &log::Record::builder()
                .level(level)
                .target(target)
                .args(format_args!("{message}"))
                .key_values(&fields)
                .build(),
        );
    }
}

fn millis(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
