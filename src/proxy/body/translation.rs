//! Answers of providers that speak another shape than the client: translated event by event, put together, or taken apart.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use ovth_filters::Shape;
use ovth_filters::json::View;
use ovth_filters::neutral::{Answering, ApiError, ErrorClass};
use ovth_filters::shapes::Framing;
use ovth_filters::sse::{Piece, RawEvent};
use ovth_filters::tap::{EventKind, Tap};
use ovth_filters::translate::{self, Aggregate, Answer, Kept, StreamTranslator};

use super::super::budget::{Budget, Held};
use super::super::reasoning_memory::OwnMemory;
use super::cutter::Cutter;
use super::{BUDGET_RETRY_AFTER, HOLD_BYTES, Progress};

/// An event must come whole to be translated; providers send images and sound in one.
const MAX_EVENT_BYTES: usize = HOLD_BYTES;

/// Between which shapes an answer is translated, and how it is told.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Translation {
    /// The shape that the provider speaks.
    pub(in crate::proxy) upstream: Shape,
    /// The shape that the client speaks.
    pub(in crate::proxy) client: Shape,
    /// Whether the client wants a stream.
    pub(in crate::proxy) stream: bool,
    /// What the way there says of the way back.
    pub(in crate::proxy) answering: Answering,
    /// Where reasoning is remembered that the client may not send back.
    pub(in crate::proxy) memory: Option<OwnMemory>,
}

impl Translation {
    fn remember(&self, kept: Option<Kept>) {
        if let (Some(memory), Some(kept)) = (&self.memory, kept) {
            memory.remember(kept);
        }
    }

    /// The body of an answer that is whole, once what is to be remembered of it is; its error goes to `progress`.
    fn body(&self, answer: Result<Answer, ApiError>, progress: &mut Progress) -> Option<Bytes> {
        match answer {
            Ok(Answer { body, kept }) => {
                self.remember(kept);
                Some(body.into())
            }
            Err(error) => {
                progress.error = Some(Box::new(error));
                None
            }
        }
    }
}

/// One answer on its way from one shape to another.
pub(super) struct Translating {
    translation: Translation,
    form: Form,
    share: Held,
}

enum Form {
    /// A stream for a client that wants one.
    Stream { framer: Cutter, translator: Box<StreamTranslator> },
    /// A stream for a client that wants it whole.
    Gathered { framer: Cutter, aggregate: Option<Box<Aggregate>> },
    /// A whole answer, for either.
    Whole { held: BytesMut },
}

impl Translating {
    /// Before the first byte. `framing`: that of the provider's events, where it streams.
    pub(super) fn new(
        translation: &Translation,
        framing: Option<Framing>,
        budget: &Arc<Budget>,
    ) -> Result<Translating, ApiError> {
        let Translation { upstream, client, stream, answering, .. } = translation;
        let framer = |framing| Cutter::new(framing, MAX_EVENT_BYTES);
        let form = match (framing, stream) {
            (Some(framing), true) => {
                let translator = Box::new(StreamTranslator::new(*upstream, *client, answering)?);
                Form::Stream { framer: framer(framing), translator }
            }
            (Some(framing), false) => {
                let aggregate = Some(Box::new(Aggregate::new(*upstream, *client, answering)?));
                Form::Gathered { framer: framer(framing), aggregate }
            }
            (None, _) => Form::Whole { held: BytesMut::new() },
        };
        Ok(Translating { translation: translation.clone(), form, share: budget.empty() })
    }

    /// Whether the client is given events.
    pub(super) const fn gives_events(&self) -> bool {
        self.translation.stream
    }

    /// An error as the event that ends a stream of which the client has begun to get events.
    pub(super) fn error_event(&mut self, error: &ApiError, request_id: &str) -> Option<Bytes> {
        let Form::Stream { translator, .. } = &mut self.form else { return None };
        let mut out = BytesMut::new();
        translator.fail(error.clone(), request_id, &mut out);
        Some(out.freeze())
    }

    /// Takes a chunk from upstream and leaves in its place what may go to the client.
    pub(super) fn apply(&mut self, body: &mut Option<Bytes>, end: bool, progress: &mut Progress, tap: &mut Tap) {
        let Translating { translation, form, share } = self;
        let chunk = body.take();
        match form {
            Form::Stream { framer, translator } => {
                let mut out = BytesMut::new();
                for_each_event(framer, chunk, end, |event| {
                    if is_over(progress) {
                        return;
                    }
                    let kind = tap.event(&event);
                    if matches!(kind, EventKind::Done) && !tap.is_complete() {
                        // The answer did not end as it must: no mark of success.
                        progress.done = true;
                        return;
                    }
                    if judge(kind, progress) {
                        note(translator.event(&event, &mut out), progress);
                    }
                });
                if end && !is_over(progress) && tap.is_complete() {
                    note(translator.end(&mut out), progress);
                }
                if translator.is_ended() && progress.error.is_none() {
                    translation.remember(translator.take_kept(&translation.answering));
                }
                progress.abandoned |= translator.is_ended() && !progress.done;
                progress.done |= translator.is_ended() && progress.error.is_none();
                progress.content |= translator.is_ended();
                progress.complete = tap.is_complete() || (translator.is_ended() && progress.error.is_none());
                *body = (!out.is_empty()).then(|| out.freeze());
            }
            Form::Gathered { framer, aggregate } => {
                let Some(gathering) = aggregate else { return };
                for_each_event(framer, chunk, end, |event| {
                    if is_over(progress) {
                        return;
                    }
                    let mut seen = Progress::default();
                    if judge(tap.event(&event), &mut seen) {
                        gathering.event(&event);
                    }
                    progress.error = seen.error;
                    progress.done |= seen.done;
                });
                if gathering.held_bytes() > HOLD_BYTES {
                    progress.exhausted = Some(Box::new(too_large()));
                } else if !share.at_least(gathering.held_bytes()) {
                    progress.exhausted = Some(Box::new(exhausted()));
                }
                let over = end || progress.done || gathering.is_ended();
                if over
                    && progress.error.is_none()
                    && progress.exhausted.is_none()
                    && let Some(gathering) = aggregate.take()
                {
                    *body = translation.body(gathering.finish(), progress);
                    finish(progress);
                }
            }
            Form::Whole { held } => {
                if let Some(chunk) = chunk {
                    held.extend_from_slice(&chunk);
                    if held.len() > HOLD_BYTES {
                        progress.exhausted = Some(Box::new(too_large()));
                        return;
                    }
                    if !share.at_least(held.len()) {
                        progress.exhausted = Some(Box::new(exhausted()));
                        return;
                    }
                }
                if !end {
                    return;
                }
                if let EventKind::Error(error) = tap.body(held) {
                    progress.error = Some(error);
                    return;
                }
                let Translation { upstream, client, stream, answering, .. } = &*translation;
                let answer = translate::answer((*upstream, *client), held, answering, *stream);
                *body = translation.body(answer, progress);
                finish(progress);
            }
        }
    }
}

/// Feeds a chunk to the framer, and each event that is whole to `take`. One that is too large to be held is given as what there is of it, which
/// nobody can read.
fn for_each_event(framer: &mut Cutter, chunk: Option<Bytes>, end: bool, mut take: impl FnMut(RawEvent)) {
    let mut take = |piece| match piece {
        Piece::Event(event) => take(event),
        Piece::Fragment(bytes) | Piece::FragmentEnd(bytes) => take(RawEvent { bytes }),
    };
    if let Some(chunk) = chunk {
        framer.push(chunk);
    }
    while let Some(piece) = framer.next() {
        take(piece);
    }
    // What lacks its blank line may be cut in the middle: that is no event.
    if end
        && let Some(Piece::Event(event)) = framer.finish()
        && (event.data().trim_ascii() == b"[DONE]" || View::parse(&event.data()).is_ok())
    {
        take(Piece::Event(event));
    }
}

const fn is_over(progress: &Progress) -> bool {
    progress.error.is_some() || progress.done
}

/// Notes what an event means; whether it is to be translated.
fn judge(kind: EventKind, progress: &mut Progress) -> bool {
    match kind {
        EventKind::Heartbeat => {}
        EventKind::Structural | EventKind::UsageOnly => progress.structural = true,
        EventKind::Content | EventKind::Finish => progress.content = true,
        EventKind::Done => progress.done = true,
        EventKind::Error(error) => {
            progress.error = Some(error);
            return false;
        }
    }
    true
}

fn note(result: Result<(), ApiError>, progress: &mut Progress) {
    if let Err(error) = result {
        progress.error = Some(Box::new(error));
    }
}

fn finish(progress: &mut Progress) {
    if progress.error.is_none() {
        (progress.content, progress.complete, progress.done) = (true, true, true);
    }
}

fn exhausted() -> ApiError {
    ApiError::new(ErrorClass::Unavailable, "the answer does not fit into the gateway's memory budget; try again")
        .with_retry_after(BUDGET_RETRY_AFTER)
}

fn too_large() -> ApiError {
    ApiError::new(
        ErrorClass::Unavailable,
        format!("the provider's answer is over {HOLD_BYTES} bytes, which is the most that is translated at once"),
    )
}
