//! What a shape has to be able to do so that it can be translated to and from every other.

use std::sync::Arc;

use bytes::BytesMut;

use crate::json::View;
use crate::neutral::{Answering, ApiError, Event, Losses, Profile, Request, Response};
use crate::sse::RawEvent;

/// Reads and writes one shape, in both directions. Decoders never panic and are tolerant of answers; requests that are
/// wrong are refused with the field's name and the cure.
pub(crate) trait Codec: Sync {
    /// Reads a client's request. Fields that are not known go to [`Request::extras`]; what cannot even be carried is noted.
    ///
    /// # Errors
    /// `BadRequest`, naming the field, for what the shape's own API would refuse and cannot be put right.
    fn decode_request<'a>(&self, body: View<'a>, losses: &mut Losses) -> Result<Request<'a>, ApiError>;

    /// What an answer in this shape repeats of a client's request: see [`Answering::echo`].
    fn echo(&self, _body: View<'_>) -> Arc<str> {
        Arc::default()
    }

    /// Writes the body of an upstream request, and what the way back has to know (`tool_names`, `custom_tools`, `stops`; the rest
    /// of [`Answering`] is filled in by the caller). The same request and profile give the same bytes, and a request that goes on from another has its bytes
    /// as a prefix of its own wherever the shape allows it.
    ///
    /// # Errors
    /// `BadRequest`, naming the client's field, for what the target cannot do and must not be left out silently.
    fn encode_request(
        &self,
        request: &Request<'_>,
        profile: &Profile,
        losses: &mut Losses,
    ) -> Result<(Vec<u8>, Answering), ApiError>;

    /// Reads a whole answer of a provider. `seed`: see [`Answering::seed`].
    ///
    /// # Errors
    /// `Upstream` when it is no answer of this shape; the error that it holds when it is one.
    fn decode_response(&self, body: View<'_>, seed: &str) -> Result<Response, ApiError>;

    /// Writes a whole answer for a client.
    fn encode_response(&self, response: &Response, answering: &Answering) -> Vec<u8>;

    /// A reader of one streamed answer of a provider. `seed`: see [`Answering::seed`].
    fn stream_decoder(&self, seed: &str) -> Box<dyn DecodeStream>;

    /// A writer of one streamed answer for a client.
    fn stream_encoder(&self, answering: &Answering) -> Box<dyn EncodeStream>;
}

/// Reads one streamed answer.
pub(crate) trait DecodeStream: Send + Sync {
    /// Reads the next event of the wire and adds what it says. After `End` or `Error` everything is passed over.
    fn event(&mut self, event: &RawEvent, out: &mut Vec<Event>);

    /// The bytes are over: closes what is open and ends, if the answer had said why it finished; else it broke.
    fn end(&mut self, out: &mut Vec<Event>);
}

/// Writes one streamed answer, as bytes of an event stream.
pub(crate) trait EncodeStream: Send + Sync {
    /// Writes what that event comes to in this shape: nothing, or whole events of the wire. After [`Event::End`] the stream has its
    /// shape's last mark; after [`Event::Error`] it has the shape's error event and no mark of success.
    fn event(&mut self, event: &Event, out: &mut BytesMut);

    /// Whether an error event depends on what was written before it, so that only [`Event::Error`] can write it.
    fn places_errors(&self) -> bool {
        false
    }

    /// Why nothing more will be written, when the answer could not be told in this shape within bounds. Nothing was written for the
    /// event that was too much; the caller ends the stream with this error.
    fn failure(&mut self) -> Option<ApiError> {
        None
    }
}
