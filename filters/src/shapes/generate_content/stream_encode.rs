//! Writes a streamed answer from events: each piece of text at once, calls of functions whole, and all that ends it last.

use bytes::{BufMut, BytesMut};

use super::super::Rules;
use super::super::codec::EncodeStream;
use super::GenerateContent;
use super::error;
use super::response_wire::{self as wire, Answer, Candidate, Told, UsageWire};
use super::wire::Part;
use crate::neutral::{Answering, ApiError, ErrorClass, Event, Finish, Opening, State, Usage};

#[cfg(test)]
mod tests;

/// How much of calls is held until they are whole, in bytes.
const MAX_HELD_BYTES: usize = 8 * 1024 * 1024;

/// How many of them.
const MAX_HELD_CALLS: usize = 1_024;

/// How much hidden reasoning is kept for the host that wants it back, in bytes. Of more nothing is kept.
const MAX_HIDDEN_BYTES: usize = 1024 * 1024;

/// Writes one streamed answer.
pub(super) struct Encoder {
    answering: Answering,
    id: String,
    model: String,
    service_class: Option<String>,
    /// Texts and thoughts that are open.
    open: Vec<(u32, Open)>,
    /// Calls that are not told yet, in order.
    calls: Vec<Call>,
    /// Whether one was.
    called: bool,
    held: usize,
    refuses: bool,
    usage: Option<Usage>,
    finish: Option<Finish>,
    failure: Option<ApiError>,
    over: bool,
}

enum Open {
    Text,
    Thought {
        /// What is not shown of it; nothing any more when it was too much.
        hidden: Option<String>,
        state: Option<State<'static>>,
    },
}

struct Call {
    part: u32,
    id: String,
    name: String,
    custom: bool,
    arguments: String,
    state: Option<State<'static>>,
    closed: bool,
}

impl Encoder {
    /// Before the first event.
    pub(super) fn new(answering: &Answering) -> Encoder {
        Encoder {
            answering: answering.clone(),
            id: answering.minted("", 0),
            model: answering.model.clone(),
            service_class: None,
            open: Vec::new(),
            calls: Vec::new(),
            called: false,
            held: 0,
            refuses: false,
            usage: None,
            finish: None,
            failure: None,
            over: false,
        }
    }

    fn write(&self, candidate: Candidate<'_>, usage_metadata: Option<UsageWire>, out: &mut BytesMut) {
        let answer =
            Answer { candidates: [candidate], usage_metadata, model_version: &self.model, response_id: &self.id };
        out.extend_from_slice(b"data: ");
        serde_json::to_writer(out.writer(), &answer).expect("texts, numbers and valid JSON have a JSON form");
        out.extend_from_slice(b"\n\n");
    }

    fn tell(&self, part: Part<'_>, out: &mut BytesMut) {
        self.write(Candidate::saying(vec![part]), None, out);
    }

    fn opened(&mut self, part: u32, what: &Opening, out: &mut BytesMut) {
        if !matches!(what, Opening::ToolCall { .. }) && self.calls.iter().all(|call| call.closed) {
            self.tell_calls(out);
        }
        match what {
            Opening::Text => self.open.push((part, Open::Text)),
            Opening::Refusal => {
                self.refuses = true;
                self.open.push((part, Open::Text));
            }
            Opening::Reasoning { .. } => {
                self.open.push((part, Open::Thought { hidden: Some(String::new()), state: None }));
            }
            Opening::ToolCall { id, name, custom, state } => {
                let bytes = id.len() + name.len() + state.as_ref().map_or(0, |state| state.data.len());
                self.calls.push(Call {
                    part,
                    id: id.clone(),
                    name: name.clone(),
                    custom: *custom,
                    arguments: String::new(),
                    state: state.clone(),
                    closed: false,
                });
                self.hold(bytes);
            }
            Opening::Opaque(opaque) => {
                if let Some(part) = wire::opaque(opaque) {
                    match part {
                        // Whatever it holds must be on one line.
                        Part::Own(raw) => {
                            let compact = crate::json::Json::parse(&raw.compact());
                            if let Some(compact) = compact {
                                self.tell(Part::Own(&compact), out);
                            }
                        }
                        part @ Part::Made(_) => self.tell(part, out),
                    }
                }
            }
        }
    }

    fn thinks(&mut self, part: u32, text: &str, out: &mut BytesMut) {
        if !self.answering.hide_reasoning {
            return self.tell(wire::thought(text, None), out);
        }
        if let Some(Open::Thought { hidden, .. }) = self.part(part) {
            *hidden = hidden.take().filter(|hidden| hidden.len().saturating_add(text.len()) <= MAX_HIDDEN_BYTES);
            if let Some(hidden) = hidden {
                hidden.push_str(text);
            }
        }
    }

    fn closed(&mut self, part: u32, out: &mut BytesMut) {
        if let Some(call) = self.calls.iter_mut().find(|call| call.part == part) {
            call.closed = true;
            return;
        }
        let Some(at) = self.open.iter().position(|(open, _)| *open == part) else { return };
        if let Open::Thought { hidden, state } = self.open.swap_remove(at).1 {
            let signature = wire::signature_of(state.as_ref(), &hidden.unwrap_or_default(), &self.answering);
            if signature.is_some() {
                self.tell(wire::thought("", signature), out);
            }
        }
    }

    /// Tells the calls so far, in one piece.
    fn tell_calls(&mut self, out: &mut BytesMut) {
        let calls = std::mem::take(&mut self.calls);
        if calls.is_empty() {
            return;
        }
        let parts = parts(&calls, !self.called, &self.answering);
        self.called = true;
        self.held = 0;
        self.write(Candidate::saying(parts), None, out);
    }

    fn hold(&mut self, bytes: usize) {
        self.held = self.held.saturating_add(bytes);
        if self.held > MAX_HELD_BYTES || self.calls.len() > MAX_HELD_CALLS {
            self.over = true;
            let message = format!(
                "the provider's answer calls too many tools, or with too much: over {MAX_HELD_BYTES} bytes or {MAX_HELD_CALLS} calls"
            );
            self.failure = Some(ApiError::new(ErrorClass::Upstream, message));
        }
    }

    fn part(&mut self, part: u32) -> Option<&mut Open> {
        self.open.iter_mut().rev().find(|(open, _)| *open == part).map(|(_, open)| open)
    }

    /// The last piece: calls that are not told yet, the reason and the counts.
    fn end(&mut self, out: &mut BytesMut) {
        self.over = true;
        let Some(finish) = self.finish.take() else {
            let error = ApiError::new(ErrorClass::Upstream, "the provider's answer ended before it was finished");
            return out.extend_from_slice(&crate::sse::event(None, &error::encode(&error).body));
        };
        let calls = std::mem::take(&mut self.calls);
        let parts = parts(&calls, !self.called, &self.answering);
        let (reason, message) = wire::finish(&finish, self.refuses);
        let candidate = Candidate { finish_reason: Some(reason), finish_message: message, ..Candidate::saying(parts) };
        let usage = UsageWire::new(&self.usage.unwrap_or_default(), self.service_class.as_deref());
        self.write(candidate, Some(usage), out);
    }
}

fn parts<'c>(calls: &'c [Call], has_first: bool, answering: &'c Answering) -> Vec<Part<'c>> {
    let told = calls.iter().enumerate().map(|(number, call)| Told {
        id: &call.id,
        name: &call.name,
        arguments: &call.arguments,
        custom: call.custom,
        state: call.state.as_ref(),
        is_first: has_first && number == 0,
    });
    told.map(|told| wire::call(&told, answering)).collect()
}

impl EncodeStream for Encoder {
    fn failure(&mut self) -> Option<ApiError> {
        self.failure.take()
    }

    fn event(&mut self, event: &Event, out: &mut BytesMut) {
        if self.over {
            return;
        }
        match event {
            Event::Start { id, model, service_class } => {
                if !id.is_empty() {
                    self.id.clone_from(id);
                }
                if !model.is_empty() {
                    self.model.clone_from(model);
                }
                self.service_class.clone_from(service_class);
            }
            Event::Open { part, what } => self.opened(*part, what, out),
            Event::Text { text, .. } => self.tell(wire::text(text), out),
            Event::Reasoning { part, text } => self.thinks(*part, text, out),
            Event::State { part, state: whole } => {
                if let Some(Open::Thought { state, .. }) = self.part(*part) {
                    *state = Some(whole.clone());
                }
            }
            Event::Arguments { part, json } => {
                if let Some(call) = self.calls.iter_mut().find(|call| call.part == *part) {
                    call.arguments.push_str(json);
                    self.hold(json.len());
                }
            }
            // There is no place for citations of other shapes.
            Event::Cite { .. } => {}
            Event::Close { part } => self.closed(*part, out),
            Event::Finish { finish, .. } => self.finish = Some(finish.clone()),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::ServiceClass(class) => self.service_class = Some(class.clone()),
            Event::Heartbeat => out.extend_from_slice(GenerateContent.heartbeat()),
            Event::End => self.end(out),
            Event::Error(error) => {
                self.over = true;
                out.extend_from_slice(&crate::sse::event(None, &error::encode(error).body));
            }
        }
    }
}
