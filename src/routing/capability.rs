//! Whether a model can serve a request: what the request demands against what the catalogue knows.

use std::fmt;

use ovth_filters::neutral::Usage;
use ovth_filters::shapes::{Needs, Parameters};
use ovth_filters::{Operation, Shape};

use super::affinity::Stay;
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
    /// The output that costs are reckoned with.
    expected_output: u64,
}

/// How what is unknown counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// As a no: nobody named the model, so only a sure one is picked.
    No,
    /// As a yes: the operator named the model, and knows.
    Yes,
}

/// Why a model is not taken for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// The catalogue knows nothing of the model.
    Unheard,
    /// It does something else: it embeds text, or holds conversations.
    Kind,
    /// It cannot do this.
    Lacks(&'static str),
    /// Nobody tells whether it can do this.
    Untold(&'static str),
    /// It cannot be made to call a tool.
    ForcedTool,
    /// On this endpoint it takes tools only while it does not reason.
    ToolsWhileReasoning,
    /// Prompt and answer are larger than its window, which is so large, or of which nobody tells the size.
    Window(Option<u64>),
    /// The prompt is larger than what it takes.
    Input(u64),
    /// The bound of the answer is larger than its own, or nobody tells its own.
    Output(Option<u64>),
    /// It refuses these fields of the request.
    Refuses(Parameters),
}

/// What a request needs of a model, in words; that it is streamed is the least of it.
#[must_use]
pub fn in_words(needs: &Needs) -> Vec<&'static str> {
    let named = [
        (needs.tools, "tools"),
        (needs.forced_tool, "a forced tool call"),
        (needs.parallel_tools, "parallel tool calls"),
        (needs.images, "images"),
        (needs.documents, "documents"),
        (needs.audio, "audio"),
        (needs.structured_output, "structured output"),
        (needs.reasoning, "reasoning"),
        (needs.caching, "prompt caching"),
    ];
    named.into_iter().filter(|(needed, _)| *needed).map(|(_, word)| word).collect()
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Obstacle::Unheard => f.write_str("is not in the catalogue"),
            Obstacle::Kind => f.write_str("is for another kind of request"),
            Obstacle::Lacks(what) => write!(f, "cannot do {what}"),
            Obstacle::Untold(what) => write!(f, "is not known to do {what}"),
            Obstacle::ForcedTool => f.write_str("refuses a forced tool call"),
            Obstacle::ToolsWhileReasoning => f.write_str("takes tools on this endpoint only without reasoning"),
            Obstacle::Window(Some(window)) => write!(f, "has a context window of {window} tokens"),
            Obstacle::Window(None) => f.write_str("has a context window that is not known"),
            Obstacle::Input(bound) => write!(f, "takes prompts of at most {bound} tokens"),
            Obstacle::Output(Some(bound)) => write!(f, "answers at most {bound} tokens"),
            Obstacle::Output(None) => f.write_str("has a bound of output that is not known"),
            Obstacle::Refuses(fields) => {
                f.write_str("refuses")?;
                for (at, name) in fields.names().enumerate() {
                    write!(f, "{}`{name}`", if at == 0 { " " } else { ", " })?;
                }
                Ok(())
            }
        }
    }
}

impl Demand {
    pub(super) fn of(ask: &Ask<'_>) -> Demand {
        Demand {
            shape: ask.shape,
            operation: ask.operation,
            needs: ask.needs,
            input: ask.input_tokens,
            max_output: ask.max_output,
            expected_output: EXPECTED_OUTPUT,
        }
    }

    /// The same, with another answer to reckon costs with.
    pub(super) const fn expecting(mut self, output: u64) -> Demand {
        self.expected_output = output;
        self
    }

    /// What the model is unable to do of what the request needs.
    pub(super) fn obstacle(&self, offer: &Offer, unknown: Unknown) -> Option<Obstacle> {
        let Some(entry) = offer.entry.as_deref() else {
            return (unknown == Unknown::No).then_some(Obstacle::Unheard);
        };
        if !self.is_of_kind(entry) {
            return Some(Obstacle::Kind);
        }
        if self.needs.forced_tool && offer.upstream.refuses_forced_tools(&entry.id) {
            return Some(Obstacle::ForcedTool);
        }
        let missing = self.abilities(entry).find_map(|(needed, fact, what)| match fact {
            _ if !needed => None,
            Some(true) => None,
            Some(false) => Some(Obstacle::Lacks(what)),
            None => (unknown == Unknown::No).then_some(Obstacle::Untold(what)),
        });
        missing.or_else(|| {
            let takes_tools = || self.takes_tools_in(entry, offer.shape_for(&self.wanted()));
            (self.needs.tools && !takes_tools()).then_some(Obstacle::ToolsWhileReasoning)
        })
    }

    /// The fields that the request sets and the model refuses. Resellers leave such fields out by themselves:
    /// <https://openrouter.ai/docs/api-reference/overview>.
    pub(super) fn refused(&self, offer: &Offer) -> Option<Obstacle> {
        let entry = offer.entry.as_deref().filter(|_| !offer.upstream.is_reseller())?;
        let refused = entry.refused(&self.needs);
        (refused != Parameters::NONE).then_some(Obstacle::Refuses(refused))
    }

    /// Whether prompt and answer are too large for the model's bounds.
    pub(super) fn excess(&self, entry: Option<&Model>, unknown: Unknown) -> Option<Obstacle> {
        if self.operation == Operation::Embed {
            // The bounds of such a model hold for each text, and there are many.
            return None;
        }
        let Some(entry) = entry else { return (unknown == Unknown::No).then_some(Obstacle::Window(None)) };
        let exceeds = |size: u64, bound: Option<u64>| bound.map_or(unknown == Unknown::No, |bound| size > bound);
        let whole = self.input.saturating_add(self.max_output.unwrap_or(EXPECTED_OUTPUT));
        if exceeds(whole, entry.context_window) {
            return Some(Obstacle::Window(entry.context_window));
        }
        // Where a provider limits the input apart, and not less than the window, this adds nothing.
        if let Some(bound) = entry.max_input_tokens.filter(|bound| self.input > *bound) {
            return Some(Obstacle::Input(bound));
        }
        // A bound above the model's own is refused by providers, not lowered.
        let asked = self.max_output?;
        exceeds(asked, entry.max_output_tokens).then_some(Obstacle::Output(entry.max_output_tokens))
    }

    /// What the request is expected to cost; `None` when the price is unknown. What the model has read in an earlier turn of the
    /// conversation is expected to be read from its cache.
    pub(super) fn cost(&self, offer: &Offer, stay: Option<&Stay>) -> Option<PicoDollars> {
        let output = match self.operation {
            Operation::Embed => 0,
            _ => self.max_output.unwrap_or(self.expected_output).min(self.expected_output),
        };
        let cached = stay.map_or(0, |stay| stay.cached.min(self.input));
        let fresh = self.input - cached;
        // Whoever marks its prompts for caching marks the new part of them, too.
        let (input, cache_write) = if stay.is_some_and(|stay| stay.writes) { (0, fresh) } else { (fresh, 0) };
        offer.quote.cost(&Usage { input, cache_read: cached, cache_write, output, ..Usage::default() })
    }

    /// What is needed, in words for an error.
    pub(super) fn words(&self) -> String {
        let words = in_words(&self.needs);
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

    /// The catalogue states this one only where it is refused. Where the request is translated, the effort is set to `none` if the model
    /// takes that.
    fn takes_tools_in(&self, entry: &Model, shape: Option<Shape>) -> bool {
        let needs = &self.needs;
        let rests = match shape == Some(self.shape) {
            true => needs.no_reasoning,
            false => !entry.reasons.refuses_none && !needs.reasoning,
        };
        shape != Some(Shape::Chat) || rests || entry.capabilities.chat_tools_while_reasoning != Some(false)
    }

    fn abilities(&self, entry: &Model) -> impl Iterator<Item = (bool, Option<bool>, &'static str)> {
        let (needs, can) = (&self.needs, &entry.capabilities);
        [
            (needs.tools, can.tools, "tools"),
            (needs.forced_tool, can.tool_choice, "forced tool calls"),
            // What is told of this one are the exceptions: whoever calls tools calls several, unless the catalogue says otherwise.
            (needs.parallel_tools, can.parallel_tools.or(can.tools), "parallel tool calls"),
            (needs.images, can.vision, "images"),
            (needs.documents, can.pdf, "documents"),
            (needs.audio, can.audio_input, "audio"),
            (needs.structured_output, can.structured_outputs, "structured output"),
            (needs.reasoning, can.reasoning, "reasoning"),
            (needs.caching, can.prompt_caching, "prompt caching"),
            (needs.streaming, can.streaming, "streaming"),
        ]
        .into_iter()
    }
}
