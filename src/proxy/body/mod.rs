//! The body filters of one attempt: what goes up (the original bytes with values spliced in, or a translation), and what comes down
//! (tapped, counted, translated where the shapes differ, whole events only).

mod cutter;
mod passed;
mod request;
mod routed;
mod translation;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use ovth_filters::neutral::{ApiError, ErrorClass};
use ovth_filters::shapes::Framing;
use ovth_filters::sse::Piece;
use ovth_filters::tap::{EventKind, Tap};
use ovth_filters::{Shape, json, shapes};

use super::budget::{Budget, Held};
use cutter::Cutter;
use passed::Passed;
pub(super) use request::{PIECE_BYTES, RequestBody};
use routed::Routed;
pub(super) use routed::Telling;
use translation::Translating;
pub(super) use translation::Translation;

/// A whole answer is held up to this size before anything goes to the client.
const HOLD_BYTES: usize = 8 * 1024 * 1024;

/// Seconds after which a client that met an exhausted budget may come again.
pub(super) const BUDGET_RETRY_AFTER: u64 = 5;

/// What an answer has come to.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Something that a client would miss was seen: the answer may go out.
    pub(super) content: bool,
    /// The answer ended as its shape says.
    pub(super) complete: bool,
    /// The shape's last event was seen: nothing more is to come.
    pub(super) done: bool,
    /// The frame of an answer has come; comments and pings are none.
    pub(super) structural: bool,
    /// Nothing more is wanted of the provider though it goes on: its connection is of no further use.
    pub(super) abandoned: bool,
    /// The gateway's memory does not hold the answer.
    pub(super) exhausted: Option<Box<ApiError>>,
    /// The provider failed inside its answer.
    pub(super) error: Option<Box<ApiError>>,
    /// The bytes given out last are the provider's own error event.
    pub(super) error_passed: bool,
    /// The bytes given out last ended inside an event.
    pub(super) inside_event: bool,
}

/// The filter of one attempt's response body.
pub(super) struct ResponseBody {
    /// What it has come to so far.
    pub(super) progress: Progress,
    tap: Tap,
    form: Form,
    /// The last stage, for a client that takes us for a hosted router.
    routed: Option<Box<Routed>>,
}

/// What is kept from the client of the events that pass.
#[derive(Clone, Copy)]
struct Keeps {
    /// The event with token counts, which the gateway asked for.
    usage: bool,
    /// The provider's own error, which is told in another form.
    error: bool,
}

enum Form {
    Events { framer: Cutter, hides_usage: bool },
    Whole { held: BytesMut, share: Held, passed: Option<Passed> },
    Translated(Box<Translating>),
}

impl ResponseBody {
    /// A filter for an event stream. `hides_usage`: the client did not ask for the usage chunk that the gateway asked for.
    pub(super) fn events(shape: Shape, framing: Framing, hides_usage: bool) -> ResponseBody {
        let form = Form::Events { framer: Cutter::new(framing, shapes::MAX_EVENT_BYTES), hides_usage };
        ResponseBody { progress: Progress::default(), tap: Tap::new(shape), form, routed: None }
    }

    /// A filter for an answer that comes as one JSON object.
    pub(super) fn whole(shape: Shape, budget: &Arc<Budget>) -> ResponseBody {
        let form = Form::Whole { held: BytesMut::new(), share: budget.empty(), passed: None };
        ResponseBody { progress: Progress::default(), tap: Tap::new(shape), form, routed: None }
    }

    /// A filter for an answer in another shape than the client's; with the framing of its events where the provider streams it.
    ///
    /// # Errors
    /// `Internal` when the shapes cannot be translated.
    pub(super) fn translated(
        translation: &Translation,
        framing: Option<Framing>,
        budget: &Arc<Budget>,
    ) -> Result<ResponseBody, ApiError> {
        let form = Form::Translated(Box::new(Translating::new(translation, framing, budget)?));
        Ok(ResponseBody { progress: Progress::default(), tap: Tap::new(translation.upstream), form, routed: None })
    }

    /// The same filter for a client that takes us for a hosted router.
    pub(super) fn told_by_router(mut self, telling: Telling) -> ResponseBody {
        self.routed = Some(Box::new(Routed::new(telling)));
        self
    }

    /// Bytes that went by unread, as they were too many to hold.
    pub(super) const fn unread_bytes(&self) -> u64 {
        match &self.form {
            Form::Whole { passed: Some(passed), .. } => passed.bytes,
            Form::Whole { .. } | Form::Events { .. } | Form::Translated(_) => 0,
        }
    }

    /// What was counted.
    pub(super) const fn tap(&self) -> &Tap {
        &self.tap
    }

    /// An error as the event that ends the stream of which the client has begun to get events; `None` where it does not depend on them.
    pub(super) fn error_event(&mut self, error: &ApiError, request_id: &str) -> Option<Bytes> {
        if let Some(routed) = self.routed.as_ref().filter(|_| self.is_events()) {
            return Some(routed.error_event(error));
        }
        match &mut self.form {
            Form::Events { .. } => Some(self.tap.error_event(error, request_id).into()),
            Form::Whole { .. } => None,
            Form::Translated(translating) => translating.error_event(error, request_id),
        }
    }

    /// Whether the provider has told the whole of a stream, also where nothing marks its end but the end of its bytes.
    pub(super) fn is_complete(&self) -> bool {
        match &self.form {
            Form::Events { .. } | Form::Translated(_) => self.tap.is_complete(),
            Form::Whole { .. } => false,
        }
    }

    /// Whether the client is given events.
    pub(super) const fn is_events(&self) -> bool {
        match &self.form {
            Form::Events { .. } => true,
            Form::Whole { .. } => false,
            Form::Translated(translating) => translating.gives_events(),
        }
    }

    /// Whether its bytes are not the provider's own, so that the provider's length and type do not hold for them.
    pub(super) const fn is_translated(&self) -> bool {
        matches!(self.form, Form::Translated(_))
    }

    /// Whether the client is given events that did not come as such, so that the provider's type does not hold for them.
    pub(super) const fn is_reframed(&self) -> bool {
        matches!(&self.form, Form::Events { framer, .. } if framer.reframes())
    }

    /// Takes a chunk from upstream and leaves in its place what may go to the client.
    pub(super) fn apply(&mut self, body: &mut Option<Bytes>, end: bool) {
        self.pass(body, end);
        let whole = !self.is_events();
        let is_passed = self.unread_bytes() > 0;
        let ResponseBody { progress, tap, routed: Some(routed), .. } = self else { return };
        match whole {
            true if is_passed => {}
            true => routed.whole(body, progress, tap),
            false => routed.events(body, end, progress, tap),
        }
    }

    fn pass(&mut self, body: &mut Option<Bytes>, end: bool) {
        let ResponseBody { progress, tap, form, routed } = self;
        match form {
            Form::Translated(translating) => translating.apply(body, end, progress, tap),
            Form::Events { framer, hides_usage } => {
                let keeps = Keeps { usage: *hides_usage, error: routed.is_some() };
                let mut out = BytesMut::new();
                if let Some(chunk) = body.take() {
                    out.reserve(chunk.len() + shapes::MAX_EVENT_BYTES / 64);
                    framer.push(chunk);
                }
                while let Some(piece) = framer.next() {
                    take_piece(&piece, progress, tap, keeps, &mut out);
                }
                if end && let Some(piece) = framer.finish() {
                    take_last_piece(&piece, progress, tap, keeps, &mut out);
                }
                progress.complete = tap.is_complete();
                *body = (!out.is_empty()).then(|| out.freeze());
            }
            Form::Whole { held, share, passed } => {
                if let Some(chunk) = body.take() {
                    if let Some(passed) = passed {
                        passed.push(&chunk);
                        *body = Some(chunk);
                    } else if !share.at_least(held.len() + chunk.len()) {
                        let message = "the answer does not fit into the gateway's memory budget; try again";
                        let error = ApiError::new(ErrorClass::Unavailable, message);
                        progress.exhausted = Some(Box::new(error.with_retry_after(BUDGET_RETRY_AFTER)));
                    } else {
                        held.extend_from_slice(&chunk);
                        if held.len() > HOLD_BYTES {
                            progress.content = true;
                            let bytes = held.split().freeze();
                            passed.insert(Passed::default()).push(&bytes);
                            *body = Some(bytes);
                            share.release();
                        }
                    }
                }
                if end && progress.exhausted.is_none() {
                    match passed {
                        Some(passed) => {
                            if let Some(usage) = passed.usage() {
                                tap.body(&usage);
                            }
                        }
                        None => *body = Some(judge_whole(held.split().freeze(), progress, tap)),
                    }
                    if progress.error.is_none() {
                        progress.complete = true;
                        progress.done = true;
                    }
                }
            }
        }
    }
}

fn judge_whole(whole: Bytes, progress: &mut Progress, tap: &mut Tap) -> Bytes {
    match tap.body(&whole) {
        EventKind::Error(error) => progress.error = Some(error),
        _ => progress.content = true,
    }
    whole
}

fn take_piece(piece: &Piece, progress: &mut Progress, tap: &mut Tap, keeps: Keeps, out: &mut BytesMut) {
    if progress.error.is_some() || progress.done {
        return;
    }
    match tap.piece(piece) {
        EventKind::UsageOnly if keeps.usage => return,
        EventKind::Heartbeat => {}
        EventKind::Structural | EventKind::UsageOnly => progress.structural = true,
        EventKind::Content | EventKind::Finish => progress.content = true,
        EventKind::Done => {
            progress.done = true;
            if !tap.is_complete() {
                // A mark of success after an answer that did not end would make clients take it for whole.
                return;
            }
            progress.content = true;
        }
        EventKind::Error(error) => {
            // What cannot be read is not passed on, nor what may speak of the operator's account. Any other error event of the provider is,
            // and is the last.
            let of_operator =
                matches!(error.class, ErrorClass::OperatorAuth | ErrorClass::OperatorBilling | ErrorClass::RateLimit);
            // Nor is what clients do not know for the end: one that they do is made of it.
            progress.error_passed = is_json(piece) && !of_operator && !keeps.error && tap.error_is_end();
            progress.error = Some(error);
            if !progress.error_passed {
                return;
            }
        }
    }
    progress.inside_event = matches!(piece, Piece::Fragment(_));
    out.extend_from_slice(piece.bytes());
}

/// The rest at the end of the stream: an event that lacks its blank line gets it, since clients drop what is not ended. One that was cut in
/// the middle is left out.
fn take_last_piece(piece: &Piece, progress: &mut Progress, tap: &mut Tap, keeps: Keeps, out: &mut BytesMut) {
    if let Piece::Event(event) = piece
        && !is_json(piece)
        && event.data().trim_ascii() != b"[DONE]"
    {
        return;
    }
    let before = out.len();
    take_piece(piece, progress, tap, keeps, out);
    if out.len() > before {
        out.extend_from_slice(b"\n\n");
        progress.inside_event = false;
    }
}

/// Whether a piece is an event whose data is a JSON object.
fn is_json(piece: &Piece) -> bool {
    match piece {
        Piece::Event(event) => json::members(&event.data()).all(|member| member.is_ok()),
        Piece::Fragment(_) | Piece::FragmentEnd(_) => false,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn streamed(shape: Shape, chunks: &[&str]) -> (String, Progress) {
        let mut body = ResponseBody::events(shape, Framing::Events, false);
        let mut out = String::new();
        let last = chunks.len().saturating_sub(1);
        for (index, chunk) in chunks.iter().enumerate() {
            let mut bytes = Some(Bytes::from((*chunk).to_owned()));
            body.apply(&mut bytes, index == last);
            out.push_str(std::str::from_utf8(&bytes.unwrap_or_default()).unwrap());
        }
        (out, body.progress)
    }

    const FINISH: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";

    #[test]
    fn a_last_mark_without_its_blank_line_is_passed_on_with_one() {
        let (out, progress) = streamed(Shape::Chat, &[FINISH, "data: [DONE]\n"]);
        assert_eq!(out, format!("{FINISH}data: [DONE]\n\n\n"));
        assert!(progress.complete && progress.done);
    }

    #[test]
    fn an_event_that_is_cut_in_the_middle_is_left_out() {
        let (out, progress) = streamed(Shape::Chat, &[FINISH, "data: {\"choices\":[{\"ind"]);
        assert_eq!(out, FINISH);
        assert!(progress.error.is_none());
    }

    #[test]
    fn an_error_event_that_may_name_the_operator_s_account_is_not_passed_on() {
        let limit = "data: {\"error\":{\"message\":\"limit of org-1234abcd\",\"type\":\"tokens\",\"code\":\"rate_limit_exceeded\"}}\n\n";
        let (out, progress) = streamed(Shape::Chat, &[limit]);
        assert_eq!(out, "");
        assert!(progress.error.is_some() && !progress.error_passed);
        let overload = "data: {\"error\":{\"message\":\"busy\",\"code\":\"server_is_overloaded\"}}\n\n";
        let (out, progress) = streamed(Shape::Chat, &[overload]);
        assert_eq!(out, overload);
        assert!(progress.error_passed);
    }

    #[test]
    fn comments_are_no_frame_of_an_answer() {
        let (out, progress) = streamed(Shape::Chat, &[": PROCESSING\n\n", ": PROCESSING\n\n"]);
        assert_eq!(out.len(), 28);
        assert!(!progress.structural && !progress.content);
    }
}
