//! Shape A to the neutral form to shape B: whole requests, whole answers, streams. Never a converter for a pair.

mod aggregate;
mod custom;
mod kept;
mod parallel;
mod stops;
mod stream;

#[cfg(test)]
pub(crate) use crate::neutral::told;
pub use aggregate::Aggregate;
pub use kept::{Kept, Recall};
pub use stream::StreamTranslator;

use bytes::BytesMut;

use crate::Shape;
use crate::json::View;
use crate::neutral::{self, Answering, ApiError, ErrorClass, Losses, Part, Profile, Request, Response};
use crate::shapes::{self, codec};

/// A request in the target's shape.
#[derive(Debug)]
pub struct Translated {
    /// The body for the provider.
    pub body: Vec<u8>,
    /// What did not go on as the client said it.
    pub losses: Losses,
    /// What the way back has to know; the caller fills in `created`, `seed`, `origin` and `model`.
    pub answering: Answering,
    /// Whether the body asks for a stream. It may though the client wants a whole answer: see [`Upstream::stream`].
    pub stream: bool,
}

/// How the upstream request is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Upstream<'a> {
    /// Its shape.
    pub shape: Shape,
    /// What is known of the target.
    pub profile: &'a Profile,
    /// Whether to ask for a stream also where the client wants none, so that no idle connection is cut while a slow model
    /// thinks; the answer is put together again by [`Aggregate`].
    pub stream: bool,
    /// The bound that the gateway sets on the output, in tokens, where it is lower than the client's.
    pub max_output: Option<u64>,
    /// Whether opaque state of providers is left out of the history, because the provider has refused some of it.
    pub without_state: bool,
}

/// Whether requests and answers can be translated between these shapes.
#[must_use]
pub fn is_possible(client: Shape, upstream: Shape) -> bool {
    client != upstream && codec(client).is_some() && codec(upstream).is_some()
}

/// Translates a request.
///
/// # Errors
/// `BadRequest`, naming the client's field: the body is wrong, or asks for what the target cannot do. What is merely lost
/// is in [`Translated::losses`]; the caller decides whether that is allowed ([`crate::neutral::Request::require_parameters`] is
/// heeded here already).
pub fn request(client: Shape, body: &[u8], upstream: Upstream<'_>) -> Result<Translated, ApiError> {
    request_recalling(client, body, upstream, &|_| None)
}

/// The same for a client that may not send reasoning back: `recall` is asked for what was remembered of its calls ([`Kept`]).
///
/// # Errors
/// As [`request`].
pub fn request_recalling(
    client: Shape,
    body: &[u8],
    upstream: Upstream<'_>,
    recall: Recall<'_>,
) -> Result<Translated, ApiError> {
    let (from, to) = pair(client, upstream.shape)?;
    let view = View::parse(body).map_err(|error| {
        ApiError::new(ErrorClass::BadRequest, format!("the request body is not valid JSON: {error}"))
    })?;
    let mut losses = Losses::default();
    let mut request = from.decode_request(view, &mut losses)?;
    let (wants_stream, include_usage, hide) =
        (request.stream, request.include_usage, request.reasoning.show == Some(false));
    if let Some(bound) = upstream.max_output {
        request.max_output = Some(request.max_output.map_or(bound, |asked| asked.min(bound)));
    }
    if upstream.without_state {
        drop_state(&mut request);
        losses.dropped("reasoning");
    } else {
        kept::put_back(&mut request, upstream.profile, recall);
    }
    request.stream = wants_stream || upstream.stream;
    let encoded = to.encode_request(&request, upstream.profile, &mut losses);
    let (body, mut answering) = encoded.map_err(|error| shapes::in_words_of(client, error))?;
    answering.include_usage = include_usage;
    answering.deprecated_functions = request.deprecated_functions;
    answering.hide_reasoning = hide;
    answering.groups = std::mem::take(&mut request.groups);
    answering.echo = from.echo(view);
    answering.origin = upstream.profile.origin.clone();
    answering.model.clone_from(&upstream.profile.model);
    if request.require_parameters
        && let Some(error) = losses.of_the_request().error(&upstream.profile.model)
    {
        return Err(error);
    }
    Ok(Translated { body, losses, answering, stream: request.stream })
}

/// Takes all reasoning and all state of tool calls out of the history.
fn drop_state(request: &mut Request<'_>) {
    for message in &mut request.messages {
        message.parts.retain(|part| !matches!(part, Part::Reasoning(_)));
        for part in &mut message.parts {
            if let Part::ToolCall(call) = part {
                call.state = None;
            }
        }
    }
    request.messages.retain(|message| !message.parts.is_empty());
}

/// A whole answer in the client's shape.
#[derive(Debug)]
pub struct Answer {
    /// The body for the client.
    pub body: Vec<u8>,
    /// What is to be remembered of it.
    pub kept: Option<Kept>,
}

/// Translates a whole answer.
///
/// # Errors
/// `Upstream` when it is no answer of that shape; the provider's error when it is one.
pub fn response(upstream: Shape, client: Shape, body: &[u8], answering: &Answering) -> Result<Vec<u8>, ApiError> {
    answer((upstream, client), body, answering, false).map(|answer| answer.body)
}

/// Translates a whole answer for a client that wants a stream of a provider that gave none: the whole stream, end mark included.
///
/// # Errors
/// As [`response`].
pub fn response_as_stream(
    upstream: Shape,
    client: Shape,
    body: &[u8],
    answering: &Answering,
) -> Result<Vec<u8>, ApiError> {
    answer((upstream, client), body, answering, true).map(|answer| answer.body)
}

/// Translates a whole answer from the first shape to the second, whole or as a stream, and says what is to be remembered of it.
///
/// # Errors
/// As [`response`].
pub fn answer(
    (upstream, client): (Shape, Shape),
    body: &[u8],
    answering: &Answering,
    as_stream: bool,
) -> Result<Answer, ApiError> {
    let (to, from) = pair(client, upstream)?;
    let mut response = read(from, body, answering)?;
    tidy(&mut response, answering);
    let kept = Kept::of(&response.parts, answering);
    if !as_stream {
        return Ok(Answer { body: to.encode_response(&response, answering), kept });
    }
    let mut encoder = to.stream_encoder(answering);
    let mut out = BytesMut::new();
    for event in neutral::told(response) {
        encoder.event(&event, &mut out);
        if let Some(error) = encoder.failure() {
            return Err(error);
        }
    }
    Ok(Answer { body: out.into(), kept })
}

fn read(from: &dyn codec::Codec, body: &[u8], answering: &Answering) -> Result<Response, ApiError> {
    let view = View::parse(body).map_err(|error| {
        ApiError::new(ErrorClass::Upstream, format!("the provider sent an answer that is not valid JSON: {error}"))
    })?;
    from.decode_response(view, &answering.seed)
}

/// Does what a provider was not able to do.
fn tidy(response: &mut Response, answering: &Answering) {
    if answering.splits_parallel {
        parallel::split_all(response);
    }
    if let Some(custom) = custom::CustomCalls::new(answering) {
        custom.unwrap_all(response);
    }
    stops::cut(response, &answering.stops);
}

type Pair = (&'static dyn codec::Codec, &'static dyn codec::Codec);

/// The codecs of the client's and the upstream's shape.
fn pair(client: Shape, upstream: Shape) -> Result<Pair, ApiError> {
    match (codec(client), codec(upstream)) {
        (Some(client), Some(upstream)) => Ok((client, upstream)),
        _ => Err(ApiError::new(ErrorClass::Internal, format!("{client} cannot be translated to {upstream} yet"))),
    }
}

#[cfg(test)]
mod tests;
