//! Writes a streamed messages answer from events.
//!
//! Events: <https://docs.claude.com/en/build-with-claude/streaming>. One block is open at a time, so parts that are open
//! at once are written one after the other: the first as it comes, the others when those before them are closed.

mod blocks;
mod sequence;
mod wire;

use bytes::BytesMut;

use super::super::codec::EncodeStream;
use super::super::error::EncodedError;
use super::response::{Counts, FirstCounts, Message, Told, message_id};
use crate::neutral::{Answering, ApiError, ErrorClass, Event, Finish, Usage};
use sequence::Sequence;
use wire::Wire;

/// Writes one streamed answer.
pub(super) struct Encoder {
    answering: Answering,
    sequence: Sequence,
    usage: Usage,
    service_class: Option<String>,
    finish: Option<Finish>,
    state: State,
    /// Why it could not be told on.
    failure: Option<ApiError>,
}

/// How far the answer is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Begun,
    Over,
}

impl Encoder {
    /// Before the first event.
    pub(super) fn new(answering: &Answering) -> Encoder {
        Encoder {
            answering: answering.clone(),
            sequence: Sequence::default(),
            usage: Usage::default(),
            service_class: None,
            finish: None,
            failure: None,
            state: State::Waiting,
        }
    }

    fn start(&mut self, id: &str, model: &str, service_class: Option<&str>, out: &mut BytesMut) {
        self.state = State::Begun;
        let message = Message {
            id: &message_id(id, &self.answering),
            kind: "message",
            role: "assistant",
            model: if model.is_empty() { &self.answering.model } else { model },
            content: &[],
            told: Told::default(),
            usage: FirstCounts::new(service_class),
        };
        Wire::MessageStart { message }.write(out);
    }

    /// The end as the shape marks it.
    fn end(&mut self, out: &mut BytesMut) {
        let Some(finish) = self.finish.take() else {
            let error = ApiError::new(ErrorClass::Upstream, "the provider's answer ended before it was finished");
            return self.fail(&error, out);
        };
        self.sequence.close_all(&self.answering, out);
        self.state = State::Over;
        let usage = Counts::new(&self.usage, self.service_class.as_deref());
        let delta = Told::new(&finish, self.sequence.has_calls(), self.sequence.refusal());
        Wire::MessageDelta { delta, usage }.write(out);
        Wire::MessageStop {}.write(out);
    }

    fn fail(&mut self, error: &ApiError, out: &mut BytesMut) {
        self.state = State::Over;
        let EncodedError { body, .. } = super::error::encode(error, "");
        out.extend_from_slice(&crate::sse::event(Some("error"), &body));
    }
}

impl EncodeStream for Encoder {
    fn event(&mut self, event: &Event, out: &mut BytesMut) {
        if self.state == State::Over {
            return;
        }
        let is_frame = matches!(event, Event::Start { .. } | Event::Heartbeat | Event::Error(_));
        if self.state == State::Waiting && !is_frame {
            self.start("", "", None, out);
        }
        match event {
            Event::Start { id, model, service_class } if self.state == State::Waiting => {
                self.start(id, model, service_class.as_deref(), out);
            }
            Event::Start { .. } => {}
            Event::Usage(usage) => self.usage = *usage,
            Event::ServiceClass(class) => self.service_class = Some(class.clone()),
            Event::Heartbeat => out.extend_from_slice(super::HEARTBEAT),
            Event::Finish { finish, .. } => self.finish = Some(finish.clone()),
            Event::End => self.end(out),
            Event::Error(error) => self.fail(error, out),
            Event::Open { .. }
            | Event::Text { .. }
            | Event::Reasoning { .. }
            | Event::State { .. }
            | Event::Arguments { .. }
            | Event::Cite { .. }
            | Event::Close { .. } => {
                if let Err(error) = self.sequence.event(event, &self.answering, out) {
                    self.state = State::Over;
                    self.failure = Some(error);
                }
            }
        }
    }

    fn failure(&mut self) -> Option<ApiError> {
        self.failure.take()
    }
}
