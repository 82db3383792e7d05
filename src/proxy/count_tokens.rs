//! Counting the tokens of a prompt by ourselves, where no target of the plan can be asked in the client's shape.

use ovth_filters::tokens::{Family, estimate_input};
use ovth_filters::{Operation, shapes};
use pingora_core::Result;
use pingora_proxy::Session;

use super::context::{Asked, Context};
use super::exchange::with_meter;
use super::reply::{Marks, Reply};
use crate::observe;
use crate::routing::Plan;

/// What the client is told of it: the figure is an estimate.
const WARNING: &str = "approximated:input_tokens";

/// Leaves those targets in the plan that can be asked to count, as only their own shape can ask for it. The family of models
/// to count by when none can.
pub(super) fn family(asked: &Asked, plan: &mut Plan) -> Option<Family> {
    if asked.called.operation != Operation::CountTokens {
        return None;
    }
    let first = plan.targets.first().map(|target| Family::of(target.shape, &target.model));
    plan.targets.retain(|target| target.shape == asked.shape);
    first.filter(|_| plan.targets.is_empty())
}

/// Counts, and answers as the shape's own endpoint does.
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
    let (shape, body) = (asked.shape, asked.body.bytes.clone());
    let counted = tokio::task::spawn_blocking(move || estimate_input(shape, &body, family)).await;
    let tokens = counted.unwrap_or_else(|_| asked.peek.estimated_input_tokens());
    marks.set("x-ovth-warnings", WARNING);
    let reply = Reply::json(200, shapes::token_count(shape, tokens));
    let sent = reply.send(session, &marks).await;
    with_meter(context, |meter| {
        meter.record.status = Some(200);
        meter.record.bytes_out = *sent.as_ref().unwrap_or(&0);
        meter.ended(if sent.is_ok() { observe::Outcome::Ok } else { observe::Outcome::ClientAbort });
    });
    sent.map(drop)
}
