//! How much a model is told to reason, and whether it is to show what it thought.

use serde::Serialize;

use super::super::super::efforts;
use super::super::super::object::Object;
use super::Target;
use crate::neutral::{Effort, ReasoningMode, Request, Thinking as Takes};
use crate::shapes::Parameters;

/// What it is told.
pub(super) struct Thinking {
    told: Told,
    shows: bool,
    /// Whether state of it comes back.
    reasons: bool,
    rests_by_default: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Off,
    /// OpenRouter's.
    On,
    Effort(Effort),
    /// OpenRouter's.
    Budget(u64),
}

impl Thinking {
    /// What to tell for that request.
    pub(super) fn of(request: &Request<'_>, target: &mut Target<'_>) -> Thinking {
        let ask = &request.reasoning;
        let told = told(request, target);
        let reasons = target.profile.thinking != Takes::None;
        let is_on = matches!(ask.mode, ReasoningMode::On | ReasoningMode::BetweenTools);
        let shows = reasons && told != Told::Off && ask.mode != ReasoningMode::Off && ask.show.unwrap_or(is_on);
        Thinking { told, shows, reasons, rests_by_default: target.profile.rests_by_default }
    }

    /// Whether the model is going to reason, as far as is known.
    pub(super) const fn is_active(&self) -> bool {
        match self.told {
            Told::Off => false,
            Told::Nothing => self.reasons && !self.rests_by_default,
            Told::On | Told::Effort(_) | Told::Budget(_) => true,
        }
    }

    /// Writes it, and asks for the state of it, which models that do not reason refuse.
    pub(super) fn write(&self, body: &mut Object) {
        if self.reasons {
            body.put("include", &["reasoning.encrypted_content"]);
        }
        let (effort, max_tokens) = match self.told {
            Told::Off => (Some("none"), None),
            Told::Effort(effort) => (Some(effort.as_str()), None),
            Told::Budget(tokens) => (None, Some(tokens)),
            Told::Nothing | Told::On => (None, None),
        };
        let enabled = (self.told == Told::On).then_some(true);
        let summary = self.shows.then_some("auto");
        if effort.is_some() || summary.is_some() || max_tokens.is_some() || enabled.is_some() {
            body.put("reasoning", &Wire { effort, max_tokens, enabled, summary });
        }
    }
}

#[derive(Serialize)]
struct Wire {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'static str>,
}

fn told(request: &Request<'_>, target: &mut Target<'_>) -> Told {
    let (ask, profile) = (&request.reasoning, target.profile);
    let asks_much = ask.effort.is_some() || ask.budget.is_some();
    let wants_off = ask.mode == ReasoningMode::Off;
    let takes_effort = !profile.refused.intersects(Parameters::REASONING_EFFORT);
    if !takes_effort || profile.thinking == Takes::None {
        // That a model does not reason that cannot is nothing lost.
        if (asks_much && !wants_off) || (wants_off && profile.thinking != Takes::None) {
            target.losses.dropped("reasoning.effort");
        }
        return Told::Nothing;
    }
    if wants_off {
        let is_always = matches!(profile.thinking, Takes::Always | Takes::AlwaysOrBetweenTools);
        if !is_always && !profile.refuses_effort_none {
            return Told::Off;
        }
        target.losses.approximated("reasoning.effort");
        return Told::Effort(profile.efforts.iter().min().copied().unwrap_or(Effort::Low));
    }
    if ask.mode == ReasoningMode::BetweenTools {
        target.losses.approximated("thinking");
    }
    let is_router = profile.host.router_fields;
    match (ask.effort, ask.budget) {
        (Some(effort), _) => Told::Effort(efforts::nearest(effort, profile, target.losses)),
        (None, Some(tokens)) if is_router => within_bound(tokens, request, target),
        (None, Some(tokens)) => Told::Effort(efforts::of_budget(tokens, profile, target.losses)),
        (None, None) if is_router && ask.mode == ReasoningMode::On => Told::On,
        (None, None) => Told::Nothing,
    }
}

/// A budget, which has to leave room for an answer.
fn within_bound(tokens: u64, request: &Request<'_>, target: &mut Target<'_>) -> Told {
    let bounds = [request.max_output, target.profile.max_output.filter(|_| request.max_output.is_some())];
    let most = bounds.into_iter().flatten().min().map(|bound| bound.saturating_sub(1));
    match most.filter(|most| *most < tokens) {
        None => Told::Budget(tokens),
        Some(most) => {
            target.losses.clamped("reasoning.max_tokens");
            if most == 0 { Told::On } else { Told::Budget(most) }
        }
    }
}
