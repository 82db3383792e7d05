//! The items of `input` as turns: instructions first, what the model said, thought and called in its turns, results of tools in the
//! user's.

use std::borrow::Cow;

use super::super::super::call_state;
use super::super::super::envelope;
use super::super::super::fields::{refused, wrong};
use super::{content, tools};
use crate::Shape;
use crate::json::{ValueKind, View};
use crate::neutral::{
    ApiError, Losses, Message, Opaque, Part, Reasoning, Request, Role, State, StateFormat, TextPart, ToolCall,
    ToolResult,
};

/// Between the parts of a summary, which are one text elsewhere.
const BETWEEN: &str = "\n\n";

/// Reads `input` into the request.
///
/// # Errors
/// When it holds nothing, or an item that is wrong or that the gateway cannot know.
pub(super) fn read<'a>(
    view: View<'a>,
    request: &mut Request<'a>,
    declared: &mut tools::Declared,
    losses: &mut Losses,
) -> Result<(), ApiError> {
    const FORMS: &str = "a string that is not empty or an array of items";
    if let Some(text) = view.string() {
        if text.is_empty() {
            return Err(wrong("input", FORMS));
        }
        request.messages.push(Message { role: Role::User, name: None, parts: vec![Part::Text(TextPart::new(text))] });
        return Ok(());
    }
    if view.kind() != ValueKind::Array || view.elements().next().is_none() {
        return Err(wrong("input", FORMS));
    }
    for (index, view) in view.elements().enumerate() {
        let mut reader = Reader { item: Item { index, view }, request, losses };
        reader.item(declared)?;
    }
    for message in &mut request.messages {
        call_state::give_to_calls(&mut message.parts);
    }
    // A turn may have held nothing but what goes nowhere.
    request.messages.retain(|message| message.role != Role::Assistant || !message.parts.is_empty());
    Ok(())
}

/// An item and its place.
struct Item<'a> {
    index: usize,
    view: View<'a>,
}

impl<'a> Item<'a> {
    fn field(&self, name: &str) -> String {
        format!("input[{}].{name}", self.index)
    }

    fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.view.member(name).and_then(View::string)
    }

    /// A text that must be there.
    fn needed(&self, name: &str) -> Result<Cow<'a, str>, ApiError> {
        let text = self.text(name).filter(|text| !text.is_empty());
        text.ok_or_else(|| wrong(&self.field(name), "a string that is not empty"))
    }
}

struct Reader<'r, 'a> {
    item: Item<'a>,
    request: &'r mut Request<'a>,
    losses: &'r mut Losses,
}

impl<'a> Reader<'_, 'a> {
    fn item(&mut self, declared: &mut tools::Declared) -> Result<(), ApiError> {
        let view = self.item.view;
        if let Some(text) = view.string() {
            self.user(vec![Part::Text(TextPart::new(text))]);
            return Ok(());
        }
        if view.kind() != ValueKind::Object {
            return Err(wrong(&format!("input[{}]", self.item.index), "an object"));
        }
        let kind = match self.item.text("type") {
            Some(kind) => kind,
            None if view.member("role").is_some() => Cow::Borrowed("message"),
            None if view.member("id").is_some() => Cow::Borrowed("item_reference"),
            None => return Err(wrong(&self.item.field("type"), "a string")),
        };
        match &*kind {
            "message" => self.message(),
            "function_call" => self.call("arguments", false),
            "custom_tool_call" => self.call("input", true),
            "function_call_output" | "custom_tool_call_output" => self.result(),
            "reasoning" => {
                self.reasoning();
                Ok(())
            }
            "additional_tools" => match view.member("tools") {
                Some(tools) => declared.read(&self.item.field("tools"), tools, self.request),
                None => Ok(()),
            },
            "configuration_update" => {
                if let Some(reasoning) = view.member("reasoning") {
                    super::reasoning(reasoning, self.request)?;
                }
                view.member("text").map_or(Ok(()), |text| super::words(text, self.request))
            }
            "item_reference" => {
                Err(self.kept("it points to an item that another provider keeps", "send the item itself"))
            }
            "compaction" | "compaction_trigger" | "compaction_summary" => Err(self.kept(
                "a compacted conversation can be read by the provider alone that made it",
                "send the conversation itself, or go on with a model of that provider",
            )),
            _ => {
                self.opaque(kind);
                Ok(())
            }
        }
    }

    fn kept(&self, why: &str, cure: &str) -> ApiError {
        let field = format!("input[{}]", self.item.index);
        refused(&field, format!("`{field}` cannot be served by this model: {why}; {cure}"))
    }

    fn message(&mut self) -> Result<(), ApiError> {
        let role = self.item.needed("role")?;
        let field = self.item.field("content");
        let parts = content::parts(&field, self.item.view.member("content"))?;
        match &*role {
            "user" => self.user(parts),
            "assistant" => {
                if self.item.view.member("phase").is_some() {
                    self.losses.dropped("input.phase");
                }
                self.said(parts);
            }
            "system" | "developer" => self.system(parts),
            _ => {
                let roles = "one of `user`, `assistant`, `system` and `developer`";
                return Err(wrong(&self.item.field("role"), roles));
            }
        }
        Ok(())
    }

    fn user(&mut self, parts: Vec<Part<'a>>) {
        self.request.messages.push(Message { role: Role::User, name: None, parts });
    }

    /// What stands before the first turn are instructions; what comes later stays in its place.
    fn system(&mut self, parts: Vec<Part<'a>>) {
        let is_first = self.request.messages.is_empty();
        let mut texts = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Part::Text(text) if is_first => self.request.instructions.push(text),
                Part::Text(_) => texts.push(part),
                Part::Image(_) => self.losses.dropped("content.input_image"),
                Part::Opaque(part) => self.losses.dropped(format!("content.{}", part.kind)),
                _ => self.losses.dropped("input.content"),
            }
        }
        if !is_first {
            self.request.messages.push(Message { role: Role::System, name: None, parts: texts });
        }
    }

    /// A message of the model's: a turn of its own if something was said in the last one, else what follows its reasoning.
    fn said(&mut self, mut parts: Vec<Part<'a>>) {
        let says = |part: &Part<'_>| matches!(part, Part::Text(_) | Part::Refusal(_) | Part::ToolCall(_));
        let turn = self.turn();
        if turn.iter().any(says) {
            self.request.messages.push(Message { role: Role::Assistant, name: None, parts });
        } else {
            turn.append(&mut parts);
        }
    }

    /// The turn of the model's that is open, or a new one.
    fn turn(&mut self) -> &mut Vec<Part<'a>> {
        let messages = &mut self.request.messages;
        if messages.last().is_none_or(|last| last.role != Role::Assistant) {
            messages.push(Message { role: Role::Assistant, name: None, parts: Vec::new() });
        }
        let last = messages.len().saturating_sub(1);
        &mut messages.get_mut(last).expect("a message was added where there was none").parts
    }

    fn call(&mut self, input: &str, custom: bool) -> Result<(), ApiError> {
        let item = &self.item;
        // Clients that keep no two ids apart have the one under the other's name.
        let id = item.text("call_id").filter(|id| !id.is_empty());
        let id = id.map_or_else(|| item.text("id").filter(|id| !id.is_empty()), Some);
        let id = id.ok_or_else(|| wrong(&item.field("call_id"), "a string that is not empty"))?;
        let name = tools::one_name(item.text("namespace").as_deref(), item.needed("name")?);
        let arguments = match item.view.member(input) {
            Some(value) => value.string().unwrap_or_else(|| value.json().compact().into_owned().into()),
            None => Cow::Borrowed(""),
        };
        let call = ToolCall { id, name, arguments, custom, cache: None, state: None };
        self.turn().push(Part::ToolCall(call));
        Ok(())
    }

    fn result(&mut self) -> Result<(), ApiError> {
        let item = &self.item;
        let call_id = item.text("call_id").filter(|id| !id.is_empty());
        let call_id = call_id.ok_or_else(|| {
            let field = item.field("call_id");
            refused(&field, format!("`{field}` is missing: it names the call that this is the output of"))
        })?;
        let output = item.view.member("output");
        let is_parts = |output: View<'_>| match output.kind() {
            ValueKind::String | ValueKind::Array => true,
            ValueKind::Object => output.member("type").is_some(),
            _ => false,
        };
        let content = match output {
            // The object that a tool gave back, where its text should be.
            Some(output) if !is_parts(output) => {
                vec![Part::Text(TextPart::new(output.json().compact().into_owned()))]
            }
            output => content::parts(&item.field("output"), output)?,
        };
        self.between(Part::ToolResult(ToolResult { call_id, content, is_error: false, cache: None }));
        Ok(())
    }

    /// Adds what comes back from outside to the user's turn that holds nothing else.
    fn between(&mut self, part: Part<'a>) {
        let is_back = |part: &Part<'_>| matches!(part, Part::ToolResult(_) | Part::Opaque(_));
        match self.request.messages.last_mut() {
            Some(last) if last.role == Role::User && !last.parts.is_empty() && last.parts.iter().all(is_back) => {
                last.parts.push(part);
            }
            _ => self.user(vec![part]),
        }
    }

    fn reasoning(&mut self) {
        let text = |name: &str| {
            let parts = self.item.view.member(name).into_iter().flat_map(View::elements);
            let texts: Vec<Cow<'a, str>> =
                parts.filter_map(|part| part.member("text").or(Some(part)).and_then(View::string)).collect();
            match <[Cow<'a, str>; 1]>::try_from(texts) {
                Ok([only]) => only,
                Err(texts) => texts.join(BETWEEN).into(),
            }
        };
        let (summary, thoughts) = (text("summary"), text("content"));
        let is_summary = thoughts.is_empty();
        let mut reasoning =
            Reasoning { text: if is_summary { summary } else { thoughts }, summary: is_summary, state: None };
        let encrypted = self.item.text("encrypted_content").filter(|data| !data.is_empty());
        if let Some(data) = encrypted {
            if envelope::is_sealed(&data) {
                // An envelope that cannot be read is nobody's.
                let Some(state) = envelope::open(&data) else { return };
                opened(&mut reasoning, state);
            } else {
                let id = self.item.text("id").filter(|id| !id.is_empty());
                reasoning.state =
                    Some(State { format: StateFormat::OpenAiEncrypted, data, id, origin: None, extra: None });
            }
        }
        if reasoning.text.is_empty() {
            reasoning.summary =
                reasoning.state.as_ref().is_some_and(|state| state.format == StateFormat::OpenAiEncrypted);
        }
        if !reasoning.text.is_empty() || reasoning.state.is_some() {
            self.turn().push(Part::Reasoning(reasoning));
        }
    }

    /// What only this shape has: on whose side it stands shows by its name.
    fn opaque(&mut self, kind: Cow<'a, str>) {
        let is_models =
            kind.ends_with("_call") || matches!(&*kind, "program" | "mcp_list_tools" | "mcp_approval_request");
        let part = Part::Opaque(Opaque { shape: Shape::Responses, kind, raw: self.item.view.json() });
        if is_models {
            self.turn().push(part);
        } else {
            self.between(part);
        }
    }
}

/// Puts back together what was taken apart for this shape: state of another provider, whether its text is a summary, and its text
/// where that was not shown.
fn opened<'a>(reasoning: &mut Reasoning<'a>, state: State<'static>) {
    let extra = |name: &str| state.extra.as_ref()?.view().member(name);
    if reasoning.text.is_empty() {
        let hidden = extra("text").and_then(View::string).map(Cow::into_owned);
        let plain = || (state.format == StateFormat::Plain).then(|| state.data.to_string());
        reasoning.text = hidden.or_else(plain).unwrap_or_default().into();
    }
    let usual = matches!(state.format, StateFormat::OpenAiEncrypted | StateFormat::GoogleSignature);
    reasoning.summary = extra("summary").and_then(View::bool).unwrap_or(usual);
    reasoning.state = Some(state);
}
