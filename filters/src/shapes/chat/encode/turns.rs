//! The conversation as chat messages: calls of tools are followed at once by one `tool` message each.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};

use super::Target;
use super::content::joined;
use super::wire::{Call, CalledCustom, CalledFunction, Content, Kind, Mark, Message as Wire, Part as WirePart};
use crate::neutral::{ApiError, Message, Part, Request, Role, TextPart, ToolCall, ToolResult};
use crate::shapes::files::found_tool;
use crate::shapes::{Parameters, free_text};

/// Between texts that were blocks of their own, for hosts that take strings only.
const BETWEEN: &str = "\n\n";

/// The longest id of a call that OpenAI takes here, in bytes.
const MAX_CALL_ID: usize = 40;

/// Writes the conversation, with that as the last of its instructions.
///
/// # Errors
/// When a part of it must not be left out and cannot be said.
pub(super) fn write<'r>(
    request: &'r Request<'_>,
    instruction: Option<&'r str>,
    target: &mut Target<'_>,
) -> Result<Vec<Wire<'r>>, ApiError> {
    let mut out = Vec::new();
    let texts = request.instructions.iter().filter(|text| !text.text.is_empty());
    let mut parts: Vec<WirePart<'r>> = texts.map(|text| target.text(text)).collect();
    parts.extend(instruction.map(|text| WirePart { kind: Kind::Text { text: text.into() }, mark: Mark::default() }));
    if !parts.is_empty() {
        out.push(Wire::new(target.system_role(), target.content(parts, BETWEEN)));
    }
    let is_models = |message: &Message<'_>| message.role == Role::Assistant;
    let mut rest = &request.messages[..];
    while !rest.is_empty() {
        let end = rest.iter().position(|message| !is_models(message)).unwrap_or(rest.len());
        let (turns, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        let end = after.iter().position(is_models).unwrap_or(after.len());
        let (answers, after) = after.split_at_checked(end).unwrap_or((after, &[]));
        let calls = assistant(turns, target, &mut out)?;
        if answers.is_empty() && calls.is_empty() && !turns.is_empty() {
            prefill(target)?;
        }
        user(answers, &calls, target, &mut out)?;
        rest = after;
    }
    Ok(out)
}

/// The conversation ends with the model's words: whether it goes on from them is up to the host.
fn prefill(target: &mut Target<'_>) -> Result<(), ApiError> {
    if target.profile.refuses_prefill || target.profile.refused.intersects(Parameters::PREFILL) {
        return Err(target.refuses("messages", "a conversation that ends with a message of the assistant's"));
    }
    target.losses.approximated("messages.prefill");
    Ok(())
}

/// Writes the model's turns that stand together as one, for the results of all their calls come after them.
fn assistant<'r>(
    turns: &'r [Message<'_>],
    target: &mut Target<'_>,
    out: &mut Vec<Wire<'r>>,
) -> Result<Vec<Sent<'r>>, ApiError> {
    let mut calls: Vec<&'r ToolCall<'r>> = Vec::new();
    if turns.is_empty() {
        return Ok(Vec::new());
    }
    let mut said: Vec<WirePart<'r>> = Vec::new();
    let mut refusal = None;
    for (index, turn) in turns.iter().enumerate() {
        let is_first_of_turn = said.len();
        for part in &turn.parts {
            match part {
                Part::Text(text) if !text.text.is_empty() => said.push(target.text(text)),
                Part::Text(_) | Part::Reasoning(_) => {}
                Part::Refusal(text) if target.profile.host.openai_fields => refusal = Some(&**text),
                Part::Refusal(_) => said.extend(target.part(part)?),
                Part::ToolCall(call) => calls.push(call),
                // What the model made, or a result out of its place: the assistant's messages hold text only.
                Part::Image(_) => target.losses.dropped("content.image"),
                Part::Document(_) => target.losses.dropped("content.document"),
                Part::Sound(_) => target.losses.dropped("content.audio"),
                Part::Video(_) => target.losses.dropped("content.video"),
                Part::ToolResult(_) => target.losses.dropped("content.tool_result"),
                Part::Opaque(part) => target.losses.dropped(format!("content.{}", part.kind)),
            }
        }
        if index > 0 && is_first_of_turn > 0 && is_first_of_turn < said.len() {
            let between = WirePart { kind: Kind::Text { text: BETWEEN.into() }, mark: Mark::default() };
            said.insert(is_first_of_turn, between);
        }
    }
    let is_blank = |part: &WirePart<'_>| matches!(&part.kind, Kind::Text { text } if text.trim().is_empty());
    let content = match said.iter().all(is_blank) {
        true if !calls.is_empty() || refusal.is_some() => Content::Null,
        _ if said.iter().any(|part| part.mark.is_set()) => Content::Parts(said),
        // The blocks of a turn are one text; hosts take no list of them.
        _ => match said.len() {
            1 => target.content(said, ""),
            _ => Content::Text(joined(&said, "").into()),
        },
    };
    let mut message = Wire::new("assistant", content);
    message.name = turns.iter().find_map(|turn| turn.name.as_deref());
    message.refusal = refusal;
    target.reasoning(turns, &mut message);
    let calls = target.sent(calls);
    for Sent { call, id } in &calls {
        message.tool_calls.push(target.call(call, id.clone()));
    }
    out.push(message);
    Ok(calls)
}

/// A call with the id under which it is sent.
struct Sent<'r> {
    call: &'r ToolCall<'r>,
    id: Cow<'r, str>,
}

/// Writes what follows the model's turn: a `tool` message for each of its calls, then what results hold that such messages cannot,
/// then the rest.
fn user<'r>(
    turns: &'r [Message<'_>],
    calls: &[Sent<'r>],
    target: &mut Target<'_>,
    out: &mut Vec<Wire<'r>>,
) -> Result<(), ApiError> {
    let mut results = Results::of(turns);
    let mut attached = Vec::new();
    for Sent { call, id } in calls {
        let content = match results.take(&call.id) {
            Some(result) => result_content(result, target, &mut attached)?,
            None => {
                target.losses.repaired("tool_result");
                Content::Text("[no result]".into())
            }
        };
        let mut message = Wire::new("tool", content);
        message.tool_call_id = Some(id.clone());
        out.push(message);
    }
    if !attached.is_empty() {
        out.push(Wire::new("user", Content::Parts(attached)));
    }
    let mut taken = results.taken.iter();
    for turn in turns {
        let mut parts = Vec::new();
        let mut attached = Vec::new();
        for part in &turn.parts {
            match part {
                Part::ToolResult(result) => {
                    if taken.next() == Some(&false) {
                        target.losses.repaired("tool_result");
                        parts.extend(orphan(result, target, &mut attached)?);
                    }
                }
                part => parts.extend(target.part(part)?),
            }
        }
        parts.append(&mut attached);
        if parts.is_empty() && !turn.parts.is_empty() {
            continue;
        }
        let role = if turn.role == Role::System { target.system_role() } else { "user" };
        let mut message = Wire::new(role, target.content(parts, BETWEEN));
        message.name = turn.name.as_deref();
        out.push(message);
    }
    Ok(())
}

/// The results in some turns, by the calls that they are of.
struct Results<'r> {
    by_call: HashMap<&'r str, VecDeque<(usize, &'r ToolResult<'r>)>>,
    /// Whether each of them, in order, has found its call.
    taken: Vec<bool>,
}

impl<'r> Results<'r> {
    fn of(turns: &'r [Message<'_>]) -> Results<'r> {
        let mut results = Results { by_call: HashMap::new(), taken: Vec::new() };
        for part in turns.iter().flat_map(|turn| &turn.parts) {
            if let Part::ToolResult(result) = part {
                results.by_call.entry(&result.call_id).or_default().push_back((results.taken.len(), result));
                results.taken.push(false);
            }
        }
        results
    }

    /// The first result of that call that was not taken.
    fn take(&mut self, call: &str) -> Option<&'r ToolResult<'r>> {
        let (at, result) = self.by_call.get_mut(call)?.pop_front()?;
        if let Some(taken) = self.taken.get_mut(at) {
            *taken = true;
        }
        Some(result)
    }
}

/// The content of a `tool` message, which is text; what is none goes to `attached`, under a line that says whose it is.
fn result_content<'r>(
    result: &'r ToolResult<'_>,
    target: &mut Target<'_>,
    attached: &mut Vec<WirePart<'r>>,
) -> Result<Content<'r>, ApiError> {
    let mut texts = result_texts(result, target, attached)?;
    if let (Some(last), Some(cache)) = (texts.last_mut(), result.cache) {
        let own = last.mark;
        last.mark = if own.is_set() { own } else { target.mark(Some(cache)) };
    }
    Ok(target.content(texts, "\n"))
}

fn result_texts<'r>(
    result: &'r ToolResult<'_>,
    target: &mut Target<'_>,
    attached: &mut Vec<WirePart<'r>>,
) -> Result<Vec<WirePart<'r>>, ApiError> {
    let mut texts = Vec::new();
    for part in &result.content {
        if let Some(name) = found_tool(part) {
            target.losses.approximated("tool_result.content");
            texts.push(plain(format!("Tool available: {name}")));
            continue;
        }
        let Some(part) = target.part(part)? else { continue };
        let what = match &part.kind {
            Kind::Text { .. } => {
                texts.push(part);
                continue;
            }
            Kind::ImageUrl { .. } => "image",
            Kind::File { .. } => "file",
            Kind::InputAudio { .. } => "audio",
            Kind::VideoUrl { .. } => "video",
        };
        target.losses.approximated("tool_result.content");
        let id = target.call_id(&result.call_id);
        texts.push(plain(format!("[{what} result of call {id} follows]")));
        attached.push(plain(format!("[{what} result of call {id}]")));
        attached.push(part);
    }
    if result.is_error {
        match texts.first_mut().map(|part| &mut part.kind) {
            Some(Kind::Text { text }) if text.starts_with("Error:") => {}
            Some(Kind::Text { text }) if text.trim().is_empty() => *text = "Error".into(),
            Some(Kind::Text { text }) => text.to_mut().insert_str(0, "Error: "),
            _ => texts.push(plain("Error".to_owned())),
        }
    }
    Ok(texts)
}

/// A result of which the model never made the call, as words of the user's.
fn orphan<'r>(
    result: &'r ToolResult<'_>,
    target: &mut Target<'_>,
    attached: &mut Vec<WirePart<'r>>,
) -> Result<Vec<WirePart<'r>>, ApiError> {
    let texts = result_texts(result, target, attached)?;
    let id = target.call_id(&result.call_id);
    Ok(vec![plain(format!("[result of call {id}]\n{}", joined(&texts, "\n")))])
}

fn plain<'r>(text: String) -> WirePart<'r> {
    WirePart { kind: Kind::Text { text: text.into() }, mark: Mark::default() }
}

impl Target<'_> {
    fn text<'r>(&mut self, text: &'r TextPart<'_>) -> WirePart<'r> {
        if !text.citations.is_empty() {
            self.losses.dropped("citations");
        }
        WirePart { kind: Kind::Text { text: Cow::Borrowed(&*text.text) }, mark: self.mark(text.cache) }
    }

    /// The calls of a turn under ids that are unlike: results go by them.
    fn sent<'r>(&mut self, calls: Vec<&'r ToolCall<'r>>) -> Vec<Sent<'r>> {
        // Each id that was sent, with how often it was asked for.
        let mut known: BTreeMap<Cow<'r, str>, usize> = BTreeMap::new();
        let mut sent = Vec::with_capacity(calls.len());
        for call in calls {
            let mut id = self.call_id(&call.id);
            while let Some(times) = known.get_mut(&id) {
                *times += 1;
                id = self.call_id(&format!("{}_{times}", call.id)).into_owned().into();
                self.losses.repaired("tool_calls.id");
            }
            known.insert(id.clone(), 1);
            sent.push(Sent { call, id });
        }
        sent
    }

    fn call<'r>(&mut self, call: &'r ToolCall<'_>, id: Cow<'r, str>) -> Call<'r> {
        let name = self.names.sent(&call.name);
        if call.custom && !self.takes_custom_tools() {
            let arguments = free_text::wrapped(&call.arguments).into();
            return Call { id, kind: "function", function: Some(CalledFunction { name, arguments }), custom: None };
        }
        if call.custom {
            let custom = CalledCustom { name, input: &call.arguments };
            return Call { id, kind: "custom", function: None, custom: Some(custom) };
        }
        let arguments = if call.arguments.trim().is_empty() { "{}" } else { &*call.arguments }.into();
        Call { id, kind: "function", function: Some(CalledFunction { name, arguments }), custom: None }
    }

    /// The id of a call, which OpenAI takes up to a length.
    fn call_id<'r>(&self, id: &'r str) -> Cow<'r, str> {
        if id.len() <= MAX_CALL_ID || !self.profile.host.openai_fields {
            return Cow::Borrowed(id);
        }
        let kept: String = id.chars().filter(char::is_ascii).take(MAX_CALL_ID - 17).collect();
        format!("{kept}_{:016x}", rapidhash::v3::rapidhash_v3(id.as_bytes())).into()
    }
}
