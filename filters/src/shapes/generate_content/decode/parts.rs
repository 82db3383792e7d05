//! The parts of contents.

use std::borrow::Cow;

use super::super::signature;
use super::contents::OpenCalls;
use super::{camel, media, member, wrong};
use crate::Shape;
use crate::json::{ValueKind, View};
use crate::neutral::{
    ApiError, Losses, Opaque, Part, Reasoning, Role, State, StateFormat, TextPart, ToolCall, ToolResult,
};

/// Where a part stands.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// The number of its content.
    pub(super) content: usize,
    pub(super) role: Role,
}

/// Reads the parts of one content.
pub(super) struct Reader<'r, 'a> {
    pub(super) place: Place,
    pub(super) open: &'r mut OpenCalls<'a>,
    pub(super) losses: &'r mut Losses,
    pub(super) found: Vec<Part<'a>>,
}

/// The members of a part.
#[derive(Default)]
struct Fields<'a> {
    text: Option<View<'a>>,
    thought: bool,
    signature: Option<State<'a>>,
    /// What it holds when it is no text, by its name.
    data: Option<(Cow<'a, str>, View<'a>)>,
}

impl<'a> Reader<'_, 'a> {
    /// Reads one part.
    pub(super) fn part(&mut self, number: usize, view: View<'a>) -> Result<(), ApiError> {
        let field = format!("contents[{}].parts[{number}]", self.place.content);
        if view.kind() != ValueKind::Object {
            return Err(wrong(&field, "an object"));
        }
        let fields = self.fields(view);
        let is_model = self.place.role == Role::Assistant;
        let Some((kind, data)) = fields.data else {
            let Some(text) = fields.text else {
                // A signature alone stands for one on an empty text; a part without anything says nothing.
                self.text(Cow::Borrowed(""), fields.signature);
                return Ok(());
            };
            let text = text.string().ok_or_else(|| wrong(&format!("{field}.text"), "a string"))?;
            match (is_model, fields.thought) {
                (true, true) => self.thought(text, fields.signature),
                (true, false) => self.text(text, fields.signature),
                (false, _) => self.found.extend((!text.is_empty()).then(|| Part::Text(TextPart::new(text)))),
            }
            return Ok(());
        };
        match &*kind {
            "functionCall" if is_model => self.call(&field, number, data, fields.signature)?,
            "functionResponse" if !is_model => self.result(&field, number, data)?,
            "functionCall" | "functionResponse" => self.losses.dropped(format!("contents.parts.{kind}")),
            "inlineData" => self.found.push(media::inline(&field, data)?),
            "fileData" => self.found.push(media::file(&field, data)?),
            _ => {
                // It goes back to Google as a whole, with its signature; nobody else has such a thing.
                let kind = kind.into_owned().into();
                self.found.push(Part::Opaque(Opaque { shape: Shape::GenerateContent, kind, raw: view.json() }));
            }
        }
        Ok(())
    }

    fn fields(&mut self, view: View<'a>) -> Fields<'a> {
        let mut fields = Fields::default();
        for (name, value) in view.members().filter(|(_, value)| !value.is_null()) {
            match &*camel(&name) {
                "text" => fields.text = Some(value),
                "thought" => fields.thought = value.bool() == Some(true),
                "thoughtSignature" => fields.signature = value.string().and_then(signature::state),
                modifier @ ("videoMetadata" | "mediaResolution" | "mediaProcessing" | "partMetadata") => {
                    self.losses.dropped(format!("contents.parts.{modifier}"));
                }
                kind => fields.data = Some((kind.to_owned().into(), value)),
            }
        }
        fields
    }

    /// A thought. Clients of streams keep its pieces: they are one up to the piece that is signed.
    fn thought(&mut self, text: Cow<'a, str>, state: Option<State<'a>>) {
        if let Some(Part::Reasoning(before)) = self.found.last_mut()
            && before.state.is_none()
        {
            before.text.to_mut().push_str(&text);
            (before.summary, before.state) = (is_summary(state.as_ref()), state);
            unhide(before);
            return;
        }
        if text.is_empty() && state.is_none() {
            return;
        }
        let mut reasoning = Reasoning { text, summary: is_summary(state.as_ref()), state };
        unhide(&mut reasoning);
        self.found.push(Part::Reasoning(reasoning));
    }

    /// A text of the model's. Its signature stands before it; pieces of a stream that are not signed are one text.
    fn text(&mut self, text: Cow<'a, str>, state: Option<State<'a>>) {
        let is_signed = state.is_some();
        if let Some(mut state) = state {
            if text.is_empty() && state.format == StateFormat::GoogleSignature {
                state.id = Some(signature::EMPTY_TEXT.into());
            }
            let mut reasoning =
                Reasoning { text: Cow::default(), summary: is_summary(Some(&state)), state: Some(state) };
            unhide(&mut reasoning);
            self.found.push(Part::Reasoning(reasoning));
        }
        match self.found.last_mut() {
            _ if text.is_empty() => {}
            Some(Part::Text(before)) if !is_signed => before.text.to_mut().push_str(&text),
            _ => self.found.push(Part::Text(TextPart::new(text))),
        }
    }

    fn call(&mut self, field: &str, number: usize, data: View<'a>, state: Option<State<'a>>) -> Result<(), ApiError> {
        let text = |name: &str| member(data, name).and_then(View::string).filter(|text| !text.is_empty());
        let name =
            text("name").ok_or_else(|| wrong(&format!("{field}.functionCall.name"), "a string that is not empty"))?;
        let given = text("id");
        let is_given = given.is_some();
        // The same in every turn of the conversation.
        let id = given.unwrap_or_else(|| format!("call_{}_{number}", self.place.content).into());
        self.open.push(id.clone(), name.clone(), is_given);
        let state = match state {
            // What only says that nobody signed it.
            Some(state) if state.format == StateFormat::Plain && state.data.is_empty() => None,
            // Of another provider's thoughts, told on the call.
            Some(state) if state.format != StateFormat::GoogleSignature => {
                let mut reasoning =
                    Reasoning { text: Cow::default(), summary: is_summary(Some(&state)), state: Some(state) };
                unhide(&mut reasoning);
                self.found.push(Part::Reasoning(reasoning));
                None
            }
            state => state,
        };
        let arguments = member(data, "args").map_or(Cow::Borrowed("{}"), View::compact);
        self.found.push(Part::ToolCall(ToolCall { id, name, arguments, custom: false, cache: None, state }));
        Ok(())
    }

    fn result(&mut self, field: &str, number: usize, data: View<'a>) -> Result<(), ApiError> {
        let text = |name: &str| member(data, name).and_then(View::string).filter(|text| !text.is_empty());
        let (id, name) = (text("id"), text("name"));
        let call_id = self.open.take(id.as_deref(), name.as_deref());
        let call_id = call_id.or(id).unwrap_or_else(|| format!("call_{}_{number}", self.place.content).into());
        let (mut content, is_error) = match member(data, "response") {
            Some(response) if response.kind() == ValueKind::Object => response_of(response),
            // Some clients send the text itself.
            Some(response) => (vec![said(response)], false),
            None => (Vec::new(), false),
        };
        for (name, value) in data.members().filter(|(_, value)| !value.is_null()) {
            match &*camel(&name) {
                "parts" => {
                    for part in value.elements() {
                        content.push(media::of_result(&format!("{field}.functionResponse.parts"), part)?);
                    }
                }
                name @ ("willContinue" | "scheduling") => self.losses.dropped(format!("functionResponse.{name}")),
                _ => {}
            }
        }
        content.retain(|part| !matches!(part, Part::Text(text) if text.text.is_empty()));
        self.found.push(Part::ToolResult(ToolResult { call_id, content, is_error, cache: None }));
        Ok(())
    }
}

/// What a response says and whether it is a failure: the keys `output` and `error` mean that, else all of it is what the tool gave.
fn response_of(response: View<'_>) -> (Vec<Part<'_>>, bool) {
    let mut members = response.members();
    match (members.next(), members.next()) {
        (None, _) => (Vec::new(), false),
        (Some((name, value)), None) if name == "output" => (vec![said(value)], false),
        (Some((name, value)), None) if name == "error" => (vec![said(value)], true),
        _ => (vec![said(response)], false),
    }
}

fn said(value: View<'_>) -> Part<'_> {
    Part::Text(TextPart::new(value.string().unwrap_or_else(|| value.compact())))
}

/// Whether the text beside that state is a summary: Google shows nothing else.
fn is_summary(state: Option<&State<'_>>) -> bool {
    let told = |state: &State<'_>| state.extra.as_ref()?.view().member("summary")?.bool();
    state.is_none_or(|state| {
        let usual = matches!(state.format, StateFormat::OpenAiEncrypted | StateFormat::GoogleSignature);
        told(state).unwrap_or(usual)
    })
}

/// Text that was kept back from the client, and only went along with it, is text again.
fn unhide(reasoning: &mut Reasoning<'_>) {
    if let Some(state) = &mut reasoning.state
        && state.format == StateFormat::Plain
        && reasoning.text.is_empty()
    {
        reasoning.text = std::mem::take(&mut state.data);
    }
}
