//! Requests that point to what a provider keeps: only that provider can serve them, and only as they are. The gateway keeps no answers.

use ovth_filters::Shape;
use ovth_filters::neutral::{ApiError, ErrorClass};
use ovth_filters::shapes::Peek;

use crate::routing::{Plan, Target};

/// The field that asks for an answer that is fetched later.
const BACKGROUND: &str = "background";

/// Leaves those targets in the plan that keep what the request points to, if it points to anything.
///
/// # Errors
/// `BadRequest` with the field, when none is left, or when the answer could not be fetched.
pub(super) fn keep_keepers(plan: &mut Plan, shape: Shape, peek: &Peek) -> Result<(), ApiError> {
    let Some(field) = peek.stored_state else { return Ok(()) };
    let refused = |message| {
        Err(ApiError::new(ErrorClass::BadRequest, message).with_param(field).with_code("unsupported_parameter"))
    };
    if field == BACKGROUND && !peek.stream {
        let message = "`background` asks for an answer that is fetched later, and answers are not kept here. Leave it out, or ask \
                       for a stream with `stream: true`.";
        return refused(message.to_owned());
    }
    let keeps = |target: &Target| target.shape == shape && target.upstream.keeps_state();
    plan.targets.retain(|target| keeps(target));
    if !plan.targets.is_empty() {
        return Ok(());
    }
    if field == BACKGROUND {
        let message = "`background` asks the provider to keep the answer, and no model that this request may go to is served by one \
                       that does. Leave it out.";
        return refused(message.to_owned());
    }
    refused(format!(
        "`{field}` points to what a provider keeps, and no model that this request may go to is served by one that does. Send the \
         whole conversation in `input` instead, with `store: false` and `include: [\"reasoning.encrypted_content\"]`."
    ))
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
