//! An item of reasoning as it is written: what may be read of it, and its state in an envelope.

use bytes::BytesMut;
use serde::Serialize;

use super::output::Output;
use super::wire::{Item, Part, Said};
use crate::json::{Json, View};
use crate::neutral::{Answering, State, StateFormat};
use crate::shapes::envelope;

/// How much hidden reasoning is kept for who made it, in bytes. Of more nothing is kept.
const MAX_HIDDEN_BYTES: usize = 1024 * 1024;

/// A piece of reasoning that is open; its item begins with its first text.
pub(super) struct Thought {
    /// Whether the text is a summary.
    summary: bool,
    /// The model's thoughts as they are: they have a place of their own.
    raw: bool,
    hidden: bool,
    /// Its place among the items and its id, once it has begun.
    item: Option<(u32, String)>,
    text: String,
    pub(super) state: Option<State<'static>>,
}

impl Thought {
    pub(super) const fn new(summary: bool, raw: bool, hidden: bool) -> Thought {
        Thought { summary, raw, hidden, item: None, text: String::new(), state: None }
    }

    /// Writes a piece of the text.
    pub(super) fn text(&mut self, piece: &str, output: &mut Output, answering: &Answering, out: &mut BytesMut) {
        if self.hidden {
            if self.text.len().saturating_add(piece.len()) <= MAX_HIDDEN_BYTES {
                self.text.push_str(piece);
            }
            return;
        }
        if piece.is_empty() {
            return;
        }
        if self.item.is_none() {
            let (index, id) = self.begin(output, answering, out);
            let (item_id, output_index) = (&*id, index);
            if self.raw {
                let part = Part::ReasoningText { text: "" };
                let said = Said::Part { item_id, output_index, content_index: 0, part };
                output.event("response.content_part.added", &said, out);
            } else {
                let part = Part::SummaryText { text: "" };
                let said = Said::SummaryPart { item_id, output_index, summary_index: 0, part };
                output.event("response.reasoning_summary_part.added", &said, out);
            }
            self.item = Some((index, id));
        }
        self.text.push_str(piece);
        let Some((output_index, item_id)) = &self.item else { return };
        let output_index = *output_index;
        if self.raw {
            let said = Said::Delta { item_id, output_index, content_index: 0, delta: piece };
            output.event("response.reasoning_text.delta", &said, out);
        } else {
            let said = Said::Summary { item_id, output_index, summary_index: 0, delta: piece };
            output.event("response.reasoning_summary_text.delta", &said, out);
        }
    }

    fn begin(&self, output: &mut Output, answering: &Answering, out: &mut BytesMut) -> (u32, String) {
        let index = output.begin(out);
        let id = answering.minted("rs_", usize::try_from(index).unwrap_or_default());
        let item = Item::Reasoning { id: &id, summary: &[], content: &[], encrypted_content: None };
        output.event("response.output_item.added", &Said::Item { output_index: index, item: &Json::of(&item) }, out);
        (index, id)
    }

    /// Writes that it is whole, with its state. Of what has neither text nor state there is no item.
    pub(super) fn close(mut self, output: &mut Output, answering: &Answering, out: &mut BytesMut) {
        let sealed = self.sealed(answering);
        if self.item.is_none() && sealed.is_none() {
            return;
        }
        let (index, id) = match self.item.take() {
            Some((index, id)) => {
                self.text_is_whole(index, &id, output, out);
                (index, id)
            }
            None => self.begin(output, answering, out),
        };
        let text = if self.hidden { "" } else { &*self.text };
        let summary = [Part::SummaryText { text }];
        let content = [Part::ReasoningText { text }];
        let summary = if self.raw || text.is_empty() { &[] } else { &summary[..] };
        let content = if !self.raw || text.is_empty() { &[] } else { &content[..] };
        let item = Item::Reasoning { id: &id, summary, content, encrypted_content: sealed.as_deref() };
        output.end(index, &Json::of(&item), out);
    }

    fn text_is_whole(&self, output_index: u32, item_id: &str, output: &mut Output, out: &mut BytesMut) {
        let text = &*self.text;
        if self.raw {
            let said = Said::ThoughtsDone { item_id, output_index, content_index: 0, text };
            output.event("response.reasoning_text.done", &said, out);
            let said = Said::Part { item_id, output_index, content_index: 0, part: Part::ReasoningText { text } };
            output.event("response.content_part.done", &said, out);
        } else {
            let said = Said::SummaryDone { item_id, output_index, summary_index: 0, text };
            output.event("response.reasoning_summary_text.done", &said, out);
            let part = Part::SummaryText { text };
            let said = Said::SummaryPart { item_id, output_index, summary_index: 0, part };
            output.event("response.reasoning_summary_part.done", &said, out);
        }
    }

    /// `encrypted_content`: the state in an envelope that says whose it is, with what the item does not show. Hidden text without state
    /// goes in one, too, because some hosts want it back.
    fn sealed(&self, answering: &Answering) -> Option<String> {
        let hidden = Some(&*self.text).filter(|text| self.hidden && !text.is_empty());
        let Some(state) = &self.state else {
            let data = hidden?.to_owned().into();
            let plain = State { format: StateFormat::Plain, data, id: None, origin: None, extra: None };
            return Some(envelope::seal(&plain, &answering.origin));
        };
        let told = |name: &str| state.extra.as_ref()?.view().member(name);
        let usual = matches!(state.format, StateFormat::OpenAiEncrypted | StateFormat::GoogleSignature);
        let is_other = !self.text.is_empty() && self.summary != usual;
        let extra = Extra {
            format: told("format").and_then(View::string),
            summary: told("summary").and_then(View::bool).or(is_other.then_some(self.summary)),
            text: hidden,
        };
        let state = State { extra: Some(Json::of(&extra)), ..state.clone() };
        Some(envelope::seal(&state, &answering.origin))
    }
}

/// What an envelope has place for beside the state.
#[derive(Serialize)]
struct Extra<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<std::borrow::Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}
