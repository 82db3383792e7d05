//! One model of one provider, as the rest of the gateway sees it.

use std::sync::Arc;

use ovth_filters::Shape;
use ovth_filters::neutral::{BudgetBounds, Effort, Thinking};
use ovth_filters::shapes::{Needs, Parameters};
use serde::Deserialize;

use super::names::{Spelling, undated};
use super::{Date, PicoDollars, Price};

/// What is known of one model at one provider. What is unknown is `None`; that is not a "no".
#[derive(Clone, Debug)]
pub struct Model {
    /// The id the provider's own API takes, undated where it takes one.
    pub id: Arc<str>,
    /// Who serves it.
    pub provider: Arc<str>,
    /// Its name for people.
    pub name: Option<Box<str>>,
    /// What it does.
    pub kind: Kind,
    /// Whether it can be used.
    pub status: Status,
    /// Every other name for it.
    pub aliases: Vec<Arc<str>>,
    /// Those of its aliases that the provider's own API takes.
    pub api_aliases: Vec<Arc<str>>,
    /// Those of its aliases that people use though no provider ever served a model of that name.
    pub never_existed: Vec<Arc<str>>,
    /// What to use instead, when this one is gone or going: the id of a model of the same provider that is not retired.
    pub successor: Option<Arc<str>>,
    /// Tokens of input and output together.
    pub context_window: Option<u64>,
    /// Tokens of input, where the provider limits them apart.
    pub max_input_tokens: Option<u64>,
    /// Tokens of output, reasoning included.
    pub max_output_tokens: Option<u64>,
    /// What it costs by its provider's list.
    pub price: Option<Arc<Price>>,
    /// What it can do.
    pub capabilities: Capabilities,
    /// The shapes in which its provider serves it; empty for what answers in none of ours, such as an embedding model.
    pub shapes: Vec<Shape>,
    /// When it came out.
    pub released: Option<Date>,
    /// The day from which requests to it fail, once announced.
    pub shutdown_date: Option<Date>,
    /// Whether Chat Completions takes `max_completion_tokens` for it and refuses `max_tokens`.
    pub takes_max_completion_tokens: bool,
    /// Whether `temperature` and `top_p` may not be set together.
    pub takes_one_of_temperature_and_top_p: bool,
    /// How it is told to reason.
    pub reasons: Reasons,
    pub(super) refused: Refused,
    pub(super) good_enough: bool,
}

/// How a model is told to reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasons {
    /// By a budget, by effort, always, not at all.
    pub thinking: Thinking,
    /// The budgets that it takes, where the catalogue tells them.
    pub budget: Option<BudgetBounds>,
    /// The efforts that it takes; empty where the catalogue does not list them.
    pub efforts: Vec<Effort>,
    /// Whether its efforts are known and `none` is not one of them.
    pub refuses_none: bool,
    /// Whether it is switched on and off by `thinking: {type}` on chat.
    pub toggle: bool,
    /// Whether it wants the text of its reasoning back in the turns that call tools.
    pub text_goes_back: bool,
}

/// The request fields that a model refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) always: Parameters,
    /// Those that it takes only while its reasoning effort is `none`.
    pub(super) while_reasoning: Parameters,
    /// Whether its effort is `none` when a request says nothing of it.
    pub(super) rests_by_default: bool,
}

/// What a model does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Generates text in a conversation.
    Chat,
    /// Embeds text.
    Embedding,
    /// Something a later catalogue knows of.
    #[serde(untagged)]
    Unknown(Box<str>),
}

/// Whether a model can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Served.
    Current,
    /// Served, and may change or go at short notice.
    Preview,
    /// Still served; its end is announced.
    Deprecated,
    /// Requests for it fail.
    Retired,
    /// Listed by one source only.
    Unconfirmed,
}

/// What a model can do: `Some(true)`, `Some(false)`, or `None` where no source says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    /// Calls functions.
    pub tools: Option<bool>,
    /// Calls functions on Chat Completions while it reasons. `Some(false)`: such requests are refused there unless the
    /// reasoning effort is `none`.
    pub chat_tools_while_reasoning: Option<bool>,
    /// Can be made to call a certain function, or any.
    pub tool_choice: Option<bool>,
    /// Calls several functions in one turn.
    pub parallel_tools: Option<bool>,
    /// Sees images.
    pub vision: Option<bool>,
    /// Reads PDF files.
    pub pdf: Option<bool>,
    /// Hears.
    pub audio_input: Option<bool>,
    /// Speaks.
    pub audio_output: Option<bool>,
    /// Watches video.
    pub video_input: Option<bool>,
    /// Keeps to a JSON schema.
    pub structured_outputs: Option<bool>,
    /// Reasons before it answers.
    pub reasoning: Option<bool>,
    /// Has a prompt cache.
    pub prompt_caching: Option<bool>,
    /// Streams.
    pub streaming: Option<bool>,
    /// Takes a system message.
    pub system_messages: Option<bool>,
    /// Searches the web by itself.
    pub web_search: Option<bool>,
    /// Operates a computer.
    pub computer_use: Option<bool>,
    /// Goes on from an assistant message that ends the conversation.
    pub assistant_prefill: Option<bool>,
    /// Takes instructions between turns (`role: system` inside of `messages`).
    pub system_between_turns: Option<bool>,
}

impl Model {
    /// Its name for people; its id when it has none.
    #[must_use]
    pub fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }

    /// Its id, then its aliases.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        std::iter::once(&self.id).chain(&self.aliases)
    }

    /// Whether it is good enough to be picked by a route that names no models (the shipped quality floor).
    #[must_use]
    pub const fn good_enough(&self) -> bool {
        self.good_enough
    }

    /// Of the fields that a request sets, those for which it is refused. A `max_tokens` that can be sent under its newer
    /// name is none of them.
    #[must_use]
    pub fn refused(&self, needs: &Needs) -> Parameters {
        let Refused { always, while_reasoning, rests_by_default } = self.refused;
        let rests = needs.no_reasoning || (rests_by_default && !needs.reasoning);
        let set = needs.parameters;
        let can_rename = self.takes_max_completion_tokens && !set.intersects(Parameters::MAX_COMPLETION_TOKENS);
        let set = if can_rename { set.without(Parameters::MAX_TOKENS) } else { set };
        set & if rests { always } else { always | while_reasoning }
    }

    /// The fields that it refuses always, those that it refuses while it reasons, and whether it rests when nothing is said.
    #[must_use]
    pub const fn refusals(&self) -> (Parameters, Parameters, bool) {
        (self.refused.always, self.refused.while_reasoning, self.refused.rests_by_default)
    }

    /// What a request with a prompt of so many tokens and an answer of so many would cost, nothing of it cached.
    /// `None` when the price is unknown.
    #[must_use]
    pub fn expected_cost(&self, input_tokens: u64, output_tokens: u64) -> Option<PicoDollars> {
        self.price.as_ref()?.expected_cost(input_tokens, output_tokens)
    }

    /// Whether this name stands for the model only because people use it: no provider ever served a model so called.
    #[must_use]
    pub fn never_existed(&self, name: &str) -> bool {
        Spelling::of(name).is_one_of(&self.never_existed)
    }

    /// The id that goes upstream when a client asked for this model by that name.
    ///
    /// A snapshot that the client pinned stays pinned: an alias the provider's API takes is kept, and so is a date that
    /// the catalogue does not list. Names that only others use (OpenRouter's slugs, dotted versions) become the id, unless
    /// that is a snapshot of another date.
    #[must_use]
    pub fn api_id_for(&self, name: &str) -> Arc<str> {
        let spelling = Spelling::of(name);
        if let Some(alias) = spelling.find_in(&self.api_aliases) {
            return Arc::clone(alias);
        }
        let base = undated(&self.id);
        let date = spelling.date_after(base);
        let is_dated = base.len() < self.id.len();
        match date.or_else(|| spelling.date_after_author(base).filter(|_| is_dated)) {
            Some(date) if !spelling.is_one_of(&self.aliases) => format!("{base}{date}").into(),
            _ => Arc::clone(&self.id),
        }
    }
}
