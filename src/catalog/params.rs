//! Reads what the catalogue says of request fields: which ones a model refuses, and under which condition.

use std::collections::HashMap;

use ovth_filters::neutral::{BudgetBounds, Effort, Thinking};
use ovth_filters::shapes::Parameters;
use serde::Deserialize;

use super::model::{Reasons, Refused};

/// `params` of a model: facts in words, of which only those that decide about a request are understood.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Params {
    max_tokens_field: Option<Box<str>>,
    not_accepted: Vec<Box<str>>,
    conditional: HashMap<Box<str>, Box<str>>,
}

/// Of `reasoning` of a model, what counts here.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Reasoning {
    default: Option<Box<str>>,
    supported: Option<bool>,
    control: Option<Box<str>>,
    always_on: bool,
    levels: Vec<Box<str>>,
    modes: Vec<Box<str>>,
    budget_tokens: Option<BudgetTokens>,
    can_be_switched_off: bool,
}

/// The budgets that a model takes, in tokens.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct BudgetTokens {
    min: u64,
    max: Option<u64>,
}

impl Params {
    /// The fields that the model refuses.
    pub(super) fn refused(&self, reasoning: &Reasoning) -> Refused {
        let mut refused = Refused {
            always: self.not_accepted.iter().filter_map(|name| parameter(name)).collect(),
            rests_by_default: reasoning.default.as_deref() == Some("none"),
            ..Refused::default()
        };
        for (names, condition) in &self.conditional {
            let named: Parameters = names.split(", ").filter_map(parameter).collect();
            if condition.contains("effort resolves to \"none\"") {
                refused.while_reasoning = refused.while_reasoning | named;
            } else if condition.starts_with("only 1") {
                refused.always = refused.always | named;
            }
        }
        refused
    }

    /// How the model is told to reason.
    pub(super) fn reasons(&self, reasoning: &Reasoning) -> Reasons {
        let between_tools = reasoning.modes.iter().any(|mode| &**mode == "between_tools");
        let thinking = match reasoning.control.as_deref() {
            Some("budget") => Thinking::Budget,
            Some("adaptive") if reasoning.always_on && between_tools => Thinking::AlwaysOrBetweenTools,
            Some("adaptive") if reasoning.always_on => Thinking::Always,
            Some("adaptive") => Thinking::Adaptive,
            _ if reasoning.supported == Some(false) => Thinking::None,
            _ => Thinking::Unknown,
        };
        let text_goes_back =
            self.conditional.get("reasoning_content").map(|condition| condition.starts_with("must be sent back"));
        let budget = reasoning.budget_tokens.and_then(|tokens| {
            Some(BudgetBounds { least: tokens.min, most: tokens.max?, may_be_off: reasoning.can_be_switched_off })
        });
        Reasons {
            thinking,
            budget,
            efforts: reasoning.levels.iter().filter_map(|level| Effort::named(level)).collect(),
            refuses_none: !reasoning.levels.is_empty() && !reasoning.levels.iter().any(|level| &**level == "none"),
            toggle: reasoning.control.as_deref().is_some_and(|control| control.starts_with("toggle")),
            text_goes_back: text_goes_back.unwrap_or(false),
        }
    }

    /// Whether `temperature` and `top_p` may not be set together.
    pub(super) fn takes_one_of_temperature_and_top_p(&self) -> bool {
        self.conditional.contains_key("temperature+top_p")
    }

    /// Whether the chat endpoint knows the bound on the output by its newer name only.
    pub(super) fn takes_max_completion_tokens(&self) -> bool {
        self.max_tokens_field.as_deref().is_some_and(|field| field.starts_with("max_completion_tokens"))
            && self.not_accepted.iter().any(|name| &**name == "max_tokens")
    }
}

/// `temperature other than 1` and `seed (its name is random_seed)` are fields with a remark.
fn parameter(entry: &str) -> Option<Parameters> {
    let name = entry.split(" (").next().unwrap_or(entry);
    Parameters::named(name.trim_end_matches(" other than 1"))
}
