//! Writes a whole answer.

use super::{Block, Counts, Message, Told, ToolIds, citations_of, input_of, message_id, sealed};
use crate::Shape;
use crate::neutral::{Answering, Part, Reasoning, Response, State, StateFormat, ToolCall};

/// Writes an answer; see [`super::super::super::codec::Codec::encode_response`].
pub(in super::super) fn encode(response: &Response, answering: &Answering) -> Vec<u8> {
    let mut ids = ToolIds::default();
    let texts: Vec<Texts> = response.parts.iter().map(|part| Texts::of(part, &mut ids, answering)).collect();
    let content: Vec<Block<'_>> =
        response.parts.iter().zip(&texts).flat_map(|(part, texts)| blocks(part, texts, answering)).collect();
    let refusal: String = response
        .parts
        .iter()
        .filter_map(|part| if let Part::Refusal(refusal) = part { Some(refusal.as_ref()) } else { None })
        .collect();
    let refusal = Some(refusal.as_str()).filter(|refusal| !refusal.is_empty());
    let message = Message {
        id: &message_id(&response.id, answering),
        kind: "message",
        role: "assistant",
        model: if response.model.is_empty() { &answering.model } else { &response.model },
        content: &content,
        told: Told::new(&response.finish, !ids.is_empty(), refusal),
        usage: Counts::new(&response.usage.unwrap_or_default(), response.service_class.as_deref()),
    };
    serde_json::to_vec(&message).expect("a message holds texts, numbers and valid JSON only")
}

/// What is made for a part before its block can borrow it.
#[derive(Default)]
struct Texts {
    /// The state in its wire form.
    state: Option<String>,
    /// The id of a call.
    id: String,
}

impl Texts {
    fn of(part: &Part<'_>, ids: &mut ToolIds, answering: &Answering) -> Texts {
        match part {
            Part::Reasoning(Reasoning { text, state, .. }) => {
                let (shown, hidden) = if answering.hide_reasoning { ("", &**text) } else { (&**text, "") };
                let state = state_of(!shown.is_empty(), hidden, state.as_ref(), answering);
                Texts { state, id: String::new() }
            }
            Part::ToolCall(call) => {
                let id = ids.legal(&call.id, answering);
                Texts { state: call.state.as_ref().map(|state| call_state(state, &id, answering)), id }
            }
            _ => Texts::default(),
        }
    }
}

/// The blocks that tell a part: none when it holds nothing or nothing that this shape can say.
fn blocks<'a>(part: &'a Part<'_>, texts: &'a Texts, answering: &'a Answering) -> Vec<Block<'a>> {
    match part {
        Part::Text(text) => {
            let citations: Vec<_> = citations_of(&text.citations).collect();
            let is_something = !text.text.is_empty() || !citations.is_empty();
            is_something.then(|| Block::text(&text.text, citations)).into_iter().collect()
        }
        Part::Refusal(refusal) if !refusal.is_empty() => vec![Block::text(refusal, Vec::new())],
        Part::Reasoning(reasoning) => {
            let Some(state) = &texts.state else { return Vec::new() };
            let text = if answering.hide_reasoning { "" } else { &*reasoning.text };
            if has_block_of_text(!text.is_empty(), reasoning.state.as_ref()) {
                vec![Block::thinking(text, state)]
            } else {
                vec![Block::redacted_thinking(state)]
            }
        }
        Part::ToolCall(ToolCall { name, arguments, custom, .. }) => {
            let state = texts.state.as_deref().map(Block::redacted_thinking);
            let call = Block::tool_use(&texts.id, answering.client_name(name), input_of(arguments, *custom));
            state.into_iter().chain([call]).collect()
        }
        Part::Opaque(opaque) if opaque.shape == Shape::Messages => vec![Block::Raw(opaque.raw.clone())],
        Part::Refusal(_)
        | Part::Opaque(_)
        | Part::Image(_)
        | Part::Document(_)
        | Part::Sound(_)
        | Part::Video(_)
        | Part::ToolResult(_) => Vec::new(),
    }
}

/// Whether reasoning is a `thinking` block: text of it is shown, or it is Anthropic's whose text is kept back.
pub(in super::super) fn has_block_of_text(shown: bool, state: Option<&State<'_>>) -> bool {
    shown || state.is_some_and(|state| state.format == StateFormat::AnthropicSignature)
}

/// What stands in `signature` or `data` of the block of some reasoning; nothing when there is no reasoning. `shown`: whether text
/// of it is; `hidden`: its text where that is kept back. Text without state goes in an envelope, too, because some hosts want it
/// back; it need not be in there when it stands beside it.
pub(in super::super) fn state_of(
    shown: bool,
    hidden: &str,
    state: Option<&State<'_>>,
    answering: &Answering,
) -> Option<String> {
    let native =
        if has_block_of_text(shown, state) { StateFormat::AnthropicSignature } else { StateFormat::AnthropicRedacted };
    if let Some(state) = state {
        return Some(sealed(state, native, answering));
    }
    let data = if shown { "" } else { hidden };
    let plain = State { format: StateFormat::Plain, data: data.into(), id: None, origin: None, extra: None };
    (shown || !hidden.is_empty()).then(|| sealed(&plain, native, answering))
}

/// What stands in `data` of the block before a call, which says whose state it is.
pub(in super::super) fn call_state(state: &State<'_>, call_id: &str, answering: &Answering) -> String {
    let id = state.id.clone().or(Some(call_id.into()));
    let state = State { id, ..state.clone() };
    sealed(&state, StateFormat::AnthropicRedacted, answering)
}
