//! The items of an answer as it is written: messages, calls and reasoning, with all their events.

use bytes::BytesMut;

use super::reasoning::Thought;
use super::wire::{self, Item, Part, Said, UrlCitation};
use crate::Shape;
use crate::json::Json;
use crate::neutral::{Answering, ApiError, Citation, CitationKind, ErrorClass, Event, Opaque, Opening, State};

/// Bytes of an answer that are held at most: its last event repeats all of it.
const MAX_HELD_BYTES: usize = 16 * 1024 * 1024;

/// Items, parts of them, and citations of one answer at most.
const MAX_PIECES: usize = 16_384;

/// All items of one answer.
pub(super) struct Output {
    streams: bool,
    /// The number of the next event.
    sequence: u64,
    /// Items as they stand in the response, each as JSON; empty while one is open.
    items: Vec<Vec<u8>>,
    /// Parts that are open.
    open: Vec<(u32, Open)>,
    /// The message that goes on as long as nothing else comes.
    message: Option<Message>,
    /// The call that was closed last: whether it is whole shows by what comes next.
    closed: Option<Call>,
    /// Bytes of text that is held, and pieces of it.
    held: usize,
    pieces: usize,
    /// Characters of all text before the text that is open.
    length: u64,
    refused: bool,
}

/// A part that is open.
enum Open {
    Text(Text),
    Thought(Thought),
    Call(Call),
    Nothing,
}

/// A text or a refusal; it begins with its first piece.
struct Text {
    refuses: bool,
    text: String,
    citations: Vec<Citation<'static>>,
}

/// A message and the parts of it that are whole.
struct Message {
    index: u32,
    id: String,
    parts: Vec<Json<'static>>,
}

struct Call {
    index: u32,
    id: String,
    call_id: String,
    group: Option<String>,
    name: String,
    custom: bool,
    input: String,
}

impl Call {
    fn item(&self, status: &'static str, input: &str) -> Json<'static> {
        let (id, call_id, name) = (&*self.id, &*self.call_id, &*self.name);
        let namespace = self.group.as_deref();
        Json::of(&match self.custom {
            true => Item::CustomToolCall { id, call_id, namespace, name, input, status },
            false => Item::FunctionCall { id, call_id, namespace, name, arguments: input, status },
        })
    }
}

impl Output {
    pub(super) fn new() -> Output {
        Output {
            streams: true,
            sequence: 0,
            items: Vec::new(),
            open: Vec::new(),
            message: None,
            closed: None,
            held: 0,
            pieces: 0,
            length: 0,
            refused: false,
        }
    }

    /// No events are written, and what is held is not bounded: the answer is held as a whole already.
    pub(super) fn tells_all_at_once(&mut self) {
        self.streams = false;
    }

    /// Whether events are written.
    pub(super) const fn is_streamed(&self) -> bool {
        self.streams
    }

    /// Whether a refusal was told.
    pub(super) const fn refused(&self) -> bool {
        self.refused
    }

    /// The items, each as JSON. Those that are still open when an answer breaks are left out.
    pub(super) fn items(&self) -> &[Vec<u8>] {
        let whole = self.items.iter().position(Vec::is_empty).unwrap_or(self.items.len());
        self.items.get(..whole).unwrap_or_default()
    }

    /// Writes an event that holds the response.
    pub(super) fn with_response(&mut self, kind: &str, response: &[u8], out: &mut BytesMut) {
        wire::with_response(kind, self.sequence, response, out);
        self.sequence = self.sequence.saturating_add(1);
    }

    /// Writes an event.
    pub(super) fn event(&mut self, kind: &str, said: &Said<'_>, out: &mut BytesMut) {
        if self.streams {
            wire::event(kind, self.sequence, said, out);
        }
        self.sequence = self.sequence.saturating_add(1);
    }

    /// Takes an event of a part.
    ///
    /// # Errors
    /// `Upstream` when more is held than may be.
    pub(super) fn piece(&mut self, event: &Event, answering: &Answering, out: &mut BytesMut) -> Result<(), ApiError> {
        self.grow(event)?;
        match event {
            Event::Open { part, what } => {
                let open = self.opened(what, answering, out);
                self.open.push((*part, open));
            }
            Event::Text { part, text } => self.text(*part, text, answering, out),
            Event::Reasoning { part, text } => {
                self.with_thought(*part, |thought, output| thought.text(text, output, answering, out));
            }
            Event::State { part, state } => {
                self.with_thought(*part, |thought, _| thought.state = Some(state.clone()));
            }
            Event::Arguments { part, json } => self.input(*part, json, out),
            Event::Cite { part, citation } => {
                if let Some((_, Open::Text(text))) = self.open.iter_mut().find(|(open, _)| open == part) {
                    text.citations.push(citation.clone());
                }
            }
            Event::Close { part } => {
                if let Some(at) = self.open.iter().position(|(open, _)| open == part) {
                    let (_, open) = self.open.remove(at);
                    self.close(open, answering, out);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Closes every part that is open.
    pub(super) fn close_all(&mut self, out: &mut BytesMut, answering: &Answering) {
        for (_, open) in std::mem::take(&mut self.open) {
            self.close(open, answering, out);
        }
    }

    /// Tells a refusal that was no part of the answer.
    pub(super) fn refuse(&mut self, words: &str, out: &mut BytesMut, answering: &Answering) {
        let mut text = Text { refuses: true, text: String::new(), citations: Vec::new() };
        self.say(&mut text, words, answering, out);
        self.close(Open::Text(text), answering, out);
    }

    /// Ends the items that could still have gone on.
    pub(super) fn settle(&mut self, status: &'static str, out: &mut BytesMut) {
        // Only the one that came last was cut.
        let last = self.items.len().saturating_sub(1);
        let status_of = |index: u32| if usize::try_from(index) == Ok(last) { status } else { "completed" };
        if let Some(message) = self.message.take() {
            self.end_message(&message, status_of(message.index), out);
        }
        if let Some(call) = self.closed.take() {
            self.end_call(&call, status_of(call.index), out);
        }
    }

    /// The index of a new item. Those that could have gone on are whole.
    pub(super) fn begin(&mut self, out: &mut BytesMut) -> u32 {
        self.settle("completed", out);
        let index = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
        self.items.push(Vec::new());
        index
    }

    /// Writes that an item is whole, and keeps it.
    pub(super) fn end(&mut self, index: u32, item: &Json<'_>, out: &mut BytesMut) {
        self.event("response.output_item.done", &Said::Item { output_index: index, item }, out);
        if let Some(place) = usize::try_from(index).ok().and_then(|index| self.items.get_mut(index)) {
            *place = item.raw().as_bytes().to_vec();
        }
    }

    fn opened(&mut self, what: &Opening, answering: &Answering, out: &mut BytesMut) -> Open {
        match what {
            Opening::Text => Open::Text(Text { refuses: false, text: String::new(), citations: Vec::new() }),
            Opening::Refusal => Open::Text(Text { refuses: true, text: String::new(), citations: Vec::new() }),
            Opening::Reasoning { summary } => {
                let shown_whole = answering.raw_thoughts && !summary;
                Open::Thought(Thought::new(*summary, shown_whole, answering.hide_reasoning))
            }
            Opening::ToolCall { id, name, custom, state } => {
                if let Some(state) = state {
                    self.state_of_call(state, id, answering, out);
                }
                let index = self.begin(out);
                let name = answering.client_name(name);
                let grouped = answering.groups.iter().find(|grouped| grouped.name == name);
                let prefix = if *custom { "ctc_" } else { "fc_" };
                let call = Call {
                    index,
                    id: answering.minted(prefix, self.items.len()),
                    call_id: id.clone(),
                    group: grouped.map(|grouped| grouped.group.clone()),
                    name: grouped.map_or(name, |grouped| &grouped.own).to_owned(),
                    custom: *custom,
                    input: String::new(),
                };
                let item = call.item("in_progress", "");
                self.event("response.output_item.added", &Said::Item { output_index: index, item: &item }, out);
                Open::Call(call)
            }
            Opening::Opaque(opaque) => {
                self.opaque(opaque, out);
                Open::Nothing
            }
        }
    }

    /// State of a call has no place in it: it goes before it as a piece of reasoning.
    fn state_of_call(&mut self, state: &State<'_>, id: &str, answering: &Answering, out: &mut BytesMut) {
        let id = state.id.clone().map_or_else(|| id.to_owned(), std::borrow::Cow::into_owned);
        let state = State { id: Some(id.into()), ..state.clone() };
        let mut thought = Thought::new(false, false, false);
        thought.state = Some(into_owned(state));
        thought.close(self, answering, out);
    }

    /// An item of this shape's own, as it came.
    fn opaque(&mut self, opaque: &Opaque<'_>, out: &mut BytesMut) {
        if opaque.shape != Shape::Responses {
            return;
        }
        let Some(item) = Json::parse(&opaque.raw.compact()) else { return };
        let index = self.begin(out);
        self.event("response.output_item.added", &Said::Item { output_index: index, item: &item }, out);
        self.end(index, &item, out);
    }

    fn text(&mut self, part: u32, piece: &str, answering: &Answering, out: &mut BytesMut) {
        let Some(at) = self.open.iter().position(|(open, _)| *open == part) else { return };
        let Some((_, open)) = self.open.get_mut(at) else { return };
        let Open::Text(mut text) = std::mem::replace(open, Open::Nothing) else { return };
        self.say(&mut text, piece, answering, out);
        if let Some((_, open)) = self.open.get_mut(at) {
            *open = Open::Text(text);
        }
    }

    /// Writes a piece of a text; the first one begins its part, and its message if none goes on.
    fn say(&mut self, text: &mut Text, piece: &str, answering: &Answering, out: &mut BytesMut) {
        if piece.is_empty() {
            return;
        }
        let is_first = text.text.is_empty();
        if is_first {
            self.begin_part(text.refuses, answering, out);
        }
        self.refused |= text.refuses;
        text.text.push_str(piece);
        let Some(Message { index, id, parts }) = self.message.take() else { return };
        let content_index = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        let (item_id, output_index) = (&*id, index);
        if text.refuses {
            let said = Said::Delta { item_id, output_index, content_index, delta: piece };
            self.event("response.refusal.delta", &said, out);
        } else {
            let said = Said::Text { item_id, output_index, content_index, delta: piece, logprobs: [] };
            self.event("response.output_text.delta", &said, out);
        }
        self.message = Some(Message { index, id, parts });
    }

    fn begin_part(&mut self, refuses: bool, answering: &Answering, out: &mut BytesMut) {
        let is_last = |message: &Message| usize::try_from(message.index) == Ok(self.items.len().saturating_sub(1));
        let message = match self.message.take_if(|message| is_last(message)) {
            Some(message) => message,
            None => {
                let index = self.begin(out);
                let id = answering.minted("msg_", self.items.len());
                let item = Json::of(&Item::Message { id: &id, role: "assistant", status: "in_progress", content: &[] });
                self.event("response.output_item.added", &Said::Item { output_index: index, item: &item }, out);
                Message { index, id, parts: Vec::new() }
            }
        };
        let part = match refuses {
            true => Part::Refusal { refusal: "" },
            false => Part::OutputText { text: "", annotations: &[], logprobs: [] },
        };
        let content_index = u32::try_from(message.parts.len()).unwrap_or(u32::MAX);
        let said = Said::Part { item_id: &message.id, output_index: message.index, content_index, part };
        self.event("response.content_part.added", &said, out);
        self.message = Some(message);
    }

    fn input(&mut self, part: u32, piece: &str, out: &mut BytesMut) {
        let Some((_, Open::Call(call))) = self.open.iter_mut().find(|(open, _)| *open == part) else { return };
        call.input.push_str(piece);
        let (id, index, custom) = (call.id.clone(), call.index, call.custom);
        self.more(&id, index, custom, piece, out);
    }

    fn more(&mut self, item_id: &str, output_index: u32, custom: bool, delta: &str, out: &mut BytesMut) {
        let kind = match custom {
            true => "response.custom_tool_call_input.delta",
            false => "response.function_call_arguments.delta",
        };
        self.event(kind, &Said::Input { item_id, output_index, delta }, out);
    }

    fn close(&mut self, open: Open, answering: &Answering, out: &mut BytesMut) {
        match open {
            Open::Text(text) if !text.text.is_empty() => self.end_part(&text, out),
            Open::Text(_) | Open::Nothing => {}
            Open::Thought(thought) => thought.close(self, answering, out),
            Open::Call(mut call) => {
                if !call.custom && call.input.trim().is_empty() {
                    // A call without arguments is one with none.
                    call.input.push_str("{}");
                    let (id, index) = (call.id.clone(), call.index);
                    self.more(&id, index, false, "{}", out);
                }
                if let Some(before) = self.closed.replace(call) {
                    self.end_call(&before, "completed", out);
                }
            }
        }
    }

    /// Writes that a part of a message is whole.
    fn end_part(&mut self, text: &Text, out: &mut BytesMut) {
        let Some(mut message) = self.message.take() else { return };
        let content_index = u32::try_from(message.parts.len()).unwrap_or(u32::MAX);
        let output_index = message.index;
        let item_id = &*message.id;
        let all = &*text.text;
        let (whole, annotations);
        if text.refuses {
            let said = Said::RefusalDone { item_id, output_index, content_index, refusal: all };
            self.event("response.refusal.done", &said, out);
            whole = Part::Refusal { refusal: all };
        } else {
            let start = self.length;
            let characters = u64::try_from(all.chars().count()).unwrap_or(u64::MAX);
            self.length = start.saturating_add(characters);
            annotations = text
                .citations
                .iter()
                .filter_map(|citation| annotation(citation, start, characters))
                .collect::<Vec<Json<'static>>>();
            for (annotation_index, annotation) in annotations.iter().enumerate() {
                let said = Said::Annotation { item_id, output_index, content_index, annotation_index, annotation };
                self.event("response.output_text.annotation.added", &said, out);
            }
            let said = Said::TextDone { item_id, output_index, content_index, text: all, logprobs: [] };
            self.event("response.output_text.done", &said, out);
            whole = Part::OutputText { text: all, annotations: &annotations, logprobs: [] };
        }
        let kept = Json::of(&whole);
        let said = Said::Part { item_id, output_index, content_index, part: whole };
        self.event("response.content_part.done", &said, out);
        message.parts.push(kept);
        self.message = Some(message);
    }

    fn end_message(&mut self, message: &Message, status: &'static str, out: &mut BytesMut) {
        let item = Item::Message { id: &message.id, role: "assistant", status, content: &message.parts };
        self.end(message.index, &Json::of(&item), out);
    }

    fn end_call(&mut self, call: &Call, status: &'static str, out: &mut BytesMut) {
        let (item_id, output_index) = (&*call.id, call.index);
        if call.custom {
            let said = Said::InputDone { item_id, output_index, input: &call.input };
            self.event("response.custom_tool_call_input.done", &said, out);
        } else {
            let said = Said::ArgumentsDone { item_id, output_index, name: &call.name, arguments: &call.input };
            self.event("response.function_call_arguments.done", &said, out);
        }
        self.end(call.index, &call.item(status, &call.input), out);
    }

    /// Lends out the reasoning of that part, and with it everything else.
    fn with_thought(&mut self, part: u32, take: impl FnOnce(&mut Thought, &mut Output)) {
        let Some(at) = self.open.iter().position(|(open, _)| *open == part) else { return };
        let Some((_, open)) = self.open.get_mut(at) else { return };
        match std::mem::replace(open, Open::Nothing) {
            Open::Thought(mut thought) => {
                take(&mut thought, self);
                if let Some((_, open)) = self.open.get_mut(at) {
                    *open = Open::Thought(thought);
                }
            }
            other => {
                if let Some((_, open)) = self.open.get_mut(at) {
                    *open = other;
                }
            }
        }
    }

    /// Makes sure that so much more may be held.
    fn grow(&mut self, event: &Event) -> Result<(), ApiError> {
        let bytes = match event {
            Event::Text { text, .. } | Event::Reasoning { text, .. } | Event::Arguments { json: text, .. } => {
                text.len()
            }
            Event::State { state, .. } => state.data.len(),
            Event::Cite { citation, .. } => citation.raw.raw().len(),
            Event::Open { what: Opening::ToolCall { id, name, state, .. }, .. } => {
                id.len() + name.len() + state.as_ref().map_or(0, |state| state.data.len())
            }
            Event::Open { what: Opening::Opaque(opaque), .. } => opaque.raw.raw().len(),
            _ => 0,
        };
        self.pieces = self.pieces.saturating_add(usize::from(matches!(event, Event::Open { .. } | Event::Cite { .. })));
        self.held = self.held.saturating_add(bytes);
        if self.streams && (self.held > MAX_HELD_BYTES || self.pieces > MAX_PIECES) {
            let message = format!(
                "the provider's answer is larger than can be told in a stream of this shape: over {MAX_HELD_BYTES} bytes or {MAX_PIECES} pieces"
            );
            return Err(ApiError::new(ErrorClass::Upstream, message));
        }
        Ok(())
    }
}

/// The annotation that a citation comes to in a text of so many characters, which begins at that character of the answer; `None` when
/// only its own shape has it.
fn annotation(citation: &Citation<'_>, start: u64, length: u64) -> Option<Json<'static>> {
    if citation.shape == Shape::Responses {
        return Json::parse(&citation.raw.compact());
    }
    let CitationKind::Web { url, title, start: from, end: to } = &citation.kind else { return None };
    let within = |at: u64| at.saturating_sub(start).min(length);
    Some(Json::of(&UrlCitation {
        kind: "url_citation",
        url,
        title: title.as_deref().unwrap_or_default(),
        start_index: from.map_or(0, within),
        end_index: to.map_or(length, within),
    }))
}

/// The same state, free of what it was read from.
fn into_owned(state: State<'_>) -> State<'static> {
    State {
        format: state.format,
        data: state.data.into_owned().into(),
        id: state.id.map(|id| id.into_owned().into()),
        origin: state.origin.map(|origin| crate::neutral::Origin {
            provider: origin.provider.into_owned().into(),
            family: origin.family.into_owned().into(),
            account: origin.account.into_owned().into(),
        }),
        extra: state.extra.map(Json::into_owned),
    }
}
