//! Puts a streamed answer together again, for clients that want it whole.

use super::custom::CustomCalls;
use super::parallel::ParallelCalls;
use super::stops::StopScanner;
use super::{Answer, Kept, pair};
use crate::Shape;
use crate::neutral::{Answering, ApiError, Collector, Event};
use crate::shapes::codec::{Codec, DecodeStream};
use crate::sse::RawEvent;

/// One streamed answer on its way to be a whole one.
pub struct Aggregate {
    decoder: Box<dyn DecodeStream>,
    parallel: Option<ParallelCalls>,
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
            parallel: ParallelCalls::new(answering),
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
    pub fn end(self) -> Result<Vec<u8>, ApiError> {
        self.finish().map(|answer| answer.body)
    }

    /// The same, with what is to be remembered of it.
    ///
    /// # Errors
    /// As [`Aggregate::end`].
    pub fn finish(mut self) -> Result<Answer, ApiError> {
        self.decoder.end(&mut self.events);
        self.collect();
        let response = self.answer.finish()?;
        let kept = Kept::of(&response.parts, &self.answering);
        Ok(Answer { body: self.to.encode_response(&response, &self.answering), kept })
    }

    fn collect(&mut self) {
        if let Some(parallel) = &mut self.parallel {
            parallel.filter(&mut self.events);
        }
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
