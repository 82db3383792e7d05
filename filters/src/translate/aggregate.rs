//! Puts a streamed answer together again, for clients that want it whole.

use super::custom::CustomCalls;
use super::pair;
use super::stops::StopScanner;
use crate::Shape;
use crate::neutral::{Answering, ApiError, Collector, Event, Opening, Part, Response, ToolCall};
use crate::shapes::codec::{Codec, DecodeStream};
use crate::sse::RawEvent;

/// One streamed answer on its way to be a whole one.
pub struct Aggregate {
    decoder: Box<dyn DecodeStream>,
    custom: Option<CustomCalls>,
    stops: Option<StopScanner>,
    to: &'static dyn Codec,
    answering: Answering,
    events: Vec<Event>,
    answer: Collector,
}

impl Aggregate {
    /// An answer that is to be put together.
    ///
    /// # Errors
    /// `Internal` when one of the shapes cannot be translated.
    pub fn new(upstream: Shape, client: Shape, answering: &Answering) -> Result<Aggregate, ApiError> {
        let (to, from) = pair(client, upstream)?;
        Ok(Aggregate {
            decoder: from.stream_decoder(&answering.seed),
            custom: CustomCalls::new(answering),
            stops: StopScanner::new(&answering.stops),
            to,
            answering: answering.clone(),
            events: Vec::new(),
            answer: Collector::default(),
        })
    }

    /// Takes the next event.
    pub fn event(&mut self, event: &RawEvent) {
        self.decoder.event(event, &mut self.events);
        self.collect();
    }

    /// Bytes of memory that it holds, about: text that came so far.
    #[must_use]
    pub const fn held_bytes(&self) -> usize {
        self.answer.held_bytes()
    }

    /// Whether the answer is over: the rest of what the provider sends does not matter.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        self.answer.is_ended()
    }

    /// The bytes are over: the answer in the client's shape.
    ///
    /// # Errors
    /// The provider's error, or `Upstream` when the answer had not finished.
    pub fn end(mut self) -> Result<Vec<u8>, ApiError> {
        self.decoder.end(&mut self.events);
        self.collect();
        let response = self.answer.finish()?;
        Ok(self.to.encode_response(&response, &self.answering))
    }

    fn collect(&mut self) {
        if let Some(custom) = &mut self.custom {
            custom.filter(&mut self.events);
        }
        if let Some(stops) = &mut self.stops {
            stops.filter(&mut self.events);
        }
        for event in self.events.drain(..) {
            self.answer.take(event);
        }
    }
}

/// The events that tell a whole answer, for clients that want a stream of a provider that gave none.
pub(crate) fn told(response: Response) -> Vec<Event> {
    let Response { id, model, parts, finish, native_finish, usage, service_class } = response;
    let mut events = vec![Event::Start { id, model, service_class }];
    for (number, part) in (0_u32..).zip(parts) {
        let open = |what| Event::Open { part: number, what };
        match part {
            Part::Text(text) => {
                events.push(open(Opening::Text));
                push_text(&mut events, number, text.text.into_owned());
                events.extend(text.citations.into_iter().map(|citation| Event::Cite { part: number, citation }));
            }
            Part::Refusal(refusal) => {
                events.push(open(Opening::Refusal));
                push_text(&mut events, number, refusal.into_owned());
            }
            Part::Reasoning(reasoning) => {
                events.push(open(Opening::Reasoning { summary: reasoning.summary }));
                if !reasoning.text.is_empty() {
                    events.push(Event::Reasoning { part: number, text: reasoning.text.into_owned() });
                }
                events.extend(reasoning.state.map(|state| Event::State { part: number, state }));
            }
            Part::ToolCall(call) => {
                let ToolCall { id, name, arguments, custom, state, .. } = call;
                let (id, name) = (id.into_owned(), name.into_owned());
                events.push(open(Opening::ToolCall { id, name, custom, state }));
                if !arguments.is_empty() {
                    events.push(Event::Arguments { part: number, json: arguments.into_owned() });
                }
            }
            Part::Opaque(opaque) => events.push(open(Opening::Opaque(opaque))),
            // No answer of a model holds these.
            Part::Image(_) | Part::Document(_) | Part::Sound(_) | Part::Video(_) | Part::ToolResult(_) => continue,
        }
        events.push(Event::Close { part: number });
    }
    events.push(Event::Finish { finish, native: native_finish });
    events.extend(usage.map(Event::Usage));
    events.push(Event::End);
    events
}

fn push_text(events: &mut Vec<Event>, part: u32, text: String) {
    if !text.is_empty() {
        events.push(Event::Text { part, text });
    }
}
