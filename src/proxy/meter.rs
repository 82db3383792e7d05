//! The meter of one exchange: it owns the record and settles exactly once, when it is dropped: success, failure, abort and panic alike.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http::HeaderMap;
use ovth_filters::Operation;
use ovth_filters::neutral::{ErrorClass, Usage};

use super::body::ResponseBody;

use crate::ledger::Tab;
use crate::observe::{Metrics, Outcome, Record, ShortText};

/// Bytes of text that count as one token where a provider told no figure.
const BYTES_PER_TOKEN: u64 = 4;

/// Counts one exchange.
pub(super) struct Meter {
    /// What the log line will say.
    pub(super) record: Record,
    metrics: Arc<Metrics>,
    account: Option<Tab>,
    arrived: Instant,
    input_estimate: u64,
    observed: Observed,
}

/// What is known of the attempt under way.
#[derive(Clone, Copy, Debug, Default)]
struct Observed {
    /// The provider has the whole request, and so may bill for it.
    sent: bool,
    usage: Option<Usage>,
    usage_is_final: bool,
    delivered_bytes: u64,
}

impl Meter {
    /// Begins to count.
    pub(super) fn new(record: Record, metrics: &Arc<Metrics>, arrived: Instant) -> Meter {
        Meter {
            record,
            metrics: Arc::clone(metrics),
            account: None,
            arrived,
            input_estimate: 0,
            observed: Observed::default(),
        }
    }

    /// From here on tokens are charged to this account.
    pub(super) fn charge_to(&mut self, account: Tab) {
        self.account = Some(account);
    }

    /// The count of the prompt where the provider tells none.
    pub(super) const fn estimate_input(&mut self, tokens: u64) {
        self.input_estimate = tokens;
    }

    /// The provider has the whole request.
    pub(super) const fn sent(&mut self) {
        self.observed.sent = true;
    }

    /// Takes over what was counted of an answer so far.
    pub(super) fn observe(&mut self, response: &ResponseBody) {
        let tap = response.tap();
        self.observed.usage = tap.usage();
        self.observed.usage_is_final = tap.usage_is_final();
        self.observed.delivered_bytes = tap.delivered_bytes() + response.unread_bytes();
    }

    /// Notes the provider's own id of the request.
    pub(super) fn answered_by(&mut self, passed_headers: &HeaderMap) {
        let id = passed_headers.get("x-upstream-request-id").and_then(|id| id.to_str().ok());
        self.record.upstream_request_id = id.map(ShortText::from);
    }

    /// The attempt failed before anything was delivered: what it may have counted does not stand.
    pub(super) fn attempt_failed(&mut self) {
        self.observed = Observed::default();
    }

    /// The first byte of an answer from a provider goes out.
    pub(super) fn first_byte(&mut self) {
        self.record.time_to_first_byte.get_or_insert_with(|| self.arrived.elapsed());
    }

    /// How the exchange ended.
    pub(super) const fn ended(&mut self, outcome: Outcome) {
        self.record.outcome = outcome;
    }

    /// The class of the error that the exchange ended with.
    pub(super) const fn failed(&mut self, class: ErrorClass) {
        self.record.outcome = Outcome::Failed(class);
    }

    fn usage(&self) -> Option<(Usage, bool)> {
        let Observed { sent, usage, usage_is_final, delivered_bytes } = self.observed;
        let delivered = delivered_bytes.div_ceil(BYTES_PER_TOKEN);
        match usage {
            Some(usage) if usage_is_final => Some((usage, false)),
            Some(mut usage) => {
                usage.output = usage.output.max(delivered);
                if usage.prompt() == 0 {
                    usage.input = self.input_estimate;
                }
                Some((usage, true))
            }
            None if sent => Some((Usage { input: self.input_estimate, output: delivered, ..Usage::default() }, true)),
            None => None,
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if self.record.operation == Some(Operation::Generate)
            && let Some((usage, estimated)) = self.usage()
        {
            self.record.usage = Some(usage);
            self.record.usage_estimated = estimated;
            if let Some(account) = &self.account {
                account.charge(usage.total(), SystemTime::now());
            }
        }
        self.record.duration = self.arrived.elapsed();
        self.metrics.exchange(&self.record);
        self.record.emit();
    }
}
