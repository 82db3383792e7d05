//! The messages of a chat request as turns: instructions first, results of tools in the user's turns.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

use super::{content, history, mark, refused, wrong};
use crate::json::{ValueKind, View};
use crate::neutral::{
    ApiError, CacheMark, Losses, Message, Part, Request, Role, StateFormat, TextPart, ToolCall, ToolResult,
};

/// Reads `messages` into the request.
///
/// # Errors
/// When there are none, or one has no known role or wrong content.
pub(super) fn read<'a>(view: View<'a>, request: &mut Request<'a>, losses: &mut Losses) -> Result<(), ApiError> {
    if view.kind() != ValueKind::Array || view.elements().next().is_none() {
        return Err(wrong("messages", "an array with at least one message"));
    }
    let mut open = OpenCalls::default();
    for (index, view) in view.elements().enumerate() {
        let message = Fields::read(index, view)?;
        match &*message.role {
            "system" | "developer" => system(message, request, losses)?,
            "user" => {
                let mut parts = content::parts(&message.field("content"), message.content)?;
                content::set_mark(&mut parts, message.cache);
                request.messages.push(Message { role: Role::User, name: message.name, parts });
            }
            "assistant" => {
                let turn = assistant(message, losses)?;
                open = OpenCalls::of(&turn);
                request.messages.push(turn);
            }
            "tool" | "function" => {
                let result = result(message, &mut open, losses)?;
                match request.messages.last_mut() {
                    Some(turn) if turn.parts.iter().any(|part| matches!(part, Part::ToolResult(_))) => {
                        turn.parts.push(result);
                    }
                    _ => request.messages.push(Message { role: Role::User, name: None, parts: vec![result] }),
                }
            }
            _ => {
                let roles = "one of `system`, `developer`, `user`, `assistant`, `tool` and `function`";
                return Err(wrong(&message.field("role"), roles));
            }
        }
    }
    Ok(())
}

/// Calls of the last turn that have no result yet.
#[derive(Default)]
struct OpenCalls<'a> {
    /// The ids of all of them, in order; `None` once it has its result.
    ids: Vec<Option<Cow<'a, str>>>,
    /// Their places in `ids` by id, by tool, and all; some of them may be taken.
    by_id: HashMap<Cow<'a, str>, VecDeque<usize>>,
    by_name: HashMap<Cow<'a, str>, VecDeque<usize>>,
    in_order: VecDeque<usize>,
}

impl<'a> OpenCalls<'a> {
    fn of(turn: &Message<'a>) -> OpenCalls<'a> {
        let mut open = OpenCalls::default();
        for part in &turn.parts {
            if let Part::ToolCall(call) = part {
                let at = open.ids.len();
                open.ids.push(Some(call.id.clone()));
                open.by_id.entry(call.id.clone()).or_default().push_back(at);
                open.by_name.entry(call.name.clone()).or_default().push_back(at);
                open.in_order.push_back(at);
            }
        }
        open
    }

    /// Takes the call with that id.
    fn with_id(&mut self, id: &str) -> Option<Cow<'a, str>> {
        first(&mut self.ids, self.by_id.get_mut(id)?)
    }

    /// Takes the first call of that tool, else the first of all.
    fn of_tool(&mut self, name: Option<&str>) -> Option<Cow<'a, str>> {
        let named = name.and_then(|name| self.by_name.get_mut(name));
        named.and_then(|places| first(&mut self.ids, places)).or_else(|| first(&mut self.ids, &mut self.in_order))
    }
}

/// Takes the id at the first of these places that still has one.
fn first<'a>(ids: &mut [Option<Cow<'a, str>>], places: &mut VecDeque<usize>) -> Option<Cow<'a, str>> {
    std::iter::from_fn(|| places.pop_front()).find_map(|at| ids.get_mut(at)?.take())
}

/// What counts of a message; clients add much that does not.
struct Fields<'a> {
    index: usize,
    role: Cow<'a, str>,
    name: Option<Cow<'a, str>>,
    content: Option<View<'a>>,
    refusal: Option<View<'a>>,
    audio: Option<View<'a>>,
    images: Option<View<'a>>,
    tool_calls: Option<View<'a>>,
    function_call: Option<View<'a>>,
    tool_call_id: Option<View<'a>>,
    provider_fields: Option<View<'a>>,
    reasoning: history::Fields<'a>,
    cache: Option<CacheMark>,
}

impl<'a> Fields<'a> {
    fn read(index: usize, view: View<'a>) -> Result<Fields<'a>, ApiError> {
        let mut fields = Fields {
            index,
            role: Cow::Borrowed(""),
            name: None,
            content: None,
            refusal: None,
            audio: None,
            images: None,
            tool_calls: None,
            function_call: None,
            tool_call_id: None,
            provider_fields: None,
            reasoning: history::Fields::default(),
            cache: None,
        };
        if view.kind() != ValueKind::Object {
            return Err(wrong(&format!("messages[{index}]"), "an object"));
        }
        for (name, value) in view.members().filter(|(_, value)| !value.is_null()) {
            match &*name {
                "role" => fields.role = value.string().unwrap_or_default(),
                "name" => fields.name = value.string().filter(|name| !name.is_empty()),
                "content" => fields.content = Some(value),
                "refusal" => fields.refusal = Some(value),
                "audio" => fields.audio = Some(value),
                "images" => fields.images = Some(value),
                "tool_calls" => fields.tool_calls = Some(value),
                "function_call" => fields.function_call = Some(value),
                "tool_call_id" => fields.tool_call_id = Some(value),
                "provider_specific_fields" => fields.provider_fields = Some(value),
                "reasoning_details" => fields.reasoning.details = Some(value),
                "thinking_blocks" => fields.reasoning.blocks = Some(value),
                "reasoning_content" | "reasoning" if value.kind() == ValueKind::String => {
                    let is_empty = value.raw() == "\"\"";
                    fields.reasoning.text = fields.reasoning.text.or((!is_empty).then_some(value));
                }
                "cache_control" | "prompt_cache_breakpoint" => fields.cache = mark(value),
                _ => {}
            }
        }
        Ok(fields)
    }

    /// The name of a field of this message, for errors.
    fn field(&self, name: &str) -> String {
        format!("messages[{}].{name}", self.index)
    }
}

/// Reads a message of the conversation's operator: an instruction before the first turn, else a turn of its own.
fn system<'a>(message: Fields<'a>, request: &mut Request<'a>, losses: &mut Losses) -> Result<(), ApiError> {
    let mut parts = content::parts(&message.field("content"), message.content)?;
    content::set_mark(&mut parts, message.cache);
    if !request.messages.is_empty() {
        request.messages.push(Message { role: Role::System, name: message.name, parts });
        return Ok(());
    }
    if message.name.is_some() {
        losses.dropped("messages.name");
    }
    for part in parts {
        match part {
            Part::Text(text) => request.instructions.push(text),
            Part::Image(_) => losses.dropped("content.image_url"),
            Part::Opaque(part) => losses.dropped(format!("content.{}", part.kind)),
            _ => losses.dropped("messages.content"),
        }
    }
    Ok(())
}

/// Reads a turn of the model's: reasoning, what it said, its calls.
fn assistant<'a>(message: Fields<'a>, losses: &mut Losses) -> Result<Message<'a>, ApiError> {
    let mut calls = Vec::new();
    if let Some(list) = message.tool_calls {
        for (number, view) in list.elements().filter(|call| !call.is_null()).enumerate() {
            calls.push(call(&message, number, view)?);
        }
    }
    // The deprecated form of the same; clients that send both mean one call.
    if let (true, Some(view)) = (calls.is_empty(), message.function_call) {
        calls.push(function_call(&message, view, calls.len())?);
    }
    if let Some(signatures) = message.provider_fields.and_then(|fields| fields.member("thought_signatures")) {
        // LiteLLM's list has one for the turn, which belongs to its first call.
        let first = signatures.elements().find_map(View::string);
        if let (Some(call), Some(signature)) = (calls.first_mut(), first) {
            call.state = call.state.take().or_else(|| history::state(StateFormat::GoogleSignature, signature));
        }
    }
    let (reasoning, said): (Vec<Part<'a>>, Vec<Part<'a>>) = content::parts(&message.field("content"), message.content)?
        .into_iter()
        .partition(|part| matches!(part, Part::Reasoning(_)));
    let mut parts: Vec<Part<'a>> = message.reasoning.read(&mut calls).into_iter().map(Part::Reasoning).collect();
    if parts.is_empty() {
        parts = reasoning;
    }
    let is_silent = said.is_empty();
    parts.extend(said);
    let refuses = parts.iter().any(|part| matches!(part, Part::Refusal(_)));
    if let Some(refusal) = message.refusal.and_then(View::string).filter(|refusal| !refuses && !refusal.is_empty()) {
        parts.push(Part::Refusal(refusal));
    }
    if let Some(audio) = message.audio {
        spoken(audio, is_silent, &mut parts, losses);
    }
    if message.images.is_some_and(|images| images.elements().next().is_some()) {
        losses.dropped("messages.images");
    }
    content::set_mark(&mut parts, message.cache);
    parts.extend(calls.into_iter().map(Part::ToolCall));
    Ok(Message { role: Role::Assistant, name: message.name, parts })
}

/// An earlier answer in sound is an id that only its provider knows; its words, where the client sends them, are text.
fn spoken<'a>(audio: View<'a>, is_silent: bool, parts: &mut Vec<Part<'a>>, losses: &mut Losses) {
    match audio.member("transcript").and_then(View::string) {
        Some(words) if is_silent => {
            parts.push(Part::Text(TextPart::new(words)));
            losses.approximated("messages.audio");
        }
        _ => losses.dropped("messages.audio"),
    }
}

/// What LiteLLM puts between the id of a call and a signature of Gemini's.
const THOUGHT: &str = "__thought__";

/// The id of a call without what others put into it, and the signature in it.
fn own_id(id: Cow<'_, str>) -> (Cow<'_, str>, Option<Cow<'_, str>>) {
    match &id {
        Cow::Borrowed(text) => match text.split_once(THOUGHT) {
            Some((id, signature)) => (id.into(), Some(signature.into())),
            None => (id, None),
        },
        Cow::Owned(text) => match text.split_once(THOUGHT) {
            Some((id, signature)) => (id.to_owned().into(), Some(signature.to_owned().into())),
            None => (id, None),
        },
    }
}

fn call<'a>(message: &Fields<'a>, number: usize, view: View<'a>) -> Result<ToolCall<'a>, ApiError> {
    let custom = view.member("custom");
    let holder = custom.or(view.member("function")).unwrap_or(view);
    let name = holder.member("name").and_then(View::string).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| {
        wrong(&message.field(&format!("tool_calls[{number}].function.name")), "a string that is not empty")
    })?;
    let given = view.member("id").and_then(View::string).unwrap_or_default();
    let (id, in_id) = own_id(given);
    let signature = view
        .member("extra_content")
        .and_then(|extra| extra.member("google")?.member("thought_signature"))
        .or_else(|| view.member("provider_specific_fields")?.member("thought_signature"))
        .or_else(|| holder.member("provider_specific_fields")?.member("thought_signature"))
        .and_then(View::string)
        .or(in_id);
    Ok(ToolCall {
        id: if id.is_empty() { minted(message.index, number) } else { id },
        name,
        arguments: arguments(holder.member(if custom.is_some() { "input" } else { "arguments" })),
        custom: custom.is_some(),
        cache: None,
        state: signature.and_then(|signature| history::state(StateFormat::GoogleSignature, signature)),
    })
}

fn function_call<'a>(message: &Fields<'a>, view: View<'a>, number: usize) -> Result<ToolCall<'a>, ApiError> {
    let name = view.member("name").and_then(View::string).filter(|name| !name.is_empty());
    Ok(ToolCall {
        id: minted(message.index, number),
        name: name.ok_or_else(|| wrong(&message.field("function_call.name"), "a string that is not empty"))?,
        arguments: arguments(view.member("arguments")),
        custom: false,
        cache: None,
        state: None,
    })
}

/// Arguments as text; some clients send the object itself.
fn arguments(value: Option<View<'_>>) -> Cow<'_, str> {
    let Some(value) = value else { return Cow::Borrowed("") };
    value.string().unwrap_or_else(|| value.json().compact().into_owned().into())
}

/// An id for a call that has none: the same in every turn of the conversation.
fn minted(message: usize, number: usize) -> Cow<'static, str> {
    format!("call_{message}_{number}").into()
}

/// Reads what a tool gave back.
fn result<'a>(message: Fields<'a>, open: &mut OpenCalls<'a>, losses: &mut Losses) -> Result<Part<'a>, ApiError> {
    let content = match message.content.map(View::kind) {
        // The object that a tool gave back, where its text should be.
        Some(ValueKind::Object | ValueKind::Number | ValueKind::Bool) => {
            let text = message.content.map(|content| content.json().compact().into_owned()).unwrap_or_default();
            vec![Part::Text(TextPart::new(text))]
        }
        _ => content::parts(&message.field("content"), message.content)?,
    };
    let given = message.tool_call_id.and_then(View::string).map(|id| own_id(id).0).filter(|id| !id.is_empty());
    let paired = match &given {
        Some(id) => open.with_id(id),
        // The older role knows the function's name only; who leaves the id out goes by name, else by order.
        None => open.of_tool(message.name.as_deref()),
    };
    if given.is_none() && message.role == "tool" && paired.is_some() {
        losses.repaired("messages.tool_call_id");
    }
    let of_function = || (message.role == "function").then(|| minted(message.index, 0));
    let Some(call_id) = given.or(paired).or_else(of_function) else {
        let field = message.field("tool_call_id");
        return Err(refused(&field, format!("`{field}` is missing: it names the call that this is the result of")));
    };
    Ok(Part::ToolResult(ToolResult { call_id, content, is_error: false, cache: message.cache }))
}
