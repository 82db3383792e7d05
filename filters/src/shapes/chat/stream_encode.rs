//! Writes a streamed chat answer from events.

use bytes::{BufMut, BytesMut};
use serde::Serialize;

use super::super::Rules;
use super::super::codec::EncodeStream;
use super::super::error::to_json;
use super::Chat;
use super::error;
use super::response_wire::{self as wire, Call, CallBody, Detail, FunctionCall, UsageWire};
use crate::json::Json;
use crate::neutral::{Answering, ApiError, Citation, ErrorClass, Event, Opening, State, Usage};

#[cfg(test)]
mod tests;

/// Writes one streamed answer.
pub(super) struct Encoder {
    answering: Answering,
    /// What every chunk begins with; empty before the first one.
    head: Vec<u8>,
    id: String,
    model: String,
    service_class: Option<String>,
    open: Vec<(u32, Open)>,
    calls: usize,
    details: u32,
    annotations: u32,
    /// Characters of the content so far.
    length: u64,
    refused: bool,
    usage: Option<Usage>,
    /// Citations that wait for the end of their texts, and their bytes.
    cited: usize,
    cited_bytes: usize,
    failure: Option<ApiError>,
    over: bool,
}

/// Citations that are held for texts that are open, at most, and their bytes.
const MAX_CITED: usize = 1024;
const MAX_CITED_BYTES: usize = 8 * 1024 * 1024;

/// A part that is open.
enum Open {
    /// With the character that it begins at.
    Text {
        start: u64,
        citations: Vec<Citation<'static>>,
    },
    Refusal,
    Reasoning {
        index: u32,
        summary: bool,
    },
    Call {
        index: usize,
        custom: bool,
        blank: bool,
    },
    Opaque,
}

/// What a chunk adds.
#[derive(Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_details: Option<[Detail<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[CallDelta<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<FunctionCall<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Json<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    images: Option<[&'a Json<'a>; 1]>,
}

/// The beginning of a call, or more of its arguments.
#[derive(Serialize)]
struct CallDelta<'a> {
    index: usize,
    #[serde(flatten)]
    what: CallPiece<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum CallPiece<'a> {
    Begun(Call<'a>),
    Function { function: Arguments<'a> },
    Custom { custom: Input<'a> },
}

#[derive(Serialize)]
struct Arguments<'a> {
    arguments: &'a str,
}

#[derive(Serialize)]
struct Input<'a> {
    input: &'a str,
}

impl Encoder {
    /// Before the first event.
    pub(super) fn new(answering: &Answering) -> Encoder {
        Encoder {
            answering: answering.clone(),
            head: Vec::new(),
            id: String::new(),
            model: String::new(),
            service_class: None,
            open: Vec::new(),
            calls: 0,
            details: 0,
            annotations: 0,
            length: 0,
            refused: false,
            usage: None,
            cited: 0,
            cited_bytes: 0,
            failure: None,
            over: false,
        }
    }

    /// Begins the answer, once.
    fn start(&mut self, out: &mut BytesMut) {
        if !self.head.is_empty() {
            return;
        }
        if self.id.is_empty() {
            self.id = self.answering.minted("chatcmpl-", 0);
        }
        if self.model.is_empty() {
            self.model.clone_from(&self.answering.model);
        }
        self.write_head();
        self.chunk(&Delta { role: Some("assistant"), content: Some(""), ..Delta::default() }, None, out);
    }

    fn write_head(&mut self) {
        let head = Head {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.answering.created,
            model: &self.model,
            service_tier: self.service_class.as_deref().and_then(wire::tier),
        };
        let mut bytes = to_json(&head);
        bytes.pop();
        bytes.extend_from_slice(b",\"choices\":[");
        self.head = bytes;
    }

    /// Writes a chunk; with the reason and its native word when it is the one that finishes.
    fn chunk(&self, delta: &Delta<'_>, finish: Option<(&str, &str)>, out: &mut BytesMut) {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(&self.head);
        out.extend_from_slice(b"{\"index\":0,\"delta\":");
        write_json(delta, out);
        out.extend_from_slice(b",\"logprobs\":null,\"finish_reason\":");
        match finish {
            Some((reason, native)) => {
                write_json(reason, out);
                out.extend_from_slice(b",\"native_finish_reason\":");
                write_json(native, out);
            }
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b"}]}\n\n");
    }

    fn opened(&mut self, part: u32, what: &Opening, out: &mut BytesMut) {
        let open = match what {
            Opening::Text => Open::Text { start: self.length, citations: Vec::new() },
            Opening::Refusal => Open::Refusal,
            Opening::Reasoning { summary } => Open::Reasoning { index: self.detail(), summary: *summary },
            Opening::ToolCall { id, name, custom, state } => {
                let index = self.calls;
                self.calls = index.saturating_add(1);
                let detail = state.as_ref().map(|state| (state, self.detail()));
                let body = CallBody::new(self.answering.client_name(name), "", *custom);
                let call = Call::new(id, body, state.as_ref());
                let mut delta = Delta {
                    reasoning_details: detail.map(|(state, index)| [Detail::of_call(state, id, index)]),
                    ..Delta::default()
                };
                if !self.answering.deprecated_functions {
                    delta.tool_calls = Some([CallDelta { index, what: CallPiece::Begun(call) }]);
                } else if index == 0 {
                    delta.function_call = Some(call.function());
                }
                if delta.tool_calls.is_some() || delta.function_call.is_some() || delta.reasoning_details.is_some() {
                    self.chunk(&delta, None, out);
                }
                Open::Call { index, custom: *custom, blank: true }
            }
            Opening::Opaque(opaque) => {
                if wire::is_image(opaque) {
                    self.chunk(&Delta { images: Some([&opaque.raw]), ..Delta::default() }, None, out);
                }
                Open::Opaque
            }
        };
        self.open.push((part, open));
    }

    fn text(&mut self, part: u32, text: &str, out: &mut BytesMut) {
        if let Some(Open::Refusal) = self.part(part) {
            self.refused = true;
            self.chunk(&Delta { refusal: Some(text), ..Delta::default() }, None, out);
        } else {
            self.length = self.length.saturating_add(wire::characters(text));
            self.chunk(&Delta { content: Some(text), ..Delta::default() }, None, out);
        }
    }

    fn reasoning(&mut self, part: u32, text: &str, out: &mut BytesMut) {
        if self.answering.hide_reasoning {
            return;
        }
        let Some(Open::Reasoning { index, summary }) = self.part(part) else { return };
        let detail = Detail::readable(text, *summary, *index);
        let delta = Delta {
            reasoning: Some(text),
            reasoning_content: Some(text),
            reasoning_details: Some([detail]),
            ..Delta::default()
        };
        self.chunk(&delta, None, out);
    }

    fn state(&mut self, part: u32, state: &State<'_>, out: &mut BytesMut) {
        let Some(Open::Reasoning { index, .. }) = self.part(part) else { return };
        let detail = Detail::state(state, *index);
        if wire::is_told(state) {
            self.chunk(&Delta { reasoning_details: Some([detail]), ..Delta::default() }, None, out);
        }
    }

    fn arguments(&mut self, part: u32, text: &str, out: &mut BytesMut) {
        let Some(Open::Call { index, custom, blank }) = self.part(part) else { return };
        *blank &= text.trim().is_empty();
        let (index, custom) = (*index, *custom);
        self.more(index, custom, text, out);
    }

    fn more(&self, index: usize, custom: bool, text: &str, out: &mut BytesMut) {
        if self.answering.deprecated_functions {
            let call = (index == 0).then_some(FunctionCall { name: None, arguments: text });
            if call.is_some() {
                self.chunk(&Delta { function_call: call, ..Delta::default() }, None, out);
            }
            return;
        }
        let what = if custom {
            CallPiece::Custom { custom: Input { input: text } }
        } else {
            CallPiece::Function { function: Arguments { arguments: text } }
        };
        self.chunk(&Delta { tool_calls: Some([CallDelta { index, what }]), ..Delta::default() }, None, out);
    }

    /// Keeps a citation until its text ends.
    fn cite(&mut self, part: u32, citation: &Citation<'static>) {
        self.cited = self.cited.saturating_add(1);
        self.cited_bytes = self.cited_bytes.saturating_add(citation.raw.raw().len());
        if self.cited > MAX_CITED || self.cited_bytes > MAX_CITED_BYTES {
            self.over = true;
            let message = "the provider's answer cites more than can be told in a stream";
            self.failure = Some(ApiError::new(ErrorClass::Upstream, message));
        } else if let Some(Open::Text { citations, .. }) = self.part(part) {
            citations.push(citation.clone());
        }
    }

    fn closed(&mut self, part: u32, out: &mut BytesMut) {
        let Some(at) = self.open.iter().position(|(open, _)| *open == part) else { return };
        match self.open.swap_remove(at).1 {
            // Where a citation ends is known only now.
            Open::Text { start, citations } => {
                let end = self.length;
                let bytes: usize = citations.iter().map(|citation| citation.raw.raw().len()).sum();
                self.cited = self.cited.saturating_sub(citations.len());
                self.cited_bytes = self.cited_bytes.saturating_sub(bytes);
                let mut annotations = Vec::new();
                for citation in &citations {
                    if let Some(annotation) = wire::annotation(citation, (start, end), Some(self.annotations)) {
                        annotations.push(annotation);
                        self.annotations = self.annotations.saturating_add(1);
                    }
                }
                if !annotations.is_empty() {
                    self.chunk(&Delta { annotations, ..Delta::default() }, None, out);
                }
            }
            // A call without arguments is one with none.
            Open::Call { index, custom: false, blank: true } => self.more(index, false, "{}", out),
            _ => {}
        }
    }

    fn detail(&mut self) -> u32 {
        let index = self.details;
        self.details = index.saturating_add(1);
        index
    }

    fn part(&mut self, part: u32) -> Option<&mut Open> {
        self.open.iter_mut().rev().find(|(open, _)| *open == part).map(|(_, open)| open)
    }

    fn end(&mut self, out: &mut BytesMut) {
        if let Some(usage) = self.usage.filter(|_| self.answering.include_usage) {
            out.extend_from_slice(b"data: ");
            out.extend_from_slice(&self.head);
            out.extend_from_slice(b"],\"usage\":");
            write_json(&UsageWire::new(&usage), out);
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

impl EncodeStream for Encoder {
    fn failure(&mut self) -> Option<ApiError> {
        self.failure.take()
    }

    fn event(&mut self, event: &Event, out: &mut BytesMut) {
        if self.over {
            return;
        }
        if let Event::Start { id, model, service_class } = event {
            (self.id, self.model) = (id.clone(), model.clone());
            self.service_class.clone_from(service_class);
        }
        if !matches!(event, Event::Heartbeat | Event::Error(_)) {
            self.start(out);
        }
        match event {
            Event::Start { .. } => {}
            Event::Open { part, what } => self.opened(*part, what, out),
            Event::Text { part, text } => self.text(*part, text, out),
            Event::Reasoning { part, text } => self.reasoning(*part, text, out),
            Event::State { part, state } => self.state(*part, state, out),
            Event::Arguments { part, json } => self.arguments(*part, json, out),
            Event::Cite { part, citation } => self.cite(*part, citation),
            Event::Close { part } => self.closed(*part, out),
            Event::Finish { finish, native } => {
                if let Some(refusal) = wire::refusal(finish, native).filter(|_| !self.refused) {
                    self.chunk(&Delta { refusal: Some(refusal), ..Delta::default() }, None, out);
                }
                let reason = wire::finish_word(finish, self.calls > 0, self.answering.deprecated_functions);
                let native = if native.is_empty() { reason } else { native };
                self.chunk(&Delta::default(), Some((reason, native)), out);
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::ServiceClass(class) => {
                self.service_class = Some(class.clone());
                self.write_head();
            }
            Event::Heartbeat => out.extend_from_slice(Chat.heartbeat()),
            Event::End => {
                self.over = true;
                self.end(out);
            }
            Event::Error(error) => {
                self.over = true;
                out.extend_from_slice(&crate::sse::event(None, &error::encode(error).body));
            }
        }
    }
}

#[derive(Serialize)]
struct Head<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
}

fn write_json<T: Serialize + ?Sized>(value: &T, out: &mut BytesMut) {
    serde_json::to_writer(out.writer(), value).expect("it holds text, numbers and checked JSON, and memory takes all");
}
