//! Requests that point to what a provider keeps: only that provider can serve them, and only as they are. The gateway keeps no answers.

use ovth_filters::Shape;
use ovth_filters::neutral::{ApiError, ErrorClass};
use ovth_filters::shapes::Peek;
use ovth_filters::tap::Tap;

use super::context::Asked;
use super::response_memory::{KeptAnswer, ResponseMemory};
use crate::keys::KeyId;
use crate::routing::{Plan, Target};

/// What a prompt may have in tokens of which neither the length nor the model is known.
const UNKNOWN_INPUT: u64 = 128 * 1024;

/// Leaves those targets in the plan that keep what the request points to, if it points to anything. How many tokens that has, about: those
/// of the answer that is gone on from, where it was seen; else as many as the model reads, as nobody can tell.
///
/// # Errors
/// `BadRequest` with the field, when none is left, or when the answer could not be fetched; `NotFound` for what another key was answered.
pub(super) fn keep_keepers(
    plan: &mut Plan,
    shape: Shape,
    peek: &Peek,
    (memory, key): (&ResponseMemory, &KeyId),
) -> Result<u64, ApiError> {
    let refused = |field, message: String| {
        Err(ApiError::new(ErrorClass::BadRequest, message).with_param(field).with_code("unsupported_parameter"))
    };
    if peek.background {
        let message = "`background` asks for an answer that goes on without its client and is fetched later, and answers are neither kept \
                       here nor paid for unseen. Leave it out; ask for a stream with `stream: true` where an answer takes long.";
        return refused("background", message.to_owned());
    }
    let Some(field) = peek.stored_state else { return Ok(0) };
    let seen = peek.previous_response.as_deref().and_then(|id| Some((id, memory.find(id)?)));
    if let Some((id, kept)) = &seen
        && kept.key != *key
    {
        // As if it had never been: whether another key was given it is nobody's business.
        return Err(ApiError::new(ErrorClass::BadRequest, format!("Previous response with id '{id}' not found."))
            .with_param("previous_response_id")
            .with_code("previous_response_not_found"));
    }
    let keeps = |target: &Target| target.shape == shape && target.upstream.keeps_state();
    plan.targets.retain(|target| keeps(target));
    if plan.targets.is_empty() {
        return refused(
            field,
            format!(
                "`{field}` points to what a provider keeps, and no model that this request may go to is served by one that does. Send the \
                 whole conversation in `input` instead, with `store: false` and `include: [\"reasoning.encrypted_content\"]`."
            ),
        );
    }
    let Some((_, KeptAnswer { account, tokens, .. })) = seen else { return Ok(most_input(plan)) };
    if plan.targets.iter().any(|target| target.key.account() == account) {
        plan.targets.retain(|target| target.key.account() == account);
    }
    Ok(if tokens == 0 { most_input(plan) } else { tokens })
}

/// The longest prompt that any of the targets reads.
fn most_input(plan: &Plan) -> u64 {
    let reads = |target: &Target| {
        let entry = target.entry.as_deref()?;
        entry.max_input_tokens.or(entry.context_window)
    };
    plan.targets.iter().map(|target| reads(target).unwrap_or(UNKNOWN_INPUT)).max().unwrap_or(UNKNOWN_INPUT)
}

/// Remembers an answer that its provider keeps, as soon as its id is known; `true` when there is nothing more to remember but its length.
pub(super) fn note(memory: &ResponseMemory, asked: &Asked, target: &Target, tap: &Tap) -> bool {
    let is_kept = asked.peek.keeps_answer && target.shape == asked.shape && target.upstream.keeps_state();
    if !is_kept {
        return true;
    }
    let Some(id) = tap.answer_id() else { return false };
    let tokens = tap.usage().map_or(0, |usage| usage.total());
    memory.remember(id, KeptAnswer { key: asked.key.clone(), account: target.key.account(), tokens });
    true
}

/// What a client is told that asks for an answer that it was given before.
pub(super) fn not_kept(path: &str) -> ApiError {
    if path.ends_with("/responses/compact") {
        let message = "Conversations are not compacted here: shorten `input`, or ask the model for a summary of it.";
        return ApiError::new(ErrorClass::NotFound, message).with_code("unsupported_operation");
    }
    let message = "Responses are not kept here, so that there is nothing to fetch, cancel or delete: the answer to POST /v1/responses is \
                   all that there is. Send the whole conversation in `input`, with `store: false`.";
    ApiError::new(ErrorClass::NotFound, message).with_code("response_not_found")
}
