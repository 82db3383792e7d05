//! The conversation in the order that Google asks for: the user and the model in turns, and the results of all calls of a turn in the
//! content right behind it.

use std::borrow::Cow;
use std::collections::HashSet;

use super::super::super::envelope;
use super::super::signature::{EMPTY_TEXT, SKIP, is_dummy, is_sealed};
use super::super::wire::{Fields, Part as Wire};
use super::Target;
use super::calls::Sent;
use super::wire::Content;
use crate::Shape;
use crate::neutral::{ApiError, Message, Part, Reasoning, Request, Role, State, StateFormat};
use crate::shapes::Parameters;

/// Writes the conversation.
///
/// # Errors
/// When a part of it must not be left out and cannot be said.
pub(super) fn write<'r>(request: &'r Request<'_>, target: &mut Target<'_>) -> Result<Vec<Content<'r>>, ApiError> {
    let is_models = |message: &Message<'_>| message.role == Role::Assistant;
    let mut out: Vec<Content<'r>> = Vec::new();
    let mut made: HashSet<&str> = HashSet::new();
    let mut rest = &request.messages[..];
    while !rest.is_empty() {
        let end = rest.iter().position(|message| !is_models(message)).unwrap_or(rest.len());
        let (turns, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        let end = after.iter().position(is_models).unwrap_or(after.len());
        let (said, after) = after.split_at_checked(end).unwrap_or((after, &[]));
        let mut writer = Model { parts: Vec::new(), calls: Vec::new(), pending: None, trailing: Vec::new() };
        writer.turns(turns, target);
        let Model { parts, calls, .. } = writer;
        push(&mut out, "model", parts);
        made.extend(calls.iter().map(|call| call.own_id));
        if said.is_empty() && calls.is_empty() && out.last().is_some_and(|last| last.role == "model") {
            prefill(target)?;
        }
        let mut parts = target.results(&calls, said, &made)?;
        for turn in said {
            if turn.name.is_some() {
                target.losses.dropped("messages.name");
            }
            for part in &turn.parts {
                match target.part(part)? {
                    Some(part) if turn.role == Role::System => parts.extend(reminder(part, target)),
                    Some(part) => parts.push(part),
                    None => {}
                }
            }
        }
        push(&mut out, "user", parts);
        rest = after;
    }
    Ok(out)
}

/// Adds to the last content if it is of that role, else a content.
fn push<'r>(out: &mut Vec<Content<'r>>, role: &'static str, mut parts: Vec<Wire<'r>>) {
    if parts.is_empty() {
        return;
    }
    match out.last_mut() {
        Some(last) if last.role == role => last.parts.append(&mut parts),
        _ => out.push(Content { role, parts }),
    }
}

/// What the operator says in between, which the user says here, marked.
fn reminder<'r>(part: Wire<'r>, target: &mut Target<'_>) -> Option<Wire<'r>> {
    let text = match &part {
        Wire::Made(fields) => fields.text.as_deref(),
        Wire::Own(_) => None,
    };
    let Some(text) = text else {
        target.losses.dropped("messages.content");
        return None;
    };
    target.losses.approximated("messages.role");
    Some(Wire::text(format!("<system-reminder>\n{text}\n</system-reminder>").into()))
}

/// The conversation ends with the model's words: whether it goes on from them is up to it.
fn prefill(target: &mut Target<'_>) -> Result<(), ApiError> {
    if target.profile.refuses_prefill || target.profile.refused.intersects(Parameters::PREFILL) {
        return Err(target.refuses("messages", "a conversation that ends with a message of the assistant's"));
    }
    target.losses.approximated("messages.prefill");
    Ok(())
}

/// Writes the model's turns that stand together.
struct Model<'r> {
    parts: Vec<Wire<'r>>,
    calls: Vec<Sent<'r>>,
    /// A signature that belongs to the part behind it.
    pending: Option<&'r str>,
    /// Signatures that stood on empty texts.
    trailing: Vec<&'r str>,
}

impl<'r> Model<'r> {
    fn turns(&mut self, turns: &'r [Message<'_>], target: &mut Target<'_>) {
        for turn in turns {
            if turn.name.is_some() {
                target.losses.dropped("messages.name");
            }
            for part in &turn.parts {
                self.part(part, target);
            }
            self.settle();
        }
    }

    fn part(&mut self, part: &'r Part<'_>, target: &mut Target<'_>) {
        match part {
            Part::Text(text) if text.text.is_empty() => {}
            Part::Text(text) => {
                if text.citations.iter().any(|citation| citation.shape != Shape::GenerateContent) {
                    target.losses.dropped("messages.annotations");
                }
                self.text(&text.text);
            }
            Part::Refusal(text) => self.text(text),
            Part::Reasoning(reasoning) => self.reasoning(reasoning, target),
            Part::ToolCall(call) => {
                let own = call.state.as_ref().and_then(|state| own(state, target));
                let is_first = self.calls.is_empty();
                let thought_signature = match own {
                    Some(own) => Some(own),
                    None if is_first => self.pending.take().or_else(|| missing(target)),
                    None => None,
                };
                self.flush();
                let (call, sent) = target.call(call, &self.calls);
                self.calls.push(sent);
                self.parts.push(Wire::of(Fields {
                    function_call: Some(call),
                    thought_signature: thought_signature.map(Cow::Borrowed),
                    ..Fields::default()
                }));
            }
            Part::Opaque(opaque) if opaque.shape == Shape::GenerateContent => {
                self.flush();
                self.parts.push(Wire::Own(&opaque.raw));
            }
            Part::Opaque(opaque) => target.losses.dropped(format!("content.{}", opaque.kind)),
            // The model's contents hold none that it did not make in this shape.
            Part::Image(_) => target.losses.dropped("content.image"),
            Part::Document(_) => target.losses.dropped("content.document"),
            Part::Sound(_) => target.losses.dropped("content.audio"),
            Part::Video(_) => target.losses.dropped("content.video"),
            Part::ToolResult(_) => target.losses.dropped("content.tool_result"),
        }
    }

    fn text(&mut self, text: &'r str) {
        let thought_signature = self.pending.take();
        let text = Some(Cow::Borrowed(text));
        self.parts.push(Wire::of(Fields {
            text,
            thought_signature: thought_signature.map(Cow::Borrowed),
            ..Fields::default()
        }));
    }

    /// Thoughts that are not signed are not sent: the signatures of what came after them hold what the model needs.
    fn reasoning(&mut self, reasoning: &'r Reasoning<'_>, target: &Target<'_>) {
        let Some(state) = &reasoning.state else { return };
        let Some(signature) = own(state, target) else { return };
        if !reasoning.text.is_empty() {
            self.flush();
            let fields = Fields {
                text: Some(Cow::Borrowed(&reasoning.text)),
                thought: true,
                thought_signature: Some(Cow::Borrowed(signature)),
                ..Fields::default()
            };
            self.parts.push(Wire::of(fields));
        } else if state.id.as_deref() == Some(EMPTY_TEXT) {
            self.trailing.push(signature);
        } else {
            self.flush();
            self.pending = Some(signature);
        }
    }

    /// A signature behind which nothing comes that could have it stood on an empty text.
    fn flush(&mut self) {
        if let Some(signature) = self.pending.take() {
            self.empty(signature);
        }
    }

    fn settle(&mut self) {
        self.flush();
        for signature in std::mem::take(&mut self.trailing) {
            self.empty(signature);
        }
    }

    fn empty(&mut self, signature: &'r str) {
        let fields = Fields {
            text: Some(Cow::Borrowed("")),
            thought_signature: Some(Cow::Borrowed(signature)),
            ..Fields::default()
        };
        self.parts.push(Wire::of(fields));
    }
}

/// The signature in a state of the target's own; `None` for any other, which would be refused.
fn own<'r>(state: &'r State<'_>, target: &Target<'_>) -> Option<&'r str> {
    let data: &str = &state.data;
    let is_plausible =
        !data.is_empty() && data.bytes().all(|byte| byte.is_ascii_graphic()) && !is_sealed(data) && !is_dummy(data);
    let is_own = state.format == StateFormat::GoogleSignature && envelope::belongs(state, &target.profile.origin);
    (is_own && is_plausible && !envelope::is_sealed(data)).then_some(data)
}

/// What stands on a call that nobody signed: newer models refuse it without anything. It is the same in every turn, so that
/// what was sent once is sent again.
fn missing(target: &mut Target<'_>) -> Option<&'static str> {
    if !target.is_told_by_level() {
        return None;
    }
    target.losses.approximated("tool_calls.thought_signature");
    Some(SKIP)
}
