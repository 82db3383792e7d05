//! Puts a streamed answer together again, for clients that want it whole.

use super::pair;
use super::stops::StopScanner;
use crate::Shape;
use crate::neutral::{Answering, ApiError, Event, Response};
use crate::shapes::codec::{Codec, DecodeStream};
use crate::sse::RawEvent;

/// One streamed answer on its way to be a whole one.
pub struct Aggregate {
    decoder: Box<dyn DecodeStream>,
    stops: Option<StopScanner>,
    to: &'static dyn Codec,
    answering: Answering,
    events: Vec<Event>,
    all: Vec<Event>,
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
            stops: StopScanner::new(&answering.stops),
            to,
            answering: answering.clone(),
            events: Vec::new(),
            all: Vec::new(),
        })
    }

    /// Takes the next event.
    pub fn event(&mut self, event: &RawEvent) {
        self.decoder.event(event, &mut self.events);
        if let Some(stops) = &mut self.stops {
            stops.filter(&mut self.events);
        }
        self.all.append(&mut self.events);
    }

    /// The bytes are over: the answer in the client's shape.
    ///
    /// # Errors
    /// The provider's error, or `Upstream` when the answer had not finished.
    pub fn end(mut self) -> Result<Vec<u8>, ApiError> {
        self.decoder.end(&mut self.events);
        self.all.append(&mut self.events);
        let response = collect(self.all)?;
        Ok(self.to.encode_response(&response, &self.answering))
    }
}

/// The whole answer that these events tell.
///
/// # Errors
/// The error among them, or `Upstream` when they do not end.
pub(crate) fn collect(_events: Vec<Event>) -> Result<Response, ApiError> {
    todo!("written next")
}
