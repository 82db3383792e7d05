//! How much a model is told to reason, in the words of its host.

use serde::Serialize;

use super::Target;
use super::wire::Object;
use crate::neutral::{Effort, ReasoningAsk, ReasoningMode, Request, Thinking as Takes};
use crate::shapes::{Parameters, efforts};

/// What it is told.
pub(super) struct Thinking {
    told: Told,
    words: Words,
    rests_by_default: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Off,
    On,
    Effort(Effort),
    Budget(u64),
}

/// How hosts say it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Words {
    /// `reasoning_effort`.
    Effort,
    /// `reasoning`, OpenRouter's.
    Router,
    /// `thinking` and `reasoning_effort`: DeepSeek, Kimi, GLM.
    Toggle,
}

impl Thinking {
    /// What to tell for that request, when tools are offered or not.
    pub(super) fn of(request: &Request<'_>, has_tools: bool, target: &mut Target<'_>) -> Thinking {
        let host = &target.profile.host;
        let words = match (host.router_fields, host.thinking_toggle) {
            (true, _) => Words::Router,
            (false, true) => Words::Toggle,
            (false, false) => Words::Effort,
        };
        let told = match told(&request.reasoning, has_tools, words, target) {
            Told::Budget(tokens) => within_bound(tokens, request, target),
            told => told,
        };
        Thinking { told, words, rests_by_default: target.profile.rests_by_default }
    }

    /// Whether the model is going to reason, as far as is known.
    pub(super) fn is_active(&self) -> bool {
        match self.told {
            Told::Off => false,
            Told::Nothing => !self.rests_by_default,
            Told::On | Told::Effort(_) | Told::Budget(_) => true,
        }
    }

    /// Writes it.
    pub(super) fn write(&self, body: &mut Object) {
        let effort = match self.told {
            Told::Effort(effort) => Some(effort.as_str()),
            Told::Off if self.words != Words::Toggle => Some("none"),
            _ => None,
        };
        match self.words {
            Words::Router => {
                let max_tokens = if let Told::Budget(tokens) = self.told { Some(tokens) } else { None };
                let enabled = (self.told == Told::On).then_some(true);
                if self.told != Told::Nothing {
                    body.put("reasoning", &RouterReasoning { effort, max_tokens, enabled });
                }
            }
            Words::Toggle => {
                let kind = match self.told {
                    Told::Nothing => None,
                    Told::Off => Some("disabled"),
                    Told::On | Told::Effort(_) | Told::Budget(_) => Some("enabled"),
                };
                body.put_some("thinking", kind.map(|kind| Toggle { kind }));
                body.put_some("reasoning_effort", effort);
            }
            Words::Effort => body.put_some("reasoning_effort", effort),
        }
    }
}

#[derive(Serialize)]
struct RouterReasoning {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
}

#[derive(Serialize)]
struct Toggle {
    #[serde(rename = "type")]
    kind: &'static str,
}

fn told(ask: &ReasoningAsk, has_tools: bool, words: Words, target: &mut Target<'_>) -> Told {
    let profile = target.profile;
    let asks_much = ask.effort.is_some() || ask.budget.is_some();
    let asks = asks_much || matches!(ask.mode, ReasoningMode::On | ReasoningMode::BetweenTools);
    let wants_off = ask.mode == ReasoningMode::Off;
    if profile.chat_tools_need_no_reasoning && has_tools {
        if asks || (!wants_off && !profile.rests_by_default) {
            target.losses.approximated("reasoning_effort");
        }
        return Told::Off;
    }
    if words == Words::Effort && profile.refused.intersects(Parameters::REASONING_EFFORT) {
        if asks_much || wants_off {
            target.losses.dropped("reasoning.effort");
        }
        return Told::Nothing;
    }
    if profile.thinking == Takes::None {
        if asks_much && !wants_off {
            target.losses.dropped("reasoning.effort");
        }
        return Told::Nothing;
    }
    if wants_off {
        let is_always = matches!(profile.thinking, Takes::Always | Takes::AlwaysOrBetweenTools);
        if !is_always && (words == Words::Toggle || !profile.refuses_effort_none) {
            return Told::Off;
        }
        target.losses.approximated("reasoning.effort");
        return Told::Effort(profile.efforts.iter().min().copied().unwrap_or(Effort::Low));
    }
    if ask.mode == ReasoningMode::BetweenTools {
        target.losses.approximated("thinking");
    }
    match (ask.effort, ask.budget) {
        (_, Some(tokens)) if words == Words::Router => Told::Budget(tokens),
        (Some(effort), _) => Told::Effort(nearest(effort, target)),
        (None, Some(tokens)) => of_budget(tokens, words, target),
        (None, None) if asks => Told::On,
        (None, None) => Told::Nothing,
    }
}

/// A budget, which has to leave room for an answer within the bound on the output that is sent.
fn within_bound(tokens: u64, request: &Request<'_>, target: &mut Target<'_>) -> Told {
    let bounds = [request.max_output, target.profile.max_output.filter(|_| request.max_output.is_some())];
    let most = bounds.into_iter().flatten().min().map(|bound| bound.saturating_sub(1));
    let effort = request.reasoning.effort;
    let Some(most) = most.filter(|most| *most < tokens) else {
        if effort.is_some() {
            target.losses.dropped("reasoning.effort");
        }
        return Told::Budget(tokens);
    };
    target.losses.clamped("reasoning.max_tokens");
    match effort {
        Some(effort) => Told::Effort(nearest(effort, target)),
        None if most == 0 => Told::On,
        None => Told::Budget(most),
    }
}

/// A budget has no place here.
fn of_budget(tokens: u64, words: Words, target: &mut Target<'_>) -> Told {
    if target.profile.efforts.is_empty() && words == Words::Toggle {
        return Told::On;
    }
    Told::Effort(efforts::of_budget(tokens, target.profile, target.losses))
}

fn nearest(effort: Effort, target: &mut Target<'_>) -> Effort {
    efforts::nearest(effort, target.profile, target.losses)
}
