//! What was seen of an answer so far: what the readers of all shapes write to and the tap shows.

use super::service_class::ServiceClass;
use crate::json::{Cursor, ScanError, Text};
use crate::money::PicoDollars;
use crate::neutral::{ApiError, ErrorClass, Usage};
use crate::tokens::Delivered;

/// What an event means for the exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// Frame of the answer without content: another attempt can still take its place.
    Structural,
    /// Something that a user sees or that counts as output: text, refusal, reasoning, a tool call, audio, a citation.
    Content,
    /// Nothing but token counts, sent because they were asked for.
    UsageOnly,
    /// Nothing at all: a comment, a ping, an empty event.
    Heartbeat,
    /// The answer is finished, the stream not yet.
    Finish,
    /// The end of the stream as the shape marks it.
    Done,
    /// The provider failed, or sent what nobody can understand.
    Error(Box<ApiError>),
}

/// What was seen of one answer.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    /// The counters as they came, and what they come to.
    pub(crate) counters: Counters,
    pub(crate) usage: Option<Usage>,
    /// The counters are those of the finished answer, not a first word of it.
    pub(crate) usage_is_final: bool,
    pub(crate) told_cost: ToldCost,
    pub(crate) service_class: ServiceClass,
    pub(crate) model: Option<String>,
    pub(crate) finish_reason: Option<String>,
    /// The answer ended as the shape says it must.
    pub(crate) complete: bool,
    pub(crate) delivered: Delivered,
    /// The id of the message, in shapes that begin with one.
    pub(crate) message_id: Option<String>,
    /// Final token counts came in an event of their own.
    pub(crate) closing_usage: bool,
    /// The number of the last event, in shapes that number them.
    pub(crate) sequence: Option<u64>,
    /// The answers that are told side by side, in shapes that end each by itself.
    pub(crate) answers: Answers,
    /// An event that comes in pieces, where something is to be found in it.
    pub(crate) skim: Option<Box<super::responses::Skim>>,
    /// The error that came last is told in an event that the shape's clients do not take for the end.
    pub(crate) error_is_no_end: bool,
    /// An event was too large to be understood; it may have been the one that finishes the answer.
    pub(crate) blind: bool,
}

/// What a provider says that its answer costs: hosted routers do, beside the token counts.
/// <https://openrouter.ai/docs/use-cases/usage-accounting>
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ToldCost {
    /// What the router charges.
    cost: Option<PicoDollars>,
    /// What the provider behind it charges.
    upstream: Option<PicoDollars>,
    /// The provider behind it charges an account of the operator's own, and the router a fee besides.
    is_byok: bool,
}

impl ToldCost {
    /// Reads a member of the usage that has to do with it; leaves any other.
    pub(crate) fn read(&mut self, name: &[u8], cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        let dollars = |cursor: &mut Cursor<'_>| Ok(cursor.as_written()?.and_then(PicoDollars::of_dollars));
        match name {
            b"cost" => self.cost = dollars(cursor)?.or(self.cost),
            b"is_byok" => self.is_byok = cursor.peek() == Some(b't'),
            b"cost_details" => cursor.object_or_skip(|cursor, key| {
                if key.raw() == b"upstream_inference_cost" {
                    self.upstream = dollars(cursor)?.or(self.upstream);
                }
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    }

    /// All that is charged; `None` where nothing is said of it.
    pub(crate) fn total(self) -> Option<PicoDollars> {
        let besides = self.upstream.filter(|_| self.is_byok).unwrap_or_default();
        self.cost.map(|cost| cost + besides)
    }
}

/// Which of several answers have begun, and which are over.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answers {
    /// A bit each; the last one stands for all that have none of their own.
    begun: u64,
    over: u64,
}

impl Answers {
    /// Notes what came of one.
    pub(crate) fn saw(&mut self, index: u64, is_over: bool) {
        let bit = 1_u64 << index.min(u64::from(u64::BITS) - 1);
        self.begun |= bit;
        if is_over {
            self.over |= bit;
        }
    }

    /// Whether none that has begun is still to go on.
    pub(crate) const fn are_over(self) -> bool {
        self.begun == self.over
    }
}

/// Token counters as a provider sent them; the last value of each that was a number.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Of the prompt, as the shape counts them: chat with the cached ones, messages without.
    pub(crate) input: Option<u64>,
    pub(crate) output: Option<u64>,
    pub(crate) total: Option<u64>,
    pub(crate) cache_read: Option<u64>,
    /// The same under the names that some hosts use.
    pub(crate) cache_read_foreign: Option<u64>,
    pub(crate) cache_write: Option<u64>,
    pub(crate) cache_write_foreign: Option<u64>,
    pub(crate) cache_write_5m: Option<u64>,
    pub(crate) cache_write_1h: Option<u64>,
    pub(crate) reasoning: Option<u64>,
    /// Results of tools that were fed back, where they are counted beside the prompt.
    pub(crate) tool_input: Option<u64>,
    /// Sound in the prompt; with what of it came from a cache where that is counted apart.
    pub(crate) audio_input: Option<u64>,
    pub(crate) audio_tool_input: Option<u64>,
    pub(crate) audio_cache_read: Option<u64>,
    pub(crate) audio_output: Option<u64>,
    pub(crate) image_output: Option<u64>,
    /// Calls, not tokens.
    pub(crate) web_searches: Option<u64>,
    /// What is billed beside all of these, by the steps of the answer that they leave out.
    pub(crate) beside: Usage,
    /// These are the counters of such a step.
    pub(crate) is_beside: bool,
}

impl Observed {
    /// Keeps the model that answered; the first name that is not empty counts.
    pub(crate) fn saw_model(&mut self, name: Option<Text<'_>>) {
        if self.model.is_none() {
            self.model = text_of(name);
        }
    }

    /// Keeps why the answer ended. Some hosts send an empty string while it has not.
    pub(crate) fn saw_finish(&mut self, reason: Option<Text<'_>>) -> bool {
        let Some(reason) = text_of(reason) else { return false };
        self.finish_reason = Some(reason);
        self.complete = true;
        true
    }
}

/// The text, unless it is empty or none.
pub(crate) fn text_of(text: Option<Text<'_>>) -> Option<String> {
    text?.decode().filter(|text| !text.is_empty()).map(std::borrow::Cow::into_owned)
}

/// The last value counts, but a `null` or a missing one does not.
pub(crate) fn keep(counter: &mut Option<u64>, value: Option<u64>) {
    *counter = value.or(*counter);
}

/// Something came that is not the JSON it should be.
pub(crate) fn garbled(error: ScanError) -> EventKind {
    EventKind::Error(Box::new(ApiError::new(
        ErrorClass::Upstream,
        format!("the provider sent an answer that is not valid JSON: {error}"),
    )))
}
