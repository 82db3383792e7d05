//! The items of an answer as parts: opened and closed as the pieces come, and told whole where no pieces came.

use std::collections::{BTreeMap, HashSet};

use rapidhash::v3::rapidhash_v3;

use super::{broken, text};
use crate::Shape;
use crate::json::{ValueKind, View};
use crate::neutral::{ApiError, Citation, CitationKind, Event, Opaque, Opening, State, StateFormat, minted};
use crate::shapes::tool_names::UniqueIds;

/// Items of one answer at most, and parts of them: each is kept in mind.
const MAX_ITEMS: usize = 4_096;
const MAX_PARTS: usize = 16_384;

/// Between the parts of a summary, which are one text elsewhere.
const BETWEEN: &str = "\n\n";

/// What a piece is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Field {
    Text,
    Refusal,
    Summary,
    Thoughts,
    /// The arguments of a function, or the input of a custom tool.
    Input,
}

/// An item, a field of it, and which of several.
pub(super) type Place = (u64, Field, u64);

/// All items of one answer.
#[derive(Debug)]
pub(super) struct Items {
    seed: String,
    known: BTreeMap<u64, Known>,
    /// The texts of which something was told.
    told: HashSet<Place>,
    /// The text or reasoning that is open; one at a time.
    flow: Option<Flow>,
    ids: UniqueIds,
    next: u32,
    /// Characters of all text so far, and before the text that is open.
    length: u64,
    begins: u64,
    /// Annotations of texts that were told.
    cited: BTreeMap<(u64, u64), usize>,
    called: bool,
    refused: bool,
    /// A call never said which tool it is of.
    nameless: bool,
}

#[derive(Debug, Default)]
struct Known {
    /// The number of its part, of a call that is open.
    call: Option<u32>,
    is_over: bool,
    /// Its texts of which something was told, in that order.
    texts: Vec<(Field, u64)>,
}

#[derive(Debug)]
struct Flow {
    part: u32,
    place: Place,
}

impl Items {
    pub(super) fn new(seed: &str) -> Items {
        Items {
            seed: seed.to_owned(),
            known: BTreeMap::new(),
            told: HashSet::new(),
            flow: None,
            ids: UniqueIds::default(),
            next: 0,
            length: 0,
            begins: 0,
            cited: BTreeMap::new(),
            called: false,
            refused: false,
            nameless: false,
        }
    }

    /// Whether no item came.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty() && self.told.is_empty()
    }

    /// Whether more came than is kept in mind.
    pub(super) fn are_too_many(&self) -> bool {
        self.known.len() > MAX_ITEMS || self.told.len() > MAX_PARTS || self.cited.len() > MAX_PARTS
    }

    /// Whether a tool of the client's was called.
    pub(super) const fn called(&self) -> bool {
        self.called
    }

    /// Whether the model refused.
    pub(super) const fn refused(&self) -> bool {
        self.refused
    }

    /// The item that an event is of: by its place, for some hosts give one item several ids; by its id where no place is told.
    pub(super) fn key(&self, event: View<'_>) -> u64 {
        const BY_ID: u64 = 1 << 63;
        let id = || text(event, "item_id").or_else(|| text(event.member("item")?, "id"));
        match event.member("output_index").and_then(View::u64) {
            Some(index) => index & !BY_ID,
            None => id().map_or(0, |id| rapidhash_v3(id.as_bytes()) | BY_ID),
        }
    }

    /// An item begins. Another one in the place of one that is over is a new one: some hosts number none.
    pub(super) fn begin(&mut self, key: u64, item: View<'_>, out: &mut Vec<Event>) {
        if self.known.get(&key).is_some_and(|known| known.is_over) {
            self.told.retain(|(told, ..)| *told != key);
            self.cited.retain(|(told, _), _| *told != key);
            self.known.remove(&key);
        }
        self.known.entry(key).or_default();
        if call_kind(item).is_some() {
            self.open_call(key, item, out);
        }
    }

    /// An item is over: what of it has not been told is told.
    pub(super) fn end(&mut self, key: u64, item: View<'_>, out: &mut Vec<Event>) {
        if self.known.get(&key).is_some_and(|known| known.is_over) {
            return;
        }
        self.known.entry(key).or_default();
        match text(item, "type").as_deref() {
            Some("message") => self.message(key, item, out),
            Some("reasoning") => self.reasoning(key, item, out),
            Some("function_call" | "custom_tool_call") => self.call(key, item, out),
            Some(kind) => {
                self.pause(out);
                let opaque =
                    Opaque { shape: Shape::Responses, kind: kind.to_owned().into(), raw: item.json().into_owned() };
                let part = self.number();
                out.push(Event::Open { part, what: Opening::Opaque(opaque) });
                out.push(Event::Close { part });
            }
            None => {}
        }
        if let Some(known) = self.known.get_mut(&key) {
            known.is_over = true;
        }
    }

    /// A piece of a text.
    pub(super) fn say(&mut self, place: Place, piece: &str, out: &mut Vec<Event>) {
        let (key, field, _) = place;
        if piece.is_empty() || self.known.get(&key).is_some_and(|known| known.is_over) {
            return;
        }
        if field == Field::Input {
            // The pieces of a call that has no name yet are in the whole that follows.
            if let Some(part) = self.known.get(&key).and_then(|known| known.call) {
                self.told.insert(place);
                out.push(Event::Arguments { part, json: piece.to_owned() });
            }
            return;
        }
        let part = self.flow(place, out);
        if self.told.insert(place) {
            self.known.entry(key).or_default().texts.push((field, place.2));
        }
        let piece = piece.to_owned();
        out.push(match field {
            Field::Text => {
                self.length = self.length.saturating_add(characters(&piece));
                Event::Text { part, text: piece }
            }
            Field::Refusal => {
                self.refused = true;
                Event::Text { part, text: piece }
            }
            _ => Event::Reasoning { part, text: piece },
        });
    }

    /// The whole of a text, of which nothing may have come in pieces.
    pub(super) fn whole(&mut self, place: Place, all: &str, out: &mut Vec<Event>) {
        if !self.told.contains(&place) {
            self.say(place, all, out);
        }
    }

    /// How an item's pieces number the text that has that index of so many in the whole item. Some hosts go on counting from the item
    /// before: what is numbered beyond the last is found by its order.
    fn index_of(&self, (key, fields): (u64, &[Field]), index: usize, of: usize) -> u64 {
        let own = u64::try_from(index).unwrap_or(u64::MAX);
        let told = self.known.get(&key).map(|known| known.texts.as_slice()).unwrap_or_default();
        let mut told = told.iter().filter(|(field, _)| fields.contains(field)).map(|(_, index)| *index);
        let is_beyond = |index: u64| usize::try_from(index).is_ok_and(|index| index >= of);
        if told.clone().any(is_beyond) { told.nth(index).unwrap_or(own) } else { own }
    }

    /// What a text quotes.
    pub(super) fn cite(&mut self, (key, index): (u64, u64), annotation: View<'_>, out: &mut Vec<Event>) {
        let is_over = self.known.get(&key).is_some_and(|known| known.is_over);
        if let Some(Flow { part, place: (_, Field::Text, _) }) =
            self.flow.as_ref().filter(|flow| flow.place == (key, Field::Text, index) && !is_over)
        {
            let citation = citation(annotation, self.begins);
            out.push(Event::Cite { part: *part, citation });
            *self.cited.entry((key, index)).or_default() += 1;
        }
    }

    /// Closes all that is open, in order.
    ///
    /// # Errors
    /// `Upstream` when a call never said which tool it is of.
    pub(super) fn close(&mut self, out: &mut Vec<Event>) -> Result<(), ApiError> {
        self.pause(out);
        let mut parts: Vec<u32> = self.known.values_mut().filter_map(|known| known.call.take()).collect();
        parts.sort_unstable();
        out.extend(parts.into_iter().map(|part| Event::Close { part }));
        match self.nameless {
            true => Err(broken("the provider called a tool without saying which")),
            false => Ok(()),
        }
    }

    fn message(&mut self, key: u64, item: View<'_>, out: &mut Vec<Event>) {
        let content = item.member("content");
        if let Some(text) = content.and_then(View::string) {
            self.whole((key, Field::Text, 0), &text, out);
        }
        let count = content.into_iter().flat_map(View::elements).count();
        for (index, part) in content.into_iter().flat_map(View::elements).enumerate() {
            let index = self.index_of((key, &[Field::Text, Field::Refusal]), index, count);
            match text(part, "type").as_deref() {
                Some("refusal") => {
                    let refusal = text(part, "refusal").unwrap_or_default();
                    self.whole((key, Field::Refusal, index), &refusal, out);
                }
                Some("output_text" | "text") => {
                    self.whole((key, Field::Text, index), &text(part, "text").unwrap_or_default(), out);
                    let cited = self.cited.get(&(key, index)).copied().unwrap_or(0);
                    let annotations = part.member("annotations").into_iter().flat_map(View::elements);
                    for annotation in annotations.skip(cited) {
                        self.cite((key, index), annotation, out);
                    }
                }
                _ => {}
            }
        }
        self.pause_of(key, out);
    }

    fn reasoning(&mut self, key: u64, item: View<'_>, out: &mut Vec<Event>) {
        for (name, field) in [("summary", Field::Summary), ("content", Field::Thoughts)] {
            let parts = || item.member(name).into_iter().flat_map(View::elements);
            let count = parts().count();
            for (index, part) in parts().enumerate() {
                let index = self.index_of((key, &[field]), index, count);
                let words = text(part, "text").or_else(|| part.string()).unwrap_or_default();
                self.whole((key, field, index), &words, out);
            }
        }
        let data = text(item, "encrypted_content").filter(|data| !data.is_empty());
        let Some(data) = data else { return self.pause_of(key, out) };
        let is_open = self.flow.as_ref().is_some_and(|flow| flow.place.0 == key);
        if !is_open {
            self.open(Opening::Reasoning { summary: true }, (key, Field::Summary, 0), out);
        }
        let Some(Flow { part, .. }) = self.flow.take() else { return };
        let id = text(item, "id").filter(|id| !id.is_empty());
        let state = State {
            format: StateFormat::OpenAiEncrypted,
            data: data.into_owned().into(),
            id: id.map(|id| id.into_owned().into()),
            origin: None,
            extra: None,
        };
        out.push(Event::State { part, state });
        out.push(Event::Close { part });
    }

    fn call(&mut self, key: u64, item: View<'_>, out: &mut Vec<Event>) {
        self.open_call(key, item, out);
        let name = if call_kind(item) == Some(true) { "input" } else { "arguments" };
        let input = item.member(name);
        let input = input.and_then(|value| match value.kind() {
            ValueKind::String => value.string(),
            // Some hosts send the arguments as they are and not as text.
            _ => Some(value.json().compact().into_owned().into()),
        });
        self.whole((key, Field::Input, 0), &input.unwrap_or_default(), out);
        let Some(known) = self.known.get_mut(&key) else { return };
        match known.call.take() {
            Some(part) => out.push(Event::Close { part }),
            // Nobody can answer it.
            None => self.nameless = true,
        }
    }

    /// Opens a call, once, as soon as it says which tool it is of.
    fn open_call(&mut self, key: u64, item: View<'_>, out: &mut Vec<Event>) {
        let is_open = self.known.get(&key).is_some_and(|known| known.call.is_some());
        let Some(name) = text(item, "name").filter(|name| !name.is_empty() && !is_open) else { return };
        let custom = call_kind(item) == Some(true);
        let id = text(item, "call_id").filter(|id| !id.is_empty()).or_else(|| text(item, "id"));
        let id = id.filter(|id| !id.is_empty()).map_or_else(|| minted(&self.seed, "call_", self.ids.len()), Into::into);
        let id = self.ids.numbered(&id).unwrap_or(id);
        self.pause(out);
        let part = self.number();
        out.push(Event::Open { part, what: Opening::ToolCall { id, name: name.into_owned(), custom, state: None } });
        self.called = true;
        if let Some(known) = self.known.get_mut(&key) {
            known.call = Some(part);
        }
    }

    /// The part that a piece is of: the one that is open, or a new one. The parts of a summary are one.
    fn flow(&mut self, place: Place, out: &mut Vec<Event>) -> u32 {
        let (key, field, index) = place;
        if let Some(Flow { part, place: open }) = &mut self.flow
            && (open.0, open.1) == (key, field)
        {
            let part = *part;
            if open.2 == index {
                return part;
            }
            if matches!(field, Field::Summary | Field::Thoughts) {
                open.2 = index;
                out.push(Event::Reasoning { part, text: BETWEEN.to_owned() });
                return part;
            }
        }
        let what = match field {
            Field::Text | Field::Input => Opening::Text,
            Field::Refusal => Opening::Refusal,
            Field::Summary => Opening::Reasoning { summary: true },
            Field::Thoughts => Opening::Reasoning { summary: false },
        };
        self.open(what, place, out)
    }

    fn open(&mut self, what: Opening, place: Place, out: &mut Vec<Event>) -> u32 {
        self.pause(out);
        let part = self.number();
        self.begins = self.length;
        self.flow = Some(Flow { part, place });
        out.push(Event::Open { part, what });
        part
    }

    /// Closes the text or reasoning that is open.
    fn pause(&mut self, out: &mut Vec<Event>) {
        out.extend(self.flow.take().map(|Flow { part, .. }| Event::Close { part }));
    }

    /// The same if it is that item's.
    fn pause_of(&mut self, key: u64, out: &mut Vec<Event>) {
        if self.flow.as_ref().is_some_and(|flow| flow.place.0 == key) {
            self.pause(out);
        }
    }

    fn number(&mut self) -> u32 {
        let part = self.next;
        self.next = part.saturating_add(1);
        part
    }
}

/// Whether an item is the call of a custom tool; `None` when it is no call of the client's tools.
fn call_kind(item: View<'_>) -> Option<bool> {
    match &*text(item, "type")? {
        "function_call" => Some(false),
        "custom_tool_call" => Some(true),
        _ => None,
    }
}

/// Reads an annotation of a text that begins at that character of the answer.
fn citation(annotation: View<'_>, begins: u64) -> Citation<'static> {
    let number = |name: &str| annotation.member(name).and_then(View::u64).map(|at| at.saturating_add(begins));
    let word = |name: &str| text(annotation, name).map(|text| text.into_owned().into());
    let is_web = text(annotation, "type").as_deref() == Some("url_citation");
    let kind = match word("url").filter(|_| is_web) {
        Some(url) => {
            CitationKind::Web { url, title: word("title"), start: number("start_index"), end: number("end_index") }
        }
        None => CitationKind::Other,
    };
    Citation { kind, shape: Shape::Responses, raw: annotation.json().into_owned() }
}

fn characters(text: &str) -> u64 {
    u64::try_from(text.chars().count()).unwrap_or(u64::MAX)
}
