//! Counting the tokens of a prompt by ourselves, where no target of the plan can be asked in the client's shape.

use http::{HeaderMap, HeaderValue, header};
use ovth_filters::tokens::{Family, estimate_input};
use ovth_filters::{Operation, shapes};
use pingora_core::Result;
use pingora_proxy::Session;

use super::context::{Asked, Context};
use super::downstream::Downstream;
use super::exchange::with_meter;
use super::reply::{Marks, Reply};
use super::targets::End;
use crate::observe;
use crate::providers::Failure;
use crate::routing::Plan;

/// What the client is told of it: the figure is an estimate.
const WARNING: &str = "approximated:input_tokens";

/// Leaves those targets in the plan that can be asked to count: those of a provider with a counter in the client's shape, as only that
/// shape can ask for it. The family of models to count by when none can.
pub(super) fn family(asked: &Asked, plan: &mut Plan) -> Option<Family> {
    if asked.called.operation != Operation::CountTokens {
        return None;
    }
    let first = family_of(plan);
    plan.targets.retain(|target| target.shape == asked.shape && target.upstream.may_count(target.shape));
    first.filter(|_| plan.targets.is_empty())
}

/// The family of models that the plan's first target is of.
pub(super) fn family_of(plan: &Plan) -> Option<Family> {
    plan.targets.first().map(|target| Family::of(target.shape, &target.model))
}

/// Whether a refusal says that the host has no such endpoint; it may as well say so of what the request points to.
pub(super) fn has_no_counter(asked: &Asked, status: u16, failure: &Failure) -> bool {
    asked.called.operation == Operation::CountTokens && matches!(status, 404 | 405) && !failure.lacks_state
}

/// Counts, where no target can be asked, and answers as the shape's own endpoint does.
///
/// # Errors
/// When the client is gone.
pub(super) async fn answer(
    session: &mut Session,
    context: &mut Context,
    mut marks: Marks,
    asked: &Asked,
    family: Family,
) -> Result<()> {
    let counted = count(asked, family).await;
    marks.set("x-ovth-warnings", WARNING);
    let sent = Reply::json(200, counted).send(session, &marks).await;
    with_meter(context, |meter| {
        meter.record.status = Some(200);
        meter.record.bytes_out = *sent.as_ref().unwrap_or(&0);
        meter.ended(if sent.is_ok() { observe::Outcome::Ok } else { observe::Outcome::ClientAbort });
    });
    sent.map(drop)
}

/// The same where a target was asked that has no counter.
pub(super) async fn answer_instead(downstream: &mut Downstream<'_>, asked: &Asked, family: Family) -> End {
    let counted = count(asked, family).await;
    downstream.marks().set("x-ovth-warnings", WARNING);
    let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    match downstream.write_whole(200, HeaderMap::from_iter([json]), counted.into()).await {
        Ok(()) => End::Served,
        Err(_) => End::Gone,
    }
}

/// The answer's body.
async fn count(asked: &Asked, family: Family) -> Vec<u8> {
    let (shape, body) = (asked.shape, asked.body.bytes.clone());
    let counted = tokio::task::spawn_blocking(move || estimate_input(shape, &body, family)).await;
    let tokens = counted.unwrap_or_else(|_| asked.peek.estimated_input_tokens());
    shapes::token_count(shape, tokens)
}
