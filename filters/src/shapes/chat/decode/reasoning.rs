//! How much a chat client asks the model to reason: OpenAI's `reasoning_effort`, OpenRouter's `reasoning`, and `thinking` as
//! DeepSeek, GLM and others have it.

use super::{flag, refused, whole, wrong};
use crate::json::{ValueKind, View};
use crate::neutral::{ApiError, Effort, ReasoningAsk, ReasoningMode};

/// The fields that say it.
#[derive(Default)]
pub(super) struct Fields<'a> {
    pub(super) reasoning: Option<View<'a>>,
    pub(super) effort: Option<View<'a>>,
    pub(super) include: Option<View<'a>>,
    pub(super) thinking: Option<View<'a>>,
}

/// What one field says.
#[derive(Clone, Copy, Default)]
struct Said {
    mode: ReasoningMode,
    effort: Option<Effort>,
    budget: Option<u64>,
}

const OFF: Said = Said { mode: ReasoningMode::Off, effort: None, budget: None };

impl Said {
    const fn is_off(&self) -> bool {
        matches!(self.mode, ReasoningMode::Off)
    }

    const fn asks(&self) -> bool {
        self.effort.is_some()
            || self.budget.is_some()
            || matches!(self.mode, ReasoningMode::On | ReasoningMode::BetweenTools)
    }
}

impl Fields<'_> {
    /// What they say together.
    ///
    /// # Errors
    /// When they contradict each other, or one has a value that no API knows.
    pub(super) fn read(&self) -> Result<ReasoningAsk, ApiError> {
        let short = self.effort.map_or(Ok(Said::default()), |value| effort("reasoning_effort", value))?;
        let (router, exclude) = self.reasoning.map_or(Ok((Said::default(), None)), router)?;
        let vendor = self.thinking.map_or(Ok(Said::default()), vendor)?;
        let include = self.include.map(|value| flag("include_reasoning", value)).transpose()?;
        let all = [("reasoning_effort", short), ("reasoning", router), ("thinking", vendor)];
        for (index, (name, said)) in all.iter().enumerate() {
            for (earlier, before) in all.iter().take(index) {
                if contradict(before, said) {
                    return Err(conflict(earlier, name));
                }
            }
        }
        let efforts_differ = matches!((short.effort, router.effort), (Some(one), Some(other)) if one != other);
        if efforts_differ || (short.effort.is_some() && router.budget.is_some()) {
            return Err(conflict("reasoning_effort", "reasoning"));
        }
        let of = |find: fn(&Said) -> bool| all.iter().map(|(_, said)| *said).find(find);
        let mode = of(|said| said.mode != ReasoningMode::Unsaid).map_or(ReasoningMode::Unsaid, |said| said.mode);
        let asks = all.iter().any(|(_, said)| said.asks()) || include == Some(true);
        Ok(ReasoningAsk {
            mode,
            effort: of(|said| said.effort.is_some()).and_then(|said| said.effort),
            budget: of(|said| said.budget.is_some()).and_then(|said| said.budget),
            show: match exclude.or(include.map(|include| !include)) {
                Some(true) => Some(false),
                Some(false) => Some(true),
                None => asks.then_some(true),
            },
        })
    }
}

fn contradict(one: &Said, other: &Said) -> bool {
    let differ = |one: Option<u64>, other: Option<u64>| one.is_some() && other.is_some() && one != other;
    (one.is_off() && other.asks()) || (one.asks() && other.is_off()) || differ(one.budget, other.budget)
}

fn conflict(one: &str, other: &str) -> ApiError {
    refused(other, format!("`{one}` and `{other}` say different things: send one of them"))
}

/// Reads an effort.
fn effort(name: &str, value: View<'_>) -> Result<Said, ApiError> {
    let word = value.string();
    match word.as_deref() {
        Some("none") => Ok(OFF),
        // What some hosts call the model's own choice.
        Some("default" | "auto") => Ok(Said::default()),
        Some(word) => {
            let effort = Effort::named(word).ok_or_else(|| wrong(name, LEVELS))?;
            Ok(Said { effort: Some(effort), ..Said::default() })
        }
        None => Err(wrong(name, LEVELS)),
    }
}

const LEVELS: &str = "one of `none`, `minimal`, `low`, `medium`, `high`, `xhigh` and `max`";

/// Reads OpenRouter's `reasoning`, and whether it excludes the text from the answer.
fn router(value: View<'_>) -> Result<(Said, Option<bool>), ApiError> {
    if value.kind() != ValueKind::Object {
        return Err(wrong("reasoning", "an object"));
    }
    let level = value.member("effort").map(|level| effort("reasoning.effort", level)).transpose()?;
    let budget = value.member("max_tokens").map(|budget| whole("reasoning.max_tokens", budget)).transpose()?;
    let enabled = value.member("enabled").map(|enabled| flag("reasoning.enabled", enabled)).transpose()?;
    let exclude = value.member("exclude").map(|exclude| flag("reasoning.exclude", exclude)).transpose()?;
    if level.is_some() && budget.is_some() {
        return Err(refused("reasoning", "`reasoning` takes one of `effort` and `max_tokens`, not both"));
    }
    let mut said = level.unwrap_or_default();
    match budget {
        Some(0) => said = OFF,
        budget => said.budget = budget,
    }
    match enabled {
        Some(false) if said.asks() => return Err(conflict("reasoning.enabled", "reasoning")),
        Some(true) if said.is_off() => return Err(conflict("reasoning.enabled", "reasoning")),
        Some(false) => said = OFF,
        Some(true) => said.mode = ReasoningMode::On,
        None => {}
    }
    Ok((said, exclude))
}

/// Reads a vendor's `thinking`.
fn vendor(value: View<'_>) -> Result<Said, ApiError> {
    let kind = value.member("type").and_then(View::string);
    let budget = value.member("budget_tokens").map(|budget| whole("thinking.budget_tokens", budget)).transpose()?;
    let mode = match kind.as_deref() {
        Some("disabled") => return Ok(OFF),
        Some("enabled" | "adaptive" | "auto") => ReasoningMode::On,
        Some("between_tools") => ReasoningMode::BetweenTools,
        _ => return Err(wrong("thinking.type", "`enabled`, `adaptive` or `disabled`")),
    };
    Ok(Said { mode, effort: None, budget: budget.filter(|budget| *budget > 0) })
}
