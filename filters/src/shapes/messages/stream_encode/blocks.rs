//! Writes blocks, one after the other.

use std::borrow::Cow;

use bytes::BytesMut;

use super::super::response::{
    Block, ToolIds, call_state, citations_of, has_block_of_text, input_of, replaced, state_of,
};
use super::wire::{Delta, Wire};
use crate::Shape;
use crate::json::{Json, ValueKind};
use crate::neutral::{Answering, Event, Opaque, Opening, State};

/// How much hidden reasoning is kept for the host that wants it back, in bytes. Of more nothing is kept.
const MAX_HIDDEN_BYTES: usize = 1024 * 1024;

/// How much of the input of a custom tool is held, in bytes.
const MAX_INPUT_BYTES: usize = 8 * 1024 * 1024;

/// How much of a refusal is kept for `stop_details`, in bytes.
const MAX_REFUSAL_BYTES: usize = 16 * 1024;

/// Writes the blocks of one answer.
#[derive(Default)]
pub(super) struct Writer {
    /// The index of the next block.
    next: u32,
    open: Part,
    ids: ToolIds,
    refusal: String,
    /// The input of a custom tool was larger than its bound.
    overflowed: bool,
}

/// The part that is being written. Blocks of text and reasoning start with their first piece.
#[derive(Default)]
enum Part {
    #[default]
    None,
    Text {
        index: Option<u32>,
        refuses: bool,
    },
    Reasoning {
        index: Option<u32>,
        /// What is not shown of it; nothing any more when it was too much.
        hidden: Option<String>,
        state: Option<State<'static>>,
    },
    Call {
        index: u32,
        /// Of a custom tool, its input so far: it is wrapped when it is whole.
        input: Option<String>,
    },
}

impl Writer {
    /// Whether tools were called.
    pub(super) fn has_calls(&self) -> bool {
        !self.ids.is_empty()
    }

    /// Whether more of the input of a custom tool came than is held.
    pub(super) const fn has_overflowed(&self) -> bool {
        self.overflowed
    }

    /// The words of a refusal, if there was one.
    pub(super) fn refusal(&self) -> Option<&str> {
        Some(self.refusal.as_str()).filter(|refusal| !refusal.is_empty())
    }

    /// A part begins; none is open.
    pub(super) fn open(&mut self, what: &Opening, answering: &Answering, out: &mut BytesMut) {
        self.open = match what {
            Opening::Text => Part::Text { index: None, refuses: false },
            Opening::Refusal => Part::Text { index: None, refuses: true },
            Opening::Reasoning { .. } => Part::Reasoning { index: None, hidden: Some(String::new()), state: None },
            Opening::ToolCall { id, name, custom, state } => {
                let id = self.ids.legal(id, answering);
                if let Some(state) = state {
                    let data = call_state(state, &id, answering);
                    self.whole(Block::redacted_thinking(&data), out);
                }
                let empty = input_of("", false);
                let index = self.start(Block::tool_use(&id, answering.client_name(name), empty), out);
                Part::Call { index, input: custom.then(String::new) }
            }
            Opening::Opaque(opaque) => {
                self.opaque(opaque, out);
                Part::None
            }
        };
    }

    /// A piece of the part that is open.
    pub(super) fn piece(&mut self, piece: &Event, answering: &Answering, out: &mut BytesMut) {
        match (piece, &mut self.open) {
            (Event::Text { text, .. }, Part::Text { refuses, .. }) if !text.is_empty() => {
                if *refuses && self.refusal.len().saturating_add(text.len()) <= MAX_REFUSAL_BYTES {
                    self.refusal.push_str(text);
                }
                let index = self.text_block(out);
                Wire::ContentBlockDelta { index, delta: Delta::TextDelta { text } }.write(out);
            }
            (Event::Cite { citation, .. }, Part::Text { .. }) => {
                for raw in citations_of(std::slice::from_ref(citation)) {
                    let index = self.text_block(out);
                    let citation = compacted(raw);
                    Wire::ContentBlockDelta { index, delta: Delta::CitationsDelta { citation } }.write(out);
                }
            }
            (Event::Reasoning { text, .. }, Part::Reasoning { hidden, .. }) if answering.hide_reasoning => {
                *hidden = hidden.take().filter(|hidden| hidden.len().saturating_add(text.len()) <= MAX_HIDDEN_BYTES);
                if let Some(hidden) = hidden {
                    hidden.push_str(text);
                }
            }
            (Event::Reasoning { text, .. }, Part::Reasoning { .. }) if !text.is_empty() => {
                let index = self.thinking_block(out);
                Wire::ContentBlockDelta { index, delta: Delta::ThinkingDelta { thinking: text } }.write(out);
            }
            (Event::State { state: whole, .. }, Part::Reasoning { state, .. }) => *state = Some(whole.clone()),
            (Event::Arguments { json, .. }, Part::Call { input: Some(input), .. }) => {
                if input.len().saturating_add(json.len()) > MAX_INPUT_BYTES {
                    self.overflowed = true;
                } else {
                    input.push_str(json);
                }
            }
            (Event::Arguments { json, .. }, Part::Call { index, input: None }) if !json.is_empty() => {
                let delta = Delta::InputJsonDelta { partial_json: json };
                Wire::ContentBlockDelta { index: *index, delta }.write(out);
            }
            _ => {}
        }
    }

    /// The part that is open is over.
    pub(super) fn close(&mut self, answering: &Answering, out: &mut BytesMut) {
        match std::mem::take(&mut self.open) {
            Part::Text { index: Some(index), .. } | Part::Call { index, input: None } => {
                Wire::ContentBlockStop { index }.write(out);
            }
            Part::Call { index, input: Some(input) } => {
                let input = input_of(&input, true);
                let delta = Delta::InputJsonDelta { partial_json: input.raw() };
                Wire::ContentBlockDelta { index, delta }.write(out);
                Wire::ContentBlockStop { index }.write(out);
            }
            Part::Reasoning { index, hidden, state } => {
                let hidden = hidden.unwrap_or_default();
                let sealed = state_of(index.is_some(), &hidden, state.as_ref(), answering);
                self.end_of_reasoning(index, sealed.as_deref(), state.as_ref(), out);
            }
            Part::Text { index: None, .. } | Part::None => {}
        }
    }

    /// Ends the block of reasoning with its state, or writes one that holds nothing else.
    fn end_of_reasoning(
        &mut self,
        index: Option<u32>,
        sealed: Option<&str>,
        state: Option<&State<'_>>,
        out: &mut BytesMut,
    ) {
        let Some(sealed) = sealed else { return };
        if !has_block_of_text(index.is_some(), state) {
            return self.whole(Block::redacted_thinking(sealed), out);
        }
        let index = index.unwrap_or_else(|| self.start(Block::thinking("", ""), out));
        Wire::ContentBlockDelta { index, delta: Delta::SignatureDelta { signature: sealed } }.write(out);
        Wire::ContentBlockStop { index }.write(out);
    }

    /// A block of this shape's own, as it came. Clients look for the input of a tool in deltas, not at its start.
    fn opaque(&mut self, opaque: &Opaque<'_>, out: &mut BytesMut) {
        if opaque.shape != Shape::Messages {
            return;
        }
        let whole = compacted(&opaque.raw);
        let input = whole.view().member("input").filter(|input| input.kind() == ValueKind::Object);
        let input = input.map(|input| input.raw()).filter(|input| *input != "{}");
        let Some(input) = input else { return self.whole(Block::Raw(whole), out) };
        let start = replaced(whole.view(), &[("input", Cow::Borrowed("{}"))]);
        let start = Json::parse(&start).unwrap_or_else(Json::null);
        let index = self.start(Block::Raw(start), out);
        Wire::ContentBlockDelta { index, delta: Delta::InputJsonDelta { partial_json: input } }.write(out);
        Wire::ContentBlockStop { index }.write(out);
    }

    /// The block of the text that is open, started if it is not yet.
    fn text_block(&mut self, out: &mut BytesMut) -> u32 {
        if let Part::Text { index: Some(index), .. } = &self.open {
            return *index;
        }
        let started = self.start(Block::text("", Vec::new()), out);
        if let Part::Text { index, .. } = &mut self.open {
            *index = Some(started);
        }
        started
    }

    /// The block of the reasoning that is open, started if it is not yet.
    fn thinking_block(&mut self, out: &mut BytesMut) -> u32 {
        if let Part::Reasoning { index: Some(index), .. } = &self.open {
            return *index;
        }
        let started = self.start(Block::thinking("", ""), out);
        if let Part::Reasoning { index, .. } = &mut self.open {
            *index = Some(started);
        }
        started
    }

    /// Starts a block.
    fn start(&mut self, content_block: Block<'_>, out: &mut BytesMut) -> u32 {
        let index = self.next;
        self.next = index.saturating_add(1);
        Wire::ContentBlockStart { index, content_block }.write(out);
        index
    }

    /// Writes a block that has no deltas.
    fn whole(&mut self, block: Block<'_>, out: &mut BytesMut) {
        let index = self.start(block, out);
        Wire::ContentBlockStop { index }.write(out);
    }
}

/// The same on one line.
fn compacted(json: &Json<'_>) -> Json<'static> {
    Json::parse(&json.compact()).unwrap_or_else(Json::null)
}
