//! Whether a model can serve a request: what the request demands against what the catalogue knows.

use ovth_filters::shapes::{Needs, Parameters};
use ovth_filters::{Operation, Shape};

use super::offer::{Offer, Wanted};
use super::snapshot::Ask;
use crate::catalog::{Kind, Model, PicoDollars};

/// The output that is reckoned with when the client sets no bound: most answers are shorter than what clients allow.
const EXPECTED_OUTPUT: u64 = 1_024;

/// What a request demands of a model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    shape: Shape,
    operation: Operation,
    needs: Needs,
    input: u64,
    max_output: Option<u64>,
}

/// How what is unknown counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// As a no: nobody named the model, so only a sure one is picked.
    No,
    /// As a yes: the operator named the model, and knows.
    Yes,
}

impl Demand {
    pub(super) fn of(ask: &Ask<'_>) -> Demand {
        Demand {
            shape: ask.shape,
            operation: ask.operation,
            needs: ask.needs,
            input: ask.input_tokens,
            max_output: ask.max_output,
        }
    }

    /// Whether the model is able to do all that the request needs.
    pub(super) fn is_met_by(&self, offer: &Offer, unknown: Unknown) -> bool {
        let Some(entry) = offer.entry.as_deref() else { return unknown == Unknown::Yes };
        let refuses_forced = self.needs.forced_tool && offer.upstream.refuses_forced_tools(&entry.id);
        let yes = |fact: Option<bool>| fact.unwrap_or(unknown == Unknown::Yes);
        let shape = offer.shape_for(&self.wanted());
        self.is_of_kind(entry)
            && !refuses_forced
            && self.abilities(entry, shape).all(|(needed, fact)| !needed || yes(fact))
    }

    /// Whether the request sets a field that the model refuses. Resellers leave such fields out by themselves:
    /// <https://openrouter.ai/docs/api-reference/overview>.
    pub(super) fn is_refused_by(&self, offer: &Offer) -> bool {
        let entry = offer.entry.as_deref().filter(|_| !offer.upstream.is_reseller());
        entry.is_some_and(|entry| entry.refused(&self.needs) != Parameters::NONE)
    }

    /// Whether prompt and answer fit into the model's bounds.
    pub(super) fn fits_into(&self, entry: Option<&Model>, unknown: Unknown) -> bool {
        let within = |size: u64, bound: Option<u64>| bound.map_or(unknown == Unknown::Yes, |bound| size <= bound);
        if self.operation == Operation::Embed {
            // The bounds of such a model hold for each text, and there are many.
            return true;
        }
        let Some(entry) = entry else { return unknown == Unknown::Yes };
        let whole = self.input.saturating_add(self.max_output.unwrap_or(EXPECTED_OUTPUT));
        within(whole, entry.context_window)
            // Where a provider limits the input apart, and not less than the window, this adds nothing.
            && entry.max_input_tokens.is_none_or(|bound| self.input <= bound)
            // A bound above the model's own is refused by providers, not lowered.
            && self.max_output.is_none_or(|asked| within(asked, entry.max_output_tokens))
    }

    /// What the request is expected to cost; `None` when the price is unknown.
    pub(super) fn cost(&self, offer: &Offer) -> Option<PicoDollars> {
        let output = match self.operation {
            Operation::Embed => 0,
            _ => self.max_output.unwrap_or(EXPECTED_OUTPUT).min(EXPECTED_OUTPUT),
        };
        offer.quote.expected_cost(self.input, output)
    }

    /// What is needed, in words for an error.
    pub(super) fn words(&self) -> String {
        let needs = &self.needs;
        let named = [
            (needs.tools, "tools"),
            (needs.forced_tool, "a forced tool call"),
            (needs.images, "images"),
            (needs.documents, "documents"),
            (needs.audio, "audio"),
            (needs.structured_output, "structured output"),
            (needs.reasoning, "reasoning"),
        ];
        let words: Vec<&str> = named.into_iter().filter(|(needed, _)| *needed).map(|(_, word)| word).collect();
        if words.is_empty() { format!("a prompt of about {} tokens", self.input) } else { words.join(", ") }
    }

    const fn wanted(&self) -> Wanted {
        Wanted { shape: self.shape, operation: self.operation, needs: self.needs }
    }

    fn is_of_kind(&self, entry: &Model) -> bool {
        match self.operation {
            Operation::Embed => entry.kind == Kind::Embedding,
            Operation::Generate | Operation::CountTokens | Operation::ListModels => entry.kind == Kind::Chat,
        }
    }

    fn abilities(&self, entry: &Model, shape: Option<Shape>) -> impl Iterator<Item = (bool, Option<bool>)> {
        let (needs, can) = (&self.needs, &entry.capabilities);
        // The catalogue states this one only where it is refused.
        // Where the request is translated, the effort is set to `none` if the model takes that.
        let rests = match shape == Some(self.shape) {
            true => needs.no_reasoning,
            false => !entry.reasons.refuses_none && !needs.reasoning,
        };
        let tools_here = shape != Some(Shape::Chat) || rests || can.chat_tools_while_reasoning != Some(false);
        [
            (needs.tools, can.tools),
            (needs.tools, Some(tools_here)),
            (needs.forced_tool, can.tool_choice),
            (needs.images, can.vision),
            (needs.documents, can.pdf),
            (needs.audio, can.audio_input),
            (needs.structured_output, can.structured_outputs),
            (needs.reasoning, can.reasoning),
        ]
        .into_iter()
    }
}
