//! Reasoning that a provider wants back with the results of its calls, for clients that do not send it back themselves.

use std::sync::Arc;

use crate::neutral::{Answering, Event, Opening, Part, Profile, Reasoning, Request, Role, State, StateFormat};
use crate::shapes::envelope;

/// Of one answer, calls and reasoning are kept up to this size together; an answer with more keeps none.
const KEPT_BYTES: usize = 256 * 1024;

/// So much remembered reasoning goes into one request, the latest turns first.
const RECALLED_BYTES: usize = 4 * 1024 * 1024;

/// What of an answer is to be remembered: it called tools, and its provider wants its reasoning back with their results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The ids of the calls, as the client was told them.
    pub calls: Vec<String>,
    /// The reasoning that has state, in order, each with its origin. State that belongs to a call stands by itself, with the call's id.
    pub reasoning: Vec<Reasoning<'static>>,
}

impl Kept {
    /// Bytes of its texts.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let calls: usize = self.calls.iter().map(String::len).sum();
        calls + self.reasoning.iter().map(size).sum::<usize>()
    }

    /// Of a whole answer.
    pub(super) fn of(parts: &[Part<'static>], answering: &Answering) -> Option<Kept> {
        if !parts.iter().any(|part| matches!(part, Part::ToolCall(_))) {
            return None;
        }
        let mut calls = Vec::new();
        let mut reasoning = Vec::new();
        let mut bytes = 0_usize;
        for part in parts {
            match part {
                Part::ToolCall(call) => {
                    bytes = bytes.saturating_add(call.id.len());
                    calls.push(call.id.to_string());
                    reasoning.extend(call.state.as_ref().map(|state| of_call(state, &call.id)));
                }
                Part::Reasoning(thought) if thought.state.is_some() => reasoning.push(thought.clone()),
                _ => continue,
            }
            bytes = bytes.saturating_add(reasoning.last().map_or(0, size));
            if bytes > KEPT_BYTES {
                return None;
            }
        }
        Kept::new(calls, reasoning, answering)
    }

    fn new(calls: Vec<String>, mut reasoning: Vec<Reasoning<'static>>, answering: &Answering) -> Option<Kept> {
        if calls.is_empty() || reasoning.is_empty() {
            return None;
        }
        for state in reasoning.iter_mut().filter_map(|thought| thought.state.as_mut()) {
            state.origin = Some(answering.origin.clone());
        }
        Some(Kept { calls, reasoning })
    }
}

/// Looks the reasoning up that was remembered with the call of an id.
pub type Recall<'r> = &'r dyn Fn(&str) -> Option<Arc<[Reasoning<'static>]>>;

/// Keeps what is to be remembered of a stream while it passes.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    calls: Vec<String>,
    reasoning: Vec<(u32, Reasoning<'static>)>,
    bytes: usize,
}

impl Keeper {
    /// Sees the next event.
    pub(super) fn see(&mut self, event: &Event) {
        if self.bytes > KEPT_BYTES {
            return;
        }
        match event {
            Event::Open { part, what: Opening::Reasoning { summary } } => {
                self.grow(size_of::<Reasoning<'_>>());
                self.reasoning.push((*part, Reasoning { summary: *summary, ..Reasoning::default() }));
            }
            Event::Open { part, what: Opening::ToolCall { id, state, .. } } => {
                self.grow(id.len());
                self.calls.push(id.clone());
                if let Some(state) = state {
                    let thought = of_call(state, id);
                    self.grow(size(&thought));
                    self.reasoning.push((*part, thought));
                }
            }
            Event::Reasoning { part, text } => {
                self.grow(text.len());
                if let Some(thought) = self.thought(*part) {
                    thought.text.to_mut().push_str(text);
                }
            }
            Event::State { part, state } => {
                self.grow(state.data.len());
                if let Some(thought) = self.thought(*part) {
                    thought.state = Some(state.clone());
                }
            }
            _ => {}
        }
        if self.bytes > KEPT_BYTES {
            (self.calls, self.reasoning) = (Vec::new(), Vec::new());
        }
    }

    /// What is to be remembered, now that the answer is over.
    pub(super) fn finish(self, answering: &Answering) -> Option<Kept> {
        let thoughts = self.reasoning.into_iter().map(|(_, thought)| thought);
        Kept::new(self.calls, thoughts.filter(|thought| thought.state.is_some()).collect(), answering)
    }

    fn grow(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn thought(&mut self, number: u32) -> Option<&mut Reasoning<'static>> {
        self.reasoning.iter_mut().rev().find(|(part, _)| *part == number).map(|(_, thought)| thought)
    }
}

/// Puts remembered reasoning back at the head of the turns that called tools, where the client sent no state of its own. What it sent of the text
/// alone is in what is remembered. Only what the target itself made is put back.
pub(super) fn put_back(request: &mut Request<'_>, profile: &Profile, recall: Recall<'_>) {
    let mut room = RECALLED_BYTES;
    for message in request.messages.iter_mut().rev().filter(|message| message.role == Role::Assistant) {
        let has_state = |part: &Part<'_>| match part {
            Part::Reasoning(thought) => thought.state.is_some(),
            Part::ToolCall(call) => call.state.is_some(),
            _ => false,
        };
        if message.parts.iter().any(has_state) {
            continue;
        }
        let calls = message.parts.iter().filter_map(|part| match part {
            Part::ToolCall(call) => Some(&*call.id),
            _ => None,
        });
        let Some(recalled) = calls.map(recall).find_map(|found| found) else { continue };
        let is_own = |thought: &&Reasoning<'static>| {
            let state = thought.state.as_ref();
            state.is_some_and(|state| state.origin.is_some() && envelope::belongs(state, &profile.origin))
        };
        let own: Vec<&Reasoning<'static>> = recalled.iter().filter(is_own).collect();
        if own.is_empty() {
            continue;
        }
        let Some(left) = room.checked_sub(own.iter().map(|thought| size(thought)).sum()) else { return };
        room = left;
        let mut thoughts = Vec::new();
        for thought in own {
            if !give_to_call(thought, &mut message.parts) {
                thoughts.push(Part::Reasoning(thought.clone()));
            }
        }
        if !thoughts.is_empty() {
            message.parts.retain(|part| !matches!(part, Part::Reasoning(_)));
            message.parts.splice(0..0, thoughts);
        }
    }
}

/// State of a call, as it is remembered.
fn of_call(state: &State<'static>, id: &str) -> Reasoning<'static> {
    let state = State { id: Some(id.to_owned().into()), ..state.clone() };
    Reasoning { state: Some(state), ..Reasoning::default() }
}

/// Gives state to the call that it is of; `false` when it is of none.
fn give_to_call(thought: &Reasoning<'static>, parts: &mut [Part<'_>]) -> bool {
    let state = thought.state.as_ref().filter(|state| state.format == StateFormat::GoogleSignature);
    let Some((state, id)) = state.and_then(|state| Some((state, state.id.as_deref()?))) else { return false };
    let call = parts.iter_mut().find_map(|part| match part {
        Part::ToolCall(call) if call.id == id => Some(call),
        _ => None,
    });
    let Some(call) = call else { return false };
    call.state = Some(state.clone());
    true
}

fn size(reasoning: &Reasoning<'_>) -> usize {
    let state = reasoning.state.as_ref().map_or(0, |state| {
        state.data.len()
            + state.id.as_ref().map_or(0, |id| id.len())
            + state.extra.as_ref().map_or(0, |extra| extra.raw().len())
    });
    size_of::<Reasoning<'_>>() + reasoning.text.len() + state
}
