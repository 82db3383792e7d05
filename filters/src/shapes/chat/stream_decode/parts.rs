//! Numbers the parts of an answer and opens and closes them as the pieces come.

use super::Form;
use super::calls::{Calls, Piece};
use super::thoughts::{Fragment, Kind};
use crate::Shape;
use crate::json::{Json, View};
use crate::neutral::{ApiError, Citation, CitationKind, Event, Opaque, Opening, State, StateFormat};

/// The parts of one answer.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) next: u32,
    /// The text, refusal or reasoning that is open; one at a time.
    flow: Option<Flow>,
    calls: Calls,
    /// What came before the text that it belongs to.
    citations: Vec<Citation<'static>>,
    /// Whether Perplexity's sources were read.
    searched: bool,
    refused: bool,
}

/// Citations that wait for their text, at most; what one event brings is bounded by itself.
const MAX_CITATIONS: usize = 1024;

#[derive(Debug)]
struct Flow {
    part: u32,
    what: What,
}

#[derive(Debug)]
enum What {
    Text,
    Refusal,
    Reasoning(Thought),
}

/// The reasoning that is open.
#[derive(Debug)]
struct Thought {
    kind: Kind,
    index: Option<u64>,
    /// It comes whole, and in a stream last: it is told when the part closes.
    state: Option<State<'static>>,
}

impl Parts {
    pub(super) fn new(seed: &str) -> Parts {
        Parts { next: 0, flow: None, calls: Calls::new(seed), citations: Vec::new(), searched: false, refused: false }
    }

    /// Whether nothing was said so far.
    pub(super) fn is_empty(&self) -> bool {
        self.next == 0 && self.calls.is_empty()
    }

    /// Whether more calls, or citations before their text, came than is held.
    pub(super) fn are_too_many(&self) -> bool {
        self.calls.are_too_many() || self.citations.len() > MAX_CITATIONS
    }

    /// Whether a tool was called.
    pub(super) fn called(&self) -> bool {
        self.calls.called()
    }

    /// Whether the model refused.
    pub(super) fn refused(&self) -> bool {
        self.refused
    }

    /// More text.
    pub(super) fn text(&mut self, text: &str, out: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        let part = match &self.flow {
            Some(Flow { part, what: What::Text }) => *part,
            _ => self.open(Opening::Text, What::Text, out),
        };
        out.push(Event::Text { part, text: text.to_owned() });
        out.extend(self.citations.drain(..).map(|citation| Event::Cite { part, citation }));
    }

    /// More of a refusal.
    pub(super) fn refusal(&mut self, text: &str, out: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        self.refused = true;
        let part = match &self.flow {
            Some(Flow { part, what: What::Refusal }) => *part,
            _ => self.open(Opening::Refusal, What::Refusal, out),
        };
        out.push(Event::Text { part, text: text.to_owned() });
    }

    /// More reasoning.
    pub(super) fn think(&mut self, fragment: Fragment, out: &mut Vec<Event>) {
        let Fragment { kind, index, text, state } = fragment;
        let mut state = state;
        if let Some(held) = state.take_if(|state| state.format == StateFormat::GoogleSignature && state.id.is_some()) {
            // Gemini's belongs to a call, which comes after it.
            self.calls.hold(held);
            if text.is_empty() {
                return;
            }
        }
        let is_redacted = state.as_ref().is_some_and(|state| state.format == StateFormat::AnthropicRedacted);
        let known = match &mut self.flow {
            Some(Flow { part, what: What::Reasoning(thought) })
                if thought.goes_on_with(kind, index, (&text, state.as_ref())) && !is_redacted =>
            {
                thought.index = thought.index.or(index);
                if thought.kind == Kind::Plain && kind != Kind::Encrypted {
                    thought.kind = kind;
                }
                Some(*part)
            }
            _ => None,
        };
        let part = known.unwrap_or_else(|| {
            let what = What::Reasoning(Thought { kind, index, state: None });
            self.open(Opening::Reasoning { summary: kind == Kind::Summary }, what, out)
        });
        if !text.is_empty() {
            out.push(Event::Reasoning { part, text });
        }
        if let (Some(state), Some(Flow { what: What::Reasoning(thought), .. })) = (state, &mut self.flow) {
            thought.state = Some(state);
        }
    }

    /// What the text quotes.
    pub(super) fn cite(&mut self, annotation: View<'_>, out: &mut Vec<Event>) {
        let citation = citation(annotation);
        match &self.flow {
            Some(Flow { part, what: What::Text }) => out.push(Event::Cite { part: *part, citation }),
            _ if self.are_too_many() => {}
            _ => self.citations.push(citation),
        }
    }

    /// Perplexity's sources, which stand beside every piece: they belong to the text.
    pub(super) fn searched(&mut self, results: View<'_>) {
        if std::mem::replace(&mut self.searched, true) {
            return;
        }
        for result in results.elements() {
            let Some(url) = result.member("url").and_then(View::string) else { continue };
            let title = result.member("title").and_then(View::string);
            let raw = serde_json::json!({
                "type": "url_citation",
                "url_citation": {"url": url, "title": title.as_deref().unwrap_or_default()},
            });
            let kind = CitationKind::Web {
                url: url.into_owned().into(),
                title: title.map(|title| title.into_owned().into()),
                start: None,
                end: None,
            };
            self.citations.push(Citation { kind, shape: Shape::Chat, raw: Json::of(&raw) });
        }
    }

    /// Something that only chat has.
    pub(super) fn opaque(&mut self, whole: View<'_>, out: &mut Vec<Event>) {
        let kind = whole.member("type").and_then(View::string).unwrap_or_default().into_owned();
        self.pause(out);
        let part = self.number();
        let raw = whole.json().into_owned();
        let opaque = Opaque { shape: Shape::Chat, kind: kind.into(), raw };
        out.push(Event::Open { part, what: Opening::Opaque(opaque) });
        out.push(Event::Close { part });
    }

    /// More of a call.
    pub(super) fn call(&mut self, piece: &Piece<'_>, form: Form, out: &mut Vec<Event>) {
        if piece.is_empty() {
            return;
        }
        let before = out.len();
        let calls = &mut self.calls;
        calls.take(piece, form, &mut self.next, out);
        // Text and reasoning are closed before a call opens.
        let opened = out.iter().skip(before).any(|event| matches!(event, Event::Open { .. }));
        if opened {
            let mut closed = Vec::new();
            self.close_flow(&mut closed);
            out.splice(before..before, closed);
        }
    }

    /// Closes all that is open.
    pub(super) fn close(&mut self, out: &mut Vec<Event>) -> Result<(), ApiError> {
        self.pause(out);
        for state in self.calls.unclaimed() {
            let part = self.number();
            out.push(Event::Open { part, what: Opening::Reasoning { summary: false } });
            out.push(Event::State { part, state });
            out.push(Event::Close { part });
        }
        self.calls.close(out)
    }

    fn open(&mut self, what: Opening, flow: What, out: &mut Vec<Event>) -> u32 {
        self.pause(out);
        let part = self.number();
        self.flow = Some(Flow { part, what: flow });
        out.push(Event::Open { part, what });
        part
    }

    /// Closes the text or reasoning that is open and opens the calls that wait, so that numbers follow the order of coming.
    fn pause(&mut self, out: &mut Vec<Event>) {
        self.close_flow(out);
        self.calls.open_named(&mut self.next, out);
    }

    fn close_flow(&mut self, out: &mut Vec<Event>) {
        let Some(Flow { part, what }) = self.flow.take() else { return };
        if let What::Reasoning(Thought { state: Some(mut state), kind, .. }) = what {
            tell_summary(kind, &mut state);
            out.push(Event::State { part, state });
        }
        out.push(Event::Close { part });
    }

    fn number(&mut self) -> u32 {
        let part = self.next;
        self.next = self.next.saturating_add(1);
        part
    }
}

impl Thought {
    /// Whether a piece belongs to this reasoning.
    fn goes_on_with(&self, kind: Kind, index: Option<u64>, holds: (&str, Option<&State<'_>>)) -> bool {
        let is_numbered_same = self.index.is_some() && self.index == index;
        let may_be_same = is_numbered_same || self.index.is_none() || index.is_none();
        let is_sealed = self.state.is_some();
        let is_repeated = holds.0.is_empty() && holds.1 == self.state.as_ref();
        match (self.kind, kind) {
            (Kind::Encrypted, _) => false,
            // The state of what came in readable form.
            (_, Kind::Encrypted) => !is_sealed && may_be_same,
            (_, Kind::Plain) | (Kind::Plain, _) => !is_sealed && may_be_same,
            // The signature comes last; once more, it says nothing new.
            (own, kind) if own == kind => is_numbered_same || (may_be_same && (!is_sealed || is_repeated)),
            _ => false,
        }
    }
}

/// Notes whether the text beside that state is a summary, where its format says otherwise: a shape that has no place for it keeps
/// it with the state.
fn tell_summary(kind: Kind, state: &mut State<'static>) {
    let usual = matches!(state.format, StateFormat::OpenAiEncrypted | StateFormat::GoogleSignature);
    let is_summary = kind == Kind::Summary;
    if kind != Kind::Encrypted && is_summary != usual {
        let own = state.extra.as_ref().and_then(|extra| extra.view().member("format")).and_then(View::string);
        let extra = match own {
            Some(format) => serde_json::json!({"format": format, "summary": is_summary}),
            None => serde_json::json!({"summary": is_summary}),
        };
        state.extra = Some(Json::of(&extra));
    }
}

/// Reads an annotation, nested as OpenAI has it or flat.
fn citation(annotation: View<'_>) -> Citation<'static> {
    let inner = annotation.member("url_citation").unwrap_or(annotation);
    let number = |name: &str| inner.member(name).and_then(View::u64);
    let text = |name: &str| inner.member(name).and_then(View::string).map(|text| text.into_owned().into());
    let is_web = annotation.member("type").and_then(View::string).as_deref() == Some("url_citation");
    let kind = match text("url").filter(|_| is_web) {
        Some(url) => {
            CitationKind::Web { url, title: text("title"), start: number("start_index"), end: number("end_index") }
        }
        None => CitationKind::Other,
    };
    Citation { kind, shape: Shape::Chat, raw: annotation.json().into_owned() }
}
