//! Writes a streamed Responses answer from events; a whole answer is what its last event holds.
//!
//! Events: <https://platform.openai.com/docs/api-reference/responses-streaming>. Every item has its own `output_index`, so that several
//! may be open at once.

mod output;
mod reasoning;
mod response;
mod wire;

#[cfg(test)]
mod tests;

use bytes::BytesMut;

use super::super::codec::EncodeStream;
use super::error;
use crate::neutral::{Answering, ApiError, ErrorClass, Event, Finish, Response, Usage, told};
use output::Output;
use response::Head;

/// What keeps the stream alive.
const HEARTBEAT: &[u8] = b": keep-alive\n\n";

/// Writes one streamed answer.
pub(super) struct Encoder {
    answering: Answering,
    output: Output,
    id: String,
    model: String,
    service_class: Option<String>,
    usage: Option<Usage>,
    finish: Option<Finish>,
    stage: Stage,
    failure: Option<ApiError>,
}

/// How far the answer is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waiting,
    Begun,
    /// It was more than can be told.
    Broken,
    Over,
}

/// Writes an answer; see [`super::super::codec::Codec::encode_response`].
pub(super) fn whole(response: &Response, answering: &Answering) -> Vec<u8> {
    let mut encoder = Encoder::new(answering);
    encoder.output.tells_all_at_once();
    let mut out = BytesMut::new();
    for event in told(response.clone()) {
        encoder.take(&event, &mut out);
    }
    encoder.last().1
}

impl Encoder {
    /// Before the first event.
    pub(super) fn new(answering: &Answering) -> Encoder {
        Encoder {
            output: Output::new(),
            answering: answering.clone(),
            id: String::new(),
            model: String::new(),
            service_class: None,
            usage: None,
            finish: None,
            stage: Stage::Waiting,
            failure: None,
        }
    }

    fn start(&mut self, (id, model): (&str, &str), out: &mut BytesMut) {
        self.stage = Stage::Begun;
        // Ids of responses begin so, and other ones would be refused where they are sent back.
        let is_own = id.strip_prefix("resp_").is_some_and(|rest| !rest.is_empty());
        self.id = if is_own { id.to_owned() } else { self.answering.minted("resp_", 0) };
        self.model = if model.is_empty() { self.answering.model.clone() } else { model.to_owned() };
        if self.output.is_streamed() {
            let response = self.response("in_progress", None, None);
            self.output.with_response("response.created", &response, out);
            self.output.with_response("response.in_progress", &response, out);
        }
    }

    fn response(&self, status: &'static str, reason: Option<&'static str>, error: Option<&ApiError>) -> Vec<u8> {
        let message = error.map(super::super::chat::error::message_of);
        let error = error.zip(message.as_deref());
        let head = Head {
            id: &self.id,
            model: &self.model,
            status,
            error: error.map(|(error, message)| error::Failure { code: error::code_of(error), message }),
            reason,
            service_class: self.service_class.as_deref(),
            usage: self.usage.as_ref().filter(|_| status != "in_progress"),
        };
        let items = if status == "in_progress" { &[] } else { self.output.items() };
        response::response(&head, items, &self.answering)
    }

    /// The last event and the response in it.
    fn last(&self) -> (&'static str, Vec<u8>) {
        let reason = match &self.finish {
            Some(Finish::Length | Finish::ContextFull) => Some("max_output_tokens"),
            // A refusal is told as such.
            Some(Finish::Filtered { .. }) if !self.output.refused() => Some("content_filter"),
            _ => None,
        };
        match reason {
            Some(_) => ("response.incomplete", self.response("incomplete", reason, None)),
            None => ("response.completed", self.response("completed", None, None)),
        }
    }

    /// The model is done: what is open is closed.
    fn finished(&mut self, finish: &Finish, native: &str, out: &mut BytesMut) {
        self.output.close_all(out, &self.answering);
        let words = match finish {
            Finish::Filtered { explanation: Some(explanation), .. } => Some(explanation.as_str()),
            Finish::Filtered { .. } if native == "refusal" => Some("The model refused to respond."),
            _ => None,
        };
        if let Some(words) = words.filter(|_| !self.output.refused()) {
            self.output.refuse(words, out, &self.answering);
        }
        let is_cut = matches!(finish, Finish::Length | Finish::ContextFull);
        self.output.settle(if is_cut { "incomplete" } else { "completed" }, out);
        self.finish = Some(finish.clone());
    }

    fn end(&mut self, out: &mut BytesMut) {
        if self.finish.is_none() {
            let error = ApiError::new(ErrorClass::Upstream, "the provider's answer ended before it was finished");
            return self.fail(&error, out);
        }
        self.stage = Stage::Over;
        if self.output.is_streamed() {
            let (name, response) = self.last();
            self.output.with_response(name, &response, out);
        }
    }

    fn fail(&mut self, error: &ApiError, out: &mut BytesMut) {
        if self.stage == Stage::Waiting {
            self.id = self.answering.minted("resp_", 0);
            self.model.clone_from(&self.answering.model);
        }
        self.stage = Stage::Over;
        let response = self.response("failed", None, Some(error));
        self.output.with_response("response.failed", &response, out);
    }

    fn take(&mut self, event: &Event, out: &mut BytesMut) {
        let is_frame = matches!(event, Event::Start { .. } | Event::Heartbeat | Event::Error(_));
        if self.stage == Stage::Waiting && !is_frame {
            self.start(("", ""), out);
        }
        match event {
            Event::Start { id, model, service_class } if self.stage == Stage::Waiting => {
                self.service_class.clone_from(service_class);
                self.start((id, model), out);
            }
            Event::Start { .. } => {}
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::ServiceClass(class) => self.service_class = Some(class.clone()),
            Event::Heartbeat => out.extend_from_slice(HEARTBEAT),
            Event::Finish { finish, native } => self.finished(finish, native, out),
            Event::End => self.end(out),
            Event::Error(error) => self.fail(error, out),
            piece => {
                if let Err(error) = self.output.piece(piece, &self.answering, out) {
                    self.stage = Stage::Broken;
                    self.failure = Some(error);
                }
            }
        }
    }
}

impl EncodeStream for Encoder {
    fn places_errors(&self) -> bool {
        true
    }

    fn event(&mut self, event: &Event, out: &mut BytesMut) {
        match (self.stage, event) {
            (Stage::Over, _) => {}
            (Stage::Broken, Event::Error(error)) => self.fail(error, out),
            (Stage::Broken, _) => {}
            _ => self.take(event, out),
        }
    }

    fn failure(&mut self) -> Option<ApiError> {
        self.failure.take()
    }
}
