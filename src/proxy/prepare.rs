//! Makes the body for one target: the client's bytes with values spliced in, or a translation where the target speaks another shape.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use ovth_filters::json::{Edit, splice};
use ovth_filters::neutral::{ApiError, ErrorClass, Losses};
use ovth_filters::router::{Extensions, Told};
use ovth_filters::shapes::{self, Edits, Strip};
use ovth_filters::translate::{self, Upstream};
use ovth_filters::{Operation, Shape};

use super::body::{BUDGET_RETRY_AFTER, Translation};
use super::budget::{Budget, Held};
use super::context::Asked;
use super::embed;
use super::intake::BLOCKING_BYTES;
use super::reasoning_memory::OwnMemory;
use crate::providers::Failure;
use crate::routing::Target;

/// An answer that may be so long, in tokens, is streamed by the provider though the client wants it whole: the connection of a model that
/// is silent for minutes would be cut on the way. Anthropic's own SDKs refuse such requests unless they are streamed:
/// <https://github.com/anthropics/anthropic-sdk-python#long-requests>.
const LONG_ANSWER: u64 = 16_384;

/// What an object of a request takes while it is translated, in bytes.
const OBJECT_BYTES: usize = 900;

/// The body for one target, in a form that every try at it can send again.
pub(super) struct Prepared {
    /// The body, in runs of bytes.
    pub(super) runs: Vec<Bytes>,
    /// Whether it asks for a stream.
    pub(super) stream: bool,
    /// Whether the usage chunk is to be taken out again.
    pub(super) hides_usage: bool,
    /// How the answer becomes one in the client's shape, where that is another.
    pub(super) translation: Option<Translation>,
    /// The calls that it takes to embed what the client sent, where the target has a form of its own for that.
    pub(super) embedding: Option<embed::Calls>,
    /// What did not go on as the client said it, for `x-ovth-warnings`; may be empty.
    pub(super) warnings: String,
    /// The translation's share of the memory budget.
    #[expect(dead_code, reason = "it is held, not read")]
    pub(super) held: Held,
}

/// What a body is made with.
#[derive(Clone, Copy)]
pub(super) struct Making<'a> {
    pub(super) asked: &'a Asked,
    pub(super) target: &'a Arc<Target>,
    pub(super) request_id: &'a str,
    /// A provider has refused state in it: all of that is left out.
    pub(super) without_state: bool,
    /// How many of the calls that it takes to embed were answered already.
    pub(super) answered: usize,
}

impl Prepared {
    /// The body for a target. What is large is made off the worker thread.
    ///
    /// # Errors
    /// The request cannot be told to this target, or only with a loss that is not allowed.
    pub(super) async fn new(making: Making<'_>, budget: &Arc<Budget>) -> Result<Prepared, Failure> {
        if making.target.shape == making.asked.shape {
            return spliced(making, budget.empty()).await;
        }
        if making.asked.called.operation == Operation::Embed {
            return embed::prepare(making, budget.empty()).await;
        }
        translated(making, budget.empty()).await
    }
}

/// The client's own bytes but for some values.
async fn spliced(making: Making<'_>, mut held: Held) -> Result<Prepared, Failure> {
    let Making { asked, target, .. } = making;
    let ask_usage = target.upstream.provider().stream_options;
    let model = model_of(asked, target);
    let completion_tokens_field = target.takes_max_completion_tokens();
    let mut edits =
        asked.peek.edits(&Edits { model: &model, ask_usage, completion_tokens_field, max_output: asked.output_bound });
    let (routers, mut losses) = routers_edits(asked, target).await?;
    let resting = resting_edits(asked, target, &routers);
    if !resting.is_empty() {
        losses.approximated("reasoning_effort");
    }
    if asked.strict
        && let Some(error) = losses.error(&target.model)
    {
        return Err(Failure::untranslatable(error));
    }
    edits.extend(routers);
    edits.extend_from_slice(resting);
    let stripped = stripped(making).await;
    if !held.at_least(stripped.iter().map(|edit| edit.with.len()).sum()) {
        return Err(Failure::new(no_room()));
    }
    let lost_state = !stripped.is_empty() && (making.without_state || asked.shape != Shape::Chat);
    edits.extend(stripped);
    let renamed = asked.peek.renames_max_tokens() && completion_tokens_field;
    let mut warnings = Vec::new();
    if renamed {
        warnings.push("renamed:max_tokens".to_owned());
    }
    warnings.extend(capped(asked));
    if lost_state {
        warnings.push("dropped:reasoning".to_owned());
    }
    warnings.extend(losses.all().iter().map(ToString::to_string));
    Ok(Prepared {
        runs: runs(&asked.body.bytes, &edits),
        stream: asked.peek.stream,
        hides_usage: ask_usage && asked.peek.hides_usage() && !asked.routed.dialect.is_router(),
        translation: None,
        embedding: None,
        warnings: warnings.join(", "),
        held,
    })
}

/// What the target is told as the model.
fn model_of<'t>(asked: &Asked, target: &'t Arc<Target>) -> Cow<'t, str> {
    match asked.routed.suffix(target) {
        Some(suffix) => Cow::Owned(format!("{}{}", target.model, suffix.as_str())),
        None => Cow::Borrowed(&target.model),
    }
}

/// The edits that say in the target's words what was said in a hosted router's, or take it out.
async fn routers_edits(asked: &Asked, target: &Arc<Target>) -> Result<(Vec<Edit>, Losses), Failure> {
    let Some(router) = &asked.peek.router else { return Ok((Vec::new(), Losses::default())) };
    let (dialect, has_tools, max_output) = (asked.routed.dialect, asked.peek.needs.tools, asked.peek.max_output);
    let edits = move |router: &Extensions, body: &[u8], target: &Target| {
        router.edits(body, &Told { profile: &target.profile, dialect, has_tools, max_output })
    };
    let body = &asked.body.bytes;
    if body.len() < BLOCKING_BYTES {
        return Ok(edits(router, body, target));
    }
    let (router, body, target) = (router.clone(), body.clone(), Arc::clone(target));
    // Without the edits the target would be told what it must not be.
    tokio::task::spawn_blocking(move || edits(&router, &body, &target)).await.map_err(|_| not_made())
}

/// The edits for a model that calls functions in this shape only while it does not reason, and is served in no other: what asks for
/// reasoning gives way to the tools, as it does where the request is translated.
fn resting_edits<'a>(asked: &'a Asked, target: &Target, routers: &[Edit]) -> &'a [Edit] {
    const EFFORT: &[u8] = b"reasoning_effort";
    let (needs, profile) = (&asked.peek.needs, &target.profile);
    let reasons = !needs.no_reasoning && (needs.reasoning || !profile.rests_by_default);
    let is_refused = asked.shape == Shape::Chat && profile.chat_tools_need_no_reasoning && needs.tools && reasons;
    // Who always reasons can say so itself; and in a router's words it is told already.
    let is_told = routers.iter().any(|edit| memchr::memmem::find(&edit.with, EFFORT).is_some());
    if is_refused && !profile.refuses_effort_none && !is_told { asked.peek.rest_edits() } else { &[] }
}

/// The edits that take out what the target would refuse of another's reasoning.
async fn stripped(making: Making<'_>) -> Vec<Edit> {
    let Making { asked, target, without_state, .. } = making;
    let strip = if without_state { Strip::All } else { Strip::Foreign };
    if strip == Strip::Foreign && asked.shape == Shape::Chat && !target.profile.host.openai_fields {
        // OpenAI knows no fields of reasoning in messages; other hosts may want them back.
        return Vec::new();
    }
    let (shape, body) = (asked.shape, asked.body.bytes.clone());
    if body.len() < BLOCKING_BYTES {
        return shapes::strip_state(shape, &body, strip);
    }
    tokio::task::spawn_blocking(move || shapes::strip_state(shape, &body, strip)).await.unwrap_or_default()
}

fn runs(body: &Bytes, edits: &[Edit]) -> Vec<Bytes> {
    if edits.is_empty() { vec![body.clone()] } else { splice(body, edits) }
}

fn capped(asked: &Asked) -> Option<String> {
    asked.output_bound.map(|bound| format!("capped:max_tokens={bound}"))
}

async fn translated(making: Making<'_>, mut held: Held) -> Result<Prepared, Failure> {
    let Making { asked, target, request_id, without_state, .. } = making;
    let client = asked.shape;
    let (body, router) = (asked.body.bytes.clone(), asked.peek.router.clone());
    let telling = Telling {
        client,
        target: Arc::clone(target),
        memory: asked.memory.clone(),
        max_output: asked.output_bound,
        // Also where the path and not the body says it.
        stream: asked.peek.stream || is_slow(asked, target),
        without_state,
    };
    let work = move || {
        let cost = cost(&body, router.is_some());
        if !held.could_hold(cost) {
            return Err(Failure::untranslatable(too_many_parts()));
        }
        if !held.at_least(cost) {
            return Err(Failure::new(no_room()));
        }
        let body = match router {
            Some(router) => router.without_own(&body),
            None => body,
        };
        let made = telling.translate(&body).map_err(Failure::untranslatable)?;
        held.at_most(made.body.len());
        if held.at_least(made.body.len()) { Ok((made, held)) } else { Err(Failure::new(no_room())) }
    };
    let (made, held) = if asked.body.bytes.len() < BLOCKING_BYTES {
        work()?
    } else {
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(not_made()))?
    };
    if asked.strict
        && let Some(error) = made.losses.error(&target.model)
    {
        return Err(Failure::untranslatable(shapes::in_words_of(client, error)));
    }
    let mut warnings: Vec<String> = made.losses.all().iter().map(ToString::to_string).collect();
    warnings.extend(capped(asked));
    let mut answering = made.answering;
    answering.created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    request_id.clone_into(&mut answering.seed);
    let memory = (!without_state).then(|| asked.memory.clone());
    let translation = Translation { upstream: target.shape, client, stream: asked.peek.stream, answering, memory };
    Ok(Prepared {
        runs: vec![made.body.into()],
        stream: made.stream,
        hides_usage: false,
        translation: Some(translation),
        embedding: None,
        warnings: warnings.join(", "),
        held,
    })
}

fn not_made() -> Failure {
    let error = ApiError::new(ErrorClass::Internal, "the request could not be translated by the gateway");
    Failure::untranslatable(error)
}

/// What a translation takes of memory while it is made, in bytes: the text twice, and once more where it is copied to take a router's words
/// out of it; and a node for each object. (A body of 10 MiB that is one text was
/// measured at 12 MiB more, and one of 388,000 tiny messages at 320 MiB.)
fn cost(body: &[u8], is_copied: bool) -> usize {
    let objects = memchr::memchr_iter(b'{', body).filter(|at| {
        let rest = body.get(at + 1..).unwrap_or_default();
        // Within a text the quote that follows would be escaped.
        rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'"')
    });
    let texts = if is_copied { 3 } else { 2 };
    body.len().saturating_mul(texts).saturating_add(objects.count().saturating_mul(OBJECT_BYTES))
}

fn too_many_parts() -> ApiError {
    let message = "the request is made of more parts than the gateway's memory allows to translate; send fewer messages, or use a model \
                   that is served in this API";
    ApiError::new(ErrorClass::TooLarge, message)
}

pub(super) fn no_room() -> ApiError {
    let message = "the gateway holds as many request bodies as its memory allows; try again";
    ApiError::new(ErrorClass::Unavailable, message).with_retry_after(BUDGET_RETRY_AFTER)
}

/// What a translation needs, free of the exchange, so that it can be made off the worker thread.
struct Telling {
    client: Shape,
    target: Arc<Target>,
    memory: OwnMemory,
    max_output: Option<u64>,
    stream: bool,
    without_state: bool,
}

impl Telling {
    fn translate(&self, body: &[u8]) -> Result<translate::Translated, ApiError> {
        let upstream = Upstream {
            shape: self.target.shape,
            profile: &self.target.profile,
            stream: self.stream,
            max_output: self.max_output,
            without_state: self.without_state,
        };
        translate::request_recalling(self.client, body, upstream, &|call| self.memory.recall(call))
    }
}

/// Whether the answer may take minutes: the model reasons, or may say much.
fn is_slow(asked: &Asked, target: &Target) -> bool {
    let entry = target.entry.as_deref();
    let host = &target.profile.host;
    if target.shape == Shape::Chat && !host.stream_options {
        // Its streams have no token counts.
        return false;
    }
    let reasons = entry.and_then(|entry| entry.capabilities.reasoning).unwrap_or(false);
    // Where a bound must be sent, the model's own is, if the client sets none.
    let own = || entry.and_then(|entry| entry.max_output_tokens).filter(|_| target.shape == Shape::Messages);
    reasons || asked.peek.max_output.or_else(own).is_some_and(|tokens| tokens > LONG_ANSWER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_translation_takes_grows_with_the_objects_and_not_with_braces_in_texts() {
        let of = |body: &str| (cost(body.as_bytes(), false) - 2 * body.len()) / OBJECT_BYTES;
        assert_eq!(
            of(r#"{"messages":[{"role":"user","content":"fn main() { {\"no\":1} { } }"}, {
            "role": "user"}]}"#),
            3
        );
        assert_eq!(of("{{{{"), 0);
        assert_eq!(cost(b"", true), 0);
        assert_eq!((cost(b"12345678", false), cost(b"12345678", true)), (16, 24), "a copy without a router's words");
    }
}
