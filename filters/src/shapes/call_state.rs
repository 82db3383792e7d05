//! State of calls, in shapes where it travels as a piece of reasoning before them.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::neutral::{Part, State, StateFormat, ToolCall};

/// State that stood in a piece of reasoning of its own, because calls have no place for it, goes back to its call.
pub(super) fn give_to_calls(parts: &mut Vec<Part<'_>>) {
    let is_of_a_call = |part: &Part<'_>| match part {
        Part::Reasoning(reasoning) if reasoning.text.is_empty() => reasoning
            .state
            .as_ref()
            .is_some_and(|state| state.format == StateFormat::GoogleSignature && state.id.is_some()),
        _ => false,
    };
    if !parts.iter().any(is_of_a_call) {
        return;
    }
    let calls: HashSet<String> = parts.iter_mut().filter_map(as_call).map(|call| call.id.to_string()).collect();
    let is_of_these = |state: &State<'_>| {
        state.format == StateFormat::GoogleSignature && state.id.as_deref().is_some_and(|id| calls.contains(id))
    };
    let mut states: HashMap<String, VecDeque<State<'_>>> = HashMap::new();
    parts.retain_mut(|part| match part {
        Part::Reasoning(reasoning) if reasoning.text.is_empty() => match reasoning.state.take() {
            Some(state) if is_of_these(&state) => {
                let id = state.id.as_deref().unwrap_or_default().to_owned();
                states.entry(id).or_default().push_back(state);
                false
            }
            state => {
                reasoning.state = state;
                true
            }
        },
        _ => true,
    });
    for call in parts.iter_mut().filter_map(as_call) {
        if let Some(state) = states.get_mut(&*call.id).and_then(VecDeque::pop_front) {
            call.state = Some(state);
        }
    }
}

fn as_call<'p, 'a>(part: &'p mut Part<'a>) -> Option<&'p mut ToolCall<'a>> {
    match part {
        Part::ToolCall(call) => Some(call),
        _ => None,
    }
}
