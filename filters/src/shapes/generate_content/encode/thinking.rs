//! How much the model is told to think: by a level (Gemini 3 and later) or a budget of tokens (Gemini 2.5), never by both.

use super::Target;
use super::wire::ThinkingConfig;
use crate::neutral::{BudgetBounds, Effort, ReasoningAsk, ReasoningMode, Request, Thinking};

/// Levels that a model has of which they are not known.
const USUAL: [Effort; 3] = [Effort::Low, Effort::Medium, Effort::High];

/// The budgets of a model of which they are not known: those that all have.
const USUAL_BUDGETS: BudgetBounds = BudgetBounds { least: 512, most: 24_576, may_be_off: true };

/// What to say of it; nothing where nothing was asked.
pub(super) fn config(request: &Request<'_>, target: &mut Target<'_>) -> Option<ThinkingConfig> {
    let ask = &request.reasoning;
    let asks_much = ask.effort.is_some() || ask.budget.is_some();
    if target.profile.thinking == Thinking::None {
        // Such a model refuses the field.
        if asks_much && ask.mode != ReasoningMode::Off {
            target.losses.dropped("reasoning.effort");
        }
        return None;
    }
    if ask.mode == ReasoningMode::BetweenTools {
        target.losses.approximated("thinking");
    }
    let mut config = match target.profile.thinking {
        Thinking::Budget => by_budget(ask, target),
        _ => by_level(ask, target),
    };
    let asks = asks_much || matches!(ask.mode, ReasoningMode::On | ReasoningMode::BetweenTools);
    config.include_thoughts = ask.mode != ReasoningMode::Off && ask.show.unwrap_or(asks);
    (config != ThinkingConfig::default()).then_some(config)
}

fn by_level(ask: &ReasoningAsk, target: &mut Target<'_>) -> ThinkingConfig {
    let effort = match (ask.mode, ask.effort, ask.budget) {
        (ReasoningMode::Off, ..) => {
            // It cannot be switched off.
            target.losses.approximated("reasoning.effort");
            Some(levels(target).iter().min().copied().unwrap_or(Effort::Low))
        }
        (_, Some(effort), _) => {
            let level = nearest(effort, levels(target));
            if level != effort {
                target.losses.approximated("reasoning.effort");
            }
            Some(level)
        }
        (_, None, Some(tokens)) => {
            target.losses.approximated("reasoning.max_tokens");
            Some(nearest(Effort::of_budget(tokens), levels(target)))
        }
        (_, None, None) => None,
    };
    ThinkingConfig { thinking_level: effort.map(word), ..ThinkingConfig::default() }
}

fn levels<'t>(target: &Target<'t>) -> &'t [Effort] {
    if target.profile.efforts.is_empty() { &USUAL } else { &target.profile.efforts }
}

/// The level that is meant, else the next one above it, else the highest.
fn nearest(effort: Effort, levels: &[Effort]) -> Effort {
    let above = levels.iter().filter(|level| **level >= effort).min();
    above.or(levels.iter().max()).copied().unwrap_or(Effort::High)
}

const fn word(level: Effort) -> &'static str {
    match level {
        Effort::Minimal => "MINIMAL",
        Effort::Low => "LOW",
        Effort::Medium => "MEDIUM",
        Effort::High => "HIGH",
        Effort::XHigh | Effort::Max => "XHIGH",
    }
}

fn by_budget(ask: &ReasoningAsk, target: &mut Target<'_>) -> ThinkingConfig {
    let bounds = target.profile.budget.unwrap_or(USUAL_BUDGETS);
    let tokens = match (ask.mode, ask.budget, ask.effort) {
        (ReasoningMode::Off, ..) if bounds.may_be_off => Some(0),
        (ReasoningMode::Off, ..) => {
            target.losses.approximated("reasoning.effort");
            Some(bounds.least)
        }
        (_, Some(tokens), _) => {
            let taken = tokens.clamp(bounds.least.min(bounds.most), bounds.most);
            if taken != tokens {
                target.losses.clamped("reasoning.max_tokens");
            }
            Some(taken)
        }
        (_, None, Some(effort)) => {
            let tokens = match effort {
                Effort::Minimal | Effort::Low => 1_024,
                Effort::Medium => 8_192,
                Effort::High => 24_576,
                Effort::XHigh | Effort::Max => bounds.most,
            };
            Some(tokens.clamp(bounds.least.min(bounds.most), bounds.most))
        }
        // As much as it sees fit.
        (ReasoningMode::On | ReasoningMode::BetweenTools, None, None) => {
            return ThinkingConfig { thinking_budget: Some(-1), ..ThinkingConfig::default() };
        }
        (ReasoningMode::Unsaid, None, None) => None,
    };
    let tokens = tokens.and_then(|tokens| i64::try_from(tokens).ok());
    ThinkingConfig { thinking_budget: tokens, ..ThinkingConfig::default() }
}
