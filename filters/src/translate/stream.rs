//! A streamed answer from one shape to another, event by event.

use bytes::BytesMut;

use super::custom::CustomCalls;
use super::kept::{Keeper, Kept};
use super::pair;
use super::parallel::ParallelCalls;
use super::stops::StopScanner;
use crate::Shape;
use crate::neutral::{Answering, ApiError, Event};
use crate::shapes::codec::{DecodeStream, EncodeStream};
use crate::shapes::encode_error_event;
use crate::sse::RawEvent;

/// Translates one streamed answer. Feed it every event of the provider, comments included; it writes whole events only.
pub struct StreamTranslator {
    client: Shape,
    decoder: Box<dyn DecodeStream>,
    parallel: Option<ParallelCalls>,
    custom: Option<CustomCalls>,
    stops: Option<StopScanner>,
    encoder: Box<dyn EncodeStream>,
    events: Vec<Event>,
    keeper: Keeper,
    ended: bool,
}

impl StreamTranslator {
    /// A translator of one answer.
    ///
    /// # Errors
    /// `Internal` when one of the shapes cannot be translated.
    pub fn new(upstream: Shape, client: Shape, answering: &Answering) -> Result<StreamTranslator, ApiError> {
        let (to, from) = pair(client, upstream)?;
        Ok(StreamTranslator {
            client,
            decoder: from.stream_decoder(&answering.seed),
            parallel: ParallelCalls::new(answering),
            custom: CustomCalls::new(answering),
            stops: StopScanner::new(&answering.stops),
            encoder: to.stream_encoder(answering),
            events: Vec::new(),
            keeper: Keeper::default(),
            ended: false,
        })
    }

    /// Translates the next event. `Err`: the answer broke; nothing was written for that and nothing will be any more, so that the
    /// caller can end the stream with the error.
    pub fn event(&mut self, event: &RawEvent, out: &mut BytesMut) -> Result<(), ApiError> {
        if !self.ended {
            self.decoder.event(event, &mut self.events);
        }
        self.write(out)
    }

    /// The bytes are over.
    ///
    /// # Errors
    /// When the answer had not finished.
    pub fn end(&mut self, out: &mut BytesMut) -> Result<(), ApiError> {
        if !self.ended {
            self.decoder.end(&mut self.events);
        }
        self.write(out)
    }

    /// Writes the event that ends the stream with that error, in its place among those that were written: the shape of responses numbers
    /// them. Call it once, after an `Err`, or when the answer cannot go on; nothing is written after it.
    pub fn fail(&mut self, error: ApiError, request_id: &str, out: &mut BytesMut) {
        self.ended = true;
        let before = out.len();
        let own = encode_error_event(self.client, &error, request_id);
        if self.encoder.places_errors() {
            self.encoder.event(&Event::Error(Box::new(error)), out);
        }
        if out.len() == before {
            out.extend_from_slice(&own);
        }
    }

    /// Whether the stream has its last mark: the rest of what the provider sends does not matter.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        self.ended
    }

    /// What is to be remembered of the answer, once it has ended well.
    pub fn take_kept(&mut self, answering: &Answering) -> Option<Kept> {
        std::mem::take(&mut self.keeper).finish(answering)
    }

    fn write(&mut self, out: &mut BytesMut) -> Result<(), ApiError> {
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
            if self.ended {
                break;
            }
            match event {
                Event::Error(error) => {
                    self.ended = true;
                    return Err(*error);
                }
                event => {
                    self.ended = matches!(event, Event::End);
                    self.keeper.see(&event);
                    self.encoder.event(&event, out);
                    if let Some(error) = self.encoder.failure() {
                        self.ended = true;
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }
}
