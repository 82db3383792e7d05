//! Reasoning of earlier turns, for hosts that want it back.

use std::borrow::Cow;

use super::super::super::envelope;
use super::Target;
use super::wire::{Detail, Message as Wire};
use crate::json::View;
use crate::neutral::{Message, Part, Reasoning, State, StateFormat};

impl Target<'_> {
    /// Adds the reasoning of these turns to the message that they become.
    pub(super) fn reasoning<'r>(&self, turns: &'r [Message<'_>], message: &mut Wire<'r>) {
        let host = &self.profile.host;
        let parts = || turns.iter().flat_map(|turn| &turn.parts);
        if host.router_fields {
            parts().for_each(|part| self.details(part, &mut message.reasoning_details));
        } else if host.wants_reasoning_content && parts().any(|part| matches!(part, Part::ToolCall(_))) {
            let texts: Vec<&str> = parts().filter_map(|part| self.plain_text(part)).collect();
            message.reasoning_content = match texts[..] {
                // Such a host refuses a call without it, and takes it empty.
                [] => Some(Cow::Borrowed("")),
                [text] => Some(Cow::Borrowed(text)),
                _ => Some(Cow::Owned(texts.join("\n\n"))),
            };
        }
    }

    /// Text of reasoning that nobody signed, of this provider's as far as is known: the host asks for text of its other models
    /// and accounts too.
    fn plain_text<'r>(&self, part: &'r Part<'_>) -> Option<&'r str> {
        let Part::Reasoning(reasoning) = part else { return None };
        let provider = &self.profile.origin.provider;
        let is_plain = |state: &State<'_>| {
            state.format == StateFormat::Plain
                && state.origin.as_ref().is_none_or(|origin| origin.provider == *provider)
        };
        let is_own = reasoning.state.as_ref().is_none_or(is_plain);
        (is_own && !reasoning.text.is_empty()).then_some(&*reasoning.text)
    }

    /// Whether state is the target's, as far as is known: what was signed in the messages shape only models of that shape read.
    fn belongs(&self, state: &State<'_>) -> bool {
        let is_signed = matches!(state.format, StateFormat::AnthropicSignature | StateFormat::AnthropicRedacted);
        envelope::belongs(state, &self.profile.origin)
            && (!is_signed || state.origin.is_some() || self.profile.reads_signatures)
    }

    fn details<'r>(&self, part: &'r Part<'_>, out: &mut Vec<Detail<'r>>) {
        match part {
            Part::Reasoning(reasoning) if reasoning.state.as_ref().is_none_or(|state| self.belongs(state)) => {
                entries(reasoning, out);
            }
            Part::ToolCall(call) => {
                if let Some(state) = call.state.as_ref().filter(|state| self.belongs(state)) {
                    let id = Some(&*call.id);
                    out.push(Detail { id, ..encrypted(state, out.len()) });
                }
            }
            _ => {}
        }
    }
}

/// The entries of one piece of reasoning: its text, and its state with it or after it.
fn entries<'r>(reasoning: &'r Reasoning<'_>, out: &mut Vec<Detail<'r>>) {
    let text = Some(&*reasoning.text).filter(|text| !text.is_empty());
    let state = reasoning.state.as_ref();
    let name = state.map_or(Cow::Borrowed(StateFormat::Unknown.as_str()), format);
    let index = out.len();
    if let Some(state) = state.filter(|state| state.format == StateFormat::AnthropicSignature) {
        let signature = Some(&*state.data);
        let text = Some(&*reasoning.text);
        out.push(Detail { kind: "reasoning.text", text, signature, format: name, index, ..Detail::default() });
        return;
    }
    if let Some(text) = text {
        out.push(match reasoning.summary {
            true => Detail { kind: "reasoning.summary", summary: Some(text), format: name, index, ..Detail::default() },
            false => Detail { kind: "reasoning.text", text: Some(text), format: name, index, ..Detail::default() },
        });
    }
    if let Some(state) = state.filter(|state| state.format != StateFormat::Plain) {
        out.push(encrypted(state, out.len()));
    }
}

/// The name of a format; one that is not known here goes back under its own.
fn format<'r>(state: &'r State<'_>) -> Cow<'r, str> {
    let own = state.extra.as_ref().and_then(|extra| extra.view().member("format")).and_then(View::string);
    own.unwrap_or(Cow::Borrowed(state.format.as_str()))
}

fn encrypted<'r>(state: &'r State<'_>, index: usize) -> Detail<'r> {
    let format = format(state);
    let (id, data) = (state.id.as_deref(), Some(&*state.data));
    Detail { kind: "reasoning.encrypted", id, data, format, index, ..Detail::default() }
}
