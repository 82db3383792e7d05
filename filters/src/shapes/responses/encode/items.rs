//! The conversation as items: calls are followed at once by one output each, in their order.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

use super::super::super::envelope;
use super::super::super::object::Object;
use super::super::super::tool_names::UniqueIds;
use super::Target;
use super::wire::{Item, Kind, Known, Output, Part as WirePart, Thought};
use crate::Shape;
use crate::neutral::{
    ApiError, Message, Part, Reasoning, Request, Role, State, StateFormat, TextPart, ToolCall, ToolResult,
};
use crate::shapes::Parameters;

/// Between instructions that were blocks of their own.
const BETWEEN: &str = "\n\n";

/// The longest id of a call that OpenAI takes here, in bytes.
const MAX_CALL_ID: usize = 64;

/// Writes `instructions`, and gives the items of the conversation. `instruction` is the last of the former.
///
/// # Errors
/// When a part of it must not be left out and cannot be said.
pub(super) fn write<'r>(
    request: &'r Request<'_>,
    instruction: Option<&'r str>,
    target: &mut Target<'_>,
    body: &mut Object,
) -> Result<Vec<Item<'r>>, ApiError> {
    let mut writer = Writer {
        items: Vec::new(),
        between: Vec::new(),
        pending: Vec::new(),
        waiting: HashMap::new(),
        answered: false,
        ids: UniqueIds::default(),
        target,
    };
    writer.instructions(&request.instructions, instruction, body);
    for message in &request.messages {
        match message.role {
            Role::Assistant => writer.assistant(message),
            Role::User => writer.user(message)?,
            Role::System => writer.system(message),
        }
    }
    if writer.pending.is_empty() && writer.between.is_empty() && request.messages.last().is_some_and(is_models) {
        prefill(writer.target)?;
    }
    writer.settle();
    Ok(writer.items)
}

fn is_models(message: &Message<'_>) -> bool {
    message.role == Role::Assistant
}

/// The conversation ends with the model's words: whether it goes on from them is up to the host.
fn prefill(target: &mut Target<'_>) -> Result<(), ApiError> {
    if target.profile.refuses_prefill || target.profile.refused.intersects(Parameters::PREFILL) {
        return Err(target.refuses("messages", "a conversation that ends with a message of the assistant's"));
    }
    target.losses.approximated("messages.prefill");
    Ok(())
}

/// A call that waits for its result.
struct Pending<'r> {
    id: Cow<'r, str>,
    custom: bool,
    output: Option<Output<'r>>,
}

struct Writer<'r, 't, 'p> {
    items: Vec<Item<'r>>,
    /// What was said since the model's last turn, results aside.
    between: Vec<Item<'r>>,
    /// The calls of the model's last turn.
    pending: Vec<Pending<'r>>,
    /// Which of them wait, by the client's id, in order.
    waiting: HashMap<&'r str, VecDeque<usize>>,
    /// Whether one of them has its result.
    answered: bool,
    /// All ids of calls that were sent: each may stand there once.
    ids: UniqueIds,
    target: &'t mut Target<'p>,
}

impl<'r> Writer<'r, '_, '_> {
    /// One text, or several that can be one, are `instructions`; those with marks for the cache are a message.
    fn instructions(&mut self, texts: &'r [TextPart<'_>], last: Option<&'r str>, body: &mut Object) {
        let texts: Vec<&TextPart<'_>> = texts.iter().filter(|text| !text.text.is_empty()).collect();
        if texts.iter().any(|text| self.target.mark(text.cache).is_some()) {
            let mut content: Vec<WirePart<'r>> = texts
                .into_iter()
                .map(|text| {
                    let mark = self.target.mark(text.cache);
                    WirePart { prompt_cache_breakpoint: mark, ..WirePart::text(&*text.text) }
                })
                .collect();
            content.extend(last.map(WirePart::text));
            self.items.push(Item::Known(Known::Message { role: self.target.system_role(), content }));
            return;
        }
        let texts: Vec<&str> = texts.into_iter().map(|text| &*text.text).chain(last).collect();
        match texts[..] {
            [] => {}
            [text] => body.put("instructions", text),
            _ => body.put("instructions", &texts.join(BETWEEN)),
        }
    }

    fn assistant(&mut self, message: &'r Message<'_>) {
        if !self.between.is_empty() || self.answered {
            self.settle();
        }
        // Reasoning goes before what it led to; without that it is refused.
        let mut thoughts = Vec::new();
        let mut said: Vec<WirePart<'r>> = Vec::new();
        for part in &message.parts {
            match part {
                Part::Text(text) if text.text.is_empty() => {}
                Part::Text(text) => {
                    if !text.citations.is_empty() {
                        self.target.losses.dropped("citations");
                    }
                    self.items.append(&mut thoughts);
                    said.push(own(Kind::OutputText { text: &text.text }));
                }
                Part::Refusal(refusal) => {
                    self.items.append(&mut thoughts);
                    said.push(own(Kind::Refusal { refusal }));
                }
                Part::Reasoning(reasoning) => {
                    self.say(&mut said);
                    thoughts.extend(self.thought(reasoning, message).map(Item::Known));
                }
                Part::ToolCall(call) => {
                    self.say(&mut said);
                    self.items.append(&mut thoughts);
                    self.call(call);
                }
                Part::Opaque(part) if part.shape == Shape::Responses => {
                    self.say(&mut said);
                    self.items.append(&mut thoughts);
                    self.items.push(Item::Own(&part.raw));
                }
                // What the model made, or a result out of its place.
                Part::Image(_) => self.target.losses.dropped("content.image"),
                Part::Document(_) => self.target.losses.dropped("content.document"),
                Part::Sound(_) => self.target.losses.dropped("content.audio"),
                Part::Video(_) => self.target.losses.dropped("content.video"),
                Part::ToolResult(_) => self.target.losses.dropped("content.tool_result"),
                Part::Opaque(part) => self.target.losses.dropped(format!("content.{}", part.kind)),
            }
        }
        self.say(&mut said);
    }

    /// Writes what the model said as one message.
    fn say(&mut self, said: &mut Vec<WirePart<'r>>) {
        if !said.is_empty() {
            let content = std::mem::take(said);
            self.items.push(Item::Known(Known::Message { role: "assistant", content }));
        }
    }

    /// An item of reasoning that the target can read: encrypted by itself, or, where the host wants that back, plain thoughts of a turn
    /// that called tools.
    fn thought(&self, reasoning: &'r Reasoning<'_>, turn: &Message<'_>) -> Option<Known<'r>> {
        let profile = self.target.profile;
        let (summary, content) = match (&*reasoning.text, reasoning.summary) {
            ("", _) => (Vec::new(), Vec::new()),
            (text, true) => (vec![Thought::SummaryText { text }], Vec::new()),
            (text, false) => (Vec::new(), vec![Thought::ReasoningText { text }]),
        };
        let is_own = |state: &&State<'_>| {
            state.format == StateFormat::OpenAiEncrypted
                && !state.data.is_empty()
                && envelope::belongs(state, &profile.origin)
        };
        if let Some(state) = reasoning.state.as_ref().filter(is_own) {
            let id = state.id.as_deref();
            return Some(Known::Reasoning { id, summary, content, encrypted_content: Some(&*state.data) });
        }
        let is_plain = reasoning.state.as_ref().is_none_or(|state| {
            state.format == StateFormat::Plain
                && state.origin.as_ref().is_none_or(|origin| origin.provider == profile.origin.provider)
        });
        let calls = || turn.parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
        let goes_back = profile.host.wants_reasoning_content && is_plain && !reasoning.text.is_empty() && calls();
        let content = vec![Thought::ReasoningText { text: &reasoning.text }];
        goes_back.then_some(Known::Reasoning { id: None, summary: Vec::new(), content, encrypted_content: None })
    }

    fn call(&mut self, call: &'r ToolCall<'_>) {
        let id = self.id(&call.id);
        self.waiting.entry(&call.id).or_default().push_back(self.pending.len());
        self.pending.push(Pending { id: id.clone(), custom: call.custom, output: None });
        let name = self.target.names.sent(&call.name);
        self.items.push(Item::Known(if call.custom {
            Known::CustomToolCall { call_id: id, name, input: &call.arguments }
        } else {
            let arguments = if call.arguments.trim().is_empty() { "{}" } else { &*call.arguments };
            Known::FunctionCall { call_id: id, name, arguments }
        }));
    }

    /// The id under which a call is sent: no two alike, and not too long.
    fn id(&mut self, own: &'r str) -> Cow<'r, str> {
        let short = short(own, self.target.profile.host.openai_fields);
        let Some(numbered) = self.ids.numbered(&short) else { return short };
        self.target.losses.repaired("tool_calls.id");
        short_owned(numbered, self.target.profile.host.openai_fields).into()
    }

    fn user(&mut self, message: &'r Message<'_>) -> Result<(), ApiError> {
        let mut said = Vec::with_capacity(message.parts.len());
        for part in &message.parts {
            match part {
                Part::ToolResult(result) => self.result(result, &mut said)?,
                Part::Opaque(part) if part.shape == Shape::Responses && is_item(&part.kind) => {
                    self.hear(&mut said, "user");
                    self.between.push(Item::Own(&part.raw));
                }
                part => said.extend(self.target.part(part)?),
            }
        }
        self.hear(&mut said, "user");
        Ok(())
    }

    fn hear(&mut self, said: &mut Vec<WirePart<'r>>, role: &'static str) {
        if !said.is_empty() {
            let content = std::mem::take(said);
            self.between.push(Item::Known(Known::Message { role, content }));
        }
    }

    /// Gives a result to its call. One that has no call in the model's last turn is told as what the user says.
    fn result(&mut self, result: &'r ToolResult<'_>, said: &mut Vec<WirePart<'r>>) -> Result<(), ApiError> {
        let at = self.waiting.get_mut(&*result.call_id).and_then(VecDeque::pop_front);
        if let Some(call) = at.and_then(|at| self.pending.get_mut(at)) {
            self.answered = true;
            call.output = Some(self.target.output(result)?);
            return Ok(());
        }
        self.target.losses.repaired("tool_result");
        let id = short(&result.call_id, self.target.profile.host.openai_fields);
        said.push(WirePart::text(format!("[result of call {id}]")));
        said.append(&mut self.target.result_parts(result)?);
        Ok(())
    }

    /// What the operator says in between.
    fn system(&mut self, message: &'r Message<'_>) {
        let mut said = Vec::with_capacity(message.parts.len());
        for part in &message.parts {
            match part {
                Part::Text(text) if text.text.is_empty() => {}
                Part::Text(text) => {
                    let mark = self.target.mark(text.cache);
                    said.push(WirePart { prompt_cache_breakpoint: mark, ..WirePart::text(&*text.text) });
                }
                Part::Opaque(part) => self.target.losses.dropped(format!("content.{}", part.kind)),
                _ => self.target.losses.dropped("messages.content"),
            }
        }
        let role = self.target.system_role();
        self.hear(&mut said, role);
    }

    /// Ends what was said between two turns of the model: results first, in the order of the calls.
    fn settle(&mut self) {
        self.waiting.clear();
        self.answered = false;
        for Pending { id, custom, output } in self.pending.drain(..) {
            let output = output.unwrap_or_else(|| {
                self.target.losses.repaired("tool_result");
                Output::Text("[no result]".into())
            });
            self.items.push(Item::Known(match custom {
                true => Known::CustomToolCallOutput { call_id: id, output },
                false => Known::FunctionCallOutput { call_id: id, output },
            }));
        }
        self.items.append(&mut self.between);
    }
}

/// A part of what the model said.
fn own(kind: Kind<'_>) -> WirePart<'_> {
    WirePart { kind, prompt_cache_breakpoint: None }
}

/// Whether what only this shape has is an item, and not a part of a message.
fn is_item(kind: &str) -> bool {
    !kind.starts_with("input_") && !kind.starts_with("output_")
}

fn short(id: &str, bounded: bool) -> Cow<'_, str> {
    if id.len() <= MAX_CALL_ID || !bounded {
        return Cow::Borrowed(id);
    }
    let kept: String = id.chars().filter(char::is_ascii).take(MAX_CALL_ID - 17).collect();
    format!("{kept}_{:016x}", rapidhash::v3::rapidhash_v3(id.as_bytes())).into()
}

fn short_owned(id: String, bounded: bool) -> String {
    match short(&id, bounded) {
        Cow::Owned(short) => short,
        Cow::Borrowed(_) => id,
    }
}
