//! The tap: reads what an answer means from traffic that passes through unchanged, without a copy of it.

use crate::Shape;
use crate::money::PicoDollars;
use crate::neutral::{ApiError, Usage};
pub use crate::shapes::EventKind;
use crate::shapes::{Observed, rules};
use crate::sse::{Piece, RawEvent};
use crate::tokens::Family;

/// Reads one answer, event by event or whole.
///
/// ```
/// use ovth_filters::Shape;
/// use ovth_filters::tap::Tap;
/// let mut tap = Tap::new(Shape::Chat);
/// tap.body(br#"{"model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#);
/// assert_eq!(tap.usage().unwrap().total(), 5);
/// ```
#[derive(Debug)]
pub struct Tap {
    shape: Shape,
    seen: Observed,
}

impl Tap {
    /// A tap for one answer of that shape.
    #[must_use]
    pub fn new(shape: Shape) -> Tap {
        Tap { shape, seen: Observed::default() }
    }

    /// Reads the next event of a stream.
    pub fn event(&mut self, event: &RawEvent) -> EventKind {
        rules(self.shape).read_event(event, &mut self.seen)
    }

    /// Reads what a framer gave: an event, or a part of one that is too large to be understood, which is content.
    pub fn piece(&mut self, piece: &Piece) -> EventKind {
        match piece {
            Piece::Event(event) => self.event(event),
            Piece::Fragment(bytes) => rules(self.shape).read_fragment(bytes, false, &mut self.seen),
            Piece::FragmentEnd(bytes) => rules(self.shape).read_fragment(bytes, true, &mut self.seen),
        }
    }

    /// An error as the event that ends the stream of which this tap has seen all so far, blank line included: in shapes that number
    /// their events, with the number that is due.
    #[must_use]
    pub fn error_event(&self, error: &ApiError, request_id: &str) -> Vec<u8> {
        rules(self.shape).error_event_after(error, request_id, &self.seen)
    }

    /// Whether clients of the shape take the event of the error that was read last for the end of the stream.
    #[must_use]
    pub const fn error_is_end(&self) -> bool {
        !self.seen.error_is_no_end
    }

    /// Reads a whole answer that was not streamed: [`EventKind::Content`], or an error if the answer is one in spite of
    /// its status, or is not JSON.
    pub fn body(&mut self, body: &[u8]) -> EventKind {
        rules(self.shape).read_body(body, &mut self.seen)
    }

    /// The token counts that the provider gave, the last of each; `None` while it gave none.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.seen.usage
    }

    /// What the provider says that the answer costs, as hosted routers do, with what the provider behind charges an account of the
    /// operator's own; `None` while it says nothing. Whether it is to be believed is for those to know who know the host.
    #[must_use]
    pub fn told_cost(&self) -> Option<PicoDollars> {
        self.seen.told_cost.total()
    }

    /// Whether the token counts are those of the whole answer so far. A messages stream begins with counts whose output
    /// is a placeholder: one that was cut before its `message_delta` has them, and they are not final.
    #[must_use]
    pub fn usage_is_final(&self) -> bool {
        self.seen.usage_is_final
    }

    /// Why the answer ended, in the shape's own word.
    #[must_use]
    pub fn finish_reason(&self) -> Option<&str> {
        self.seen.finish_reason.as_deref()
    }

    /// Whether the answer ended as it must: a stream whose bytes end without this was cut.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        // The end of such a stream may have been in what was too large to be read.
        self.seen.complete || (self.seen.blind && rules(self.shape).ends_without_mark())
    }

    /// About how many tokens the output has that came: words, reasoning, names and arguments of tools. It is what a cut
    /// answer cost; of one that came whole the provider tells it exactly. What does not come is not in it: reasoning
    /// that the provider keeps to itself, sound, images.
    #[must_use]
    pub fn delivered_tokens(&self) -> u64 {
        self.seen.delivered.tokens(rules(self.shape).rates())
    }

    /// The same, as the models of that family count.
    #[must_use]
    pub fn delivered_tokens_by(&self, family: Family) -> u64 {
        let rates = family.answer().unwrap_or_else(|| rules(self.shape).rates());
        self.seen.delivered.tokens(rates)
    }

    /// The service class that the provider says it served at: `standard`, `batch`, `flex`, `priority`, `fast`, or its own
    /// word, in lower case; with `+us` or the like behind it where a region has a price of its own. `None` while it says
    /// nothing. [`crate::price::Price::cost`] takes it as it is.
    #[must_use]
    pub fn service_class(&self) -> Option<&str> {
        self.seen.service_class.name()
    }

    /// The id that the provider gave to the answer, in shapes in which a later request can point to it.
    #[must_use]
    pub fn answer_id(&self) -> Option<&str> {
        self.seen.message_id.as_deref().filter(|_| self.shape == Shape::Responses)
    }

    /// The model that answers, as the provider calls it.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.seen.model.as_deref()
    }
}

#[cfg(test)]
mod tests;
