//! The conversation in the order that the API asks for: turns of one role as one, and the results of all calls of a turn in the
//! message right behind it.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};

use super::blocks;
use super::wire::{Block, Mark, Role, Turn};
use crate::Shape;
use crate::neutral::{self, ApiError, Losses, Message, Part, Profile, Request, ToolCall, ToolResult};
use crate::shapes::tool_names::{ToolNames, UniqueIds};

/// What stands in place of a result that the client did not send.
const NO_RESULT: &str = "[no result]";

/// The conversation as it is sent.
#[derive(Debug)]
pub(super) struct Spoken<'r> {
    pub(super) turns: Vec<Turn<'r>>,
    /// The names of the tools that were called, as sent, each once, in order.
    pub(super) called: Vec<Cow<'r, str>>,
    /// Whether it ends with results of a turn that does not begin with reasoning.
    pub(super) lacks_reasoning: bool,
}

/// Writes the conversation.
pub(super) fn write<'r>(
    request: &'r Request<'_>,
    profile: &Profile,
    names: &mut ToolNames,
    losses: &mut Losses,
) -> Result<Spoken<'r>, ApiError> {
    let mut writer = Writer {
        profile,
        names,
        losses,
        turns: Vec::with_capacity(request.messages.len()),
        between: Vec::new(),
        pending: Vec::new(),
        waiting: HashMap::new(),
        answered: false,
        ids: UniqueIds::default(),
        known: HashSet::new(),
        called: Vec::new(),
    };
    for message in &request.messages {
        if message.name.is_some() {
            writer.losses.dropped("messages.name");
        }
        match message.role {
            neutral::Role::Assistant => writer.assistant(message),
            neutral::Role::User => writer.user(message)?,
            neutral::Role::System => writer.system(message),
        }
    }
    let is_open = !writer.pending.is_empty();
    writer.settle();
    let model_spoke = writer.turns.iter().rev().find(|turn| turn.role == Role::Assistant);
    let begins_with_reasoning = model_spoke.and_then(|turn| turn.content.first()).is_some_and(Block::is_thinking);
    Ok(Spoken { turns: writer.turns, called: writer.called, lacks_reasoning: is_open && !begins_with_reasoning })
}

/// A call that waits for its result.
struct Pending<'r> {
    sent: Cow<'r, str>,
    result: Option<Block<'r>>,
}

struct Writer<'r, 'w> {
    profile: &'w Profile,
    names: &'w mut ToolNames,
    losses: &'w mut Losses,
    turns: Vec<Turn<'r>>,
    /// What the user and the system said since the model's last turn, results aside.
    between: Vec<Turn<'r>>,
    /// The calls of the model's last turn.
    pending: Vec<Pending<'r>>,
    /// Whether one of them has its result.
    answered: bool,
    /// Which of them wait, by the client's id, in order.
    waiting: HashMap<&'r str, VecDeque<usize>>,
    /// All ids of calls that were sent: each may stand there once.
    ids: UniqueIds,
    /// The names in `called`.
    known: HashSet<String>,
    called: Vec<Cow<'r, str>>,
}

impl<'r> Writer<'r, '_> {
    fn assistant(&mut self, message: &'r Message<'_>) {
        let (mut thoughts, mut rest) = (Vec::new(), Vec::with_capacity(message.parts.len()));
        let mut calls = Vec::new();
        for part in &message.parts {
            match part {
                Part::Reasoning(reasoning) => thoughts.extend(blocks::thinking(reasoning, &self.profile.origin)),
                Part::ToolCall(call) => {
                    calls.push((rest.len(), call));
                    // Its place; the ids of results that came before it must be settled first.
                    rest.push(Block::text(""));
                }
                part => blocks::push_answered(&mut rest, part, self.losses),
            }
        }
        if thoughts.is_empty() && rest.is_empty() {
            return;
        }
        if !self.between.is_empty() || self.answered {
            self.settle();
        }
        for (at, call) in calls {
            let block = self.call(call);
            if let Some(place) = rest.get_mut(at) {
                *place = block;
            }
        }
        thoughts.append(&mut rest);
        append(&mut self.turns, Role::Assistant, thoughts);
    }

    fn call(&mut self, call: &'r ToolCall<'_>) -> Block<'r> {
        let id = self.id(&call.id);
        let name = self.names.sent(&call.name);
        if self.known.insert(name.to_string()) {
            self.called.push(name.clone());
        }
        self.waiting.entry(&call.id).or_default().push_back(self.pending.len());
        self.pending.push(Pending { sent: id.clone(), result: None });
        let input = blocks::input(call, self.losses);
        Block::ToolUse { id, name, input, cache_control: call.cache.map(Mark::of) }
    }

    /// The id under which a call is sent: of letters that the API takes, and unlike that of any call before it.
    fn id(&mut self, own: &'r str) -> Cow<'r, str> {
        let legal = legal(own);
        match self.ids.numbered(&legal) {
            Some(sent) => {
                self.losses.repaired("tool_calls.id");
                sent.into()
            }
            None => legal,
        }
    }

    fn user(&mut self, message: &'r Message<'_>) -> Result<(), ApiError> {
        let mut said = Vec::with_capacity(message.parts.len());
        for part in &message.parts {
            match part {
                Part::ToolResult(result) => self.result(result, &mut said)?,
                part => blocks::push_said(&mut said, part, self.losses)?,
            }
        }
        append(&mut self.between, Role::User, said);
        Ok(())
    }

    /// Gives a result to its call. One that has no call in the model's last turn is told as what the user says.
    fn result(&mut self, result: &'r ToolResult<'_>, said: &mut Vec<Block<'r>>) -> Result<(), ApiError> {
        let mut content = Vec::with_capacity(result.content.len());
        for part in &result.content {
            blocks::push_said(&mut content, part, self.losses)?;
        }
        let at = self.waiting.get_mut(&*result.call_id).and_then(VecDeque::pop_front);
        if let Some(call) = at.and_then(|at| self.pending.get_mut(at)) {
            self.answered = true;
            call.result = Some(Block::ToolResult {
                tool_use_id: call.sent.clone(),
                content,
                is_error: result.is_error,
                cache_control: result.cache.map(Mark::of),
            });
        } else {
            self.losses.repaired("tool_result");
            said.push(Block::text(format!("[result of the tool call {}]", result.call_id)));
            said.append(&mut content);
        }
        Ok(())
    }

    /// What the operator says in between. Where the model has no role for it, the user says it, marked.
    fn system(&mut self, message: &'r Message<'_>) {
        let follows_user = !self.between.is_empty() || self.answered;
        let has_role = self.profile.system_between_turns && follows_user;
        let mut said = Vec::with_capacity(message.parts.len());
        for part in &message.parts {
            match part {
                Part::Text(text) => blocks::push_text(&mut said, text),
                // Changes of the tools, and what comes up later.
                Part::Opaque(opaque) if has_role && opaque.shape == Shape::Messages => {
                    said.push(Block::Own(&opaque.raw))
                }
                Part::Opaque(opaque) => self.losses.dropped(format!("content.{}", opaque.kind)),
                _ => self.losses.dropped("messages.content"),
            }
        }
        if said.is_empty() {
            return;
        }
        if has_role {
            append(&mut self.between, Role::System, said);
            return;
        }
        self.losses.approximated("messages.role");
        for block in &mut said {
            if let Block::Text { text, .. } = block {
                *text = format!("<system-reminder>\n{text}\n</system-reminder>").into();
            }
        }
        append(&mut self.between, Role::User, said);
    }

    /// Ends what was said between two turns of the model: results first, in the order of the calls.
    fn settle(&mut self) {
        let mut results = Vec::with_capacity(self.pending.len());
        self.waiting.clear();
        self.answered = false;
        for call in self.pending.drain(..) {
            results.push(call.result.unwrap_or_else(|| {
                self.losses.repaired("tool_result");
                Block::ToolResult {
                    tool_use_id: call.sent,
                    content: vec![Block::text(NO_RESULT)],
                    is_error: true,
                    cache_control: None,
                }
            }));
        }
        let mut between = self.between.drain(..).peekable();
        if !results.is_empty() {
            if let Some(mut first) = between.next_if(|turn| turn.role == Role::User) {
                results.append(&mut first.content);
            }
            append(&mut self.turns, Role::User, results);
        }
        self.turns.extend(between);
    }
}

/// Adds to the last turn if it is of that role, else a turn.
fn append<'r>(turns: &mut Vec<Turn<'r>>, role: Role, mut content: Vec<Block<'r>>) {
    if content.is_empty() {
        return;
    }
    match turns.last_mut() {
        Some(last) if last.role == role => last.content.append(&mut content),
        _ => turns.push(Turn { role, content }),
    }
}

/// An id of letters, digits, `_` and `-`.
fn legal(id: &str) -> Cow<'_, str> {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if id.chars().all(is_legal) {
        return Cow::Borrowed(id);
    }
    id.chars().map(|c| if is_legal(c) { c } else { '_' }).collect::<String>().into()
}
