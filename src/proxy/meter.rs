//! The meter of one exchange: it owns the record and the reservation, and settles exactly once, when it is dropped: success, failure, abort
//! and panic alike.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http::HeaderMap;
use ovth_filters::Operation;
use ovth_filters::money::PicoDollars;
use ovth_filters::neutral::{ErrorClass, Usage};
use ovth_filters::prefix::Prefix;
use ovth_filters::tokens::Family;

use super::body::ResponseBody;
use super::entry;
use crate::config::Weights;
use crate::conversations::{Conversations, Turn};
use crate::keys::Key;
use crate::ledger::{Amount, App, Ledger, Reservation, UsageSource};
use crate::observe::metrics::{self, Gaps, TargetMetrics};
use crate::observe::{AttemptNote, Metrics, Outcome, Record, ShortText};
use crate::routing::Target;
use crate::store::StoreError;

/// Bytes of an answer that count as one token where it is too large to be read.
const BYTES_PER_TOKEN: u64 = 4;

/// Where a price comes from that is the provider's own word.
const TOLD: &str = "provider";

/// Counts one exchange.
pub(super) struct Meter {
    /// What the log line will say.
    pub(super) record: Record,
    metrics: Arc<Metrics>,
    arrived: Instant,
    began: SystemTime,
    input_estimate: u64,
    observed: Observed,
    /// What is charged besides: what attempts have used that another overtook, and calls that were answered before their attempt failed.
    beside: Beside,
    bill: Option<Bill>,
    target: Option<Arc<Target>>,
    /// Where that target is counted.
    counted: Option<Arc<TargetMetrics>>,
    /// Whose models that target's is one of.
    family: Option<Family>,
    conversations: Arc<Conversations>,
    conversation: Option<Conversation>,
}

/// Which conversation the exchange is a turn of.
struct Conversation {
    prefix: Prefix,
    session: Option<ShortText>,
}

/// Who pays for an exchange, and what was set aside for it.
struct Bill {
    ledger: Arc<Ledger>,
    key: Arc<Key>,
    app: App,
    weights: Weights,
    end_user: Option<Arc<str>>,
    reservation: Option<Reservation>,
}

/// What is known of the attempt under way.
#[derive(Clone, Debug, Default)]
struct Observed {
    /// The provider has the whole request, and so may bill for it.
    sent: bool,
    usage: Option<Usage>,
    usage_is_final: bool,
    /// What the provider charges, by its own word.
    told_cost: Option<PicoDollars>,
    delivered_tokens: u64,
    finish_reason: Option<ShortText>,
    service_class: Option<ShortText>,
}

/// What was used beside the answer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Beside {
    usage: Usage,
    /// Absent where no price is known.
    cost: Option<PicoDollars>,
    /// Providers did not tell all of it.
    is_estimated: bool,
}

impl Meter {
    /// Begins to count.
    pub(super) fn new(
        record: Record,
        metrics: &Arc<Metrics>,
        conversations: &Arc<Conversations>,
        arrived: Instant,
    ) -> Meter {
        Meter {
            record,
            metrics: Arc::clone(metrics),
            arrived,
            began: SystemTime::now(),
            input_estimate: 0,
            observed: Observed::default(),
            beside: Beside::default(),
            bill: None,
            target: None,
            counted: None,
            family: None,
            conversations: Arc::clone(conversations),
            conversation: None,
        }
    }

    /// From here on there is an entry, and it names this key.
    pub(super) fn bill_to(&mut self, ledger: &Arc<Ledger>, key: &Arc<Key>, headers: &HeaderMap) {
        self.record.key_id = Some(Arc::from(key.id.as_str()));
        self.bill = Some(Bill {
            ledger: Arc::clone(ledger),
            key: Arc::clone(key),
            app: entry::app(headers),
            weights: Weights::default(),
            end_user: None,
            reservation: None,
        });
    }

    /// Takes what was set aside, to settle it.
    pub(super) fn reserved(&mut self, reservation: Reservation, weights: Weights) {
        if let Some(bill) = &mut self.bill {
            (bill.reservation, bill.weights) = (Some(reservation), weights);
        }
    }

    /// The end user that the client names.
    pub(super) fn end_user(&mut self, name: Option<Arc<str>>) {
        if let Some(bill) = &mut self.bill {
            bill.end_user = name;
        }
    }

    /// The exchange is a turn of a conversation.
    pub(super) fn conversation(&mut self, prefix: Option<Prefix>, session: Option<ShortText>) {
        self.conversation = prefix.map(|prefix| Conversation { prefix, session });
    }

    /// The count of the prompt where the provider tells none.
    pub(super) const fn estimate_input(&mut self, tokens: u64) {
        self.input_estimate = tokens;
    }

    /// The family of models to count the prompt by, when there will be an entry with an estimate of it: the provider has the request, and has not
    /// told how large it is.
    pub(super) fn uncounted_by(&self) -> Option<Family> {
        if self.record.operation == Some(Operation::Embed) {
            // Of texts the estimate is all there is.
            return None;
        }
        let untold = self.observed.usage.is_none_or(|usage| usage.prompt() == 0);
        self.family.filter(|_| untold && self.usage().1 == UsageSource::Estimated)
    }

    /// The target of the attempt that begins.
    pub(super) fn target(&mut self, target: &Arc<Target>) {
        self.record.provider = Some(Arc::clone(target.upstream.id()));
        self.record.model_served = Some(Arc::clone(&target.model));
        self.record.upstream_shape = Some(target.shape);
        self.family = Some(Family::of(target.shape, &target.model));
        let label = target.label.as_deref().unwrap_or(metrics::OTHER);
        self.counted = Some(self.metrics.target(target.upstream.id(), label));
        self.target = Some(Arc::clone(target));
    }

    /// Where the target of the attempt is counted.
    pub(super) fn counted(&self) -> Option<&TargetMetrics> {
        self.counted.as_deref()
    }

    /// Begins to measure the gaps between the events of an answer.
    pub(super) fn gaps(&self) -> Option<Gaps> {
        self.counted().map(TargetMetrics::gaps)
    }

    /// What the provider told of the tokens of its answer, once it told all.
    pub(super) fn told_usage(&self) -> Option<Usage> {
        self.observed.usage.filter(|_| self.observed.usage_is_final)
    }

    /// Takes note of an attempt at the target, and counts it.
    pub(super) fn attempted(&mut self, target: &Target, attempt: AttemptNote) {
        let is_current = self.target.as_ref().is_some_and(|current| current.key == target.key);
        match self.counted().filter(|_| is_current) {
            Some(counted) => counted.attempt(attempt.outcome),
            None => {
                let label = target.label.as_deref().unwrap_or(metrics::OTHER);
                self.metrics.target(&attempt.provider, label).attempt(attempt.outcome);
            }
        }
        self.record.attempts.push(attempt);
    }

    /// The provider has the whole request.
    pub(super) const fn sent(&mut self) {
        self.observed.sent = true;
    }

    /// Takes over what was counted of an answer so far.
    pub(super) fn observe(&mut self, response: &ResponseBody) {
        let tap = response.tap();
        let observed = &mut self.observed;
        observed.usage = tap.usage();
        observed.usage_is_final = tap.usage_is_final();
        observed.told_cost = self.target.as_ref().and_then(|target| target.told_cost(tap));
        let unread = response.unread_bytes().div_ceil(BYTES_PER_TOKEN);
        let delivered = self.family.map_or_else(|| tap.delivered_tokens(), |family| tap.delivered_tokens_by(family));
        observed.delivered_tokens = delivered.saturating_add(unread);
        keep_last(&mut observed.finish_reason, tap.finish_reason());
        keep_last(&mut observed.service_class, tap.service_class());
    }

    /// Takes over what texts came to that were embedded in several calls; `is_counted`: by the provider.
    pub(super) fn embedded(&mut self, tokens: u64, is_counted: bool) {
        self.observed.usage = Some(Usage { input: tokens, ..Usage::default() });
        self.observed.usage_is_final = is_counted;
    }

    /// Whether more is about to go to the client than was set aside: then [`Meter::durable`] has to be waited for first.
    pub(super) fn cover(&mut self) -> bool {
        let spent = self.spent().1;
        let reservation = self.bill.as_mut().and_then(|bill| bill.reservation.as_mut());
        reservation.is_some_and(|reservation| reservation.cover(spent))
    }

    /// Waits until what was set aside is on disk.
    ///
    /// # Errors
    /// The ledger cannot be written: nothing may go to the client.
    pub(super) async fn durable(&mut self) -> Result<(), StoreError> {
        match self.bill.as_mut().and_then(|bill| bill.reservation.as_mut()) {
            Some(reservation) => reservation.durable().await,
            None => Ok(()),
        }
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

    /// The attempt under way is given up, though its provider may go on: what it has used is paid for.
    pub(super) fn given_up(&mut self) {
        if let (Some(usage), Some(target)) = (self.own_usage().0, self.target.clone()) {
            self.add_beside(&target, usage, false);
        }
        self.observed = Observed::default();
    }

    /// Another target has content sooner than that of the attempt under way, which is given up.
    pub(super) fn overtaken(&mut self) {
        self.given_up();
        if let Some(target) = self.target.clone() {
            self.note_overtaken(&target);
        }
    }

    /// A target that was asked as well has answered too late; `sent`: it may bill for the prompt.
    pub(super) fn lost(&mut self, target: &Target, sent: bool) {
        if sent {
            self.add_beside(target, Usage { input: self.input_estimate, ..Usage::default() }, false);
        }
        self.note_overtaken(target);
    }

    /// Calls for embeddings were answered before their attempt failed, and so are billed; `is_counted`: by the provider.
    pub(super) fn charge(&mut self, tokens: u64, is_counted: bool) -> Beside {
        let usage = Usage { input: tokens, ..Usage::default() };
        self.target.clone().map(|target| self.add_beside(&target, usage, is_counted)).unwrap_or_default()
    }

    /// Takes that back, as the calls have become a part of what is charged otherwise.
    pub(super) fn uncharge(&mut self, charged: &Beside) {
        let sum = &mut self.beside;
        sum.usage.input = sum.usage.input.saturating_sub(charged.usage.input);
        sum.cost = sum.cost.map(|cost| PicoDollars(cost.0.saturating_sub(charged.cost.unwrap_or_default().0)));
        if sum.usage == Usage::default() {
            *sum = Beside::default();
        }
    }

    /// Whether the provider has the whole request, and so may bill for it.
    pub(super) const fn is_sent(&mut self) -> bool {
        self.observed.sent
    }

    fn add_beside(&mut self, target: &Target, usage: Usage, is_counted: bool) -> Beside {
        let cost = target.price().and_then(|price| price.cost(&usage, None));
        let added = Beside { usage, cost, is_estimated: !is_counted };
        let sum = &mut self.beside;
        sum.usage = sum.usage.plus(&usage);
        sum.cost = match (sum.cost, cost) {
            (Some(sum), Some(cost)) => Some(sum + cost),
            (sum, cost) => sum.or(cost),
        };
        sum.is_estimated |= added.is_estimated;
        added
    }

    fn note_overtaken(&mut self, target: &Target) {
        let note = AttemptNote {
            provider: Arc::clone(target.upstream.id()),
            model: Arc::clone(&target.model),
            outcome: Outcome::Overtaken,
            status: None,
        };
        self.attempted(target, note);
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

    /// Tokens by kind and where they come from, as far as is known; with those that were used beside the answer.
    fn usage(&self) -> (Option<Usage>, UsageSource) {
        let (own, source) = self.own_usage();
        let Beside { usage, is_estimated, .. } = self.beside;
        if usage == Usage::default() {
            return (own, source);
        }
        let is_estimated = is_estimated || source == UsageSource::Estimated;
        let source = if is_estimated { UsageSource::Estimated } else { UsageSource::Provider };
        (Some(own.unwrap_or_default().plus(&usage)), source)
    }

    fn own_usage(&self) -> (Option<Usage>, UsageSource) {
        if !self.record.operation.is_some_and(Operation::is_billed) {
            // Counting tokens spends none.
            return (None, UsageSource::None);
        }
        let Observed { sent, usage, usage_is_final, delivered_tokens: delivered, .. } = self.observed;
        match usage {
            Some(usage) if usage_is_final => (Some(usage), UsageSource::Provider),
            Some(mut usage) => {
                usage.output = usage.output.max(delivered);
                if usage.prompt() == 0 {
                    usage.input = self.input_estimate;
                }
                (Some(usage), UsageSource::Estimated)
            }
            None if sent => {
                let usage = Usage { input: self.input_estimate, output: delivered, ..Usage::default() };
                (Some(usage), UsageSource::Estimated)
            }
            None => (None, UsageSource::None),
        }
    }

    /// What was spent so far: known costs, and the amount that limits are charged.
    fn spent(&self) -> (Option<PicoDollars>, Amount) {
        let (Some(usage), Some(bill)) = (self.usage().0, &self.bill) else { return (None, Amount::default()) };
        let cost = match self.own_usage().0 {
            Some(own) => match (self.cost(&own), self.beside.cost) {
                (Some(own), Some(beside)) => Some(own + beside),
                (own, beside) => own.or(beside),
            },
            None => self.beside.cost,
        };
        (cost, Amount { tokens: bill.weights.count(&usage), cost: cost.unwrap_or_default() })
    }

    /// What that costs at the target of the attempt: what the provider says that it charges, else what its price comes to where that is known.
    fn cost(&self, usage: &Usage) -> Option<PicoDollars> {
        if let Some(told) = self.observed.told_cost {
            return Some(told);
        }
        let price = self.target.as_ref()?.price()?;
        price.cost(usage, self.observed.service_class.as_deref())
    }

    /// Why far less was read from the prompt cache than the turn before had in it, counted.
    fn cache_break(&mut self, key: &str, usage: Option<&Usage>, source: UsageSource) -> Option<Box<str>> {
        let Conversation { prefix, session } = self.conversation.take()?;
        let (usage, target) = (usage.filter(|_| source == UsageSource::Provider)?, self.target.as_ref()?);
        let answered = self.arrived + self.record.time_to_first_byte.unwrap_or_default();
        let broken = self.conversations.turn(Turn {
            key,
            session: session.as_deref(),
            prefix,
            provider: target.upstream.id(),
            model: &target.model,
            usage,
            began: self.arrived,
            answered,
        })?;
        self.metrics.cache_break(broken.reason.as_str());
        Some(broken.to_string().into())
    }

    /// Ends the account: the reservation becomes what was spent, and an entry is written.
    fn settle(&mut self) {
        let (usage, source) = self.usage();
        let (cost, spent) = self.spent();
        self.record.usage = usage;
        self.record.cost = cost;
        self.record.usage_estimated = source == UsageSource::Estimated;
        let Some(Bill { ledger, key, app, end_user, reservation, .. }) = self.bill.take() else { return };
        let cache_break = self.cache_break(key.id.as_str(), usage.as_ref(), source);
        let mut entry = entry::of(&self.record, self.began);
        entry.key_id = key.id.as_str().into();
        entry.app = app;
        entry.end_user = end_user.as_deref().map(Into::into);
        entry.usage = usage;
        entry.cache_break = cache_break;
        entry.usage_source = source;
        entry.charged_tokens = spent.tokens;
        entry.cost = cost;
        if cost.is_some() {
            let told = self.observed.told_cost.map(|_| TOLD);
            entry.price_source =
                told.or_else(|| self.target.as_ref().map(|target| target.price_source())).map(Into::into);
        }
        entry.service_class = self.observed.service_class.as_deref().map(Into::into);
        entry.finish_reason = self.observed.finish_reason.as_deref().map(Into::into);
        match reservation {
            Some(reservation) => reservation.settle(spent, entry),
            None => ledger.note(entry),
        }
    }
}

/// Takes what was said last; mostly it is what was said before.
fn keep_last(kept: &mut Option<ShortText>, said: Option<&str>) {
    if kept.as_deref() != said {
        *kept = said.map(ShortText::from);
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.record.duration = self.arrived.elapsed();
        self.settle();
        self.metrics.exchange(&self.record, self.counted.as_deref());
        self.record.emit();
    }
}
