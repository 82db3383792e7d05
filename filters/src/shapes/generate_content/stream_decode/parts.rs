//! Numbers the parts of an answer and opens and closes them as the pieces come.

use std::borrow::Cow;

use super::super::super::media::data_url;
use super::super::super::tool_names::UniqueIds;
use super::super::signature::{self, EMPTY_TEXT};
use super::grounding::Grounding;
use super::partial::Partial;
use crate::Shape;
use crate::json::{Json, View};
use crate::neutral::{ApiError, ErrorClass, Event, Opaque, Opening, State, minted};

/// What ids begin with that are minted here: Google gave none, and wants none back.
const MINTED: &str = "call_gw";

/// Signatures of empty texts that wait for the next part, at most.
const MAX_TRAILING: usize = 64;

/// The parts of one answer.
pub(super) struct Parts {
    seed: String,
    next: u32,
    /// The text or the thought that is open; one at a time.
    flow: Option<Flow>,
    /// Signatures that stood on empty texts, told before the next part: what a text was found in may still come for the one before.
    trailing: Vec<State<'static>>,
    ids: UniqueIds,
    partial: Option<Partial>,
    pub(super) grounding: Grounding,
    said: bool,
}

#[derive(Clone, Copy)]
struct Flow {
    part: u32,
    is_thought: bool,
    /// Nothing is added to it any more: it was signed.
    sealed: bool,
}

/// The members of a part.
#[derive(Default)]
struct Fields<'a> {
    text: Option<Cow<'a, str>>,
    thought: bool,
    signature: Option<Cow<'a, str>>,
    data: Option<(Cow<'a, str>, View<'a>)>,
}

impl Parts {
    pub(super) fn new(seed: &str) -> Parts {
        Parts {
            seed: seed.to_owned(),
            next: 0,
            flow: None,
            trailing: Vec::new(),
            ids: UniqueIds::default(),
            partial: None,
            grounding: Grounding::default(),
            said: false,
        }
    }

    /// Whether nothing was said that a user gets, thoughts aside.
    pub(super) fn are_empty(&self) -> bool {
        !self.said
    }

    /// Whether a tool was called.
    pub(super) fn called(&self) -> bool {
        !self.ids.is_empty()
    }

    /// Reads one part.
    ///
    /// # Errors
    /// When it calls a tool without a name, or more comes than is held.
    pub(super) fn part(&mut self, view: View<'_>, out: &mut Vec<Event>) -> Result<(), ApiError> {
        let mut fields = Fields::default();
        for (name, value) in view.members().filter(|(_, value)| !value.is_null()) {
            match &*name {
                "text" => fields.text = value.string(),
                "thought" => fields.thought = value.raw() == "true",
                "thoughtSignature" => fields.signature = value.string().filter(|signature| !signature.is_empty()),
                "videoMetadata" | "mediaResolution" | "mediaProcessing" | "partMetadata" => {}
                _ => fields.data = Some((name, value)),
            }
        }
        let state = fields.signature.map(|signature| signature::native(signature.into_owned().into()));
        let text = fields.text.unwrap_or_default();
        match fields.data {
            Some((kind, data)) if kind == "functionCall" => self.call(data, state, out)?,
            Some((kind, data)) => self.other(&kind, (view, data), state, out),
            None if fields.thought => self.thought(&text, state, out),
            None => self.text(&text, state, out),
        }
        if self.trailing.len() > MAX_TRAILING {
            return Err(too_much("has more signatures than can be told"));
        }
        Ok(())
    }

    fn thought(&mut self, text: &str, state: Option<State<'static>>, out: &mut Vec<Event>) {
        if text.is_empty() && state.is_none() {
            return;
        }
        let part = match self.flow {
            Some(Flow { part, is_thought: true, sealed: false }) => part,
            _ => self.open_flow(true, out),
        };
        if !text.is_empty() {
            out.push(Event::Reasoning { part, text: text.to_owned() });
        }
        if let Some(state) = state {
            out.push(Event::State { part, state });
            self.seal();
        }
    }

    fn text(&mut self, text: &str, state: Option<State<'static>>, out: &mut Vec<Event>) {
        if text.is_empty() {
            self.trailing.extend(state.map(|state| State { id: Some(EMPTY_TEXT.into()), ..state }));
            return;
        }
        self.said = true;
        let is_signed = state.is_some();
        if let Some(state) = state {
            self.state(state, out);
        }
        let part = match self.flow {
            Some(Flow { part, is_thought: false, sealed: false }) if !is_signed && self.trailing.is_empty() => part,
            _ => self.open_flow(false, out),
        };
        self.grounding.text(text);
        out.push(Event::Text { part, text: text.to_owned() });
        if is_signed {
            self.seal();
        }
    }

    /// State that belongs to the part that comes next: by itself, for a text has no place for it.
    fn state(&mut self, state: State<'static>, out: &mut Vec<Event>) {
        self.pause(out);
        let part = self.number();
        out.push(Event::Open { part, what: Opening::Reasoning { summary: true } });
        out.push(Event::State { part, state });
        out.push(Event::Close { part });
    }

    fn call(&mut self, data: View<'_>, state: Option<State<'static>>, out: &mut Vec<Event>) -> Result<(), ApiError> {
        let [id, name, args, pieces, more] = data.pick(["id", "name", "args", "partialArgs", "willContinue"]);
        let more = more.and_then(View::bool) == Some(true);
        let (id, name) = (text_of(id), text_of(name));
        if self.partial.is_some() && name.is_some() {
            self.end_partial(out)?;
        }
        if self.partial.is_none() && !more && pieces.is_none() {
            let name = name.ok_or_else(unnamed)?;
            let arguments = args.map_or_else(|| "{}".to_owned(), |args| args.compact().into_owned());
            self.whole_call((id, &name), arguments, state, out);
            return Ok(());
        }
        let partial = match &mut self.partial {
            Some(partial) => partial,
            none => {
                let name = name.ok_or_else(unnamed)?.into_owned();
                none.insert(Partial::new(id.map(Cow::into_owned), name, args))
            }
        };
        partial.state = state.or(partial.state.take());
        if !partial.take(pieces) {
            return Err(too_much("calls a tool with too many arguments"));
        }
        if !more {
            self.end_partial(out)?;
        }
        Ok(())
    }

    fn end_partial(&mut self, out: &mut Vec<Event>) -> Result<(), ApiError> {
        if let Some(Partial { id, name, state, arguments, .. }) = self.partial.take() {
            self.whole_call((id.map(Cow::Owned), &name), arguments.to_string(), state, out);
        }
        Ok(())
    }

    fn whole_call(
        &mut self,
        (id, name): (Option<Cow<'_, str>>, &str),
        arguments: String,
        state: Option<State<'static>>,
        out: &mut Vec<Event>,
    ) {
        self.said = true;
        self.pause(out);
        let given = id.map_or_else(|| minted(&self.seed, MINTED, self.ids.len()), Cow::into_owned);
        let id = self.ids.numbered(&given).unwrap_or(given);
        let part = self.number();
        out.push(Event::Open { part, what: Opening::ToolCall { id, name: name.to_owned(), custom: false, state } });
        out.push(Event::Arguments { part, json: arguments });
        out.push(Event::Close { part });
    }

    /// A picture is told as chat hosts tell one; everything else only this shape has.
    fn other(
        &mut self,
        kind: &str,
        (whole, data): (View<'_>, View<'_>),
        state: Option<State<'static>>,
        out: &mut Vec<Event>,
    ) {
        self.said = true;
        let image = (kind == "inlineData").then(|| image(data)).flatten();
        let opaque = match image {
            Some(raw) => {
                if let Some(state) = state {
                    self.state(state, out);
                }
                Opaque { shape: Shape::Chat, kind: "image_url".into(), raw }
            }
            None => {
                let raw = Json::parse(&whole.compact()).unwrap_or_else(Json::null);
                Opaque { shape: Shape::GenerateContent, kind: kind.to_owned().into(), raw }
            }
        };
        self.pause(out);
        let part = self.number();
        out.push(Event::Open { part, what: Opening::Opaque(opaque) });
        out.push(Event::Close { part });
    }

    /// Closes all that is open.
    ///
    /// # Errors
    /// When a call was never finished in a way that it can be told.
    pub(super) fn close(&mut self, out: &mut Vec<Event>) -> Result<(), ApiError> {
        if let Some(Flow { part, is_thought: false, .. }) = self.flow {
            out.extend(self.grounding.citations().into_iter().map(|citation| Event::Cite { part, citation }));
        }
        self.end_partial(out)?;
        self.pause(out);
        Ok(())
    }

    fn open_flow(&mut self, is_thought: bool, out: &mut Vec<Event>) -> u32 {
        self.pause(out);
        let part = self.number();
        self.flow = Some(Flow { part, is_thought, sealed: false });
        let what = if is_thought { Opening::Reasoning { summary: true } } else { Opening::Text };
        out.push(Event::Open { part, what });
        part
    }

    fn seal(&mut self) {
        if let Some(flow) = &mut self.flow {
            flow.sealed = true;
        }
    }

    /// Closes what is open and tells the signatures that stood on empty texts.
    fn pause(&mut self, out: &mut Vec<Event>) {
        out.extend(self.flow.take().map(|flow| Event::Close { part: flow.part }));
        for state in std::mem::take(&mut self.trailing) {
            let part = self.number();
            out.push(Event::Open { part, what: Opening::Reasoning { summary: true } });
            out.push(Event::State { part, state });
            out.push(Event::Close { part });
        }
    }

    fn number(&mut self) -> u32 {
        let part = self.next;
        self.next = self.next.saturating_add(1);
        part
    }
}

/// The text, unless it is empty or none.
fn text_of(value: Option<View<'_>>) -> Option<Cow<'_, str>> {
    value?.string().filter(|text| !text.is_empty())
}

fn unnamed() -> ApiError {
    ApiError::new(ErrorClass::Upstream, "the provider called a tool without naming it")
}

fn too_much(what: &str) -> ApiError {
    ApiError::new(ErrorClass::Upstream, format!("the provider's answer {what}"))
}

/// A picture, as chat hosts have it.
fn image(data: View<'_>) -> Option<Json<'static>> {
    let text = |name: &str| data.member(name).and_then(View::string);
    let media_type = text("mimeType").filter(|kind| kind.starts_with("image/"))?;
    let url = data_url(&media_type, &text("data")?);
    Some(Json::of(&serde_json::json!({"type": "image_url", "image_url": {"url": url}})))
}
