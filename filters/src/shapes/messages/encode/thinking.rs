//! How much to reason: what was asked, in the words that the model takes.

use super::wire;
use crate::neutral::{Effort, Losses, Profile, ReasoningAsk, ReasoningMode, Thinking};
use crate::shapes::Parameters;

/// The least budget that the API takes.
const MIN_BUDGET: u64 = 1_024;
/// The most that makes sense.
const MAX_BUDGET: u64 = 128_000;

/// What of the request bears on reasoning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    /// What was asked.
    pub(super) ask: ReasoningAsk,
    /// The bound on the output, in tokens.
    pub(super) max_tokens: u64,
    /// What else decides.
    pub(super) conversation: Conversation,
}

/// What of the conversation bears on reasoning.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Conversation {
    /// Tools are declared.
    pub(super) tools: bool,
    /// The model is made to call one.
    pub(super) forced: bool,
    /// Results of tools are the last thing said, and the turn that called them has no reasoning to go on from; or the answer
    /// was begun already. A model that reasons by a budget would refuse that.
    pub(super) cannot_begin_with_reasoning: bool,
}

/// What is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) thinking: Option<wire::Thinking>,
    pub(super) effort: Option<Effort>,
}

impl Told {
    const fn thinking(thinking: wire::Thinking) -> Told {
        Told { thinking: Some(thinking), effort: None }
    }
}

/// What to tell the model.
pub(super) fn tell(setting: &Setting, profile: &Profile, losses: &mut Losses) -> Told {
    let kind = match profile.thinking {
        Thinking::Unknown if profile.refused.intersects(Parameters::THINKING_BUDGET) => Thinking::Adaptive,
        kind => kind,
    };
    let ask = setting.ask;
    let is_asked = ask.mode == ReasoningMode::On || ask.effort.is_some() || ask.budget.is_some();
    let told = match (ask.mode, kind) {
        (ReasoningMode::Off, _) => off(ask, kind, profile, losses),
        (ReasoningMode::BetweenTools, Thinking::AlwaysOrBetweenTools | Thinking::Unknown) => {
            Told { thinking: Some(wire::Thinking::BetweenTools), effort: ask.effort }
        }
        (ReasoningMode::BetweenTools, _) => {
            losses.approximated("thinking");
            off(ask, kind, profile, losses)
        }
        (_, Thinking::None) => {
            if is_asked {
                losses.dropped("reasoning");
            }
            Told::default()
        }
        (_, _) if !is_asked => unasked(setting, kind, profile),
        (_, kind) if kind.is_adaptive() => adaptive(setting, losses),
        (_, _) => by_budget(setting, losses),
    };
    let told = with_forced_tool(told, setting, kind, profile, losses);
    let knows_effort =
        kind.is_adaptive() || !profile.efforts.is_empty() || told.thinking == Some(wire::Thinking::BetweenTools);
    let effort = told.effort.filter(|_| knows_effort).and_then(|effort| taken(effort, profile, told.thinking));
    Told { effort, ..told }
}

/// The client wants none.
fn off(ask: ReasoningAsk, kind: Thinking, profile: &Profile, losses: &mut Losses) -> Told {
    match kind {
        Thinking::None => Told::default(),
        Thinking::Unknown | Thinking::Budget | Thinking::Adaptive => {
            Told { thinking: Some(wire::Thinking::Disabled), effort: ask.effort }
        }
        Thinking::AlwaysOrBetweenTools => Told { thinking: Some(wire::Thinking::BetweenTools), effort: ask.effort },
        Thinking::Always => {
            losses.approximated("reasoning.effort");
            let least = profile.efforts.iter().min().copied().unwrap_or(Effort::Low);
            Told { thinking: None, effort: Some(least) }
        }
    }
}

/// Nothing was asked: nothing is sent, unless text between calls of tools would be hidden.
fn unasked(setting: &Setting, kind: Thinking, profile: &Profile) -> Told {
    let always = matches!(kind, Thinking::Always | Thinking::AlwaysOrBetweenTools);
    let shown = match setting.ask.show {
        Some(show) => show && (always || (kind == Thinking::Adaptive && !profile.rests_by_default)),
        None => always && setting.conversation.tools,
    };
    if shown { Told::thinking(wire::Thinking::Adaptive { display: Some("summarized") }) } else { Told::default() }
}

/// For models that are told by effort.
fn adaptive(setting: &Setting, losses: &mut Losses) -> Told {
    let ask = setting.ask;
    let effort = ask.effort.or_else(|| {
        let budget = ask.budget?;
        losses.approximated("reasoning.max_tokens");
        Some(Effort::of_budget(budget))
    });
    let shown = ask.show != Some(false);
    let said = ask.mode == ReasoningMode::On || ask.budget.is_some();
    let thinking = (shown || said || setting.conversation.tools)
        .then_some(wire::Thinking::Adaptive { display: Some(if shown { "summarized" } else { "omitted" }) });
    Told { thinking, effort }
}

/// For models that are told by a budget.
fn by_budget(setting: &Setting, losses: &mut Losses) -> Told {
    let ask = setting.ask;
    if setting.conversation.cannot_begin_with_reasoning {
        losses.approximated("thinking");
        return Told::thinking(wire::Thinking::Disabled);
    }
    if setting.max_tokens <= MIN_BUDGET {
        losses.approximated("reasoning");
        return Told::default();
    }
    let asked = ask.budget.unwrap_or_else(|| {
        let percent = ask.effort.unwrap_or(Effort::Medium).percent();
        // Rounded, as the others that allot reasoning by percent do.
        setting.max_tokens.saturating_mul(percent).saturating_add(50) / 100
    });
    let budget_tokens = asked.max(MIN_BUDGET).min(setting.max_tokens - 1).min(MAX_BUDGET);
    if ask.budget.is_some_and(|asked| asked != budget_tokens) {
        losses.clamped("reasoning.max_tokens");
    }
    // Text that nobody sees would come back without its signature, or the other way round.
    let display = (ask.show == Some(false)).then_some("omitted");
    Told::thinking(wire::Thinking::Enabled { budget_tokens, display })
}

/// A model that reasons cannot be made to call a tool: where reasoning can be turned off, it is.
fn with_forced_tool(told: Told, setting: &Setting, kind: Thinking, profile: &Profile, losses: &mut Losses) -> Told {
    if !setting.conversation.forced {
        return told;
    }
    let reasons = match told.thinking {
        Some(wire::Thinking::Adaptive { .. } | wire::Thinking::Enabled { .. }) => true,
        Some(wire::Thinking::BetweenTools | wire::Thinking::Disabled) => false,
        None => kind == Thinking::Adaptive && !profile.rests_by_default,
    };
    if !reasons || matches!(kind, Thinking::Always | Thinking::AlwaysOrBetweenTools) {
        return told;
    }
    if told.thinking.is_some() || told.effort.is_some() {
        // Who asked for no reasoning loses none.
        losses.approximated("thinking");
    }
    Told { thinking: Some(wire::Thinking::Disabled), ..told }
}

/// The effort that the model takes and that is nearest from below, else the least that it takes.
fn taken(asked: Effort, profile: &Profile, thinking: Option<wire::Thinking>) -> Option<Effort> {
    // Reasoning may only be off with an effort that is not above `high`.
    let most = if thinking == Some(wire::Thinking::Disabled) { Effort::High } else { Effort::Max };
    let asked = asked.min(most);
    if profile.efforts.is_empty() {
        // The API has no `minimal`.
        return Some(asked.max(Effort::Low));
    }
    let below = profile.efforts.iter().copied().filter(|effort| *effort <= asked).max();
    below.or_else(|| profile.efforts.iter().copied().filter(|effort| *effort <= most).min())
}
